"""Choosing by hand over the real desk and store: what is recommended, one release refused, a torrent given."""

from __future__ import annotations

from pathlib import Path

from bare_house import bare_house, candidate
from test_web_approving import TORRENT

from earmark.core.states import ApprovalCode, ApprovalReason, Matching, NeedsApproval, Searching, TicketState
from earmark.core.ticket import Ticket
from earmark.core.wish import BookWish, Kind, TicketRequest
from earmark.pipeline import desk
from earmark.pipeline.house import House
from earmark.store import blocklist, candidates, tickets
from earmark.web import BoundDesk


async def asking(house: House) -> Ticket:
    ticket = (await desk.file_ticket(house, None, TicketRequest(Kind.AUDIOBOOK, BookWish("The Time Machine")))).ticket
    doubt = ApprovalReason(ApprovalCode.LOW_CONFIDENCE, {"score": 0.8, "threshold": 0.85}, "The best scores 0.80.")
    async with house.write() as tx:
        at = house.now()
        await tickets.move(tx, ticket.id, Searching(at), at=at, actor="earmark")
        await tickets.move(tx, ticket.id, Matching(at, 2), at=at, actor="earmark")
        await candidates.replace(tx, ticket.id, [candidate(0), candidate(1)])
        await tickets.move(tx, ticket.id, NeedsApproval(at, 2, 1, 0.8, (doubt,)), at=at, actor="earmark")
    return await desk.get(house, ticket.id)


async def test_the_recommended_candidate_comes_with_its_index_and_only_to_those_who_have_one(tmp_path: Path) -> None:
    house = await bare_house(tmp_path)
    try:
        ticket = await asking(house)
        other = (await desk.file_ticket(house, None, TicketRequest(Kind.AUDIOBOOK, BookWish("Emma")))).ticket
        found = await BoundDesk(house).recommended([ticket, other])
        assert found == {ticket.id: (1, candidate(1))}
    finally:
        await house.db.close()


async def test_a_refused_release_is_kept_as_blocked_with_its_reason_and_the_rest_is_judged_again(
    tmp_path: Path,
) -> None:
    house = await bare_house(tmp_path)
    try:
        ticket = await asking(house)
        moved = await BoundDesk(house).block(ticket.id, 1, "a hiss", "admin")
        assert moved.state is TicketState.MATCHING
        async with house.db.read() as tx:
            blocked = await blocklist.of_ticket(tx, ticket.id)
        assert [reason.message for reason in blocked.values()] == ["Refused by admin: a hiss"]
        assert list(blocked) == [candidate(1).release.guid]
    finally:
        await house.db.close()


async def test_a_torrent_that_was_given_is_taken_at_once(tmp_path: Path) -> None:
    house = await bare_house(tmp_path)
    try:
        ticket = await asking(house)
        moved = await BoundDesk(house).force_torrent(ticket.id, TORRENT, "admin")
        assert moved.state is TicketState.DOWNLOADING
        assert moved.torrent_hash is not None
    finally:
        await house.db.close()
