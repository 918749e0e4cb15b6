"""Readarr (and its family) as a reader of a Torznab indexer, and autobrr as the one who pushes releases.

Read from the source of Readarr 4fb62c0 and Sonarr 49df353 (`NzbDrone.Core/Indexers/Torznab`), and of autobrr (`pkg/readarr`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from xml.etree import ElementTree as ET

import httpx2
from prowlarr_wire import send

TORZNAB = "{http://torznab.com/schemas/2015/feed}attr"
ACCEPT = "application/rss+xml, text/rss+xml, application/rdf+xml, application/xml, text/xml"
AGENT = "Readarr/0.4.18.2805 (alpine 3.21)"
CATEGORIES = "3030,7020,8010"
MAX_PAGES = 30


class TestFailed(Exception):
    __test__ = False


class ApiKeyRefused(Exception):
    """“Invalid API key”."""


class TooManyRequests(Exception):
    def __init__(self, retry_after: str | None) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class Refused(Exception):
    """An HTTP error or a feed it cannot use."""


@dataclass
class Caps:
    page_size: int
    search: list[str] | None
    book: list[str] | None
    categories: dict[int, str] = field(default_factory=dict)


@dataclass
class Item:
    guid: str
    title: str
    published: datetime
    download_url: str
    info_url: str
    size: int
    seeders: int | None
    peers: int | None
    info_hash: str | None
    flags: set[str]
    categories: set[int]


@dataclass
class Readarr:
    http: httpx2.AsyncClient
    base: str  # http://host:9696/1/
    key: str
    api_path: str = "/api"
    requests: list[str] = field(default_factory=list)

    async def test(self) -> None:
        """Capabilities, then one request for news: an empty answer is a failed test."""
        caps = await self.capabilities()
        fits = caps.search is not None and "q" in caps.search
        if not fits and not (caps.book is not None and {"author", "title"} <= set(caps.book)):
            raise TestFailed("Indexer does not support required search parameters")
        if not await self.newest(caps):
            raise TestFailed(
                "Query successful, but no results in the configured categories were returned from your indexer."
            )

    async def capabilities(self) -> Caps:
        root = await self._ask("t=caps")
        if root.tag == "error":
            raise Refused(root.get("description"))
        if root.tag != "caps":
            raise Refused("Unexpected XML")
        size = 100
        limits = root.find("limits")
        if limits is not None:
            size = min(100, max(int(limits.attrib["default"]), int(limits.attrib["max"])))
        caps = Caps(size, None, None)
        searching = root.find("searching")
        if searching is not None:
            caps.search, caps.book = _mode(searching.find("search")), _mode(searching.find("book-search"))
        for top in root.findall("categories/category"):
            for one in (top, *top.findall("subcat")):
                caps.categories[int(one.attrib["id"])] = one.attrib["name"]
        return caps

    async def newest(self, caps: Caps | None = None) -> list[Item]:
        known = caps or await self.capabilities()
        function = "book" if known.book is not None else "search"
        return await self._page(f"t={function}", known, 0)

    async def search(self, title: str, author: str) -> list[Item]:
        """Book parameters first where they are offered, then words in three orders; each goes on while pages are full."""
        caps = await self.capabilities()
        found: list[Item] = []
        if caps.book is not None and {"q", "author", "title"} <= set(caps.book):
            for params in ({"author": author, "title": title}, {"title": title}):
                found += await self._walk(f"t=book&{httpx2.QueryParams(params)}", caps)
        if found:
            return found
        for words in (f"{title} {author}", f"{author} {title}", title):
            found += await self._walk(f"t=search&{httpx2.QueryParams({'q': words})}", caps)
        return found

    async def walk(self, words: str) -> list[Item]:
        return await self._walk(f"t=search&{httpx2.QueryParams({'q': words})}", await self.capabilities())

    async def take(self, url: str) -> bytes | str:
        for _ in range(5):
            headers = {"Accept": "application/x-bittorrent", "User-Agent": AGENT}
            answer = await send(self.http, "GET", url, headers=headers)
            if answer.status_code in (301, 302, 303):
                url = answer.headers["location"]
                if url.startswith("magnet:"):
                    return url
                continue
            if answer.status_code == 404:
                raise Refused("ReleaseUnavailable")
            if answer.status_code == 429:
                raise TooManyRequests(answer.headers.get("retry-after"))
            if not answer.is_success:
                raise Refused(f"HTTP {answer.status_code}")
            return answer.content
        raise Refused("too many redirects")

    async def _walk(self, query: str, caps: Caps) -> list[Item]:
        found: list[Item] = []
        for page in range(MAX_PAGES):
            items = await self._page(query, caps, page * caps.page_size)
            found += items
            if len(items) < caps.page_size:
                break
        return found

    async def _page(self, query: str, caps: Caps, offset: int) -> list[Item]:
        function, _, rest = query.partition("&")
        asked = f"{function}&cat={CATEGORIES}&extended=1&apikey={self.key}&offset={offset}&limit={caps.page_size}"
        root = await self._ask(asked + (f"&{rest}" if rest else ""), keyed=False)
        if root.tag == "error":
            code = int(root.attrib["code"])
            if 100 <= code <= 199:
                raise ApiKeyRefused("Invalid API key")
            if root.get("description") == "Request limit reached":
                raise TooManyRequests(None)
            raise Refused(root.get("description"))
        if root.tag != "rss":
            raise Refused("UnsupportedFeed")
        return [_item(one) for one in root.findall("channel/item")]

    async def _ask(self, query: str, *, keyed: bool = True) -> ET.Element:
        full = query + (f"&apikey={self.key}" if keyed else "")
        self.requests.append(full)
        url = f"{self.base.rstrip('/')}{self.api_path}?{full}"
        answer = await send(self.http, "GET", url, headers={"Accept": ACCEPT, "User-Agent": AGENT})
        if answer.status_code == 401:
            raise ApiKeyRefused("invalid credentials")
        if answer.status_code == 429:
            raise TooManyRequests(answer.headers.get("retry-after"))
        if answer.status_code >= 400:
            raise Refused(f"HTTP {answer.status_code}")
        kind = answer.headers.get("content-type", "")
        if "text/html" in kind:
            raise Refused("Site is likely blocked or unavailable")
        return ET.fromstring(answer.content)


def _mode(element: ET.Element | None) -> list[str] | None:
    """None: not available. The attribute must be there."""
    if element is None or element.attrib["available"] != "yes":
        return None
    return element.attrib.get("supportedParams", "q").split(",")


def _item(item: ET.Element) -> Item:
    attrs: dict[str, list[str]] = {}
    for one in item.findall(TORZNAB):
        attrs.setdefault(one.attrib["name"].lower(), []).append(one.attrib["value"])
    published, enclosure = item.findtext("pubDate"), item.find("enclosure")
    if not published:
        raise Refused("Each item in the RSS feed must have a pubDate element with a valid publish date.")
    if enclosure is None or enclosure.get("type") != "application/x-bittorrent" or not enclosure.get("url"):
        raise Refused("Feed contains no enclosure with a torrent")
    size = attrs.get("size", [enclosure.get("length") or "0"])[0]
    down, up = float(attrs.get("downloadvolumefactor", ["1"])[0]), float(attrs.get("uploadvolumefactor", ["1"])[0])
    flags = {0.0: {"Freeleech"}, 0.25: {"Freeleech75"}, 0.5: {"Halfleech"}, 0.75: {"Freeleech25"}}.get(down, set())
    flags |= {"DoubleUpload"} if up == 2 else set()
    flags |= {tag.capitalize() for tag in attrs.get("tag", []) if tag in ("internal", "scene")}
    when = parsedate_to_datetime(published)
    assert when.tzinfo is not None
    return Item(
        guid=item.findtext("guid") or "",
        title=item.findtext("title") or "",
        published=when,
        download_url=enclosure.attrib["url"],
        info_url=item.findtext("comments") or "",
        size=int(size),
        seeders=int(attrs["seeders"][0]) if "seeders" in attrs else None,
        peers=int(attrs["peers"][0]) if "peers" in attrs else None,
        info_hash=next(iter(attrs.get("infohash", [])), None),
        flags=flags,
        categories={int(value) for value in attrs.get("category", [])},
    )


@dataclass
class Autobrr:
    """Its Readarr client: `system/status` as a test, then `release/push`, whose answer it takes for one object. Its Sonarr
    client asks under `api/v3` and takes a list."""

    http: httpx2.AsyncClient
    base: str
    key: str
    version: str = "v1"

    async def test(self) -> str:
        answer = await send(self.http, "GET", f"{self.base}/api/{self.version}/system/status", headers=self._headers)
        if answer.status_code == 401:
            raise ApiKeyRefused("unauthorized: bad credentials")
        return str(answer.json()["version"])

    async def push(self, **release: Any) -> list[str] | None:
        """None: approved; else why not."""
        body = {"downloadProtocol": "torrent", "protocol": "torrent", **release}
        answer = await send(
            self.http, "POST", f"{self.base}/api/{self.version}/release/push", json=body, headers=self._headers
        )
        if answer.status_code == 400:
            return [f"{row['severity']}: {row['propertyName']}: {row['errorMessage']}" for row in answer.json()]
        if answer.status_code not in (200, 201):
            raise Refused(f"HTTP {answer.status_code}: {answer.text[:200]}")
        told = answer.json()
        assert isinstance(told, dict if self.version == "v1" else list), "could not unmarshal data"
        first = told if self.version == "v1" else told[0]
        assert isinstance(first["rejections"], list) and isinstance(first["rejected"], bool)
        return None if first["approved"] is True else [str(one) for one in first["rejections"]]

    @property
    def _headers(self) -> dict[str, str]:
        return {"X-Api-Key": self.key, "User-Agent": "autobrr", "Content-Type": "application/json; charset=utf-8"}
