"""A Torznab document as releases. Reads XML that anybody may have written: no entities, no document types, no trust."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

from earmark.core.newznab import kind_of
from earmark.core.release import Freeleech, Release
from earmark.core.wish import Kind
from earmark.http import Answer, answer_not_understood, site_unavailable
from earmark.indexers.errors import key_refused, rate_limited, search_refused
from earmark.indexers.languages import language_of
from earmark.indexers.text import clean, excerpt, plain_description

Hide = Callable[[str], str]
"""Puts a mark where the API key stands in a text."""

BIGGEST = 2**63 - 1
FREE, NOT_FREE = Freeleech(everyone=True), Freeleech()

# Feeds hold a hundred items of some twenty facts each: what is looked up or matched for every fact is made once.
_COUNT = re.compile(r"\s*\d{1,19}\s*", re.ASCII)
_FACTOR = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{40}")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([12]\d{3}) "
    r"(\d\d):(\d\d):(\d\d) ([+-])([01]\d)([0-5]\d)",
    re.ASCII,
)
"""A date as the standard wants it and nearly all write it; every other goes through the patient reader."""


@dataclass(frozen=True, slots=True)
class Feed:
    releases: tuple[Release, ...]
    skipped: tuple[str, ...] = ()  # why, one each


class ItemNotUnderstood(Exception):
    """An item without what makes it a release."""


def read_feed(answer: Answer, *, indexer: str, site: str, hide: Hide) -> Feed:
    """Raises the named error for an error document (they come with HTTP 200) and for anything that is no feed."""
    root = read_document(answer, site, hide)
    if root.tag != "rss":
        raise answer_not_understood(site, f"a document <{clean(root.tag)[:40]}> where a feed belongs")
    releases: list[Release] = []
    skipped: list[str] = []
    for item in root.iterfind("./channel/item"):
        try:
            releases.append(_release(_Item(item), indexer, hide))
        except ItemNotUnderstood as why:
            skipped.append(str(why))
    return Feed(tuple(releases), tuple(skipped))


def read_document(answer: Answer, site: str, hide: Hide) -> Element:
    """The root of a document that reports no error; else the named error is raised."""
    if not answer.body.strip():
        raise answer_not_understood(site, "an empty answer")
    root = _parsed(answer)
    if root is None:
        raise answer_not_understood(site, "not a Torznab feed", answer=hide(excerpt(answer)))
    if root.tag == "error":
        _raise_error(root, answer, site, hide)
    return root


def raise_reported(answer: Answer, *, site: str, hide: Hide) -> None:
    """Raise what an error document says; return for everything else."""
    root = _parsed(answer) if answer.is_page else None
    if root is not None and root.tag == "error":
        _raise_error(root, answer, site, hide)


def count(written: str | None) -> int | None:
    """A whole number that is not negative and fits a database column."""
    if not written:
        return None
    if not (written.isdigit() and written.isascii() and len(written) <= 19) and not _COUNT.fullmatch(written):
        return None
    number = int(written)
    return number if number <= BIGGEST else None


def _parsed(answer: Answer) -> Element | None:
    """The root, or None for what is no XML or has a document type: without one there are no entities to blow up. A
    first look refuses those, for the quick parser takes them. Where the word does not stand there is nothing to look
    for: every encoding that the parser reads writes it in ASCII, but for UTF-16, which has zero bytes."""
    body = answer.body
    try:
        if b"DOCTYPE" in body or b"\0" in body:
            look = expat.ParserCreate()
            look.StartDoctypeDeclHandler = _no_document_type
            look.Parse(body, True)
        return ElementTree.fromstring(body)  # noqa: S314 - see above
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError):
        return None


def _no_document_type(*_: object) -> None:
    raise ValueError("a document type")


def _raise_error(error: Element, answer: Answer, site: str, hide: Hide) -> None:
    """Torznab's general codes: 1xx the account, 2xx the request, 3xx the item, 5xx limits, 9xx the service. Prowlarr
    has 429 and, for a feed that is switched off, 410."""
    code = count(error.get("code")) or 0
    description = hide(clean(error.get("description") or ""))[:160]
    if 100 <= code < 200:
        raise key_refused(site, error_code=code, answer=description)
    if code == 429 or 500 <= code < 600 or description.lower().startswith("request limit reached"):
        raise rate_limited(site, answer.retry_after)
    if 200 <= code < 400:
        raise search_refused(site, description)
    raise site_unavailable(
        site, f"it reports: {description or 'an error without a description'}", answer.retry_after, error_code=code
    )


class _Item:
    """An item's children, looked at once: the text of each tag's first one, the first `<torznab:attr name value>` of each
    name in the torznab or the newznab name space (and every category and tag), and what stands in attributes of its
    own."""

    __slots__ = ("attrs", "categories", "length", "privacy", "tags", "texts", "url")

    def __init__(self, item: Element) -> None:
        texts: dict[str, str] = {}
        attrs: dict[str, str] = {}
        categories: list[str] = []
        plain_categories: list[str] = []
        tags: list[str] = []
        enclosure = prowlarr = None
        for child in item:
            tag = child.tag
            if tag.endswith("}attr"):
                name = (child.get("name") or "").lower()
                value = (child.get("value") or "").strip()
                if name == "category":
                    categories.append(value)
                elif name == "tag":
                    tags.append(value)
                elif name not in attrs:
                    attrs[name] = value
            elif tag == "category":
                plain_categories.append(child.text or "")
            elif tag == "enclosure":
                enclosure = child if enclosure is None else enclosure
            else:
                prowlarr = child if tag == "prowlarrindexer" and prowlarr is None else prowlarr
                if tag not in texts:
                    texts[tag] = (child.text or "").strip()
        self.texts, self.attrs, self.tags = texts, attrs, tags
        self.categories = _numbers(categories + plain_categories)
        self.url: str = (enclosure.get("url") or "").strip() if enclosure is not None else ""
        self.length = enclosure.get("length") if enclosure is not None else None
        self.privacy: str = texts.get("type") or ((prowlarr.get("type") or "") if prowlarr is not None else "")

    def attr(self, *names: str) -> str:
        """The first one that is given."""
        attrs = self.attrs
        for name in names:
            if name in attrs:
                return attrs[name]
        return ""


def _numbers(written: Iterable[str]) -> tuple[int, ...]:
    read = (count(one) for one in written)
    return tuple(dict.fromkeys(number for number in read if number))


@lru_cache(256)
def _kind(categories: tuple[int, ...]) -> Kind | None:
    return kind_of(categories)


def _release(item: _Item, indexer: str, hide: Hide) -> Release:
    text, attr = item.texts.get, item.attrs.get
    title = clean(text("title", ""))
    if not title:
        raise ItemNotUnderstood("no title")
    link, magnet = _link(item)
    if not link and not magnet:
        raise ItemNotUnderstood("no download link")
    guid = text("guid", "")
    page = text("comments") or guid
    seeders = count(attr("seeders"))
    info_hash = attr("infohash", "").lower()
    down = _factor(attr("downloadvolumefactor", ""))
    return Release(
        guid=hide(guid or page or link or magnet),
        indexer=indexer,
        title=title,
        size_bytes=count(text("size")) or count(attr("size")) or count(item.length) or None,
        kind=_kind(item.categories),
        authors=_authors(clean(attr("author", ""))),
        language=language_of(language) if (language := item.attr("language", "lang_code", "lang")) else None,
        filetypes=_filetypes(item.attr("filetype", "format")),
        file_count=count(attr("files")) or count(text("files")),
        description=plain_description(text("description", "")) or None,
        year=_year(attr("year", "")),
        categories=item.categories,
        flags=tuple(dict.fromkeys(flag for tag in item.tags if (flag := clean(tag).lower()))) if item.tags else (),
        download_factor=down,
        upload_factor=_factor(attr("uploadvolumefactor", "")),
        min_ratio=_factor(attr("minimumratio", "")),
        min_seed_secs=count(attr("minimumseedtime")),
        seeders=seeders,
        leechers=_leechers(item, seeders),
        grabs=count(attr("grabs") or text("grabs")),
        published_at=_published(text("pubDate", "")),
        freeleech=FREE if down == 0 else NOT_FREE,
        info_url=hide(page) if page.startswith(("http://", "https://")) else None,
        download_ref=hide(link),
        magnet=magnet or None,
        info_hash=info_hash if _HASH.fullmatch(info_hash) else None,
        private=_is_private(item),
    )


def _link(item: _Item) -> tuple[str, str]:
    """The http link and the magnet, each empty when there is none; either may stand in any of the three places."""
    link = magnet = ""
    for place in (item.texts.get("link", ""), item.url, item.attrs.get("magneturl", "")):
        scheme = place[:8].lower()
        if not link and scheme.startswith(("http://", "https://")):
            link = place
        elif not magnet and scheme == "magnet:?":
            magnet = place
    return link, magnet


def _filetypes(written: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(clean(written).lower().replace(",", " ").split())) if written else ()


def _leechers(item: _Item, seeders: int | None) -> int | None:
    leechers, peers = count(item.attrs.get("leechers")), count(item.attrs.get("peers"))
    if leechers is None and peers is not None:
        return max(0, peers - (seeders or 0))  # `peers` counts both sides
    return leechers


def _authors(written: str) -> tuple[str, ...]:
    """Prowlarr writes all of them into one line. `Collins, Wilkie` is one author: a part of one word is no full name."""
    parts = [part.strip() for part in written.split(", ")]
    if len(parts) > 1 and all(" " in part for part in parts):
        return tuple(dict.fromkeys(parts))
    return (written,) if written else ()


def _is_private(item: _Item) -> bool:
    """As Jackett (`<type>`) and Prowlarr (`<prowlarrindexer type>`) tell; without a word only the torrent's own flag
    can say, and a client obeys that in any case."""
    return item.privacy.strip().lower() == "private"


def _published(written: str) -> datetime | None:
    try:
        if plain := _DATE.fullmatch(written):
            day, month, year, hour, minute, second, sign, hours, minutes = plain.groups()
            at = datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=UTC)
            ahead = timedelta(hours=int(hours), minutes=int(minutes))
            return at - ahead if sign == "+" else at + ahead
        at = parsedate_to_datetime(written)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _factor(written: str) -> float | None:
    """A decimal number that is not negative."""
    if not written or not _FACTOR.fullmatch(written):
        return None
    number = float(written)
    return number if math.isfinite(number) else None


def _year(written: str) -> int | None:
    year = count(written)
    return year if year and 1000 <= year <= 9999 else None
