"""Grabs of other programs over the whole house: the real tracker stand-in, seeder, client and ffmpeg."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from estate import Service, eventually, house_over, settings_for, settled

from earmark.core.reasons import PermanentError
from earmark.core.states import Completed, TicketState
from earmark.core.torrentfile import read_torrent
from earmark.core.torrents import TorrentState
from earmark.pipeline import desk, grabbing, outside, searching
from earmark.pipeline.grabbing import GrabFailed, OfferUnknown
from earmark.pipeline.house import House
from earmark.pipeline.searching import Asker
from earmark.pipeline.service import open_house
from earmark.ports import SearchQuery
from earmark.sandbox.world import World
from earmark.store import Offer, TorrentRecord, tickets, torrents

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ABR = Asker("AudioBookRequest", "127.0.0.1")


async def found(house: House, words: str) -> Offer:
    """The one release that a program finds for these words."""
    answer = await searching.search(house, SearchQuery(words, None), asker=ABR)
    assert not answer.failed, answer.failed
    (offer,) = answer.offers
    return offer


async def grab(house: House, offer: Offer) -> grabbing.Filed:
    return await grabbing.grab(house, offer.indexer_id, offer.release.guid, asker=ABR, actor=ABR.program)


async def count(house: House) -> int:
    async with house.db.read() as tx:
        return sum((await tickets.counts(tx)).values())


async def test_a_grab_by_guid_ends_as_a_book_on_the_shelf(world: World, tmp_path: Path) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        offer = await found(house, "Time Machine")
        first, *others = await asyncio.gather(*(grab(house, offer) for _ in range(10)))
        ticket = await settled(house, first.ticket.id)
        assert isinstance(ticket.payload, Completed), ticket.payload
        shelf = Path(ticket.payload.library_path)
        assert shelf == tmp_path / "library/H. G. Wells/Scientific Romances/1 - The Time Machine"
        assert (shelf / "The Time Machine.m4b").stat().st_size > 0
        view = await desk.view(house, ticket.id)
        states = [e.payload["new_state"] for e in view.events if e.type == "state_change"]
        assert states == ["APPROVED", "DOWNLOADING", "CONVERTING", "PLACING", "COMPLETED"]
        assert view.events[0].payload["actor"] == "AudioBookRequest"
        assert view.decision is not None

        again = await grab(house, offer)
        assert {one.ticket.id for one in (*others, again)} == {ticket.id}
        assert sum(one.created for one in (first, *others, again)) == 1
        assert await count(house) == 1


async def test_a_guid_stays_grabbable_for_weeks_and_over_restarts(world: World, tmp_path: Path) -> None:
    settings = settings_for(world, tmp_path)
    async with house_over(settings, tmp_path) as house:
        offer = await found(house, "Lost World")
    later = timedelta(days=29)
    async with open_house(settings, tmp_path / "data", clock=lambda: datetime.now(UTC) + later) as house:
        filed = await grab(house, offer)
        assert (await settled(house, filed.ticket.id)).state is TicketState.COMPLETED
    async with house_over(settings, tmp_path) as house:
        assert (await grab(house, offer)).ticket.id == filed.ticket.id


async def test_a_guid_nobody_was_shown_makes_nothing(world: World, tmp_path: Path) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        offer = await found(house, "Lost World")
        with pytest.raises(OfferUnknown):
            await grabbing.grab(house, 1, f"{offer.release.guid}0", asker=ABR, actor="x")
        assert await count(house) == 0


async def test_a_dead_session_fails_the_grab_and_makes_no_ticket(world: World, tmp_path: Path) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        offer = await found(house, "Lost World")
        async with httpx2.AsyncClient(base_url=world.site_url) as site:
            armed = {"on": "download", "kind": "not_signed_in", "times": None}
            assert (await site.post("/sandbox/faults", json=armed)).is_success
            with pytest.raises(GrabFailed) as caught:
                await grab(house, offer)
            assert caught.value.reason.evidence["code"] == "session_expired"
            assert await count(house) == 0
            assert (await site.delete("/sandbox/faults")).is_success


async def test_what_another_program_takes_is_adopted_when_our_client_holds_it(world: World, tmp_path: Path) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        offer = await found(house, "War of the Worlds")
        _, torrent = await outside.hand_out(house, offer.key, asker=ABR)
        assert isinstance(torrent, bytes)
        info_hash = read_torrent(torrent).info_hash
        elsewhere = tmp_path / "by hand"
        elsewhere.mkdir()
        await house.client.add(torrent, elsewhere)
        house.handed_over.set()

        async def seeded() -> TorrentRecord | None:
            house.handed_over.set()  # look at once
            async with house.db.read() as tx:
                held = await torrents.get(tx, info_hash)
            return held if held is not None and held.seeding_secs >= 1 else None

        held: TorrentRecord = await eventually(seeded, "its seeding is counted")
        assert (held.ticket_id, held.indexer, held.state) == (None, "mam", TorrentState.SEEDING)
        assert held.save_path == str(elsewhere)
        (view,) = (await outside.outside_grabs(house)).items
        assert view.torrent is not None
        assert view.grab.source == "AudioBookRequest"

        filed = await grab(house, offer)  # the same release as a ticket: nothing is fetched or downloaded twice
        ticket = await settled(house, filed.ticket.id)
        assert ticket.state is TicketState.COMPLETED, ticket.payload
        assert ticket.torrent_hash == info_hash
        assert len(await house.client.snapshot()) == 1


async def test_a_pushed_link_ends_as_a_book_on_the_shelf(world: World, tmp_path: Path) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        offer = await found(house, "Lost World")
        link = f"{world.site_url}/tor/download.php?tid={offer.release.download_ref}"
        filed = await grabbing.push(house, grabbing.Pushed("Lost World", link), asker=ABR, actor=ABR.program)
        assert (await settled(house, filed.ticket.id)).state is TicketState.COMPLETED
        assert (await grab(house, offer)).ticket.id == filed.ticket.id
        refused = grabbing.Pushed("A Book", "http://127.0.0.2:9/x.torrent")
        with pytest.raises(PermanentError):
            await grabbing.push(house, refused, asker=ABR, actor=ABR.program)
        assert await count(house) == 1


async def test_a_killed_service_keeps_its_offers_and_its_grabs(world: World, tmp_path: Path) -> None:
    service = Service(tmp_path / "home", settings_for(world, tmp_path))
    (tmp_path / "library").mkdir()
    try:
        service.launch()
        await service.ready()
        (shown,) = await service.api("GET", "/search", params={"query": "Journey", "type": "search"})
        service.kill()
        service.launch()
        await service.ready()
        body = {"guid": shown["guid"], "indexerId": shown["indexerId"]}
        await service.api("POST", "/search", json=body)
        service.kill()  # wherever it is by now
        service.launch()
        await service.ready()
        await service.api("POST", "/search", json=body)

        async def completed() -> bool:
            listed = await service.api("GET", "/tickets")
            states = [one["state"] for one in listed["items"]]
            assert len(states) == 1
            assert states[0] not in {"FAILED", "CANCELLED"}, listed
            return bool(states == ["COMPLETED"])

        await eventually(completed, "the book is on the shelf", 60)
    except BaseException:
        print(service.log()[-4000:])
        raise
    finally:
        service.kill()
