"""An M4B around packets that exist already: its index before the sound, chapter marks in both ways players read.

Chapters stand as a QuickTime text track (Apple, ffmpeg, exact to the sample) and as Nero's list (mutagen and many
players; 255 at most). Tags and cover are added by others. Layout after ISO/IEC 14496-12 and Apple's QuickTime file
format; how players want the chapter track follows what ffmpeg writes.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TypeAlias

from earmark.core.binding import Chapter

PACKETS_A_CHUNK = 64
NERO_CHAPTERS = 255
# The index of a long book has tens of megabytes: boxes nest as lists of pieces, joined only in the file.
Pieces: TypeAlias = list[bytes | memoryview]
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED = 0x55C4  # the language “und”


@dataclass(frozen=True, slots=True)
class NewTrack:
    """A track of packets of `delta` each, of which `skip` is not heard at the start and `last_delta` counts of the
    last one, all in the timescale. `sizes`: bytes of each packet."""

    timescale: int
    delta: int
    last_delta: int
    skip: int
    rate: int
    channels: int
    object_type: int
    config: bytes
    sizes: array[int]

    @property
    def duration(self) -> int:
        return (len(self.sizes) - 1) * self.delta + self.last_delta

    @property
    def heard(self) -> int:
        return self.duration - self.skip


def head(track: NewTrack, chapters: Sequence[Chapter]) -> Pieces:
    """All that stands before the first packet, in pieces; the packets follow without a gap, then `tail`."""
    ftyp = _box(b"ftyp", b"M4B \x00\x00\x02\x00M4B isomiso2")
    texts = tail(chapters)
    first = _size(ftyp) + _size(_index(track, chapters, 0)) + 16
    mdat = struct.pack(">I4sQ", 1, b"mdat", 16 + sum(track.sizes) + len(texts))
    return [*ftyp, *_index(track, chapters, first), mdat]


def tail(chapters: Sequence[Chapter]) -> bytes:
    """The titles of the chapters, which stand after the last packet."""
    return b"".join(_texts(chapters))


def _index(track: NewTrack, chapters: Sequence[Chapter], first: int) -> Pieces:
    tracks = 2 if chapters else 1
    header = struct.pack(">QQIQIH10x", 0, 0, track.timescale, track.heard, 0x10000, 0x100)
    boxes = [
        _full(b"mvhd", 1, 0, header, _MATRIX, bytes(24), struct.pack(">I", tracks + 1)),
        _sound(track, first, tracks),
    ]
    if chapters:
        boxes += [_chapter_track(track, chapters, first + sum(track.sizes)), _box(b"udta", _nero(chapters))]
    return _box(b"moov", *boxes)


def _sound(track: NewTrack, first: int, tracks: int) -> Pieces:
    edit = _edits([(track.heard, track.skip)])
    chapters = [_box(b"tref", _box(b"chap", struct.pack(">I", 2)))] if tracks > 1 else []
    media = _media(track.timescale, track.duration, b"soun", _full(b"smhd", 0, 0, bytes(4)), _sound_table(track, first))
    return _box(b"trak", _track_header(1, 3, track.heard, 0x100), edit, *chapters, media)


def _sound_table(track: NewTrack, first: int) -> Pieces:
    sizes, count = track.sizes, len(track.sizes)
    bitrate = round(sum(sizes) * 8 * track.timescale / (count * track.delta))
    decoder = struct.pack(">BBBHII", track.object_type, 0x15, 0, 0, bitrate, bitrate) + _tagged(5, track.config)
    stream = _tagged(3, struct.pack(">HB", 1, 0), _tagged(4, decoder), _tagged(6, b"\x02"))
    entry = struct.pack(">6xH8xHH4xI", 1, track.channels, 16, min(track.rate, 0xFFFF) << 16)
    runs = [(count - 1, track.delta), (1, track.last_delta)] if count > 1 else [(1, track.last_delta)]
    whole, rest = divmod(count, PACKETS_A_CHUNK)
    chunks = [(1, PACKETS_A_CHUNK, 1)] * bool(whole) + [(whole + 1, rest, 1)] * bool(rest)
    starts = islice(accumulate(sizes, initial=first), 0, count, PACKETS_A_CHUNK)
    return _box(
        b"stbl",
        _table(b"stsd", [_box(b"mp4a", entry, _full(b"esds", 0, 0, stream))]),
        _table(b"stts", [struct.pack(">II", *run) for run in runs]),
        _table(b"stsc", [struct.pack(">III", *chunk) for chunk in chunks]),
        _full(b"stsz", 0, 0, struct.pack(">II", 0, count), _big_endian(sizes)),
        _offsets(array("Q", starts)),
        # A decoder that seeks has to begin one packet earlier.
        _full(b"sgpd", 1, 0, struct.pack(">4sIIh", b"roll", 2, 1, -1)),
        _full(b"sbgp", 0, 0, struct.pack(">4sIII", b"roll", 1, count, 1)),
    )


def _chapter_track(track: NewTrack, chapters: Sequence[Chapter], first: int) -> Pieces:
    scale = track.timescale
    starts = [round(chapter.start_secs * scale) for chapter in chapters]
    ends = [*starts[1:], round(chapters[-1].end_secs * scale)]
    lengths = [max(1, end - start) for start, end in zip(starts, ends, strict=True)]
    duration = sum(lengths)
    lead = max(0, starts[0])
    # Nothing is on before the first mark. (ffmpeg then tells the end of the last chapter too early by as much.)
    silence = [(lead, -1)] if lead else []
    entry = struct.pack(">6xH", 1) + bytes.fromhex(
        "00000001 0000 00000000 00000000 00000000 00000000 0001 0000 00000000"
    )
    fonts = _box(b"ftab", struct.pack(">HHB", 1, 1, 0))
    base = _full(b"gmin", 0, 0, struct.pack(">HHHHHxx", 0x40, 0x8000, 0x8000, 0x8000, 0))
    text = _box(b"text", struct.pack(">HIIIIIIIIH", 1, 0, 0, 0, 1, 0, 0, 0, 0x4000, 0))
    texts = _texts(chapters)
    table = _box(
        b"stbl",
        _table(b"stsd", [_box(b"text", entry, fonts)]),
        _table(b"stts", [struct.pack(">II", 1, length) for length in lengths]),
        _table(b"stsc", [struct.pack(">III", 1, len(texts), 1)]),
        _full(b"stsz", 0, 0, struct.pack(">II", 0, len(texts)), *(struct.pack(">I", len(text)) for text in texts)),
        _offsets(array("Q", [first])),
    )
    media = _media(scale, duration, b"text", _box(b"gmhd", base, text), table)
    return _box(b"trak", _track_header(2, 2, lead + duration, 0), _edits([*silence, (duration, 0)]), media)


def _texts(chapters: Sequence[Chapter]) -> list[bytes]:
    encoding = b"".join(_box(b"encd", struct.pack(">I", 0x100)))  # UTF-8
    titles = [chapter.title.encode("utf-8", "ignore")[:0xFFFF] for chapter in chapters]
    return [struct.pack(">H", len(title)) + title + encoding for title in titles]


def _nero(chapters: Sequence[Chapter]) -> Pieces:
    rows = []
    for chapter in chapters[:NERO_CHAPTERS]:
        title = chapter.title.encode("utf-8", "ignore")[:255].decode("utf-8", "ignore").encode()
        rows.append(struct.pack(">QB", round(chapter.start_secs * 10_000_000), len(title)) + title)
    return _full(b"chpl", 1, 0, struct.pack(">IB", 0, len(rows)), *rows)


def _track_header(number: int, flags: int, duration: int, volume: int) -> Pieces:
    return _full(
        b"tkhd", 1, flags, struct.pack(">QQI4xQ8xHHH2x", 0, 0, number, duration, 0, 0, volume), _MATRIX, bytes(8)
    )


def _edits(rows: Sequence[tuple[int, int]]) -> Pieces:
    return _box(b"edts", _table(b"elst", [struct.pack(">QqI", *row, 0x10000) for row in rows], version=1))


def _media(scale: int, duration: int, handler: bytes, header: Pieces, table: Pieces) -> Pieces:
    mdhd = _full(b"mdhd", 1, 0, struct.pack(">QQIQHH", 0, 0, scale, duration, _UNDETERMINED, 0))
    hdlr = _full(b"hdlr", 0, 0, struct.pack(">4x4s12x", handler) + b"\0")
    dinf = _box(b"dinf", _table(b"dref", [_full(b"url ", 0, 1)]))
    return _box(b"mdia", mdhd, hdlr, _box(b"minf", header, dinf, table))


def _offsets(offsets: array[int]) -> Pieces:
    return _full(b"co64", 0, 0, struct.pack(">I", len(offsets)), _big_endian(offsets))


def _big_endian(numbers: array[int]) -> memoryview:
    copy = numbers[:]
    if sys.byteorder == "little":
        copy.byteswap()
    return memoryview(copy).cast("B")


def _tagged(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    return bytes((tag, 0x80 | size >> 21 & 0x7F, 0x80 | size >> 14 & 0x7F, 0x80 | size >> 7 & 0x7F, size & 0x7F)) + body


def _table(kind: bytes, rows: Sequence[bytes | Pieces], *, version: int = 0) -> Pieces:
    return _full(kind, version, 0, struct.pack(">I", len(rows)), *rows)


def _full(kind: bytes, version: int, flags: int, *parts: bytes | memoryview | Pieces) -> Pieces:
    return _box(kind, struct.pack(">I", version << 24 | flags), *parts)


def _box(kind: bytes, *parts: bytes | memoryview | Pieces) -> Pieces:
    body: Pieces = []
    for part in parts:
        body.extend(part if isinstance(part, list) else [part])
    return [struct.pack(">I4s", _size(body) + 8, kind), *body]


def _size(pieces: Pieces) -> int:
    return sum(map(len, pieces))
