"""The stand-in Torznab feed and the stand-in Prowlarr, over the four releases of the test site."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import httpx2
import pytest

from earmark.core.torrentfile import read_torrent
from earmark.sandbox.app import create_app
from earmark.sandbox.prowlarr import StandInProwlarr
from earmark.sandbox.proxied import Quirk
from earmark.sandbox.site import Site
from earmark.sandbox.torznab import StandInTorznab

ATTR = "{http://torznab.com/schemas/2015/feed}attr"


@pytest.fixture
def jackett(site: Site) -> StandInTorznab:
    return StandInTorznab(site, "jackett-key")


@pytest.fixture
def prowlarr(site: Site) -> StandInProwlarr:
    return StandInProwlarr(site, "prowlarr-key", site.clock.now)


@pytest.fixture
async def http(site: Site, jackett: StandInTorznab, prowlarr: StandInProwlarr) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(site, {"/torznab": jackett.app(), "/prowlarr": prowlarr.app()})
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        yield client


async def feed(http: httpx2.AsyncClient, **params: str) -> list[ET.Element]:
    answer = await http.get("/torznab/api", params={"apikey": "jackett-key", **params})
    assert answer.status_code == 200
    return ET.fromstring(answer.text).findall("channel/item")


def titles(items: list[ET.Element]) -> list[str]:
    return [item.findtext("title") or "" for item in items]


async def test_a_feed_without_words_is_the_newest_first_and_pages(http: httpx2.AsyncClient) -> None:
    everything = titles(await feed(http, t="search"))
    assert everything[0] == "The Time Machine by H. G. Wells [ENG / MP3]" and len(everything) == 4
    first = titles(await feed(http, t="search", limit="2"))
    second = titles(await feed(http, t="search", limit="2", offset="2"))
    assert first + second == everything and not await feed(http, t="search", offset="4")


async def test_words_categories_and_book_fields_narrow_the_feed(http: httpx2.AsyncClient) -> None:
    assert titles(await feed(http, t="search", q="ile mysterieuse")) == ["L'île mystérieuse by Jules Verne [FRE / MP3]"]
    assert titles(await feed(http, t="book", author="Wells", title="Time Machine"))
    assert titles(await feed(http, t="search", cat="7020")) == ["813 by Maurice Leblanc [ENG / EPUB MOBI] [VIP]"]
    assert len(await feed(http, t="search", cat="3000,7000")) == 4
    assert not await feed(http, t="search", cat="2000")


async def test_a_wrong_key_and_a_wrong_function_are_documents_with_http_200(http: httpx2.AsyncClient) -> None:
    for params, code in (
        ({"t": "search", "apikey": "no"}, "100"),
        ({"t": "search"}, "100"),
        ({"apikey": "jackett-key"}, "200"),
        ({"apikey": "jackett-key", "t": "dance"}, "202"),
    ):
        answer = await http.get("/torznab/api", params=params)
        assert (answer.status_code, ET.fromstring(answer.text).get("code")) == (200, code)


async def test_a_link_gives_the_real_torrent_and_nothing_without_its_key(http: httpx2.AsyncClient, site: Site) -> None:
    item = (await feed(http, t="search", q="moonstone"))[0]
    link = item.findtext("link") or ""
    attrs = {attr.get("name"): attr.get("value") for attr in item.findall(ATTR)}
    torrent = await http.get(link)
    assert torrent.headers["content-type"] == "application/x-bittorrent"
    assert str(read_torrent(torrent.content).info_hash) == attrs["infohash"]
    assert (await http.get(link.replace("jackett-key", "other"))).status_code == 401


async def test_quirks_take_sizes_dates_and_links_away(http: httpx2.AsyncClient, jackett: StandInTorznab) -> None:
    pulled = await http.post("/torznab/sandbox/quirks", json={"quirks": ["no_size", "no_date", "magnet_only"]})
    assert pulled.json() == {"quirks": ["magnet_only", "no_date", "no_size"]}
    item = (await feed(http, t="search", q="moonstone"))[0]
    assert item.find("size") is None and item.find("pubDate") is None
    assert (item.findtext("link") or "").startswith("magnet:?xt=urn:btih:")
    jackett.quirks.on = {Quirk.HIDDEN_ERROR}
    answer = await http.get("/torznab/api", params={"apikey": "jackett-key", "t": "search"})
    assert (answer.status_code, ET.fromstring(answer.text).get("code")) == (200, "900")
    assert (await http.post("/torznab/sandbox/quirks", json={"quirks": ["flood"]})).status_code == 400


async def test_no_key_is_kept_in_the_log_of_calls(http: httpx2.AsyncClient) -> None:
    link = (await feed(http, t="search"))[0].findtext("link") or ""
    await http.get(link)
    assert "jackett-key" not in (await http.get("/torznab/sandbox/calls")).text


async def test_prowlarr_wants_its_key_in_one_of_three_places_and_says_nothing_without(http: httpx2.AsyncClient) -> None:
    path = "/prowlarr/api/v1/system/status"
    for how in (
        {"params": {"apikey": "prowlarr-key"}},
        {"headers": {"X-Api-Key": "prowlarr-key"}},
        {"headers": {"Authorization": "Bearer prowlarr-key"}},
    ):
        answer = await http.get(path, **how)  # type: ignore[arg-type]
        assert answer.json()["appName"] == "Prowlarr" and answer.headers["x-application-version"]
    refused = await http.get(path, params={"apikey": "no"}, headers={"X-Api-Key": "prowlarr-key"})
    assert (refused.status_code, refused.content) == (401, b"")
    assert (await http.get("/prowlarr/ping")).json() == {"status": "OK"}


async def test_prowlarr_finds_and_its_links_give_torrents(http: httpx2.AsyncClient) -> None:
    http.headers["X-Api-Key"] = "prowlarr-key"
    answer = await http.get("/prowlarr/api/v1/search?query=Moonstone&type=search&categories=3030&limit=100&offset=0")
    one: dict[str, Any] = answer.json()[0]
    assert (one["indexerId"], one["protocol"], one["publishDate"]) == (1, "torrent", "2025-02-03T09:14:55Z")
    assert (
        one["guid"].rpartition("/t/")[2] == one["infoUrl"].rpartition("/t/")[2]
        and one["title"] == "The Moonstone by Wilkie Collins [ENG / M4B]"
    )
    assert str(read_torrent((await http.get(one["downloadUrl"])).content).info_hash) == one["infoHash"]
    assert urlsplit(one["downloadUrl"]).path == "/prowlarr/1/download"
    assert (await http.get("/prowlarr/1/download", params={"link": "x"})).status_code == 400
    assert (await http.get("/prowlarr/api/v1/search?indexerIds=2")).status_code == 400
    listed = (await http.get("/prowlarr/api/v1/indexer")).json()
    assert [(row["id"], row["enable"]) for row in listed] == [(1, True), (2, False)]


async def test_prowlarrs_own_feeds_answer_with_true_statuses(http: httpx2.AsyncClient) -> None:
    http.headers["X-Api-Key"] = "prowlarr-key"
    found = ET.fromstring((await http.get("/prowlarr/1/api?t=search&q=moonstone")).text).findall("channel/item")
    assert [item.findtext("prowlarrindexer") for item in found] == ["MyAnonamouse"]
    caps = ET.fromstring((await http.get("/prowlarr/1/api?t=caps")).text)
    assert caps.tag == "caps" and caps.find("searching/book-search[@available='yes']") is not None
    statuses = [(await http.get(f"/prowlarr/{path}")).status_code for path in ("2/api?t=caps", "9/api?t=caps", "1/api")]
    assert statuses == [410, 404, 400]
