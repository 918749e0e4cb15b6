"""What a placement is meant to do: which file goes where, by which method. Checks names and the way to them; reads no
file and changes nothing."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from earmark.core.filenames import SEGMENT_BYTES, problem_with_segment
from earmark.core.reasons import JsonValue, PermanentError, Reason
from earmark.core.ticket import TicketId
from earmark.library.faults import LibraryMissing, TargetExists, UnsafeTarget
from earmark.library.methods import Method
from earmark.library.staging import TEMP_NAME, Content, temp_name

FileKind = Literal["book", "sidecar", "cover"]
Origin = Literal["made", "seeding"]

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif"})
_CORRECT = "Correct the book's title, author or series, or the naming pattern, then retry the ticket."


@dataclass(frozen=True, slots=True)
class Planned:
    """One file to place: a path or the bytes themselves, under `name` inside the plan's folder. `seeding` files are
    placed unchanged by the plan's method and never written to; `made` ones are of our own making."""

    source: Content
    name: str
    kind: FileKind
    origin: Origin = "made"


@dataclass(frozen=True, slots=True)
class PlacementPlan:
    """Where everything goes. Sources below `workspace` are of our making and may be hard-linked; other `made` sources
    are copied. `scattered`: the files' names are paths of several segments below `folder`, which is the root."""

    ticket_id: TicketId
    root: Path
    folder: Path
    files: tuple[Planned, ...]
    workspace: Path | None = None
    method: Method = "hardlink-or-copy"
    scattered: bool = False

    @property
    def staging(self) -> Path:
        """The hidden sibling in which a new folder is completed."""
        return self.folder.parent / temp_name(self.ticket_id, self.folder.name)

    def goal(self, name: str) -> Path:
        """Where the file of that name goes."""
        return self.folder / name


def plan_placement(
    root: Path,
    folder_parts: Sequence[str],
    files: Sequence[Planned],
    ticket_id: TicketId,
    *,
    workspace: Path | None = None,
    method: Method = "hardlink-or-copy",
    released: bool = False,
) -> PlacementPlan:
    """A book in its folder. Checks names and says where things go; touches no disk. `released` says that the torrent
    of the seeding files owes nothing any more. Raises `UnsafeTarget`, `still_owing`."""
    if not folder_parts or not files:
        raise UnsafeTarget.of("placement_empty", "A placement needs a folder and at least one file.", "Report this.")
    for name in (*folder_parts, *(file.name for file in files)):
        if problem := problem_with_segment(name):
            raise UnsafeTarget.of(
                "placement_unsafe_name", f"{name!r} cannot be a name: {problem}.", _CORRECT, name=name
            )
    _check_twice([file.name for file in files])
    _check_released(files, method, released)
    base = root.absolute()
    return PlacementPlan(ticket_id, base, base.joinpath(*folder_parts), tuple(files), workspace, method)


def plan_files(
    root: Path,
    files: Sequence[tuple[Content, str]],
    ticket_id: TicketId,
    *,
    workspace: Path | None = None,
    origin: Origin = "made",
    method: Method = "hardlink-or-copy",
    released: bool = False,
) -> PlacementPlan:
    """Files at given paths in several folders, as a music ticket's `dest_path`s say: relative to `root`, or absolute
    and below it. Images are known by their endings. Touches no disk. Raises `placement_unsafe_target` for a path that
    leads out of `root`, `placement_unsafe_name` for one no file system takes, `placement_name_twice`, `still_owing`."""
    if not files:
        raise UnsafeTarget.of("placement_empty", "A placement needs at least one file.", "Report this.")
    base = root.absolute()
    planned = [_at_path(base, source, dest, origin) for source, dest in files]
    _check_twice([file.name for file in planned])
    _check_released(planned, method, released)
    return PlacementPlan(ticket_id, base, base, tuple(planned), workspace, method, scattered=True)


def levels(plan: PlacementPlan) -> list[Path]:
    """The folders between the library and the files, outer ones first."""
    ends = {plan.goal(file.name).parent for file in plan.files} if plan.scattered else {plan.folder}
    found = {path for end in ends for path in (end, *end.parents) if plan.root in path.parents}
    return sorted(found, key=lambda path: (len(path.parts), path))


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
    for level in levels(plan):
        real = base if _leads_in_circles(level) else level.resolve()
        if real == base or not real.is_relative_to(base):
            message = f"The folder {level} leads out of the library {plan.root} through a symlink."
            action = "Remove that symlink or let it point inside the library, then retry the ticket."
            evidence: dict[str, JsonValue] = {"folder": str(level), "leads_to": str(real), "library": str(base)}
            raise UnsafeTarget(Reason("placement_unsafe_target", message, action, evidence))
        if os.path.lexists(level) and not level.is_dir():
            message = f"{level} is a file, but a folder of that name is needed."
            raise TargetExists(
                Reason("target_exists", message, "Move that file away, then retry the ticket.", {"path": str(level)})
            )


def _leads_in_circles(level: Path) -> bool:
    """Is it a loop of symlinks? Python up to 3.12 raises RuntimeError for it, later ones OSError."""
    try:
        level.resolve(strict=True)
    except RuntimeError:
        return True
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _at_path(base: Path, source: Content, dest: str, origin: Origin) -> Planned:
    """The path as it was asked for: it is somebody else's choice, so only what is unsafe is refused."""
    path = PurePosixPath(dest)
    if path.is_absolute() and path.is_relative_to(base):
        path = path.relative_to(base)
    if path.is_absolute() or not path.parts or ".." in path.parts:
        raise UnsafeTarget.of(
            "placement_unsafe_target",
            f"{dest!r} does not lie below {base}.",
            "Correct the `dest_path` in the ticket.",
            path=dest,
            library=str(base),
        )
    for part in path.parts:
        hostile = any(ord(sign) < 0x20 or ord(sign) == 0x7F for sign in part)
        if hostile or len(os.fsencode(part)) > SEGMENT_BYTES or TEMP_NAME.fullmatch(part):
            message = f"{part[:80]!r} cannot be a name: it is too long, or has characters no file system should see."
            raise UnsafeTarget.of(
                "placement_unsafe_name", message, "Correct the `dest_path` in the ticket.", name=part[:300]
            )
    return Planned(source, str(path), "cover" if path.suffix.lower() in IMAGES else "book", origin)


def _check_twice(names: Sequence[str]) -> None:
    if len({name.casefold() for name in names}) != len(names):
        evidence: list[JsonValue] = list(names)
        raise UnsafeTarget.of("placement_name_twice", "Two files have the same name.", "Report this.", names=evidence)


def _check_released(files: Sequence[Planned], method: Method, released: bool) -> None:
    if method == "move" and not released and any(file.origin == "seeding" for file in files):
        raise PermanentError.of(
            "still_owing",
            "The files cannot be moved out of the download: the torrent still owes seeding.",
            "Wait until the ledger releases it, or choose hardlink or copy in [library] method.",
            method=method,
        )
