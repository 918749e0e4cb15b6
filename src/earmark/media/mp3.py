"""The delay and padding an MP3 states in its first frame (the Xing/Info header with LAME's extension).

Decoders drop that much at the start and at the end of a file; where MP3s are joined without encoding only the first
file's statement counts, and this is the arithmetic for where each source then begins.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path

DECODER_DELAY = 529  # samples every MP3 decoder lags behind; the header counts without them


def stated_gap(path: Path) -> tuple[int, int]:
    """Samples that decoders drop at the start and at the end of the MP3 at `path`; zeros when it states none."""
    head = _first_frame(path)
    found = re.search(rb"Xing|Info", head[:1024])
    if found is None:
        return 0, 0
    flags = int.from_bytes(head[found.end() : found.end() + 4], "big")
    at = found.end() + 4 + sum(size for bit, size in ((1, 4), (2, 4), (4, 100), (8, 4)) if flags & bit)
    packed = head[at + 21 : at + 24]
    if len(packed) < 3:
        return 0, 0
    value = int.from_bytes(packed, "big")
    return (value >> 12) + DECODER_DELAY, max(0, (value & 0xFFF) - DECODER_DELAY)


def inner_tags(path: Path) -> int:
    """How many ID3 or APE tags stand somewhere between the frames, as tools leave them that glue MP3s together."""
    tag = rb"ID3[\x02-\x04]\x00[\x00-\xf0][\x00-\x7f]{4}|APETAGEX\xd0\x07\x00\x00"
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return sum(1 for found in re.finditer(tag, data) if found.start() > 0)


def _first_frame(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(10)
        tagged = head.startswith(b"ID3") and len(head) == 10
        file.seek(10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]) if tagged else 0)
        return file.read(4096).ljust(4096, b"\0")


def joined_lengths(samples: Sequence[int], gaps: Sequence[tuple[int, int]], joined: tuple[int, int]) -> list[int]:
    """Samples from the start of each source's sound to that of the next one (the last: to the end) in an MP3 of all.

    `samples`: of each source with its delay and padding; `gaps`: what each states; `joined`: what the result states.
    """
    begins = [n + gap[0] - joined[0] for n, gap in zip(accumulate(samples[:-1], initial=0), gaps, strict=True)]
    return [b - a for a, b in pairwise([0, *begins[1:], sum(samples) - sum(joined)])]
