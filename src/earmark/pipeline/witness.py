"""Hearing the witness: whether it is asked, from memory or for real, within the day's budget, and what is kept of it.

A witness that is missing, late, busy or talks nonsense changes nothing: the rules' decision goes on with a note.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from earmark.core.decision import Decision
from earmark.core.reasons import EarmarkError, JsonValue, Reason
from earmark.core.testimony import Effect, Opinion, WitnessRecord
from earmark.core.ticket import Ticket
from earmark.core.witnessing import (
    ANSWER_LIMIT,
    Hearing,
    MalformedAnswer,
    fallen_back,
    hearing,
    read_answer,
    testified,
)
from earmark.pipeline.house import House, log
from earmark.ports import Question, Witness
from earmark.store import Severity, alerts, events, verdicts
from earmark.witness.prompt import PROMPT_VERSION, digest, question

ALERT = "witness"


@dataclass(frozen=True, slots=True)
class Heard:
    """A usable answer."""

    text: str
    opinions: tuple[Opinion, ...]
    cached: bool


async def hear_witness(house: House, ticket: Ticket, decision: Decision) -> Decision:
    """The decision after the witness was heard, with the record of it; as it came where there is nothing to ask."""
    witness, wish = house.witness, ticket.request.wish
    band = house.settings.matcher.llm_band
    heard = hearing(wish, decision, band) if witness is not None else None
    if witness is None or heard is None:
        return decision
    asked = question(ticket.request.kind, wish, heard)
    record = _record(witness, decision, heard, asked)
    if not heard.shown:
        return fallen_back(decision, record, _talks_to_the_witness())
    found = await _answer(house, witness, asked, heard)
    if isinstance(found, Reason):
        after = fallen_back(decision, record, found)
    else:
        said = replace(record, answer=found.text, cached=found.cached)
        after = testified(decision, said, found.opinions, band)
    await _tell(house, ticket, after, found)
    return after


async def _answer(house: House, witness: Witness, asked: Question, heard: Hearing) -> Heard | Reason:
    """An answer that holds to the schema, from memory if it was given before; else why there is none."""
    key = digest(asked, witness.provider, witness.model)
    async with house.db.read() as tx:
        known = await verdicts.known(tx, key)
    if known is not None:
        try:
            return Heard(known, read_answer(known, heard), cached=True)
        except MalformedAnswer:
            log.warning("witness_memory_unreadable")  # kept by a version that read answers otherwise: ask anew
    now = house.now()
    budget = house.settings.matcher.llm_daily_budget
    async with house.db.write() as tx:
        number = await verdicts.begin(
            tx, key, provider=witness.provider, model=witness.model, at=now, day_start=_midnight(now), budget=budget
        )
    if number is None:
        return _budget_spent(budget)
    found = await _ask(witness, asked, heard)
    async with house.db.write() as tx:
        if isinstance(found, Heard):
            await verdicts.end(tx, number, answer=found.text, fault=None)
        else:
            await verdicts.end(tx, number, answer=None, fault=found.code)
    return found


async def _ask(witness: Witness, asked: Question, heard: Hearing) -> Heard | Reason:
    try:
        text = (await witness.ask(asked))[:ANSWER_LIMIT]
        return Heard(text, read_answer(text, heard), cached=False)
    except EarmarkError as error:
        log.warning("witness_silent", code=error.reason.code)
        return error.reason
    except MalformedAnswer as error:
        log.warning("witness_malformed", why=str(error))
        return _malformed(error, text)


async def _tell(house: House, ticket: Ticket, decision: Decision, found: Heard | Reason) -> None:
    """One line of history; an alert while the witness cannot be asked until somebody mends the settings."""
    assert decision.witness is not None
    told: dict[str, JsonValue] = {
        "what": "witness",
        "effect": str(decision.witness.effect),
        "model": decision.witness.model,
        "message": decision.witness.note,
    }
    async with house.write() as tx:
        await events.append(tx, ticket.id, "note", told, house.now())
        if isinstance(found, Heard) and not found.cached:
            await alerts.clear(tx, ALERT, house.now())
        if isinstance(found, Reason) and found.code in _MEND:
            await alerts.raise_(tx, ALERT, Severity.WARNING, found, house.now())


async def forget_witness_trouble(house: House) -> None:
    """At the start: what had to be mended in the settings may be, and is told anew if it is not."""
    async with house.write() as tx:
        await alerts.clear(tx, ALERT, house.now())


_MEND = frozenset({"witness_unavailable", "witness_refused", "witness_broken"})


def _record(witness: Witness, decision: Decision, heard: Hearing, asked: Question) -> WitnessRecord:
    assert decision.chosen_idx is not None
    return WitnessRecord(
        provider=witness.provider,
        model=witness.model,
        prompt_version=PROMPT_VERSION,
        effect=Effect.NONE,
        note="",
        rules_confidence=decision.confidence,
        rules_chosen=decision.candidates[decision.chosen_idx].release.guid,
        rules_reasons=decision.reasons,
        asked=tuple(c.release.guid for c in heard.shown),
        left_out=tuple(c.release.guid for c in heard.left_out),
        system=asked.system if heard.shown else "",
        prompt=asked.prompt if heard.shown else "",
    )


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _budget_spent(budget: int) -> Reason:
    return Reason(
        "witness_budget_spent",
        f"The witness's {budget} questions of today are used up.",
        "Wait until midnight (UTC), or raise `[matcher] llm_daily_budget`.",
        {"budget": budget},
    )


def _talks_to_the_witness() -> Reason:
    return Reason(
        "witness_addressed",
        "The best release carries a text that speaks to a language model instead of describing a book or an album.",
        "Look at its title and description before you approve it.",
    )


def _malformed(error: MalformedAnswer, text: str) -> Reason:
    return Reason(
        "witness_malformed",
        f"The witness's answer cannot be used: {error}.",
        "Nothing to do. If it happens often, choose another `[matcher] llm_model`.",
        {"answer": text[:500]},
    )
