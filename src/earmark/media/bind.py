"""Several audio files become one book that is proven before anybody sees it.

`FfmpegBinder` is the house's AudioBinder. All work happens in folders of its own inside the workspace; the book appears
at its place by one rename, after it was decoded, measured and read back. Sources are opened for reading only. Finished
segments of an encode that was killed stay in the workspace for the next run of the same plan.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import accumulate
from pathlib import Path

from earmark.core.binding import AudioInfo, BindPlan, BindProgress, BoundBook, Chapter
from earmark.core.reasons import PermanentError, Reason, TransientError
from earmark.core.tagging import presentable
from earmark.media import cover as covers
from earmark.media import tags as tagging
from earmark.media.decode import decoding
from earmark.media.encode import (
    aac_args,
    book_bitrate,
    book_format,
    book_suffix,
    check_codec,
    encode_alone,
    join_mp3,
    mux_book,
    mux_frames,
)
from earmark.media.ffmpeg import FfmpegTool, Lanes, disk_full
from earmark.media.files import copy_bytes, publish
from earmark.media.mp3 import joined_lengths, stated_gap
from earmark.media.plan import book_chapters
from earmark.media.probe import probe
from earmark.media.progress import Reporter
from earmark.media.proof import (
    COPY_TOLERANCE_SECS,
    DURATION_TOLERANCE_SECS,
    ENCODE_TOLERANCE_SECS,
    Placed,
    prove_bound,
    prove_passthrough,
    unproven,
)
from earmark.media.segments import SEGMENTS_PREFIX, SegmentStore, encode_segments
from earmark.media.streamcopy import copy_timeline
from earmark.media.timeline import Cut, Timeline

ROOM_PREFIX = "bind-"
_UNCOPYABLE = frozenset({"proof_failed", "ffmpeg_failed", "copy_impossible"})


class FfmpegBinder:
    """Binds at most `max_parallel` books at once, with `cores` of the machine among them (None: all that this process
    may use). Belongs to one event loop."""

    def __init__(
        self, tool: FfmpegTool, max_parallel: int = 4, *, cores: int | None = None, cut: Cut | None = None
    ) -> None:
        self.tool = tool
        self._slots = asyncio.Semaphore(max_parallel)
        self._lanes = Lanes(cores)
        self._cut = cut or Cut()

    @property
    def cores(self) -> int:
        """How many cores all books share."""
        return self._lanes.count

    async def probe(self, path: Path) -> AudioInfo:
        """Raises PermanentError `not_audio` for a file that is no audio."""
        return await probe(path, self.tool)

    async def pick_cover(
        self, folder: Path | None, sources: Sequence[Path], workspace: Path, *, given: bytes | None = None
    ) -> Path | None:
        """The best cover that is given or that the download offers, as `workspace/cover.jpg`; None when there is none."""
        return await covers.pick_cover(folder, sources, workspace, self.tool, given=given)

    async def bind(
        self, plan: BindPlan, out: Path, workspace: Path, on_progress: Callable[[BindProgress], None]
    ) -> BoundBook:
        """Make the book at `out` (whose name ends in `book_suffix(plan)`), prove it by decoding it, say what it is.

        Raises PermanentError `source_corrupt`, `proof_failed`, `ffmpeg_failed`, `codec_unavailable`; TransientError
        `ffmpeg_crashed`, `ffmpeg_hung`, `disk_full`. Whatever is raised, nothing new stands at `out`.
        """
        async with self._slots:
            reporter = Reporter(plan, on_progress)
            try:
                await asyncio.to_thread(_check_room, plan, out, workspace)
                store = SegmentStore(workspace, await asyncio.to_thread(_digest, self.tool, plan, self._cut))
                with _room(workspace, store) as room:
                    book = await self._make(plan, room, store, reporter)
                    await publish(book.path, out)
            except OSError as error:
                raise _named(error, out) from error
            return replace(book, path=out)

    async def _make(self, plan: BindPlan, room: Path, store: SegmentStore, reporter: Reporter) -> BoundBook:
        if plan.passthrough:
            return await self._pass_through(plan, room / "book.m4b", reporter)
        suffix = book_suffix(plan)
        if suffix == "mp3":
            return await self._join_mp3(plan, room, reporter)
        if suffix == "m4b" and _all_aac(plan):
            try:
                return await self._copy_streams(plan, room, reporter)
            except PermanentError as error:
                if error.reason.code not in _UNCOPYABLE:
                    raise  # else: streams that cannot be copied truly (edit lists, odd framing) are encoded instead
        if suffix == "opus" or plan.profile.codec == "he-aac":
            await check_codec(self.tool, plan)
            return await self._encode_alone(plan, room, reporter)
        return await self._encode(plan, room, store, reporter)

    async def _pass_through(self, plan: BindPlan, copy: Path, reporter: Reporter) -> BoundBook:
        source = plan.sources[0]
        await copy_bytes(source.path, copy)
        async with self._lanes.some() as lanes:
            book = await prove_passthrough(
                self.tool,
                copy,
                source,
                lambda secs: reporter.of_book("verify", source.chapters, secs, source.duration_secs),
                lanes=lanes,
            )
        reporter.of_book("verify", source.chapters, book.duration_secs, book.duration_secs)
        return book

    async def _copy_streams(self, plan: BindPlan, room: Path, reporter: Reporter) -> BoundBook:
        """AAC of one kind: not a packet changes; chapters and tags are new."""
        book = room / "book.m4b"
        secs = await copy_timeline(
            self.tool,
            plan.sources,
            book,
            on_secs=lambda index, done: reporter.of_sources("copy", index, done),
            on_done=reporter.source_done,
            chapters_of=lambda lengths: book_chapters(plan, lengths).chosen.chapters,
        )
        placed = [Placed(s, at) for s, at in zip(plan.sources, accumulate(secs, initial=0.0), strict=False)]
        return await self._finish(plan, book, secs, reporter, COPY_TOLERANCE_SECS, placed)

    async def _encode(self, plan: BindPlan, room: Path, store: SegmentStore, reporter: Reporter) -> BoundBook:
        """All cores encode the timeline to AAC, from where an earlier run was interrupted."""
        pcm = book_format(plan)
        await asyncio.to_thread(store.open)
        timeline = self._timeline(plan, reporter, store.counts)
        async with self._lanes.some() as lanes:
            args = aac_args(plan)
            await encode_segments(self.tool, timeline, store, encoder_args=args, cut=self._cut, lanes=lanes)
        counts = store.counts
        for index, count in enumerate(counts):
            reporter.source_done(index, count / pcm.rate)
        reporter.of_sources("encode", len(counts) - 1, counts[-1] / pcm.rate)
        secs = [n / pcm.rate for n in counts]
        book = room / "book.m4b"
        await mux_frames(
            self.tool,
            store.joined(),
            samples=sum(counts),
            chapters=book_chapters(plan, secs).chosen.chapters,
            out=book,
            listing=room / "chapters.txt",
        )
        return await self._finish(plan, book, secs, reporter, ENCODE_TOLERANCE_SECS)

    async def _encode_alone(self, plan: BindPlan, room: Path, reporter: Reporter) -> BoundBook:
        """Opus and HE-AAC: one encoder for the whole timeline."""
        timeline = self._timeline(plan, reporter)
        opus = plan.profile.codec == "opus"
        audio = room / ("book.opus" if opus else "audio.m4a")
        async with self._lanes.some(2):
            await encode_alone(self.tool, plan, timeline, audio)
        secs = [n / timeline.pcm.rate for n in timeline.counts]
        if opus:
            return await self._finish(plan, audio, secs, reporter)
        marks = book_chapters(plan, secs).chosen.chapters
        await mux_book(self.tool, audio, marks, room / "book.m4b", room / "chapters.txt")
        return await self._finish(plan, room / "book.m4b", secs, reporter)

    async def _join_mp3(self, plan: BindPlan, room: Path, reporter: Reporter) -> BoundBook:
        """MP3 sources of one kind stay as they are; each is decoded once to know that it is whole and how long."""
        pcm, samples = book_format(plan), list[int]()
        async with self._lanes.some(1):
            for index, source in enumerate(plan.sources):
                async with decoding(self.tool, source, pcm, every_frame=True) as decoder:
                    while await decoder.read():
                        reporter.of_sources("decode", index, decoder.seconds)
                    await decoder.check()
                    samples.append(decoder.samples)
                    reporter.source_done(index, decoder.seconds)
        book = room / "book.mp3"
        await join_mp3(self.tool, plan.sources, book, room / "sources.txt")
        gaps = [await asyncio.to_thread(stated_gap, path) for path in (book, *(s.path for s in plan.sources))]
        secs = [n / pcm.rate for n in joined_lengths(samples, gaps[1:], gaps[0])]
        return await self._finish(plan, book, secs, reporter)

    async def _finish(
        self,
        plan: BindPlan,
        book: Path,
        source_secs: Sequence[float],
        reporter: Reporter,
        tolerance_secs: float = DURATION_TOLERANCE_SECS,
        placed: Sequence[Placed] = (),
    ) -> BoundBook:
        """Tags, cover, proof."""
        total = sum(source_secs)
        marks = book_chapters(plan, source_secs)
        chapters = marks.chosen.chapters
        await asyncio.to_thread(_write_tags, book, plan, chapters)
        async with self._lanes.some() as lanes:
            proven = await prove_bound(
                self.tool,
                book,
                expected_secs=total,
                chapters=chapters,
                on_secs=lambda secs: reporter.of_book("verify", chapters, secs, total),
                tolerance_secs=tolerance_secs,
                placed=placed,
                lanes=lanes,
            )
        await asyncio.to_thread(_check_tags, book, plan)
        reporter.of_book("verify", chapters, total, total)
        return replace(proven, chapters_from=marks.chosen.source, chapters_considered=marks.considered)

    def _timeline(self, plan: BindPlan, reporter: Reporter, counted: Sequence[int] = ()) -> Timeline:
        return Timeline(
            self.tool,
            plan.sources,
            book_format(plan),
            counted=counted,
            on_secs=lambda index, secs: reporter.of_sources("encode", index, secs),
            on_done=reporter.source_done,
        )


def _all_aac(plan: BindPlan) -> bool:
    return all(s.codec == "aac" for s in plan.sources)


def _write_tags(book: Path, plan: BindPlan, chapters: Sequence[Chapter]) -> None:
    if book.stat().st_size == 0:
        raise unproven("it is empty")
    marks = () if book.suffix == ".m4b" else chapters  # an M4B got its marks when it was muxed
    tagging.write_tags(book, plan.tags, plan.cover, chapters=marks)


def _check_tags(book: Path, plan: BindPlan) -> None:
    if tagging.read_tags(book) != presentable(plan.tags):
        raise unproven("its tags do not read back as they were written")
    if plan.cover is not None and not tagging.has_cover(book):
        raise unproven("its cover does not read back")


def _check_room(plan: BindPlan, out: Path, workspace: Path) -> None:
    """Folders exist, the sources are not in the way, and there is space for the segments and the book."""
    if any(s.path.resolve() == out.resolve() for s in plan.sources):
        raise PermanentError(
            Reason(
                "source_in_the_way",
                f"{out.name!r} is a source of the book and would be overwritten.",
                "Choose another place for the book: files of a download are never changed.",
                {"file": str(out)},
            )
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    workspace.mkdir(parents=True, exist_ok=True)
    size = sum(s.path.stat().st_size for s in plan.sources)
    encoded = round(2.2 * plan.total_secs * book_bitrate(plan) * 1000 / 8)
    copied = plan.passthrough or book_suffix(plan) == "mp3"
    needed = size if copied else max(size, encoded) if _all_aac(plan) else encoded
    free = shutil.disk_usage(workspace).free
    if free < needed + 5_000_000:
        raise TransientError(
            Reason(
                "disk_full",
                f"Binding needs about {needed // 1_000_000 + 5} MB in the workspace, and {free // 1_000_000} MB are free.",
                f"Free some space on the disk of {str(workspace)!r}. A service (converter.temp_dir) then goes on by itself.",
                {"needed_bytes": needed, "free_bytes": free},
            )
        )


def _digest(tool: FfmpegTool, plan: BindPlan, cut: Cut) -> str:
    """What decides every byte of the encoded sound: an encode with the same digest may go on where it stopped."""
    facts = {
        "sources": [
            (str(s.path.resolve()), stat.st_size, stat.st_mtime_ns) for s in plan.sources for stat in (s.path.stat(),)
        ],
        "pcm": asdict(book_format(plan)),
        "encoder": aac_args(plan),
        "cut": asdict(cut),
        "ffmpeg": tool.version,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@contextmanager
def _room(workspace: Path, store: SegmentStore) -> Iterator[Path]:
    """A folder for one run. Leftovers of a run that was killed are swept first, but for segments of the same plan; a new
    name keeps a dying ffmpeg of that run from writing into ours. What ends for a passing reason keeps its segments."""
    for leftover in [*workspace.glob(f"{ROOM_PREFIX}*"), *workspace.glob(f"{SEGMENTS_PREFIX}*")]:
        if leftover != store.folder:
            shutil.rmtree(leftover, ignore_errors=True)
    room = Path(tempfile.mkdtemp(prefix=ROOM_PREFIX, dir=workspace))
    goes_on = False
    try:
        yield room
    except (TransientError, asyncio.CancelledError):
        goes_on = bool(store.segments)
        raise
    finally:
        shutil.rmtree(room, ignore_errors=True)
        if not goes_on:
            store.sweep()


def _named(error: OSError, out: Path) -> PermanentError | TransientError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return disk_full(out.name)
    name = os.path.basename(str(error.filename or out))  # noqa: PTH119 - the name may be no path of ours
    return PermanentError(
        Reason(
            "file_unusable",
            f"{name!r} could not be read or written: {error.strerror or error}.",
            "Check that the folder exists and that Earmark may write there, then retry.",
            {"file": name, "errno": error.errno},
        )
    )
