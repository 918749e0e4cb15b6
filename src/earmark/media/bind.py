"""Several audio files become one M4B that is proven before anybody sees it.

`FfmpegBinder` is the house's AudioBinder. All work happens in a folder of its own inside the workspace; the book
appears at its place by one rename, after it was decoded, measured and read back. Sources are opened for reading only.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mutagen import MutagenError

from earmark.core.binding import AudioInfo, BindPlan, BindProgress, BoundBook
from earmark.core.reasons import PermanentError, Reason, TransientError
from earmark.media import cover as covers
from earmark.media import tags as tagging
from earmark.media.decode import common_format
from earmark.media.encode import choose_bitrate, encode_timeline, mux_book
from earmark.media.ffmpeg import FfmpegTool, disk_full
from earmark.media.files import copy_bytes, publish
from earmark.media.plan import book_chapters
from earmark.media.probe import probe
from earmark.media.progress import Reporter
from earmark.media.proof import decoded_secs, prove_bound, prove_passthrough, unproven

ROOM_PREFIX = "bind-"


class FfmpegBinder:
    """Binds at most `max_parallel` books at once. Belongs to one event loop."""

    def __init__(self, tool: FfmpegTool, max_parallel: int = 4) -> None:
        self.tool = tool
        self._slots = asyncio.Semaphore(max_parallel)

    async def probe(self, path: Path) -> AudioInfo:
        """Raises PermanentError `not_audio` for a file that is no audio."""
        return await probe(path, self.tool)

    async def pick_cover(self, folder: Path | None, sources: Sequence[Path], workspace: Path) -> Path | None:
        """The best cover the download offers, as `workspace/cover.jpg`; None when it offers none."""
        return await covers.pick_cover(folder, sources, workspace, self.tool)

    async def bind(
        self, plan: BindPlan, out: Path, workspace: Path, on_progress: Callable[[BindProgress], None]
    ) -> BoundBook:
        """Make the book at `out`, prove it by decoding it, and say what it is.

        Raises PermanentError `source_corrupt`, `proof_failed`, `ffmpeg_failed`; TransientError `ffmpeg_crashed`,
        `ffmpeg_hung`, `disk_full`. Whatever is raised, nothing new stands at `out`.
        """
        async with self._slots:
            reporter = Reporter(plan, on_progress)
            try:
                await asyncio.to_thread(_check_room, plan, out, workspace)
                with _room(workspace) as room:
                    book = await self._make(plan, room, reporter)
                    await publish(book.path, out)
            except OSError as error:
                raise _named(error, out) from error
            return replace(book, path=out)

    async def _make(self, plan: BindPlan, room: Path, reporter: Reporter) -> BoundBook:
        if plan.passthrough:
            return await self._pass_through(plan, room / "book.m4b", reporter)
        if len(plan.sources) == 1 and plan.sources[0].codec == "aac":
            try:
                return await self._copy_stream(plan, room, reporter)
            except PermanentError as error:
                if error.reason.code not in {"proof_failed", "ffmpeg_failed"}:
                    raise  # else: a stream that cannot be copied truly (edit lists, odd framing) is encoded instead
        return await self._encode(plan, room, reporter)

    async def _pass_through(self, plan: BindPlan, copy: Path, reporter: Reporter) -> BoundBook:
        source = plan.sources[0]
        await copy_bytes(source.path, copy)
        book = await prove_passthrough(
            self.tool,
            copy,
            source,
            lambda secs: reporter.of_book("verify", source.chapters, secs, source.duration_secs),
        )
        reporter.of_book("verify", source.chapters, book.duration_secs, book.duration_secs)
        return book

    async def _copy_stream(self, plan: BindPlan, room: Path, reporter: Reporter) -> BoundBook:
        """One AAC source: its stream is kept, chapters and tags are new."""
        source = plan.sources[0]
        secs = await decoded_secs(self.tool, source, lambda done: reporter.of_sources("decode", 0, done))
        reporter.source_done(0, secs)
        return await self._finish(plan, room, source.path, [secs], reporter)

    async def _encode(self, plan: BindPlan, room: Path, reporter: Reporter) -> BoundBook:
        pcm = common_format(plan.sources)
        audio = room / "audio.m4a"
        samples = await encode_timeline(
            self.tool,
            plan.sources,
            audio,
            pcm=pcm,
            bitrate_kbps=choose_bitrate(plan.sources, pcm.channels, plan.bitrate_kbps),
            on_secs=lambda index, secs: reporter.of_sources("encode", index, secs),
            on_done=reporter.source_done,
        )
        return await self._finish(plan, room, audio, [n / pcm.rate for n in samples], reporter)

    async def _finish(
        self, plan: BindPlan, room: Path, audio: Path, source_secs: Sequence[float], reporter: Reporter
    ) -> BoundBook:
        """Chapters, tags, cover, proof."""
        total = sum(source_secs)
        chapters = book_chapters(plan, source_secs).chosen.chapters
        book = room / "book.m4b"
        await mux_book(self.tool, audio, chapters, book, room / "chapters.txt")
        await asyncio.to_thread(_write_tags, book, plan)
        proven = await prove_bound(
            self.tool,
            book,
            expected_secs=total,
            chapters=chapters,
            on_secs=lambda secs: reporter.of_book("verify", chapters, secs, total),
        )
        await asyncio.to_thread(_check_tags, book, plan)
        reporter.of_book("verify", chapters, total, total)
        return proven


def _write_tags(book: Path, plan: BindPlan) -> None:
    if book.stat().st_size == 0:
        raise unproven("it is empty")
    try:
        tagging.write_tags(book, plan.tags, plan.cover)
    except MutagenError as error:
        raise unproven(f"its tags could not be written: {error}") from error


def _check_tags(book: Path, plan: BindPlan) -> None:
    found = tagging.read_tags(book)
    if (found.title, tagging.joined(found.authors)) != (plan.tags.title, tagging.joined(plan.tags.authors)):
        raise unproven("its tags do not read back as they were written")
    if plan.cover is not None and not tagging.has_cover(book):
        raise unproven("its cover does not read back")


def _check_room(plan: BindPlan, out: Path, workspace: Path) -> None:
    """Folders exist, the sources are not in the way, and there is space for the book."""
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
    rate = choose_bitrate(plan.sources, common_format(plan.sources).channels, plan.bitrate_kbps)
    needed = size if plan.passthrough else round(2.2 * plan.total_secs * rate * 1000 / 8)
    free = shutil.disk_usage(workspace).free
    if free < needed + 5_000_000:
        raise TransientError(
            Reason(
                "disk_full",
                f"Binding needs about {needed // 1_000_000 + 5} MB in the workspace, and {free // 1_000_000} MB are free.",
                "Free some space where converter.temp_dir is; it is tried again on its own.",
                {"needed_bytes": needed, "free_bytes": free},
            )
        )


@contextmanager
def _room(workspace: Path) -> Iterator[Path]:
    """A folder for one run. Leftovers of a run that was killed are swept first; a new name keeps a dying ffmpeg of
    that run from writing into ours."""
    for leftover in workspace.glob(f"{ROOM_PREFIX}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    room = Path(tempfile.mkdtemp(prefix=ROOM_PREFIX, dir=workspace))
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


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
