"""Readarr and its family, call for call: the indexer test without words, news, the walk through pages, downloads, bad days."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from prowlarr_arr import ApiKeyRefused, Readarr, Refused, TooManyRequests
from prowlarr_house import MAM_PAGE, torrent_bytes
from prowlarr_wire import info_hash_of, send

from earmark.core.newznab import Capabilities
from earmark.http import site_unavailable
from earmark.indexers.errors import rate_limited, session_expired


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=100) as client:
        yield client


@pytest.fixture
def readarr(estate: Any, http: httpx2.AsyncClient) -> Readarr:
    return Readarr(http, f"{estate.url}/1/", estate.key)


async def test_the_indexer_test_without_words_finds_something(readarr: Readarr) -> None:
    await readarr.test()
    caps, news = readarr.requests
    assert (
        caps == f"t=caps&apikey={readarr.key}" and "&q=" not in news and news.startswith("t=book&cat=3030,7020,8010&")
    )


async def test_the_other_address_of_the_same_feed_passes_too(estate: Any, http: httpx2.AsyncClient) -> None:
    await Readarr(http, estate.url, estate.key, api_path="/api/v1/indexer/1/newznab").test()


async def test_capabilities_offer_only_what_is_honoured(readarr: Readarr) -> None:
    caps = await readarr.capabilities()
    assert (caps.page_size, caps.search) == (100, ["q"]) and caps.book is not None
    assert {3030: "Audio/Audiobook", 7020: "Books/EBook"}.items() <= caps.categories.items()
    assert not {"author", "title"} <= set(caps.book), "MyAnonamouse is asked in words alone"


async def test_news_are_the_newest_of_its_categories(readarr: Readarr) -> None:
    news = await readarr.newest()
    assert len(news) == 100 and {one.guid for one in news} >= {
        f"{MAM_PAGE}{number}" for number in (1120, 1119, 1060, 1066)
    }
    assert all(one.size > 0 and one.categories & {3030, 7020} for one in news)
    assert any("Freeleech" in one.flags for one in news) and all(
        one.peers is None or one.peers >= (one.seeders or 0) for one in news
    )


async def test_the_walk_through_pages_ends_and_nothing_comes_twice(readarr: Readarr) -> None:
    found = await readarr.walk("Clockwork Garden")
    asked = [request for request in readarr.requests if "t=search" in request]
    assert ["&offset=0&" in asked[0], "&offset=100&" in asked[1], len(asked)] == [True, True, 2]
    guids = [one.guid for one in found]
    assert len(guids) == len(set(guids)) == 110


async def test_a_walk_over_all_indexers_at_once_ends_too(estate: Any, http: httpx2.AsyncClient) -> None:
    everywhere = Readarr(http, f"{estate.url}/0/", estate.key)
    await everywhere.test()
    guids = [one.guid for one in await everywhere.walk("Clockwork")]
    assert len(guids) == len(set(guids)) >= 110 and len(everywhere.requests) < 10


async def test_a_book_is_found_by_words_and_taken(readarr: Readarr) -> None:
    found = await readarr.search("The Clockwork Garden 21", "Author A")
    assert {one.guid for one in found} == {f"{MAM_PAGE}1021"}
    torrent = await readarr.take(found[0].download_url)
    assert isinstance(torrent, bytes) and info_hash_of(torrent) == info_hash_of(torrent_bytes(found[0].guid))


async def test_book_parameters_of_an_indexer_that_takes_them_are_honoured_without_words(
    estate: Any, http: httpx2.AsyncClient
) -> None:
    estate.feed.caps = Capabilities(estate.feed.caps.categories, ("q",), ("q", "author", "title"))
    readarr = Readarr(http, f"{estate.url}/2/", estate.key)
    caps = await readarr.capabilities()
    found = await readarr.search("Marked Clockwork", "")
    assert {one.title for one in found} == {"Marked Clockwork"}
    if {"author", "title"} <= set(caps.book or ()):
        assert not [request for request in readarr.requests if "t=search" in request]
    (marked,) = {one.guid: one for one in found}.values()
    assert {"Halfleech", "DoubleUpload", "Internal"} <= marked.flags


async def test_magnets_and_undated_releases_do_not_spoil_the_feed(estate: Any, http: httpx2.AsyncClient) -> None:
    readarr = Readarr(http, f"{estate.url}/2/", estate.key)
    found = {one.title: one for one in await readarr.newest()}
    assert {"Bare Clockwork", "Magnetic Clockwork"} <= set(found)
    assert str(await readarr.take(found["Magnetic Clockwork"].download_url)).startswith("magnet:?xt=urn:btih:ccc")


async def test_a_wrong_key_is_invalid_credentials(estate: Any, http: httpx2.AsyncClient) -> None:
    with pytest.raises(ApiKeyRefused):
        await Readarr(http, f"{estate.url}/1/", "wrong").test()


async def test_an_indexer_that_is_not_there_or_a_function_that_is_not_there_is_an_error(
    readarr: Readarr, http: httpx2.AsyncClient, estate: Any
) -> None:
    with pytest.raises(Refused, match="404"):
        await Readarr(http, f"{estate.url}/77/", estate.key).test()
    for query, code in (("", "200"), ("t=dance", "202")):
        answer = await send(http, "GET", f"{estate.url}/1/api?apikey={estate.key}&{query}")
        assert answer.status_code == 400 and f'code="{code}"' in answer.text


async def test_a_busy_site_is_429_with_the_time_to_wait(readarr: Readarr, estate: Any) -> None:
    (found,) = {one.guid: one for one in await readarr.search("The Clockwork Garden 21", "Author A")}.values()
    estate.mam.trouble = rate_limited("the site", 90.0)
    for _ in range(2):  # the second one meets the pause
        with pytest.raises(TooManyRequests) as told:
            await readarr.newest()
        assert told.value.retry_after and int(told.value.retry_after) > 0
    with pytest.raises(TooManyRequests):
        await readarr.take(found.download_url)


async def test_a_grab_limit_is_429_for_the_download_alone(readarr: Readarr, estate: Any) -> None:
    from dataclasses import replace

    from earmark.pipeline import indexing

    record = await indexing.record_of(estate.house, 1)
    facts = replace(record.facts, grab_limit=1)
    draft = indexing.IndexerDraft(record.sort, record.name, priority=record.priority, facts=facts)
    await indexing.change(estate.house, 1, draft, "tester")
    one, other, *_ = await readarr.newest()
    assert isinstance(await readarr.take(one.download_url), bytes)
    with pytest.raises(TooManyRequests):
        await readarr.take(other.download_url)
    assert await readarr.newest()


@pytest.mark.parametrize(
    "trouble",
    [session_expired("the site", "its login page"), site_unavailable("the site", "HTTP 502")],
    ids=["session", "502"],
)
async def test_a_dead_tracker_fails_the_test_and_never_looks_like_no_results(
    trouble: Any, readarr: Readarr, estate: Any
) -> None:
    await readarr.test()
    estate.mam.trouble = trouble
    for _ in range(2):
        with pytest.raises((Refused, TooManyRequests)):
            await readarr.newest()
    with pytest.raises((Refused, TooManyRequests)):
        await readarr.walk("Clockwork")


async def test_a_paused_indexer_comes_back_when_its_test_succeeds(
    readarr: Readarr, http: httpx2.AsyncClient, estate: Any
) -> None:
    await readarr.test()
    estate.mam.trouble = site_unavailable("the site", "HTTP 502")
    with pytest.raises((Refused, TooManyRequests)):
        await readarr.newest()
    estate.mam.trouble = None
    with pytest.raises((Refused, TooManyRequests)):
        await readarr.newest()
    headers = {"X-Api-Key": estate.key}
    listed = (await send(http, "GET", f"{estate.url}/api/v1/indexer/1", headers=headers)).json()
    tested = await send(http, "POST", f"{estate.url}/api/v1/indexer/test", json=listed, headers=headers)
    if tested.status_code != 200:
        tested = await send(http, "POST", f"{estate.url}/api/v1/indexer/testall", headers=headers)
    assert tested.status_code == 200, tested.text
    assert await readarr.newest()
    assert (await send(http, "GET", f"{estate.url}/api/v1/indexerstatus", headers=headers)).json() == []


async def test_behind_a_url_base_and_a_proxy_the_enclosures_hold(open_estate: Any, http: httpx2.AsyncClient) -> None:
    estate = await open_estate(url_base="/earmark")
    readarr = Readarr(http, f"{estate.url}/1/", estate.key)
    await readarr.test()
    one = (await readarr.newest())[0]
    assert one.download_url.startswith(f"{estate.url}/1/download?") and await readarr.take(one.download_url)
