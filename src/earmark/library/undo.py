"""Takes back what a ticket did on the shelf, act by act, with nothing but the journal's help: placed files go to the
recycle folder, replaced ones come back, moved ones go home. Also sweeps away what crashed runs left under our own hidden
names. Removes only what is proven ours: a file that somebody changed since is kept and reported."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from earmark.core.reasons import JsonValue, PermanentError, Reason
from earmark.core.ticket import TicketId
from earmark.library import recycle as bin_
from earmark.library.faults import LibraryMissing, from_os
from earmark.library.offload import offload
from earmark.library.staging import TEMP_NAME, Digest, Step, digest_of, discard, flush_folder, mark_of, temp_name
from earmark.store import Database, journal
from earmark.store.journal import LIVE, JournalEntry, JournalOp, JournalState

Check = Callable[[], None]
_FILES = frozenset({JournalOp.PLACE, JournalOp.SIDECAR, JournalOp.COVER})


class UndoExpired(PermanentError):
    """What an undo would bring back is no longer in the recycle folder."""


@dataclass(frozen=True, slots=True)
class Undone:
    """Files that are gone again (in the recycle folder), files that stay because they are no longer what was placed,
    and files that came back or went home."""

    removed: tuple[Path, ...]
    kept: tuple[Path, ...]
    restored: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """One thing a ticket did on the shelf, as somebody who may undo it sees it. `kind`: place, replace or move."""

    number: int
    kind: str
    at: datetime
    folder: Path
    files: int


def _silent(*_: object) -> None:
    pass


async def acts_of(db: Database, ticket_id: TicketId) -> tuple[Act, ...]:
    """What of this ticket can be undone, the oldest first."""
    async with db.read() as tx:
        rows = await journal.of_ticket(tx, ticket_id)
    numbers = sorted({row.act for row in rows if row.state is not JournalState.UNDONE})
    return tuple(_act(number, [row for row in rows if row.act == number]) for number in numbers)


async def undo(
    db: Database,
    ticket_id: TicketId,
    *,
    clock: Callable[[], datetime],
    step: Step = _silent,
    recycle: Path | None = None,
    act: int = 1,
) -> Undone:
    """Take back the act of that number and all later ones, finished or not: without a number everything the ticket
    did. Doing it twice does nothing the second time. `recycle` is the recycle folder when it is not the library's own.
    Raises `undo_expired` and `library_missing` before anything is touched, and the named errors of the file system."""
    total = Undone((), ())
    async with db.read() as tx:
        known = await journal.of_ticket(tx, ticket_id)
    todo = [row for row in known if row.act >= act and row.state is not JournalState.UNDONE]
    await offload(lambda check: _refuse_absent(todo))
    await offload(lambda check: _refuse_expired(todo, check))
    for number in sorted({row.act for row in todo}, reverse=True):
        found = await _undo_act(db, ticket_id, number, clock, step, recycle)
        total = Undone(total.removed + found.removed, total.kept + found.kept, total.restored + found.restored)
    return total


async def _undo_act(
    db: Database,
    ticket_id: TicketId,
    number: int,
    clock: Callable[[], datetime],
    step: Step,
    recycle: Path | None,
) -> Undone:
    async with db.read() as tx:  # again: an act that went before may have moved the paths
        known = await journal.of_ticket(tx, ticket_id)
    rows = [row for row in known if row.act == number and row.state is not JournalState.UNDONE]
    where = _bin(rows, ticket_id, recycle, clock())
    found = await offload(lambda check: take_back(rows, ticket_id, step, check, into=where))
    step("journal the undoing")
    async with db.write() as tx:
        await journal.mark(tx, [row.id for row in rows], JournalState.UNDONE, clock())
        moved = [row for row in rows if row.op is JournalOp.MOVE and row.state in LIVE]
        await journal.rebase(tx, [(row.target, row.source or "") for row in reversed(moved)])
        await journal.revive(tx, [row.target for row in rows if row.kept], clock())
    return found


async def sweep_orphans(root: Path, known_tickets: Collection[TicketId]) -> tuple[Path, ...]:
    """Remove hidden leftovers of our own naming below `root` that belong to none of `known_tickets` (those that may
    still finish a placement). Symlinks are not followed. Returns what was removed."""
    known = {mark_of(ticket_id) for ticket_id in known_tickets}
    return await offload(lambda check: _sweep(root, known, check))


def take_back(
    rows: Sequence[JournalEntry],
    ticket_id: TicketId,
    step: Step,
    check: Check,
    *,
    into: Path | None = None,
    brought: Mapping[str, str] | None = None,
) -> Undone:
    """The file work for one act, in the reverse order of its doing: removed files, placed files by folder, moves, then
    folders that are empty now.
    `into` is the folder that takes what goes; without one it is deleted, as after a run that failed. `brought` are the
    inodes of files that such a run brought itself, by target: they are ours whatever they hold."""
    rows = [replace(row, inode=(brought or {}).get(row.target, row.inode)) for row in rows]
    files = [row for row in rows if row.op in _FILES]
    folders = sorted({Path(row.target).parent for row in files})
    made = {Path(row.target) for row in rows if row.op is JournalOp.MKDIR}
    undo_ = _Undoing(ticket_id, into, frozenset((brought or {}).keys()), step, check, [], [], [])
    try:
        for row in rows:
            if row.op is JournalOp.REMOVE:
                undo_.bring_back(row)
        for folder in folders:
            undo_.clear(folder, [row for row in files if Path(row.target).parent == folder], whole=folder in made)
        for row in reversed([row for row in rows if row.op is JournalOp.MOVE]):
            undo_.move_home(row)
        for folder in sorted(made, reverse=True):
            with suppress(OSError):  # not empty: somebody else lives there now
                step(f"remove {folder.name}")
                folder.rmdir()
        for folder in {Path(row.kept).parent for row in rows if row.kept}:
            bin_.prune(folder, Path(rows[0].root))
    except OSError as error:
        raise from_os(error, "taking the book back", folders[0] if folders else Path()) from error
    return Undone(tuple(undo_.removed), tuple(undo_.kept), tuple(undo_.restored))


@dataclass(frozen=True, slots=True)
class _Undoing:
    """One act on its way back, and what came of it."""

    ticket_id: TicketId
    into: Path | None
    forced: frozenset[str]
    step: Step
    check: Check
    removed: list[Path]
    kept: list[Path]
    restored: list[Path]

    def move_home(self, row: JournalEntry) -> None:
        source, target = Path(row.source or ""), Path(row.target)
        if os.path.lexists(target) and not os.path.lexists(source):
            self.step(f"move {target.name} home")
            source.parent.mkdir(parents=True, exist_ok=True)
            target.rename(source)
            flush_folder(source.parent)
            if target.parent.is_dir():
                flush_folder(target.parent)
            self.restored.append(source)
        elif os.path.lexists(target) and row.state in LIVE:
            self.kept.append(target)

    def bring_back(self, row: JournalEntry) -> None:
        kept, target = Path(row.kept or ""), Path(row.target)
        if not row.kept or not os.path.lexists(kept):
            return
        if os.path.lexists(target):  # somebody put another there: both stay
            if row.state in LIVE:
                self.kept.append(target)
            return
        bin_.bring_back(kept, target, self.ticket_id, self.step, self.check)
        self.restored.append(target)

    def clear(self, folder: Path, rows: Sequence[JournalEntry], *, whole: bool) -> None:
        """The files of one folder. One that we made and that holds nothing else goes in one rename: no scanner sees
        half a book."""
        there = [row for row in rows if os.path.lexists(row.target)]
        ours = [row for row in there if self._is_ours(row)]
        others = folder.is_dir() and _visible(folder) - {Path(row.target).name for row in ours}
        self._leftovers(folder, rows)
        if whole and ours and not others and not folder.is_symlink() and not any(row.kept for row in ours):
            self.removed.extend(Path(row.target) for row in ours)
            self._hide(folder, rows[0].root)
            return
        for row in sorted(there, key=lambda row: row.op is not JournalOp.PLACE):
            self._swap(row, ours=row in ours)
        for row in rows:
            if row not in there and row.kept and os.path.lexists(row.kept):
                bin_.bring_back(Path(row.kept), Path(row.target), self.ticket_id, self.step, self.check)
                self.restored.append(Path(row.target))
        if folder.is_dir():
            flush_folder(folder)

    def _swap(self, row: JournalEntry, *, ours: bool) -> None:
        """Ours goes, what it replaced comes back over it in one rename."""
        path, kept = Path(row.target), Path(row.kept) if row.kept and os.path.lexists(row.kept) else None
        if not ours:
            if kept is None:
                if row.state in LIVE and not row.kept:
                    self.kept.append(path)
            elif _alike(path, kept, self.check):  # the run was stopped before it replaced anything
                kept.unlink()
            elif row.state in LIVE:
                self.kept.append(path)
            return
        self.removed.append(path)
        if kept is not None:
            if self.into is not None:
                bin_.keep(path, self._place_for(path, row.root), self.ticket_id, self.step, self.check)
            bin_.bring_back(kept, path, self.ticket_id, self.step, self.check)
            self.restored.append(path)
        elif self.into is not None:
            bin_.retire(path, self._place_for(path, row.root), self.ticket_id, self.step, self.check)
        else:
            self.step(f"remove {path.name}")
            path.unlink(missing_ok=True)

    def _hide(self, folder: Path, root: str) -> None:
        hidden = folder.parent / temp_name(self.ticket_id, folder.name)
        self.step(f"hide {folder.name}")
        folder.rename(hidden)
        flush_folder(folder.parent)
        if self.into is not None:
            bin_.retire(hidden, self._place_for(folder, root), self.ticket_id, self.step, self.check)
        discard(hidden, self.step)

    def _place_for(self, path: Path, root: str) -> Path:
        inside = path.relative_to(root) if root and path.is_relative_to(root) else Path(path.name)
        return (self.into or Path()) / inside

    def _is_ours(self, row: JournalEntry) -> bool:
        """Is the file there what the journal says? A name for a download's bytes is known by its inode."""
        path = Path(row.target)
        if path.is_symlink() or not path.is_file():
            return False
        facts = path.stat()
        if row.inode == str(facts.st_ino) and (row.sha256 is None or row.target in self.forced):
            return True
        if facts.st_size != row.size:
            return False
        if row.sha256 is not None:
            return digest_of(path, self.check) == Digest(facts.st_size, row.sha256)
        return row.source is not None and Path(row.source).is_file() and _alike(path, Path(row.source), self.check)

    def _leftovers(self, folder: Path, rows: Sequence[JournalEntry]) -> None:
        hidden = folder.parent / temp_name(self.ticket_id, folder.name)
        if self.into is not None and os.path.lexists(hidden) and any(row.state in LIVE for row in rows):
            # An undo was stopped between hiding the folder and putting it away.
            bin_.retire(hidden, self._place_for(folder, rows[0].root), self.ticket_id, self.step, self.check)
        discard(hidden, self.step)
        for row in rows:
            if row.temp and TEMP_NAME.fullmatch(Path(row.temp).name):
                discard(Path(row.temp), self.step)
        if folder.is_dir():
            for path in list(folder.iterdir()):
                found = TEMP_NAME.fullmatch(path.name)
                if found and found[1] == mark_of(self.ticket_id):
                    discard(path, self.step)


def _act(number: int, rows: Sequence[JournalEntry]) -> Act:
    files = [row for row in rows if row.op in _FILES]
    moved = [row for row in rows if row.op is JournalOp.MOVE]
    gone = any(row.kept for row in rows)
    shown = files or moved or rows
    return Act(
        number,
        "move" if moved else "replace" if gone else "place",
        max(row.at for row in rows),
        Path(os.path.commonpath([str(Path(row.target).parent) for row in shown])),
        len(files) + len(moved),
    )


def _bin(rows: Sequence[JournalEntry], ticket_id: TicketId, recycle: Path | None, at: datetime) -> Path:
    root = Path(next((row.root for row in rows if row.root), str(Path(rows[0].target).parent)))
    return bin_.new_bin(bin_.recycle_of(root, recycle), ticket_id, rows[0].act, "undo", at)


def _refuse_absent(rows: Sequence[JournalEntry]) -> None:
    """Without its disk nothing is found, and that must not be taken for done. Where a disk is not mounted, the folder
    for it is often there, and empty."""
    for root in {Path(row.root) for row in rows if row.root and row.state in LIVE}:
        if not root.is_dir() or not any(root.iterdir()):
            message = f"The library folder {root} is not there, or empty as when its disk is not mounted."
            action = "Mount its disk, then undo again."
            raise LibraryMissing(Reason("library_missing", message, action, {"path": str(root)}))


def _refuse_expired(rows: Sequence[JournalEntry], check: Check) -> None:
    """An old file is needed when it was somebody else's: our own earlier one would go in the same breath."""
    lowest = min((row.act for row in rows), default=0)
    own = {row.target for row in rows if row.op in _FILES}
    for row in rows:
        check()
        mine = any(other.target == row.target and lowest <= other.act < row.act for other in rows if row.target in own)
        if not row.kept or os.path.lexists(row.kept) or row.state not in LIVE or mine:
            continue
        ours_there = Path(row.target).is_file() and row.inode == str(Path(row.target).stat().st_ino)
        if ours_there if row.op in _FILES else not os.path.lexists(row.target):
            evidence: dict[str, JsonValue] = {"path": row.target, "kept": row.kept}
            message = f"{Path(row.target).name} cannot come back: its old file is no longer in the recycle folder."
            action = "Keep the book as it is. A longer [library] recycle_days keeps old files longer."
            raise UndoExpired(Reason("undo_expired", message, action, evidence))


def _visible(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not TEMP_NAME.fullmatch(path.name)}


def _alike(path: Path, other: Path, check: Check) -> bool:
    if path.is_symlink() or not path.is_file() or path.stat().st_size != other.stat().st_size:
        return False
    return path.samefile(other) or digest_of(path, check) == digest_of(other, check)


def _sweep(root: Path, known: Collection[str], check: Check) -> tuple[Path, ...]:
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
        folders[:] = [name for name in folders if not TEMP_NAME.fullmatch(name) and name != bin_.FOLDER]
    return tuple(removed)
