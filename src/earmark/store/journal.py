"""Every file operation: planned before it is done, so that a crash leaves no file nobody knows of, and undo is possible.

It keeps what the library says; it touches no file. Operations that belong together (one placement, one replacement,
one reorganisation) carry the same `act` number, counted per ticket from 1: undo takes back whole acts, the last first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Row, bindparam, delete, func, or_, select, update

from earmark.core.ticket import TicketId
from earmark.store.database import Tx
from earmark.store.tables import journal
from earmark.store.upsert import insert

T = TypeVar("T")
c = journal.c

_AT_ONCE = 5000  # both databases limit the values of one statement
_FACTS = ("op", "source", "temp", "kept", "method", "size", "sha256", "inode", "root", "state", "at")


class JournalOp(StrEnum):
    PLACE = "place"
    SIDECAR = "sidecar"
    COVER = "cover"
    MKDIR = "mkdir"
    REMOVE = "remove"  # a file of the book that was there before goes to the recycle folder
    MOVE = "move"  # a file or folder gets another name in the library


class JournalState(StrEnum):
    PLANNED = "planned"
    DONE = "done"
    VERIFIED = "verified"
    REPLACED = "replaced"  # a later act, perhaps of another ticket, put something else in its place
    UNDONE = "undone"


LIVE = (JournalState.DONE, JournalState.VERIFIED)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One operation. Paths are absolute; `temp` is the file it is written to before it gets its name `target`, `kept`
    is where the file lies in the recycle folder that was at `target` before. `inode` is text: some file systems number
    with 64 bits. `id` is 0 until the entry is planned; `at` is when it came into its state."""

    op: JournalOp
    target: str
    at: datetime
    source: str | None = None
    temp: str | None = None
    method: str | None = None  # hardlink | reflink | copy | move | write | rename
    size: int | None = None
    sha256: str | None = None
    state: JournalState = JournalState.PLANNED
    id: int = 0
    act: int = 1
    kept: str | None = None
    inode: str | None = None
    root: str = ""  # the library folder it is below


async def plan(tx: Tx, ticket_id: TicketId, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
    """Plan operations, one per act and target, and return them as they stand, in the order given. What is done,
    verified or replaced stays as it is; what is planned or undone takes the new plan."""
    if entries:
        statement = insert(tx, journal)
        facts = {name: statement.excluded[name] for name in _FACTS}
        open_still = or_(c.state == JournalState.PLANNED, c.state == JournalState.UNDONE)
        await tx.execute(
            statement.on_conflict_do_update(
                index_elements=[c.ticket_id, c.act, c.target], set_=facts, where=open_still
            ),
            [
                {"ticket_id": ticket_id, "act": entry.act, "target": entry.target}
                | {name: getattr(entry, name) for name in _FACTS}
                | {"state": JournalState.PLANNED}
                for entry in entries
            ],
        )
    stored = {(entry.act, entry.target): entry for entry in await of_ticket(tx, ticket_id)}
    return [stored[entry.act, entry.target] for entry in entries]


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
    for some in _some(list(ids)):
        await tx.execute(update(journal).where(c.id.in_(some)).values(values))


async def record(tx: Tx, entries: Sequence[JournalEntry]) -> None:
    """Write back state and facts of many planned entries, in one go."""
    names = ("method", "size", "sha256", "inode", "state", "at", "target", "source", "temp")
    if entries:
        await tx.execute(
            update(journal)
            .where(c.id == bindparam("of_id"))
            .values({name: bindparam(f"new_{name}") for name in names}),
            [{"of_id": entry.id} | {f"new_{name}": getattr(entry, name) for name in names} for entry in entries],
        )


async def supersede(tx: Tx, targets: Collection[str], mine: Collection[int], at: datetime) -> None:
    """Whatever any ticket placed at `targets` is there no longer, but for the entries with the ids `mine`."""
    own = frozenset(mine)
    ids = [entry.id for _, entry in await at_targets(tx, targets, LIVE) if entry.id not in own]
    await mark(tx, ids, JournalState.REPLACED, at)


async def revive(tx: Tx, targets: Collection[str], at: datetime) -> None:
    """What was replaced at `targets` last is there again."""
    last: dict[str, int] = {}
    for _, entry in await at_targets(tx, targets, [JournalState.REPLACED]):
        last[entry.target] = max(entry.id, last.get(entry.target, 0))
    await mark(tx, last.values(), JournalState.VERIFIED, at)


async def rebase(tx: Tx, moves: Sequence[tuple[str, str]]) -> None:
    """Files and folders got other names: every ticket's entries for them and for what is below follow. A MOVE entry
    itself keeps its words, for it tells the way back."""
    for old, new in moves:
        below = func.substr(c.target, 1, len(old) + 1) == f"{old}/"  # LIKE does not tell case apart on SQLite
        found = await tx.execute(select(c.id, c.ticket_id, c.target, c.op, c.state).where(or_(c.target == old, below)))
        rows = [row for row in found if row.op != JournalOp.MOVE and row.state != JournalState.UNDONE]
        renamed = [{"of_id": row.id, "new_target": new + row.target[len(old) :]} for row in rows]
        if renamed:
            # An undone entry of the same act may hold the name; nothing needs it any more.
            for some in _some([row["new_target"] for row in renamed]):
                taken = c.target.in_(some) & c.ticket_id.in_({row.ticket_id for row in rows})
                await tx.execute(delete(journal).where(taken, c.state == JournalState.UNDONE))
            statement = update(journal).where(c.id == bindparam("of_id")).values(target=bindparam("new_target"))
            await tx.execute(statement, renamed)


async def at_targets(
    tx: Tx, targets: Collection[str], states: Collection[JournalState] = LIVE
) -> list[tuple[TicketId, JournalEntry]]:
    """The operations of all tickets on these paths that are in one of `states`, by age."""
    return [
        (TicketId(row.ticket_id), _entry(row)) for some in _some(list(targets)) for row in await _rows(tx, some, states)
    ]


async def _rows(tx: Tx, targets: Sequence[str], states: Collection[JournalState]) -> Sequence[Row[*tuple[Any, ...]]]:
    query = select(journal).where(c.target.in_(targets), c.state.in_(list(states))).order_by(c.id)
    return (await tx.execute(query)).all()


def _some(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))


async def of_ticket(tx: Tx, ticket_id: TicketId) -> list[JournalEntry]:
    """The operations of a ticket, in the order they were planned."""
    rows = await tx.execute(select(journal).where(c.ticket_id == ticket_id).order_by(c.id))
    return [_entry(row) for row in rows]


async def last_act(tx: Tx, ticket_id: TicketId) -> int:
    """The highest act number of a ticket; 0 when it never touched a file."""
    found = (await tx.execute(select(func.max(c.act)).where(c.ticket_id == ticket_id))).scalar()
    return int(found or 0)


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
        act=row.act,
        kept=row.kept,
        inode=row.inode,
        root=row.root,
    )
