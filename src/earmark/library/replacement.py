"""What stands where a book should go, compared with the book: the facts for somebody's decision, and what a replacement
would put away. Reads only. What is not the book's, notes or somebody's own pictures, is nobody's to remove."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from earmark.core.reasons import JsonValue
from earmark.library.plan import IMAGES, PlacementPlan
from earmark.library.staging import TEMP_NAME, Content, Digest, digest_of

AUDIO = frozenset(
    {
        *(".m4b", ".m4a", ".mp3", ".mp4", ".flac", ".ogg", ".oga", ".opus", ".aac", ".wma", ".wav", ".aif", ".aiff"),
        *(".mka", ".mpa", ".mp2", ".ac3", ".awb", ".caf", ".webm", ".webma"),
    }
)
"""What a media server takes for the sound of a book (Audiobookshelf's `SupportedAudioTypes`, and mp2, ac3)."""
EBOOKS = frozenset({".epub", ".pdf", ".mobi", ".azw3", ".azw", ".cbz", ".cbr", ".fb2", ".kepub"})

_DISC = re.compile(r"(cd|dis[ck]|part|side|disque|teil)\s*\W?\s*([0-9]{1,3}|[a-d]|[ivx]+)", re.IGNORECASE)

FoundKind = Literal["audio", "ebook", "image", "other"]


@dataclass(frozen=True, slots=True)
class Found:
    """One file that is there: its path below the folder, its size in bytes; `identical` to the planned file of that
    name, byte for byte; `goes` when a replacement would put it into the recycle folder."""

    name: str
    size: int
    kind: FoundKind
    identical: bool
    goes: bool
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The book that is there and the one that should come. `same`: every book file is there already, and no other."""

    folder: Path
    found: tuple[Found, ...]
    wanted: Mapping[str, int]  # planned name -> bytes
    same: bool
    seconds_there: float | None = None
    seconds_wanted: float | None = None

    @property
    def goes(self) -> tuple[str, ...]:
        """What a replacement puts into the recycle folder."""
        return tuple(found.name for found in self.found if found.goes)

    def as_json(self) -> dict[str, JsonValue]:
        """For a reason's evidence: at most fifty files."""
        found: list[JsonValue] = [_json(file) for file in self.found[:50]]
        wanted: list[JsonValue] = [{"name": name, "size": size} for name, size in self.wanted.items()]
        facts: dict[str, JsonValue] = {
            "folder": str(self.folder),
            "found": found,
            "found_count": len(self.found),
            "wanted": wanted,
        }
        seconds = {"seconds_there": self.seconds_there, "seconds_wanted": self.seconds_wanted}
        return facts | {name: value for name, value in seconds.items() if value is not None}


def compare_existing(
    folder: Path,
    plan: PlacementPlan,
    *,
    durations: Mapping[str, float] | None = None,
    seconds_wanted: float | None = None,
    check: Callable[[], None] = lambda: None,
) -> Comparison:
    """Compare what is in `folder` with the plan. Only files of equal size are read. `durations` are the known lengths
    in seconds of files there, by name. Raises `OSError`, `source_missing`."""
    wanted = {file.name: file for file in plan.files}
    ebook = any(Path(file.name).suffix.lower() in EBOOKS for file in plan.files if file.kind == "book")
    audio = any(Path(file.name).suffix.lower() in AUDIO for file in plan.files if file.kind == "book")
    found: list[Found] = []
    for name, path in _files_of(folder):
        kind = kind_of(path)
        identical = name in wanted and same_bytes(path, wanted[name].source, None, check)
        own_kind = (kind == "audio" and audio) or (kind == "ebook" and ebook)
        goes = not identical and (name in wanted or own_kind)
        size = path.lstat().st_size
        found.append(Found(name, size, kind, identical, goes, (durations or {}).get(name)))
    books = {file.name for file in plan.files if file.kind == "book"}
    there = {file.name for file in found if file.identical}
    others = [file for file in found if file.goes and file.kind in {"audio", "ebook"}]
    lengths = [file.seconds for file in found if file.seconds is not None]
    return Comparison(
        folder,
        tuple(found),
        {name: size_of(file.source) for name, file in wanted.items()},
        same=bool(books) and books <= there and not others,
        seconds_there=sum(lengths) if lengths else None,
        seconds_wanted=seconds_wanted,
    )


def same_bytes(path: Path, source: Content, sha256: str | None, check: Callable[[], None]) -> bool:
    """Is the regular file `path` the same, byte for byte, as `source`? Two names of one file need no reading.
    `sha256` of the source, where it is known."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != size_of(source):
        return False
    if isinstance(source, Path) and path.samefile(source):
        return True
    wanted = Digest(size_of(source), sha256) if sha256 is not None else digest_of(source, check)
    return digest_of(path, check) == wanted


def size_of(source: Content) -> int:
    """In bytes; -1 for a file that is gone."""
    if isinstance(source, bytes):
        return len(source)
    return source.lstat().st_size if os.path.lexists(source) else -1


def kind_of(path: Path) -> FoundKind:
    """By the ending of the name."""
    suffix = path.suffix.lower()
    if suffix in AUDIO:
        return "audio"
    return "ebook" if suffix in EBOOKS else "image" if suffix in IMAGES else "other"


def names_in(folder: Path) -> frozenset[str]:
    """What is in a folder, without our own unfinished things."""
    if not folder.is_dir():
        return frozenset()
    return frozenset(path.name for path in folder.iterdir() if not TEMP_NAME.fullmatch(path.name))


def _files_of(folder: Path) -> list[tuple[str, Path]]:
    """The files of a book: those in its folder, and in the folders of its discs. Other folders are other books."""
    found: list[tuple[str, Path]] = []
    for name in sorted(names_in(folder)):
        path = folder / name
        if path.is_symlink() or not path.is_dir():
            found.append((name, path))
        elif _DISC.fullmatch(name):
            found += [(f"{name}/{inner}", path / inner) for inner in sorted(names_in(path))]
    return found


def _json(file: Found) -> JsonValue:
    facts: dict[str, JsonValue] = {"name": file.name, "size": file.size, "identical": file.identical}
    facts |= {"kind": file.kind, "goes": file.goes}
    return facts if file.seconds is None else facts | {"seconds": file.seconds}
