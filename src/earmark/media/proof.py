"""The proof of a finished book: decode all of it, measure it, read its chapters back.

Nothing is believed that was not read from the file itself. A book that fails is not placed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from earmark.core.binding import AudioInfo, BoundBook, Chapter
from earmark.core.reasons import PermanentError, Reason
from earmark.media.decode import PcmFormat, decoding
from earmark.media.ffmpeg import SAFE_INPUT, FfmpegTool, run, url
from earmark.media.probe import parse_ffmetadata, probe

DURATION_TOLERANCE_SECS = 0.05
CHAPTER_TOLERANCE_SECS = 0.005


async def decoded_secs(tool: FfmpegTool, source: AudioInfo, on_secs: Callable[[float], None]) -> float:
    """Seconds that come out when all of `source` is decoded. Raises `source_corrupt` when it is damaged."""
    pcm = PcmFormat(source.sample_rate, min(source.channels, 2))
    async with decoding(tool, source, pcm) as decoder:
        while await decoder.read():
            on_secs(decoder.seconds)
        await decoder.check()
        return decoder.seconds


async def embedded_chapters(tool: FfmpegTool, path: Path) -> tuple[Chapter, ...]:
    """All chapter marks of a file, however many; about 0.1 s."""
    args = ["-v", "level+error", *SAFE_INPUT, "-i", url(path), "-f", "ffmetadata", "pipe:1"]
    listing = await run(tool, args, subject=path.name)
    return parse_ffmetadata(listing.decode("utf-8", "replace"))[1]


async def prove_bound(
    tool: FfmpegTool,
    path: Path,
    *,
    expected_secs: float,
    chapters: Sequence[Chapter],
    on_secs: Callable[[float], None],
) -> BoundBook:
    """Decode a book we bound; its length and its chapters must be what went in."""
    info = await probe(path, tool)
    try:
        secs = await decoded_secs(tool, info, on_secs)
    except PermanentError as error:
        raise unproven(error.reason.message) from error
    # Decoders older than ffmpeg 7 hand out the last frame whole, up to 1,023 samples of padding: within tolerance.
    if abs(secs - expected_secs) > DURATION_TOLERANCE_SECS:
        raise unproven(f"it decodes to {secs:.3f} s where the sources have {expected_secs:.3f} s")
    found = await embedded_chapters(tool, path)
    if [c.title for c in found] != [c.title for c in chapters]:
        raise unproven(f"it has {len(found)} chapters, not the {len(chapters)} that were written, or other titles")
    for mark, wanted in zip(found, chapters, strict=True):
        if abs(mark.start_secs - wanted.start_secs) > CHAPTER_TOLERANCE_SECS:
            raise unproven(f"chapter {wanted.title!r} starts at {mark.start_secs:.3f} s, not {wanted.start_secs:.3f}")
    return _book(info, secs, found, passthrough=False)


async def prove_passthrough(
    tool: FfmpegTool, copy: Path, source: AudioInfo, on_secs: Callable[[float], None]
) -> BoundBook:
    """Decode a book that was copied as it is; damage is the source's and is named so."""
    info = await probe(copy, tool)
    try:
        secs = await decoded_secs(tool, info, on_secs)
    except PermanentError as error:
        message = error.reason.message.replace(repr(copy.name), repr(source.path.name))
        evidence = {**error.reason.evidence, "file": source.path.name, "path": str(source.path)}
        raise PermanentError(Reason(error.reason.code, message, error.reason.action, evidence)) from error
    return _book(info, secs, await embedded_chapters(tool, copy), passthrough=True)


def _book(info: AudioInfo, secs: float, chapters: tuple[Chapter, ...], *, passthrough: bool) -> BoundBook:
    size = info.path.stat().st_size
    return BoundBook(info.path, secs, chapters, size, info.codec, info.bitrate_kbps, passthrough)


def unproven(why: str) -> PermanentError:
    return PermanentError(
        Reason(
            "proof_failed",
            f"The bound book did not pass its check: {why}.",
            "The download is untouched and nothing was placed. Retry; if it happens again, use another ffmpeg.",
            {"detail": why},
        )
    )
