"""Listenarr 0.2.48 as a reader of a Torznab indexer at `http://host:9696/1`.

Read from its source (.NET; strict XML with name spaces): any `<error>` anywhere fails its test, any trouble makes its search
empty, and format and language are looked for only where a description stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

import httpx2
from prowlarr_wire import send

SPACES = ("http://torznab.com/schemas/2015/feed", "http://www.newznab.com/DTD/2010/feeds/attributes/")
FORMATS = ("m4b", "mp3", "flac", "aac", "opus", "epub")


class TestFailed(Exception):
    __test__ = False


@dataclass
class Result:
    guid: str
    title: str
    artist: str
    size: int
    seeders: int | None
    leechers: int | None
    torrent_url: str
    format: str | None
    language: str | None
    published: str
    grabs: int | None


@dataclass
class Listenarr:
    http: httpx2.AsyncClient
    url: str  # http://host:9696/1
    key: str

    async def test(self) -> None:
        params = {"t": "search", "limit": "1", "offset": "0", "apikey": self.key}
        answer = await send(
            self.http, "GET", f"{self.url}/api?{httpx2.QueryParams(params)}", headers={"X-Api-Key": self.key}
        )
        if answer.status_code in (401, 403):
            raise TestFailed("Authentication failed")
        if not answer.is_success:
            raise TestFailed(f"HTTP {answer.status_code}")
        root = ET.fromstring(answer.content)
        for element in root.iter():
            if element.tag.rpartition("}")[2] == "error":
                raise TestFailed(element.get("description"))

    async def search(self, words: str, category: str | None = None) -> list[Result]:
        params = {"t": "search", "q": words, "apikey": self.key, **({"cat": category} if category else {})}
        params |= {"limit": "100", "extended": "1"}
        answer = await send(self.http, "GET", f"{self.url}/api?{httpx2.QueryParams(params)}")
        if not answer.is_success:
            return []
        try:
            return read_feed(answer.content)
        except (ET.ParseError, ValueError):
            return []

    async def take(self, url: str) -> bytes:
        answer = await self.http.get(url)
        answer.raise_for_status()
        return answer.content


def read_feed(body: bytes) -> list[Result]:
    root = ET.fromstring(body)
    if root.tag == "error":
        return []
    return [one for item in root.findall("channel/item") if (one := _result(item)) is not None]


def _result(item: ET.Element) -> Result | None:
    attrs = {
        a.get("name", "").lower(): a.get("value", "") for space in SPACES for a in item.findall(f"{{{space}}}attr")
    }
    enclosure = item.find("enclosure")
    url = (enclosure.get("url") if enclosure is not None else None) or item.findtext("link")
    if not url:
        return None
    title, description = item.findtext("title", ""), item.findtext("description", "").strip()
    size = attrs.get("size") or (enclosure.get("length") if enclosure is not None else None) or "0"
    text = f"{title} {description}".lower()
    kind = attrs.get("filetype") or attrs.get("format")
    language = next((attrs[name] for name in ("lang_code", "language_code", "lang", "language") if name in attrs), None)
    if description:
        kind = kind or next((known for known in FORMATS if re.search(rf"\b{known}\b", text)), None)
        language = language or next((code for code in ("eng", "ger", "fre") if re.search(rf"\b{code}\b", text)), None)
    artist, dash, _ = title.partition(" - ")
    published = item.findtext("pubDate", "")
    parsedate_to_datetime(published)
    comments = item.findtext("comments", "")
    grabs = attrs.get("grabs") or (comments if comments.isdecimal() else None)
    return Result(
        guid=item.findtext("guid", ""),
        title=title,
        artist=artist if dash else "Unknown Author",
        size=int(size),
        seeders=int(attrs["seeders"]) if "seeders" in attrs else None,
        leechers=int(attrs["peers"]) if "peers" in attrs else None,
        torrent_url=url,
        format=kind.lower() if kind else None,
        language=language.lower() if language else None,
        published=published,
        grabs=int(grabs) if grabs else None,
    )
