"""Shelfmark, call for call: its settings test, its one Torznab search an indexer, its downloads, bad days."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from prowlarr_house import MAM_PAGE, torrent_bytes
from prowlarr_shelfmark import NotReached, Shelfmark
from prowlarr_wire import info_hash_of

from earmark.http import site_unavailable
from earmark.indexers.errors import rate_limited, session_expired


@pytest.fixture
async def shelfmark(estate: Any) -> AsyncIterator[Shelfmark]:
    client = Shelfmark(estate.url, estate.key)
    yield client
    client.close()


async def test_its_settings_test_shows_a_version(shelfmark: Shelfmark) -> None:
    version = await asyncio.to_thread(shelfmark.test_connection)
    assert int(version.split(".")[0]) >= 1


async def test_a_wrong_key_is_told_as_such(estate: Any) -> None:
    with pytest.raises(NotReached, match="Invalid API key"):
        await asyncio.to_thread(Shelfmark(estate.url, "wrong").test_connection)


async def test_the_tracker_is_known_and_searched_with_title_and_author(shelfmark: Shelfmark, estate: Any) -> None:
    found = await asyncio.to_thread(shelfmark.search, "Clockwork Garden 21", "Author A")
    (one,) = [found for found in found if found.source_id.startswith("1:")]
    assert estate.mam.asked[-1].text.split() == ["Clockwork", "Garden", "21", "Author", "A"]
    assert (one.source_id, one.title, one.author) == (
        f"1:{MAM_PAGE}1021",
        "The Clockwork Garden 21",
        "Author A Writer3",
    )
    assert (one.language, one.format, one.vip, one.indexer) == ("GER", "M4B", True, "MyAnonamouse")
    assert (one.protocol, one.seeders, one.leechers, one.info_url) == ("torrent", 21, 1, f"{MAM_PAGE}1021")
    assert 3030 in one.categories and parsedate_to_datetime(one.published).tzinfo is not None


async def test_a_feeds_titles_stay_and_free_ones_are_free(shelfmark: Shelfmark) -> None:
    found = await asyncio.to_thread(shelfmark.search, "Clockwork", "")
    of_feed = [one for one in found if one.source_id.startswith("2:")]
    assert "Marked Clockwork" in {one.title for one in of_feed} and all(one.protocol == "torrent" for one in found)
    free = {one.source_id for one in found if one.freeleech}
    assert f"1:{MAM_PAGE}1005" in free or f"1:{MAM_PAGE}1025" in free
    assert all("freeleech" in one.tags for one in found if one.freeleech)
    marked = next(one for one in of_feed if one.title == "Marked Clockwork")
    assert {"halfleech", "doubleupload", "internal"} <= set(marked.tags) and not marked.freeleech


async def test_ebooks_are_asked_for_by_the_parent_number(shelfmark: Shelfmark) -> None:
    found = await asyncio.to_thread(shelfmark.search, "Clockwork Garden", "", 7000)
    assert found and all(any(7000 <= number < 8000 for number in one.categories) for one in found)


async def test_its_source_ids_and_links_are_the_same_in_the_next_search(shelfmark: Shelfmark) -> None:
    first = await asyncio.to_thread(shelfmark.search, "Clockwork", "")
    second = await asyncio.to_thread(shelfmark.search, "Clockwork", "")
    assert [(one.source_id, one.download_url) for one in first] == [(one.source_id, one.download_url) for one in second]
    assert len({one.source_id for one in first}) == len(first) >= 90


async def test_links_and_magnets_can_be_taken(shelfmark: Shelfmark) -> None:
    for one in await asyncio.to_thread(shelfmark.search, "Clockwork Garden 21", "Author A"):
        torrent = await asyncio.to_thread(shelfmark.download, one.download_url)
        guid = one.source_id.partition(":")[2]
        assert isinstance(torrent, bytes)
        assert info_hash_of(torrent) == info_hash_of(torrent_bytes(guid, private=one.source_id.startswith("1:")))
    (magnetic,) = [one for one in await asyncio.to_thread(shelfmark.search, "Magnetic", "") if "Magnetic" in one.title]
    assert str(await asyncio.to_thread(shelfmark.download, magnetic.download_url)).startswith("magnet:?xt=urn:btih:ccc")


async def test_seed_preferences_are_numbers_or_nothing(shelfmark: Shelfmark) -> None:
    told = await asyncio.to_thread(shelfmark.seed_preferences, 1)
    assert all(value is None or isinstance(value, int | float) for value in told.values())


async def test_an_indexer_that_is_off_is_not_asked(shelfmark: Shelfmark, estate: Any) -> None:
    from earmark.pipeline import indexing

    record = await indexing.record_of(estate.house, 2)
    draft = indexing.IndexerDraft(record.sort, record.name, enabled=False, priority=record.priority, facts=record.facts)
    await indexing.change(estate.house, 2, draft, "tester")
    assert {row["id"] for row in await asyncio.to_thread(shelfmark.indexers)} == {1}


TROUBLES = {
    "session_dead": session_expired("the site", "it answered with its login page"),
    "site_429": rate_limited("the site", 90.0),
    "site_502": site_unavailable("the site", "it answered HTTP 502"),
}


@pytest.mark.parametrize("name", list(TROUBLES))
async def test_a_bad_day_is_its_503_and_never_an_empty_page(name: str, shelfmark: Shelfmark, estate: Any) -> None:
    (one,) = [
        one for one in await asyncio.to_thread(shelfmark.search, "Garden 21", "Author A") if one.source_id[0] == "1"
    ]
    estate.mam.trouble = TROUBLES[name]
    for _ in range(2):
        with pytest.raises(NotReached):
            await asyncio.to_thread(shelfmark.search, "Garden 21", "Author A")
    with pytest.raises(NotReached, match="torrent hash"):
        await asyncio.to_thread(shelfmark.download, one.download_url)


async def test_behind_a_url_base_all_of_it_works(open_estate: Any) -> None:
    estate = await open_estate(url_base="/earmark")
    client = Shelfmark(f"{estate.url}/", estate.key)
    assert await asyncio.to_thread(client.test_connection)
    (one,) = [one for one in await asyncio.to_thread(client.search, "Garden 21", "Author A") if one.source_id[0] == "1"]
    assert one.download_url.startswith(f"{estate.url}/1/download?")
    assert isinstance(await asyncio.to_thread(client.download, one.download_url), bytes)
    client.close()
