"""Which facts go into one track of an album: what the ticket says to embed, then the wish. Pure; writing them is
`media`'s."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from earmark.core.wish import AlbumWish, TrackWish

_KNOWN = frozenset({"artist", "album_artist", "albumartist", "album", "year", "date", "genre", "title"})


@dataclass(frozen=True, slots=True)
class TrackTags:
    """What is written into a track. Several genres are parted by semicolons; `extra` are further fields under their
    Vorbis names (LABEL, ISRC, …)."""

    title: str
    artist: str = ""
    album_artist: str = ""
    album: str = ""
    number: int | None = None
    total: int | None = None
    disc: int | None = None
    discs: int | None = None
    year: int | None = None
    genre: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


def track_tags(wish: AlbumWish, track: TrackWish, overrides: Mapping[str, str]) -> TrackTags:
    """The tags of `track`. `overrides` are the ticket's metadata_to_embed (document 003: artist, album, year, genre),
    which hold for the whole album and win; names it does not know are embedded as they are. A track's title is its
    own, whatever the overrides say."""
    said = {name.casefold().strip(): text.strip() for name, text in overrides.items() if text.strip()}
    artist = said.get("artist") or wish.artist
    year = re.search(r"\b(\d{4})\b", said.get("year") or said.get("date") or "")
    return TrackTags(
        title=track.name,
        artist=artist,
        album_artist=said.get("album_artist") or said.get("albumartist") or artist,
        album=said.get("album") or wish.album,
        number=track.track_number,
        total=max((t.track_number for t in wish.tracks if t.disc_number == track.disc_number), default=None),
        disc=track.disc_number,
        discs=max((t.disc_number for t in wish.tracks), default=None),
        year=int(year[1]) if year else wish.year,
        genre=said.get("genre") or "; ".join(wish.genres) or None,
        extra={
            **({"LABEL": wish.label} if wish.label else {}),
            **{name.upper(): text for name, text in said.items() if name not in _KNOWN},
        },
    )
