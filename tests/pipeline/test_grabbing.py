"""Grabs of other programs: what was offered becomes a ticket once, with its torrent at hand."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import bencode2
import pytest
from bare_house import bare_house, candidate
from stub_indexers import StubIndexer

from earmark.api.views import explain
from earmark.core.reasons import PermanentError, Reason
from earmark.core.release import Release, SeriesRef
from earmark.core.states import (
    Approved,
    Completed,
    CompletionStats,
    Converting,
    Failed,
    Matching,
    NeedsApproval,
    Placing,
    Searching,
    TicketState,
)
from earmark.core.ticket import Ticket, TicketId
from earmark.core.wish import BookWish, Kind, TicketRequest
from earmark.indexers.errors import session_expired
from earmark.pipeline import desk, grabbing, views
from earmark.pipeline.grab import admit_and_fetch, keep, torrent_record
from earmark.pipeline.grabbing import Filed, GrabFailed, OfferUnknown
from earmark.pipeline.house import House
from earmark.pipeline.indexing import listed
from earmark.pipeline.searching import Asker
from earmark.pipeline.step import GO
from earmark.pipeline.torrentbox import Box
from earmark.ports import Magnet
from earmark.store import Offer, candidates, offers, tickets, torrents

S = TicketState
ABR = Asker("AudioBookRequest", "10.0.0.7")
MAM = 1
GUID = "https://www.myanonamouse.net/t/123"


def torrent_of(name: str, *, private: bool = True) -> bytes:
    pieces = hashlib.sha256(name.encode()).digest()[:20]
    info = {b"length": 1000, b"name": name.encode(), b"piece length": 16384, b"pieces": pieces}
    return bencode2.bencode(
        {b"announce": b"http://127.0.0.1:1/passkey", b"info": info | ({b"private": 1} if private else {})}
    )


RELEASE = Release(
    guid=GUID,
    indexer="mam",
    title="The Moonstone",
    kind=Kind.AUDIOBOOK,
    authors=("Wilkie Collins",),
    narrators=("Ann Other",),
    series=(SeriesRef("Cuff", "1"),),
    language="en",
    filetypes=("m4b",),
    seeders=4,
    download_ref="123",
)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = await bare_house(tmp_path, mam={"allow_unapproved_client": True})
    made.indexers["mam"] = StubIndexer("mam", torrent=torrent_of("moonstone"))
    made.free_bytes = lambda _: 10**12
    await listed(made)
    yield made
    await made.db.close()


async def offer(house: House, release: Release = RELEASE, indexer_id: int = MAM) -> None:
    async with house.write() as tx:
        await offers.remember(tx, [Offer(indexer_id, release)], house.now())


async def grab(house: House, guid: str = GUID, indexer_id: int = MAM) -> Filed:
    return await grabbing.grab(house, indexer_id, guid, asker=ABR, actor=ABR.program)


async def everything(house: House) -> list[Ticket]:
    async with house.db.read() as tx:
        return await tickets.in_states(tx, set(S))


def stub(house: House, key: str = "mam") -> StubIndexer:
    found = house.indexers[key]
    assert isinstance(found, StubIndexer)
    return found


async def test_a_grab_makes_a_ticket_that_has_its_release_from_birth(house: House) -> None:
    await offer(house)
    filed = await grab(house)
    assert filed.created
    view = await views.view(house, filed.ticket.id)
    assert view.ticket.payload == Approved(0, "AudioBookRequest", view.ticket.created_at)
    assert view.ticket.wake_at is not None
    assert view.ticket.request.kind is Kind.AUDIOBOOK
    assert view.ticket.request.requested_by == "AudioBookRequest"
    assert view.ticket.request.wish == BookWish(
        "The Moonstone", ("Wilkie Collins",), ("Ann Other",), "Cuff", "1", language="en"
    )
    assert [c.release for c in view.candidates] == [RELEASE]
    assert view.decision is not None
    assert view.decision.decision.candidates[0].release == RELEASE
    explained = explain(view.decision, view.events)
    assert (explained.chosen_idx, explained.approved_by) == (0, "AudioBookRequest")
    told = view.events[0].payload
    assert (told["old_state"], told["new_state"], told["actor"]) == (None, "APPROVED", "AudioBookRequest")
    assert told["details"] == {
        "selected_idx": 0,
        "message": "chosen by AudioBookRequest through the Prowlarr interface",
    }
    assert len(stub(house).fetched) == 1


async def test_the_torrent_is_at_hand_and_not_fetched_again_by_the_act(house: House) -> None:
    await offer(house)
    filed = await grab(house)
    async with house.db.read() as tx:
        record = await torrents.by_guid(tx, GUID, "mam")
    assert record is not None
    assert record.ticket_id == filed.ticket.id
    assert record.private
    assert Box(house.torrent_dir).kept(record.info_hash) == torrent_of("moonstone")
    assert await admit_and_fetch(house, filed.ticket.id) == GO
    assert (await desk.get(house, filed.ticket.id)).torrent_hash == record.info_hash
    assert len(stub(house).fetched) == 1


async def test_the_same_guid_again_is_the_same_ticket(house: House) -> None:
    await offer(house)
    first = await grab(house)
    assert await grab(house) == Filed(first.ticket, created=False)
    assert len(await everything(house)) == 1


async def test_ten_grabs_at_once_make_one_ticket_and_one_fetch(house: House) -> None:
    await offer(house)
    stub(house).torrent = torrent_of("moonstone")
    filed = await asyncio.gather(*(grab(house) for _ in range(10)))
    assert len({one.ticket.id for one in filed}) == 1
    assert sum(one.created for one in filed) == 1
    assert len(await everything(house)) == 1
    assert len(stub(house).fetched) == 1
    assert not house.turns


async def test_a_guid_nobody_offered_makes_nothing(house: House) -> None:
    await offer(house)
    for indexer_id, guid in ((MAM, "other"), (2, GUID), (MAM, "\ud800"), (-1, ""), (10**12, GUID)):
        with pytest.raises(OfferUnknown) as caught:
            await grab(house, guid, indexer_id)
        assert caught.value.reason.code == "offer_unknown"
    assert await everything(house) == []
    assert stub(house).fetched == []


async def test_a_torrent_that_cannot_be_had_makes_no_ticket(house: House) -> None:
    await offer(house)
    stub(house).error = session_expired("mam", "it sent a login page")
    with pytest.raises(GrabFailed) as caught:
        await grab(house)
    assert caught.value.reason.code == "grab_failed"
    assert caught.value.reason.evidence["code"] == "session_expired"
    assert await everything(house) == []


async def test_bytes_that_are_no_torrent_make_no_ticket(house: House) -> None:
    await offer(house)
    stub(house).torrent = b"<html>Log in</html>"
    with pytest.raises(GrabFailed):
        await grab(house)
    assert await everything(house) == []
    assert list(house.torrent_dir.glob("*")) == []


async def test_a_magnet_is_taken_where_there_is_nothing_else(house: House) -> None:
    uri = f"magnet:?xt=urn:btih:{'a' * 40}"
    await offer(house)
    stub(house).torrent = Magnet(uri)
    filed = await grab(house)
    assert await admit_and_fetch(house, filed.ticket.id) == GO
    assert (await desk.get(house, filed.ticket.id)).torrent_hash == "a" * 40


async def test_a_magnet_without_a_known_hash_is_refused(house: House) -> None:
    await offer(house)
    stub(house).torrent = Magnet(f"magnet:?xt=urn:btmh:1220{'a' * 64}")
    with pytest.raises(GrabFailed):
        await grab(house)
    assert await everything(house) == []


# --- again ------------------------------------------------------------------------------------------------------------


async def moved(house: House, ticket_id: TicketId, payload: Any) -> None:
    async with house.write() as tx:
        await tickets.move(tx, ticket_id, payload, at=house.now(), actor="test")


async def test_a_failed_ticket_is_tried_again(house: House) -> None:
    await offer(house)
    first = await grab(house)
    why = Reason("site_unavailable", "Away.", "Wait.")
    await moved(house, first.ticket.id, Failed(house.now(), S.APPROVED, why, True, 3))
    again = await grab(house)
    assert (again.ticket.id, again.created) == (first.ticket.id, False)
    assert isinstance(again.ticket.payload, Approved)
    assert again.ticket.payload.selected_idx == 0


@pytest.mark.parametrize("end", ["cancelled", "undone"])
async def test_what_was_ended_by_a_person_gets_a_successor(house: House, end: str) -> None:
    await offer(house)
    first = (await grab(house)).ticket
    if end == "cancelled":
        await desk.cancel(house, first.id, "somebody")
    else:
        await finished(house, first)
        done = (await desk.get(house, first.id)).payload
        async with house.write() as tx:
            await tickets.update_payload(tx, first.id, replace(done, undone_at=house.now()), house.now())  # type: ignore[type-var]
    second = await grab(house)
    assert second.created
    assert second.ticket.id != first.id
    assert await grab(house) == Filed(second.ticket, created=False)


async def finished(house: House, ticket: Ticket) -> None:
    assert await admit_and_fetch(house, ticket.id) == GO
    now, info_hash = house.now(), (await desk.get(house, ticket.id)).torrent_hash or ""
    for payload in (
        Converting(info_hash, now, 1),
        Placing(info_hash, now, 1),
        Completed(now, CompletionStats(1, 1.0, 1.0, 1), "/shelf/x", ("x.m4b",)),
    ):
        await moved(house, ticket.id, payload)


async def test_a_completed_ticket_stays_the_ticket(house: House) -> None:
    await offer(house)
    first = (await grab(house)).ticket
    await finished(house, first)
    again = await grab(house)
    assert (again.ticket.id, again.created, again.ticket.state) == (first.id, False, S.COMPLETED)


async def test_a_grab_of_what_another_ticket_downloads_is_that_ticket(house: House) -> None:
    await offer(house)
    other = (await desk.file_ticket(house, None, _wish())).ticket
    await _choose(house, other)
    assert await admit_and_fetch(house, other.id) == GO
    filed = await grab(house)
    assert (filed.ticket.id, filed.created) == (other.id, False)
    assert len(await everything(house)) == 1


async def test_a_ticket_that_only_asks_about_the_release_is_not_taken_for_the_grab(house: House) -> None:
    await offer(house)
    other = (await desk.file_ticket(house, None, _wish())).ticket
    await _offered(house, other)
    info_hash = keep(house, torrent_of("moonstone"))
    async with house.write() as tx:
        await torrents.record(tx, torrent_record(house, other.id, RELEASE, info_hash))
    assert (await grab(house)).created
    assert stub(house).fetched == []


def _wish() -> TicketRequest:
    return TicketRequest(Kind.AUDIOBOOK, BookWish("The Moonstone", ("Wilkie Collins",)))


async def _choose(house: House, ticket: Ticket) -> None:
    await _offered(house, ticket)
    await desk.approve(house, ticket.id, 0, "somebody")


async def _offered(house: House, ticket: Ticket) -> None:
    """Bring a filed ticket to where it asks about the release."""
    now = house.now()
    async with house.write() as tx:
        await candidates.replace(tx, ticket.id, [replace(candidate(), release=RELEASE)])
        for payload in (Searching(now), Matching(now, 1), NeedsApproval(now, 1, 0, 0.5, ())):
            await tickets.move(tx, ticket.id, payload, at=now, actor="test")


# --- what cannot be shelved --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"kind": Kind.MUSIC, "title": "Best of", "narrators": ()}, "grab_not_shelvable"),
        ({"kind": None, "categories": (2040,), "narrators": (), "filetypes": ()}, "grab_not_shelvable"),
        ({"title": " "}, "grab_not_shelvable"),
        ({"kind": Kind.EBOOK, "filetypes": ("epub",), "narrators": ()}, "no_ebook_library"),
    ],
    ids=["music", "film", "untitled", "ebook"],
)
async def test_what_no_shelf_takes_is_refused_before_anything_is_fetched(
    house: House, facts: dict[str, Any], code: str
) -> None:
    await offer(house, replace(RELEASE, **facts))
    with pytest.raises(PermanentError) as caught:
        await grab(house)
    assert caught.value.reason.code == code
    assert caught.value.reason.action
    assert stub(house).fetched == []
    assert await everything(house) == []


async def test_an_odd_title_becomes_a_ticket(house: House) -> None:
    for number, title in enumerate(("Half of a pair \ud83d", "Tabs\tand\x00nul", "x" * 5000, "<b>Bold</b> & \u202e")):
        release = replace(RELEASE, guid=f"odd-{number}", title=title)
        stub(house).torrent = torrent_of(f"odd-{number}")
        await offer(house, release)
        filed = await grab(house, f"odd-{number}")
        assert filed.created
        assert (await views.view(house, filed.ticket.id)).candidates


async def test_two_indexers_may_use_the_same_guid(house: House) -> None:
    house.indexers["jackett"] = StubIndexer("jackett", torrent=torrent_of("another book"))
    await listed(house)
    await offer(house)
    await offer(house, replace(RELEASE, indexer="jackett", title="Another Book"), 2)
    first, second = await grab(house), await grab(house, indexer_id=2)
    assert first.ticket.id != second.ticket.id
    async with house.db.read() as tx:
        of_mam = await torrents.by_guid(tx, GUID, "mam")
        of_feed = await torrents.by_guid(tx, GUID, "jackett")
    assert of_mam is not None
    assert of_feed is not None
    assert of_mam.info_hash != of_feed.info_hash


async def test_a_grab_works_for_as_long_as_the_offer_is_kept(house: House) -> None:
    await offer(house)
    then = house.now()
    house.clock = lambda: then + timedelta(days=29)
    assert (await grab(house)).created
