"""A download that stands still says so, gives way to another release when there is one, and leaves its slot."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import bencode2
import pytest
from bare_house import bare_house

from earmark.core.decision import Component, Decision, ScoredCandidate
from earmark.core.reasons import Reason
from earmark.core.release import Account, Release
from earmark.core.states import Downloading, IllegalTransition, TicketState
from earmark.core.ticket import Ticket, TicketId
from earmark.core.torrentfile import read_torrent
from earmark.core.torrents import InfoHash, SeedGoal, TorrentState, TorrentStatus
from earmark.core.wish import BookWish, Kind, TicketRequest, Wish
from earmark.pipeline import desk
from earmark.pipeline.acquire import acquire
from earmark.pipeline.dispatch import open_slots
from earmark.pipeline.house import House
from earmark.pipeline.monitor import look
from earmark.pipeline.step import Outcome, StepFunction, run_settled
from earmark.ports import SearchQuery
from earmark.store import blocklist, tickets

START = datetime(2026, 3, 1, tzinfo=UTC)


def torrent_of(name: str) -> bytes:
    pieces = hashlib.sha1(name.encode()).digest()
    info = {b"name": name.encode(), b"piece length": 16384, b"pieces": pieces, b"length": 1000, b"private": 1}
    return bencode2.bencode({b"announce": b"http://t.example/announce/k", b"info": info})


class Tracker:
    """Offers releases by name, the first one first."""

    name = "mam"

    def __init__(self, *names: str) -> None:
        self.names = names
        self.fetched: list[str] = []

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        return [Release(f"https://t.example/{name}", self.name, name, seeders=9) for name in self.names]

    async def fetch(self, release: Release) -> bytes:
        self.fetched.append(release.title)
        return torrent_of(release.title)

    async def account(self) -> Account | None:
        return None


class Client:
    """Holds what it is given; nothing ever arrives by itself."""

    name = "quiet"

    def __init__(self) -> None:
        self.held: dict[InfoHash, TorrentStatus] = {}
        self.removed: list[tuple[str, bool]] = []

    async def add(self, torrent: bytes, save_path: Path, *, goal: SeedGoal | None = None) -> InfoHash:
        meta = read_torrent(torrent)
        self.held[meta.info_hash] = TorrentStatus(
            meta.info_hash, meta.name, TorrentState.DOWNLOADING, 0.0, 0, 0, 0, 0, None, 1000, 0, 0, 0, "/d", meta.private
        )  # fmt: skip
        return meta.info_hash

    async def tag(self, info_hash: InfoHash, tags: Sequence[str]) -> None: ...

    async def snapshot(self) -> Mapping[InfoHash, TorrentStatus]:
        return self.held

    async def status(self, info_hash: InfoHash) -> TorrentStatus | None:
        return self.held.get(info_hash)

    async def remove(self, info_hash: InfoHash, *, delete_files: bool = False) -> None:
        if (gone := self.held.pop(info_hash, None)) is not None:
            self.removed.append((gone.name, delete_files))

    def becomes(self, name: str, **changes: Any) -> None:
        (info_hash,) = (h for h, s in self.held.items() if s.name == name)
        self.held[info_hash] = dataclasses.replace(self.held[info_hash], **changes)


class InOrder:
    """Takes the first that is offered."""

    async def judge(self, kind: Kind, wish: Wish, releases: Sequence[Release], *, vip_member: bool) -> Decision:
        parts = (Component("title", 1.0, 1.0, "the same"),)
        scored = tuple(ScoredCandidate(release=r, score=0.95, components=parts) for r in releases)
        return Decision(scored, 0 if scored else None, 0.95, 0.85)


class Estate:
    """A house whose clock is turned by hand, and the ticket of one wish in it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.tracker = cast("Tracker", house.indexers["mam"])
        self.client = cast("Client", house.client)
        self.now = START

    async def file(self, title: str = "A") -> TicketId:
        filed = await desk.file_ticket(self.house, None, TicketRequest(Kind.AUDIOBOOK, BookWish(title)))
        await self.acquire(filed.ticket.id)
        await look(self.house)
        return filed.ticket.id

    async def acquire(self, ticket_id: TicketId) -> None:
        async def step(function: StepFunction, ticket_id: TicketId) -> Outcome:
            return await run_settled(self.house, function, ticket_id)

        await acquire(step, ticket_id)

    async def after(self, ticket_id: TicketId, minutes: float) -> Ticket:
        """The ticket after the monitor looked again, and after its act went on when it was woken."""
        self.now += timedelta(minutes=minutes)
        await look(self.house)
        ticket = await desk.get(self.house, ticket_id)
        if ticket.state is TicketState.MATCHING:
            await self.acquire(ticket_id)
            await look(self.house)
        return await desk.get(self.house, ticket_id)

    async def downloads(self, ticket_id: TicketId) -> str:
        ticket = await desk.get(self.house, ticket_id)
        assert isinstance(ticket.payload, Downloading), ticket.payload
        return self.client.held[InfoHash(ticket.payload.torrent_hash)].name


@pytest.fixture
async def estate(tmp_path: Path) -> AsyncIterator[Estate]:
    house = await bare_house(tmp_path, processing={"max_parallel_downloads": 1}, mam={"allow_unapproved_client": True})
    house.indexers = {"mam": cast("Any", Tracker("one", "two"))}
    house.client = cast("Any", Client())
    house.matcher = InOrder()
    made = Estate(house)
    house.clock = lambda: made.now
    house.free_bytes = lambda _: 10**12
    yield made
    await house.db.close()


def waits_for(ticket: Ticket) -> str | None:
    return ticket.waiting.reason.code if ticket.waiting else None


async def test_a_release_that_nobody_seeds_gives_way_after_five_minutes(estate: Estate) -> None:
    ticket_id = await estate.file()
    assert await estate.downloads(ticket_id) == "one"
    await estate.after(ticket_id, 4.9)
    assert await estate.downloads(ticket_id) == "one"
    await estate.after(ticket_id, 0.2)
    assert await estate.downloads(ticket_id) == "two"
    view = await desk.view(estate.house, ticket_id)
    (told,) = (e.payload for e in view.events if e.payload.get("what") == "redownloading")
    assert told["code"] == "download_stalled" and "5 minutes" in str(told["message"])
    blocked = [c for c in view.candidates if c.rejected]
    assert [(c.release.title, c.gates[0].code) for c in blocked] == [("one", "release_blocked")]
    assert blocked[0].gates[0].evidence["still_secs"] == 306


async def test_what_nothing_came_of_leaves_the_client_with_its_part_of_the_files(estate: Estate) -> None:
    ticket_id = await estate.file()
    await estate.after(ticket_id, 6)
    assert estate.client.removed == [("one", True)]


async def test_what_its_tracker_counts_goes_on_beside_the_next_release(estate: Estate) -> None:
    ticket_id = await estate.file()
    estate.client.becomes("one", progress=0.3)
    await estate.after(ticket_id, 0)
    await estate.after(ticket_id, 31)
    assert await estate.downloads(ticket_id) == "two"
    assert estate.client.removed == [] and len(estate.client.held) == 2


async def test_a_torrent_that_another_ticket_counts_on_stays_for_it(estate: Estate) -> None:
    settings = estate.house.settings
    two = settings.processing.model_copy(update={"max_parallel_downloads": 2})
    estate.house.settings = settings.model_copy(update={"processing": two})
    first, second = await estate.file("A"), await estate.file("A")
    async with estate.house.write() as tx:
        await blocklist.block(tx, second, "https://t.example/two", Reason("no", "No.", "No."), estate.now)
    await estate.after(first, 6)
    assert (await estate.downloads(first), await estate.downloads(second)) == ("two", "one")
    assert estate.client.removed == []


async def test_dead_releases_are_tried_in_turn_with_growing_patience_and_never_fetched_twice(estate: Estate) -> None:
    ticket_id = await estate.file()
    seen = []
    for minutes in (6, 31, 31, 121, 121, 10_000):
        await estate.after(ticket_id, minutes)
        seen.append(await estate.downloads(ticket_id))
    assert seen == ["two", "one", "one", "two", "two", "two"]
    assert estate.tracker.fetched == ["one", "two"]


async def test_the_only_release_is_waited_for_with_a_reason_that_grows(estate: Estate) -> None:
    estate.tracker.names = ("one",)
    ticket_id = await estate.file()
    assert waits_for(await estate.after(ticket_id, 1)) is None
    ticket = await estate.after(ticket_id, 5)
    assert waits_for(ticket) == "no_peers" and "6 minutes" in ticket.waiting.reason.message  # type: ignore[union-attr]
    ticket = await estate.after(ticket_id, 130)
    assert waits_for(ticket) == "no_peers" and "136 minutes" in ticket.waiting.reason.message  # type: ignore[union-attr]
    assert ticket.waiting is not None and ticket.waiting.since == START
    estate.client.becomes("one", progress=0.5, download_rate=10)
    assert waits_for(await estate.after(ticket_id, 1)) is None


async def test_peers_that_give_nothing_get_half_an_hour(estate: Estate) -> None:
    ticket_id = await estate.file()
    estate.client.becomes("one", peers=2)
    assert waits_for(await estate.after(ticket_id, 29)) == "download_stalled"
    assert await estate.downloads(ticket_id) == "one"
    await estate.after(ticket_id, 2)
    assert await estate.downloads(ticket_id) == "two"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"error": Reason("tracker_unreachable", "Away.", "Wait.")}, id="tracker-away"),
        pytest.param({"state": TorrentState.PAUSED}, id="paused"),
        pytest.param({"state": TorrentState.QUEUED}, id="queued"),
    ],
)
async def test_what_is_not_the_releases_fault_costs_it_nothing(estate: Estate, changes: dict[str, Any]) -> None:
    ticket_id = await estate.file()
    estate.client.becomes("one", **changes)
    ticket = await estate.after(ticket_id, 500)
    assert await estate.downloads(ticket_id) == "one"
    assert waits_for(ticket) is not None


async def test_one_that_stands_still_for_long_leaves_its_slot_and_takes_it_again_when_it_moves(estate: Estate) -> None:
    estate.tracker.names = ("one",)
    first = await estate.file("A")
    estate.tracker.names = ("two",)
    second = await estate.file("B")
    assert waits_for(await desk.get(estate.house, second)) == "download_slots"
    await estate.after(first, 29)
    await open_slots(estate.house)
    assert (await desk.get(estate.house, second)).wake_at is None
    await estate.after(first, 2)
    await open_slots(estate.house)
    assert (await desk.get(estate.house, second)).wake_at is not None
    await estate.acquire(second)
    assert await estate.downloads(second) == "two"
    estate.client.becomes("one", download_rate=5, progress=0.1)
    await estate.after(first, 1)
    async with estate.house.db.read() as tx:
        assert await tickets.slots_taken(tx) == 2


async def test_a_magnet_that_a_person_gave_is_never_exchanged(estate: Estate) -> None:
    ticket_id = await estate.file()
    await desk.force_search(estate.house, (parked := await estate.file("B")), "b", "person")
    await estate.acquire(parked)
    magnet = f"magnet:?xt=urn:btih:{'ab' * 20}"
    given = await desk.force_magnet(estate.house, parked, magnet, "person")
    assert isinstance(given.payload, Downloading)
    status = dataclasses.replace(next(iter(estate.client.held.values())), info_hash=InfoHash("ab" * 20), name="given")
    estate.client.held[InfoHash("ab" * 20)] = status
    await look(estate.house)
    assert waits_for(await estate.after(parked, 500)) == "no_peers"
    assert await estate.downloads(parked) == "given"
    assert ticket_id


async def test_a_person_refuses_the_release_that_is_being_downloaded(estate: Estate) -> None:
    ticket_id = await estate.file()
    ticket = await desk.block(estate.house, ticket_id, 0, "the wrong voice", "ann")
    assert ticket.state is TicketState.MATCHING
    assert estate.client.removed == [("one", True)]
    await estate.acquire(ticket_id)
    assert await estate.downloads(ticket_id) == "two"
    refused = [c for c in (await desk.view(estate.house, ticket_id)).candidates if c.rejected]
    assert [c.gates[0].message for c in refused] == ["Refused by ann: the wrong voice"]


async def test_a_person_who_refuses_every_release_is_asked_what_else_to_do(estate: Estate) -> None:
    ticket_id = await estate.file()
    for idx in (0, 0):
        await desk.block(estate.house, ticket_id, idx, None, "ann")
        await estate.acquire(ticket_id)
    ticket = await desk.get(estate.house, ticket_id)
    assert ticket.state is TicketState.NEEDS_APPROVAL
    again = await desk.approve(estate.house, ticket_id, 0, "ann")
    assert again.state is TicketState.APPROVED, "a person may still take what was refused"


async def test_refusing_another_release_leaves_the_download_alone_but_keeps_that_one_out(estate: Estate) -> None:
    ticket_id = await estate.file()
    ticket = await desk.block(estate.house, ticket_id, 1, "abridged", "ann")
    assert ticket.state is TicketState.DOWNLOADING
    await estate.after(ticket_id, 500)
    assert await estate.downloads(ticket_id) == "one"


async def test_what_does_not_exist_or_has_ended_cannot_be_refused(estate: Estate) -> None:
    ticket_id = await estate.file()
    for idx in (-1, 7):
        with pytest.raises(desk.BadCandidate):
            await desk.block(estate.house, ticket_id, idx, None, "ann")
    await desk.cancel(estate.house, ticket_id, "ann")
    with pytest.raises(IllegalTransition):
        await desk.block(estate.house, ticket_id, 0, None, "ann")
