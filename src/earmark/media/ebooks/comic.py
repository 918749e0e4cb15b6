"""Comic archives (CBZ): pictures in natural order, ComicInfo.xml where there is one (the Anansi project's schema)."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

from earmark.core.ebooks import EbookFacts
from earmark.core.ordering import natural_key
from earmark.media.ebooks.archive import bytes_of, check_whole, opened, xml_of
from earmark.media.ebooks.faults import Cover, Unreadable, cover_of, isbn_in, language_in, line, lines, year_in

INFO = "comicinfo.xml"
_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".jxl"})


def read(path: Path) -> tuple[EbookFacts, Cover | None]:
    """Facts of a comic and its first picture as cover. Raises `Unreadable`."""
    with opened(path) as archive:
        check_whole(archive)
        names = archive.namelist()
        pictures = sorted((n for n in names if is_picture(n)), key=natural_key)
        if not pictures:
            raise Unreadable("there are no pictures in it")
        info = next((n for n in names if PurePosixPath(n).name.lower() == INFO), None)
        cover = cover_of(bytes_of(archive, pictures[0]) or b"")
        said = xml_of(archive, info) if info else None
    return _facts(said, len(pictures)), cover


def is_picture(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in _PICTURES and not any(p.startswith((".", "__MACOSX")) for p in path.parts)


def _facts(info: Element | None, pictures: int) -> EbookFacts:
    def say(name: str) -> str | None:
        return line(info.findtext(name)) if info is not None else None

    return EbookFacts(
        format="cbz",
        parts=pictures,
        title=say("Title"),
        authors=_names(say("Writer")),
        series=say("Series"),
        series_index=say("Number"),
        year=year_in(say("Year")),
        publisher=say("Publisher"),
        description=info.findtext("Summary") if info is not None else None,
        language=language_in(say("LanguageISO")),
        genres=_names(say("Genre")),
        isbn=isbn_in(say("GTIN")),
    )


def _names(text: str | None) -> tuple[str, ...]:
    return lines(list(re.split(r"[,;]", text or "")))
