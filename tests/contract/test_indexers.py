"""The contract every indexer keeps. A tracker nobody has thought of yet joins by one class and one line in `ADAPTERS`
(`FolderTracker` below does), with nothing in the core to change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import bencode2
import httpx2
import pytest
from pydantic import SecretStr

from earmark.core.newznab import Capabilities
from earmark.core.reasons import EarmarkError, PermanentError, Reason, TransientError
from earmark.core.release import Release
from earmark.core.torrentfile import BadTorrent, read_torrent
from earmark.core.wish import Kind
from earmark.http import new_client
from earmark.indexers import MamIndexer, TorznabIndexer
from earmark.indexers.pacing import Pacer
from earmark.indexers.upstream import Upstream
from earmark.ports import Indexer, IndexerHealth, SearchQuery

QUERY = SearchQuery("the moonstone", Kind.AUDIOBOOK)


def torrent() -> bytes:
    info = {
        b"name": b"Book.mp3",
        b"length": 5,
        b"piece length": 16384,
        b"pieces": hashlib.sha1(b"hello").digest(),
        b"private": 1,
    }
    return bencode2.bencode({b"announce": b"http://t/", b"info": info})


@dataclass
class World:
    """What stands behind an adapter: two releases about a moonstone, a torrent file, and trouble on demand."""

    titles: tuple[str, ...] = ("The Moonstone", "The Moonstone, retold")
    torrent: bytes = field(default_factory=torrent)
    trouble: str | None = None  # "away" | "refused"
    asked: int = 0

    def strike(self) -> httpx2.Response | None:
        self.asked += 1
        if self.trouble == "away":
            raise httpx2.ConnectError("away")
        return httpx2.Response(403) if self.trouble == "refused" else None

    def mam(self, request: httpx2.Request) -> httpx2.Response:
        if (struck := self.strike()) is not None:
            return struck
        if request.url.path == "/jsonLoad.php":
            return httpx2.Response(200, json={"uid": 1, "username": "mouse"})
        if request.url.path == "/tor/download.php":
            return httpx2.Response(200, content=self.torrent)
        if "moonstone" not in json.loads(request.content)["tor"]["text"]:
            return httpx2.Response(200, json={"error": "Nothing returned, out of 0"})
        rows = [{"id": n, "title": title} for n, title in enumerate(self.titles, 1)]
        return httpx2.Response(200, json={"data": rows, "found": len(rows)})

    def torznab(self, request: httpx2.Request) -> httpx2.Response:
        if (struck := self.strike()) is not None:
            return struck
        if request.url.path == "/dl":
            return httpx2.Response(200, content=self.torrent)
        if request.url.params["t"] == "caps":
            return httpx2.Response(200, text="<caps/>")
        titles = self.titles if "moonstone" in request.url.params["q"] else ()
        items = "".join(
            f"<item><title>{t}</title><guid>g{n}</guid><link>http://feed.test/dl?apikey=k&amp;n={n}</link></item>"
            for n, t in enumerate(titles)
        )
        return httpx2.Response(200, text=f"<rss><channel>{items}</channel></rss>")


class FolderTracker:
    """The second tracker: it lives in memory, has no account and no HTTP, and shares nothing with the others."""

    name = "folder"

    def __init__(self, world: World) -> None:
        self._world = world

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        words = query.text.split()
        if not any(c.isalnum() for c in query.text):
            return []
        self._check()
        titles = [t for t in self._world.titles if all(word in t.lower() for word in words)]
        return [Release(guid=f"folder:{t}", indexer=self.name, title=t, download_ref=t) for t in titles][: query.limit]

    async def fetch(self, release: Release) -> bytes:
        if release.indexer != self.name:
            raise PermanentError(Reason("not_ours", "Another indexer's release.", "Ask that one."))
        self._check()
        read_torrent(self._world.torrent)
        return self._world.torrent

    async def capabilities(self) -> Capabilities:
        return Capabilities()

    async def account(self) -> None:
        return None

    async def test(self) -> IndexerHealth:
        try:
            self._check()
        except EarmarkError as error:
            return IndexerHealth(ok=False, message=error.reason.message)
        return IndexerHealth(ok=True, message="The folder is there.")

    async def close(self) -> None: ...

    def _check(self) -> None:
        self._world.asked += 1
        if self._world.trouble == "away":
            raise TransientError(Reason("away", "The folder is away.", "Mount it."))
        if self._world.trouble == "refused":
            raise PermanentError(Reason("refused", "The folder is not ours to read.", "Change its owner."))


class NoStore:
    async def load(self) -> str | None:
        return None

    async def save(self, value: str) -> None: ...


async def no_sleep(_: float) -> None: ...


def clock() -> datetime:
    return datetime(2026, 7, 1, tzinfo=UTC)


def open_mam(world: World) -> Indexer:
    http = new_client(5, httpx2.MockTransport(world.mam))
    ticks = iter(range(0, 10**9, 10))
    pacer = Pacer(1, monotonic=lambda: float(next(ticks)), sleep=no_sleep)
    return MamIndexer("https://www.myanonamouse.net", NoStore(), http, pacer, clock=clock, configured="x")


def open_torznab(world: World) -> Indexer:
    http = new_client(5, httpx2.MockTransport(world.torznab))
    return TorznabIndexer(Upstream("feed", "http://feed.test/api", SecretStr("k"), http, Pacer(10_000), clock=clock))


ADAPTERS: dict[str, Callable[[World], Indexer]] = {"mam": open_mam, "torznab": open_torznab, "folder": FolderTracker}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(params=sorted(ADAPTERS))
async def indexer(request: Any, world: World) -> AsyncIterator[Indexer]:
    opened = ADAPTERS[request.param](world)
    yield opened
    await opened.close()


async def test_a_search_gives_releases_of_this_indexer_with_unique_guids(indexer: Indexer, world: World) -> None:
    releases = await indexer.search(QUERY)
    assert [r.title for r in releases] == list(world.titles)
    assert {r.indexer for r in releases} == {indexer.name}
    assert len({r.guid for r in releases}) == len(releases)


async def test_the_limit_is_kept(indexer: Indexer) -> None:
    assert len(await indexer.search(replace(QUERY, limit=1))) == 1


async def test_nothing_found_is_an_empty_list(indexer: Indexer) -> None:
    assert list(await indexer.search(replace(QUERY, text="zzz"))) == []


@pytest.mark.parametrize("text", ["", "  ", "?!"])
async def test_an_empty_query_asks_nobody(indexer: Indexer, world: World, text: str) -> None:
    assert list(await indexer.search(replace(QUERY, text=text))) == []
    assert world.asked == 0


@pytest.mark.parametrize(("trouble", "error"), [("away", TransientError), ("refused", PermanentError)])
async def test_trouble_is_a_named_error_and_never_an_empty_list(
    indexer: Indexer, world: World, trouble: str, error: type[EarmarkError]
) -> None:
    release = (await indexer.search(QUERY))[0]
    world.trouble = trouble
    for call in (indexer.search(QUERY), indexer.fetch(release)):
        with pytest.raises(error) as caught:
            await call
        assert caught.value.reason.code and caught.value.reason.message and caught.value.reason.action


async def test_a_fetch_gives_the_torrent(indexer: Indexer, world: World) -> None:
    release = (await indexer.search(QUERY))[0]
    assert await indexer.fetch(release) == world.torrent


async def test_what_is_no_sound_torrent_is_never_handed_on(indexer: Indexer, world: World) -> None:
    release = (await indexer.search(QUERY))[0]
    world.torrent = torrent().replace(b"Book.mp3", b"../a.mp3")
    with pytest.raises(BadTorrent):
        await indexer.fetch(release)


async def test_another_indexers_release_is_refused_without_asking(indexer: Indexer, world: World) -> None:
    release = replace((await indexer.search(QUERY))[0], indexer="somebody else")
    world.asked = 0
    with pytest.raises(PermanentError):
        await indexer.fetch(release)
    assert world.asked == 0


async def test_health_tells_and_never_raises(indexer: Indexer, world: World) -> None:
    assert (await indexer.test()).ok
    for trouble in ("away", "refused"):
        world.trouble = trouble
        health = await indexer.test()
        assert not health.ok and health.message
