"""The middle of act 2: gather the sources, plan the book, have it bound, and remember what it is in the workspace."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from earmark.core.binding import BindPlan, BindProfile, BindProgress, BookTags, Chapter
from earmark.core.ordering import natural_key
from earmark.core.reasons import JsonValue, PermanentError, Reason
from earmark.core.release import Release
from earmark.core.scoring import AUDIO_TYPES
from earmark.core.states import Converting, TicketState
from earmark.core.tagging import book_tags
from earmark.core.ticket import Ticket, TicketId
from earmark.core.torrents import InfoHash
from earmark.core.wish import BookWish
from earmark.library.workspace import open_workspace, workspace_of, write_last
from earmark.media.companions import read_companions
from earmark.media.encode import book_suffix
from earmark.media.plan import plan_book
from earmark.pipeline.bus import Message
from earmark.pipeline.facts import learn
from earmark.pipeline.house import House
from earmark.pipeline.matching import unsupported_kind
from earmark.pipeline.packs import own_entries
from earmark.pipeline.progress import Progress
from earmark.pipeline.questions import order_wanted, settle_doubts
from earmark.pipeline.stages import stage
from earmark.pipeline.verifying import torrent_of
from earmark.settings_shelf import ConverterSettings
from earmark.store import candidates, tickets, torrents

COVER = "cover.jpg"
FACTS = "bound.json"  # what was bound, for the placing that follows
NOT_KEPT = frozenset({".cue", ".txt"})
PICTURES = frozenset({".jpg", ".jpeg", ".png"})


@dataclass(frozen=True, slots=True)
class Bound:
    """The bound book in the workspace. `unchanged_from` is the file of the download it equals byte for byte, and
    `documents` are files of the download to stand beside it."""

    book: str
    tags: BookTags
    chapters: tuple[Chapter, ...]
    unchanged_from: Path | None = None
    documents: tuple[Path, ...] = ()


_BOUND: TypeAdapter[Bound] = TypeAdapter(Bound)


async def bind_book(house: House, ticket: Ticket, payload: Converting) -> None:
    """Make the book (and `cover.jpg`) in the ticket's workspace. A run that was interrupted goes on with the finished
    parts. Raises NeedsAnswer when the order, or what belongs to the book, is in doubt."""
    info_hash = InfoHash(payload.torrent_hash)
    sources = await sources_of(house, ticket, info_hash)
    folder = await open_workspace(house.work_dir, ticket.id, needed_bytes=sum(path.stat().st_size for path in sources))
    (folder / FACTS).unlink(missing_ok=True)
    plan, documents = await _plan(house, ticket, info_hash, sources, folder)
    settle_doubts(ticket, plan)
    name = f"book.{book_suffix(plan)}"
    async with stage(house, ticket.id, "bind") as detail:
        report = await _reporter(house, ticket.id, payload, plan)
        book = await house.binder.bind(plan, folder / name, folder / "parts", report)
        detail |= {"sources": len(plan.sources), "chapters": len(book.chapters), "seconds_of_audio": book.duration_secs}
        detail |= {"codec": book.codec, "bytes": book.size_bytes, "passthrough": book.passthrough}
        detail["chapters_from"] = book.chapters_from
        detail["chapters_considered"] = [
            {"source": c.source, "score": round(c.score, 3), "chapters": len(c.chapters)}
            for c in book.chapters_considered
        ]
        detail["chapter_list"] = [_plain(chapter) for chapter in book.chapters]
        unchanged = plan.sources[0].path if book.passthrough else None
        write_last(folder / FACTS, _BOUND.dump_json(Bound(name, plan.tags, book.chapters, unchanged, documents)))


async def _plan(
    house: House, ticket: Ticket, info_hash: InfoHash, sources: list[Path], folder: Path
) -> tuple[BindPlan, tuple[Path, ...]]:
    """Everything that is known before binding: the files, what lies beside them, what providers say."""
    async with stage(house, ticket.id, "plan") as detail:
        record = await torrent_of(house, info_hash)
        listed = [Path(record.save_path) / e.path for e in await own_entries(house, ticket, record)]
        beside = await asyncio.to_thread(read_companions, common_folder(sources), sources, listed)
        infos = [await house.binder.probe(path) for path in sources]
        release = await release_of(house, ticket, info_hash)
        known = await learn(house, ticket, _wish(ticket), release, sum(i.duration_secs for i in infos))
        tags = book_tags(_wish(ticket), release, infos[0].tags, ticket.request.metadata_to_embed, known.facts)
        # A torrent of one file lies among the downloads of others: their pictures are not its cover.
        home = common_folder(sources) if len(listed) > 1 else None
        cover = await house.binder.pick_cover(home, sources, folder, given=known.cover)
        plan = plan_book(
            infos,
            tags,
            cover,
            order=order_wanted(ticket),
            profile=profile_of(house.settings.converter),
            companions=beside,
            provider_chapters=known.chapters,
        )
        detail |= {"order": [source.path.name for source in plan.sources], "doubts": [d.code for d in plan.doubts]}
        detail |= {"notes": list(beside.notes), "left_out": [path.name for path in plan.left_out]}
    documents = tuple(path for path in beside.documents if not _is_ours_by_now(path, cover))
    return replace(plan, bitrate_kbps=ticket.request.constraints.bitrate_kbps), documents


def _is_ours_by_now(document: Path, cover: Path | None) -> bool:
    """What the finished book says itself: sheets of files that are no more, notes of uploaders, the cover."""
    picture = document.suffix.lower() in PICTURES and document.stem.casefold() in {"cover", "folder", "front"}
    return document.suffix.lower() in NOT_KEPT or (picture and cover is not None)


def profile_of(converter: ConverterSettings) -> BindProfile:
    """How books are to be written, as the settings say."""
    return BindProfile(converter.codec, converter.mono_kbps, converter.stereo_kbps, converter.coder)


def common_folder(sources: Sequence[Path]) -> Path:
    """The deepest folder that holds all of them."""
    return Path(os.path.commonpath([path.parent for path in sources]))


def bound_already(house: House, ticket: Ticket) -> bool:
    folder = workspace_of(house.work_dir, ticket.id)
    return (folder / FACTS).exists() and (folder / bound_facts(folder).book).exists()


def bound_facts(folder: Path) -> Bound:
    """What `bind_book` remembered."""
    return _BOUND.validate_json((folder / FACTS).read_bytes())


async def sources_of(house: House, ticket: Ticket, info_hash: InfoHash) -> list[Path]:
    """The audio files of the ticket's book in the torrent, in natural order of their paths. Raises NeedsAnswer when the
    torrent is a pack and it is not clear which of its books is meant."""
    record = await torrent_of(house, info_hash)
    entries = await own_entries(house, ticket, record)
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


def _wish(ticket: Ticket) -> BookWish:
    wish = ticket.request.wish
    if not isinstance(wish, BookWish):
        raise unsupported_kind(ticket.request.kind)
    return wish


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
