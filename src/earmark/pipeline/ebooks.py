"""Act 2 for e-books: read every candidate of the download, choose the book, remember what it is; then put it on the
shelf as it came, with its sidecars and cover. The files that seed are only ever read."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from earmark.core.binding import BookTags
from earmark.core.ebooks import Chosen, EbookFile, candidates, choose, ebook_tags, no_ebook, rank, same_work
from earmark.core.naming import file_name, parse_pattern, render, resolve_collision
from earmark.core.reasons import EarmarkError, PermanentError, Reason
from earmark.core.scoring import people_similarity
from earmark.core.states import Completed, Converting, Placing, TicketState
from earmark.core.ticket import Ticket
from earmark.core.torrents import InfoHash, TorrentEntry
from earmark.core.wish import BookWish, Kind, TicketRequest
from earmark.library.methods import Method
from earmark.library.placement import Placed, PlacementPlan, Planned, plan_files, plan_placement
from earmark.library.sidecars import facts as sidecar_facts
from earmark.library.sidecars import sidecar_files
from earmark.library.workspace import open_workspace, workspace_of, write_last
from earmark.media.ebooks import EbookCorrupt, read_ebook
from earmark.pipeline.binding import release_of
from earmark.pipeline.bus import Message
from earmark.pipeline.house import House
from earmark.pipeline.matching import unsupported_kind
from earmark.pipeline.packs import own_entries
from earmark.pipeline.placing import ask_before, method_now, place_files
from earmark.pipeline.progress import Progress
from earmark.pipeline.stages import stage
from earmark.pipeline.verifying import torrent_of
from earmark.settings_shelf import LibrarySettings
from earmark.store import tickets

COVER = "cover.jpg"
FACTS = "ebook.json"  # what was chosen, for the placing that follows
SAME_PEOPLE = 0.8


@dataclass(frozen=True, slots=True)
class Prepared:
    """The outcome of the reading. `files` are sources in the download with their names on the shelf, the book first."""

    tags: BookTags
    files: tuple[tuple[Path, str], ...]


_PREPARED: TypeAdapter[Prepared] = TypeAdapter(Prepared)


def ebook_library(library: LibrarySettings) -> Path:
    """The folder for e-books. Raises `PermanentError` (`no_ebook_library`) when none is set."""
    if library.ebooks is None:
        raise PermanentError(
            Reason(
                "no_ebook_library",
                "There is no library folder for e-books, so an e-book could not be placed anywhere.",
                "Set `ebooks` in the [library] section to a folder and restart; then file or retry the ticket.",
                {"field": "kind", "setting": "library.ebooks"},
            )
        )
    return library.ebooks.absolute()


def check_request(library: LibrarySettings, request: TicketRequest) -> None:
    """Refuse an e-book ticket when it is filed rather than after its download."""
    if request.kind is Kind.EBOOK:
        ebook_library(library)


# --- read and choose --------------------------------------------------------------------------------------------------


async def prepare_ebook(house: House, ticket: Ticket, payload: Converting) -> None:
    """Read the download's e-books whole, choose the book and its cover, and remember both in the workspace."""
    wish = ticket.request.wish
    if not isinstance(wish, BookWish):
        raise unsupported_kind(ticket.request.kind)
    info_hash = InfoHash(payload.torrent_hash)
    record = await torrent_of(house, info_hash)
    root = Path(record.save_path)
    entries = await own_entries(house, ticket, record)
    async with stage(house, ticket.id, "read") as detail:
        folder = await open_workspace(house.work_dir, ticket.id)
        (folder / FACTS).unlink(missing_ok=True)
        (folder / COVER).unlink(missing_ok=True)
        sound, damaged = await _read_all(house, ticket, root, candidates(entries), folder)
        preferred = house.settings.library.ebook_formats
        wanted = ticket.request.constraints.format
        if not any(wanted in {None, f.facts.format} for f in sound):
            _raise_damage(damaged, wanted)
        if not sound:
            raise no_ebook([e.path for e in entries])
        chosen = choose(sound, wish, preferred, wanted)
        _refuse_lesser(chosen, damaged, preferred)
        release = await release_of(house, ticket, info_hash)
        tags = ebook_tags(wish, release, chosen.book.facts, ticket.request.metadata_to_embed)
        await _cover(house, chosen, sound, root, folder)
        detail |= {"file": chosen.book.path, "format": chosen.book.facts.format, "parts": chosen.book.facts.parts}
        detail["other_formats"] = [f.path for f in chosen.formats]
        detail["extras"] = [f.path for f in chosen.extras]
        detail["set_aside"] = [error.reason.message for _, error in damaged if error.reason.evidence.get("known")]
        write_last(folder / FACTS, _PREPARED.dump_json(Prepared(tags, _names(chosen, tags, root))))


def prepared_already(house: House, ticket: Ticket) -> bool:
    return (workspace_of(house.work_dir, ticket.id) / FACTS).exists()


async def _read_all(
    house: House, ticket: Ticket, root: Path, found: tuple[TorrentEntry, ...], folder: Path
) -> tuple[list[EbookFile], list[tuple[TorrentEntry, EarmarkError]]]:
    """The sound e-books, their covers in numbered folders, and what is wrong with the others."""
    sound: list[EbookFile] = []
    damaged: list[tuple[TorrentEntry, EarmarkError]] = []
    for number, entry in enumerate(found):
        _report(house, ticket, "read", number, len(found), Path(entry.path).name)
        covers = _covers(folder, len(sound))
        shutil.rmtree(covers, ignore_errors=True)
        covers.mkdir()
        try:
            sound.append(EbookFile(entry.path, entry.size, await read_ebook(root / entry.path, covers)))
        except EbookCorrupt as error:
            damaged.append((entry, error))
    return sound, damaged


def _raise_damage(damaged: list[tuple[TorrentEntry, EarmarkError]], wanted: str | None) -> None:
    """Nothing sound will do: then the first damaged e-book is the reason, if there is one of the wanted format."""
    for entry, error in damaged:
        if _is_meant(error) and (wanted is None or entry.path.lower().endswith(f".{wanted}")):
            raise error


def _is_meant(error: EarmarkError) -> bool:
    """A file of our formats, or at least with such a name: a `.zip` or `.cbr` of something else is no damaged e-book."""
    name = str(error.reason.evidence.get("file"))
    return bool(error.reason.evidence.get("known")) or Path(name).suffix.lower() not in {".zip", ".cbr"}


def _refuse_lesser(
    chosen: Chosen, damaged: list[tuple[TorrentEntry, EarmarkError]], preferred: tuple[str, ...]
) -> None:
    """A damaged file of a better format may give way to the same book in another, never to another book."""
    place = rank(chosen.book.facts.format, preferred)
    for entry, error in damaged:
        ending = Path(entry.path).suffix.lstrip(".").lower()
        if (
            _is_meant(error)
            and rank(ending, preferred) <= place
            and not same_work(Path(entry.path).stem, chosen.book.stem)
        ):
            raise error


async def _cover(house: House, chosen: Chosen, sound: list[EbookFile], root: Path, folder: Path) -> None:
    """The book's own cover, else that of another format, else a picture beside it in the torrent's folder."""
    for file in (chosen.book, *chosen.formats):
        if await house.binder.pick_cover(_covers(folder, sound.index(file)), [], folder):
            return
    if "/" in chosen.book.path:  # a torrent of one file lies among the downloads of others
        await house.binder.pick_cover((root / chosen.book.path).parent, [], folder)


def _covers(folder: Path, number: int) -> Path:
    return folder / f"covers-{number}"


def _names(chosen: Chosen, tags: BookTags, root: Path) -> tuple[tuple[Path, str], ...]:
    """The book and its other formats share the title; what else came keeps its own name."""
    named = [(f, file_name(tags.title, f.facts.format)) for f in (chosen.book, *chosen.formats)]
    named += [(f, file_name(f.stem, f.facts.format)) for f in chosen.extras]
    kept: dict[str, Path] = {}
    for file, name in named:
        kept[resolve_collision(name, kept, extension=file.facts.format)] = root / file.path
    return tuple((source, name) for name, source in kept.items())


# --- place ------------------------------------------------------------------------------------------------------------


async def shelve_ebook(house: House, ticket: Ticket, payload: Placing) -> Placed:
    """Place the book. What the workspace lost is read again first."""
    if not prepared_already(house, ticket):
        await prepare_ebook(house, ticket, Converting(payload.torrent_hash, house.now(), 0))
    folder = workspace_of(house.work_dir, ticket.id)
    prepared = _PREPARED.validate_json((folder / FACTS).read_bytes())
    library = house.settings.library
    way = await method_now(house, InfoHash(payload.torrent_hash))
    beside = await _audiobook_folder(house, prepared.tags) if library.ebooks_beside_audiobook else None
    if beside is None:
        plan = _plan(library, ticket, prepared, folder, *way)
        ask_before(library, ticket, plan)
        return await place_files(house, ticket, plan)
    root = library.audiobooks.absolute()
    # The folder is the audiobook's: its sidecars and cover stand there already, and only the book's files join them.
    files = [(source, str(beside.relative_to(root) / name)) for source, name in prepared.files]
    method, released = way
    plan = plan_files(root, files, ticket.id, workspace=folder, origin="seeding", method=method, released=released)
    ask_before(library, ticket, plan)
    placed = await place_files(house, ticket, plan)
    return replace(placed, folder=beside, files=tuple(name for _, name in prepared.files))


def _plan(
    library: LibrarySettings, ticket: Ticket, prepared: Prepared, folder: Path, method: Method, released: bool
) -> PlacementPlan:
    book = sidecar_facts(prepared.tags)
    files = [
        *(Planned(source, name, "book", "seeding") for source, name in prepared.files),
        *(Planned(data, name, "sidecar") for name, data in sidecar_files(book).items() if _is_wished(name, library)),
    ]
    if (folder / COVER).exists():
        files.append(Planned(folder / COVER, "cover.jpg", "cover"))
    parts = render(parse_pattern(library.pattern), prepared.tags, use_series_folders=library.use_series_folders)
    return plan_placement(
        ebook_library(library), parts, files, ticket.id, workspace=folder, method=method, released=released
    )


def _is_wished(sidecar: str, library: LibrarySettings) -> bool:
    return library.text_sidecars or not sidecar.endswith(".txt")


async def _audiobook_folder(house: House, tags: BookTags) -> Path | None:
    """Where the audiobook of the same title and author stands, when a ticket of ours placed it and it is still there."""
    async with house.db.read() as tx:
        done = await tickets.in_states(tx, [TicketState.COMPLETED])
    root = house.settings.library.audiobooks.absolute()
    for ticket in sorted(done, key=lambda t: t.updated_at, reverse=True):
        wish, payload = ticket.request.wish, ticket.payload
        if (
            ticket.request.kind is not Kind.AUDIOBOOK
            or not isinstance(wish, BookWish)
            or not isinstance(payload, Completed)
        ):
            continue
        folder = Path(payload.library_path)
        same = same_work(wish.title, tags.title) and people_similarity(wish.authors, tags.authors) >= SAME_PEOPLE
        if same and folder.is_relative_to(root) and folder != root and folder.is_dir():
            return folder
    return None


def _report(house: House, ticket: Ticket, phase: str, done: int, total: int, label: str) -> None:
    progress = Progress.of(TicketState.CONVERTING, phase, done, total, "files", label)
    house.progress[ticket.id] = progress
    house.bus.publish(Message("progress", ticket.id, progress.as_json()))
