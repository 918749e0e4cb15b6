"""The file work of a placement, in the order in which it happens on the disk. Runs in a thread; knows the plan, the
survey and the journal's entries, not the journal. What it leaves when it fails, `undo.take_back` clears away."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from earmark.core.reasons import JsonValue, Reason
from earmark.library import permissions, recycle
from earmark.library.faults import CopyDiffers, from_os
from earmark.library.permissions import Permissions
from earmark.library.plan import PlacementPlan, Planned, confine
from earmark.library.replacement import same_bytes
from earmark.library.staging import Put, Step, discard, flush_folder, put, temp_name, umask
from earmark.library.survey import Check, Survey, refuse_existing
from earmark.store.journal import JournalEntry, JournalOp, JournalState

Tell = Callable[[int, int], None]


@dataclass(slots=True)
class Done:
    """What has been brought so far, by name, and what could not be had as wished. Filled while the work goes on, so
    that a failure knows what is ours."""

    files: dict[str, Put] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Work:
    """One placement under way: everything its parts need."""

    plan: PlacementPlan
    survey: Survey
    rows: Mapping[str, JournalEntry]  # by target
    wanted: Permissions
    done: Done
    tell: Tell
    step: Step
    check: Check

    def kept(self, goal: Path) -> Path | None:
        """Where what stands at `goal` is kept."""
        row = self.rows.get(str(goal))
        return Path(row.kept) if row is not None and row.kept else None


def shelve(work: Work) -> None:
    """Bring every file to its place, or raise a named error."""
    try:
        (_build if work.survey.fresh else _renew)(work)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            raise refuse_existing(work.plan, work.check) from error
        raise from_os(error, "placing the book", work.plan.folder) from error


def drop_sources(plan: PlacementPlan, rows: Iterable[JournalEntry], wanted: Permissions, step: Step) -> list[str]:
    """The end of `move`: the files have their second name, proven and journalled; now the first one goes. What cannot
    be removed stays and is told; a file that has further names keeps its permissions."""
    notes: list[str] = []
    verified = (row for row in rows if row.method == "move" and row.state is JournalState.VERIFIED)
    goals = {
        row.target for row in verified if Path(row.target).is_file() and Path(row.target).stat().st_size == row.size
    }
    for file in plan.files:
        if isinstance(file.source, bytes) or file.origin != "seeding" or str(plan.goal(file.name)) not in goals:
            continue
        try:
            step(f"let go of {file.source.name}")
            file.source.unlink(missing_ok=True)
        except OSError as error:
            notes.append(f"{file.source.name}: stays in the download too ({error.strerror})")
            continue
        if wanted == Permissions():
            continue
        alone = plan.goal(file.name).lstat().st_nlink == 1
        note = permissions.apply(plan.goal(file.name), wanted, folder=False) if alone else None
        notes += [note or permissions.shared_note(file.name)] if note or not alone else []
    return notes


def _build(work: Work) -> None:
    """A new folder: complete it under a hidden name beside its goal, then rename it once."""
    plan, step = work.plan, work.step
    staging = plan.staging
    discard(staging, step)
    _make_folders(work, but=plan.folder)
    step(f"make {staging.name}")
    staging.mkdir()
    for count, file in enumerate(plan.files, start=1):
        work.check()
        _bring(work, file, staging / file.name)
        work.tell(count, len(plan.files))
    if plan.folder in work.survey.made:
        _permit(work, staging, folder=True)
    step("flush the hidden folder")
    flush_folder(staging)
    work.check()
    confine(plan)  # again: somebody may have put a symlink in the way meanwhile
    step("rename the folder")
    staging.rename(plan.folder)
    step("flush the parent folder")
    flush_folder(plan.folder.parent)
    step("verify")
    _verify(work)


def _renew(work: Work) -> None:
    """A folder that is there, or several: everything is made ready under hidden names first, then each file comes to
    its name in one rename, the sound last; what was there goes to the recycle folder."""
    plan, step = work.plan, work.step
    _make_folders(work)
    coming = sorted(
        (file for file in plan.files if file.name in work.survey.to_bring), key=lambda file: file.kind == "book"
    )
    for count, file in enumerate(coming, start=1 + len(plan.files) - len(coming)):
        work.check()
        temp = _temp(plan, file)
        discard(temp, step)
        _bring(work, file, temp)
        work.tell(count, len(plan.files))
    work.check()
    confine(plan)
    for file in coming:
        goal = plan.goal(file.name)
        if (kept := work.kept(goal)) is not None:
            recycle.keep(goal, kept, plan.ticket_id, step, work.check)
        elif file.name not in work.survey.owned and os.path.lexists(
            goal
        ):  # it appeared meanwhile: nobody decided about it
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(goal))
        step(f"replace {file.name}")
        _temp(plan, file).replace(goal)
    _flush(goal.parent for goal in (plan.goal(file.name) for file in coming))
    step("verify")
    _verify(work)
    for row in work.rows.values():
        if row.op is JournalOp.REMOVE and row.kept and os.path.lexists(row.target):
            recycle.retire(Path(row.target), Path(row.kept), plan.ticket_id, step, work.check)
            with suppress(OSError):  # the folder of a disc goes with its last file
                if Path(row.target).parent != plan.folder:
                    Path(row.target).parent.rmdir()
    _flush({Path(row.target).parent for row in work.rows.values() if row.op is JournalOp.REMOVE})


def _bring(work: Work, file: Planned, goal: Path) -> None:
    found = put(
        file.source,
        work.survey.digests[file.name],
        goal,
        ways=work.survey.ways[file.name],
        step=work.step,
        check=work.check,
    )
    shares = file.origin == "seeding" and found.method == "hardlink"
    if shares and work.plan.method != "move":
        if work.wanted != Permissions():
            work.done.notes.append(permissions.shared_note(file.name))
    elif not shares:
        if found.method == "hardlink":
            _make_durable(work, goal)
        _permit(work, goal, folder=False)
    method = "move" if file.origin == "seeding" and work.plan.method == "move" else found.method
    work.done.files[file.name] = Put(method, found.digest, found.inode)


def _make_durable(work: Work, goal: Path) -> None:
    """A second name for a file of our own: nobody else has flushed it, or given it a mode a media server can read."""
    work.step(f"flush {goal.name}")
    descriptor = os.open(goal, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        with suppress(OSError):
            os.fchmod(descriptor, 0o666 & ~umask())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _permit(work: Work, path: Path, *, folder: bool) -> None:
    if work.wanted != Permissions() and (note := permissions.apply(path, work.wanted, folder=folder)):
        work.done.notes.append(note)


def _temp(plan: PlacementPlan, file: Planned) -> Path:
    goal = plan.goal(file.name)
    return goal.with_name(temp_name(plan.ticket_id, goal.name))


def _make_folders(work: Work, *, but: Path | None = None) -> None:
    for folder in work.survey.made:
        if folder == but or folder.is_dir():
            continue
        work.step(f"make {folder.name}")
        folder.mkdir(exist_ok=True)
        _permit(work, folder, folder=True)
        flush_folder(folder.parent)


def _flush(folders: Iterable[Path]) -> None:
    for folder in dict.fromkeys(folders):
        if folder.is_dir():
            flush_folder(folder)


def _verify(work: Work) -> None:
    """Every file stands under its final name: the very one that was proven, or one found there that is the same."""
    for file in work.plan.files:
        path, digest = work.plan.goal(file.name), work.survey.digests[file.name]
        facts = path.lstat() if path.is_file() else None
        ours = work.done.files.get(file.name)
        whole = facts is not None and facts.st_size == digest.size
        if whole and facts and ours and facts.st_ino != ours.inode:  # some shares number anew with each name
            whole = same_bytes(path, file.source, ours.digest.sha256, work.check)
        if not whole:
            message = f"{path} was placed but is not there in full."
            action = "Nothing to do at first: it is tried again. If it stays so, look for a program that changes it."
            size = facts.st_size if facts else -1
            evidence: dict[str, JsonValue] = {"path": str(path), "size": size, "expected": digest.size}
            raise CopyDiffers(Reason("copy_differs", message, action, evidence))
