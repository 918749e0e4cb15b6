"""After a cancellation: what was half done is taken back. Runs until the cancelled act has really let go."""

from __future__ import annotations

import asyncio

from earmark.core.states import TicketState
from earmark.core.ticket import TicketId
from earmark.core.torrents import InfoHash
from earmark.library.undo import undo
from earmark.library.workspace import close_workspace
from earmark.pipeline.house import House, log
from earmark.pipeline.step import STOP, Outcome, Step, to_the_end
from earmark.pipeline.torrentbox import Box
from earmark.store import TorrentRecord, tickets, torrents


async def clear(step: Step, ticket_id: TicketId) -> None:
    """Take back a cancelled ticket's traces: shelf, workspace, and a torrent that never finished."""
    await step(take_back, ticket_id)


@to_the_end
async def take_back(house: House, ticket_id: TicketId) -> Outcome:
    """A finished torrent owes its seeding and stays; an unfinished one goes, with its part of the files."""
    async with house.db.read() as tx:
        ticket = await tickets.require(tx, ticket_id)
        held = await torrents.get(tx, InfoHash(ticket.torrent_hash)) if ticket.torrent_hash else None
    if ticket.state is not TicketState.CANCELLED:
        return STOP
    while house.busy[ticket_id] > 1:  # one is this step itself; the cancelled one is still letting go
        await asyncio.sleep(0.05)
    await undo(house.db, ticket_id, clock=house.clock)
    await close_workspace(house.work_dir, ticket_id)
    house.progress.pop(ticket_id, None)
    if held is not None:
        await _let_go(house, ticket_id, held)
    return STOP


async def _let_go(house: House, ticket_id: TicketId, record: TorrentRecord) -> None:
    """Remove a torrent that never finished, unless another ticket counts on it: then it is that one's from now on."""
    status = await house.client.status(record.info_hash)
    if record.completed_at is not None or (status is not None and status.complete):
        return
    async with house.db.read() as tx:
        others = await tickets.counting_on(tx, record.info_hash)
    if others:
        return
    if status is not None:
        await house.client.remove(record.info_hash, delete_files=True)
    Box(house.torrent_dir).forget(record.info_hash)
    async with house.write() as tx:
        await torrents.removed(tx, record.info_hash, house.now())
    log.info("unfinished_torrent_removed", ticket=ticket_id, info_hash=record.info_hash)
