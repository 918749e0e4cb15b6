"""One folder of audio files, or one file, becomes one book, without service, database or tracker: what `earmark bind`
does. The files are only ever read; an interrupted run goes on where it was."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from earmark.core.binding import AudioInfo, BindPlan, BindProfile, BindProgress, BookTags, BoundBook, OrderBy
from earmark.core.naming import file_name
from earmark.core.ordering import natural_key
from earmark.core.reasons import PermanentError, Reason
from earmark.core.scoring import AUDIO_TYPES
from earmark.core.tagging import book_tags
from earmark.core.wish import BookWish
from earmark.library.offload import offload
from earmark.media.bind import FfmpegBinder
from earmark.media.companions import Companions, read_companions
from earmark.media.encode import book_bitrate, book_suffix, check_codec
from earmark.media.plan import plan_book
from earmark.media.segments import SEGMENTS_PREFIX
from earmark.media.streamcopy import copyable

MOST_FILES = 20_000
_MP4 = frozenset({".m4b", ".m4a", ".mp4"})
_OGG = frozenset({".opus", ".ogg"})
_READING = frozenset({".pdf", ".epub", ".mobi", ".azw3", ".cbz"})
ENDINGS = dict.fromkeys(_MP4, _MP4) | dict.fromkeys(_OGG, _OGG) | {".mp3": frozenset({".mp3"})}


@dataclass(frozen=True, slots=True)
class FolderJob:
    """What is wanted. `tags` overrule what files and folder say, by the names of metadata_to_embed; `out` is None for
    a name made from the title, in the current folder."""

    folder: Path
    out: Path | None = None
    order: OrderBy | None = None
    profile: BindProfile = BindProfile()  # noqa: RUF009 - a frozen value
    bitrate_kbps: int | None = None
    tags: Mapping[str, str] | None = None
    cover: bytes | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """The plan, where the book goes, and what will be done with the sound, in words."""

    plan: BindPlan
    out: Path
    sound: str
    notes: tuple[str, ...]
    work: Path


async def plan_folder(binder: FfmpegBinder, job: FolderJob) -> FolderPlan:
    """Look at everything and plan the book. Raises PermanentError `no_audio`, `not_audio`, `order_unreadable`,
    `folder_missing`, `codec_unavailable`, `output_kind`."""
    files = await offload(lambda _: _audio_files(job.folder))
    home = job.folder if job.folder.is_dir() else job.folder.parent
    beside = await asyncio.to_thread(
        read_companions, home, files, None if job.folder.is_dir() else [p for p in home.iterdir() if p.is_file()]
    )
    infos = [await binder.probe(path) for path in files]
    tags = _tags(job, infos[0])
    plan = plan_book(infos, tags, order=job.order, profile=job.profile, companions=beside)
    plan = replace(plan, bitrate_kbps=job.bitrate_kbps, passthrough=plan.passthrough and not _retagged(job, plan))
    await check_codec(binder.tool, plan)
    out = _out(job, tags, book_suffix(plan))
    sound = await asyncio.to_thread(_sound, plan)
    return FolderPlan(plan, out, sound, _notes(job, plan, beside), _work_folder(out))


async def bind_folder(
    binder: FfmpegBinder, job: FolderJob, planned: FolderPlan, on_progress: Callable[[BindProgress], None]
) -> BoundBook:
    """Make the book. What was finished when it is interrupted stays in a hidden folder beside it, for the next run;
    nothing else does. Raises what the binder raises, and PermanentError `output_exists`, `output_unwritable`."""
    _refuse_existing(job, planned.out)
    home = job.folder if job.folder.is_dir() else job.folder.parent
    sources = [source.path for source in planned.plan.sources]
    parts = planned.work / "parts"
    try:
        await asyncio.to_thread(_make_folder, planned)
        cover = await binder.pick_cover(home if job.folder.is_dir() else None, sources, planned.work, given=job.cover)
        return await binder.bind(replace(planned.plan, cover=cover), planned.out, parts, on_progress)
    finally:
        if not any(parts.glob(f"{SEGMENTS_PREFIX}*")):
            shutil.rmtree(planned.work, ignore_errors=True)


def _make_folder(planned: FolderPlan) -> None:
    try:
        planned.work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PermanentError.of(
            "output_unwritable",
            f"Nothing can be written to {str(planned.out.parent)!r}: {error.strerror or error}.",
            "Name another place with -o.",
            path=str(planned.out.parent),
        ) from error


def _retagged(job: FolderJob, plan: BindPlan) -> bool:
    """A single M4B stays as it is, unless somebody gave it tags or a cover that its packets can be copied under."""
    return bool(job.tags or job.cover) and copyable(plan.sources) is None


def _audio_files(folder: Path) -> list[Path]:
    """Every audio file in the folder and below, links left out; or the one file that was named."""
    if folder.is_file():
        return [folder.absolute()]
    if not folder.is_dir():
        raise PermanentError.of(
            "folder_missing", f"There is no folder or file {str(folder)!r}.", "Correct the path.", path=str(folder)
        )
    found: list[Path] = []
    links = 0
    for place, folders, names in os.walk(folder.absolute()):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(place, name)
            known = path.suffix.lstrip(".").lower() in AUDIO_TYPES and not name.startswith(".")
            links += known and path.is_symlink()
            if known and path.is_file() and not path.is_symlink():
                found.append(path)
        if len(found) > MOST_FILES:
            break
    if not found or len(found) > MOST_FILES:
        what = (
            f"no audio files{' but links, which are left out' if links else ''}"
            if not found
            else f"more than {MOST_FILES} audio files"
        )
        raise PermanentError(
            Reason(
                "no_audio",
                f"{str(folder)!r} holds {what}.",
                "Name the folder of one book.",
                {"path": str(folder), "known": ", ".join(sorted(AUDIO_TYPES))},
            )
        )
    return sorted(found, key=lambda path: natural_key(path.as_posix()))


def _tags(job: FolderJob, first: AudioInfo) -> BookTags:
    """What was given, else what the files say, else the folder's name: “Author - Title (Year)”."""
    name = job.folder.absolute().stem if job.folder.is_file() else job.folder.absolute().name
    plain = re.sub(r"\s*[\[({][^\])}]*[\])}]", "", name).strip() or name
    author, dash, title = plain.partition(" - ")
    told = book_tags(BookWish(""), None, first.tags, dict(job.tags or {}))
    authors = told.authors or ((author.strip(),) if dash else ())
    return replace(told, title=told.title or (title.strip() if dash else plain), authors=authors)


def _out(job: FolderJob, tags: BookTags, suffix: str) -> Path:
    """Where the book goes. A path that ends in no book's ending is a folder for it."""
    name = file_name(tags.title, suffix)
    out = job.out or Path.cwd()
    out = out if out.suffix.lower() in ENDINGS and not out.is_dir() else out / name
    if out.suffix.lower() not in ENDINGS[f".{suffix}"]:
        raise PermanentError(
            Reason(
                "output_kind",
                f"The book will be of kind {suffix}, and {out.name!r} says otherwise.",
                f"Let the name end in .{suffix}, or choose another codec.",
                {"path": str(out), "kind": suffix},
            )
        )
    return out


def _refuse_existing(job: FolderJob, out: Path) -> None:
    if out.exists() and not job.overwrite:
        raise PermanentError(
            Reason(
                "output_exists",
                f"{str(out)!r} is there already; it was not touched.",
                "Name another file with -o, or say --overwrite.",
                {"path": str(out)},
            )
        )


def _sound(plan: BindPlan) -> str:
    if plan.passthrough:
        return "kept as it is: the file is a book already"
    suffix = book_suffix(plan)
    if suffix == "mp3":
        return "joined as MP3 without encoding"
    why = copyable(plan.sources) if suffix == "m4b" else "another codec is wanted"
    if why is None:
        return "AAC copied without encoding"
    codec = {"opus": "Opus", "m4b": "HE-AAC" if plan.profile.codec == "he-aac" else "AAC"}[suffix]
    return f"encoded once to {codec} at {book_bitrate(plan)} kbit/s ({why})"


def _notes(job: FolderJob, plan: BindPlan, beside: Companions) -> tuple[str, ...]:
    left = tuple(f"left out: {path.name}" for path in plan.left_out)
    kept = tuple(f"stays where it is: {path.name}" for path in beside.documents if path.suffix.lower() in _READING)
    ignored = ("the tags and cover given are for nothing: its sound cannot be copied under new ones",)
    given = ignored if plan.passthrough and (job.tags or job.cover) else ()
    return (*beside.notes, *left, *kept, *given)


def _work_folder(out: Path) -> Path:
    token = hashlib.sha256(os.fsencode(out.absolute())).hexdigest()[:12]
    return out.absolute().parent / f".earmark-bind-{token}"
