"""What goes wrong with a database, as the house's own errors: what happened, and the one next step.

A fault of the world (busy, away, disk full) is transient; a damaged or unwritable file is not. Everything else is a
bug of ours and passes through unchanged. Statements and their values are never part of a message.
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError

from earmark.core.reasons import EarmarkError, PermanentError, TransientError
from earmark.store.location import POSTGRESQL


class DatabaseAway(TransientError):
    """The database is busy, unreachable or out of disk; the same work may succeed later."""


class DatabaseDamaged(PermanentError):
    """The database file is broken, is not ours, or cannot be written."""


def translate(error: Exception, dialect: str, *, writing: bool = True) -> EarmarkError | None:
    """The house's error for a driver's one, or None for a bug of ours, such as a write where only reading is meant."""
    if isinstance(error, TimeoutError):
        return _busy(dialect)
    if not isinstance(error, DBAPIError):
        return None
    if dialect == POSTGRESQL:
        gone = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
        return _postgres_away(error) if gone else None
    return _sqlite_fault(str(error.orig), writing)


def _busy(dialect: str) -> EarmarkError:
    return DatabaseAway.of(
        "database_busy",
        "The database was busy for too long.",
        "Nothing to do: it is tried again. If it stays so, stop other programs that use the same database.",
        database=dialect,
    )


def _postgres_away(error: DBAPIError) -> EarmarkError:
    return DatabaseAway.of(
        "database_away",
        f"PostgreSQL did not finish the work ({type(error.orig).__name__}).",
        "Nothing to do: it is tried again. If it stays so, look at the PostgreSQL server and its log.",
    )


def _sqlite_fault(text: str, writing: bool) -> EarmarkError | None:
    low = text.lower()
    if "locked" in low or "busy" in low:
        return _busy("sqlite")
    if "disk is full" in low:
        return DatabaseAway.of(
            "database_disk_full",
            "The disk that holds the database is full.",
            "Free space on that disk; the work goes on by itself.",
        )
    if "disk i/o" in low or "unable to open" in low:
        return DatabaseAway.of(
            "database_io",
            f"The database file could not be read or written ({text}).",
            "Check that the disk with the data directory is mounted and healthy.",
        )
    if "malformed" in low or "not a database" in low:
        return damaged(text)
    if "readonly" in low and writing:
        return DatabaseDamaged.of(
            "database_read_only",
            "The database file cannot be written.",
            "Give the user that runs Earmark write access to the data directory and the files in it.",
        )
    return None


def damaged(what: str) -> EarmarkError:
    return DatabaseDamaged.of(
        "database_damaged",
        f"The database file is damaged: {what}.",
        "Stop Earmark, put the newest copy from the backup folder in its place, and start again.",
    )
