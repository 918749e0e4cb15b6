"""What became of a book and what taking it back would do, told from the journal and the records of the stages. Reads
values, returns values; what happens on the shelf is the desk's business."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from earmark.core.reasons import JsonValue
from earmark.core.states import Completed
from earmark.web.contract import TaskView, TicketDetail
from earmark.web.contract_shelf import ActView

LIVE = frozenset({"done", "verified"})
FILES = frozenset({"place", "sidecar", "cover"})
CHAPTER_SOURCES = {
    "files": "one for each file",
    "names": "the names of the files",
    "tags": "the tags of the files",
    "cue": "a CUE sheet",
    "embedded": "marks inside the files",
    "overdrive": "OverDrive’s marks in the tags",
    "provider": "Audible, whose running time agrees",
    "numbers": "numbered, as nothing names them",
}
DOUBTS = {
    "order_disputed": "names, tags or playlist disagreed about the order",
    "order_unknown": "nothing told the order of all files",
    "track_twice": "several files claimed one place",
    "track_missing": "numbers were missing in the row of files",
}
METHODS = {
    "hardlink": "hard link",
    "reflink": "shared blocks",
    "copy": "copy",
    "move": "moved",
    "write": "written",
    "rename": "renamed",
}


@dataclass(frozen=True, slots=True)
class TakeBack:
    """What an undo would do. `whole`: the book leaves the shelf; else only the last reorganisation is taken back.
    `going` are files for the recycle folder, `back` what lies there and returns, `moves` are (now, then) below `root`."""

    whole: bool
    folder: str
    going: tuple[str, ...]
    back: tuple[str, ...]
    moves: tuple[tuple[str, str], ...]
    root: str


def take_back(view: TicketDetail, acts: Sequence[ActView]) -> TakeBack | None:
    """What taking the ticket's last act back would do; None when nothing can be."""
    payload = view.ticket.payload
    if not isinstance(payload, Completed) or not acts:
        return None
    known = {act.number for act in acts}
    noted = [e.payload.get("act") for e in view.events if e.payload.get("what") == "reorganised"]
    first = max((act for act in noted if isinstance(act, int) and act in known), default=1)
    rows = [row for row in view.journal if row.act >= first and row.state in LIVE]
    home = PurePosixPath(payload.library_path)
    moves = [(row.target, row.source) for row in rows if row.op == "move" and row.source]
    parents = [str(PurePosixPath(path).parent) for pair in moves for path in pair]
    root = PurePosixPath(os.path.commonpath(parents)) if parents else home
    return TakeBack(
        first == 1,
        payload.library_path,
        tuple(_below(row.target, home) for row in rows if row.op in FILES),
        tuple(_below(row.target, home) for row in rows if row.kept),
        tuple((_below(now, root), _below(then, root)) for now, then in moves),
        str(root),
    )


def _below(path: str, home: PurePosixPath) -> str:
    found = PurePosixPath(path)
    return str(found.relative_to(home)) if found.is_relative_to(home) else path


@dataclass(frozen=True, slots=True)
class Considered:
    """A list of chapters that was weighed: 0..1, and whether it was taken."""

    source: str
    score: float
    count: int
    taken: bool


@dataclass(frozen=True, slots=True)
class Brought:
    """A file of the book and how it came to the shelf."""

    name: str
    method: str


@dataclass(frozen=True, slots=True)
class Making:
    """How the book was made: from the records of planning, binding and placing."""

    order: tuple[str, ...]
    order_chosen: str
    doubts: tuple[str, ...]
    left_out: tuple[str, ...]
    chapters_from: str
    considered: tuple[Considered, ...]
    brought: tuple[Brought, ...]
    replaced: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def any(self) -> bool:
        return bool(self.order or self.chapters_from or self.brought or self.notes)


def making(view: TicketDetail) -> Making:
    """What the last finished run of each stage noted."""
    plan, bind, place = (_last(view.tasks, stage) for stage in ("plan", "bind", "place"))
    source = _text(bind.get("chapters_from"))
    methods = place.get("methods")
    brought = methods.items() if isinstance(methods, dict) else ()
    payload = view.ticket.payload
    home = PurePosixPath(payload.library_path) if isinstance(payload, Completed) else PurePosixPath("/")
    return Making(
        order=_texts(plan.get("order")),
        order_chosen=view.ticket.answers.get("order", ""),
        doubts=tuple(DOUBTS.get(code, code.replace("_", " ")) for code in _texts(plan.get("doubts"))),
        left_out=_texts(plan.get("left_out")),
        chapters_from=CHAPTER_SOURCES.get(source, source),
        considered=_considered(bind.get("chapters_considered"), source),
        brought=tuple(Brought(name, METHODS.get(str(way), str(way))) for name, way in brought),
        replaced=tuple(_below(path, home) for path in _texts(place.get("replaced"))),
        notes=(*_texts(plan.get("notes")), *_texts(place.get("notes"))),
    )


def _last(tasks: Sequence[TaskView], stage: str) -> Mapping[str, JsonValue]:
    done = [task.detail for task in tasks if task.stage == stage and task.error is None]
    return done[-1] if done else {}


def _considered(value: JsonValue, taken: str) -> tuple[Considered, ...]:
    lists = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    found = []
    for item in lists:
        source, score, count = _text(item.get("source")), item.get("score"), item.get("chapters")
        if isinstance(score, int | float) and isinstance(count, int):
            found.append(Considered(CHAPTER_SOURCES.get(source, source), float(score), count, source == taken))
    return tuple(sorted(found, key=lambda c: (not c.taken, -c.score)))


def _texts(value: JsonValue) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
