"""Which of a release's sound files are the album: the folder and the format that serve it best, in one piece.

A torrent may hold a whole discography, one album in two formats, or bonus discs. Every folder (with the disc folders
below it) and every format in it is one candidate; the assignment decides between them, the better format among equals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from earmark.core.albums import words
from earmark.core.albums.assignment import Grids, Pair, assign
from earmark.core.albums.places import Named, album_folder, read_names
from earmark.core.albums.reading import LOSSLESS, AudioFile, Contents, Quality, quality_of_rate, read_quality
from earmark.core.wish import AlbumWish, TrackWish

NAMED = 0.85  # likeness from which a file bears a track's name
MAX_TRIED = 6  # folders whose assignment is computed; the others cannot reach as much
MIXED_COST = 0.01
BAND_WORTH = 0.004  # a better format decides between equal folders only
NAME_WORTH = 0.03
MARK_COST = 0.08  # a folder that says “live” where the wish does not
EXTRA_COST = 0.02


class Lengths(TypedDict):
    """The fields of `Mapped` that compare names and lengths."""

    named: float
    timed: int
    off_length: int


@dataclass(frozen=True, slots=True)
class CueImage:
    """A whole album or disc in one sound file, with the sheet that names its parts; what the sheet says is unknown
    until it is downloaded (`core.albums.cue.map_ranges`)."""

    path: str
    cue_path: str | None
    duration_secs: float | None


UNLISTED = Quality(None, "no sound files known")


@dataclass(frozen=True, slots=True)
class Mapped:
    """The chosen files of a release and how they serve the wished tracks. `others` counts sound files elsewhere that
    belong to other albums; `extras` those beside the mapped ones in the same album."""

    pairs: tuple[Pair, ...] = ()
    files: tuple[Named, ...] = ()
    chosen: tuple[int, ...] = ()
    folder: tuple[str, ...] = ()
    extras: int = 0
    others: int = 0
    other_folders: int = 0
    quality: Quality = UNLISTED
    images: tuple[CueImage, ...] = ()
    readable: float = 0.0  # share of the chosen files whose names are titles
    named: float = 0.0  # share of the tracks for which a file of that name is there
    timed: int = 0  # of those, how many have a length on both sides
    off_length: int = 0  # and how many of these lengths are another track's


def map_release(wish: AlbumWish, contents: Contents, title: str) -> Mapped:
    """Choose the files of the album and assign them. `title` tells the format where the files do not."""
    if not contents.audio:
        return Mapped()
    files = read_names(contents.audio)
    grids = Grids(wish.tracks, files, words.marks(words.normal(wish.album)))
    tried = sorted(
        (_judge(wish, grids, group, title) for group in _groups(grids)), key=lambda t: (-t[0], t[1].folder, t[1].chosen)
    )
    best = tried[0][1]
    images = _images(wish.tracks, best, contents)
    return best if not images else _with_images(best, images)


def _groups(grids: Grids) -> list[tuple[int, ...]]:
    """The files of each folder and format, and of each folder in all formats; those that reach most."""
    by_key: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(list)
    for column, named in enumerate(grids.files):
        folder = album_folder(named.file.folders)
        for depth in range(len(folder) + 1):
            for kind in (named.file.suffix, ""):
                by_key[(folder[:depth], kind)].append(column)
        if named.file.folders != folder:
            by_key[(named.file.folders, named.file.suffix)].append(column)
    groups = sorted({tuple(columns) for columns in by_key.values()}, key=lambda g: (len(g), g))
    reach = {g: grids.reach(g) for g in groups} if len(groups) > MAX_TRIED else dict.fromkeys(groups, 1.0)
    return sorted(groups, key=lambda g: (-round(reach[g], 2), len(g), g))[:MAX_TRIED]


def _judge(wish: AlbumWish, grids: Grids, columns: tuple[int, ...], title: str) -> tuple[float, Mapped]:
    pairs = assign(grids, columns)
    files = [grids.files[c].file for c in columns]
    folder = _shared([f.folders for f in files])
    mapped_files = [grids.files[p.file].file for p in pairs]
    quality = quality_of_files(mapped_files or files, title)  # what lies beside in another format says nothing of it
    served = sum(p.confidence for p in pairs) / max(1, len(wish.tracks))
    name = words.normal(" ".join(folder[-1:]))
    wished_name = words.normal(wish.album)
    value = served + BAND_WORTH * (quality.band or 0)
    value += NAME_WORTH * bool(wished_name and f" {wished_name} " in f" {name} ")
    value -= MARK_COST * bool((words.marks(name) - words.marks(wished_name)) - {"set", "compilation", "video", "text"})
    value -= MIXED_COST * (len({f.suffix for f in files}) > 1)
    value -= EXTRA_COST * (len(files) - len(pairs)) / len(files)
    inside = {album_folder(f.folders) for f in files}
    chosen = set(columns)
    outside = [
        n.file for c, n in enumerate(grids.files) if c not in chosen and album_folder(n.file.folders) not in inside
    ]
    mapped_folders = {album_folder(grids.files[p.file].file.folders) for p in pairs}
    strangers = inside - mapped_folders if pairs else set()
    mapped = Mapped(
        pairs=pairs,
        files=tuple(grids.files),
        chosen=columns,
        folder=folder,
        extras=len(columns) - len(pairs),
        others=len(outside),
        other_folders=len({album_folder(f.folders) for f in outside} | strangers),
        quality=quality,
        readable=sum(bool(grids.files[c].names) for c in columns) / len(columns),
        **_by_name(grids, columns),
    )
    return value, mapped


def _by_name(grids: Grids, columns: tuple[int, ...]) -> Lengths:
    """What the lengths say about the files that bear the names of tracks, whatever was assigned: a concert, a set of
    clips or a faster copy has all the names and none of the lengths."""
    import numpy as np

    if not len(grids.tracks):
        return {"named": 0.0, "timed": 0, "off_length": 0}
    names = np.nan_to_num(grids.names[:, columns], nan=0.0)
    top = names.max(axis=1, keepdims=True)
    same = (names >= NAMED) & (names >= top - 0.02)
    offs = np.where(same, grids.offs[:, columns], np.nan)
    timed = ~np.isnan(offs).all(axis=1)
    fits = (np.where(same, np.nan_to_num(grids.durations[:, columns], nan=-1.0), -1.0) > 0).any(axis=1)
    return {
        "named": float((top[:, 0] >= NAMED).mean()),
        "timed": int(timed.sum()),
        "off_length": int((timed & ~fits).sum()),
    }


def _shared(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    shared = list(paths[0])
    for path in paths[1:]:
        while tuple(shared) != path[: len(shared)]:
            shared.pop()
    return tuple(shared)


def quality_of_files(files: Sequence[AudioFile], title: str) -> Quality:
    """What the files are made of: their endings say lossless; else the folder, the title, or sizes against lengths."""
    suffixes = {f.suffix for f in files}
    if suffixes and suffixes <= LOSSLESS:
        return Quality(5, "/".join(sorted(suffixes)))
    folder = read_quality(words.normal(" ".join((*files[0].folders, files[0].stem)))) if files else Quality(None, "")
    said = folder if folder.band is not None and folder.band < 5 else read_quality(words.normal(title))
    if suffixes == {"m4a"} and said.band == 5:
        return said
    secs = sum(f.duration_secs or 0 for f in files)
    measured = None
    if secs > 60 and all(f.duration_secs for f in files):
        measured = round(sum(f.size_bytes for f in files) * 8 / 1000 / secs)
    if measured is not None and (said.band is None or said.band == 5 or (said.band == 4 and measured < 230)):
        return Quality(3, f"about {measured} kbit/s") if 215 <= measured < 300 else quality_of_rate(measured)
    return said if said.band != 5 else Quality(None, "lossy, rate not stated")


def _images(tracks: Sequence[TrackWish], mapped: Mapped, contents: Contents) -> tuple[CueImage, ...]:
    """Sound files that hold several tracks each: far fewer files than tracks, with sheets beside them or album length."""
    files = [mapped.files[c].file for c in mapped.chosen]
    discs = len({t.disc_number for t in tracks})
    if len(tracks) < 2 or len(files) > discs or len(files) * 2 > len(tracks):
        return ()
    total = sum(t.duration_secs or 0 for t in tracks)
    long = bool(total) and sum(f.duration_secs or 0 for f in files) > 0.8 * total
    if not contents.cues and not long:
        return ()
    return tuple(CueImage(f.path, _sheet_of(f, contents), f.duration_secs) for f in files)


def _sheet_of(file: AudioFile, contents: Contents) -> str | None:
    """The sheet of the same name, of the same folder, or the only one."""
    stem = file.path.rpartition(".")[0]
    folder = file.path.rpartition("/")[0]
    for test in (lambda p: p.rpartition(".")[0] in {stem, file.path}, lambda p: p.rpartition("/")[0] == folder):
        found = [c.path for c in contents.cues if test(c.path)]
        if len(found) == 1:
            return found[0]
    return contents.cues[0].path if len(contents.cues) == 1 else None


def _with_images(mapped: Mapped, images: tuple[CueImage, ...]) -> Mapped:
    """No track is mapped to an image as it stands."""
    return replace(mapped, pairs=(), extras=0, images=images)
