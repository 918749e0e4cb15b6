"""The file work of a placement, in the order in which it happens on the disk, and its way back when something fails.
Runs in a thread; knows the plan and the survey, not the journal."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from earmark.core.reasons import JsonValue, Reason
from earmark.library.faults import CopyDiffers, from_os
from earmark.library.staging import Digest, Step, aside_of, digest_of, discard, flush_folder, put, temp_name
from earmark.library.survey import Check, PlacementPlan, Planned, Survey, confine, may_link, refuse_existing

Tell = Callable[[int, int], None]


def shelve(plan: PlacementPlan, survey: Survey, tell: Tell, step: Step, check: Check) -> dict[str, str]:
    """Bring every file to its place, or leave everything as it was and raise. Returns the method used by file name."""
    try:
        return (_build if survey.fresh else _renew)(plan, survey, tell, step, check)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            raise refuse_existing(plan, survey.digests, check) from error
        raise from_os(error, "placing the book", plan.folder) from error


def forget_old(plan: PlacementPlan, step: Step) -> None:
    """Let go of what a replacement kept aside; only once the journal knows the new files, for until then the old ones
    are what an undo would look for. What cannot be removed now is swept at the next start."""
    with suppress(OSError):
        _clear_leftovers(plan, step)


def _build(plan: PlacementPlan, survey: Survey, tell: Tell, step: Step, check: Check) -> dict[str, str]:
    """A new folder: complete it under a hidden name beside its goal, then rename it once."""
    staging, moved = plan.staging, False
    try:
        discard(staging, step)
        for folder in survey.made:
            if folder != plan.folder:
                _make_folder(folder, step)
        step(f"make {staging.name}")
        staging.mkdir()
        methods: dict[str, str] = {}
        for done, file in enumerate(plan.files, start=1):
            check()
            methods[file.name] = _put(plan, file, staging / file.name, survey, step, check)
            tell(done, len(plan.files))
        step("flush the hidden folder")
        flush_folder(staging)
        check()
        confine(plan)  # again: somebody may have put a symlink in the way meanwhile
        _clear_leftovers(plan, step)
        step("rename the folder")
        staging.rename(plan.folder)
        moved = True
        step("flush the parent folder")
        flush_folder(plan.folder.parent)
        step("verify")
        _verify(plan, survey.digests)
    except BaseException:
        with suppress(OSError):
            if moved:  # hide it before taking it apart
                plan.folder.rename(staging)
            discard(staging, step)
        _remove_empty(survey.made, step)
        raise
    return methods


def _renew(plan: PlacementPlan, survey: Survey, tell: Tell, step: Step, check: Check) -> dict[str, str]:
    """Our own folder from an earlier run: replace what differs, each file in one rename, the sound last. What was
    there is kept aside until all is proven."""
    methods: dict[str, str] = {}
    replaced: list[Path] = []
    try:
        for done, file in enumerate(sorted(plan.files, key=lambda file: file.kind == "book"), start=1):
            check()
            goal = plan.folder / file.name
            if file.name not in survey.settled:
                temp = plan.folder / temp_name(plan.ticket_id, file.name)
                discard(temp, step)
                methods[file.name] = _put(plan, file, temp, survey, step, check)
                _keep_aside(plan, goal, step, check)
                step(f"replace {file.name}")
                replaced.append(goal)
                temp.replace(goal)
            tell(done, len(plan.files))
        step("flush the folder")
        flush_folder(plan.folder)
        step("verify")
        _verify(plan, survey.digests)
    except BaseException:
        with suppress(OSError):
            _put_back(plan, survey, replaced, step)
        raise
    return methods


def _put(plan: PlacementPlan, file: Planned, goal: Path, survey: Survey, step: Step, check: Check) -> str:
    link = may_link(plan, file, goal.parent)
    return put(file.source, survey.digests[file.name], goal, link=link, step=step, check=check)


def _make_folder(folder: Path, step: Step) -> None:
    if folder.is_dir():
        return
    step(f"make {folder.name}")
    folder.mkdir(exist_ok=True)
    flush_folder(folder.parent)


def _keep_aside(plan: PlacementPlan, goal: Path, step: Step, check: Check) -> None:
    """A second, hidden name for what is about to be replaced; one from an interrupted run is older and stays."""
    aside = aside_of(plan.ticket_id, goal)
    if not os.path.lexists(goal) or os.path.lexists(aside):
        return
    step(f"keep {goal.name} aside")
    try:
        os.link(goal, aside, follow_symlinks=False)
    except OSError:  # no hard links here: copy, and only a whole copy gets the name
        temp = plan.folder / temp_name(plan.ticket_id, aside.name)
        discard(temp, step)
        put(goal, digest_of(goal, check), temp, link=False, step=step, check=check)
        temp.replace(aside)


def _put_back(plan: PlacementPlan, survey: Survey, replaced: Sequence[Path], step: Step) -> None:
    for file in plan.files:
        goal, aside = plan.folder / file.name, aside_of(plan.ticket_id, plan.folder / file.name)
        if os.path.lexists(aside):
            step(f"put {file.name} back")
            aside.replace(goal)
        elif goal in replaced and file.name not in survey.owned:
            discard(goal, step)
    _clear_leftovers(plan, step)
    flush_folder(plan.folder)


def _clear_leftovers(plan: PlacementPlan, step: Step) -> None:
    """Nothing hidden of this placement stays in the book's folder."""
    for file in plan.files:
        aside = aside_of(plan.ticket_id, plan.folder / file.name)
        for name in (temp_name(plan.ticket_id, file.name), aside.name, temp_name(plan.ticket_id, aside.name)):
            discard(plan.folder / name, step)


def _verify(plan: PlacementPlan, digests: Mapping[str, Digest]) -> None:
    """Every file stands under its final name with its full size; its bytes were proven before the rename."""
    for name, digest in digests.items():
        path = plan.folder / name
        size = path.stat(follow_symlinks=False).st_size if path.is_file() else -1
        if size != digest.size:
            message = f"{path} was placed but is not there in full."
            action = "Nothing to do at first: it is tried again. If it stays so, look for a program that changes it."
            evidence: dict[str, JsonValue] = {"path": str(path), "size": size, "expected": digest.size}
            raise CopyDiffers(Reason("copy_differs", message, action, evidence))


def _remove_empty(folders: Sequence[Path], step: Step) -> None:
    """Folders this ticket made go again while they are empty; innermost first."""
    for folder in reversed(folders):
        with suppress(OSError):
            step(f"remove {folder.name}")
            folder.rmdir()
