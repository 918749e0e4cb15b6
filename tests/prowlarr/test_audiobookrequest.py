"""AudioBookRequest, call for call: its indexers page, a search, a grab, the torrent of its notification, and bad days."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from prowlarr_abr import AGENT, AudioBookRequest, FailedFetch, format_of, mam_number, ranked
from prowlarr_house import MAM_PAGE, USER_KEY, torrent_bytes
from prowlarr_wire import info_hash_of, send

from earmark.http import site_unavailable
from earmark.indexers.errors import rate_limited, session_expired
from earmark.store import tickets


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=30) as client:
        yield client


@pytest.fixture
def abr(estate: Any, http: httpx2.AsyncClient) -> AudioBookRequest:
    return AudioBookRequest(http, estate.url, estate.key)


async def test_the_settings_page_lists_the_indexers(abr: AudioBookRequest) -> None:
    listed = await abr.indexers()
    assert {1, 2} <= set(listed)
    assert (listed[1].name, listed[1].enable, listed[1].privacy) == ("MyAnonamouse", True, "private")


async def test_every_element_of_a_hundred_odd_releases_passes_and_can_be_ranked(
    abr: AudioBookRequest, estate: Any
) -> None:
    found = await abr.search("clockwork", indexer_ids=(1,), categories=())
    assert len(found) == 100
    odd = [
        one
        for word in ("Cats", "Tabs", "Verwandlung", "back", "1984", "null", "Half")
        for one in await abr.search(word)
    ]
    assert len(odd) >= 7
    for one in ranked([*found, *odd], "Author A Writer3"):
        assert one.publishDate.endswith("Z") and "." not in one.publishDate and len(one.publishDate) == 20
        assert mam_number(one) == int(one.guid.removeprefix(MAM_PAGE)), "each is known as MyAnonamouse's own"
        assert one.downloadUrl and one.downloadUrl.startswith(f"{estate.url}/1/download?")


async def test_dates_of_all_indexers_can_be_compared_even_where_one_knows_none(abr: AudioBookRequest) -> None:
    found = await abr.search("clockwork")
    assert {one.indexerId for one in found} == {1, 2}
    best = ranked(found, "Author A")[0]
    assert "freeleech" in best.indexerFlags and "Author A" in best.title
    bare = next(one for one in found if one.guid == "urn:bare:clockwork")
    assert (bare.size, bare.seeders, bare.leechers) == (0, 0, 0)


async def test_titles_tell_author_language_format_and_vip(abr: AudioBookRequest) -> None:
    titles = {one.guid: one.title for one in await abr.search("clockwork garden", indexer_ids=(1,))}
    assert titles[f"{MAM_PAGE}1021"] == "The Clockwork Garden 21 by Author A Writer3 [GER / M4B] [VIP]"
    assert titles[f"{MAM_PAGE}1013"] == "The Clockwork Garden 13 [MP3]" or titles[f"{MAM_PAGE}1013"].endswith("[MP3]")
    assert {format_of(title) for title in titles.values()} == {"m4b", "mp3", "unknown"}
    assert titles[f"{MAM_PAGE}1110"].count("Author") <= 5


async def test_its_default_category_keeps_ebooks_out_and_none_lets_them_in(abr: AudioBookRequest) -> None:
    of_default = {one.guid for one in await abr.search("clockwork garden 42", indexer_ids=(1,))}
    without = {one.guid for one in await abr.search("clockwork garden 42", indexer_ids=(1,), categories=())}
    ebooks = {one.guid for one in await abr.search("clockwork garden 42", categories=(7020,))}
    assert (of_default, without, ebooks) == (set(), {f"{MAM_PAGE}1042"}, {f"{MAM_PAGE}1042"})


async def test_what_both_indexers_have_comes_once(abr: AudioBookRequest) -> None:
    guids = [one.guid for one in await abr.search("Clockwork Garden 1")]
    assert len(guids) == len(set(guids)) and f"{MAM_PAGE}1001" in guids
    assert "https://tracker.example/torrents/99" not in guids, "the same info-hash at the indexer that comes after"


async def test_a_grab_is_a_ticket_and_the_same_grab_is_the_same_ticket(abr: AudioBookRequest, estate: Any) -> None:
    (found,) = await abr.search("Clockwork Garden 21", indexer_ids=(1,))
    assert await abr.grab(found.guid, found.indexerId)
    assert await abr.grab(found.guid, found.indexerId)
    async with estate.house.db.read() as tx:
        filed = (await tickets.page(tx)).items
    assert len(filed) == 1 and "Clockwork Garden 21" in str(filed[0].request)


async def test_twenty_grabs_of_one_release_at_once_are_one_ticket(abr: AudioBookRequest, estate: Any) -> None:
    (found,) = await abr.search("Clockwork Garden 21", indexer_ids=(1,))
    assert all(await asyncio.gather(*(abr.grab(found.guid, found.indexerId) for _ in range(20))))
    async with estate.house.db.read() as tx:
        assert (await tickets.page(tx)).total == 1
    assert estate.mam.fetched == [found.guid], "the tracker was asked once"


async def test_what_was_found_can_be_grabbed_and_taken_weeks_later_after_a_restart(
    open_estate: Any, http: httpx2.AsyncClient
) -> None:
    before = await open_estate()
    (found,) = await AudioBookRequest(http, before.url, before.key).search("Clockwork Garden 21", indexer_ids=(1,))
    after = await open_estate()
    after.clock.push(days=29)
    abr = AudioBookRequest(http, after.url, after.key)
    link = found.model_copy(update={"downloadUrl": str(found.downloadUrl).replace(before.url, after.url)})
    assert await abr.grab(found.guid, found.indexerId) and await abr.torrent(link)


async def test_offsets_parents_and_the_number_of_all_torrent_indexers_mean_what_they_say(
    abr: AudioBookRequest, http: httpx2.AsyncClient
) -> None:
    async def guids(query: str) -> list[str]:
        headers = {"X-Api-Key": abr.key}
        answer = await send(http, "GET", f"{abr.base}/api/v1/search?query=clockwork+garden&{query}", headers=headers)
        assert answer.status_code == 200
        return [row["guid"] for row in answer.json()]

    first, second = await guids("indexerIds=1&limit=100&offset=0"), await guids("indexerIds=1&limit=100&offset=100")
    assert (len(first), len(second)) == (100, 10) and not set(first) & set(second)
    assert set(await guids("indexerIds=1&categories=3000")) == set(await guids("indexerIds=1&categories=3030"))
    assert set(await guids("indexerIds=-2")) == set(await guids("")) and await guids("categories=2000") == []


async def test_the_torrent_of_the_notification_comes_without_a_key(abr: AudioBookRequest) -> None:
    for word in ("Clockwork Garden 21", "Cats", "Verwandlung", "100%", "Tabs", "Half"):
        for found in await abr.search(word, indexer_ids=(1,), categories=()):
            assert info_hash_of(await abr.torrent(found)) == info_hash_of(torrent_bytes(found.guid))


async def test_no_key_stands_in_what_it_keeps(abr: AudioBookRequest, estate: Any) -> None:
    kept = "".join(one.model_dump_json() for one in await abr.search("clockwork", categories=()))
    assert estate.key not in kept and USER_KEY not in kept


async def test_the_users_key_is_enough_for_all_it_does(http: httpx2.AsyncClient, estate: Any) -> None:
    abr = AudioBookRequest(http, f"{estate.url}/", estate.user_key)
    assert await abr.indexers()
    (found,) = await abr.search("Clockwork Garden 21", indexer_ids=(1,))
    assert await abr.grab(found.guid, found.indexerId) and await abr.torrent(found)


async def test_a_wrong_key_is_a_bare_401_and_its_page_says_so(http: httpx2.AsyncClient, estate: Any) -> None:
    abr = AudioBookRequest(http, estate.url, "wrong")
    with pytest.raises(FailedFetch, match="401: Unauthorized"):
        await abr.indexers()
    assert await abr.search("clockwork") == [] and not await abr.grab(f"{MAM_PAGE}1001", 1)
    answer = await send(http, "GET", f"{estate.url}/api/v1/search?query=x", headers={"X-Api-Key": "wrong"})
    assert (answer.status_code, answer.content, answer.headers.get("www-authenticate")) == (401, b"", None)


async def test_an_unknown_guid_is_404_with_prowlarrs_message(abr: AudioBookRequest, http: httpx2.AsyncClient) -> None:
    answer = await send(
        http, "POST", f"{abr.base}/api/v1/search", json={"guid": "https://nowhere/t/1", "indexerId": 1},
        headers={"X-Api-Key": abr.key},
    )  # fmt: skip
    assert answer.status_code == 404 and answer.headers["content-type"].startswith("application/json")
    assert answer.json()["message"] == "Couldn't find requested release in cache, try searching again"


TROUBLES = {
    "session_dead": session_expired("the site", "it answered with its login page"),
    "site_429": rate_limited("the site", 90.0),
    "site_502": site_unavailable("the site", "it answered HTTP 502"),
}


@pytest.mark.parametrize("trouble", list(TROUBLES))
async def test_a_dead_tracker_alone_is_an_error_never_an_empty_success(
    trouble: str, abr: AudioBookRequest, http: httpx2.AsyncClient, estate: Any
) -> None:
    estate.mam.trouble = TROUBLES[trouble]
    url = f"{estate.url}/api/v1/search?query=clockwork&type=search&limit=100&offset=0&categories=3030&indexerIds=1"
    for _ in range(2):  # the second one meets the pause that the first one began
        answer = await send(http, "GET", url, headers={"X-Api-Key": estate.key})
        assert answer.status_code >= 400 and answer.json()["message"]
    assert await abr.search("clockwork", indexer_ids=(1,)) == []
    headers = {"X-Api-Key": estate.key}
    health = (await send(http, "GET", f"{estate.url}/api/v1/health", headers=headers)).json()
    status = (await send(http, "GET", f"{estate.url}/api/v1/indexerstatus", headers=headers)).json()
    assert health and [row["indexerId"] for row in status] == [1]


async def test_two_dead_indexers_are_an_error_for_a_search_that_names_none(
    abr: AudioBookRequest, http: httpx2.AsyncClient, estate: Any
) -> None:
    estate.mam.trouble, estate.feed.trouble = TROUBLES["session_dead"], TROUBLES["site_502"]
    answer = await send(http, "GET", f"{abr.base}/api/v1/search?query=clockwork", headers={"X-Api-Key": abr.key})
    assert answer.status_code >= 400 and answer.json()["message"]


async def test_one_dead_indexer_of_two_leaves_the_other_ones_answer(abr: AudioBookRequest, estate: Any) -> None:
    estate.mam.trouble = TROUBLES["session_dead"]
    found = await abr.search("clockwork")
    assert found and {one.indexerId for one in found} == {2}


async def test_a_tracker_that_refuses_the_grab_is_409_and_no_ticket(
    abr: AudioBookRequest, http: httpx2.AsyncClient, estate: Any
) -> None:
    (found,) = await abr.search("Clockwork Garden 21", indexer_ids=(1,))
    estate.mam.trouble = TROUBLES["site_502"]
    answer = await send(
        http, "POST", f"{estate.url}/api/v1/search", json={"guid": found.guid, "indexerId": 1},
        headers={"X-Api-Key": estate.key},
    )  # fmt: skip
    assert answer.status_code == 409 and answer.json()["message"]
    estate.mam.trouble = None


async def test_links_lead_where_the_caller_sees_us(open_estate: Any, http: httpx2.AsyncClient) -> None:
    estate = await open_estate(url_base="/earmark")
    headers = {"X-Api-Key": estate.key, "Host": "books.example", "X-Forwarded-Proto": "https", "User-Agent": AGENT}
    answer = await send(
        http, "GET", f"{estate.url}/api/v1/search?query=Clockwork+Garden+21&categories=3030", headers=headers
    )
    link = next(one["downloadUrl"] for one in answer.json() if one["indexerId"] == 1)
    assert link.startswith("https://books.example/earmark/1/download?")
    seen = urlsplit(link)
    inside = await send(http, "GET", f"{estate.url.removesuffix('/earmark')}{seen.path}?{seen.query}")
    assert info_hash_of(inside.content)
    abr = AudioBookRequest(http, f"{estate.url}/", estate.key)
    (found, *_) = await abr.search("Clockwork Garden 21")
    assert await abr.indexers() and await abr.torrent(found)


async def test_one_connection_serves_all_its_calls(estate: Any) -> None:
    def calls() -> list[int]:
        to = HTTPConnection(urlsplit(estate.url).netloc, timeout=30)
        headers = {"X-Api-Key": estate.key, "User-Agent": AGENT, "Content-Type": "application/json"}
        statuses, sockets = [], set()
        guid = f"{MAM_PAGE}1021"
        for method, path, body in (
            ("GET", "/api/v1/indexer", None),
            ("GET", "/api/v1/search?query=Clockwork&type=search&limit=100&offset=0&categories=3030", None),
            ("POST", "/api/v1/search?apikey=wrong", json.dumps({"guid": guid, "indexerId": 1})),
            ("POST", "/api/v1/search", json.dumps({"guid": guid, "indexerId": 1})),
            ("GET", "/api/v1/nothing", None),
            ("GET", "/api/v1/indexer", None),
        ):
            to.request(method, path, body, headers)
            answer = to.getresponse()
            answer.read()
            statuses.append(answer.status)
            sockets.add(id(to.sock))
        assert len(sockets) == 1
        return statuses

    statuses = await asyncio.to_thread(calls)
    assert statuses[0] == statuses[1] == statuses[3] == statuses[5] == 200 and statuses[2::2] == [401, 404]
