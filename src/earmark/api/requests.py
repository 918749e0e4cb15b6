"""What a caller may send, checked field by field, and its way into the house's own words. Every complaint names the field
and the fix; what is accepted here is a sound `TicketRequest`. What becomes of it is not decided here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Literal, TypeAlias

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    StringConstraints,
    Tag,
)
from pydantic.functional_validators import AfterValidator

from earmark.api.field_errors import BOOK_TAG, MUSIC_TAG, wrong
from earmark.api.languages import two_letter_code
from earmark.api.problems import FieldError, Refusal
from earmark.core.ticket import TicketId
from earmark.core.wish import AlbumWish, BookWish, Constraints, ImageWish, Kind, TicketRequest, TrackWish

BOOK_FORMATS = {"audiobook": ("m4b",), "ebook": ("epub", "azw3", "mobi", "pdf", "cbz")}
MUSIC_FORMATS = ("ogg_vorbis", "opus", "mp3", "flac")
MAX_PATH = 4096  # Linux PATH_MAX
MAX_SEGMENT_BYTES = 255

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MAGNET = re.compile(
    r"magnet:\?(?:.*&)?xt=urn:(?:btih:(?:[0-9a-f]{40}|[a-z2-7]{32})|btmh:1220[0-9a-f]{64})(?:&.*)?", re.I
)


# --- checks of single values ------------------------------------------------------------------------------------------


def _one_line(value: str) -> str:
    if _CONTROL.search(value):
        raise wrong("contains control characters", "Send plain text in one line.")
    return value


def _ticket_id(value: str) -> str:
    if not UUID.fullmatch(value.lower()):
        raise wrong("is not a UUID", "Send one like 123e4567-e89b-42d3-a456-426614174000, or leave it out to get one.")
    return value.lower()


def _isbn(value: str) -> str:
    plain = re.sub(r"[\s-]", "", value).upper()
    if not re.fullmatch(r"\d{9}[\dX]|\d{13}", plain):
        raise wrong("is no ISBN", "Send 10 or 13 digits, e.g. 9780261102354, or leave it out.")
    return plain


def _asin(value: str) -> str:
    if not re.fullmatch(r"[A-Z0-9]{10}", value.upper()):
        raise wrong("is no ASIN", "Send its 10 letters and digits, e.g. B017V4IM1G, or leave it out.")
    return value.upper()


def _language(value: str) -> str:
    code = two_letter_code(value)
    if code is None:
        raise wrong("is no language code", "Send an ISO 639 code such as en, de or eng.")
    return code


def _absolute_path(value: str) -> str:
    if not value.startswith("/"):
        raise wrong("must be an absolute path", "Start it with /, e.g. /media/albums/abc123/d1t01.ogg.")
    segments = value[1:].split("/")
    if any(segment in ("..", ".") for segment in segments):
        raise wrong("must not contain . or .. segments", "Write the path out in full.")
    if any(not segment.strip() for segment in segments):
        raise wrong("has an empty segment or ends with /", "Name a file, with single slashes between folders.")
    if any(len(segment.encode()) > MAX_SEGMENT_BYTES for segment in segments):
        raise wrong("has a name of more than 255 bytes", "Shorten the folder or file name.")
    return value


def _magnet(value: str) -> str:
    if not _MAGNET.fullmatch(value):
        raise wrong("is no magnet link", "Send one that starts with magnet:? and carries xt=urn:btih:<info-hash>.")
    return value


def _mam_id(value: str) -> str:
    plain = value.removeprefix("mam_id=").rstrip(";")
    if not re.fullmatch(r"[\x21-\x3a\x3c-\x7e]+", plain):
        raise wrong("is not a cookie value", "Copy the value of mam_id from Preferences, Security on the site.")
    return plain


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_text(value: object) -> object:
    """Numbers where text is kept (a year tag, a place in a series)."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Line: TypeAlias = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_one_line)
]
Name: TypeAlias = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_one_line)
]
Short: TypeAlias = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), AfterValidator(_one_line)
]
NumberOrText: TypeAlias = Annotated[Short, BeforeValidator(_as_text, json_schema_input_type=str | int | float)]
TagText: TypeAlias = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=5000),
    BeforeValidator(_as_text, json_schema_input_type=str | int | float),
]
TagName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_ -]{1,64}$")]
People: TypeAlias = Annotated[
    list[Name], Field(max_length=50), BeforeValidator(_listed, json_schema_input_type=str | list[str])
]
Whole: TypeAlias = Annotated[int, Strict()]
Flag: TypeAlias = Annotated[bool, Strict()]
Year: TypeAlias = Annotated[int, Strict(), Field(ge=0, le=2200)]
Seconds: TypeAlias = Annotated[float, Strict(), Field(gt=0, le=100 * 3600 * 24)]
DestPath: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_PATH), AfterValidator(_one_line), AfterValidator(_absolute_path)
]
AnyUuid: TypeAlias = Annotated[
    str,
    StringConstraints(max_length=64),
    AfterValidator(_ticket_id),
    Field(json_schema_extra={"format": "uuid", "pattern": f"^(?i:{UUID.pattern})$".replace("(?i:", "(?:")}),
]


class Body(BaseModel):
    """Unknown fields are refused: a misspelt one must not vanish silently."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


# --- tickets ----------------------------------------------------------------------------------------------------------


class BookSearch(Body):
    title: Line
    author: People = Field(default_factory=list, description="One author or a list of them.")
    narrator: People = Field(default_factory=list, description="One narrator or a list of them.")
    series: Line | None = None
    series_index: NumberOrText | None = Field(None, description="Place in the series, e.g. 2 or `2.5` or `1-3`.")
    year: Year | None = None
    language: Annotated[str, StringConstraints(max_length=16), AfterValidator(_language)] | None = Field(
        None, description="ISO 639-1; three-letter codes are brought to it."
    )
    isbn: Annotated[str, StringConstraints(max_length=32), AfterValidator(_isbn)] | None = None
    asin: Annotated[str, StringConstraints(strip_whitespace=True, max_length=16), AfterValidator(_asin)] | None = None
    runtime_secs: Seconds | None = None
    abridged: Flag | None = None


class AlbumSearch(Body):
    artist: Line
    album: Line
    year: Year | None = None
    label: Line | None = None
    genres: list[Name] = Field(default_factory=list, max_length=50)


class Track(Body):
    catalog_track_id: Name = Field(validation_alias=AliasChoices("catalog_track_id", "id"))
    disc_number: Annotated[Whole, Field(ge=1, le=999)] = 1
    track_number: Annotated[Whole, Field(ge=1, le=9999)]
    name: Line
    duration_secs: Seconds | None = None
    dest_path: DestPath
    requested: Flag = Field(True, description="False: the track belongs to the album but is not wanted.")


class Image(Body):
    catalog_image_id: Name = Field(validation_alias=AliasChoices("catalog_image_id", "id"))
    type: Short = Field("cover_front", examples=["cover_front"])
    dest_path: DestPath


class ConstraintsIn(Body):
    format: Short | None = Field(None, examples=["ogg_vorbis"])
    bitrate_kbps: Annotated[Whole, Field(ge=8, le=10_000)] | None = None
    sample_rate_hz: Annotated[Whole, Field(ge=8_000, le=384_000)] | None = None
    embed_metadata: Flag = True
    embed_cover: Flag = True


class _Ticket(Body):
    ticket_id: AnyUuid | None = Field(None, description="Your own UUID makes filing idempotent; else one is made.")
    created_at: datetime | None = Field(None, description="Accepted for document 003's sake; Earmark keeps its own.")
    priority: Annotated[Whole, Field(ge=-1000, le=1000)] = Field(0, description="Higher goes first.")
    constraints: ConstraintsIn = Field(default_factory=ConstraintsIn)
    metadata_to_embed: dict[TagName, TagText] = Field(default_factory=dict, max_length=100)


class BookTicket(_Ticket):
    """A wish for an audiobook or e-book."""

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={
            "example": {
                "kind": "audiobook",
                "search": {"title": "The Time Machine", "author": "H. G. Wells", "language": "en"},
            }
        },
    )

    kind: Literal["audiobook", "ebook"] = "audiobook"
    search: BookSearch


class MusicTicket(_Ticket):
    """A wish for an album, as document 003 has it."""

    kind: Literal["music"] = "music"
    search: AlbumSearch
    tracks: list[Track] = Field(min_length=1, max_length=2000)
    images: list[Image] = Field(default_factory=list, max_length=100)


def _which(body: object) -> str:
    """`kind` decides; without it tracks mean music."""
    if isinstance(body, dict):
        music = body.get("kind") == "music" or ("kind" not in body and "tracks" in body)
        return MUSIC_TAG if music else BOOK_TAG
    return MUSIC_TAG if isinstance(body, MusicTicket) else BOOK_TAG


TicketBody: TypeAlias = Annotated[
    Annotated[BookTicket, Tag(BOOK_TAG)] | Annotated[MusicTicket, Tag(MUSIC_TAG)], Discriminator(_which)
]


# --- other bodies -----------------------------------------------------------------------------------------------------


class ApproveBody(Body):
    candidate_idx: Annotated[Whole, Field(ge=0, le=100_000)] | None = Field(
        None, description="Index into the ticket's candidates; without it the recommended one is taken."
    )


class AnswerBody(Body):
    answer: Line = Field(
        description="One of the words in `waiting.evidence.answers` of the ticket.", examples=["names", "replace"]
    )


class RejectBody(Body):
    reason: Line | None = None


class BlockBody(Body):
    candidate_idx: Annotated[Whole, Field(ge=0, le=100_000)]
    reason: Line | None = None


class SearchBody(Body):
    query: Line = Field(examples=["time machine wells unabridged"])


class MagnetBody(Body):
    magnet_uri: Annotated[
        str,
        StringConstraints(strip_whitespace=True, max_length=8192),
        AfterValidator(_one_line),
        AfterValidator(_magnet),
    ] = Field(examples=["magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=Example"])


class MamSessionBody(Body):
    mam_id: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4096), AfterValidator(_mam_id)
    ] = Field(description="The session cookie from Preferences, Security on the site. Kept encrypted.")


# --- into the house's words -------------------------------------------------------------------------------------------


def ticket_request(body: BookTicket | MusicTicket, music_library: str | None) -> TicketRequest:
    """The request in core's terms. Raises `Refusal` for what only shows when fields are seen together."""
    errors = list(_format_errors(body))
    if isinstance(body, MusicTicket):
        errors += _album_errors(body, music_library)
    if errors:
        raise Refusal.of_fields(errors)
    return TicketRequest(
        kind=Kind(body.kind),
        wish=_album(body) if isinstance(body, MusicTicket) else _book(body.search),
        priority=body.priority,
        constraints=Constraints(**body.constraints.model_dump()),
        metadata_to_embed=dict(body.metadata_to_embed),
    )


def ticket_id_of(body: BookTicket | MusicTicket) -> TicketId | None:
    return TicketId(body.ticket_id) if body.ticket_id else None


def _book(search: BookSearch) -> BookWish:
    return BookWish(
        title=search.title,
        authors=tuple(search.author),
        narrators=tuple(search.narrator),
        series=search.series,
        series_index=search.series_index,
        year=search.year,
        language=search.language,
        isbn=search.isbn,
        asin=search.asin,
        runtime_secs=search.runtime_secs,
        abridged=search.abridged,
    )


def _album(body: MusicTicket) -> AlbumWish:
    search = body.search
    return AlbumWish(
        artist=search.artist,
        album=search.album,
        year=search.year,
        label=search.label,
        genres=tuple(search.genres),
        tracks=tuple(TrackWish(**track.model_dump()) for track in body.tracks),
        images=tuple(ImageWish(**image.model_dump()) for image in body.images),
    )


def _format_errors(body: BookTicket | MusicTicket) -> Iterator[FieldError]:
    allowed = MUSIC_FORMATS if isinstance(body, MusicTicket) else BOOK_FORMATS[body.kind]
    wanted = body.constraints.format
    if wanted is not None and wanted not in allowed:
        yield FieldError(
            field="constraints.format",
            message=f"is no format for {body.kind}",
            fix=f"Send {' or '.join(allowed)}, or leave it out.",
        )


def _album_errors(body: MusicTicket, music_library: str | None) -> Iterator[FieldError]:
    if not any(track.requested for track in body.tracks):
        yield FieldError(field="tracks", message="has no requested track", fix="Set requested to true for one of them.")
    ids = [(f"tracks[{n}].catalog_track_id", track.catalog_track_id) for n, track in enumerate(body.tracks)]
    image_ids = [(f"images[{n}].catalog_image_id", image.catalog_image_id) for n, image in enumerate(body.images)]
    paths = [
        *((f"tracks[{n}].dest_path", track.dest_path) for n, track in enumerate(body.tracks)),
        *((f"images[{n}].dest_path", image.dest_path) for n, image in enumerate(body.images)),
    ]
    for group in (ids, image_ids, paths):
        yield from _repeated(group)
    if music_library is not None:
        root = PurePosixPath(music_library)
        for field, path in paths:
            if root not in PurePosixPath(path).parents:
                yield FieldError(
                    field=field,
                    message="lies outside the music library",
                    fix=f"Choose a path below {root}, or change [library] music.",
                )


def _repeated(values: list[tuple[str, str]]) -> Iterator[FieldError]:
    counts = Counter(value for _, value in values)
    seen: dict[str, str] = {}
    for field, value in values:
        if counts[value] > 1 and value in seen:
            yield FieldError(field=field, message=f"repeats {seen[value]}", fix="Give each its own.")
        seen.setdefault(value, field)
