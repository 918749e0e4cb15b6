"""After a cancellation: what was half done is taken back. Runs until the cancelled act has really let go."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from earmark.core.states import Downloading, TicketState
from earmark.core.ticket import TicketId
from earmark.core.torrents import InfoHash
from earmark.library.undo import undo
from earmark.library.workspace import close_workspace
from earmark.pipeline.house import House, log
from earmark.pipeline.step import STOP, Outcome, Step, to_the_end
from earmark.pipeline.torrentbox import Box
from earmark.store import TorrentRecord, Tx, tickets, torrents


async def clear(step: Step, ticket_id: TicketId) -> None:
    """Take back a cancelled ticket's traces: shelf, workspace, and a torrent that never finished."""
    await step(take_back, ticket_id)


@to_the_end
async def take_back(house: House, ticket_id: TicketId) -> Outcome:
    """A finished torrent owes its seeding and stays; an unfinished one goes, with its part of the files."""
    async with house.db.read() as tx:
        ticket = await tickets.require(tx, ticket_id)
        held = await torrents.of_ticket(tx, ticket_id)
    if ticket.state is not TicketState.CANCELLED:
        return STOP
    while house.busy[ticket_id] > 1:  # one is this step itself; the cancelled one is still letting go
        await asyncio.sleep(0.05)
    await undo(house.db, ticket_id, clock=house.clock)
    await close_workspace(house.work_dir, ticket_id)
    house.progress.pop(ticket_id, None)
    for record in held:
        await _let_go(house, ticket_id, record)
    return STOP


async def _let_go(house: House, ticket_id: TicketId, record: TorrentRecord) -> None:
    """Remove a torrent that never finished, unless another ticket counts on it: then it is that one's from now on."""
    status = await house.client.status(record.info_hash)
    if record.completed_at is not None or (status is not None and status.complete):
        return
    async with house.write() as tx:
        heir = await _another_taker(tx, ticket_id, record.info_hash)
        if heir is not None:
            await torrents.record(tx, replace(record, ticket_id=heir))
            return
    if status is not None:
        await house.client.remove(record.info_hash, delete_files=True)
    Box(house.torrent_dir).forget(record.info_hash)
    async with house.write() as tx:
        await torrents.removed(tx, record.info_hash, house.now())
    log.info("unfinished_torrent_removed", ticket=ticket_id, info_hash=record.info_hash)


async def _another_taker(tx: Tx, ticket_id: TicketId, info_hash: InfoHash) -> TicketId | None:
    for ticket in await tickets.in_states(tx, {TicketState.DOWNLOADING}):
        payload = ticket.payload
        if ticket.id != ticket_id and isinstance(payload, Downloading) and payload.torrent_hash == info_hash:
            return ticket.id
    return None
