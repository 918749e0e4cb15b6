"""When a language model is heard as a witness, how its answer is read, and how little it may move.

The rules decide; the witness may carry a decision over the approval line, in either direction, and no further. It is never
heard on what a gate refused, its numbers are clamped, and anything it says outside the closed schema counts as nothing.
Knows no provider, no prompt and no network.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from earmark.core.decision import Decision, ScoredCandidate, TrackMapping
from earmark.core.reasons import JsonValue, Reason
from earmark.core.release import Release
from earmark.core.states import ApprovalCode, ApprovalReason
from earmark.core.testimony import Effect, Opinion, Placed, WitnessRecord
from earmark.core.wish import AlbumWish, Wish

MAX_CANDIDATES = 5
NOTE_LIMIT = 200
ANSWER_LIMIT = 20_000
SURE = 0.8  # a belief below this carries nothing over the line upwards
DOUBTED = 0.5  # a belief below this is doubt
MAPPED_BY_WITNESS = 0.5  # confidence of a file that only the witness found: shown, never enough by itself
LIFTABLE = frozenset({ApprovalCode.LOW_CONFIDENCE, ApprovalCode.NAME_SIMILARITY_LOW})
"""The doubts the witness may lift. All others are facts (a missing track, another length, two voices) that no word changes."""

_ADDRESSES_THE_READER = re.compile(
    r"\b(ignore|disregard|forget|override|bypass)\b.{0,40}\b(instructions?|prompts?|guidelines?)\b"
    r"|\b(ignore|disregard|forget)\b.{0,20}\b(above|previous|prior|preceding)\b"
    r"|\b(system|developer|user) (prompt|message)\b|\bprompt injection\b|\byou are (now )?(an? |the )?(ai|assistant|language model|witness)\b"
    r"|\bas an ai\b|\b(dear|attention|hey|note to)[ ,:]{1,3}(ai|llm|assistant|model|witness)\b"
    r"|same[_ ]work|same[_ ]edition|< ?(data|system|assistant|user|instructions?)\b|<\||\[ ?inst\]"
    r"|\b(respond|reply|answer|output|return)\b.{0,20}\bjson\b|\b(rate|score|rank) (this|it|me)\b.{0,30}\b(1|100|highest|best|first)\b"
)


@dataclass(frozen=True, slots=True)
class Hearing:
    """What is put before the witness: the rules' choice first, then its rivals, and those left out of it. Nobody is shown
    when the choice itself is left out: there is nothing to be said then."""

    shown: tuple[ScoredCandidate, ...]
    left_out: tuple[ScoredCandidate, ...] = ()
    unmapped: tuple[str, ...] = ()  # track ids that no file was found for, of the chosen candidate


def hearing(wish: Wish, decision: Decision, band: float) -> Hearing | None:
    """Who is shown to the witness, or None where it is not asked: the rules' choice lies outside the band around the
    threshold and all its files are known. `band` 0 asks about files only."""
    if decision.chosen_idx is None:
        return None
    chosen = decision.candidates[decision.chosen_idx]
    unmapped = unmapped_tracks(wish, chosen)
    if not in_band(chosen, decision, band) and not unmapped:
        return None
    others = (c for c in decision.candidates if c is not chosen and in_band(c, decision, band))
    asked = [chosen, *others][:MAX_CANDIDATES]
    left_out = tuple(c for c in asked if speaks_to_the_reader(c.release))
    if chosen in left_out:
        return Hearing((), left_out)
    return Hearing(tuple(c for c in asked if c not in left_out), left_out, unmapped)


def in_band(candidate: ScoredCandidate, decision: Decision, band: float) -> bool:
    """Does the score lie less than `band` from the threshold? Never for what a gate refused."""
    return not candidate.rejected and abs(candidate.score - decision.threshold) < band - 1e-9


def unmapped_tracks(wish: Wish, candidate: ScoredCandidate) -> tuple[str, ...]:
    """Wished tracks without a file, where the files are known at all."""
    if not isinstance(wish, AlbumWish) or candidate.rejected or not candidate.release.files:
        return ()
    mapped = {m.catalog_track_id for m in candidate.track_mapping}
    return tuple(t.catalog_track_id for t in wish.tracks if t.requested and t.catalog_track_id not in mapped)


def speaks_to_the_reader(release: Release) -> bool:
    """Does a text of this release talk to a machine that reads it? Such a release is judged by the rules alone."""
    return any(_ADDRESSES_THE_READER.search(_plain(text)) for text in _texts(release))


def _texts(release: Release) -> Iterator[str]:
    yield from (release.title, release.tags, release.description or "", release.category or "")
    yield from (*release.authors, *release.narrators, *(s.name for s in release.series))
    yield from (f.path for f in release.files)


def _plain(text: str) -> str:
    """Folded for comparing: compatibility forms made plain, invisible characters gone, separators to single spaces."""
    shown = "".join(c for c in unicodedata.normalize("NFKC", text[:20_000]) if unicodedata.category(c) != "Cf")
    return re.sub(r"[\s.\-/\\]+", " ", shown).casefold()


# --- the closed schema --------------------------------------------------------------------------------------------------


def answer_schema(*, mapping: bool) -> dict[str, JsonValue]:
    """The JSON schema of an answer. It is the same for every question of its kind, and holds to the part of JSON Schema
    that providers enforce (no bounds of numbers and lengths: they are clamped on reading)."""
    fields: dict[str, JsonValue] = {
        "candidate": {"type": "string", "description": "The candidate's label, such as c1."},
        "same_work": {"type": "number", "description": "0 to 1: is it the wished work itself?"},
        "same_edition": {"type": "number", "description": "0 to 1: is it the wished edition or recording?"},
        "note": {"type": "string", "description": "At most 200 characters: the fact that decided it."},
    }
    if mapping:
        pair: dict[str, JsonValue] = {"track": {"type": "string"}, "file": {"type": "string"}}
        fields["mapping"] = {"type": "array", "items": _closed(pair)}
    return _closed({"candidates": {"type": "array", "items": _closed(fields)}})


def _closed(fields: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


class MalformedAnswer(ValueError):
    """The answer is not of the closed schema; the message says where."""


def read_answer(text: str, heard: Hearing) -> tuple[Opinion, ...]:
    """The opinions in an answer, each clamped; one for every shown candidate, in their order. Raises `MalformedAnswer` for
    anything that is not of the schema, a stranger's label or a missing candidate."""
    try:
        answer = json.loads(_bare(text[:ANSWER_LIMIT]), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedAnswer("it is no JSON") from error
    rows = answer.get("candidates") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or len(answer) != 1:
        raise MalformedAnswer("it is not one object with the list “candidates”")
    named = {label(n): c for n, c in enumerate(heard.shown)}
    found: dict[str, Opinion] = {}
    for row in rows:
        name = row.get("candidate") if isinstance(row, dict) else None
        if not isinstance(name, str) or name not in named or name in found:
            raise MalformedAnswer("it names a candidate that was not shown, or one twice")
        found[name] = _opinion(row, named[name], heard)
    if set(found) != set(named):
        raise MalformedAnswer("it leaves a candidate out")
    return tuple(found[name] for name in named)


def label(number: int) -> str:
    """The name a candidate has before the witness. Not its guid: those are addresses of a private site."""
    return f"c{number + 1}"


def _bare(text: str) -> str:
    """The JSON inside a fenced block, as small local models write it; else the text."""
    fenced = re.fullmatch(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", text, re.DOTALL)
    return fenced.group(1) if fenced else text


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _opinion(row: Mapping[str, object], candidate: ScoredCandidate, heard: Hearing) -> Opinion:
    if set(row) - {"candidate", "same_work", "same_edition", "note", "mapping"}:
        raise MalformedAnswer("it has fields that were not asked for")
    note = row.get("note", "")
    if not isinstance(note, str):
        raise MalformedAnswer("a note is no text")
    return Opinion(
        guid=candidate.release.guid,
        same_work=_share(row.get("same_work")),
        same_edition=_share(row.get("same_edition")),
        note=_one_line(note)[:NOTE_LIMIT],
        mapping=_placed(row.get("mapping"), candidate, heard) if candidate is heard.shown[0] else (),
    )


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedAnswer("a likelihood is no number")
    return round(min(1.0, max(0.0, value)), 4)


def _one_line(text: str) -> str:
    kept = (" " if unicodedata.category(c) == "Cc" else c for c in text if unicodedata.category(c) not in ("Cf", "Cs"))
    return " ".join("".join(kept).split())


def _placed(value: object, candidate: ScoredCandidate, heard: Hearing) -> tuple[Placed, ...]:
    """What it says of unmapped tracks, where track and file are ours and each is used once. The rest is left out: a wrong
    guess at one file says nothing against the others."""
    taken = {m.torrent_file_path for m in candidate.track_mapping}
    free = {f.path for f in candidate.release.files} - taken
    left = set(heard.unmapped)
    found: list[Placed] = []
    for pair in value if isinstance(value, list) else []:
        track, path = (pair.get("track"), pair.get("file")) if isinstance(pair, dict) else (None, None)
        if isinstance(track, str) and isinstance(path, str) and track in left and path in free:
            found.append(Placed(track, path))
            left.discard(track)
            free.discard(path)
    return tuple(found)


# --- what it may move ---------------------------------------------------------------------------------------------------


def apply(decision: Decision, opinions: Sequence[Opinion], band: float) -> tuple[Decision, Effect, str]:
    """The decision after the witness was heard, what that changed, and a sentence about it. `decision` is the rules' own."""
    if decision.chosen_idx is None:
        return decision, Effect.NONE, "There was nothing to decide."
    heard = {o.guid: o for o in opinions}
    chosen = decision.candidates[decision.chosen_idx]
    said = heard.get(chosen.release.guid)
    if said is None:
        return decision, Effect.NONE, "The witness was not heard about the candidate in question."
    decision = _with_files(decision, said)
    if not in_band(chosen, decision, band):
        return decision, Effect.NONE, "Only files were asked about; the decision stands as the rules made it."
    moved = _moved(decision, said, band)
    if not decision.needs_a_human:
        if moved >= decision.threshold or said.belief >= DOUBTED:
            return decision, Effect.NONE, "The witness does not contradict the rules."
        asked = replace(decision, confidence=moved, reasons=(_doubt(said, moved, decision.threshold),))
        return _recommended(asked, heard, band), Effect.ASKED, "The witness doubts what the rules would have taken."
    if said.belief >= SURE and moved >= decision.threshold and {r.code for r in decision.reasons} <= LIFTABLE:
        sure = replace(decision, confidence=max(decision.confidence, decision.threshold), reasons=())
        return sure, Effect.APPROVED, "The witness is sure where the rules were only nearly so."
    other = _recommended(decision, heard, band)
    if other is not decision:
        return other, Effect.RECOMMENDED, "The witness holds another candidate for the right one; a person decides."
    return decision, Effect.NONE, "The witness changes nothing: a person is asked."


def _moved(decision: Decision, said: Opinion, band: float) -> float:
    """The confidence with the witness's word: at most one band up or down."""
    return round(min(1.0, max(0.0, decision.confidence + band * (2 * said.belief - 1))), 4)


def _doubt(said: Opinion, moved: float, threshold: float) -> ApprovalReason:
    about = "work" if said.same_work <= said.same_edition else "edition"
    words = f": “{said.note}”" if said.note else ""
    return ApprovalReason(
        ApprovalCode.LOW_CONFIDENCE,
        {"score": moved, "threshold": threshold},
        f"The witness doubts that it is the wished {about} ({said.belief:.0%} sure){words}.",
    )


def _recommended(decision: Decision, heard: Mapping[str, Opinion], band: float) -> Decision:
    """Another candidate of the band recommended, where the witness doubts the rules' choice and is sure of that one. It is
    never taken without asking: the rules weighed their doubts about their own choice only."""
    assert decision.chosen_idx is not None
    own = heard[decision.candidates[decision.chosen_idx].release.guid]
    if own.belief >= DOUBTED:
        return decision
    rivals = [
        (heard[c.release.guid].belief, c.score, -n)
        for n, c in enumerate(decision.candidates)
        if c.release.guid in heard and in_band(c, decision, band)
    ]
    belief, score, place = max(rivals, default=(0.0, 0.0, 0))
    if belief < SURE:
        return decision
    return replace(decision, chosen_idx=-place, confidence=min(decision.confidence, score))


def _with_files(decision: Decision, said: Opinion) -> Decision:
    """The chosen candidate with the files the witness found. The doubts about missing tracks stay: a person looks."""
    if not said.mapping or decision.chosen_idx is None:
        return decision
    chosen = decision.candidates[decision.chosen_idx]
    sureness = round(min(MAPPED_BY_WITNESS, said.belief), 4)
    tracks = {m.catalog_track_id for m in chosen.track_mapping}
    files = {
        m.torrent_file_path for m in chosen.track_mapping
    }  # today's rules may know more than those it was asked beside
    found = tuple(
        TrackMapping(p.catalog_track_id, p.path, sureness)
        for p in said.mapping
        if p.catalog_track_id not in tracks and p.path not in files
    )
    richer = replace(chosen, track_mapping=(*chosen.track_mapping, *found))
    return replace(
        decision,
        candidates=tuple(richer if n == decision.chosen_idx else c for n, c in enumerate(decision.candidates)),
    )


# --- the record ---------------------------------------------------------------------------------------------------------


def fallen_back(decision: Decision, record: WitnessRecord, fault: Reason) -> Decision:
    """The rules' decision, with a note of why the witness was not heard."""
    note = f"The rules decided alone: {fault.message}"
    return replace(decision, witness=replace(record, effect=Effect.FELL_BACK, note=note, fault=fault))


def testified(decision: Decision, record: WitnessRecord, opinions: tuple[Opinion, ...], band: float) -> Decision:
    """The decision after the hearing, with the whole hearing in it."""
    after, effect, note = apply(decision, opinions, band)
    return replace(after, witness=replace(record, opinions=opinions, effect=effect, note=note))
