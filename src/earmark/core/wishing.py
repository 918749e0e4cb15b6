"""The wish that a chosen release stands for: somebody took the release itself, and what it is must be read from it.

An indexer that tells title and people apart is taken at its word; else the title line is read. Knows no indexer and no shelf.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from earmark.core.newznab import CUSTOM, kind_of
from earmark.core.reading import Evidence, Piece, Role, read
from earmark.core.reading.anatomy import without_marks
from earmark.core.reading.words import clean, tokens
from earmark.core.release import Release
from earmark.core.wish import BookWish, Kind

TITLE_CHARS, NAME_CHARS, NAMES = 300, 200, 10
SPOKEN = frozenset({"audio", "unabridged", "abridged", "dramatised"})  # marks that only what is read aloud has
NOT_BOOKS = (range(1000, 3000), range(4000, 7000))  # consoles, films, programs, television

_BARE_NAME = re.compile(r"(?:[^\W\d_][\w.'’-]*\s+){1,3}[^\W\d_][\w.'’-]*")
_NOTE = re.compile(r"\s*[\[(]([^\[\]()]*)[\])]$")
_SMALL = frozenset(("of", "and", "in", "to", "the", "a", "an", "for", "at", "on"))


def wish_of(release: Release) -> tuple[Kind | None, BookWish]:
    """What it is (None: nothing that a library of books and music has) and the wish for it. Unknown facts stay empty."""
    told = read(release)
    title, authors = _title_and_authors(release, told)
    series, index = _series(release, told, title)
    language = told.language.value if told.language else None
    wish = BookWish(
        title=title[:TITLE_CHARS],
        authors=authors,
        narrators=_names(release.narrators) or _names(n.value for n in told.narrators),
        series=series,
        series_index=index,
        year=told.year.value if told.year else None,
        language=language if language and re.fullmatch("[a-z]{2}", language) else None,
        isbn=release.isbn,
        asin=release.asin,
        abridged=told.abridged.value if told.abridged else None,
    )
    return _kind(release, told), wish


def _kind(release: Release, told: Evidence) -> Kind | None:
    """What its indexer files it under, corrected by what its files and words say. What nobody calls anything is taken for an
    audiobook, for those are what is mostly shown here."""
    filed = release.kind or kind_of(release.categories)
    spoken = bool(told.narrators) or bool(SPOKEN & told.marks.keys())
    if filed is Kind.MUSIC:
        return Kind.AUDIOBOOK if spoken else Kind.MUSIC
    numbers = [number for number in release.categories if number < CUSTOM]
    if filed is None and numbers and all(any(number in them for them in NOT_BOOKS) for number in numbers):
        return Kind.AUDIOBOOK if spoken else None
    read_as = told.kind.value if told.kind else None
    return read_as or filed or Kind.AUDIOBOOK


# --- title and people ---------------------------------------------------------------------------------------------------


def _title_and_authors(release: Release, told: Evidence) -> tuple[str, tuple[str, ...]]:
    if release.authors:
        return told_title(release), _names(release.authors)
    line = " ".join(clean(release.title).split())
    named = _names(author.value for author in told.authors)
    sure = [piece for piece in told.pieces if piece.role is Role.TITLE]
    if sure:
        return _without_tail(sure[0]) or line, named
    told_apart = [piece for piece in told.pieces if piece.role is Role.ANY]
    if named or len(told_apart) < 2:
        return (_without_tail(told_apart[0]) if told_apart else "") or line, named
    first, last = told_apart[0], told_apart[-1]
    # “Author - Series 1 - Title” is how such lines are mostly put together, “Title - Author” the other way.
    if _may_be_a_person(first.text):
        return _without_tail(last) or line, _names([first.text])
    if _may_be_a_person(last.text):
        return _without_tail(first) or line, _names([last.text])
    return " - ".join(_without_tail(piece) for piece in told_apart) or line, ()


def told_title(release: Release) -> str:
    """The title of a release whose people are told beside it: without marks in brackets, and without the authors that a
    Prowlarr writes behind it ("Dune by Frank Herbert [ENG / M4B]")."""
    line = _without_notes(" ".join(clean(release.title).split()))
    for author in _names(release.authors):
        title, found, behind = line.partition(f" by {author}")
        if found and title.strip() and re.match(r"\s*(?:$|[,&(\[])", behind):
            return title.strip()
    return line


def _without_notes(line: str) -> str:
    """A title of its own, without marks in brackets behind it: "Dune [Unabridged]"; "Wool (Silo 1)" stays."""
    while (note := _NOTE.search(line)) and note.start() and without_marks(f"x {note[1]}") == "x":
        line = line[: note.start()]
    return line


def _without_tail(piece: Piece) -> str:
    """The piece as it was written, without the format, year and other marks behind its last own word."""
    words = piece.text.split()
    own = set(piece.words)
    while len(words) > 1 and not own & set(tokens(words[-1])):
        words.pop()
    return " ".join(words).strip(" -–,;:.([)]")


def _may_be_a_person(text: str) -> bool:
    """Two to four capitalised words without a number, and none that only titles have."""
    words = text.replace(",", " ").split()
    return (
        _BARE_NAME.fullmatch(" ".join(words)) is not None
        and all(word[0].isupper() for word in words)
        and not any(word.lower() in _SMALL for word in words)
    )


def _series(release: Release, told: Evidence, title: str) -> tuple[str | None, str | None]:
    """The first series. One that was read from the title is spelt as it stands there."""
    if release.series:
        first = release.series[0]
        return clean(first.name)[:NAME_CHARS] or None, first.index.strip() or None
    for fact in told.series:
        spelt = re.search(re.escape(fact.value.name), release.title, re.IGNORECASE)
        if spelt is not None and not title.casefold().startswith(fact.value.name.casefold()):
            return spelt.group()[:NAME_CHARS], fact.value.index or None
    return None, None


def _names(given: Iterable[str]) -> tuple[str, ...]:
    found = (" ".join(clean(name, NAME_CHARS).split()) for name in given)
    return tuple(dict.fromkeys(name for name in found if name))[:NAMES]
