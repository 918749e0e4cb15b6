"""The way of a ticket as a line of time, and its history in words. Built from the events the store kept; what was never
recorded is shown as skipped, not invented."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from earmark.core.reasons import JsonValue
from earmark.core.states import Failed, TicketState
from earmark.core.ticket import Ticket
from earmark.web import humane, words
from earmark.web.contract import EventView

S = TicketState
Mark: TypeAlias = Literal["done", "now", "todo", "skipped", "failed", "ended"]

PHASES: tuple[tuple[str, tuple[TicketState, ...]], ...] = (
    ("Wished", (S.PENDING,)),
    ("Search", (S.SEARCHING,)),
    ("Decide", (S.MATCHING, S.NEEDS_APPROVAL, S.AUTO_APPROVED, S.APPROVED)),
    ("Download", (S.DOWNLOADING,)),
    ("Bind", (S.CONVERTING,)),
    ("Place", (S.PLACING,)),
    ("On the shelf", (S.COMPLETED,)),
)


@dataclass(frozen=True, slots=True)
class Phase:
    name: str
    mark: Mark
    entered_at: datetime | None
    took_secs: float | None  # None: not begun, or still going


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the history. `tone` colours its dot."""

    at: datetime
    tone: words.Tone
    title: str
    text: str
    seq: int


def phases(ticket: Ticket, events: Sequence[EventView]) -> tuple[Phase, ...]:
    """Each phase with when it was last entered and how long it took."""
    entered = _entries(events)
    here = _phase_of(ticket, events)
    broken = isinstance(ticket.payload, Failed)
    ended = ticket.state in {S.REJECTED, S.CANCELLED}
    line: list[Phase] = []
    for i, (name, states) in enumerate(PHASES):
        at = min((entered[s] for s in states if s in entered), default=None)
        if i == 0 and at is None:
            at = ticket.created_at
        if i > here or (i == here and ended):
            mark: Mark = "ended" if i == here else "todo"
        elif i == here:
            mark = "failed" if broken else "done" if ticket.state is S.COMPLETED else "now"
        else:
            mark = "done" if at is not None else "skipped"
        line.append(Phase(name, mark, at if mark != "todo" else None, None))
    return tuple(_with_length(line))


def _with_length(line: list[Phase]) -> list[Phase]:
    starts = [p.entered_at for p in line]
    out: list[Phase] = []
    for i, phase in enumerate(line):
        later = next((s for s in starts[i + 1 :] if s is not None), None)
        secs = None
        if phase.mark == "done" and phase.entered_at is not None and later is not None and later >= phase.entered_at:
            secs = (later - phase.entered_at).total_seconds()
        out.append(Phase(phase.name, phase.mark, phase.entered_at, secs))
    return out


def _phase_of(ticket: Ticket, events: Sequence[EventView]) -> int:
    """Index of the phase the ticket is in, or was in when it ended."""
    state: TicketState | None = ticket.state
    if isinstance(ticket.payload, Failed):
        state = ticket.payload.failed_at_state
    elif ticket.state in {S.REJECTED, S.CANCELLED}:
        state = _left(events, ticket.state)
    return next((i for i, (_, states) in enumerate(PHASES) if state in states), 0)


def _left(events: Sequence[EventView], end: TicketState) -> TicketState | None:
    """The state a ticket was in before it ended as `end`."""
    for event in reversed(events):
        if event.type == "state_change" and event.payload.get("new_state") == end:
            return _state(event.payload.get("old_state"))
    return None


def _entries(events: Sequence[EventView]) -> dict[TicketState, datetime]:
    """State -> when it was entered last. A new search forgets what came after the former one."""
    entered: dict[TicketState, datetime] = {}
    for event in events:
        new = _state(event.payload.get("new_state")) if event.type == "state_change" else None
        if new is None:
            continue
        if new is S.PENDING and S.PENDING in entered:
            entered = {S.PENDING: entered[S.PENDING]}
            continue
        entered[new] = event.at
    return entered


RETOLD = frozenset({"completed", "failed", "needs_approval"})


def history(events: Sequence[EventView], asker: str = "") -> tuple[Moment, ...]:
    """Newest first. A move that is told again with its facts (completed, failed, needs_approval) is one moment. `asker` is
    who wished: a program that filed the ticket with its release chose it, too."""
    moments: list[Moment] = []
    for event in events:
        told = _came_chosen(event, asker) or _moment(event)
        if event.type in RETOLD and moments and moments[-1].at == told.at:
            before = moments.pop()
            told = Moment(before.at, before.tone, before.title, told.text or before.text, told.seq)
        moments.append(told)
    return tuple(reversed(moments))


def came_chosen(events: Sequence[EventView]) -> bool:
    """Did the ticket come with its release, from another program?"""
    return any(_came_chosen(event, "") for event in events[:3])


def _came_chosen(event: EventView, asker: str) -> Moment | None:
    """A ticket that begins approved: it came with its release, from a program that takes us for its Prowlarr."""
    p = event.payload
    if event.type != "state_change" or p.get("old_state") or _state(p.get("new_state")) is not S.APPROVED:
        return None
    text = f"Chosen by {asker or 'another program'} through the Prowlarr interface"
    return Moment(event.at, "work", "Wish filed with its release", text, event.seq)


def _moment(event: EventView) -> Moment:
    p = event.payload
    if event.type == "state_change":
        new, old = _state(p.get("new_state")), _state(p.get("old_state"))
        actor = _text(p.get("actor"))
        by = f"by {actor}" if actor and actor != "earmark" else ""
        title = words.label(new) if new else _text(p.get("new_state")) or "Moved"
        if old is None and new is S.PENDING:
            title = "Wish filed"
        text = ", ".join(t for t in (by, _reason_text(p.get("details"))) if t)
        return Moment(event.at, words.LABELS[new][1] if new else "quiet", title, text, event.seq)
    if event.type == "note":
        return Moment(event.at, "quiet", *_note(p), event.seq)
    titles: dict[str, tuple[str, words.Tone]] = {
        "needs_approval": ("Asked for a decision", "you"),
        "completed": ("Done", "good"),
        "failed": ("Gave up", "bad"),
        "waiting": ("On hold", "wait"),
        "alert": ("Alert", "you"),
    }
    title, tone = titles.get(event.type, (event.type.replace("_", " ").capitalize(), "quiet"))
    return Moment(event.at, tone, title, _reason_text(dict(p)), event.seq)


def _note(p: Mapping[str, JsonValue]) -> tuple[str, str]:
    """Title and text of a remark in the history, by what it is about."""
    what, query = _text(p.get("what")), _text(p.get("query"))
    if what == "searched":
        answers = p.get("answers")
        heard = [f"{name}: {_answer(found)}" for name, found in answers.items()] if isinstance(answers, dict) else []
        return f"Searched for “{query}”", ", ".join(heard)
    if what in _TOLD:
        title, text = _TOLD[what](p)
        actor = _text(p.get("actor"))
        return title, ", ".join(t for t in (text, f"by {actor}" if actor else "") if t)
    return what.replace("_", " ").capitalize() or "Note", _reason_text(dict(p))


def _undone(p: Mapping[str, JsonValue]) -> tuple[str, str]:
    kept = p.get("kept")
    counts = (
        (_count(p.get("removed")), "to the recycle folder"),
        (_count(p.get("restored")), "back in its place"),
        (len(kept) if isinstance(kept, list) else 0, "left alone, changed since it was placed"),
    )
    return "Taken back", ", ".join(f"{humane.number(n)} {where}" for n, where in counts if n)


def _reorganised(p: Mapping[str, JsonValue]) -> tuple[str, str]:
    written = p.get("sidecars")
    texts = (
        f"moved to {_text(p.get('folder'))}" if _count(p.get("moved")) else "",
        f"{humane.plural(len(written), 'file')} written anew" if isinstance(written, list) and written else "",
    )
    return "Re-processed", ", ".join(t for t in texts if t)


def _answered(p: Mapping[str, JsonValue]) -> tuple[str, str]:
    return "Answered", f"“{_text(p.get('answer')).replace('_', ' ')}”"


def _let_go(p: Mapping[str, JsonValue]) -> tuple[str, str]:
    return "Torrent let go of", "Its files in the downloads were deleted to free space"


_TOLD: dict[str, Callable[[Mapping[str, JsonValue]], tuple[str, str]]] = {
    "undone": _undone,
    "reorganised": _reorganised,
    "answered": _answered,
    "order_ended": lambda p: ("No further indexer asked", _text(p.get("message"))),
    "next_in_order": lambda p: ("The next indexer asked", _text(p.get("message"))),
    "torrent_let_go": _let_go,
    "blocked": lambda p: ("One release refused", ""),
    "redownloading": lambda p: ("Another release is looked for", _text(p.get("message"))),
    "pack_plan": lambda p: ("Several books in one torrent", _books(p)),
    "pack_offers": lambda p: ("More books came along", _books(p)),
}


def _books(p: Mapping[str, JsonValue]) -> str:
    books = p.get("books")
    return humane.plural(len(books), "book") if isinstance(books, list) else ""


def _count(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0


def _answer(found: JsonValue) -> str:
    return humane.plural(found, "release") if isinstance(found, int) else _text(found).replace("_", " ")


def _reason_text(value: JsonValue) -> str:
    """The sentence in a payload, wherever the writer put it."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return ""
    for key in ("message", "text", "reason", "error", "waiting"):
        found = value.get(key)
        if found:
            return _reason_text(found)
    count = value.get("candidate_count")
    return humane.plural(count, "release") if isinstance(count, int) else ""


def _state(value: JsonValue) -> TicketState | None:
    try:
        return TicketState(str(value)) if value else None
    except ValueError:
        return None


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
