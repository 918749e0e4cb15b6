"""A look at the shelf before anything is touched: is the way safe, is the place free or ours, is there room? Refuses by
name; changes nothing on the disk, and reads only what must be compared."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.core.reasons import EarmarkError, JsonValue, Reason
from earmark.library.faults import TargetExists, disk_full, from_os
from earmark.library.methods import WAYS, Way, regular
from earmark.library.plan import (
    FileKind,
    Origin,
    PlacementPlan,
    Planned,
    confine,
    levels,
    plan_files,
    plan_placement,
)
from earmark.library.replacement import Comparison, compare_existing, names_in, same_bytes
from earmark.library.staging import Digest, digest_of, linkable
from earmark.store.journal import LIVE, JournalEntry, JournalOp, JournalState

__all__ = ["FileKind", "Origin", "PlacementPlan", "Planned", "confine", "plan_files", "plan_placement"]

Check = Callable[[], None]
_FILES = frozenset({JournalOp.PLACE, JournalOp.SIDECAR, JournalOp.COVER})


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found before anything was touched."""

    digests: Mapping[str, Digest]  # by name, of what will be placed
    ways: Mapping[str, tuple[Way, ...]]  # by name, how it may be brought; none for bytes
    fresh: bool  # the folder does not exist yet, or is empty
    owned: Mapping[str, JournalEntry]  # by name: files there that this ticket placed before
    settled: frozenset[str]  # files there that are already what they should be
    standing: frozenset[str]  # files there that will be replaced by one of the same name
    outgoing: tuple[str, ...]  # files there that a replacement puts away, below the plan's folder
    made: tuple[Path, ...]  # folders this ticket makes or made, outermost first
    already_there: bool  # the same book stands there, and is not ours

    @property
    def to_bring(self) -> frozenset[str]:
        """What is not there yet as it should be."""
        return frozenset(self.digests) - self.settled


def survey_target(plan: PlacementPlan, known: Sequence[JournalEntry], check: Check, *, replace: bool = False) -> Survey:
    """Look before touching anything: is the place safe, free or ours, and is there room? `known` are the ticket's own
    operations, `replace` is the decision that another book there may go. Raises the named refusals."""
    try:
        confine(plan)
        live = [row for row in known if row.state in {*LIVE, JournalState.PLANNED}]
        here = _rows_here(plan, live)
        moved = _moved_away(plan, here)
        digests = {file.name: moved.get(file.name) or _expected(file, check) for file in plan.files}
        home = next(path for path in (plan.folder, *plan.folder.parents) if path.is_dir())
        ways = {file.name: _ways(plan, file, home) for file in plan.files if file.name not in moved}
        same = {file.name for file in plan.files if file.name in here and _is_settled(plan, file, digests, check)}
        settled = same | moved.keys()
        owned = {
            name: row
            for name, rows in here.items()
            for row in rows
            if _is_owned(plan.goal(name), row, name in same, check)  # the last one counts
        }
        judge = _scattered if plan.scattered else _folder
        outgoing, extra, already_there = judge(plan, owned, replace, check)
        settled |= extra
        _check_room(plan, home, ways, {name: digest for name, digest in digests.items() if name not in settled})
        standing = frozenset(name for name in digests if name not in settled and os.path.lexists(plan.goal(name)))
        fresh = not plan.scattered and not names_in(plan.folder)
        made = _made(plan, live)
        return Survey(digests, ways, fresh, owned, frozenset(settled), standing, outgoing, made, already_there)
    except OSError as error:
        raise from_os(error, "looking at the library", plan.folder) from error


def refuse_existing(plan: PlacementPlan, check: Check) -> EarmarkError:
    """The refusal for what appeared while ours was being made."""
    if plan.scattered:
        return _in_the_way(next(goal for file in plan.files if os.path.lexists(goal := plan.goal(file.name))))
    return _target_exists(compare_existing(plan.folder, plan, check=check))


def _moved_away(plan: PlacementPlan, here: Mapping[str, Sequence[JournalEntry]]) -> dict[str, Digest]:
    """Files whose source went when an earlier run of this placement moved them here, and that are here."""
    found: dict[str, Digest] = {}
    for file in plan.files if plan.method == "move" else ():
        goal = plan.goal(file.name)
        if file.origin == "made" or isinstance(file.source, bytes) or file.source.exists() or not goal.is_file():
            continue
        for row in here.get(file.name, ()):
            if row.state is JournalState.VERIFIED and row.size == goal.stat().st_size:
                found[file.name] = Digest(row.size, row.sha256)
    return found


def _expected(file: Planned, check: Check) -> Digest:
    """Files of our own making are read once, so that the journal knows them; those of a download only when they are
    copied."""
    if isinstance(file.source, Path) and file.origin == "seeding":
        return Digest(regular(file.source).st_size, None)
    return digest_of(file.source, check)


def _ways(plan: PlacementPlan, file: Planned, folder: Path) -> tuple[Way, ...]:
    """A hard link to our own file only where nobody else knows its bytes: it may be written to again."""
    if isinstance(file.source, bytes):
        return ()
    if file.origin == "seeding":
        return WAYS[plan.method]
    ours = plan.workspace is not None and file.source.resolve().is_relative_to(plan.workspace.resolve())
    return ("hardlink", "reflink", "copy") if ours and linkable(file.source, folder) else ("reflink", "copy")


def _rows_here(plan: PlacementPlan, live: Sequence[JournalEntry]) -> dict[str, list[JournalEntry]]:
    """This ticket's files, by their name below the plan's folder; of a scattered plan only those it names."""
    names = {file.name for file in plan.files}
    here: dict[str, list[JournalEntry]] = {}
    for row in live:
        path = Path(row.target)
        if row.op in _FILES and path.is_relative_to(plan.folder):
            name = str(path.relative_to(plan.folder))
            if name in names or (not plan.scattered and path.parent == plan.folder):
                here.setdefault(name, []).append(row)
    return here


def _is_owned(path: Path, row: JournalEntry, settled: bool, check: Check) -> bool:
    """A planned entry is no proof: a crash may lie between the plan and the rename, and somebody else's file after it;
    so there the bytes decide."""
    if path.is_symlink() or not path.is_file():
        return False
    if row.state in LIVE or settled:
        return True
    return row.sha256 is not None and path.stat().st_size == row.size and digest_of(path, check).sha256 == row.sha256


def _is_settled(plan: PlacementPlan, file: Planned, digests: Mapping[str, Digest], check: Check) -> bool:
    return same_bytes(plan.goal(file.name), file.source, digests[file.name].sha256, check)


def _folder(
    plan: PlacementPlan, owned: Mapping[str, JournalEntry], replace: bool, check: Check
) -> tuple[tuple[str, ...], set[str], bool]:
    """May the book's folder be used? Returns what goes, what is there already as it should be, and whether that is
    the whole book."""
    there = names_in(plan.folder)
    wanted = {file.name for file in plan.files}
    stale = tuple(name for name, row in owned.items() if name not in wanted and row.op is JournalOp.PLACE)
    clash = there & wanted - owned.keys()
    if not there or (owned and not clash and not replace):
        return stale, set(), False
    comparison = compare_existing(plan.folder, plan, check=check)
    if not owned and comparison.same:
        return (), set(wanted), True
    if not replace:
        raise _target_exists(comparison)
    identical = {found.name for found in comparison.found if found.identical}
    going = {*stale, *comparison.goes} - wanted
    return tuple(sorted(going)), identical, False


def _scattered(
    plan: PlacementPlan, owned: Mapping[str, JournalEntry], replace: bool, check: Check
) -> tuple[tuple[str, ...], set[str], bool]:
    """May each path be used? The same file there already is fine, and stays whose it is."""
    same: set[str] = set()
    for file in plan.files:
        goal = plan.goal(file.name)
        if file.name in owned or not os.path.lexists(goal):
            continue
        if same_bytes(goal, file.source, None, check):
            same.add(file.name)
        elif not replace or not goal.is_file() or goal.is_symlink():
            raise _in_the_way(goal)
    return (), same, not owned and same == {file.name for file in plan.files}


def _made(plan: PlacementPlan, live: Sequence[JournalEntry]) -> tuple[Path, ...]:
    """Folders that are not there, or that this ticket made in a run that did not end."""
    open_still = [row for row in live if row.op is JournalOp.MKDIR and row.state is not JournalState.VERIFIED]
    mkdirs = {Path(row.target) for row in open_still}
    return tuple(path for path in levels(plan) if path in mkdirs or not path.exists())


def _check_room(
    plan: PlacementPlan, home: Path, ways: Mapping[str, tuple[Way, ...]], digests: Mapping[str, Digest]
) -> None:
    sources = {file.name: file.source for file in plan.files}
    device = home.stat().st_dev
    needed = 0
    for name, digest in digests.items():
        source = sources[name]
        by = ways.get(name, ())
        linked = isinstance(source, Path) and by[:1] == ("hardlink",) and source.stat().st_dev == device
        needed += 0 if linked or by == ("reflink",) else digest.size
    usage = shutil.disk_usage(home)
    if usage.total and usage.free < needed:  # some network file systems say 0 of everything
        raise disk_full(home, needed, usage.free)


def _in_the_way(goal: Path) -> TargetExists:
    evidence: dict[str, JsonValue] = {"path": str(goal), "size": goal.lstat().st_size}
    message = f"Another file already stands at {goal}; it was not touched."
    action = "Move it away and retry, or let this ticket replace it."
    return TargetExists(Reason("target_exists", message, action, evidence))


def _target_exists(comparison: Comparison) -> TargetExists:
    return TargetExists(
        Reason(
            "target_exists",
            f"Another book already stands in {comparison.folder}; it was not touched.",
            "Keep it and cancel this ticket, or let this ticket replace it; or tell the two apart in the naming pattern.",
            comparison.as_json(),
        )
    )
