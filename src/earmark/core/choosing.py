"""From scored candidates to a decision: which one, how sure, and whether a person must be asked.

Free releases that pass the bar come before paid ones (decisions.md, 6). Being the only candidate never lowers the bar.
"""

from __future__ import annotations

from collections.abc import Sequence

from earmark.core.decision import Decision, ScoredCandidate
from earmark.core.release import Release
from earmark.core.scoring import POLICY_VERSION, people_similarity, score
from earmark.core.states import ApprovalCode, ApprovalReason
from earmark.core.wish import BookWish, Kind

MARGIN = 0.03  # two recordings closer than this are equally good
NAME_BAR = 0.8  # below this the title alone is reason enough to ask
RUNTIME_TOLERANCE = 0.05


def decide(kind: Kind, wish: BookWish, releases: Sequence[Release], *, threshold: float, vip_member: bool) -> Decision:
    """Score everything, rank it, and say whether the best may be taken without asking."""
    scored = [score(kind, wish, r, vip_member=vip_member) for r in releases]
    ranked = tuple(sorted(scored, key=lambda c: _rank(c, threshold)))
    fit = [c for c in ranked if not c.rejected]
    if not fit:
        reason = ApprovalReason(
            ApprovalCode.NO_EXACT_MATCH,
            {"candidates": len(ranked)},
            _none_fits(len(ranked)),
        )
        return Decision(ranked, None, 0.0, threshold, (reason,), POLICY_VERSION)
    best = fit[0]
    reasons = tuple(_doubts(kind, wish, fit, threshold))
    return Decision(ranked, ranked.index(best), best.score, threshold, reasons, POLICY_VERSION)


def _none_fits(count: int) -> str:
    if count == 1:
        return "The one release found does not fit the wish."
    return f"None of the {count} releases found fits the wish." if count else "Nothing was found."


def _rank(c: ScoredCandidate, threshold: float) -> tuple[bool, bool, bool, float, int]:
    """Refused last; over the bar first; of those free before paid; then score, then seeders."""
    passes = c.score >= threshold
    return (c.rejected, not passes, passes and not c.free, -c.score, -(c.release.seeders or 0))


def _doubts(kind: Kind, wish: BookWish, fit: list[ScoredCandidate], threshold: float) -> list[ApprovalReason]:
    best = fit[0]
    doubts: list[ApprovalReason] = []
    if best.score < threshold:
        doubts.append(
            ApprovalReason(
                ApprovalCode.LOW_CONFIDENCE,
                {"score": best.score, "threshold": threshold},
                f"The best release scores {best.score:.2f}; {threshold:.2f} is needed to take it without asking.",
            )
        )
    title = next(c.value for c in best.components if c.name == "title")
    if title is not None and title < NAME_BAR:
        doubts.append(
            ApprovalReason(
                ApprovalCode.NAME_SIMILARITY_LOW,
                {"similarity": round(title, 2)},
                f"The title “{best.release.title}” is only {title:.0%} alike.",
            )
        )
    for component in best.components:
        if component.name in {"author", "narrator"} and component.value is None:
            doubts.append(
                ApprovalReason(
                    ApprovalCode.NAME_SIMILARITY_LOW,
                    {"similarity": 0.0},
                    f"The {component.name} is not certain: {component.text}.",
                )
            )
    expected, found = wish.runtime_secs, best.release.runtime_secs
    if expected and found and abs(found - expected) > RUNTIME_TOLERANCE * expected:
        doubts.append(
            ApprovalReason(
                ApprovalCode.DURATION_MISMATCH,
                {"expected_secs": round(expected), "found_secs": round(found)},
                f"It runs {found / 3600:.1f} h, {expected / 3600:.1f} h are expected.",
            )
        )
    if kind is Kind.AUDIOBOOK and not wish.narrators:
        rivals = [c for c in fit[1:] if best.score - c.score < MARGIN and _another_recording(best, c)]
        if rivals:
            scores = [best.score, *(c.score for c in rivals)]
            doubts.append(
                ApprovalReason(
                    ApprovalCode.MULTIPLE_GOOD_MATCHES,
                    {"top_scores": scores},
                    "Equally good recordings by different narrators: choose the voice you want.",
                )
            )
    return doubts


def _another_recording(a: ScoredCandidate, b: ScoredCandidate) -> bool:
    ours, theirs = a.release.narrators, b.release.narrators
    return bool(ours and theirs) and people_similarity(ours, theirs) < NAME_BAR
