"""One name taken apart: digits, number words, Roman numerals and letters, with the unit that stands before each.

"CD2 - Chapter Twelve (3 of 9)" is disc 2, chapter 12, and 3 with a total of 9. Which of them orders anything is not
decided here, since one name alone cannot tell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

_UNITS = {
    "book": "book books bk buch livre libro boek",
    "volume": "volume volumes vol band tome tomo",
    "disc": "cd cds disc discs disk disks dvd tape tapes cassette kassette mc disque disco schijf platte",
    "side": "side seite face lado kant",
    "part": "part parts pt prt teil tl partie parte deel del section sec act",
    "chapter": "chapter chapters chap chapt chp ch kapitel kap chapitre capitulo cap capitolo hoofdstuk",
    "track": "track tracks trk tr titel piste pista file audio episode ep folge lesson lecture story scene canto stave",
}
UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words.split()}
UNIT_RANK = {"book": 0, "volume": 1, "disc": 2, "side": 5, "part": 5, "chapter": 5, "track": 6}
"""Which unit holds which; those of one rank stand in each other as they are written."""

_ENDS = (
    (-1, 0, "opening credits|intro credits|opening"),
    (-1, 1, "title|titles|cover|dedication|widmung"),
    (-1, 2, "epigraph|motto"),
    (-1, 3, "foreword|vorwort|avant propos|preface|prefacio|prefazione|voorwoord"),
    (-1, 4, "introduction|intro|einleitung|introduccion|introduzione|inleiding"),
    (-1, 5, "prologue|prolog|prologo|proloog"),
    (1, 0, "epilogue|epilog|epilogo|epiloog"),
    (1, 1, "conclusion|coda|outro|finale"),
    (1, 2, "afterword|nachwort|postface|postscript|nawoord|authors? note|author s note"),
    (1, 3, "acknowledge?ments?|danksagung|remerciements"),
    (1, 4, "appendix|anhang|glossary|notes"),
    (1, 5, "about the author|about"),
    (1, 6, "bonus|extras?|interview|bonus material"),
    (1, 7, "end credits|closing credits|credits|closing|abspann"),
)
_END_WORDS = tuple((side, rank, re.compile(rf"\b(?:{words})\b")) for side, rank, words in _ENDS)
_BY_WORD = {
    word: value
    for words in (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
        " eighteen nineteen twenty",
        "null eins zwei drei vier funf sechs sieben acht neun zehn elf zwolf dreizehn vierzehn funfzehn sechzehn"
        " siebzehn achtzehn neunzehn zwanzig",
        "zero un deux trois quatre cinq sept huit neuf dix onze douze treize quatorze quinze seize",
        "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince",
        "nul een twee drie vier vijf zes zeven acht negen tien",
    )
    for value, word in enumerate(words.split())
}
_BY_WORD |= {"six": 6, "sept": 7, "huit": 8, "neuf": 9, "dix": 10, "onze": 11, "douze": 12, "treize": 13}
_BY_WORD |= {"quatorze": 14, "quinze": 15, "seize": 16}
_TENS = {
    w: 10 * n for n, w in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
_ORDINALS = {
    w: n
    for n, w in enumerate(
        [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
        ],
        1,
    )
}
_ROMAN = re.compile(r"(?=[ivxlc])(c?)(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})")
_TOTAL_WORDS = frozenset({"of", "von", "de", "sur", "di", "van", "av", "aus"})
_NOISE = re.compile(  # facts about the file that are no place in the book
    r"\b\d{1,4}(?:[.,]\d)?\s?(?:kbps|kbits?|kb/?s|kb|khz|hz|bits?|mb|gb)\b|\b\d{2,3}k\b|\bmp[34]\b|\bm4[ab]\b|\bv[0-9]\s?vbr\b"
    r"|\bb0[0-9a-z]{8}\b|\[[0-9a-f]{8}\]"
)
_TOKEN = re.compile(r"\d+|[^\W\d_]+|[\W_]+")
_MAX_DIGITS = 12
_MAX_CHARS = 2000
_MAX_MARKS = 8  # at either end of a name; more are no numbering


@dataclass(frozen=True, slots=True)
class Mark:
    """A number in a name. `unit` is "" for a bare one; `word` keeps what may be a letter or a Roman numeral until the
    other names show which; `letter` marks one that only tells apart ("1a")."""

    unit: str
    value: int
    word: str = ""
    letter: bool = False
    total: int | None = None
    leads: bool = False
    trails: bool = False
    ranged: bool = False  # stands right after another number and a dash: "1-3"


def folded(text: str) -> str:
    """Small letters without accents; digits of all scripts as they compare."""
    return "".join(
        c for c in unicodedata.normalize("NFKD", text[:_MAX_CHARS]) if not unicodedata.combining(c)
    ).casefold()


def bookend(name: str) -> tuple[int, int] | None:
    """Where a name without a number belongs by its words: (-1, rank) before all numbers, (1, rank) after them."""
    text = re.sub(r"[\W_]+", " ", folded(name))
    found = [(m.start(), side, rank) for side, rank, words in _END_WORDS if (m := words.search(text))]
    if not found:
        return None
    credits = [f for f in found if f[1:] in {(-1, 0), (1, 7)}]
    side, rank = (credits or sorted(found))[0][1:]
    return side, rank


def marks_of(name: str, *, lenient: bool = False) -> list[Mark]:
    """The numbers of a name from left to right. `lenient` takes number words and Roman numerals without a unit too."""
    text = _NOISE.sub(" ", folded(name)).strip(" ._-")
    tokens = _TOKEN.findall(text)
    marks: list[Mark] = []
    at = 0
    while at < len(tokens):
        mark, used = _mark(tokens, at, marks, lenient)
        if mark and mark.unit == "of":
            marks[-1] = replace(marks[-1], total=mark.value)
        elif mark:
            ends = at + used >= len(tokens) or not any(re.search(r"\w", t) for t in tokens[at + used : at + used + 2])
            marks.append(replace(mark, leads=not marks and not _letters_before(tokens, at), trails=ends))
        at += used
    return marks if len(marks) <= 2 * _MAX_MARKS else marks[:_MAX_MARKS] + marks[-_MAX_MARKS:]


def settle_letters(rows: Sequence[list[Mark]]) -> list[list[Mark]]:
    """Side A, B, C counts letters and Part I, V, X Roman numerals: all names together show which a unit uses, once for
    its first number in a name and once for its second ("Part I - Part B of the plan")."""
    used: dict[tuple[str, int], set[str]] = {}
    for row in rows:
        for slot, m in _slots(row):
            if m.word:
                used.setdefault(slot, set()).add(m.word)
    alphabetic = {
        slot
        for slot, words in used.items()
        if any(len(w) == 1 and not _roman(w) for w in words)
        or (all(len(w) == 1 for w in words) and words == set("abcdefghijklmnopqrstuvwxyz"[: len(words)]))
    }

    def settled(slot: tuple[str, int], m: Mark) -> Mark:
        if not m.word:
            return m
        return replace(m, value=ord(m.word) - 96 if slot in alphabetic and len(m.word) == 1 else _roman(m.word))

    return [
        [settled(slot, m) for slot, m in _slots(row) if not m.word or slot in alphabetic or _roman(m.word)]
        for row in rows
    ]


def _slots(row: Sequence[Mark]) -> list[tuple[tuple[str, int], Mark]]:
    """Each mark with its unit and the how-manieth of that unit it is in its name."""
    count: dict[str, int] = {}
    slots = []
    for m in row:
        count[m.unit] = nth = count.get(m.unit, -1) + 1
        slots.append(((m.unit, nth), m))
    return slots


def is_number(word: str) -> bool:
    """Is a folded word a number in letters or a Roman numeral?"""
    return word in _BY_WORD or word in _TENS or bool(_roman(word))


def _mark(tokens: list[str], at: int, marks: list[Mark], lenient: bool) -> tuple[Mark | None, int]:
    token = tokens[at]
    if token[0].isdecimal():
        return _digits(tokens, at, marks)
    if not token[0].isalpha():
        return None, 1
    unit = _unit_before(tokens, at)
    after = _next_word(tokens, at)
    if token in _ORDINALS and (after in UNIT_OF or unit):
        return Mark(UNIT_OF.get(after, unit), _ORDINALS[token]), 1
    if unit or lenient:
        value, used = _number_words(tokens, at)
        if value is not None:
            return Mark(unit, value), used
        single = len(token) == 1 and token.isascii()
        if (unit and single) or (_roman(token) and (unit or lenient)):
            return Mark(unit, 0, word=token), 1
    if len(token) == 1 and token.isascii():
        if at + 1 < len(tokens) and tokens[at + 1][0].isdecimal():  # A1, D1T01: the letter may tell sides apart
            return Mark("letter", ord(token) - 96, letter=True), 1
        ends = at == len(tokens) - 1 or (at == len(tokens) - 2 and not re.search(r"\w", tokens[-1]))
        if marks and (tokens[at - 1][0].isdecimal() or ends):  # 1a, Part 1 b
            return Mark("letter", ord(token) - 96, letter=True), 1
    return None, 1


def _digits(tokens: list[str], at: int, marks: list[Mark]) -> tuple[Mark | None, int]:
    digits = tokens[at].lstrip("0") or "0"
    if len(digits) > _MAX_DIGITS:
        return None, 1
    value = int(digits)
    before = tokens[at - 1].strip() if at else ""
    word = before or (tokens[at - 2] if at > 1 else "")
    if marks and word in _TOTAL_WORDS and _number_stands_before(tokens, at):
        return Mark("of", value), 1
    unit = _unit_before(tokens, at)
    ranged = not unit and bool(marks) and at > 1 and tokens[at - 2][0].isdecimal() and before in {"-", "–", "&", "+"}
    return Mark(unit, value, ranged=ranged), 1


def _number_stands_before(tokens: list[str], at: int) -> bool:
    """The token before "of", spaces apart, is a number."""
    words = [t for t in tokens[max(0, at - 5) : at] if re.search(r"[^\W_]", t)]
    return len(words) > 1 and (words[-2][0].isdecimal() or words[-2] in _BY_WORD or bool(_roman(words[-2])))


def _unit_before(tokens: list[str], at: int) -> str:
    """The unit right before a token: "Disc 2", "cd2", "Chapter no. 3"."""
    back = at - 1
    if back >= 0 and not tokens[back][0].isalnum():
        if not re.fullmatch(r"[\s._#:(\[\-–]*", tokens[back]):
            return ""
        back -= 1
    if back >= 1 and tokens[back] in {"no", "nr", "number", "the"} and not tokens[back - 1][0].isalnum():
        back -= 2
    return UNIT_OF.get(tokens[back], "") if back >= 0 else ""


def _next_word(tokens: list[str], at: int) -> str:
    return next((t for t in tokens[at + 1 : at + 3] if t[0].isalpha()), "")


def _letters_before(tokens: list[str], at: int) -> bool:
    return any(t[0].isalnum() for t in tokens[:at])


def _number_words(tokens: list[str], at: int) -> tuple[int | None, int]:
    """ "Twelve", "Twenty-One"; how many tokens it took."""
    token = tokens[at]
    if token in _TENS:
        unit = _BY_WORD.get(tokens[at + 2], 0) if at + 2 < len(tokens) and tokens[at + 1] in {"-", " "} else 0
        return (_TENS[token] + unit, 3) if 0 < unit < 10 else (_TENS[token], 1)
    return _BY_WORD.get(token), 1


def _roman(word: str) -> int:
    """The value of a Roman numeral below 200 (0: none)."""
    match = _ROMAN.fullmatch(word)
    if match is None:
        return 0
    values = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
    numbers = [values[c] for c in word]
    return sum(-n if n < max(numbers[i:]) else n for i, n in enumerate(numbers))
