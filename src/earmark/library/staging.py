"""Single files on their way into the library: written beside their goal under a hidden name of our own, flushed to the
disk and proven. Knows bytes and names, not books; every operation announces itself first (`Step`), so that a test can
end the process at any of them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from earmark.core.reasons import Reason
from earmark.library.faults import CopyDiffers
from earmark.library.methods import CHUNK, Way, bring, regular, source_missing

Step = Callable[[str], None]
Content = Path | bytes

TEMP_NAME = re.compile(r"\.earmark-([0-9a-f]{8})-[0-9a-f]{10}\.(part|old)")
"""Every name we ever give to something unfinished: the ticket's mark, a digest of what it will become."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What a file must be, byte for byte. Without `sha256` the bytes are those of the source, not read yet."""

    size: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Put:
    """A file as it was brought beside its goal."""

    method: str  # hardlink | reflink | copy | write
    digest: Digest
    inode: int


def mark_of(ticket_id: str) -> str:
    """Eight characters that lead from a temporary name back to its ticket."""
    head = ticket_id[:8].lower()
    return head if re.fullmatch(r"[0-9a-f]{8}", head) else hashlib.sha256(ticket_id.encode()).hexdigest()[:8]


def temp_name(ticket_id: str, goal: str, kind: str = "part") -> str:
    """The hidden name under which `goal` is prepared (`part`) or kept aside (`old`): the same on every run."""
    digest = hashlib.sha256(f"{ticket_id}\0{goal}".encode()).hexdigest()[:10]
    return f".earmark-{mark_of(ticket_id)}-{digest}.{kind}"


def digest_of(content: Content, check: Callable[[], None]) -> Digest:
    """Size and SHA-256 of bytes or of a regular file (a symlink is not followed)."""
    if isinstance(content, bytes):
        return Digest(len(content), hashlib.sha256(content).hexdigest())
    regular(content)
    descriptor = os.open(content, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise source_missing(content, "is not a regular file")
        return _drain(file.read, check)


def put(
    content: Content, expected: Digest, goal: Path, *, ways: tuple[Way, ...], step: Step, check: Callable[[], None]
) -> Put:
    """Bring `content` to the new file `goal`, on the disk and proven: a hard link by its inode, anything else by its
    bytes. Raises `copy_differs`, and what `bring` raises."""
    if isinstance(content, bytes):
        step(f"write {goal.name}")
        with goal.open("xb") as file:
            file.write(content)
        return _prove(goal, "write", expected, step, check)
    step(f"copy {goal.name}")
    brought = bring(content, goal, ways, check)
    if brought.way == "hardlink":
        return Put("hardlink", expected, goal.lstat().st_ino)
    if expected.sha256 is None:
        expected = Digest(expected.size, brought.sha256)
    return _prove(goal, brought.way, expected, step, check)


def linkable(source: Path, folder: Path) -> bool:
    """Could `source` become a second name in `folder` without sharing its bytes with anybody else? A file that
    already has a second name may be one that seeds."""
    facts = source.lstat()
    return stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1 and facts.st_dev == folder.stat().st_dev


def flush_file(path: Path) -> None:
    """Make the bytes of a file of our own durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard(path: Path, step: Step) -> None:
    """Remove something of our own making, a file or a whole folder; nothing happens when it is not there."""
    if not os.path.lexists(path):
        return
    step(f"discard {path.name}")
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """Make names in `folder` as durable as the files behind them."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prove(goal: Path, method: str, expected: Digest, step: Step, check: Callable[[], None]) -> Put:
    """Flushed to the disk, then read back from it. What shares its blocks with its source needs no reading."""
    step(f"flush {goal.name}")
    descriptor = os.open(goal, os.O_RDONLY)
    try:
        with suppress(OSError):  # some shares know no modes
            os.fchmod(descriptor, 0o666 & ~umask())  # the media server is often another user
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # so that the proof reads the disk, not the cache
        facts = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    step(f"prove {goal.name}")
    if facts.st_size != expected.size or (expected.sha256 is not None and digest_of(goal, check) != expected):
        message = f"{goal.name} was written, but what is on the disk differs from what was read."
        action = "Nothing to do at first: it is tried again. If it stays so, check the disk for faults."
        raise CopyDiffers(Reason("copy_differs", message, action, {"path": str(goal)}))
    return Put(method, expected, facts.st_ino)


def _drain(read: Callable[[int], bytes], check: Callable[[], None]) -> Digest:
    total, size = hashlib.sha256(), 0
    while chunk := read(CHUNK):
        check()
        total.update(chunk)
        size += len(chunk)
    return Digest(size, total.hexdigest())


@cache
def umask() -> int:
    """Of this process, without changing it for a moment as os.umask would."""
    try:
        found = re.search(r"^Umask:\s*([0-7]+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return int(found[1], 8) if found else 0o022
