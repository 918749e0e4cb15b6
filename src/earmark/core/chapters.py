"""Chapters of a book: every list of marks the sources, sheets and providers offer, scored, the best one first.

Titles and seconds come in, chapter lists come out. Where the seconds were measured is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

from earmark.core.binding import ChapterList


@dataclass(frozen=True, slots=True)
class BookChapters:
    """The chapters a book gets, and all lists that were weighed for it, the best first (the chosen one among them)."""

    chosen: ChapterList
    considered: tuple[ChapterList, ...]
