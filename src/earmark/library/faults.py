"""What can go wrong with files, as named errors: what happened to which path, and the one thing to do about it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from earmark.core.reasons import EarmarkError, JsonValue, PermanentError, Reason, TransientError


class DiskFull(PermanentError):
    """A disk has no room for what should be written."""


class NotWritable(PermanentError):
    """A folder that must be writable is not: permissions, or a read-only file system."""


class TargetExists(PermanentError):
    """Something that is not ours stands where a book should go. It is never overwritten."""


class UnsafeTarget(PermanentError):
    """A path that leads out of the library, or a name no file may have."""


class LibraryMissing(PermanentError):
    """The library folder is not there; it is never created, for it may be a disk that is not mounted."""


class SourceMissing(PermanentError):
    """A file that should be placed is gone."""


class CopyDiffers(TransientError):
    """What was written is not what was read."""


class StorageFailed(PermanentError):
    """The file system refused for a reason of its own."""


class StorageAway(TransientError):
    """The disk or share does not answer."""


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_AWAY = frozenset(
    {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.ESHUTDOWN, errno.EBUSY, errno.ENXIO, errno.ENOENT}
)


def disk_full(path: Path, needed: int | None = None, free: int | None = None) -> DiskFull:
    """`needed` and `free` in bytes, where known."""
    numbers: dict[str, JsonValue] = {"needed_bytes": needed, "free_bytes": free}
    evidence = {"path": str(path)} | {k: v for k, v in numbers.items() if v is not None}
    short = f": {needed:,} bytes are needed, {free:,} are free" if needed is not None and free is not None else ""
    return DiskFull(
        Reason(
            "disk_full",
            f"The disk of {path} is full{short}. Nothing was left behind.",
            "Free space on that disk, then retry the ticket.",
            evidence,
        )
    )


def from_os(error: OSError, doing: str, path: Path) -> EarmarkError:
    """The named error for what the operating system said while `doing` something at `path`."""
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else path
    evidence: dict[str, JsonValue] = {
        "path": str(path),
        "doing": doing,
        "errno": errno.errorcode.get(error.errno or 0, "unknown"),
    }
    if error.errno in _FULL:
        return disk_full(path)
    if error.errno in _DENIED:
        message = f"Earmark may not write to {path} ({error.strerror})."
        action = "Give the user Earmark runs as write access to that folder, then retry the ticket."
        if error.errno == errno.EROFS:
            action = "Mount that file system writable, then retry the ticket."
        return NotWritable(Reason("not_writable", message, action, evidence))
    if error.errno in _AWAY:
        message = f"The disk or share of {path} does not answer ({error.strerror})."
        action = "Nothing to do at first: it is tried again. If it stays so, check the disk or the mount."
        return StorageAway(Reason("storage_away", message, action, evidence))
    message = f"{doing.capitalize()} failed at {path}: {error.strerror or type(error).__name__}."
    return StorageFailed(Reason("storage_failed", message, "Check that path and its disk, then retry.", evidence))
