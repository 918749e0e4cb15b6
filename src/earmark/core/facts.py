"""What a metadata provider knows of a book: a value, so that rules can weigh it without knowing any provider."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BookFacts:
    """What a metadata provider knows of one audiobook."""

    provider: str
    asin: str | None
    title: str
    subtitle: str | None = None
    authors: tuple[str, ...] = ()
    narrators: tuple[str, ...] = ()
    series: str | None = None
    series_index: str | None = None
    year: int | None = None
    publisher: str | None = None
    description: str | None = None
    language: str | None = None  # ISO 639-1
    genres: tuple[str, ...] = ()
    isbn: str | None = None
    runtime_secs: float | None = None
    abridged: bool | None = None
    cover_url: str | None = None
