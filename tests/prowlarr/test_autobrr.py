"""autobrr, call for call: its connection test, and releases pushed in the *arr form and in Prowlarr's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from prowlarr_abr import AudioBookRequest
from prowlarr_arr import ApiKeyRefused, Autobrr
from prowlarr_house import MAM_PAGE
from prowlarr_wire import send

from earmark.store import tickets

MAGNET = f"magnet:?xt=urn:btih:{'d' * 40}&dn=The+Time+Machine"
DATED = {"indexer": "MyAnonamouse", "publishDate": "2026-11-21T09:00:00Z"}


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=60) as client:
        yield client


@pytest.fixture
def autobrr(estate: Any, http: httpx2.AsyncClient) -> Autobrr:
    return Autobrr(http, estate.url, estate.key)


async def filed(estate: Any) -> list[str]:
    async with estate.house.db.read() as tx:
        return [str(ticket.request) for ticket in (await tickets.page(tx)).items]


async def test_its_connection_test_reads_a_version(autobrr: Autobrr, http: httpx2.AsyncClient, estate: Any) -> None:
    assert await autobrr.test()
    with pytest.raises(ApiKeyRefused):
        await Autobrr(http, estate.url, "wrong").test()


async def test_a_pushed_link_is_approved_and_filed_once(
    autobrr: Autobrr, estate: Any, http: httpx2.AsyncClient
) -> None:
    (offered,) = await AudioBookRequest(http, estate.url, estate.key).search("Clockwork Garden 21", indexer_ids=(1,))
    release = {
        "title": "H. G. Wells - The Time Machine [2019 / ENG / M4B]",
        "infoUrl": offered.infoUrl,
        "downloadUrl": offered.downloadUrl,
        "size": 120_000_000,
        **DATED,
    }
    assert await autobrr.push(**release) is None
    assert await autobrr.push(**release) is None
    (one,) = await filed(estate)
    assert "Time Machine" in one or "Clockwork Garden" in one


async def test_a_pushed_magnet_is_filed(autobrr: Autobrr, estate: Any) -> None:
    pushed = await autobrr.push(
        title="The Time Machine by H. G. Wells", magnetUrl=MAGNET, downloadUrl="", size=0, **DATED
    )
    assert pushed is None and len(await filed(estate)) == 1


async def test_its_sonarr_client_is_answered_under_the_third_version(http: httpx2.AsyncClient, estate: Any) -> None:
    sonarr = Autobrr(http, estate.url, estate.key, version="v3")
    assert await sonarr.test()
    assert (
        await sonarr.push(title="The Time Machine by H. G. Wells", magnetUrl=MAGNET, downloadUrl="", size=0, **DATED)
        is None
    )
    assert len(await filed(estate)) == 1


async def test_a_push_without_a_title_or_a_link_names_what_is_missing(autobrr: Autobrr, estate: Any) -> None:
    assert any("Title" in why for why in await autobrr.push(title="", downloadUrl="http://x.example/1") or [])
    assert await autobrr.push(title="The Time Machine") and await filed(estate) == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x.example/1", "not an address", "magnet:?dn=nothing"])
async def test_a_link_nobody_can_follow_is_refused(url: str, autobrr: Autobrr, estate: Any) -> None:
    answer = await send(
        autobrr.http, "POST", f"{autobrr.base}/api/v1/release/push",
        json={"title": "The Time Machine", "downloadUrl": url, "protocol": "torrent", **DATED}, headers={"X-Api-Key": autobrr.key},
    )  # fmt: skip
    assert 400 <= answer.status_code < 500 or not answer.json()[0]["approved"]
    assert await filed(estate) == []


async def test_prowlarrs_own_form_by_guid_is_the_same_grab(
    autobrr: Autobrr, estate: Any, http: httpx2.AsyncClient
) -> None:
    (offered,) = await AudioBookRequest(http, estate.url, estate.key).search("Clockwork Garden 21", indexer_ids=(1,))
    for path in ("release/push", "search"):
        answer = await send(
            http, "POST", f"{estate.url}/api/v1/{path}", json={"guid": offered.guid, "indexerId": 1},
            headers={"X-Api-Key": estate.key},
        )  # fmt: skip
        assert answer.status_code in (200, 201), answer.text
    assert len(await filed(estate)) == 1


async def test_a_push_by_a_guid_nobody_saw_is_404(http: httpx2.AsyncClient, estate: Any) -> None:
    answer = await send(
        http, "POST", f"{estate.url}/api/v1/release/push", json={"guid": f"{MAM_PAGE}77", "indexerId": 1},
        headers={"X-Api-Key": estate.key},
    )  # fmt: skip
    assert answer.status_code == 404 and answer.json()["message"]
