"""A real PostgreSQL of our own for the tests: a throw-away cluster on loopback, gone when the tests are.

`with temporary_postgres() as server: url = server.new_database()` gives a `postgresql://` address of an empty
database. A missing PostgreSQL fails the tests that need it; it never skips them.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

TRIES = 5  # another program may take the free port between our look and the start


class PostgresMissing(RuntimeError):
    """PostgreSQL's programs, or a user that may run them, are not on this machine."""


@dataclass(frozen=True)
class Server:
    """A running cluster. Its superuser is `earmark`, reachable by password on 127.0.0.1 alone."""

    port: int
    password: str
    _numbers: Iterator[int]

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://earmark:{self.password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)


@contextmanager
def temporary_postgres() -> Iterator[Server]:
    """Start a cluster, hand it out, stop it and take it away."""
    programs = _programs()
    home = Path(tempfile.mkdtemp(prefix="earmark-postgres-"))
    try:
        password = secrets.token_urlsafe(12)
        (home / "password").write_text(password)
        _give_away(home)
        how = ["-U", "earmark", "-E", "UTF8", "--locale=C", "--no-sync", "-A", "scram-sha-256"]
        _run([programs / "initdb", "-D", home / "data", *how, f"--pwfile={home / 'password'}"], home)
        port = _start(programs, home)
        try:
            yield Server(port, password, count(1))
        finally:
            _run([programs / "pg_ctl", "-D", home / "data", "-m", "immediate", "-w", "stop"], home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _programs() -> Path:
    """The folder with initdb and pg_ctl; Debian keeps it off PATH."""
    if (found := shutil.which("initdb")) and shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: _number(p.parts[-3]))
    if not versions:
        raise PostgresMissing(
            "These tests need PostgreSQL: apt-get install postgresql-15 (any version from 13 on does)."
        )
    return versions[-1].parent


def _number(version: str) -> int:
    return int(re.sub(r"\D.*", "", version) or 0)


def _start(programs: Path, home: Path) -> int:
    for attempt in range(TRIES):
        port = _free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": home,
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "max_connections": 60,
            "lc_messages": "C",
        }
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        try:
            _run(
                [
                    programs / "pg_ctl",
                    "-D",
                    home / "data",
                    "-w",
                    "-t",
                    "60",
                    "-l",
                    home / "log",
                    "-o",
                    options,
                    "start",
                ],
                home,
            )
        except RuntimeError:
            if attempt == TRIES - 1:
                raise
        else:
            return port
    raise AssertionError("unreachable")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _give_away(home: Path) -> None:
    """PostgreSQL refuses to run as root: then its own user gets the folder."""
    if os.geteuid() != 0:
        return
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        raise PostgresMissing("PostgreSQL refuses to run as root and there is no user `postgres` to run it.") from None
    for path in (home, home / "password"):
        os.chown(path, user.pw_uid, user.pw_gid)


def _run(command: list[str | Path], home: Path) -> None:
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    words = [*as_user, *map(str, command)]
    # The server keeps our output open for as long as it runs: a file takes it, a pipe would never end.
    with (home / f"{Path(command[0]).name}.out").open("w+b") as out:
        code = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=home, timeout=120).returncode
        if code != 0:
            out.seek(0)
            log = home / "log"
            said = out.read().decode(errors="replace") + (log.read_text(errors="replace") if log.exists() else "")
            raise RuntimeError(f"{Path(command[0]).name} failed with {code}:\n{said[-2000:]}")
