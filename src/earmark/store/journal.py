"""Every file operation: planned before it is done, so that a crash leaves no file nobody knows of, and undo is possible.

It keeps what the library says; it touches no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, select, update

from earmark.core.ticket import TicketId
from earmark.store.database import Tx
from earmark.store.tables import journal
from earmark.store.upsert import insert

c = journal.c


class JournalOp(StrEnum):
    PLACE = "place"
    SIDECAR = "sidecar"
    COVER = "cover"
    MKDIR = "mkdir"


class JournalState(StrEnum):
    PLANNED = "planned"
    DONE = "done"
    VERIFIED = "verified"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One operation. Paths are absolute; `temp` is the file it is written to before it gets its name `target`.
    `id` is 0 until the entry is planned; `at` is when it came into its state."""

    op: JournalOp
    target: str
    at: datetime
    source: str | None = None
    temp: str | None = None
    method: str | None = None  # hardlink | reflink | copy | move | write
    size: int | None = None
    sha256: str | None = None
    state: JournalState = JournalState.PLANNED
    id: int = 0


async def plan(tx: Tx, ticket_id: TicketId, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
    """Plan operations, one per target, and return them as they stand, in the order given. What is done or verified
    stays as it is; what is planned or undone takes the new plan."""
    for entry in entries:
        facts = {
            "op": entry.op,
            "source": entry.source,
            "temp": entry.temp,
            "method": entry.method,
            "size": entry.size,
            "sha256": entry.sha256,
            "state": JournalState.PLANNED,
            "at": entry.at,
        }
        await tx.execute(
            insert(tx, journal)
            .values(ticket_id=ticket_id, target=entry.target, **facts)
            .on_conflict_do_update(
                index_elements=[c.ticket_id, c.target],
                set_=facts,
                where=c.state.in_([JournalState.PLANNED, JournalState.UNDONE]),
            )
        )
    stored = {entry.target: entry for entry in await of_ticket(tx, ticket_id)}
    return [stored[entry.target] for entry in entries]


async def mark(
    tx: Tx,
    ids: Iterable[int],
    state: JournalState,
    at: datetime,
    *,
    method: str | None = None,
    size: int | None = None,
    sha256: str | None = None,
) -> None:
    """Bring entries into `state`; facts that are given are kept with them."""
    facts = {"method": method, "size": size, "sha256": sha256}
    values = {"state": JournalState(state), "at": at} | {k: v for k, v in facts.items() if v is not None}
    await tx.execute(update(journal).where(c.id.in_(list(ids))).values(values))


async def of_ticket(tx: Tx, ticket_id: TicketId) -> list[JournalEntry]:
    """The operations of a ticket, in the order they were planned."""
    rows = await tx.execute(select(journal).where(c.ticket_id == ticket_id).order_by(c.id))
    return [_entry(row) for row in rows]


async def in_state(tx: Tx, state: JournalState) -> list[tuple[TicketId, JournalEntry]]:
    """Every operation in `state` with its ticket: after a crash, `planned` ones may have left a temporary file."""
    rows = await tx.execute(select(journal).where(c.state == state).order_by(c.id))
    return [(TicketId(row.ticket_id), _entry(row)) for row in rows]


def _entry(row: Row[*tuple[Any, ...]]) -> JournalEntry:
    return JournalEntry(
        op=JournalOp(row.op),
        target=row.target,
        at=row.at,
        source=row.source,
        temp=row.temp,
        method=row.method,
        size=row.size,
        sha256=row.sha256,
        state=JournalState(row.state),
        id=row.id,
    )
