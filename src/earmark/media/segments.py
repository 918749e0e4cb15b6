"""Encoding a timeline with all cores, in segments that survive a kill.

Each encoder ("lane") is one long-lived process that gets every n-th piece of the timeline. A frame comes out for every
block that went in, so frames are numbered by counting; those of the overlaps are dropped where two neighbours chose
the same window (`adts.splice_at`), and the rest is one stream as a single encoder would have made it: no gap, no lost
sample, no click. About every 15 minutes of audio the lanes are ended and what they made becomes a file with a line in
a manifest. After a kill the next run of the same plan goes on behind the last whole segment; the lanes of a segment
start afresh, so the same cut and the same lanes make the same bytes, interrupted or not.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from earmark.core.reasons import PermanentError, Reason
from earmark.media.adts import BLOCK, AdtsCutter, Run, splice_at
from earmark.media.ffmpeg import FfmpegRun, FfmpegTool, running
from earmark.media.files import write_whole
from earmark.media.timeline import Cut, Piece, Timeline

SEGMENTS_PREFIX = "segments-"
FORMAT = 1  # of the manifest and of the way segments are cut; another number makes older ones void
REACH = 3  # frames around a seam where two runs may be joined
_WRITE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Segment:
    """A finished piece of the book: frames from `first` on, some of them also in its neighbours.

    `counts`: samples of the sources that had been read to their end by then.
    """

    index: int
    first: int
    frames: int
    sha256: str
    counts: tuple[int, ...]
    last: bool


class SegmentStore:
    """The finished segments of one plan, in a folder of its own."""

    def __init__(self, workspace: Path, digest: str) -> None:
        self.folder = workspace / f"{SEGMENTS_PREFIX}{digest[:32]}"
        self.segments: list[Segment] = []

    def open(self) -> None:
        """Find the segments that are whole; what comes after the first damaged one is forgotten."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.segments = []
        for segment in self._listed():
            if segment.index != len(self.segments) or not self._is_whole(segment):
                break
            self.segments.append(segment)

    @property
    def complete(self) -> bool:
        return bool(self.segments) and self.segments[-1].last

    @property
    def counts(self) -> tuple[int, ...]:
        return self.segments[-1].counts if self.segments else ()

    def keep(self, run: Run, counts: Sequence[int], *, last: bool) -> None:
        """Write the next segment, then the manifest that names it; each is there whole or not at all."""
        data = b"".join(run.frames)
        index = len(self.segments)
        write_whole(self._path(index), data)
        sha = hashlib.sha256(data).hexdigest()
        self.segments.append(Segment(index, run.first, len(run.frames), sha, tuple(counts), last))
        listing = {"format": FORMAT, "segments": [asdict(s) for s in self.segments]}
        write_whole(self._manifest, json.dumps(listing).encode())

    def joined(self) -> Iterator[bytes]:
        """The whole book as ADTS, about a segment at a time."""
        before: Run | None = None
        start = 0
        for segment in self.segments:
            run = Run(segment.first, AdtsCutter().feed(self._path(segment.index).read_bytes()))
            if before is not None:
                seam = splice_at(before, run, run.first + REACH + 1, REACH)
                yield b"".join(before.part(start, seam).frames)
                start = seam
            before = run
        if before is not None:
            yield b"".join(before.part(start, before.end).frames)

    def sweep(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _manifest(self) -> Path:
        return self.folder / "manifest.json"

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:05}.aac"

    def _listed(self) -> list[Segment]:
        try:
            listing = json.loads(self._manifest.read_bytes())
            if listing["format"] != FORMAT:
                return []
            return [Segment(**{**s, "counts": tuple(s["counts"])}) for s in listing["segments"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def _is_whole(self, segment: Segment) -> bool:
        try:
            return hashlib.sha256(self._path(segment.index).read_bytes()).hexdigest() == segment.sha256
        except OSError:
            return False


async def encode_segments(
    tool: FfmpegTool,
    timeline: Timeline,
    store: SegmentStore,
    *,
    encoder_args: Sequence[str],
    cut: Cut,
    lanes: int,
    on_segment: Callable[[Segment], None] = lambda _: None,
) -> None:
    """Encode what `store` does not hold yet. `encoder_args`: PCM on pipe:0 to ADTS on pipe:1, a frame a block.

    Raises what decoding raises, PermanentError `ffmpeg_failed`, TransientError `ffmpeg_crashed`, `ffmpeg_hung`;
    OSError when a segment cannot be written.
    """
    if store.complete:
        return
    first = len(store.segments) * cut.pieces_a_segment
    async with _together() as group, aclosing(timeline.pieces(cut, first)) as pieces:
        row = _Row(tool, encoder_args, lanes, group)
        ending: asyncio.Task[None] | None = None  # the segment before the one that is being fed

        async def end(row: _Row, counts: list[int], last: bool) -> None:
            run = _trimmed(await row.finish(cut), cut, timeline, last)
            await asyncio.to_thread(store.keep, run, counts, last=last)
            on_segment(store.segments[-1])

        async for piece in pieces:
            await row.add(piece)
            if piece.last or (piece.index + 1) % cut.pieces_a_segment == 0:
                if ending is not None:
                    await ending
                ending = group.create_task(end(row, list(timeline.counts), piece.last))
                row = _Row(tool, encoder_args, lanes, group)


class _Row:
    """The lanes of one segment: piece n goes to lane n modulo their number. A lane starts with its first piece."""

    def __init__(self, tool: FfmpegTool, args: Sequence[str], lanes: int, group: asyncio.TaskGroup) -> None:
        self._tool, self._args, self._group = tool, args, group
        self._width = lanes
        self._queues: list[asyncio.Queue[Piece | None]] = []
        self._lanes: list[asyncio.Task[list[Run]]] = []
        self._fed: list[int] = []

    async def add(self, piece: Piece) -> None:
        if len(self._lanes) < self._width:
            queue: asyncio.Queue[Piece | None] = asyncio.Queue(1)
            self._queues.append(queue)
            self._lanes.append(self._group.create_task(_encode_lane(self._tool, self._args, queue)))
        await self._queues[len(self._fed) % self._width].put(piece)
        self._fed.append(piece.index)

    async def finish(self, cut: Cut) -> Run:
        """End the lanes; their frames as one run."""
        for queue in self._queues:
            await queue.put(None)
        made = [await lane for lane in self._lanes]
        whole = Run(0, [])
        for n, index in enumerate(self._fed):
            run = made[n % self._width][n // self._width]
            if n == 0:
                whole = run
                continue
            seam = splice_at(whole, run, index * cut.piece, REACH)
            del whole.frames[seam - whole.first :]
            whole.frames.extend(run.part(seam, run.end).frames)
        return whole


async def _encode_lane(tool: FfmpegTool, args: Sequence[str], queue: asyncio.Queue[Piece | None]) -> list[Run]:
    """One encoder process from its first piece to its last; the frames of each piece that an encoder had settled for."""
    fed: list[tuple[int, int]] = []
    async with running(tool, args, subject="the book", feed=True) as encoder:
        taking = asyncio.create_task(_frames(encoder))
        try:
            while piece := await queue.get():
                fed.append((piece.first, piece.blocks))
                pcm = memoryview(piece.pcm)
                for at in range(0, len(pcm), _WRITE_BYTES):
                    if not await encoder.write(pcm[at : at + _WRITE_BYTES]):
                        raise encoder.error(await encoder.finish())
            frames = await encoder.ended(taking)
            code = await encoder.finish()
            if code != 0:
                raise encoder.error(code)
        except ValueError as error:
            raise _odd_encoder(str(error)) from error
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
    if len(frames) < sum(blocks for _, blocks in fed):
        raise _odd_encoder(f"{len(frames)} frames came out for {sum(blocks for _, blocks in fed)} blocks")
    return _numbered(frames, fed)


async def _frames(encoder: FfmpegRun) -> list[bytes]:
    """All frames of an encoder. It may be silent for long while it waits for its next piece."""
    cutter, frames = AdtsCutter(), list[bytes]()
    while chunk := await encoder.read(patience_secs=math.inf):
        frames += cutter.feed(chunk)
    return frames


def _numbered(frames: list[bytes], fed: Sequence[tuple[int, int]]) -> list[Run]:
    """Frames by the pieces they came from: one for every block. A piece's first frame still sounds of the piece before
    it in the same lane, and its last one was made with a look ahead at the next: both are left out."""
    runs, at = [], 0
    for first, blocks in fed:
        skip = 0 if first == 0 else 1
        runs.append(Run(first + skip, frames[at + skip : at + blocks - 1]))
        at += blocks
    return runs


def _trimmed(run: Run, cut: Cut, timeline: Timeline, last: bool) -> Run:
    """A segment without most of its warm-up, and without the silence after the book's last sample."""
    start = run.first if run.first == 0 else run.first - 1 + cut.warm_up - REACH - 1
    stop = -(-timeline.samples // BLOCK) + 1 if last else run.end
    return run.part(start, stop)


def _odd_encoder(why: str) -> PermanentError:
    return PermanentError(
        Reason(
            "ffmpeg_failed",
            f"ffmpeg's AAC encoder did not behave as expected: {why}.",
            "Set converter.ffmpeg_path to another ffmpeg and retry.",
            {"detail": why},
        )
    )


@asynccontextmanager
async def _together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose first error comes out as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
