"""Finding the cover a download offers and making it a JPEG of sane size.

Pictures come from strangers: their size is read from their first bytes, and only ffmpeg ever decodes one, in its own
process.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mutagen import MutagenError

from earmark.core.reasons import PermanentError
from earmark.media.containers import sniff
from earmark.media.ffmpeg import FfmpegTool, run, url

MAX_EDGE = 1400
MIN_EDGE = 60
MAX_BYTES = 30_000_000
MAX_PIXELS = 100_000_000  # beyond it a picture is an attack on memory
SOURCES_LOOKED_AT = 3
_STEMS = ("cover", "folder", "front")
_SUFFIXES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's format and edges in pixels, from its header."""

    kind: Literal["jpeg", "png"]
    width: int
    height: int

    @property
    def sane(self) -> bool:
        edges = sorted((self.width, self.height))
        return edges[0] >= MIN_EDGE and edges[1] <= edges[0] * 2.5 and self.width * self.height <= MAX_PIXELS


async def pick_cover(folder: Path | None, sources: Sequence[Path], workspace: Path, tool: FfmpegTool) -> Path | None:
    """The largest sane picture named cover, folder or front in `folder`, else the one embedded in the first sources,
    as `workspace/cover.jpg` (JPEG, at most 1,400 pixels an edge). None when there is none or none can be read."""
    await asyncio.to_thread(workspace.mkdir, parents=True, exist_ok=True)
    candidates = await asyncio.to_thread(_in_folder, folder) if folder else []
    embedded = workspace / "cover.embedded"
    try:
        if not candidates:
            candidates = await asyncio.to_thread(_embedded_in, sources[:SOURCES_LOOKED_AT], embedded)
        for path, picture in candidates:
            with contextlib.suppress(PermanentError):  # a broken picture: the next one may be whole
                return await _as_cover(path, picture, workspace / "cover.jpg", tool)
        return None
    finally:
        embedded.unlink(missing_ok=True)


def extract_cover(path: Path, out: Path) -> bool:
    """Write the embedded picture of an audio file to `out` as it is; False when there is none."""
    data = max(_embedded(path), key=len, default=b"")
    if not data:
        return False
    out.write_bytes(data)
    return True


def picture_of(data: bytes) -> Picture | None:
    """Format and size of a JPEG or PNG by its first bytes; None for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        width, height = struct.unpack(">II", data[16:24])
        return Picture("png", width, height)
    if not data.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:  # a start-of-frame segment
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return Picture("jpeg", width, height)
        at += 1 if marker == 0xFF else 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return None


def _in_folder(folder: Path) -> list[tuple[Path, Picture]]:
    """Cover files of the folder and of its sub-folders, largest first."""
    found = []
    for path in [*folder.glob("*"), *folder.glob("*/*")]:
        if path.suffix.lower() in _SUFFIXES and path.stem.casefold().startswith(_STEMS) and path.is_file():
            picture = _sane_picture(path)
            if picture:
                found.append((path, picture))
    return sorted(found, key=lambda f: (-f[1].width * f[1].height, str(f[0])))


def _embedded_in(sources: Iterable[Path], scratch: Path) -> list[tuple[Path, Picture]]:
    for source in sources:
        if extract_cover(source, scratch) and (picture := _sane_picture(scratch)):
            return [(scratch, picture)]
    return []


def _sane_picture(path: Path) -> Picture | None:
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        with path.open("rb") as file:
            picture = picture_of(file.read(1_000_000))
    except (OSError, struct.error):
        return None
    return picture if picture and picture.sane else None


async def _as_cover(path: Path, picture: Picture, out: Path, tool: FfmpegTool) -> Path:
    """`path` itself where it is fit, else scaled and turned into JPEG. Decoded once either way: it must be whole."""
    args = ["-v", "level+error", "-xerror", "-f", f"{picture.kind}_pipe", "-i", url(path), "-frames:v", "1"]
    if picture.kind == "jpeg" and max(picture.width, picture.height) <= MAX_EDGE:
        await run(tool, [*args, "-f", "null", "-"], subject=path.name)
        data = await asyncio.to_thread(path.read_bytes)
    else:
        scale = f"scale=w='min({MAX_EDGE},iw)':h='min({MAX_EDGE},ih)':force_original_aspect_ratio=decrease"
        args += ["-vf", f"{scale},format=yuvj420p", "-c:v", "mjpeg", "-q:v", "3", "-f", "image2pipe", "pipe:1"]
        data = await run(tool, args, subject=path.name)
    await asyncio.to_thread(out.write_bytes, data)
    return out


def _embedded(path: Path) -> list[bytes]:
    """Every picture an audio file carries."""
    import base64

    from mutagen import File
    from mutagen.flac import Picture as FlacPicture

    try:
        if sniff(path) is None:
            return []
        audio = File(path)
        tags = getattr(audio, "tags", None)
        pictures = [bytes(p.data) for p in getattr(audio, "pictures", [])]
        if tags is None:
            return pictures
        if hasattr(tags, "getall"):  # ID3
            return pictures + [bytes(frame.data) for frame in tags.getall("APIC")]
        fields = {str(k).casefold(): v for k, v in dict(tags).items()}
        pictures += [bytes(cover) for cover in fields.get("covr", [])]
        pictures += [bytes(FlacPicture(base64.b64decode(b)).data) for b in fields.get("metadata_block_picture", [])]
    except (MutagenError, OSError, ValueError, KeyError, TypeError):
        return []
    return pictures
