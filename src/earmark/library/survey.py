"""What a placement is meant to do, and a look at the shelf before anything is touched: is the way safe, is the place
free or ours, is there room? Refuses by name; changes nothing on the disk."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from earmark.core.filenames import problem_with_segment
from earmark.core.reasons import EarmarkError, JsonValue, Reason
from earmark.core.ticket import TicketId
from earmark.library.faults import LibraryMissing, TargetExists, UnsafeTarget, disk_full, from_os
from earmark.library.staging import TEMP_NAME, Content, Digest, digest_of, linkable, temp_name
from earmark.store.journal import JournalEntry, JournalOp, JournalState

FileKind = Literal["book", "sidecar", "cover"]
Check = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Planned:
    """One file to place: a path or the bytes themselves, under `name` inside the book's folder."""

    source: Content
    name: str
    kind: FileKind


@dataclass(frozen=True, slots=True)
class PlacementPlan:
    """Where everything goes. Sources below `workspace` are of our making and may be hard-linked; all others are
    copied, for they may be seeding."""

    ticket_id: TicketId
    root: Path
    folder: Path
    files: tuple[Planned, ...]
    workspace: Path | None = None
    join: bool = False  # the folder is another placement's of ours: files are added to it, none is replaced

    @property
    def staging(self) -> Path:
        """The hidden sibling in which a new folder is completed."""
        return self.folder.parent / temp_name(self.ticket_id, self.folder.name)


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found before anything was touched."""

    digests: Mapping[str, Digest]  # by name, of what will be placed
    fresh: bool  # the folder does not exist yet, or is empty
    owned: Mapping[str, JournalEntry]  # by name: files there that this ticket placed before
    settled: frozenset[str]  # those of them that are already what they should be
    made: tuple[Path, ...]  # folders this ticket makes or made, outermost first


def plan_placement(
    root: Path,
    folder_parts: Sequence[str],
    files: Sequence[Planned],
    ticket_id: TicketId,
    *,
    workspace: Path | None = None,
    join: bool = False,
) -> PlacementPlan:
    """Check names and say where things go; touches no disk. Raises `UnsafeTarget`."""
    if not folder_parts or not files:
        raise UnsafeTarget.of("placement_empty", "A placement needs a folder and at least one file.", "Report this.")
    for name in (*folder_parts, *(file.name for file in files)):
        if problem := problem_with_segment(name):
            action = "Correct the book's title, author or series, or the naming pattern, then retry the ticket."
            raise UnsafeTarget.of("placement_unsafe_name", f"{name!r} cannot be a name: {problem}.", action, name=name)
    if len({file.name.casefold() for file in files}) != len(files):
        names: list[JsonValue] = [file.name for file in files]
        raise UnsafeTarget.of("placement_name_twice", "Two files have the same name.", "Report this.", names=names)
    base = root.absolute()
    return PlacementPlan(ticket_id, base, base.joinpath(*folder_parts), tuple(files), workspace, join)


def survey_target(plan: PlacementPlan, known: Sequence[JournalEntry], check: Check) -> Survey:
    """Look before touching anything: is the place safe, free or ours, and is there room? Raises the named refusals."""
    try:
        confine(plan)
        digests = {file.name: digest_of(file.source, check) for file in plan.files}
        live = {Path(row.target): row for row in known if row.state is not JournalState.UNDONE}
        there = _names_in(plan.folder)
        owned = _owned(plan, live, there, digests, check)
        clash = [file.name for file in plan.files if file.name in there and file.name not in owned]
        if there and (clash or not (owned or plan.join)):
            raise _target_exists(plan, there, digests, check)
        settled = frozenset(name for name in owned if _is_any(plan.folder / name, (digests.get(name),), check))
        _check_room(plan, {name: digest for name, digest in digests.items() if name not in settled})
        mkdirs = {path for path, row in live.items() if row.op is JournalOp.MKDIR}
        made = tuple(path for path in _levels(plan) if path in mkdirs or not path.exists())
        return Survey(digests, not there, owned, settled, made)
    except OSError as error:
        raise from_os(error, "looking at the library", plan.folder) from error


def confine(plan: PlacementPlan) -> None:
    """Refuse a target that symlinks lead out of the library, or whose way is blocked by a file."""
    if not plan.root.is_dir():
        raise LibraryMissing(
            Reason(
                "library_missing",
                f"The library folder {plan.root} is not there.",
                "Mount its disk, create the folder, or correct [library] in the settings; then retry the ticket.",
                {"path": str(plan.root)},
            )
        )
    base = plan.root.resolve(strict=True)
    real = base if _leads_in_circles(plan) else plan.folder.resolve()
    if real == base or not real.is_relative_to(base):
        message = f"The folder {plan.folder} leads out of the library {plan.root} through a symlink."
        action = "Remove that symlink or let it point inside the library, then retry the ticket."
        evidence: dict[str, JsonValue] = {"folder": str(plan.folder), "leads_to": str(real), "library": str(base)}
        raise UnsafeTarget(Reason("placement_unsafe_target", message, action, evidence))
    for level in _levels(plan):
        if os.path.lexists(level) and not level.is_dir():
            message = f"{level} is a file, but a folder of that name is needed."
            raise TargetExists(
                Reason("target_exists", message, "Move that file away, then retry the ticket.", {"path": str(level)})
            )


def _leads_in_circles(plan: PlacementPlan) -> bool:
    """Is there a loop of symlinks on the way? Python up to 3.12 raises RuntimeError for it, later ones OSError."""
    for level in _levels(plan):
        try:
            level.resolve(strict=True)
        except RuntimeError:
            return True
        except OSError as error:
            if error.errno == errno.ELOOP:
                return True
    return False


def refuse_existing(plan: PlacementPlan, digests: Mapping[str, Digest], check: Check) -> EarmarkError:
    """The refusal for a folder that appeared while ours was being made."""
    return _target_exists(plan, _names_in(plan.folder), digests, check)


def _levels(plan: PlacementPlan) -> list[Path]:
    """The folders between the library and the book, outermost first, the book's own last."""
    return [path for path in reversed((plan.folder, *plan.folder.parents)) if plan.root in path.parents]


def _names_in(folder: Path) -> frozenset[str]:
    """What is in a folder, without our own unfinished things."""
    if not folder.is_dir():
        return frozenset()
    return frozenset(path.name for path in folder.iterdir() if not TEMP_NAME.fullmatch(path.name))


def _owned(
    plan: PlacementPlan,
    live: Mapping[Path, JournalEntry],
    there: Collection[str],
    digests: Mapping[str, Digest],
    check: Check,
) -> dict[str, JournalEntry]:
    """The files there that this ticket placed. A planned entry is no proof: a crash may lie between the plan and the
    rename, and somebody else's file after it; so there the bytes decide."""
    owned: dict[str, JournalEntry] = {}
    for path, row in live.items():
        if path.parent != plan.folder or path.name not in there or row.op is JournalOp.MKDIR:
            continue
        settled = row.state in {JournalState.DONE, JournalState.VERIFIED}
        if settled or _is_any(path, (_planned(row), digests.get(path.name)), check):
            owned[path.name] = row
    return owned


def _is_any(path: Path, digests: Collection[Digest | None], check: Check) -> bool:
    size = path.lstat().st_size
    candidates = {digest for digest in digests if digest is not None and digest.size == size}
    return path.is_file() and not path.is_symlink() and bool(candidates) and digest_of(path, check) in candidates


def _planned(row: JournalEntry) -> Digest | None:
    return Digest(row.size, row.sha256) if row.size is not None and row.sha256 is not None else None


def _check_room(plan: PlacementPlan, digests: Mapping[str, Digest]) -> None:
    home = next(path for path in (plan.folder.parent, *plan.folder.parents) if path.is_dir())
    new = [file for file in plan.files if file.name in digests]
    needed = sum(digests[file.name].size for file in new if not may_link(plan, file, home))
    usage = shutil.disk_usage(home)
    if usage.total and usage.free < needed:  # some network file systems say 0 of everything
        raise disk_full(home, needed, usage.free)


def may_link(plan: PlacementPlan, file: Planned, folder: Path) -> bool:
    """A hard link costs no room, but only files of our own making may share their bytes with the library."""
    if isinstance(file.source, bytes) or plan.workspace is None:
        return False
    return file.source.resolve().is_relative_to(plan.workspace.resolve()) and linkable(file.source, folder)


def _target_exists(
    plan: PlacementPlan, there: Collection[str], digests: Mapping[str, Digest], check: Check
) -> TargetExists:
    found: list[JsonValue] = []
    for name in sorted(there)[:50]:
        path = plan.folder / name
        same = name in digests and _is_any(path, (digests[name],), check)
        found.append({"name": name, "size": path.lstat().st_size, "identical": same})
    wanted: list[JsonValue] = [{"name": name, "size": digest.size} for name, digest in digests.items()]
    return TargetExists(
        Reason(
            "target_exists",
            f"Another book already stands in {plan.folder}; it was not touched.",
            "Keep it and cancel this ticket, or move it away and retry; or tell the two apart in the naming pattern.",
            {"folder": str(plan.folder), "found": found, "found_count": len(there), "wanted": wanted},
        )
    )
