"""What one release tells about itself: facts, each with the place it was read from. What nobody told is absent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from earmark.core.wish import Kind

T = TypeVar("T")


class Source(StrEnum):
    """Where a fact was read. A field was filled in by a person for that purpose; a title was not."""

    FIELD = "field"
    TITLE = "title"
    TAGS = "tags"
    DESCRIPTION = "description"
    FILES = "files"
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    value: T
    source: Source


@dataclass(frozen=True, slots=True)
class SeriesPlace:
    """A series and the place in it: "2.5", "1-3", "" when unknown."""

    name: str
    index: str


class Role(StrEnum):
    """What a piece of a title is, as far as its own words tell."""

    TITLE = "title"  # certainly (part of) the title
    AUTHOR = "author"  # follows "by"
    NARRATOR = "narrator"  # follows "read by"
    ANY = "any"  # between dashes: title, author or series; only the wish can tell
    NOTE = "note"  # in brackets, with words that are no known mark


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a title between separators. `words` are without marks, formats, years; `main` ends at the colon."""

    role: Role
    text: str
    words: tuple[str, ...]
    main: tuple[str, ...]
    sub: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything read from one release. `pieces` keep what a bare title leaves open."""

    pieces: tuple[Piece, ...]
    title: Fact[str] | None
    subtitle: Fact[str] | None
    authors: tuple[Fact[str], ...]
    narrators: tuple[Fact[str], ...]
    series: tuple[Fact[SeriesPlace], ...]
    marks: dict[str, Fact[str]]  # mark name -> the words that said so
    kind: Fact[Kind] | None
    language: Fact[str] | None
    other_languages: tuple[Fact[str], ...]  # further marks of a language, beside `language`
    formats: tuple[Fact[str], ...]
    bitrate_kbps: Fact[int] | None
    runtime_secs: Fact[float] | None
    year: Fact[int] | None
    abridged: Fact[bool] | None
    file_count: Fact[int] | None
    bad_files: tuple[str, ...]  # programs and locked archives among the files
    structured: bool  # authors came in a field of their own
    trunk_languages: tuple[tuple[str, str], ...] = ()  # (ISO code, word) in the title itself: a mark, unless wished
    tag_words: tuple[str, ...] = ()  # the uploader's line, word by word
    also_known_as: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()  # works the release says it contains

    def has(self, mark: str) -> bool:
        return mark in self.marks
