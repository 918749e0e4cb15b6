"""ReadMeABook, call for call: its connection test, its two searches a book, its feed monitor, its downloads, bad days."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from prowlarr_house import MAM_PAGE, torrent_bytes
from prowlarr_rmab import ReadMeABook, SourceError, parse
from prowlarr_wire import info_hash_of, send

from earmark.http import site_unavailable
from earmark.indexers.errors import rate_limited, session_expired, unsatisfied_limit_reached


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=60) as client:
        yield client


@pytest.fixture
def rmab(estate: Any, http: httpx2.AsyncClient) -> ReadMeABook:
    return ReadMeABook(http, estate.url, estate.key)


async def test_its_setup_finds_us_well_and_lists_the_indexers(rmab: ReadMeABook) -> None:
    assert await rmab.healthy()
    assert {(row["id"], row["protocol"], row["privacy"]) for row in await rmab.indexers()} >= {
        (1, "torrent", "private")
    }


async def test_two_searches_a_book_give_each_guid_once_and_lose_nothing(
    rmab: ReadMeABook, http: httpx2.AsyncClient
) -> None:
    found = await rmab.search("The Clockwork Garden 21", "Author A", (1, 2))
    assert [one.guid for one in found] == [f"{MAM_PAGE}1021"]
    (one,) = found
    assert (one.protocol, one.indexer_id, one.seeders, one.leechers) == ("torrent", 1, 21, 1)
    everything = await rmab.search("clockwork", "", (1, 2))
    rows = (
        await send(
            http, "GET", f"{rmab.base}/api/v1/search?query=clockwork&categories=3030", headers={"X-Api-Key": rmab.key}
        )
    ).json()
    assert {row["guid"] for row in rows} == {one.guid for one in everything}, "no element was passed over"
    assert {flag for one in everything for flag in one.flags} >= {"freeleech", "halfleech", "internal"}


async def test_the_monitor_reads_the_newest_releases_with_the_key_in_the_query_alone(rmab: ReadMeABook) -> None:
    newest = await rmab.newest(1)
    assert len(newest) >= 90 and all(one.guid.startswith(MAM_PAGE) for one in newest)
    assert all(one.indexer == "MyAnonamouse" and one.info_url == one.guid and one.size > 0 for one in newest)
    known = [one for one in newest if one.guid != f"{MAM_PAGE}1017"]  # it has no date of its own
    assert [one.published for one in known] == sorted((one.published for one in known), reverse=True)
    assert {one.seeders for one in newest} > {1, 2, 3} and any(one.leechers for one in newest)
    assert any(one.info_hash for one in newest)


async def test_the_prefix_of_the_attributes_is_the_literal_one(rmab: ReadMeABook, http: httpx2.AsyncClient) -> None:
    text = (await send(http, "GET", f"{rmab.base}/1/api?apikey={rmab.key}&t=search&cat=3030&limit=100&extended=1")).text
    assert "<torznab:attr " in text and 'xmlns:torznab="http://torznab.com/schemas/2015/feed"' in text
    tags = {child.tag for item in parse(text).all("channel")[0].all("item") for child in item.children}
    assert not [tag for tag in tags if ":" in tag and tag != "torznab:attr"]


async def test_search_and_monitor_call_a_release_by_the_same_guid(rmab: ReadMeABook) -> None:
    of_feed = {one.guid: one.title for one in await rmab.newest(1)}
    for one in await rmab.search("Clockwork Garden", "", (1,)):
        assert of_feed.get(one.guid, one.title) == one.title


async def test_links_of_search_and_feed_give_the_bytes_with_or_without_the_header(
    rmab: ReadMeABook, http: httpx2.AsyncClient
) -> None:
    (found,) = await rmab.search("The Clockwork Garden 21", "Author A", (1,))
    (fed,) = [one for one in await rmab.newest(1) if one.guid == found.guid]
    for link in (found.download_url, fed.download_url):
        torrent = await rmab.take(link)
        assert isinstance(torrent, bytes) and info_hash_of(torrent) == info_hash_of(torrent_bytes(found.guid))
        bare = await send(http, "GET", link)
        assert bare.status_code == 200 and bare.headers["content-type"] == "application/x-bittorrent"
    assert rmab.key not in found.download_url + fed.download_url


async def test_a_release_that_is_only_a_magnet_comes_as_a_redirect(rmab: ReadMeABook) -> None:
    (found,) = await rmab.search("Magnetic", "Clockwork", (2,))
    magnet = await rmab.take(found.download_url)
    assert isinstance(magnet, str) and magnet.startswith(f"magnet:?xt=urn:btih:{'c' * 40}")


async def test_what_it_takes_is_remembered_with_its_name(rmab: ReadMeABook, estate: Any) -> None:
    from earmark.pipeline.outside import outside_grabs

    (found,) = await rmab.search("The Clockwork Garden 21", "Author A", (1,))
    await rmab.take(found.download_url)
    await rmab.take(found.download_url)
    page = await outside_grabs(estate.house, limit=10, offset=0)
    (view,) = page.items
    assert (view.grab.offer.release.guid, view.grab.source, view.grab.times) == (found.guid, "ReadMeABook", 2)
    assert str(view.grab.info_hash) == info_hash_of(torrent_bytes(found.guid)) and view.grab.host == "127.0.0.1"


async def test_a_link_of_weeks_ago_still_works_and_one_of_months_ago_does_not(rmab: ReadMeABook, estate: Any) -> None:
    (found,) = await rmab.search("The Clockwork Garden 21", "Author A", (1,))
    estate.clock.push(days=29)
    assert isinstance(await rmab.take(found.download_url), bytes)
    estate.clock.push(days=9)
    answer = await send(rmab.http, "GET", found.download_url)
    assert answer.status_code in (401, 404, 410)


async def test_a_link_opens_nothing_but_its_own_torrent(rmab: ReadMeABook, http: httpx2.AsyncClient) -> None:
    one, other = (await rmab.search("The Clockwork Garden", "", (1,)))[:2]
    token = httpx2.URL(one.download_url).params["apikey"]
    for path in (
        str(httpx2.URL(other.download_url).copy_set_param("apikey", token)).removeprefix(rmab.base),
        f"/api/v1/search?apikey={token}&query=x",
        f"/1/api?apikey={token}&t=search",
        f"/api/v1/indexer?apikey={token}",
    ):
        answer = await send(http, "GET", rmab.base + path)
        assert (answer.status_code, answer.content) == (401, b""), path


TROUBLES = {
    "session_dead": (session_expired("the site", "it answered with its login page"), None),
    "site_429": (rate_limited("the site", 90.0), 429),
    "site_502": (site_unavailable("the site", "it answered HTTP 502"), None),
    "limit_reached": (unsatisfied_limit_reached("the site"), None),
}


@pytest.mark.parametrize("name", list(TROUBLES))
async def test_a_bad_day_of_the_tracker_is_an_error_in_search_feed_and_download(
    name: str, rmab: ReadMeABook, http: httpx2.AsyncClient, estate: Any
) -> None:
    trouble, status = TROUBLES[name]
    (found,) = await rmab.search("The Clockwork Garden 21", "Author A", (1,))
    estate.mam.trouble = trouble
    taken = await send(http, "GET", found.download_url)
    assert taken.status_code >= 400 and not taken.content.startswith(b"d8:")
    with pytest.raises(SourceError, match="source returned HTTP"):
        await rmab.take(found.download_url)
    with pytest.raises(SourceError):
        await rmab.newest(1)
    assert await rmab.search("The Clockwork Garden 21", "Author A", (1,)) == []
    if status:
        answer = await send(http, "GET", f"{rmab.base}/1/api?apikey={rmab.key}&t=search&cat=3030&limit=100&extended=1")
        assert answer.status_code == status and int(answer.headers["retry-after"]) > 0


async def test_a_wrong_key_ends_its_setup_and_its_monitor(http: httpx2.AsyncClient, estate: Any) -> None:
    rmab = ReadMeABook(http, estate.url, "wrong")
    assert not await rmab.healthy()
    with pytest.raises(SourceError, match="Failed to get indexers"):
        await rmab.indexers()
    with pytest.raises(SourceError, match="401"):
        await rmab.newest(1)


async def test_behind_a_url_base_and_a_proxy_everything_is_where_it_looks(
    open_estate: Any, http: httpx2.AsyncClient
) -> None:
    estate = await open_estate(url_base="/earmark")
    rmab = ReadMeABook(http, estate.url, estate.key)
    (found,) = await rmab.search("The Clockwork Garden 21", "Author A", (1,))
    assert found.download_url.startswith(f"{estate.url}/1/download?") and await rmab.take(found.download_url)
    assert (await rmab.newest(1))[0].download_url.startswith(f"{estate.url}/1/download?")
    forwarded = {"X-Forwarded-Host": "books.example:8443", "X-Forwarded-Proto": "https", "X-Forwarded-For": "10.0.0.7"}
    answer = await send(http, "GET", f"{estate.url}/1/api?apikey={estate.key}&t=search&q=Garden+21", headers=forwarded)
    assert "https://books.example:8443/earmark/1/download?" in answer.text
