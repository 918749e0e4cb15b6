"""Natural order of file names: number-aware and folder-aware, so that "Part 10" follows "Part 9" and CD2 follows CD1.

Names and tag numbers come in, positions come out. Which files there are is not known here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

NaturalKey: TypeAlias = tuple[tuple[tuple[int, int, str], ...], ...]


def natural_key(path: str) -> NaturalKey:
    """A sort key for a relative path with `/` between its parts.

    Digits compare as numbers, letters without case or accents in composition, and any run of spaces, dots, dashes and
    underscores as one space. Folders are compared one by one; the files of a folder come before its sub-folders.
    """
    *folders, name = path.split("/")
    stem = re.sub(r"(?<=.)\.[A-Za-z0-9]{1,5}$", "", name)
    return (*((_FOLDER, *_pieces(folder)) for folder in folders), (_FILE, *_pieces(stem)))


def natural_order(paths: Sequence[str]) -> list[int]:
    """Positions of `paths` in natural order; names that only differ in spelling are ordered by their code points."""
    return sorted(range(len(paths)), key=lambda i: (natural_key(paths[i]), paths[i]))


@dataclass(frozen=True, slots=True)
class Numbers:
    """The disc and track numbers a file's tags give; None where a tag is missing or no number."""

    disc: int | None = None
    track: int | None = None


@dataclass(frozen=True, slots=True)
class ListeningOrder:
    """Positions in listening order, what settled it, and whether names and tags disagree."""

    positions: tuple[int, ...]
    by: Literal["agreement", "names", "tags"]
    disputed: bool = False


def listening_order(paths: Sequence[str], numbers: Sequence[Numbers]) -> ListeningOrder:
    """The order to listen in.

    Where names tell files apart by numbers, names decide: tags are wrong more often than the numbers somebody put
    into file names, and a dispute is reported. Names without numbers ("Prologue", "The Fall") say nothing about order;
    then complete tags decide.
    """
    by_name = tuple(natural_order(paths))
    by_tags = _tag_order(paths, numbers)
    if by_tags is None:
        return ListeningOrder(by_name, "names")
    if by_tags == by_name:
        return ListeningOrder(by_name, "agreement")
    if _numbered(paths):
        return ListeningOrder(by_name, "names", disputed=True)
    return ListeningOrder(by_tags, "tags")


def number_of(tag: str | None) -> int | None:
    """The number in a tag such as "3", "03/12" or "Disc 2"; None when there is none."""
    match = re.search(r"\d+", unicodedata.normalize("NFKC", tag)) if tag else None
    return int(match.group()) if match and len(match.group()) < 10 else None


_FOLDER = (1, 0, "")
_FILE = (0, 0, "")


def _pieces(text: str) -> tuple[tuple[int, int, str], ...]:
    flat = re.sub(r"[\s._\-–—]+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()
    return tuple((0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in re.findall(r"\d+|\D+", flat))


def _tag_order(paths: Sequence[str], numbers: Sequence[Numbers]) -> tuple[int, ...] | None:
    """The order by tags, or None when tags are missing or two files claim one place."""
    if any(n.track is None for n in numbers):
        return None
    discs = [n.disc for n in numbers]
    whole = all(d is not None for d in discs)
    folders = [natural_key(p)[:-1] for p in paths]
    tracks = [n.track or 0 for n in numbers]
    for places in (
        [(d or 0, t) for d, t in zip(discs, tracks, strict=True)] if whole else None,
        [(0, t) for t in tracks],
    ):
        if places is not None and len(set(places)) == len(places):
            return tuple(sorted(range(len(paths)), key=places.__getitem__))
    nested = list(zip(folders, tracks, strict=True))
    if len(set(nested)) == len(nested):
        return tuple(sorted(range(len(paths)), key=nested.__getitem__))
    return None


def _numbered(paths: Sequence[str]) -> bool:
    """Do numbers alone tell all the names apart?"""
    seen = {tuple(piece[1] for part in natural_key(p) for piece in part[1:] if piece[2] == "") for p in paths}
    return len(seen) == len(paths) and () not in seen
