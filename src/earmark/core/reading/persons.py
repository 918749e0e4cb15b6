"""Is this the same person? Initials, name order, transliterations and misspellings are; another given name is not.

Pen names are not known here: nobody can tell them from a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from rapidfuzz import fuzz

from earmark.core.reading.words import tokens

ALIKE = 0.8  # from here on two names are one person
HOPELESS = 35  # of 100: not worth a closer look
_TITLES = frozenset(
    ["dr", "prof", "professor", "sir", "dame", "lord", "lady", "jr", "sr", "phd", "md", "rev", "saint", "the"]
)
_NICKNAMES = (
    "william bill will billy", "robert bob rob bobby", "richard dick rick", "james jim jimmy", "thomas tom tommy",
    "michael mike mick", "david dave", "daniel dan danny", "joseph joe", "samuel sam", "benjamin ben", "charles charlie chuck",
    "edward ed eddie ted", "anthony tony", "christopher chris", "katherine kate kathy catherine", "elizabeth liz beth eliza",
    "margaret maggie meg peggy", "jennifer jen jenny", "susan sue", "steven steve stephen", "matthew matt", "nicholas nick",
    "gregory greg grigory grigori", "lev leo leon lew", "nikolai nicolas nikolay nikolaj", "fyodor fedor fjodor theodor feodor", "peter pyotr petr pierre piotr pjotr",
    "paul pavel pablo pawel", "george georges jorge georgy georgi", "yevgeny eugene evgeny jewgeni evgenij", "sergei sergey serge sergej",
    "andrei andrey andre andrew andrej", "ivan iwan", "mikhail michail mihail mikhael", "vladimir wladimir", "john jon johnny jack",
    "frederick fred freddie frederik", "philip phil", "lawrence larry laurence", "andreas andy", "ronald ron", "raymond ray", "arthur art", "jeffrey jeff geoffrey", "kenneth ken", "leonard len leo", "patricia pat", "alexander alex", "timothy tim",
)  # fmt: skip
_FAMILIES: dict[str, frozenset[int]] = {
    name: frozenset(at for at, names in enumerate(_NICKNAMES) if name in names.split())
    for name in " ".join(_NICKNAMES).split()
}
_NO_FAMILY: frozenset[int] = frozenset()
_SOUNDS = (
    ("tsch", "h"), ("tch", "h"), ("sch", "s"), ("sh", "s"), ("ch", "h"), ("kh", "h"), ("ph", "f"), ("th", "t"), ("ck", "k"),
    ("oe", "o"), ("ae", "a"), ("ue", "u"), ("w", "v"), ("y", "i"), ("j", "i"), ("ii", "i"), ("c", "k"), ("q", "k"), ("tz", "s"), ("ts", "s"),
    ("z", "s"), ("x", "ks"), ("ou", "u"),
)  # fmt: skip


def of_set(wished: Sequence[str], offered: Sequence[str]) -> float:
    """How well the offered people are the wished ones: the best match counts most, the missing ones a little."""
    if not wished or not offered:
        return 0.0
    if len(wished) == 1 and len(offered) == 1:
        only = same(wished[0], offered[0])
        return only * 0.8 + only * 0.2
    best = [max(same(w, o) for o in offered) for w in wished]
    return max(best) * 0.8 + sum(best) / len(best) * 0.2


@lru_cache(maxsize=16384)
def same(a: str, b: str) -> float:
    """0..1; at or above `ALIKE` it is one person."""
    left, right = _name(a), _name(b)
    near = fuzz.token_sort_ratio(" ".join(left), " ".join(right))
    return near / 100 * 0.55 if near < HOPELESS else _same(left, right)


@lru_cache(maxsize=16384)
def _name(text: str) -> tuple[str, ...]:
    words = tuple(w for w in tokens(text[:120]) if w not in _TITLES) or tokens(text[:120])
    if "," in text and len(words) > 1 and text.count(",") == 1:
        head = tuple(w for w in tokens(text.split(",", maxsplit=1)[0][:120]) if w not in _TITLES)
        if head and len(head) < len(words):
            return words[len(head) :] + head
    return words[:8]


def _same(a: tuple[str, ...], b: tuple[str, ...]) -> float:
    if not a or not b:
        return 0.0
    if a == b or "".join(a) == "".join(b) or sorted(a) == sorted(b):
        return 1.0
    best = 0.0
    for x, y in ((a, b), (a, b[1:] + b[:1]), (a[1:] + a[:1], b)):  # a surname may stand first
        if _word_alike(x[-1], y[-1]) and len(x[-1]) > 1:
            turned = 1.0 if (x, y) == (a, b) else 0.97
            best = max(best, _given(x[:-1], y[:-1]) * turned)
    if best:
        return best
    ratio = fuzz.token_sort_ratio(" ".join(map(_sound, a)), " ".join(map(_sound, b))) / 100
    return ratio * 0.95 if ratio >= 0.9 else min(ratio, 0.8) * 0.55


def _given(a: tuple[str, ...], b: tuple[str, ...]) -> float:
    """Given names of two people with one surname."""
    if not a or not b:
        return 0.75 if a or b else 0.95
    if "".join(a) == "".join(w[0] for w in b) or "".join(b) == "".join(w[0] for w in a):
        return 0.98  # "jrr" and "j r r", or "J. R. R." and "John Ronald Reuel"
    first = _given_alike(a[0], b[0])
    if first < ALIKE:
        cross = max((_given_alike(x, y) for x in a for y in b if len(x) > 1 and len(y) > 1), default=0.0)
        return 0.85 if cross >= 0.95 else 0.3
    fewer, more = sorted((a[1:], b[1:]), key=len)
    agree = all(any(_given_alike(x, y) >= ALIKE for y in more) for x in fewer)  # a middle name may be left out
    return first if agree else 0.6


def _given_alike(a: str, b: str) -> float:
    if a == b:
        return 1.0
    if len(a) == 1 or len(b) == 1:
        return 0.96 if a[0] == b[0] or _sound(a)[:1] == _sound(b)[:1] else 0.0
    if _FAMILIES.get(a, _NO_FAMILY) & _FAMILIES.get(b, _NO_FAMILY):
        return 0.95
    if _word_alike(a, b):
        return 0.97
    return 0.82 if len(min(a, b, key=len)) >= 3 and (a.startswith(b) or b.startswith(a)) else 0.0


def _word_alike(a: str, b: str) -> bool:
    if a == b:
        return True
    x, y = _sound(a), _sound(b)
    return x == y or (min(len(x), len(y)) >= 4 and x[0] == y[0] and fuzz.ratio(x, y) >= 84)


@lru_cache(maxsize=8192)
def _sound(word: str) -> str:
    """A rough spelling that transliterations share: Bulgakow and Bulgakov, Tschechow and Chekhov."""
    for old, new in _SOUNDS:
        if old in word:
            word = word.replace(old, new)
    out = [c for at, c in enumerate(word) if at == 0 or word[at - 1] != c]
    return "".join(out)
