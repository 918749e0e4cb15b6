"""Indexers that answer what a test told them to, and remember what they were asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from earmark.core.newznab import Capabilities
from earmark.core.reasons import EarmarkError
from earmark.core.release import Release
from earmark.ports import IndexerHealth, Magnet, SearchQuery


class FakeIndexer:
    """Gives `answer` (releases, or an error to raise); while `gate` is set to an event it waits for that first."""

    def __init__(self, name: str = "mam", answer: Sequence[Release] | Exception = ()) -> None:
        self.name = name
        self.answer = answer
        self.gate: asyncio.Event | None = None
        self.asked: list[SearchQuery] = []
        self.fetched: list[Release] = []
        self.torrent: bytes | Magnet | Exception = b"de"
        self.healthy = True
        self.told: Capabilities | EarmarkError = Capabilities()
        self.closed = False

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        self.asked.append(query)
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def capabilities(self) -> Capabilities:
        if isinstance(self.told, EarmarkError):
            raise self.told
        return self.told

    async def fetch(self, release: Release) -> bytes | Magnet:
        self.fetched.append(release)
        if isinstance(self.torrent, Exception):
            raise self.torrent
        return self.torrent

    async def account(self) -> None:
        return None

    async def test(self) -> IndexerHealth:
        return IndexerHealth(self.healthy, "fine" if self.healthy else "not fine")

    async def close(self) -> None:
        self.closed = True


def release(number: int, indexer: str = "mam", **facts) -> Release:
    told = {"title": f"Book {number}", "categories": (3030,), "seeders": number} | facts
    return Release(guid=f"https://{indexer}.example/t/{number}", indexer=indexer, **told)
