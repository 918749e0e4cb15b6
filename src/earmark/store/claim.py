"""One service a database. A second one would take the first one's running acts for abandoned and do them again beside it;
on PostgreSQL, where the data directory's lock cannot tell, the database itself says who is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from filelock import FileLock, Timeout
from sqlalchemy import text

from earmark.core.reasons import PermanentError, Reason
from earmark.store.database import Database

CLAIM = 0x4561726D61726B  # "Earmark": held by the session, so it ends with the process however that ends


class DatabaseInUse(PermanentError):
    """Another Earmark already works on this database."""


@asynccontextmanager
async def sole_service(db: Database) -> AsyncIterator[None]:
    """Hold the database for this service. Raises `DatabaseInUse` at once when another one holds it."""
    if db.file is not None:
        lock = FileLock(f"{db.file}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise _in_use() from None
        try:
            yield
        finally:
            lock.release()
        return
    async with db.connection_of_its_own() as connection:
        claimed = await connection.execute(text("SELECT pg_try_advisory_lock(:claim)"), {"claim": CLAIM})
        if not claimed.scalar_one():
            raise _in_use()
        yield


def _in_use() -> DatabaseInUse:
    return DatabaseInUse(
        Reason(
            "database_in_use",
            "Another Earmark is already running on this database.",
            "Stop it first, or give this one a database of its own ([database] path or url).",
        )
    )
