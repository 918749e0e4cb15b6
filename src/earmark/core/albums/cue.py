"""After the download of an album in one file: which stretch of the image is which wished track.

The parts of a sheet are assigned as files are (`core.albums.assignment`): lengths before titles before numbers, each
part once, no part where nothing fits. Reading the sheet's text is `media`'s work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earmark.core.albums import words
from earmark.core.albums.assignment import Grids, assign
from earmark.core.albums.places import Named
from earmark.core.albums.reading import AudioFile
from earmark.core.wish import AlbumWish


@dataclass(frozen=True, slots=True)
class CueTrack:
    """One TRACK of a sheet: the image it lies in, its disc (where each disc has an image) and number, its title as
    written, and where it begins and ends in seconds; `end_secs` is None where it runs to the end of an image of unknown
    length."""

    path: str
    disc: int
    number: int
    title: str
    start_secs: float
    end_secs: float | None


@dataclass(frozen=True, slots=True)
class RangeMapping:
    """A wished track as a stretch of an image. Seconds; `end_secs` None is the end of the file."""

    catalog_track_id: str
    path: str
    start_secs: float
    end_secs: float | None
    confidence: float


def map_ranges(wish: AlbumWish, cue_tracks: Sequence[CueTrack]) -> tuple[RangeMapping, ...]:
    """Assign the parts of the sheets to the wished tracks, in the order of the wish. Parts that fit nothing (a hidden
    track, a data track) and tracks without a part are left out; what is missing is for the caller to ask about."""
    tracks = sorted(wish.tracks, key=lambda t: (t.disc_number, t.track_number))
    parts = sorted(cue_tracks, key=lambda c: (c.disc, c.path, c.start_secs, c.number))
    grids = Grids(tracks, [_as_file(n, part) for n, part in enumerate(parts)])
    return tuple(
        RangeMapping(
            tracks[p.track].catalog_track_id,
            parts[p.file].path,
            parts[p.file].start_secs,
            parts[p.file].end_secs,
            p.confidence,
        )
        for p in sorted(assign(grids, range(len(parts))), key=lambda p: p.track)
    )


def _as_file(n: int, part: CueTrack) -> Named:
    """A part in the words of the assignment."""
    length = None if part.end_secs is None else max(0.0, part.end_secs - part.start_secs)
    title = words.normal(part.title)
    names = tuple(dict.fromkeys(t for t in (title, words.normal(words.plain(part.title))) if t))
    return Named(AudioFile(f"{n}", (), part.title, "", 0, length), part.disc, part.number, None, names, title)
