"""Which torrents of a client are followed: those of tickets, whoever added them; tagged, once, and missed when they go."""

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
from earmark.core.reasons import TransientError
from earmark.core.release import Account, Release
from earmark.core.states import Downloading, Failed, TicketState
from earmark.core.ticket import TicketId
from earmark.core.torrentfile import read_torrent
from earmark.core.torrents import InfoHash, SeedGoal, TorrentState, TorrentStatus
from earmark.core.wish import BookWish, Kind, TicketRequest, Wish
from earmark.pipeline import desk
from earmark.pipeline.acquire import acquire
from earmark.pipeline.house import House
from earmark.pipeline.monitor import MISSING_GRACE_SECS, look
from earmark.pipeline.step import Outcome, StepFunction, run_settled
from earmark.pipeline.torrentbox import Box
from earmark.ports import SearchQuery
from earmark.store import torrents

START = datetime(2026, 3, 1, tzinfo=UTC)


def torrent_of(name: str) -> bytes:
    pieces = hashlib.sha1(name.encode()).digest()
    info = {b"name": name.encode(), b"piece length": 16384, b"pieces": pieces, b"length": 1000, b"private": 1}
    return bencode2.bencode({b"announce": b"http://t.example/announce/k", b"info": info})


BOOK = InfoHash(read_torrent(torrent_of("A Book")).info_hash)


class Tracker:
    name = "mam"

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        return [Release("https://t.example/1", self.name, "A Book", asin="b002v0qk4c", seeders=9)]

    async def fetch(self, release: Release) -> bytes:
        return torrent_of(release.title)

    async def account(self) -> Account | None:
        return None


class TakesTheFirst:
    async def judge(self, kind: Kind, wish: Wish, releases: Sequence[Release], *, vip_member: bool) -> Decision:
        parts = (Component("title", 1.0, 1.0, "the same"),)
        scored = tuple(ScoredCandidate(release=r, score=0.95, components=parts) for r in releases)
        return Decision(scored, 0 if scored else None, 0.95, 0.85)


class Client:
    """A client with labels, in which people have torrents of their own; nothing arrives by itself."""

    name = "labelling"

    def __init__(self) -> None:
        self.held: dict[InfoHash, TorrentStatus] = {}
        self.labels: dict[InfoHash, set[str]] = {}
        self.resumed: list[InfoHash] = []
        self.takes_labels = True

    def hold(self, torrent: bytes, save_path: str, **status: Any) -> InfoHash:
        meta = read_torrent(torrent)
        fresh = TorrentStatus(
            meta.info_hash, meta.name, TorrentState.DOWNLOADING, 0.0, 0, 0, 0, 0, None, 1000, 0, 0, 0, save_path, True
        )
        self.held[meta.info_hash] = dataclasses.replace(fresh, **status)
        return meta.info_hash

    async def add(self, torrent: bytes, save_path: Path, *, goal: SeedGoal | None = None) -> InfoHash:
        info_hash = read_torrent(torrent).info_hash
        return info_hash if info_hash in self.held else self.hold(torrent, str(save_path))

    async def snapshot(self) -> Mapping[InfoHash, TorrentStatus]:
        return self.held

    async def status(self, info_hash: InfoHash) -> TorrentStatus | None:
        return self.held.get(info_hash)

    async def resume(self, info_hash: InfoHash) -> None:
        self.resumed.append(info_hash)

    async def tag(self, info_hash: InfoHash, tags: Sequence[str]) -> None:
        if not self.takes_labels:
            raise TransientError.of("client_unreachable", "It does not answer.", "Start it.")
        self.labels.setdefault(info_hash, set()).update(tags)


class Estate:
    """A house whose clock is turned by hand."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.client = cast("Client", house.client)
        self.now = START

    async def file(self, wish: BookWish) -> TicketId:
        """A wish on its way, up to the client."""
        filed = await desk.file_ticket(self.house, None, TicketRequest(Kind.AUDIOBOOK, wish))
        await self.acquire(filed.ticket.id)
        return filed.ticket.id

    async def acquire(self, ticket_id: TicketId) -> None:
        async def step(function: StepFunction, ticket_id: TicketId) -> Outcome:
            return await run_settled(self.house, function, ticket_id)

        await acquire(step, ticket_id)

    async def look_after(self, secs: float) -> None:
        self.now += timedelta(seconds=secs)
        await look(self.house)

    async def save_path(self) -> str:
        async with self.house.db.read() as tx:
            record = await torrents.get(tx, BOOK)
        assert record is not None
        return record.save_path


@pytest.fixture
async def estate(tmp_path: Path) -> AsyncIterator[Estate]:
    house = await bare_house(tmp_path, mam={"allow_unapproved_client": True})
    house.indexers = {"mam": cast("Any", Tracker())}
    house.client = cast("Any", Client())
    house.matcher = TakesTheFirst()
    made = Estate(house)
    house.clock = lambda: made.now
    house.free_bytes = lambda _: 10**12
    yield made
    await house.db.close()


async def test_a_torrent_is_tagged_with_its_ticket_and_the_asin_of_the_wish(estate: Estate) -> None:
    ticket_id = await estate.file(BookWish("A Book", asin="B00000AAAA"))
    assert estate.client.labels[BOOK] == {"earmark", "asin:B00000AAAA", f"ticket:{ticket_id[:8]}"}
    assert await estate.save_path() == str(estate.house.download_dir)


async def test_the_asin_of_the_release_will_do_where_the_wish_names_none(estate: Estate) -> None:
    await estate.file(BookWish("A Book"))
    assert "asin:B002V0QK4C" in estate.client.labels[BOOK]


async def test_a_torrent_that_two_tickets_count_on_carries_the_tags_of_both(estate: Estate) -> None:
    both = [await estate.file(BookWish("A Book", asin="B00000AAAA")), await estate.file(BookWish("A Book"))]
    assert {f"ticket:{ticket_id[:8]}" for ticket_id in both} < estate.client.labels[BOOK]


async def test_a_torrent_somebody_had_already_is_tagged_and_followed_where_it_lies(estate: Estate) -> None:
    estate.client.hold(torrent_of("A Book"), "/elsewhere", state=TorrentState.PAUSED)
    estate.client.labels[BOOK] = {"mine"}
    ticket_id = await estate.file(BookWish("A Book"))
    assert {"mine", "earmark", f"ticket:{ticket_id[:8]}"} < estate.client.labels[BOOK]
    assert estate.client.resumed == [BOOK]
    assert await estate.save_path() == "/elsewhere"
    estate.client.hold(torrent_of("A Book"), "/elsewhere", state=TorrentState.SEEDING, progress=1.0)
    await estate.look_after(1)
    payload = (await desk.get(estate.house, ticket_id)).payload
    assert isinstance(payload, Downloading) and payload.finished_at == estate.now


async def test_a_label_that_cannot_be_given_keeps_no_book_from_coming(estate: Estate) -> None:
    estate.client.takes_labels = False
    ticket_id = await estate.file(BookWish("A Book"))
    ticket = await desk.get(estate.house, ticket_id)
    assert (ticket.state, ticket.waiting) == (TicketState.DOWNLOADING, None)
    assert estate.house.handed_over.is_set()


async def test_complete_torrents_of_other_people_are_left_alone(estate: Estate) -> None:
    theirs = estate.client.hold(torrent_of("Their Book"), "/theirs", state=TorrentState.SEEDING, progress=1.0)
    ticket_id = await estate.file(BookWish("A Book"))
    await estate.look_after(1)
    async with estate.house.db.read() as tx:
        assert await torrents.get(tx, theirs) is None
    assert theirs not in estate.client.labels
    payload = (await desk.get(estate.house, ticket_id)).payload
    assert isinstance(payload, Downloading) and payload.finished_at is None


async def test_a_complete_torrent_is_taken_note_of_once(estate: Estate) -> None:
    ticket_id = await estate.file(BookWish("A Book"))
    estate.client.hold(torrent_of("A Book"), "/d", state=TorrentState.SEEDING, progress=1.0)
    await estate.look_after(1)
    first = await desk.view(estate.house, ticket_id)
    assert isinstance(first.ticket.payload, Downloading) and first.ticket.payload.finished_at == estate.now
    await estate.look_after(1)
    again = await desk.view(estate.house, ticket_id)
    assert again.ticket == first.ticket
    assert again.events == first.events


async def test_a_torrent_that_somebody_took_out_is_added_and_tagged_again_from_our_copy(estate: Estate) -> None:
    ticket_id = await estate.file(BookWish("A Book"))
    await estate.look_after(1)
    estate.client.held.clear()
    labels = estate.client.labels.pop(BOOK)
    await estate.look_after(MISSING_GRACE_SECS + 1)
    assert list(estate.client.held) == [BOOK]
    assert estate.client.labels == {BOOK: labels}
    assert (await desk.get(estate.house, ticket_id)).state is TicketState.DOWNLOADING


async def test_a_torrent_that_is_gone_together_with_our_copy_fails_its_ticket_with_that_reason(estate: Estate) -> None:
    ticket_id = await estate.file(BookWish("A Book"))
    await estate.look_after(1)
    estate.client.held.clear()
    Box(estate.house.torrent_dir).forget(BOOK)
    await estate.look_after(1)
    assert (await desk.get(estate.house, ticket_id)).state is TicketState.DOWNLOADING, "a client may be slow to list it"
    await estate.look_after(MISSING_GRACE_SECS + 1)
    payload = (await desk.get(estate.house, ticket_id)).payload
    assert isinstance(payload, Failed), payload
    assert (payload.error.code, payload.error.evidence) == ("torrent_file_lost", {"info_hash": BOOK})
