"""AAC frames as an encoder writes them to a pipe, and where one run of them can give way to another.

ADTS frames are cut apart by their own lengths; nothing is decoded. Two encoders that heard the same sound make frames
that fit together wherever both chose the same window, which stands in the first bits of a frame (ISO/IEC 14496-3,
1.A.2 and 4.4.2).
"""

from __future__ import annotations

from dataclasses import dataclass

BLOCK = 1024  # samples of an AAC frame
_HEADER = 7


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive frames of a book with their ADTS headers; `frames[0]` is frame number `first`."""

    first: int
    frames: list[bytes]

    @property
    def end(self) -> int:
        return self.first + len(self.frames)

    def part(self, start: int, stop: int) -> Run:
        """Frames `start` up to `stop` (exclusive), as far as they are in this run."""
        start, stop = max(start, self.first), min(stop, self.end)
        return Run(start, self.frames[start - self.first : stop - self.first])


class AdtsCutter:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are whole by now. Raises ValueError when the stream is no ADTS."""
        self._rest += data
        rest, at, frames = self._rest, 0, list[bytes]()
        while len(rest) - at >= _HEADER:
            if rest[at] != 0xFF or rest[at + 1] & 0xF6 != 0xF0:
                raise ValueError("no AAC frame where one should begin")
            size = (rest[at + 3] & 0x03) << 11 | rest[at + 4] << 3 | rest[at + 5] >> 5
            if size < _HEADER:
                raise ValueError("an AAC frame shorter than its header")
            if len(rest) - at < size:
                break
            frames.append(bytes(rest[at : at + size]))
            at += size
        del rest[:at]
        return frames


def splice_at(before: Run, after: Run, wanted: int, reach: int) -> int:
    """The frame from which `after` may follow `before`: the nearest to `wanted` where both chose the same window.

    A frame overlaps the one before it; with equal windows the halves cancel each other's aliasing as if one encoder had
    made both. Both runs must hold the frames `reach` around `wanted`; where none of them agrees, `wanted` it is.
    """
    for number in sorted(range(wanted - reach, wanted + reach + 1), key=lambda n: abs(n - wanted)):
        left, right = number - 1 - before.first, number - 1 - after.first
        if 0 <= left < len(before.frames) and 0 <= right < len(after.frames) - 1:
            window = window_of(before.frames[left])
            if window is not None and window == window_of(after.frames[right]):
                return number
    return wanted


def window_of(frame: bytes) -> int | None:
    """Window sequence and shape of a frame as one number; None where the two channels have windows of their own."""
    body = frame[_HEADER if frame[1] & 1 else _HEADER + 2 :][:4]
    bits = int.from_bytes(body.ljust(4, b"\0"), "big")
    element = bits >> 29
    if element == 0:  # one channel: 3 bits kind, 4 tag, 8 gain, 1 reserved, then window sequence and shape
        return bits >> 13 & 0b111
    if element == 1 and bits >> 24 & 1:  # a pair with a common window: 3 kind, 4 tag, 1 common, 1 reserved
        return bits >> 20 & 0b111
    return None
