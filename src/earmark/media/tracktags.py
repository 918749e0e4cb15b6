"""Tags of one music track, for Ogg Vorbis, Opus, FLAC, MP3 and M4A. How a container holds them is `tagfile`'s
business; which facts are right is the caller's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from earmark.core.tagging import line, prose
from earmark.core.tracktags import TrackTags
from earmark.media.tagfile import Fields, read_fields, write_fields


def write_track_tags(path: Path, tags: TrackTags, picture: bytes | None = None) -> None:
    """Replace the tags and the picture (JPEG or PNG) of our own file at `path`; the audio is not touched.

    Raises PermanentError `tags_unsupported`, `tags_failed`; OSError.
    """
    write_fields(path, track_fields(tags), picture)


def read_track_tags(path: Path) -> TrackTags:
    """The tags of a track as `write_track_tags` wrote them; fields it does not know stand in `extra`."""
    fields = dict(read_fields(path))

    def text(name: str) -> str:
        return next(iter(fields.pop(name, ())), "")

    def number(name: str) -> int | None:
        digits = re.match(r"\d{1,4}", text(name))
        return int(digits.group()) if digits else None

    return TrackTags(
        title=text("TITLE"),
        artist=text("ARTIST"),
        album_artist=text("ALBUMARTIST"),
        album=text("ALBUM"),
        number=number("TRACKNUMBER"),
        total=number("TRACKTOTAL"),
        disc=number("DISCNUMBER"),
        discs=number("DISCTOTAL"),
        year=number("DATE"),
        genre="; ".join(fields.pop("GENRE", ())) or None,
        extra={name: values[0] for name, values in fields.items() if values and name != "ENCODER"},
    )


def track_fields(tags: TrackTags) -> Fields:
    """A track's tags under the names of Vorbis comments, cleaned: one line each, nothing empty."""
    texts: dict[str, str | None] = {
        "TITLE": tags.title,
        "ARTIST": tags.artist,
        "ALBUMARTIST": tags.album_artist or tags.artist,
        "ALBUM": tags.album,
        "TRACKNUMBER": _number(tags.number),
        "TRACKTOTAL": _number(tags.total) if tags.number else None,  # a total without its number is nowhere written
        "DISCNUMBER": _number(tags.disc),
        "DISCTOTAL": _number(tags.discs) if tags.disc else None,
        "DATE": f"{tags.year:04}" if tags.year and 0 < tags.year <= 9999 else None,
    }
    fields: dict[str, Sequence[str]] = {name: [clean] for name, text in texts.items() if (clean := line(text))}
    if genres := [clean for genre in (tags.genre or "").split(";") if (clean := line(genre))]:
        fields["GENRE"] = genres
    for name, text in tags.extra.items():
        key = re.sub(r"[^A-Z0-9 _.-]", "", name.upper()).strip()
        if (
            key
            and key not in texts
            and not key.startswith(("METADATA_BLOCK_PICTURE", "CHAPTER"))
            and (clean := prose(text))
        ):
            fields[key] = [clean]
    return fields


def _number(number: int | None) -> str | None:
    return str(number) if number is not None and 0 < number <= 9999 else None
