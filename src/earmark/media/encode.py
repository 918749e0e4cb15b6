"""Several sources on one gapless timeline: decoded to PCM one after the other into a single AAC encoder.

Chapter starts come from counted samples, so they hold by seeking and by listening from the start alike; container
durations (which count encoder delay and padding) are never summed. One decoder always runs ahead of the encoder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from earmark.core.binding import AudioInfo, Chapter
from earmark.media.decode import DecodeAhead, PcmFormat
from earmark.media.ffmpeg import FfmpegTool, run, running, url

MONO_KBPS = 64
STEREO_KBPS = 128
LOSSLESS = ("flac", "alac", "pcm_", "wmalossless", "ape", "wavpack", "tta")
MUX_PATIENCE_SECS = 120.0
FAST_CODER_FROM_KBPS = 64  # a channel; below it ffmpeg's thorough coder is audibly better (its own documentation)


def choose_bitrate(sources: Sequence[AudioInfo], channels: int, wanted_kbps: int | None = None) -> int:
    """kbit/s for the book: 64 mono, 128 stereo, or what was asked for, and never more than the best lossy source."""
    target = wanted_kbps or (MONO_KBPS if channels == 1 else STEREO_KBPS)
    if any(s.codec.startswith(LOSSLESS) or s.bitrate_kbps is None for s in sources):
        return target
    return max(8, min(target, max(s.bitrate_kbps or 0 for s in sources)))


async def encode_timeline(
    tool: FfmpegTool,
    sources: Sequence[AudioInfo],
    out: Path,
    *,
    pcm: PcmFormat,
    bitrate_kbps: int,
    on_secs: Callable[[int, float], None],
    on_done: Callable[[int, float], None],
) -> list[int]:
    """Encode `sources` in order to an AAC file without chapters at `out`; samples of each source, as decoded.

    `on_secs(index, seconds)` hears how much of source `index` has gone into the encoder, `on_done(index, seconds)` how
    long it was in truth. Raises PermanentError
    `source_corrupt`, TransientError `ffmpeg_crashed`, `ffmpeg_hung`, `disk_full`.
    """
    coder = "fast" if bitrate_kbps / pcm.channels >= FAST_CODER_FROM_KBPS else "twoloop"
    args = ["-v", "level+error", "-y", *pcm.input_args, "-i", "pipe:0", "-map", "0:a", "-c:a", "aac"]
    args += ["-b:a", f"{bitrate_kbps}k", "-aac_coder", coder, "-fflags", "+bitexact", "-f", "ipod", url(out)]
    samples: list[int] = []
    async with (
        running(tool, args, subject=out.name, feed=True) as encoder,
        DecodeAhead(tool, sources, pcm) as ahead,
    ):
        for index in range(len(sources)):
            async with ahead.source(index) as decoder:
                while chunk := await decoder.read():
                    if not await encoder.write(chunk):
                        raise encoder.error(await encoder.finish())
                    on_secs(index, decoder.seconds)
                await decoder.check()
                samples.append(decoder.samples)
                on_done(index, decoder.seconds)
        code = await encoder.finish()
        if code != 0:
            raise encoder.error(code)
    return samples


async def mux_book(tool: FfmpegTool, audio: Path, chapters: Sequence[Chapter], out: Path, listing: Path) -> None:
    """Copy the audio stream of `audio` into an M4B at `out` with chapter marks, ready to be streamed."""
    await asyncio.to_thread(listing.write_text, chapter_listing(chapters), "utf-8")
    args = ["-v", "level+error", "-y", "-i", url(audio), "-f", "ffmetadata", "-i", url(listing)]
    # The listing holds no tags of its own: taking "its" tags drops those of the source but keeps chapter titles.
    args += ["-map", "0:a:0", "-map_metadata", "1", "-map_chapters", "1", "-c", "copy", "-fflags", "+bitexact"]
    args += ["-movflags", "+faststart", "-brand", "M4B ", "-f", "ipod", url(out)]
    size = (await asyncio.to_thread(audio.stat)).st_size
    await run(tool, args, subject=out.name, patience_secs=max(MUX_PATIENCE_SECS, size / 1_000_000))


def chapter_listing(chapters: Sequence[Chapter]) -> str:
    """Chapters in ffmpeg's metadata format, in microseconds."""
    blocks = [";FFMETADATA1"]
    for chapter in chapters:
        title = "".join("\\" + c if c in "=;#\\\n" else c for c in chapter.title)
        start, end = round(chapter.start_secs * 1_000_000), round(chapter.end_secs * 1_000_000)
        blocks.append(f"[CHAPTER]\nTIMEBASE=1/1000000\nSTART={start}\nEND={max(end, start + 1)}\ntitle={title}")
    return "\n".join(blocks) + "\n"
