"""From scored candidates to a decision: which one, how sure, and whether a person must be asked.

Free releases that pass the bar come before paid ones, then the seven steps of quality (domain.md 1.5, 1.7). Being the only
candidate never lowers the bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from earmark.core.decision import Decision, ScoredCandidate
from earmark.core.doubts import Doubt, doubts
from earmark.core.quality import display, quality_of
from earmark.core.reading import persons, rules
from earmark.core.reasons import Reason
from earmark.core.refusals import EXACT, gates
from earmark.core.release import Release
from earmark.core.scoring import (
    LEAST_KBPS,
    MOST_KBPS,
    POLICY_VERSION,
    Case,
    case_of,
    components,
    confidence,
    length_told,
    real_kbps,
    span,
)
from earmark.core.states import ApprovalCode, ApprovalReason
from earmark.core.wish import BookWish, Kind

ANOTHER_LENGTH = 0.15  # two readings of one text that differ by more are two recordings


@dataclass(frozen=True, slots=True)
class Judged:
    """One release with everything the choice needs."""

    case: Case
    candidate: ScoredCandidate
    doubts: tuple[Doubt, ...]
    steps: tuple[float, ...]

    @property
    def clean(self) -> bool:
        return not self.doubts and not self.candidate.gates


def decide(kind: Kind, wish: BookWish, releases: Sequence[Release], *, threshold: float, vip_member: bool) -> Decision:
    """Judge every release, rank them, and say whether the best may be taken without asking."""
    judged = [judge(case_of(kind, wish, r), vip_member=vip_member) for r in releases]
    judged = _perhaps_a_pen_name(_beside_their_like(judged))
    judged.sort(key=lambda j: _rank(j, threshold))
    ranked = tuple(j.candidate for j in judged)
    if not judged or judged[0].candidate.rejected:
        nothing = ApprovalReason(ApprovalCode.NO_EXACT_MATCH, {"candidates": len(ranked)}, _none_fits(len(ranked)))
        return Decision(ranked, None, 0.0, threshold, (nothing,), POLICY_VERSION)
    best = judged[0]
    reasons = (*_reasons(best, threshold), *_rivals(best, judged[1:], threshold))
    return Decision(ranked, 0, best.candidate.score, threshold, reasons, POLICY_VERSION)


def score(kind: Kind, wish: BookWish, release: Release, *, vip_member: bool) -> ScoredCandidate:
    """One release judged for itself."""
    return judge(case_of(kind, wish, release), vip_member=vip_member).candidate


def judge(case: Case, *, vip_member: bool) -> Judged:
    parts = components(case)
    refused = gates(case)
    unsure = doubts(case) if not refused or refused[0].code == "other_author" else ()
    value = confidence(parts)
    for doubt in unsure:
        value *= doubt.factor
    steps = quality_of(
        case.evidence,
        kind=case.kind,
        size_kbps=real_kbps(case),
        seeders=case.release.seeders,
        wants_abridged=case.wish.abridged is True,
    )
    candidate = ScoredCandidate(
        release=case.release,
        score=round(value, 4),
        components=parts,
        gates=refused,
        free=case.release.freeleech.for_account(vip_member=vip_member),
        reasoning=_sentence(refused, unsure),
        quality=display(steps),
    )
    return Judged(case, candidate, unsure, steps)


def _sentence(refused: tuple[Reason, ...], unsure: tuple[Doubt, ...]) -> str:
    if refused:
        return " ".join(g.message for g in refused)
    return " ".join(d.text for d in unsure) or "Everything the wish names fits."


def _rank(j: Judged, threshold: float) -> tuple[object, ...]:
    """Refused last, the nearest of them first; clean ones first, by price and quality; then the least doubtful."""
    c = j.candidate
    if c.rejected:
        return (2, len(c.gates), -c.score, *_settled(j))
    if j.clean and c.score >= threshold:
        return (0, 0, 0.0, not c.free, *(-step for step in j.steps), -c.score, *_settled(j))
    weight = 1.0
    for doubt in j.doubts:
        weight *= doubt.factor
    return (1, 0, -round(weight, 2), not c.free, *(-step for step in j.steps), -c.score, *_settled(j))


def _settled(j: Judged) -> tuple[object, ...]:
    """The last word between equals, so that the order of arrival never is."""
    return (-(j.case.release.seeders or 0), -(j.case.release.size_bytes or 0), j.case.release.guid)


def _reasons(best: Judged, threshold: float) -> tuple[ApprovalReason, ...]:
    c = best.candidate
    told = [ApprovalReason(d.code, _numbers(d, c.score, threshold), d.text) for d in best.doubts]
    if c.score < threshold and not any(r.code is ApprovalCode.LOW_CONFIDENCE for r in told):
        text = f"The best release scores {c.score:.2f}; {threshold:.2f} is needed to take it without asking."
        told.insert(0, ApprovalReason(ApprovalCode.LOW_CONFIDENCE, {"score": c.score, "threshold": threshold}, text))
    return tuple(told)


def _numbers(d: Doubt, value: float, threshold: float) -> dict[str, float | int | list[float]]:
    return d.numbers or ({"score": value, "threshold": threshold} if d.code is ApprovalCode.LOW_CONFIDENCE else {})


def _rivals(best: Judged, others: Sequence[Judged], threshold: float) -> tuple[ApprovalReason, ...]:
    """Another recording, as good and as cheap, and nothing in the wish to choose by."""
    if best.case.kind is not Kind.AUDIOBOOK or best.case.wish.narrators or not best.clean:
        return ()
    rivals = [
        o
        for o in others
        if o.clean and o.candidate.score >= threshold and o.candidate.free == best.candidate.free
        and o.steps[:2] == best.steps[:2] and another_recording(best.case, o.case)
    ]  # fmt: skip
    if not rivals:
        return ()
    scores = [best.candidate.score, *(o.candidate.score for o in rivals)]
    text = "Equally good recordings by different narrators: choose the voice you want."
    return (ApprovalReason(ApprovalCode.MULTIPLE_GOOD_MATCHES, {"top_scores": scores}, text),)


def another_recording(a: Case, b: Case) -> bool:
    """Two voices, or two lengths that cannot be one reading; where both are told."""
    ours = tuple(n.value for n in a.evidence.narrators)
    theirs = tuple(n.value for n in b.evidence.narrators)
    if ours and theirs:
        return persons.of_set(ours, theirs) < persons.ALIKE
    here, there = length_told(a), length_told(b)
    if here is None or there is None or not (here[1] and there[1]) or a.wish.runtime_secs:
        return False
    return abs(here[0] - there[0]) > ANOTHER_LENGTH * max(here[0], there[0])


def _beside_their_like(judged: list[Judged]) -> list[Judged]:
    """Where neither wish nor row tells a length, the other copies of the work do: what could not hold a tenth of it is
    doubtful."""
    fit = [j for j in judged if not j.candidate.rejected and not j.case.several and rules.PART not in j.case.marks]
    told = sorted(t[0] for j in fit if (t := length_told(j.case)) and t[1])
    if not told or judged[0].case.kind is not Kind.AUDIOBOOK:
        return judged
    secs = told[len(told) // 2]
    known = {id(j) for j in fit}
    return [_odd_one_out(j, secs) if id(j) in known and real_kbps(j.case) is None else j for j in judged]


def _odd_one_out(j: Judged, secs: float) -> Judged:
    size = j.case.release.size_bytes
    if not size or LEAST_KBPS <= size * 8 / 1000 / secs <= MOST_KBPS:
        return j
    text = f"{size / 1e6:.1f} MB does not go with the other copies, which run {span(secs)}."
    return _with(j, Doubt("size", 0.6, ApprovalCode.LOW_CONFIDENCE, text))


def _perhaps_a_pen_name(judged: list[Judged]) -> list[Judged]:
    """Nothing fits, the title is exactly the wished one, and every copy names the same other author: that may be the
    wished one's other name. Nobody can tell from here, so a person is asked."""
    if any(not j.candidate.rejected for j in judged):
        return judged
    named = [j for j in judged if any(g.code == "other_author" for g in j.candidate.gates) and _exact(j)]
    alone = [j for j in named if len(j.candidate.gates) == 1]
    first = alone[0].case.work.said_authors if alone else ()
    if not first or any(persons.of_set(first, j.case.work.said_authors) < persons.ALIKE for j in named):
        return judged
    text = f"The title is the wished one, the author is {', '.join(first)}: perhaps another name of the same person."
    doubt = Doubt(
        "pen_name",
        0.6,
        ApprovalCode.NAME_SIMILARITY_LOW,
        text,
        {"similarity": round(alone[0].case.work.author or 0.0, 2)},
    )
    forgiven = {id(j) for j in alone}
    return [_forgiven(j, doubt) if id(j) in forgiven else j for j in judged]


def _exact(j: Judged) -> bool:
    return j.case.work.title >= EXACT and rules.ORDERS not in j.case.marks and not j.case.work.loose


def _forgiven(j: Judged, doubt: Doubt) -> Judged:
    kept = tuple(d for d in j.doubts if d.name != "author_vague")
    return _with(replace(j, candidate=replace(j.candidate, gates=()), doubts=kept), doubt)


def _with(j: Judged, doubt: Doubt) -> Judged:
    """The same release with one doubt more."""
    unsure = (*j.doubts, doubt)
    told = _sentence(j.candidate.gates, unsure)
    candidate = replace(j.candidate, score=round(j.candidate.score * doubt.factor, 4), reasoning=told)
    return replace(j, candidate=candidate, doubts=unsure)


def _none_fits(count: int) -> str:
    if count == 1:
        return "The one release found does not fit the wish."
    return f"None of the {count} releases found fits the wish." if count else "Nothing was found."
