"""Where the packets of an MP4's sound track lie, read from its boxes without a decoder.

Boxes of strangers are hostile: every size is checked against the bytes that are there, and whatever is not a plain,
whole, unfragmented track ends in `Mp4Error`. Nothing here knows AAC, ffmpeg or books. Layout after ISO/IEC 14496-12.
"""

from __future__ import annotations

import re
import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

MAX_INDEX_BYTES = 256 * 1024 * 1024  # `moov` of a 40-hour book with a cover has about 30 MB
MAX_PACKETS = 20_000_000  # 120 hours


class Mp4Error(ValueError):
    """Why a file cannot be taken apart, as the end of a sentence about the file."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One line of an edit list: `secs` of the track from `start` (in the track's timescale; -1: silence) on."""

    secs: float
    start: int


@dataclass(frozen=True, slots=True)
class Mp4Track:
    """The first sound track of a file. `deltas` are runs of (packets, duration of each in the timescale)."""

    timescale: int
    object_type: int  # of the decoder configuration: 0x40 is MPEG-4 audio
    config: bytes  # what the decoder is told before the first packet
    sizes: array[int]  # bytes of each packet
    extents: tuple[tuple[int, int], ...]  # (offset, bytes) runs of packets in the file, in their order
    deltas: tuple[tuple[int, int], ...]
    edits: tuple[Edit, ...]
    itunes_gap: tuple[int, int] | None  # samples before and after the sound, as iTunes notes them


@dataclass(frozen=True, slots=True)
class Box:
    kind: bytes
    body: memoryview

    @property
    def version(self) -> int:
        return self.body[0] if self.body else 0

    def path(self, *kinds: bytes) -> Box | None:
        """The first box at `kinds` below this one."""
        box: Box | None = self
        for kind in kinds:
            if box is None:
                return None
            box = next((child for child in boxes(box.body) if child.kind == kind), None)
        return box

    def need(self, *kinds: bytes) -> Box:
        """The same; raises Mp4Error when it is not there."""
        box = self.path(*kinds)
        if box is None:
            raise Mp4Error(f"its index has no {b'/'.join(kinds).decode('latin-1')}")
        return box

    def unpack(self, layout: str, at: int = 0) -> tuple[int, ...]:
        try:
            return struct.unpack_from(">" + layout, self.body, at)
        except struct.error:
            raise Mp4Error(f"its box {self.kind.decode('latin-1')} is too short") from None

    def table(self, layout: str, at: int, count: int) -> Iterator[tuple[int, ...]]:
        """`count` rows from byte `at` on."""
        size = struct.calcsize(">" + layout) * count
        if count > MAX_PACKETS or at + size > len(self.body):
            raise Mp4Error(f"its table {self.kind.decode('latin-1')} is longer than its box")
        return struct.iter_unpack(">" + layout, self.body[at : at + size])


def boxes(view: memoryview) -> Iterator[Box]:
    """The boxes that stand one after another in `view`."""
    at = 0
    while at + 8 <= len(view):
        size, kind = struct.unpack_from(">I4s", view, at)
        head = 8
        if size == 1 and at + 16 <= len(view):
            size, head = struct.unpack_from(">Q", view, at + 8)[0], 16
        elif size == 0:
            size = len(view) - at
        if size < head or at + size > len(view):
            raise Mp4Error("a box of its index is longer than what holds it")
        yield Box(kind, view[at + head : at + size])
        at += size


def read_config(path: Path) -> bytes:
    """What the decoder of the first sound track is told, without its index of packets. Raises Mp4Error and OSError."""
    _, _, trak = _sound_track(path)
    return _decoder(trak.need(b"mdia", b"minf", b"stbl", b"stsd"))[1]


def read_track(path: Path) -> Mp4Track:
    """The first sound track of the MP4 at `path`. Raises Mp4Error and OSError."""
    file_size, moov, trak = _sound_track(path)
    if moov.path(b"mvex") is not None:
        raise Mp4Error("it is fragmented")
    movie_scale = _scale(moov.need(b"mvhd"))
    stbl = trak.need(b"mdia", b"minf", b"stbl")
    object_type, config = _decoder(stbl.need(b"stsd"))
    sizes = _sizes(stbl.need(b"stsz"), file_size)
    stts = stbl.need(b"stts")
    deltas = tuple((n, delta) for n, delta in stts.table("II", 8, stts.unpack("I", 4)[0]) if n)
    if sum(n for n, _ in deltas) != len(sizes) or not sizes:
        raise Mp4Error("its index does not agree with itself on the number of packets")
    return Mp4Track(
        timescale=_scale(trak.need(b"mdia", b"mdhd")),
        object_type=object_type,
        config=config,
        sizes=sizes,
        extents=_extents(stbl, sizes, file_size),
        deltas=deltas,
        edits=_edits(trak, movie_scale),
        itunes_gap=_itunes_gap(moov),
    )


def _sound_track(path: Path) -> tuple[int, Box, Box]:
    """Bytes of the file, its `moov`, and the `trak` of its sound in there."""
    with path.open("rb") as file:
        file_size = file.seek(0, 2)
        moov = _index(file, file_size)
    trak = next((b for b in boxes(moov.body) if b.kind == b"trak" and _is_sound(b)), None)
    if trak is None:
        raise Mp4Error("it has no sound track")
    return file_size, moov, trak


def _index(file: BinaryIO, file_size: int) -> Box:
    at = 0
    for _ in range(10_000):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            break
        size, kind = struct.unpack_from(">I4s", head)
        skip = 8
        if size == 1 and len(head) == 16:
            size, skip = struct.unpack_from(">Q", head, 8)[0], 16
        elif size == 0:
            size = file_size - at
        if size < skip or at + size > file_size:
            raise Mp4Error("the file is cut short")
        if kind == b"moof":
            raise Mp4Error("it is fragmented")
        if kind == b"moov":
            if size > MAX_INDEX_BYTES:
                raise Mp4Error("its index is larger than any book needs")
            file.seek(at + skip)
            return Box(kind, memoryview(file.read(size - skip)))
        at += size
    raise Mp4Error("it has no index")


def _scale(header: Box) -> int:
    """The timescale of an `mvhd` or `mdhd`."""
    scale = header.unpack("I", 20 if header.version == 1 else 12)[0]
    if scale == 0:
        raise Mp4Error("its clock stands still")
    return scale


def _is_sound(trak: Box) -> bool:
    handler = trak.path(b"mdia", b"hdlr")
    return handler is not None and bytes(handler.body[8:12]) == b"soun"


def _decoder(stsd: Box) -> tuple[int, bytes]:
    """Object type and decoder configuration of the one sample description."""
    entries = list(boxes(stsd.body[8:]))
    if len(entries) != 1 or entries[0].kind != b"mp4a":
        raise Mp4Error("its sound is protected, of several kinds, or not MPEG-4 audio")
    entry = entries[0]
    version = entry.unpack("H", 8)[0]
    inner = Box(b"mp4a", entry.body[28 + {1: 16, 2: 36}.get(version, 0) :])
    esds = inner.path(b"esds") or inner.path(b"wave", b"esds")  # QuickTime wraps it
    if esds is None:
        raise Mp4Error("its decoder is not described")
    return _elementary_stream(esds.body[4:])


def _elementary_stream(view: memoryview) -> tuple[int, bytes]:
    """ISO/IEC 14496-1: ES descriptor (3) > decoder configuration (4) > the decoder's own words (5)."""
    stream = _descriptor(view, 3)
    flags = stream[2] if len(stream) > 2 else 0
    at = 3 + (2 if flags & 0x80 else 0)
    if flags & 0x40:
        at += 1 + (stream[at] if at < len(stream) else 0)
    at += 2 if flags & 0x20 else 0
    decoder = _descriptor(stream[at:], 4)
    if len(decoder) < 13:
        raise Mp4Error("its decoder is not described")
    return decoder[0], bytes(_descriptor(decoder[13:], 5))


def _descriptor(view: memoryview, wanted: int) -> memoryview:
    if len(view) < 2 or view[0] != wanted:
        raise Mp4Error("its decoder is not described")
    size = 0
    for at in range(1, min(5, len(view))):
        size = size << 7 | view[at] & 0x7F
        if not view[at] & 0x80:
            return view[at + 1 : at + 1 + size]
    raise Mp4Error("its decoder is not described")


def _sizes(stsz: Box, file_size: int) -> array[int]:
    fixed, count = stsz.unpack("II", 4)
    if count > MAX_PACKETS or fixed * count > file_size:
        raise Mp4Error("it claims more packets than it can hold")
    if fixed:
        return array("I", [fixed]) * count
    if 12 + 4 * count > len(stsz.body):
        raise Mp4Error("its table stsz is longer than its box")
    return _big_endian("I", stsz.body[12 : 12 + 4 * count])


def _big_endian(code: str, data: memoryview | bytes) -> array[int]:
    numbers: array[int] = array(code)
    numbers.frombytes(data)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _extents(stbl: Box, sizes: array[int], file_size: int) -> tuple[tuple[int, int], ...]:
    """Runs of packet bytes in the file, neighbours joined."""
    wide = stbl.path(b"co64")
    chunks = wide or stbl.need(b"stco")
    count = chunks.unpack("I", 4)[0]
    offsets = [row[0] for row in chunks.table("Q" if wide else "I", 8, count)]
    stsc = stbl.need(b"stsc")
    rows = list(stsc.table("III", 8, stsc.unpack("I", 4)[0]))
    if not rows or rows[0][0] != 1 or any(a[0] >= b[0] for a, b in pairwise(rows)):
        raise Mp4Error("its table stsc is out of order")
    runs: list[tuple[int, int]] = []
    packet = 0
    ends = [row[0] - 1 for row in rows[1:]] + [count]
    for (first, per_chunk, description), end in zip(rows, ends, strict=True):
        if description != 1 or end > count:
            raise Mp4Error("its table stsc does not fit its other tables")
        for offset in offsets[first - 1 : end]:
            length = sum(sizes[packet : packet + per_chunk])
            packet = min(packet + per_chunk, len(sizes))
            if offset + length > file_size:
                raise Mp4Error("the file is cut short")
            if runs and sum(runs[-1]) == offset:
                runs[-1] = (runs[-1][0], runs[-1][1] + length)
            else:
                runs.append((offset, length))
    total = sum(sizes)
    if total > file_size or sum(length for _, length in runs) != total:
        raise Mp4Error("its index does not agree with itself on where the packets are")
    return tuple(runs)


def _edits(trak: Box, movie_scale: int) -> tuple[Edit, ...]:
    elst = trak.path(b"edts", b"elst")
    if elst is None:
        return ()
    layout = "QqI" if elst.version == 1 else "IiI"
    rows = list(elst.table(layout, 8, elst.unpack("I", 4)[0]))
    if any(rate != 0x10000 for _, _, rate in rows):
        raise Mp4Error("its edit list changes the speed")
    return tuple(Edit(duration / movie_scale, start) for duration, start, _ in rows)


def _itunes_gap(moov: Box) -> tuple[int, int] | None:
    """What iTunes notes in `iTunSMPB`: samples of encoder delay and of padding, in hexadecimal."""
    meta = moov.path(b"udta", b"meta")
    ilst = Box(b"meta", meta.body[4:]).path(b"ilst") if meta is not None and len(meta.body) >= 12 else None
    for item in boxes(ilst.body) if ilst is not None else ():
        text = bytes(item.body[:400])
        found = re.search(rb"iTunSMPB.*?\x00 ?[0-9A-Fa-f]{8} ([0-9A-Fa-f]{8}) ([0-9A-Fa-f]{8}) ", text, re.DOTALL)
        if item.kind == b"----" and found:
            return int(found[1], 16), int(found[2], 16)
    return None
