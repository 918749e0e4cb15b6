"""Reading a library folder the way Audiobookshelf does: which folders are books, and what their files say of them.

Trust grows from folder names over the audio's tags, desc.txt and reader.txt, and `metadata.opf` to `metadata.json`, as
over there (checked against version 2.36: reference/real-components.md section 4). Only ever reads.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from earmark.core.reasons import JsonValue
from earmark.core.text import plain_text
from earmark.sandbox.vocabulary import AUDIO_SUFFIXES

EBOOK_SUFFIXES = frozenset({"epub", "pdf", "mobi", "azw3", "cbr", "cbz"})
DISC_FOLDER = re.compile(r"(cd|dis[ck])\s*\d{1,3}", re.IGNORECASE)
DC = "{http://purl.org/dc/elements/1.1/}"
OPF = "{http://www.idpf.org/2007/opf}"
TEXTS = frozenset(
    {"title", "subtitle", "publishedYear", "publishedDate", "publisher", "description", "isbn", "asin", "language"}
)
LISTS = frozenset({"authors", "narrators", "series", "genres", "tags"})
FLAGS = frozenset({"explicit", "abridged"})


@dataclass(frozen=True, slots=True)
class ShelfBook:
    """One book of a library: where it lies and what is known of it. `inode` is its folder's, or its only file's."""

    path: Path
    inode: int
    audio: tuple[Path, ...]
    ebooks: tuple[Path, ...]
    cover: Path | None
    facts: dict[str, JsonValue]  # keys as in metadata.json
    chapters: tuple[dict[str, JsonValue], ...] = ()
    duration: float = 0.0


def scan_library(root: Path) -> tuple[ShelfBook, ...]:
    """Every book below `root`; a folder that is not there holds none. What cannot be read tells nothing."""
    media: list[Path] = []
    for path in sorted(root.rglob("*")) if root.is_dir() else []:
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if not hidden and _suffix(path) in AUDIO_SUFFIXES | EBOOK_SUFFIXES and path.is_file():
            media.append(path)
    items: dict[Path, list[Path]] = {}
    for path in sorted(media, key=lambda p: (len(p.parts), p)):
        # A file above other books' folders swallows them all, as it does over there.
        above = next((parent for parent in reversed(path.parents) if parent in items), None)
        items.setdefault(above or _book_folder(path, root), []).append(path)
    return tuple(_read_book(place, files, root) for place, files in sorted(items.items()))


def _book_folder(path: Path, root: Path) -> Path:
    """The folder a file's book lives in: not the disc's; a file right in the library is a book by itself."""
    folder = path.parent
    if DISC_FOLDER.fullmatch(folder.name) and folder.parent != root:
        folder = folder.parent
    return path if folder == root else folder


def _read_book(place: Path, files: list[Path], root: Path) -> ShelfBook:
    audio = tuple(path for path in files if _suffix(path) in AUDIO_SUFFIXES)
    book = ShelfBook(
        path=place,
        inode=place.stat().st_ino,
        audio=audio,
        ebooks=tuple(path for path in files if path not in audio),
        cover=None,
        facts=_from_names(place, root),
    )
    book = _with_tags(book)
    if place.is_dir():
        book = _with_texts(book)
        book = _with_opf(book)
        book = _with_json(book)
        pictures = (path for path in sorted(place.iterdir()) if _suffix(path) in {"jpg", "jpeg", "png", "webp"})
        book = replace(book, cover=min(pictures, key=lambda p: p.stem.casefold() != "cover", default=None))
    return book


def _from_names(place: Path, root: Path) -> dict[str, JsonValue]:
    """Author/Series/Title; the title may carry [ASIN], {narrator}, a leading year or number."""
    *above, own = place.relative_to(root).parts
    title = Path(own).stem if place.is_file() else own
    facts: dict[str, JsonValue] = {}
    if found := re.search(r"\s*[\[(](B0[0-9A-Z]{8})[\])]", title):
        facts["asin"], title = found[1], title.replace(found[0], "")
    if found := re.search(r"\s*\{([^}]+)\}", title):
        facts["narrators"], title = [found[1]], title.replace(found[0], "")
    sequence = ""
    if found := re.match(r"\(?(\d{4})\)? - (?=.)", title):
        facts["publishedYear"], title = found[1], title[found.end() :]
    if len(above) > 1 and (
        found := re.match(r"(?:vol(?:ume)?\.? |book )?(\d+(?:\.\d+)?)(?: - |\. )(?=.)", title, re.I)
    ):
        sequence, title = found[1], title[found.end() :]
    facts["title"] = title.strip() or own
    if above:
        facts["authors"] = [above[0]]
    if len(above) > 1:
        facts["series"] = [f"{above[1]} #{sequence}" if sequence else above[1]]
    return facts


def _with_tags(book: ShelfBook) -> ShelfBook:
    """album is the title there, artist the author, composer the narrator."""
    from mutagen import File, MutagenError

    seconds = 0.0
    told: dict[str, JsonValue] = {}
    chapters: list[dict[str, JsonValue]] = []
    for path in book.audio:
        try:
            media = File(path)
        except (MutagenError, OSError):
            continue
        if media is None or media.info is None:
            continue
        seconds += float(media.info.length)
        if not told:
            told = _tags(lambda *names, tags=media.tags: _first_tag(tags, *names))
            marks = getattr(media, "chapters", None) or ()
            chapters = [{"start": float(mark.start), "title": str(mark.title)} for mark in marks]
    for at, chapter in enumerate(chapters):
        end = chapters[at + 1]["start"] if at + 1 < len(chapters) else seconds
        chapter.update({"id": at, "end": end})
    return replace(book, facts=book.facts | told, chapters=tuple(chapters), duration=seconds)


def _tags(first: Callable[..., str]) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = {}
    if title := first("\xa9alb", "TALB", "album") or first("\xa9nam", "TIT2", "title"):
        facts["title"] = title
    for key, names in (("authors", ("\xa9ART", "TPE1", "artist")), ("narrators", ("\xa9wrt", "TCOM", "composer"))):
        if people := first(*names):
            facts[key] = [name.strip() for name in re.split(r"[,;&/]", people) if name.strip()]
    if year := re.match(r"\d{4}", first("\xa9day", "TDRC", "date")):
        facts["publishedYear"] = year[0]
    if asin := first("----:com.apple.iTunes:ASIN", "TXXX:ASIN", "asin"):
        facts["asin"] = asin
    return facts


def _first_tag(tags: object, *names: str) -> str:
    get = getattr(tags, "get", lambda _: None)
    for name in names:
        value = get(name)
        value = getattr(value, "text", value)
        if isinstance(value, list) and value:
            value = value[0]
        if value:
            return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return ""


def _with_texts(book: ShelfBook) -> ShelfBook:
    facts = dict(book.facts)
    with contextlib.suppress(OSError, ValueError):
        facts["description"] = (book.path / "desc.txt").read_text("utf-8").strip()
    with contextlib.suppress(OSError, ValueError):
        names = (book.path / "reader.txt").read_text("utf-8")
        facts["narrators"] = [name.strip() for name in re.split(r"[,;&\n]", names) if name.strip()]
    return replace(book, facts=facts)


def _with_opf(book: ShelfBook) -> ShelfBook:
    """Any .opf: roles and schemes stand in opf: attributes, the series in a meta right before its index."""
    path = next((path for path in sorted(book.path.glob("*.opf"))), None)
    if path is None:
        return book
    try:
        metadata = fromstring(path.read_bytes()).find(f"{OPF}metadata")
    except (OSError, ParseError, DefusedXmlException, ValueError):
        return book
    return replace(book, facts=book.facts | _opf_facts(metadata)) if metadata is not None else book


def _opf_facts(metadata: Element) -> dict[str, JsonValue]:
    def texts(tag: str, attribute: str = "", value: str = "") -> list[JsonValue]:
        found = (e for e in metadata.findall(tag) if not attribute or e.get(f"{OPF}{attribute}") == value)
        return [text for e in found if (text := (e.text or "").strip())]

    facts: dict[str, JsonValue] = {}
    for key in ("title", "subtitle", "publisher", "language"):
        if found := texts(f"{DC}{key}"):
            facts[key] = found[0]
    for key, role in (("authors", "aut"), ("narrators", "nrt")):
        if found := texts(f"{DC}creator", "role", role):
            facts[key] = found
    for key, scheme in (("asin", "ASIN"), ("isbn", "ISBN")):
        if found := texts(f"{DC}identifier", "scheme", scheme):
            facts[key] = found[0]
    for key, tag in (("genres", "subject"), ("tags", "tag")):
        if found := texts(f"{DC}{tag}"):
            facts[key] = found
    if (dates := texts(f"{DC}date")) and re.match(r"\d{4}", str(dates[0])):
        facts["publishedYear"] = str(dates[0])[:4]
    if descriptions := texts(f"{DC}description"):
        facts["description"] = plain_text(str(descriptions[0]))
    if series := _opf_series(metadata):
        facts["series"] = series
    return facts


def _opf_series(metadata: Element) -> list[JsonValue]:
    metas = metadata.findall(f"{OPF}meta")
    series: list[JsonValue] = []
    for at, meta in enumerate(metas):
        if meta.get("name") == "calibre:series" and meta.get("content"):
            after = metas[at + 1] if at + 1 < len(metas) else None
            index = after.get("content") if after is not None and after.get("name") == "calibre:series_index" else None
            series.append(f"{meta.get('content')} #{index}" if index else meta.get("content"))
    return series


def _with_json(book: ShelfBook) -> ShelfBook:
    """metadata.json: a value of the wrong type is dropped, one chapter without a title drops them all."""
    try:
        told = json.loads((book.path / "metadata.json").read_text("utf-8"))
    except (OSError, ValueError):
        return book
    if not isinstance(told, dict):
        return book
    facts = book.facts | {key: value for key, value in told.items() if _is_sound(key, value)}
    chapters = told.get("chapters")
    sound = isinstance(chapters, list) and all(_is_chapter(chapter) for chapter in chapters)
    return replace(book, facts=facts, chapters=tuple(chapters) if sound and chapters else book.chapters)


def _is_sound(key: str, value: JsonValue) -> bool:
    if key in TEXTS:
        return isinstance(value, str) and bool(value)
    if key in LISTS:
        return isinstance(value, list) and bool(value) and all(isinstance(entry, str) for entry in value)
    return key in FLAGS and isinstance(value, bool)


def _is_chapter(told: JsonValue) -> bool:
    if not isinstance(told, dict) or not told.get("title"):
        return False
    return all(isinstance(told.get(key), int | float) for key in ("start", "end"))


def _suffix(path: Path) -> str:
    return path.suffix.lower().lstrip(".")
