"""Tags, cover and chapter marks of a finished book: written and read back with mutagen.

Only files of our own making are written to. Which names the fields have is what Audiobookshelf, Apple Books and Plex
read; authors and narrators are one text each, parted by commas, because none of the three reads repeated values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from mutagen import MutagenError
from mutagen.mp4 import MP4, AtomDataType, MP4Cover, MP4FreeForm

from earmark.core.binding import BookTags, Chapter
from earmark.media.containers import spans

AUDIOBOOK = 2  # `stik`: what kind of media this is
_FREE = "----:com.apple.iTunes:"


def write_tags(path: Path, tags: BookTags, cover: Path | None = None) -> None:
    """Write `tags` and the cover (JPEG or PNG) into the M4B at `path`, replacing what it had; chapters stay."""
    audio = MP4(path)
    audio.delete()
    audio = MP4(path)
    if audio.tags is None:
        audio.add_tags()
    for key, value in _fields(tags).items():
        audio.tags[key] = value
    if cover is not None:
        data = cover.read_bytes()
        kind = MP4Cover.FORMAT_PNG if data.startswith(b"\x89PNG") else MP4Cover.FORMAT_JPEG
        audio.tags["covr"] = [MP4Cover(data, imageformat=kind)]
    audio.save()


def read_tags(path: Path) -> BookTags:
    """The tags of an M4B as `write_tags` wrote them (or as others did, as far as the fields are the same)."""
    raw = cast("dict[str, list[object]]", dict(MP4(path).tags or {}))

    def text(key: str) -> str | None:
        values = raw.get(key)
        if not values:
            return None
        first = values[0]
        return (bytes(first).decode("utf-8", "replace") if isinstance(first, bytes) else str(first)) or None

    year = re.match(r"\d{4}", text("\xa9day") or "")
    return BookTags(
        title=text("\xa9nam") or "",
        authors=_people(text("\xa9ART")),
        narrators=_people(text("\xa9wrt")),
        subtitle=text(_FREE + "SUBTITLE"),
        series=text(_FREE + "SERIES") or text("\xa9mvn"),
        series_index=text(_FREE + "SERIES-PART") or text("\xa9mvi"),
        year=int(year.group()) if year else None,
        publisher=text(_FREE + "PUBLISHER"),
        description=text("ldes") or text("desc"),
        language=text(_FREE + "LANGUAGE"),
        genres=tuple(str(g) for g in raw.get("\xa9gen", ())),
        asin=text(_FREE + "ASIN"),
        isbn=text(_FREE + "ISBN"),
    )


def read_chapters(path: Path) -> tuple[Chapter, ...]:
    """Chapter marks of an M4B from its chapter list. That list ends at 255: `proof` reads longer ones with ffmpeg."""
    try:
        audio = MP4(path)
    except MutagenError:
        return ()
    return spans([(float(c.start), str(c.title)) for c in audio.chapters or ()], float(audio.info.length))


def has_cover(path: Path) -> bool:
    return bool((MP4(path).tags or {}).get("covr"))


def joined(names: Sequence[str]) -> str:
    """People as one text."""
    return ", ".join(names)


def one_line(text: str, limit: int = 200) -> str:
    """A title fit for a chapter list: no control characters, single spaces, not endless.

    A backslash at the end goes too: ffmpeg 5 takes it for a line that goes on, however it is escaped.
    """
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()[:limit].rstrip("\\ ")


def _fields(tags: BookTags) -> dict[str, list[object]]:
    authors, narrators = joined(tags.authors), joined(tags.narrators)
    plain: dict[str, str | None] = {
        "\xa9nam": tags.title,
        "\xa9alb": tags.title,
        "\xa9ART": authors,
        "aART": authors,
        "\xa9wrt": narrators,
        "\xa9nrt": narrators,
        "\xa9day": str(tags.year) if tags.year else None,
        "desc": tags.description,
        "ldes": tags.description,
        "\xa9mvn": tags.series,
    }
    free = {
        "SUBTITLE": tags.subtitle,
        "SERIES": tags.series,
        "SERIES-PART": tags.series_index,
        "PUBLISHER": tags.publisher,
        "LANGUAGE": tags.language,
        "ASIN": tags.asin,
        "ISBN": tags.isbn,
    }
    fields: dict[str, list[object]] = {key: [value] for key, value in plain.items() if value}
    fields["stik"] = [AUDIOBOOK]
    if tags.genres:
        fields["\xa9gen"] = list(tags.genres)
    if tags.series and tags.series_index and re.fullmatch(r"\d{1,4}", tags.series_index):
        fields["\xa9mvi"] = [int(tags.series_index)]  # holds whole numbers only; 2.5 stands in SERIES-PART alone
    for name, value in free.items():
        if value:
            fields[_FREE + name] = [MP4FreeForm(value.encode(), dataformat=AtomDataType.UTF8)]
    return fields


def _people(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip()) if text else ()
