"""Paths with sizes as an indented tree, folders first, names in natural order. Names are only shown, never opened."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leaf:
    """A line of the tree. `depth` counts from 0; a folder's size is that of everything in it, None when unknown."""

    name: str
    depth: int
    folder: bool
    size: int | None


def tree(files: Iterable[tuple[str, int | None]]) -> tuple[Leaf, ...]:
    """Lines for `a/b.mp3` style paths."""
    root: _Folder = _Folder()
    for path, size in files:
        root.put([p for p in path.split("/") if p], size)
    return tuple(root.lines(0))


class _Folder:
    def __init__(self) -> None:
        self.folders: dict[str, _Folder] = {}
        self.files: dict[str, int | None] = {}

    def put(self, parts: list[str], size: int | None) -> None:
        if len(parts) == 1:
            self.files[parts[0]] = size
        elif parts:
            self.folders.setdefault(parts[0], _Folder()).put(parts[1:], size)

    @property
    def size(self) -> int | None:
        sizes = [f.size for f in self.folders.values()] + list(self.files.values())
        return None if any(s is None for s in sizes) else sum(s for s in sizes if s is not None)

    def lines(self, depth: int) -> Iterable[Leaf]:
        for name in sorted(self.folders, key=_natural):
            yield Leaf(name, depth, True, self.folders[name].size)
            yield from self.folders[name].lines(depth + 1)
        for name in sorted(self.files, key=_natural):
            yield Leaf(name, depth, False, self.files[name])


def _natural(name: str) -> list[tuple[int, int | str]]:
    return [(0, int(p)) if p.isdecimal() else (1, p.casefold()) for p in re.split(r"(\d+)", name) if p]
