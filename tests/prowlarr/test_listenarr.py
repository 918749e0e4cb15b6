"""Listenarr, call for call: its indexer test, its searches, its downloads, bad days."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from prowlarr_house import MAM_PAGE, torrent_bytes
from prowlarr_listenarr import Listenarr, TestFailed
from prowlarr_wire import info_hash_of, send

from earmark.http import site_unavailable
from earmark.indexers.errors import rate_limited, session_expired


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=100) as client:
        yield client


@pytest.fixture
def listenarr(estate: Any, http: httpx2.AsyncClient) -> Listenarr:
    return Listenarr(http, f"{estate.url}/1", estate.key)


async def test_its_indexer_test_passes_and_a_wrong_key_is_an_authentication_failure(
    listenarr: Listenarr, estate: Any, http: httpx2.AsyncClient
) -> None:
    await listenarr.test()
    with pytest.raises(TestFailed, match="Authentication failed"):
        await Listenarr(http, f"{estate.url}/1", "wrong").test()


async def test_a_search_reads_every_item_with_size_format_and_language(listenarr: Listenarr) -> None:
    found = await listenarr.search("Clockwork Garden", "3030")
    assert len(found) >= 80 and all(one.size > 0 and one.torrent_url and one.guid for one in found)
    one = next(one for one in found if one.guid == f"{MAM_PAGE}1021")
    assert (one.format, one.language, one.seeders, one.grabs) == ("m4b", "ger", 21, 63)
    known = [one for one in found if "[" in one.title and "/" in one.title]
    assert known and all(one.format and one.language for one in known)


async def test_odd_titles_are_still_xml(listenarr: Listenarr) -> None:
    everything = [
        one
        for page in ("Cats", "Tabs", "Verwandlung", "back", "100%", "1984", "null", "Half")
        for one in await listenarr.search(page)
    ]
    assert len(everything) >= 9
    assert any("Cats & Dogs <b>forever</b>" in one.title for one in everything)


async def test_its_downloads_are_torrents(listenarr: Listenarr) -> None:
    (one,) = await listenarr.search("Clockwork Garden 21")
    assert info_hash_of(await listenarr.take(one.torrent_url)) == info_hash_of(torrent_bytes(one.guid))


async def test_nothing_found_is_an_empty_feed_not_an_error(listenarr: Listenarr) -> None:
    assert await listenarr.search("no such book at all") == []


TROUBLES = {
    "session_dead": session_expired("the site", "it answered with its login page"),
    "site_429": rate_limited("the site", 90.0),
    "site_502": site_unavailable("the site", "it answered HTTP 502"),
}


@pytest.mark.parametrize("name", list(TROUBLES))
async def test_a_bad_day_fails_its_test_and_is_no_feed(
    name: str, listenarr: Listenarr, http: httpx2.AsyncClient, estate: Any
) -> None:
    estate.mam.trouble = TROUBLES[name]
    for _ in range(2):
        with pytest.raises(TestFailed, match="HTTP"):
            await listenarr.test()
    answer = await send(http, "GET", f"{listenarr.url}/api?t=search&q=clockwork&apikey={estate.key}")
    assert answer.status_code >= 400 and "<error " in answer.text
    assert await listenarr.search("clockwork") == []


async def test_it_can_be_told_of_us_as_of_all_indexers_at_once(estate: Any, http: httpx2.AsyncClient) -> None:
    everywhere = Listenarr(http, f"{estate.url}/0", estate.key)
    await everywhere.test()
    links = {one.torrent_url.removeprefix(estate.url)[:3] for one in await everywhere.search("clockwork")}
    assert links == {"/1/", "/2/"}


async def test_behind_a_url_base_its_links_hold(open_estate: Any, http: httpx2.AsyncClient) -> None:
    estate = await open_estate(url_base="/earmark")
    listenarr = Listenarr(http, f"{estate.url}/1", estate.key)
    await listenarr.test()
    (one,) = await listenarr.search("Clockwork Garden 21")
    assert one.torrent_url.startswith(f"{estate.url}/1/download?") and info_hash_of(
        await listenarr.take(one.torrent_url)
    )
