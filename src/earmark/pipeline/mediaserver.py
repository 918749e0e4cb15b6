"""The media server's part in a ticket's life: is the book on its shelf already, and a word to it when books have come.

One word for all books that came together: a scan takes a server minutes, and a second one while it runs is for nothing.
"""

from __future__ import annotations

from earmark.core.reasons import EarmarkError, JsonValue, Reason
from earmark.core.ticket import Ticket
from earmark.core.wish import BookWish, Kind
from earmark.pipeline.house import House, log
from earmark.pipeline.questions import asked
from earmark.store import Event, Severity, Tx, alerts, events, tickets

TOLD = "server_told"
GATHER_SECS = 2.0  # books that come within this time are told of together
IDLE_SECS = 3600.0
PRESENT = "already_on_shelf"


async def refuse_present(house: House, ticket: Ticket) -> None:
    """Ask a person when the media server shows this book already. A server that is away keeps nobody from searching."""
    wish = ticket.request.wish
    wanted = house.settings.audiobookshelf.skip_present and PRESENT not in ticket.answers
    if house.server is None or not isinstance(wish, BookWish) or not wanted:
        return
    try:
        found = [i for i in await house.server.find(wish) if not i.kinds or ticket.request.kind in i.kinds]
    except EarmarkError as error:
        log.warning("server_not_asked", code=error.reason.code)
        return
    if found:
        first = found[0]
        folders: list[JsonValue] = [item.folder for item in found[:10]]
        reason = Reason(
            "already_on_shelf",
            f"{house.server.name} already shows “{first.title}” by {', '.join(first.authors) or 'an unnamed author'}.",
            "Cancel the ticket, or fetch it all the same.",
            {"folders": folders, "title": first.title},
        )
        raise asked(reason, PRESENT, {"fetch": "Fetch it all the same"})


async def tell_server(house: House) -> float:
    """Ask the server for one scan when books were placed since it was told last."""
    if house.server is None or not house.settings.audiobookshelf.scan:
        return IDLE_SECS
    async with house.db.read() as tx:
        placed = await _untold(tx)
        kinds = {t.request.kind for e in placed if e.ticket_id and (t := await tickets.get(tx, e.ticket_id))}
    if not placed:
        return IDLE_SECS
    if (house.now() - placed[-1].at).total_seconds() < GATHER_SECS:
        return GATHER_SECS
    try:
        for kind in sorted(kinds & {Kind.AUDIOBOOK, Kind.EBOOK}):
            await house.server.scan(kind)
    except EarmarkError as error:
        async with house.write() as tx:
            await alerts.raise_(tx, "media server", Severity.WARNING, error.reason, house.now())
        return house.settings.processing.retry_initial_delay_secs
    async with house.write() as tx:
        await alerts.clear(tx, "media server", house.now())
        told: dict[str, JsonValue] = {"server": house.server.name, "books": len(placed), "upto": placed[-1].seq}
        await events.append(tx, None, TOLD, told, house.now())
        for event in placed:
            await events.append(
                tx, event.ticket_id, "note", {"what": "downloaded", "server": house.server.name}, house.now()
            )
    return GATHER_SECS


async def _untold(tx: Tx) -> list[Event]:
    """Completed tickets the server has not been told of. A book that is completed while it is told of others is told of
    next time: so the last one told of is remembered, not the time."""
    last = await events.last_of_type(tx, TOLD)
    upto = last.payload.get("upto") if last is not None else 0
    return await events.of_type(tx, "completed", upto if isinstance(upto, int) else 0)
