"""The Torznab server over a real house: what programs ask, what they are told, and how trouble shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx2
import pytest
from defusedxml import ElementTree
from stub_indexers import AUDIO_AND_BOOKS, StubIndexer

from earmark.api.app import create_app
from earmark.core.newznab import Capabilities, Category
from earmark.core.reasons import EarmarkError, PermanentError, TransientError
from earmark.core.release import Account, Freeleech, Release
from earmark.core.wish import Kind
from earmark.http import RateLimited
from earmark.pipeline import indexing
from earmark.pipeline.house import House
from earmark.ports import SearchQuery

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # the time of the house
ONE, TWO, ALL = "/1/api", "/2/api", "/0/api"
FEED_TYPE = "application/rss+xml; charset=utf-8"
DEAD = PermanentError.of("session_expired", "The tracker does not accept the session any more.", "Create a new one.")
MUSIC_TOO = replace(AUDIO_AND_BOOKS, music_params=("q",), limit_default=20, limit_max=50)


@dataclass
class PagingIndexer(StubIndexer):
    """Gives the page it is asked for."""

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        found = await super().search(query)
        return found[query.offset : query.offset + query.limit]


def books(prefix: str, count: int, **facts: object) -> list[Release]:
    """Numbered from 1, each a day older than the one before."""
    return [
        replace(
            Release(
                guid=f"https://{prefix}.test/t/{n}", indexer=prefix, title=f"Book {n}", kind=Kind.AUDIOBOOK,
                categories=(3030,), seeders=5, leechers=1, size_bytes=n * 1000, authors=("Ann Author",),
                published_at=NOON - timedelta(days=n), download_ref=str(n),
            ),
            **facts,
        )
        for n in range(1, count + 1)
    ]  # fmt: skip


@pytest.fixture
def mam(house: House) -> StubIndexer:
    house.indexers["mam"] = PagingIndexer("mam", books("mam", 120))
    return house.indexers["mam"]


@pytest.fixture
def jackett(house: House, mam: StubIndexer) -> StubIndexer:
    house.indexers["jackett"] = PagingIndexer("jackett", books("jackett", 3), caps=MUSIC_TOO)
    return house.indexers["jackett"]


async def document(api: httpx2.AsyncClient, path: str, status: int = 200, **params: object) -> Element:
    answer = await api.get(path, params=params)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == FEED_TYPE
    return ElementTree.fromstring(answer.content, forbid_dtd=True)


async def titles(api: httpx2.AsyncClient, path: str = ONE, **params: object) -> list[str]:
    root = await document(api, path, **{"t": "search", **params})
    assert root.tag == "rss"
    return [item.findtext("title", "") for item in root.iterfind("./channel/item")]


async def failure(api: httpx2.AsyncClient, status: int, path: str = ONE, **params: object) -> tuple[str, str]:
    root = await document(api, path, status, **params)
    assert root.tag == "error"
    return root.get("code", ""), root.get("description", "")


# --- functions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/1/api", "/1/api/", "/api/v1/indexer/1/newznab", "/api/v1/indexer/1/newznab/", "/api/v1/indexer/1/newznab/api"],
)
async def test_every_address_of_a_feed_answers(api: httpx2.AsyncClient, mam: StubIndexer, path: str) -> None:
    assert len(await titles(api, path, q="book", limit=3)) == 3
    assert (await document(api, path, t="caps")).tag == "caps"


async def test_a_search_asks_what_the_program_asked(api: httpx2.AsyncClient, mam: StubIndexer) -> None:
    await titles(api, q=" way  of\tkings ", cat="3030,7020", limit=10, offset=20, extended=1, foo="bar")
    asked = mam.asked.pop()
    assert (asked.text, asked.limit, asked.offset, asked.newest) == ("way of kings", 10, 20, False)
    assert set(asked.categories) >= {3030, 7020}


async def test_names_of_parameters_may_be_written_large_and_cat_may_be_repeated(
    api: httpx2.AsyncClient, mam: StubIndexer
) -> None:
    answer = await api.get("/1/api?T=Search&Q=kings&CAT=3030&cat=7020,,7030")
    assert answer.status_code == 200
    assert set(mam.asked.pop().categories) >= {3030, 7020, 7030}


@pytest.mark.parametrize(
    ("params", "text"),
    [
        pytest.param({"t": "book", "author": "Sanderson", "title": "Kings"}, "Sanderson Kings", id="author-and-title"),
        pytest.param({"t": "book", "title": "Kings"}, "Kings", id="title"),
        pytest.param({"t": "music", "artist": "Bach", "album": "Suites"}, "Bach Suites", id="artist-and-album"),
        pytest.param({"t": "book", "q": "Kings", "author": "Sanderson"}, "Kings", id="words-win"),
    ],
)
async def test_author_and_title_count_where_there_are_no_words(
    api: httpx2.AsyncClient, jackett: StubIndexer, params: dict[str, str], text: str
) -> None:
    await document(api, TWO, **params)
    assert jackett.asked.pop().text == text


@pytest.mark.parametrize("function", ["search", "book"])
async def test_no_words_give_the_newest(api: httpx2.AsyncClient, mam: StubIndexer, function: str) -> None:
    found = await titles(api, t=function, cat="3030,7020,8010", extended=1, offset=0, limit=100)
    assert found[:3] == [f"Book {n} by Ann Author" for n in (1, 2, 3)]
    assert len(found) == 100
    assert mam.asked.pop().newest


async def test_the_newest_come_first_whatever_order_the_indexer_has(api: httpx2.AsyncClient, mam: StubIndexer) -> None:
    mam.releases = [*reversed(books("mam", 5))]
    assert await titles(api) == [f"Book {n} by Ann Author" for n in (1, 2, 3, 4, 5)]


async def test_television_and_films_find_nothing_where_only_books_are(
    api: httpx2.AsyncClient, mam: StubIndexer
) -> None:
    told = await document(api, ONE, t="caps")
    assert [told.find(f"./searching/{name}-search").get("available") for name in ("tv", "movie")] == ["no", "no"]
    assert await titles(api, t="tvsearch", q="x", season=1, ep=2, tvdbid=3) == []
    assert await titles(api, t="movie", q="x") == []
    assert await titles(api, t="movie", imdbid="tt0012345") == []
    assert not mam.asked


@pytest.mark.parametrize(
    ("params", "text", "categories"),
    [
        pytest.param({"t": "tvsearch", "q": "Rome", "season": 1, "ep": 2}, "Rome S01E02", {5000}, id="episode"),
        pytest.param({"t": "tvsearch", "q": "Rome", "season": 12}, "Rome S12", {5000}, id="season"),
        pytest.param(
            {"t": "tvsearch", "q": "News", "season": 2026, "ep": "11/21"}, "News 2026 11 21", {5000}, id="day"
        ),
        pytest.param({"t": "tvsearch", "q": "Rome", "cat": "5030"}, "Rome", {5030}, id="category"),
        pytest.param({"t": "movie", "q": "Rome 1972"}, "Rome 1972", {2000}, id="film"),
    ],
)
async def test_a_feed_that_has_series_and_films_is_asked_for_them(
    api: httpx2.AsyncClient, house: House, params: dict[str, object], text: str, categories: set[int]
) -> None:
    has = Capabilities(categories=(Category(2000, "Movies"), Category(5000, "TV", (Category(5030, "TV/SD"),))))
    feed = house.indexers["jackett"] = StubIndexer("jackett", [], caps=has)
    told = await document(api, "/2/api", t="caps")
    assert told.find("./searching/tv-search").get("supportedParams") == "q,season,ep"
    assert told.find("./searching/movie-search").get("available") == "yes"
    await titles(api, "/2/api", **params)
    asked = feed.asked.pop()
    assert asked.text == text
    assert set(asked.categories) >= categories
    assert not await titles(api, "/2/api", t="tvsearch", tvdbid=71)
    assert not feed.asked  # a number alone means nothing to it, and the newest would be a wrong answer


async def test_books_without_a_category_are_looked_for_among_books(
    api: httpx2.AsyncClient, jackett: StubIndexer
) -> None:
    jackett.releases = [*books("jackett", 1), *books("other", 1, categories=(3010,), title="A song")]
    assert await titles(api, TWO, t="book", q="x") == ["Book 1"]


# --- pages and bounds -------------------------------------------------------------------------------------------------


async def test_a_walk_over_the_pages_finds_everything_once(api: httpx2.AsyncClient, mam: StubIndexer) -> None:
    pages = [await titles(api, q="book", limit=50, offset=offset) for offset in (0, 50, 100, 150)]
    assert [len(page) for page in pages] == [50, 50, 20, 0]
    assert len({title for page in pages for title in page}) == 120


@pytest.mark.parametrize(("limit", "asked"), [("", 20), ("0", 20), ("7", 7), ("5000", 50)])
async def test_limit_keeps_within_what_the_capabilities_say(
    api: httpx2.AsyncClient, jackett: StubIndexer, limit: str, asked: int
) -> None:
    await document(api, TWO, t="caps")
    await titles(api, TWO, q="book", limit=limit)
    assert jackett.asked.pop().limit == asked


@pytest.mark.parametrize(
    ("bounds", "left"),
    [
        pytest.param({"minsize": 2000, "maxsize": 4000}, [2, 3, 4, 6], id="size"),
        pytest.param({"maxsize": 0}, [1, 2, 3, 4, 5, 6], id="no-bound"),
        pytest.param({"minage": 4}, [4, 5, 6], id="at-least-so-old"),
        pytest.param({"maxage": 2}, [1, 2, 6], id="at-most-so-old"),
        pytest.param({"maxage": 2147483647, "minsize": 9223372036854775807}, [6], id="as-far-as-numbers-go"),
    ],
)
async def test_bounds_keep_out_what_is_known_to_be_beyond_them(
    api: httpx2.AsyncClient, mam: StubIndexer, bounds: dict[str, int], left: list[int]
) -> None:
    unknown = books("mam", 6, size_bytes=None, published_at=None)[5]
    mam.releases = [*books("mam", 5), unknown]
    assert sorted(await titles(api, q="book", **bounds)) == [f"Book {n} by Ann Author" for n in left]


# --- what is told -----------------------------------------------------------------------------------------------------


async def test_links_and_comments_lead_where_the_caller_can_go(api: httpx2.AsyncClient, mam: StubIndexer) -> None:
    answer = await api.get(
        ONE,
        params={"t": "search", "q": "book", "limit": 1},
        headers={"X-Forwarded-Proto": "https", "X-Forwarded-Host": "books.example"},
    )
    item = ElementTree.fromstring(answer.content).find("./channel/item")
    link = item.findtext("link")
    assert link.startswith("https://books.example/1/download?apikey=")
    assert item.find("enclosure").get("url") == link
    assert "the-admin-key" not in answer.text


async def test_a_vip_torrent_is_free_for_vip_members_alone(
    api: httpx2.AsyncClient, house: House, mam: StubIndexer
) -> None:
    mam.releases = books("mam", 1, freeleech=Freeleech(vip=True))

    async def factor() -> str | None:
        root = await document(api, ONE, t="search", q="book")
        attrs = root.iter("{http://torznab.com/schemas/2015/feed}attr")
        return next(attr.get("value") for attr in attrs if attr.get("name") == "downloadvolumefactor")

    assert await factor() == "1"
    house.account = Account(1, "me", classname="VIP")
    assert await factor() == "0"


async def test_capabilities_are_those_of_the_indexer(api: httpx2.AsyncClient, jackett: StubIndexer) -> None:
    caps = await document(api, TWO, t="caps")
    assert caps.find("limits").attrib == {"default": "20", "max": "50"}
    assert caps.find("searching/music-search").get("available") == "yes"
    mams = await document(api, ONE, t="caps")
    assert mams.find("searching/music-search").get("available") == "no"


async def test_behind_a_url_base_feed_and_links_keep_it(house: House, mam: StubIndexer) -> None:
    server = house.settings.server.model_copy(update={"url_base": "/earmark"})
    house.settings = house.settings.model_copy(update={"server": server})
    transport = httpx2.ASGITransport(app=create_app(house))
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://home:9696/earmark/", headers={"X-Api-Key": "the-admin-key"}
    ) as client:
        answer = await client.get("1/api", params={"t": "search", "q": "book", "limit": 1})
        link = ElementTree.fromstring(answer.content).findtext("./channel/item/link")
        assert link.startswith("http://home:9696/earmark/1/download?")
        assert (await client.get(link)).status_code == 200


# --- all of them ------------------------------------------------------------------------------------------------------


async def test_number_0_stands_for_all_that_are_switched_on(
    api: httpx2.AsyncClient, house: House, mam: StubIndexer, jackett: StubIndexer
) -> None:
    mam.releases = books("mam", 2)
    found = await document(api, ALL, t="search", q="book")
    assert {one.get("id") for one in found.iter("prowlarrindexer")} == {"1", "2"}
    caps = await document(api, ALL, t="caps")
    assert caps.find("limits").attrib == {"default": "20", "max": "50"}
    await switch_off(house, 2)
    found = await document(api, ALL, t="search", q="book")
    assert {one.get("id") for one in found.iter("prowlarrindexer")} == {"1"}


async def test_one_of_all_that_fails_does_not_hide_the_others(
    api: httpx2.AsyncClient, mam: StubIndexer, jackett: StubIndexer
) -> None:
    mam.error = DEAD
    assert len(await titles(api, ALL, q="book")) == 3
    assert (await document(api, ALL, t="caps")).find("limits").get("max") == "50"


async def test_all_that_fail_are_an_error_and_no_empty_feed(
    api: httpx2.AsyncClient, mam: StubIndexer, jackett: StubIndexer
) -> None:
    mam.error = RateLimited.of("rate_limited", "Too many requests.", "Wait.", retry_after_secs=90)
    jackett.error = DEAD
    code, why = await failure(api, 502, ALL, t="search", q="book")
    assert code == "900"
    assert why == "The tracker does not accept the session any more. Create a new one."


async def test_a_house_without_indexers_says_so(api: httpx2.AsyncClient) -> None:
    assert (await failure(api, 410, ALL, t="search"))[0] == "410"
    assert (await failure(api, 410, ALL, t="caps"))[0] == "410"


# --- trouble ----------------------------------------------------------------------------------------------------------


async def switch_off(house: House, id: int) -> None:
    house.registry.records[id] = replace(await indexing.record_of(house, id), enabled=False)


@pytest.mark.parametrize(
    ("params", "code", "why"),
    [
        pytest.param({}, "200", "Missing parameter (t)", id="no-function"),
        pytest.param({"t": " "}, "200", "Missing parameter (t)", id="blank-function"),
        pytest.param({"t": "<b>"}, "202", "No such function (<b>)", id="unknown-function"),
        pytest.param({"t": "search", "limit": "abc"}, "201", "Incorrect parameter (limit)", id="limit-in-words"),
        pytest.param({"t": "search", "limit": "2147483648"}, "201", "Incorrect parameter (limit)", id="limit-too-big"),
        pytest.param({"t": "search", "offset": "-1"}, "201", "Incorrect parameter (offset)", id="offset-below-zero"),
        pytest.param({"t": "search", "cat": "3030,x"}, "201", "Incorrect parameter (cat)", id="category-in-words"),
        pytest.param({"t": "search", "maxage": "1.5"}, "201", "Incorrect parameter (maxage)", id="half-a-day"),
        pytest.param({"t": "search", "minsize": "9" * 30}, "201", "Incorrect parameter (minsize)", id="size-too-big"),
        pytest.param({"t": "movie", "imdbid": "ttx"}, "201", "Incorrect parameter (imdbid)", id="no-film"),
    ],
)
async def test_a_bad_request_is_told_what_is_wrong(
    api: httpx2.AsyncClient, mam: StubIndexer, params: dict[str, str], code: str, why: str
) -> None:
    assert await failure(api, 400, **params) == (code, why)
    assert not mam.asked


async def test_without_a_right_key_there_is_nothing_but_401(anybody: httpx2.AsyncClient, mam: StubIndexer) -> None:
    for params, headers in (
        ({"t": "caps"}, {}),
        ({"t": "caps", "apikey": "wrong"}, {"X-Api-Key": "the-admin-key"}),
        ({"t": "search"}, {"X-Api-Key": "wrong"}),
    ):
        for path in (ONE, "/api/v1/indexer/1/newznab"):
            answer = await anybody.get(path, params=params, headers=headers)
            assert (answer.status_code, answer.content) == (401, b"")
            assert "www-authenticate" not in answer.headers
    assert (await anybody.get(ONE, params={"t": "caps", "apikey": "the-user-key"})).status_code == 200


@pytest.mark.parametrize("number", ["7", "999999999"])
async def test_an_unknown_number_is_not_found(api: httpx2.AsyncClient, mam: StubIndexer, number: str) -> None:
    answer = await api.get(f"/{number}/api", params={"t": "caps"})
    assert answer.status_code == 404
    assert answer.json()["message"] == "NotFound"


async def test_a_number_no_machine_can_count_to_is_no_indexers(api: httpx2.AsyncClient, mam: StubIndexer) -> None:
    assert (await api.get(f"/{'9' * 5000}/api", params={"t": "caps"})).status_code == 404


async def test_a_switched_off_indexer_is_gone(api: httpx2.AsyncClient, house: House, mam: StubIndexer) -> None:
    await switch_off(house, 1)
    code, why = await failure(api, 410, t="search", q="book")
    assert code == "410"
    assert "MyAnonamouse" in why
    assert (await failure(api, 410, t="caps"))[0] == "410"


@pytest.mark.parametrize(
    ("error", "status", "code", "wait"),
    [
        pytest.param(DEAD, 502, "900", None, id="session-expired"),
        pytest.param(
            RateLimited.of("rate_limited", "Too many requests.", "Wait.", retry_after_secs=120), 429, "429", "120",
            id="rate-limited",
        ),
        pytest.param(
            RateLimited.of("rate_limited", "Too many requests.", "Wait."), 429, "429", "60", id="rate-limited-somehow"
        ),
        pytest.param(
            TransientError.of("site_unavailable", "It is away.", "Wait.", retry_after_secs=30), 502, "900", "30", id="away"
        ),
        pytest.param(
            PermanentError.of("api_key_refused", "It refused the API key.", "Copy the key."), 502, "900", None,
            id="its-key-is-not-ours",
        ),
    ],
)  # fmt: skip
async def test_a_failing_indexer_is_an_error_with_the_next_step(
    api: httpx2.AsyncClient, mam: StubIndexer, error: EarmarkError, status: int, code: str, wait: str | None
) -> None:
    mam.error = error
    answer = await api.get(ONE, params={"t": "search", "q": "book"})
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == wait
    told = ElementTree.fromstring(answer.content)
    assert (told.tag, told.get("code")) == ("error", code)
    assert told.get("description") == f"{error.reason.message} {error.reason.action}"


async def test_a_paused_indexer_says_how_long(api: httpx2.AsyncClient, mam: StubIndexer, clock: object) -> None:
    mam.error = DEAD
    await failure(api, 502, t="search", q="book")
    mam.error = None
    clock.pass_(seconds=20)
    answer = await api.get(ONE, params={"t": "search", "q": "book"})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "40"
    assert "does not accept the session" in ElementTree.fromstring(answer.content).get("description")
    clock.pass_(minutes=1)
    assert await titles(api, q="book")


async def test_capabilities_never_told_are_an_error(api: httpx2.AsyncClient, mam: StubIndexer) -> None:
    mam.error = DEAD
    assert (await failure(api, 502, t="caps"))[0] == "900"


async def test_categories_nobody_has_find_nothing(api: httpx2.AsyncClient, mam: StubIndexer) -> None:
    mam.caps = Capabilities((Category(3000, "Audio", (Category(3030, "Audio/Audiobook"),)),))
    await document(api, ONE, t="caps")
    assert await titles(api, q="book", cat="5000") == []
    assert not mam.asked
