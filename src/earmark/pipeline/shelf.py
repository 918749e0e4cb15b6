"""What a person may do with books that stand on the shelf: take a placement, a replacement or a reorganisation back, and
bring one or many books to today's patterns and facts. The files that seed are never touched by any of it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from earmark.core.binding import BookTags, Chapter
from earmark.core.ebooks import ebook_tags
from earmark.core.naming import parse_file_pattern, parse_pattern
from earmark.core.reasons import EarmarkError, JsonValue, PermanentError, Reason
from earmark.core.states import Completed, TicketState
from earmark.core.tagging import book_tags
from earmark.core.ticket import Ticket, TicketId
from earmark.core.torrents import InfoHash
from earmark.core.wish import BookWish, Kind
from earmark.library.reorganise import Outcome, Wanted, placed_folder, reorganise_many, wanted_book
from earmark.library.sidecars import facts, sidecar_files
from earmark.library.undo import Act, Undone, acts_of
from earmark.library.undo import undo as take_back
from earmark.media.ebooks import read_ebook
from earmark.media.tags import read_tags
from earmark.pipeline.binding import release_of
from earmark.pipeline.ebooks import ebook_library
from earmark.pipeline.facts import Known, learn
from earmark.pipeline.house import House
from earmark.pipeline.placing import permissions_of
from earmark.settings_shelf import LibrarySettings
from earmark.store import JournalEntry, JournalOp, JournalState, events, journal, tasks, tickets

LIVE = frozenset({JournalState.DONE, JournalState.VERIFIED})


@dataclass(frozen=True, slots=True)
class Reprocessed:
    """What was done, or would be, to one book. `moves` are (old, new) below the library; `reason` says why not."""

    ticket_id: TicketId
    folder: str | None
    goal: str | None
    moves: tuple[tuple[str, str], ...]
    sidecars: tuple[str, ...]
    reason: Reason | None

    @property
    def changes(self) -> bool:
        return bool(self.moves or self.sidecars)


async def undoable(house: House, ticket_id: TicketId) -> tuple[Act, ...]:
    """What of this ticket can be taken back, the oldest first."""
    return await acts_of(house.db, ticket_id)


async def undo(house: House, ticket_id: TicketId, actor: str) -> Undone:
    """Take back what the ticket did last on the shelf: its reorganisation, else its placement with what it replaced."""
    async with house.db.read() as tx:
        ticket = await tickets.require(tx, ticket_id)
        history = await events.of_ticket(tx, ticket_id)
    acts = [act.number for act in await acts_of(house.db, ticket_id)]
    if not isinstance(ticket.payload, Completed) or not acts:
        raise PermanentError(
            Reason(
                "nothing_to_undo",
                "This ticket has nothing on the shelf that could be taken back.",
                "Only a completed ticket whose book still stands where it was placed can be undone.",
                {"ticket_id": ticket_id, "state": str(ticket.state)},
            )
        )
    noted = [e.payload.get("act") for e in history if e.payload.get("what") == "reorganised"]
    first = max((act for act in noted if isinstance(act, int) and act in acts), default=1)
    undone = await take_back(
        house.db, ticket_id, clock=house.clock, recycle=house.settings.library.recycle_path, act=first
    )
    now = house.now()
    async with house.write() as tx:
        rows = await journal.of_ticket(tx, ticket_id)
        payload = _standing(ticket.payload, rows)
        payload = payload if first > 1 else replace(payload, undone_at=now)
        await tickets.update_payload(tx, ticket_id, payload, now)
        told: dict[str, JsonValue] = {"what": "undone", "actor": actor, "removed": len(undone.removed)}
        told |= {"restored": len(undone.restored), "kept": [str(path) for path in undone.kept[:20]]}
        await events.append(tx, ticket_id, "note", told, now)
    house.shelved.set()
    return undone


async def reprocess(
    house: House, ticket_ids: Sequence[TicketId] | None, actor: str, *, dry_run: bool = False
) -> list[Reprocessed]:
    """Bring books to today's patterns and facts; None means all that stand on the shelf. One that fails stops no other."""
    chosen = await _completed(house, ticket_ids)
    wanted: list[Wanted] = []
    refused: list[Reprocessed] = []
    for ticket in chosen:
        try:
            wanted.append(await _wanted(house, ticket, ask=not dry_run or len(chosen) == 1))
        except EarmarkError as error:
            refused.append(Reprocessed(ticket.id, None, None, (), (), error.reason))
    library = house.settings.library
    outcomes = await reorganise_many(
        house.db,
        wanted,
        clock=house.clock,
        dry_run=dry_run,
        recycle=library.recycle_path,
        permissions=permissions_of(library),
    )
    if not dry_run:
        for outcome in outcomes:
            await _note(house, outcome, actor)
        house.shelved.set()
    return [*(_told(outcome) for outcome in outcomes), *refused]


async def _completed(house: House, ticket_ids: Sequence[TicketId] | None) -> list[Ticket]:
    async with house.db.read() as tx:
        if ticket_ids is not None:
            return [await tickets.require(tx, ticket_id) for ticket_id in dict.fromkeys(ticket_ids)]
        done = await tickets.in_states(tx, {TicketState.COMPLETED})
    return [t for t in done if isinstance(t.payload, Completed) and t.payload.undone_at is None]


async def _wanted(house: House, ticket: Ticket, *, ask: bool) -> Wanted:
    """How the ticket's book should stand by today's settings, with facts asked for anew (`ask`)."""
    library = house.settings.library
    async with house.db.read() as tx:
        rows = await journal.of_ticket(tx, ticket.id)
        chapters = _chapters(await tasks.of_ticket(tx, ticket.id))
    tags = await _tags(house, ticket, _book_file(ticket, rows), ask=ask)
    sidecars = sidecar_files(facts(tags), chapters)
    root = _root(library, ticket, rows)
    return wanted_book(
        ticket.id,
        root,
        rows,
        tags,
        folder_pattern=parse_pattern(library.pattern),
        file_pattern=parse_file_pattern(library.file_pattern),
        use_series_folders=library.use_series_folders,
        sidecars={name: data for name, data in sidecars.items() if library.text_sidecars or not name.endswith(".txt")},
    )


def _root(library: LibrarySettings, ticket: Ticket, rows: Sequence[JournalEntry]) -> Path:
    """The library the book stands in: an e-book may stand beside its audiobook."""
    folder = placed_folder(ticket.id, rows)
    home = library.audiobooks.absolute()
    return ebook_library(library) if ticket.request.kind is Kind.EBOOK and not folder.is_relative_to(home) else home


def _book_file(ticket: Ticket, rows: Sequence[JournalEntry]) -> Path:
    folder = placed_folder(ticket.id, rows)
    return next(
        Path(r.target) for r in rows if r.op is JournalOp.PLACE and r.state in LIVE and Path(r.target).parent == folder
    )


async def _tags(house: House, ticket: Ticket, book: Path, *, ask: bool) -> BookTags:
    """Facts anew, and from the placed file what nobody tells any more."""
    wish = ticket.request.wish
    if not isinstance(wish, BookWish):
        raise PermanentError.of(
            "unsupported_kind",
            "Only books can be brought to another pattern.",
            "Leave this ticket out.",
            ticket=ticket.id,
        )
    release = await release_of(house, ticket, InfoHash(ticket.torrent_hash or ""))
    overrides = ticket.request.metadata_to_embed
    if ticket.request.kind is Kind.EBOOK:
        with tempfile.TemporaryDirectory(dir=house.work_dir, prefix="reread-") as scratch:
            return ebook_tags(wish, release, await read_ebook(book, Path(scratch)), overrides)
    info = await house.binder.probe(book)
    known = await learn(house, ticket, wish, release, info.duration_secs) if ask else Known()
    fresh = book_tags(wish, release, {}, overrides, known.facts)
    return _completed_by(fresh, await asyncio.to_thread(read_tags, book))


def _completed_by(fresh: BookTags, old: BookTags) -> BookTags:
    gaps: dict[str, Any] = {
        f.name: getattr(old, f.name) for f in fields(BookTags) if getattr(fresh, f.name) in (None, "", ())
    }
    return replace(fresh, **gaps)


def _chapters(done: Sequence[tasks.TaskRecord]) -> tuple[Chapter, ...]:
    """As they were bound; an M4B's own list may be shorter."""
    lists = [task.detail.get("chapter_list") for task in done if task.stage == "bind" and task.error is None]
    last = lists[-1] if lists else None
    marks = [mark for mark in last if isinstance(mark, dict)] if isinstance(last, list) else []
    return tuple(Chapter(str(m["title"]), _secs(m["start_secs"]), _secs(m["end_secs"])) for m in marks)


def _secs(value: JsonValue) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


async def _note(house: House, outcome: Outcome, actor: str) -> None:
    """Keep in the ticket where its book stands now."""
    if outcome.done is None or not outcome.done.act:
        return
    async with house.write() as tx:
        ticket = await tickets.require(tx, outcome.ticket_id)
        if isinstance(ticket.payload, Completed):
            rows = await journal.of_ticket(tx, ticket.id)
            await tickets.update_payload(tx, ticket.id, _standing(ticket.payload, rows), house.now())
        told: dict[str, JsonValue] = {"what": "reorganised", "act": outcome.done.act, "actor": actor}
        told |= {"folder": str(outcome.done.folder), "moved": outcome.done.moved}
        told["sidecars"] = list(outcome.done.written)
        await events.append(tx, ticket.id, "note", told, house.now())


def _standing(payload: Completed, rows: Sequence[JournalEntry]) -> Completed:
    """The same, with the folder and files as the journal has them now."""
    live = [
        Path(r.target)
        for r in rows
        if r.state in LIVE and r.op in {JournalOp.PLACE, JournalOp.SIDECAR, JournalOp.COVER}
    ]
    if not live:
        return payload
    folder = next((Path(r.target).parent for r in rows if r.op is JournalOp.PLACE and r.state in LIVE), live[0].parent)
    names = [str(path.relative_to(folder)) for path in live if path.is_relative_to(folder)]
    return replace(payload, library_path=str(folder), files=tuple(dict.fromkeys(names)))


def _told(outcome: Outcome) -> Reprocessed:
    plan = outcome.plan
    if plan is None:
        return Reprocessed(outcome.ticket_id, None, None, (), (), outcome.reason)

    def short(path: Path) -> str:
        return str(path.relative_to(plan.root))

    moves = tuple((short(move.old), short(move.new)) for move in plan.moves)
    changed = (*plan.writes, *plan.drops)
    return Reprocessed(outcome.ticket_id, short(plan.folder), short(plan.goal), moves, changed, outcome.reason)
