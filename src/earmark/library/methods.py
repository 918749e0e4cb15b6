"""The ways a file gets from a download to the shelf: a second name for the same bytes (hardlink), shared blocks
(reflink), a copy. Each does what it says or fails with the reason; none ever opens a source for writing.

`copy_file_range` is not used for reflinks: it copies in silence where blocks cannot be shared (man 2), FICLONE fails.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from earmark.core.reasons import PermanentError, Reason
from earmark.library.faults import SourceMissing, from_os

Method = Literal["hardlink", "hardlink-or-copy", "reflink", "copy", "move"]
Way = Literal["hardlink", "reflink", "copy"]

WAYS: dict[Method, tuple[Way, ...]] = {
    "hardlink": ("hardlink",),
    "hardlink-or-copy": ("hardlink", "reflink", "copy"),
    "reflink": ("reflink",),
    "copy": ("copy",),
    # The source keeps its name until everything is proven and journalled; only then does it go.
    "move": ("hardlink", "copy"),
}
CHUNK = 1 << 20
FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file until one of them changes

_NEXT_STEP = "Choose hardlink-or-copy or copy in [library] method, or put downloads and library on one file system."
_CAUSES = {
    errno.EXDEV: ("other_file_system", "they are on different file systems or mounts"),
    errno.EMLINK: ("link_limit", "the file has as many names as its file system allows"),
    errno.EOPNOTSUPP: ("not_supported", "the file system does not support it"),
    errno.ENOTTY: ("not_supported", "the file system does not support it"),
    errno.EINVAL: ("not_supported", "the file system does not support it"),
    errno.ENOSYS: ("not_supported", "the file system does not support it"),
    errno.EPERM: ("permission", "it is forbidden, or the file system does not support it"),
    errno.EACCES: ("permission", "it is forbidden"),
}


class MethodImpossible(PermanentError):
    """The chosen method cannot work between these two places; nothing else was tried in silence."""


@dataclass(frozen=True, slots=True)
class MethodCheck:
    """Whether a method works from one folder to another, and what it comes down to there."""

    ok: bool
    method_used: str | None
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Brought:
    """How a file came to its new name. `sha256` is of the bytes that were read, when they had to be read."""

    way: Way
    sha256: str | None = None


def bring(source: Path, goal: Path, ways: tuple[Way, ...], check: Callable[[], None]) -> Brought:
    """Make the new file `goal` from the regular file `source` by the first of `ways` that works. Raises
    `hardlink_impossible` or `reflink_impossible` when no way is left, `source_missing`, `OSError`."""
    refused: MethodImpossible | None = None
    for way in ways:
        try:
            return Brought(way, _WAYS[way](source, goal, check))
        except MethodImpossible as error:
            refused = error
    if refused is None:
        raise ValueError("no way to bring a file was allowed")
    raise refused


def probe_method(source_dir: Path, target_dir: Path, method: Method) -> MethodCheck:
    """Try the method for real, with a small file of our own in `source_dir` (the downloads) and its twin in
    `target_dir` (the library); both are gone afterwards. For `move` too: it begins with a link or a copy."""
    token = secrets.token_hex(8)
    source, goal = source_dir / f".earmark-probe-{token}", target_dir / f".earmark-probe-{token}-twin"
    try:
        if method == "hardlink":
            _refuse_foreign(source_dir)
        try:
            with source.open("xb") as file:
                file.write(b"earmark" * 1000)
                file.flush()
                os.fsync(file.fileno())  # btrfs shares only blocks that have their place on the disk
            used = bring(source, goal, WAYS[method], lambda: None).way
        finally:
            for path in (goal, source):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
    except MethodImpossible as error:
        return MethodCheck(False, None, error.reason)
    except OSError as error:
        return MethodCheck(False, None, from_os(error, f"trying {method}", target_dir).reason)
    return MethodCheck(True, "move" if method == "move" else used, None)


def regular(source: Path) -> os.stat_result:
    """Its facts. A symlink, a device or nothing at all is refused as `source_missing`."""
    try:
        facts = source.lstat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise source_missing(source, "is gone") from error
    if not stat.S_ISREG(facts.st_mode):
        raise source_missing(source, "is a symlink" if stat.S_ISLNK(facts.st_mode) else "is not a regular file")
    return facts


def source_missing(path: Path, problem: str) -> SourceMissing:
    return SourceMissing(
        Reason(
            "source_missing",
            f"{path.name} should be placed but {problem}.",
            "Retry the ticket: the file is made again, or the download checked.",
            {"path": str(path)},
        )
    )


def _hardlink(source: Path, goal: Path, check: Callable[[], None]) -> None:
    facts = regular(source)
    try:
        os.link(source, goal, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _CAUSES:
            raise
        raise _impossible("hardlink", source, goal, error) from error
    linked = goal.lstat()
    if (linked.st_ino, linked.st_dev) != (facts.st_ino, facts.st_dev):  # exchanged between look and link
        goal.unlink()
        raise source_missing(source, "was exchanged for another file meanwhile")


def _reflink(source: Path, goal: Path, check: Callable[[], None]) -> None:
    regular(source)
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as reader, goal.open("xb") as writer:
        try:
            fcntl.ioctl(writer.fileno(), FICLONE, reader.fileno())
        except OSError as error:
            goal.unlink()
            if error.errno not in _CAUSES:
                raise
            raise _impossible("reflink", source, goal, error) from error


def _copy(source: Path, goal: Path, check: Callable[[], None]) -> str:
    """Returns the SHA-256 of what was read, so that the copy can be proven without reading the source again."""
    regular(source)
    total = hashlib.sha256()
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as reader, goal.open("xb") as writer:
        while chunk := reader.read(CHUNK):
            check()
            total.update(chunk)
            writer.write(chunk)
    return total.hexdigest()


_WAYS: dict[Way, Callable[[Path, Path, Callable[[], None]], str | None]] = {
    "hardlink": _hardlink,
    "reflink": _reflink,
    "copy": _copy,
}


def _impossible(way: Way, source: Path, goal: Path, error: OSError) -> MethodImpossible:
    cause, because = _CAUSES[error.errno or 0]
    what = "cannot be given a second name" if way == "hardlink" else "cannot share its blocks with a file"
    return MethodImpossible(
        Reason(
            "hardlink_impossible" if way == "hardlink" else "reflink_impossible",
            f"{source.name} {what} in {goal.parent}: {because}.",
            _NEXT_STEP,
            {"source": str(source), "target": str(goal.parent), "cause": cause, "error": error.strerror},
        )
    )


def _refuse_foreign(source_dir: Path) -> None:
    """Linux lets a user link other people's files only when it may write them (fs.protected_hardlinks, man 5 proc). Our
    own probe file would not show that, so look at what lies there: the first few hundred entries."""
    try:
        protected = Path("/proc/sys/fs/protected_hardlinks").read_text().strip() == "1"
    except OSError:
        protected = False
    if not protected or os.geteuid() == 0:
        return
    for path in islice((path for path in source_dir.rglob("*") if path.is_file()), 200):
        if path.stat().st_uid != os.geteuid() and not os.access(path, os.R_OK | os.W_OK):
            message = f"Earmark may not give {path.name} a second name: it belongs to another user and is not writable."
            action = "Run Earmark as the user of the torrent client or in its group with group-writable downloads."
            raise MethodImpossible(
                Reason("hardlink_impossible", message, action, {"source": str(path), "cause": "permission"})
            )
