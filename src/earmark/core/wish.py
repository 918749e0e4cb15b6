"""What somebody asked for. A ticket carries one wish; everything later is judged against it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias


class Kind(StrEnum):
    """What ends up on the shelf."""

    AUDIOBOOK = "audiobook"
    EBOOK = "ebook"
    MUSIC = "music"


@dataclass(frozen=True, slots=True)
class BookWish:
    """An audiobook or e-book. Only the title is certain; unknown stays None or empty and never counts as a match."""

    title: str
    authors: tuple[str, ...] = ()
    narrators: tuple[str, ...] = ()
    series: str | None = None
    series_index: str | None = None  # text: "2.5", "1-3"
    year: int | None = None
    language: str | None = None  # ISO 639-1, lower case
    isbn: str | None = None
    asin: str | None = None
    runtime_secs: float | None = None
    abridged: bool | None = None


@dataclass(frozen=True, slots=True)
class TrackWish:
    """One track of an album and where it must end (document 003)."""

    catalog_track_id: str
    disc_number: int
    track_number: int
    name: str
    duration_secs: float | None
    dest_path: str
    requested: bool = True


@dataclass(frozen=True, slots=True)
class ImageWish:
    catalog_image_id: str
    type: str
    dest_path: str


@dataclass(frozen=True, slots=True)
class AlbumWish:
    """A music album (document 003)."""

    artist: str
    album: str
    year: int | None = None
    label: str | None = None
    genres: tuple[str, ...] = ()
    tracks: tuple[TrackWish, ...] = ()
    images: tuple[ImageWish, ...] = ()


Wish: TypeAlias = BookWish | AlbumWish


@dataclass(frozen=True, slots=True)
class Constraints:
    """How the files must come out. None leaves the choice to the profile of the kind."""

    format: str | None = None
    bitrate_kbps: int | None = None
    sample_rate_hz: int | None = None
    embed_metadata: bool = True
    embed_cover: bool = True


@dataclass(frozen=True, slots=True)
class TicketRequest:
    """Everything a caller may say about a ticket, already validated at the face it came through."""

    kind: Kind
    wish: Wish
    priority: int = 0  # higher goes first
    constraints: Constraints = field(default_factory=Constraints)
    metadata_to_embed: dict[str, str] = field(default_factory=dict)
    requested_by: str = "api"


def headline(wish: Wish) -> str:
    """The wish in one line for lists and logs."""
    if isinstance(wish, AlbumWish):
        return f"{wish.artist} – {wish.album}"
    return f"{wish.title} – {', '.join(wish.authors)}" if wish.authors else wish.title
