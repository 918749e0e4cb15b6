"""A page of search results as clean releases (mam-api.md §2, §2.1). A row that makes no sense is set aside with its
reason; it never costs the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

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


_freeleech_of = lru_cache(256)(Freeleech)  # the same few for all rows


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
    get = row.get
    torrent_id = fields.count(get("id"))
    if not torrent_id:
        raise RowNotUnderstood("no id")
    title = fields.text(get("title")) or fields.text(get("name"))  # `name`: the site's older documents
    if not title:
        raise RowNotUnderstood("no title")
    isbn, asin = fields.isbn_and_asin(get("isbn"))
    size, files = fields.size_bytes(get("size")), fields.count(get("numfiles"))
    runtime_secs, bitrate_kbps = _audio(get("mediainfo"), size, files)
    main, media_type = fields.count(get("main_cat")), fields.count(get("mediatype"))
    flags = fields.count(get("browseflags"))
    return Release(
        guid=f"{REAL_SITE}/t/{torrent_id}",
        indexer=indexer,
        title=title,
        size_bytes=size,
        kind=_kind(main, media_type),
        authors=fields.people(get("author_info")),
        narrators=fields.people(get("narrator_info")),
        series=fields.series(get("series_info")),
        language=iso_language(fields.count(get("language")), fields.text(get("lang_code"))),
        filetypes=_filetypes(row),
        file_count=files,
        tags=fields.text(get("tags")),
        description=fields.description(get("description")) or None,
        isbn=isbn,
        asin=asin,
        category=fields.text(get("catname")) or None,
        categories=newznab_of(main, fields.count(get("category")), media_type),
        min_ratio=MIN_RATIO,
        min_seed_secs=MIN_SEED_SECS,
        seeders=fields.count(get("seeders")),
        leechers=fields.count(get("leechers")),
        grabs=fields.count(get("times_completed")),
        published_at=fields.utc_time(get("added")),
        freeleech=_freeleech(row),
        already_snatched=fields.flag(get("my_snatched")),
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
    return f"{_pages_of(base_url)}/t/{torrent_id}"


@lru_cache(16)
def _pages_of(base_url: str) -> str:
    host = base_url.removeprefix("https://").removeprefix("http://").rstrip("/").lower()
    real = host in {"myanonamouse.net", "www.myanonamouse.net"}
    return REAL_SITE if real else base_url.rstrip("/")


def _kind(main: int | None, media_type: int | None) -> Kind | None:
    """The new media type first, the old main category where it is unset or unknown. Radio is none of our kinds."""
    if media_type == 4:
        return None
    return BY_MEDIA_TYPE.get(media_type or 0) or BY_MAIN_CATEGORY.get(main or 0)


def _filetypes(row: Mapping[str, object]) -> tuple[str, ...]:
    written = fields.text(row.get("filetype")) or fields.text(row.get("filetypes"))
    if written.isalnum():
        return (written.lower(),)
    kinds = (part.strip(".").lower() for part in written.replace(",", " ").split())
    return tuple(dict.fromkeys(kind for kind in kinds if kind))


def _freeleech(row: Mapping[str, object]) -> Freeleech:
    get = row.get
    return _freeleech_of(
        everyone=fields.flag(get("free")),
        personal=fields.flag(get("personal_freeleech")),
        vip=fields.flag(get("vip")),
        vip_union=fields.flag(get("fl_vip")),
        vip_until=fields.unix_time(get("vip_expire")),
    )


def _audio(written: object, size: int | None, files: int | None) -> tuple[float | None, int | None]:
    """Running time and bit rate. Of a release of many files the site may describe only the first: a running time that
    accounts for less than half of the size is no fact about the book and is left out."""
    runtime_secs, bitrate_kbps = fields.media_info(written)
    if runtime_secs and bitrate_kbps and size and (files or 1) > 1:
        accounted = runtime_secs * bitrate_kbps * 125
        if accounted < size / 2:
            runtime_secs = None
    return runtime_secs, bitrate_kbps
