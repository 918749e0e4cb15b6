"""Is a finished book whole? For files anybody made: decoded fully, measured, its chapters and tags looked at.

A damaged file is an answer here, never an error. Nothing is written, and nothing is known of how the book was made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from earmark.core.binding import AudioInfo, BookTags, Chapter
from earmark.core.reasons import JsonValue, PermanentError, Reason
from earmark.media.decode import locate_faults
from earmark.media.ffmpeg import FfmpegTool, last_line
from earmark.media.mp4 import Mp4Error
from earmark.media.probe import probe
from earmark.media.proof import audible_secs, decoded_secs, embedded_chapters
from earmark.media.streamcopy import read_stream
from earmark.media.tags import read_tags

MAX_FAULTS = 100
SHORTEST_CHAPTER_SECS = 0.005  # a track of a tenth of a second (a spacer, a sting) is a chapter all the same
END_TOLERANCE_SECS = 1.0
END_TOLERANCE_PART = 0.005  # of the whole: a claim of a long file may be off by more without harm


@dataclass(frozen=True, slots=True)
class Fault:
    """Where the decoder complained, in seconds from the start, and what it said."""

    second: float
    message: str


@dataclass(frozen=True, slots=True)
class FileReport:
    """What one file proved to be. `problems` make it unsound; `notes` are what a good book has and this one lacks."""

    path: Path
    problems: tuple[Reason, ...]
    notes: tuple[Reason, ...] = ()
    decoded_secs: float | None = None
    claimed_secs: float | None = None
    codec: str | None = None
    bitrate_kbps: int | None = None
    sample_rate: int | None = None
    channels: int | None = None
    chapters: tuple[Chapter, ...] = ()
    tags: BookTags | None = None
    has_cover: bool = False
    faults: tuple[Fault, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


async def verify_file(
    tool: FfmpegTool, path: Path, *, on_secs: Callable[[float], None] = lambda _: None, lanes: int = 1
) -> FileReport:
    """Decode the book at `path` to its end and look at all it says of itself; `lanes` decoders at once where that can
    be. Raises TransientError `ffmpeg_crashed`, `ffmpeg_hung`; everything else is in the report."""
    try:
        info = await probe(path, tool)
    except PermanentError as error:
        return FileReport(path, (error.reason,))
    problems: list[Reason] = []
    faults: tuple[Fault, ...] = ()
    try:
        secs = await decoded_secs(tool, info, on_secs, lanes=lanes)
    except PermanentError as error:
        problems.append(error.reason)
        faults = await _faults(tool, info)
        secs = await audible_secs(tool, info)
    chapters = info.chapters
    with suppress(PermanentError):  # only a file whose damage has been told by now
        chapters = await embedded_chapters(tool, path)
    tags = await asyncio.to_thread(_tags, path)
    if not problems:
        problems += _of_length(info, secs)
    return FileReport(
        path=path,
        problems=(*problems, *chapter_problems(path.name, chapters, secs)),
        notes=tuple(_notes(info, chapters, tags)),
        decoded_secs=secs,
        claimed_secs=None if info.duration_estimated else info.duration_secs,
        codec=info.codec,
        bitrate_kbps=info.bitrate_kbps,
        sample_rate=info.sample_rate,
        channels=await asyncio.to_thread(_channels, info),
        chapters=chapters,
        tags=tags,
        has_cover=info.has_cover,
        faults=faults,
    )


def chapter_problems(name: str, chapters: Sequence[Chapter], secs: float) -> Iterator[Reason]:
    """What is wrong with the chapter marks of the book `name`, which is `secs` long: at most one reason of a kind."""

    def first(number: int, code: str, what: str) -> Reason:
        chapter = chapters[number]
        evidence: dict[str, JsonValue] = {
            "file": name,
            "chapter": number + 1,
            "start_secs": round(chapter.start_secs, 3),
        }
        action = "Bind the book again from its sources, or set its chapters anew."
        return Reason(code, f"Chapter {number + 1} ({chapter.title!r}) of {name!r} {what}.", action, evidence)

    pairs = range(1, len(chapters))
    early = next((n for n in pairs if chapters[n].start_secs <= chapters[n - 1].start_secs), None)
    if early is not None:
        yield first(early, "chapters_disordered", "does not begin after the one before it")
    outside = next((n for n, c in enumerate(chapters) if not 0 <= c.start_secs < secs), None)
    if outside is not None:
        yield first(outside, "chapter_outside", f"begins outside the {secs:.1f} s that the book is long")
    empty = next((n for n, c in enumerate(chapters) if c.end_secs - c.start_secs < SHORTEST_CHAPTER_SECS), None)
    if empty is not None:
        yield first(empty, "chapter_empty", "has no length to speak of")
    if chapters and abs(chapters[-1].end_secs - secs) > _tolerance(secs):
        what = f"ends at {chapters[-1].end_secs:.1f} s, but the sound at {secs:.1f} s"
        yield first(len(chapters) - 1, "chapters_end_elsewhere", what)


def as_json(report: FileReport) -> dict[str, JsonValue]:
    """The report as JSON knows it; seconds to the millisecond."""

    def told(reasons: Sequence[Reason]) -> list[JsonValue]:
        return [
            {"code": r.code, "message": r.message, "action": r.action, "evidence": dict(r.evidence)} for r in reasons
        ]

    def secs(value: float | None) -> float | None:
        return None if value is None else round(value, 3)

    return {
        "path": str(report.path),
        "ok": report.ok,
        "problems": told(report.problems),
        "notes": told(report.notes),
        "decoded_secs": secs(report.decoded_secs),
        "claimed_secs": secs(report.claimed_secs),
        "codec": report.codec,
        "bitrate_kbps": report.bitrate_kbps,
        "sample_rate": report.sample_rate,
        "channels": report.channels,
        "chapters": [
            {"title": c.title, "start_secs": secs(c.start_secs), "end_secs": secs(c.end_secs)} for c in report.chapters
        ],
        "tags": _tags_as_json(report.tags),
        "has_cover": report.has_cover,
        "faults": [{"second": secs(f.second), "message": f.message} for f in report.faults],
    }


def _tags_as_json(tags: BookTags | None) -> JsonValue:
    if tags is None:
        return None
    return {
        "title": tags.title,
        "subtitle": tags.subtitle,
        "authors": list(tags.authors),
        "narrators": list(tags.narrators),
        "series": tags.series,
        "series_index": tags.series_index,
        "year": tags.year,
        "publisher": tags.publisher,
        "description": tags.description,
        "language": tags.language,
        "genres": list(tags.genres),
        "asin": tags.asin,
        "isbn": tags.isbn,
    }


async def _faults(tool: FfmpegTool, info: AudioInfo) -> tuple[Fault, ...]:
    located = await locate_faults(tool, info)
    return tuple(Fault(second, last_line([line])) for second, line in located[:MAX_FAULTS])


def _of_length(info: AudioInfo, secs: float) -> Iterator[Reason]:
    """A claim that falls short of the sound; the other way round is damage, which decoding tells."""
    if not info.duration_estimated and abs(info.duration_secs - secs) > _tolerance(secs):
        name = info.path.name
        yield Reason(
            "duration_disagrees",
            f"{name!r} claims {info.duration_secs:.1f} s, but {secs:.1f} s can be heard.",
            "Bind the book again from its sources, or rewrite its container.",
            {"file": name, "claimed_secs": round(info.duration_secs, 3), "decoded_secs": round(secs, 3)},
        )


def _tolerance(secs: float) -> float:
    return max(END_TOLERANCE_SECS, secs * END_TOLERANCE_PART)


def _channels(info: AudioInfo) -> int:
    """Of MPEG-4 audio the container often tells two where the decoder's own description tells one."""
    try:
        stream = read_stream(info.path) if info.codec == "aac" else None
    except (Mp4Error, OSError):
        stream = None
    return (stream and stream.kind.heard_channels) or info.channels


def _tags(path: Path) -> BookTags | None:
    try:
        return read_tags(path)
    except (PermanentError, OSError):
        return None


def _notes(info: AudioInfo, chapters: Sequence[Chapter], tags: BookTags | None) -> Iterator[Reason]:
    name = info.path.name
    missing = ["title", "authors", "narrators"]
    if tags is not None:
        missing = [field for field in missing if not getattr(tags, field)]
    for field in missing:
        action = f"Give the book its {field} in Earmark or in any tag editor."
        yield Reason("tag_missing", f"{name!r} has no {field}.", action, {"file": name, "tag": field})
    if not info.has_cover:
        yield Reason("cover_missing", f"{name!r} carries no cover.", "Put a cover.jpg beside it.", {"file": name})
    if not chapters:
        action = "Bind it again with a chapter list if you miss them."
        yield Reason("chapters_missing", f"{name!r} has no chapters.", action, {"file": name})
