"""The append-only history: what happened, numbered in the order in which it was committed.

A reader that remembers the last number it saw can ask for everything since and miss nothing. Types in use:
state_change, needs_approval, completed, failed, waiting, alert, note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, func, insert, select

from earmark.core.ticket import TicketId
from earmark.store.codec import JsonObject
from earmark.store.database import Tx
from earmark.store.tables import ticket_event

c = ticket_event.c


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `seq` grows from event to event and is never used twice."""

    seq: int
    at: datetime
    ticket_id: TicketId | None
    type: str
    payload: JsonObject


async def append(tx: Tx, ticket_id: TicketId | None, type: str, payload: JsonObject, at: datetime) -> int:
    """Add an event and return its number. Writers take turns (see `Database`), so numbers follow commits."""
    row = {"at": at, "ticket_id": ticket_id, "type": type, "payload": payload}
    result = await tx.execute(insert(ticket_event).values(row).returning(c.seq))
    return result.scalar_one()


async def since(tx: Tx, seq: int, limit: int = 500) -> list[Event]:
    """At most `limit` events after number `seq`, oldest first."""
    statement = select(ticket_event).where(c.seq > seq).order_by(c.seq).limit(limit)
    return _events((await tx.execute(statement)).all())


async def of_ticket(tx: Tx, ticket_id: TicketId) -> list[Event]:
    """The whole history of a ticket, oldest first."""
    statement = select(ticket_event).where(c.ticket_id == ticket_id).order_by(c.seq)
    return _events((await tx.execute(statement)).all())


async def of_type(tx: Tx, type: str, after: int, limit: int = 500) -> list[Event]:
    """Events of a type after number `after`, oldest first."""
    statement = select(ticket_event).where(c.type == type, c.seq > after).order_by(c.seq).limit(limit)
    return _events((await tx.execute(statement)).all())


async def last_of_type(tx: Tx, type: str) -> Event | None:
    """The newest event of a type."""
    statement = select(ticket_event).where(c.type == type).order_by(c.seq.desc()).limit(1)
    found = _events((await tx.execute(statement)).all())
    return found[0] if found else None


async def last_seq(tx: Tx) -> int:
    """The number of the newest event; 0 while nothing happened."""
    return (await tx.execute(select(func.max(c.seq)))).scalar_one() or 0


async def count_by_type(tx: Tx, since_time: datetime) -> dict[str, int]:
    """How many events of each type happened since then."""
    statement = select(c.type, func.count()).where(c.at >= since_time).group_by(c.type)
    return {kind: number for kind, number in await tx.execute(statement)}  # noqa: C416 - rows are no tuples to mypy


def _events(rows: Sequence[Row[*tuple[object, ...]]]) -> list[Event]:
    return [Event(*row) for row in rows]  # type: ignore[arg-type]
