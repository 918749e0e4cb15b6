"""A database is brought to another shape without risking what is in it.

The later revision that these tests go up to and down from is written here: it rebuilds the ticket table, which on
SQLite means dropping it for a moment while other tables refer to it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from earmark.core.indexing import IndexerRecord, IndexerSort
from earmark.core.reasons import PermanentError
from earmark.core.release import Release
from earmark.core.ticket import Ticket
from earmark.store import Asked, Database, DatabaseDamaged, Offer, asked, events, indexers, offers, tickets
from earmark.store.location import locate
from earmark.store.migrate import Migration, WrongRevision, migrate
from earmark.store.tables import metadata

LATER = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "later", "0002"

def upgrade():
    with op.batch_alter_table("ticket") as table:
        table.add_column(sa.Column("colour", sa.Text(), nullable=False, server_default="blue"))
        table.alter_column("headline", new_column_name="title")

def downgrade():
    with op.batch_alter_table("ticket") as table:
        table.alter_column("title", new_column_name="headline")
        table.drop_column("colour")
"""

FAILING = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "failing", "0002"

def upgrade():
    op.drop_table("secret")
    op.execute("DELETE FROM ticket_event")
    op.execute("this is no statement")

def downgrade():
    pass
"""

Mover = Callable[[str], Migration]


@pytest.fixture
def revisions(tmp_path: Path) -> Path:
    folder = tmp_path / "revisions"
    folder.mkdir()
    (folder / "later.py").write_text(LATER)
    return folder


@pytest.fixture
def go_to(address: str | Path, tmp_path: Path, noon: datetime, revisions: Path) -> Mover:
    def go(target: str) -> Migration:
        place = locate(address)
        return migrate(place, backup_dir=tmp_path / "backup", now=noon, target=target, versions=[revisions])

    return go


async def fill(address: str | Path, tmp_path: Path, ticket: Ticket) -> None:
    db = await Database.open(address, backup_dir=tmp_path / "backup")
    async with db.write() as tx:
        await tickets.create(tx, ticket, "test")
    await db.close()


async def holds(address: str | Path, tmp_path: Path, ticket: Ticket) -> bool:
    db = await Database.open(address, backup_dir=tmp_path / "backup")
    async with db.read() as tx:
        same = await tickets.get(tx, ticket.id) == ticket and len(await events.of_ticket(tx, ticket.id)) == 1
    await db.close()
    return same


async def test_up_and_down_and_up_again_keeps_what_is_there(
    address: str | Path, tmp_path: Path, make_ticket: Callable[..., Ticket], go_to: Mover
):
    ticket = make_ticket()
    await fill(address, tmp_path, ticket)
    for _ in range(2):
        up = await asyncio.to_thread(go_to, "later")
        assert (up.old, up.new) == ("0002", "later")
        assert "colour" in await asyncio.to_thread(columns, address)
        down = await asyncio.to_thread(go_to, "0002")
        assert (down.old, down.new) == ("later", "0002")
        assert "colour" not in await asyncio.to_thread(columns, address)
        assert await holds(address, tmp_path, ticket)


def columns(address: str | Path) -> set[str]:
    engine = create_engine(locate(address).sync_url)
    names = {str(column["name"]) for column in inspect(engine).get_columns("ticket")}
    engine.dispose()
    return names


async def test_a_database_from_before_there_were_indexers_keeps_its_tickets_and_gets_them(
    address: str | Path, tmp_path: Path, make_ticket: Callable[..., Ticket], go_to: Mover, noon: datetime
):
    """Up over tickets, down again (indexers, offers and what was asked are gone with their tables), and up once more."""
    ticket = make_ticket()
    await fill(address, tmp_path, ticket)
    one = IndexerRecord(10, "indexer-10", IndexerSort.TORZNAB, "A feed", True, 25, False, noon)
    for _ in range(2):
        assert (await asyncio.to_thread(go_to, "0001")).new == "0001"
        assert "indexer" not in await asyncio.to_thread(tables, address)
        assert await asyncio.to_thread(headlines, address) == ["The Moonstone – Wilkie Collins"]
        db = await Database.open(address, backup_dir=tmp_path / "backup")  # as a newer version does at its start
        async with db.write() as tx:
            assert await tickets.get(tx, ticket.id) == ticket
            assert await indexers.all_(tx) == []
            await indexers.put(tx, one)
            await offers.remember(tx, [Offer(10, Release("g", "indexer-10", "The Moonstone"))], noon)
            await asked.note(tx, [Asked(10, noon, "indexerQuery", True, 5)])
        async with db.read() as tx:
            assert await indexers.all_(tx) == [one]
        await db.close()
    assert await holds(address, tmp_path, ticket)


def tables(address: str | Path) -> set[str]:
    engine = create_engine(locate(address).sync_url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def headlines(address: str | Path) -> list[str]:
    engine = create_engine(locate(address).sync_url)
    with engine.connect() as connection:
        found = [str(row.headline) for row in connection.execute(text("SELECT headline FROM ticket"))]
    engine.dispose()
    return found


async def test_down_to_nothing_and_up_again_works(address: str | Path, go_to: Mover):
    assert (await asyncio.to_thread(go_to, "0002")).new == "0002"
    assert (await asyncio.to_thread(go_to, "base")).new is None
    assert (await asyncio.to_thread(go_to, "head")).new == "later"
    assert (await asyncio.to_thread(go_to, "head")).backup is None  # already there: nothing done, nothing copied


async def test_migrated_tables_are_the_tables_the_code_means(address: str | Path, tmp_path: Path):
    await (await Database.open(address, backup_dir=tmp_path)).close()
    engine = create_engine(locate(address).sync_url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)
    engine.dispose()
    assert differences == []


async def test_a_migration_that_fails_changes_nothing(
    address: str | Path, tmp_path: Path, make_ticket: Callable[..., Ticket], revisions: Path, go_to: Mover
):
    ticket = make_ticket()
    await fill(address, tmp_path, ticket)
    (revisions / "later.py").write_text(FAILING)
    with pytest.raises(Exception, match=r"syntax error"):
        await asyncio.to_thread(go_to, "failing")
    assert await holds(address, tmp_path, ticket)


async def test_two_that_start_at_once_make_one_database(address: str | Path, tmp_path: Path):
    dbs = await asyncio.gather(*(Database.open(address, backup_dir=tmp_path) for _ in range(3)))
    assert {db.migration.new for db in dbs} == {"0002"}
    for db in dbs:
        await db.close()


async def test_a_copy_is_made_before_a_file_is_changed(
    tmp_path: Path, make_ticket: Callable[..., Ticket], noon: datetime, revisions: Path
):
    file, ticket = tmp_path / "earmark.db", make_ticket()
    await fill(file, tmp_path, ticket)
    assert not (tmp_path / "backup").exists()  # a new file needs none
    done = await asyncio.to_thread(
        migrate, locate(file), backup_dir=tmp_path / "backup", now=noon, versions=[revisions]
    )
    assert done.backup == tmp_path / "backup" / "earmark-0002-20261120T120000Z.db"
    assert list((tmp_path / "backup").iterdir()) == [done.backup]
    assert done.backup.stat().st_mode & 0o777 == 0o600
    assert await holds(done.backup, tmp_path, ticket)


async def test_without_room_for_a_copy_nothing_is_changed(
    tmp_path: Path, make_ticket: Callable[..., Ticket], noon: datetime, revisions: Path
):
    file, ticket = tmp_path / "earmark.db", make_ticket()
    await fill(file, tmp_path, ticket)
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(PermanentError) as caught:
        migrate(locate(file), backup_dir=tmp_path / "taken", now=noon, versions=[revisions])
    assert caught.value.reason.code == "backup_failed"
    assert await holds(file, tmp_path, ticket)


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path):
    file = tmp_path / "earmark.db"
    file.write_bytes(b"hello, this is not a database " * 100)
    with pytest.raises(DatabaseDamaged) as caught:
        await Database.open(file, backup_dir=tmp_path / "backup")
    assert "backup" in caught.value.reason.action
    assert file.read_bytes().startswith(b"hello")


async def test_a_file_with_a_broken_page_is_refused_before_it_gets_worse(
    tmp_path: Path, make_ticket: Callable[..., Ticket], noon: datetime
):
    file = tmp_path / "earmark.db"
    db = await Database.open(file, backup_dir=tmp_path)
    async with db.write() as tx:
        for _ in range(50):
            await tickets.create(tx, make_ticket("A long title " * 20), "test")
    await db.close()
    with closing(sqlite3.connect(file)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_ticket_listing'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as raw:
        raw.seek((page - 1) * size)
        raw.write(b"\xff" * size)
    with pytest.raises(DatabaseDamaged) as caught:
        await Database.open(file, backup_dir=tmp_path / "backup")
    assert isinstance(caught.value, PermanentError)
    assert not (tmp_path / "backup").exists()


async def test_a_database_of_a_newer_version_is_refused(address: str | Path, tmp_path: Path, go_to: Mover):
    await asyncio.to_thread(go_to, "later")
    with pytest.raises(WrongRevision, match="later"):
        await Database.open(address, backup_dir=tmp_path)


async def test_the_file_of_another_program_is_refused(tmp_path: Path):
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE songs (name)")
    with pytest.raises(WrongRevision, match="another program"):
        await Database.open(file, backup_dir=tmp_path)


async def test_a_path_that_cannot_be_a_file_is_refused_with_what_to_change(tmp_path: Path):
    (tmp_path / "file").write_text("")
    for bad in (tmp_path, tmp_path / "file" / "earmark.db"):
        with pytest.raises(DatabaseDamaged) as caught:
            await Database.open(bad, backup_dir=tmp_path)
        assert "[database] path" in caught.value.reason.action


async def test_what_a_kill_left_in_the_log_is_there_after_the_next_start(
    tmp_path: Path, make_ticket: Callable[..., Ticket]
):
    file, ticket = tmp_path / "earmark.db", make_ticket()
    db = await Database.open(file, backup_dir=tmp_path)
    async with db.write() as tx:
        await tickets.create(tx, ticket, "test")
    killed = tmp_path / "killed"
    killed.mkdir()
    for part in tmp_path.glob("earmark.db*"):  # as a kill would leave it: nothing closed, the log not merged
        (killed / part.name).write_bytes(part.read_bytes())
    await db.close()
    assert (killed / "earmark.db-wal").stat().st_size > 0
    assert await holds(killed / "earmark.db", tmp_path, ticket)
