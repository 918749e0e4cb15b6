"""Pictures by their first bytes, and the pictures that audio files carry. Nothing is decoded here: sizes come from
headers, so that a picture from a stranger can be judged before anything works on it."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from mutagen import MutagenError

from earmark.media.containers import sniff

MIN_EDGE = 60
MAX_PIXELS = 50_000_000  # beyond it a picture is an attack on memory: 200 MB once decoded
LONGEST_SHAPE = 2.5  # a banner is no cover
FRONT = 3  # picture type of ID3 and of METADATA_BLOCK_PICTURE


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's format and edges in pixels, from its header. `channels` is known of JPEGs; 4 is ink, not light."""

    kind: Literal["jpeg", "png", "webp", "gif"]
    width: int
    height: int
    channels: int = 3

    @property
    def mime(self) -> str:
        return f"image/{self.kind}"

    @property
    def sane(self) -> bool:
        edges = sorted((self.width, self.height))
        return edges[0] >= MIN_EDGE and edges[1] <= edges[0] * LONGEST_SHAPE and self.width * self.height <= MAX_PIXELS


def picture_of(data: bytes) -> Picture | None:
    """Format and size of a JPEG, PNG, WebP or GIF by its first bytes; None for anything else."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            found = Picture("png", *struct.unpack(">II", data[16:24]))
        elif data.startswith((b"GIF87a", b"GIF89a")):
            found = Picture("gif", *struct.unpack("<HH", data[6:10]))
        elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            found = Picture("webp", *_webp(data))
        elif data.startswith(b"\xff\xd8"):
            found = _jpeg(data)
        else:
            return None
    except (struct.error, IndexError, ValueError):
        return None
    return found if found.width and found.height else None


def embedded_pictures(path: Path) -> list[bytes]:
    """Every picture an audio file carries; front covers first. Empty for what cannot be read."""
    from mutagen import File

    try:
        if sniff(path) is None:
            return []
        audio = File(path)
        pictures = [(int(p.type), bytes(p.data)) for p in getattr(audio, "pictures", None) or []]
        tags: Any = getattr(audio, "tags", None)
        if tags is not None and hasattr(tags, "getall"):  # ID3
            pictures += [(int(frame.type), bytes(frame.data)) for frame in tags.getall("APIC")]
        elif tags is not None:
            pictures += _in_fields({str(k).casefold(): v for k, v in dict(tags).items()})
    except (MutagenError, OSError, ValueError, LookupError, TypeError, AttributeError, struct.error):
        return []
    return [data for _, data in sorted(pictures, key=lambda p: p[0] != FRONT)]


def _in_fields(fields: dict[str, object]) -> list[tuple[int, bytes]]:
    from mutagen.flac import Picture as Block

    pictures = [(FRONT, bytes(cover)) for cover in cast("list[bytes]", fields.get("covr", []))]
    for encoded in cast("list[str]", fields.get("metadata_block_picture", [])):
        block = Block(base64.b64decode(encoded))
        pictures.append((int(block.type), bytes(block.data)))
    old = cast("list[str]", fields.get("coverart", []))  # how Ogg files carried pictures before
    return pictures + [(FRONT, base64.b64decode(encoded)) for encoded in old]


def _jpeg(data: bytes) -> Picture:
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:  # a start-of-frame segment
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return Picture("jpeg", width, height, data[at + 9])
        at += 1 if marker == 0xFF else 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    raise ValueError("no frame header")


def _webp(data: bytes) -> tuple[int, int]:
    """The three layouts of WebP: lossy, lossless, extended."""
    chunk = data[12:16]
    if chunk == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8L":
        (bits,) = struct.unpack("<I", data[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    raise ValueError("no such WebP")
