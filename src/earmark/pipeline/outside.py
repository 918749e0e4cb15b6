"""What other programs take for themselves through our download links. No ticket comes of it, and yet the account owes what is
taken: it is remembered, and when a client of ours turns out to hold it, its seeding is counted and watched like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from earmark.core.reasons import PermanentError, Reason
from earmark.core.states import TicketState
from earmark.core.torrents import InfoHash, TorrentStatus
from earmark.pipeline.grab import bring, in_turn, torrent_record
from earmark.pipeline.house import House
from earmark.pipeline.searching import Asker
from earmark.pipeline.torrentbox import Box
from earmark.ports import Magnet
from earmark.store import Offer, OutsideGrab, Page, TorrentRecord, Tx, indexers, offers, tickets, torrents

S = TicketState

UNCLAIMED_AFTER = timedelta(days=1)  # what was fetched just now may not be on record yet
CLEAR_EVERY_SECS = 6 * 3600.0


class OfferUnknown(PermanentError):
    """Nobody was offered this, or it is too long ago."""


@dataclass(frozen=True, slots=True)
class OutsideView:
    """A grab made outside our care, with what our client says of its torrent when it holds it."""

    grab: OutsideGrab
    indexer_name: str
    torrent: TorrentRecord | None


async def offered(house: House, key: str) -> Offer:
    """The offer of this key. Raises `OfferUnknown`."""
    async with house.db.read() as tx:
        found = await offers.get(tx, key)
    if found is None:
        raise OfferUnknown(
            Reason(
                "offer_unknown",
                "This release was not offered here, or its search was too long ago.",
                "Search again, and take the release from the new answer.",
                {"remember_days": house.settings.search.remember_days},
            )
        )
    return found


async def hand_out(house: House, key: str, *, asker: Asker) -> tuple[Offer, bytes | Magnet]:
    """The torrent behind a download link: from our box when we have it, else from its indexer. Whoever takes it is noted,
    unless it is the very program whose grab made a ticket of it. Raises `OfferUnknown` and the indexer's errors."""
    offer = await offered(house, key)
    async with in_turn(house, offer.release):
        torrent, info_hash = await bring(house, offer.release, offer.indexer_id, asker=asker)
        async with house.write() as tx:
            if not await _is_its_ticket(tx, offer, asker):
                now = house.now()
                await offers.taken(tx, offer, source=asker.program, host=asker.host, info_hash=info_hash, at=now)
    return offer, torrent


async def outside_grabs(house: House, *, limit: int = 50, offset: int = 0) -> Page[OutsideView]:
    """What other programs took, the latest first."""
    async with house.db.read() as tx:
        page = await offers.taken_page(tx, limit=limit, offset=offset)
        names = await indexers.names(tx)
        held = await torrents.of_hashes(tx, {grab.info_hash for grab in page.items if grab.info_hash})
    views = tuple(
        OutsideView(
            grab,
            names.get(grab.offer.indexer_id, grab.offer.release.indexer),
            held.get(grab.info_hash) if grab.info_hash else None,
        )
        for grab in page.items
    )
    return Page(views, page.total)


async def adopt(house: House, tx: Tx, statuses: Mapping[InfoHash, TorrentStatus]) -> None:
    """Take torrents of outside grabs that our client holds on record, without a ticket. Called with every look at the
    client, before what it says is kept. All other torrents somebody added there are none of our business."""
    foreign = [InfoHash(known) for known in await offers.taken_unheld(tx) if known in statuses]
    if not foreign:
        return
    grabs = await offers.taken_of_hashes(tx, foreign)
    for info_hash in foreign:
        await _adopt(house, tx, grabs[info_hash], statuses[info_hash])


async def _adopt(house: House, tx: Tx, grab: OutsideGrab, status: TorrentStatus) -> None:
    """One that had left the client counts on where it was."""
    known = await torrents.get(tx, status.info_hash)
    if known is not None:
        fresh = replace(known, client=house.client.name, removed_at=None, completed_at=None, added_at=house.now())
    else:
        fresh = torrent_record(house, None, grab.offer.release, status.info_hash)
    if not fresh.entries:
        fresh = replace(fresh, name=status.name or fresh.name, size_bytes=status.total_bytes)
    private = fresh.private or status.private
    await torrents.record(tx, replace(fresh, private=private, save_path=status.save_path or fresh.save_path))


async def clear_box(house: House) -> float:
    """Throw away our copies of torrents that nothing refers to any more: no torrent on record, no ticket, and no link that
    still works. Wants to be done again after some hours."""
    now = house.now()
    box = Box(house.torrent_dir)
    old = await asyncio.to_thread(box.older_than, now - UNCLAIMED_AFTER)
    still = now - timedelta(days=house.settings.search.remember_days)
    async with house.db.read() as tx:
        needed = await tickets.all_counted_on(tx)
        taken = await offers.taken_of_hashes(tx, old)
        held = await torrents.of_hashes(tx, old)
    for info_hash in (old - needed - held.keys()) & box.older_than(now - UNCLAIMED_AFTER):  # some may be fresh by now
        if info_hash not in taken or taken[info_hash].last_at < still:
            box.forget(info_hash)
    return CLEAR_EVERY_SECS


async def _is_its_ticket(tx: Tx, offer: Offer, asker: Asker) -> bool:
    """Has this very program had a ticket made of the release? Some read the torrent after that, for its hash alone."""
    held = await torrents.by_guid(tx, offer.release.guid, offer.release.indexer)
    ticket = await tickets.get(tx, held.ticket_id) if held is not None and held.ticket_id is not None else None
    return ticket is not None and ticket.request.requested_by == asker.program and ticket.state is not S.CANCELLED
