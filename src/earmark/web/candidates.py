"""Candidates beside each other: what each scored in every component, what is known of it and where that was read, what it
costs in plain words. Reads values, returns values; it judges nothing anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from earmark.core.decision import Component, Decision, ScoredCandidate
from earmark.core.quality import STEPS, quality_of
from earmark.core.reading import Evidence, Source, rules
from earmark.core.reading.evidence import Fact as Told
from earmark.core.reasons import Reason
from earmark.core.release import Release
from earmark.core.scoring import case_of, real_kbps
from earmark.core.states import SEARCHABLE, ApprovalCode, ApprovalReason, NeedsApproval, TicketState
from earmark.core.testimony import Effect, Opinion, WitnessRecord
from earmark.core.ticket import Ticket
from earmark.core.wish import BookWish, Kind
from earmark.web import humane, packview
from earmark.web.contract import TicketDetail
from earmark.web.tracktable import TrackTable, track_table
from earmark.web.wishes import LANGUAGES

T = TypeVar("T")

SHOWN = 8  # that fit and stand open at once; the rest is one click away
USUAL_THRESHOLD = 0.85  # only colours a score when no decision was recorded
BLOCKED = "release_blocked"
_BLOCKABLE = SEARCHABLE | {TicketState.DOWNLOADING, TicketState.CONVERTING}

SOURCES = {  # a field was filled in for that purpose: nothing to add
    Source.FIELD: "",
    Source.TITLE: "from the title",
    Source.TAGS: "from the tags",
    Source.DESCRIPTION: "from the description",
    Source.FILES: "from the files",
    Source.SIZE: "worked out from the size",
}
DOUBTS = {
    ApprovalCode.LOW_CONFIDENCE: "Not sure enough",
    ApprovalCode.TRACK_COUNT_MISMATCH: "Another number of tracks",
    ApprovalCode.DURATION_MISMATCH: "Another length",
    ApprovalCode.NAME_SIMILARITY_LOW: "The names differ",
    ApprovalCode.MULTIPLE_GOOD_MATCHES: "Several are equally good",
    ApprovalCode.NO_EXACT_MATCH: "No exact match",
}
EFFECTS = {  # a word for the mark; the record's own note says the rest
    Effect.NONE: ("wait", "No effect"),
    Effect.APPROVED: ("good", "Taken on its word"),
    Effect.ASKED: ("you", "Asked a person"),
    Effect.RECOMMENDED: ("you", "Recommends another"),
    Effect.FELL_BACK: ("bad", "Not heard"),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What taking a release costs the account. `tone` is good, you or quiet."""

    text: str
    more: str
    tone: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One cell of the comparison. `text` "" is unknown; `note` tells where it was read; `at` is a time instead."""

    text: str
    note: str = ""
    tone: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """A component by name and its share of the whole, 0..100."""

    name: str
    percent: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a person is asked: a heading, the sentence, its numbers in words."""

    title: str
    text: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One candidate. `bars` and `facts` stand in the order of the sheet's."""

    idx: int
    c: ScoredCandidate
    best: bool
    chosen: bool
    blocked: bool
    may_block: bool
    cost: Cost
    bars: tuple[Component | None, ...]
    facts: tuple[Fact, ...]
    opinion: Opinion | None
    mapping: TrackTable | None

    @property
    def gates(self) -> tuple[Reason, ...]:
        return self.c.gates


@dataclass(frozen=True, slots=True)
class Sheet:
    """The whole comparison: the rows' names, those that fit, those that were refused."""

    bars: tuple[Bar, ...]
    facts: tuple[str, ...]
    fit: tuple[Column, ...]
    refused: tuple[Column, ...]
    threshold: float
    has_mapping: bool
    has_opinions: bool

    @property
    def count(self) -> int:
        return len(self.fit) + len(self.refused)


def context(view: TicketDetail, chosen: int | None, recommended: int | None) -> dict[str, object]:
    """What the comparison and `parts/decision.html` read."""
    made = view.decision.decision if view.decision else None
    p = view.ticket.payload
    reasons = p.reasons if isinstance(p, NeedsApproval) else made.reasons if made else ()
    witness = made.witness if made else None
    return {
        "sheet": sheet(view, chosen, recommended),
        "shown": SHOWN,
        "plans": packview.plans(view.events, view.candidates),
        "along": packview.along(view.events),
        "doubts": doubts(reasons),
        "effect": EFFECTS[witness.effect] if witness else ("", ""),
        "heard": heard_about(witness, made) if witness and made else (),
    }


def sheet(view: TicketDetail, chosen: int | None, recommended: int | None) -> Sheet:
    """Everything `parts/candidates.html` reads."""
    ticket, found = view.ticket, view.candidates
    witness = view.decision.decision.witness if view.decision else None
    heard = {o.guid: o for o in witness.opinions} if witness else {}
    placed = {(o.guid, p.catalog_track_id) for o in heard.values() for p in o.mapping}
    bars = _bars(found)
    facts = _facts(ticket, found)
    names = [name for name in facts if any(f.text or f.at for f in facts[name])]
    columns = [
        Column(
            idx=i,
            c=c,
            best=i == recommended and not c.rejected,
            chosen=i == chosen,
            blocked=any(g.code == BLOCKED for g in c.gates),
            may_block=ticket.state in _BLOCKABLE and all(g.code != BLOCKED for g in c.gates),
            cost=cost_of(c),
            bars=_in_order(bars, c.components),
            facts=tuple(facts[name][i] for name in names),
            opinion=heard.get(c.release.guid),
            mapping=track_table(ticket.request.wish, c, placed),
        )
        for i, c in enumerate(found)
    ]
    return Sheet(
        bars,
        tuple(names),
        tuple(c for c in columns if not c.c.rejected),
        tuple(c for c in columns if c.c.rejected),
        view.decision.decision.threshold if view.decision else USUAL_THRESHOLD,
        any(c.mapping for c in columns),
        bool(heard),
    )


# --- bars -----------------------------------------------------------------------------------------------------------------


def _bars(found: Sequence[ScoredCandidate]) -> tuple[Bar, ...]:
    """Every component that any candidate has, in the order of the fullest, with its share of all weights."""
    weights: dict[str, float] = {}
    for c in sorted(found, key=lambda c: -len(c.components)):
        for part in c.components:
            weights.setdefault(part.name, part.weight)
    total = sum(weights.values())
    return tuple(Bar(name, round(100 * weight / total) if total else 0) for name, weight in weights.items())


def _in_order(bars: Iterable[Bar], parts: Sequence[Component]) -> tuple[Component | None, ...]:
    own = {part.name: part for part in parts}
    return tuple(own.get(bar.name) for bar in bars)


# --- cost -----------------------------------------------------------------------------------------------------------------


def cost_of(c: ScoredCandidate) -> Cost:
    """What taking it costs, in plain words."""
    r, free = c.release, c.release.freeleech
    counts = f"{humane.size(r.size_bytes)} count" if r.size_bytes is not None else "Its size counts"
    if not r.private:
        return Cost("Free", "Public: it counts for no account.", "good")
    if free.personal:
        return Cost("Free for you", "Your own freeleech is on it.", "good")
    if free.everyone:
        return Cost("Free", "Freeleech for everybody.", "good")
    if c.free:
        until = f" until {free.vip_until:%-d %b %Y}" if free.vip_until else ""
        return Cost("Free for VIP", f"You are a member, so it costs nothing{until}.", "good")
    if free.vip or free.vip_union:
        return Cost("Paid", f"{counts} as downloaded: free for VIP members only, and you are none.", "you")
    wedge = " A personal freeleech (a wedge) on its page would spare it." if "myanonamouse" in r.guid else ""
    return Cost("Paid", f"{counts} as downloaded.{wedge}", "quiet")


# --- facts ----------------------------------------------------------------------------------------------------------------


def _facts(ticket: Ticket, found: Sequence[ScoredCandidate]) -> dict[str, list[Fact]]:
    """Name of a row → the cell of every candidate."""
    wish, kind = ticket.request.wish, ticket.request.kind
    rows = [_of_release(c.release) for c in found]
    if isinstance(wish, BookWish):
        cases = [case_of(kind, wish, c.release) for c in found]
        steps = [
            quality_of(
                case.evidence,
                kind=kind,
                size_kbps=real_kbps(case),
                seeders=case.release.seeders,
                wants_abridged=wish.abridged is True,
            )
            for case in cases
        ]
        ranked = sorted({s for s, c in zip(steps, found, strict=True) if not c.rejected}, reverse=True)
        for row, case, own, c in zip(rows, cases, steps, found, strict=True):
            row["Quality"] = _quality(own, ranked, c)
            row.update(_of_evidence(case.evidence, kind))
    return {name: [row.get(name, Fact("")) for row in rows] for name in FACTS}


def _of_release(r: Release) -> dict[str, Fact]:
    seeders = Fact("") if r.seeders is None else Fact(humane.number(r.seeders), tone="" if r.seeders else "bad")
    return {
        "Size": Fact(humane.size(r.size_bytes) if r.size_bytes is not None else ""),
        "Seeders": seeders,
        "Offered": Fact("", at=r.published_at),
        "Format": Fact(" ".join(r.filetypes)),
        "Files": Fact(humane.number(r.file_count) if r.file_count is not None else ""),
        "Indexer": Fact(r.indexer),
    }


def _quality(own: tuple[float, ...], ranked: Sequence[tuple[float, ...]], c: ScoredCandidate) -> Fact:
    """Its place among those that fit, and the first of the seven steps it falls behind the best in."""
    shown = f"{c.quality} of 100" if c.quality is not None else ""
    if c.rejected or own not in ranked:
        return Fact(shown)
    place = ranked.index(own) + 1
    if place == 1:
        return Fact("Best of those that fit" if len(ranked) > 1 else shown, shown if len(ranked) > 1 else "", "good")
    behind = next(name for name, a, b in zip(STEPS, ranked[0], own, strict=True) if b < a)
    return Fact(f"Place {place} of {len(ranked)}", f"{shown}; behind in: {behind}" if shown else f"behind in: {behind}")


def _of_evidence(e: Evidence, kind: Kind) -> dict[str, Fact]:
    places = [f"{s.value.name} {s.value.index}".strip() for s in e.series]
    found = {
        "Read by": _told(e.narrators, ", ".join(n.value for n in e.narrators)),
        "Runs": _told(e.runtime_secs, humane.duration(e.runtime_secs.value) if e.runtime_secs else ""),
        "Version": _version(e),
        "Language": _told(e.language, LANGUAGES.get(e.language.value, e.language.value) if e.language else ""),
        "Format": _told(e.formats, " ".join(f.value for f in e.formats)),
        "Bit rate": _told(e.bitrate_kbps, f"{e.bitrate_kbps.value} kbit/s" if e.bitrate_kbps else ""),
        "Edition": _marked(e, rules.EDITION),
        "Series": _told(e.series, "; ".join(places)),
        "By": _told(e.authors, ", ".join(a.value for a in e.authors)),
        "Year": _told(e.year, str(e.year.value) if e.year else ""),
    }
    return found if kind is Kind.AUDIOBOOK else {k: v for k, v in found.items() if k not in _SOUND}


FACTS = (
    "Quality", "Size", "Seeders", "Read by", "Runs", "Version", "Language", "Format", "Bit rate", "Files", "Edition",
    "Series", "By", "Year", "Offered", "Indexer",
)  # fmt: skip
"""The rows, what decides most often first."""

_SOUND = frozenset({"Read by", "Runs", "Bit rate", "Version"})


def _told(facts: Told[T] | Sequence[Told[T]] | None, text: str) -> Fact:
    """The text with the place it was read. Several facts were rarely read in two places; the first one's is told."""
    if not facts or not text:
        return Fact("")
    first = facts[0] if isinstance(facts, Sequence) else facts
    return Fact(text[:200], SOURCES[first.source])


def _marked(e: Evidence, mark: str) -> Fact:
    said = e.marks.get(mark)
    return Fact(f"“{said.value}”", SOURCES[said.source]) if said else Fact("")


def _version(e: Evidence) -> Fact:
    """Whole or shortened, read or played, a part or a set."""
    told: list[str] = []
    note, tone = "", ""
    if e.abridged is not None:
        told.append("Abridged" if e.abridged.value else "Unabridged")
        note, tone = SOURCES[e.abridged.source], "you" if e.abridged.value else ""
    for mark, text in ((rules.DRAMATISED, "dramatised"), (rules.MACHINE, "read by a machine"), (rules.PART, "a part")):
        said = e.marks.get(mark)
        if said is not None:
            told.append(f"{text} (“{said.value}”)")
            note, tone = note or SOURCES[said.source], "you"
    return Fact(humane.sentence(", ".join(told)).rstrip("."), note, tone) if told else Fact("")


# --- doubts and the witness -------------------------------------------------------------------------------------------------


def doubts(reasons: Iterable[ApprovalReason]) -> tuple[Doubt, ...]:
    return tuple(Doubt(DOUBTS[r.code], r.text, tuple(_numbers(r.numbers))) for r in reasons)


def main_doubt(ticket: Ticket) -> Doubt | None:
    """The first thing a person is asked about: a fact about the release says more than a score below the line."""
    p = ticket.payload
    told = doubts(p.reasons) if isinstance(p, NeedsApproval) else ()
    plain = [d for d in told if d.title != DOUBTS[ApprovalCode.LOW_CONFIDENCE]]
    return next(iter((*plain, *told)), None)


def line_of(ticket: Ticket) -> float:
    """The threshold that was told with the doubts, else the usual one."""
    p = ticket.payload
    told = (
        [r.numbers["threshold"] for r in p.reasons if "threshold" in r.numbers] if isinstance(p, NeedsApproval) else []
    )
    return next((float(t) for t in told if not isinstance(t, list)), USUAL_THRESHOLD)


def _numbers(numbers: Mapping[str, float | int | list[float]]) -> Iterable[str]:
    for name, value in numbers.items():
        values = value if isinstance(value, list) else [value]
        yield f"{name.replace('_', ' ')} {', '.join(_number(v) for v in values)}"


def _number(value: float) -> str:
    return humane.number(value) if float(value).is_integer() and abs(value) > 1 else f"{value:.2f}"


def heard_about(record: WitnessRecord, decision: Decision) -> tuple[tuple[int, ScoredCandidate, Opinion], ...]:
    """(place, candidate, opinion) of those the witness spoke about, in the order of the candidates."""
    said = {o.guid: o for o in record.opinions}
    return tuple((i, c, said[c.release.guid]) for i, c in enumerate(decision.candidates) if c.release.guid in said)
