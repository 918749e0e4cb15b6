"""How well a release fits a book wish: named components with weights in one table, and gates that each refuse for one reason.

A fact the release does not state is unknown: it neither matches nor refuses, and pulls the score towards "ask".
Nothing here chooses; `core.choosing` does.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from anyascii import anyascii
from rapidfuzz import fuzz

from earmark.core.decision import Component, ScoredCandidate
from earmark.core.reasons import Reason
from earmark.core.release import Release
from earmark.core.wish import BookWish, Kind

POLICY_VERSION = "sober-1"

WEIGHTS: dict[str, float] = {
    "title": 0.42,
    "author": 0.26,
    "narrator": 0.12,
    "series": 0.06,
    "format": 0.05,
    "size": 0.06,
    "seeders": 0.03,
}
"""What each component counts for. A component the wish says nothing about is left out and the rest is rescaled."""

UNKNOWN_VALUE = 0.4  # what an unstated fact is worth where the wish names one: less than a match, more than a clash
CLASH = 0.5  # below this two stated names are different people or works

AUDIO_TYPES = frozenset({"m4b", "m4a", "mp3", "flac", "ogg", "opus", "aac", "wma", "wav"})
TEXT_TYPES = frozenset({"epub", "mobi", "azw3", "azw", "prc", "pdf", "cbz"})  # those that can be read and checked
FORMAT_VALUE = {"m4b": 1.0, "m4a": 0.9, "mp3": 0.85, "flac": 0.85, "opus": 0.8, "ogg": 0.8, "aac": 0.8}
TEXT_VALUE = {"epub": 1.0, "azw3": 0.95, "cbz": 0.9, "mobi": 0.9, "azw": 0.85, "prc": 0.85, "pdf": 0.75}

_NOT_THE_WORK = re.compile(
    r"\b(study guide|summary of|summary and analysis|sparknotes|cliffs?notes|companion to|analysis of|workbook for)\b",
    re.IGNORECASE,
)


def score(kind: Kind, wish: BookWish, release: Release, *, vip_member: bool) -> ScoredCandidate:
    """Judge one release. The score is the weighted mean of the components that apply, 0..1."""
    components = tuple(c for c in (build(kind, wish, release) for build in _COMPONENTS) if c is not None)
    total = sum(c.weight for c in components)
    value = sum(c.weight * (UNKNOWN_VALUE if c.value is None else c.value) for c in components) / total
    gates = tuple(g for g in (gate(kind, wish, release) for gate in GATES) if g is not None)
    return ScoredCandidate(
        release=release,
        score=round(value, 4),
        components=components,
        gates=gates,
        free=release.freeleech.for_account(vip_member=vip_member),
        reasoning=_sentence(components, gates),
    )


# --- components -------------------------------------------------------------------------------------------------------


def _title(_: Kind, wish: BookWish, release: Release) -> Component:
    value = title_similarity(wish.title, release.title, structured=bool(release.authors))
    return Component("title", WEIGHTS["title"], value, f"“{release.title}” for “{wish.title}”")


def _author(_: Kind, wish: BookWish, release: Release) -> Component | None:
    if not wish.authors:
        return None
    wished = ", ".join(wish.authors)
    if release.authors:
        value = people_similarity(wish.authors, release.authors)
        return Component("author", WEIGHTS["author"], value, f"{', '.join(release.authors)} for {wished}")
    if _named_in(wish.authors, release.title):
        return Component("author", WEIGHTS["author"], 0.95, f"{wished} stands in the title")
    return Component("author", WEIGHTS["author"], None, f"no author stated; {wished} is wished")


def _narrator(kind: Kind, wish: BookWish, release: Release) -> Component | None:
    if not wish.narrators or kind is not Kind.AUDIOBOOK:
        return None
    wished = ", ".join(wish.narrators)
    if release.narrators:
        value = people_similarity(wish.narrators, release.narrators)
        return Component("narrator", WEIGHTS["narrator"], value, f"{', '.join(release.narrators)} for {wished}")
    if _named_in(wish.narrators, f"{release.title} {release.tags}"):
        return Component("narrator", WEIGHTS["narrator"], 0.9, f"{wished} named by the uploader")
    return Component("narrator", WEIGHTS["narrator"], None, f"no narrator stated; {wished} is wished")


def _series(_: Kind, wish: BookWish, release: Release) -> Component | None:
    if not wish.series:
        return None
    if not release.series:
        return Component("series", WEIGHTS["series"], None, f"no series stated; {wish.series} is wished")
    best = max(release.series, key=lambda s: similarity(wish.series or "", s.name))
    value = similarity(wish.series, best.name)
    if wish.series_index and best.index and wish.series_index.strip() != best.index.strip():
        value *= 0.3
    return Component("series", WEIGHTS["series"], value, f"{best.name} {best.index} for {wish.series}".strip())


def _format(kind: Kind, _: BookWish, release: Release) -> Component:
    values = FORMAT_VALUE if kind is Kind.AUDIOBOOK else TEXT_VALUE
    known = [values[t] for t in release.filetypes if t in values]
    text = " ".join(release.filetypes) or "format not stated"
    return Component("format", WEIGHTS["format"], max(known) if known else None, text)


def _size(kind: Kind, wish: BookWish, release: Release) -> Component | None:
    """Is the size what a recording of that length weighs? 24 to 400 kbit/s is plausible for speech."""
    if kind is not Kind.AUDIOBOOK or not release.size_bytes:
        return None
    runtime = release.runtime_secs or wish.runtime_secs
    if not runtime:
        return None
    kbps = release.size_bytes * 8 / 1000 / runtime
    value = 1.0 if 24 <= kbps <= 400 else 0.5 if 12 <= kbps <= 1500 else 0.0
    length = f"{runtime / 3600:.1f} h" if runtime >= 3600 else f"{max(1, round(runtime / 60))} min"
    return Component("size", WEIGHTS["size"], value, f"{kbps:.0f} kbit/s over {length}")


def _seeders(_: Kind, __: BookWish, release: Release) -> Component:
    if release.seeders is None:
        return Component("seeders", WEIGHTS["seeders"], None, "number of seeders not stated")
    value = min(1.0, 0.6 + release.seeders / 25) if release.seeders else 0.0
    return Component("seeders", WEIGHTS["seeders"], value, f"{release.seeders} seeding")


_COMPONENTS: tuple[Callable[[Kind, BookWish, Release], Component | None], ...] = (
    _title,
    _author,
    _narrator,
    _series,
    _format,
    _size,
    _seeders,
)


# --- gates: each refuses for one reason; an unknown never refuses ------------------------------------------------------


def is_the_right_kind(kind: Kind, _: BookWish, release: Release) -> Reason | None:
    types = set(release.filetypes)
    wrong_types = (
        types and not types & AUDIO_TYPES if kind is Kind.AUDIOBOOK else types and not types & TEXT_TYPES
    )  # fmt: skip
    if (release.kind is not None and release.kind is not kind) or wrong_types:
        offered = release.kind or " ".join(release.filetypes)
        return _refusal("wrong_kind", f"It is offered as {offered}, not as {kind}.", offered=str(offered))
    return None


def speaks_the_language(_: Kind, wish: BookWish, release: Release) -> Reason | None:
    if wish.language and release.language and wish.language != release.language:
        return _refusal("wrong_language", f"It is in “{release.language}”, “{wish.language}” is wished.")
    return None


def is_the_work(_: Kind, wish: BookWish, release: Release) -> Reason | None:
    value = title_similarity(wish.title, release.title, structured=bool(release.authors))
    if value < CLASH:
        return _refusal("other_title", "The title is another one.", similarity=round(value, 2))
    return None


def is_by_the_author(_: Kind, wish: BookWish, release: Release) -> Reason | None:
    if wish.authors and release.authors:
        value = people_similarity(wish.authors, release.authors)
        if value < CLASH:
            return _refusal("other_author", f"It is by {', '.join(release.authors)}.", similarity=round(value, 2))
    return None


def is_read_by_the_narrator(kind: Kind, wish: BookWish, release: Release) -> Reason | None:
    if kind is Kind.AUDIOBOOK and wish.narrators and release.narrators:
        value = people_similarity(wish.narrators, release.narrators)
        if value < CLASH:
            return _refusal(
                "other_narrator", f"It is read by {', '.join(release.narrators)}.", similarity=round(value, 2)
            )
    return None


def is_not_about_the_work(_: Kind, wish: BookWish, release: Release) -> Reason | None:
    found = _NOT_THE_WORK.search(release.title)
    if found and not _NOT_THE_WORK.search(wish.title):
        return _refusal("about_the_work", f"It seems to be a text about the work (“{found.group(0)}”).")
    return None


def is_whole(_: Kind, wish: BookWish, release: Release) -> Reason | None:
    if release.abridged and wish.abridged is False:
        return _refusal("abridged", "It is abridged; the unabridged book is wished.")
    return None


def is_alive(_: Kind, __: BookWish, release: Release) -> Reason | None:
    if release.seeders == 0:
        return _refusal("no_seeders", "Nobody seeds it.")
    return None


GATES: tuple[Callable[[Kind, BookWish, Release], Reason | None], ...] = (
    is_the_right_kind,
    speaks_the_language,
    is_the_work,
    is_by_the_author,
    is_read_by_the_narrator,
    is_not_about_the_work,
    is_whole,
    is_alive,
)


# --- comparing names ----------------------------------------------------------------------------------------------------


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
    return max((_person(w, o) for w in wished for o in offered), default=0.0)


def _person(a: str, b: str) -> float:
    """Names alike, with “H. G. Wells”, “H.G. Wells” and “Herbert George Wells” being one person."""
    words_a, words_b = normal(a).split(), normal(b).split()
    if not words_a or not words_b:
        return 0.0
    if words_a[-1] == words_b[-1] and _initials(words_a) == _initials(words_b):
        return 1.0
    return similarity(a, b)


def _initials(words: list[str]) -> str:
    given = words[:-1]
    return "".join(w if len(w) <= 2 and w.isalpha() and len(given) == 1 else w[0] for w in given)


def _head(title: str) -> str:
    return re.split(r"[:(\[]| - ", title, maxsplit=1)[0]


def _named_in(people: tuple[str, ...], text: str) -> bool:
    words = set(normal(text).split())
    return any(set(normal(p).split()) <= words for p in people if normal(p))


def _sentence(components: tuple[Component, ...], gates: tuple[Reason, ...]) -> str:
    if gates:
        return " ".join(g.message for g in gates)
    weak = [c for c in components if c.value is None or c.value < 0.75]
    if not weak:
        return "Everything the wish names fits."
    return "Doubtful: " + "; ".join(f"{c.name} ({c.text})" for c in weak) + "."


def _refusal(code: str, message: str, **evidence: str | float) -> Reason:
    return Reason(code, message, "Approve it by hand if you know better.", evidence)
