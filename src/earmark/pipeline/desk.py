"""The desk: everything a face may ask for or have done. One function a wish; each is one short transaction, and what takes
longer is left to the acts."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from earmark.core.reasons import EarmarkError, JsonValue, PermanentError, Reason
from earmark.core.states import (
    SEARCHABLE,
    TERMINAL,
    Approved,
    Cancelled,
    Downloading,
    Failed,
    IllegalTransition,
    NeedsApproval,
    Pending,
    Rejected,
    StatePayload,
    TicketState,
)
from earmark.core.ticket import Ticket, TicketId
from earmark.core.torrentfile import read_torrent
from earmark.core.torrents import InfoHash
from earmark.core.wish import TicketRequest
from earmark.pipeline import indexing
from earmark.pipeline.ebooks import check_request
from earmark.pipeline.failover import let_go, refuse
from earmark.pipeline.grab import take_by_hand
from earmark.pipeline.house import House
from earmark.pipeline.progress import Progress
from earmark.pipeline.questions import BadAnswer, question_of
from earmark.pipeline.torrentbox import Box, magnet_hash
from earmark.pipeline.views import (
    Health,
    HealthCheck,
    HomeView,
    Stats,
    TicketView,
    events_since,
    get,
    health,
    home,
    jobs,
    last_seq,
    listing,
    stats,
    view,
)
from earmark.ports import IndexerHealth
from earmark.store import Tx, candidates, events, tickets
from earmark.store.codec import dump

__all__ = [
    "BadAnswer",
    "BadCandidate",
    "Filed",
    "Health",
    "HealthCheck",
    "HomeView",
    "Progress",
    "Stats",
    "TicketConflict",
    "TicketView",
    "answer",
    "approve",
    "block",
    "cancel",
    "events_since",
    "file_ticket",
    "force_magnet",
    "force_search",
    "force_torrent",
    "get",
    "health",
    "home",
    "jobs",
    "last_seq",
    "listing",
    "reject",
    "retry",
    "set_mam_session",
    "stats",
    "test_indexers",
    "view",
]

S = TicketState

PAST_GRAB = frozenset({S.DOWNLOADING, S.CONVERTING, S.PLACING})


@dataclass(frozen=True, slots=True)
class Filed:
    """The ticket, and whether this call made it."""

    ticket: Ticket
    created: bool


class TicketConflict(PermanentError):
    """The id is taken by another wish."""


class BadCandidate(PermanentError):
    """There is no such candidate to approve."""


async def file_ticket(house: House, ticket_id: TicketId | None, request: TicketRequest) -> Filed:
    """File a wish. The same id with the same wish is the same ticket; with another wish it is a `TicketConflict`."""
    now = house.now()
    wished = dump(TicketRequest, replace(request, requested_by=""))
    digest = hashlib.sha256(wished.encode()).hexdigest()
    new = Ticket(
        id=ticket_id or TicketId(str(uuid.uuid4())),
        request=request,
        request_digest=digest,
        created_at=now,
        updated_at=now,
        payload=Pending(now),
        wake_at=now,
    )
    async with house.write() as tx:
        known = await tickets.get(tx, new.id)
        if known is None:
            check_request(house.settings.library, request)
            await tickets.create(tx, new, request.requested_by)
            return Filed(new, created=True)
    if known.request_digest != digest:
        raise TicketConflict(
            Reason(
                "ticket_id_taken",
                f"The ticket {new.id} was filed before with another wish.",
                "File this wish under a new ticket_id, or leave the id out.",
                {"field": "ticket_id", "ticket_id": new.id},
            )
        )
    return Filed(known, created=False)


async def approve(house: House, ticket_id: TicketId, candidate_idx: int | None, actor: str) -> Ticket:
    """Take a candidate: the one given, else the recommended one. What a gate refused may be taken by a person."""
    async with house.write() as tx:
        ticket = await tickets.require(tx, ticket_id)
        if not isinstance(ticket.payload, NeedsApproval):
            raise IllegalTransition.between(ticket.state, S.APPROVED)
        chosen = ticket.payload.recommended_idx if candidate_idx is None else candidate_idx
        if chosen is None or chosen < 0 or await candidates.get(tx, ticket_id, chosen) is None:
            raise _no_such_candidate(chosen, ticket.payload.candidate_count)
        return await _move(tx, house, ticket, Approved(chosen, actor, house.now()), actor, wake=True)


async def reject(house: House, ticket_id: TicketId, reason: str | None, actor: str) -> Ticket:
    """None of the candidates will do, and no other search is wanted."""
    async with house.write() as tx:
        ticket = await tickets.require(tx, ticket_id)
        return await _move(tx, house, ticket, Rejected(house.now(), actor, reason), actor, wake=False)


async def block(house: House, ticket_id: TicketId, candidate_idx: int, reason: str | None, actor: str) -> Ticket:
    """This one release will not do for the ticket; the others may. If the ticket had chosen it, or is choosing, the rest
    is judged again; what was begun of it leaves the client. Raises BadCandidate, or IllegalTransition where it is too
    late to choose another."""
    async with house.write() as tx:
        ticket = await tickets.require(tx, ticket_id)
        refused = await candidates.get(tx, ticket_id, candidate_idx) if candidate_idx >= 0 else None
        if refused is None:
            raise _no_such_candidate(candidate_idx, len(await candidates.of_ticket(tx, ticket_id)))
        moved = await refuse(house, tx, ticket, refused.release.guid, reason or "", actor)
    if moved:
        await house.stop_act(ticket_id, ticket.run)
        if ticket.torrent_hash is not None:
            await let_go(house, InfoHash(ticket.torrent_hash))
    return await get(house, ticket_id)


def _no_such_candidate(idx: int | None, count: int) -> BadCandidate:
    return BadCandidate(
        Reason(
            "bad_candidate",
            "No release is recommended for this ticket; name the one to take."
            if idx is None
            else f"This ticket has no candidate {idx}; it has {count}.",
            "Send candidate_idx from 0 to the number of candidates minus one, or search again.",
            {"field": "candidate_idx", "candidates": count},
        )
    )


async def answer(house: House, ticket_id: TicketId, word: str, actor: str) -> Ticket:
    """Answer what the ticket asks; it goes on at once. Raises BadAnswer."""
    async with house.write() as tx:
        ticket = await tickets.require(tx, ticket_id)
        question = question_of(ticket, word)
        return await tickets.answer(tx, ticket_id, question, word, at=house.now(), actor=actor)


async def retry(house: House, ticket_id: TicketId, actor: str) -> Ticket:
    """Go on from the last safe state: after a finished download with delivering, after a choice with grabbing, else
    with a new search. Nothing is grabbed twice. A ticket that waits for its next try is tried now."""
    await _recheck_what_is_held(house, ticket_id)
    async with house.write() as tx:
        ticket = await tickets.require(tx, ticket_id)
        if not isinstance(ticket.payload, Failed):
            if ticket.waiting is not None and ticket.waiting.until is not None and ticket.state not in TERMINAL:
                await tickets.wait(tx, ticket_id, ticket.waiting, wake_at=house.now(), at=house.now())
                return await tickets.require(tx, ticket_id)
            raise IllegalTransition.between(ticket.state, S.PENDING)
        if not ticket.payload.retryable:
            raise PermanentError(replace(ticket.payload.error, code="not_retryable"))
        return await _move(
            tx, house, ticket, await _last_safe(tx, house, ticket.payload, ticket, actor), actor, wake=True
        )


async def _recheck_what_is_held(house: House, ticket_id: TicketId) -> None:
    """What failed after its download is checked by the client again, so that nothing is delivered on trust."""
    async with house.db.read() as tx:
        ticket = await tickets.require(tx, ticket_id)
    failed, info_hash = ticket.payload, ticket.torrent_hash
    if isinstance(failed, Failed) and failed.retryable and failed.failed_at_state in PAST_GRAB and info_hash:
        await house.client.recheck(InfoHash(info_hash))


async def _last_safe(tx: Tx, house: House, failed: Failed, ticket: Ticket, actor: str) -> StatePayload:
    now = house.now()
    if failed.failed_at_state in PAST_GRAB and ticket.torrent_hash:
        return Downloading(torrent_hash=ticket.torrent_hash, started_at=now)
    if failed.failed_at_state in {S.AUTO_APPROVED, S.APPROVED}:
        chosen = await _last_chosen(tx, ticket.id)
        if chosen is not None:
            return Approved(chosen, actor, now)
    return Pending(now)


async def _last_chosen(tx: Tx, ticket_id: TicketId) -> int | None:
    """The candidate that was taken last, from the ticket's history."""
    for event in reversed(await events.of_ticket(tx, ticket_id)):
        details = event.payload.get("details")
        if event.type == "state_change" and event.payload.get("new_state") in {S.APPROVED, S.AUTO_APPROVED}:
            chosen = details.get("selected_idx") if isinstance(details, dict) else None
            return chosen if isinstance(chosen, int) else None
    return None


async def cancel(house: House, ticket_id: TicketId, actor: str, reason: str | None = None) -> Ticket:
    """End a ticket that has not ended. What runs for it is stopped; the clearing act takes back what was half done."""
    async with house.write() as tx:
        ticket = await tickets.require(tx, ticket_id)
        ended = await _move(tx, house, ticket, Cancelled(house.now(), actor, reason), actor, wake=True)
    await house.stop_act(ticket_id, ticket.run)
    return ended


async def force_search(house: House, ticket_id: TicketId, query: str, actor: str) -> Ticket:
    """Search again with a person's own words instead of the generated ones."""
    async with house.write() as tx:
        ticket = await tickets.require(tx, ticket_id)
        if ticket.state not in SEARCHABLE or ticket.state is S.PENDING:
            raise IllegalTransition.between(ticket.state, S.PENDING)
        searching = await _move(tx, house, ticket, Pending(house.now(), query), actor, wake=True)
    await house.stop_act(ticket_id, ticket.run)
    return searching


async def force_magnet(house: House, ticket_id: TicketId, magnet_uri: str, actor: str) -> Ticket:
    """Take this magnet, whatever the search said."""
    info_hash = magnet_hash(magnet_uri)
    return await _force(house, ticket_id, info_hash, lambda box: box.keep_magnet(magnet_uri), actor)


async def force_torrent(house: House, ticket_id: TicketId, torrent: bytes, actor: str) -> Ticket:
    """Take this .torrent file, whatever the search said. Raises PermanentError for bytes that are no sane torrent."""
    info_hash = read_torrent(torrent).info_hash
    return await _force(house, ticket_id, info_hash, lambda box: box.keep(info_hash, torrent), actor)


async def _force(
    house: House, ticket_id: TicketId, info_hash: InfoHash, keep: Callable[[Box], object], actor: str
) -> Ticket:
    """Keep what a person gave, then move the ticket; a refusal leaves the box as it was."""
    box = Box(house.torrent_dir)
    known = box.kept(info_hash) is not None or box.kept_magnet(info_hash) is not None
    keep(box)
    try:
        async with house.write() as tx:
            ticket = await tickets.require(tx, ticket_id)
            if ticket.state not in SEARCHABLE:
                raise IllegalTransition.between(ticket.state, S.DOWNLOADING)
            taken = await take_by_hand(house, tx, ticket, info_hash, actor)
    except EarmarkError:
        if not known:
            box.forget(info_hash)
        raise
    await house.stop_act(ticket_id, ticket.run)
    return taken


async def set_mam_session(house: House, value: str, actor: str) -> IndexerHealth:
    """Put a new session cookie into use, without a restart, and say whether the site takes it."""
    health = await house.renew_session(value)
    async with house.write() as tx:
        await events.append(tx, None, "note", {"what": "session_replaced", "actor": actor}, house.now())
    await indexing.session_renewed(house, health)
    return health


async def test_indexers(house: House) -> dict[str, IndexerHealth]:
    """Ask every indexer whether it would search for us now, by its key."""
    keys = {record.id: record.key for record in await indexing.listed(house)}
    return {keys[id]: health for id, health in (await indexing.test_all(house)).items() if id in keys}


async def _move(tx: Tx, house: House, ticket: Ticket, payload: StatePayload, actor: str, *, wake: bool) -> Ticket:
    now = house.now()
    wake_at = now if wake else None
    details: dict[str, JsonValue] = {"selected_idx": payload.selected_idx} if isinstance(payload, Approved) else {}
    return (await tickets.move(tx, ticket.id, payload, at=now, actor=actor, wake_at=wake_at, details=details)).ticket
