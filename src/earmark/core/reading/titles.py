"""Is this the same title? Spelling, punctuation, articles and subtitles may differ; a word or a number more is another work."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from rapidfuzz import fuzz

from earmark.core.reading.words import COUNTING, is_number

ARTICLES = frozenset(
    [
        "the",
        "a",
        "an",
        "der",
        "die",
        "das",
        "den",
        "dem",
        "le",
        "la",
        "les",
        "el",
        "los",
        "las",
        "il",
        "lo",
        "gli",
        "l",
        "een",
        "het",
        "de",
    ]
)
_LIGHT = frozenset(
    [
        "and",
        "of",
        "in",
        "to",
        "for",
        "with",
        "from",
        "on",
        "at",
        "by",
        "und",
        "von",
        "du",
        "des",
        "y",
        "et",
        "e",
        "i",
        "di",
        "da",
        "del",
        "della",
        "or",
        "as",
        "is",
        "van",
        "en",
    ]
)
_REGIONS = frozenset(["uk", "us", "usa", "gb", "eu", "europe", "asia", "international", "edition", "magazine"])
SAME = 0.85  # from here on two titles name one work
HOPELESS = 65  # of 100: no word in common and not even the letters
SPLIT_SUBTITLES = 0.6  # one main title, two subtitles: perhaps two works

Words = tuple[str, ...]


@lru_cache(maxsize=8192)
def bare(words: Words) -> Words:
    """Without articles, unless nothing would be left."""
    return tuple(w for w in words if w not in ARTICLES) or words


@lru_cache(maxsize=8192)
def alike(a: Words, b: Words, index: str = "") -> float:
    """0..1 for two titles as words, whatever their order. `index`: a number that may stand in one of them only, because it
    is the place in the series."""
    if a == b or _glued(a) == _glued(b):
        return 1.0
    if set(a).isdisjoint(b) and fuzz.ratio(" ".join(a), " ".join(b)) < HOPELESS:
        return 0.0
    left, right = list((Counter(a) - Counter(b)).elements()), list((Counter(b) - Counter(a)).elements())
    fuzzy = 0.0
    for word in list(left):
        twin = next((w for w in right if _one_word(word, w)), None)
        if twin is not None:
            left.remove(word)
            right.remove(twin)
            fuzzy += 0.01
    if left and right and "".join(left) == "".join(right):
        return 0.98  # "light house" and "lighthouse"
    spare = {index, "1"} if index else {"1"}
    extra = 0.0
    other = 0
    for word in (*left, *right):
        if is_number(word):
            if word in spare and (word == index or not index):
                extra += 0.1
                continue
            return 0.2
        if word in COUNTING:
            extra += 0.1
        elif word in _LIGHT or word in ARTICLES or word in _REGIONS:
            extra += 0.25
        else:
            extra += 1.0
            other += 1
    common = max(len(a), len(b)) - max(len(left), len(right))
    value = max(0.0, common / (common + extra) - fuzzy) if common > 0 else 0.0
    return min(value * 0.75, 0.55) if other else min(value, 0.97)


def _glued(words: Words) -> str:
    """ "11.22.63", "11-22-63" and "11 22 63" are one."""
    return "".join(words).replace(".", "").replace("-", "")


def _one_word(a: str, b: str) -> bool:
    """A misspelling, a plural, a transliteration; never two numbers."""
    if abs(len(a) - len(b)) > 2 or min(len(a), len(b)) < 4 or is_number(a) or is_number(b):
        return False
    if len(a) > 4 and a[0] == b[0] and sorted(a) == sorted(b):
        return True  # two letters changed places
    return fuzz.ratio(a, b) >= (86 if min(len(a), len(b)) > 5 else 88)


def compare(wished: tuple[Words, Words], offered: tuple[Words, Words], *, series: Words, index: str) -> float:
    """0..1 for (main title, subtitle) against (main title, subtitle). `series` and `index` are the wished ones."""
    (w_main, w_sub), (o_main, o_sub) = wished, offered
    whole = alike(w_main + w_sub, o_main + o_sub, index)
    if whole >= SAME:
        return whole
    mains = alike(w_main, o_main, index)
    best = whole
    if mains >= SAME:
        best = max(best, mains * _subtitles(w_sub, o_sub, series, index))
    if w_sub and not o_sub:  # "The Lamplighters: The Salt Road" and "The Salt Road"
        best = max(best, alike(w_sub, o_main, index) * 0.97 if len(w_sub) > 1 and not is_dated(w_sub) else 0.0)
    if o_sub and not w_sub and not is_dated(o_sub):  # "The Salt Road" and "The Lamplighters: The Salt Road"
        in_series = bool(series) and alike(series, o_main, index) >= SAME
        best = max(best, alike(w_main, o_sub, index) * (0.99 if in_series else 0.87))
    if o_sub and w_sub:
        best = max(best, min(alike(w_main, o_sub, index), alike(w_sub, o_main, index)))
    return best


def _subtitles(w_sub: Words, o_sub: Words, series: Words, index: str) -> float:
    if not w_sub and not o_sub:
        return 1.0
    if series and o_sub and (alike(series, _without_place(o_sub), index) >= SAME):
        return 1.0
    asked, told = _numbers(w_sub, index), _numbers(o_sub, index)
    if asked and told and asked != told:
        return 0.3  # another issue, another volume
    if not w_sub or not o_sub:
        return SPLIT_SUBTITLES if is_dated(w_sub or o_sub) else 0.96
    value = alike(w_sub, o_sub, index)
    if value >= 0.6 or set(w_sub) <= set(o_sub) or set(o_sub) <= set(w_sub):
        return 0.96
    return 0.92 if len(set(w_sub) & set(o_sub)) * 2 >= min(len(w_sub), len(o_sub)) else SPLIT_SUBTITLES


def _numbers(words: Words, index: str) -> set[str]:
    return {w for w in words if is_number(w) and w != index}


def is_dated(words: Words) -> bool:
    """A day or month of issue: without it a periodical is any of its numbers."""
    return any(w.startswith("month") and w[5:].isdigit() for w in words)


def _without_place(words: Words) -> Words:
    return tuple(
        w for w in words if w not in COUNTING and not is_number(w) and w not in {"series", "saga", "trilogy", "novel"}
    )


def contains(words: Words, phrase: Words) -> bool:
    """`phrase` stands in `words`, in one piece."""
    if not phrase or len(phrase) > len(words) or phrase[0] not in words:
        return False
    first, length = phrase[0], len(phrase)
    return any(words[at] == first and words[at : at + length] == phrase for at in range(len(words) - length + 1))
