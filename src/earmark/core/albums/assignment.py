"""Tracks to files: the one assignment that is best for the whole album, each file used at most once.

Three witnesses speak about a pair, and those that know nothing keep silent:

    duration  full within 3 s, nothing from 15 s on (a fifth of the track for short ones); outranks names
    name      alike in letters; other numerals (“Part 1”, “Part 2”) or marks (“live”) make another track
    number    the claimed disc and place; believed as far as names and lengths bear it out, shifted if all are

A pair below `ACCEPTED` is no pair: extras stay unmapped, missing tracks stay missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rapidfuzz import fuzz, process

from earmark.core.albums import words
from earmark.core.albums.places import Named
from earmark.core.albums.reading import seconds
from earmark.core.wish import TrackWish

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Grid = NDArray[np.float64]

EXACT_SECS = 3.0
WRONG_SECS = 15.0
WRONG_SHARE = 0.2  # of a short track
NAME_FLOOR = 0.6  # likeness of names below which they say “another track”
WEIGHTS = {"duration": 0.55, "name": 0.33, "number": 0.12}
NUMBER_DOUBTED = 0.02  # weight of numbers that contradict the rest
ACCEPTED = 0.44  # a name and a number of which only the length differs: a hidden track behind the last one
CONTRADICTED = 0.3  # a length alone, against the name and without the number, is chance
NUMBER_ALONE = 0.6  # confidence of a pair that only its number speaks for
CUT_FROM = 12  # letters that are enough to know a name by its beginning
CUT = 0.92  # what such a beginning is worth
OTHER_NUMERALS = 0.6
ONE_WITHOUT_NUMERALS = 0.85
OTHER_MARKS = 0.6
_RECORDING_MARKS = frozenset({"live", "remix", "demo", "instrumental", "acoustic", "tribute"})


@dataclass(frozen=True, slots=True)
class Pair:
    """A track and its file by their places in the lists. `name` is 0..1, `secs_off` seconds; None where unknown."""

    track: int
    file: int
    confidence: float
    name: float | None
    secs_off: float | None


class Grids:
    """What names and durations say about every track (rows) and every file (columns), computed once per release and
    cut into columns for each folder that is tried. Unknown is NaN."""

    def __init__(
        self, tracks: Sequence[TrackWish], files: Sequence[Named], album_marks: frozenset[str] = frozenset()
    ) -> None:
        self.tracks = tracks
        self.files = files
        self.names = _name_grid(tracks, files, album_marks)
        self.offs = _duration_offs(tracks, files)
        self.durations = _duration_grid(self.offs, tracks)

    def reach(self, columns: Sequence[int]) -> float:
        """The most that these files could give, 0..1: what each track's best file says, each by itself."""
        import numpy as np

        said = _weighed(self.durations[:, columns], self.names[:, columns], None, 0.0)
        return float(np.nan_to_num(said, nan=NUMBER_ALONE).max(axis=1, initial=0.0).mean()) if len(self.tracks) else 0.0


def assign(grids: Grids, columns: Sequence[int]) -> tuple[Pair, ...]:
    """The best assignment of the tracks to the files of these columns. `Pair.file` counts in all files."""
    if not grids.tracks or not columns:
        return ()
    names, durations = grids.names[:, columns], grids.durations[:, columns]
    files = [grids.files[c] for c in columns]
    claimed = _claimed(grids.tracks, files)
    first = _solve(
        _weighed(durations, names, _number_grid(claimed, 0, len(grids.tracks)), NUMBER_DOUBTED), grids.tracks, files
    )
    shift, weight = _borne_out(first, claimed, names, durations)
    numbers = _number_grid(claimed, shift, len(grids.tracks))
    score = _uncontradicted(_weighed(durations, names, numbers, weight), names, numbers)
    return tuple(_pairs(_solve(score, grids.tracks, files), score, grids, columns))


def _uncontradicted(score: Grid, names: Grid, numbers: Grid) -> Grid:
    import numpy as np

    against = (np.nan_to_num(names, nan=1.0) < NAME_FLOOR) & (np.nan_to_num(numbers, nan=0.0) == 0.0)
    checked: Grid = np.where(against, np.minimum(score, CONTRADICTED), score)
    return checked


def _pairs(solved: Sequence[tuple[int, int]], score: Grid, grids: Grids, columns: Sequence[int]) -> list[Pair]:
    import numpy as np

    pairs = []
    for t, f in solved:
        value, column = float(score[t, f]), columns[f]
        name, off = float(grids.names[t, column]), float(grids.offs[t, column])
        silent = bool(np.isnan(name) and np.isnan(off))
        confidence = value * NUMBER_ALONE if silent else value
        if value >= ACCEPTED:
            pairs.append(
                Pair(t, column, round(confidence, 3), None if np.isnan(name) else name, None if np.isnan(off) else off)
            )
    return pairs


def _solve(score: Grid, tracks: Sequence[TrackWish], files: Sequence[Named]) -> list[tuple[int, int]]:
    """The assignment with the greatest sum; of equals, the one that keeps the order of the files."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    order = sorted(range(len(files)), key=lambda f: (files[f].disc or 0, files[f].side or 0, files[f].number or 0, f))
    place = np.empty(len(files))
    place[order] = np.arange(len(files)) / len(files)
    lean = np.abs(place[None, :] - (np.arange(len(tracks)) / len(tracks))[:, None]) * 1e-4
    value = np.nan_to_num(score, nan=0.0)
    rows, found = linear_sum_assignment(np.where(value < ACCEPTED, 0.0, value) - lean, maximize=True)
    return [(int(t), int(f)) for t, f in zip(rows, found, strict=True)]


def _weighed(durations: Grid, names: Grid, numbers: Grid | None, number_weight: float) -> Grid:
    """The mean of the witnesses that know something about a pair; NaN where none does."""
    import numpy as np

    known = np.zeros(durations.shape)
    total = np.zeros(durations.shape)
    stretched = np.clip((names - NAME_FLOOR) / (1 - NAME_FLOOR), 0.0, 1.0)
    parts = [(durations, WEIGHTS["duration"]), (stretched, WEIGHTS["name"])]
    if numbers is not None:
        parts.append((numbers, number_weight))
    for grid, weight in parts:
        there = ~np.isnan(grid)
        known += there * weight
        total += np.where(there, grid, 0.0) * weight
    with np.errstate(divide="ignore", invalid="ignore"):
        weighed: Grid = np.where(known > 0, total / known, np.nan)
    return weighed


# --- durations -------------------------------------------------------------------------------------------------------


def _duration_offs(tracks: Sequence[TrackWish], files: Sequence[Named]) -> Grid:
    import numpy as np

    wished = np.array([_secs(t.duration_secs) for t in tracks], dtype=float)
    offered = np.array([_secs(f.file.duration_secs) for f in files], dtype=float)
    offs: Grid = np.abs(wished[:, None] - offered[None, :])
    return offs


def _secs(value: float | None) -> float:
    return seconds(value) or float("nan")


def _duration_grid(offs: Grid, tracks: Sequence[TrackWish]) -> Grid:
    import numpy as np

    wished = np.array([_secs(t.duration_secs) for t in tracks], dtype=float)[:, None]
    wrong = np.clip(wished * WRONG_SHARE, EXACT_SECS + 1.0, WRONG_SECS) + np.clip(wished - 600, 0, 3000) * 0.02
    grid: Grid = np.clip((wrong - offs) / (wrong - EXACT_SECS), 0.0, 1.0)
    return grid


# --- names -----------------------------------------------------------------------------------------------------------


def _name_grid(tracks: Sequence[TrackWish], files: Sequence[Named], album_marks: frozenset[str]) -> Grid:
    """Likeness of names, 0..1; NaN where one has none or where two scripts cannot be compared."""
    import numpy as np

    grid: Grid = np.full((len(tracks), len(files)), np.nan)
    asked = [(i, n) for i, t in enumerate(tracks) for n in _track_names(t.name)]
    said = [(j, n) for j, f in enumerate(files) for n in f.names]
    if not asked or not said:
        return grid
    texts, offered = [n for _, n in asked], [n for _, n in said]
    alike = process.cdist(texts, offered, scorer=fuzz.ratio).astype(float) / 100
    alike *= _numeral_factor(texts, offered)
    first_rows = [k for k, (i, _) in enumerate(asked) if k == 0 or asked[k - 1][0] != i]
    first_columns = [k for k, (j, _) in enumerate(said) if k == 0 or said[k - 1][0] != j]
    alike *= np.where(np.isin(np.arange(len(texts)), first_rows), 1.0, 0.98)[:, None]
    alike *= np.where(np.isin(np.arange(len(offered)), first_columns), 1.0, 0.98)[None, :]
    best = np.maximum.reduceat(np.maximum.reduceat(alike, first_rows, axis=0), first_columns, axis=1)
    rows, columns = [asked[k][0] for k in first_rows], [said[k][0] for k in first_columns]
    best *= _mark_factor(
        [words.marks(words.normal(tracks[i].name)) - album_marks for i in rows],
        [words.marks(files[j].full) - album_marks for j in columns],
    )
    latin = np.array([words.is_latin(tracks[i].name) for i in rows])
    offered_latin = np.array([words.is_latin(files[j].full) for j in columns])
    best[(latin[:, None] != offered_latin[None, :]) & (best < 0.8)] = np.nan
    _raise_cut(best, [words.normal(tracks[i].name) for i in rows], [files[j].names[0] for j in columns])
    grid[np.ix_(rows, columns)] = best
    return grid


def _raise_cut(best: Grid, asked: Sequence[str], said: Sequence[str]) -> None:
    """Names that some program cut short are their beginnings."""
    for j, name in enumerate(said):
        if len(name) >= CUT_FROM and best[:, j].max() < CUT:
            for i, wished in enumerate(asked):
                if wished.startswith(name):
                    best[i, j] = CUT


def _track_names(name: str) -> tuple[str, ...]:
    """The ways a wished track may be written: whole, without brackets, the movement without its work, one of two songs."""
    tail = name.rpartition(": ")[2] if ": " in name else name.partition(" - ")[0]
    return tuple(
        dict.fromkeys(n for n in (words.normal(name), words.normal(words.plain(name)), words.normal(tail)) if n)
    )


def _numeral_factor(asked: Sequence[str], said: Sequence[str]) -> Grid:
    import numpy as np

    ids: dict[frozenset[str], int] = {frozenset(): 0}
    a = np.array([ids.setdefault(words.numerals(n), len(ids)) for n in asked])[:, None]
    b = np.array([ids.setdefault(words.numerals(n), len(ids)) for n in said])[None, :]
    one_silent = (a == 0) | (b == 0)
    factor: Grid = np.where(a == b, 1.0, np.where(one_silent, ONE_WITHOUT_NUMERALS, OTHER_NUMERALS))
    return factor


def _mark_factor(asked: Sequence[frozenset[str]], said: Sequence[frozenset[str]]) -> Grid:
    import numpy as np

    ids: dict[frozenset[str], int] = {frozenset(): 0}
    a = np.array([ids.setdefault(m & _RECORDING_MARKS, len(ids)) for m in asked])[:, None]
    b = np.array([ids.setdefault(m & _RECORDING_MARKS, len(ids)) for m in said])[None, :]
    factor: Grid = np.where(a == b, 1.0, np.where(b == 0, 0.9, OTHER_MARKS))
    return factor


# --- numbers ---------------------------------------------------------------------------------------------------------


def _claimed(tracks: Sequence[TrackWish], files: Sequence[Named]) -> list[tuple[int, ...] | None]:
    """For each file the running places (from 0) its number may mean; empty: one the album does not have; None: no number.

    Sides count on (A1 … A6, B1 is the seventh), numbers that never start again run over all discs."""
    if any(f.side for f in files):
        order = sorted((f.disc or 0, f.side or 0, f.number or 0, j) for j, f in enumerate(files))
        rank = {j: n for n, (_, _, _, j) in enumerate(order)}
        return [(rank[j],) if f.number is not None else None for j, f in enumerate(files)]
    places: dict[tuple[int, int], int] = {}
    per_disc: Counter[int] = Counter()
    for i, track in enumerate(tracks):
        per_disc[track.disc_number] += 1
        places.setdefault((track.disc_number, per_disc[track.disc_number]), i)
    places |= {(t.disc_number, t.track_number): i for i, t in enumerate(tracks)}
    numbers = [f.number for f in files if f.number is not None]
    runs_on = (
        len(per_disc) > 1 and len(set(numbers)) == len(numbers) and max(numbers, default=0) > max(per_disc.values())
    )
    return [_places_of(f, places, sorted(per_disc), runs_on=runs_on) for f in files]


def _places_of(
    file: Named, places: Mapping[tuple[int, int], int], discs: Sequence[int], *, runs_on: bool
) -> tuple[int, ...] | None:
    if file.number is None:
        return None
    if runs_on:
        return (file.number - 1,)
    asked = discs if file.disc is None else [file.disc]
    found = sorted({places[(d, file.number)] for d in asked if (d, file.number) in places})
    if not found and len(discs) == 1 and file.disc in {None, discs[0]}:
        return (file.number - 1,)  # beyond the last one, until a shift brings it back
    return tuple(found)


def _number_grid(claimed: Sequence[tuple[int, ...] | None], shift: int, count: int) -> Grid:
    import numpy as np

    grid: Grid = np.zeros((count, len(claimed)))
    for j, places in enumerate(claimed):
        if places is None:
            grid[:, j] = np.nan
            continue
        for place in places:
            if 0 <= place - shift < count:
                grid[place - shift, j] = 1.0 if len(places) == 1 else 0.7
    return grid


def _borne_out(
    solved: Sequence[tuple[int, int]], claimed: Sequence[tuple[int, ...] | None], names: Grid, durations: Grid
) -> tuple[int, float]:
    """By how much the numbers are off, and what they are worth: names and lengths of the sure pairs tell."""
    import numpy as np

    offs: Counter[int] = Counter()
    sure = (np.nan_to_num(names, nan=0.0) >= 0.9) | (np.nan_to_num(durations, nan=0.0) >= 0.9)
    alone = sure.sum(axis=0) == 1  # files that can be one track only: of three “Untitled” none tells anything
    for t, f in solved:
        places = claimed[f]
        if places and sure[t, f] and alone[f]:
            offs[0 if t in places else places[0] - t] += 1
    if not offs:
        return 0, WEIGHTS["number"]
    shift, most = max(offs.items(), key=lambda kv: (kv[1], -abs(kv[0]), kv[0]))
    return (shift, WEIGHTS["number"]) if most >= 0.6 * sum(offs.values()) else (0, NUMBER_DOUBTED)
