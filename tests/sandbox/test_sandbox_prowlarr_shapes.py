"""The stand-in Prowlarr passes for a real one with the programs that know the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from prowlarr_abr import AudioBookRequest, ranked
from prowlarr_arr import Readarr, Refused
from prowlarr_house import on_a_socket
from prowlarr_rmab import ReadMeABook
from prowlarr_shelfmark import Shelfmark
from prowlarr_wire import info_hash_of

import prowlarr
from earmark.sandbox.app import create_app
from earmark.sandbox.prowlarr import StandInProwlarr
from earmark.sandbox.site import Site

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def url(site: Site) -> AsyncIterator[str]:
    async with on_a_socket(create_app(site, {"/prowlarr": StandInProwlarr(site, KEY, site.clock.now).app()})) as base:
        yield f"{base}/prowlarr"


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=30) as client:
        yield client


async def test_the_replayed_programs_take_it_for_one(url: str, http: httpx2.AsyncClient) -> None:
    abr = AudioBookRequest(http, url, KEY)
    assert {number: one.enable for number, one in (await abr.indexers()).items()} == {1: True, 2: False}
    (found,) = ranked(await abr.search("moonstone"), "Wilkie Collins")
    assert info_hash_of(await abr.torrent(found))
    rmab = ReadMeABook(http, url, KEY)
    assert await rmab.healthy() and [row["id"] for row in await rmab.indexers()] == [1]
    assert {one.guid for one in await rmab.newest(1)} >= {found.guid}
    assert [one.guid for one in await rmab.search("The Moonstone", "Wilkie Collins", (1,))] == [found.guid]


async def test_arr_applications_and_shelfmark_can_use_its_feed(url: str, http: httpx2.AsyncClient) -> None:
    readarr = Readarr(http, f"{url}/1/", KEY)
    await readarr.test()
    (one,) = {item.guid: item for item in await readarr.search("The Moonstone", "Wilkie Collins")}.values()
    assert info_hash_of(bytes(await readarr.take(one.download_url)))  # type: ignore[arg-type]
    with pytest.raises(Refused, match="410"):
        await Readarr(http, f"{url}/2/", KEY).test()
    shelfmark = Shelfmark(url, KEY)
    assert await asyncio.to_thread(shelfmark.test_connection)
    (book,) = await asyncio.to_thread(shelfmark.search, "The Moonstone", "Wilkie Collins")
    assert (book.title, book.protocol, book.format) == ("The Moonstone", "torrent", "M4B")
    shelfmark.close()


async def test_its_json_fits_the_strict_types(url: str) -> None:
    with prowlarr.ApiClient(prowlarr.Configuration(host=url)) as client:
        client.set_default_header("X-Api-Key", KEY)
        assert len(await asyncio.to_thread(prowlarr.IndexerApi(client).list_indexer)) == 2
        (found,) = await asyncio.to_thread(prowlarr.SearchApi(client).list_search, query="moonstone")
        assert found.protocol == prowlarr.DownloadProtocol.TORRENT
        assert (await asyncio.to_thread(prowlarr.SystemApi(client).get_system_status)).app_name == "Prowlarr"
