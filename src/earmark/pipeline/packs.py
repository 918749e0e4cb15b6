"""Packs in the acts: a torrent that holds several books is shown to a person before it is downloaded, the ticket gets the
files of its own book, and the rest is offered. One torrent, one seeding duty; a later wish for another of its books takes
what is held already. Which files are which book is decided in `core.packs`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from earmark.core.decision import ScoredCandidate
from earmark.core.packs import Pack, PackBook, read_pack
from earmark.core.reasons import JsonValue, Reason
from earmark.core.release import Release
from earmark.core.states import ApprovalCode, ApprovalReason, AutoApproved, NeedsApproval
from earmark.core.ticket import Ticket
from earmark.core.torrents import InfoHash, TorrentEntry
from earmark.core.wish import BookWish
from earmark.pipeline.house import House
from earmark.pipeline.questions import asked
from earmark.pipeline.verifying import entries_of
from earmark.store import TorrentRecord, Tx, blocklist, candidates, events, tickets, torrents
from earmark.store.codec import as_json

BOOK = "book"  # the question which book of the pack is meant
TOLD_BOOKS, TOLD_FILES = 100, 200  # a note is no file list


async def own_entries(house: House, ticket: Ticket, record: TorrentRecord) -> Sequence[TorrentEntry]:
    """The files of the ticket's torrent that are its book: all of them, unless it is a pack. Raises NeedsAnswer when it is
    not clear which book of a pack is meant."""
    entries = await entries_of(house, record)
    async with house.db.read() as tx:
        release = await _release(tx, ticket, record)
    pack = _pack_of(ticket, entries, release)
    return entries if pack is None else _own(ticket, pack).entries


async def needs_a_look(house: House, ticket: Ticket, release: Release, info_hash: InfoHash) -> bool:
    """Before a grab: a pack that nobody has looked at goes to a person with its plan, and True comes back. What the client
    holds already costs nothing more and needs no look. Raises NeedsAnswer when an approved pack does not show its book."""
    async with house.db.read() as tx:
        record = await torrents.get(tx, info_hash)
    pack = _pack_of(ticket, record.entries if record else (), release)
    if pack is None:
        return False
    if not isinstance(ticket.payload, AutoApproved) or (
        pack.wished is not None and await house.client.status(info_hash)
    ):
        _own(ticket, pack)
        return False
    async with house.write() as tx:
        offers = await candidates.of_ticket(tx, ticket.id)
        payload = NeedsApproval(
            house.now(),
            len(offers),
            ticket.payload.selected_idx,
            min(ticket.payload.confidence, pack.confidence),
            (_as_doubt(pack),),
        )
        await tickets.move(tx, ticket.id, payload, at=house.now(), actor="earmark")
        await _tell_plan(house, tx, ticket, release, pack)
    return True


async def show_plan(house: House, ticket: Ticket, release: Release, info_hash: InfoHash) -> None:
    """A ticket that asks a person about this release asks with the plan, if it is a pack."""
    async with house.write() as tx:
        record = await torrents.get(tx, info_hash)
        pack = _pack_of(ticket, record.entries if record else (), release)
        if pack is not None and isinstance(ticket.payload, NeedsApproval):
            fresh = replace(ticket.payload, reasons=(*ticket.payload.reasons, _as_doubt(pack)))
            await tickets.update_payload(tx, ticket.id, fresh, house.now())
            await _tell_plan(house, tx, ticket, release, pack)


async def offer_the_rest(house: House, tx: Tx, ticket: Ticket, release: Release, info_hash: InfoHash) -> None:
    """Note what else comes with the ticket's torrent, each book with a wish that is ready to be filed."""
    record = await torrents.get(tx, info_hash)
    pack = _pack_of(ticket, record.entries if record else (), release)
    if pack is None:
        return
    own = _own(ticket, pack)
    rest = [book for book in pack.books if book is not own][:TOLD_BOOKS]
    offers: list[JsonValue] = [_offer(ticket, release, book) for book in rest]
    note: dict[str, JsonValue] = {"what": "pack_offers", "guid": release.guid, "info_hash": info_hash, "books": offers}
    await events.append(tx, ticket.id, "note", note, house.now())


async def held_release(house: House, ticket: Ticket) -> Release | None:
    """The wished book, if a torrent that the client holds for us has it among others: the release it came by, described as
    this one book of it."""
    wish = ticket.request.wish
    if not isinstance(wish, BookWish):
        return None
    async with house.db.read() as tx:
        live = [r for r in await torrents.live(tx, house.client.name) if len(r.entries) > 1 and r.guid]
        blocked = await blocklist.of_ticket(tx, ticket.id)
    found = await asyncio.to_thread(lambda: [r for r in live if _is_in(ticket, wish, r)])
    for record in found:
        if record.guid in blocked or await house.client.status(record.info_hash) is None:
            continue
        async with house.db.read() as tx:
            release = await _release(tx, None, record)
        pack = _pack_of(ticket, record.entries, release)
        if release is not None and pack is not None and pack.wished is not None:
            return _as_one_book(release, pack.books[pack.wished])
    return None


# --- which book ----------------------------------------------------------------------------------------------------------


def _pack_of(ticket: Ticket, entries: Sequence[TorrentEntry], release: Release | None) -> Pack | None:
    wish = ticket.request.wish
    title = (release.part_of or release.title) if release is not None else ""
    return read_pack(entries, wish, title, ticket.request.kind) if isinstance(wish, BookWish) else None


def _own(ticket: Ticket, pack: Pack) -> PackBook:
    """The ticket's book: as a person said, else the one that clearly is. Raises NeedsAnswer."""
    said = ticket.answers.get(BOOK, "")
    if said.isdecimal() and 0 < int(said) <= len(pack.books):
        return pack.books[int(said) - 1]
    if pack.wished is not None:
        return pack.books[pack.wished]
    words = {str(number): _described(book) for number, book in enumerate(pack.books, 1)}
    reason = Reason(
        "pack_unclear",
        f"The torrent holds {len(pack.books)} books, and none of them clearly is the wished one.",
        "Say which one is meant, or cancel the ticket.",
        {"books": [book.name for book in pack.books[:TOLD_BOOKS]]},
    )
    raise asked(reason, BOOK, words)


def _is_in(ticket: Ticket, wish: BookWish, record: TorrentRecord) -> bool:
    pack = read_pack(record.entries, wish, kind=ticket.request.kind)
    return pack is not None and pack.wished is not None


async def _release(tx: Tx, ticket: Ticket | None, record: TorrentRecord) -> Release | None:
    """The release a torrent came from, as the ticket (else the one it was last for) has it among its candidates."""
    of = ticket.id if ticket is not None else record.ticket_id
    offers: list[ScoredCandidate] = await candidates.of_ticket(tx, of) if of is not None else []
    return next((offer.release for offer in offers if offer.release.guid == record.guid), None)


def _as_one_book(release: Release, book: PackBook) -> Release:
    """A pack's release as an offer of one of its books. What was said of the whole is left out; its length is the book's
    share by size."""
    share = book.size / release.size_bytes if release.size_bytes else None
    return replace(
        release,
        title=book.title,
        part_of=release.part_of or release.title,
        size_bytes=book.size,
        series=(book.series,) if book.series else (),
        file_count=len(book.entries),
        files=(),
        tags="",
        description=None,
        isbn=None,
        asin=None,
        runtime_secs=release.runtime_secs * share if release.runtime_secs and share else None,
    )


# --- what is told --------------------------------------------------------------------------------------------------------


def _as_doubt(pack: Pack) -> ApprovalReason:
    named = "; ".join(_described(book) + (", the wished one" if at == pack.wished else "") for at, book in _some(pack))
    more = f"; and {len(pack.books) - 10} more" if len(pack.books) > 10 else ""
    then = (
        "The whole torrent is downloaded and seeded, and only the wished book is placed."
        if pack.wished is not None
        else "None of them clearly is the wished one: whoever approves it is asked which one is meant."
    )
    return ApprovalReason(
        ApprovalCode.NO_EXACT_MATCH,
        {"books": len(pack.books)},
        f"The torrent holds {len(pack.books)} books: {named}{more}. {then}",
    )


def _some(pack: Pack) -> list[tuple[int, PackBook]]:
    """The first ten, and the wished one wherever it stands."""
    return [(at, book) for at, book in enumerate(pack.books) if at < 10 or at == pack.wished]


def _described(book: PackBook) -> str:
    count = len(book.entries)
    return f"“{book.name}” ({count} file{'s' if count != 1 else ''}, {book.size / 1024**2:.1f} MiB)"


async def _tell_plan(house: House, tx: Tx, ticket: Ticket, release: Release, pack: Pack) -> None:
    books: list[JsonValue] = [
        {
            "name": book.name,
            "title": book.title,
            "wished": at == pack.wished,
            "size_bytes": book.size,
            "files": [entry.path for entry in book.entries[:TOLD_FILES]],
        }
        for at, book in enumerate(pack.books[:TOLD_BOOKS])
    ]
    shared: list[JsonValue] = [entry.path for entry in pack.shared[:TOLD_FILES]]
    note: dict[str, JsonValue] = {"what": "pack_plan", "guid": release.guid, "confidence": round(pack.confidence, 3)}
    await events.append(tx, ticket.id, "note", note | {"books": books, "shared": shared}, house.now())


def _offer(ticket: Ticket, release: Release, book: PackBook) -> dict[str, JsonValue]:
    authors = book.authors or (release.authors if len(release.authors) == 1 else ())
    wish = replace(book.wish, authors=authors, language=release.language)
    return {
        "name": book.name,
        "files": len(book.entries),
        "size_bytes": book.size,
        "kind": str(ticket.request.kind),
        "wish": as_json(BookWish, wish),
    }
