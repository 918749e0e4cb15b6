"""What a folder's name tells of the release in it: author, title, year, narrator, series, language.

Names follow no standard; the forms people really use are tried in order and a name that fits none is the title. The
stand-in site only needs a plausible row, so a doubtful reading is allowed here and nowhere else in the house.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from earmark.sandbox.vocabulary import AUDIO_SUFFIXES, EBOOK_SUFFIXES, language_id

_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]|\{([^{}]*)\}")
_YEAR = re.compile(r"^(1[4-9]\d\d|20\d\d)$")
_READ_BY = re.compile(r"^(?:read|narrated|lu|gelesen)\s+(?:by|par|von)\s+(.+)$", re.IGNORECASE)
_BITRATE = re.compile(r"^\d{2,3}\s*k(?:bps|b|bit/s)?$", re.IGNORECASE)
_NUMBERED = re.compile(
    r"^(?P<name>.+?)[,\s]+(?:book|vol\.?|volume|band|tome|#)?\s*#?(?P<index>\d{1,3}(?:\.\d)?)$", re.IGNORECASE
)
_BY = re.compile(r"^(?P<title>.+)\s+by\s+(?P<author>\S.+)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FolderName:
    """What was read; `remarks` are bracketed words that say nothing else, such as "64k"."""

    title: str
    authors: tuple[str, ...] = ()
    narrators: tuple[str, ...] = ()
    series: tuple[tuple[str, str], ...] = ()
    year: int | None = None
    language: int | None = None
    abridged: bool = False
    remarks: tuple[str, ...] = ()


def read_folder_name(name: str) -> FolderName:
    """Read "Author - Title (Year) [Narrator]" and its cousins; anything else is a title."""
    text = name.replace("_", " ").strip()
    said = [next(part for part in found if part is not None).strip() for found in _bracketed(text)]
    bare = re.sub(r"\s+", " ", _BRACKETS.sub(" ", text)).strip(" -") or text
    year: int | None = None
    language: int | None = None
    narrators: tuple[str, ...] = ()
    abridged = False
    remarks: list[str] = []
    for word in filter(None, said):
        read_by = _READ_BY.match(word)
        if _YEAR.match(word):
            year = int(word)
        elif read_by:
            narrators = people(read_by[1])
        elif word.casefold() in {"abridged", "unabridged"}:
            abridged = word.casefold() == "abridged"
            remarks.append(word)
        elif language is None and language_id(word) is not None:
            language = language_id(word)
        elif _is_format(word):
            remarks.append(word)
        elif not narrators and _looks_like_people(word):
            narrators = people(word)
        else:
            remarks.append(word)
    title, authors, series = _split(bare)
    return FolderName(title, authors, narrators, series, year, language, abridged, tuple(remarks))


def people(text: str) -> tuple[str, ...]:
    """Names joined by "&", ";", "and" or commas; "Wells, H. G." is one person turned round."""
    turned = re.match(r"^([^\s,]+),\s+([^,&;]+)$", text)
    if turned and (turned[2].count(" ") == 0 or "." in turned[2]):
        return (f"{turned[2].strip()} {turned[1]}",)
    parts = re.split(r"\s*[&;,]\s*|\s+(?:and|et|und)\s+", text)
    return tuple(part.strip() for part in parts if part.strip())


def _bracketed(text: str) -> list[tuple[str | None, ...]]:
    return [match.groups() for match in _BRACKETS.finditer(text)]


def _split(bare: str) -> tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Author, series and title of the part outside all brackets."""
    parts = [part.strip() for part in re.split(r"\s+[-–—]\s+", bare) if part.strip()]
    if len(parts) == 1:
        by = _BY.match(parts[0])
        return (by["title"], people(by["author"]), ()) if by else (parts[0], (), ())
    authors = people(parts[0])
    series: tuple[tuple[str, str], ...] = ()
    rest = parts[1:]
    if len(rest) > 1:
        numbered = _NUMBERED.match(rest[0])
        if numbered:
            series, rest = ((numbered["name"], numbered["index"].lstrip("0") or "0"),), rest[1:]
        elif re.fullmatch(r"\d{1,3}", rest[-2]):
            series, rest = ((rest[0], rest[-2].lstrip("0") or "0"),), rest[-1:]
    return " - ".join(rest), authors, series


def _is_format(word: str) -> bool:
    known = AUDIO_SUFFIXES | EBOOK_SUFFIXES | {"kbps"}
    return all(part in known or _BITRATE.match(part) for part in re.split(r"[\s,/]+", word.casefold()))


def _looks_like_people(word: str) -> bool:
    """Two to four capitalised words, no digits: "Ada Fenwick", "H. G. Wells & Tobias Marl"."""
    return all(
        1 < len(name.split()) <= 4 and not re.search(r"\d", name) and all(part[0].isupper() for part in name.split())
        for name in people(word)
    )
