"""What a book is encoded to, and the ffmpeg commands that do it.

AAC is encoded in segments by all cores (`segments`); Opus and HE-AAC by one process each; MP3 is joined without being
encoded at all. Chapter starts come from counted samples, so they hold by seeking and by listening from the start
alike; container durations (which count encoder delay and padding) are never summed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Literal, TypeAlias

from earmark.core.binding import AudioInfo, BindPlan, BindProfile, Chapter
from earmark.core.reasons import PermanentError, Reason
from earmark.media.adts import BLOCK
from earmark.media.decode import PcmFormat, common_format
from earmark.media.ffmpeg import SAFE_INPUT, FfmpegTool, run, running, url
from earmark.media.timeline import Timeline

Suffix: TypeAlias = Literal["m4b", "opus", "mp3"]

LOSSLESS = ("flac", "alac", "pcm_", "wmalossless", "ape", "wavpack", "tta")
MUX_PATIENCE_SECS = 120.0
FAST_CODER_FROM_KBPS = 64  # a channel; below it ffmpeg's thorough coder is audibly better (its own documentation)
OPUS_RATE = 48000
OPUS_MOST_KBPS = 256  # a channel; libopus refuses more


def book_suffix(plan: BindPlan) -> Suffix:
    """What the finished book's name ends in: `mp3` only where all sources are MP3 of one kind and may stay so."""
    if plan.passthrough:
        return "m4b"
    if plan.profile.codec == "opus":
        return "opus"
    return "mp3" if plan.profile.codec == "mp3" and joins_as_mp3(plan.sources) else "m4b"


def joins_as_mp3(sources: Sequence[AudioInfo]) -> bool:
    """Are these MP3s of one rate and channel layout, so that one decoder plays them in a row?"""
    return {s.codec for s in sources} == {"mp3"} and len({(s.sample_rate, s.channels) for s in sources}) == 1


def choose_bitrate(
    sources: Sequence[AudioInfo],
    channels: int,
    wanted_kbps: int | None = None,
    profile: BindProfile = BindProfile(),  # noqa: B008 - a frozen value
) -> int:
    """kbit/s for the book: the profile's, or what was asked for, and never more than the best lossy source."""
    target = wanted_kbps or (profile.mono_kbps if channels == 1 else profile.stereo_kbps)
    if any(s.codec.startswith(LOSSLESS) or s.bitrate_kbps is None for s in sources):
        return target
    return max(8, min(target, max(s.bitrate_kbps or 0 for s in sources)))


def book_format(plan: BindPlan) -> PcmFormat:
    """The PCM all sources are decoded to."""
    pcm = common_format(plan.sources)
    return PcmFormat(OPUS_RATE, pcm.channels) if plan.profile.codec == "opus" else pcm


def book_bitrate(plan: BindPlan) -> int:
    """kbit/s of the encoded book."""
    channels = book_format(plan).channels
    kbps = choose_bitrate(plan.sources, channels, plan.bitrate_kbps, plan.profile)
    return min(kbps, OPUS_MOST_KBPS * channels) if plan.profile.codec == "opus" else kbps


def aac_args(plan: BindPlan) -> list[str]:
    """ffmpeg's arguments from PCM on pipe:0 to bare AAC frames on pipe:1."""
    pcm, kbps = book_format(plan), book_bitrate(plan)
    fast = kbps / pcm.channels >= FAST_CODER_FROM_KBPS if plan.profile.coder == "auto" else plan.profile.coder == "fast"
    # bitexact: without it every 256th frame carries the encoder's name.
    codec = ["-c:a", "aac", "-b:a", f"{kbps}k", "-aac_coder", "fast" if fast else "twoloop", "-flags:a", "+bitexact"]
    return ["-v", "level+error", *pcm.input_args, "-i", "pipe:0", "-map", "0:a", *codec, "-f", "adts", "pipe:1"]


async def check_codec(tool: FfmpegTool, plan: BindPlan) -> None:
    """Raises PermanentError `codec_unavailable` when this ffmpeg lacks the encoder that the profile asks for."""
    needed = {"he-aac": "libfdk_aac", "opus": "libopus"}.get(plan.profile.codec)
    if needed is None or plan.passthrough:
        return
    listing = await run(tool, ["-v", "error", "-encoders"], subject="the list of encoders")
    if needed.encode() not in listing.split():
        raise PermanentError(
            Reason(
                "codec_unavailable",
                f"This ffmpeg ({tool.version}) cannot encode {plan.profile.codec}: it was built without {needed}.",
                f"Set converter.ffmpeg_path to an ffmpeg with {needed}, or converter.codec to aac.",
                {"codec": plan.profile.codec, "encoder": needed, "ffmpeg": str(tool.path)},
            )
        )


async def encode_alone(tool: FfmpegTool, plan: BindPlan, timeline: Timeline, out: Path) -> None:
    """Encode the whole timeline with one process: Opus to an Ogg file, HE-AAC to an MP4.

    Raises PermanentError `source_corrupt`, `ffmpeg_failed`, TransientError `ffmpeg_crashed`, `ffmpeg_hung`, `disk_full`.
    """
    codec = ["-c:a", "libopus", "-f", "opus"]
    if plan.profile.codec == "he-aac":
        codec = ["-c:a", "libfdk_aac", "-profile:a", "aac_he", "-f", "ipod"]
    args = ["-v", "level+error", "-y", *timeline.pcm.input_args, "-i", "pipe:0", "-map", "0:a", *codec]
    args += ["-b:a", f"{book_bitrate(plan)}k", "-fflags", "+bitexact", url(out)]
    async with running(tool, args, subject=out.name, feed=True) as encoder, aclosing(timeline.pcm_from(0)) as pcm:
        async for chunk in pcm:
            if not await encoder.write(chunk):
                raise encoder.error(await encoder.finish())
        code = await encoder.finish()
        if code != 0:
            raise encoder.error(code)


async def join_mp3(tool: FfmpegTool, sources: Sequence[AudioInfo], out: Path, listing: Path) -> None:
    """One MP3 of the frames of all sources, none of them encoded again. Raises PermanentError `ffmpeg_failed`.

    ffmpeg's list of files has no way to say every name (a line feed, bytes that are no text): it gets links instead,
    made in the folder of `listing`, which is the caller's to remove.
    """
    await asyncio.to_thread(_list_links, [source.path for source in sources], listing)
    args = ["-v", "level+error", "-y", *SAFE_INPUT[:2], "-f", "concat", "-safe", "0", "-i", url(listing)]
    args += ["-map", "0:a:0", "-map_metadata", "-1", "-c", "copy", "-fflags", "+bitexact", "-f", "mp3", url(out)]
    await run(tool, args, subject=out.name, patience_secs=_patience(sum(s.path.stat().st_size for s in sources)))


def _list_links(paths: Sequence[Path], listing: Path) -> None:
    names = [f"{number:05}.mp3" for number in range(len(paths))]
    for name, path in zip(names, paths, strict=True):
        listing.with_name(name).symlink_to(path.absolute())
    listing.write_text("".join(f"file {name}\n" for name in names), "utf-8")


async def mux_frames(
    tool: FfmpegTool,
    frames: Iterator[bytes],
    *,
    samples: int,
    chapters: Sequence[Chapter],
    out: Path,
    listing: Path,
) -> None:
    """Put bare AAC frames (ADTS) into an M4B with chapter marks, ready to be streamed. The first 1,024 samples that
    come out of the frames are the encoder's delay; an edit list hides them and what follows the `samples` of the book.
    """
    blocks = -(-samples // BLOCK)
    rest = samples - (blocks - 1) * BLOCK
    # Relative to the packets' own length: the time base that reaches the filter differs between versions of ffmpeg.
    stamps = f"ts=(N-1)*DURATION:duration=if(eq(N\\,{blocks})\\,round(DURATION*{rest}/{BLOCK})\\,DURATION)"
    # With two inputs older versions sleep 10 ms whenever the packets of a pipe are used up: 8 of them by default.
    args = ["-v", "level+error", "-y", "-thread_queue_size", "8192", "-f", "aac", "-i", "pipe:0"]
    args += [*await _with_listing(chapters, listing), "-bsf:a", f"aac_adtstoasc,setts={stamps}", *_m4b(out)]
    written = 0
    async with running(tool, args, subject=out.name, feed=True) as muxer:
        while part := await asyncio.to_thread(next, frames, b""):
            written += len(part)
            if not await muxer.write(part):
                break
        code = await muxer.finish(patience_secs=_patience(written))
        if code != 0:
            raise muxer.error(code)


async def mux_book(tool: FfmpegTool, audio: Path, chapters: Sequence[Chapter], out: Path, listing: Path) -> None:
    """Copy the audio stream of `audio` into an M4B at `out` with chapter marks, ready to be streamed."""
    args = ["-v", "level+error", "-y", "-i", url(audio), *await _with_listing(chapters, listing), *_m4b(out)]
    size = (await asyncio.to_thread(audio.stat)).st_size
    await run(tool, args, subject=out.name, patience_secs=_patience(size))


async def _with_listing(chapters: Sequence[Chapter], listing: Path) -> list[str]:
    await asyncio.to_thread(listing.write_text, chapter_listing(chapters), "utf-8")
    # The listing holds no tags of its own: taking "its" tags drops those of the source but keeps chapter titles.
    chosen = ["-map", "0:a:0", "-map_metadata", "1", "-map_chapters", "1", "-c", "copy"]
    return ["-f", "ffmetadata", "-i", url(listing), *chosen]


def _m4b(out: Path) -> list[str]:
    return ["-fflags", "+bitexact", "-movflags", "+faststart", "-brand", "M4B ", "-f", "ipod", url(out)]


def _patience(size: int) -> float:
    """Seconds a run may be silent that writes `size` bytes: a slow disk does one megabyte a second."""
    return max(MUX_PATIENCE_SECS, size / 1_000_000)


def chapter_listing(chapters: Sequence[Chapter]) -> str:
    """Chapters in ffmpeg's metadata format, in microseconds."""
    blocks = [";FFMETADATA1"]
    for chapter in chapters:
        title = "".join("\\" + c if c in "=;#\\\n" else c for c in chapter.title)
        start, end = round(chapter.start_secs * 1_000_000), round(chapter.end_secs * 1_000_000)
        blocks.append(f"[CHAPTER]\nTIMEBASE=1/1000000\nSTART={start}\nEND={max(end, start + 1)}\ntitle={title}")
    return "\n".join(blocks) + "\n"
