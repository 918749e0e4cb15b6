"""Torrents that hold several books: which files are which book, and which of the books is the wished one. Judged by names
alone, before anything is downloaded; folders named by disc, part, chapter or format never make a book of their own.
Opens no file and asks nobody; what a person is told of it is the pipeline's business."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from earmark.core.numerals import UNIT_OF
from earmark.core.ordering import natural_key, stem_of
from earmark.core.reading import persons, rules, titles
from earmark.core.reading.anatomy import without_marks
from earmark.core.reading.evidence import Evidence, Piece, Role
from earmark.core.reading.reader import read
from earmark.core.reading.words import clean, is_number, tokens
from earmark.core.reading.works import Relation, Wished, match_work, wished
from earmark.core.release import Release, SeriesRef
from earmark.core.scoring import AUDIO_TYPES
from earmark.core.torrents import TorrentEntry
from earmark.core.wish import BookWish, Kind

CLEAR = titles.SAME  # from here on a book of the pack is the wished one
BY_PLACE = 0.8  # a book known by its number in the series only

EBOOK_TYPES = frozenset({"epub", "azw3", "mobi", "azw", "prc", "kf8", "cbz", "cbr"})
WHOLE_BOOKS = frozenset({"m4b", "aax", "aaxc"}) | EBOOK_TYPES  # a file of these is rarely a chapter

_FORMATS = frozenset(
    {
        *AUDIO_TYPES,
        *EBOOK_TYPES,
        "pdf",
        "audio",
        "audiobook",
        "audiobooks",
        "abook",
        "kbps",
        "kbit",
        "kbs",
        "khz",
        "vbr",
    }
    | {"cbr", "unabridged", "lossless", "ebook", "ebooks", "retail", "v0", "v2", "chapterized", "chapterised", "files"}
)
_EXTRAS = frozenset([
    "bonus", "extra", "extras", "interview", "interviews", "sample", "samples", "preview", "previews", "cover",
    "covers", "art", "artwork", "scans", "images", "booklet", "material", "materials", "content", "features",
    "author", "reader", "q", "a", "the", "and", "with", "of", "tracks",
])  # fmt: skip
_OF = frozenset({"of", "von", "de", "to", "through", "and"})
_RATE = re.compile(r"\d{1,6}(?:k|kb|kbps|kbit|kbits|khz|hz|mb|gb)")
_NUMBERED = re.compile(r"^[\W_]*(?:\d{1,3}(?:\.\d{1,2})?[a-d]?)(?:[\W_]+|$)")

Words: TypeAlias = tuple[str, ...]
Folder: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackBook:
    """One book of a pack: how its folder or file is named, a guess at what it is, and its files (companions included)."""

    name: str
    title: str
    entries: tuple[TorrentEntry, ...]
    authors: tuple[str, ...] = ()
    series: SeriesRef | None = None
    likeness: float = 0.0  # 0..1, of its name to the wished title

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)

    @property
    def wish(self) -> BookWish:
        """A wish for this book, as far as the names tell."""
        place = self.series
        return BookWish(
            self.title,
            self.authors,
            series=place.name if place else None,
            series_index=(place.index or None) if place else None,
        )


@dataclass(frozen=True, slots=True)
class Pack:
    """Several books in one torrent, in natural order. `wished` is the place of the wished one, None when no book clearly
    is; `confidence` 0..1. `shared` belongs to no book alone."""

    books: tuple[PackBook, ...]
    wished: int | None
    confidence: float
    shared: tuple[TorrentEntry, ...] = ()


def read_pack(
    entries: Sequence[TorrentEntry], wish: BookWish, title: str = "", kind: Kind = Kind.AUDIOBOOK
) -> Pack | None:
    """The books of a torrent; None when it holds one book, or when several are wished. `title` is what the release is
    called, beside the name of the torrent's own folder."""
    w = wished(wish)
    types = EBOOK_TYPES if kind is Kind.EBOOK else AUDIO_TYPES
    lead = [entry for entry in entries if _suffix(entry) in types]
    if w.is_set or len(lead) < 2:
        return None
    root = _root(entries)
    labels = [label for label in (root, title) if label]
    several = any(_says_several(label) for label in labels)
    books = _by_folder(lead, root, by_number=several)
    by_file = len(books) < 2
    if by_file:
        books = _by_file(lead)
    if len(books) < 2:
        return None
    named = [_name_of(key, files, root) for key, files in books.items()]
    likeness = [_likeness(w, name) for name in named]
    whole = max((_likeness(w, label) for label in labels), default=0.0)
    numbered = all(_is_a_volume(name) for name in named)
    if max(likeness) < CLEAR and (whole >= CLEAR or (by_file and not several and not numbered)):
        return None  # one book in sections
    if by_file and not several and not numbered and not all(_suffix(e) in WHOLE_BOOKS for e in lead):
        return None  # the chapters of one book, of which one is called like it
    return _pack(w, entries, books, named, likeness, labels)


def may_be_a_pack(release: Release, wish: BookWish) -> bool:
    """Does the release itself say, before its files are known, that it holds the wished book among others?"""
    w, evidence = wished(wish), read(release)
    if w.is_set:
        return False
    return rules.SET in evidence.marks or match_work(w, evidence).relation is Relation.SET


# --- which files are one book --------------------------------------------------------------------------------------------


def _by_folder(lead: Sequence[TorrentEntry], root: str, *, by_number: bool) -> dict[Folder, list[TorrentEntry]]:
    """The files by the folder of their book, without discs, parts and formats. `by_number`: "Book 1" is a book, not a part
    of one."""
    books: dict[Folder, list[TorrentEntry]] = {}
    first: dict[tuple[Words, ...], Folder] = {}
    for entry in lead:
        folders = entry.path.split("/")[1 if root else 0 : -1]
        while folders and _is_section(folders[-1]) and not (by_number and _is_a_volume(folders[-1])):
            folders.pop()
        if folders and _is_extra(folders[-1]):
            continue
        spelled = tuple(_spelled(folder, by_number=by_number) for folder in folders)
        books.setdefault(first.setdefault(spelled, tuple(folders)), []).append(entry)
    return dict(sorted(books.items(), key=lambda book: natural_key("/".join(book[0]))))


def _by_file(lead: Sequence[TorrentEntry]) -> dict[Folder, list[TorrentEntry]]:
    """The files by the title in their names: "Title - 01" and "Title - 02" are one book."""
    books: dict[Folder, list[TorrentEntry]] = {}
    first: dict[Words, Folder] = {}
    for entry in lead:
        stem = stem_of(entry.path.rpartition("/")[2])
        words = _title_words(stem)
        if words:
            books.setdefault(first.setdefault(words, (stem,)), []).append(entry)
    return dict(sorted(books.items(), key=lambda book: natural_key(book[0][0])))


@lru_cache(maxsize=4096)
def _spelled(folder: str, *, by_number: bool) -> Words:
    """What tells a book's folder from another's: "Title CD1" and "Title CD2" are one, and so are "Title 1" and "Title 2"
    unless the torrent says that it is a series."""
    words = tokens(clean(folder))
    inside = any(UNIT_OF.get(word, "book") not in {"book", "volume"} for word in words)
    number = _number(folder) if by_number and not inside else ""
    return (*(_title_words(folder) or words), number)


@lru_cache(maxsize=4096)
def _is_section(folder: str) -> bool:
    """Is this a folder inside a book: a disc, a part, a chapter, a format, a bare number?"""
    words = tokens(clean(folder))
    units = {UNIT_OF[word] for word in words if word in UNIT_OF}
    return units & {"chapter", "track", "side"} != set() or not _title_words(folder)


@lru_cache(maxsize=4096)
def _is_a_volume(name: str) -> bool:
    """Does the name count as a book or volume: "Book 2", "Vol. III - …"?"""
    words = tokens(clean(name))
    return any(UNIT_OF.get(word) in {"book", "volume"} and _counts(words, at) for at, word in enumerate(words[:-1]))


@lru_cache(maxsize=4096)
def _is_extra(folder: str) -> bool:
    words = [word for word in tokens(clean(folder)) if not is_number(word)]
    return bool(words) and all(word in _EXTRAS for word in words)


@lru_cache(maxsize=16384)
def _title_words(name: str) -> Words:
    """What is left of a name without numbers, discs, parts and formats. Empty for a folder that is only a place inside
    something; a year alone is a title ("1984")."""
    words = titles.bare(tokens(clean(name)))
    plain = [
        word
        for at, word in enumerate(words)
        if word not in _FORMATS
        and not _RATE.fullmatch(word)
        and not is_number(word)
        and not (word in UNIT_OF and _counts(words, at))
        and not (word in _OF and _counts(words, at))
    ]
    return tuple(plain) or tuple(word for word in words if word.isdigit() and len(word) == 4 and not _unit_near(words))


def _counts(words: Words, at: int) -> bool:
    """Does this word stand beside a number: "part 2", "2 of 9"?"""
    beside = words[at + 1 : at + 2] + words[max(at - 1, 0) : at]
    return len(words) == 1 or any(is_number(word) or len(word) == 1 for word in beside)


def _unit_near(words: Words) -> bool:
    return any(word in UNIT_OF for word in words)


# --- what they are -------------------------------------------------------------------------------------------------------


def _pack(
    w: Wished,
    entries: Sequence[TorrentEntry],
    books: Mapping[Folder, list[TorrentEntry]],
    named: Sequence[str],
    likeness: list[float],
    labels: Sequence[str],
) -> Pack:
    mine, shared = _with_companions(entries, books)
    read_names = [_read(name) for name in named]
    common = _common_words(read_names, labels)
    by_author = any(
        titles.contains(tokens(clean(text)), author[-1:]) for text in (*labels, *named) for author in w.authors
    )
    found: list[PackBook] = []
    for name, evidence, files, alike in zip(named, read_names, mine, likeness, strict=True):
        title = _title(evidence, common, name)
        authors = w.wish.authors if by_author else tuple(author.value for author in evidence.authors)
        found.append(PackBook(name, title, tuple(files), authors, _series(w, evidence, name, labels), alike))
    chosen, confidence = _wished(w, found)
    return Pack(tuple(found), chosen, confidence, tuple(shared))


def _wished(w: Wished, books: Sequence[PackBook]) -> tuple[int | None, float]:
    """The one book that is the wished one: by its name, else it may be guessed by its place in the series."""
    named = [at for at, book in enumerate(books) if book.likeness >= CLEAR]
    if len(named) > 1:  # two editions, or a title that is a part of another's: the exact one, if it is alone
        best = max(book.likeness for book in books)
        exact = [at for at in named if books[at].likeness == best]
        return (exact[0], best) if len(exact) == 1 and best >= 0.97 else (None, 0.5)
    if named:
        return named[0], books[named[0]].likeness
    placed = [at for at, book in enumerate(books) if w.index and _number(book.name) == w.index]
    return None, BY_PLACE if len(placed) == 1 else 0.0


def _with_companions(
    entries: Sequence[TorrentEntry], books: Mapping[Folder, list[TorrentEntry]]
) -> tuple[list[list[TorrentEntry]], list[TorrentEntry]]:
    """Each book's files with what lies beside them, and what belongs to no book alone."""
    owners: dict[tuple[str, ...], set[int]] = {}
    stems: dict[tuple[str, ...], int] = {}
    for at, files in enumerate(books.values()):
        for entry in files:
            parts = tuple(entry.path.split("/"))
            stems[(*parts[:-1], stem_of(parts[-1]))] = at
            for depth in range(1, len(parts)):
                owners.setdefault(parts[:depth], set()).add(at)
    taken = {entry.path for files in books.values() for entry in files}
    mine = [list(files) for files in books.values()]
    shared: list[TorrentEntry] = []
    for entry in (e for e in entries if e.path not in taken):
        parts = tuple(entry.path.split("/"))
        at_stem = stems.get((*parts[:-1], stem_of(parts[-1])))
        above = next((o for d in range(len(parts) - 1, 0, -1) if (o := owners.get(parts[:d]))), set())
        owner = at_stem if at_stem is not None else next(iter(above)) if len(above) == 1 else None
        (shared if owner is None else mine[owner]).append(entry)
    return mine, shared


# --- names ---------------------------------------------------------------------------------------------------------------


def _read(name: str) -> Evidence:
    return read(Release(guid="", indexer="", title=name))


def _likeness(w: Wished, name: str) -> float:
    """How much a folder's name is the wished title, its number aside. A set, or another author's work, is not."""
    best = 0.0
    for text in {name, _NUMBERED.sub("", name) or name}:
        match = match_work(w, _read(text))
        by_another = match.author is not None and match.author < persons.ALIKE
        if match.relation is Relation.SAME and not by_another:
            best = max(best, match.title)
    return best


def _says_several(label: str) -> bool:
    evidence = _read(label)
    marks = {rules.SET, rules.SET_HINT, rules.WITH_OTHERS} & set(evidence.marks)
    return bool(marks) or any("-" in s.value.index for s in evidence.series)


def _name_of(key: Folder, files: Sequence[TorrentEntry], root: str) -> str:
    """What a book is called: its folder, or the torrent's own where it lies loose in it."""
    return key[-1] if key else root or stem_of(files[0].path.rpartition("/")[2])


def _number(name: str) -> str:
    """The number of a book in its series, as its name has it: "Book 2 - …", "02 - …", "Series #2 - …"."""
    place = next((s.value.index for s in _read(name).series if s.value.index and "-" not in s.value.index), "")
    if place:
        return place
    lead = _NUMBERED.match(name)
    return lead[0].strip(" ._-[]()").lstrip("0") if lead else ""


def _common_words(read_names: Sequence[Evidence], labels: Sequence[str]) -> set[Words]:
    """Pieces that several of the names share, or that name the whole: an author, a series."""
    seen: dict[Words, int] = {}
    for evidence in read_names:
        for words in {piece.words for piece in evidence.pieces}:
            seen[words] = seen.get(words, 0) + 1
    whole = {piece.words for label in labels for piece in _read(label).pieces}
    return {words for words, times in seen.items() if times > 1} | whole


def _title(evidence: Evidence, common: set[Words], name: str) -> str:
    """A guess at a book's title: the first piece of its name that is no number, no person's by-line and not everybody's."""

    def may_be(piece: Piece) -> bool:
        words = tuple(word for word in piece.words if not is_number(word))
        counted = words and all(word in UNIT_OF for word in words)
        return bool(words) and not counted and piece.role in {Role.TITLE, Role.ANY}

    pieces = [piece for piece in evidence.pieces if may_be(piece)]
    own = [piece for piece in pieces if piece.words not in common]
    best = next(iter(own or pieces), None)
    text = without_marks(_NUMBERED.sub("", best.text)).strip(" ._-") if best else ""
    return text or name


def _series(w: Wished, evidence: Evidence, name: str, labels: Sequence[str]) -> SeriesRef | None:
    """The series a name tells, or the wished one where the pack is called by it and its books are numbered."""
    told = next((s.value for s in evidence.series if s.value.name), None)
    if told is not None:
        return SeriesRef(told.name, told.index)
    number = _number(name)
    if (
        number
        and w.wish.series
        and any(titles.contains(titles.bare(tokens(clean(label))), w.series) for label in labels)
    ):
        return SeriesRef(w.wish.series, number)
    return None


def _root(entries: Sequence[TorrentEntry]) -> str:
    """The torrent's own folder; "" when its files lie loose."""
    tops = {entry.path.partition("/")[0] for entry in entries}
    return tops.pop() if len(tops) == 1 and all("/" in entry.path for entry in entries) else ""


def _suffix(entry: TorrentEntry) -> str:
    return entry.path.rpartition(".")[2].lower()
