"""What goes into a bound book: sources in order, chapters, tags. Facts and plans only; `media` does the work."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from earmark.core.reasons import Reason
from earmark.core.release import SeriesRef

Codec: TypeAlias = Literal["aac", "he-aac", "opus", "mp3"]
Coder: TypeAlias = Literal["auto", "fast", "thorough"]
OrderBy: TypeAlias = Literal["names", "tags", "folders", "playlist"]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter mark: seconds from the start of the book."""

    title: str
    start_secs: float
    end_secs: float


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a probe read from one audio file. `duration_secs` is the container's claim; decoding knows better."""

    path: Path
    codec: str  # ffmpeg's name: mp3, aac, flac, vorbis, opus, alac, pcm_s16le, wmav2
    duration_secs: float
    sample_rate: int
    channels: int
    bitrate_kbps: int | None
    tags: dict[str, str] = field(default_factory=dict)  # lower-case keys: title album artist track disc date …
    chapters: tuple[Chapter, ...] = ()
    has_cover: bool = False
    duration_estimated: bool = False  # the container states no length; `duration_secs` is guessed from its bit rate


@dataclass(frozen=True, slots=True)
class BookTags:
    """What is written into the finished book and its sidecars."""

    title: str
    authors: tuple[str, ...] = ()
    narrators: tuple[str, ...] = ()
    subtitle: str | None = None
    series: str | None = None
    series_index: str | None = None
    year: int | None = None
    publisher: str | None = None
    description: str | None = None
    language: str | None = None
    genres: tuple[str, ...] = ()
    asin: str | None = None
    isbn: str | None = None
    abridged: bool | None = None
    more_series: tuple[SeriesRef, ...] = ()  # beside the primary one


@dataclass(frozen=True, slots=True)
class BindProfile:
    """How a book is to be written. `mp3` joins MP3 sources without encoding them; `auto` takes ffmpeg's fast coder
    where it is as good as the thorough one."""

    codec: Codec = "aac"
    mono_kbps: int = 64
    stereo_kbps: int = 128
    coder: Coder = "auto"


@dataclass(frozen=True, slots=True)
class OrderReading:
    """One way to read the listening order: positions into the files as given. `complete` says whether this way tells
    every file its own place."""

    by: OrderBy
    positions: tuple[int, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class ChapterList:
    """Chapter marks from one source of truth, with how good they are (0..1). `source` names it: names, tags, cue,
    embedded, overdrive, provider, numbers."""

    source: str
    chapters: tuple[Chapter, ...]
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class SourceMarks:
    """Chapter marks inside the sources, of one origin (embedded, cue, overdrive): for each source in listening order
    its marks, in seconds from its own start."""

    source: str
    chapters: tuple[tuple[Chapter, ...], ...]


@dataclass(frozen=True, slots=True)
class BindPlan:
    """One book to bind: sources in listening order with the chapter title of each, and the marks inside them."""

    sources: tuple[AudioInfo, ...]
    chapter_titles: tuple[str, ...]
    tags: BookTags
    cover: Path | None
    passthrough: bool  # a single M4B: the file itself is the book, not a byte of it changes
    bitrate_kbps: int | None = None  # None: chosen from the sources
    profile: BindProfile = field(default_factory=BindProfile)
    titles_from: str = "names"  # where `chapter_titles` come from: tags, names, numbers …
    provider_chapters: tuple[Chapter, ...] = ()  # of the whole book, as a metadata provider tells them
    doubts: tuple[Reason, ...] = ()  # what a person should settle before the book is bound
    orders: tuple[OrderReading, ...] = ()  # every way the order was read, the one taken first; positions into `sources`
    marks: tuple[SourceMarks, ...] = ()
    left_out: tuple[Path, ...] = ()  # other copies of the same book in the download

    @property
    def total_secs(self) -> float:
        return sum(s.duration_secs for s in self.sources)


@dataclass(frozen=True, slots=True)
class BindProgress:
    """How far binding is. `phase` is decode | encode | verify."""

    phase: str
    chapter_idx: int
    chapter_count: int
    chapter_title: str
    done_secs: float
    total_secs: float


@dataclass(frozen=True, slots=True)
class BoundBook:
    """The finished file, read back and fully decoded."""

    path: Path
    duration_secs: float  # of the decoded audio
    chapters: tuple[Chapter, ...]
    size_bytes: int
    codec: str
    bitrate_kbps: int | None
    passthrough: bool
    chapters_from: str = "files"  # the source of the chapters that were taken
    chapters_considered: tuple[ChapterList, ...] = ()  # all of them, the best first
