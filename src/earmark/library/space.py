"""How much room there is on the disks of library, workspace and downloads, and what removing files would truly bring.
Looks only: it frees nothing (`core.space` plans, the torrent client carries out). The calls block for as long as a disk
takes to answer; run them through `offload`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from earmark.core.reasons import EarmarkError, Reason
from earmark.core.space import HeldFile, freed_bytes
from earmark.library.faults import from_os

_BLOCK = 512  # bytes in which st_blocks counts, whatever the file system's own blocks are


@dataclass(frozen=True, slots=True)
class Disk:
    """One file system: its device number, size and what is free for us, in bytes."""

    device: int
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class SpaceState:
    """One disk and what it is used for (`library`, `downloads` …, with the paths). `limit` in bytes is the largest of
    these uses. `reason` is `space_low` below it, `space_unknown` when the disk does not say, else None."""

    uses: Mapping[str, Path]
    disk: Disk | None
    limit: int
    reason: Reason | None

    @property
    def low(self) -> bool:
        return self.reason is not None and self.reason.code == "space_low"


def disk_of(path: Path) -> Disk:
    """The disk that `path` is on or would be made on. Raises the named errors of `library.faults`."""
    try:
        there = path if path.exists() else path.parent
        device, figures = there.stat().st_dev, os.statvfs(there)
    except OSError as error:
        raise from_os(error, "looking at the free space", path) from error
    return Disk(device, figures.f_blocks * figures.f_frsize, figures.f_bavail * figures.f_frsize)


def watch(paths: Mapping[str, Path], limits: Mapping[str, int]) -> list[SpaceState]:
    """Every disk behind `paths` (by use), each asked once, against the bytes that `limits` (by use) want kept free.
    A disk that is away or says nothing of its size (some network shares) is `space_unknown`, never low."""
    uses: dict[int, dict[str, Path]] = {}
    states: list[SpaceState] = []
    for use, path in paths.items():
        try:
            there = path if path.exists() else path.parent
            uses.setdefault(there.stat().st_dev, {})[use] = path
        except OSError as error:
            found = from_os(error, "looking at the free space", path).reason.message
            states.append(SpaceState({use: path}, None, limits.get(use, 0), _unknown({use: path}, found)))
    return [_state(shared, max(limits.get(use, 0) for use in shared)) for shared in uses.values()] + states


def held_files(paths: Iterable[Path]) -> tuple[HeldFile, ...]:
    """Facts about these names, each once. What is gone, or is no regular file, holds no space."""
    found: list[HeldFile] = []
    for path in dict.fromkeys(paths):
        with suppress(OSError):
            facts = path.lstat()
            if stat.S_ISREG(facts.st_mode):
                found.append(HeldFile(facts.st_dev, facts.st_ino, facts.st_blocks * _BLOCK, facts.st_nlink))
    return tuple(found)


def truly_freed(files: Iterable[Path]) -> int:
    """Bytes that come free when all these names are removed: files with a name elsewhere count for nothing. Blocks
    shared by reflink cannot be told apart from the outside and are counted in full."""
    return freed_bytes(held_files(files))


def _state(uses: Mapping[str, Path], limit: int) -> SpaceState:
    path = next(iter(uses.values()))
    try:
        disk = disk_of(path)
    except EarmarkError as error:
        return SpaceState(uses, None, limit, _unknown(uses, str(error)))
    if not disk.total:
        return SpaceState(uses, disk, limit, _unknown(uses, "It does not say how large it is."))
    return SpaceState(uses, disk, limit, _low(uses, disk, limit) if disk.free < limit else None)


def _low(uses: Mapping[str, Path], disk: Disk, limit: int) -> Reason:
    where = ", ".join(uses)
    return Reason(
        "space_low",
        f"Only {_size(disk.free)} are free on the disk of {where}; {_size(limit)} are to stay free. Grabs wait.",
        "Free space on that disk, or let go of torrents that owe nothing; grabs then go on by themselves.",
        {
            "uses": {use: str(path) for use, path in uses.items()},
            "free_bytes": disk.free,
            "total_bytes": disk.total,
            "limit_bytes": limit,
        },
    )


def _unknown(uses: Mapping[str, Path], problem: str) -> Reason:
    return Reason(
        "space_unknown",
        f"How much space is free for {', '.join(uses)} is not known. {problem}",
        "Check that the disk is mounted and can be read.",
        {"uses": {use: str(path) for use, path in uses.items()}},
    )


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB" if count >= 1024**3 else f"{count / 1024**2:.0f} MiB"
