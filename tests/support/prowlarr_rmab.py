"""ReadMeABook 1.2.2 as a caller of Prowlarr: its `ProwlarrService` and its feed monitor.

Read from its source (axios; fast-xml-parser over the raw text, which knows no name spaces: the prefix `torznab:` must stand
there literally).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from xml.parsers import expat

import httpx2
from prowlarr_wire import send

AGENT = "ReadMeABook/1.2.2"
Param = tuple[str, str | int | float | bool | None]


class SourceError(Exception):
    """Its `DownloadSourceError`."""


@dataclass
class Result:
    guid: str
    title: str
    indexer: str
    indexer_id: int | None
    size: int
    seeders: int
    leechers: int
    published: datetime
    download_url: str
    info_url: str
    info_hash: str | None
    protocol: str
    flags: list[str]


@dataclass
class Node:
    """What fast-xml-parser makes of an element: one child stays itself, several become a list."""

    tag: str
    attributes: dict[str, str]
    children: list[Node] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str) -> list[Node]:
        return [child for child in self.children if child.tag == tag]

    def text_of(self, tag: str) -> str:
        return next((child.text for child in self.all(tag)), "")


@dataclass
class ReadMeABook:
    http: httpx2.AsyncClient
    base: str
    key: str

    async def healthy(self) -> bool:
        return (await self._get("/health")).is_success

    async def indexers(self) -> list[dict[str, Any]]:
        """Those that are on and can be watched. A body that is no list ends its setup: `indexers.filter` is no function."""
        answer = await self._get("/indexer")
        if not answer.is_success:
            raise SourceError("Failed to get indexers from Prowlarr")
        rows = answer.json()
        if not isinstance(rows, list):
            raise TypeError("indexers.filter is not a function")
        return [
            {"id": row["id"], "name": row["name"], "protocol": row["protocol"], "privacy": row.get("privacy")}
            for row in rows
            if row["enable"] and (row.get("capabilities") or {}).get("supportsRss", True)
        ]

    async def search(self, title: str, author: str, indexer_ids: tuple[int, ...]) -> list[Result]:
        """Title and author, then the title alone; the first of each guid counts. A query that fails is passed over."""
        found: dict[str, Result] = {}
        for words in (f"{title} {author}", title):
            params: list[Param] = [
                ("query", words),
                ("type", "search"),
                ("limit", "100"),
                ("extended", "1"),
                ("categories", "3030"),
            ]
            params += [("indexerIds", str(one)) for one in indexer_ids]
            answer = await self._get(f"/search?{httpx2.QueryParams(params)}")
            if not answer.is_success or not isinstance(rows := answer.json(), list):
                continue
            for row in rows:
                result = _result(row)
                if result is not None:
                    found.setdefault(result.guid, result)
        return list(found.values())

    async def newest(self, indexer_id: int) -> list[Result]:
        """The feed monitor: the key stands in the query alone, and nothing is looked for."""
        params = httpx2.QueryParams(
            [("apikey", self.key), ("t", "search"), ("cat", "3030"), ("limit", "100"), ("extended", "1")]
        )
        answer = await send(self.http, "GET", f"{self.base}/{indexer_id}/api?{params}", headers={"User-Agent": AGENT})
        if not answer.is_success:
            raise SourceError(f"HTTP {answer.status_code}")
        return read_feed(answer.text)

    async def take(self, url: str) -> bytes | str:
        """The torrent's bytes, or a magnet; redirects are followed by hand."""
        for _ in range(5):
            answer = await send(self.http, "GET", url, headers={"X-Api-Key": self.key, "User-Agent": AGENT})
            if 300 <= answer.status_code < 400:
                url = answer.headers["location"]
                if url.startswith("magnet:"):
                    return url
                if not url.startswith(("http://", "https://")):
                    raise SourceError(f"Grab failed: redirect to {url!r}")
                continue
            if not answer.is_success:
                raise SourceError(f"Grab failed: source returned HTTP {answer.status_code}")
            if answer.content.startswith(b"magnet:?"):
                return answer.content.decode()
            return answer.content
        raise SourceError("Grab failed: too many redirects")

    async def _get(self, path: str) -> httpx2.Response:
        headers = {"X-Api-Key": self.key, "User-Agent": AGENT, "Accept": "application/json, text/plain, */*"}
        return await send(self.http, "GET", f"{self.base}/api/v1{path}", headers=headers)


def read_feed(text: str) -> list[Result]:
    """`rss.channel.item` of the raw text; an item without a link is passed over."""
    rss = parse(text)
    if rss.tag != "rss":
        return []
    (channel,) = rss.all("channel")
    results: list[Result] = []
    for item in channel.all("item"):
        attrs = {one.attributes["name"]: one.attributes["value"] for one in item.all("torznab:attr")}
        enclosure = next((one.attributes.get("url", "") for one in item.all("enclosure")), "")
        link = item.text_of("link") or enclosure
        if not link:
            continue
        seeders = int(attrs.get("seeders", "0"))
        results.append(
            Result(
                guid=item.text_of("guid"),
                title=item.text_of("title"),
                indexer=item.text_of("prowlarrindexer"),
                indexer_id=None,
                size=int(item.text_of("size") or 0),
                seeders=seeders,
                leechers=max(0, int(attrs.get("peers", "0")) - seeders),
                published=_js_date(item.text_of("pubDate")),
                download_url=link,
                info_url=item.text_of("comments"),
                info_hash=attrs.get("infohash"),
                protocol="torrent",
                flags=[],
            )
        )
    return results


def parse(text: str) -> Node:
    """A tree with the tags as they are written, prefixes and all."""
    top = Node("", {})
    open_nodes = [top]
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        node = Node(tag, attributes)
        open_nodes[-1].children.append(node)
        open_nodes.append(node)

    def data(chunk: str) -> None:
        open_nodes[-1].text += chunk

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: open_nodes.pop()
    parser.CharacterDataHandler = data
    parser.Parse(text.encode(), True)
    return top.children[0]


def _result(row: dict[str, Any]) -> Result | None:
    """One bad element is passed over alone."""
    try:
        url = row.get("downloadUrl") or row.get("magnetUrl")
        if not url:
            return None
        row["title"].upper()
        flags = [
            flag
            for key in ("indexerFlags", "flags", "tags", "labels")
            for flag in row.get(key) or []
            if isinstance(flag, str)
        ]
        return Result(
            guid=row["guid"],
            title=row["title"],
            indexer=row["indexer"],
            indexer_id=row["indexerId"],
            size=int(row["size"]),
            seeders=int(row.get("seeders") or 0),
            leechers=int(row.get("leechers") or 0),
            published=_js_date(row["publishDate"]),
            download_url=url,
            info_url=row.get("infoUrl") or "",
            info_hash=row.get("infoHash"),
            protocol=row.get("protocol") or ("torrent" if ".torrent" in url or url.startswith("magnet:") else "usenet"),
            flags=flags,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _js_date(written: str) -> datetime:
    from email.utils import parsedate_to_datetime

    return datetime.fromisoformat(written) if written[:1].isdigit() else parsedate_to_datetime(written)
