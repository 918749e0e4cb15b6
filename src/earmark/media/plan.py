"""What a bound book will be: order of the sources, chapter titles, passthrough or not.

Facts about files come in, a plan comes out; nothing is read or written here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from earmark.core.binding import AudioInfo, BindPlan, BookTags, Chapter, ChapterList
from earmark.core.chapters import BookChapters
from earmark.core.ordering import ListeningOrder, Numbers, listening_order, number_of
from earmark.media.tags import one_line


def plan_book(infos: Sequence[AudioInfo], tags: BookTags, cover: Path | None = None) -> BindPlan:
    """The plan for one book from its audio files, given in any order. At least one file is needed."""
    if not infos:
        raise ValueError("a book needs at least one audio file")
    order = order_of(infos)
    sources = tuple(infos[i] for i in order.positions)
    single = sources[0]
    return BindPlan(
        sources=sources,
        chapter_titles=chapter_titles(sources, tags),
        tags=tags,
        cover=cover,
        passthrough=len(sources) == 1
        and single.path.suffix.lower() == ".m4b"
        and single.codec in {"aac", "alac", "ac3", "eac3"},
    )


def order_of(infos: Sequence[AudioInfo]) -> ListeningOrder:
    """Listening order of the files by their names and their disc and track tags."""
    numbers = [Numbers(number_of(i.tags.get("disc")), number_of(i.tags.get("track"))) for i in infos]
    return listening_order(_relative([i.path for i in infos]), numbers)


def chapter_titles(sources: Sequence[AudioInfo], tags: BookTags) -> tuple[str, ...]:
    """One title a source: its title tag where all have different ones, else its cleaned name, else "Chapter N"."""
    if len(sources) == 1:
        return (one_line(tags.title) or "Chapter 1",)
    tagged = [one_line(s.tags.get("title", "")) for s in sources]
    if _telling(tagged):
        return tuple(tagged)
    named = _cleaned([s.path.stem for s in sources], tags)
    if _telling(named):
        return tuple(named)
    return tuple(f"Chapter {n}" for n in range(1, len(sources) + 1))


def book_chapters(plan: BindPlan, source_secs: Sequence[float]) -> BookChapters:
    """Chapter marks for sources of these decoded lengths in seconds. A source with chapters of its own keeps them."""
    chapters: list[Chapter] = []
    start = 0.0
    for source, title, secs in zip(plan.sources, plan.chapter_titles, source_secs, strict=True):
        own = [c for c in source.chapters if c.start_secs < secs]
        if len(own) > 1:
            starts = [0.0, *(c.start_secs for c in own[1:])]
            ends = [*starts[1:], secs]
            for mark, begin, end in zip(own, starts, ends, strict=True):
                name = one_line(mark.title) or f"Chapter {len(chapters) + 1}"
                chapters.append(Chapter(name, start + begin, start + end))
        else:
            chapters.append(Chapter(title, start, start + secs))
        start += secs
    chosen = ChapterList("embedded" if len(chapters) != len(plan.sources) else plan.titles_from, tuple(chapters), 1.0)
    return BookChapters(chosen, (chosen,))


def _relative(paths: Sequence[Path]) -> list[str]:
    """Paths relative to the folder that holds them all, with `/` between parts."""
    if len(paths) == 1:
        return [paths[0].name]
    absolute = [p.absolute() for p in paths]
    base = os.path.commonpath([str(p.parent) for p in absolute])
    return [p.relative_to(base).as_posix() for p in absolute]


def _telling(titles: Sequence[str]) -> bool:
    """Do these titles tell chapters apart, by more than a bare number?"""
    different = len({t.casefold() for t in titles}) == len(titles)
    return different and all(re.search(r"[^\W\d_]", t) for t in titles)


def _cleaned(stems: Sequence[str], tags: BookTags) -> list[str]:
    """File names without what all of them share with the book: its title, its author, the leading number."""
    names = [one_line(re.sub(r"[_\s]+", " ", stem)) for stem in stems]
    known = [tags.title, *tags.authors, *([tags.series] if tags.series else [])]
    for _ in range(4):
        names = _without_numbers(names)
        for phrase in known:
            names = _without_prefix(names, phrase)
    return names


def _without_numbers(names: list[str]) -> list[str]:
    pattern = re.compile(r"^[\[(]?\d{1,4}(?:\s*(?:of|/|-)\s*\d{1,4})?[\])]?\s*(?:[-–—.:)]\s*|\s+)(?=\S)")
    return [pattern.sub("", n) for n in names] if all(pattern.match(n) for n in names) else names


def _without_prefix(names: list[str], phrase: str) -> list[str]:
    words = re.findall(r"\w+", phrase)
    if not words:
        return names
    pattern = re.compile(r"^[\W_]*" + r"[\W_]+".join(map(re.escape, words)) + r"\b[\s\-–—_.:,]*", re.IGNORECASE)
    return [pattern.sub("", n) for n in names] if all(pattern.match(n) for n in names) else names
