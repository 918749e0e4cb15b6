"""Our feed read by others: an independent client library over a real socket, and our own strict reader of strangers' feeds,
which finds in it what the first house found."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import bencode2
import httpx2
import pytest
from stub_indexers import StubIndexer
from torznab import Torznab

from earmark.core.reasons import EarmarkError
from earmark.core.release import Freeleech, Release
from earmark.core.wish import Kind
from earmark.http import RateLimited
from earmark.indexers.pacing import Pacer
from earmark.indexers.torznab import TorznabIndexer
from earmark.indexers.upstream import Upstream
from earmark.ports import Magnet, SearchQuery

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KEY = "the-admin-key"
TORRENT = bencode2.bencode(
    {b"info": {b"length": 1000, b"name": b"book", b"piece length": 16384, b"pieces": b"x" * 20, b"private": 1}}
)
TITLES = (
    "The Way of Kings",
    "Cats & Dogs <b>\"for\" 'ever'</b> ]]>",
    "Ungekürzt „Hörbuch“ \U0001f41e",
    "a\x00b\x1f\ufffe\ud83d c",
)
BOOKS = [
    Release(
        guid=f"https://www.myanonamouse.net/t/{n}", indexer="mam", title=title, authors=("Brandon Sanderson", "Ann & Co"),
        kind=Kind.AUDIOBOOK, categories=(3030, 100_041), size_bytes=900_000_000 + n, language="en", filetypes=("m4b",),
        seeders=80 + n, leechers=n, grabs=400 + n, file_count=n, published_at=NOON - timedelta(days=n, seconds=1),
        freeleech=Freeleech(everyone=n == 1, vip=True), info_url=f"https://www.myanonamouse.net/t/{n}", min_ratio=1.0,
        min_seed_secs=259_200, info_hash=f"{n:040x}", download_ref=str(n), description=f"Blurb & <i>{n}</i>\nmore", year=2010,
    )
    for n, title in enumerate(TITLES, 1)
]  # fmt: skip
PUBLIC = Release(
    guid="public-one", indexer="jackett", title="A magnet only", categories=(3030,), private=False, size_bytes=5,
    magnet="magnet:?xt=urn:btih:" + "ab" * 20 + "&dn=A%20magnet", published_at=NOON,
)  # fmt: skip


@pytest.fixture(autouse=True)
def stubs(house) -> dict[str, StubIndexer]:
    house.indexers["mam"] = StubIndexer("mam", BOOKS, torrent=TORRENT)
    house.indexers["jackett"] = StubIndexer("jackett", [PUBLIC], torrent=Magnet(PUBLIC.magnet or ""))
    return house.indexers


# --- the client library -----------------------------------------------------------------------------------------------


async def test_an_independent_client_reads_our_capabilities(served) -> None:
    caps = await asyncio.to_thread(Torznab(KEY).get_capabilities, f"{served.http}/1/api")
    assert caps.server.title == "Prowlarr"
    assert (caps.limits.default, caps.limits.max) == (100, 100)
    assert caps.searching.search.available
    assert caps.searching.search.supported_params == ["q"]
    assert caps.searching.book_search.available
    assert not caps.searching.tv_search.available
    tree = {top.id: {sub.id: sub.name for sub in top.subcats} for top in caps.categories}
    assert tree[3000][3030] == "Audio/Audiobook"
    assert tree[7000][7020] == "Books/EBook"
    assert "freeleech" in {tag.name for tag in caps.tags}


async def test_an_independent_client_reads_our_feed(served) -> None:
    first, *rest = await asyncio.to_thread(Torznab(KEY).search_torrent, "kings", f"{served.http}/1/api")
    assert len(rest) == len(BOOKS) - 1
    assert first.title == "The Way of Kings by Brandon Sanderson, Ann & Co [ENG / M4B] [VIP]"
    assert (first.guid, first.size, first.categories) == (BOOKS[0].guid, 900_000_001, [3030, 100_041])
    assert (first.seeders, first.peers, first.grabs, first.files) == (81, 82, 401, [1])
    assert first.is_freeleech
    assert first.tags == ["freeleech"]
    assert (first.min_ratio, first.min_seed_time, first.infohash) == (1.0, 259_200.0, f"{1:040x}")
    assert first.year == 2010
    assert (first.book_info.book_title, first.book_info.author) == ("The Way of Kings", "Brandon Sanderson, Ann & Co")
    assert first.link.startswith(f"{served.http}/1/download?")
    assert not any(item.is_freeleech for item in rest)


async def test_a_link_read_by_an_independent_client_gives_the_torrent_over_the_wire(served) -> None:
    found = await asyncio.to_thread(Torznab(KEY).search_torrent, "kings", f"{served.http}/1/api")
    async with httpx2.AsyncClient() as client:
        for item in found:
            assert (await client.get(item.link or "")).content == TORRENT
            assert (await client.head(item.link or "")).status_code == 200


# --- our own reader ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def reader(app):
    """Another Earmark, which has this one's feed of number 1 (or the number it is called with) as an indexer."""
    opened: list[TorznabIndexer] = []

    def of(number: int = 1, key: str = KEY) -> TorznabIndexer:
        from pydantic import SecretStr

        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app))
        address = f"http://earmark.test:8080/{number}/api"
        upstream = Upstream("earmark", address, SecretStr(key), client, Pacer(1000.0), clock=lambda: NOON)
        opened.append(TorznabIndexer(upstream))
        return opened[-1]

    yield of
    for one in opened:
        await one.close()


async def test_another_earmark_reads_what_this_one_found(reader) -> None:
    found = await reader().search(SearchQuery("kings", Kind.AUDIOBOOK))
    assert len(found) == len(BOOKS)
    for ours, theirs in zip(BOOKS, found, strict=True):
        for name in (
            "guid",
            "size_bytes",
            "seeders",
            "leechers",
            "grabs",
            "file_count",
            "info_url",
            "info_hash",
            "private",
        ):
            assert getattr(theirs, name) == getattr(ours, name), name
        assert theirs.kind is Kind.AUDIOBOOK
        assert theirs.categories == ours.categories
        assert theirs.published_at == ours.published_at
        assert (theirs.min_ratio, theirs.min_seed_secs) == (1.0, 259_200)
        assert theirs.freeleech.everyone == (ours.guid == BOOKS[0].guid)
    assert found[0].title == "The Way of Kings by Brandon Sanderson, Ann & Co [ENG / M4B] [VIP]"


async def test_another_earmark_reads_the_newest_and_what_can_be_asked(reader) -> None:
    one = reader()
    caps = await one.capabilities()
    assert {3030, 7020} <= caps.ids()
    assert caps.book_params == ("q",)
    assert (await one.test()).ok
    newest = await one.search(SearchQuery("", None, newest=True))
    assert [release.guid for release in newest] == [book.guid for book in BOOKS]


async def test_another_earmark_fetches_torrents_and_magnets(reader) -> None:
    first = (await reader().search(SearchQuery("kings", Kind.AUDIOBOOK)))[0]
    assert KEY not in first.download_ref
    assert await reader().fetch(first) == TORRENT
    magnet = (await reader(2).search(SearchQuery("magnet", Kind.AUDIOBOOK)))[0]
    assert magnet.magnet == PUBLIC.magnet
    fetched = await reader(2).fetch(magnet)
    assert isinstance(fetched, Magnet)
    assert fetched.uri == PUBLIC.magnet


async def test_another_earmark_understands_our_trouble(reader, stubs) -> None:
    refused = await reader(key="wrong").test()
    assert not refused.ok
    assert "key" in refused.message
    stubs["mam"].error = EarmarkError.of("session_expired", "The session is over.", "Create a new one.")
    with pytest.raises(EarmarkError) as failed:
        await reader().search(SearchQuery("kings", Kind.AUDIOBOOK))
    assert "The session is over." in failed.value.reason.message
    with pytest.raises(RateLimited) as paused:
        await reader().search(SearchQuery("kings", Kind.AUDIOBOOK))
    assert paused.value.retry_after_secs == 60
