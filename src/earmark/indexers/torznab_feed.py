"""A Torznab document as releases. Reads XML that anybody may have written: no entities, no document types, no trust."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

from earmark.core.newznab import kind_of
from earmark.core.release import Freeleech, Release
from earmark.http import Answer, answer_not_understood, site_unavailable
from earmark.indexers.errors import key_refused, rate_limited, search_refused
from earmark.indexers.languages import language_of
from earmark.indexers.text import clean, excerpt, plain_description

Hide = Callable[[str], str]
"""Puts a mark where the API key stands in a text."""

BIGGEST = 2**63 - 1


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
            releases.append(_release(_Item.read(item), indexer, hide))
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
    if written is None or not re.fullmatch(r"\s*\d{1,19}\s*", written, re.ASCII):
        return None
    number = int(written)
    return number if number <= BIGGEST else None


def _parsed(answer: Answer) -> Element | None:
    """The root, or None for what is no XML or has a document type: without one there are no entities to blow up. A
    first look refuses those, for the quick parser takes them."""
    look = expat.ParserCreate()
    look.StartDoctypeDeclHandler = _no_document_type
    try:
        look.Parse(answer.body, True)
        return ElementTree.fromstring(answer.body)  # noqa: S314 - see above
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


@dataclass(frozen=True, slots=True)
class _Item:
    """An item's children, looked at once: the text of each tag's first one, `<torznab:attr name value>` in the torznab
    or the newznab name space, and what stands in attributes of its own."""

    texts: dict[str, str]
    attrs: dict[str, list[str]]
    url: str = ""
    length: str | None = None
    privacy: str = ""

    @classmethod
    def read(cls, item: Element) -> _Item:
        texts: dict[str, str] = {}
        attrs: dict[str, list[str]] = {}
        categories: list[str] = []
        enclosure = prowlarr = None
        for child in item:
            tag = child.tag
            if tag.endswith("}attr"):
                attrs.setdefault((child.get("name") or "").lower(), []).append((child.get("value") or "").strip())
            elif tag == "category":
                categories.append(child.text or "")
            elif tag == "enclosure":
                enclosure = child if enclosure is None else enclosure
            else:
                prowlarr = child if tag == "prowlarrindexer" and prowlarr is None else prowlarr
                texts.setdefault(tag, (child.text or "").strip())
        if categories:
            attrs.setdefault("category", []).extend(categories)
        return cls(
            texts,
            attrs,
            url=(enclosure.get("url") or "").strip() if enclosure is not None else "",
            length=enclosure.get("length") if enclosure is not None else None,
            privacy=texts.get("type") or ((prowlarr.get("type") or "") if prowlarr is not None else ""),
        )

    def text(self, tag: str) -> str:
        return self.texts.get(tag, "")

    def attr(self, *names: str) -> str:
        """The first one that is given."""
        return next((values[0] for name in names if (values := self.attrs.get(name))), "")

    def numbers(self, name: str) -> tuple[int, ...]:
        read = (count(written) for written in self.attrs.get(name, ()))
        return tuple(dict.fromkeys(number for number in read if number))


def _release(item: _Item, indexer: str, hide: Hide) -> Release:
    title = clean(item.text("title"))
    if not title:
        raise ItemNotUnderstood("no title")
    link, magnet = _link(item)
    if not link and not magnet:
        raise ItemNotUnderstood("no download link")
    page = item.text("comments") or item.text("guid")
    seeders, categories = count(item.attr("seeders")), item.numbers("category")
    info_hash = item.attr("infohash").lower()
    down = _factor(item.attr("downloadvolumefactor"))
    ratio = _factor(item.attr("minimumratio"))
    return Release(
        guid=hide(item.text("guid") or page or link or magnet),
        indexer=indexer,
        title=title,
        size_bytes=count(item.text("size")) or count(item.attr("size")) or count(item.length) or None,
        kind=kind_of(categories),
        authors=_authors(clean(item.attr("author"))),
        language=language_of(item.attr("language", "lang_code", "lang")),
        filetypes=tuple(dict.fromkeys(clean(item.attr("filetype", "format")).lower().replace(",", " ").split())),
        file_count=count(item.attr("files")) or count(item.text("files")),
        description=plain_description(item.text("description")) or None,
        year=_year(item.attr("year")),
        categories=categories,
        flags=tuple(dict.fromkeys(flag for tag in item.attrs.get("tag", ()) if (flag := clean(tag).lower()))),
        download_factor=down,
        upload_factor=_factor(item.attr("uploadvolumefactor")),
        min_ratio=ratio,
        min_seed_secs=count(item.attr("minimumseedtime")),
        seeders=seeders,
        leechers=_leechers(item, seeders),
        grabs=count(item.attr("grabs") or item.text("grabs")),
        published_at=_published(item.text("pubDate")),
        freeleech=Freeleech(everyone=down == 0),
        info_url=hide(page) if page.startswith(("http://", "https://")) else None,
        download_ref=hide(link),
        magnet=magnet or None,
        info_hash=info_hash if re.fullmatch(r"[0-9a-f]{40}", info_hash) else None,
        private=_is_private(item),
    )


def _link(item: _Item) -> tuple[str, str]:
    """The http link and the magnet, each empty when there is none; either may stand in any of the three places."""
    places = (item.text("link"), item.url, item.attr("magneturl"))
    links = [place for place in places if place[:8].lower().startswith(("http://", "https://"))]
    magnets = [place for place in places if place[:8].lower() == "magnet:?"]
    return (links[0] if links else "", magnets[0] if magnets else "")


def _leechers(item: _Item, seeders: int | None) -> int | None:
    leechers, peers = count(item.attr("leechers")), count(item.attr("peers"))
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
        at = parsedate_to_datetime(written)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _factor(written: str) -> float | None:
    """A decimal number that is not negative."""
    if not re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", written, re.ASCII):
        return None
    number = float(written)
    return number if math.isfinite(number) else None


def _year(written: str) -> int | None:
    year = count(written)
    return year if year and 1000 <= year <= 9999 else None
