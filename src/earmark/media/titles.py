"""Chapter titles from title tags and file names: without the numbers, the book's title and its author, which all of
them repeat. Facts in, titles out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from earmark.core.binding import AudioInfo, BookTags
from earmark.core.chapters import share_telling
from earmark.core.numerals import bookend
from earmark.media.tags import one_line

_NUMBER = re.compile(
    r"^[\[(]?\d{1,4}(?:\s*(?:of|/|-)\s*\d{1,4})?[\])]?\s*(?:[-–—.:)]\s*|\s+)(?=\S)"
    r"|^d(?:isc|isk)?\s?\d{1,2}\s?-?\s?t(?:rack)?\s?\d{1,3}\s*[-–—.:]*\s*(?=\S)",
    re.IGNORECASE,
)


def title_lists(sources: Sequence[AudioInfo], tags: BookTags) -> list[tuple[str, tuple[str, ...]]]:
    """One title a source, of every origin that tells the sources apart (tags, names, numbers), the most telling first."""
    if len(sources) == 1:
        return [("title", (one_line(tags.title) or "Chapter 1",))]
    tagged = cleaned([s.tags.get("title", "") for s in sources], tags)
    named = cleaned([s.path.stem for s in sources], tags)
    offers = [(kind, tuple(titles)) for kind, titles in (("tags", tagged), ("names", named)) if _apart(titles)]
    offers.sort(key=lambda offer: -share_telling(offer[1]))
    return [*offers, ("numbers", tuple(f"Chapter {n}" for n in range(1, len(sources) + 1)))]


def cleaned(titles: Sequence[str], tags: BookTags) -> list[str]:
    """Titles without what all of them share with the book: its title, its people, its series, a leading number. A
    title such as "Prologue" or "End Credits" need not share it."""
    texts = [title[:1000].encode("utf-8", "replace").decode() for title in titles]  # a file name may be no text
    names = [one_line(re.sub(r"[_\s]+", " ", text)) for text in texts]
    known = [tags.title, *tags.authors, *tags.narrators, *([tags.series] if tags.series else [])]
    for _ in range(4):
        names = _without(names, _NUMBER)
        for phrase in known:
            words = re.findall(r"\w+", phrase)[:30]
            if words:
                pattern = r"^[\W_]{0,5}" + r"[\W_]+".join(map(re.escape, words)) + r"\b[\s\-–—_.:,]*"
                names = _without(names, re.compile(pattern, re.IGNORECASE))
    return names


def _without(names: list[str], pattern: re.Pattern[str]) -> list[str]:
    lacking = [n for n in names if not pattern.match(n)]
    if len(lacking) == len(names) or any(bookend(n) is None for n in lacking):
        return names
    return [pattern.sub("", n, count=1) for n in names]


def _apart(titles: Sequence[str]) -> bool:
    """Do these titles tell chapters apart, by more than a bare number?"""
    different = len({t.casefold() for t in titles}) == len(titles)
    return different and all(re.search(r"[^\W\d_]", t) for t in titles)
