"""Every outside part stands behind a contract: the two acts walk just as well over stand-ins written in a few lines."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import bencode2
import pytest
from bare_house import bare_house

from earmark.core.binding import AudioInfo, BindPlan, BoundBook, Chapter
from earmark.core.choosing import decide
from earmark.core.decision import Decision
from earmark.core.reasons import Reason
from earmark.core.release import Account, Release
from earmark.core.states import ApprovalCode, ApprovalReason, Completed, TicketState
from earmark.core.ticket import TicketId
from earmark.core.torrentfile import read_torrent
from earmark.core.torrents import InfoHash, SeedGoal, TorrentEntry, TorrentState, TorrentStatus
from earmark.core.wish import BookWish, Kind, TicketRequest, Wish
from earmark.http import SiteUnavailable
from earmark.pipeline import desk
from earmark.pipeline.acquire import acquire
from earmark.pipeline.deliver import deliver
from earmark.pipeline.duties import watch_duties
from earmark.pipeline.house import House
from earmark.pipeline.loops import repeat
from earmark.pipeline.monitor import look
from earmark.pipeline.step import Outcome, StepFunction, run_settled
from earmark.ports import IndexerHealth, SearchQuery

CONTENT = b"x" * 1000
TORRENT = bencode2.bencode(
    {
        b"announce": b"http://t.example/announce/k",
        b"info": {
            b"name": b"Book.mp3",
            b"piece length": 16384,
            b"pieces": hashlib.sha1(CONTENT).digest(),
            b"length": len(CONTENT),
            b"private": 1,
        },
    }
)


class FakeTracker:
    """A second tracker: nothing in the house knows its name."""

    name = "another"

    def __init__(self) -> None:
        self.queries: list[str] = []
        self.broken = 0

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        self.queries.append(query.text)
        if self.broken:
            self.broken -= 1
            raise SiteUnavailable.of("site_unavailable", "The site is away.", "Wait.")
        title, author = "The Time Machine", ("H. G. Wells",)
        return [Release("https://another.example/1", self.name, title, 300_000_000, Kind.AUDIOBOOK, author, seeders=9)]

    async def fetch(self, release: Release) -> bytes:
        return TORRENT

    async def account(self) -> Account | None:
        return None

    async def test(self) -> IndexerHealth:
        return IndexerHealth(True, "fine")

    async def close(self) -> None: ...


class FakeClient:
    """Has every torrent complete at once."""

    name = "instant"

    def __init__(self) -> None:
        self.held: dict[InfoHash, TorrentStatus] = {}
        self.resumed: list[InfoHash] = []

    async def add(self, torrent: bytes, save_path: Path, *, goal: SeedGoal | None = None) -> InfoHash:
        meta = read_torrent(torrent)
        (save_path / meta.name).write_bytes(CONTENT)
        self.held[meta.info_hash] = TorrentStatus(
            meta.info_hash, meta.name, TorrentState.SEEDING, 1.0, 0, 0, 0, 0, None, meta.size, meta.size, 0, 5,
            str(save_path), meta.private,
        )  # fmt: skip
        return meta.info_hash

    async def tag(self, info_hash: InfoHash, tags: Sequence[str]) -> None: ...

    async def snapshot(self) -> Mapping[InfoHash, TorrentStatus]:
        return self.held

    async def status(self, info_hash: InfoHash) -> TorrentStatus | None:
        return self.held.get(info_hash)

    async def entries(self, info_hash: InfoHash) -> tuple[TorrentEntry, ...]:
        return (TorrentEntry("Book.mp3", len(CONTENT)),)

    async def resume(self, info_hash: InfoHash) -> None:
        self.resumed.append(info_hash)


class FakeBinder:
    """Glues nothing, claims little."""

    async def probe(self, path: Path) -> AudioInfo:
        return AudioInfo(path, "mp3", 10.0, 22050, 1, 32)

    async def pick_cover(
        self, folder: Path | None, sources: Sequence[Path], workspace: Path, *, given: bytes | None = None
    ) -> Path | None:
        return None

    async def bind(self, plan: BindPlan, out: Path, workspace: Path, on_progress: Any) -> BoundBook:
        out.write_bytes(b"bound")
        return BoundBook(out, 10.0, (Chapter("One", 0.0, 10.0),), 5, "aac", 64, passthrough=False)


class FakeModel:
    """A witness that never is sure (what a language model behind the Matcher contract may say)."""

    async def judge(self, kind: Kind, wish: Wish, releases: Sequence[Release], *, vip_member: bool) -> Decision:
        assert isinstance(wish, BookWish)
        sober = decide(kind, wish, releases, threshold=0.85, vip_member=vip_member)
        doubt = ApprovalReason(ApprovalCode.LOW_CONFIDENCE, {"score": 0.1, "threshold": 0.85}, "I have a feeling.")
        return dataclasses.replace(sober, reasons=(doubt,), confidence=0.1)


@pytest.fixture
async def house(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = await bare_house(tmp_path)
    made.indexers["another"] = FakeTracker()
    made.client, made.binder = FakeClient(), FakeBinder()  # type: ignore[assignment]
    for folder in (made.download_dir, made.work_dir, made.settings.library.audiobooks):
        folder.mkdir(parents=True, exist_ok=True)
    yield made
    await made.db.close()


async def walk(house: House, act: Any, ticket_id: TicketId) -> None:
    """Run an act with steps that are not durable."""

    async def step(function: StepFunction, id: TicketId) -> Outcome:
        return await run_settled(house, function, id)

    await act(step, ticket_id)


async def file(house: House) -> TicketId:
    request = TicketRequest(Kind.AUDIOBOOK, BookWish("The Time Machine", ("H. G. Wells",)))
    return (await desk.file_ticket(house, None, request)).ticket.id


async def test_a_second_tracker_another_client_and_another_binder_work_without_a_change_to_the_house(
    house: House,
) -> None:
    ticket_id = await file(house)
    await walk(house, acquire, ticket_id)
    await look(house)
    await walk(house, deliver, ticket_id)
    done = await desk.get(house, ticket_id)
    assert isinstance(done.payload, Completed), done.payload
    assert (Path(done.payload.library_path) / "The Time Machine.m4b").read_bytes() == b"bound"


async def test_another_matcher_has_its_say(house: House) -> None:
    house.matcher = FakeModel()
    ticket_id = await file(house)
    await walk(house, acquire, ticket_id)
    asked = await desk.view(house, ticket_id)
    assert asked.ticket.state is TicketState.NEEDS_APPROVAL
    assert asked.decision is not None and asked.decision.decision.reasons[0].text == "I have a feeling."


async def test_every_step_done_twice_is_done_once(house: House) -> None:
    ticket_id = await file(house)
    for _ in range(3):
        await walk(house, acquire, ticket_id)
    await look(house)
    for _ in range(3):
        await walk(house, deliver, ticket_id)
    view = await desk.view(house, ticket_id)
    assert [e.type for e in view.events].count("completed") == 1
    assert len([e for e in view.events if e.type == "state_change"]) == 8


async def test_a_site_that_is_away_is_told_as_an_alert_and_waited_for(house: House) -> None:
    tracker = house.indexers["another"]
    assert isinstance(tracker, FakeTracker)
    tracker.broken = 1
    ticket_id = await file(house)
    await walk(house, acquire, ticket_id)
    waiting = await desk.get(house, ticket_id)
    assert waiting.state is TicketState.SEARCHING and waiting.waiting is not None
    assert [a.key for a in (await desk.home(house)).alerts] == ["indexer:another"]
    assert (await desk.health(house)).status == "error"
    assert (await desk.test_indexers(house))["another"].ok  # which ends the pause after the failure at once
    await walk(house, acquire, ticket_id)
    assert (await desk.get(house, ticket_id)).state is TicketState.DOWNLOADING
    assert not (await desk.home(house)).alerts


async def test_a_paused_torrent_that_owes_its_hours_is_resumed(house: House) -> None:
    client = house.client
    assert isinstance(client, FakeClient)
    ticket_id = await file(house)
    await walk(house, acquire, ticket_id)
    (info_hash,) = client.held
    client.held[info_hash] = dataclasses.replace(client.held[info_hash], state=TorrentState.PAUSED)
    await look(house)
    assert client.resumed == [info_hash]
    client.held[info_hash] = dataclasses.replace(client.held[info_hash], seeding_secs=73 * 3600)
    await look(house)
    client.resumed.clear()
    await look(house)
    assert client.resumed == [], "the hours are seeded; whoever paused it may keep it paused"


async def test_a_torrent_that_vanishes_while_it_owes_is_told_until_it_is_back(house: House) -> None:
    client = house.client
    assert isinstance(client, FakeClient)
    await walk(house, acquire, await file(house))
    await look(house)
    (info_hash,) = client.held
    status = client.held.pop(info_hash)
    start = house.now()
    house.clock = lambda: start + timedelta(minutes=5)
    await look(house)
    await watch_duties(house)
    (alert,) = (await desk.home(house)).alerts
    assert (alert.key, alert.reason.code) == (f"torrent:{info_hash}", "torrent_gone")
    client.held[info_hash] = dataclasses.replace(
        status, state=TorrentState.ERROR, error=Reason("files_missing", "Gone.", "Recheck.")
    )
    await look(house)
    await watch_duties(house)
    assert [a.reason.code for a in (await desk.home(house)).alerts] == ["files_missing"]
    client.held[info_hash] = status
    await look(house)
    await watch_duties(house)
    assert not (await desk.home(house)).alerts


async def test_a_download_that_stands_still_says_so(house: House) -> None:
    client = house.client
    assert isinstance(client, FakeClient)
    ticket_id = await file(house)
    await walk(house, acquire, ticket_id)
    (info_hash,) = client.held
    waiting = dataclasses.replace(client.held[info_hash], state=TorrentState.DOWNLOADING, progress=0.25)
    client.held[info_hash] = waiting
    start = house.now()
    for minutes, code in ((0, None), (1, None), (7, "no_peers")):
        house.clock = lambda minutes=minutes: start + timedelta(minutes=minutes)
        await look(house)
        stands = (await desk.get(house, ticket_id)).waiting
        assert (stands.reason.code if stands else None) == code
    client.held[info_hash] = dataclasses.replace(waiting, progress=0.5, download_rate=1000)
    await look(house)
    assert (await desk.get(house, ticket_id)).waiting is None


async def test_the_decision_keeps_the_words_that_were_asked(house: House) -> None:
    ticket_id = await file(house)
    house.matcher = FakeModel()
    await walk(house, acquire, ticket_id)
    await desk.force_search(house, ticket_id, "moonstone", "person")
    await walk(house, acquire, ticket_id)
    decided = (await desk.view(house, ticket_id)).decision
    assert decided is not None and list(decided.queries) == ["moonstone"]


async def test_a_loop_survives_whatever_its_work_raises() -> None:
    stop, calls = asyncio.Event(), []

    async def work() -> float:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("the database is away")
        stop.set()
        return 0.0

    wake = asyncio.Event()
    wake.set()
    await asyncio.wait_for(repeat("test", work, stop, wake=wake), 5)
    assert len(calls) == 2


async def test_an_album_without_a_library_for_music_is_accepted_and_fails_before_any_search(house: House) -> None:
    from earmark.core.wish import AlbumWish

    request = TicketRequest(Kind.MUSIC, AlbumWish("Artist", "Album"))
    ticket_id = (await desk.file_ticket(house, None, request)).ticket.id
    await walk(house, acquire, ticket_id)
    failed = await desk.get(house, ticket_id)
    assert failed.payload.error.code == "no_music_library" and failed.payload.retryable  # type: ignore[union-attr]
