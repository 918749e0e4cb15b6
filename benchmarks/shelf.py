"""The shelf measured: placing books by hardlink with their sidecars, beside a bare loop of `os.link`, in one run.

    python benchmarks/shelf.py [--books 100] [--parts 10] [--dir FOLDER]

Prints seconds, files a second, the share that is fsync (ours and none of the baseline's), and the ratio to the bare
loop with the same files and folders. Then what a look costs: trying a method, `stat` of every file, the proof that the
download is untouched, and one placement of all files in one folder. The database is the real one; its own fsyncs count
as the journal's time.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import bencode2
from rich.console import Console
from rich.table import Table

from earmark.core.states import Pending
from earmark.core.ticket import Ticket, TicketId
from earmark.core.wish import BookWish, Kind, TicketRequest
from earmark.library.methods import probe_method
from earmark.library.placement import Planned, place, plan_placement
from earmark.library.seedproof import prove_untouched
from earmark.library.undo import undo
from earmark.store import Database, Tx, tickets

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PART = 64 * 1024
SIDECARS = {
    "metadata.json": b'{"title": "Title", "chapters": []}\n' * 40,
    "metadata.opf": b"<package/>\n" * 60,
    "desc.txt": b"What it is about.\n" * 20,
    "reader.txt": b"A Reader\n",
}


@dataclass
class Meter:
    """Seconds spent in fsync, and in the journal's transactions."""

    fsync: float = 0.0
    fsyncs: int = 0
    journal: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        real = os.fsync

        def timed(descriptor: int) -> None:
            begun = time.perf_counter()
            real(descriptor)
            self.fsync += time.perf_counter() - begun
            self.fsyncs += 1

        with patch.object(os, "fsync", timed):
            yield


class MeteredDatabase(Database):
    """The database, with a watch on its transactions."""

    meter: Meter

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        begun = time.perf_counter()
        async with super().write() as tx:
            yield tx
        self.meter.journal += time.perf_counter() - begun

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        begun = time.perf_counter()
        async with super().read() as tx:
            yield tx
        self.meter.journal += time.perf_counter() - begun


def downloads(home: Path, books: int, parts: int) -> list[list[Path]]:
    """A folder a book, with parts of random bytes."""
    rng = random.Random(1)
    found: list[list[Path]] = []
    for book in range(books):
        folder = home / f"Book {book}"
        folder.mkdir(parents=True)
        found.append([folder / f"{part:03}.mp3" for part in range(parts)])
        for path in found[-1]:
            path.write_bytes(rng.randbytes(PART))
    os.sync()
    return found


def bare(found: list[list[Path]], root: Path) -> float:
    """The least anybody could do: a folder a book, a link a part, the sidecars written; no fsync, no journal."""
    begun = time.perf_counter()
    for parts in found:
        folder = root / "Author" / parts[0].parent.name
        folder.mkdir(parents=True)
        for path in parts:
            os.link(path, folder / path.name)
        for name, data in SIDECARS.items():
            (folder / name).write_bytes(data)
    return time.perf_counter() - begun


async def shelved(db: MeteredDatabase, ids: list[TicketId], found: list[list[Path]], root: Path) -> float:
    """The same by `place`, one ticket a book."""
    begun = time.perf_counter()
    for ticket_id, parts in zip(ids, found, strict=True):
        files = [Planned(path, path.name, "book", "seeding") for path in parts]
        files += [Planned(data, name, "sidecar") for name, data in SIDECARS.items()]
        plan = plan_placement(root, ("Author", parts[0].parent.name), files, ticket_id, method="hardlink")
        await place(db, plan, clock=lambda: NOW)
    return time.perf_counter() - begun


async def file_tickets(db: Database, count: int) -> list[TicketId]:
    ids = [TicketId(f"{number:08x}-0000-4000-8000-000000000000") for number in range(count)]
    async with db.write() as tx:
        for number, ticket_id in enumerate(ids):
            request = TicketRequest(kind=Kind.AUDIOBOOK, wish=BookWish(f"Title {number}"))
            await tickets.create(tx, Ticket(ticket_id, request, str(number), NOW, NOW, Pending(NOW)), "benchmark")
    return ids


def torrent_of(parts: list[Path]) -> bytes:
    content = b"".join(path.read_bytes() for path in parts)
    info = {
        b"name": parts[0].parent.name.encode(),
        b"piece length": PART,
        b"pieces": b"".join(hashlib.sha1(content[at : at + PART]).digest() for at in range(0, len(content), PART)),
        b"files": [{b"length": PART, b"path": [path.name.encode()]} for path in parts],
    }
    return bencode2.bencode({b"info": info})


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


async def measure(home: Path, books: int, parts: int) -> Table:
    found = downloads(home / "downloads", books, parts)
    count = books * (parts + len(SIDECARS))
    for name in ("bare", "library", "flat"):
        (home / name).mkdir()
    db = await MeteredDatabase.open(home / "earmark.db", backup_dir=home / "backups")
    assert isinstance(db, MeteredDatabase)
    db.meter = Meter()
    ids = await file_tickets(db, books + 1)
    floor = bare(found, home / "bare")
    table = Table(title=f"{books} books of {parts} parts by hardlink, {len(SIDECARS)} sidecars each: {count} files")
    for column in ("what", "seconds", "fsync", "fsyncs", "journal", "rest", "cpu", "files/s", "rest / bare"):
        table.add_column(column, justify="left" if column == "what" else "right")
    table.add_row(
        "bare os.link and write", f"{floor:.2f}", "-", "-", "-", f"{floor:.2f}", "", f"{count / floor:,.0f}", "1.0"
    )

    async def row(what: str, files: int, work: Callable[[MeteredDatabase], Awaitable[object]]) -> None:
        db.meter = meter = Meter()
        with meter.running():
            begun, cpu = time.perf_counter(), time.process_time()
            await work(db)
            whole, cpu = time.perf_counter() - begun, time.process_time() - cpu
        rest = whole - meter.fsync - meter.journal
        table.add_row(
            what,
            f"{whole:.2f}",
            f"{meter.fsync:.2f}",
            str(meter.fsyncs),
            f"{meter.journal:.2f}",
            f"{rest:.2f}",
            f"{cpu:.2f}",
            f"{files / (whole - meter.fsync):,.0f} *",
            f"{rest / floor:.1f}",
        )

    await row("place, a ticket a book", count, lambda db: shelved(db, ids[:-1], found, home / "library"))
    every = [path for parts_ in found for path in parts_]
    files = [Planned(path, f"{n:05}.mp3", "book", "seeding") for n, path in enumerate(every)]
    files += [Planned(data, name, "sidecar") for name, data in SIDECARS.items()]
    plan = plan_placement(home / "flat", ("Author", "All"), files, ids[-1], method="hardlink")
    await row("place, all in one folder", len(files), lambda db: place(db, plan, clock=lambda: NOW))
    await row("place it again", len(files), lambda db: place(db, plan, clock=lambda: NOW))
    await row("undo it", len(files), lambda db: undo(db, ids[-1], clock=lambda: NOW))
    probe = timed(lambda: probe_method(home / "downloads", home / "library", "hardlink"))
    looks = timed(lambda: [path.lstat() for path in every])
    proof = timed(lambda: prove_untouched(torrent_of(found[0]), home / "downloads", rng=random.Random(1)))
    table.caption = (
        f"* without fsync. Trying a method: {probe * 1e3:.1f} ms. lstat of {len(every)} files: {looks * 1e3:.1f} ms. "
        f"Proof of one download from 16 pieces, with making its torrent: {proof * 1e3:.1f} ms."
    )
    await db.close()
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--books", type=int, default=100)
    parser.add_argument("--parts", type=int, default=10)
    parser.add_argument("--dir", type=Path, default=None, help="where to work (default: the temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="earmark-shelf-", dir=options.dir) as home:
        table = asyncio.run(measure(Path(home), options.books, options.parts))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
