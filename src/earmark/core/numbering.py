"""The numbers people put into file and folder names to say what follows what: "Part III", "Side B", "D1T01", "3 of 12".

Several names are read together, because only the others show which number counts: "1984", a year or a series number
stand in all of them. A name without a number ("Prologue", "End Credits") may still have a place. Anything that counts
nothing is no reading: better none than a guess. Paths, tags and files are not known here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TypeAlias

from earmark.core.numerals import UNIT_RANK, Mark, bookend, marks_of, settle_letters

Place: TypeAlias = tuple[int, ...]

_BEFORE, _AMONG, _AFTER = -1, 0, 1
_NONE = -1  # an optional number that a name does not have: "1", "1a", "1b"
_MIXED = "mixed"  # a chapter here and a part there: such a column counts alone and without a hole, or not at all
_SHOWN = 20
_COPY = re.compile(r"\s?(?:\(\d{1,2}\)|- copy|- kopie|copy)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Numbering:
    """A place for each name (None: nothing tells it), the places nobody holds, and another order that the same names
    tell as well ("01 Chapter Nine", "02 Chapter Eight"). `sure`: all have a place of their own."""

    places: tuple[Place | None, ...]
    missing: tuple[Place, ...] = ()
    rival: tuple[Place, ...] | None = None

    @property
    def sure(self) -> bool:
        return None not in self.places and len(set(self.places)) == len(self.places)


@dataclass(frozen=True, slots=True)
class _Column:
    """One number of each name (None where it is absent)."""

    values: tuple[int | None, ...]
    position: float  # how far right it stands, on average
    unit: str

    @property
    def rank(self) -> tuple[int, float]:
        return UNIT_RANK.get(self.unit, 9), self.position


@dataclass(frozen=True, slots=True)
class _Key:
    places: tuple[Place, ...]
    missing: int
    named: bool


def read_numbers(names: Sequence[str]) -> Numbering:
    """The places that the numbers in `names` (without extensions) tell. Linear in the length of the names."""
    names = _without_copy_marks(names)
    for lenient in (False, True):  # "Twelve" and "XII" alone count only where nothing else does
        found = _read([marks_of(name, lenient=lenient) for name in names], names, strict=lenient)
        if found.sure:
            return found
        if not lenient:
            first = found
    return first


def _without_copy_marks(names: Sequence[str]) -> list[str]:
    """ "01 Loomings (1)" beside "01 Loomings" is a second download of it, unless all names differ by nothing else."""
    bare = [_COPY.sub("", name) for name in names]
    plain = {name for name, base in zip(names, bare, strict=True) if name == base}
    several = len(set(bare)) > 1
    return [base if several and base in plain else name for name, base in zip(names, bare, strict=True)]


def holes(places: Sequence[Place]) -> tuple[int, list[Place]]:
    """How many places are missing inside a numbering, and the first of them. Each level may begin at 0 or 1, or go on
    where its neighbour ended; a whole numbering may begin anywhere from 10 on (the second half of a book)."""
    missing: list[Place] = []
    count = 0
    last: dict[int, int] = {}
    work: list[tuple[Place, list[Place]]] = [((), sorted(set(places)))]
    while work:
        prefix, group = work.pop()
        level = len(prefix)
        values = sorted({p[0] for p in group if p and p[0] != _NONE})
        if not values:
            continue
        expected = _start(values[0], last.get(level), alone=not prefix)
        for value in values:
            gap = value - expected
            count += max(0, gap)
            missing += [(*prefix, n) for n in range(expected, min(value, expected + _SHOWN - len(missing)))]
            expected = value + 1
        last[level] = values[-1]
        inner: dict[int, list[Place]] = {}
        for place in group:
            if len(place) > 1:
                inner.setdefault(place[0], []).append(place[1:])
        work += [((*prefix, value), inner[value]) for value in sorted(inner, reverse=True)]
    return count, missing[:_SHOWN]


def _start(first: int, before: int | None, *, alone: bool) -> int:
    if first <= 1 or first == (before if before is not None else -9) + 1 or (alone and first >= 10):
        return first
    return 1


def _read(marks: Sequence[list[Mark]], names: Sequence[str], *, strict: bool) -> Numbering:
    settled = settle_letters(marks)
    ends = [bookend(name) for name in names]
    columns = _columns(settled, edges_only=strict)  # a word alone counts only where every name begins or ends with one
    found = _best(columns, settled, ends, strict=strict)
    if found is None:
        return Numbering((None,) * len(names) if strict else _in_part(columns, settled, ends))
    numbered, key, rival = found
    by_name = dict(zip(numbered, key.places, strict=True))
    other = dict(zip(numbered, rival, strict=True)) if rival else None
    ended = {i: _end_place(ends[i], settled[i]) for i in range(len(names)) if i not in by_name}
    first_ones = any(place and place[0] == _BEFORE for place in ended.values())
    missing = [] if key.missing == 0 else holes(_without_ranges(key.places, settled, numbered))[1]
    if first_ones and missing and missing[0][-1] == 1:
        missing = missing[1:]  # an unnumbered introduction may well be the first
    missing += _short_of_total(key.places, settled, numbered)
    return Numbering(
        tuple((_AMONG, *by_name[i]) if i in by_name else ended[i] for i in range(len(names))),
        tuple(missing),
        tuple((_AMONG, *other[i]) if i in other else ended[i] or () for i in range(len(names))) if other else None,
    )


def _in_part(
    columns: Sequence[_Column], marks: Sequence[list[Mark]], ends: Sequence[Place | None]
) -> tuple[Place | None, ...]:
    """What can be said where no key places every name: the number that most have, though some share it or lack it."""

    def worth(column: _Column) -> tuple[int, int]:
        held = [v for v in column.values if v is not None]
        return len(set(held)), -len(held)

    best = max((c for c in columns if c.unit not in {"letter", _MIXED}), key=worth, default=None)
    if best is None or 2 * worth(best)[0] <= len(marks):
        values: tuple[int | None, ...] = (None,) * len(marks)
    else:
        values = best.values
    places = tuple(
        (_AMONG, value) if value is not None else _end_place(end, row)
        for value, end, row in zip(values, ends, marks, strict=True)
    )
    whole = None not in places and len(set(places)) == len(places)
    return (None,) * len(marks) if whole else places  # numbers that place all and were no key count nothing


def _end_place(end: Place | None, row: Sequence[Mark]) -> Place | None:
    """ "Epilogue 2" follows "Epilogue"."""
    return (*end, row[0].value if row else 0) if end else None


def _columns(marks: Sequence[list[Mark]], *, edges_only: bool) -> list[_Column]:
    """Every number the names have in common: the n-th of its unit or of all, counted from either end, the one a name
    begins with and the one it ends with."""
    cells: dict[tuple[str, int], dict[int, tuple[Mark, int]]] = {}
    for index, row in enumerate(marks):
        for group in set() if edges_only else {m.unit for m in row} | {"*"}:
            members = [
                (m, at) for at, m in enumerate(row) if group in {m.unit, "*"} and (m.unit == group or not m.letter)
            ]
            for nth, cell in enumerate(members[:4]):
                cells.setdefault((group, nth), {})[index] = cell
            for nth, cell in enumerate(reversed(members[-3:])):
                cells.setdefault((group, -1 - nth), {})[index] = cell
        for edge, place in (("lead", 0), ("trail", -1)):
            if row and (row[place].leads if edge == "lead" else row[place].trails):
                cells.setdefault((edge, 0), {})[index] = (row[place], place % len(row))
    found: dict[tuple[int | None, ...], _Column] = {}
    for (group, _), column in sorted(cells.items(), key=lambda item: (item[0][0] in {"*", "lead", "trail"}, item[0])):
        values = tuple(column[i][0].value if i in column else None for i in range(len(marks)))
        units = {column[i][0].unit for i in column} - {""}
        if len(set(values)) > 1 and (len(units) < 2 or group in {"lead", "trail"}):
            position = sum(at for _, at in column.values()) / len(column)
            found.setdefault(values, _Column(values, position, group if len(units) < 2 else _MIXED))
    return list(found.values())


def _best(
    columns: Sequence[_Column], marks: Sequence[list[Mark]], ends: Sequence[Place | None], *, strict: bool
) -> tuple[list[int], _Key, tuple[Place, ...] | None] | None:
    """The key that gives each numbered name its own place with the fewest holes, then with the fewest numbers."""
    may_lack = {i for i, end in enumerate(ends) if end is not None}
    whole = [c for c in columns if all(v is not None or i in may_lack for i, v in enumerate(c.values))]
    whole = sorted((c for c in whole if sum(v is not None for v in c.values) > 1), key=lambda c: c.rank)[:8]
    part = [c for c in columns if c not in whole and c.unit != _MIXED][:8]
    best: tuple[tuple[int, ...], list[int], _Key] | None = None
    singles: list[tuple[list[int], _Key]] = []
    for size in (1, 2, 3):
        choices = permutations(whole, size) if size < 3 else combinations(whole, size)
        for nth, chosen in enumerate(choices):
            made = _key(chosen, None, marks)
            if made is None or not _admissible(chosen, made[1], strict=strict):
                continue
            singles += [made] if size == 1 else []
            cost = (len(marks) - len(made[0]), made[1].missing, size, nth)
            best = min((cost, *made), best, key=lambda b: b[0]) if best else (cost, *made)
        if best and best[0][:2] == (0, 0):
            break
    if best is None or best[0][1]:
        sound = [c for c in whole if c.unit != _MIXED]
        loose = [(c, o) for size in (1, 2) for c in combinations(sound, size) for o in part]
        for nth, (chosen, optional) in enumerate(loose):
            made = _key(chosen, optional, marks)
            if made and not (strict and made[1].missing):
                cost = (len(marks) - len(made[0]), made[1].missing, len(chosen), nth)
                best = min((cost, *made), best, key=lambda b: b[0]) if best else (cost, *made)
    if best is None:
        return None
    _, numbered, key = best
    others = (k for rows, k in singles if rows == numbered and _counts_on(k) and _order(k) != _order(key))
    return numbered, key, next((k.places for k in others), None) if key.missing == 0 else None


def _admissible(chosen: Sequence[_Column], key: _Key, *, strict: bool) -> bool:
    """Letters alone are no numbering, nor are columns of mixed units unless they count without a hole."""
    units = [c.unit for c in chosen]
    mixed = _MIXED in units and (len(units) > 1 or key.missing > 0)
    return not mixed and not (strict and key.missing) and set(units) != {"letter"}


def _counts_on(key: _Key) -> bool:
    """Without a hole between its first and its last."""
    values = [p[0] for p in key.places]
    return max(values) - min(values) < len(values)


def _order(key: _Key) -> list[int]:
    return sorted(range(len(key.places)), key=key.places.__getitem__)


def _key(
    chosen: Sequence[_Column], optional: _Column | None, marks: Sequence[list[Mark]]
) -> tuple[list[int], _Key] | None:
    """The places these columns give; None when two names share one, or when the numbers count nothing."""
    numbered = [i for i in range(len(marks)) if all(c.values[i] is not None for c in chosen)]
    places: list[Place] = []
    for i in numbered:
        extra = () if optional is None else (_NONE if optional.values[i] is None else int(optional.values[i] or 0),)
        places.append((*(int(c.values[i] or 0) for c in chosen), *extra))
    if not places or len(set(places)) != len(places):
        return None
    named = all(c.unit in UNIT_RANK for c in chosen)
    missing = 0 if _by_hundreds(places) else holes(_without_ranges(places, marks, numbered))[0]
    lowest = min(p[0] for p in places)
    before = lowest - 1 if 1 < lowest < 10 else 0  # those before the first are missed, but the rest still counts
    allowed = 2 * len(places) + 3 if lowest <= 1 else before + len(places) // 2
    return (numbered, _Key(tuple(places), missing, named)) if named or missing <= allowed else None


def _by_hundreds(places: Sequence[Place]) -> bool:
    """101 … 112, 201 … 210: the disc stands in the hundreds."""
    if any(len(p) != 1 or not 100 <= p[0] < 3000 for p in places):
        return False
    return holes([(p[0] // 100, p[0] % 100) for p in places])[0] == 0


def _without_ranges(places: Sequence[Place], marks: Sequence[list[Mark]], numbered: Sequence[int]) -> Sequence[Place]:
    """ "Chapters 1-3", "Chapters 4-6": the numbers in between are there. Each file is given the next number instead."""
    if any(len(p) != 1 for p in places):
        return places
    rows = sorted(zip([p[0] for p in places], numbered, strict=True))
    upto = [next((m.value for m in marks[i] if m.value > first and m.ranged), first) for first, i in rows]
    if upto == [first for first, _ in rows] or any(rows[n + 1][0] != upto[n] + 1 for n in range(len(rows) - 1)):
        return places
    return [(rows[0][0] + n,) for n in range(len(rows))]


def _short_of_total(places: Sequence[Place], marks: Sequence[list[Mark]], numbered: Sequence[int]) -> list[Place]:
    """ "3 of 12" when nobody is the twelfth."""
    totals = {max((m.total or 0 for m in marks[i]), default=0) for i in numbered}
    if len(totals) != 1 or any(len(p) != 1 for p in places):
        return []
    total, highest = totals.pop(), max(p[0] for p in places)
    return [(n,) for n in range(highest + 1, min(total, highest + _SHOWN) + 1)] if len(places) < total else []
