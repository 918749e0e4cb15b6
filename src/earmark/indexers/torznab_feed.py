"""A Torznab document as releases. Reads XML that anybody may have written: no entities, no document types, no trust."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from defusedxml import ElementTree

from earmark.core.release import Freeleech, Release
from earmark.core.wish import Kind
from earmark.http import Answer, answer_not_understood, site_unavailable
from earmark.indexers.errors import key_refused, rate_limited, search_refused
from earmark.indexers.text import clean, excerpt, plain_description

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

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
    root = _document(answer, site, hide)
    if root.tag != "rss":
        raise answer_not_understood(site, f"a document <{clean(root.tag)[:40]}> where a feed belongs")
    releases: list[Release] = []
    skipped: list[str] = []
    for item in root.iterfind("./channel/item"):
        try:
            releases.append(_release(item, indexer, hide))
        except ItemNotUnderstood as why:
            skipped.append(str(why))
    return Feed(tuple(releases), tuple(skipped))


def read_caps(answer: Answer, *, site: str, hide: Hide) -> None:
    """Returns when the answer lists a feed's capabilities."""
    if _document(answer, site, hide).tag != "caps":
        raise answer_not_understood(site, "no list of capabilities")


def _document(answer: Answer, site: str, hide: Hide) -> Element:
    if not answer.text:
        raise answer_not_understood(site, "an empty answer")
    try:
        root: Element = ElementTree.fromstring(answer.body, forbid_dtd=True)
    except (ElementTree.ParseError, ValueError, LookupError):  # ValueError: also what defusedxml forbids
        raise answer_not_understood(site, "not a Torznab feed", answer=hide(excerpt(answer))) from None
    if root.tag == "error":
        _raise_error(root, answer, site, hide)
    return root


def _raise_error(error: Element, answer: Answer, site: str, hide: Hide) -> None:
    """Torznab's general codes: 1xx the account, 2xx the request, 3xx the item, 5xx limits, 9xx the service."""
    code = _count(error.get("code")) or 0
    description = hide(clean(error.get("description") or ""))[:160]
    if 100 <= code < 200:
        raise key_refused(site, error_code=code, answer=description)
    if 500 <= code < 600 or description.lower().startswith("request limit reached"):
        raise rate_limited(site, answer.retry_after)
    if 200 <= code < 400:
        raise search_refused(site, description)
    raise site_unavailable(
        site, f"it reports: {description or 'an error without a description'}", answer.retry_after, error_code=code
    )


def _release(item: Element, indexer: str, hide: Hide) -> Release:
    attrs = _attributes(item)
    title = clean(_child(item, "title"))
    if not title:
        raise ItemNotUnderstood("no title")
    link, magnet = _link(item, attrs)
    if not link and not magnet:
        raise ItemNotUnderstood("no download link")
    page = _child(item, "comments") or _child(item, "guid")
    peers, seeders = _count(_one(attrs, "peers")), _count(_one(attrs, "seeders"))
    leechers = _count(_one(attrs, "leechers"))
    if leechers is None and peers is not None:
        leechers = max(0, peers - (seeders or 0))  # `peers` counts both sides
    info_hash = _one(attrs, "infohash").lower()
    return Release(
        guid=hide(_child(item, "guid") or page or link or magnet),
        indexer=indexer,
        title=title,
        size_bytes=_count(_child(item, "size")) or _count(_one(attrs, "size")) or _enclosure_length(item),
        kind=_kind(attrs.get("category", [])),
        authors=tuple(author for author in (clean(_one(attrs, "author")),) if author),
        file_count=_count(_one(attrs, "files")) or _count(_child(item, "files")),
        description=plain_description(_child(item, "description")) or None,
        seeders=seeders,
        leechers=leechers,
        grabs=_count(_one(attrs, "grabs") or _child(item, "grabs")),
        published_at=_published(_child(item, "pubDate")),
        freeleech=Freeleech(everyone=_is_zero(_one(attrs, "downloadvolumefactor"))),
        info_url=hide(page) if page.startswith(("http://", "https://")) else None,
        download_ref=hide(link),
        magnet=magnet or None,
        info_hash=info_hash if re.fullmatch(r"[0-9a-f]{40}", info_hash) else None,
        private=_is_private(item),
    )


def _attributes(item: Element) -> dict[str, list[str]]:
    """`<torznab:attr name value>`, in the torznab or the newznab name space."""
    attrs: dict[str, list[str]] = {}
    for child in item:
        if isinstance(child.tag, str) and child.tag.endswith("}attr"):
            attrs.setdefault((child.get("name") or "").lower(), []).append(child.get("value") or "")
    for category in item.findall("category"):
        attrs.setdefault("category", []).append(category.text or "")
    return attrs


def _link(item: Element, attrs: dict[str, list[str]]) -> tuple[str, str]:
    """The http link and the magnet, each empty when there is none; either may stand in any of the three places."""
    enclosure = item.find("enclosure")
    places = [
        _child(item, "link"),
        (enclosure.get("url") or "") if enclosure is not None else "",
        _one(attrs, "magneturl"),
    ]
    links = [place.strip() for place in places if place.strip().lower().startswith(("http://", "https://"))]
    magnets = [place.strip() for place in places if place.strip().lower().startswith("magnet:?")]
    return (links[0] if links else "", magnets[0] if magnets else "")


def _kind(categories: list[str]) -> Kind | None:
    ids = [number for number in map(_count, categories) if number is not None]
    if 3030 in ids:
        return Kind.AUDIOBOOK
    if any(7000 <= number < 8000 for number in ids):
        return Kind.EBOOK
    return Kind.MUSIC if any(3000 <= number < 4000 for number in ids) else None


def _is_private(item: Element) -> bool:
    """As Jackett (`<type>`) and Prowlarr (`<prowlarrindexer type>`) tell; without a word only the torrent's own flag
    can say, and a client obeys that in any case."""
    prowlarr = item.find("prowlarrindexer")
    said = _child(item, "type") or ((prowlarr.get("type") or "") if prowlarr is not None else "")
    return said.strip().lower() == "private"


def _published(written: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(written.strip())
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _enclosure_length(item: Element) -> int | None:
    enclosure = item.find("enclosure")
    return _count(enclosure.get("length")) or None if enclosure is not None else None


def _is_zero(written: str) -> bool:
    return re.fullmatch(r"\s*0(?:\.0+)?\s*", written, re.ASCII) is not None


def _count(written: str | None) -> int | None:
    if written is None or not re.fullmatch(r"\s*\d{1,19}\s*", written, re.ASCII):
        return None
    number = int(written)
    return number if number <= BIGGEST else None


def _child(item: Element, tag: str) -> str:
    return (item.findtext(tag) or "").strip()


def _one(attrs: dict[str, list[str]], name: str) -> str:
    return next(iter(attrs.get(name, [])), "")
