"""Several sources on one gapless timeline of PCM, cut into pieces that encoders can work on side by side.

Container durations lie, so nothing is cut before it was decoded: every source is decoded exactly once, in listening
order (the next one starts while the one before is read), its samples are counted as they pass, and the stream is cut
at multiples of the AAC frame of 1,024 samples *counted from the start of the book*. Where a source begins or ends does
not matter for the cut, so one file of ten hours is split as well as 300 short ones, and no header is believed.

Pieces overlap: each starts some frames early, so that its encoder has settled when its own frames begin, and runs on
a little, so that the encoder sees what follows. `segments` drops the overlapping frames again. A piece is about 24 s,
two of them wait at each encoder, so memory does not depend on the length of the book.

Decoding is one stream and therefore the limit with very many cores: mp3 decodes about five times as fast as the fast
AAC coder encodes, and twenty times as fast as the thorough one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

from earmark.core.binding import AudioInfo
from earmark.media.adts import BLOCK
from earmark.media.decode import DecodeAhead, PcmFormat
from earmark.media.ffmpeg import FfmpegTool

LOOKAHEAD = 3  # blocks of silence after the last sample, so that the last real frame is an ordinary one


@dataclass(frozen=True, slots=True)
class Cut:
    """How finely a timeline is cut, in blocks of 1,024 samples. The default segment is about 15 minutes."""

    piece: int = 1024
    warm_up: int = 24
    tail: int = 4
    pieces_a_segment: int = 38

    def starts_at(self, index: int) -> int:
        """The first block of piece `index`, its warm-up included."""
        return max(0, index * self.piece - self.warm_up)


@dataclass(frozen=True, slots=True)
class Piece:
    """PCM of `blocks` blocks from block `first` of the book on. `last`: the timeline ends in it, padded with silence."""

    index: int
    first: int
    blocks: int
    pcm: bytes
    last: bool = False


class Timeline:
    """The decoded sources in order. `counts` holds the samples of every source that was read to its end and was whole.

    `counted`: what an earlier run found out; a source that lies before the place where reading begins is not decoded
    again.
    """

    def __init__(
        self,
        tool: FfmpegTool,
        sources: Sequence[AudioInfo],
        pcm: PcmFormat,
        *,
        counted: Sequence[int] = (),
        on_secs: Callable[[int, float], None],
        on_done: Callable[[int, float], None],
    ) -> None:
        self.counts = list(counted)
        self._tool = tool
        self._sources = sources
        self.pcm = pcm
        self._on_secs = on_secs
        self._on_done = on_done

    @property
    def samples(self) -> int:
        """Samples of the sources read so far."""
        return sum(self.counts)

    async def pcm_from(self, start: int) -> AsyncGenerator[bytes, None]:
        """PCM from sample `start` of the book to its end, in pieces of any size.

        Raises PermanentError `source_corrupt`, TransientError `ffmpeg_crashed`, `ffmpeg_hung`.
        """
        begin = self._skip_to(start)
        unwanted = (start - self.samples) * self.pcm.frame_bytes
        async with DecodeAhead(self._tool, self._sources, self.pcm) as ahead:
            for index in range(begin, len(self._sources)):
                async with ahead.source(index) as decoder:
                    while chunk := await decoder.read():
                        if unwanted:
                            unwanted, chunk = max(0, unwanted - len(chunk)), chunk[unwanted:]
                        if chunk:
                            yield chunk
                            self._on_secs(index, decoder.seconds)
                    await decoder.check()
                    self.counts.append(decoder.samples)
                    self._on_done(index, decoder.seconds)

    def _skip_to(self, start: int) -> int:
        """Forget the counts of sources that must be read again; the first of them."""
        known, self.counts = self.counts, []
        for index, count in enumerate(known):
            if self.samples + count > start:
                break
            self.counts.append(count)
            self._on_done(index, count / self.pcm.rate)
        return len(self.counts)

    async def pieces(self, cut: Cut, first: int = 0) -> AsyncGenerator[Piece, None]:
        """The timeline from piece `first` on. The last piece is always one that says so."""
        block = BLOCK * self.pcm.frame_bytes
        index, begin = first, cut.starts_at(first)
        held = bytearray()
        async for chunk in self.pcm_from(begin * BLOCK):
            held += chunk
            while len(held) >= (blocks := (index + 1) * cut.piece + cut.tail - begin) * block:
                yield Piece(index, begin, blocks, bytes(memoryview(held)[: blocks * block]))
                index += 1
                del held[: (cut.starts_at(index) - begin) * block]
                begin = cut.starts_at(index)
        blocks = -(-self.samples // BLOCK) + LOOKAHEAD - begin
        yield Piece(index, begin, blocks, bytes(held).ljust(blocks * block, b"\0"), last=True)
