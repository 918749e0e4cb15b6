"""Moving a finished file to its place so that it is there whole or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
from pathlib import Path

_FICLONE = 0x40049409  # Linux: share the extents of another file (btrfs, xfs)
_PIECE = 32 * 1024 * 1024


async def copy_bytes(source: Path, target: Path) -> None:
    """A byte-identical file at `target`, as a reflink where the file system can. Stops between pieces when cancelled."""
    with source.open("rb") as reader, target.open("wb") as writer:
        with contextlib.suppress(OSError):
            fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
            return
        while await asyncio.to_thread(_copy_piece, reader.fileno(), writer.fileno()):
            pass


def _copy_piece(reader: int, writer: int) -> int:
    try:
        return os.copy_file_range(reader, writer, _PIECE)
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}:
            raise
        return os.sendfile(writer, reader, None, _PIECE)


def write_whole(path: Path, data: bytes) -> None:
    """A file that is there with all of `data`, on the disk, or not at all."""
    beside = path.with_name(f"{path.name}.part")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


async def publish(finished: Path, out: Path) -> None:
    """Sync `finished` and rename it to `out`; across file systems by way of a hidden file beside `out`."""
    await asyncio.to_thread(_sync, finished)
    try:
        os.replace(finished, out)  # noqa: PTH105 - one call, one rename
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        await _publish_across(finished, out)
    await asyncio.to_thread(_sync, out.parent)


async def _publish_across(finished: Path, out: Path) -> None:
    beside = out.with_name(f".{out.name[:200]}.part")
    try:
        await copy_bytes(finished, beside)
        await asyncio.to_thread(_sync, beside)
        beside.replace(out)
    finally:
        beside.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
