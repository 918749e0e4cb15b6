"""Audiobookshelf's JSON as clean values: its libraries, its books, and which of them may be the wished one.

Tolerant of missing and odd fields: a book that makes no sense is left out, never a reason to fail. Asks nobody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from earmark.core.reasons import JsonValue
from earmark.core.scoring import people_similarity, title_similarity
from earmark.core.wish import BookWish, Kind
from earmark.ports import ShelfItem

TITLE_ALIKE = 0.9
AUTHOR_ALIKE = 0.75
MAX_TEXT = 500
MAX_PEOPLE = 50


@dataclass(frozen=True, slots=True)
class Library:
    """A library of books. `audiobooks_only`: e-books in its folders are not shown."""

    id: str
    name: str
    audiobooks_only: bool = False


def read_libraries(told: JsonValue) -> tuple[Library, ...] | None:
    """The libraries of books (podcasts are left out); None when this is no list of libraries."""
    rows = told.get("libraries") if isinstance(told, dict) else None
    if not isinstance(rows, list):
        return None
    found: list[Library] = []
    for row in rows:
        if isinstance(row, dict) and row.get("mediaType") == "book" and isinstance(row.get("id"), str):
            settings = row.get("settings")
            only = isinstance(settings, dict) and settings.get("audiobooksOnly") is True
            found.append(Library(str(row["id"]), _line(row.get("name")) or "", audiobooks_only=only))
    return tuple(found)


def named(libraries: tuple[Library, ...], name: str) -> Library | None:
    """The library of that id or name; an exact name goes before one in another case."""
    exact = (lib for lib in libraries if name in {lib.id, lib.name})
    alike = (lib for lib in libraries if lib.name.casefold() == name.casefold())
    return next(exact, None) or next(alike, None)


def search_words(wish: BookWish) -> tuple[str, ...]:
    """What to ask its search box, which finds titles, subtitles, ASINs and ISBNs that *contain* the words.

    So a subtitle too many finds nothing, and neither does an apostrophe of another kind: the title's head is asked,
    and its longest plain word.
    """
    head = re.split(r"[:(\[]| - ", wish.title, maxsplit=1)[0].strip() or wish.title.strip()
    plain = max(re.findall(r"[A-Za-z0-9]+", head), key=len, default="")
    words = [_bare(wish.asin), _bare(wish.isbn), head, plain if len(plain) > 3 else ""]
    return tuple(dict.fromkeys(word[:MAX_TEXT] for word in words if word))


def read_matches(told: JsonValue) -> tuple[ShelfItem, ...] | None:
    """The books of a search's answer; None when this is no such answer."""
    rows = told.get("book") if isinstance(told, dict) else None
    if not isinstance(rows, list):
        return None
    items = (_item(row.get("libraryItem")) for row in rows if isinstance(row, dict))
    return tuple(item for item in items if item is not None)


def may_be(wish: BookWish, item: ShelfItem) -> bool:
    """The same identifier, or a like title by a like author. An author that either side leaves out is no obstacle."""
    if same_identifier(wish, item):
        return True
    if title_similarity(wish.title, item.title, structured=True) < TITLE_ALIKE:
        return False
    return not (wish.authors and item.authors) or people_similarity(wish.authors, item.authors) >= AUTHOR_ALIKE


def same_identifier(wish: BookWish, item: ShelfItem) -> bool:
    """ASINs and ISBNs compare without dashes and case, and ISBN-10 equals its ISBN-13."""
    asin, isbn = _bare(wish.asin), _isbn13(wish.isbn)
    return bool(asin and asin == _bare(item.asin)) or bool(isbn and isbn == _isbn13(item.isbn))


def _item(told: JsonValue) -> ShelfItem | None:
    if not isinstance(told, dict) or not isinstance(told.get("id"), str):
        return None
    if told.get("isMissing") is True or told.get("isInvalid") is True:
        return None  # its files are gone; it is only remembered
    media = told.get("media")
    metadata = media.get("metadata") if isinstance(media, dict) else None
    if not isinstance(media, dict) or not isinstance(metadata, dict):
        return None
    return ShelfItem(
        id=str(told["id"]),
        title=_line(metadata.get("title")) or "",
        authors=_people(metadata.get("authors"), metadata.get("authorName")),
        folder=_line(told.get("path")) or "",
        narrators=_people(metadata.get("narrators"), metadata.get("narratorName")),
        asin=_line(metadata.get("asin")),
        isbn=_line(metadata.get("isbn")),
        kinds=_kinds(media),
    )


def _kinds(media: dict[str, JsonValue]) -> tuple[Kind, ...]:
    """What the item holds, in the full and in the minified shape."""
    audio = media.get("audioFiles") or media.get("numAudioFiles") or media.get("numTracks")
    ebook = media.get("ebookFile") or media.get("ebookFormat")
    return tuple(kind for kind, there in ((Kind.AUDIOBOOK, audio), (Kind.EBOOK, ebook)) if there)


def _people(listed: JsonValue, joined: JsonValue) -> tuple[str, ...]:
    """Names from a list of names or of {name}; the minified shape has only one text of them all."""
    if isinstance(listed, list):
        names = (_line(entry.get("name") if isinstance(entry, dict) else entry) for entry in listed[:MAX_PEOPLE])
        return tuple(name for name in names if name)
    line = _line(joined)
    return tuple(part.strip() for part in line.split(",") if part.strip()) if line else ()


def _line(value: JsonValue) -> str | None:
    return (" ".join(value.split())[:MAX_TEXT] or None) if isinstance(value, str) else None


def _bare(identifier: str | None) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", identifier or "").upper()


def _isbn13(isbn: str | None) -> str:
    bare = _bare(isbn)
    if not re.fullmatch(r"\d{9}[\dX]", bare):
        return bare
    body = "978" + bare[:9]
    check = -sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(body)) % 10
    return f"{body}{check}"
