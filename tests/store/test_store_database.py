"""The door to the database: transactions, writers that take turns, addresses, and faults said in plain words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from earmark.core.reasons import PermanentError, TransientError
from earmark.core.states import Downloading, IllegalTransition, Searching
from earmark.core.ticket import Ticket
from earmark.store import Database, DatabaseAway, UnknownTicket, events, tickets
from earmark.store.location import UnknownDatabase, locate


async def test_of_two_writers_from_two_processes_one_moves_the_ticket(
    address: str | Path, tmp_path: Path, make_ticket: Callable[..., Ticket], noon: datetime
):
    one = await Database.open(address, backup_dir=tmp_path)
    two = await Database.open(address, backup_dir=tmp_path)  # an engine and a lock of its own: like another process
    ticket = make_ticket()
    async with one.write() as tx:
        await tickets.create(tx, ticket, "test")

    async def take(db: Database) -> str:
        try:
            async with db.write() as tx:
                await tickets.move(tx, ticket.id, Searching(noon), at=noon, actor="engine")
        except IllegalTransition:
            return "too late"
        return "moved"

    took = await asyncio.wait_for(asyncio.gather(take(one), take(two), take(one), take(two)), 30)
    async with two.read() as tx:
        assert len(await events.of_ticket(tx, ticket.id)) == 2
    await one.close()
    await two.close()
    assert sorted(took) == ["moved", "too late", "too late", "too late"]


async def test_events_of_several_processes_are_committed_in_the_order_of_their_numbers(
    address: str | Path, tmp_path: Path, noon: datetime
):
    dbs = [await Database.open(address, backup_dir=tmp_path) for _ in range(3)]
    total, seen = 3 * 15 * 2, list[int]()

    async def write(db: Database) -> None:
        for _ in range(15):
            async with db.write() as tx:
                await events.append(tx, None, "note", {}, noon)
                await asyncio.sleep(0.001)
                await events.append(tx, None, "note", {}, noon)

    async def follow(db: Database) -> None:
        while len(seen) < total:
            async with db.read() as tx:
                seen.extend(e.seq for e in await events.since(tx, seen[-1] if seen else 0))

    await asyncio.wait_for(asyncio.gather(follow(dbs[0]), *(write(db) for db in dbs)), 60)
    async with dbs[0].read() as tx:
        assert seen == [e.seq for e in await events.since(tx, 0)]
    for db in dbs:
        await db.close()


async def test_a_reader_sees_one_moment_while_others_write(db: Database, noon: datetime):
    async with db.read() as reading:
        assert await events.last_seq(reading) == 0
        async with db.write() as tx:
            await events.append(tx, None, "note", {}, noon)
        assert await events.last_seq(reading) == 0
    async with db.read() as reading:
        assert await events.last_seq(reading) == 1


async def test_a_reader_cannot_write(db: Database, noon: datetime):
    with pytest.raises(Exception, match=r"readonly|read-only"):
        async with db.read() as tx:
            await events.append(tx, None, "note", {}, noon)
    async with db.read() as tx:
        assert await events.last_seq(tx) == 0


async def test_many_readers_and_writers_at_once_all_get_through(db: Database, noon: datetime):
    async def write(n: int) -> None:
        async with db.write() as tx:
            await events.append(tx, None, "note", {"n": n}, noon)

    async def read() -> int:
        async with db.read() as tx:
            return await events.last_seq(tx)

    await asyncio.wait_for(asyncio.gather(*(write(n) for n in range(40)), *(read() for _ in range(40))), 60)
    assert await read() == 40


async def test_a_write_inside_a_write_is_refused_and_not_a_deadlock(db: Database):
    with pytest.raises(RuntimeError, match="inside another"):
        async with db.write(), db.write():
            pass
    async with db.write():
        pass


async def test_a_writer_that_is_cancelled_leaves_nothing_and_blocks_nobody(db: Database, noon: datetime):
    inside = asyncio.Event()

    async def write() -> None:
        async with db.write() as tx:
            await events.append(tx, None, "note", {}, noon)
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(20), db.write() as tx:
        assert await events.last_seq(tx) == 0


async def test_tasks_cancelled_at_any_moment_leave_no_half_work_and_no_lock_behind(db: Database, noon: datetime):
    async def write() -> None:
        async with db.write() as tx:
            await events.append(tx, None, "note", {}, noon)
            await events.append(tx, None, "note", {}, noon)

    async def read() -> None:
        async with db.read() as tx:
            await events.since(tx, 0)

    async with asyncio.timeout(25):  # a lock left behind would hold every writer for 30 s
        for n in range(150):
            task = asyncio.create_task(write() if n % 3 else read())
            await asyncio.sleep(n / 30_000)  # each a little later: in every statement, and between them
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled() or task.exception() is None
        await write()
    async with db.read() as tx:
        assert len(await events.since(tx, 0)) % 2 == 0


async def test_a_house_error_passes_through_a_transaction_unchanged(db: Database, noon: datetime):
    with pytest.raises(UnknownTicket) as caught:
        async with db.write() as tx:
            await tickets.move(tx, "x", Downloading("ab", noon), at=noon, actor="x")  # type: ignore[arg-type]
    assert caught.value.reason.code == "unknown_ticket"


async def test_an_event_of_a_ticket_nobody_filed_is_refused(db: Database, noon: datetime):
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        async with db.write() as tx:
            await events.append(tx, "nobody", "note", {}, noon)  # type: ignore[arg-type]


async def test_sqlite_runs_as_it_should(tmp_path: Path):
    db = await Database.open(tmp_path / "deep" / "earmark.db", backup_dir=tmp_path)
    for door in (db.read, db.write):
        async with door() as tx:
            told = [
                (await tx.execute(text(f"PRAGMA {name}"))).scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
            assert told == ["wal", 1, 1, 30000]
    assert db.dialect == "sqlite"
    assert (tmp_path / "deep" / "earmark.db").stat().st_mode & 0o777 == 0o600
    await db.close()


async def test_a_server_that_is_away_is_a_passing_fault_without_a_password_in_it(tmp_path: Path):
    with pytest.raises(DatabaseAway) as caught:
        await Database.open("postgresql://ann:s3cret@127.0.0.1:1/books", backup_dir=tmp_path)
    assert isinstance(caught.value, TransientError)
    assert "s3cret" not in f"{caught.value!r} {caught.value.reason}"
    assert "books" in caught.value.reason.message


async def test_a_postgres_that_ends_our_session_is_a_passing_fault(
    tmp_path: Path, request: pytest.FixtureRequest, noon: datetime
):
    db = await Database.open(request.getfixturevalue("postgres").new_database(), backup_dir=tmp_path)
    with pytest.raises(DatabaseAway):
        async with db.write() as tx:
            await tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    async with db.write() as tx:  # and the next one gets a new session
        await events.append(tx, None, "note", {}, noon)
    await db.close()


@pytest.mark.parametrize(
    ("given", "dialect", "asynchronous"),
    [
        ("postgresql://u:p@h/d", "postgresql", "postgresql+psycopg://u:***@h/d"),
        ("postgres://h/d?sslmode=require", "postgresql", "postgresql+psycopg://h/d?sslmode=require"),
        ("postgresql+asyncpg://h/d", "postgresql", "postgresql+psycopg://h/d"),
        ("sqlite:////var/a.db", "sqlite", "sqlite+aiosqlite:////var/a.db"),
        ("/var/a b.db", "sqlite", "sqlite+aiosqlite:////var/a b.db"),
    ],
)
def test_addresses_are_read_for_our_drivers(given: str, dialect: str, asynchronous: str):
    place = locate(given)
    assert (place.dialect, str(place.async_url)) == (dialect, asynchronous)


@pytest.mark.parametrize("given", ["mysql://u:hush@h/d", "sqlite://", "sqlite:///:memory:", "://"])
def test_other_databases_are_refused_with_what_to_set(given: str):
    with pytest.raises(UnknownDatabase) as caught:
        locate(given)
    assert isinstance(caught.value, PermanentError)
    assert "hush" not in str(caught.value.reason)
    assert "[database]" in caught.value.reason.action
