"""What lies beside the audio files of a book: CUE sheets and playlists that say more about it, and documents to keep.

Everything here was written by strangers: sheets are read up to a size, links are not followed, and names in sheets are
only compared with files that are known already. A sheet that cannot be read is a note, never a failure.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.core.ordering import natural_key
from earmark.media.cue import parse_cue
from earmark.media.playlists import Shelfmarks, decode_sheet, parse_m3u, parse_pls

SHEETS = frozenset({".cue", ".m3u", ".m3u8", ".pls"})
DOCUMENTS = frozenset({".pdf", ".epub", ".mobi", ".azw3", ".cbz", ".nfo", ".txt", ".cue", ".jpg", ".jpeg", ".png"})
_MAX_BYTES = 1_000_000
_MAX_FILES = 20_000
_MAX_SHEETS = 500


@dataclass(frozen=True, slots=True)
class CueSheet:
    """A sheet beside the files: for each audio file that is there, its marks (seconds, title)."""

    path: Path
    files: tuple[tuple[Path, tuple[tuple[float, str], ...]], ...]


@dataclass(frozen=True, slots=True)
class Playlist:
    """The audio files a playlist names, in its order, as far as they are there."""

    path: Path
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Companions:
    """What lies beside a book. `documents` are to be kept beside the finished one; `notes` say what was unreadable."""

    documents: tuple[Path, ...] = ()
    cues: tuple[CueSheet, ...] = ()
    playlists: tuple[Playlist, ...] = ()
    notes: tuple[str, ...] = ()


def read_companions(folder: Path, files: Sequence[Path], listed: Sequence[Path] | None = None) -> Companions:
    """Read the sheets and list the documents in `folder` (the book's own) and below, for the audio `files`.

    `listed` limits it to these paths: a download of one file may lie in a folder with other people's books.
    """
    known = Shelfmarks(files)
    audio = set(files)
    cues: list[CueSheet] = []
    playlists: list[Playlist] = []
    documents: list[Path] = []
    notes: list[str] = []
    only = None if listed is None else set(listed)
    beside = [p for p in _regular_files(folder) if p not in audio and (only is None or p in only)]
    beside.sort(key=lambda p: (natural_key(p.as_posix()), str(p)))
    for path in beside:
        kind = path.suffix.lower()
        if kind in DOCUMENTS:
            documents.append(path)
        if kind not in SHEETS or len(cues) + len(playlists) >= _MAX_SHEETS:
            continue
        text = _text(path, notes)
        if text is None:
            continue
        if kind == ".cue":
            cues += _cue(path, text, known, files)
        else:
            entries = parse_pls(text) if kind == ".pls" else parse_m3u(text)
            found = [file for entry in entries if (file := known.find(entry, path.parent)) is not None]
            if found:
                playlists.append(Playlist(path, tuple(dict.fromkeys(found))))
    return Companions(tuple(documents), tuple(cues), tuple(playlists), tuple(notes))


def _regular_files(folder: Path) -> Iterator[Path]:
    """Files below `folder`, no links, nothing hidden, up to a number."""
    count = 0
    for base, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(base) / name
            count += 1
            if count > _MAX_FILES:
                return
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _text(path: Path, notes: list[str]) -> str | None:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        notes.append(f"{path.name!r} could not be read: {error.strerror or error}.")
        return None
    if len(data) > _MAX_BYTES:
        notes.append(f"{path.name!r} is too large for a sheet and was not read.")
        return None
    return decode_sheet(data)


def _cue(path: Path, text: str, known: Shelfmarks, files: Sequence[Path]) -> list[CueSheet]:
    """The sheet with its FILE lines found; a sheet of one file that names nothing here is the file's of its own name."""
    entries = parse_cue(text)
    found = [(known.find(entry.name, path.parent), entry.marks) for entry in entries]
    if len(entries) == 1 and found[0][0] is None:
        own = [f for f in files if f.parent == path.parent and f.stem.casefold() == path.stem.casefold()]
        near = own or ([files[0]] if len(files) == 1 and files[0].parent == path.parent else [])
        found = [(near[0] if len(near) == 1 else None, entries[0].marks)]
    there = tuple((file, marks) for file, marks in found if file is not None)
    return [CueSheet(path, there)] if there else []
