"""A release that turned out bad after it was fetched: it is blocked for its ticket, and the next acceptable one is chosen
by the same judgement as the first. Its torrent stays in the client: what was downloaded is still owed."""

from __future__ import annotations

from earmark.core.reasons import JsonValue, Reason
from earmark.core.states import Matching, TicketState
from earmark.core.ticket import Ticket
from earmark.core.torrents import InfoHash
from earmark.pipeline.house import House
from earmark.store import Tx, blocklist, candidates, events, tickets, torrents

ANOTHER_MAY_DO = frozenset(
    {
        "source_corrupt",
        "proof_failed",
        "no_audio",
        "not_audio",
        "no_ebook",
        "ebook_corrupt",
        "several_books",
        "ebook_format_missing",
    }
)
"""Troubles that lie in the release itself: its torrent is whole, and yet no book can be made of it."""

FETCHED = frozenset({TicketState.DOWNLOADING, TicketState.CONVERTING, TicketState.PLACING})


async def choose_another(house: House, tx: Tx, ticket: Ticket, reason: Reason) -> bool:
    """Block the ticket's release and send the ticket back to the choice. False, and nothing changed but the block, when
    no other candidate may do."""
    if ticket.state not in FETCHED or reason.code not in ANOTHER_MAY_DO or ticket.torrent_hash is None:
        return False
    record = await torrents.get(tx, InfoHash(ticket.torrent_hash))
    if record is None or record.guid is None:
        return False
    await blocklist.block(tx, ticket.id, record.guid, reason, house.now())
    blocked = await blocklist.of_ticket(tx, ticket.id)
    offers = await candidates.of_ticket(tx, ticket.id)
    left = [offer for offer in offers if not offer.rejected and offer.release.guid not in blocked]
    if not left:
        return False
    told: dict[str, JsonValue] = {"what": "redownloading", "guid": record.guid, "code": reason.code}
    await events.append(tx, ticket.id, "note", told | {"message": reason.message}, house.now())
    payload = Matching(house.now(), len(offers))
    details: dict[str, JsonValue] = {"blocked": record.guid, "code": reason.code}
    await tickets.move(tx, ticket.id, payload, at=house.now(), actor="earmark", details=details, wake_at=house.now())
    return True


def blocked_gate(reason: Reason) -> Reason:
    """The gate a blocked release does not pass, with what was wrong with it."""
    return Reason(
        "release_blocked",
        f"It was tried for this ticket and failed: {reason.message}",
        "Approve it all the same if you want it tried again.",
        {"code": reason.code, **reason.evidence},
    )
