"""What becomes of a ticket whose step went wrong: it waits and tries again, or it fails with a reason and an action."""

from __future__ import annotations

from datetime import datetime, timedelta

from earmark.core.reasons import EarmarkError, Reason
from earmark.core.states import TERMINAL, Failed, TicketState
from earmark.core.ticket import Ticket, TicketId, Waiting
from earmark.library.workspace import close_workspace
from earmark.pipeline.failover import choose_another
from earmark.pipeline.house import House, log
from earmark.pipeline.questions import NeedsAnswer
from earmark.settings import ProcessingSettings
from earmark.store import Tx, tickets

NOT_RETRYABLE = frozenset({"unsupported_kind"})


def retry_delay(attempt: int, processing: ProcessingSettings, asked_for: float = 0.0) -> float:
    """Seconds before try number `attempt + 2`: doubling from the initial delay to the longest (C-380). A service that
    named its own wait is never asked earlier than that."""
    doubled = processing.retry_initial_delay_secs * 2.0**attempt
    return max(min(doubled, processing.retry_max_delay_secs), asked_for)


async def settle(house: House, ticket_id: TicketId, error: EarmarkError) -> None:
    """A question waits for its answer. Transient errors wait with back-off until the tries are used up. A bad release gives way to the next one;
    everything else fails the ticket."""
    async with house.write() as tx:
        ticket = await tickets.get(tx, ticket_id)
        ended = False
        if ticket is None or ticket.state in TERMINAL - {TicketState.CANCELLED}:
            return
        if ticket.state is TicketState.CANCELLED:
            await _clear_later(tx, house, ticket)
        elif isinstance(error, NeedsAnswer):
            await tickets.wait(tx, ticket_id, Waiting(error.reason, house.now()), wake_at=None, at=house.now())
        elif error.transient and (_tries_left(house, ticket) or _rest_asked_for(house, error)):
            await _wait_and_retry(tx, house, ticket, error)
        else:
            ended = True
            if not await choose_another(house, tx, ticket, error.reason):
                await fail(tx, ticket, error.reason, at=house.now())
    if ended:
        house.progress.pop(ticket_id, None)
        await close_workspace(house.work_dir, ticket_id)  # a retry binds anew; the room is needed now
    log.warning("step_failed", code=error.reason.code, message=error.reason.message)


async def _clear_later(tx: Tx, house: House, ticket: Ticket) -> None:
    """The clearing up after a cancellation went wrong (a disk is away, say): it is tried again, the ticket has ended."""
    until = house.now() + timedelta(seconds=retry_delay(ticket.attempt, house.settings.processing))
    wake_at = until if _tries_left(house, ticket) else None
    await tickets.wait(tx, ticket.id, None, wake_at=wake_at, at=house.now(), attempt=ticket.attempt + 1)


async def _wait_and_retry(tx: Tx, house: House, ticket: Ticket, error: EarmarkError) -> None:
    """A site that asks for a long rest (a day at the unsatisfied limit) is not a try that failed: it costs none."""
    now = house.now()
    processing = house.settings.processing
    until = now + timedelta(seconds=retry_delay(ticket.attempt, processing, _asked_for(error)))
    attempt = ticket.attempt if _rest_asked_for(house, error) else ticket.attempt + 1
    await tickets.wait(tx, ticket.id, Waiting(error.reason, now, until), wake_at=until, at=now, attempt=attempt)


def _tries_left(house: House, ticket: Ticket) -> bool:
    return ticket.attempt + 1 < house.settings.processing.retry_max_attempts


def _asked_for(error: EarmarkError) -> float:
    return float(getattr(error, "retry_after_secs", None) or 0.0)


def _rest_asked_for(house: House, error: EarmarkError) -> bool:
    """A rest that is the site's or the indexer's own affair costs the ticket none of its tries."""
    if error.reason.code == "indexer_paused":
        return True
    return _asked_for(error) > house.settings.processing.retry_max_delay_secs


async def fail(tx: Tx, ticket: Ticket, reason: Reason, *, at: datetime) -> None:
    """Move to FAILED, keeping where it happened and how often it was tried."""
    payload = Failed(
        failed_at=at,
        failed_at_state=ticket.state,
        error=reason,
        retryable=reason.code not in NOT_RETRYABLE,
        retry_count=ticket.attempt,
    )
    await tickets.move(tx, ticket.id, payload, at=at, actor="earmark")


async def park(house: House, ticket_id: TicketId, reason: Reason, *, wake_after: float | None) -> None:
    """Leave the ticket where it is with a reason; it is looked at again after `wake_after` seconds, or (None) when
    whatever it waits for happens."""
    now = house.now()
    until = now + timedelta(seconds=wake_after) if wake_after is not None else None
    async with house.write() as tx:
        await tickets.wait(tx, ticket_id, Waiting(reason, now, until), wake_at=until, at=now)
