"""Brings a database to the shape this version needs, or back, without ever risking what is in it.

A SQLite file is checked and copied before it is touched; each migration run is one transaction on both databases.
Everything here is synchronous: `Database.open` runs it in a thread, with engines of its own.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from earmark.core.reasons import EarmarkError, PermanentError
from earmark.store.faults import DatabaseAway, DatabaseDamaged, damaged, translate
from earmark.store.location import Location

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x4541_524D_4D49_4752  # "EARMMIGR": nobody else's advisory lock has this number

_alembic = threading.Lock()  # alembic keeps its context in module globals


class WrongRevision(PermanentError):
    """The database was made by another version of Earmark, or by something else."""


@dataclass(frozen=True, slots=True)
class Migration:
    """What `migrate` did. `old` is None for a new database; `backup` is None where nothing was copied."""

    old: str | None
    new: str | None
    backup: Path | None


def migrate(
    location: Location,
    *,
    backup_dir: Path,
    now: datetime,
    target: str = "head",
    versions: Sequence[Path] = (),
) -> Migration:
    """Bring the database to revision `target` ("head", "base" or a revision; older than now means: downgrade).

    `versions` names further folders with revisions. Raises `DatabaseDamaged` for a broken file, `WrongRevision` for a
    database of a newer version or of another program, `DatabaseAway` when the server does not answer.
    """
    scripts = ScriptDirectory.from_config(_config(versions))
    goal = scripts.get_current_head() if target == "head" else None if target == "base" else target
    with _engine(location) as engine:
        fresh = location.file is not None and _make_sure_it_exists(location.file)
        if location.file and not fresh:
            _check(location.file)
        with engine.connect() as connection:
            old = _revision(connection)
            _refuse_strangers(location, connection, old, scripts)
        if old == goal:
            return Migration(old, old, None)
        backup = None if fresh or location.file is None else _copy(location.file, backup_dir, old, now)
        new = _run(engine, location, goal, scripts, versions)
    return Migration(old, new, backup)


def check_current(location: Location) -> Migration:
    """What stands there, untouched. Raises `WrongRevision` unless it is a database of this very version, and
    `DatabaseDamaged` for a file that is not there or is no database."""
    scripts = ScriptDirectory.from_config(_config(()))
    head = scripts.get_current_head()
    if location.file is not None and not location.file.is_file():
        raise DatabaseDamaged.of(
            "database_missing",
            f"There is no database at {location.file}.",
            "Name the data directory with --data-dir, or start Earmark once with `earmark serve`.",
        )
    with _engine(location, writing=False) as engine, engine.connect() as connection:
        revision = _revision(connection)
        _refuse_strangers(location, connection, revision, scripts)
    if revision != head:
        raise WrongRevision.of(
            "database_older",
            f"The database {location} is at revision {revision}, and this version of Earmark reads {head}.",
            "Start it once with `earmark serve`, which copies the database and brings it up to date.",
            revision=revision,
        )
    return Migration(revision, revision, None)


def _config(versions: Sequence[Path]) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    folders = os.pathsep.join(str(p) for p in (MIGRATIONS / "versions", *versions))
    config.set_main_option("version_locations", folders.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


BUSY_SECS = 30.0


@contextmanager
def _engine(location: Location, *, writing: bool = True) -> Iterator[Engine]:
    if location.file:
        arguments: dict[str, object] = {"isolation_level": None, "timeout": 30}
    else:
        arguments = {"application_name": "earmark-migrate", "connect_timeout": 10}
    engine = create_engine(location.sync_url, poolclass=NullPool, connect_args=arguments, hide_parameters=True)
    if location.file:
        if writing:
            event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN"))
    try:
        yield engine
    except DBAPIError as error:
        raise _explained(error, location) from error
    finally:
        engine.dispose()


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # Foreign keys stay off here: a table that SQLite rebuilds is dropped for a moment. They are checked afterwards.
    for pragma in ("busy_timeout=30000", "foreign_keys=OFF", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    _write_ahead(cursor)
    cursor.close()


def _write_ahead(cursor: DBAPICursor) -> None:
    """Switch to the write-ahead log. Where another process is just doing so, SQLite answers "locked" at once, whatever
    the busy timeout: so we wait for it here."""
    deadline = time.monotonic() + BUSY_SECS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def _explained(error: DBAPIError, location: Location) -> Exception:
    if location.file:
        return translate(error, location.dialect) or error
    if error.connection_invalidated or error.statement is None:
        return DatabaseAway.of(
            "database_away",
            f"PostgreSQL did not let us in: database {location} ({str(error.orig).strip().splitlines()[0]}).",
            "Check `[database] url`, and that the server runs and knows this user and database.",
        )
    return translate(error, location.dialect) or error


def _make_sure_it_exists(file: Path) -> bool:
    """Create the file, readable by its owner alone, unless it is there. True when there is nothing in it yet."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise DatabaseDamaged.of(
            "database_path_unusable",
            f"The database file {file} cannot be opened for writing: {error.strerror}.",
            "Give the user that runs Earmark write access to that file and its folder, or change `[database] path`.",
        ) from error
    return file.stat().st_size == 0


def _check(file: Path) -> None:
    """Raise `DatabaseDamaged` unless SQLite finds every page and index of the file sound."""
    try:
        with closing(sqlite3.connect(file, timeout=30)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
    except sqlite3.DatabaseError as error:
        fault = translate(DBAPIError("PRAGMA integrity_check", None, error), "sqlite")
        raise fault or damaged(str(error)) from error
    if found != ["ok"]:
        raise damaged("; ".join(" ".join(line.split()) for line in found))


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_strangers(
    location: Location, connection: Connection, revision: str | None, scripts: ScriptDirectory
) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    if revision is not None and revision not in known:
        raise WrongRevision.of(
            "database_newer",
            f"The database {location} is at revision {revision}, which this version of Earmark does not know.",
            "Start the newer version of Earmark again, or put back the copy made before that version was installed.",
            revision=revision,
        )
    tables = set(inspect(connection).get_table_names()) if location.file else set()
    if revision is None and tables - {"alembic_version"}:
        raise WrongRevision.of(
            "database_foreign",
            f"The file {location} is a database of another program.",
            "Set `[database] path` to a file of its own for Earmark.",
        )


def _copy(file: Path, backup_dir: Path, revision: str | None, now: datetime) -> Path:
    """A consistent copy of the file; it bears its final name only once it is whole and on the disk."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    copy = backup_dir / f"earmark-{revision or 'empty'}-{stamp}.db"
    partial = copy.with_suffix(".partial")
    try:
        backup_dir.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as connection:
                connection.execute("VACUUM INTO ?", (str(partial),))
            os.fsync(handle)
        finally:
            os.close(handle)
        partial.replace(copy)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise _no_backup(backup_dir, error) from error
    return copy


def _no_backup(backup_dir: Path, error: Exception) -> EarmarkError:
    return PermanentError.of(
        "backup_failed",
        f"The database was not upgraded, because no copy of it could be made in {backup_dir}: {error}.",
        "Free space there, or give the user that runs Earmark write access to it, and start again.",
    )


def _run(
    engine: Engine, location: Location, goal: str | None, scripts: ScriptDirectory, versions: Sequence[Path]
) -> str | None:
    """Migrate in one transaction. Whoever else came first has it done already: then nothing is left to do."""
    with _alembic, engine.begin() as connection:
        if location.file is None:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        old = _revision(connection)
        config = _config(versions)
        config.attributes["connection"] = connection
        if goal is None or (old is not None and goal in _ancestors(scripts, old)):
            command.downgrade(config, goal or "base")
        else:
            command.upgrade(config, goal)
        if location.file and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
            raise damaged(f"after the upgrade a row of {broken[0]} refers to nothing; nothing was changed")
        return _revision(connection)


def _ancestors(scripts: ScriptDirectory, revision: str) -> set[str]:
    return {script.revision for script in scripts.iterate_revisions(revision, "base")} - {revision}
