"""The files beside a book that tell media servers what it is: `metadata.json` and `metadata.opf` as Audiobookshelf
reads them (checked against its own parsers), both made from the same cleaned facts so that they can never disagree.
Makes bytes; where they go is the placement's business."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from earmark.core.binding import BookTags, Chapter
from earmark.core.reasons import JsonValue
from earmark.core.text import plain_text

METADATA_JSON = "metadata.json"
METADATA_OPF = "metadata.opf"

_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Facts:
    """What both sidecars say: cleaned text, no empty and no repeated names, None where nothing is known."""

    title: str
    subtitle: str | None
    authors: tuple[str, ...]
    narrators: tuple[str, ...]
    series: str | None
    sequence: str | None
    genres: tuple[str, ...]
    labels: tuple[str, ...]
    year: int | None
    publisher: str | None
    description: str | None
    isbn: str | None
    asin: str | None
    language: str | None
    explicit: bool
    abridged: bool


def facts(tags: BookTags, *, labels: Sequence[str] = (), explicit: bool = False, abridged: bool = False) -> Facts:
    """Clean tags for the sidecars. `labels` are what Audiobookshelf calls tags."""
    series = _line(tags.series)
    return Facts(
        title=_line(tags.title) or "Untitled",
        subtitle=_line(tags.subtitle),
        authors=_lines(tags.authors),
        narrators=_lines(tags.narrators),
        series=series,
        sequence=_sequence(tags.series_index) if series else None,
        genres=_lines(tags.genres),
        labels=_lines(labels),
        year=tags.year or None,
        publisher=_line(tags.publisher),
        description=plain_text(tags.description or "") or None,
        isbn=_line(tags.isbn),
        asin=_line(tags.asin),
        language=_line(tags.language),
        explicit=explicit,
        abridged=abridged,
    )


def metadata_json(book: Facts, chapters: Sequence[Chapter]) -> bytes:
    """`metadata.json`: every key with the type Audiobookshelf demands, for it drops a value of another type."""
    series = f"{book.series} #{book.sequence}" if book.sequence else book.series
    document: dict[str, JsonValue] = {
        "tags": list(book.labels),
        "chapters": [_chapter(idx, chapter) for idx, chapter in enumerate(chapters)],
        "title": book.title,
        "subtitle": book.subtitle,
        "authors": list(book.authors),
        "narrators": list(book.narrators),
        "series": [series] if series else [],
        "genres": list(book.genres),
        "publishedYear": str(book.year) if book.year else None,
        "publishedDate": None,  # only the year is known; a made-up day would look like a fact
        "publisher": book.publisher,
        "description": book.description,
        "isbn": book.isbn,
        "asin": book.asin,
        "language": book.language,
        "explicit": book.explicit,
        "abridged": book.abridged,
    }
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def metadata_opf(book: Facts) -> bytes:
    """`metadata.opf`: Dublin Core with the attributes Audiobookshelf and calibre look for.

    Names are written with their prefixes as they stand: readers of this file compare `opf:role` and `calibre:series`
    as text and know nothing of namespaces.
    """
    package = ET.Element(
        "package", {"xmlns": "http://www.idpf.org/2007/opf", "version": "2.0", "unique-identifier": "book"}
    )
    metadata = ET.SubElement(
        package,
        "metadata",
        {"xmlns:dc": "http://purl.org/dc/elements/1.1/", "xmlns:opf": "http://www.idpf.org/2007/opf"},
    )
    _add(metadata, "dc:title", book.title)
    _add(metadata, "dc:subtitle", book.subtitle)
    for role, names in (("aut", book.authors), ("nrt", book.narrators)):
        for name in names:
            _add(metadata, "dc:creator", name, {"opf:role": role})
    identifiers = [(scheme, value) for scheme, value in (("ASIN", book.asin), ("ISBN", book.isbn)) if value]
    for idx, (scheme, value) in enumerate(identifiers):
        _add(metadata, "dc:identifier", value, {"opf:scheme": scheme, **({"id": "book"} if idx == 0 else {})})
    if not identifiers:
        del package.attrib["unique-identifier"]
    _add(metadata, "dc:date", f"{book.year:04}" if book.year else None)  # read only when the year has four digits
    _add(metadata, "dc:publisher", book.publisher)
    _add(metadata, "dc:language", book.language)
    _add(metadata, "dc:description", book.description)
    for genre in book.genres:
        _add(metadata, "dc:subject", genre)
    for label in book.labels:
        _add(metadata, "dc:tag", label)
    if book.series:
        ET.SubElement(metadata, "meta", {"name": "calibre:series", "content": book.series})
        if book.sequence:  # must follow its series directly
            ET.SubElement(metadata, "meta", {"name": "calibre:series_index", "content": book.sequence})
    ET.indent(package)
    document: str = ET.tostring(package, encoding="unicode")
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{document}\n".encode()


def _chapter(idx: int, chapter: Chapter) -> JsonValue:
    # One chapter without a title makes Audiobookshelf drop them all.
    title = _line(chapter.title) or f"Chapter {idx + 1}"
    return {"id": idx, "start": round(chapter.start_secs, 3), "end": round(chapter.end_secs, 3), "title": title}


def _sequence(index: str | None) -> str | None:
    # Audiobookshelf takes what follows " #" only when it holds neither a space nor another #.
    return re.sub(r"[\s#]+", "", _line(index) or "") or None


def _line(text: str | None) -> str | None:
    return " ".join(_NOT_XML.sub("", text or "").split()) or None


def _lines(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line for text in texts if (line := _line(text))))


def _add(parent: ET.Element, tag: str, text: str | None, attributes: dict[str, str] | None = None) -> None:
    if text:
        ET.SubElement(parent, tag, attributes or {}).text = text
