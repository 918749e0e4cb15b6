"""Tickets keep what they were given and move only as the core's table allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from earmark.core.reasons import Reason
from earmark.core.states import (
    PAYLOADS,
    TRANSITIONS,
    ApprovalCode,
    ApprovalReason,
    Approved,
    AutoApproved,
    Cancelled,
    Completed,
    CompletionStats,
    Converting,
    Downloading,
    Failed,
    IllegalTransition,
    Matching,
    NeedsApproval,
    Pending,
    Placing,
    Rejected,
    Searching,
    StatePayload,
    TicketState,
)
from earmark.core.ticket import Ticket, TicketId, Waiting
from earmark.core.wish import AlbumWish, BookWish, Constraints, ImageWish, Kind, TicketRequest, TrackWish
from earmark.store import Database, StaleRun, TicketExists, UnknownTicket, events, tickets

S = TicketState


def payload_of(state: TicketState, at: datetime) -> StatePayload:
    """A payload of every state, with every field said."""
    fault = Reason("disk_full", "The disk is full.", "Free some.", {"free": 12, "paths": ["a", None]})
    doubt = ApprovalReason(ApprovalCode.DURATION_MISMATCH, {"off": 0.25, "count": 3, "pairs": [1.0, 2.5]}, "25 % off")
    known: dict[TicketState, StatePayload] = {
        S.PENDING: Pending(at, "my own words"),
        S.SEARCHING: Searching(at, None),
        S.MATCHING: Matching(at, 7),
        S.NEEDS_APPROVAL: NeedsApproval(at, 7, None, 0.5, (doubt, doubt)),
        S.AUTO_APPROVED: AutoApproved(2, 0.93, at),
        S.APPROVED: Approved(0, "ann", at),
        S.DOWNLOADING: Downloading("ab" * 20, at, 12.5, 1_000_000, 60, at),
        S.CONVERTING: Converting("ab" * 20, at, 12, 3, "Chapter – ü", 10.5, 3600.0),
        S.PLACING: Placing("ab" * 20, at, 4, 1),
        S.COMPLETED: Completed(
            at, CompletionStats(5_000_000_000, 10.0, 2.5, 4_000_000_000), "/books/a", ("a.m4b", "b")
        ),
        S.REJECTED: Rejected(at, "ann", "abridged"),
        S.FAILED: Failed(at, S.PLACING, fault, True, 3),
        S.CANCELLED: Cancelled(at, "ann"),
    }
    return known[state]


async def test_a_ticket_comes_back_as_it_was_filed(db: Database, make_ticket: Callable[..., Ticket], noon: datetime):
    album = AlbumWish(
        "Ä", "B", 1999, "L", ("jazz",), (TrackWish("1", 1, 2, "n", None, "/a/b"),), (ImageWish("i", "front", "/c"),)
    )
    request = TicketRequest(Kind.MUSIC, album, 5, Constraints("flac", embed_cover=False), {"x": "ü\x00"}, "mcp")
    wait = Waiting(Reason("r", "m", "a", {"k": [1]}), noon, noon + timedelta(hours=1))
    filed = make_ticket(request=request, run=3, attempt=2, wake_at=noon, waiting=wait, torrent_hash="ab" * 20)
    async with db.write() as tx:
        await tickets.create(tx, filed, "test")
    async with db.read() as tx:
        assert await tickets.get(tx, filed.id) == filed
        assert await tickets.get(tx, TicketId("nobody")) is None


async def test_times_of_other_zones_come_back_as_the_same_moment_in_utc(
    db: Database, make_ticket: Callable[..., Ticket], noon: datetime
):
    there = noon.astimezone(timezone(timedelta(hours=5, minutes=30)))
    async with db.write() as tx:
        await tickets.create(tx, make_ticket(wake_at=there), "test")
    async with db.read() as tx:
        back = await tickets.get(tx, TicketId("t1"))
    assert back is not None
    assert back.wake_at == noon
    assert back.wake_at.utcoffset() == timedelta(0)


async def test_a_time_without_a_zone_is_refused(db: Database, make_ticket: Callable[..., Ticket], noon: datetime):
    with pytest.raises(Exception, match="without a zone"):
        async with db.write() as tx:
            await tickets.create(tx, make_ticket(wake_at=noon.replace(tzinfo=None)), "test")


async def test_an_id_is_filed_once_and_the_second_time_leaves_no_trace(db: Database, ticket: Ticket):
    async with db.write() as tx:
        with pytest.raises(TicketExists):
            await tickets.create(tx, ticket, "test")
        assert len(await events.of_ticket(tx, ticket.id)) == 1  # the transaction can go on


async def test_filing_is_the_first_event_of_a_history(db: Database, ticket: Ticket):
    async with db.read() as tx:
        (event,) = await events.of_ticket(tx, ticket.id)
    assert (event.type, event.at, event.ticket_id) == ("state_change", ticket.created_at, ticket.id)
    assert event.payload == {"old_state": None, "new_state": "PENDING", "actor": "test", "details": {}}


@pytest.mark.parametrize("old", list(TicketState))
async def test_every_move_out_of_a_state_is_made_or_refused_as_the_table_says(
    db: Database, make_ticket: Callable[..., Ticket], noon: datetime, old: TicketState
):
    for new in TicketState:
        here = make_ticket(payload=payload_of(old, noon), attempt=2)
        async with db.write() as tx:
            await tickets.create(tx, here, "test")
        payload = payload_of(new, noon)
        if new in TRANSITIONS[old]:
            async with db.write() as tx:
                moved = await tickets.move(tx, here.id, payload, at=noon, actor="test")
            assert moved.old is old
            async with db.read() as tx:
                assert await tickets.get(tx, here.id) == moved.ticket
            assert moved.ticket.payload == payload
        else:
            with pytest.raises(IllegalTransition):
                async with db.write() as tx:
                    await tickets.move(tx, here.id, payload, at=noon, actor="test")
            async with db.read() as tx:
                kept = await tickets.get(tx, here.id)
                assert kept is not None and replace(kept, torrent_hash=here.torrent_hash) == here
                assert [
                    e.payload["new_state"] for e in await events.of_ticket(tx, here.id) if e.type == "state_change"
                ] == [old]


async def test_a_move_ends_the_waiting_and_starts_counting_tries_anew(
    db: Database, make_ticket: Callable[..., Ticket], noon: datetime, a_reason: Reason
):
    async with db.write() as tx:
        await tickets.create(tx, make_ticket(attempt=2, waiting=Waiting(a_reason, noon), wake_at=noon), "test")
        moved = await tickets.move(tx, TicketId("t1"), Searching(noon), at=noon, actor="engine")
        assert (moved.ticket.attempt, moved.ticket.waiting, moved.ticket.wake_at) == (0, None, None)
        wait = Waiting(a_reason, noon)
        again = await tickets.move(
            tx, TicketId("t1"), Pending(noon), at=noon, actor="engine", waiting=wait, wake_at=noon, reset_attempt=False
        )
        assert (again.ticket.waiting, again.ticket.wake_at) == (wait, noon)
        assert await tickets.get(tx, TicketId("t1")) == again.ticket


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (S.MATCHING, S.NEEDS_APPROVAL, "needs_approval"),
        (S.PLACING, S.COMPLETED, "completed"),
        (S.PLACING, S.FAILED, "failed"),
    ],
)
async def test_states_that_people_wait_for_are_told_with_their_facts(
    db: Database, make_ticket: Callable[..., Ticket], noon: datetime, old: TicketState, new: TicketState, told: str
):
    async with db.write() as tx:
        await tickets.create(tx, make_ticket(payload=payload_of(old, noon)), "test")
        await tickets.move(tx, TicketId("t1"), payload_of(new, noon), at=noon, actor="engine", details={"why": "test"})
    async with db.read() as tx:
        _, change, extra = await events.of_ticket(tx, TicketId("t1"))
    assert change.payload == {"old_state": old, "new_state": new, "actor": "engine", "details": {"why": "test"}}
    assert extra.type == told
    if new is S.NEEDS_APPROVAL:
        assert extra.payload.keys() >= {"candidate_count", "recommended_idx", "confidence", "reasons"}
    if new is S.COMPLETED:
        assert extra.payload["stats"]["total_download_bytes"] == 5_000_000_000
    if new is S.FAILED:
        assert extra.payload["error"]["code"] == "disk_full"


async def test_a_ticket_nobody_knows_cannot_move(db: Database, noon: datetime):
    nobody = TicketId("nobody")
    async with db.write() as tx:
        with pytest.raises(UnknownTicket):
            await tickets.move(tx, nobody, Searching(noon), at=noon, actor="test")
        with pytest.raises(UnknownTicket):
            await tickets.update_payload(tx, nobody, Pending(noon), noon)
        with pytest.raises(UnknownTicket):
            await tickets.wait(tx, nobody, None, wake_at=None, at=noon)
        with pytest.raises(UnknownTicket):
            await tickets.begin_run(tx, nobody, 0, noon)


async def test_progress_changes_the_facts_but_not_the_history(
    db: Database, make_ticket: Callable[..., Ticket], noon: datetime
):
    started = Downloading("ab" * 20, noon)
    async with db.write() as tx:
        await tickets.create(tx, make_ticket(payload=started), "test")
        await tickets.create(tx, make_ticket(), "test")
        half = Downloading("ab" * 20, noon, 50.0, 1000, 9)
        await tickets.update_payload(tx, TicketId("t1"), half, noon)
        assert (await tickets.get(tx, TicketId("t1"))).payload == half  # type: ignore[union-attr]
        with pytest.raises(IllegalTransition):
            await tickets.update_payload(tx, TicketId("t2"), half, noon)
        assert (await tickets.get(tx, TicketId("t2"))).state is S.PENDING  # type: ignore[union-attr]
        assert await events.last_seq(tx) == 2


async def test_a_wait_is_told_once_for_each_new_reason(db: Database, ticket: Ticket, noon: datetime, a_reason: Reason):
    other = Reason("site_down", "The site is away.", "Wait.")
    async with db.write() as tx:
        for reason in (a_reason, a_reason, other, other, None, None):
            waiting = None if reason is None else Waiting(reason, noon)
            await tickets.wait(tx, ticket.id, waiting, wake_at=noon, at=noon, attempt=1)
        told = [e for e in await events.of_ticket(tx, ticket.id) if e.type == "waiting"]
        assert (await tickets.get(tx, ticket.id)).attempt == 1  # type: ignore[union-attr]
        await tickets.wait(tx, ticket.id, Waiting(other, noon), wake_at=None, at=noon)
        kept = await tickets.get(tx, ticket.id)
    codes = [e.payload["waiting"] and e.payload["waiting"]["reason"]["code"] for e in told]  # type: ignore[index, call-overload]
    assert codes == ["no_slots", "site_down", None]
    assert kept is not None
    assert (kept.waiting, kept.attempt, kept.wake_at) == (Waiting(other, noon), 1, None)


async def test_due_tickets_come_by_priority_and_then_by_age(
    db: Database, make_ticket: Callable[..., Ticket], noon: datetime
):
    async with db.write() as tx:
        for priority, wake_at in ((0, noon), (5, noon), (0, noon), (9, noon + timedelta(seconds=1)), (9, None)):
            await tickets.create(tx, make_ticket(priority=priority, wake_at=wake_at), "test")
    async with db.read() as tx:
        assert [t.id for t in await tickets.due(tx, noon)] == ["t2", "t1", "t3"]
        assert [t.id for t in await tickets.due(tx, noon, limit=1)] == ["t2"]


async def test_one_run_takes_a_ticket_up(
    db: Database, make_ticket: Callable[..., Ticket], noon: datetime, a_reason: Reason
):
    async with db.write() as tx:
        await tickets.create(tx, make_ticket(wake_at=noon, waiting=Waiting(a_reason, noon)), "test")
        assert await tickets.begin_run(tx, TicketId("t1"), 0, noon) == 1
        with pytest.raises(StaleRun):
            await tickets.begin_run(tx, TicketId("t1"), 0, noon)
        taken = await tickets.get(tx, TicketId("t1"))
        assert taken is not None
        assert (taken.run, taken.wake_at, taken.waiting) == (1, None, None)


async def test_the_torrent_a_ticket_counts_on_is_kept_to_its_end_and_forgotten_with_a_new_search(
    db: Database, ticket: Ticket, noon: datetime
):
    first = "ab" * 20
    async with db.write() as tx:
        for payload in (Downloading(first, noon), payload_of(S.FAILED, noon)):
            moved = await tickets.move(tx, ticket.id, payload, at=noon, actor="engine")
            assert moved.ticket.torrent_hash == first
            assert await tickets.get(tx, ticket.id) == moved.ticket
        again = await tickets.move(tx, ticket.id, Pending(noon), at=noon, actor="ann")
        assert again.ticket.torrent_hash is None


async def test_two_tickets_for_one_torrent_take_one_slot_until_the_last_byte(
    db: Database, make_ticket: Callable[..., Ticket], noon: datetime
):
    one, other = Downloading("ab" * 20, noon), Downloading("cd" * 20, noon)
    async with db.write() as tx:
        for payload in (one, one, other):
            await tickets.create(tx, make_ticket(payload=payload), "test")
        assert await tickets.slots_taken(tx) == 2
        assert await tickets.counting_on(tx, "ab" * 20) == ["t1", "t2"]
        await tickets.update_payload(tx, TicketId("t3"), replace(other, finished_at=noon), noon)
        assert await tickets.slots_taken(tx) == 1


async def test_the_most_urgent_of_those_that_wait_for_something_are_found_and_woken(
    db: Database, make_ticket: Callable[..., Ticket], noon: datetime
):
    reason = Reason("download_slots", "All slots are taken.", "Wait.")
    async with db.write() as tx:
        for number, priority in ((1, 0), (2, 5), (3, 1)):
            made = make_ticket(wake_at=None, request=TicketRequest(Kind.AUDIOBOOK, BookWish("A"), priority=priority))
            await tickets.create(tx, made, "test")
            await tickets.wait(tx, made.id, Waiting(reason, noon), wake_at=None, at=noon)
            assert made.id == f"t{number}"
        assert await tickets.waiting_for(tx, "download_slots", 2) == ["t2", "t3"]
        await tickets.wake(tx, [TicketId("t2")], noon)
        assert await tickets.waiting_for(tx, "download_slots", 5) == ["t3", "t1"]
        assert [t.id for t in await tickets.due(tx, noon)] == ["t2"]


async def test_a_ticket_that_moved_on_is_not_taken_up_for_what_it_was(db: Database, ticket: Ticket, noon: datetime):
    async with db.write() as tx:
        await tickets.move(tx, ticket.id, Cancelled(noon, "ann"), at=noon, actor="ann", wake_at=noon)
        with pytest.raises(StaleRun):
            await tickets.begin_run(tx, ticket.id, ticket.run, noon, S.PENDING)
        left = await tickets.get(tx, ticket.id)
        assert left is not None and left.wake_at == noon


async def test_lists_can_be_filtered_and_paged(db: Database, make_ticket: Callable[..., Ticket], noon: datetime):
    async with db.write() as tx:
        for title in ("ÄRGER im Paradies", "100 % Wolle", "1000 Wege", "under_score", "Underscore"):
            await tickets.create(tx, make_ticket(title), "test")
        await tickets.create(tx, make_ticket("Ärger", kind=Kind.EBOOK, payload=payload_of(S.COMPLETED, noon)), "test")

    async def ids(**how: object) -> tuple[list[str], int]:
        async with db.read() as tx:
            page = await tickets.page(tx, **{"limit": 10, "offset": 0} | how)  # type: ignore[arg-type]
        return [t.id for t in page.items], page.total

    assert await ids() == (["t6", "t5", "t4", "t3", "t2", "t1"], 6)
    assert await ids(newest_first=False, limit=2, offset=1) == (["t2", "t3"], 6)
    assert await ids(offset=50) == ([], 6)
    assert await ids(text="ärger") == (["t6", "t1"], 2)
    assert await ids(text="COLLINS", limit=1) == (["t6"], 6)
    assert await ids(text="0 %") == (["t2"], 1)
    assert await ids(text="r_s") == (["t4"], 1)
    assert await ids(kind=Kind.EBOOK) == (["t6"], 1)
    assert await ids(states=frozenset({S.COMPLETED, S.FAILED})) == (["t6"], 1)
    assert await ids(states=frozenset()) == ([], 0)
    assert await ids(text="ärger", states=frozenset({S.PENDING}), kind=Kind.AUDIOBOOK) == (["t1"], 1)


async def test_counts_name_every_state(db: Database, make_ticket: Callable[..., Ticket], noon: datetime):
    async with db.write() as tx:
        for state in (S.PENDING, S.PENDING, S.FAILED):
            await tickets.create(tx, make_ticket(payload=payload_of(state, noon)), "test")
    async with db.read() as tx:
        counts = await tickets.counts(tx)
        assert counts.keys() == set(PAYLOADS)
        assert {state: n for state, n in counts.items() if n} == {S.PENDING: 2, S.FAILED: 1}
        assert [t.id for t in await tickets.in_states(tx, {S.PENDING})] == ["t1", "t2"]


async def test_the_mean_time_to_the_shelf_is_that_of_the_last_completed(
    db: Database, make_ticket: Callable[..., Ticket], noon: datetime
):
    async with db.write() as tx:
        assert await tickets.average_completion_secs(tx) is None
        for minutes in (60, 10, 20):
            done = make_ticket(payload=payload_of(S.COMPLETED, noon))
            done = replace(done, updated_at=done.created_at + timedelta(minutes=minutes))
            await tickets.create(tx, done, "test")
        assert await tickets.average_completion_secs(tx, last=2) == 15 * 60.0


async def test_a_ticket_that_must_be_there_is_given_or_missed_by_name(db: Database, ticket: Ticket):
    async with db.read() as tx:
        assert await tickets.require(tx, ticket.id) == ticket
        with pytest.raises(UnknownTicket, match="nobody"):
            await tickets.require(tx, TicketId("nobody"))


async def test_headlines_of_any_length_and_any_characters_are_kept(db: Database, make_ticket: Callable[..., Ticket]):
    async with db.write() as tx:
        await tickets.create(tx, make_ticket("\x00nul \ud83d half " + "長い" * 5000), "test")
    async with db.read() as tx:
        assert (await tickets.page(tx, text="NUL")).total == 1
