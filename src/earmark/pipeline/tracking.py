"""What a torrent gets once its client has it: the tags of the tickets that count on it, and a record of where it lies.
A person may have added it long before: then it lies where they put it, and it goes on if they had paused it.

The tags are for people who look into the client. The house knows a torrent by its info-hash alone."""

from __future__ import annotations

from dataclasses import replace

from earmark.core.reasons import EarmarkError
from earmark.core.release import Release
from earmark.core.ticket import Ticket
from earmark.core.torrents import InfoHash, TorrentState
from earmark.core.wish import BookWish
from earmark.pipeline.binding import release_of
from earmark.pipeline.house import House, log
from earmark.store import tickets, torrents

OURS = "earmark"
SHOWN = 8  # characters of a ticket's id


def tags_of(ticket: Ticket, release: Release | None) -> list[str]:
    """`earmark`, `asin:<ASIN>` where the wish or its release names one, and `ticket:` with the start of the id."""
    wished = ticket.request.wish.asin if isinstance(ticket.request.wish, BookWish) else None
    asin = wished or (release.asin if release is not None else None)
    return [OURS, *([f"asin:{asin.upper()}"] if asin else []), f"ticket:{ticket.id[:SHOWN]}"]


async def track(house: House, info_hash: InfoHash) -> None:
    """Done again it changes nothing. A label that cannot be given keeps no book from coming: it is logged."""
    status = await house.client.status(info_hash)
    if status is not None and status.state is TorrentState.PAUSED:
        await house.client.resume(info_hash)
    async with house.write() as tx:
        record = await torrents.get(tx, info_hash)
        counting = [await tickets.require(tx, ticket_id) for ticket_id in await tickets.counting_on(tx, info_hash)]
        if record is not None and status is not None and status.save_path not in {"", record.save_path}:
            await torrents.record(tx, replace(record, save_path=status.save_path))
    try:
        for ticket in counting:
            await house.client.tag(info_hash, tags_of(ticket, await release_of(house, ticket, info_hash)))
    except EarmarkError as error:
        log.warning("torrent_not_tagged", info_hash=info_hash, code=error.reason.code)
