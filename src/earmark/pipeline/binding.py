"""The middle of act 2: gather the sources, plan the book, have it bound, and remember what it is in the workspace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from earmark.core.binding import AudioInfo, BindPlan, BindProgress, BookTags, Chapter
from earmark.core.ordering import natural_key
from earmark.core.reasons import JsonValue, PermanentError, Reason
from earmark.core.release import Release
from earmark.core.scoring import AUDIO_TYPES
from earmark.core.states import Converting, TicketState
from earmark.core.tagging import book_tags
from earmark.core.ticket import Ticket, TicketId
from earmark.core.torrents import InfoHash
from earmark.core.wish import BookWish
from earmark.library.workspace import open_workspace, workspace_of
from earmark.media.plan import plan_book
from earmark.pipeline.bus import Message
from earmark.pipeline.house import House
from earmark.pipeline.matching import unsupported_kind
from earmark.pipeline.progress import Progress
from earmark.pipeline.stages import stage
from earmark.pipeline.verifying import entries_of, torrent_of
from earmark.store import candidates, tickets, torrents

BOOK = "book.m4b"
COVER = "cover.jpg"
FACTS = "bound.json"  # tags and chapters of the bound book, for the placing that follows

_FACTS: TypeAdapter[tuple[BookTags, tuple[Chapter, ...]]] = TypeAdapter(tuple[BookTags, tuple[Chapter, ...]])


async def bind_book(house: House, ticket: Ticket, payload: Converting) -> None:
    """Make `book.m4b` (and `cover.jpg`) in the ticket's workspace. Done again from the start when interrupted."""
    info_hash = InfoHash(payload.torrent_hash)
    sources = await sources_of(house, ticket, info_hash)
    needed = sum(path.stat().st_size for path in sources) * 2
    async with stage(house, ticket.id, "bind") as detail:
        folder = await open_workspace(house.work_dir, ticket.id, needed_bytes=needed)
        for name in (FACTS, BOOK, COVER):
            (folder / name).unlink(missing_ok=True)
        infos = [await house.binder.probe(path) for path in sources]
        tags = await _tags(house, ticket, info_hash, infos)
        cover = await house.binder.pick_cover(sources[0].parent, sources, folder)
        plan = plan_book(infos, tags, cover)
        report = await _reporter(house, ticket.id, payload, plan)
        book = await house.binder.bind(plan, folder / BOOK, folder / "parts", report)
        detail |= {"sources": len(sources), "chapters": len(book.chapters), "seconds_of_audio": book.duration_secs}
        detail |= {"codec": book.codec, "bytes": book.size_bytes, "passthrough": book.passthrough}
        detail["chapter_list"] = [_plain(chapter) for chapter in book.chapters]
        _remember(folder / FACTS, tags, book.chapters)


def bound_already(house: House, ticket: Ticket) -> bool:
    folder = workspace_of(house.work_dir, ticket.id)
    return (folder / FACTS).exists() and (folder / BOOK).exists()


def bound_facts(folder: Path) -> tuple[BookTags, tuple[Chapter, ...]]:
    """What `bind_book` remembered."""
    return _FACTS.validate_json((folder / FACTS).read_bytes())


async def sources_of(house: House, ticket: Ticket, info_hash: InfoHash) -> list[Path]:
    """The torrent's audio files in natural order of their paths."""
    record = await torrent_of(house, info_hash)
    entries = await entries_of(house, record)
    audio = [e.path for e in entries if Path(e.path).suffix.lstrip(".").lower() in AUDIO_TYPES]
    if not audio:
        raise PermanentError(
            Reason(
                "no_audio",
                f"The download “{record.name}” holds no audio files.",
                "Choose another release: search again from the ticket's page.",
                {"files": [e.path for e in entries[:20]]},
            )
        )
    return [Path(record.save_path) / path for path in sorted(audio, key=natural_key)]


async def _tags(house: House, ticket: Ticket, info_hash: InfoHash, infos: list[AudioInfo]) -> BookTags:
    wish = ticket.request.wish
    if not isinstance(wish, BookWish):
        raise unsupported_kind(ticket.request.kind)
    return book_tags(wish, await release_of(house, ticket, info_hash), infos[0].tags, ticket.request.metadata_to_embed)


async def release_of(house: House, ticket: Ticket, info_hash: InfoHash) -> Release | None:
    """The release this ticket's torrent came from; None for a magnet a person gave."""
    async with house.db.read() as tx:
        record = await torrents.get(tx, info_hash)
        offers = await candidates.of_ticket(tx, ticket.id)
    guid = record.guid if record else None
    return next((offer.release for offer in offers if offer.release.guid == guid), None)


async def _reporter(
    house: House, ticket_id: TicketId, payload: Converting, plan: BindPlan
) -> Callable[[BindProgress], None]:
    """Tell the bus of every step forward; the ticket's own payload is brought up to date by the monitor."""
    fresh = replace(payload, total_tracks=len(plan.sources), total_secs=plan.total_secs)
    async with house.write() as tx:
        await tickets.update_payload(tx, ticket_id, fresh, house.now())

    def report(p: BindProgress) -> None:
        label = f"{p.phase} {p.chapter_idx + 1}/{p.chapter_count}: {p.chapter_title}"
        progress = replace(
            Progress.of(TicketState.CONVERTING, p.phase, p.done_secs, p.total_secs, "seconds", label),
            chapter_idx=p.chapter_idx,
            chapter_count=p.chapter_count,
        )
        house.progress[ticket_id] = progress
        house.bus.publish(Message("progress", ticket_id, progress.as_json()))

    return report


def _plain(chapter: Chapter) -> dict[str, JsonValue]:
    return {"title": chapter.title, "start_secs": chapter.start_secs, "end_secs": chapter.end_secs}


def _remember(path: Path, tags: BookTags, chapters: tuple[Chapter, ...]) -> None:
    """Written last and in one piece: its presence says that the book beside it is whole."""
    temporary = path.with_suffix(".part")
    temporary.write_bytes(_FACTS.dump_json((tags, chapters)))
    temporary.replace(path)
