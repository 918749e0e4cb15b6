"""What is kept beside a ticket: events, candidates, decisions, torrents, file operations, stages, alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.decision import Decision, ScoredCandidate, TrackMapping
from earmark.core.reasons import Reason
from earmark.core.ticket import Ticket, TicketId
from earmark.core.torrents import InfoHash, TorrentEntry, TorrentState, TorrentStatus
from earmark.store import (
    Alert,
    Database,
    JournalEntry,
    JournalOp,
    JournalState,
    Severity,
    TorrentRecord,
    alerts,
    candidates,
    decisions,
    events,
    journal,
    tasks,
    tickets,
    torrents,
)
from earmark.store.torrents import seeded

HASH = InfoHash("ab" * 20)


async def test_events_are_numbered_upwards_and_can_be_read_from_any_number_on(
    db: Database, ticket: Ticket, noon: datetime
):
    async with db.write() as tx:
        first = await events.append(tx, None, "note", {"text": "ü\x00", "n": [1, None, {"x": 2.5}]}, noon)
        second = await events.append(tx, ticket.id, "note", {}, noon)
    async with db.read() as tx:
        assert await events.last_seq(tx) == second > first
        (note, other) = await events.since(tx, first - 1)
        assert (note.payload, note.ticket_id, note.at) == ({"text": "ü\x00", "n": [1, None, {"x": 2.5}]}, None, noon)
        assert [e.seq for e in await events.since(tx, 0, limit=1)] == [1]
        assert await events.since(tx, second) == []
        assert [e.seq for e in await events.of_ticket(tx, ticket.id)] == [1, other.seq]


async def test_events_of_a_time_are_counted_by_type(db: Database, ticket: Ticket, noon: datetime):
    async with db.write() as tx:
        for hours in (-1, 1, 2):
            await events.append(tx, ticket.id, "note", {}, noon + timedelta(hours=hours))
        assert await events.count_by_type(tx, noon) == {"state_change": 1, "note": 2}
        assert await events.count_by_type(tx, noon + timedelta(days=1)) == {}


async def test_there_is_no_event_before_the_first(db: Database):
    async with db.read() as tx:
        assert await events.last_seq(tx) == 0


async def test_an_event_that_was_rolled_back_never_happened(db: Database, noon: datetime):
    with pytest.raises(RuntimeError, match="on purpose"):
        async with db.write() as tx:
            await events.append(tx, None, "note", {}, noon)
            raise RuntimeError("on purpose")
    async with db.read() as tx:
        assert await events.since(tx, 0) == []


async def test_a_new_search_replaces_the_candidates(
    db: Database, ticket: Ticket, candidate: Callable[..., ScoredCandidate], a_reason: Reason
):
    mapping = (TrackMapping("c1", "disc 1/01.flac", 0.75),)
    best = candidate(reasoning="it fits", free=True, track_mapping=mapping)
    refused = candidate("Wrong \ud83d\x00 book", 0.1, gates=(a_reason,))
    async with db.write() as tx:
        await candidates.replace(tx, ticket.id, [refused, refused, best])
        await candidates.replace(tx, ticket.id, [best, refused])
        first, second = await candidates.of_ticket(tx, ticket.id)
        assert first == best
        assert second.release.title == "Wrong ?\x00 book"
        assert second.gates == (a_reason,)
        assert await candidates.get(tx, ticket.id, 0) == best
        assert await candidates.get(tx, ticket.id, 2) is None
        await candidates.replace(tx, ticket.id, [])
        assert await candidates.of_ticket(tx, ticket.id) == []


async def test_every_decision_is_kept_as_it_was_made(db: Database, ticket: Ticket, decision: Decision, noon: datetime):
    nothing = Decision((), None, 0.0, 0.85)
    async with db.write() as tx:
        one = await decisions.record(tx, ticket.id, decision, {"title": "T", "authors": ["A"]}, ["t a", "t"], noon)
        two = await decisions.record(tx, ticket.id, nothing, {}, [], noon)
        first, second = await decisions.of_ticket(tx, ticket.id)
    assert (first.id, first.decision, first.queries, first.at) == (one, decision, ("t a", "t"), noon)
    assert first.wish == {"title": "T", "authors": ["A"]}
    assert (second.id, second.decision) == (two, nothing)


def a_torrent(noon: datetime, ticket_id: TicketId | None = None, **more: object) -> TorrentRecord:
    facts: dict[str, object] = {
        "info_hash": HASH,
        "client": "embedded",
        "ticket_id": ticket_id,
        "indexer": "mam",
        "guid": "https://tracker.example/t/1",
        "name": "The Moonstone",
        "save_path": "/downloads",
        "size_bytes": 3_000_000_000,
        "private": True,
        "added_at": noon,
        "entries": (TorrentEntry("The Moonstone/01.mp3", 3_000_000_000),),
    }
    return TorrentRecord(**facts | more)  # type: ignore[arg-type]


def a_status(**more: object) -> TorrentStatus:
    facts: dict[str, object] = {
        "info_hash": HASH,
        "name": "The Moonstone",
        "state": TorrentState.SEEDING,
        "progress": 1.0,
        "download_rate": 0,
        "upload_rate": 100,
        "peers": 1,
        "seeds": 0,
        "eta_secs": None,
        "total_bytes": 3_000_000_000,
        "downloaded_bytes": 3_000_000_000,
        "uploaded_bytes": 1_500_000_000,
        "seeding_secs": 60,
        "save_path": "/downloads",
        "private": True,
    }
    return TorrentStatus(**facts | more)  # type: ignore[arg-type]


async def test_a_torrent_is_found_by_hash_ticket_release_and_client(db: Database, ticket: Ticket, noon: datetime):
    kept = a_torrent(noon, ticket.id)
    async with db.write() as tx:
        await torrents.record(tx, kept)
        assert await torrents.get(tx, HASH) == kept
        assert await torrents.of_hashes(tx, [kept.info_hash, "00" * 20]) == {kept.info_hash: kept}
        assert await torrents.by_guid(tx, kept.guid or "") == kept
        assert await torrents.live(tx, "embedded") == [kept]
        assert await torrents.live(tx, "qbittorrent") == []
        assert await torrents.get(tx, InfoHash("00" * 20)) is None
        assert await torrents.by_guid(tx, "other") is None


async def test_a_torrent_added_again_keeps_its_counters(db: Database, ticket: Ticket, noon: datetime, a_reason: Reason):
    async with db.write() as tx:
        await torrents.record(tx, a_torrent(noon))
        await torrents.observe(tx, [a_status(error=a_reason)], noon)
        await torrents.removed(tx, HASH, noon)
        assert await torrents.live(tx, "embedded") == []
        gone = await torrents.get(tx, HASH)
        assert gone is not None
        assert (gone.state, gone.removed_at, gone.seeding_secs) == (TorrentState.REMOVED, noon, 60)
        await torrents.record(tx, a_torrent(noon + timedelta(days=1), ticket.id, save_path="/elsewhere"))
        back = await torrents.get(tx, HASH)
    assert back is not None
    assert (back.ticket_id, back.save_path, back.removed_at) == (ticket.id, "/elsewhere", None)
    assert (back.seeding_secs, back.uploaded, back.ratio) == (60, 1_500_000_000, 0.5)
    assert (back.added_at, back.completed_at) == (noon + timedelta(days=1), None), "it had left the client"
    assert back.error == a_reason


async def test_a_torrent_is_complete_from_the_first_time_it_was(db: Database, noon: datetime):
    later = noon + timedelta(hours=1)
    async with db.write() as tx:
        await torrents.record(tx, a_torrent(noon))
        await torrents.observe(tx, [a_status(progress=0.5, state=TorrentState.DOWNLOADING)], noon)
        assert (await torrents.get(tx, HASH)).completed_at is None  # type: ignore[union-attr]
        await torrents.observe(tx, [a_status(), a_status(info_hash=InfoHash("ff" * 20))], noon)
        await torrents.observe(tx, [a_status(progress=0.9, state=TorrentState.CHECKING)], later)
        seen = await torrents.get(tx, HASH)
        await torrents.observe(tx, [], later)
    assert seen is not None
    assert (seen.completed_at, seen.last_seen_at, seen.state) == (noon, later, TorrentState.CHECKING)


async def test_seeding_time_grows_through_resets_of_the_client(db: Database, noon: datetime):
    counted: list[int] = []
    async with db.write() as tx:
        await torrents.record(tx, a_torrent(noon))
        for reported in (0, 100, 250, 250, 30, 90, 0, 5):
            await torrents.observe(tx, [a_status(seeding_secs=reported)], noon)
            counted.append((await torrents.get(tx, HASH)).seeding_secs)  # type: ignore[union-attr]
    assert counted == [0, 100, 250, 250, 280, 340, 340, 345]


@given(st.lists(st.integers(min_value=0, max_value=10**9)))
def test_seeding_time_never_shrinks_and_is_never_below_what_a_client_shows(reports: list[int]):
    counted = last = 0
    for reported in reports:
        now = seeded(counted, last, reported)
        assert now >= counted
        assert now >= reported
        counted, last = now, reported


def a_placing(target: str, noon: datetime, **more: object) -> JournalEntry:
    entry = JournalEntry(JournalOp.PLACE, target, noon, source="/downloads/a", temp=f"{target}.part", size=7)
    return replace(entry, **more)  # type: ignore[arg-type]


async def test_a_plan_made_twice_is_one_plan(db: Database, ticket: Ticket, noon: datetime):
    plan = [a_placing("/books/b.m4b", noon), a_placing("/books/a.jpg", noon, op=JournalOp.COVER, source=None)]
    async with db.write() as tx:
        first = await journal.plan(tx, ticket.id, plan)
        assert await journal.plan(tx, ticket.id, plan) == first == await journal.of_ticket(tx, ticket.id)
    assert [replace(entry, id=0) for entry in first] == plan
    assert first[0].id != first[1].id


async def test_what_is_done_stays_done_when_it_is_planned_again(db: Database, ticket: Ticket, noon: datetime):
    later = noon + timedelta(minutes=1)
    plan = [a_placing("/books/a", noon), a_placing("/books/b", noon), a_placing("/books/c", noon)]
    async with db.write() as tx:
        done, undone, _ = await journal.plan(tx, ticket.id, plan)
        await journal.mark(tx, [done.id], JournalState.DONE, later, method="hardlink", size=9, sha256="00")
        await journal.mark(tx, [undone.id], JournalState.UNDONE, later)
        again = await journal.plan(tx, ticket.id, [replace(p, at=later, source="/downloads/new") for p in plan])
        waiting = await journal.in_state(tx, JournalState.PLANNED)
        await journal.mark(tx, [], JournalState.DONE, later)
    assert again[0] == replace(done, state=JournalState.DONE, at=later, method="hardlink", size=9, sha256="00")
    assert [(e.state, e.source) for e in again[1:]] == [(JournalState.PLANNED, "/downloads/new")] * 2
    assert waiting == [(ticket.id, e) for e in again[1:]]


async def test_a_stage_that_a_crash_interrupted_is_one_row(
    db: Database, ticket: Ticket, noon: datetime, a_reason: Reason
):
    async with db.write() as tx:
        id = await tasks.start(tx, ticket.id, "search", noon)
        again = noon + timedelta(seconds=10)
        assert await tasks.start(tx, ticket.id, "search", again) == id
        await tasks.finish(tx, id, again + timedelta(seconds=2.5), None, {"found": 12})
        await tickets.begin_run(tx, ticket.id, 0, noon)
        second = await tasks.start(tx, ticket.id, "search", noon)
        await tasks.finish(tx, second, noon, a_reason, {})
        first, failed = await tasks.of_ticket(tx, ticket.id)
    assert (first.stage, first.run, first.started_at, first.seconds) == ("search", 0, again, 2.5)
    assert (first.detail, first.error) == ({"found": 12}, None)
    assert (failed.id, failed.run, failed.error, failed.seconds) == (second, 1, a_reason, 0.0)


async def test_an_alert_is_told_when_it_begins_and_when_it_ends(db: Database, noon: datetime, a_reason: Reason):
    later = noon + timedelta(hours=1)
    worse = replace(a_reason, message="All 21 slots are taken.")
    async with db.write() as tx:
        assert await alerts.raise_(tx, "slots", Severity.WARNING, a_reason, noon)
        assert not await alerts.raise_(tx, "slots", Severity.ERROR, worse, later)
        assert await alerts.active(tx) == [Alert("slots", Severity.ERROR, worse, noon)]
        assert await alerts.clear(tx, "slots", later)
        assert not await alerts.clear(tx, "slots", later)
        assert not await alerts.clear(tx, "other", later)
        assert await alerts.active(tx) == []
        assert await alerts.raise_(tx, "slots", Severity.WARNING, a_reason, later)
        assert await alerts.active(tx) == [Alert("slots", Severity.WARNING, a_reason, later)]
        told = await events.since(tx, 0)
    assert [(e.type, e.payload["key"], e.payload["active"]) for e in told] == [
        ("alert", "slots", True),
        ("alert", "slots", False),
        ("alert", "slots", True),
    ]


async def test_events_seen_so_far_are_never_overtaken_by_parallel_writers(db: Database, ticket: Ticket, noon: datetime):
    """A reader that follows the numbers while eight writers write misses none of them."""
    writers, each = 8, 12
    seen: list[int] = []

    async def write() -> None:
        for n in range(each):
            async with db.write() as tx:
                await events.append(tx, ticket.id, "note", {"n": n}, noon)
                await asyncio.sleep(0)
                await events.append(tx, None, "note", {"n": n}, noon)

    async def follow() -> None:
        while len(seen) < 2 * writers * each + 1:
            async with db.read() as tx:
                seen.extend(e.seq for e in await events.since(tx, seen[-1] if seen else 0))

    await asyncio.wait_for(asyncio.gather(follow(), *(write() for _ in range(writers))), 60)
    async with db.read() as tx:
        assert seen == [e.seq for e in await events.since(tx, 0, limit=1000)]


async def test_what_is_known_of_a_torrent_is_never_replaced_by_less(db: Database, ticket: Ticket, noon: datetime):
    entries = (TorrentEntry("Book/1.mp3", 9),)
    full = TorrentRecord(
        InfoHash("ab" * 20), "embedded", ticket.id, "Book", "/d", 9, True, noon, "mam", "https://t/1", entries
    )
    magnet = TorrentRecord(
        full.info_hash,
        "embedded",
        ticket.id,
        full.info_hash,
        "/d",
        0,
        False,
        noon,
        "by hand",
        f"by-hand:{full.info_hash}",
    )
    async with db.write() as tx:
        await torrents.record(tx, full)
        await torrents.record(tx, magnet)
        assert await torrents.get(tx, full.info_hash) == full
        assert await torrents.by_guid(tx, "https://t/1") == full
