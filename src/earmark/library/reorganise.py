"""Brings books that are on the shelf to the current naming pattern and rewrites their sidecars: one book whole or not at
all, many books each for itself. Folders are renamed, never copied, so that inodes, and with them listening progress and
seeding hard links, stay. What it did is in the journal, and `undo` takes it back.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from earmark.core.reasons import EarmarkError, Reason
from earmark.core.ticket import TicketId
from earmark.library import recycle as bin_
from earmark.library.faults import TargetExists, from_os
from earmark.library.offload import offload
from earmark.library.permissions import Permissions
from earmark.library.placement import place
from earmark.library.plan import plan_files
from earmark.library.reorganise_plan import (
    BookGone,
    Move,
    ReorganisePlan,
    Wanted,
    placed_folder,
    plan_reorganise,
    wanted_book,
    wanted_names,
)
from earmark.library.replacement import AUDIO
from earmark.library.staging import Step, flush_folder
from earmark.library.undo import undo
from earmark.store import Database, journal
from earmark.store.journal import JournalEntry, JournalOp, JournalState

__all__ = [
    "BookGone",
    "Move",
    "Outcome",
    "ReorganisePlan",
    "Reorganised",
    "Wanted",
    "placed_folder",
    "plan_for",
    "reorganise",
    "reorganise_many",
    "wanted_book",
    "wanted_names",
]

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Reorganised:
    """Where the book stands now. `act` is the number to give `undo` to take it all back, 0 when nothing changed."""

    folder: Path
    moved: int
    written: tuple[str, ...]
    dropped: tuple[str, ...]
    act: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of many books: the plan (unless it was refused), the result (unless it was a dry run or
    failed), the reason of a refusal or failure."""

    ticket_id: TicketId
    plan: ReorganisePlan | None
    done: Reorganised | None
    reason: Reason | None


def _silent(*_: object) -> None:
    pass


async def plan_for(db: Database, wanted: Wanted) -> ReorganisePlan:
    """What `reorganise` would do: the dry run. Raises what `plan_reorganise` raises."""
    async with db.read() as tx:
        rows = await journal.of_ticket(tx, wanted.ticket_id)
    folder = placed_folder(wanted.ticket_id, rows)
    sounds = await offload(lambda _: _sounds_below(folder))
    async with db.read() as tx:
        found = await journal.at_targets(tx, sounds)
    foreign = {entry.target for ticket, entry in found if ticket != wanted.ticket_id and entry.op is JournalOp.PLACE}
    return await offload(lambda check: plan_reorganise(wanted, rows, foreign, check))


async def reorganise(
    db: Database,
    wanted: Wanted,
    *,
    clock: Clock,
    step: Step = _silent,
    recycle: Path | None = None,
    permissions: Permissions | None = None,
) -> Reorganised:
    """Bring one book to where and how it is wanted, or leave it as it was and raise a named error. A run that was
    killed is taken back by the next one. Running it twice changes nothing the second time."""
    await _settle(db, wanted.ticket_id, clock, step, recycle)
    plan = await plan_for(db, wanted)
    async with db.read() as tx:
        first = await journal.last_act(tx, plan.ticket_id) + 1
    try:
        if plan.moves:
            await _move(db, plan, first, clock, step)
        if plan.writes:
            await _write(db, plan, clock, step, recycle, permissions)
        if plan.drops:
            await _drop(db, plan, clock, step, recycle)
    except BaseException:
        with suppress(EarmarkError):  # what cannot be taken back now is taken back by the next run
            await asyncio.shield(asyncio.ensure_future(_take_back(db, plan.ticket_id, first, clock, step, recycle)))
        raise
    return Reorganised(plan.goal, len(plan.moves), tuple(plan.writes), plan.drops, first if plan.changes else 0)


async def reorganise_many(
    db: Database,
    wanted: Sequence[Wanted],
    *,
    clock: Clock,
    dry_run: bool = False,
    recycle: Path | None = None,
    permissions: Permissions | None = None,
    on_progress: Callable[[int, int], None] = _silent,
) -> list[Outcome]:
    """Each book for itself, one after the other: what fails is told and stops no other. `on_progress(done, books)`."""
    outcomes: list[Outcome] = []
    for one in wanted:
        plan: ReorganisePlan | None = None
        try:
            plan = await plan_for(db, one)
            done = None
            if not dry_run:
                done = await reorganise(db, one, clock=clock, recycle=recycle, permissions=permissions)
            outcomes.append(Outcome(one.ticket_id, plan, done, None))
        except EarmarkError as error:
            outcomes.append(Outcome(one.ticket_id, plan, None, error.reason))
        on_progress(len(outcomes), len(wanted))
    return outcomes


async def _settle(db: Database, ticket_id: TicketId, clock: Clock, step: Step, recycle: Path | None) -> None:
    """Take back what a killed run began. An act that places a book is not ours: its ticket's own run finishes it."""
    async with db.read() as tx:
        rows = await journal.of_ticket(tx, ticket_id)
    placements = {row.act for row in rows if row.op is JournalOp.PLACE and row.state is JournalState.PLANNED}
    begun = {row.act for row in rows if row.state is JournalState.PLANNED} - placements
    if begun:
        await _take_back(db, ticket_id, min(begun), clock, step, recycle)


async def _take_back(
    db: Database, ticket_id: TicketId, act: int, clock: Clock, step: Step, recycle: Path | None
) -> None:
    async with db.read() as tx:
        rows = await journal.of_ticket(tx, ticket_id)
    await offload(lambda _: _drop_twins([row for row in rows if row.act >= act]))
    await undo(db, ticket_id, clock=clock, step=step, recycle=recycle, act=act)


async def _move(db: Database, plan: ReorganisePlan, act: int, clock: Clock, step: Step) -> None:
    at, root = clock(), str(plan.root)
    entries = [JournalEntry(JournalOp.MKDIR, str(path), at, act=act, root=root) for path in plan.makes]
    entries += [
        JournalEntry(JournalOp.MOVE, str(move.new), at, source=str(move.old), method="rename", act=act, root=root)
        for move in plan.moves
    ]
    step("journal the moves")
    async with db.write() as tx:
        rows = await journal.plan(tx, plan.ticket_id, entries)
    await offload(lambda check: _carry_out(plan, step, check))
    step("journal the new places")
    async with db.write() as tx:  # together, or a crash between would leave entries for paths that are gone
        await journal.rebase(tx, [(str(move.old), str(move.new)) for move in plan.moves])
        await journal.mark(tx, [row.id for row in rows], JournalState.VERIFIED, clock())


async def _write(
    db: Database,
    plan: ReorganisePlan,
    clock: Clock,
    step: Step,
    recycle: Path | None,
    permissions: Permissions | None,
) -> None:
    """Sidecars go the way of every other file: each in one rename, what was there is kept. By their full paths, for a
    plan of the whole folder would have to name the book too."""
    goal = plan.goal.relative_to(plan.root)
    files = [(data, str(goal / name)) for name, data in plan.writes.items()]
    placement = plan_files(plan.root, files, plan.ticket_id)
    sidecars = tuple(replace(file, kind="sidecar" if file.kind == "book" else file.kind) for file in placement.files)
    await place(
        db,
        replace(placement, files=sidecars),
        clock=clock,
        step=step,
        replace=True,
        recycle=recycle,
        permissions=permissions,
    )


async def _drop(db: Database, plan: ReorganisePlan, clock: Clock, step: Step, recycle: Path | None) -> None:
    """Sidecars that say nothing any more would say something wrong: they go to the recycle folder."""
    async with db.read() as tx:
        act = await journal.last_act(tx, plan.ticket_id) + 1
    where = bin_.new_bin(bin_.recycle_of(plan.root, recycle), plan.ticket_id, act, "drop", clock())
    paths = [plan.goal / name for name in plan.drops]
    entries = [
        JournalEntry(JournalOp.REMOVE, str(path), clock(), kept=str(where / path.name), act=act, root=str(plan.root))
        for path in paths
    ]
    async with db.write() as tx:
        rows = await journal.plan(tx, plan.ticket_id, entries)

    def retire(check: Callable[[], None]) -> None:
        try:
            for path in paths:
                bin_.retire(path, where / path.name, plan.ticket_id, step, check)
            flush_folder(plan.goal)
        except OSError as error:
            raise from_os(error, "putting old sidecars away", plan.goal) from error

    await offload(retire)
    async with db.write() as tx:
        await journal.supersede(tx, [row.target for row in rows], [row.id for row in rows], clock())
        await journal.mark(tx, [row.id for row in rows], JournalState.VERIFIED, clock())


def _carry_out(plan: ReorganisePlan, step: Step, check: Callable[[], None]) -> None:
    """The renames themselves; every one is whole or not at all, and never over something else."""
    try:
        for folder in plan.makes:
            step(f"make {folder.name}")
            folder.mkdir(exist_ok=True)
            flush_folder(folder.parent)
        for move in plan.moves:
            check()
            step(f"move {move.old.name} to {move.new.name}")
            _rename(move.old, move.new)
            for parent in {move.old.parent, move.new.parent}:
                flush_folder(parent)
        if plan.prunes:
            step(f"prune {plan.prunes[-1].name}")
            for folder in plan.prunes:
                with suppress(OSError):  # moved along, or somebody lives there now
                    folder.rmdir()
    except OSError as error:
        if error.errno in {errno.EEXIST, errno.ENOTEMPTY}:
            message = f"Something appeared in {plan.goal} while the book was on its way; it was not touched."
            action = "Look at what came there, then try again."
            raise TargetExists.of("target_exists", message, action, folder=str(plan.goal)) from error
        raise from_os(error, "moving the book", plan.folder) from error


def _rename(old: Path, new: Path) -> None:
    """A folder is renamed at once, which fails where there is one that holds anything. A file gets its second name
    first, which fails where there is one, for a plain rename would replace that in silence."""
    if old.is_dir() or (os.path.lexists(new) and new.samefile(old)):
        old.rename(new)
        return
    try:
        os.link(old, new, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # no hard links on this file system
        if os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, "something is there already", str(new)) from None
        old.rename(new)
    else:
        old.unlink()


def _drop_twins(rows: Sequence[JournalEntry]) -> None:
    """A file that was given its new name and had not yet lost the old one keeps the old one only."""
    for row in rows:
        if row.op is JournalOp.MOVE and row.state is JournalState.PLANNED and row.source:
            old, new = Path(row.source), Path(row.target)
            if old.is_file() and new.is_file() and not new.is_symlink() and new.samefile(old):
                new.unlink()


def _sounds_below(folder: Path) -> list[str]:
    return [
        str(Path(base, name))
        for base, _, names in os.walk(folder)
        for name in names
        if Path(name).suffix.lower() in AUDIO
    ]
