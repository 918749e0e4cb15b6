"""Takes a placement back with the journal's help, and sweeps away what crashed runs left under our own hidden names.
Removes only what is proven ours: a file that somebody changed since is kept and reported."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from earmark.core.ticket import TicketId
from earmark.library.faults import from_os
from earmark.library.offload import offload
from earmark.library.staging import (
    TEMP_NAME,
    Digest,
    Step,
    aside_of,
    digest_of,
    discard,
    flush_folder,
    mark_of,
    temp_name,
)
from earmark.store import Database, journal
from earmark.store.journal import JournalEntry, JournalOp, JournalState


@dataclass(frozen=True, slots=True)
class Undone:
    """Files that are gone again, and files that stay because they are no longer what was placed."""

    removed: tuple[Path, ...]
    kept: tuple[Path, ...]


def _silent(*_: object) -> None:
    pass


async def undo(db: Database, ticket_id: TicketId, *, clock: Callable[[], datetime], step: Step = _silent) -> Undone:
    """Take back everything a ticket placed, finished or not. Doing it twice does nothing the second time."""
    async with db.read() as tx:
        rows = [row for row in await journal.of_ticket(tx, ticket_id) if row.state is not JournalState.UNDONE]
    undone = await offload(lambda check: take_back(rows, ticket_id, step, check))
    step("journal the undoing")
    async with db.write() as tx:
        await journal.mark(tx, [row.id for row in rows], JournalState.UNDONE, clock())
    return undone


async def sweep_orphans(root: Path, known_tickets: Collection[TicketId]) -> tuple[Path, ...]:
    """Remove hidden leftovers of our own naming below `root` that belong to none of `known_tickets` (those that may
    still finish a placement). Symlinks are not followed. Returns what was removed."""
    known = {mark_of(ticket_id) for ticket_id in known_tickets}
    return await offload(lambda check: _sweep(root, known, check))


def take_back(rows: Sequence[JournalEntry], ticket_id: TicketId, step: Step, check: Callable[[], None]) -> Undone:
    """The file work of `undo`: files by folder, then hidden leftovers, then folders that are empty now."""
    removed: list[Path] = []
    kept: list[Path] = []
    files = [row for row in rows if row.op is not JournalOp.MKDIR]
    folders = sorted({Path(row.target).parent for row in files})
    try:
        for folder in folders:
            ours = [row for row in files if Path(row.target).parent == folder]
            there = [row for row in ours if os.path.lexists(row.target)]
            gone = [Path(row.target) for row in there if _is_ours(row, ticket_id, step, check)]
            kept += [Path(row.target) for row in there if Path(row.target) not in gone]
            _remove(folder, gone, ticket_id, step)
            removed += gone
            _discard_leftovers(folder, ticket_id, ours, step)
        for made in sorted((Path(row.target) for row in rows if row.op is JournalOp.MKDIR), reverse=True):
            with suppress(OSError):  # not empty: somebody else lives there now
                step(f"remove {made.name}")
                made.rmdir()
    except OSError as error:
        raise from_os(error, "taking the book back", folders[0] if folders else Path()) from error
    return Undone(tuple(removed), tuple(kept))


def _is_ours(row: JournalEntry, ticket_id: TicketId, step: Step, check: Callable[[], None]) -> bool:
    """Is the file there what the journal says? A replacement that was interrupted has kept it aside: it comes back."""
    path = Path(row.target)
    if _matches(path, row, check):
        return True
    aside = aside_of(ticket_id, path)
    if not _matches(aside, row, check):
        return False
    step(f"put {path.name} back")
    aside.replace(path)
    return True


def _matches(path: Path, row: JournalEntry, check: Callable[[], None]) -> bool:
    if path.is_symlink() or not path.is_file() or path.stat().st_size != row.size or row.sha256 is None:
        return False
    return digest_of(path, check) == Digest(row.size, row.sha256)


def _remove(folder: Path, gone: Sequence[Path], ticket_id: TicketId, step: Step) -> None:
    """When nothing else is in the folder it is hidden in one rename first: no scanner sees half a book."""
    if not gone:
        return
    others = {path.name for path in folder.iterdir() if not TEMP_NAME.fullmatch(path.name)} - {p.name for p in gone}
    hidden = folder.parent / temp_name(ticket_id, folder.name)
    if others or os.path.lexists(hidden):
        for path in gone:
            step(f"remove {path.name}")
            path.unlink(missing_ok=True)
        flush_folder(folder)
        return
    step(f"hide {folder.name}")
    folder.rename(hidden)
    discard(hidden, step)
    flush_folder(folder.parent)


def _discard_leftovers(folder: Path, ticket_id: TicketId, rows: Sequence[JournalEntry], step: Step) -> None:
    discard(folder.parent / temp_name(ticket_id, folder.name), step)
    for row in rows:
        if row.temp and TEMP_NAME.fullmatch(Path(row.temp).name):
            discard(Path(row.temp), step)
    if folder.is_dir():
        for path in list(folder.iterdir()):
            found = TEMP_NAME.fullmatch(path.name)
            if found and found[1] == mark_of(ticket_id):
                discard(path, step)


def _sweep(root: Path, known: Collection[str], check: Callable[[], None]) -> tuple[Path, ...]:
    removed: list[Path] = []
    for folder, folders, files in os.walk(root):
        check()
        for name in (*folders, *files):
            found = TEMP_NAME.fullmatch(name)
            if not found or found[1] in known:
                continue
            path = Path(folder, name)
            with suppress(OSError):  # what cannot be removed now is removed at the next start
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
                removed.append(path)
        folders[:] = [name for name in folders if not TEMP_NAME.fullmatch(name)]
    return tuple(removed)
