"""MOBI and AZW3: a Palm database of records, the book's header in the first (MobileRead wiki: PDB, MOBI, EXTH)."""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass
from pathlib import Path

from earmark.core.ebooks import EbookFacts, Format
from earmark.media.ebooks.faults import (
    Cover,
    Unreadable,
    asin_in,
    cover_of,
    isbn_in,
    language_in,
    line,
    lines,
    year_in,
)

HEADER, ENTRY = 78, 8  # bytes of the database's header, and of each entry in its list of records
NOTHING = 0xFFFFFFFF
KF8 = 8
MOST_RECORD = 30_000_000
AUTHOR, PUBLISHER, DESCRIPTION, ISBN, SUBJECT, DATE, ASIN, COVER, TITLE, LANGUAGE = (
    100, 101, 103, 104, 105, 106, 113, 201, 503, 524,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Book:
    """A database with the fields of the first record that are used here."""

    path: Path
    offsets: tuple[int, ...]  # of each record, and the end of the file
    texts: int  # records of text, from 1 on
    version: int  # of the format: 6 MOBI, 8 KF8 (AZW3), 0 plain PalmDOC
    encoding: str
    name: bytes
    first_picture: int
    fields: dict[int, tuple[bytes, ...]]  # EXTH, by type

    def record(self, number: int) -> bytes:
        start, end = self.offsets[number], self.offsets[number + 1]
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(min(end - start, MOST_RECORD))

    def words(self, kind: int) -> list[str | None]:
        return [value.decode(self.encoding, "replace") for value in self.fields.get(kind, ())]

    def word(self, kind: int) -> str | None:
        return next(iter(self.words(kind)), None)


def read(path: Path) -> tuple[EbookFacts, Cover | None]:
    """Facts and cover of a MOBI or AZW3. Raises `Unreadable` for a damaged or locked one."""
    book = _open(path)
    return _facts(book), _cover(book)


def format_of(path: Path) -> Format:
    return "azw3" if _open(path).version >= KF8 else "mobi"


def _open(path: Path) -> Book:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER)
        count = _u16(head, 76)
        table = file.read(count * ENTRY)
    if not count or len(table) < count * ENTRY:
        raise Unreadable("its list of records ends too early")
    offsets = (*(_u32(table, n * ENTRY) for n in range(count)), size)
    if any(a >= b for a, b in itertools.pairwise(offsets)):
        raise Unreadable("it ends too early or its records overlap")
    with path.open("rb") as file:
        file.seek(offsets[0])
        first = file.read(min(offsets[1] - offsets[0], MOST_RECORD))
    texts, lock = _u16(first, 8), _u16(first, 12)
    if lock:
        raise Unreadable("it is locked (DRM)")
    if not 0 < texts < count:
        raise Unreadable("it has no text, or its records are missing")
    if first[16:20] != b"MOBI":  # plain PalmDOC: a title of the database is all there is
        return Book(path, offsets, texts, 0, "cp1252", head[:31].split(b"\0")[0], NOTHING, {})
    length = _u32(first, 20)
    name_at, name_size = _u32(first, 84), _u32(first, 88)
    return Book(
        path=path,
        offsets=offsets,
        texts=texts,
        version=_u32(first, 36),
        encoding="utf-8" if _u32(first, 28) == 65001 else "cp1252",
        name=first[name_at : name_at + min(name_size, 2000)],
        first_picture=_u32(first, 108),
        fields=_exth(first, 16 + length) if _u32(first, 128) & 0x40 else {},
    )


def _exth(record: bytes, at: int) -> dict[int, tuple[bytes, ...]]:
    """The extended header: typed values, some of them several times."""
    if record[at : at + 4] != b"EXTH":
        raise Unreadable("its header is damaged")
    fields: dict[int, tuple[bytes, ...]] = {}
    count, at = _u32(record, at + 8), at + 12
    for _ in range(min(count, 1000)):
        kind, length = _u32(record, at), _u32(record, at + 4)
        if length < 8 or at + length > len(record):
            raise Unreadable("its header is damaged")
        fields[kind] = (*fields.get(kind, ()), record[at + 8 : at + length])
        at += length
    return fields


def _facts(book: Book) -> EbookFacts:
    return EbookFacts(
        format="azw3" if book.version >= KF8 else "mobi",
        parts=book.texts,
        title=line(book.word(TITLE)) or line(book.name.decode(book.encoding, "replace")),
        authors=lines(book.words(AUTHOR)),
        year=year_in(book.word(DATE)),
        publisher=line(book.word(PUBLISHER)),
        description=book.word(DESCRIPTION),
        language=language_in(book.word(LANGUAGE)),
        genres=lines(book.words(SUBJECT))[:50],
        isbn=next((found for text in book.words(ISBN) if (found := isbn_in(text))), None),
        asin=next((found for text in book.words(ASIN) if (found := asin_in(text))), None),
    )


def _cover(book: Book) -> Cover | None:
    """The picture that the header names by its place after the first one."""
    named = next(iter(book.fields.get(COVER, ())), b"")
    if len(named) != 4 or book.first_picture == NOTHING:
        return None
    number = book.first_picture + _u32(named, 0)
    return cover_of(book.record(number)) if number < len(book.offsets) - 1 else None


def _u16(data: bytes, at: int) -> int:
    return _number(">H", data, at)


def _u32(data: bytes, at: int) -> int:
    return _number(">I", data, at)


def _number(form: str, data: bytes, at: int) -> int:
    try:
        found: int = struct.unpack_from(form, data, at)[0]
    except struct.error as error:
        raise Unreadable("its header ends too early") from error
    return found
