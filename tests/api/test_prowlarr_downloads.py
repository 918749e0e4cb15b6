"""Download links: the torrent for whoever holds the link, and a grab that is remembered."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import unquote, urlsplit

import bencode2
import httpx2
import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st
from stub_indexers import StubIndexer

from earmark.api.prowlarr.downloads import disposition
from earmark.core.reasons import EarmarkError, PermanentError, TransientError
from earmark.core.release import Release
from earmark.core.wish import Kind
from earmark.http import RateLimited
from earmark.pipeline import indexing
from earmark.pipeline.house import House
from earmark.pipeline.outside import outside_grabs
from earmark.ports import Magnet

TORRENT = bencode2.bencode(
    {b"info": {b"length": 1000, b"name": b"book", b"piece length": 16384, b"pieces": b"x" * 20, b"private": 1}}
)
BOOK = Release(
    guid="https://www.myanonamouse.net/t/5", indexer="mam", title="Kings / Queens: A+B & Ünder", kind=Kind.AUDIOBOOK,
    categories=(3030,), seeders=5, leechers=1, size_bytes=1000, download_ref="5",
)  # fmt: skip
MAGNET = "magnet:?xt=urn:btih:" + "ab" * 20 + "&dn=A%20Book&tr=https%3A%2F%2Ftracker.test"

Linked = Callable[[], Awaitable[str]]


@pytest.fixture
def mam(house: House) -> StubIndexer:
    house.indexers["mam"] = StubIndexer("mam", [BOOK], torrent=TORRENT)
    return house.indexers["mam"]


@pytest.fixture
def linked(api: httpx2.AsyncClient, mam: StubIndexer) -> Linked:
    """Searches and gives the link of what was found, as it stands in the feed."""

    async def one() -> str:
        answer = await api.get("/1/api", params={"t": "search", "q": "kings"})
        return ElementTree.fromstring(answer.content).find("./channel/item/enclosure").get("url")

    return one


async def test_a_link_gives_the_torrent_without_any_key(anybody: httpx2.AsyncClient, linked: Linked) -> None:
    answer = await anybody.get(await linked())
    assert answer.status_code == 200
    assert answer.content == TORRENT
    assert answer.headers["content-type"] == "application/x-bittorrent"
    assert answer.headers["content-disposition"] == (
        'attachment; filename="Kings Queens A+B & Under.torrent"; '
        "filename*=UTF-8''Kings%20Queens%20A%2BB%20%26%20%C3%9Cnder.torrent"
    )


async def test_both_addresses_of_a_download_answer(anybody: httpx2.AsyncClient, linked: Linked) -> None:
    query = urlsplit(await linked()).query
    assert (await anybody.get(f"/api/v1/indexer/1/download?{query}")).content == TORRENT


async def test_what_clients_do_to_a_link_does_not_spoil_it(anybody: httpx2.AsyncClient, linked: Linked) -> None:
    link = await linked()
    start, _, file = link.partition("&file=")
    assert unquote(file) == BOOK.title
    for rewritten in (file.replace("%2F", "/"), file.replace("%20", "+"), "anything", "a%00b"):
        assert (await anybody.get(f"{start}&file={rewritten}")).status_code == 200
    for headers in ({"X-Api-Key": "the-admin-key"}, {"X-Api-Key": "wrong"}):
        assert (await anybody.get(link, headers=headers)).status_code == 200


async def test_what_a_program_takes_is_remembered(
    anybody: httpx2.AsyncClient, house: House, mam: StubIndexer, linked: Linked
) -> None:
    link = await linked()
    for _ in range(2):
        await anybody.get(link, headers={"User-Agent": "Shelfmark/1.2"})
    page = await outside_grabs(house, limit=10, offset=0)
    assert [(view.grab.source, view.grab.times, view.grab.offer.release.guid) for view in page.items] == [
        ("Shelfmark", 2, BOOK.guid)
    ]


async def test_a_look_takes_nothing(
    anybody: httpx2.AsyncClient, house: House, mam: StubIndexer, linked: Linked
) -> None:
    link = await linked()
    answer = await anybody.head(link)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-bittorrent"
    assert "content-length" not in answer.headers
    assert not mam.fetched
    assert (await outside_grabs(house, limit=10, offset=0)).total == 0
    assert (await anybody.head(link.replace("apikey=", "apikey=x"))).status_code == 401
    assert (await anybody.head(link.split("&file=")[0])).status_code == 400


async def test_a_magnet_is_a_redirect(anybody: httpx2.AsyncClient, mam: StubIndexer, linked: Linked) -> None:
    mam.releases = [replace(BOOK, download_ref="", magnet=MAGNET)]
    mam.torrent = Magnet(MAGNET)
    link = await linked()
    for answer in (await anybody.get(link), await anybody.head(link)):
        assert answer.status_code == 301
        assert answer.headers["location"] == MAGNET


async def test_an_odd_magnet_stays_one_line(anybody: httpx2.AsyncClient, mam: StubIndexer, linked: Linked) -> None:
    mam.torrent = Magnet("magnet:?xt=urn:btih:" + "ab" * 20 + "&dn=Ü\r\nSet-Cookie: a=b")
    answer = await anybody.get(await linked())
    assert answer.status_code == 301
    assert answer.headers["location"].startswith("magnet:?xt=urn:btih:")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("spoil", ["forged", "absent", "wrong", "of-another"])
async def test_without_its_token_or_a_key_a_link_is_closed(
    anybody: httpx2.AsyncClient, mam: StubIndexer, linked: Linked, spoil: str
) -> None:
    link = await linked()
    token = re.search(r"apikey=([^&]+)", link).group(1)
    mam.releases = [replace(BOOK, guid="https://www.myanonamouse.net/t/6")]
    other = await linked()
    closed = {
        "forged": link.replace(token, token[:-2] + "AA"),
        "absent": link.replace(f"apikey={token}&", ""),
        "wrong": link.replace(token, "wrong"),
        "of-another": re.sub(r"apikey=[^&]+", f"apikey={token}", other),
    }[spoil]
    for headers in ({}, {"X-Api-Key": "the-admin-key"}) if spoil != "absent" else ({},):
        answer = await anybody.get(closed, headers=headers)
        assert (answer.status_code, answer.content) == (401, b"")


async def test_a_key_opens_a_link_as_well(anybody: httpx2.AsyncClient, linked: Linked) -> None:
    bare = re.sub(r"apikey=[^&]+&", "", await linked())
    assert (await anybody.get(bare, headers={"X-Api-Key": "the-user-key"})).status_code == 200
    assert (await anybody.get(f"{bare}&apikey=the-admin-key")).status_code == 200


@pytest.mark.parametrize("missing", ["link", "file"])
async def test_a_link_without_one_of_its_parts_is_no_link(
    api: httpx2.AsyncClient, linked: Linked, missing: str
) -> None:
    parts = {"link": "a" * 32, "file": "x"} | {missing: ""}
    answer = await api.get("/1/download", params=parts)
    assert (answer.status_code, answer.json()) == (400, {"message": "Invalid Prowlarr link"})


async def test_what_was_never_offered_is_not_found(api: httpx2.AsyncClient, linked: Linked) -> None:
    assert (await api.get("/1/download", params={"link": "a" * 32, "file": "x"})).status_code == 404
    key = re.search(r"link=([0-9a-f]+)", await linked()).group(1)
    assert (await api.get("/2/download", params={"link": key, "file": "x"})).status_code == 404
    assert (await api.head("/2/download", params={"link": key, "file": "x"})).status_code == 404
    assert (await api.get("/1/download", params={"link": "\U0001f600'\x00", "file": "x"})).status_code == 404


async def test_a_link_ends_with_the_days_it_is_remembered(
    anybody: httpx2.AsyncClient, house: House, linked: Linked, clock: object
) -> None:
    link = await linked()
    clock.pass_(days=house.settings.search.remember_days + 1)
    assert (await anybody.get(link)).status_code == 401


@pytest.mark.parametrize(
    ("error", "status", "code", "wait"),
    [
        pytest.param(PermanentError.of("torrent_gone", "It is gone.", "Search again."), 410, "410", None, id="gone"),
        pytest.param(
            RateLimited.of("rate_limited", "Too many.", "Wait.", retry_after_secs=77), 429, "429", "77", id="rate-limited"
        ),
        pytest.param(
            TransientError.of("unsatisfied_limit", "The account is full.", "Seed on.", retry_after_secs=86400), 429, "429",
            "86400", id="account-full",
        ),
        pytest.param(PermanentError.of("session_expired", "Dead.", "New one."), 500, "900", None, id="session-expired"),
        pytest.param(TransientError.of("site_unavailable", "Away.", "Wait."), 500, "900", None, id="away"),
    ],
)  # fmt: skip
async def test_a_failing_indexer_is_told_with_the_next_step(
    anybody: httpx2.AsyncClient, mam: StubIndexer, linked: Linked, error: EarmarkError, status: int, code: str,
    wait: str | None,
) -> None:  # fmt: skip
    link = await linked()
    mam.error = error
    answer = await anybody.get(link)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/rss+xml; charset=utf-8"
    assert answer.headers.get("retry-after") == wait
    told = ElementTree.fromstring(answer.content)
    assert (told.tag, told.get("code")) == ("error", code)
    assert told.get("description") == f"{error.reason.message} {error.reason.action}"


async def test_a_switched_off_indexer_is_asked_for_nothing(
    anybody: httpx2.AsyncClient, house: House, mam: StubIndexer, linked: Linked
) -> None:
    link = await linked()
    house.registry.records[1] = replace(await indexing.record_of(house, 1), enabled=False)
    answer = await anybody.get(link)
    assert answer.status_code == 410
    assert ElementTree.fromstring(answer.content).get("code") == "410"
    assert not mam.fetched


@given(st.text(max_size=300) | st.text("./\\:\"'%\u202e\r\n ", max_size=20))
def test_any_title_makes_a_safe_file_name(title: str) -> None:
    header = disposition(title)
    found = re.fullmatch(
        r"attachment; filename=\"([ -~]+)\.torrent\"; filename\*=UTF-8''([A-Za-z0-9._~%-]+)\.torrent", header
    )
    assert found
    for name in (found[1], unquote(found[2], errors="strict")):
        assert not re.search(r'[/\\:*?"<>|%;]', name)
        assert name.isprintable()
        assert not name.startswith((".", " "))
