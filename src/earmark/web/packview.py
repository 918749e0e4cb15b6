"""Torrents that hold several books, as the notes of a ticket tell them: before a choice which files are which book, after
it what else came along and can be wished for. Reads notes of any shape; what is odd in them is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from earmark.core.decision import ScoredCandidate
from earmark.core.reasons import JsonValue
from earmark.web.contract import EventView

PLAN, OFFERS = "pack_plan", "pack_offers"


@dataclass(frozen=True, slots=True)
class Book:
    """One book of a pack. `files` are paths below the pack's folder, at most as many as the note keeps."""

    name: str
    title: str
    wished: bool
    size: int | None
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the torrent of candidate `idx` holds. `sure` is 0..1, how clear it is which book is which."""

    idx: int
    title: str
    books: tuple[Book, ...]
    shared: tuple[str, ...]
    sure: float | None
    folder: str


@dataclass(frozen=True, slots=True)
class Along:
    """A book that came along; `query` fills the page for a new wish."""

    name: str
    files: int
    size: int | None
    query: str


def plans(events: Sequence[EventView], found: Sequence[ScoredCandidate]) -> tuple[Plan, ...]:
    """The newest plan of every candidate that has one, in the candidates' order."""
    told = {_text(p.get("guid")): p for p in _notes(events, PLAN)}
    made = ((i, c, told[c.release.guid]) for i, c in enumerate(found) if c.release.guid in told)
    return tuple(plan for i, c, note in made if (plan := _plan(i, c.release.title, note)).books)


def along(events: Sequence[EventView]) -> tuple[Along, ...]:
    """What the newest note says came along with the ticket's torrent."""
    note: Mapping[str, JsonValue] = next(reversed(_notes(events, OFFERS)), {})
    return tuple(
        Along(_text(b.get("name")), _count(b.get("files")) or 0, _count(b.get("size_bytes")), _query(b))
        for b in _maps(note.get("books"))
        if _text(b.get("name"))
    )


def _notes(events: Sequence[EventView], what: str) -> list[Mapping[str, JsonValue]]:
    return [e.payload for e in events if e.type == "note" and e.payload.get("what") == what]


def _plan(idx: int, title: str, note: Mapping[str, JsonValue]) -> Plan:
    books = _maps(note.get("books"))
    paths = [path for book in books for path in _texts(book.get("files"))]
    folder = _root(paths)
    sure = note.get("confidence")
    return Plan(
        idx,
        title,
        tuple(
            Book(
                _text(b.get("name")),
                _text(b.get("title")),
                b.get("wished") is True,
                _count(b.get("size_bytes")),
                tuple(path[len(folder) :] for path in _texts(b.get("files"))),
            )
            for b in books
        ),
        tuple(path.removeprefix(folder) for path in _texts(note.get("shared"))),
        float(sure) if isinstance(sure, int | float) else None,
        folder.rstrip("/"),
    )


def _root(paths: Sequence[str]) -> str:
    """The folder all of them lie in, when it is one."""
    tops = {path.split("/")[0] if "/" in path else "" for path in paths}
    top = next(iter(tops)) if len(tops) == 1 else ""
    return f"{top}/" if top else ""


def _query(offer: Mapping[str, JsonValue]) -> str:
    wish = offer.get("wish")
    told: Mapping[str, JsonValue] = wish if isinstance(wish, Mapping) else {}
    fields = {
        "kind": _text(offer.get("kind")),
        "title": _text(told.get("title")) or _text(offer.get("name")),
        "author": ", ".join(_texts(told.get("authors"))),
        "series": _text(told.get("series")),
        "series_index": _text(told.get("series_index")),
        "language": _text(told.get("language")),
    }
    return urlencode({name: value[:300] for name, value in fields.items() if value})


def _maps(value: JsonValue) -> list[Mapping[str, JsonValue]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _texts(value: JsonValue) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list | tuple) else ()


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _count(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
