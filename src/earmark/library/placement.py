"""Puts a finished book into its folder: all of it or nothing, never over somebody else's files, and with a journal that
knows every file before it appears. A scanner never sees a half book: a new folder is completed under a hidden name and
gets its real one in a single rename. A run that was killed at any instant is finished by running it again.

Gives names to nothing (`core.naming` does) and never touches what it is given to place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from earmark.core.reasons import EarmarkError
from earmark.library.offload import offload
from earmark.library.shelving import forget_old, shelve
from earmark.library.staging import Step, temp_name
from earmark.library.survey import FileKind, PlacementPlan, Planned, Survey, plan_placement, survey_target
from earmark.library.undo import take_back
from earmark.store import Database, journal
from earmark.store.journal import JournalEntry, JournalOp, JournalState

__all__ = ["Placed", "PlacementPlan", "Planned", "place", "plan_placement"]

_OPS: Mapping[FileKind, JournalOp] = {
    "book": JournalOp.PLACE,
    "sidecar": JournalOp.SIDECAR,
    "cover": JournalOp.COVER,
}


@dataclass(frozen=True, slots=True)
class Placed:
    """What stands in the library now. `bytes` is the size of all files together."""

    folder: Path
    files: tuple[str, ...]
    bytes: int


def _silent(*_: object) -> None:
    pass


async def place(
    db: Database,
    plan: PlacementPlan,
    *,
    clock: Callable[[], datetime],
    on_progress: Callable[[int, int], None] = _silent,
    step: Step = _silent,
) -> Placed:
    """Carry out the plan and return what stands in the library. `on_progress(files placed, files)`.

    Any failure takes the whole placement back and raises a named error: `disk_full`, `not_writable`,
    `target_exists`, `placement_unsafe_target`, `library_missing`, `source_missing`, `copy_differs`, `storage_away`,
    `storage_failed`. Running it again after a crash, or twice, ends in the same single placement.
    """
    async with db.read() as tx:
        known = await journal.of_ticket(tx, plan.ticket_id)
    try:
        survey = await offload(lambda check: survey_target(plan, known, check))
    except EarmarkError:
        await _abandon(db, plan, known, clock, step)
        raise
    step("journal the plan")
    async with db.write() as tx:
        # First hold fast what is proven ours: the new plan must not make us forget it.
        await journal.mark(tx, _proven(survey, known), JournalState.DONE, clock())
        rows = await journal.plan(tx, plan.ticket_id, _entries(plan, survey, clock()))
    try:
        tell = _on_loop(on_progress)
        methods = await offload(lambda check: shelve(plan, survey, tell, step, check))
    except BaseException:
        undone = [row.id for row in rows if row.state is JournalState.PLANNED]
        await asyncio.shield(_mark(db, undone, JournalState.UNDONE, clock()))
        raise
    step("journal the files")
    await _mark_files(db, rows, survey, methods, clock())
    step("journal the proof")
    await _mark(db, [row.id for row in rows], JournalState.VERIFIED, clock())
    await offload(lambda _: forget_old(plan, step))
    total = sum(digest.size for digest in survey.digests.values())
    return Placed(plan.folder, tuple(file.name for file in plan.files), total)


def _proven(survey: Survey, known: Sequence[JournalEntry]) -> list[int]:
    """Entries that are facts already: files found there, and with them the folders around them."""
    if survey.fresh:
        return []
    made = {str(path) for path in survey.made}
    folders = [row for row in known if row.op is JournalOp.MKDIR and row.target in made]
    return [row.id for row in (*survey.owned.values(), *folders) if row.state is JournalState.PLANNED]


async def _abandon(
    db: Database, plan: PlacementPlan, known: Sequence[JournalEntry], clock: Callable[[], datetime], step: Step
) -> None:
    """A run that was killed half-way and now cannot be finished leaves nothing behind. What was finished stays."""
    begun = [row for row in known if row.state is JournalState.PLANNED]
    if begun and not any(row.state in {JournalState.DONE, JournalState.VERIFIED} for row in known):
        await offload(lambda check: take_back(begun, plan.ticket_id, step, check))
        await _mark(db, [row.id for row in begun], JournalState.UNDONE, clock())


def _entries(plan: PlacementPlan, survey: Survey, at: datetime) -> list[JournalEntry]:
    folders = [JournalEntry(JournalOp.MKDIR, str(path), at) for path in survey.made]
    return folders + [
        JournalEntry(
            _OPS[file.kind],
            str(plan.folder / file.name),
            at,
            source=None if isinstance(file.source, bytes) else str(file.source),
            temp=str(plan.staging / file.name if survey.fresh else plan.folder / temp_name(plan.ticket_id, file.name)),
            size=survey.digests[file.name].size,
            sha256=survey.digests[file.name].sha256,
        )
        for file in plan.files
    ]


async def _mark_files(
    db: Database, rows: Sequence[JournalEntry], survey: Survey, methods: Mapping[str, str], at: datetime
) -> None:
    async with db.write() as tx:
        await journal.mark(tx, [row.id for row in rows if row.op is JournalOp.MKDIR], JournalState.DONE, at)
        for row in rows:
            name = Path(row.target).name
            if row.op is not JournalOp.MKDIR:
                facts = survey.digests[name]
                await journal.mark(
                    tx,
                    [row.id],
                    JournalState.DONE,
                    at,
                    method=methods.get(name),
                    size=facts.size,
                    sha256=facts.sha256,
                )


async def _mark(db: Database, ids: Collection[int], state: JournalState, at: datetime) -> None:
    async with db.write() as tx:
        await journal.mark(tx, ids, state, at)


def _on_loop(on_progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Progress told from the working thread arrives where the listener lives."""
    loop = asyncio.get_running_loop()

    def tell(done: int, total: int) -> None:
        loop.call_soon_threadsafe(on_progress, done, total)

    return tell
