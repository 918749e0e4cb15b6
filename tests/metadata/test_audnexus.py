"""Who is asked what, how often, and what becomes of it when a service is busy, away or wrong."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import httpx2
import pytest

from earmark import USER_AGENT
from earmark.core.reasons import TransientError
from earmark.core.wish import BookWish
from earmark.http import RateLimited, SiteUnavailable, new_client
from earmark.metadata import AudnexusProvider, open_providers
from earmark.ports import BookFacts
from earmark.settings import Settings

JPEG = b"\xff\xd8\xff\xe0"
MOONSTONE = BookWish("The Moonstone", ("Wilkie Collins",))


def product(asin: str, title: str = "The Moonstone", **fields: object) -> dict[str, object]:
    return {"asin": asin, "title": title, "authors": [{"name": "Wilkie Collins"}], **fields}


class Services:
    """Audnexus and the catalogue in a few dictionaries, with a clock to turn."""

    def __init__(self) -> None:
        self.books: dict[str, object] = {}
        self.products: list[dict[str, object]] = []
        self.status: dict[str, httpx2.Response] = {}  # by path
        self.asked: Counter[str] = Counter()
        self.requests: list[httpx2.Request] = []
        self.now = 0.0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.asked[path] += 1
        self.requests.append(request)
        if path in self.status:
            return self.status[path]
        if path == "/1.0/catalog/products":
            return httpx2.Response(200, json={"products": self.products})
        if path.startswith("/images/"):
            return httpx2.Response(200, content=JPEG)
        told = self.books.get(path.split("/")[2])
        return httpx2.Response(200, json=told) if told else httpx2.Response(404, json={"error": "Not Found"})

    def open(self, region: str = "us", catalogue: str = "https://api.audible.{tld}") -> AudnexusProvider:
        async def resolve(host: str, port: int) -> list[str]:
            return ["93.184.216.34"]

        http = new_client(5, httpx2.MockTransport(self))
        return AudnexusProvider(
            "https://api.audnex.test", catalogue, region, http, clock=lambda: datetime(2026, 7, 1, tzinfo=UTC),
            monotonic=lambda: self.now, resolve=resolve,
        )  # fmt: skip


@pytest.fixture
def services() -> Services:
    return Services()


async def test_a_known_asin_asks_for_that_book_alone(services: Services) -> None:
    services.books["B0SANDBOX1"] = product("B0SANDBOX1", "Der Monddiamant")
    found = await services.open().find(BookWish("The Moonstone", asin="b0sandbox1"))
    assert [(f.provider, f.title) for f in found] == [("audnexus", "Der Monddiamant")]
    assert services.asked == {"/books/B0SANDBOX1": 1}
    assert services.requests[0].url.params["region"] == "us"
    assert services.requests[0].headers["user-agent"] == USER_AGENT


async def test_an_unknown_asin_falls_back_to_title_and_author(services: Services) -> None:
    services.products = [product("B0SANDBOX2")]
    found = await services.open().find(BookWish("The Moonstone", ("Wilkie Collins",), asin="B0SANDBOX1"))
    assert [f.asin for f in found] == ["B0SANDBOX2"]


async def test_an_asin_that_cannot_be_one_is_never_put_into_an_address(services: Services) -> None:
    await services.open().find(BookWish("The Moonstone", asin="../../admin"))
    assert await services.open().chapters("../../admin") == ()
    assert set(services.asked) == {"/1.0/catalog/products"}


@pytest.mark.parametrize(("region", "host"), [("uk", "api.audible.co.uk"), ("br", "api.audible.com.br")])
async def test_the_region_chooses_the_shop(services: Services, region: str, host: str) -> None:
    await services.open(region).find(MOONSTONE)
    request = services.requests[0]
    assert request.url.host == host
    assert (request.url.params["title"], request.url.params["author"]) == ("The Moonstone", "Wilkie Collins")


async def test_a_title_that_finds_nothing_is_tried_by_its_head(services: Services) -> None:
    await services.open().find(BookWish("The Moonstone: A Very Long Subtitle"))
    assert [r.url.params["title"] for r in services.requests] == [
        "The Moonstone: A Very Long Subtitle",
        "The Moonstone",
    ]


async def test_an_author_the_shop_writes_in_another_way_is_left_out_last(services: Services) -> None:
    await services.open().find(MOONSTONE)
    assert [r.url.params.get("author") for r in services.requests] == ["Wilkie Collins", None]


async def test_a_title_of_signs_asks_nobody(services: Services) -> None:
    assert list(await services.open().find(BookWish("?!"))) == []
    assert not services.asked


async def test_the_likeliest_edition_comes_first_and_strangers_are_left_out(services: Services) -> None:
    services.products = [
        product("B000000001", "Cooking for Two"),
        product("B000000002", narrators=[{"name": "Someone Else"}], format_type="abridged"),
        product("B000000003", narrators=[{"name": "Ada Fenwick"}], format_type="unabridged"),
    ]
    wish = BookWish("The Moonstone", ("Wilkie Collins",), narrators=("Ada Fenwick",), abridged=False)
    assert [f.asin for f in await services.open().find(wish)] == ["B000000003", "B000000002"]
    assert services.asked["/books/B000000001"] == 0


async def test_no_more_than_five_editions_are_looked_into(services: Services) -> None:
    services.products = [product(f"B00000000{n}") for n in range(9)]
    assert len(await services.open().find(MOONSTONE)) == 5
    assert sum(services.asked.values()) == 6


async def test_the_catalogues_words_fill_what_audnexus_leaves_out(services: Services) -> None:
    services.products = [product("B000000001", subtitle="A Romance", product_images={"500": "https://x.test/5.jpg"})]
    services.books["B000000001"] = product("B000000001", summary="<p>Long</p>")
    [facts] = await services.open().find(MOONSTONE)
    assert (facts.provider, facts.description, facts.subtitle) == ("audnexus", "Long", "A Romance")
    assert facts.cover_url == "https://x.test/5.jpg"


async def test_the_catalogue_alone_is_enough_when_audnexus_is_away(services: Services) -> None:
    services.products = [product("B000000001")]
    services.status["/books/B000000001"] = httpx2.Response(500)
    assert [f.provider for f in await services.open().find(MOONSTONE)] == ["audible"]


async def test_the_same_question_is_asked_once_a_day(services: Services) -> None:
    services.books["B0SANDBOX1"] = product("B0SANDBOX1")
    provider = services.open()
    for hours in (0, 1, 23):
        services.now = hours * 3600.0
        await provider.find(BookWish("x", asin="B0SANDBOX1"))
    assert services.asked["/books/B0SANDBOX1"] == 1
    services.now = 25 * 3600.0
    await provider.find(BookWish("x", asin="B0SANDBOX1"))
    assert services.asked["/books/B0SANDBOX1"] == 2


async def test_what_is_unknown_is_asked_again_after_an_hour(services: Services) -> None:
    provider = services.open()
    for secs, asked in ((0, 1), (3500, 1), (3700, 2)):
        services.now = secs
        assert await provider.chapters("B0SANDBOX1") == ()
        assert services.asked["/books/B0SANDBOX1/chapters"] == asked


async def test_a_service_that_asks_for_quiet_gets_it(services: Services) -> None:
    services.status["/books/B0SANDBOX1/chapters"] = httpx2.Response(429, headers={"retry-after": "120"})
    provider = services.open()
    with pytest.raises(RateLimited) as caught:
        await provider.chapters("B0SANDBOX1")
    assert caught.value.retry_after_secs == 120
    services.now = 60
    with pytest.raises(RateLimited) as caught:
        await provider.chapters("B0SANDBOX2")
    assert caught.value.retry_after_secs == 60 and sum(services.asked.values()) == 1
    services.now = 121
    assert await provider.chapters("B0SANDBOX2") == ()


async def test_trouble_is_not_remembered(services: Services) -> None:
    services.status["/books/B0SANDBOX1/chapters"] = httpx2.Response(503)
    provider = services.open()
    for _ in range(2):
        with pytest.raises(SiteUnavailable):
            await provider.chapters("B0SANDBOX1")
    assert services.asked["/books/B0SANDBOX1/chapters"] == 2


@pytest.mark.parametrize(
    "answer",
    [httpx2.Response(200, text="<html>"), httpx2.Response(200, json={"products": 5}), httpx2.Response(418)],
    ids=["a page", "no list", "teapot"],
)
async def test_an_odd_answer_of_the_catalogue_is_an_error_and_not_nothing(
    services: Services, answer: httpx2.Response
) -> None:
    services.status["/1.0/catalog/products"] = answer
    with pytest.raises(TransientError, match="cannot read"):
        await services.open().find(MOONSTONE)


async def test_the_whole_picture_is_preferred_and_the_named_size_stands_in(services: Services) -> None:
    facts = BookFacts("audnexus", None, "x", cover_url="https://m.media-amazon.test/images/I/5x._SL500_.jpg")
    assert await services.open().cover(facts) == JPEG
    assert services.asked == {"/images/I/5x.jpg": 1}
    services.status["/images/I/5x.jpg"] = httpx2.Response(404)
    assert await services.open().cover(facts) == JPEG
    assert services.asked["/images/I/5x._SL500_.jpg"] == 1


async def test_no_cover_named_is_no_cover(services: Services) -> None:
    assert await services.open().cover(BookFacts("audnexus", None, "x")) is None
    assert not services.asked


def test_without_an_address_nobody_is_asked() -> None:
    assert open_providers(Settings()) == ()
    [provider] = open_providers(Settings.model_validate({"metadata": {"audnexus_url": "https://api.audnex.us"}}))
    assert provider.name == "audnexus"
