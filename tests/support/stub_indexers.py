"""Indexers that answer what a test tells them to, for houses without a tracker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from earmark.core.newznab import STANDARD, Capabilities
from earmark.core.reasons import EarmarkError
from earmark.core.release import Account, Release
from earmark.ports import IndexerHealth, Magnet, SearchQuery

AUDIO_AND_BOOKS = Capabilities(tuple(top for top in STANDARD if top.id in (3000, 7000)), book_params=("q",))


@dataclass
class StubIndexer:
    """Offers `releases` (as its own) to every question, or raises `error`; remembers the questions."""

    name: str
    releases: Sequence[Release] = ()
    error: EarmarkError | None = None
    caps: Capabilities = AUDIO_AND_BOOKS
    torrent: bytes | Magnet = b"d4:infod6:lengthi1e4:name1:a12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee"
    wait_secs: float = 0.0
    asked: list[SearchQuery] = field(default_factory=list)
    fetched: list[Release] = field(default_factory=list)

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        self.asked.append(query)
        if self.wait_secs:
            await asyncio.sleep(self.wait_secs)
        if self.error is not None:
            raise self.error
        return [replace(release, indexer=self.name) for release in self.releases]

    async def capabilities(self) -> Capabilities:
        if self.error is not None:
            raise self.error
        return self.caps

    async def fetch(self, release: Release) -> bytes | Magnet:
        self.fetched.append(release)
        if self.error is not None:
            raise self.error
        return self.torrent

    async def account(self) -> Account | None:
        return None

    async def test(self) -> IndexerHealth:
        if self.error is not None:
            return IndexerHealth(False, self.error.reason.message)
        return IndexerHealth(True, "It answers.")

    async def close(self) -> None:
        return None
