"""The proof of a finished book: decode all of it, measure it, read its chapters back.

Nothing is believed that was not read from the file itself. A book that fails is not placed. Where the sources stand on
the book's timeline, damage is named by the source it came from, and a look at the sound tells whether each stands in
its place.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.core.binding import AudioInfo, BoundBook, Chapter
from earmark.core.reasons import PermanentError, Reason
from earmark.media.decode import PcmFormat, corrupt, decoding
from earmark.media.ffmpeg import SAFE_INPUT, FfmpegTool, run, running, url
from earmark.media.mp4 import Mp4Error
from earmark.media.probe import parse_ffmetadata, probe
from earmark.media.streamcopy import read_stream

if TYPE_CHECKING:
    import numpy as np

    Sound = np.ndarray[tuple[int], np.dtype[np.float32]]

DURATION_TOLERANCE_SECS = 0.05
ENCODE_TOLERANCE_SECS = 0.005  # for AAC of our own encoding, whose end the container states to the sample
COPY_TOLERANCE_SECS = 0.065
CHAPTER_TOLERANCE_SECS = 0.005

SPAN_SECS = 300  # a shorter stretch is not worth a process of its own
_RUN_UP_SECS = 2  # decoders need a few packets after a seek before what they say is true

CHECKS = 8  # sources whose sound is looked up in the book
CHECK_SECS = 2.0
CHECK_RATE = 8000
_LEAD_SECS = 12.0  # how far into a source its most telling seconds are looked for
_REACH_SECS = 0.5
_ALIKE = 0.5  # lossy copies of speech reach 0.9, other places of the same voice 0.2
_SILENCE = 0.001  # of full scale


@dataclass(frozen=True, slots=True)
class Placed:
    """A source, and where on the book's timeline its sound begins."""

    source: AudioInfo
    start_secs: float


async def decoded_secs(
    tool: FfmpegTool, source: AudioInfo, on_secs: Callable[[float], None], *, lanes: int = 1
) -> float:
    """Seconds that come out when all of `source` is decoded. Raises `source_corrupt` when it is damaged.

    With `lanes` > 1, a long AAC file is decoded in that many stretches at once; the sum of their samples is the total
    to within one sample a seam.
    """
    if await asyncio.to_thread(_is_even_aac, source):
        secs = await _counted_secs(tool, source, on_secs, lanes)
        if secs is not None:
            return secs
    pcm = PcmFormat(source.sample_rate, min(source.channels, 2))
    async with decoding(tool, source, pcm) as decoder:
        while await decoder.read():
            on_secs(decoder.seconds)
        await decoder.check()
        return decoder.seconds


async def audible_secs(tool: FfmpegTool, source: AudioInfo) -> float:
    """Seconds that come out of `source` whatever the decoder complains about. Raises TransientError."""
    secs = [0.0]
    await _count_span(tool, source, (0, None), secs.append)
    return secs[-1]


async def embedded_chapters(tool: FfmpegTool, path: Path) -> tuple[Chapter, ...]:
    """All chapter marks of a file, however many; about 0.1 s. `-copyts`: else ffmpeg moves an MP3's by its start."""
    args = ["-v", "level+error", "-copyts", *SAFE_INPUT, "-i", url(path), "-f", "ffmetadata", "pipe:1"]
    listing = await run(tool, args, subject=path.name)
    return parse_ffmetadata(listing.decode("utf-8", "replace"))[1]


async def prove_bound(
    tool: FfmpegTool,
    path: Path,
    *,
    expected_secs: float,
    chapters: Sequence[Chapter],
    on_secs: Callable[[float], None],
    tolerance_secs: float = DURATION_TOLERANCE_SECS,
    placed: Sequence[Placed] = (),
    lanes: int = 1,
) -> BoundBook:
    """Decode a book we bound; its length and its chapters must be what went in.

    `placed` is for books whose packets were copied: what does not decode was damaged before, and is named by source
    and second. Raises PermanentError `proof_failed`, with `placed` also `source_corrupt`.
    """
    info = await probe(path, tool)
    try:
        decoded = await decoded_secs(tool, info, on_secs, lanes=lanes)
    except PermanentError as error:
        raise _blamed(error, placed) or unproven(error.reason.message) from error
    secs = await asyncio.to_thread(_without_padding, info, decoded)
    if abs(secs - expected_secs) > tolerance_secs:
        raise unproven(f"it decodes to {secs:.3f} s where the sources have {expected_secs:.3f} s")
    found = await embedded_chapters(tool, path)
    if [c.title for c in found] != [c.title for c in chapters]:
        raise unproven(f"it has {len(found)} chapters, not the {len(chapters)} that were written, or other titles")
    for mark, wanted in zip(found, chapters, strict=True):
        if abs(mark.start_secs - wanted.start_secs) > CHAPTER_TOLERANCE_SECS:
            raise unproven(f"chapter {wanted.title!r} starts at {mark.start_secs:.3f} s, not {wanted.start_secs:.3f}")
    return _book(info, secs, found, passthrough=False)


async def prove_passthrough(
    tool: FfmpegTool, copy: Path, source: AudioInfo, on_secs: Callable[[float], None], *, lanes: int = 1
) -> BoundBook:
    """Decode a book that was copied as it is; damage is the source's and is named so."""
    info = await probe(copy, tool)
    try:
        secs = await decoded_secs(tool, info, on_secs, lanes=lanes)
    except PermanentError as error:
        message = error.reason.message.replace(repr(copy.name), repr(source.path.name))
        evidence = {**error.reason.evidence, "file": source.path.name, "path": str(source.path)}
        raise PermanentError(Reason(error.reason.code, message, error.reason.action, evidence)) from error
    return _book(info, secs, await embedded_chapters(tool, copy), passthrough=True)


async def prove_source_map(tool: FfmpegTool, book: Path, placed: Sequence[Placed]) -> int:
    """Is the sound of up to eight sources, spread evenly, found in `book` where it should be? How many were compared.

    A check of order and place, not of quality: two seconds of each, compared within half a second. Sources that begin
    with silence, or that are shorter than the two seconds, are passed over. About 0.2 s a source; the same sources
    are chosen every time. Raises PermanentError `proof_failed`.
    """
    compared = 0
    for index in _spread(len(placed)):
        one = placed[index]
        begin = max(0.0, one.start_secs - _REACH_SECS)
        lead, around = await asyncio.gather(
            _sound(tool, one.source.path, 0.0, _LEAD_SECS),
            _sound(tool, book, begin, one.start_secs - begin + _LEAD_SECS + _REACH_SECS),
        )
        found = _telling(lead)
        if found is None:
            continue
        at, needle = found
        low = max(0, round((one.start_secs - begin + at - _REACH_SECS) * CHECK_RATE))
        hay = around[low : low + len(needle) + round(2 * _REACH_SECS * CHECK_RATE)]
        needle = needle[: max(len(hay), len(needle) // 2)]  # the very end of a book may lack a few samples
        if likeness(needle, hay) < _ALIKE:
            name = one.source.path.name
            raise unproven(f"what is heard at {one.start_secs + at:.1f} s is not {name!r}, which should be there")
        compared += 1
    return compared


def likeness(needle: Sound, hay: Sound) -> float:
    """The best normalised correlation (0..1) of `needle` with any place of `hay`."""
    import numpy as np

    if len(hay) < len(needle):
        return 0.0
    size = len(hay) + len(needle)
    products = np.fft.irfft(np.fft.rfft(hay, size) * np.conj(np.fft.rfft(needle, size)), size)
    products = np.abs(products[: len(hay) - len(needle) + 1])
    energy = np.concatenate(([0.0], np.cumsum(hay.astype(np.float64) ** 2)))
    windows = energy[len(needle) :] - energy[: -len(needle)]
    floor = len(needle) * _SILENCE**2  # near silence any noise would look alike
    return float((products / np.sqrt(np.maximum(windows, floor) * float(np.sum(needle.astype(np.float64) ** 2)))).max())


def unproven(why: str) -> PermanentError:
    return PermanentError(
        Reason(
            "proof_failed",
            f"The bound book did not pass its check: {why}.",
            "The download is untouched and nothing was placed. Retry; if it happens again, use another ffmpeg.",
            {"detail": why},
        )
    )


# --- counting --------------------------------------------------------------------------------------------------------


def _is_even_aac(source: AudioInfo) -> bool:
    """Only in an MP4 of even packets do places in time and counted samples agree."""
    try:
        return source.codec == "aac" and not source.duration_estimated and read_stream(source.path) is not None
    except (Mp4Error, OSError):
        return False


async def _counted_secs(
    tool: FfmpegTool, source: AudioInfo, on_secs: Callable[[float], None], lanes: int
) -> float | None:
    """Decode without taking the sound out of ffmpeg, which is half the work; None when it complained about anything."""
    spans = _spans(source.duration_secs, lanes)
    done = [0.0] * len(spans)

    async def count(number: int) -> bool:
        def tell(secs: float) -> None:
            done[number] = secs
            on_secs(sum(done))

        return await _count_span(tool, source, spans[number], tell)

    try:
        async with asyncio.TaskGroup() as lanes_open:
            tasks = [lanes_open.create_task(count(number)) for number in range(len(spans))]
    except ExceptionGroup as group:  # one lane's trouble ends them all, and is told as it was
        raise group.exceptions[0] from None
    short = source.duration_secs - sum(done) > max(1.0, source.duration_secs * 0.01)
    return sum(done) if all(task.result() for task in tasks) and sum(done) > 0 and not short else None


def _spans(secs: float, lanes: int) -> list[tuple[int, int | None]]:
    """Whole seconds to begin and to end at; the last one ends with the file."""
    count = max(1, min(lanes, int(secs // SPAN_SECS)))
    seams = [round(secs * n / count) for n in range(count)]
    return list(zip(seams, [*seams[1:], None], strict=True))


async def _count_span(
    tool: FfmpegTool, source: AudioInfo, span: tuple[int, int | None], tell: Callable[[float], None]
) -> bool:
    """Decode a stretch and tell its seconds by samples counted; False when ffmpeg complained."""
    start, end = span
    run_up = _RUN_UP_SECS if start else 0
    # A seek lands on a packet near by, a different one in every ffmpeg: the filter cuts at the sample.
    seek = ["-noaccurate_seek", "-ss", str(start - run_up)] if start else []
    cuts = [f"start={run_up}"] if start else []
    cuts += [f"end={end - start + run_up}"] if end is not None else []
    filters = [*([f"atrim={':'.join(cuts)}"] if cuts else []), "asetnsamples=n=22050:p=0"]
    args = ["-v", "level+error", "-threads", "1", *seek, *SAFE_INPUT, "-i", url(source.path), "-map", "0:a:0"]
    # A line for every 22,050 samples comes out, not the samples: `stream, dts, pts, samples, bytes, checksum`.
    args += ["-af", ",".join(filters), "-c:a", "pcm_s16le", "-flush_packets", "1", "-f", "framecrc", "pipe:1"]
    complaints: list[str] = []
    counted, rest, unit = 0, b"", 0.0
    async with running(tool, args, subject=source.path.name, on_line=complaints.append) as process:
        while chunk := await process.read():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if base := re.fullmatch(rb"#tb 0: (\d+)/(\d+)", line):
                    unit = int(base[1]) / int(base[2])
                elif not line.startswith(b"#"):
                    counted += int(line.split(b",")[3])
            tell(counted * unit)
        code = await process.finish()
        error = process.error(code)
        if code != 0 and error.transient:
            raise error
    return code == 0 and not complaints


def _without_padding(info: AudioInfo, decoded: float) -> float:
    """Decoders older than ffmpeg 7 hand out the last packet whole; the container tells how much of it is heard."""
    try:
        stream = read_stream(info.path)
    except (Mp4Error, OSError):
        return decoded
    return stream.secs if stream and stream.secs < decoded < stream.secs + stream.packet_secs else decoded


def _blamed(error: PermanentError, placed: Sequence[Placed]) -> PermanentError | None:
    """The source that stands where the book is damaged."""
    second = error.reason.evidence.get("second")
    if error.reason.code != "source_corrupt" or not isinstance(second, int | float):
        return None
    before = [one for one in placed if one.start_secs <= second]
    if not before:
        return None
    return corrupt(before[-1].source, second - before[-1].start_secs, str(error.reason.evidence.get("detail", "")))


def _book(info: AudioInfo, secs: float, chapters: tuple[Chapter, ...], *, passthrough: bool) -> BoundBook:
    size = info.path.stat().st_size
    return BoundBook(info.path, secs, chapters, size, info.codec, info.bitrate_kbps, passthrough)


# --- comparing -------------------------------------------------------------------------------------------------------


def _spread(count: int) -> list[int]:
    """At most eight positions of `count`, the first and the last among them."""
    if count <= CHECKS:
        return list(range(count))
    return sorted({round(n * (count - 1) / (CHECKS - 1)) for n in range(CHECKS)})


async def _sound(tool: FfmpegTool, path: Path, start_secs: float, secs: float) -> Sound:
    """A stretch of a file as mono, -1..1, at 8 kHz."""
    import numpy as np

    seek = ["-ss", f"{start_secs:.6f}"] if start_secs else []
    args = ["-v", "level+error", "-threads", "1", *seek, "-t", f"{secs:.3f}", *SAFE_INPUT, "-i", url(path)]
    args += ["-map", "0:a:0", "-ac", "1", "-ar", str(CHECK_RATE), "-f", "f32le", "pipe:1"]
    return np.frombuffer(await run(tool, args, subject=path.name), "<f4").copy()


def _telling(lead: Sound) -> tuple[float, Sound] | None:
    """The loudest two seconds and where they begin; None when there are none worth comparing."""
    import numpy as np

    width = int(CHECK_SECS * CHECK_RATE)
    if len(lead) < width:
        return None
    energy = np.concatenate(([0.0], np.cumsum(lead.astype(np.float64) ** 2)))
    windows = energy[width:] - energy[:-width]
    at = int(windows.argmax())
    if windows[at] < width * _SILENCE**2:
        return None
    return at / CHECK_RATE, lead[at : at + width]
