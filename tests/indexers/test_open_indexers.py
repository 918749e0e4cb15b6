"""Which indexers the settings open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from earmark.core.indexing import IndexerFacts, IndexerRecord, IndexerSort
from earmark.core.release import Release
from earmark.http import AnswerNotUnderstood
from earmark.indexers import (
    MamIndexer,
    ProwlarrIndexer,
    TorznabIndexer,
    open_indexer,
    open_indexers,
    open_link_fetcher,
)
from earmark.indexers.errors import BadSessionId, KeyRefused
from earmark.ports import Magnet, SearchQuery
from earmark.settings import Settings


async def opened(store: Any, **sections: Any) -> dict[str, type]:
    indexers = await open_indexers(Settings.model_validate(sections), store)
    for indexer in indexers.values():
        await indexer.close()
    return {name: type(indexer) for name, indexer in indexers.items()}


async def test_nothing_configured_opens_nothing(store: Any) -> None:
    assert await opened(store) == {}
    assert await opened(store, mam={"mam_id": " "}) == {}


async def test_a_session_id_in_the_settings_or_in_the_store_opens_the_tracker(store: Any) -> None:
    assert await opened(store, mam={"mam_id": "mam_id=abc;"}) == {"mam": MamIndexer}
    store.value = "stored"
    assert await opened(store) == {"mam": MamIndexer}


async def test_jackett_is_opened_by_its_address(store: Any) -> None:
    assert await opened(store, jackett={"url": "http://localhost:9117", "api_key": "k"}) == {"jackett": TorznabIndexer}


async def test_a_session_id_that_cannot_be_one_fails_the_start_and_is_not_repeated(store: Any) -> None:
    with pytest.raises(BadSessionId) as error:
        await opened(store, mam={"mam_id": "abc def"})
    assert "abc" not in error.value.reason.message


async def test_a_prowlarr_is_opened_by_its_address(store: Any) -> None:
    assert await opened(store, prowlarr={"url": "http://localhost:9696", "api_key": "k"}) == {
        "prowlarr": ProwlarrIndexer
    }


def record(sort: IndexerSort, **facts: Any) -> IndexerRecord:
    return IndexerRecord(
        id=12, key="indexer-12", sort=sort, name="Anything", enabled=True, priority=25, managed=False,
        added_at=datetime(2026, 7, 1, tzinfo=UTC), facts=IndexerFacts(**facts),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sort", "url", "asked"),
    [
        (IndexerSort.TORZNAB, "http://feed.test/1/api", "http://feed.test/1/api"),
        (IndexerSort.TORZNAB, "http://feed.test/torznab/", "http://feed.test/torznab"),
        (IndexerSort.TORZNAB, "http://j.test:9117", "http://j.test:9117/api/v2.0/indexers/all/results/torznab/api"),
        (IndexerSort.PROWLARR, "http://p.test/base/", "http://p.test/base/api/v1/indexer"),
    ],
)
async def test_one_added_by_hand_is_opened_under_its_records_key(
    site: Any, sort: IndexerSort, url: str, asked: str
) -> None:
    site.replies = [httpx2.Response(401)]
    indexer = open_indexer(record(sort, url=url), "key", transport=httpx2.MockTransport(site))
    with pytest.raises(KeyRefused):
        await indexer.capabilities()
    await indexer.close()
    assert indexer.name == "indexer-12"
    assert str(site.requests[0].url).partition("?")[0] == asked


async def test_what_the_record_allows_reaches_the_question(site: Any) -> None:
    site.replies = [httpx2.Response(200, json=[{"id": 4, "enable": True, "protocol": "torrent"}])]
    facts = {"url": "http://p.test", "categories": (3030,), "upstream_ids": (4,)}
    indexer = open_indexer(record(IndexerSort.PROWLARR, **facts), "key", transport=httpx2.MockTransport(site))
    with pytest.raises(AnswerNotUnderstood):  # the list of indexers is no list of results
        await indexer.search(SearchQuery("x", None))
    await indexer.close()
    params = site.requests[1].url.params
    assert (params["categories"], params["indexerIds"]) == ("3030", "4")


def test_the_trackers_session_is_not_opened_from_a_record() -> None:
    with pytest.raises(ValueError):
        open_indexer(record(IndexerSort.MAM), None)


async def test_the_link_fetcher_knows_the_hosts_it_is_told(site: Any) -> None:
    site.replies = [httpx2.Response(301, headers={"location": "magnet:?xt=urn:btih:x"})]
    hosts = frozenset({("nas.lan", 80)})
    fetcher = open_link_fetcher(known_places=lambda: hosts, transport=httpx2.MockTransport(site))
    release = Release(guid="g", indexer="push", title="T", download_ref="http://nas.lan/x")
    assert await fetcher.fetch(release) == Magnet("magnet:?xt=urn:btih:x")
    await fetcher.close()
