"""Two libraries that were written for the real thing read what we serve: prowlarr-py with its strict types, and torznab."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from prowlarr_house import MAM_PAGE
from torznab import Torznab, TorznabException, parse_torznab

import prowlarr
from earmark.indexers.errors import session_expired


@pytest.fixture
def client(estate: Any) -> Iterator[prowlarr.ApiClient]:
    configuration = prowlarr.Configuration(host=estate.url)
    configuration.api_key["X-Api-Key"] = estate.key
    with prowlarr.ApiClient(configuration) as client:
        client.set_default_header("X-Api-Key", estate.key)
        yield client


async def test_a_search_of_odd_releases_fits_the_strict_types(client: prowlarr.ApiClient) -> None:
    search = prowlarr.SearchApi(client).list_search
    found = await asyncio.to_thread(
        search, query="clockwork", type="search", categories=[3030, 7020], limit=100, offset=0
    )
    assert len(found) >= 100
    for one in found:
        assert one.guid and one.indexer_id and one.title and one.publish_date and one.protocol and one.download_url
        assert one.indexer_flags is not None and one.categories


async def test_everything_else_it_can_list_fits_the_strict_types_too(client: prowlarr.ApiClient, estate: Any) -> None:
    calls: dict[str, Callable[[], Any]] = {
        "status": prowlarr.SystemApi(client).get_system_status,
        "health": prowlarr.HealthApi(client).list_health,
        "indexers": prowlarr.IndexerApi(client).list_indexer,
        "indexer": lambda: prowlarr.IndexerApi(client).get_indexer_by_id(1),
        "schema": prowlarr.IndexerApi(client).list_indexer_schema,
        "statuses": prowlarr.IndexerStatusApi(client).list_indexer_status,
        "stats": prowlarr.IndexerStatsApi(client).get_indexer_stats,
        "categories": prowlarr.IndexerDefaultCategoriesApi(client).list_indexer_categories,
        "tags": prowlarr.TagApi(client).list_tag,
        "clients": prowlarr.DownloadClientApi(client).list_download_client,
        "history": lambda: prowlarr.HistoryApi(client).get_history(page=1, page_size=10),
    }
    prowlarr_found = await asyncio.to_thread(prowlarr.SearchApi(client).list_search, query="Clockwork Garden 21")
    assert prowlarr_found
    said = {name: await asyncio.to_thread(call) for name, call in calls.items()}
    assert (
        said["status"].app_name == "Prowlarr" and [one.id for one in said["indexers"]][:1] and said["indexer"].id == 1
    )
    assert said["schema"] and said["categories"] and said["history"].total_records >= 1
    estate.mam.trouble = session_expired("the site", "it answered with its login page")
    with pytest.raises(prowlarr.ApiException):
        await asyncio.to_thread(prowlarr.SearchApi(client).list_search, query="clockwork", indexer_ids=[1])
    ill = {
        name: await asyncio.to_thread(calls[name]) for name in ("health", "statuses", "stats", "history", "indexers")
    }
    assert ill["health"] and ill["statuses"][0].disabled_till is not None


async def test_it_grabs_with_a_resource_it_was_given(client: prowlarr.ApiClient) -> None:
    api = prowlarr.SearchApi(client)
    (found,) = await asyncio.to_thread(api.list_search, query="Clockwork Garden 21", indexer_ids=[1])
    grabbed = await asyncio.to_thread(api.create_search, found)
    assert grabbed.guid == f"{MAM_PAGE}1021" and grabbed.indexer_id == 1


async def test_no_answer_holds_a_null(estate: Any) -> None:
    for path in (
        "search?query=clockwork",
        "indexer",
        "indexer/schema",
        "system/status",
        "health",
        "indexerstats",
        "history",
        "downloadclient",
    ):
        body = await asyncio.to_thread(_body, f"{estate.url}/api/v1/{path}", estate.key)
        assert _nulls(json.loads(body)) == [], path


async def test_the_torznab_library_reads_caps_and_feeds(estate: Any) -> None:
    reader = Torznab(estate.key)
    url = f"{estate.url}/1/api"
    caps = await asyncio.to_thread(reader.get_capabilities, url)
    assert caps.limits is not None and caps.limits.default == 100 and caps.searching is not None
    assert {one.id for one in caps.categories} >= {3000, 7000}
    found = await asyncio.to_thread(reader.search_torrent, "clockwork", url)
    assert len(found) >= 90
    news = parse_torznab((await asyncio.to_thread(_body, f"{url}?t=search&apikey={estate.key}", estate.key)).decode())
    assert len(news) == 100
    with pytest.raises(TorznabException):
        await asyncio.to_thread(Torznab("wrong").search_torrent, "clockwork", url)


def _body(url: str, key: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"X-Api-Key": key}), timeout=30) as answer:
        return cast("bytes", answer.read())


def _nulls(value: Any, place: str = "$") -> list[str]:
    if value is None:
        return [place]
    if isinstance(value, dict):
        return [found for key, one in value.items() for found in _nulls(one, f"{place}.{key}")]
    if isinstance(value, list):
        return [found for at, one in enumerate(value) for found in _nulls(one, f"{place}[{at}]")]
    return []
