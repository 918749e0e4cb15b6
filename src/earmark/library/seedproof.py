"""Proof that a download which seeds is what its torrent says, and that nobody writes to a file that shares its bytes with
one. Opens the download for reading only; knows no torrent client."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.core.reasons import JsonValue, PermanentError, Reason
from earmark.core.torrentfile import Pieces, Span, read_pieces
from earmark.library.faults import from_os
from earmark.library.methods import regular
from earmark.library.offload import offload


class SeedingTouched(PermanentError):
    """The files of a download are no longer what its torrent says."""


class SharesBytes(PermanentError):
    """A file that must not be written to: its bytes have another name, perhaps one that seeds."""


@dataclass(frozen=True, slots=True)
class BadPiece:
    """A piece whose bytes differ, the files it lies in, and why where it could not be read at all."""

    index: int
    files: tuple[str, ...]
    problem: str


@dataclass(frozen=True, slots=True)
class SeedProof:
    """Numbers of the pieces that were read, and those of them that are not what the torrent says."""

    checked: tuple[int, ...]
    bad: tuple[BadPiece, ...]

    @property
    def untouched(self) -> bool:
        return not self.bad


def prove_untouched(
    torrent: bytes,
    save_path: Path,
    *,
    pieces: int = 16,
    rng: random.Random,
    check: Callable[[], None] = lambda: None,
) -> SeedProof:
    """Read up to `pieces` pieces of the finished download below `save_path` and compare them with the hashes in the
    .torrent file: the first and the last, then those in which files meet, then any. Files of another size than the
    torrent's count as bad, whichever piece they were met in. Hybrid torrents are checked by their version 1 hashes.
    Raises `BadTorrent`, `OSError` when the disk itself fails."""
    content = read_pieces(torrent)
    starts = _starts(content.spans)
    chosen = _sample(content, starts, pieces, rng)
    bad: list[BadPiece] = []
    for index in chosen:
        check()
        begin, end = index * content.length, min((index + 1) * content.length, starts[-1])
        within = _within(content.spans, starts, begin, end)
        names = tuple(dict.fromkeys(span.path for span, _, _ in within if span.path is not None))
        digest = hashlib.sha1(usedforsecurity=False)
        try:
            for span, offset, length in within:
                digest.update(_read(save_path, span, offset, length))
        except (EOFError, PermanentError) as error:
            bad.append(BadPiece(index, names, str(error)))
            continue
        if digest.digest() != content.hashes[index]:
            bad.append(BadPiece(index, names, "its bytes differ"))
    return SeedProof(tuple(chosen), tuple(bad))


async def require_untouched(torrent: bytes, save_path: Path, *, pieces: int = 16, rng: random.Random) -> SeedProof:
    """`prove_untouched` in a thread, after a placement. Raises `seeding_bytes_changed` with the files in question."""
    try:
        proof = await offload(lambda check: prove_untouched(torrent, save_path, pieces=pieces, rng=rng, check=check))
    except OSError as error:
        raise from_os(error, "reading the download", save_path) from error
    if proof.bad:
        files: list[JsonValue] = list(dict.fromkeys(name for piece in proof.bad for name in piece.files))
        found: list[JsonValue] = [{"piece": piece.index, "problem": piece.problem} for piece in proof.bad]
        message = f"The download in {save_path} is not what its torrent says any more: {files[0] if files else ''}."
        action = "Let the torrent client check the torrent again, and look for the program that changed those files."
        raise SeedingTouched(Reason("seeding_bytes_changed", message, action, {"files": files, "pieces": found}))
    return proof


def refuse_shared(path: Path) -> None:
    """Before anything is written into a file that stands: raises `shares_seeding_bytes` when its bytes have a second
    name. Whoever must change such a file makes a copy of its own."""
    if regular(path).st_nlink > 1:
        message = f"{path.name} shares its bytes with another file, perhaps one that seeds; it was not written to."
        action = "Place it again with [library] method copy, or leave its tags as they are."
        raise SharesBytes(Reason("shares_seeding_bytes", message, action, {"path": str(path)}))


def _starts(spans: Sequence[Span]) -> list[int]:
    """Where each span begins in the content, and at last where all of it ends."""
    starts = [0]
    for span in spans:
        starts.append(starts[-1] + span.size)
    return starts


def _sample(content: Pieces, starts: Sequence[int], count: int, rng: random.Random) -> list[int]:
    last = len(content.hashes) - 1
    chosen = list(dict.fromkeys([0, last]))
    borders = sorted({start // content.length for start in starts[1:-1] if start % content.length})
    rng.shuffle(borders)
    rest = rng.sample(range(last + 1), min(last + 1, count + len(chosen)))
    return sorted(list(dict.fromkeys([*chosen, *borders, *rest]))[: max(count, 1)])


def _within(spans: Sequence[Span], starts: Sequence[int], begin: int, end: int) -> list[tuple[Span, int, int]]:
    """The parts of spans between two places of the content: span, offset in it, bytes."""
    return [
        (span, max(begin, start) - start, min(end, start + span.size) - max(begin, start))
        for span, start in zip(spans, starts[:-1], strict=True)
        if start < end and start + span.size > begin
    ]


def _read(save_path: Path, span: Span, offset: int, length: int) -> bytes:
    if span.path is None:
        return bytes(length)
    path = save_path / span.path
    if regular(path).st_size != span.size:
        raise EOFError(f"{span.path} has another size than the torrent says")
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        file.seek(offset)
        data = file.read(length)
    if len(data) != length:
        raise EOFError(f"{span.path} ends early")
    return data
