"""What an indexer offers, as clean facts. Adapters handle the quirks of the wire; from here on a release is a value.

Unknown stays None or empty. Text fields are hostile: they are shown and compared, never obeyed, and never used as a
path without `core.naming`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from earmark.core.wish import Kind


@dataclass(frozen=True, slots=True)
class SeriesRef:
    """A series and the place in it as free text ("1", "1-3, 3.5", "" when unknown)."""

    name: str
    index: str = ""


@dataclass(frozen=True, slots=True)
class Freeleech:
    """Why a download may cost nothing. `vip_until` is the end of a VIP torrent's free time (None: none known)."""

    everyone: bool = False
    personal: bool = False
    vip: bool = False
    vip_union: bool = False  # MyAnonamouse `fl_vip`: free for VIP members
    vip_until: datetime | None = None

    def for_account(self, *, vip_member: bool) -> bool:
        """Is this release free for us? VIP-only freeleech counts for VIP members alone (mam-api.md §9)."""
        return self.everyone or self.personal or (vip_member and (self.vip or self.vip_union))


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """One file of an offered torrent, as the site or the torrent itself lists it. The path is hostile text."""

    path: str
    size_bytes: int
    duration_secs: float | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """One offer. Sizes in bytes, times aware UTC, durations in seconds, bit rates in kbit/s."""

    guid: str  # stable and unique; for MyAnonamouse https://www.myanonamouse.net/t/<id>
    indexer: str  # key of the indexer that offered it
    title: str
    size_bytes: int | None = None
    kind: Kind | None = None
    authors: tuple[str, ...] = ()
    narrators: tuple[str, ...] = ()
    series: tuple[SeriesRef, ...] = ()
    language: str | None = None  # ISO 639-1 lower case when known, else the tracker's own code
    filetypes: tuple[str, ...] = ()  # lower case, without dot
    file_count: int | None = None
    files: tuple[ReleaseFile, ...] = ()  # empty while nobody has told
    tags: str = ""  # the uploader's one line
    description: str | None = None
    isbn: str | None = None
    asin: str | None = None
    year: int | None = None
    category: str | None = None
    categories: tuple[int, ...] = ()  # Newznab numbers (`core.newznab`); a feed's own begin at 100000
    flags: tuple[str, ...] = ()  # the indexer's marks, lower case: internal, scene, freeleech …
    download_factor: float | None = None  # the part of the download that counts: 0 free, 0.5 half; None: not told
    upload_factor: float | None = None  # how often the upload counts
    min_ratio: float | None = None  # what the indexer asks for this release, as its feed tells
    min_seed_secs: int | None = None
    seeders: int | None = None
    leechers: int | None = None
    grabs: int | None = None
    published_at: datetime | None = None
    freeleech: Freeleech = field(default_factory=Freeleech)
    already_snatched: bool = False
    abridged: bool | None = None
    runtime_secs: float | None = None
    bitrate_kbps: int | None = None
    info_url: str | None = None
    download_ref: str = ""  # what the same indexer needs to fetch the torrent; never a secret
    magnet: str | None = None
    info_hash: str | None = None
    private: bool = True
    part_of: str | None = None  # the title of the pack of which this is one book


@dataclass(frozen=True, slots=True)
class Account:
    """The tracker account as last told. None means the tracker did not say, never zero (mam-api.md §3)."""

    user_id: int | None
    username: str
    classname: str | None = None
    ratio: float | None = None
    uploaded_bytes: int | None = None
    downloaded_bytes: int | None = None
    bonus_points: float | None = None
    wedges: int | None = None
    vip_until: datetime | None = None
    unsatisfied: int | None = None
    unsatisfied_limit: int | None = None
    connectable: str | None = None

    @property
    def vip_member(self) -> bool:
        return (self.classname or "").strip().casefold() in {"vip", "elite vip"}
