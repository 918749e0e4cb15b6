"""Puts a finished book into its folder: all of it or nothing, never over somebody else's files without a decision, and
with a journal that knows every file before it appears. A scanner never sees a half book: a new folder is completed under
a hidden name and gets its real one in a single rename; in a folder that stays, each file comes in one rename. A run that
was killed at any instant is finished by running it again.

Gives names to nothing (`core.naming` does) and never changes what it is given to place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from earmark.core.reasons import EarmarkError
from earmark.library import recycle as bin_
from earmark.library.faults import LibraryMissing
from earmark.library.offload import offload
from earmark.library.permissions import Permissions
from earmark.library.plan import FileKind, PlacementPlan, Planned, plan_files, plan_placement
from earmark.library.shelving import Done, Work, drop_sources, shelve
from earmark.library.staging import Step, temp_name
from earmark.library.survey import Survey, survey_target
from earmark.library.undo import take_back, undo
from earmark.store import Database, journal
from earmark.store.journal import JournalEntry, JournalOp, JournalState

__all__ = ["Placed", "PlacementPlan", "Planned", "place", "plan_files", "plan_placement"]

_OPS: Mapping[FileKind, JournalOp] = {
    "book": JournalOp.PLACE,
    "sidecar": JournalOp.SIDECAR,
    "cover": JournalOp.COVER,
}
_OPEN = frozenset({JournalState.PLANNED, JournalState.DONE})


@dataclass(frozen=True, slots=True)
class Placed:
    """What stands in the library now. `bytes` is the size of all files together, `methods` how each file came by name
    (only those brought by this run), `notes` what could not be had as wished, `replaced` what went to the recycle
    folder. `already_there`: the same book stood there, nothing was changed and nothing is ours to undo."""

    folder: Path
    files: tuple[str, ...]
    bytes: int
    methods: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    already_there: bool = False


def _silent(*_: object) -> None:
    pass


async def place(
    db: Database,
    plan: PlacementPlan,
    *,
    clock: Callable[[], datetime],
    on_progress: Callable[[int, int], None] = _silent,
    step: Step = _silent,
    replace: bool = False,
    recycle: Path | None = None,
    permissions: Permissions | None = None,
) -> Placed:
    """Carry out the plan and return what stands in the library. `on_progress(files placed, files)`. With `replace`
    another book there goes to the recycle folder, and the folder itself stays.

    Any failure takes the whole placement back and raises a named error: `disk_full`, `not_writable`,
    `target_exists`, `placement_unsafe_target`, `library_missing`, `source_missing`, `copy_differs`, `storage_away`,
    `storage_failed`, `hardlink_impossible`, `reflink_impossible`. Running it again after a crash, or twice, ends in
    the same single placement.
    """
    known = await _known(db, plan, clock, step, recycle)
    begun = _begun(known)
    try:
        survey = await offload(lambda check: survey_target(plan, known, check, replace=replace))
    except EarmarkError as error:
        if not (error.transient or isinstance(error, LibraryMissing)):  # a disk that is away forgets nothing
            await _roll_back(db, plan, begun, clock, step, {})
        raise
    wanted = permissions or Permissions()
    if survey.already_there:
        await _roll_back(db, plan, begun, clock, step, {})
        return _placed(plan, survey, Done(), ())
    if not (survey.to_bring or survey.outgoing or begun):
        return _placed(plan, survey, Done(notes=await _let_go(plan, known, wanted, step)), ())
    rows = await _plan(db, plan, survey, known, begun, recycle, clock, step)
    done = Done()
    try:
        await _carry_out(plan, survey, rows, wanted, done, on_progress, step)
    except BaseException:
        brought = {str(plan.goal(name)): str(put.inode) for name, put in done.files.items()}
        await asyncio.shield(asyncio.ensure_future(_roll_back(db, plan, rows, clock, step, brought)))
        raise
    step("journal the files")
    rows = _facts(plan, rows, survey, done, clock())
    files = [row for row in rows if row.op is not JournalOp.MKDIR]
    async with db.write() as tx:
        await journal.record(tx, rows)
        await journal.supersede(tx, [row.target for row in files], [row.id for row in rows], clock())
    done.notes += await _let_go(plan, rows, wanted, step)
    went = tuple(row.target for row in rows if row.op is JournalOp.REMOVE or (row.kept and Path(row.kept).exists()))
    return _placed(plan, survey, done, went)


async def _known(
    db: Database, plan: PlacementPlan, clock: Callable[[], datetime], step: Step, recycle: Path | None
) -> list[JournalEntry]:
    """What the ticket did so far. A reorganisation that was stopped half-way is taken back first."""
    async with db.read() as tx:
        known = await journal.of_ticket(tx, plan.ticket_id)
    moving = [row.act for row in known if row.op is JournalOp.MOVE and row.state in _OPEN]
    if not moving:
        return known
    await undo(db, plan.ticket_id, clock=clock, step=step, recycle=recycle, act=min(moving))
    async with db.read() as tx:
        return await journal.of_ticket(tx, plan.ticket_id)


async def _let_go(plan: PlacementPlan, rows: Sequence[JournalEntry], wanted: Permissions, step: Step) -> list[str]:
    return await offload(lambda _: drop_sources(plan, rows, wanted, step)) if plan.method == "move" else []


def _begun(known: Sequence[JournalEntry]) -> list[JournalEntry]:
    """The operations of the last act, when it was interrupted."""
    last = max((row.act for row in known), default=0)
    rows = [row for row in known if row.act == last]
    return rows if any(row.state in _OPEN for row in rows) else []


async def _plan(
    db: Database,
    plan: PlacementPlan,
    survey: Survey,
    known: Sequence[JournalEntry],
    begun: Sequence[JournalEntry],
    recycle: Path | None,
    clock: Callable[[], datetime],
    step: Step,
) -> list[JournalEntry]:
    """Write down what will be done before it is. What an interrupted run planned at other places is taken back."""
    act = begun[0].act if begun else max((row.act for row in known), default=0) + 1
    where = bin_.new_bin(bin_.recycle_of(plan.root, recycle), plan.ticket_id, act, "replace", clock())
    entries = _entries(plan, survey, begun, act, where, clock())
    named = {entry.target for entry in entries}
    forgotten = [row for row in begun if row.target not in named and row.state in _OPEN]
    if forgotten:
        await _roll_back(db, plan, forgotten, clock, step, {})
    step("journal the plan")
    proven = [row.id for row in survey.owned.values() if row.act == act and row.state is JournalState.PLANNED]
    async with db.write() as tx:
        # First hold fast what is proven ours: the new plan must not make us forget it.
        await journal.mark(tx, proven if not survey.fresh else [], JournalState.DONE, clock())
        return await journal.plan(tx, plan.ticket_id, entries)


def _entries(
    plan: PlacementPlan, survey: Survey, begun: Sequence[JournalEntry], act: int, where: Path, at: datetime
) -> list[JournalEntry]:
    root = str(plan.root)
    before = {row.target: row for row in begun if row.state in _OPEN}

    def kept(target: Path, standing: bool = True) -> str | None:
        if known := before.get(str(target)):  # it remembers what was there before the run that was interrupted
            return known.kept
        return str(where / target.relative_to(plan.root)) if standing else None

    folders = [JournalEntry(JournalOp.MKDIR, str(path), at, act=act, root=root) for path in survey.made]
    going = {str(plan.folder / name) for name in survey.outgoing}
    going |= {row.target for row in begun if row.op is JournalOp.REMOVE and row.target.startswith(f"{plan.folder}/")}
    removed = [
        JournalEntry(JournalOp.REMOVE, target, at, act=act, root=root, kept=kept(Path(target)))
        for target in sorted(going)
    ]
    files = [
        JournalEntry(
            _OPS[file.kind],
            str(plan.goal(file.name)),
            at,
            source=None if isinstance(file.source, bytes) else str(file.source),
            temp=str(_temp(plan, survey, file)),
            size=survey.digests[file.name].size,
            sha256=survey.digests[file.name].sha256,
            act=act,
            root=root,
            kept=kept(plan.goal(file.name), file.name in survey.standing),
        )
        for file in plan.files
        if file.name in survey.to_bring or str(plan.goal(file.name)) in before
    ]
    return [*folders, *files, *removed]


def _temp(plan: PlacementPlan, survey: Survey, file: Planned) -> Path:
    goal = plan.goal(file.name)
    return plan.staging / file.name if survey.fresh else goal.with_name(temp_name(plan.ticket_id, goal.name))


async def _carry_out(
    plan: PlacementPlan,
    survey: Survey,
    rows: Sequence[JournalEntry],
    wanted: Permissions,
    done: Done,
    on_progress: Callable[[int, int], None],
    step: Step,
) -> None:
    loop = asyncio.get_running_loop()

    def tell(count: int, total: int) -> None:  # from the working thread to where the listener lives
        loop.call_soon_threadsafe(on_progress, count, total)

    by_target = {row.target: row for row in rows}
    await offload(lambda check: shelve(Work(plan, survey, by_target, wanted, done, tell, step, check)))


async def _roll_back(
    db: Database,
    plan: PlacementPlan,
    rows: Sequence[JournalEntry],
    clock: Callable[[], datetime],
    step: Step,
    brought: Mapping[str, str],
) -> None:
    """An act that cannot be finished leaves the shelf as it was before. While its disk is away it stays planned: the
    next run finds what is there."""
    if not rows or not await asyncio.to_thread(_stands, plan.root):
        return
    await offload(lambda check: take_back(rows, plan.ticket_id, step, check, brought=brought))
    async with db.write() as tx:
        await journal.mark(tx, [row.id for row in rows], JournalState.UNDONE, clock())


def _stands(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:  # a share that does not answer
        return False


def _facts(
    plan: PlacementPlan, rows: Sequence[JournalEntry], survey: Survey, done: Done, at: datetime
) -> list[JournalEntry]:
    """The entries as they came true."""
    files = {str(plan.goal(file.name)): file for file in plan.files}
    facts: list[JournalEntry] = []
    for row in rows:
        proven, file = replace(row, state=JournalState.VERIFIED, at=at), files.get(row.target)
        if file is None:
            facts.append(proven)
        elif put := done.files.get(file.name):
            inode, digest = str(put.inode), put.digest
            facts.append(replace(proven, method=put.method, size=digest.size, sha256=digest.sha256, inode=inode))
        else:
            facts.append(_found(proven, plan, file, survey))
    return facts


def _found(row: JournalEntry, plan: PlacementPlan, file: Planned, survey: Survey) -> JournalEntry:
    """An interrupted run had brought it already, and could not say how."""
    method, digest = row.method, survey.digests[file.name]
    if file.origin == "seeding" and plan.method == "move":
        method = "move"
    elif method is None and isinstance(file.source, Path):
        method = "hardlink" if file.source.samefile(row.target) else "copy"
    inode = str(Path(row.target).lstat().st_ino)
    return replace(row, method=method, size=digest.size, sha256=digest.sha256, inode=inode)


def _placed(plan: PlacementPlan, survey: Survey, done: Done, went: Collection[str]) -> Placed:
    return Placed(
        plan.folder,
        tuple(file.name for file in plan.files),
        sum(digest.size for digest in survey.digests.values()),
        methods={name: put.method for name, put in done.files.items()},
        notes=tuple(done.notes),
        replaced=tuple(sorted(went)),
        already_there=survey.already_there,
    )
