"""Tickets as rows: filed, moved through their states, listed, woken.

Every move is checked against the core's table and leaves an event in the same transaction, so state and history cannot
disagree. When a ticket should move, and why, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Row, func, select, update

from earmark.core.reasons import EarmarkError, Reason
from earmark.core.states import (
    TERMINAL,
    Completed,
    Downloading,
    Failed,
    IllegalTransition,
    Matching,
    NeedsApproval,
    Pending,
    StatePayload,
    TicketState,
    check_transition,
)
from earmark.core.ticket import Ticket, TicketId, Waiting
from earmark.core.wish import Kind, headline
from earmark.store import events
from earmark.store.codec import JsonObject, as_json, clean, dump_payload, folded, load_payload
from earmark.store.database import Tx
from earmark.store.tables import ticket
from earmark.store.upsert import insert

T = TypeVar("T")
c = ticket.c

INDEXED = 500  # characters of a headline that are searched: an index on PostgreSQL holds 2.7 kB a row, no more

TOLD = {NeedsApproval: "needs_approval", Completed: "completed", Failed: "failed"}
"""States whose arrival is an event of its own, with the payload as its content."""


class UnknownTicket(EarmarkError):
    """There is no ticket with this id."""


class TicketExists(EarmarkError):
    """A ticket with this id was filed before."""


class StaleRun(EarmarkError):
    """Another run of the engine took the ticket up in the meantime."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, and how long the whole list is."""

    items: tuple[T, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A move that was made: where the ticket came from, and the ticket as it is now."""

    old: TicketState | None
    ticket: Ticket


async def create(tx: Tx, new: Ticket, actor: str, details: JsonObject | None = None) -> None:
    """File a ticket; `details` are told with its first event. Raises `TicketExists` when the id is taken; the transaction
    stays usable."""
    title = clean(headline(new.request.wish))
    values = {
        "id": new.id,
        "kind": new.request.kind,
        "headline": title,
        "headline_folded": folded(title)[:INDEXED],
        "priority": new.request.priority,
        "request": new.request,
        "request_digest": new.request_digest,
        "state": new.state,
        "payload": dump_payload(new.payload),
        "run": new.run,
        "attempt": new.attempt,
        "wake_at": new.wake_at,
        "waiting": new.waiting,
        "waiting_code": _code(new.waiting),
        "torrent_hash": new.torrent_hash or _torrent_of(new.payload, None),
        "answers": dict(new.answers),
        "holds_slot": _holds_slot(new.payload),
        "created_at": new.created_at,
        "updated_at": new.updated_at,
    }
    filed = await tx.execute(insert(tx, ticket).values(values).on_conflict_do_nothing().returning(c.id))
    if filed.scalar_one_or_none() is None:
        raise TicketExists.of(
            "ticket_exists",
            f"The ticket {new.id} was filed before.",
            "Ask for that ticket, or file this wish under a new id.",
            ticket_id=new.id,
        )
    await _record_move(tx, new.id, None, new.payload, at=new.created_at, actor=actor, details=details or {})


async def get(tx: Tx, id: TicketId) -> Ticket | None:
    row = (await tx.execute(_rows().where(c.id == id))).one_or_none()
    return None if row is None else _ticket(row)


async def require(tx: Tx, id: TicketId) -> Ticket:
    """The ticket. Raises `UnknownTicket` when there is none."""
    found = await get(tx, id)
    if found is None:
        raise _unknown(id)
    return found


async def page(
    tx: Tx,
    *,
    states: frozenset[TicketState] | None = None,
    kind: Kind | None = None,
    text: str | None = None,
    limit: int = 50,
    offset: int = 0,
    newest_first: bool = True,
) -> Page[Ticket]:
    """The tickets that match, `limit` of them from `offset` on. `text` is looked for anywhere in the headline,
    without regard to case."""
    wanted = _filter(states, kind, text)
    total = (await tx.execute(select(func.count()).select_from(ticket).where(*wanted))).scalar_one()
    order = (c.created_at.desc(), c.id.desc()) if newest_first else (c.created_at, c.id)
    # Ids first: they come from the index alone. The heavy rows are then fetched for this page only.
    ids = select(c.id).where(*wanted).order_by(*order).limit(limit).offset(offset)
    rows = await tx.execute(_rows().where(c.id.in_(ids)).order_by(*order))
    return Page(tuple(_ticket(row) for row in rows), total)


async def counts(tx: Tx) -> dict[TicketState, int]:
    """How many tickets are in each state; every state has its number, 0 included."""
    found = await tx.execute(select(c.state, func.count()).group_by(c.state))
    return dict.fromkeys(TicketState, 0) | {TicketState(state): number for state, number in found}


async def average_completion_secs(tx: Tx, last: int = 50) -> float | None:
    """Mean seconds from filing to shelf of the tickets that were completed last; None while there is none."""
    statement = select(c.created_at, c.updated_at).where(c.state == TicketState.COMPLETED)
    rows = (await tx.execute(statement.order_by(c.created_at.desc()).limit(last))).all()
    return sum((ended - filed).total_seconds() for filed, ended in rows) / len(rows) if rows else None


async def in_states(tx: Tx, states: Iterable[TicketState]) -> list[Ticket]:
    """Every ticket in one of `states`, oldest first."""
    rows = await tx.execute(_rows().where(c.state.in_(list(states))).order_by(c.created_at, c.id))
    return [_ticket(row) for row in rows]


async def idle(tx: Tx, states: Iterable[TicketState], *, untouched_since: datetime) -> list[Ticket]:
    """Tickets in one of `states` that are not due, wait for nothing and were not touched since then."""
    quiet = (c.wake_at.is_(None), c.waiting_code.is_(None), c.updated_at < untouched_since)
    rows = await tx.execute(_rows().where(c.state.in_(list(states)), *quiet).order_by(c.created_at, c.id))
    return [_ticket(row) for row in rows]


async def move(
    tx: Tx,
    id: TicketId,
    payload: StatePayload,
    *,
    at: datetime,
    actor: str,
    details: JsonObject | None = None,
    wake_at: datetime | None = None,
    waiting: Waiting | None = None,
    reset_attempt: bool = True,
) -> Moved:
    """Bring a ticket into the state of `payload` and write it into its history. What it waited for is over unless
    `waiting` says otherwise. Raises `IllegalTransition` or `UnknownTicket`, and then nothing has changed."""
    old = await _locked(tx, id)
    check_transition(old.state, payload.state)
    new = replace(
        old,
        payload=payload,
        updated_at=at,
        wake_at=wake_at,
        waiting=waiting,
        attempt=0 if reset_attempt else old.attempt,
        torrent_hash=_torrent_of(payload, old.torrent_hash),
        answers={} if isinstance(payload, Pending | Matching) else old.answers,
    )
    await _change(
        tx,
        id,
        state=new.state,
        payload=dump_payload(payload),
        updated_at=at,
        wake_at=wake_at,
        waiting=waiting,
        waiting_code=_code(waiting),
        attempt=new.attempt,
        torrent_hash=new.torrent_hash,
        answers=dict(new.answers),
        holds_slot=_holds_slot(payload),
    )
    await _record_move(tx, id, old.state, payload, at=at, actor=actor, details=details or {})
    return Moved(old.state, new)


async def update_payload(tx: Tx, id: TicketId, payload: StatePayload, at: datetime) -> None:
    """New facts about the state the ticket is in: no move, no event. Raises `IllegalTransition` when the ticket is in
    another state by now, `UnknownTicket` when there is none."""
    changed = await tx.execute(
        update(ticket)
        .where(c.id == id, c.state == payload.state)
        .values(payload=dump_payload(payload), holds_slot=_holds_slot(payload), updated_at=at)
    )
    if changed.rowcount == 0:
        raise IllegalTransition.between((await _locked(tx, id)).state, payload.state)


async def wait(
    tx: Tx,
    id: TicketId,
    waiting: Waiting | None,
    *,
    wake_at: datetime | None,
    at: datetime,
    attempt: int | None = None,
) -> None:
    """Say why a ticket stands still and when to look at it again. An event tells it when the reason's code is new,
    or when the wait is over (`waiting` None)."""
    old = await _locked(tx, id)
    await _change(
        tx,
        id,
        waiting=waiting,
        waiting_code=_code(waiting),
        wake_at=wake_at,
        updated_at=at,
        attempt=old.attempt if attempt is None else attempt,
    )
    if _code(old.waiting) != _code(waiting):
        told = None if waiting is None else as_json(Waiting, waiting)
        await events.append(tx, id, "waiting", {"state": str(old.state), "waiting": told}, at)


async def answer(tx: Tx, id: TicketId, question: str, word: str, *, at: datetime, actor: str) -> Ticket:
    """Keep what a person settled and have the ticket looked at; what it waited for is over."""
    old = await _locked(tx, id)
    answers = {**old.answers, question: word}
    await _change(tx, id, answers=answers, waiting=None, waiting_code=None, wake_at=at, updated_at=at)
    await events.append(tx, id, "note", {"what": "answered", "question": question, "answer": word, "actor": actor}, at)
    return replace(old, answers=answers, waiting=None, wake_at=at, updated_at=at)


async def keep_answers(tx: Tx, id: TicketId, answers: Mapping[str, str]) -> None:
    """What is settled for a ticket from the start, without a person."""
    await _change(tx, id, answers=dict(answers))


async def wake(tx: Tx, ids: Collection[TicketId], at: datetime) -> None:
    """Have these tickets looked at now. What they wait for stands until somebody has."""
    await tx.execute(update(ticket).where(c.id.in_(ids)).values(wake_at=at))


async def slots_taken(tx: Tx) -> int:
    """Torrents that are being downloaded: two tickets for one torrent take one slot."""
    return (await tx.execute(select(func.count(c.torrent_hash.distinct())).where(c.holds_slot.is_(True)))).scalar_one()


async def waiting_for(tx: Tx, code: str, limit: int) -> list[TicketId]:
    """Tickets that wait for this without a time of their own: higher priority first, then the older."""
    order = (c.priority.desc(), c.created_at, c.id)
    found = select(c.id).where(c.waiting_code == code, c.wake_at.is_(None)).order_by(*order).limit(limit)
    return [TicketId(id) for (id,) in await tx.execute(found)]


async def counting_on(tx: Tx, info_hash: str) -> list[TicketId]:
    """Unfinished tickets that count on this torrent."""
    unfinished = [state for state in TicketState if state not in TERMINAL]
    found = select(c.id).where(c.torrent_hash == info_hash, c.state.in_(unfinished)).order_by(c.created_at)
    return [TicketId(id) for (id,) in await tx.execute(found)]


async def all_counted_on(tx: Tx) -> set[str]:
    """Info-hashes of the torrents that unfinished tickets count on."""
    unfinished = [state for state in TicketState if state not in TERMINAL]
    found = select(c.torrent_hash).where(c.torrent_hash.is_not(None), c.state.in_(unfinished))
    return {info_hash for (info_hash,) in await tx.execute(found) if info_hash is not None}


async def due(tx: Tx, now: datetime, limit: int = 100) -> list[Ticket]:
    """Tickets whose time has come: higher priority first, then the older."""
    order = (c.priority.desc(), c.created_at, c.id)
    ids = select(c.id).where(c.wake_at.is_not(None), c.wake_at <= now).order_by(*order).limit(limit)
    rows = await tx.execute(_rows().where(c.id.in_(ids)).order_by(*order))
    return [_ticket(row) for row in rows]


async def begin_run(tx: Tx, id: TicketId, expected_run: int, at: datetime, state: TicketState | None = None) -> int:
    """Take a ticket up: the number of the new run. Raises `StaleRun` when somebody else did so first, or when the ticket
    has left the `state` it was taken up for."""
    still = [c.id == id, c.run == expected_run, *([c.state == state] if state is not None else [])]
    taken = await tx.execute(
        update(ticket)
        .where(*still)
        .values(run=expected_run + 1, wake_at=None, waiting=None, waiting_code=None, updated_at=at)
    )
    if taken.rowcount == 0:
        now = (await _locked(tx, id)).run
        raise StaleRun.of(
            "stale_run",
            f"The ticket {id} is at run {now}, not {expected_run}.",
            "Nothing to do: the other run carries on.",
            ticket_id=id,
            expected=expected_run,
            run=now,
        )
    return expected_run + 1


def _rows() -> Any:
    return select(
        c.id, c.request, c.request_digest, c.created_at, c.updated_at, c.state, c.payload, c.run, c.attempt,
        c.wake_at, c.waiting, c.torrent_hash, c.answers,
    )  # fmt: skip


def _ticket(row: Row[*tuple[Any, ...]]) -> Ticket:
    return Ticket(
        id=row.id,
        request=row.request,
        request_digest=row.request_digest,
        created_at=row.created_at,
        updated_at=row.updated_at,
        payload=load_payload(TicketState(row.state), row.payload),
        run=row.run,
        attempt=row.attempt,
        wake_at=row.wake_at,
        waiting=row.waiting,
        torrent_hash=row.torrent_hash,
        answers=row.answers,
    )


def _filter(states: frozenset[TicketState] | None, kind: Kind | None, text: str | None) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if states is not None:
        wanted.append(c.state.in_(sorted(states)))
    if kind is not None:
        wanted.append(c.kind == kind)
    if text:
        wanted.append(c.headline_folded.contains(folded(text), autoescape=True))
    return wanted


async def _locked(tx: Tx, id: TicketId) -> Ticket:
    # FOR UPDATE holds the row against writers that are not ours; SQLite leaves the words out.
    row = (await tx.execute(_rows().where(c.id == id).with_for_update())).one_or_none()
    if row is None:
        raise _unknown(id)
    return _ticket(row)


def _unknown(id: TicketId) -> UnknownTicket:
    return UnknownTicket(
        Reason(
            "unknown_ticket", f"There is no ticket {id}.", "Look the id up in the list of tickets.", {"ticket_id": id}
        )
    )


async def _change(tx: Tx, id: TicketId, **values: object) -> None:
    await tx.execute(update(ticket).where(c.id == id).values(**values))


async def _record_move(
    tx: Tx,
    id: TicketId,
    old: TicketState | None,
    payload: StatePayload,
    *,
    at: datetime,
    actor: str,
    details: JsonObject,
) -> None:
    told: JsonObject = {
        "old_state": None if old is None else str(old),
        "new_state": str(payload.state),
        "actor": actor,
        "details": dict(details),
    }
    await events.append(tx, id, "state_change", told, at)
    if (also := TOLD.get(type(payload))) is not None:
        await events.append(tx, id, also, as_json(type(payload), payload), at)


def _code(waiting: Waiting | None) -> str | None:
    return None if waiting is None else waiting.reason.code


def _torrent_of(payload: StatePayload, before: str | None) -> str | None:
    """A new search or choice lets go of the former torrent; every other state keeps it or names its own."""
    if isinstance(payload, Pending | Matching):
        return None
    return getattr(payload, "torrent_hash", before)


def _holds_slot(payload: StatePayload) -> bool:
    return isinstance(payload, Downloading) and payload.finished_at is None and not payload.slot_given_up
