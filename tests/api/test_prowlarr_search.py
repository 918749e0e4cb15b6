from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from prowlarr_face import FEED_BOOK, MAM_BOOK, assert_no_nulls, read_as_abr, two_indexers

from earmark.core.reasons import PermanentError, Reason, TransientError
from earmark.core.release import Account, Release
from earmark.pipeline import indexing

SEARCH = "/api/v1/search"


@pytest.fixture
def found(house):
    house.indexers |= two_indexers()
    return house.indexers


async def searched(api: httpx2.AsyncClient, **params) -> list[dict]:
    answer = await api.get(SEARCH, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    read_as_abr(answer.json())
    assert_no_nulls(answer.json())
    return answer.json()


async def test_a_book_is_told_in_prowlarrs_own_shape(api, found) -> None:
    mam, feed = await searched(api, query="way of kings", type="search", limit=100, offset=0, categories=3030)
    link = mam.pop("downloadUrl")
    assert link.startswith("http://earmark.test/1/download?")
    title = "The Way of Kings by Brandon Sanderson [ENG / M4B] [VIP]"
    assert mam == {
        "guid": "https://www.myanonamouse.net/t/123",
        "age": 12,
        "ageHours": 288.0,
        "ageMinutes": 17280.0,
        "size": 943718400,
        "files": 1,
        "grabs": 412,
        "indexerId": 1,
        "indexer": "MyAnonamouse",
        "title": title,
        "sortTitle": "way kings by brandon sanderson eng m4b vip",
        "imdbId": 0,
        "tmdbId": 0,
        "tvdbId": 0,
        "tvMazeId": 0,
        "publishDate": "2026-11-08T12:00:00Z",
        "infoUrl": "https://www.myanonamouse.net/t/123",
        "indexerFlags": ["freeleech"],
        "categories": [
            {"id": 3030, "name": "Audio/Audiobook", "subCategories": []},
            {"id": 100041, "subCategories": []},
        ],
        "seeders": 85,
        "leechers": 1,
        "protocol": "torrent",
        "fileName": f"{title}.torrent",
    }
    assert (feed["indexerId"], feed["title"], feed["size"]) == (2, FEED_BOOK.title, 0)
    assert feed["magnetUrl"] == feed["downloadUrl"]
    assert "seeders" not in feed and "infoUrl" not in feed
    assert feed["publishDate"] == "2026-11-20T12:00:00Z"  # nobody told: as of now


async def test_the_answer_names_a_prowlarr_and_may_be_read_from_any_page(api, found) -> None:
    answer = await api.get(SEARCH, params={"query": "kings"}, headers={"Origin": "https://elsewhere.test"})
    assert answer.headers["x-application-version"].startswith("2.")
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_what_is_searched_for_reaches_the_indexers(api, found) -> None:
    await searched(
        api, query=" {author:Brandon Sanderson}{title:The Way of Kings}{year:2010} ", type="book", limit=50, offset=100,
        categories=[3030, "7020,7010"], extended=1, indexerIds=[1, 1],
    )  # fmt: skip
    (query,) = found["mam"].asked
    assert (query.text, query.limit, query.offset) == ("The Way of Kings Brandon Sanderson", 50, 100)
    assert (query.kind, query.categories, query.newest) == (None, (3030, 7020, 7010), False)
    assert found["jackett"].asked == []


@pytest.mark.parametrize(
    ("ids", "asked"),
    [
        ([], {"mam", "jackett"}),
        (["1"], {"mam"}),
        (["1", "2"], {"mam", "jackett"}),
        (["1,2"], {"mam", "jackett"}),
        (["-2"], {"mam", "jackett"}),
        (["2", "99"], {"jackett"}),
        (["-1"], set()),
        (["-1", "2"], {"jackett"}),
    ],
    ids=lambda value: "+".join(sorted(value)) or "none",
)
async def test_the_indexers_asked_are_those_named(api, found, ids, asked) -> None:
    told = await searched(api, query="kings", indexerIds=ids)
    assert {name for name, indexer in found.items() if indexer.asked} == asked
    assert len(told) == len(asked)


@pytest.mark.parametrize("params", [{}, {"query": ""}, {"query": "  "}, {"query": "{year:2010}"}])
async def test_nothing_in_particular_means_the_newest(api, found, params) -> None:
    assert len(await searched(api, **params)) == 2
    assert found["mam"].asked[0].newest


async def test_empty_values_are_as_good_as_none(api, found) -> None:
    assert len(await searched(api, query="kings", limit="", offset="", type="", categories="", indexerIds="")) == 2
    assert found["mam"].asked[0].limit == 100


async def test_a_sort_of_search_that_nobody_serves_finds_nothing(api, found) -> None:
    for indexer in found.values():
        await indexing.capabilities(api._transport.app.state.house, await _record(api, indexer.name))
    assert await searched(api, query="kings", categories=5000) == []
    assert await searched(api, query="kings", type="tvsearch") == []
    assert found["mam"].asked == []


async def _record(api, key: str):
    return await indexing.by_key(api._transport.app.state.house, key)


@pytest.mark.parametrize("name", ["limit", "offset", "categories", "indexerIds"])
async def test_a_number_that_is_none_is_refused_as_prowlarr_refuses_it(api, found, name) -> None:
    answer = await api.get(SEARCH, params={"query": "x", name: "abc"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json; charset=utf-8"
    told = answer.json()
    assert told["title"] == "One or more validation errors occurred."
    assert told["errors"] == {name: ["The value 'abc' is not valid."]}
    assert {"type", "status", "traceId"} <= told.keys()


# --- when indexers fail ---

EXPIRED = PermanentError(Reason("session_expired", "The tracker ended the session.", "Create a new one."))
AWAY = TransientError(Reason("site_unavailable", "The feed is away.", "Nothing to do."))
SLOW_DOWN = TransientError(Reason("rate_limited", "Too many.", "Wait.", {"retry_after_secs": 90.0}))


async def test_one_dead_indexer_does_not_hide_the_others(api, found) -> None:
    found["mam"].error = EXPIRED
    assert [one["indexerId"] for one in await searched(api, query="kings")] == [2]


async def test_when_all_fail_the_reasons_are_told_and_never_an_empty_list(api, found) -> None:
    found["mam"].error, found["jackett"].error = EXPIRED, AWAY
    answer = await api.get(SEARCH, params={"query": "kings"})
    assert answer.status_code == 502
    told = answer.json()
    assert set(told) == {"message", "description"}
    for words in ("The tracker ended the session. Create a new one.", "The feed is away."):
        assert words in told["description"]


async def test_indexers_that_are_left_alone_make_a_400_with_prowlarrs_words(api, found) -> None:
    found["mam"].error = EXPIRED
    await api.get(SEARCH, params={"query": "kings", "indexerIds": 1})
    again = await api.get(SEARCH, params={"query": "kings", "indexerIds": 1})
    assert again.status_code == 400
    assert again.json()["message"] == "Search failed due to all selected indexers being unavailable"
    assert "Create a new one." in again.json()["description"]
    assert int(again.headers["retry-after"]) > 0


async def test_an_indexer_nobody_has_is_unavailable(api, found) -> None:
    answer = await api.get(SEARCH, params={"query": "kings", "indexerIds": 99})
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "Search failed due to all selected indexers being unavailable",
    )


async def test_a_house_without_indexers_says_so(api) -> None:
    answer = await api.get(SEARCH, params={"query": "kings"})
    assert answer.status_code == 400
    assert "Add one" in answer.json()["description"]


async def test_a_slow_down_is_passed_on_with_its_time(api, found) -> None:
    found["mam"].error = found["jackett"].error = SLOW_DOWN
    answer = await api.get(SEARCH, params={"query": "kings"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "90")


# --- hostile releases ---

ODD = [
    replace(MAM_BOOK, guid="a\nb\x00c", title="Ctrl \x00\x07\x1b[31m here", info_hash="a1"),
    replace(MAM_BOOK, guid="half\ud800", title="Half \udfff a character", authors=("\ud800",)),
    replace(MAM_BOOK, guid="long", title="x" * 10_000),
    replace(MAM_BOOK, guid="none", size_bytes=None, published_at=None, seeders=None, leechers=None, grabs=None),
    replace(MAM_BOOK, guid="minus", size_bytes=-5, seeders=-1, leechers=-1, grabs=2**80, file_count=-2),
    replace(MAM_BOOK, guid="huge", size_bytes=2**90),
    replace(MAM_BOOK, guid="old", published_at=datetime(1, 1, 1, tzinfo=UTC)),
    replace(MAM_BOOK, guid="new", published_at=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    replace(MAM_BOOK, guid="naive", published_at=datetime(2020, 1, 2, 3, 4, 5)),  # noqa: DTZ001
    replace(MAM_BOOK, guid="zone", published_at=datetime.fromisoformat("2020-01-02T03:04:05+05:30")),
    replace(MAM_BOOK, guid="script", info_url="javascript:alert(1)"),
    replace(MAM_BOOK, guid="<&>\"'", title='<b>&amp;</b> "quoted" \u2028 \ufffe'),
    replace(MAM_BOOK, guid="empty", title="", authors=(), categories=(), kind=None, flags=("", "\x00", "Scene")),
]


@pytest.mark.parametrize("release", ODD, ids=lambda release: ascii(release.guid)[1:-1])
async def test_no_release_is_odd_enough_to_spoil_the_list(api, found, release: Release, caplog) -> None:
    found["mam"].releases = [MAM_BOOK, release]
    told = await searched(api, query="kings")
    assert len(told) == 3
    odd = told[1]
    assert odd["size"] >= 0 and odd.get("seeders", 0) >= 0
    assert odd["publishDate"].endswith("Z") and len(odd["publishDate"]) == 20
    assert "javascript" not in odd.get("infoUrl", "")
    assert not any(char in odd["title"] for char in "\x00\x07\x1b")


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
async def test_a_release_that_cannot_be_told_is_left_out_alone(api, found, house) -> None:
    found["mam"].releases = [replace(MAM_BOOK, guid="broken", published_at="yesterday"), MAM_BOOK]  # type: ignore[arg-type]
    answer = await api.get(SEARCH, params={"query": "kings", "indexerIds": 1})
    assert [one["guid"] for one in answer.json()] == [MAM_BOOK.guid]


async def test_the_guid_comes_through_unchanged(api, found) -> None:
    found["mam"].releases = [replace(MAM_BOOK, guid="line one\nline two\ttab é 💿")]
    told = await searched(api, query="kings", indexerIds=1)
    assert told[0]["guid"] == "line one\nline two\ttab é 💿"


async def test_free_for_vip_members_is_free_for_a_vip_member(api, found, house) -> None:
    found["mam"].releases = [replace(MAM_BOOK, freeleech=replace(MAM_BOOK.freeleech, everyone=False))]
    assert (await searched(api, query="kings", indexerIds=1))[0]["indexerFlags"] == []
    house.account = Account(1, "me", classname="VIP")
    assert (await searched(api, query="kings", indexerIds=1))[0]["indexerFlags"] == ["freeleech"]


async def test_hundreds_of_results_keep_their_order(api, found) -> None:
    found["mam"].releases = [replace(MAM_BOOK, guid=f"g{n}", title=f"Book {n}") for n in range(300)]
    told = await searched(api, query="book", indexerIds=1)
    assert [one["guid"] for one in told] == [f"g{n}" for n in range(300)]
    assert len(json.dumps(told)) > 0


async def test_a_date_to_come_is_no_negative_age(api, found) -> None:
    found["mam"].releases = [replace(MAM_BOOK, published_at=datetime(2026, 11, 20, 12, tzinfo=UTC) + timedelta(days=2))]
    assert (await searched(api, query="kings", indexerIds=1))[0]["age"] == 0
