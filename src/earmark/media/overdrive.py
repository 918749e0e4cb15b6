"""Overdrive's chapter marks: a tag "OverDrive MediaMarkers" in each mp3, a chapter's name said again in every file it
reaches into ("Chapter 4 (05:02)", "Chapter 4 (continued)"). Text comes in, marks come out.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

TAG = "overdrive mediamarkers"
"""The key in `AudioInfo.tags`: ID3's TXXX description in small letters."""

_MARKER = re.compile(r"<Name>([^<]{0,2000})</Name>\s{0,200}<Time>\s{0,20}([\d:.]{1,20})\s{0,20}</Time>", re.IGNORECASE)
_AGAIN = re.compile(r"\s*(?:\((?:\d{1,3}:)?\d{1,3}:\d\d\)|[\s\-–—:(]*\bcont(?:inued|['’]?d|\.)?\)?)\s*$", re.IGNORECASE)
_TAIL = 24  # characters at a name's end in which such words may stand


def parse_markers(text: str) -> tuple[tuple[float, str], ...]:
    """Seconds and names as the tag of one file gives them, in rising order. Read with patterns, not an XML parser: the
    names often hold a bare `&`, and nothing else of XML is wanted from a stranger's file."""
    marks: dict[float, str] = {}
    for name, clock in _MARKER.findall(text[:1_000_000]):
        pieces = clock.split(":")
        try:
            secs = sum(float(piece) * 60**n for n, piece in enumerate(reversed(pieces)))
        except ValueError:
            continue
        marks.setdefault(secs, " ".join(html.unescape(name).split()))
    return tuple(sorted(marks.items()))


def merged(files: Sequence[Sequence[tuple[float, str]]]) -> list[list[tuple[float, str]]]:
    """The marks of each file without those that only say again which chapter goes on, across files too."""
    current = ""
    kept: list[list[tuple[float, str]]] = []
    for marks in files:
        here: list[tuple[float, str]] = []
        for secs, name in marks:
            again = _said_first(name)
            if again.casefold() != current.casefold() or not current:
                here.append((secs, again))
            current = again
        kept.append(here)
    return kept


def _said_first(name: str) -> str:
    """The chapter's name without the words that it goes on; those stand at its very end."""
    head, tail = name[:-_TAIL], name[-_TAIL:]
    return (head + _AGAIN.sub("", tail)).rstrip(" -–—:") or name
