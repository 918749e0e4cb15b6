"""The indexers' pages over the real registry, store and settings: how each stands, what was asked, what others took and what
of it is owed, and a ticket that another program filed with its release."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from bare_house import bare_house
from pydantic import SecretStr
from web_site import make_app

from earmark.core.indexing import Standing
from earmark.core.newznab import Capabilities
from earmark.core.reasons import PermanentError, Reason
from earmark.core.release import Account, Release
from earmark.core.torrents import InfoHash
from earmark.core.wish import BookWish, Kind, TicketRequest
from earmark.pipeline import indexing
from earmark.pipeline.grab import torrent_record
from earmark.pipeline.grabbing import file_chosen
from earmark.pipeline.house import House
from earmark.ports import IndexerHealth, Magnet, SearchQuery
from earmark.settings_file import Changes
from earmark.store import Asked, Offer, Severity, alerts, asked, offers, torrents
from earmark.web import BoundDesk
from earmark.web.indexerform import draft_of

HASH = InfoHash("a94a8fe5ccb19ba61c4c0873d391e987982fbbd3")
BOOK = Release(
    "https://www.myanonamouse.net/t/7", "mam", "The Time Machine", 9_000_000, Kind.AUDIOBOOK, ("H. G. Wells",)
)
FIVE_H = timedelta(hours=5)


class Quiet:
    """An indexer that answers and has nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        return ()

    async def capabilities(self) -> Capabilities:
        return Capabilities()

    async def fetch(self, release: Release) -> bytes | Magnet:
        raise AssertionError("nobody fetches here")

    async def account(self) -> Account | None:
        return None

    async def test(self) -> IndexerHealth:
        return IndexerHealth(True, "Signed in as reader.")

    async def close(self) -> None:
        return None


class Keeper:
    """A settings file in memory."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.where: str | None = None

    def save(self, changes: Changes) -> Any:
        order = changes["search"]["order"] or ()
        search = self.house.settings.search.model_copy(update={"order": order})
        return self.house.settings.model_copy(update={"search": search})

    def locked(self, dotted: str) -> str | None:
        return self.where


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    opened = await bare_house(tmp_path, jackett={"url": "http://jackett.lan:9117", "api_key": "j" * 32})
    opened.indexers |= {"mam": Quiet("mam"), "jackett": Quiet("jackett")}
    yield opened
    await opened.db.close()


async def page(house: House, path: str) -> str:
    transport = httpx2.ASGITransport(app=make_app(cast("Any", BoundDesk(house))))
    async with httpx2.AsyncClient(transport=transport, base_url="http://earmark.test") as client:
        client.cookies.set("earmark_session", "session-of-admin")
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


async def test_an_indexer_is_shown_with_what_was_asked_of_it_in_a_day(house: House) -> None:
    now = house.now()
    old = Asked(1, now - timedelta(hours=30), "indexerQuery", True, 9000)
    rows = [
        old,
        Asked(1, now - FIVE_H, "indexerQuery", True, 300),
        Asked(1, now - FIVE_H, "indexerRss", True, 500),
        Asked(1, now - FIVE_H / 5, "indexerQuery", False, 30_000),
        Asked(1, now - FIVE_H, "releaseGrabbed", True, 80),
    ]
    async with house.write() as tx:
        await asked.note(tx, rows)
    mam, jackett = await BoundDesk(house).indexers()
    told = mam.asking
    assert (told.searches, told.failed, told.grabs, told.average_ms) == (3, 1, 1, 400.0)
    assert told.last_at == now - FIVE_H
    assert jackett.asking.average_ms is None
    assert jackett.asking.last_at is None


async def test_what_the_settings_hold_is_named_with_its_place_and_no_key_is_in_a_page(house: House) -> None:
    house.config_file = Path("/etc/earmark/earmark.toml")
    text = await page(house, "/indexers/2")
    assert "It is the setting jackett.url, in /etc/earmark/earmark.toml." in text
    assert "j" * 32 not in text
    keeper = Keeper(house)
    keeper.where = "environment: EARMARK_JACKETT__URL"
    house.keeper = keeper
    assert "in environment: EARMARK_JACKETT__URL." in await page(house, "/indexers/2")


async def test_a_pause_is_told_until_when_and_why_and_switching_off_sticks(house: House) -> None:
    desk = BoundDesk(house)
    record = (await desk.indexer(2)).record
    reason = Reason("api_key_refused", "Jackett refused the API key.", "Copy it again.")
    now = house.now()
    house.registry.records[2] = replace(record, standing=Standing(2, now, now, now + FIVE_H, reason))
    text = await page(house, "/indexers")
    assert "1 paused" in text
    assert "Jackett refused the API key." in text
    await desk.test_indexer(2)
    assert "1 paused" not in await page(house, "/indexers")
    await desk.change_indexer(2, replace(draft_of(record), enabled=False), "admin")
    assert not (await desk.indexer(2)).record.enabled
    with pytest.raises(PermanentError) as refused:
        await desk.remove_indexer(2, "admin")
    assert refused.value.reason.code == "indexer_managed"


async def test_the_order_is_saved_through_whoever_keeps_the_settings(house: House) -> None:
    desk = BoundDesk(house)
    with pytest.raises(PermanentError) as refused:
        await desk.save_search_order(("jackett",), "admin")
    assert refused.value.reason.code == "settings_fixed"
    house.keeper = Keeper(house)
    await desk.save_search_order(("jackett", "mam"), "admin")
    assert house.settings.search.order == ("jackett", "mam")
    assert (await desk.search_order()).setting.value == ("jackett", "mam")


async def test_what_others_took_is_told_with_what_our_client_still_owes(house: House) -> None:
    now = house.now()
    record = await indexing.record_of(house, 1)
    other = replace(BOOK, guid="https://www.myanonamouse.net/t/8", title="Kipps")
    held = replace(torrent_record(house, None, BOOK, HASH), progress=1.0)
    async with house.write() as tx:
        await offers.taken(tx, Offer(record.id, other), source="autobrr", host="10.0.0.9", info_hash=None, at=now)
        at = now - FIVE_H
        await offers.taken(tx, Offer(record.id, BOOK), source="Shelfmark", host="10.0.0.8", info_hash=HASH, at=at)
        await torrents.record(tx, held)
    first, second = (await BoundDesk(house).taken(limit=10, offset=0)).items
    assert (first.title, first.program, first.client) == ("Kipps", "autobrr", None)
    assert (second.client, second.needed_secs, second.owes) == (held.client, 72 * 3600, True)
    text = await page(house, "/indexers/taken")
    assert "Not in our client" in text
    assert "Shelfmark" in text


async def test_a_ticket_that_came_with_its_release_says_who_chose_it(house: House) -> None:
    wish = TicketRequest(
        Kind.AUDIOBOOK, BookWish("The Time Machine", ("H. G. Wells",)), requested_by="AudioBookRequest"
    )
    filed = await file_chosen(house, "some-name", wish, BOOK, HASH, "admin")
    text = await page(house, f"/tickets/{filed.ticket.id}")
    assert "Chosen by AudioBookRequest through the Prowlarr interface" in text
    assert ">Chosen by AudioBookRequest<" in text
    assert "Approved by admin" not in text
    assert "A person was asked" not in text


async def test_an_alert_about_an_indexer_leads_to_the_indexers(house: House) -> None:
    reason = Reason("site_unavailable", "Jackett does not answer.", "See that it runs.")
    async with house.write() as tx:
        await alerts.raise_(tx, "indexer:jackett", "error", reason, house.now())
    for path in ("/", "/system"):
        text = await page(house, path)
        assert "Jackett does not answer." in text
        assert '<a href="/indexers">Look at the indexers</a>' in text


async def test_people_read_the_name_of_an_indexer_where_it_calls_itself_by_its_key(house: House) -> None:
    record = await indexing.record_of(house, 2)
    await indexing.change(house, 2, replace(draft_of(record), name="The <b>books</b> of Jackett"), "admin")
    away = Reason("down", "jackett (jackett.lan) is not available.", "Nothing to do.")
    async with house.write() as tx:
        await alerts.raise_(tx, "indexer:jackett", Severity.ERROR, away, house.now())
    for path in ("/", "/system"):
        text = await page(house, path)
        assert "Indexer The &lt;b&gt;books&lt;/b&gt; of Jackett" in text
        assert "The &lt;b&gt;books&lt;/b&gt; of Jackett (jackett.lan) is not available." in text
        assert "jackett (" not in text


async def test_another_program_is_to_get_the_users_key_where_there_is_one(house: House) -> None:
    text = await page(house, "/indexers/connect")
    assert "There is only the administrator’s" in text
    assert "auth_token" in text
    server = house.settings.server.model_copy(update={"user_token": SecretStr("u" * 32)})
    house.settings = house.settings.model_copy(update={"server": server})
    text = await page(house, "/indexers/connect")
    assert "It is user_token under [server]" in text
    assert "u" * 32 not in text
