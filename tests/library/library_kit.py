"""A library on a real disk, a real database with one ticket in it, and the bound book to place."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from earmark.core.states import Pending
from earmark.core.ticket import Ticket, TicketId
from earmark.core.wish import BookWish, Kind, TicketRequest
from earmark.library.methods import Method
from earmark.library.placement import PlacementPlan, Planned, place, plan_placement
from earmark.library.recycle import FOLDER
from earmark.library.undo import undo
from earmark.store import Database, JournalEntry, JournalState, journal, tickets

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
TICKET = TicketId("0f8fad5b-d9cb-469f-a165-70867728950e")
OTHER = TicketId("7c9e6679-7425-40de-944b-e07fc1f90ae7")
AUDIO = bytes(range(256)) * 1200  # some hundred kilobytes: more than one read, quick to hash


@dataclass(frozen=True)
class Shelf:
    """Everything a placement needs, and a look at what it did."""

    root: Path
    work: Path
    db: Database

    def plan(self, ticket: TicketId = TICKET, *, audio: bytes = AUDIO, root: Path | None = None) -> PlacementPlan:
        self.work.mkdir(exist_ok=True)
        book = self.work / "book.m4b"
        book.unlink(missing_ok=True)
        book.write_bytes(audio)
        files = (
            Planned(book, "Title (1895).m4b", "book"),
            Planned(b'{"title": "Title"}\n', "metadata.json", "sidecar"),
            Planned(b"<package/>\n", "metadata.opf", "sidecar"),
            Planned(b"\xff\xd8\xffjpeg", "cover.jpg", "cover"),
        )
        return plan_placement(root or self.root, ("Author", "Saga", "1 - Title"), files, ticket, workspace=self.work)

    def tree(self, root: Path | None = None) -> dict[str, bytes]:
        """Every file below the library, hidden ones too but for the recycle folder, and empty folders as `name/`."""
        base = root or self.root
        found: dict[str, bytes] = {}
        for path in base.rglob("*"):
            if path.relative_to(base).parts[0] == FOLDER:
                continue
            if path.is_file():
                found[str(path.relative_to(base))] = path.read_bytes()
            elif path.is_dir() and not any(path.iterdir()):
                found[f"{path.relative_to(base)}/"] = b""
        return found

    async def rows(self, ticket: TicketId = TICKET) -> list[JournalEntry]:
        async with self.db.read() as tx:
            return await journal.of_ticket(tx, ticket)

    async def live(self, ticket: TicketId = TICKET) -> list[JournalEntry]:
        """What the journal says stands on the shelf now."""
        gone = {JournalState.UNDONE, JournalState.REPLACED}
        return [row for row in await self.rows(ticket) if row.state not in gone]

    def recycled(self) -> list[bytes]:
        """The contents of every file in the recycle folder."""
        return sorted(path.read_bytes() for path in (self.root / FOLDER).rglob("*") if path.is_file())


def complete(audio: bytes = AUDIO) -> dict[str, bytes]:
    """What the library holds after the placement of `Shelf.plan`."""
    folder = "Author/Saga/1 - Title"
    return {
        f"{folder}/Title (1895).m4b": audio,
        f"{folder}/metadata.json": b'{"title": "Title"}\n',
        f"{folder}/metadata.opf": b"<package/>\n",
        f"{folder}/cover.jpg": b"\xff\xd8\xffjpeg",
    }


async def open_store(folder: Path) -> Database:
    db = await Database.open(folder / "earmark.db", backup_dir=folder / "backups", now=lambda: NOW)
    async with db.write() as tx:
        for ticket_id in (TICKET, OTHER):
            if await tickets.get(tx, ticket_id) is None:
                request = TicketRequest(kind=Kind.AUDIOBOOK, wish=BookWish("Title"))
                await tickets.create(tx, Ticket(ticket_id, request, "digest", NOW, NOW, Pending(NOW)), "test")
    return db


def clock() -> datetime:
    return NOW


def visible(tree: Mapping[str, bytes]) -> dict[str, bytes]:
    """What a scanner sees: files on no hidden path."""
    return {path: data for path, data in tree.items() if not path.endswith("/") and "/." not in f"/{path}"}


def run_in_process(base: Path, action: str, die_at: int, audio: bytes) -> None:
    """The body of a child process: place (or replace, or place a download by a method) or undo, and drop dead before
    the `die_at`-th operation."""
    asyncio.run(_run(base, action, die_at, audio))


async def _run(base: Path, action: str, die_at: int, audio: bytes) -> None:
    from seeding_kit import finished  # it builds on this module

    count = 0

    def step(what: str) -> None:
        nonlocal count
        count += 1
        if count == die_at:
            os._exit(9)  # no clean-up of any kind, as with kill -9

    shelf = Shelf(base / "library", base / "work", await open_store(base))
    what, _, method = action.partition(" ")
    if what == "undo":
        await undo(shelf.db, TICKET, clock=clock, step=step)
    elif method:
        plan = finished(base / "downloads").plan(shelf.root, cast("Method", method), released=True)
        await place(shelf.db, plan, clock=clock, step=step, replace=what == "replace")
    else:
        await place(shelf.db, shelf.plan(audio=audio), clock=clock, step=step, replace=what == "replace")
    await shelf.db.close()
