"""Names and titles compared for rooms that hold two clean records: a shelf's book and a wish, a provider's facts and a wish.

Releases, whose titles carry much besides, are read by `core.reading`.
"""

from __future__ import annotations

import re

from anyascii import anyascii
from rapidfuzz import fuzz

from earmark.core.reading import persons


def normal(text: str) -> str:
    """Lower-case ASCII words: “L'Île mystérieuse” → “l ile mysterieuse”."""
    return " ".join(re.findall(r"[a-z0-9]+", anyascii(text).casefold()))


def similarity(a: str, b: str) -> float:
    """0..1, insensitive to case, accents, punctuation and word order."""
    return fuzz.token_sort_ratio(normal(a), normal(b)) / 100


def title_similarity(wished: str, offered: str, *, structured: bool) -> float:
    """Titles alike, with or without a subtitle or series tail. A bare indexer title (not `structured`) also carries
    author, year and format, so the wished words only have to stand in it."""
    whole = similarity(wished, offered)
    heads = similarity(_head(wished), _head(offered)) * 0.97
    if structured:
        return max(whole, heads)
    words, offered_words = normal(wished).split(), set(normal(offered).split())
    contained = sum(w in offered_words for w in words) / len(words) if words else 0.0
    return max(whole, heads, contained * 0.93)


def people_similarity(wished: tuple[str, ...], offered: tuple[str, ...]) -> float:
    """The best match of any wished person among the offered ones: one right author of two is the right book."""
    return max((persons.same(w, o) for w in wished for o in offered), default=0.0)


def _head(title: str) -> str:
    return re.split(r"[:(\[]| - ", title, maxsplit=1)[0]
