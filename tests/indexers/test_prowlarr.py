"""A Prowlarr as an indexer: what it is asked, how forgiving its answers are read, and where its key stays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from earmark.core.indexing import IndexerFacts, IndexerRecord, IndexerSort
from earmark.core.newznab import Capabilities
from earmark.core.reasons import EarmarkError
from earmark.core.torrentfile import BadTorrent
from earmark.core.wish import Kind
from earmark.http import AnswerNotUnderstood, RateLimited, SiteUnavailable
from earmark.indexers import ProwlarrIndexer, errors, open_indexer
from earmark.indexers.upstream import Upstream
from earmark.ports import Magnet, SearchQuery

KEY = "canary-key-42"
QUERY = SearchQuery("The Way of Kings!", Kind.AUDIOBOOK)
MAGNET = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567"
Reply = httpx2.Response
LINK = f"http://prowlarr.test:9696/base/1/download?apikey={KEY}&link=QUJD&file=x"


def element(n: int = 1, **changes: Any) -> dict[str, Any]:
    told = {
        "guid": f"https://tracker.example/t/{n}", "age": 12, "ageHours": 290.1, "size": 943718400, "files": 1,
        "grabs": 412, "indexerId": 1, "indexer": "Tracker", "title": f"The Way of Kings {n}", "sortTitle": "way",
        "publishDate": "2020-01-02T03:04:05Z", "downloadUrl": LINK, "infoUrl": f"https://tracker.example/t/{n}",
        "indexerFlags": ["Freeleech", "internal"], "seeders": 85, "leechers": 1, "protocol": "torrent",
        "categories": [{"id": 3000, "name": "Audio", "subCategories": [{"id": 3030}]}, {"id": 100041}],
    }  # fmt: skip
    return {key: value for key, value in (told | changes).items() if value is not ...}


def row(number: int, **changes: Any) -> dict[str, Any]:
    told = {
        "id": number, "name": f"Indexer {number}", "enable": True, "protocol": "torrent", "privacy": "private",
        "capabilities": {
            "limitsMax": 100, "limitsDefault": 50, "searchParams": ["q"], "bookSearchParams": ["q", "author"],
            "musicSearchParams": [], "categories": [{"id": 3000, "name": "Audio", "subCategories": [
                {"id": 3030, "name": "Audio/Audiobook", "subCategories": []}]}],
        },
    }  # fmt: skip
    return told | changes


class Behind:
    """A Prowlarr of prepared answers, a status of its own for each path."""

    def __init__(self) -> None:
        self.rows: Any = [row(1), row(2, privacy="public")]
        self.results: Any = [element()]
        self.search: Reply | Exception | None = None
        self.searches: list[httpx2.URL] = []

    def __call__(self, request: httpx2.Request) -> Reply:
        assert request.headers["x-api-key"] == KEY and KEY not in str(request.url)
        path = request.url.path.removeprefix("/base/api/v1")
        if path == "/indexer":
            return Reply(200, json=self.rows)
        if path == "/system/status":
            return Reply(200, json={"appName": "Prowlarr", "version": "2.3.6"})
        assert path == "/search"
        self.searches.append(request.url)
        if isinstance(self.search, Exception):
            raise self.search
        return self.search or Reply(200, json=self.results)


@pytest.fixture
def behind(site: Any) -> Behind:
    there = Behind()
    site.replies = [there]
    return there


@pytest.fixture
def prowlarr(upstream: Callable[..., Upstream], behind: Behind) -> ProwlarrIndexer:
    return ProwlarrIndexer(upstream("prowlarr", "http://prowlarr.test:9696/base/"))


async def test_its_search_is_asked_with_the_key_in_a_header(
    upstream: Callable[..., Upstream], behind: Behind, prowlarr: ProwlarrIndexer
) -> None:
    await prowlarr.search(QUERY)
    await ProwlarrIndexer(upstream("p", "http://prowlarr.test:9696/base"), upstream_ids=(2, 1)).search(
        replace(QUERY, limit=20, offset=40, categories=(3000, 3030))
    )
    assert behind.searches[0].params.multi_items() == [
        ("query", "The Way of Kings"), ("type", "search"), ("limit", "100"), ("offset", "0"), ("categories", "3030"),
    ]  # fmt: skip
    assert behind.searches[1].params.multi_items()[2:] == [
        ("limit", "20"), ("offset", "40"), ("categories", "3000"), ("categories", "3030"),
        ("indexerIds", "2"), ("indexerIds", "1"),
    ]  # fmt: skip


async def test_elements_become_releases(prowlarr: ProwlarrIndexer) -> None:
    (one,) = await prowlarr.search(QUERY)
    assert (one.indexer, one.title, one.guid) == ("prowlarr", "The Way of Kings 1", "https://tracker.example/t/1")
    assert (one.size_bytes, one.file_count, one.grabs, one.seeders, one.leechers) == (943718400, 1, 412, 85, 1)
    assert (one.categories, one.kind) == ((3000, 3030, 100041), Kind.AUDIOBOOK)
    assert one.published_at == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (one.flags, one.download_factor, one.freeleech.everyone) == (("freeleech", "internal"), 0.0, True)
    assert one.info_url == one.guid and one.private
    assert KEY not in repr(one)


async def test_a_public_indexers_torrents_need_not_be_private(prowlarr: ProwlarrIndexer, behind: Behind) -> None:
    behind.results = [element(1, indexerId=2), element(2, indexerId=9)]
    assert [release.private for release in await prowlarr.search(QUERY)] == [False, False]


@pytest.mark.parametrize(
    "changes",
    [{"size": 0}, {"size": ...}, {"size": "big"}, {"publishDate": ...}, {"publishDate": "0001-01-01T00:00:00Z"},
     {"publishDate": "soon"}, {"seeders": None}, {"seeders": -1}, {"seeders": True}, {"indexerFlags": None},
     {"indexerFlags": [1, None]}, {"categories": None}, {"categories": [{"id": "x"}, 7]}, {"infoUrl": "javascript:x"},
     {"infoHash": "zz"}, {"grabs": 1e30}, {"title": 12, "guid": "kept", "downloadUrl": 3}],
    ids=str,
)  # fmt: skip
async def test_one_odd_element_costs_nobody_else(
    prowlarr: ProwlarrIndexer, behind: Behind, changes: dict[str, Any]
) -> None:
    behind.results = [element(1, **changes), 17, None, {}, element(2)]
    found = await prowlarr.search(QUERY)
    assert found[-1].title == "The Way of Kings 2" and len(found) == (1 if "title" in changes else 2)


async def test_other_protocols_are_left_out_without_a_word(prowlarr: ProwlarrIndexer, behind: Behind) -> None:
    behind.results = [element(1, protocol="usenet")]
    assert await prowlarr.search(QUERY) == []


async def test_results_of_which_none_makes_sense_are_an_error(prowlarr: ProwlarrIndexer, behind: Behind) -> None:
    behind.results = [{}]
    with pytest.raises(AnswerNotUnderstood):
        await prowlarr.search(QUERY)


async def test_a_magnet_may_be_plain_or_behind_a_link(prowlarr: ProwlarrIndexer, behind: Behind, site: Any) -> None:
    behind.results = [element(1, downloadUrl=..., magnetUrl=MAGNET), element(2, downloadUrl=..., magnetUrl=LINK)]
    plain, hidden = await prowlarr.search(QUERY)
    assert await prowlarr.fetch(plain) == Magnet(MAGNET)
    for answer in (Reply(301, headers={"location": MAGNET}), Reply(200, text=MAGNET)):
        site.replies = [answer]
        assert await prowlarr.fetch(hidden) == Magnet(MAGNET)


async def test_the_torrent_comes_by_its_link_with_the_key_put_back(
    prowlarr: ProwlarrIndexer, site: Any, make_torrent: Callable[..., bytes]
) -> None:
    (release,) = await prowlarr.search(QUERY)
    site.replies = [Reply(200, content=make_torrent())]
    assert await prowlarr.fetch(release) == make_torrent()
    assert str(site.requests[-1].url) == LINK
    site.replies = [Reply(200, content=make_torrent(private=False))]
    with pytest.raises(BadTorrent):
        await prowlarr.fetch(release)


async def test_a_link_with_a_token_of_its_own_is_kept_as_it_is(
    prowlarr: ProwlarrIndexer, behind: Behind, site: Any, make_torrent: Callable[..., bytes]
) -> None:
    link = "http://prowlarr.test:9696/base/1/download?apikey=t.oken-of-its-own&link=x&file=y+z"
    behind.results = [element(1, downloadUrl=link)]
    (release,) = await prowlarr.search(QUERY)
    assert release.download_ref == link
    site.replies = [Reply(200, content=make_torrent())]
    await prowlarr.fetch(release)
    assert str(site.requests[-1].url) == link


FETCHES: list[tuple[str, Any, type[EarmarkError]]] = [
    ("gone", Reply(410), errors.TorrentGone),
    ("unknown", Reply(404), errors.TorrentGone),
    ("limit", Reply(429, headers={"retry-after": "60"}), RateLimited),
    ("broken", Reply(500, text="<error/>"), SiteUnavailable),
    ("key", Reply(401), errors.KeyRefused),
    ("bad link", Reply(400), AnswerNotUnderstood),
]


@pytest.mark.parametrize(("reply", "error"), [t[1:] for t in FETCHES], ids=[t[0] for t in FETCHES])
async def test_a_fetch_that_fails_says_why(
    prowlarr: ProwlarrIndexer, site: Any, reply: Any, error: type[EarmarkError]
) -> None:
    (release,) = await prowlarr.search(QUERY)
    site.replies = [reply]
    with pytest.raises(error):
        await prowlarr.fetch(release)


UNAVAILABLE = {"message": "Search failed due to all selected indexers being unavailable"}
TROUBLE: list[tuple[str, Any, type[EarmarkError]]] = [
    ("key", Reply(401), errors.KeyRefused),
    ("all unavailable", Reply(400, json=UNAVAILABLE), SiteUnavailable),
    ("bad request", Reply(400, json={"title": "One or more validation errors"}), errors.SearchRefused),
    ("slow down", Reply(429, headers={"retry-after": "60"}), RateLimited),
    ("broken", Reply(500, json={"message": "x"}), SiteUnavailable),
    ("page", Reply(200, html=f"<html>Prowlarr {KEY}</html>"), AnswerNotUnderstood),
    ("page as 400", Reply(400, html="<html>Bad Request</html>"), AnswerNotUnderstood),
    ("no list", Reply(200, json={"message": f"key {KEY}"}), AnswerNotUnderstood),
    ("null", Reply(200, json=None), AnswerNotUnderstood),
    ("elsewhere", Reply(302, headers={"location": "/login"}), AnswerNotUnderstood),
    ("wrong address", Reply(404), AnswerNotUnderstood),
    ("away", httpx2.ConnectError(KEY), SiteUnavailable),
]


@pytest.mark.parametrize(("reply", "error"), [t[1:] for t in TROUBLE], ids=[t[0] for t in TROUBLE])
async def test_trouble_has_a_name_and_gives_no_key_away(
    prowlarr: ProwlarrIndexer, behind: Behind, reply: Any, error: type[EarmarkError]
) -> None:
    behind.search = reply
    with pytest.raises(error) as caught:
        await prowlarr.search(QUERY)
    assert KEY not in f"{caught.value!r}{caught.value.reason!r}{caught.value.__cause__!r}"


async def test_its_capabilities_are_those_of_its_indexers_together(prowlarr: ProwlarrIndexer, behind: Behind) -> None:
    books = {"categories": [{"id": 7000, "subCategories": [{"id": 7020}]}], "bookSearchParams": ["q"], "limitsMax": 50}
    behind.rows = [row(1), row(2, capabilities=books), row(3, enable=False), row(4, protocol="usenet"), 5, row(6)]
    told = await prowlarr.capabilities()
    assert told.ids() == {3000, 3030, 7000, 7020}
    assert (told.search_params, told.book_params, told.limit_max) == (("q",), ("q",), 50)
    behind.rows = [row(1, capabilities=None)]
    assert await prowlarr.capabilities() == Capabilities()
    behind.rows = [row(1, enable=False)]
    with pytest.raises(SiteUnavailable):
        await prowlarr.capabilities()


async def test_categories_none_of_its_indexers_has_are_not_asked_for(prowlarr: ProwlarrIndexer, behind: Behind) -> None:
    assert await prowlarr.search(replace(QUERY, categories=(2000,))) == []
    assert behind.searches == []


async def test_health_tells_whether_there_is_anything_to_search_with(
    upstream: Callable[..., Upstream], prowlarr: ProwlarrIndexer, behind: Behind
) -> None:
    well = await prowlarr.test()
    assert well.ok and "2.3.6" in well.message and "Indexer 1" in well.message
    one = ProwlarrIndexer(upstream("p", "http://prowlarr.test:9696/base"), upstream_ids=(7,))
    assert not (await one.test()).ok
    behind.rows = []
    assert not (await prowlarr.test()).ok
    behind.rows = {"message": "x"}
    assert not (await prowlarr.test()).ok
    assert await prowlarr.account() is None


async def test_a_cut_list_is_fair_to_the_indexers_behind(prowlarr: ProwlarrIndexer, behind: Behind) -> None:
    behind.results = [element(n, indexerId=1 if n < 10 else 2) for n in range(12)]
    found = await prowlarr.search(replace(QUERY, limit=4))
    assert [json.loads(r.guid.rpartition("/")[2]) for r in found] == [0, 10, 1, 11]


async def test_the_newest_are_asked_for_without_words(prowlarr: ProwlarrIndexer, behind: Behind) -> None:
    assert len(await prowlarr.search(replace(QUERY, text="", newest=True))) == 1
    assert "query" not in behind.searches[0].params


async def test_its_list_of_indexers_is_looked_at_again_after_an_hour(site: Any, behind: Behind) -> None:
    times = [datetime(2026, 7, 1, tzinfo=UTC)]
    record = IndexerRecord(
        id=3, key="prowlarr", sort=IndexerSort.PROWLARR, name="P", enabled=True, priority=25, managed=True,
        added_at=times[0], facts=IndexerFacts(url="http://prowlarr.test:9696/base", requests_per_second=50),
    )  # fmt: skip
    prowlarr = open_indexer(record, KEY, transport=httpx2.MockTransport(site), clock=lambda: times[0])
    for minutes, looks in ((0, 1), (59, 1), (61, 2), (62, 2)):
        times[0] = datetime(2026, 7, 1, tzinfo=UTC) + timedelta(minutes=minutes)
        await prowlarr.search(QUERY)
        assert sum(request.url.path.endswith("/indexer") for request in site.requests) == looks
    await prowlarr.close()


async def test_searches_do_not_wait_for_a_second_look_at_the_list(
    upstream: Callable[..., Upstream], behind: Behind
) -> None:
    looked, go_on = asyncio.Event(), asyncio.Event()
    times = [datetime(2026, 7, 1, tzinfo=UTC)]

    async def answer(request: httpx2.Request) -> Reply:
        if request.url.path.endswith("/indexer") and times[0].hour:
            looked.set()
            await go_on.wait()
        return behind(request)

    service = upstream("prowlarr", "http://prowlarr.test:9696/base", transport=httpx2.MockTransport(answer))
    service.now = lambda: times[0]
    prowlarr = ProwlarrIndexer(service)
    await prowlarr.search(QUERY)
    times[0] += timedelta(hours=2)
    patient = asyncio.create_task(prowlarr.search(QUERY))
    await looked.wait()
    assert len(await prowlarr.search(QUERY)) == 1 and not patient.done()
    go_on.set()
    assert len(await patient) == 1
