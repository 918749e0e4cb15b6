"""A release that will not do after it was chosen: broken, not coming, or refused by a person. It is blocked for its ticket,
and the next acceptable one is chosen by the same judgement as the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from earmark.core.decision import ScoredCandidate
from earmark.core.reasons import JsonValue, Reason
from earmark.core.stalling import gives_way, whose_turn, worth_keeping
from earmark.core.states import TERMINAL, TRANSITIONS, IllegalTransition, Matching, TicketState
from earmark.core.ticket import Ticket
from earmark.core.torrents import InfoHash
from earmark.pipeline.house import House, log
from earmark.store import Tx, blocklist, candidates, events, tickets, torrents

ANOTHER_MAY_DO = frozenset(
    {"source_corrupt", "proof_failed", "no_audio", "not_audio", "no_ebook", "ebook_corrupt"}
    | {"tracks_missing", "tracks_failed"}
)
"""Troubles that lie in the release itself: its torrent is whole, and yet no book or album can be made of it."""

FETCHED = frozenset({TicketState.DOWNLOADING, TicketState.CONVERTING, TicketState.PLACING})

STALLED = "download_stalled"
REFUSED = "release_refused"
BLOCKED = "release_blocked"


async def choose_another(house: House, tx: Tx, ticket: Ticket, reason: Reason) -> bool:
    """Block the ticket's release and send the ticket back to the choice. False, and nothing changed but the block, when
    no other candidate may do. Its torrent stays in the client: it is whole, and owed."""
    if ticket.state not in FETCHED or reason.code not in ANOTHER_MAY_DO or ticket.torrent_hash is None:
        return False
    guid = await _guid(tx, ticket)
    if guid is None:
        return False
    await blocklist.block(tx, ticket.id, guid, reason, house.now())
    offers = await candidates.of_ticket(tx, ticket.id)
    if not rounds_lost_by(offers, await blocklist.of_ticket(tx, ticket.id)):
        return False
    await _back_to_the_choice(house, tx, ticket, guid, reason, len(offers), "earmark")
    return True


async def give_way(house: House, tx: Tx, ticket: Ticket, lost: int, reason: Reason) -> bool:
    """The ticket's download has stood still and lost `lost` rounds: the ticket goes on with a release that lost fewer.
    False, and nothing has changed, when there is none, or when a person gave this very torrent. Whoever calls lets go of
    the torrent afterwards (`let_go`)."""
    guid = await _guid(tx, ticket)
    offers = await candidates.of_ticket(tx, ticket.id)
    if guid is None or all(offer.release.guid != guid for offer in offers):
        return False
    rounds = rounds_lost_by(offers, await blocklist.of_ticket(tx, ticket.id))
    before = rounds.pop(guid, 0)
    if not gives_way(lost, rounds):
        return False
    counted = Reason(reason.code, reason.message, reason.action, {**reason.evidence, "rounds": max(before, lost)})
    await blocklist.block(tx, ticket.id, guid, counted, house.now())
    await _back_to_the_choice(house, tx, ticket, guid, counted, len(offers), "earmark")
    return True


async def refuse(house: House, tx: Tx, ticket: Ticket, guid: str, words: str, actor: str) -> bool:
    """A person refuses one release: it is blocked for good. Tells whether the ticket had it, or was choosing among it and
    others: then the rest is judged again. Raises IllegalTransition once the ticket has ended or places its book."""
    reason = Reason(
        REFUSED, f"Refused by {actor}{f': {words}' if words else '.'}", "Approve it all the same if you want it."
    )
    if ticket.state in TERMINAL - {TicketState.FAILED} or ticket.state is TicketState.PLACING:
        raise IllegalTransition.between(ticket.state, TicketState.MATCHING)
    await blocklist.block(tx, ticket.id, guid, reason, house.now())
    in_hand = ticket.state not in FETCHED or await _guid(tx, ticket) == guid
    if not in_hand or TicketState.MATCHING not in TRANSITIONS[ticket.state]:
        await events.append(tx, ticket.id, "note", {"what": "blocked", "guid": guid, "actor": actor}, house.now())
        return False
    count = len(await candidates.of_ticket(tx, ticket.id))
    await _back_to_the_choice(house, tx, ticket, guid, reason, count, actor)
    return True


async def closed_to(tx: Tx, ticket: Ticket, offers: Sequence[ScoredCandidate]) -> dict[str, Reason]:
    """The releases that may not be chosen for the ticket now, by guid, with what was wrong. One that merely stood still is
    open again when its turn comes."""
    blocked = await blocklist.of_ticket(tx, ticket.id)
    judged = [
        offer for offer in offers if offer.components or offer.release.guid in blocked
    ]  # fresh ones may be rubbish
    open_again = whose_turn(rounds_lost_by(judged, blocked))
    return {guid: reason for guid, reason in blocked.items() if guid not in open_again}


def rounds_lost_by(offers: Sequence[ScoredCandidate], blocked: Mapping[str, Reason]) -> dict[str, int]:
    """The rounds that each release worth choosing has lost by standing still, by guid."""
    return {
        offer.release.guid: _rounds(blocked.get(offer.release.guid))
        for offer in offers
        if all(gate.code == BLOCKED for gate in offer.gates)
        and (offer.release.guid not in blocked or blocked[offer.release.guid].code == STALLED)
    }


async def let_go(house: House, info_hash: InfoHash) -> None:
    """What becomes of a torrent whose ticket goes on without it. Unless another ticket counts on it or so much came that
    it is owed (`core.stalling.worth_keeping`), it leaves the client with its part of the files; our copy of the .torrent
    stays, so that coming back to it asks nothing of the tracker's site."""
    status = await house.client.status(info_hash)
    if status is not None and worth_keeping(status):
        return
    async with house.db.read() as tx:
        if await tickets.counting_on(tx, info_hash):
            return
    if status is not None:
        await house.client.remove(info_hash, delete_files=True)
    async with house.write() as tx:
        await torrents.removed(tx, info_hash, house.now())
    log.info("unfinished_torrent_removed", info_hash=info_hash)


def blocked_gate(reason: Reason) -> Reason:
    """The gate a blocked release does not pass, with what was wrong with it."""
    tried = "" if reason.code == REFUSED else "It was tried for this ticket and failed: "
    return Reason(
        BLOCKED,
        tried + reason.message,
        "Approve it all the same if you want it tried again.",
        {"code": reason.code, **reason.evidence},
    )


async def _guid(tx: Tx, ticket: Ticket) -> str | None:
    """The release the ticket's torrent came from."""
    record = await torrents.get(tx, InfoHash(ticket.torrent_hash)) if ticket.torrent_hash else None
    return record.guid if record is not None else None


async def _back_to_the_choice(
    house: House, tx: Tx, ticket: Ticket, guid: str, reason: Reason, offers: int, actor: str
) -> None:
    told: dict[str, JsonValue] = {"what": "redownloading", "guid": guid, "code": reason.code}
    await events.append(tx, ticket.id, "note", told | {"message": reason.message}, house.now())
    payload = Matching(house.now(), offers)
    details: dict[str, JsonValue] = {"blocked": guid, "code": reason.code}
    await tickets.move(tx, ticket.id, payload, at=house.now(), actor=actor, details=details, wake_at=house.now())


def _rounds(reason: Reason | None) -> int:
    rounds = reason.evidence.get("rounds") if reason is not None and reason.code == STALLED else 0
    return rounds if isinstance(rounds, int) else 0
