"""Several AAC files of one kind become one file without being encoded again, with true starts.

No packet changes and none is left out; the packets of all sources stand one after another, each as long as every
other, so a player that seeks and one that counts samples agree. Where a source's sound begins follows from packets
counted and from the encoder delay its own file states, never from durations. At a joint the delay and padding of the
encoder stay as about 35 ms of near silence. What cannot be joined truly is refused as `copy_impossible`; the caller
encodes then. Chapters and tags are not written here.
"""

from __future__ import annotations

import asyncio
import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from earmark.core.binding import AudioInfo, Chapter
from earmark.core.reasons import PermanentError, Reason
from earmark.media.containers import sniff
from earmark.media.ffmpeg import FfmpegTool
from earmark.media.m4b import NewTrack, head, tail
from earmark.media.mp4 import MAX_PACKETS, Mp4Error, Mp4Track, read_track

PIECE_BYTES = 8 * 1024 * 1024
MAX_TRIM_FRAMES = 5  # encoder delay and padding are within it; an edit list that hides more has cut sound out
MAX_SLIP_SECS = 0.03  # by which a source's own clock may differ from its packets counted
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_LOW_COMPLEXITY, _SBR, _PS = 2, 5, 29
_MPEG4_AUDIO = 0x40


@dataclass(frozen=True, slots=True)
class AacKind:
    """What two AAC streams must share to be played by one decoder (ISO/IEC 14496-3, AudioSpecificConfig)."""

    object_type: int
    rate: int  # of the core; SBR doubles it
    channels: int
    frame: int  # samples of the core a packet
    sbr: int | None  # output rate where SBR is announced, 0 where it is denied, None where nothing is said

    @property
    def heard_channels(self) -> int | None:
        """Channels that come out of a decoder; None where only decoding tells: a mono core may carry the side channel
        of a stereo sound, as long as SBR (whose core has at most 24 kHz) may be there."""
        if self.channels > 1 or self.object_type == _PS:
            return 2
        return 1 if self.sbr == 0 or (self.sbr is None and self.rate > 24000) else None

    def __str__(self) -> str:
        name = {_PS: "HE-AAC v2", _SBR: "HE-AAC"}.get(self.object_type, "AAC")
        return f"{name} {self.sbr or self.rate} Hz, {self.channels} channel{'s' * (self.channels > 1)}"


@dataclass(frozen=True, slots=True)
class AacStream:
    """Where the packets of one source lie and which part of their sound is heard."""

    path: Path
    kind: AacKind
    config: bytes
    timescale: int
    sizes: array[int]
    extents: Sequence[tuple[int, int]]
    delay_secs: float  # sound before the source's true start
    secs: float  # its true length

    @property
    def packet_secs(self) -> float:
        return self.kind.frame / self.kind.rate

    @property
    def all_secs(self) -> float:
        return len(self.sizes) * self.packet_secs


def copyable(sources: Sequence[AudioInfo]) -> str | None:
    """None when `sources` are AAC of one kind and can be joined as they are; else why not, in words.

    Reads the index of every file (about 1 ms each, off the event loop if the caller cares). Raises OSError.
    """
    try:
        _streams(sources)
    except _NotCopyableError as reason:
        return str(reason)
    return None


async def copy_timeline(
    tool: FfmpegTool,
    sources: Sequence[AudioInfo],
    out: Path,
    *,
    on_secs: Callable[[int, float], None],
    on_done: Callable[[int, float], None],
    chapters_of: Callable[[Sequence[float]], Sequence[Chapter]] = lambda _: (),
) -> list[float]:
    """Join `sources` in order to an M4B at `out`, ready to be streamed; the seconds each takes on the joined timeline.

    The sum of the first n is where the sound of source n begins, by seeking and by counting samples alike, to the
    sample. `chapters_of` gets these seconds and gives the chapter marks to be written. `on_secs` and `on_done` hear of
    each source as it is copied. Runs no ffmpeg; `tool` is there so that all ways to make a timeline are called alike.
    Raises PermanentError `copy_impossible`, OSError.
    """
    try:
        streams = await asyncio.to_thread(_streams, sources)
    except _NotCopyableError as error:
        raise impossible(str(error)) from error
    lengths = _lengths(streams)
    chapters = chapters_of(lengths)
    with out.open("wb") as file:
        await asyncio.to_thread(lambda: file.writelines(head(_new_track(streams), chapters)))
        for index, stream in enumerate(streams):
            pieces = _copying(stream, file)
            total = max(1, sum(stream.sizes))
            while done := await asyncio.to_thread(next, pieces, 0):
                on_secs(index, lengths[index] * done / total)
            on_done(index, lengths[index])
        file.write(tail(chapters))
    return lengths


def impossible(why: str) -> PermanentError:
    return PermanentError(
        Reason(
            "copy_impossible",
            f"The sources cannot be joined without encoding: {why}.",
            "Nothing needs to be done: the book is encoded instead.",
            {"detail": why},
        )
    )


class _NotCopyableError(Exception):
    pass


def _streams(sources: Sequence[AudioInfo]) -> list[AacStream]:
    other = next((s for s in sources if s.codec != "aac"), None)
    if other is not None or not sources:
        raise _NotCopyableError(f"{other.path.name!r} is {other.codec}, not AAC" if other else "there are none")
    streams = [_take_apart(source.path) for source in sources]
    first = streams[0]
    for stream in streams:
        if stream.kind != first.kind:
            raise _NotCopyableError(
                f"{first.path.name!r} is {first.kind}, {stream.path.name!r} is {stream.kind}"
                if str(stream.kind) != str(first.kind)
                else f"{first.path.name!r} and {stream.path.name!r} announce their sound in different ways"
            )
    if sum(len(s.sizes) for s in streams) > MAX_PACKETS:
        raise _NotCopyableError("it is longer than any book")
    return streams


def _take_apart(path: Path) -> AacStream:
    try:
        stream = read_stream(path)
    except Mp4Error as error:
        raise _NotCopyableError(f"{path.name!r} cannot be taken apart: {error}") from error
    if stream is None:
        raise _NotCopyableError(f"{path.name!r} is in a container packets are not taken from")
    return stream


def _lengths(streams: Sequence[AacStream]) -> list[float]:
    """From each source's first heard sample to the next one's; the last one's to its last heard sample."""
    following = [*(s.delay_secs for s in streams[1:]), streams[-1].delay_secs]
    lengths = [s.all_secs - s.delay_secs + d for s, d in zip(streams, following, strict=True)]
    lengths[-1] = streams[-1].secs
    return lengths


def _new_track(streams: Sequence[AacStream]) -> NewTrack:
    first, last = streams[0], streams[-1]
    kind = first.kind
    scale = first.timescale if first.timescale * kind.frame % kind.rate == 0 else kind.rate
    delta = kind.frame * scale // kind.rate
    sizes: array[int] = array("I")
    for stream in streams:
        sizes.extend(stream.sizes)
    padding = round((last.all_secs - last.delay_secs - last.secs) * scale)
    return NewTrack(
        timescale=scale,
        delta=delta,
        last_delta=delta - padding if 0 < padding < delta else delta,
        skip=round(first.delay_secs * scale),
        rate=kind.sbr or kind.rate,
        channels=kind.channels,
        object_type=_MPEG4_AUDIO,
        config=first.config,
        sizes=sizes,
    )


def _copying(stream: AacStream, out: BinaryIO) -> Iterator[int]:
    """Copy the packets piece by piece; yields the bytes copied so far."""
    done = 0
    told = 0
    with stream.path.open("rb", buffering=0) as file:
        for offset, length in stream.extents:
            at = offset
            while at < offset + length:
                piece = os.pread(file.fileno(), min(PIECE_BYTES, offset + length - at), at)
                if not piece:
                    raise impossible(f"{stream.path.name!r} became shorter while it was read")
                out.write(piece)
                at += len(piece)
                done += len(piece)
                if done - told >= PIECE_BYTES:
                    told = done
                    yield done
    if done > told:
        yield done


# --- reading ---------------------------------------------------------------------------------------------------------


def read_stream(path: Path) -> AacStream | None:
    """The packets of an AAC file, None when it is in another container than MP4 or ADTS. Raises Mp4Error, OSError."""
    container = sniff(path)
    if container == "mp4":
        return _from_mp4(path, read_track(path))
    return _from_adts(path) if container == "adts" else None


def _from_mp4(path: Path, track: Mp4Track) -> AacStream:
    if track.object_type not in {_MPEG4_AUDIO, 0x67}:  # 0x67: MPEG-2 AAC of low complexity, the same packets
        raise Mp4Error("its sound is not AAC")
    kind = parse_config(track.config)
    count = len(track.sizes)
    all_secs = count * kind.frame / kind.rate
    clock_secs = sum(n * delta for n, delta in track.deltas) / track.timescale
    packet_secs = kind.frame / kind.rate
    # The last packet may be stated shorter: so padding is told where there is no edit list.
    if not -MAX_SLIP_SECS - packet_secs < clock_secs - all_secs < MAX_SLIP_SECS or _uneven(track, packet_secs):
        raise Mp4Error("its clock has gaps")
    delay, secs = _heard(track, kind, min(clock_secs, all_secs), all_secs)
    if not 0 <= delay <= MAX_TRIM_FRAMES * packet_secs or not 0 < secs <= all_secs + packet_secs:
        raise Mp4Error("its edit list moves or cuts sound")
    if all_secs - delay - secs > MAX_TRIM_FRAMES * packet_secs:
        raise Mp4Error("its edit list cuts sound out")
    secs = min(secs, all_secs - delay)
    return AacStream(path, kind, track.config, track.timescale, track.sizes, track.extents, delay, secs)


def _uneven(track: Mp4Track, packet_secs: float) -> bool:
    """Does a packet other than the last last longer or shorter than it should (by more than rounding)?"""
    runs = list(track.deltas)
    runs[-1] = (runs[-1][0] - 1, runs[-1][1])
    return any(n and abs(delta / track.timescale - packet_secs) > 0.001 for n, delta in runs)


def _heard(track: Mp4Track, kind: AacKind, clock_secs: float, all_secs: float) -> tuple[float, float]:
    """Seconds of encoder delay, and of sound after it."""
    edits = [e for e in track.edits if e.secs > 0 or e.start > 0]  # some write one first that says nothing
    if len(edits) > 1 or any(e.start < 0 for e in edits):
        raise Mp4Error("its edit list moves or cuts sound")
    if edits:
        delay = edits[0].start / track.timescale
        return delay, min(edits[0].secs or clock_secs, clock_secs - delay)
    if track.itunes_gap is not None:
        rate = kind.sbr or kind.rate
        delay, padding = (n / rate for n in track.itunes_gap)
        return delay, min(clock_secs, all_secs - padding) - delay
    return 0.0, clock_secs


def parse_config(config: bytes) -> AacKind:
    """An AudioSpecificConfig. Raises Mp4Error for what cannot be joined packet by packet."""
    bits = _Bits(config)
    announced = bits.object_type()
    rate, channels = bits.rate(), bits.take(4)
    sbr: int | None = None
    core = announced
    if announced in {_SBR, _PS}:
        sbr = bits.rate()
        core = bits.object_type()
    if core != _LOW_COMPLEXITY or not 1 <= channels <= 2:
        raise Mp4Error("its AAC is of an unusual kind")
    frame = 960 if bits.take(1) else 1024
    if bits.take(1):
        bits.take(14)
    bits.take(1)
    if sbr is None and bits.left >= 17 and bits.take(11) == 0x2B7 and bits.take(5) == _SBR:
        sbr = bits.rate() if bits.take(1) else 0
    return AacKind(announced, rate, channels, frame, sbr)


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data[:64], "big")
        self.left = len(data[:64]) * 8

    def take(self, count: int) -> int:
        if count > self.left:
            raise Mp4Error("its decoder is not described")
        self.left -= count
        return self._number >> self.left & (1 << count) - 1

    def object_type(self) -> int:
        kind = self.take(5)
        return 32 + self.take(6) if kind == 31 else kind

    def rate(self) -> int:
        index = self.take(4)
        rate = self.take(24) if index == 15 else _RATES[index] if index < len(_RATES) else 0
        if rate == 0:
            raise Mp4Error("its sample rate is not stated")
        return rate


def _from_adts(path: Path) -> AacStream:
    """Raw AAC: every packet has a header that tells its length (ISO/IEC 13818-7, 6.2). All that decodes is heard."""
    sizes: array[int] = array("I")
    extents: list[tuple[int, int]] = []
    seen: set[bytes] = set()
    with path.open("rb") as file:
        at, size = _after_tags(file)
        while at < size:
            file.seek(at)
            head = file.read(7)
            length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5 if len(head) == 7 else 0
            skip = 7 if len(head) == 7 and head[1] & 1 else 9
            if length <= skip or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[6] & 3 or at + length > size:
                raise Mp4Error(f"it is not whole at byte {at}")
            seen.add(bytes((head[2] & 0xFD, head[3] & 0xC0)))
            sizes.append(length - skip)
            extents.append((at + skip, length - skip))
            at += length
            if len(seen) > 1 or len(sizes) > MAX_PACKETS:
                raise Mp4Error("its sound changes on the way")
    if not seen:
        raise Mp4Error("it holds no packets")
    config = _config_of(seen.pop())
    kind = parse_config(config)
    return AacStream(path, kind, config, kind.rate, sizes, extents, 0.0, len(sizes) * kind.frame / kind.rate)


def _config_of(header: bytes) -> bytes:
    """The AudioSpecificConfig that an ADTS header's third and fourth byte stand for."""
    profile, rate = header[0] >> 6, header[0] >> 2 & 0xF
    channels = (header[0] & 1) << 2 | header[1] >> 6
    return ((profile + 1) << 11 | rate << 7 | channels << 3).to_bytes(2, "big")


def _after_tags(file: BinaryIO) -> tuple[int, int]:
    """Where the packets begin and end between ID3 tags."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 128))
    end = size - 128 if size >= 128 and file.read(3) == b"TAG" else size
    at = 0
    for _ in range(4):
        file.seek(at)
        head = file.read(10)
        if not head.startswith(b"ID3") or len(head) < 10:
            break
        at += 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
    return at, end
