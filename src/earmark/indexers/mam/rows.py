"""A page of search results as clean releases (mam-api.md §2, §2.1). A row that makes no sense is set aside with its
reason; it never costs the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from earmark.core.release import Freeleech, Release
from earmark.core.wish import Kind
from earmark.indexers.mam import fields
from earmark.indexers.mam.categories import newznab_of
from earmark.indexers.mam.languages import iso_language

REAL_SITE = "https://www.myanonamouse.net"
ABRIDGED = 32  # bit of `browseflags`
MIN_RATIO, MIN_SEED_SECS = 1.0, 72 * 3600  # the site's rule for every release (mam-api.md §8), as Prowlarr tells it
NOTHING_FOUND = "Nothing returned, out of"

BY_MEDIA_TYPE = {
    1: Kind.AUDIOBOOK,
    2: Kind.EBOOK,
    3: Kind.MUSIC,
    5: Kind.EBOOK,
    6: Kind.EBOOK,
    7: Kind.EBOOK,
    8: Kind.AUDIOBOOK,
}
BY_MAIN_CATEGORY = {13: Kind.AUDIOBOOK, 14: Kind.EBOOK, 15: Kind.MUSIC}


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row nobody could use: where it stood, its id when it had one, and what was wrong."""

    position: int
    row_id: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Page:
    """`received` counts rows on the wire, for paging; `found` is the site's own count of matches when it tells."""

    releases: tuple[Release, ...]
    received: int
    found: int | None
    skipped: tuple[SkippedRow, ...] = ()


class RowNotUnderstood(Exception):
    """A row without what makes it a release."""


def read_page(payload: Mapping[str, object], *, base_url: str, indexer: str) -> Page | None:
    """The page a reply holds, or None when it holds no list of rows."""
    rows = payload.get("data")
    if not isinstance(rows, list):
        return None
    releases: list[Release] = []
    skipped: list[SkippedRow] = []
    for position, row in enumerate(rows):
        try:
            releases.append(read_row(row, base_url=base_url, indexer=indexer))
        except RowNotUnderstood as why:
            row_id = fields.count(row.get("id")) if isinstance(row, dict) else None
            skipped.append(SkippedRow(position, row_id, str(why)))
    found = fields.count(payload.get("found", payload.get("total_found")))
    return Page(tuple(releases), len(rows), found, tuple(skipped))


def read_row(row: object, *, base_url: str, indexer: str) -> Release:
    """One row. Raises `RowNotUnderstood` when it has no id or no title; every other field may be missing."""
    if not isinstance(row, dict):
        raise RowNotUnderstood("not an object")
    torrent_id = fields.count(row.get("id"))
    if not torrent_id:
        raise RowNotUnderstood("no id")
    title = fields.text(row.get("title")) or fields.text(row.get("name"))  # `name`: the site's older documents
    if not title:
        raise RowNotUnderstood("no title")
    isbn, asin = fields.isbn_and_asin(row.get("isbn"))
    runtime_secs, bitrate_kbps = _audio(row)
    flags = fields.count(row.get("browseflags"))
    return Release(
        guid=f"{REAL_SITE}/t/{torrent_id}",
        indexer=indexer,
        title=title,
        size_bytes=fields.size_bytes(row.get("size")),
        kind=_kind(row),
        authors=fields.people(row.get("author_info")),
        narrators=fields.people(row.get("narrator_info")),
        series=fields.series(row.get("series_info")),
        language=iso_language(fields.count(row.get("language")), fields.text(row.get("lang_code"))),
        filetypes=_filetypes(row),
        file_count=fields.count(row.get("numfiles")),
        tags=fields.text(row.get("tags")),
        description=fields.description(row.get("description")) or None,
        isbn=isbn,
        asin=asin,
        category=fields.text(row.get("catname")) or None,
        categories=newznab_of(
            fields.count(row.get("main_cat")), fields.count(row.get("category")), fields.count(row.get("mediatype"))
        ),
        min_ratio=MIN_RATIO,
        min_seed_secs=MIN_SEED_SECS,
        seeders=fields.count(row.get("seeders")),
        leechers=fields.count(row.get("leechers")),
        grabs=fields.count(row.get("times_completed")),
        published_at=fields.utc_time(row.get("added")),
        freeleech=_freeleech(row),
        already_snatched=fields.flag(row.get("my_snatched")),
        abridged=None if flags is None else bool(flags & ABRIDGED),
        runtime_secs=runtime_secs,
        bitrate_kbps=bitrate_kbps,
        info_url=torrent_page(base_url, torrent_id),
        download_ref=str(torrent_id),
        private=True,
    )


def torrent_page(base_url: str, torrent_id: int) -> str:
    """The release's page for people. The real site has one spelling, however its address was configured; the guid is that
    spelling always, for other programs know the tracker by it."""
    host = base_url.removeprefix("https://").removeprefix("http://").rstrip("/").lower()
    real = host in {"myanonamouse.net", "www.myanonamouse.net"}
    return f"{REAL_SITE if real else base_url.rstrip('/')}/t/{torrent_id}"


def _kind(row: Mapping[str, object]) -> Kind | None:
    """The new media type first, the old main category where it is unset or unknown. Radio is none of our kinds."""
    media_type = fields.count(row.get("mediatype")) or 0
    if media_type == 4:
        return None
    return BY_MEDIA_TYPE.get(media_type) or BY_MAIN_CATEGORY.get(fields.count(row.get("main_cat")) or 0)


def _filetypes(row: Mapping[str, object]) -> tuple[str, ...]:
    written = fields.text(row.get("filetype")) or fields.text(row.get("filetypes"))
    kinds = (part.strip(".").lower() for part in written.replace(",", " ").split())
    return tuple(dict.fromkeys(kind for kind in kinds if kind))


def _freeleech(row: Mapping[str, object]) -> Freeleech:
    return Freeleech(
        everyone=fields.flag(row.get("free")),
        personal=fields.flag(row.get("personal_freeleech")),
        vip=fields.flag(row.get("vip")),
        vip_union=fields.flag(row.get("fl_vip")),
        vip_until=fields.unix_time(row.get("vip_expire")),
    )


def _audio(row: Mapping[str, object]) -> tuple[float | None, int | None]:
    """Running time and bit rate. Of a release of many files the site may describe only the first: a running time that
    accounts for less than half of the size is no fact about the book and is left out."""
    runtime_secs, bitrate_kbps = fields.media_info(row.get("mediainfo"))
    size = fields.size_bytes(row.get("size"))
    if runtime_secs and bitrate_kbps and size and (fields.count(row.get("numfiles")) or 1) > 1:
        accounted = runtime_secs * bitrate_kbps * 125
        if accounted < size / 2:
            runtime_secs = None
    return runtime_secs, bitrate_kbps
