"""What a ticket asks of a person, laid out so that it can be decided: orders side by side, the book there beside the new
one, the files to be placed. Reads the reason the ticket waits for; what an answer does is the desk's business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.core.reasons import JsonValue
from earmark.core.ticket import Ticket
from earmark.library.replacement import kind_of
from earmark.pipeline.questions import answers_to

TITLES = {
    "order_disputed": "In which order is it to be heard?",
    "order_unknown": "In which order is it to be heard?",
    "track_twice": "In which order is it to be heard?",
    "target_exists": "Replace the book that stands there?",
    "review_before_import": "Place it on the shelf?",
    "already_on_shelf": "Fetch it although it is there already?",
}
SHORT = 16  # places that are shown in full
READINGS = {
    "names": "By the file names",
    "tags": "By the tags",
    "folders": "By the folders",
    "playlist": "By the playlist",
}


@dataclass(frozen=True, slots=True)
class Place:
    """One place of the book: the file each reading puts there; `differs` when they do not agree."""

    number: int
    files: tuple[str, ...]
    differs: bool


@dataclass(frozen=True, slots=True)
class Same:
    """A run of places at which all readings agree."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Orders:
    """Readings that put the files in different orders; equal ones share a column. `folder` is what all names have in
    common."""

    readings: tuple[str, ...]
    places: tuple[Place, ...]
    folder: str

    @property
    def disputed(self) -> int:
        return sum(place.differs for place in self.places)

    @property
    def brief(self) -> tuple[Place | Same, ...]:
        """Long orders without the runs on which all agree, save a neighbour of each place that differs."""
        if len(self.places) <= SHORT:
            return self.places
        near = {place.number + step for place in self.places if place.differs for step in (-1, 0, 1)}
        rows: list[Place | Same] = []
        for place in self.places:
            last = rows[-1] if rows else None
            if place.number in near:
                rows.append(place)
            elif isinstance(last, Same):
                rows[-1] = Same(last.first, place.number)
            else:
                rows.append(Same(place.number, place.number))
        return tuple(rows)


@dataclass(frozen=True, slots=True)
class Pair:
    """A name there, or to come, or both. Sizes in bytes, None where it is not. `fate`: goes | stays | same | new."""

    name: str
    there: int | None
    new: int | None
    fate: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The book that stands in `folder` beside the one to come. `more` files there are not listed."""

    folder: str
    pairs: tuple[Pair, ...]
    more: int
    seconds_there: float | None
    seconds_new: float | None

    @property
    def going(self) -> int:
        return sum(pair.fate == "goes" for pair in self.pairs)


@dataclass(frozen=True, slots=True)
class Question:
    """`answers` are (word, meaning), the first the usual one."""

    code: str
    title: str
    message: str
    action: str
    answers: tuple[tuple[str, str], ...]
    orders: Orders | None = None
    comparison: Comparison | None = None
    folder: str = ""
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


def question_of(ticket: Ticket) -> Question | None:
    """The question the ticket waits with, or None when it asks nothing."""
    if ticket.waiting is None:
        return None
    reason = ticket.waiting.reason
    answers = tuple(answers_to(reason).items())
    if not answers:
        return None
    facts = reason.evidence
    compared = "found" in facts and "wanted" in facts
    return Question(
        reason.code,
        TITLES.get(reason.code, "Go on all the same?"),
        reason.message,
        reason.action,
        answers,
        orders=_orders(facts.get("orders")),
        comparison=_comparison(facts) if compared else None,
        folder="" if compared else _text(facts.get("folder") or facts.get("path")),
        files=_texts(facts.get("files")),
        folders=_texts(facts.get("folders")),
    )


def _orders(value: JsonValue) -> Orders | None:
    if not isinstance(value, Mapping) or not value:
        return None
    columns: dict[tuple[str, ...], list[str]] = {}
    for by, names in value.items():
        columns.setdefault(_texts(names), []).append(by)
    head = tuple(_reading(group) for group in columns.values())
    lists = list(columns)
    folder = _common_folder([name for names in lists for name in names])
    rows = []
    for n in range(max(len(names) for names in lists)):
        files = tuple(names[n][len(folder) :] if n < len(names) else "" for names in lists)
        rows.append(Place(n + 1, files, len(set(files)) > 1))
    return Orders(head, tuple(rows), folder.rstrip("/"))


def _reading(group: Sequence[str]) -> str:
    """`By the file names and the folders` for readings that agree."""
    first, *rest = [READINGS.get(by, f"By {by.replace('_', ' ')}") for by in group]
    return " and ".join([first, *(other.removeprefix("By ") for other in rest)])


def _common_folder(names: Sequence[str]) -> str:
    if not names:
        return ""
    common = names[0].split("/")[:-1]
    for name in names:
        parts = name.split("/")[:-1]
        common = common[: next((i for i, (a, b) in enumerate(zip(common, parts, strict=False)) if a != b), len(parts))]
    return "".join(f"{part}/" for part in common)


def _comparison(facts: Mapping[str, JsonValue]) -> Comparison:
    found = _maps(facts.get("found"))
    wanted = {_text(w.get("name")): _size(w.get("size")) for w in _maps(facts.get("wanted"))}
    kind = (
        "audio" if any(_kind(name) == "audio" for name in wanted) else "ebook"
    )  # an audiobook's companions are no book
    pairs = []
    for file in found:
        name = _text(file.get("name"))
        fate = "same" if file.get("identical") else "goes" if name in wanted or _kind(name) == kind else "stays"
        pairs.append(Pair(name, _size(file.get("size")), wanted.get(name), fate))
    listed = {pair.name for pair in pairs}
    pairs += [Pair(name, None, size, "new") for name, size in wanted.items() if name not in listed]
    pairs.sort(key=lambda pair: (["goes", "new", "same", "stays"].index(pair.fate), pair.name.casefold()))
    count = facts.get("found_count")
    more = count - len(found) if isinstance(count, int) else 0
    return Comparison(
        _text(facts.get("folder")),
        tuple(pairs),
        max(0, more),
        _number(facts.get("seconds_there")),
        _number(facts.get("seconds_wanted")),
    )


def _kind(name: str) -> str:
    return kind_of(Path(name))


def _maps(value: JsonValue) -> list[Mapping[str, JsonValue]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _texts(value: JsonValue) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else ()


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _size(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) else None
