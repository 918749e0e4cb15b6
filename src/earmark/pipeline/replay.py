"""History decided again: what today's rules, or other weights and another threshold, would have done with the very wishes and
offers of every recorded decision. Reads only; asks no tracker and no witness (its recorded words count as they were said)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

from earmark.core import weights
from earmark.core.albums import scoring as albums
from earmark.core.decision import Decision, ScoredCandidate
from earmark.core.reasons import EarmarkError, PermanentError, Reason
from earmark.core.release import Release
from earmark.core.states import ApprovalCode
from earmark.core.wish import AlbumWish, BookWish, Kind, Wish
from earmark.core.witnessing import apply
from earmark.pipeline.failover import BLOCKED
from earmark.ports import Matcher
from earmark.store import Database, decisions
from earmark.store.codec import JsonObject, load
from earmark.store.decisions import Precedent

Outcome: TypeAlias = Literal["auto", "approve", "none"]
PAGE = 100
TABLES: dict[str, dict[str, float]] = {"weights": weights.WEIGHTS, "album_weights": albums.WEIGHTS}
"""The tables a policy file may change, by the name of their section."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is tried out. `threshold` None leaves the settings' own; the weights replace single entries of the tables."""

    threshold: float | None = None
    tables: Mapping[str, Mapping[str, float]] | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A decision in short. `title` and `guid` are the chosen or recommended release's."""

    outcome: Outcome
    guid: str | None
    title: str | None
    confidence: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A decision that would come out otherwise."""

    ticket_id: str
    decision_id: int
    at: datetime
    headline: str
    old: Judgement
    new: Judgement
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """The whole replay. `skipped` are decisions that today's rules cannot make, with the reason's sentence."""

    policy_version: str
    threshold: float
    looked_at: int
    changes: tuple[Change, ...]
    skipped: tuple[tuple[str, str], ...] = ()

    @property
    def unchanged(self) -> int:
        return self.looked_at - len(self.changes) - len(self.skipped)

    @property
    def counts(self) -> dict[str, int]:
        """How many changes of each sort, e.g. “approve → auto”, or “other release” where only the release differs."""
        found: dict[str, int] = {}
        for change in self.changes:
            same = change.old.outcome == change.new.outcome
            sort = "other release" if same else f"{change.old.outcome} → {change.new.outcome}"
            found[sort] = found.get(sort, 0) + 1
        return found


async def replay(
    db: Database,
    matcher_at: Callable[[float], Matcher],
    *,
    threshold: float,
    band: float,
    policy: Policy,
    since: datetime | None,
) -> Replayed:
    """Decide every recorded decision again. `matcher_at` gives the matcher for a threshold, `band` is the witness's."""
    line = threshold if policy.threshold is None else policy.threshold
    matcher, looked_at, after, version = matcher_at(line), 0, 0, ""
    changes: list[Change] = []
    skipped: list[tuple[str, str]] = []
    with in_force(policy):
        while page := await _page(db, since, after):
            after = page[-1].record.id
            looked_at += len(page)
            for precedent in page:
                try:
                    new = await _again(matcher, precedent, band)
                except EarmarkError as error:
                    skipped.append((precedent.record.ticket_id, error.reason.message))
                    continue
                version = new.policy_version or version
                changes += _changed(precedent, new)
    return Replayed(version, line, looked_at, tuple(changes), tuple(skipped))


@contextmanager
def in_force(policy: Policy) -> Iterator[None]:
    """The policy's weights instead of the house's, until the block ends. The tables are the process's own: this is for a
    command that does nothing else meanwhile, never for the service."""
    kept = {name: dict(table) for name, table in TABLES.items()}
    try:
        for name, values in (policy.tables or {}).items():
            TABLES[name].update(values)
        yield
    finally:
        for name, values in kept.items():
            TABLES[name].update(values)


def read_policy(file: Path) -> Policy:
    """A TOML file, or one in JSON when its name ends so: `threshold`, and the tables `weights` and `album_weights`. Raises PermanentError (`bad_policy`) that
    names the fault."""
    try:
        text = file.read_text("utf-8")
        said = json.loads(text) if file.suffix.casefold() == ".json" else tomllib.loads(text)
    except OSError as error:
        raise _bad(file, f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise _bad(file, f"cannot be understood: {error}") from error
    if not isinstance(said, dict):
        raise _bad(file, "is no table of settings")
    threshold = said.pop("threshold", None)
    if threshold is not None and not _number(threshold, at_most=1):
        raise _bad(file, f"has threshold = {threshold!r}, which is not between 0 and 1")
    for name, values in said.items():
        if name not in TABLES or not isinstance(values, dict):
            raise _bad(file, f"has “{name}”, which is none of threshold, [{'], ['.join(TABLES)}]")
        for key, value in values.items():
            if key not in TABLES[name]:
                raise _bad(file, f"has {name}.{key}, and there is no such component: {', '.join(TABLES[name])}")
            if not _number(value, at_most=1000) or not value:  # with nothing left to weigh there is no mean
                raise _bad(file, f"has {name}.{key} = {value!r}; a weight lies above 0 (0.001 for next to nothing)")
    return Policy(None if threshold is None else float(threshold), said)


def _number(value: object, *, at_most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= at_most


def _bad(file: Path, what: str) -> PermanentError:
    return PermanentError(Reason("bad_policy", f"The policy file {file} {what}.", "Mend it, or leave --policy out."))


async def _page(db: Database, since: datetime | None, after: int) -> list[Precedent]:
    async with db.read() as tx:
        return await decisions.history(tx, since=since, after=after, limit=PAGE)


# --- one decision -------------------------------------------------------------------------------------------------------


async def _again(matcher: Matcher, precedent: Precedent, band: float) -> Decision:
    made = precedent.record.decision
    wish = _wish(precedent.kind, precedent.record.wish)
    offered, tried = _offered(made)
    new = await matcher.judge(precedent.kind, wish, offered, vip_member=_vip_member(made))
    if made.witness is not None:
        new, _, _ = apply(new, made.witness.opinions, band)
    # What stood on the shelf then is not kept; that something stood there is.
    shelf = tuple(r for r in made.reasons if r.code is ApprovalCode.ON_SHELF and new.chosen_idx is not None)
    return replace(new, candidates=(*new.candidates, *tried), reasons=(*new.reasons, *shelf))


def _wish(kind: Kind, wish: JsonObject) -> Wish:
    text = json.dumps(wish)
    return load(AlbumWish, text) if kind is Kind.MUSIC else load(BookWish, text)


def _offered(made: Decision) -> tuple[list[Release], list[ScoredCandidate]]:
    """The releases that were judged, and those that had been tried before and were not."""
    tried = [c for c in made.candidates if any(g.code == BLOCKED for g in c.gates)]
    return [c.release for c in made.candidates if c not in tried], tried


def _vip_member(made: Decision) -> bool:
    """Was the account a VIP's then? Told by the releases that were free for that reason alone; else it made no difference."""
    return any(c.free and not c.release.freeleech.for_account(vip_member=False) for c in made.candidates)


def _changed(precedent: Precedent, new: Decision) -> list[Change]:
    record = precedent.record
    before, after = judgement(record.decision), judgement(new)
    if (before.outcome, before.guid) == (after.outcome, after.guid):
        return []
    why = tuple(_why(record.decision, new, before, after))
    return [Change(record.ticket_id, record.id, record.at, precedent.headline, before, after, why)]


def judgement(made: Decision) -> Judgement:
    chosen = None if made.chosen_idx is None else made.candidates[made.chosen_idx].release
    outcome: Outcome = "none" if chosen is None else "approve" if made.needs_a_human else "auto"
    return Judgement(
        outcome,
        chosen.guid if chosen else None,
        chosen.title if chosen else None,
        made.confidence,
        tuple(dict.fromkeys(str(r.code) for r in made.reasons)),
    )


def _why(old: Decision, new: Decision, before: Judgement, after: Judgement) -> Iterator[str]:
    """What differs, from the plainest cause to the finest."""
    if old.threshold != new.threshold:
        yield f"the threshold is {new.threshold:.2f} instead of {old.threshold:.2f}"
    fate = _of(new, before.guid)
    if fate is not None and fate.gates:
        yield "the former choice is refused: " + " ".join(g.message for g in fate.gates)
    past = _of(old, after.guid)
    if past is not None and past.gates:
        yield "the new choice was refused: " + " ".join(g.message for g in past.gates)
    if fate is not None and not fate.gates and before.guid != after.guid and after.guid is not None:
        now = _of(new, after.guid)
        yield f"the former choice scores {fate.score:.2f}, the new one {now.score if now else 0.0:.2f}"
    if before.guid == after.guid and round(before.confidence, 2) != round(after.confidence, 2):
        yield f"the confidence is {after.confidence:.2f} instead of {before.confidence:.2f}"
    gone, come = set(before.reasons) - set(after.reasons), set(after.reasons) - set(before.reasons)
    if gone:
        yield f"no longer in doubt: {', '.join(sorted(gone))}"
    if come:
        yield f"now in doubt: {', '.join(sorted(come))}"


def _of(made: Decision, guid: str | None) -> ScoredCandidate | None:
    return next((c for c in made.candidates if c.release.guid == guid), None)
