"""E-books as facts and choices: what a file says of itself, which files of a torrent are the wished book, which format
is taken, and what is said of it on the shelf. Opens no file; `media.ebooks` reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal, TypeAlias, get_args

from earmark.core.binding import BookTags
from earmark.core.reasons import PermanentError, Reason
from earmark.core.release import Release
from earmark.core.scoring import normal, similarity, title_similarity
from earmark.core.tagging import book_tags
from earmark.core.torrents import TorrentEntry
from earmark.core.wish import BookWish

Format: TypeAlias = Literal["epub", "azw3", "mobi", "pdf", "cbz"]
FORMATS: tuple[Format, ...] = get_args(Format)

MAY_BE_BOOKS = frozenset({*FORMATS, "azw", "prc", "kf8", "cbr", "zip"})
"""Endings behind which one of the formats may stand; a `.cbr` is often a `.cbz` in truth. The bytes decide."""

MOST_FILES = 40  # more than this is a library, not a book
ALIKE = 0.9  # names or titles of one work
WISHED = 0.8  # a name that is the wished one

_YEAR = re.compile(r"(1[4-9]|20)\d\d")
_NUMBERS = {
    word: str(number)
    for names in ("one two three four five six seven eight nine ten", "i ii iii iv v vi vii viii ix x")
    for number, word in enumerate(names.split(), 1)
}


@dataclass(frozen=True, slots=True)
class EbookFacts:
    """What an e-book says of itself, unjudged. `parts` counts its spine documents, pages, text records or pictures."""

    format: Format
    parts: int
    title: str | None = None
    subtitle: str | None = None
    authors: tuple[str, ...] = ()
    series: str | None = None
    series_index: str | None = None
    year: int | None = None
    publisher: str | None = None
    description: str | None = None
    language: str | None = None  # ISO 639-1, or what the file has
    genres: tuple[str, ...] = ()
    isbn: str | None = None
    asin: str | None = None


@dataclass(frozen=True, slots=True)
class EbookFile:
    """A sound e-book of a download: its path in the torrent, bytes, and facts."""

    path: str
    size: int
    facts: EbookFacts

    @property
    def stem(self) -> str:
        return PurePosixPath(self.path).stem


@dataclass(frozen=True, slots=True)
class Chosen:
    """The book in its preferred format, the same book in others, and what else came with it (a map, a guide)."""

    book: EbookFile
    formats: tuple[EbookFile, ...] = ()
    extras: tuple[EbookFile, ...] = ()


def candidates(entries: Sequence[TorrentEntry]) -> tuple[TorrentEntry, ...]:
    """The files that may be e-books, by their names. Raises `PermanentError`: `no_ebook` when there is none,
    `several_books` when there are far too many for one book."""
    found = tuple(e for e in entries if e.size and _ending(e.path) in MAY_BE_BOOKS and not _hidden(e.path))
    if not found:
        raise no_ebook([e.path for e in entries])
    if len(found) > MOST_FILES:
        raise several_books([e.path for e in found])
    return found


def choose(files: Sequence[EbookFile], wish: BookWish, preferred: Sequence[str], wanted: str | None = None) -> Chosen:
    """Which of the sound files is the book. `preferred` orders the formats, `wanted` is the only one the ticket takes.
    Raises `PermanentError`: `ebook_format_missing`, or `several_books` when the best format holds several works or
    another file fits the wish and the one of the best format does not."""
    ranked = sorted(files, key=lambda f: (rank(f.facts.format, preferred), f.path))
    best = wanted or ranked[0].facts.format
    mains = [f for f in ranked if f.facts.format == best]
    if not mains:
        raise _format_missing(best, ranked)
    same = [f for f in ranked if any(alike(f, main) for main in mains)]
    if not all(alike(mains[0], main) for main in mains):
        raise several_books([f.path for f in ranked])
    book = max(mains, key=lambda f: f.size)
    others = [f for f in ranked if f not in same]
    if not _is_wished(book, wish) and any(_is_wished(f, wish) for f in others):
        raise several_books([f.path for f in ranked])
    formats = {f.facts.format: f for f in sorted(same, key=lambda f: f.size) if f.facts.format != best}
    return Chosen(book, tuple(sorted(formats.values(), key=lambda f: rank(f.facts.format, preferred))), tuple(others))


def rank(format: str, preferred: Sequence[str]) -> int:
    """Place of a format in the order of preference; those not named come last, in the house's own order."""
    order = list(dict.fromkeys((*preferred, *FORMATS)))
    return order.index(format) if format in order else len(order)


def alike(a: EbookFile, b: EbookFile) -> bool:
    """Are these the same work? Their names or their titles say so; different numbers (“Part 1”, “Part 2”) deny it."""
    if a.facts.title and b.facts.title and same_work(a.facts.title, b.facts.title):
        return _numbers(a.stem) == _numbers(b.stem) or same_work(a.stem, b.stem) or a.facts.format != b.facts.format
    return same_work(a.stem, b.stem)


def same_work(a: str, b: str) -> bool:
    """Do two names mean one work? A year more or less makes no other one."""
    return similarity(_without_years(a), _without_years(b)) >= ALIKE and _numbers(a) == _numbers(b)


def ebook_tags(wish: BookWish, release: Release | None, facts: EbookFacts, overrides: Mapping[str, str]) -> BookTags:
    """What the shelf says of the book: the trust of `core.tagging`, with the file's own words as a file's tags. A text
    has no narrator."""
    told = {
        "album": facts.title,
        "albumartist": "; ".join(facts.authors),
        "subtitle": facts.subtitle,
        "series": facts.series,
        "series-part": facts.series_index,
        "date": str(facts.year) if facts.year else None,
        "publisher": facts.publisher,
        "description": facts.description,
        "language": facts.language,
        "genre": "; ".join(facts.genres),
        "asin": facts.asin,
        "isbn": facts.isbn,
    }
    tags = book_tags(wish, release, {name: value for name, value in told.items() if value}, overrides)
    return replace(tags, narrators=(), genres=tuple(genre for genre in tags.genres if not _is_a_format(genre)))


# --- refusals ---------------------------------------------------------------------------------------------------------


def no_ebook(paths: Sequence[str]) -> PermanentError:
    return PermanentError(
        Reason(
            "no_ebook",
            f"The download holds no e-book that Earmark can read ({', '.join(FORMATS)}).",
            "Choose another release: search again from the ticket's page.",
            {"files": list(paths[:20])},
        )
    )


def several_books(paths: Sequence[str]) -> PermanentError:
    return PermanentError(
        Reason(
            "several_books",
            f"The download holds several different books ({len(paths)} files); which one is wished is not certain.",
            "Choose a release with this book alone, or take the file you want from the download by hand.",
            {"files": list(paths[:50]), "count": len(paths)},
        )
    )


def _format_missing(wanted: str, files: Sequence[EbookFile]) -> PermanentError:
    offered = sorted({f.facts.format for f in files})
    return PermanentError(
        Reason(
            "ebook_format_missing",
            f"The ticket takes {wanted} only; the download has {', '.join(offered)}.",
            f"Choose a release with {wanted}, or file the ticket without the constraint.",
            {"wanted": wanted, "offered": list(offered)},
        )
    )


# --- comparing --------------------------------------------------------------------------------------------------------


def _is_wished(file: EbookFile, wish: BookWish) -> bool:
    names = [name for name in (file.facts.title, file.stem) if name]
    return any(title_similarity(wish.title, name, structured=False) >= WISHED for name in names)


def _numbers(text: str) -> list[str]:
    """The numbers of a name, years left out: what tells one volume from the next."""
    words = [_NUMBERS.get(word, word) for word in normal(text).split()]
    return sorted(word.lstrip("0") for word in words if word.isdigit() and not _YEAR.fullmatch(word))


def _without_years(text: str) -> str:
    """The name less its years, unless it is nothing but a year (“1984”)."""
    words = normal(text).split()
    return " ".join(word for word in words if not _YEAR.fullmatch(word)) or " ".join(words)


def _is_a_format(genre: str) -> bool:
    """“epub”, “mobi and pdf”: what uploaders put among the tags."""
    words = set(normal(genre).split()) - {"and", "or"}
    return bool(words) and words <= MAY_BE_BOOKS


def _ending(path: str) -> str:
    return PurePosixPath(path).suffix.lstrip(".").lower()


def _hidden(path: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.split("/"))
