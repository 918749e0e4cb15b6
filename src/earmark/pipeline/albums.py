"""Music tickets: file lists before the choice; after the download, which file (or stretch of an image) is which track, all
of them converted, tagged and placed where the ticket says. All or nothing: an album of which one track is missing or
cannot be made is not placed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from earmark.core.albums import CueTrack, cue_images, map_ranges, map_tracks
from earmark.core.decision import ScoredCandidate
from earmark.core.reasons import EarmarkError, JsonValue, PermanentError, Reason, TransientError
from earmark.core.release import Release, ReleaseFile
from earmark.core.scoring import AUDIO_TYPES
from earmark.core.states import Converting, Placing, TicketState
from earmark.core.ticket import Ticket, TicketId
from earmark.core.torrentfile import read_torrent
from earmark.core.torrents import InfoHash
from earmark.core.tracktags import TrackTags, track_tags
from earmark.core.wish import AlbumWish, TicketRequest, TrackWish
from earmark.library.placement import Placed, plan_files
from earmark.library.workspace import open_workspace, workspace_of, write_last
from earmark.media.album import AlbumProfile, AlbumProgress, TrackJob, convert_album
from earmark.media.companions import read_companions
from earmark.media.ffmpeg import find_ffmpeg
from earmark.media.transcode import AlbumFormat
from earmark.pipeline.binding import common_folder, release_of, sources_of
from earmark.pipeline.bus import Message
from earmark.pipeline.house import House, log
from earmark.pipeline.indexing import by_key
from earmark.pipeline.placing import ask_before, place_files
from earmark.pipeline.progress import Progress
from earmark.pipeline.searching import TICKETS, fetch
from earmark.pipeline.stages import stage
from earmark.pipeline.step import GO, Outcome
from earmark.pipeline.verifying import entries_of, torrent_of
from earmark.settings_shelf import LibrarySettings
from earmark.store import candidates, tickets

FACTS = "album.json"  # what was made, for the placing that follows
LISTED = 15  # offers whose file list is asked for (domain.md 2.3)
LISTED_PRIVATE = 3  # a private tracker may count each torrent file that is fetched
AT_ONCE = 5
LIST_SECS = 10.0
FORMATS: dict[str | None, AlbumFormat] = {
    None: "vorbis",
    "ogg_vorbis": "vorbis",
    "opus": "opus",
    "mp3": "mp3",
    "flac": "flac",
}


@dataclass(frozen=True, slots=True)
class Made:
    """The finished album: files of the workspace with where each must end."""

    files: tuple[tuple[str, str], ...]


_MADE: TypeAdapter[Made] = TypeAdapter(Made)


@dataclass(frozen=True, slots=True)
class Source:
    """A track's file in the download, and the stretch of it where it is an image."""

    track: TrackWish
    path: Path
    start_secs: float | None = None
    end_secs: float | None = None


def music_library(library: LibrarySettings) -> Path:
    """The folder for music. Raises `PermanentError` (`no_music_library`) when none is set."""
    if library.music is None:
        raise PermanentError(
            Reason(
                "no_music_library",
                "There is no library folder for music, so an album could not be placed anywhere.",
                "Set `music` in the [library] section to a folder and restart; then retry the ticket.",
                {"field": "kind", "setting": "library.music"},
            )
        )
    return library.music.absolute()


def check_album(library: LibrarySettings, request: TicketRequest) -> None:
    """Refuse an album that could not be finished before anything is fetched for it. Raises PermanentError."""
    music_library(library)
    wish = request.wish
    if not isinstance(wish, AlbumWish) or not any(track.requested for track in wish.tracks):
        raise PermanentError(
            Reason(
                "no_tracks_wished",
                "The ticket names no track, so it is not known what would have to go where.",
                "File the wish again with its tracks and their `dest_path`.",
            )
        )
    if request.constraints.format not in FORMATS:
        known = ", ".join(name for name in FORMATS if name)
        raise PermanentError(
            Reason(
                "format_unsupported",
                f"Tracks cannot be made as {request.constraints.format}.",
                f"File the wish again with one of {known}.",
                {"field": "format", "format": request.constraints.format},
            )
        )


# --- before the choice ------------------------------------------------------------------------------------------------


async def list_files(house: House, ticket_id: TicketId) -> Outcome:
    """Read the files of the albums that are offered from their torrents, several at a time; one that cannot be had in
    time stays without."""
    async with house.db.read() as tx:
        ticket = await tickets.require(tx, ticket_id)
        offers = await candidates.of_ticket(tx, ticket_id)
    if ticket.state is not TicketState.MATCHING or not isinstance(ticket.request.wish, AlbumWish):
        return GO
    unlisted = [o for o in offers if not o.release.files]
    chosen = [o for o in unlisted if not o.release.private][:LISTED] + [o for o in unlisted if o.release.private][
        :LISTED_PRIVATE
    ]
    gate = asyncio.Semaphore(AT_ONCE)
    lists = await asyncio.gather(*(_listed(house, offer.release, gate) for offer in chosen))
    files = {offer.release.guid: found for offer, found in zip(chosen, lists, strict=True)}
    fuller = [_with_files(offer, files.get(offer.release.guid, ())) for offer in offers]
    async with house.write() as tx:
        if (await tickets.require(tx, ticket_id)).state is TicketState.MATCHING:
            await candidates.replace(tx, ticket_id, fuller)
    return GO


async def _listed(house: House, release: Release, gate: asyncio.Semaphore) -> tuple[ReleaseFile, ...]:
    try:
        async with gate, asyncio.timeout(LIST_SECS):
            torrent = await fetch(house, await by_key(house, release.indexer), release, asker=TICKETS)
        entries = read_torrent(torrent).entries if isinstance(torrent, bytes) else ()
    except (EarmarkError, TimeoutError) as error:
        log.info("files_not_listed", guid=release.guid, error=type(error).__name__)
        return ()
    return tuple(ReleaseFile(entry.path, entry.size) for entry in entries)


def _with_files(offer: ScoredCandidate, files: tuple[ReleaseFile, ...]) -> ScoredCandidate:
    return replace(offer, release=replace(offer.release, files=files)) if files else offer


# --- convert ----------------------------------------------------------------------------------------------------------


async def prepare_album(house: House, ticket: Ticket, payload: Converting) -> None:
    """Make every requested track (and the pictures) in the ticket's workspace. Raises PermanentError when a track is not
    among the files or cannot be made; then nothing counts as made."""
    check_album(house.settings.library, ticket.request)
    wish = ticket.request.wish
    assert isinstance(wish, AlbumWish)
    info_hash = InfoHash(payload.torrent_hash)
    paths = await sources_of(house, ticket, info_hash)
    folder = await open_workspace(house.work_dir, ticket.id, needed_bytes=sum(path.stat().st_size for path in paths))
    (folder / FACTS).unlink(missing_ok=True)
    async with stage(house, ticket.id, "plan") as detail:
        sources = await _sources(house, ticket, wish, info_hash, paths)
        detail["tracks"] = {s.track.catalog_track_id: s.path.name for s in sources}
        cover = await house.binder.pick_cover(common_folder(paths), paths, folder)
    async with stage(house, ticket.id, "bind") as detail:
        made = await _convert(house, ticket, payload, wish, sources, folder, cover)
        detail["images_missing"] = [image.dest_path for image in wish.images] if cover is None else []
        detail |= {"tracks": len(sources), "bytes": sum((folder / name).stat().st_size for name, _ in made.files)}
    if cover is not None:
        pictures = tuple((cover.name, image.dest_path) for image in wish.images)
        made = replace(made, files=made.files + pictures)
    write_last(folder / FACTS, _MADE.dump_json(made))


def prepared_already(house: House, ticket: Ticket) -> bool:
    return (workspace_of(house.work_dir, ticket.id) / FACTS).exists()


async def _sources(
    house: House, ticket: Ticket, wish: AlbumWish, info_hash: InfoHash, paths: Sequence[Path]
) -> list[Source]:
    """Which file is which track, by measured lengths, names and numbers; else by the sheets of an image."""
    record = await torrent_of(house, info_hash)
    root = Path(record.save_path)
    release = await release_of(house, ticket, info_hash)
    title = release.title if release is not None else record.name
    files: list[ReleaseFile] = []
    for entry in await entries_of(house, record):
        secs = None
        if entry.path.rpartition(".")[2].lower() in AUDIO_TYPES:
            with contextlib.suppress(PermanentError):  # a bonus that is broken is no track
                secs = (await house.binder.probe(root / entry.path)).duration_secs
        files.append(ReleaseFile(entry.path, entry.size, secs))
    tracks = {track.catalog_track_id: track for track in wish.tracks if track.requested}
    mapped = [
        Source(tracks[m.catalog_track_id], root / m.torrent_file_path) for m in map_tracks(wish, files, title=title)
    ]
    if len(mapped) < len(tracks):
        images = {i.path for i in cue_images(wish, Release("", "", title, files=tuple(files)))}
        lengths = {f.path: f.duration_secs for f in files}
        parts = await asyncio.to_thread(_sheets, root, paths, images, lengths)
        ranges = [r for r in map_ranges(wish, parts) if r.catalog_track_id in tracks]
        if len(ranges) > len(mapped):
            mapped = [Source(tracks[r.catalog_track_id], root / r.path, r.start_secs, r.end_secs) for r in ranges]
    if missing := [t for id, t in tracks.items() if id not in {s.track.catalog_track_id for s in mapped}]:
        raise _missing(missing, len(tracks))
    return mapped


def _sheets(root: Path, paths: Sequence[Path], images: set[str], lengths: dict[str, float | None]) -> list[CueTrack]:
    """The parts of the images, as the sheets beside them have it; the first sheet that speaks of an image counts."""
    parts: list[CueTrack] = []
    told: set[str] = set()
    for sheet in read_companions(common_folder(paths), paths).cues:
        for file, marks in sheet.files:
            path = file.relative_to(root).as_posix()
            if path not in images or path in told:
                continue
            told.add(path)
            ends = [start for start, _ in marks[1:]] + [lengths.get(path)]
            parts += [
                CueTrack(path, len(told), number, name, start, end)
                for number, ((start, name), end) in enumerate(zip(marks, ends, strict=True), 1)
            ]
    return parts


async def _convert(
    house: House,
    ticket: Ticket,
    payload: Converting,
    wish: AlbumWish,
    sources: Sequence[Source],
    folder: Path,
    cover: Path | None,
) -> Made:
    asked = ticket.request.constraints
    profile = AlbumProfile(FORMATS[asked.format], asked.bitrate_kbps, sample_rate_hz=asked.sample_rate_hz)
    converter = house.settings.converter
    if house.album_slots is None:
        house.album_slots = asyncio.Semaphore(converter.max_parallel_conversions)
    tool = await asyncio.to_thread(find_ffmpeg, converter.ffmpeg_path, niceness=converter.niceness)
    report = await _reporter(house, ticket.id, payload, len(sources))
    jobs = [
        TrackJob(
            s.path,
            f"track-{number:04}",
            track_tags(wish, s.track, ticket.request.metadata_to_embed)
            if asked.embed_metadata
            else TrackTags(s.track.name),
            s.start_secs,
            s.end_secs,
            s.track.duration_secs,
        )
        for number, s in enumerate(sources, 1)
    ]
    result = await convert_album(
        tool,
        jobs,
        profile,
        folder / "tracks",
        cover=cover if asked.embed_cover else None,
        slots=house.album_slots,
        on_progress=report,
    )
    if result.failed:
        first = result.failed[0]
        names: list[JsonValue] = [failure.job.tags.title for failure in result.failed]
        message = f"{len(result.failed)} of {len(jobs)} tracks could not be made: {first.job.tags.title}: {first.reason.message}"
        reason = Reason("tracks_failed", message, first.reason.action, {**first.reason.evidence, "tracks": names})
        raise (TransientError if any(f.transient for f in result.failed) else PermanentError)(reason)
    made = {track.job.out_name: f"tracks/{track.path.name}" for track in result.tracks}
    return Made(tuple((made[job.out_name], s.track.dest_path) for job, s in zip(jobs, sources, strict=True)))


async def _reporter(
    house: House, ticket_id: TicketId, payload: Converting, total: int
) -> Callable[[AlbumProgress], None]:
    async with house.write() as tx:
        await tickets.update_payload(tx, ticket_id, replace(payload, total_tracks=total), house.now())

    def report(p: AlbumProgress) -> None:
        label = f"track {min(p.tracks_done + 1, p.tracks_total)}/{p.tracks_total}: {p.title}"
        progress = Progress.of(TicketState.CONVERTING, "encode", p.done_secs, p.total_secs, "seconds", label)
        house.progress[ticket_id] = progress
        house.bus.publish(Message("progress", ticket_id, progress.as_json()))

    return report


def _missing(missing: Sequence[TrackWish], wished: int) -> PermanentError:
    names: list[JsonValue] = [track.name for track in missing]
    return PermanentError(
        Reason(
            "tracks_missing",
            f"{len(missing)} of {wished} tracks are not among the files of the download, the first of them “{missing[0].name}”.",
            "Choose another release: search again from the ticket's page.",
            {"missing": names, "expected": wished},
        )
    )


# --- place ------------------------------------------------------------------------------------------------------------


async def shelve_album(house: House, ticket: Ticket, payload: Placing) -> Placed:
    """Every track and picture at its `dest_path`, or none of them. What the workspace lost is made again first."""
    if not prepared_already(house, ticket):
        await prepare_album(house, ticket, Converting(payload.torrent_hash, house.now(), 0))
    folder = workspace_of(house.work_dir, ticket.id)
    made = _MADE.validate_json((folder / FACTS).read_bytes())
    library = house.settings.library
    files = [(folder / name, dest) for name, dest in made.files]
    plan = plan_files(music_library(library), files, ticket.id, workspace=folder)
    ask_before(library, ticket, plan)
    return await place_files(house, ticket, plan)
