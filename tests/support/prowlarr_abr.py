"""AudioBookRequest 1.10.4 as a caller of Prowlarr: its four calls, its models, its way of failing.

Read from its source (`app/internal/indexers`, `app/internal/prowlarr`); it uses aiohttp and pydantic in lax mode, and a list
with one bad element is no list at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import httpx2
from prowlarr_wire import requoted, send
from pydantic import BaseModel, Field, TypeAdapter

MAM = "https://www.myanonamouse.net/t/"
AGENT = "ABR/1.10.4 (+https://github.com/markbeep/AudioBookRequest)"


class Listed(BaseModel):
    id: int
    name: str
    enable: bool
    privacy: str


class _Source(BaseModel):
    guid: str
    indexerId: int
    indexer: str
    title: str
    size: int
    publishDate: str
    infoUrl: str | None = None
    downloadUrl: str | None = None
    magnetUrl: str | None = None
    indexerFlags: list[str] = []


class TorrentSource(_Source):
    protocol: Literal["torrent"]
    seeders: int = 0
    leechers: int = 0


class UsenetSource(_Source):
    protocol: Literal["usenet"]
    grabs: int = 0


Source = Annotated[TorrentSource | UsenetSource, Field(discriminator="protocol")]
SOURCES = TypeAdapter(list[Source])


class FailedFetch(Exception):
    """What its Settings page would show."""


@dataclass
class AudioBookRequest:
    http: httpx2.AsyncClient
    base: str
    key: str

    async def indexers(self) -> dict[int, Listed]:
        answer = await send(self.http, "GET", f"{self._url}/indexer", headers=self._headers)
        if answer.status_code != 200:
            raise FailedFetch(f"{answer.status_code}: {answer.reason_phrase}")
        listed = [Listed.model_validate(row) for row in _json(answer)]
        return {one.id: one for one in listed}

    async def search(
        self, title: str, *, categories: tuple[int, ...] = (3030,), indexer_ids: tuple[int, ...] = ()
    ) -> list[TorrentSource]:
        """Never raises for what the server sends, as the real one: the list is empty then."""
        asked: list[tuple[str, str | int | float | bool | None]] = [("query", title), ("type", "search")]
        asked += [("limit", "100"), ("offset", "0")]
        asked += [("categories", str(one)) for one in categories] + [("indexerIds", str(one)) for one in indexer_ids]
        params = httpx2.QueryParams(asked)
        answer = await send(
            self.http, "GET", f"{self._url}/search?{params}", headers=self._headers | {"Accept": "application/json"}
        )
        if answer.status_code != 200:
            return []
        try:
            found = SOURCES.validate_python(_json(answer))
        except (ValueError, FailedFetch):
            return []
        return [one for one in found if isinstance(one, TorrentSource)]

    async def grab(self, guid: str, indexer_id: int) -> bool:
        """Only whether it went well is looked at."""
        answer = await send(
            self.http,
            "POST",
            f"{self._url}/search",
            json={"guid": guid, "indexerId": indexer_id},
            headers=self._headers,
        )
        return answer.status_code < 400

    async def torrent(self, source: TorrentSource) -> bytes:
        """Without any key: the link must do alone."""
        assert source.downloadUrl
        answer = await self.http.get(
            requoted(source.downloadUrl), headers={"User-Agent": AGENT, "Accept-Encoding": "gzip, deflate, zstd"}
        )
        answer.raise_for_status()
        return answer.content

    @property
    def _url(self) -> str:
        return f"{self.base.rstrip('/')}/api/v1"

    @property
    def _headers(self) -> dict[str, str]:
        return {"X-Api-Key": self.key, "User-Agent": AGENT, "Accept-Encoding": "gzip, deflate, zstd"}


def ranked(sources: list[TorrentSource], author: str, flags: tuple[str, ...] = ("freeleech",)) -> list[TorrentSource]:
    """Authors in the title line, flags, format, seeders, age. Raises what it raises: a date that cannot be read or compared
    ends the request with a 500."""
    oldest_first = sorted(sources, key=lambda one: datetime.fromisoformat(one.publishDate))
    now = datetime.now(UTC)

    def worth(one: TorrentSource) -> tuple[bool, int, bool, int, float]:
        age = (now - datetime.fromisoformat(one.publishDate)).total_seconds()
        flagged = sum(flag in [said.lower() for said in one.indexerFlags] for flag in flags)
        return author.casefold() in one.title.casefold(), flagged, format_of(one.title) != "unknown", one.seeders, -age

    return sorted(oldest_first, key=worth, reverse=True)


def format_of(title: str) -> str:
    words = set(re.split(r"[^a-z0-9]+", title.lower()))
    return next((kind for kind in ("m4b", "mp3", "flac", "audiobook") if kind in words), "unknown")


def mam_number(source: TorrentSource) -> int | None:
    """What turns its own enrichment from MyAnonamouse on."""
    digits = re.search(r"(\d+)$", source.guid)
    return int(digits[1]) if source.infoUrl and source.infoUrl.startswith(MAM) and digits else None


def _json(answer: httpx2.Response) -> list[Any]:
    """aiohttp refuses to read JSON of another media type."""
    if answer.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise FailedFetch(f"unexpected mimetype: {answer.headers.get('content-type')}")
    body = answer.json()
    if not isinstance(body, list):
        raise FailedFetch(f"a {type(body).__name__} in place of a list")
    return body
