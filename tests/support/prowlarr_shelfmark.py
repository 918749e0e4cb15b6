"""Shelfmark as a caller of Prowlarr: status, indexers, one Torznab search an indexer, and its downloads.

Read from its source (`shelfmark/release_sources/prowlarr`); it uses requests, as this replay does, so its redirects, its
re-quoting of addresses and its kept connections are the real ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import requests

FEED_ACCEPT = "application/rss+xml, application/xml;q=0.9, */*;q=0.8"
MARKS = re.compile(r"\[(?P<language>[A-Za-z]{2,3})?\s*/?\s*(?P<format>[A-Z0-9 ]+)?\]")


class NotReached(Exception):
    """Its 503: “could not reach Prowlarr”."""


@dataclass
class Found:
    source_id: str
    title: str
    indexer: str
    protocol: str
    download_url: str
    info_url: str
    size: int
    seeders: int | None
    leechers: int | None
    author: str | None
    language: str | None
    format: str | None
    vip: bool
    freeleech: bool
    categories: list[int]
    published: str
    tags: list[str] = field(default_factory=list)


class Shelfmark:
    def __init__(self, base: str, key: str) -> None:
        self._base = base.rstrip("/")
        self._session = requests.Session()
        self._session.headers.update({"X-Api-Key": key, "Accept": "application/json"})

    def test_connection(self) -> str:
        """The version, or what its settings page says."""
        answer = self._session.get(f"{self._base}/api/v1/system/status", timeout=30)
        if answer.status_code == 401:
            raise NotReached("Invalid API key")
        answer.raise_for_status()
        told = answer.json()
        if not isinstance(told, dict):
            raise NotReached("no JSON object")
        return str(told.get("version", "unknown"))

    def indexers(self) -> list[dict[str, Any]]:
        answer = self._session.get(f"{self._base}/api/v1/indexer", timeout=30)
        if not answer.ok:
            raise NotReached(f"HTTP {answer.status_code}")
        rows = answer.json()
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise NotReached("no list of indexers")
        return [row for row in rows if row["enable"]]

    def search(self, title: str, author: str, category: int = 3030) -> list[Found]:
        """Every indexer that lists the category; one that is known for enriched rows gets the author too."""
        found: list[Found] = []
        for indexer in self.indexers():
            if not _lists(indexer, category):
                continue
            enriched = is_enriched(indexer)
            words = f"{title} {author}" if enriched else title
            params: dict[str, str | int] = {"t": "book", "q": words, "limit": 100, "offset": 0, "cat": category}
            answer = self._session.get(
                f"{self._base}/api/v1/indexer/{indexer['id']}/newznab",
                params=params, headers={"Accept": FEED_ACCEPT}, timeout=(10, 90),
            )  # fmt: skip
            if not answer.ok:
                raise NotReached(f"HTTP {answer.status_code}")
            found += read_feed(answer.content, int(indexer["id"]), enriched=enriched)
        return found

    def seed_preferences(self, indexer_id: int) -> dict[str, Any]:
        """Ratio and minutes of the indexer, as its seeding settings read them."""
        (row,) = [row for row in self.indexers() if row["id"] == indexer_id]
        wanted = {"torrentBaseSettings.seedRatio", "torrentBaseSettings.seedTime"}
        return {one["name"]: one.get("value") for one in row["fields"] if one["name"] in wanted}

    def download(self, url: str) -> bytes | str:
        """Redirects by hand, the key only to where Prowlarr is; a magnet may be a redirect or the body."""
        for _ in range(4):
            key = str(self._session.headers["X-Api-Key"])
            headers = {"Accept": "application/x-bittorrent"}
            if _origin(url) == _origin(self._base):
                headers["X-Api-Key"] = key
            answer = requests.get(url, headers=headers, timeout=30, allow_redirects=False)
            if answer.is_redirect:
                url = answer.headers["Location"]
                if url.startswith("magnet:"):
                    return url
                continue
            if not answer.ok or not answer.content.startswith((b"d", b"magnet:")):
                raise NotReached("Could not determine torrent hash from URL")
            return answer.content
        raise NotReached("too many redirects")

    def close(self) -> None:
        self._session.close()


def is_enriched(indexer: dict[str, Any]) -> bool:
    """Does it know MyAnonamouse behind this?"""
    names = (indexer.get(key) or "" for key in ("implementation", "implementationName", "definitionName"))
    return any(name.lower() == "myanonamouse" for name in names)


def read_feed(body: bytes, indexer_id: int, *, enriched: bool) -> list[Found]:
    """What cannot be parsed is an empty list to it."""
    try:
        root = ET.fromstring(body)
    except ET.ParseError:
        return []
    return [_found(item, indexer_id, enriched=enriched) for item in root.iter("item")]


def _found(item: ET.Element, indexer_id: int, *, enriched: bool) -> Found:
    attrs: dict[str, str] = {}
    tags: list[str] = []
    for child in item:
        if child.tag.rpartition("}")[2] != "attr":
            continue
        name, value = child.get("name", ""), child.get("value", "")
        if name == "tag":
            tags.append(value)
        attrs[name] = value
    enclosure = item.find("enclosure")
    kind = "" if enclosure is None else enclosure.get("type", "")
    title, author = item.findtext("title", ""), attrs.get("author")
    marks = MARKS.search(title)
    vip = "[VIP]" in title
    if enriched and attrs.get("booktitle"):
        title = attrs["booktitle"]
    elif author:
        title = title.partition(f" by {author}")[0]
    seeders = _int(attrs.get("seeders"))
    peers = _int(attrs.get("peers"))
    source = item.find("prowlarrindexer")
    assert source is not None and source.get("id") == str(indexer_id)
    return Found(
        source_id=f"{indexer_id}:{item.findtext('guid', '')}",
        title=title,
        indexer=source.text or "",
        protocol={"application/x-bittorrent": "torrent", "application/x-nzb": "usenet"}.get(kind, "unknown"),
        download_url=item.findtext("link") or ("" if enclosure is None else enclosure.get("url") or ""),
        info_url=item.findtext("comments", ""),
        size=int(item.findtext("size", "0")),
        seeders=seeders,
        leechers=peers - seeders if peers is not None and seeders is not None else None,
        author=author,
        language=marks["language"] if marks else None,
        format=(marks["format"] or "").strip() or None if marks else None,
        vip=vip,
        freeleech=attrs.get("downloadvolumefactor") is not None and float(attrs["downloadvolumefactor"]) == 0,
        categories=[int(one.text or "") for one in item.findall("category")],
        published=item.findtext("pubDate", ""),
        tags=tags,
    )


def _lists(indexer: dict[str, Any], category: int) -> bool:
    """Its own rule: 3030 must be listed as such; any 7xxx will do for 7000."""
    ids: set[int] = set()
    for one in indexer["capabilities"]["categories"]:
        ids |= {one["id"], *(sub["id"] for sub in one["subCategories"])}
    return category in ids if category == 3030 else any(7000 <= number < 8000 for number in ids)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _int(text: str | None) -> int | None:
    return int(text) if text is not None else None
