"""The end of act 2: the bound book, its sidecars and its cover go to the shelf together."""

from __future__ import annotations

import grp
import pwd
import random
from collections.abc import Callable
from pathlib import Path

from earmark.core.naming import file_name, parse_file_pattern, parse_pattern, render, render_file, resolve_collision
from earmark.core.reasons import EarmarkError, JsonValue, Reason, TransientError
from earmark.core.seeding import needed_seconds, tracker_of
from earmark.core.states import Placing, TicketState
from earmark.core.ticket import Ticket
from earmark.core.torrents import InfoHash
from earmark.library.faults import TargetExists
from earmark.library.methods import Method
from earmark.library.permissions import Permissions
from earmark.library.placement import Placed, PlacementPlan, Planned, place, plan_placement
from earmark.library.seedproof import require_untouched
from earmark.library.sidecars import facts, sidecar_files
from earmark.library.workspace import workspace_of
from earmark.pipeline.binding import COVER, Bound, bound_facts
from earmark.pipeline.bus import Message
from earmark.pipeline.duties import is_done
from earmark.pipeline.house import House, log
from earmark.pipeline.progress import Progress
from earmark.pipeline.questions import asked
from earmark.pipeline.stages import stage
from earmark.pipeline.torrentbox import Box
from earmark.settings_shelf import LibrarySettings
from earmark.store import Severity, alerts, torrents

RECHECK_SECS = 3601.0  # longer than any wait between two tries: it costs none
REVIEW = "review_before_import"
EXISTING = "target_exists"


async def put_on_shelf(house: House, ticket: Ticket, payload: Placing) -> Placed:
    """Place everything of this ticket. A second time it only confirms what the journal says is there. Raises
    NeedsAnswer when a person is to look first, or when another book stands there."""
    library = house.settings.library
    folder = workspace_of(house.work_dir, ticket.id)
    bound = bound_facts(folder)
    parts = render(parse_pattern(library.pattern), bound.tags, use_series_folders=library.use_series_folders)
    files = _files(library, folder, bound)
    method, released = await _method(house, bound, InfoHash(payload.torrent_hash))
    plan = plan_placement(
        library.audiobooks.absolute(),
        parts,
        files,
        ticket.id,
        workspace=folder,
        method=method,
        released=released,
    )
    ask_before(library, ticket, plan)
    return await place_files(house, ticket, plan)


def _files(library: LibrarySettings, folder: Path, bound: Bound) -> list[Planned]:
    """The book, its sidecars and cover, and the documents that came with it under names nobody else has."""
    suffix = Path(bound.book).suffix.lstrip(".")
    name = render_file(parse_file_pattern(library.file_pattern), bound.tags, None, 1, suffix)
    if bound.unchanged_from is not None:
        files = [Planned(bound.unchanged_from, name, "book", "seeding")]
    else:
        files = [Planned(folder / bound.book, name, "book")]
    for sidecar, content in sidecar_files(facts(bound.tags), bound.chapters).items():
        if library.text_sidecars or not sidecar.endswith(".txt"):
            files.append(Planned(content, sidecar, "sidecar"))
    if (folder / COVER).exists():
        files.append(Planned(folder / COVER, "cover.jpg", "cover"))
    for document in bound.documents:
        suffix = document.suffix.lstrip(".")
        beside = resolve_collision(file_name(document.stem, suffix), [f.name for f in files], extension=suffix)
        files.append(Planned(document, beside, "sidecar", "seeding"))
    return files


def ask_before(library: LibrarySettings, ticket: Ticket, plan: PlacementPlan) -> None:
    """Where the owner wants to look before a book is placed."""
    if library.review_before_import and ticket.answers.get(REVIEW) != "place":
        names: list[JsonValue] = [file.name for file in plan.files]
        reason = Reason(
            "review_before_import",
            f"The book is ready and waits for your word: it would go to {plan.folder}.",
            "Look at the files and chapters, then place it, or cancel the ticket.",
            {"folder": str(plan.folder), "files": names},
        )
        raise asked(reason, REVIEW, {"place": "Place it on the shelf"})


async def _method(house: House, bound: Bound, info_hash: InfoHash) -> tuple[Method, bool]:
    """Only a book that is itself a file of the download is moved away."""
    if house.settings.library.method == "move" and bound.unchanged_from is None:
        return "hardlink-or-copy", False
    return await method_now(house, info_hash)


async def method_now(house: House, info_hash: InfoHash) -> tuple[Method, bool]:
    """How files of the download come to the shelf, and whether its torrent owes nothing. They are moved away only once
    they may be: until then the ticket waits (`StillSeeding`)."""
    method = house.settings.library.method
    if method != "move":
        return method, False
    async with house.db.read() as tx:
        record = await torrents.get(tx, info_hash)
    if record is not None and is_done(house, record):
        return method, True
    owed = (
        needed_seconds(tracker_of(record.indexer, record.guid), house.settings.seeding.hours) - record.seeding_secs
        if record
        else 0.0
    )
    raise StillSeeding(owed)


class StillSeeding(TransientError):
    """The file may not be moved away yet."""

    def __init__(self, owed_secs: float) -> None:
        self.retry_after_secs = max(owed_secs, RECHECK_SECS)
        super().__init__(
            Reason(
                "still_owing",
                f"The book would be moved out of a torrent that still owes {max(owed_secs, 0) / 3600:.1f} h of seeding.",
                "Wait until it is seeded, or set `method` in [library] to hardlink or copy.",
                {"owed_secs": max(owed_secs, 0)},
            )
        )


def permissions_of(library: LibrarySettings) -> Permissions:
    """The owner and modes the settings wish for; a name this machine does not know is left out."""
    user, _, group = (library.owner or "").partition(":")
    return Permissions(
        int(library.file_mode, 8) if library.file_mode else None,
        int(library.folder_mode, 8) if library.folder_mode else None,
        _id_of(user, lambda name: pwd.getpwnam(name).pw_uid),
        _id_of(group, lambda name: grp.getgrnam(name).gr_gid),
    )


def _id_of(name: str, look_up: Callable[[str], int]) -> int | None:
    if not name:
        return None
    try:
        return int(name) if name.isdecimal() else look_up(name)
    except KeyError:
        log.warning("owner_unknown", name=name)
        return None


async def place_files(house: House, ticket: Ticket, plan: PlacementPlan) -> Placed:
    """Carry out a ticket's plan as its stage `place`, telling how far it is."""
    files = plan.files

    def report(done: int, total: int) -> None:
        progress = Progress.of(TicketState.PLACING, "place", done, total, "files", files[min(done, total - 1)].name)
        house.progress[ticket.id] = progress
        house.bus.publish(Message("progress", ticket.id, progress.as_json()))

    async with stage(house, ticket.id, "place") as detail:
        placed = await _place(house, ticket, plan, report)
        detail |= {"folder": str(placed.folder), "files": len(placed.files), "bytes": placed.bytes}
        detail |= {"methods": dict(placed.methods), "notes": list(placed.notes), "replaced": list(placed.replaced)}
    if ticket.torrent_hash is not None:
        await prove_seeding(house, InfoHash(ticket.torrent_hash))
    return placed


async def prove_seeding(house: House, info_hash: InfoHash) -> None:
    """After a placement: sampled pieces of the download are what its torrent says. What is not is an alert; the book on
    the shelf was proven by itself."""
    torrent = Box(house.torrent_dir).kept(info_hash)
    async with house.db.read() as tx:
        record = await torrents.get(tx, info_hash)
    if torrent is None or record is None or house.settings.library.method == "move":
        return
    try:
        await require_untouched(torrent, Path(record.save_path), rng=random.Random(info_hash))  # noqa: S311 - a sample
    except EarmarkError as error:
        log.error("seeding_bytes_changed", info_hash=info_hash, message=error.reason.message)
        async with house.write() as tx:
            await alerts.raise_(tx, f"seeding:{info_hash}", Severity.ERROR, error.reason, house.now())
        return
    async with house.write() as tx:
        await alerts.clear(tx, f"seeding:{info_hash}", house.now())


async def _place(house: House, ticket: Ticket, plan: PlacementPlan, report: Callable[[int, int], None]) -> Placed:
    library = house.settings.library
    try:
        return await place(
            house.db,
            plan,
            clock=house.clock,
            on_progress=report,
            replace=ticket.answers.get(EXISTING) == "replace",
            recycle=library.recycle_path,
            permissions=permissions_of(library),
        )
    except TargetExists as error:
        words = {"replace": "Replace what is there; the old files go to the recycle folder", "again": "Look again"}
        raise asked(error.reason, EXISTING, words) from error
