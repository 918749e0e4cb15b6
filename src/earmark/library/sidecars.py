"""The files beside a book that tell media servers what it is: `metadata.json`, `metadata.opf`, `desc.txt` and `reader.txt`
as Audiobookshelf reads them (checked against its own parsers), all made from the same cleaned facts so that they can
never disagree. Makes bytes; where they go is the placement's business."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from earmark.core.binding import BookTags, Chapter
from earmark.core.reasons import JsonValue
from earmark.core.release import SeriesRef
from earmark.core.text import plain_text

METADATA_JSON = "metadata.json"
METADATA_OPF = "metadata.opf"
DESC_TXT = "desc.txt"
READER_TXT = "reader.txt"
COVER_JPG = "cover.jpg"
SIDECARS = frozenset({METADATA_JSON, METADATA_OPF, DESC_TXT, READER_TXT})
"""Every file that `sidecar_files` may make."""

_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Facts:
    """What all sidecars say: cleaned text, no empty and no repeated names, None where nothing is known."""

    title: str
    subtitle: str | None
    authors: tuple[str, ...]
    narrators: tuple[str, ...]
    series: tuple[SeriesRef, ...]  # the primary one first; an index in a form Audiobookshelf takes
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


def facts(tags: BookTags, *, labels: Sequence[str] = (), explicit: bool = False, abridged: bool | None = None) -> Facts:
    """Clean tags for the sidecars. `labels` are what Audiobookshelf calls tags; `abridged` overrules the tags'."""
    return Facts(
        title=_line(tags.title) or "Untitled",
        subtitle=_line(tags.subtitle),
        authors=_lines(tags.authors),
        narrators=_lines(tags.narrators),
        series=_series((SeriesRef(tags.series or "", tags.series_index or ""), *tags.more_series)),
        genres=_lines(tags.genres),
        labels=_lines(labels),
        year=tags.year if tags.year and 0 < tags.year <= 9999 else None,
        publisher=_line(tags.publisher),
        description=plain_text(tags.description or "") or None,
        isbn=_line(tags.isbn),
        asin=_line(tags.asin),
        language=_line(tags.language),
        explicit=explicit,
        abridged=bool(tags.abridged if abridged is None else abridged),
    )


def sidecar_files(book: Facts, chapters: Sequence[Chapter] = ()) -> dict[str, bytes]:
    """Every sidecar of a book by file name. Those that would say nothing are left out."""
    texts = {DESC_TXT: desc_txt(book), READER_TXT: reader_txt(book)}
    return {METADATA_JSON: metadata_json(book, chapters), METADATA_OPF: metadata_opf(book)} | {
        name: data for name, data in texts.items() if data is not None
    }


def desc_txt(book: Facts) -> bytes | None:
    """`desc.txt`: the description as it is; None when there is none."""
    return f"{book.description}\n".encode() if book.description else None


def reader_txt(book: Facts) -> bytes | None:
    """`reader.txt`: the narrators on its first and only line; None when there are none, or when a name holds what
    Audiobookshelf takes for the end of a name, so that this file would say something else than the others."""
    if not book.narrators or any(re.search(r"[,;&]| and ", name) for name in book.narrators):
        return None
    return f"{'; '.join(book.narrators)}\n".encode()  # a comma would make "Last, First" of one-word names


def metadata_json(book: Facts, chapters: Sequence[Chapter]) -> bytes:
    """`metadata.json`: every key with the type Audiobookshelf demands, for it drops a value of another type."""
    document: dict[str, JsonValue] = {
        "tags": list(book.labels),
        "chapters": [_chapter(idx, chapter) for idx, chapter in enumerate(chapters)],
        "title": book.title,
        "subtitle": book.subtitle,
        "authors": list(book.authors),
        "narrators": list(book.narrators),
        "series": [f"{one.name} #{one.index}" if one.index else one.name for one in book.series],
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
    for one in book.series:
        ET.SubElement(metadata, "meta", {"name": "calibre:series", "content": one.name})
        if one.index:  # must follow its series directly
            ET.SubElement(metadata, "meta", {"name": "calibre:series_index", "content": one.index})
    ET.indent(package)
    document: str = ET.tostring(package, encoding="unicode")
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{document}\n".encode()


def _chapter(idx: int, chapter: Chapter) -> JsonValue:
    # One chapter without a title makes Audiobookshelf drop them all.
    title = _line(chapter.title) or f"Chapter {idx + 1}"
    return {"id": idx, "start": round(chapter.start_secs, 3), "end": round(chapter.end_secs, 3), "title": title}


def _series(told: Sequence[SeriesRef]) -> tuple[SeriesRef, ...]:
    """Series with a name, each once. Audiobookshelf takes what follows the last " #" for the place in the series, but
    only when that holds neither a space nor another #: a name that ends so is read the same way here."""
    found: dict[str, str] = {}
    for one in told:
        name, index = _line(one.name) or "", re.sub(r"[\s#]+", "", _line(one.index) or "")
        if not index and (written := re.fullmatch(r"(.+) #([^#\s]+)", name)):
            name, index = written[1].rstrip(), written[2]
        if name:
            found[name] = found.get(name) or index
    return tuple(SeriesRef(name, index) for name, index in found.items())


def _line(text: str | None) -> str | None:
    return " ".join(_NOT_XML.sub("", text or "").split()) or None


def _lines(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line for text in texts if (line := _line(text))))


def _add(parent: ET.Element, tag: str, text: str | None, attributes: dict[str, str] | None = None) -> None:
    if text:
        ET.SubElement(parent, tag, attributes or {}).text = text
