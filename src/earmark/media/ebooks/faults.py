"""What a reader of e-books hands out besides facts: a cover, and why a file cannot be used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from earmark.media.cover import MAX_BYTES, picture_of

# Old EPUBs have ISO 639-2 here: the languages most e-books are in, with both of their codes.
_CODES = """
eng:en deu:de ger:de fra:fr fre:fr spa:es ita:it nld:nl dut:nl por:pt swe:sv dan:da nor:no fin:fi isl:is ice:is pol:pl
ces:cs cze:cs hun:hu ron:ro rum:ro ell:el gre:el rus:ru ukr:uk tur:tr heb:he ara:ar hin:hi jpn:ja kor:ko zho:zh chi:zh
lat:la cat:ca
"""
_TWO_LETTERS = {pair[:3]: pair[4:] for pair in _CODES.split()}


class Unreadable(Exception):
    """The file is damaged or locked; the text ends the sentence “it cannot be used: …”."""


class UnknownFormat(Unreadable):
    """The bytes are none of the formats read here."""


@dataclass(frozen=True, slots=True)
class Cover:
    """A picture as the book carries it."""

    data: bytes
    suffix: Literal["jpg", "png"]


def cover_of(data: bytes) -> Cover | None:
    """The picture, when it is a JPEG or PNG of sane size."""
    try:
        picture = picture_of(data) if len(data) <= MAX_BYTES else None
    except Exception:  # a header that lies
        return None
    if picture is None or not picture.sane:
        return None
    return Cover(data, "jpg" if picture.kind == "jpeg" else "png")


def line(text: str | None) -> str | None:
    """One line of text, or None when nothing is in it."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text or "").split())[:2000] or None


def lines(texts: list[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found for text in texts if (found := line(text))))


def year_in(text: str | None) -> int | None:
    """The year of a date; None for the placeholders that some programs write (0101-01-01)."""
    found = re.search(r"(?<!\d)(\d{4})(?!\d)", text or "")
    year = int(found[1]) if found else 0
    return year if 1000 <= year <= 2200 else None


def isbn_in(text: str | None) -> str | None:
    """An ISBN of 10 or 13 digits, with its check digit right."""
    plain = re.sub(r"^(urn:)?isbn:?", "", (text or "").strip(), flags=re.IGNORECASE)
    plain = re.sub(r"[\s-]", "", plain).upper()
    if re.fullmatch(r"97[89]\d{10}", plain):
        total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(plain))
        return plain if total % 10 == 0 else None
    if re.fullmatch(r"\d{9}[\dX]", plain):
        total = sum((10 if d == "X" else int(d)) * (10 - place) for place, d in enumerate(plain))
        return plain if total % 11 == 0 else None
    return None


def asin_in(text: str | None) -> str | None:
    plain = (text or "").strip().upper()
    return plain if re.fullmatch(r"B0[0-9A-Z]{8}", plain) else None


def language_in(text: str | None) -> str | None:
    """ISO 639-1 of a language tag (`en` of `en-GB` and `eng`); None for `und` and what is not known here."""
    code = (text or "").strip().lower().replace("_", "-").split("-", maxsplit=1)[0]
    return code if re.fullmatch(r"[a-z]{2}", code) else _TWO_LETTERS.get(code)
