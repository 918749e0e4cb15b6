"""The journal's acts: what stands where, whose it was before, and where it moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from earmark.core.ticket import Ticket
from earmark.store import Database, JournalEntry, JournalOp, JournalState, journal
from earmark.store.journal import at_targets, last_act, of_ticket, plan, rebase, record, revive, supersede

S = JournalState


def an_entry(target: str, at: datetime, act: int = 1, **more: object) -> JournalEntry:
    entry = JournalEntry(JournalOp.PLACE, target, at, source="/downloads/a", size=7, act=act, root="/books")
    return replace(entry, **more)  # type: ignore[arg-type]


async def test_the_same_path_may_be_written_in_several_acts(db: Database, ticket: Ticket, noon: datetime) -> None:
    async with db.write() as tx:
        assert await last_act(tx, ticket.id) == 0
        (first,) = await plan(tx, ticket.id, [an_entry("/books/a", noon)])
        (second,) = await plan(tx, ticket.id, [an_entry("/books/a", noon, 2, kept="/books/.bin/a")])
        assert await last_act(tx, ticket.id) == 2
        assert await of_ticket(tx, ticket.id) == [first, second]
        assert second.kept == "/books/.bin/a"


async def test_many_entries_are_brought_to_their_ends_at_once(db: Database, ticket: Ticket, noon: datetime) -> None:
    later = noon + timedelta(minutes=1)
    wanted = [an_entry(f"/books/{number}", noon) for number in range(5_100)]
    async with db.write() as tx:
        planned = await plan(tx, ticket.id, wanted)
        done = [
            replace(row, state=S.VERIFIED, at=later, method="hardlink", sha256=None, inode=str(2**64 - row.id))
            for row in planned
        ]
        await record(tx, done)
        assert await of_ticket(tx, ticket.id) == done
        await journal.mark(tx, [row.id for row in done], S.UNDONE, later)
        assert {row.state for row in await of_ticket(tx, ticket.id)} == {S.UNDONE}


async def test_what_is_replaced_is_known_as_such_and_comes_back_one_layer_at_a_time(
    db: Database, ticket: Ticket, noon: datetime
) -> None:
    async with db.write() as tx:
        layers = []
        for act in (1, 2, 3):
            (row,) = await plan(tx, ticket.id, [an_entry("/books/a", noon, act)])
            await journal.mark(tx, [row.id], S.VERIFIED, noon)
            await supersede(tx, ["/books/a"], [row.id], noon)
            layers.append(row.id)
        assert [row.state for row in await of_ticket(tx, ticket.id)] == [S.REPLACED, S.REPLACED, S.VERIFIED]
        await journal.mark(tx, [layers[2]], S.UNDONE, noon)
        await revive(tx, ["/books/a", "/books/elsewhere"], noon)
        assert [row.state for row in await of_ticket(tx, ticket.id)] == [S.REPLACED, S.VERIFIED, S.UNDONE]
        assert [(of, row.id) for of, row in await at_targets(tx, ["/books/a"])] == [(ticket.id, layers[1])]


async def test_entries_follow_a_folder_that_moved_and_nothing_else_does(
    db: Database, ticket: Ticket, noon: datetime
) -> None:
    paths = [
        "/books/A_%",
        "/books/A_%/1.m4b",
        "/books/A_%/CD1/2.mp3",
        "/books/A_%b/3.m4b",
        "/books/AxY/4.m4b",
        "/books/a_%/5.m4b",
    ]
    async with db.write() as tx:
        rows = await plan(tx, ticket.id, [an_entry(path, noon) for path in paths])
        moved = an_entry("/books/A_%", noon, 2, op=JournalOp.MOVE, source="/books/old")
        await plan(tx, ticket.id, [moved])
        await journal.mark(tx, [row.id for row in rows], S.VERIFIED, noon)
        (stale,) = await plan(tx, ticket.id, [an_entry("/books/New/one.m4b", noon)])
        await journal.mark(tx, [stale.id], S.UNDONE, noon)
        await rebase(tx, [("/books/A_%", "/books/New"), ("/books/New/1.m4b", "/books/New/one.m4b")])
        assert [row.target for row in await of_ticket(tx, ticket.id)] == [
            "/books/New",
            "/books/New/one.m4b",
            "/books/New/CD1/2.mp3",
            "/books/A_%b/3.m4b",
            "/books/AxY/4.m4b",
            "/books/a_%/5.m4b",
            "/books/A_%",
        ]
