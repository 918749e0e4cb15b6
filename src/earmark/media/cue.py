"""CUE sheets: which file holds which tracks and where each begins. Text comes in, marks come out.

The format as the cdrdao and EAC manuals describe it: FILE, TRACK, INDEX nn mm:ss:ff with 75 frames a second; INDEX 01
is the start of a track, INDEX 00 the pause before it, which may lie in the file before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FRAMES_PER_SEC = 75
_MAX_LINES = 20_000
_MAX_LINE = 2_000
_INDEX = re.compile(r"INDEX\s+0*(\d{1,2})\s+(\d{1,6}):(\d{1,2})[:.](\d{1,2})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CueFile:
    """One FILE line: its name as written and the marks in it, seconds and titles in rising order."""

    name: str
    marks: tuple[tuple[float, str], ...]


def parse_cue(text: str) -> tuple[CueFile, ...]:
    """The FILE entries of a sheet in their order; empty when it holds none. Lines that make no sense are passed over."""
    files: list[tuple[str, list[tuple[float, str]]]] = []
    title: str | None = None
    in_track = placed = False
    for line in text.splitlines()[:_MAX_LINES]:
        word, _, rest = line[:_MAX_LINE].strip().lstrip("\ufeff").partition(" ")
        match word.upper():
            case "FILE":
                files.append((_file_name(rest), []))
            case "TRACK":
                in_track, placed, title = True, False, ""
            case "TITLE" if in_track:
                title = _unquoted(rest)
                if placed and files and files[-1][1]:  # a title below its INDEX
                    files[-1][1][-1] = (files[-1][1][-1][0], title)
            case "INDEX" if in_track and files and not placed:
                start = _start_secs(line.strip())
                if start is not None:
                    files[-1][1].append((start, title or ""))
                    placed = True
    return tuple(CueFile(name, _rising(marks)) for name, marks in files if name)


def _start_secs(line: str) -> float | None:
    index = _INDEX.match(line)
    if index is None or int(index[1]) != 1:
        return None
    return int(index[2]) * 60 + int(index[3]) + min(int(index[4]), _FRAMES_PER_SEC - 1) / _FRAMES_PER_SEC


def _rising(marks: list[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    by_start: dict[float, str] = {}
    for start, title in marks:
        by_start.setdefault(start, title)
    return tuple(sorted(by_start.items()))


def _file_name(rest: str) -> str:
    """`"a b.wav" WAVE`, or the same without quotes."""
    rest = rest.strip()
    if rest.startswith('"'):
        end = rest.rfind('"')
        return rest[1:end].strip() if end > 0 else rest[1:].strip()
    name, _, kind = rest.rpartition(" ")
    return (
        name if name and kind.upper() in {"WAVE", "MP3", "AIFF", "BINARY", "FLAC", "MOTOROLA", "AAC", "M4A"} else rest
    ).strip()


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
