"""The door to the database: opens it, brings it up to date, and hands out short read and write transactions.

It knows engines, locks and pragmas, and nothing of tickets. Writers take turns: inside the process through one lock,
across processes through SQLite's BEGIN IMMEDIATE or a PostgreSQL advisory lock. So events are numbered in the order
in which they are committed, and no two writers can ever deadlock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeAlias, TypeVarTuple, overload

from sqlalchemy import Column, CursorResult, Executable, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool
from sqlalchemy.sql.selectable import TypedReturnsRows

from earmark.store.faults import translate
from earmark.store.location import POSTGRESQL, Location, locate
from earmark.store.migrate import Migration, check_current, migrate
from earmark.store.patience import finish

WRITE_LOCK = 0x4541_524D_5752_4954  # "EARMWRIT": the advisory lock every writer on PostgreSQL holds until its commit
READERS = 4

Columns = TypeVarTuple("Columns")
Values: TypeAlias = Mapping[str, object] | Sequence[Mapping[str, object]]


class Tx:
    """One open transaction, as the repositories take it. Reads see one moment of the database throughout."""

    def __init__(self, connection: AsyncConnection, dialect: str) -> None:
        self._connection = connection
        self.dialect = dialect

    @overload
    async def execute(
        self, statement: TypedReturnsRows[*Columns], values: Values | None = None
    ) -> CursorResult[*Columns]: ...

    @overload
    async def execute(self, statement: Executable, values: Values | None = None) -> CursorResult[*tuple[Any, ...]]: ...

    async def execute(self, statement: Executable, values: Values | None = None) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement; many sets of values run it many times at once. Cancelling waits for its end."""
        return await finish(self._connection.execute(statement, values))

    async def execute_bare(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Run a plain statement, with `?` for each value, once for each row. The values are what the driver itself takes
        (`bare` makes them): for hundreds of rows of text this is a tenth of the work of `execute`."""
        if rows:
            sql = sql.replace("?", "%s") if self.dialect == POSTGRESQL else sql
            await finish(self._connection.exec_driver_sql(sql, list(rows)))

    def bare(self, column: Column[Any], value: object) -> object:
        """A value of this column as the driver takes it."""
        convert = column.type.dialect_impl(self._connection.dialect).bind_processor(self._connection.dialect)
        return convert(value) if convert is not None else value


class Database:
    """An open database. Use one for the life of the process; transactions are short and never nested."""

    def __init__(self, location: Location, reader: AsyncEngine, writer: AsyncEngine, migration: Migration) -> None:
        self._location = location
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()
        self._holder: asyncio.Task[object] | None = None
        self.migration = migration

    @classmethod
    async def open(
        cls,
        url_or_path: str | Path,
        *,
        backup_dir: Path,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Database:
        """Open and bring up to date. Raises what `locate` and `migrate` raise: each with the fix in its reason."""
        location = locate(url_or_path)
        migration = await asyncio.to_thread(migrate, location, backup_dir=backup_dir, now=now())
        if location.dialect == POSTGRESQL:
            engine = _postgres(location)
            return cls(location, _postgres_reader(engine), engine, migration)
        return cls(location, _sqlite(location, writable=False), _sqlite(location, writable=True), migration)

    @classmethod
    async def open_to_read(cls, url_or_path: str | Path) -> Database:
        """Open what is there, beside a running service or without one, and change nothing: `write` fails. Raises what
        `locate` and `check_current` raise."""
        location = locate(url_or_path)
        found = await asyncio.to_thread(check_current, location)
        reader = (
            _postgres_reader(_postgres(location))
            if location.dialect == POSTGRESQL
            else _sqlite(location, writable=False)
        )
        return cls(location, reader, reader, found)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._location.dialect

    def __repr__(self) -> str:
        return f"<Database {self._location}>"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A transaction that sees one moment of the database and can change nothing."""
        try:
            async with _transaction(self._reader) as connection:
                yield Tx(connection, self.dialect)
        except SQLAlchemyError as error:
            self._raise(error, writing=False)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """One transaction: all of it is committed when the block ends, none of it when the block raises."""
        task = asyncio.current_task()
        if task is not None and self._holder is task:
            raise RuntimeError("a write transaction was opened inside another one: pass the open one on instead")
        async with self._turn:
            self._holder = task
            try:
                async with _transaction(self._writer) as connection:
                    tx = Tx(connection, self.dialect)
                    if self.dialect == POSTGRESQL:
                        await tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITE_LOCK})
                    yield tx
            except SQLAlchemyError as error:
                self._raise(error, writing=True)
            finally:
                self._holder = None

    @property
    def file(self) -> Path | None:
        """The SQLite file; None on PostgreSQL."""
        return self._location.file

    @asynccontextmanager
    async def connection_of_its_own(self) -> AsyncIterator[AsyncConnection]:
        """A connection outside the pool and outside any transaction, for what lasts as long as the service."""
        engine = create_async_engine(
            self._location.async_url, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True
        )
        try:
            async with engine.connect() as connection:
                yield connection
        finally:
            await engine.dispose()

    async def close(self) -> None:
        """Let go of every connection. Waits for a running write."""
        async with self._turn:
            await self._reader.dispose()
            await self._writer.dispose()

    def _raise(self, error: SQLAlchemyError, *, writing: bool) -> NoReturn:
        fault = translate(error, self.dialect, writing=writing)
        if fault is None:
            raise error
        raise fault from error


@asynccontextmanager
async def _transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    connection = engine.connect()
    try:
        await finish(connection.start())
        await finish(connection.begin().start())
        yield connection
        await finish(connection.commit())
    finally:
        if connection.sync_connection is not None:
            await finish(connection.close())  # whatever was not committed is undone


def _postgres(location: Location) -> AsyncEngine:
    # A writer that hangs must not hold everybody else for ever: the server ends it.
    options = "-c lock_timeout=30000 -c idle_in_transaction_session_timeout=60000"
    return create_async_engine(
        location.async_url,
        pool_size=READERS + 1,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"application_name": "earmark", "connect_timeout": 10, "options": options},
    )


def _postgres_reader(engine: AsyncEngine) -> AsyncEngine:
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _sqlite(location: Location, *, writable: bool) -> AsyncEngine:
    engine = create_async_engine(
        location.async_url,
        pool_size=1 if writable else READERS,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"isolation_level": None, "timeout": 30},  # None: we say BEGIN ourselves
    )
    pragmas = ["busy_timeout=30000", "foreign_keys=ON", "journal_mode=WAL", "synchronous=NORMAL"]
    if not writable:
        pragmas.append("query_only=ON")

    def prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    begin = "BEGIN IMMEDIATE" if writable else "BEGIN"
    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine
