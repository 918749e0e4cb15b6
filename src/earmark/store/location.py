"""Where the database is: a SQLite file or a PostgreSQL address, and how each driver is told. Opens nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from earmark.core.reasons import PermanentError

POSTGRESQL = "postgresql"
SQLITE = "sqlite"


class UnknownDatabase(PermanentError):
    """The address names no database we can use."""


@dataclass(frozen=True, slots=True)
class Location:
    """`file` is set for SQLite, None for PostgreSQL. `url` never shows its password in a repr."""

    dialect: str
    url: URL
    file: Path | None = None

    @property
    def sync_url(self) -> URL:
        return self.url

    @property
    def async_url(self) -> URL:
        return self.url.set(drivername="sqlite+aiosqlite") if self.file else self.url

    def __str__(self) -> str:
        """For people: the file, or the server without credentials."""
        if self.file:
            return str(self.file)
        return f"{self.url.database or ''} at {self.url.host or self.url.query.get('host', 'the local socket')}"


def locate(url_or_path: str | Path) -> Location:
    """Read `postgresql://…`, `postgres://…`, `sqlite:///…` or a plain path. Raises `UnknownDatabase`."""
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return _file(Path(url_or_path))
    try:
        url = make_url(url_or_path)
    except ArgumentError:
        url = None
    scheme = url_or_path.partition("://")[0].partition("+")[0]
    if url is not None and scheme in {"postgresql", "postgres"}:
        return Location(POSTGRESQL, url.set(drivername="postgresql+psycopg"))
    if url is not None and scheme == "sqlite" and url.database and url.database != ":memory:":
        return _file(Path(url.database))
    raise UnknownDatabase.of(
        "database_url_unknown",
        f"The database address (it starts with {scheme}://) names no database that Earmark can use.",
        "Set `[database] path` to a file, or `[database] url` to postgresql://user:password@host/name.",
    )


def _file(path: Path) -> Location:
    path = path.expanduser().absolute()
    return Location(SQLITE, URL.create("sqlite+pysqlite", database=str(path)), path)
