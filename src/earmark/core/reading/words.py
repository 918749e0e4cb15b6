"""Hostile text made comparable: cleaned, folded to ASCII words, numbers written one way. Knows nothing of books.

Everything here is linear in its input, and every input is cut to a length no honest title needs.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

from anyascii import anyascii

MAX_TITLE = 400  # characters; the longest honest titles with subtitle and series stay below 300
MAX_TAGS = 400
MAX_DESCRIPTION = 4000

_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_MARKUP = re.compile(r"<[^<>]{0,300}>")
_SPACES = re.compile(r"\s+")
_MOJIBAKE = re.compile(r"[ÃÂâÐÑ]")
_TOKEN = re.compile(r"\d+(?:\.\d+)?(?:-\d+(?:\.\d+)?)?(?![a-z0-9])|[a-z0-9]+")
_DATE = re.compile(r"\b((?:19|20)\d\d)([-./])(0?[1-9]|1[0-2])\2(0?[1-9]|[12]\d|3[01])\b")
_MONTHS_OF_YEAR = re.compile(r"\b((?:19|20)\d\d)-(0[1-9]|1[0-2])(?:[/-](0[1-9]|1[0-2]))?(?![\d/.-])")
_GLUED = re.compile(
    r"\b(book|bk|vol|volume|part|pt|cd|disc|disk|v|t|teil|band|no)(\d{1,3})\b|\b(\d{1,2})(of|von|sur|di)(\d{1,2})\b"
)

_MONTHS = {
    word: f"month{number}"
    for number, words in enumerate(
        (
            "january jan januar janvier enero gennaio januari",
            "february feb februar fevrier febrero febbraio februari",
            "march mar marz maerz mars marzo maart",
            "april apr avril abril aprile",
            "may mai mayo maggio mei",
            "june jun juni juin junio giugno",
            "july jul juli juillet julio luglio",
            "august aug aout agosto augustus",
            "september sep sept septembre septiembre settembre",
            "october oct oktober okt octobre octubre ottobre",
            "november nov novembre noviembre",
            "december dec dezember dez decembre diciembre dicembre",
        ),
        1,
    )
    for word in words.split()
}
_NUMBERS = {
    word: str(number)
    for number, words in enumerate(
        [
            "one first 1st i",
            "two second 2nd ii",
            "three third 3rd iii",
            "four fourth 4th iv",
            "five fifth 5th v",
            "six sixth 6th vi",
            "seven seventh 7th vii",
            "eight eighth 8th viii",
            "nine ninth 9th ix",
            "ten tenth 10th x",
            "eleven eleventh 11th xi",
            "twelve twelfth 12th xii",
            "thirteen thirteenth 13th xiii",
            "fourteen 14th xiv",
            "fifteen 15th xv",
            "sixteen 16th xvi",
            "seventeen 17th xvii",
            "eighteen 18th xviii",
            "nineteen 19th xix",
            "twenty 20th xx",
        ],
        1,
    )
    for word in words.split()
}
_BIG = frozenset(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred", "thousand"])
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
_TENS = {
    word: n * 10
    for n, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
_POWERS = {"hundred": 100, "thousand": 1000}
_RESPELT = _BIG.union(_NUMBERS, _MONTHS)  # without these and without digits the words are as they shall be
_DIGIT = re.compile(r"\d")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}\b)")
_LONE_LETTERS = frozenset({"i", "v", "x"})  # numerals only behind a word that counts
COUNTING = frozenset(
    [
        "book",
        "books",
        "volumes",
        "vols",
        "parts",
        "bk",
        "volume",
        "vol",
        "part",
        "pt",
        "number",
        "no",
        "band",
        "teil",
        "buch",
        "tome",
        "livre",
        "libro",
        "deel",
        "del",
        "episode",
        "issue",
        "season",
        "series",
        "cd",
        "disc",
        "disk",
        "chapter",
        "act",
    ]
)


@lru_cache(maxsize=16384)
def clean(text: str, limit: int = MAX_TITLE) -> str:
    """Readable text of at most `limit` characters: entities and doubled encodings undone, markup and what cannot be
    seen (controls, direction marks) taken out."""
    text = text[:limit]
    if "&" in text:
        text = html.unescape(html.unescape(text))
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _decoded_once_more(text))
    if "<" in text:
        text = _MARKUP.sub(" ", text)
    if text.isprintable() and "  " not in text and "\u00ad" not in text:
        return text.strip()
    return _SPACES.sub(" ", _INVISIBLE.sub(" ", text)).strip()


def _decoded_once_more(text: str) -> str:
    """ "GÃ¼nter" → "Günter": UTF-8 that somebody read as Latin-1, up to twice."""
    for _ in range(2):
        if not _MOJIBAKE.search(text):
            break
        for codec in ("cp1252", "latin-1"):
            try:
                text = text.encode(codec).decode("utf-8")
                break
            except (UnicodeEncodeError, UnicodeDecodeError):
                continue
        else:
            break
    return text


@lru_cache(maxsize=16384)
def tokens(text: str) -> tuple[str, ...]:
    """Lower-case ASCII words in order. "&" and "+" are "and", "#" is "book", dates are day-month-year, small numbers and
    months have one spelling: “Smilla's Sense of Snow, Part II” → smillas sense of snow part 2."""
    if not text.isascii():
        text = anyascii(text)
    text = text.lower().replace("'", "").replace("`", "")
    if "&" in text or "+" in text:
        text = text.replace("&", " and ").replace("+", " and ")
    if "#" in text:
        text = text.replace("#", " book ")
    if "," in text:
        text = _GROUPED.sub("", text)
    if "20" in text or "19" in text:
        text = _DATE.sub(lambda m: f"{int(m[4])} {_month(int(m[3]))} {m[1]}", text)
        text = _MONTHS_OF_YEAR.sub(_months, text)
    numbers = _DIGIT.search(text) is not None
    if numbers:
        text = _GLUED.sub(_apart, text)
    found = _TOKEN.findall(text)
    return tuple(_canonical(found) if numbers or not _RESPELT.isdisjoint(found) else found)


def _apart(m: re.Match[str]) -> str:
    """ "vol3" → "vol 3", "2of3" → "2 of 3"."""
    if m[1]:
        return f"{ {'v': 'vol', 't': 'tome'}.get(m[1], m[1]) } {m[2]}"
    return f"{m[3]} {m[4]} {m[5]}"


def _months(m: re.Match[str]) -> str:
    """ "2021-05/06", an issue of two months → "may june 2021"."""
    return " ".join([_month(int(number)) for number in m.groups()[1:] if number] + [m[1]])


def _month(number: int) -> str:
    return next(word for word, name in _MONTHS.items() if name == f"month{number}")


def _canonical(found: list[str]) -> list[str]:
    for at, word in enumerate(found):
        if word[0] <= "9":  # a digit; only words of a-z and 0-9 come here
            if word.isdigit():
                found[at] = word.lstrip("0") or "0"
            elif word[-2:] in _ORDINALS and word[:-2].isdigit():
                found[at] = word[:-2]
        elif word in _NUMBERS:
            if word not in _LONE_LETTERS or (at and found[at - 1] in COUNTING):
                found[at] = _NUMBERS[word]
        elif word in _MONTHS and _beside_a_number(found, at):
            found[at] = _MONTHS[word]
    return _compounds(found) if not _BIG.isdisjoint(found) else found


def _compounds(found: list[str]) -> list[str]:
    """ "thirty nine" → "39", "one hundred" → "100", "20 thousand" → "20000"."""
    out: list[str] = []
    ten = False
    for word in found:
        if word in _TENS:
            out.append(str(_TENS[word]))
        elif ten and len(word) == 1 and word.isdigit():
            out[-1] = str(int(out[-1]) + int(word))
        elif word in _POWERS:
            base = int(out.pop()) if out and out[-1].isdigit() and len(out[-1]) <= 3 else 1
            out.append(str(base * _POWERS[word]))
        else:
            out.append(word)
        ten = word in _TENS
    return out


def _beside_a_number(found: list[str], at: int) -> bool:
    """ "may" and "march" are months only next to a day, a year or another month that is."""
    after = found[at + 1 : at + 3]
    if at and (found[at - 1].isdigit() or found[at - 1].startswith("month")):
        return True
    return bool(after) and (after[0].isdigit() or (after[0] in _MONTHS and after[-1].isdigit()))


def is_number(word: str) -> bool:
    """A whole number, a decimal or a range of them."""
    return word[0].isdigit() and not word[-1].isalpha()


def is_year(word: str) -> bool:
    return len(word) == 4 and word.isdigit() and 1400 <= int(word) <= 2100


def is_foreign_script(text: str) -> bool:
    """Mostly letters that are not Latin: Cyrillic, Greek, Arabic, Han …"""
    if text.isascii():
        return False
    letters = [c for c in text[:MAX_TITLE] if c.isalpha()]
    return sum(ord(c) > 0x24F and not 0x1E00 <= ord(c) <= 0x1EFF for c in letters) * 2 > len(letters)
