"""The cover of a book or an album: the largest sane picture that is offered, as a JPEG of sane size.

A picture that was given (the ticket's own, or a metadata provider's) comes before those of the download, which are the
ones embedded in its first files and those beside them. All come from strangers: their size is read from their first
bytes, and only ffmpeg ever decodes one, in its own process. What cannot be used is passed over with a note.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.core.reasons import EarmarkError
from earmark.media.ffmpeg import FfmpegTool, run, url
from earmark.media.pictures import MAX_PIXELS, Picture, embedded_pictures, picture_of

MAX_EDGE = 1400
MAX_COVER_BYTES = 1_500_000  # of what goes into the book
MAX_BYTES = 30_000_000  # of what is looked at
HEAD_BYTES = 1_000_000  # within these a picture says its size
GOOD_EDGE = 300  # a given picture smaller than this (a placeholder, a thumbnail) has to be the largest to be taken
SOURCES_LOOKED_AT = 3
FILES_LOOKED_AT = 5_000
QUALITIES = (3, 5, 8, 12)  # of ffmpeg's JPEG coder, best first

__all__ = ["MAX_BYTES", "MAX_EDGE", "CoverChoice", "choose_cover", "extract_cover", "pick_cover", "picture_of"]

_STEMS = ("cover", "folder", "front", "album")
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif"}
# JPEG knows no transparency: what shines through is white, as on paper.
_ON_WHITE = ",format=rgba,split[a][b];[a]lutrgb=r=255:g=255:b=255:a=255[w];[w][b]overlay=format=gbrp"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CoverChoice:
    """The cover that was made, if any: where it came from and what it measures; `notes` say what was passed over."""

    path: Path | None
    origin: str | None = None
    picture: Picture | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    origin: str
    picture: Picture
    content: Path | bytes
    given: bool = False

    @property
    def rank(self) -> tuple[bool, int]:
        edges = (self.picture.width, self.picture.height)
        return not (self.given and min(edges) >= GOOD_EDGE), -edges[0] * edges[1]


async def pick_cover(
    folder: Path | None, sources: Sequence[Path], workspace: Path, tool: FfmpegTool, *, given: bytes | None = None
) -> Path | None:
    """The best cover as `workspace/cover.jpg` (JPEG, at most 1,400 pixels an edge); None when there is none."""
    choice = await choose_cover(folder, sources, workspace, tool, given=given)
    for note in choice.notes:
        _log.info("%s", note)
    return choice.path


async def choose_cover(
    folder: Path | None, sources: Sequence[Path], workspace: Path, tool: FfmpegTool, *, given: bytes | None = None
) -> CoverChoice:
    """The largest sane picture of: `given`, those embedded in the first `sources`, those in `folder` and its
    sub-folders that are named cover, folder, front or album, or like the book.

    A good `given` wins whatever its size. Never enlarged, shape kept. Raises TransientError `ffmpeg_hung`, `disk_full`.
    """
    await asyncio.to_thread(workspace.mkdir, parents=True, exist_ok=True)
    out, scratch = workspace / "cover.jpg", workspace / "cover.candidate"
    candidates, notes = await asyncio.to_thread(_all_candidates, folder, sources, given)
    try:
        for candidate in candidates:
            try:
                made = await _as_cover(candidate, scratch, out, tool)
            except EarmarkError as error:  # a broken picture: the next one may be whole
                if error.transient and error.reason.code != "ffmpeg_crashed":
                    raise
                notes.append(f"{candidate.origin} was passed over as a cover: {error.reason.message}")
                continue
            return CoverChoice(out, candidate.origin, made, tuple(notes))
        return CoverChoice(None, notes=tuple(notes))
    finally:
        scratch.unlink(missing_ok=True)


def extract_cover(path: Path, out: Path) -> bool:
    """Write the largest embedded picture of an audio file to `out` as it is; False when there is none."""
    data = max(embedded_pictures(path), key=len, default=b"")
    if not data:
        return False
    out.write_bytes(data)
    return True


def _all_candidates(
    folder: Path | None, sources: Sequence[Path], given: bytes | None
) -> tuple[list[_Candidate], list[str]]:
    """Every picture whose header is sane, the best first, with notes on the others."""
    found: list[_Candidate] = []
    notes: list[str] = []
    offers: list[tuple[str, Path | bytes]] = [("the given picture", given)] if given is not None else []
    offers += [(f"{path.name!r}", path) for path in _in_folder(folder, sources)] if folder else []
    for source in sources[:SOURCES_LOOKED_AT]:
        offers += [(f"the picture in {source.name!r}", data) for data in embedded_pictures(source)]
    for origin, content in offers:
        picture = _header(content)
        if picture is None:
            notes.append(f"{origin} was passed over as a cover: it is no picture that can be used.")
        elif not picture.sane:
            size = f"{picture.width} × {picture.height} pixels"
            notes.append(f"{origin} was passed over as a cover: {size} is no sane size for one.")
        else:
            found.append(_Candidate(origin, picture, content, given=content is given))
    return sorted(found, key=lambda candidate: candidate.rank), notes


def _in_folder(folder: Path, sources: Sequence[Path]) -> list[Path]:
    """Picture files that are named as covers are."""
    like_the_book = {folder.name.casefold(), *(source.stem.casefold() for source in sources)}
    files = itertools.islice(_files(folder), FILES_LOOKED_AT)
    return sorted(
        path
        for path in files
        if path.suffix.lower() in _SUFFIXES
        and (path.stem.casefold().startswith(_STEMS) or path.stem.casefold() in like_the_book)
        and path.is_file()
        and not path.is_symlink()  # a download may point anywhere
    )


def _files(folder: Path) -> Iterator[Path]:
    yield from folder.glob("*")
    yield from folder.glob("*/*")


def _header(content: Path | bytes) -> Picture | None:
    try:
        if isinstance(content, bytes):
            return picture_of(content) if len(content) <= MAX_BYTES else None
        if content.stat().st_size > MAX_BYTES:
            return None
        with content.open("rb") as file:
            return picture_of(file.read(HEAD_BYTES))
    except OSError:
        return None


async def _as_cover(candidate: _Candidate, scratch: Path, out: Path, tool: FfmpegTool) -> Picture:
    """The picture as it is where it is fit, else scaled and turned into a JPEG. Decoded either way: it must be whole."""
    picture, content = candidate.picture, candidate.content
    if isinstance(content, bytes):
        await asyncio.to_thread(scratch.write_bytes, content)
    path = scratch if isinstance(content, bytes) else content
    data = await asyncio.to_thread(path.read_bytes)
    # A second frame header may claim more than the first one did: the decoder has the limit, too.
    read = ["-v", "level+error", "-xerror", "-max_pixels", str(MAX_PIXELS), "-f", f"{picture.kind}_pipe"]
    read += ["-i", url(path), "-frames:v", "1"]
    small = max(picture.width, picture.height) <= MAX_EDGE and len(data) <= MAX_COVER_BYTES
    if picture.kind == "jpeg" and picture.channels <= 3 and small:
        await run(tool, [*read, "-f", "null", "-"], subject=candidate.origin)
    else:
        data = await _converted(read, picture, candidate.origin, tool)
    await asyncio.to_thread(out.write_bytes, data)
    return picture_of(data) or picture


async def _converted(read: Sequence[str], picture: Picture, subject: str, tool: FfmpegTool) -> bytes:
    """As a JPEG in light (not ink), at most MAX_EDGE long, at the best quality that keeps it under MAX_COVER_BYTES."""
    ground = "" if picture.kind == "jpeg" else _ON_WHITE
    size = f"scale=w='min({MAX_EDGE},iw)':h='min({MAX_EDGE},ih)':force_original_aspect_ratio=decrease"
    data = b""
    for quality in QUALITIES:
        write = ["-vf", f"{size}{ground},format=yuvj420p", "-c:v", "mjpeg", "-q:v", str(quality)]
        data = await run(tool, [*read, *write, "-f", "image2pipe", "pipe:1"], subject=subject)
        if len(data) <= MAX_COVER_BYTES:
            break
    return data
