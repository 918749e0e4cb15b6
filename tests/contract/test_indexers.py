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

from earmark.core.newznab import Capabilities, Category, expanded
from earmark.core.reasons import EarmarkError, PermanentError, Reason, TransientError
from earmark.core.release import Release
from earmark.core.torrentfile import BadTorrent, read_torrent
from earmark.core.wish import Kind
from earmark.http import new_client
from earmark.indexers import MamIndexer, ProwlarrIndexer, TorznabIndexer
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
        tor = json.loads(request.content)["tor"]
        found = self.found(tor["text"], newest=tor["sortType"] == "dateDesc")
        rows = [{"id": n, "title": title, "category": 45} for n, title in found][tor["startNumber"] :]
        if not rows:
            return httpx2.Response(200, json={"error": f"Nothing returned, out of {len(found)}"})
        return httpx2.Response(200, json={"data": rows, "found": len(found)})

    def torznab(self, request: httpx2.Request) -> httpx2.Response:
        if (struck := self.strike()) is not None:
            return struck
        if request.url.path == "/dl":
            return httpx2.Response(200, content=self.torrent)
        asked = request.url.params
        if asked["t"] == "caps":
            return httpx2.Response(
                200, text='<caps><categories><category id="3030" name="Audiobooks"/></categories></caps>'
            )
        found = self.found(asked.get("q", ""), newest="q" not in asked)[int(asked.get("offset", 0)) :]
        items = "".join(
            f"<item><title>{t}</title><guid>g{n}</guid><link>http://feed.test/dl?apikey=k&amp;n={n}</link></item>"
            for n, t in found[: int(asked["limit"])]
        )
        return httpx2.Response(200, text=f"<rss><channel>{items}</channel></rss>")

    def prowlarr(self, request: httpx2.Request) -> httpx2.Response:
        if (struck := self.strike()) is not None:
            return struck
        asked = request.url.params
        if request.url.path == "/1/download":
            return httpx2.Response(200, content=self.torrent)
        if request.url.path == "/api/v1/system/status":
            return httpx2.Response(200, json={"appName": "Prowlarr", "version": "2.3.6"})
        if request.url.path == "/api/v1/indexer":
            books = {"categories": [{"id": 3030, "name": "Audio/Audiobook", "subCategories": []}]}
            told = {"id": 1, "name": "Books", "enable": True, "protocol": "torrent", "capabilities": books}
            return httpx2.Response(200, json=[told])
        found = self.found(asked.get("query", ""), newest="query" not in asked)[int(asked["offset"]) :]
        elements = [
            {"guid": f"g{n}", "indexerId": 1, "title": t, "protocol": "torrent", "size": 0,
             "downloadUrl": f"http://prowlarr.test/1/download?apikey=k&link={n}"}
            for n, t in found[: int(asked["limit"])]
        ]  # fmt: skip
        return httpx2.Response(200, json=elements)

    def found(self, text: str, *, newest: bool) -> list[tuple[int, str]]:
        return list(enumerate(self.titles, 1)) if newest or "moonstone" in text else []


class FolderTracker:
    """The second tracker: it lives in memory, has no account and no HTTP, and shares nothing with the others."""

    name = "folder"

    def __init__(self, world: World) -> None:
        self._world = world

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        words = [] if query.newest else query.text.split()
        if not query.newest and not any(c.isalnum() for c in query.text):
            return []
        if query.categories and not (await self.capabilities()).serves(expanded(query.categories)):
            return []
        self._check()
        titles = [t for t in self._world.titles if all(word in t.lower() for word in words)]
        return [Release(guid=f"folder:{t}", indexer=self.name, title=t, download_ref=t) for t in titles][
            query.offset : query.offset + query.limit
        ]

    async def fetch(self, release: Release) -> bytes:
        if release.indexer != self.name:
            raise PermanentError(Reason("not_ours", "Another indexer's release.", "Ask that one."))
        self._check()
        read_torrent(self._world.torrent)
        return self._world.torrent

    async def capabilities(self) -> Capabilities:
        return Capabilities(categories=(Category(3030, "Audio/Audiobook"),))

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


def open_prowlarr(world: World) -> Indexer:
    http = new_client(5, httpx2.MockTransport(world.prowlarr))
    return ProwlarrIndexer(
        Upstream("prowlarr", "http://prowlarr.test", SecretStr("k"), http, Pacer(10_000), clock=clock)
    )


ADAPTERS: dict[str, Callable[[World], Indexer]] = {
    "mam": open_mam,
    "torznab": open_torznab,
    "prowlarr": open_prowlarr,
    "folder": FolderTracker,
}


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


async def test_an_offset_passes_over_the_first_results(indexer: Indexer, world: World) -> None:
    assert [r.title for r in await indexer.search(replace(QUERY, offset=1))] == list(world.titles[1:])
    assert list(await indexer.search(replace(QUERY, offset=2))) == []


async def test_the_newest_releases_need_no_text(indexer: Indexer, world: World) -> None:
    assert [r.title for r in await indexer.search(replace(QUERY, text="", newest=True))] == list(world.titles)


async def test_a_query_for_no_kind_asks_for_every_kind(indexer: Indexer, world: World) -> None:
    assert [r.title for r in await indexer.search(replace(QUERY, kind=None))] == list(world.titles)


async def test_capabilities_name_what_can_be_asked(indexer: Indexer) -> None:
    told = await indexer.capabilities()
    assert 3030 in told.ids() and "q" in told.search_params
    assert 1 <= told.limit_default <= told.limit_max


async def test_categories_are_known_or_nobody_is_asked(indexer: Indexer, world: World) -> None:
    await indexer.capabilities()
    assert [r.title for r in await indexer.search(replace(QUERY, categories=(3000, 9999)))] == list(world.titles)
    world.asked = 0
    assert list(await indexer.search(replace(QUERY, categories=(9999, 2000)))) == []
    assert world.asked == 0


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
