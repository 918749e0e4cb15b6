"""Whom a ticket asks first: the indexers the settings name, one after another, until one offers something acceptable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from earmark.core.reasons import PermanentError, Reason
from earmark.core.release import Release
from earmark.core.states import TicketState
from earmark.core.ticket import TicketId
from earmark.core.wish import AlbumWish, BookWish, Kind, TicketRequest, TrackWish
from earmark.http import SiteUnavailable
from earmark.pipeline import desk
from earmark.pipeline.acquire import score_and_decide, search_everywhere
from earmark.pipeline.house import House
from earmark.pipeline.standing import IndexerPaused
from earmark.store import alerts
from support.bare_house import bare_house
from support.fake_indexers import FakeIndexer, release

AWAY = SiteUnavailable(Reason("site_unavailable", "The site is away.", "Wait."))
DEAD = PermanentError(Reason("session_expired", "The session is dead.", "Make a new one."))
WISH = TicketRequest(Kind.AUDIOBOOK, BookWish("The Time Machine", ("H. G. Wells",), language="en"))


def fitting(indexer: str, number: int = 1, **facts) -> Release:
    told = {
        "title": "The Time Machine", "kind": Kind.AUDIOBOOK, "authors": ("H. G. Wells",), "language": "en",
        "filetypes": ("m4b",), "size_bytes": 200_000_000, "seeders": 20,
    }  # fmt: skip
    return release(number, indexer, **told | facts)


def other(indexer: str) -> Release:
    return fitting(indexer, 9, title="Something Else", authors=("Nobody",))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = await bare_house(tmp_path, search={"order": ["prowlarr", "mam"]})
    made.indexers = {key: FakeIndexer(key) for key in ("mam", "jackett", "prowlarr")}
    yield made
    await made.registry.close()
    await made.db.close()


async def searched(house: House) -> TicketId:
    ticket = (await desk.file_ticket(house, None, WISH)).ticket
    await search_everywhere(house, ticket.id)
    return ticket.id


def asked(house: House) -> set[str]:
    return {key for key, indexer in house.indexers.items() if indexer.asked}


async def notes(house: House, ticket_id: TicketId) -> list[str]:
    view = await desk.view(house, ticket_id)
    return [str(e.payload["what"]) for e in view.events if e.type == "note"]


async def offered(house: House, ticket_id: TicketId) -> set[str]:
    return {candidate.release.indexer for candidate in (await desk.view(house, ticket_id)).candidates}


async def test_a_hit_at_prowlarr_means_that_the_tracker_is_not_asked(house: House) -> None:
    house.indexers["prowlarr"].answer = [fitting("prowlarr")]
    ticket_id = await searched(house)
    assert asked(house) == {"prowlarr"}
    assert await notes(house, ticket_id) == ["searched", "order_ended"]
    assert await offered(house, ticket_id) == {"prowlarr"}


async def test_without_an_acceptable_hit_the_next_one_is_asked_and_all_offers_are_judged_together(house: House) -> None:
    house.indexers["prowlarr"].answer = [other("prowlarr")]
    house.indexers["mam"].answer = [fitting("mam")]
    ticket_id = await searched(house)
    assert asked(house) == {"prowlarr", "mam"}
    assert await notes(house, ticket_id) == ["searched", "next_in_order", "searched", "order_ended"]
    assert await offered(house, ticket_id) == {"prowlarr", "mam"}
    await score_and_decide(house, ticket_id)
    view = await desk.view(house, ticket_id)
    assert view.candidates[0].release.indexer == "mam"


async def test_a_torrent_the_first_one_told_badly_of_is_judged_by_what_the_next_one_tells(house: House) -> None:
    told_badly = replace(fitting("prowlarr", size_bytes=20_000), guid="https://tracker.example/t/1")
    house.indexers["prowlarr"].answer = [told_badly]
    house.indexers["mam"].answer = [replace(fitting("mam"), guid=told_badly.guid)]
    ticket_id = await searched(house)
    assert await offered(house, ticket_id) == {"mam"}
    await score_and_decide(house, ticket_id)
    assert (await desk.get(house, ticket_id)).state is TicketState.AUTO_APPROVED


async def test_an_album_ends_the_order_though_its_files_are_not_known_yet_and_a_pack_does_not(
    house: House, tmp_path: Path
) -> None:
    tracks = tuple(TrackWish(f"t{n}", 1, n, f"Song {n}", 200.0, str(tmp_path / f"{n}.ogg")) for n in range(1, 9))
    music = house.settings.library.model_copy(update={"music": tmp_path})
    house.settings = house.settings.model_copy(update={"library": music})
    album = fitting(
        "prowlarr", 2, title="Harbour Lights - Quayside (2011) [FLAC]", kind=Kind.MUSIC, authors=("Harbour Lights",),
        categories=(3040,), filetypes=("flac",),
    )  # fmt: skip
    pack = fitting("prowlarr", 3, title="The Time Machine (2 books)")
    house.indexers["prowlarr"].answer = [album, pack]
    wish = TicketRequest(Kind.MUSIC, AlbumWish("Harbour Lights", "Quayside", 2011, tracks=tracks))
    ticket = (await desk.file_ticket(house, None, wish)).ticket
    await search_everywhere(house, ticket.id)
    assert asked(house) == {"prowlarr"}
    assert await notes(house, ticket.id) == ["searched", "order_ended"]
    house.indexers["prowlarr"].answer = [pack]
    ticket_id = await searched(house)
    assert asked(house) == {"prowlarr", "mam", "jackett"}  # perhaps somebody has the book by itself
    assert await offered(house, ticket_id) == {"prowlarr"}


async def test_those_the_order_does_not_name_are_asked_last(house: House) -> None:
    house.indexers["jackett"].answer = [fitting("jackett")]
    ticket_id = await searched(house)
    assert asked(house) == {"prowlarr", "mam", "jackett"}
    assert await offered(house, ticket_id) == {"jackett"}


async def test_a_first_one_that_fails_gives_way_with_its_alert(house: House) -> None:
    house.indexers["prowlarr"].answer = DEAD
    house.indexers["mam"].answer = [fitting("mam")]
    ticket_id = await searched(house)
    assert asked(house) == {"prowlarr", "mam"} and await offered(house, ticket_id) == {"mam"}
    async with house.db.read() as tx:
        assert [alert.key for alert in await alerts.active(tx)] == ["indexer:prowlarr"]


async def test_when_nobody_answers_the_error_that_may_pass_is_the_tickets(house: House) -> None:
    for key, error in (("prowlarr", DEAD), ("mam", AWAY), ("jackett", DEAD)):
        house.indexers[key].answer = error
    ticket = (await desk.file_ticket(house, None, WISH)).ticket
    with pytest.raises(SiteUnavailable):
        await search_everywhere(house, ticket.id)
    with pytest.raises(IndexerPaused) as paused:
        await search_everywhere(house, ticket.id)
    assert paused.value.retry_after_secs
    assert (await desk.get(house, ticket.id)).state is TicketState.SEARCHING
    assert all(len(indexer.asked) == 1 for indexer in house.indexers.values())


async def test_a_release_that_was_refused_for_the_ticket_is_no_hit(house: House) -> None:
    house.indexers["prowlarr"].answer = [fitting("prowlarr")]
    ticket = (await desk.file_ticket(house, None, WISH)).ticket
    await search_everywhere(house, ticket.id)
    await score_and_decide(house, ticket.id)
    await desk.block(house, ticket.id, 0, None, "tester")
    await desk.force_search(house, ticket.id, "time machine", "tester")
    house.indexers["mam"].answer = [fitting("mam")]
    await search_everywhere(house, ticket.id)
    assert asked(house) == {"prowlarr", "mam"}


async def test_without_an_order_all_are_asked_at_once(house: House, tmp_path: Path) -> None:
    house.settings = house.settings.model_copy(
        update={"search": house.settings.search.model_copy(update={"order": ()})}
    )
    house.indexers["prowlarr"].answer = [fitting("prowlarr")]
    ticket_id = await searched(house)
    assert asked(house) == {"prowlarr", "mam", "jackett"}
    assert await notes(house, ticket_id) == ["searched"]
