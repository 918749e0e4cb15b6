"""An album's tracks from the files of a download: encoded side by side, tagged, and each proven by decoding it.

Which file is which track comes in (whole files, or ranges of an image with a CUE sheet); what becomes of an album of
which a track failed is the caller's policy. Sources are opened for reading only.
"""

from __future__ import annotations

import asyncio
import errno
import math
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from earmark.core.binding import AudioInfo
from earmark.core.reasons import EarmarkError, PermanentError, Reason
from earmark.core.tracktags import TrackTags
from earmark.media.decode import PcmFormat, decoding
from earmark.media.encode import LOSSLESS
from earmark.media.ffmpeg import FfmpegTool, disk_full
from earmark.media.files import copy_bytes, publish
from earmark.media.pictures import embedded_pictures
from earmark.media.probe import probe
from earmark.media.tagfile import read_fields
from earmark.media.tracktags import track_fields, write_track_tags
from earmark.media.transcode import AlbumProfile, Recipe, encode_track, recipe_for

MAX_PARALLEL = 4
TOLERANCE_SECS = 1.0
LOSSLESS_TOLERANCE_SECS = 0.02

__all__ = [
    "AlbumProfile",
    "AlbumProgress",
    "AlbumResult",
    "ConvertedTrack",
    "TrackFailure",
    "TrackJob",
    "TrackTags",
    "convert_album",
]


@dataclass(frozen=True, slots=True)
class TrackJob:
    """One track to make. `start_secs`/`end_secs` name a range of a CUE image; None is the start or end of the file.
    `out_name` is a file name in the output folder; the suffix of the format is added when it has another one.
    `duration_secs` is how long the wish says the track is."""

    source: Path
    out_name: str
    tags: TrackTags
    start_secs: float | None = None
    end_secs: float | None = None
    duration_secs: float | None = None

    @property
    def whole(self) -> bool:
        return not self.start_secs and self.end_secs is None


@dataclass(frozen=True, slots=True)
class ConvertedTrack:
    """A finished track, decoded in full. `wished_off_secs` is how far it is from the length that was wished for."""

    job: TrackJob
    path: Path
    duration_secs: float
    samples: int
    sample_rate: int
    codec: str
    size_bytes: int
    copied: bool
    wished_off_secs: float | None = None


@dataclass(frozen=True, slots=True)
class TrackFailure:
    """A track that could not be made. `transient`: trying again may help."""

    job: TrackJob
    reason: Reason
    transient: bool


@dataclass(frozen=True, slots=True)
class AlbumResult:
    """What became of every job, in the order of the jobs."""

    tracks: tuple[ConvertedTrack, ...]
    failed: tuple[TrackFailure, ...]


@dataclass(frozen=True, slots=True)
class AlbumProgress:
    """Seconds of audio done of all there are; `title` is the track that moved."""

    done_secs: float
    total_secs: float
    tracks_done: int
    tracks_total: int
    title: str


async def convert_album(
    tool: FfmpegTool,
    jobs: Sequence[TrackJob],
    profile: AlbumProfile,
    out_dir: Path,
    *,
    cover: Path | None = None,
    max_parallel: int = MAX_PARALLEL,
    on_progress: Callable[[AlbumProgress], None] = lambda _: None,
    slots: AbstractAsyncContextManager[object] | None = None,
) -> AlbumResult:
    """Make all tracks in `out_dir`, at most `max_parallel` ffmpegs at a time (or as many as `slots`, a semaphore that
    several albums may share, lets in). A failing track stops no other; its file is not there.

    Cancelling stops every ffmpeg within a second. Raises PermanentError `track_plan_unusable` for names that are no
    plain file names or meet each other and for ranges that are none; everything else stands in the result.
    """
    _check(jobs)
    await asyncio.to_thread(out_dir.mkdir, parents=True, exist_ok=True)
    work = _Work(tool, profile, out_dir, cover, jobs, on_progress)
    gate = slots or asyncio.Semaphore(max(1, max_parallel))
    await work.survey(gate)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work.attempt(index, gate)) for index in range(len(jobs))]
    made = [task.result() for task in tasks]
    return AlbumResult(
        tuple(m for m in made if isinstance(m, ConvertedTrack)), tuple(m for m in made if isinstance(m, TrackFailure))
    )


class _Work:
    """One album being made: the sources that were probed, and how far each track is."""

    def __init__(
        self,
        tool: FfmpegTool,
        profile: AlbumProfile,
        out_dir: Path,
        cover: Path | None,
        jobs: Sequence[TrackJob],
        on_progress: Callable[[AlbumProgress], None],
    ) -> None:
        self._tool = tool
        self._profile = profile
        self._out_dir = out_dir
        self._cover = cover
        self._jobs = jobs
        self._on_progress = on_progress
        self._probed: dict[Path, AudioInfo | EarmarkError] = {}
        self._lengths = [0.0] * len(jobs)
        self._done = [0.0] * len(jobs)
        self._finished = 0

    async def survey(self, gate: AbstractAsyncContextManager[object]) -> None:
        """Probe every source once, so that it is known how much there is to do. An image is decoded once before it is
        cut: a frame lost in it would shift all cuts behind it, and no track alone would show it."""
        for index, job in enumerate(self._jobs):
            if job.source not in self._probed:
                async with gate:
                    try:
                        info = await probe(job.source, self._tool)
                        if not job.whole:
                            await _decode_image(self._tool, info)
                        self._probed[job.source] = info
                    except EarmarkError as error:
                        self._probed[job.source] = error
            source = self._probed[job.source]
            if isinstance(source, AudioInfo):
                end = source.duration_secs if job.end_secs is None else job.end_secs
                self._lengths[index] = max(0.0, end - (job.start_secs or 0.0))

    async def attempt(self, index: int, gate: AbstractAsyncContextManager[object]) -> ConvertedTrack | TrackFailure:
        """One track, or why not."""
        job = self._jobs[index]
        async with gate:
            try:
                made = await self._make(index, job)
            except EarmarkError as error:
                return TrackFailure(job, error.reason, error.transient)
            except OSError as error:
                named = _unusable(error, job)
                return TrackFailure(job, named.reason, named.transient)
            finally:
                self._finished += 1
                self._moved(index, self._lengths[index])
            return made

    async def _make(self, index: int, job: TrackJob) -> ConvertedTrack:
        source = self._probed[job.source]
        if isinstance(source, EarmarkError):
            raise source
        span = None if job.whole else (job.start_secs or 0.0, job.end_secs)
        recipe = await asyncio.to_thread(recipe_for, source, self._profile, whole=job.whole)
        out = self._out_dir / _with_suffix(job.out_name, recipe.suffix)
        part = out.with_name(f".{index}.part")
        try:
            if recipe.copied:
                await copy_bytes(source.path, part)
            else:
                await encode_track(self._tool, source, span, recipe, part, lambda secs: self._moved(index, secs))
            picture = await asyncio.to_thread(self._picture, source, recipe)
            await asyncio.to_thread(write_track_tags, part, job.tags, picture)
            made = await self._prove(index, job, source, recipe, part, picture)
            await publish(part, out)
        finally:
            part.unlink(missing_ok=True)
        return replace(made, path=out)

    def _picture(self, source: AudioInfo, recipe: Recipe) -> bytes | None:
        if self._cover is not None:
            return self._cover.read_bytes()
        return next(iter(embedded_pictures(source.path)), None) if recipe.copied else None

    async def _prove(
        self, index: int, job: TrackJob, source: AudioInfo, recipe: Recipe, part: Path, picture: bytes | None
    ) -> ConvertedTrack:
        """Decode the track in full, measure it, read its tags back."""
        info = await probe(part, self._tool)
        async with decoding(self._tool, info, PcmFormat(info.sample_rate, min(info.channels, 2))) as decoder:
            try:
                while await decoder.read():
                    pass
                await decoder.check()
            except PermanentError as error:
                raise _unproven(job, error.reason.message) from error
            secs, samples = decoder.seconds, decoder.samples
        expected = self._lengths[index]
        known = not (source.duration_estimated and job.end_secs is None)
        if job.whole:
            _check_whole(source, secs)
        if known and abs(secs - expected) > TOLERANCE_SECS:
            raise _unproven(job, f"it is {secs:.2f} s long where its source has {expected:.2f} s")
        found = await asyncio.to_thread(read_fields, part)
        if any("; ".join(found.get(k, ())) != "; ".join(v) for k, v in track_fields(job.tags).items()):
            raise _unproven(job, "its tags do not read back as they were written")
        if picture is not None and not await asyncio.to_thread(embedded_pictures, part):
            raise _unproven(job, "its cover does not read back")
        off = None if job.duration_secs is None else secs - job.duration_secs
        size = part.stat().st_size
        return ConvertedTrack(
            job, part, secs, samples, info.sample_rate, info.codec, size, recipe.copied, wished_off_secs=off
        )

    def _moved(self, index: int, secs: float) -> None:
        self._done[index] = max(self._done[index], min(secs, self._lengths[index]))
        title = self._jobs[index].tags.title
        self._on_progress(AlbumProgress(sum(self._done), sum(self._lengths), self._finished, len(self._jobs), title))


async def _decode_image(tool: FfmpegTool, image: AudioInfo) -> None:
    async with decoding(tool, image, PcmFormat(image.sample_rate, min(image.channels, 2))) as decoder:
        while await decoder.read():
            pass
        await decoder.check()
        _check_whole(image, decoder.seconds)


def _check_whole(source: AudioInfo, secs: float) -> None:
    """A lossless file states its samples exactly, and ffmpeg drops a damaged FLAC frame without a word."""
    lost = source.duration_secs - secs
    if source.codec.startswith(LOSSLESS) and not source.duration_estimated and lost > LOSSLESS_TOLERANCE_SECS:
        raise PermanentError(
            Reason(
                "source_corrupt",
                f"{source.path.name!r} is damaged: {lost:.2f} s of its audio cannot be decoded.",
                "The download is untouched. Recheck the torrent; if it is complete, choose another release.",
                {"file": source.path.name, "path": str(source.path), "lost_secs": round(lost, 3)},
            )
        )


def _check(jobs: Sequence[TrackJob]) -> None:
    """Names are plain and apart, ranges are ranges."""
    taken: set[str] = set()
    for job in jobs:
        name = job.out_name
        if not name.strip(". ") or "/" in name or "\0" in name or len(name.encode("utf-8", "replace")) > 240:
            raise _unplanned(job, f"{name!r} is no name for a file")
        bare = re.sub(r"\.(ogg|opus|mp3|flac|m4a)$", "", name.casefold())
        if bare in taken:
            raise _unplanned(job, f"two tracks would be named {name!r}")
        taken.add(bare)
        start, end = job.start_secs or 0.0, job.end_secs
        if not 0 <= start < (math.inf if end is None else end):
            raise _unplanned(job, f"{start:g} to {end} s is no range of {job.source.name!r}")


def _with_suffix(name: str, suffix: str) -> str:
    return name if name.lower().endswith(suffix) else name + suffix


def _unplanned(job: TrackJob, why: str) -> PermanentError:
    return PermanentError(
        Reason(
            "track_plan_unusable",
            f"Track {job.tags.title!r} cannot be made: {why}.",
            "Correct the wish's tracks or their mapping to files, then retry.",
            {"track": job.tags.title, "file": job.source.name},
        )
    )


def _unproven(job: TrackJob, why: str) -> PermanentError:
    return PermanentError(
        Reason(
            "track_unproven",
            f"Track {job.tags.title!r}, made from {job.source.name!r}, did not pass its check: {why}.",
            "The download is untouched. Look at the file named here; if it is whole, retry with another ffmpeg.",
            {"track": job.tags.title, "file": job.source.name, "detail": why},
        )
    )


def _unusable(error: OSError, job: TrackJob) -> EarmarkError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return disk_full(job.out_name)
    return PermanentError(
        Reason(
            "file_unusable",
            f"Track {job.tags.title!r} could not be made from {job.source.name!r}: {error.strerror or error}.",
            "Check that the folders exist and that Earmark may write there, then retry.",
            {"file": job.source.name, "errno": error.errno},
        )
    )
