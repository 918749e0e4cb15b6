"""The end of act 1: may we, fetch the torrent file, take the slot, hand it to the client. A grab is keyed by info-hash: done
twice it is done once."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from earmark.core.admission import Offer, admit
from earmark.core.decision import ScoredCandidate
from earmark.core.packs import may_be_a_pack
from earmark.core.reasons import EarmarkError, PermanentError, Reason
from earmark.core.release import Release
from earmark.core.seeding import tracker_of
from earmark.core.states import Approved, AutoApproved, Downloading, NeedsApproval, TicketState
from earmark.core.ticket import Ticket, TicketId
from earmark.core.torrentfile import read_torrent
from earmark.core.torrents import InfoHash
from earmark.core.wish import BookWish, Kind
from earmark.pipeline import searching
from earmark.pipeline.house import House, log
from earmark.pipeline.indexing import listed
from earmark.pipeline.packs import needs_a_look, offer_the_rest, show_plan
from earmark.pipeline.searching import TICKETS, Asker
from earmark.pipeline.settle import park
from earmark.pipeline.step import GO, STOP, Outcome
from earmark.pipeline.torrentbox import Box
from earmark.pipeline.tracking import track
from earmark.ports import Magnet
from earmark.store import TorrentRecord, Tx, candidates, offers, tickets, torrents

S = TicketState

DISK_RECHECK_SECS = 300.0
NO_ROOM = frozenset({"disk_full", "space_low"})
SHELF_OF = {Kind.AUDIOBOOK: "library", Kind.EBOOK: "e-books", Kind.MUSIC: "music"}


async def admit_and_fetch(house: House, ticket_id: TicketId) -> Outcome:
    """Ask whether the grab may happen now; if so fetch the torrent file and take the download slot."""
    async with house.db.read() as tx:
        ticket = await tickets.require(tx, ticket_id)
        chosen = await _chosen(tx, ticket)
        running = await tickets.slots_taken(tx)
    if chosen is None and isinstance(ticket.payload, AutoApproved | Approved):
        raise PermanentError(
            Reason(
                "candidate_gone",
                "The release that was chosen is no longer among the candidates.",
                "Search again from the ticket's page.",
                {"candidate_idx": ticket.payload.selected_idx},
            )
        )
    if chosen is None:
        return GO if ticket.state is S.DOWNLOADING else STOP
    waiting = _may_we(house, ticket.request.kind, chosen.release, running)
    if waiting is not None:
        await park(house, ticket_id, waiting, wake_after=DISK_RECHECK_SECS if waiting.code in NO_ROOM else None)
        return STOP
    info_hash = await _fetch(house, ticket, chosen.release)
    if await needs_a_look(house, ticket, chosen.release, info_hash):
        return STOP
    async with house.write() as tx:
        waiting = _may_we(house, ticket.request.kind, chosen.release, await tickets.slots_taken(tx))
        if waiting is None:
            await torrents.record(tx, torrent_record(house, ticket.id, chosen.release, info_hash))
            started = Downloading(torrent_hash=info_hash, started_at=house.now())
            await tickets.move(tx, ticket_id, started, at=house.now(), actor="earmark")
            await offer_the_rest(house, tx, ticket, chosen.release, info_hash)
            return GO
    await park(house, ticket_id, waiting, wake_after=None)  # somebody else took the last slot meanwhile
    return STOP


async def look_into_pack(house: House, ticket_id: TicketId) -> Outcome:
    """Where a person is asked about a release that seems to hold several books, its torrent is read first, so that they
    are asked with the plan. What cannot be had now is simply not shown."""
    async with house.db.read() as tx:
        ticket = await tickets.require(tx, ticket_id)
        asks, wish = ticket.payload, ticket.request.wish
        idx = asks.recommended_idx if isinstance(asks, NeedsApproval) else None
        offer = await candidates.get(tx, ticket_id, idx) if idx is not None else None
    if offer is None or not isinstance(wish, BookWish) or not may_be_a_pack(offer.release, wish):
        return STOP
    try:
        info_hash = await _fetch(house, ticket, offer.release)
    except EarmarkError as error:
        log.warning("pack_not_read", code=error.reason.code)
        return STOP
    await show_plan(house, ticket, offer.release, info_hash)
    return STOP


async def hand_to_client(house: House, ticket_id: TicketId) -> Outcome:
    """Give the torrent to the client. The client knows it by its hash: a second time changes nothing."""
    async with house.db.read() as tx:
        ticket = await tickets.require(tx, ticket_id)
    if isinstance(ticket.payload, Downloading):
        await give_to_client(house, InfoHash(ticket.payload.torrent_hash))
    return STOP


async def give_to_client(house: House, info_hash: InfoHash) -> None:
    """Add what the box keeps under this hash, file or magnet, and tag it. Raises PermanentError when the box has lost it."""
    box = Box(house.torrent_dir)
    torrent, magnet = box.kept(info_hash), box.kept_magnet(info_hash)
    house.download_dir.mkdir(parents=True, exist_ok=True)
    if torrent is not None:
        await house.client.add(torrent, house.download_dir)
    elif magnet is not None:
        await house.client.add_magnet(magnet, house.download_dir)
    else:
        raise PermanentError(
            Reason(
                "torrent_file_lost",
                "The torrent file that was fetched for this ticket is no longer in the data directory.",
                "Search again: the release is fetched anew.",
                {"info_hash": info_hash},
            )
        )
    await track(house, info_hash)
    house.handed_over.set()


def in_turn(house: House, release: Release) -> AbstractAsyncContextManager[None]:
    """Whoever brings a release's torrent holds this until it is on record who has it: then nobody fetches it twice."""
    return house.in_turn(f"release {release.indexer} {release.guid}")


async def bring(
    house: House, release: Release, indexer_id: int | None, *, asker: Asker
) -> tuple[bytes | Magnet, InfoHash | None]:
    """The release's torrent, from our box if it is there, else from its indexer; then the box has it. Call it `in_turn`.
    There is no hash of a magnet link that only names a version 2 torrent: the box cannot keep it. Raises the indexer's
    errors."""
    info_hash = await _known(house, release, indexer_id)
    kept = _in_the_box(house, info_hash) if info_hash is not None else None
    if kept is not None:
        return kept, info_hash
    answer = await _ask_for_torrent(house, release, asker)
    try:
        return answer, keep(house, answer)
    except PermanentError:
        if isinstance(answer, Magnet):
            return answer, None
        raise


def keep(house: House, torrent: bytes | Magnet) -> InfoHash:
    """Put a torrent into our box. Raises PermanentError for what is no sound one."""
    box = Box(house.torrent_dir)
    if isinstance(torrent, Magnet):
        return box.keep_magnet(torrent.uri)
    info_hash = read_torrent(torrent).info_hash
    box.keep(info_hash, torrent)
    return info_hash


async def _fetch(house: House, ticket: Ticket, release: Release) -> InfoHash:
    """The release's torrent in our box. It is on record as soon as it is there: a ticket that now has to wait for a slot,
    or another one for the same release, does not fetch it again."""
    number = next((r.id for r in await listed(house) if r.key == release.indexer), None)
    async with in_turn(house, release):
        torrent, info_hash = await bring(house, release, number, asker=TICKETS)
        if info_hash is None:  # a magnet link without a hash that we know: keeping it says why not
            info_hash = keep(house, torrent)
        async with house.write() as tx:
            known = await torrents.get(tx, info_hash)
            if known is None or (known.guid, known.indexer) != (release.guid, release.indexer):
                await torrents.record(tx, torrent_record(house, ticket.id, release, info_hash))
    return info_hash


async def _known(house: House, release: Release, indexer_id: int | None) -> InfoHash | None:
    """The info-hash of a release whose torrent came to us before, for a ticket or for another program."""
    async with house.db.read() as tx:
        record = await torrents.by_guid(tx, release.guid, release.indexer)
        if record is not None:
            return record.info_hash
        return await offers.hash_taken(tx, offers.key_of(indexer_id, release.guid)) if indexer_id is not None else None


def _in_the_box(house: House, info_hash: InfoHash) -> bytes | Magnet | None:
    box = Box(house.torrent_dir)
    torrent, magnet = box.kept(info_hash), box.kept_magnet(info_hash)
    return torrent if torrent is not None else Magnet(magnet) if magnet is not None else None


async def _ask_for_torrent(house: House, release: Release, asker: Asker) -> bytes | Magnet:
    record = next((r for r in await listed(house) if r.key == release.indexer), None)
    if record is None:
        raise PermanentError(
            Reason(
                "indexer_gone",
                f"The release was offered by “{release.indexer}”, which is no longer set up.",
                "Set the indexer up again, or search again.",
                {"indexer": release.indexer},
            )
        )
    return await searching.fetch(house, record, release, asker=asker)


def torrent_record(
    house: House, ticket_id: TicketId | None, release: Release | None, info_hash: InfoHash
) -> TorrentRecord:
    """What is known of a torrent from the box and from the release it came by (None: a person gave it)."""
    torrent = Box(house.torrent_dir).kept(info_hash)
    meta = read_torrent(torrent) if torrent is not None else None
    return TorrentRecord(
        info_hash=info_hash,
        client=house.client.name,
        ticket_id=ticket_id,
        indexer=release.indexer if release else "by hand",
        guid=release.guid if release else f"by-hand:{info_hash}",
        name=meta.name if meta else info_hash,
        save_path=str(house.download_dir),
        size_bytes=meta.size if meta else 0,
        private=meta.private if meta else False,
        entries=meta.entries if meta else (),
        added_at=house.now(),
    )


async def take_by_hand(house: House, tx: Tx, ticket: Ticket, info_hash: InfoHash, actor: str) -> Ticket:
    """A person gave a magnet or a torrent: the ticket goes straight to DOWNLOADING with it."""
    await torrents.record(tx, torrent_record(house, ticket.id, None, info_hash))
    started = Downloading(torrent_hash=info_hash, started_at=house.now())
    return (await tickets.move(tx, ticket.id, started, at=house.now(), actor=actor, wake_at=house.now())).ticket


def _may_we(house: House, kind: Kind, release: Release, running: int) -> Reason | None:
    settings = house.settings
    offer = Offer(
        tracker=tracker_of(release.indexer, release.guid),
        size_bytes=release.size_bytes or 0,
        private=release.private,
        client=settings.client.kind,
        client_allowed=settings.mam.allow_unapproved_client,
        running_downloads=running,
        max_downloads=settings.processing.max_parallel_downloads,
        free_bytes=house.free_bytes(house.download_dir),
        keep_free_bytes=settings.processing.min_free_space_mib * 1024**2,
    )
    return house.low_disks.get(SHELF_OF[kind]) or house.low_disks.get("work") or admit(offer)


async def _chosen(tx: Tx, ticket: Ticket) -> ScoredCandidate | None:
    payload = ticket.payload
    if not isinstance(payload, AutoApproved | Approved):
        return None
    return await candidates.get(tx, ticket.id, payload.selected_idx)
