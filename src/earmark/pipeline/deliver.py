"""Act 2: verify, bind, place, done. The files that seed are read and never written; what lands on the shelf is made from
them in a workspace of the ticket's own."""

from __future__ import annotations

from earmark.core.states import Completed, CompletionStats, Converting, Downloading, Placing
from earmark.core.ticket import Ticket, TicketId
from earmark.core.torrents import InfoHash
from earmark.core.wish import Kind
from earmark.library.placement import Placed
from earmark.library.workspace import close_workspace
from earmark.pipeline.albums import prepare_album, shelve_album
from earmark.pipeline.binding import bind_book, bound_already, sources_of
from earmark.pipeline.ebooks import prepare_ebook, shelve_ebook
from earmark.pipeline.house import House
from earmark.pipeline.placing import put_on_shelf
from earmark.pipeline.stages import stage_seconds
from earmark.pipeline.step import GO, STOP, Outcome, Step, to_the_end
from earmark.pipeline.verifying import check_files
from earmark.store import Tx, tasks, tickets, torrents


async def deliver(step: Step, ticket_id: TicketId) -> None:
    """From a finished torrent to a book on the shelf."""
    if await step(verify_download, ticket_id) == STOP:
        return
    if await step(bind, ticket_id) == STOP:
        return
    if await step(place_on_shelf, ticket_id) == STOP:
        return
    await step(tidy, ticket_id)


async def verify_download(house: House, ticket_id: TicketId) -> Outcome:
    """Every file of the torrent is there with its exact size; then the ticket is CONVERTING."""
    ticket, payload = await _payload(house, ticket_id)
    if not isinstance(payload, Downloading):
        return GO
    await check_files(house, ticket, InfoHash(payload.torrent_hash))
    started = Converting(payload.torrent_hash, house.now(), total_tracks=0)
    async with house.write() as tx:
        await tickets.move(tx, ticket_id, started, at=house.now(), actor="earmark")
    return GO


async def bind(house: House, ticket_id: TicketId) -> Outcome:
    """One proven book in the workspace, an e-book read and chosen, or an album's tracks; then the ticket is PLACING."""
    ticket, payload = await _payload(house, ticket_id)
    if not isinstance(payload, Converting):
        return GO
    prepare = {Kind.AUDIOBOOK: bind_book, Kind.EBOOK: prepare_ebook, Kind.MUSIC: prepare_album}[ticket.request.kind]
    await prepare(house, ticket, payload)
    placing = Placing(payload.torrent_hash, house.now(), total_files=0)
    async with house.write() as tx:
        await tickets.move(tx, ticket_id, placing, at=house.now(), actor="earmark")
    return GO


@to_the_end
async def place_on_shelf(house: House, ticket_id: TicketId) -> Outcome:
    """The book and its sidecars in the library, all or nothing. What the workspace lost is bound again first."""
    ticket, payload = await _payload(house, ticket_id)
    if not isinstance(payload, Placing):
        return GO
    shelve = {Kind.AUDIOBOOK: _shelve_audiobook, Kind.EBOOK: shelve_ebook, Kind.MUSIC: shelve_album}[
        ticket.request.kind
    ]
    placed = await shelve(house, ticket, payload)
    async with house.write() as tx:
        stats = await _stats(tx, ticket_id, InfoHash(payload.torrent_hash), placed)
        done = Completed(house.now(), stats, str(placed.folder), placed.files)
        await tickets.move(tx, ticket_id, done, at=house.now(), actor="earmark")
    return GO


async def _shelve_audiobook(house: House, ticket: Ticket, payload: Placing) -> Placed:
    if not bound_already(house, ticket):
        files = await sources_of(house, ticket, InfoHash(payload.torrent_hash))
        await bind_book(house, ticket, Converting(payload.torrent_hash, house.now(), len(files)))
    return await put_on_shelf(house, ticket, payload)


async def tidy(house: House, ticket_id: TicketId) -> Outcome:
    """Nothing of the work stays behind."""
    await close_workspace(house.work_dir, ticket_id)
    house.progress.pop(ticket_id, None)
    house.shelved.set()
    return STOP


async def _stats(tx: Tx, ticket_id: TicketId, info_hash: InfoHash, placed: Placed) -> CompletionStats:
    torrent = await torrents.get(tx, info_hash)
    done = await tasks.of_ticket(tx, ticket_id)
    took = (torrent.completed_at - torrent.added_at).total_seconds() if torrent and torrent.completed_at else 0.0
    return CompletionStats(
        total_download_bytes=torrent.size_bytes if torrent else 0,
        download_duration_secs=round(max(took, 0.0), 3),
        conversion_duration_secs=stage_seconds(done, "bind"),
        final_size_bytes=placed.bytes,
    )


async def _payload(house: House, ticket_id: TicketId) -> tuple[Ticket, object]:
    async with house.db.read() as tx:
        ticket = await tickets.require(tx, ticket_id)
    return ticket, ticket.payload
