"""In which order the files of a book are to be heard: read from tags, names, folders and playlists, each on its own.

Where all that can be read in full agree, the order is sure. Where they do not, where a file has no place or a place no
file, that is a doubt for a person to settle. Paths and numbers come in, positions come out; which files there are is
not known here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from earmark.core.binding import OrderBy, OrderReading
from earmark.core.numbering import Place, holes, read_numbers
from earmark.core.reasons import JsonValue, PermanentError, Reason

NaturalKey: TypeAlias = tuple[tuple[tuple[int, int, str], ...], ...]

_SHOWN = 200
_OTHER_NUMBER = "another number in the names"
_SETTLE = "Settle the order: by names, tags, folders or playlist (`--order`), or choose another release."


@dataclass(frozen=True, slots=True)
class Numbers:
    """The disc and track numbers a file's tags give, and the number of tracks they speak of; None where a tag is
    missing or no number."""

    disc: int | None = None
    track: int | None = None
    tracks: int | None = None


@dataclass(frozen=True, slots=True)
class ListeningOrder:
    """Positions in listening order, every reading that says anything (the one taken first), and what is in doubt."""

    positions: tuple[int, ...]
    readings: tuple[OrderReading, ...]
    doubts: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class _Reading:
    """A place for each file (None: none told), the places nobody holds, and a second order the same source tells."""

    by: OrderBy
    places: tuple[Place | None, ...]
    missing: tuple[Place, ...] = ()
    rival: tuple[Place, ...] | None = None

    @property
    def complete(self) -> bool:
        return None not in self.places and len(set(self.places)) == len(self.places)

    @property
    def says_anything(self) -> bool:
        return len(set(self.places)) > 1


def listening_order(
    paths: Sequence[str], numbers: Sequence[Numbers], played: Sequence[int] = (), by: OrderBy | None = None
) -> ListeningOrder:
    """The order to listen in. `paths` are relative with `/` between their parts,
    `numbers` are the tags' of each, `played` are positions as playlists or CUE sheets name them.

    `by` settles every doubt: that reading is taken, files of one place follow each other as their names do. Raises
    PermanentError `order_unreadable` when it has no place for some of the files.
    """
    natural = natural_order(paths)
    if len(paths) < 2:
        return ListeningOrder(tuple(natural), ())
    readings = [
        reading
        for reading in (_by_names(paths), _by_folders(paths, numbers), _by_playlist(paths, played), _by_tags(numbers))
        if reading.says_anything or reading.by == by
    ]
    rank = {position: n for n, position in enumerate(natural)}
    if by is not None:
        taken = _settled(next((r for r in readings if r.by == by), _Reading(by, ())), paths, rank)
        others = [_plain(r, rank) for r in readings if r.by != by]
        return ListeningOrder(taken.positions, (taken, *others))
    whole = [r for r in readings if r.complete]
    ordered = whole + [r for r in readings if not r.complete]
    plain = tuple(_plain(r, rank) for r in ordered)
    positions = plain[0].positions if whole else tuple(natural)
    doubts = (*_disputed(whole, plain, paths, rank), *_unknown(readings, paths), *_missing(whole, numbers, paths))
    return ListeningOrder(positions, plain, doubts)


def natural_key(path: str) -> NaturalKey:
    """A sort key for a relative path with `/` between its parts.

    Digits compare as numbers, letters without case or accents in composition, and any run of spaces, dots, dashes and
    underscores as one space. Folders are compared one by one; the files of a folder come before its sub-folders.
    """
    *folders, name = path.split("/")
    return (*((_FOLDER, *_pieces(folder)) for folder in folders), (_FILE, *_pieces(stem_of(name))))


def natural_order(paths: Sequence[str]) -> list[int]:
    """Positions of `paths` in natural order; names that only differ in spelling are ordered by their code points."""
    return sorted(range(len(paths)), key=lambda i: (natural_key(paths[i]), paths[i]))


def number_of(tag: str | None) -> int | None:
    """The number in a tag such as "3", "03/12" or "Disc 2"; None when there is none."""
    match = re.search(r"\d+", unicodedata.normalize("NFKC", tag[:200])) if tag else None
    return int(match.group()) if match and len(match.group()) < 10 else None


def total_of(tag: str | None) -> int | None:
    """The 12 of "03/12"; None when there is none."""
    match = re.fullmatch(r"\s*\d{1,5}\s*(?:/|of)\s*(\d{1,5})\s*", tag[:200]) if tag else None
    return int(match[1]) or None if match else None


def stem_of(name: str) -> str:
    """A file name without its extension."""
    return re.sub(r"(?<=.)\.[A-Za-z][A-Za-z0-9]{0,4}$", "", name)


def shown(names: Sequence[str]) -> list[JsonValue]:
    """The first of some file names as evidence; bytes that are no text become question marks."""
    return [name.encode("utf-8", "replace").decode() for name in names[:_SHOWN]]


_FOLDER = (1, 0, "")
_FILE = (0, 0, "")


def _pieces(text: str) -> tuple[tuple[int, int, str], ...]:
    flat = re.sub(r"[\s._\-–—]+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()
    return tuple(
        (0, int(piece), "") if piece.isdecimal() and len(piece) < 1000 else (1, 0, piece)
        for piece in re.findall(r"\d+|\D+", flat)
    )


def _by_names(paths: Sequence[str]) -> _Reading:
    """Numbers in the file names; where those do not count on through all folders, the folders' own come first."""
    found = read_numbers([stem_of(p.rsplit("/", 1)[-1]) for p in paths])
    one_count = found.sure and not found.missing and all(len(place or ()) < 3 for place in found.places)
    if any("/" in p for p in paths) and not one_count:
        tree = _tree(paths, None)
        if tree.complete or not found.sure:
            return replace(tree, by="names")
    return _Reading("names", found.places, found.missing, found.rival)


def _by_folders(paths: Sequence[str], numbers: Sequence[Numbers]) -> _Reading:
    """Numbers of the folders, inside each the numbers of its files or, where those have none, their track tags."""
    if len({p.rpartition("/")[0] for p in paths}) < 2:
        return _Reading("folders", (None,) * len(paths))
    return _tree(paths, numbers)


def _tree(paths: Sequence[str], numbers: Sequence[Numbers] | None) -> _Reading:
    places: list[Place | None] = [()] * len(paths)
    missing: list[Place] = []
    work: list[tuple[int, list[int]]] = [(0, list(range(len(paths))))]
    parts = [p.split("/") for p in paths]
    while work:
        depth, members = work.pop()
        inside: dict[tuple[str, bool], list[int]] = {}
        for i in members:
            inside.setdefault((parts[i][depth], len(parts[i]) == depth + 1), []).append(i)
        names = list(inside)
        found = read_numbers([stem_of(name) if is_file else name for name, is_file in names])
        here: Sequence[Place | None] = found.places if len(names) > 1 else [()]
        files = [group[0] for (_, is_file), group in inside.items() if is_file]
        if numbers and not found.sure and len(files) == len(names) > 1:
            here = _tracks([numbers[i] for i in files]) or here
        else:
            missing += found.missing
        for (key, group), place in zip(inside.items(), here, strict=True):
            for i in group:
                before = places[i]
                places[i] = None if before is None or place is None else (*before, *place)
            if not key[1]:
                work.append((depth + 1, group))
    return _Reading("folders", tuple(places), tuple(sorted(set(missing))))


def _tracks(numbers: Sequence[Numbers]) -> list[Place | None] | None:
    tracks = [n.track for n in numbers if n.track is not None]
    return [(t,) for t in tracks] if len(set(tracks)) == len(numbers) else None


def _by_tags(numbers: Sequence[Numbers]) -> _Reading:
    """Disc and track where all have both, else the track alone."""
    lone = all(n.disc is None for n in numbers)
    with_disc = tuple(
        None if n.track is None or (n.disc is None and not lone) else (n.disc or 0, n.track) for n in numbers
    )
    alone = tuple(None if n.track is None else (n.track,) for n in numbers)
    for places in (with_disc, alone):
        if None not in places and len(set(places)) == len(places):
            whole: list[Place] = [p for p in places if p is not None]
            used = [p[-1:] for p in whole] if lone else whole
            count, first = holes(used)
            sane = count <= 2 * len(whole) + 3
            return _Reading("tags", places, tuple(first)) if sane else _Reading("tags", (None,) * len(places))
    return _Reading("tags", alone if None in with_disc else with_disc)


def _by_playlist(paths: Sequence[str], played: Sequence[int]) -> _Reading:
    """The first time a playlist names a file is its place; one that names a file twice is no order."""
    place: dict[int, Place] = {}
    for n, position in enumerate(played):
        place.setdefault(position, (n,))
    return _Reading("playlist", tuple(place.get(i) for i in range(len(paths))))


def _plain(reading: _Reading, rank: dict[int, int]) -> OrderReading:
    return OrderReading(reading.by, _sorted(reading.places, rank), reading.complete)


def _sorted(places: Sequence[Place | None], rank: dict[int, int]) -> tuple[int, ...]:
    """Files without a place come last; ties follow the natural order of the names."""
    return tuple(sorted(rank, key=lambda i: (places[i] is None, places[i] or (), rank[i])))


def _settled(reading: _Reading, paths: Sequence[str], rank: dict[int, int]) -> OrderReading:
    """A person chose this reading. Names without any number are then taken in their natural order."""
    if reading.by == "names" and set(reading.places) == {None}:
        return OrderReading("names", tuple(sorted(rank, key=rank.__getitem__)), False)
    lost = [i for i in rank if i >= len(reading.places) or reading.places[i] is None]
    same = _shared(reading.places) if reading.by == "tags" else []
    if not lost and not same:
        return _plain(reading, rank)
    what = {"tags": "track number in its tags", "names": "number in its name", "folders": "numbered folder"}
    names = [paths[i] for i in sorted(lost or same, key=rank.__getitem__)]
    missing = f"no {what.get(reading.by, 'place in a playlist')} for" if lost else "one track number for several:"
    raise PermanentError(
        Reason(
            "order_unreadable",
            f"The order cannot be taken by {reading.by}: there is {missing} {_names(names)}.",
            "Choose another way to read the order (names, tags, folders, playlist), or another release.",
            {"by": reading.by, "files": shown(names)},
        )
    )


def _disputed(
    whole: Sequence[_Reading], plain: Sequence[OrderReading], paths: Sequence[str], rank: dict[int, int]
) -> list[Reason]:
    orders: dict[str, tuple[int, ...]] = {r.by: r.positions for r in plain[: len(whole)]}
    for reading in whole:
        if reading.rival is not None:
            orders[_OTHER_NUMBER] = _sorted(reading.rival, rank)
    if len(set(orders.values())) < 2:
        return []
    first, other = (next(iter(orders.values())), next(o for o in orders.values() if o != next(iter(orders.values()))))
    at = next(n for n in range(len(first)) if first[n] != other[n])
    by_text = tuple(sorted(rank, key=lambda i: paths[i]))
    blind = [by for by, order in orders.items() if order == by_text and by in {"playlist", "tags"}]
    sorts = "puts" if blind == ["playlist"] else "put"
    hint = f" (The {blind[0]} {sorts} them as plain text sorting would.)" if blind and first != by_text else ""
    evidence: dict[str, JsonValue] = {by: shown([paths[i] for i in order]) for by, order in orders.items()}
    return [
        Reason(
            "order_disputed",
            f"{_list(orders).capitalize()} put the files in different orders: at place {at + 1} stands {paths[first[at]]!r} or "
            f"{paths[other[at]]!r}.{hint}",
            _SETTLE,
            {"orders": evidence},
        )
    ]


def _unknown(readings: Sequence[_Reading], paths: Sequence[str]) -> list[Reason]:
    """No reading places every file: two claim one place, or some have none."""
    if any(r.complete for r in readings):
        return []
    for reading in readings:
        if None not in reading.places and len(set(reading.places)) > len(paths) / 2:
            twice = sorted((paths[i] for i in _shared(reading.places)), key=natural_key)
            return [
                Reason(
                    "track_twice",
                    f"By their {reading.by}, several files claim one place in the book: {_names(twice)}.",
                    _SETTLE,
                    {"by": reading.by, "files": shown(twice)},
                )
            ]
    best = max(
        readings, key=lambda r: sum(p is not None for p in r.places), default=_Reading("names", (None,) * len(paths))
    )
    lost = [path for path, place in zip(paths, best.places, strict=True) if place is None] or list(paths)
    lost.sort(key=natural_key)
    return [
        Reason(
            "order_unknown",
            f"Nothing tells the order of {_names(lost)}: no numbers, complete tags or playlist.",
            _SETTLE,
            {"files": shown(lost)},
        )
    ]


def _missing(whole: Sequence[_Reading], numbers: Sequence[Numbers], paths: Sequence[str]) -> list[Reason]:
    """Numbers that no file has. Tags that count exactly these files prove that none is missing."""
    totals = {n.tracks for n in numbers}
    counted = totals == {len(paths)} and {n.track for n in numbers} == set(range(1, len(paths) + 1))
    named = any(r.by == "names" for r in whole)  # where names count on from disc to disc, a disc alone seems cut off
    gapless = any(not r.missing for r in whole)
    found = ((r.by, _inner(r) if gapless else list(r.missing)) for r in whole if not (named and r.by == "folders"))
    short = next(((by, places) for by, places in found if places), None)
    if short is None and len(totals) == 1 and None not in totals and {n.disc for n in numbers} <= {None, 1}:
        total = max(t or 0 for t in totals)
        tracks = {n.track for n in numbers}
        absent = [(n,) for n in range(1, min(total, 10_000) + 1) if n not in tracks] if None not in tracks else []
        short = ("tags", [*absent]) if absent and len(tracks) == len(paths) and total > len(paths) else None
    if short is None or counted:
        return []
    by, places = short
    absent_ones = [".".join(str(n) for n in place) for place in places[:20]]
    return [
        Reason(
            "track_missing",
            f"By their {by}, files are missing: number {_list(absent_ones[:6])}{' and more' if len(places) > 6 else ''}.",
            "Check whether the book is whole; if it is, settle the order (`--order`), else choose another release.",
            {"by": by, "missing": shown(absent_ones)},
        )
    ]


def _inner(reading: _Reading) -> list[Place]:
    """Holes that are no mere late beginning: another reading counts these files from one."""
    first = min(place[-1] for place in reading.places if place)
    return [place for place in reading.missing if len(place) > 1 or place[0] > first]


def _shared(places: Sequence[Place | None]) -> list[int]:
    seen: dict[Place | None, list[int]] = {}
    for i, place in enumerate(places):
        seen.setdefault(place, []).append(i)
    return [i for place, group in seen.items() if place is not None and len(group) > 1 for i in group]


def _names(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(repr(p) for p in paths[:3]) + more


def _list(words: Sequence[str] | dict[str, tuple[int, ...]]) -> str:
    *rest, last = words
    return f"{', '.join(rest)} and {last}" if rest else last
