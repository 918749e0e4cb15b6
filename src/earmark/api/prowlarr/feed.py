"""Torznab's three documents: a feed, the capabilities, an error. Written as strings, for a hundred items must cost next to
nothing; every text goes through `xml`, and what XML 1.0 forbids is cut out of the finished document.

The order of an item's parts, the literal prefix `torznab:` and the one-line form are Prowlarr's: some programs read the
text rather than the tree. Knows no request and asks nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from earmark.core.indexing import IndexerRecord
from earmark.core.listing import Shown
from earmark.core.newznab import Capabilities, Category
from earmark.core.release import Release

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
RSS = (
    f'{HEAD}<rss version="1.0" xmlns:atom="http://www.w3.org/2005/Atom" '
    'xmlns:torznab="http://torznab.com/schemas/2015/feed"><channel>'
    '<atom:link rel="self" type="application/rss+xml"/><title>Prowlarr</title>'
)
FLAGS = {
    "internal": "Uploader is an internal release group",
    "exclusive": "An exclusive release that must not be uploaded anywhere else",
    "freeleech": "Download doesn't count toward ratio",
    "neutralleech": "Download and upload doesn't count toward ratio",
    "halfleech": "Release counts 50% to ratio",
    "scene": "Uploader follows scene rules",
    "doubleupload": "Seeding counts double for release",
}
DESCRIPTION_CHARS = 2000
"""Programs look for formats and languages in it; nobody reads a whole blurb there."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CONTROLS = bytes({*range(0x20)} - {*b"\t\n\r"})
_SEEN = re.compile("[^\\s\x00-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Item:
    """One release of a feed: what is told of it, whose it is, where its torrent is."""

    shown: Shown
    release: Release
    indexer: IndexerRecord
    link: str


def feed(items: Iterable[Item]) -> bytes:
    """The feed, UTF-8. Any text round-trips, apart from what XML forbids."""
    return _document((RSS, *map(_item, items), "</channel></rss>"))


def error_document(code: int, description: str) -> bytes:
    """What went wrong, by Torznab's or HTTP's number."""
    return _document((HEAD, f'<error code="{code}" description="{xml(description)}"/>'))


def caps_document(can: Capabilities) -> bytes:
    """What can be asked, and in which categories."""
    searches = (
        ("search", can.search_params),
        ("tv-search", can.tv_params),
        ("movie-search", can.movie_params),
        ("music-search", can.music_params),
        ("audio-search", can.music_params),
        ("book-search", can.book_params),
    )
    return _document(
        (
            HEAD,
            '<caps><server title="Prowlarr"/>',
            f'<limits default="{can.limit_default}" max="{can.limit_max}"/><searching>',
            *(_search(name, params) for name, params in searches),
            "</searching><categories>",
            *map(_category, can.categories),
            "</categories><tags>",
            *(f'<tag name="{name}" description="{xml(text)}"/>' for name, text in FLAGS.items()),
            "</tags></caps>",
        )
    )


def xml(text: str) -> str:
    """A text as the inside of an element or of a quoted attribute, but for what `_document` cuts out."""
    if text.isalnum():
        return text
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    # Left as they are, parsers would turn these into spaces or drop them.
    return text.replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;")


def _document(parts: Iterable[str]) -> bytes:
    """UTF-8 without control characters, halves of characters and the two that are none: forbidden however they are written.
    Bytes below 0x20 are never part of a longer character, so they may be cut out of the encoded text at once."""
    encoded = "".join(parts).encode("utf-8", "ignore").translate(None, _CONTROLS)
    return encoded.replace(b"\xef\xbf\xbe", b"").replace(b"\xef\xbf\xbf", b"")


def _search(name: str, params: Sequence[str]) -> str:
    return f'<{name} available="{"yes" if params else "no"}" supportedParams="{xml(",".join(params) or "q")}"/>'


def _category(one: Category) -> str:
    subs = "".join(f'<subcat id="{sub.id}" name="{xml(sub.name)}"/>' for sub in one.subs)
    return f'<category id="{one.id}" name="{xml(one.name)}"' + (f">{subs}</category>" if subs else "/>")


def _item(item: Item) -> str:
    told, indexer = item.shown, item.indexer
    title = xml(told.title) if _SEEN.search(told.title) else "untitled"
    said = told.description[:DESCRIPTION_CHARS]
    description = xml(said) if _SEEN.search(said) else title
    comments = f"<comments>{xml(told.info_url)}</comments>" if told.info_url else ""
    link, size = xml(item.link), told.size_bytes
    kind = "private" if item.release.private else "public"
    categories = "".join(f"<category>{number}</category>" for number, _ in told.categories)
    attributes = "".join(
        f'<torznab:attr name="{name}" value="{xml(value) if isinstance(value, str) else value}"/>'
        for name, value in _attributes(told, item.release)
        if value is not None
    )
    return (
        f"<item><title>{title}</title><description>{description}</description><guid>{xml(told.guid)}</guid>"
        f'<prowlarrindexer id="{indexer.id}" type="{kind}">{xml(indexer.name)}</prowlarrindexer>{comments}'
        f"<pubDate>{_rfc2822(told.published_at)}</pubDate><size>{size}</size><link>{link}</link>{categories}"
        f'<enclosure url="{link}" length="{size}" type="application/x-bittorrent"/>{attributes}</item>'
    )


def _attributes(told: Shown, release: Release) -> Iterable[tuple[str, str | int | None]]:
    """What is told, in Prowlarr's order; behind it what Listenarr reads in place of the title. None: not known."""
    peers = None if told.seeders is None or told.leechers is None else told.seeders + told.leechers
    return (
        *(("category", number) for number, _ in told.categories),
        *(("tag", flag) for flag in told.flags),
        ("language", told.language),
        ("seeders", told.seeders),
        ("files", told.files),
        ("grabs", told.grabs),
        ("peers", peers),
        ("year", release.year),
        ("author", told.author),
        ("booktitle", told.book_title),
        ("infohash", told.info_hash),
        ("minimumratio", None if told.min_ratio is None else f"{told.min_ratio:g}"),
        ("minimumseedtime", told.min_seed_secs),
        ("downloadvolumefactor", f"{told.download_factor:g}"),
        ("uploadvolumefactor", f"{told.upload_factor:g}"),
        ("size", told.size_bytes or None),
        # A private torrent leads through our link alone: what is taken there is remembered, and its seeding duty with it.
        ("magneturl", None if release.private else release.magnet),
        ("filetype", told.filetype),
        ("lang_code", told.language),
    )


def _rfc2822(at: datetime) -> str:
    """`Thu, 02 Jan 2020 03:04:05 +0000`, whatever the locale. `at` is aware UTC."""
    day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
    return f"{day}, {at.day:02} {month} {at.year:04} {at.hour:02}:{at.minute:02}:{at.second:02} +0000"
