"""Tags, cover and chapter marks of a finished book, for M4B, MP3, FLAC, Ogg Vorbis and Opus.

Which names the fields have is what Audiobookshelf (album is the title, artist the author, composer the narrator; its
`server/utils/prober.js`), Apple Books and Plex read; authors and narrators are one text each, parted by commas, because
none of the three reads repeated values. How a container holds a field is `tagfile`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from earmark.core.binding import BookTags, Chapter
from earmark.core.release import SeriesRef
from earmark.core.tagging import presentable
from earmark.media.containers import read_container
from earmark.media.pictures import embedded_pictures
from earmark.media.tagfile import Fields, read_fields, write_fields


def write_tags(path: Path, tags: BookTags, cover: Path | None = None, *, chapters: Sequence[Chapter] = ()) -> None:
    """Replace the tags and the picture of our own file at `path` by `tags`, cleaned (`core.tagging.presentable`), and
    by the cover (JPEG or PNG). The audio is not touched. Chapter marks stay as they are unless `chapters` are given;
    an M4B gets its marks when it is muxed, never here.

    Raises PermanentError `tags_unsupported`, `tags_failed`; OSError.
    """
    picture = cover.read_bytes() if cover is not None else None
    marks = [Chapter(one_line(c.title), c.start_secs, c.end_secs) for c in chapters]
    write_fields(path, fields_of(tags), picture, chapters=marks, audiobook=True)


def read_tags(path: Path) -> BookTags:
    """The tags as `write_tags` wrote them: `read_tags(p) == presentable(tags)`. Those that others wrote, as far as
    the fields are the same. Raises PermanentError `tags_unsupported`, `tags_failed`; OSError."""
    return tags_of(read_fields(path))


def read_chapters(path: Path) -> tuple[Chapter, ...]:
    """Chapter marks of a book. An M4B's list ends at 255: `proof` reads longer ones with ffmpeg."""
    info = read_container(path)
    return info.chapters if info else ()


def has_cover(path: Path) -> bool:
    return read_cover(path) is not None


def read_cover(path: Path) -> bytes | None:
    """The embedded picture (the front cover before others) as it is; None when there is none."""
    return next(iter(embedded_pictures(path)), None)


def joined(names: Sequence[str]) -> str:
    """People as one text."""
    return ", ".join(presentable(BookTags("", tuple(names))).authors)


def one_line(text: str, limit: int = 200) -> str:
    """A title fit for a chapter list: no control characters, single spaces, not endless.

    A backslash at the end goes too: ffmpeg 5 takes it for a line that goes on, however it is escaped.
    """
    plain = text.encode("utf-8", "ignore").decode("utf-8")  # half a surrogate pair cannot be written anywhere
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", plain).strip()[:limit].rstrip("\\ ")


def fields_of(tags: BookTags) -> Fields:
    """A book's tags under the names of Vorbis comments."""
    book = presentable(tags)
    authors, narrators = ", ".join(book.authors), ", ".join(book.narrators)
    plain: dict[str, str | None] = {
        "TITLE": book.title,
        "ALBUM": book.title,
        "ARTIST": authors,
        "ALBUMARTIST": authors,
        "COMPOSER": narrators,
        "NARRATOR": narrators,
        "SUBTITLE": book.subtitle,
        "SERIES": book.series,
        "SERIES-PART": book.series_index,
        "DATE": f"{book.year:04}" if book.year else None,
        "PUBLISHER": book.publisher,
        "DESCRIPTION": book.description,
        "LANGUAGE": book.language,
        "ASIN": book.asin,
        "ISBN": book.isbn,
        "ABRIDGED": None if book.abridged is None else str(book.abridged).lower(),
    }
    fields: dict[str, Sequence[str]] = {name: [text] for name, text in plain.items() if text}
    if book.genres:
        fields["GENRE"] = book.genres
    if book.series and book.more_series:  # Audiobookshelf reads several series from here: “One #1; Other #2”
        primary = SeriesRef(re.sub(r"[;#]", " ", book.series), book.series_index or "")
        fields["GROUPING"] = ["; ".join(_numbered(ref) for ref in (primary, *book.more_series))]
    return fields


def tags_of(fields: Mapping[str, Sequence[str]]) -> BookTags:
    """What `fields_of` made, read back."""

    def text(*names: str) -> str | None:
        return next((fields[name][0] for name in names if fields.get(name)), None)

    year = re.match(r"\d{4}", text("DATE", "YEAR") or "")
    return presentable(
        BookTags(
            title=text("ALBUM", "TITLE") or "",
            authors=tuple(fields.get("ARTIST") or fields.get("ALBUMARTIST") or ()),
            narrators=tuple(fields.get("COMPOSER") or fields.get("NARRATOR") or ()),
            subtitle=text("SUBTITLE"),
            series=text("SERIES"),
            series_index=text("SERIES-PART"),
            year=int(year.group()) if year else None,
            publisher=text("PUBLISHER"),
            description=text("DESCRIPTION"),
            language=text("LANGUAGE"),
            genres=tuple(genre for value in fields.get("GENRE", ()) for genre in value.split(";")),
            asin=text("ASIN"),
            isbn=text("ISBN"),
            abridged={"true": True, "false": False}.get(text("ABRIDGED") or ""),
            more_series=_others(text("GROUPING")) if text("SERIES") else (),
        )
    )


def _numbered(ref: SeriesRef) -> str:
    return f"{ref.name} #{ref.index}" if ref.index else ref.name


def _others(grouping: str | None) -> tuple[SeriesRef, ...]:
    """All series of the text but the first, which has fields of its own."""
    parts = [part.strip().partition(" #") for part in (grouping or "").split(";")]
    return tuple(SeriesRef(name.strip(), index.strip()) for name, _, index in parts[1:])
