"""What an act may ask of the engine: run one step so that it happens at least once and is remembered when it did.

A step is a function of the house and a ticket id that answers `GO` or `STOP`. It never raises: what goes wrong is settled
with the ticket before the answer is remembered, so the record of a step is always a plain word."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol, TypeAlias

import structlog

from earmark.core.reasons import EarmarkError, PermanentError, Reason
from earmark.core.states import IllegalTransition
from earmark.core.ticket import TicketId
from earmark.pipeline.house import House, StepInHand, log
from earmark.pipeline.settle import settle

Outcome: TypeAlias = Literal["go", "stop"]
GO: Outcome = "go"
STOP: Outcome = "stop"

StepFunction: TypeAlias = Callable[[House, TicketId], Awaitable[Outcome]]


_WHOLE: set[StepFunction] = set()


def to_the_end(function: StepFunction) -> StepFunction:
    """Mark a step that must not be cut short by a cancellation: it ends, and what it did is then taken back."""
    _WHOLE.add(function)
    return function


def may_be_cut_short(function: StepFunction) -> bool:
    return function not in _WHOLE


class Step(Protocol):
    """Run `function` durably: skipped when it is known to have finished in a former life of the process."""

    async def __call__(self, function: StepFunction, ticket_id: TicketId) -> Outcome: ...


async def run_settled(house: House, function: StepFunction, ticket_id: TicketId) -> Outcome:
    """Run a step and settle whatever goes wrong. A ticket that a person moved away meanwhile simply stops its act."""
    task: asyncio.Task[object] | None = asyncio.current_task()
    assert task is not None
    in_hand = house.steps[task] = StepInHand(ticket_id, may_be_cut_short(function))
    try:
        with structlog.contextvars.bound_contextvars(ticket=ticket_id, step=function.__name__):
            return await _run(house, function, ticket_id)
    except asyncio.CancelledError:
        if not in_hand.cut:
            raise
        task.uncancel()
        return STOP
    finally:
        del house.steps[task]


async def _run(house: House, function: StepFunction, ticket_id: TicketId) -> Outcome:
    began = time.monotonic()
    try:
        outcome = await function(house, ticket_id)
        log.info("step_done", outcome=outcome, secs=round(time.monotonic() - began, 3))
        return outcome
    except IllegalTransition as error:
        log.info("step_overtaken", message=error.reason.message)
    except EarmarkError as error:
        await settle(house, ticket_id, error)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        log.exception("step_broke")
        await settle(house, ticket_id, _unexpected(function, error))
    return STOP


def _unexpected(function: StepFunction, error: Exception) -> PermanentError:
    return PermanentError(
        Reason(
            "internal_error",
            f"Something unforeseen happened in {function.__name__.replace('_', ' ')} ({type(error).__name__}).",
            "Retry the ticket; if it happens again, report it with the lines of the log around this time.",
            {"step": function.__name__, "error": type(error).__name__},
        )
    )
