"""Decoding a source to PCM and knowing whether it was whole.

A container's claim is not believed: samples are counted as they come out of the decoder, the decoder's complaints are
placed in time, and a source that lost more than it may is refused by file and second.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType

from earmark.core.binding import AudioInfo
from earmark.core.reasons import JsonValue, PermanentError, Reason
from earmark.media.containers import cut_short
from earmark.media.ffmpeg import SAFE_INPUT, FfmpegRun, FfmpegTool, last_line, running, url
from earmark.media.mp3 import inner_tags

EXACT = ("flac", "alac", "pcm_", "ape", "wavpack", "tta")  # kinds of sound whose samples the container counts
EXACT_SECS = 0.02  # the least that any of their frames lasts; a claim read from ffmpeg is rounded to 0.01
EDGE_SECS = 0.2  # junk before the first or after the last frame costs no audio worth naming
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)

# What decoders and demuxers say when audio is lost. Other lines of the error level (a broken cover, an odd tag) cost
# no audio. Wording of ffmpeg 5 and of 7 and later.
_LOST = re.compile(
    r"Error while decoding stream|Error submitting (?:a )?packet to decoder|\] Decoding error: "
    r"|CRC mismatch|CRC error at PTS|[Pp]acket corrupt|partial file|Corrupt(?:ed)? (?:input|packet|data)|decode_frame\(\) failed"
)

_FRAME = re.compile(r"ashowinfo.*pts_time:([\d.]+).* rate:(\d+) nb_samples:(\d+)")


@dataclass(frozen=True, slots=True)
class PcmFormat:
    """32-bit float samples, interleaved: what every source of a book is decoded to."""

    rate: int
    channels: int

    @property
    def frame_bytes(self) -> int:
        return 4 * self.channels

    @property
    def input_args(self) -> tuple[str, ...]:
        return ("-f", "f32le", "-ar", str(self.rate), "-ac", str(self.channels))


def common_format(sources: Sequence[AudioInfo]) -> PcmFormat:
    """Mono stays mono; the highest rate of the sources, at most 48 kHz, as a rate AAC knows."""
    wanted = max(source.sample_rate for source in sources)
    rate = next((r for r in AAC_RATES if r >= wanted), AAC_RATES[-1])
    return PcmFormat(rate, 1 if all(source.channels == 1 for source in sources) else 2)


class Decoder:
    """One source on its way to PCM. Read it to the end, then ask `check`."""

    def __init__(self, tool: FfmpegTool, source: AudioInfo, pcm: PcmFormat, run: FfmpegRun, faults: list[str]) -> None:
        self.source = source
        self.bytes = 0
        self._tool = tool
        self._pcm = pcm
        self._run = run
        self._faults = faults

    @property
    def samples(self) -> int:
        return self.bytes // self._pcm.frame_bytes

    @property
    def seconds(self) -> float:
        return self.samples / self._pcm.rate

    async def read(self) -> bytes:
        """The next piece of PCM, empty at the end."""
        chunk = await self._run.read()
        self.bytes += len(chunk)
        return chunk

    async def check(self) -> None:
        """After the last read: raise PermanentError `source_corrupt` unless the source was whole."""
        code = await self._run.finish()
        if code != 0:
            error = self._run.error(code)
            if error.transient:
                raise error
            raise corrupt(self.source, self.seconds, last_line(list(self._run.lines)))
        if self.samples == 0:
            raise corrupt(self.source, 0.0, "it holds no audio")
        if self._faults:
            await self._judge_faults()
        if self.source.codec in {"vorbis", "opus"} and await asyncio.to_thread(cut_short, self.source.path):
            raise corrupt(self.source, self.seconds, "the file ends here in the middle of a page")
        await self._check_length()

    async def _check_length(self) -> None:
        """ffmpeg drops a FLAC frame with a damaged header without a word: only the claim tells that it was there."""
        claim = 0.0 if self.source.duration_estimated else self.source.duration_secs
        lost = claim - self.seconds
        if lost > max(1.0, claim * 0.01):
            raise corrupt(
                self.source, self.seconds, f"the audio ends here, although the file claims {_clock(claim)} in all"
            )
        if self.source.codec.startswith(EXACT) and lost > EXACT_SECS:
            gap = await locate_gap(self._tool, self.source)
            raise corrupt(self.source, gap, f"{lost:.2f} s of its audio cannot be decoded")

    async def _judge_faults(self) -> None:
        tags = await asyncio.to_thread(self._inner_tags)
        if len(self._faults) <= tags:
            return
        places = await locate_faults(self._tool, self.source)
        inside = [p for p in places if EDGE_SECS < p[0] < self.seconds - EDGE_SECS]
        if places and len(inside) <= tags:
            return
        if inside or not places:
            second, line = inside[0] if inside else (self.seconds, self._faults[0])
            raise corrupt(self.source, second, last_line([line]), count=max(1, len(inside)))

    def _inner_tags(self) -> int:
        """A tag between the frames of an MP3 makes ffmpeg complain once and drop the frame beside it, 26 ms. The file is
        as its maker left it: no other release would be better, and the samples that do come out are counted."""
        return inner_tags(self.source.path) if self.source.codec == "mp3" else 0


@asynccontextmanager
async def decoding(
    tool: FfmpegTool, source: AudioInfo, pcm: PcmFormat, *, every_frame: bool = False
) -> AsyncIterator[Decoder]:
    """Start decoding `source`; the process is gone when the block ends.

    `every_frame`: encoder delay and padding come out too, as they do where frames are joined without encoding.
    """
    faults: list[str] = []

    def listen(line: str) -> None:
        if _LOST.search(line) and len(faults) < 100:
            faults.append(line)

    # ffmpeg lowers a mono source by 3 dB when it spreads it over two channels; `pan` copies it as it is.
    spread = ["-af", "pan=stereo|c0=c0|c1=c0"] if source.channels == 1 and pcm.channels == 2 else []
    skips = ["-flags2", "+skip_manual"] if every_frame else []
    args = ["-v", "level+error", "-threads", "1", *skips, *_input(source), *spread, *pcm.input_args, "pipe:1"]
    async with running(tool, args, subject=source.path.name, on_line=listen) as run:
        yield Decoder(tool, source, pcm, run, faults)


class DecodeAhead:
    """Decoders for a row of sources, each started while the one before it is still being read."""

    def __init__(self, tool: FfmpegTool, sources: Sequence[AudioInfo], pcm: PcmFormat) -> None:
        self._tool = tool
        self._sources = sources
        self._pcm = pcm
        self._started: dict[int, tuple[Decoder, AsyncExitStack]] = {}

    async def __aenter__(self) -> DecodeAhead:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with AsyncExitStack() as everything:  # all are stopped, even if stopping one is interrupted
            for _, stack in self._started.values():
                everything.push_async_callback(stack.aclose)
            self._started.clear()

    @asynccontextmanager
    async def source(self, index: int) -> AsyncIterator[Decoder]:
        """The decoder of source `index`; the next one starts to fill its buffer meanwhile."""
        for wanted in (index, index + 1):
            if wanted < len(self._sources) and wanted not in self._started:
                stack = AsyncExitStack()
                decoder = await stack.enter_async_context(decoding(self._tool, self._sources[wanted], self._pcm))
                self._started[wanted] = (decoder, stack)
        decoder, stack = self._started[index]
        try:
            yield decoder
        finally:
            self._started.pop(index, None)
            await stack.aclose()


async def locate_faults(tool: FfmpegTool, source: AudioInfo) -> list[tuple[float, str]]:
    """Decode once more with a note for every frame, so that each complaint gets its second."""
    faults: list[tuple[float, str]] = []
    at = 0.0

    def listen(line: str) -> None:
        nonlocal at
        if frame := _FRAME.search(line):
            at = float(frame[1])
        elif _LOST.search(line) and len(faults) < 1000:
            faults.append((at, line))

    await _listen_to_frames(tool, source, listen)
    return faults


async def locate_gap(tool: FfmpegTool, source: AudioInfo) -> float | None:
    """The second at which frames are first missing, by the time each states; None where no frame says."""
    gap: float | None = None
    expected = 0.0

    def listen(line: str) -> None:
        nonlocal gap, expected
        if frame := _FRAME.search(line):
            at = float(frame[1])
            if gap is None and at > expected + EXACT_SECS / 2:
                gap = expected
            expected = at + int(frame[3]) / int(frame[2])

    await _listen_to_frames(tool, source, listen)
    return gap


async def _listen_to_frames(tool: FfmpegTool, source: AudioInfo, listen: Callable[[str], None]) -> None:
    args = ["-v", "level+info", "-threads", "1", *_input(source), "-af", "ashowinfo", "-f", "null", "-"]
    async with running(tool, args, subject=source.path.name, on_line=listen) as run:
        while await run.read():
            pass
        await run.finish(patience_secs=max(600.0, source.duration_secs))


def _input(source: AudioInfo) -> list[str]:
    # FLAC carries checksums that ffmpeg compares only on request. Others (mp3) are often written wrong by encoders.
    checks = ["-err_detect", "crccheck"] if source.codec == "flac" else []
    return [*SAFE_INPUT, *checks, "-i", url(source.path), "-map", "0:a:0"]


def corrupt(source: AudioInfo, second: float | None, why: str, *, count: int = 1) -> PermanentError:
    """The error for a source that is damaged at `second`, None where nobody can say."""
    name = source.path.name
    more = f" and at {count - 1} more place{'s' * (count > 2)}" if count > 1 else ""
    at = "" if second is None else f" at {_clock(second)}{more}"
    evidence: dict[str, JsonValue] = {"file": name, "path": str(source.path), "detail": why}
    return PermanentError(
        Reason(
            "source_corrupt",
            f"{name!r} is damaged{at}: {why}.",
            "The download is untouched. Recheck the torrent; if it is complete, choose another release.",
            evidence if second is None else evidence | {"second": round(second, 2)},
        )
    )


def _clock(secs: float) -> str:
    whole = int(secs)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
