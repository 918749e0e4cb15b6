"""From releases to a decision for an album: which one, how sure, and whether a person must be asked.

The order among those that no gate refuses: fewer doubts, free before paid, better format, lengths
that prove it, score, seeders. Being the
only candidate never lowers the bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earmark.core.albums.doubts import Doubt, doubts
from earmark.core.albums.evidence import Evidence, gather, track_mapping
from earmark.core.albums.gates import GATES
from earmark.core.albums.scoring import POLICY_VERSION, components, total
from earmark.core.decision import Component, Decision, ScoredCandidate
from earmark.core.reasons import Reason
from earmark.core.release import Release
from earmark.core.states import ApprovalCode, ApprovalReason
from earmark.core.wish import AlbumWish

MARGIN = 0.03  # scores closer than this are equal
OTHER_LENGTH_SECS = 8.0  # two files of one track farther apart are two recordings


@dataclass(frozen=True, slots=True)
class _Judged:
    evidence: Evidence
    candidate: ScoredCandidate
    doubts: tuple[Doubt, ...]

    @property
    def cost(self) -> float:
        return sum(d.cost for d in self.doubts)


def decide_album(wish: AlbumWish, releases: Sequence[Release], *, threshold: float, vip_member: bool) -> Decision:
    """Judge every release, rank them, and say whether the best may be taken without asking. `threshold` is 0..1.

    The order of `releases` never matters, and each release is judged by itself."""
    judged = sorted((_judge(wish, r, vip_member=vip_member) for r in releases), key=_rank)
    candidates = tuple(j.candidate for j in judged)
    fit = [j for j in judged if not j.candidate.rejected]
    if not fit:
        reason = ApprovalReason(ApprovalCode.NO_EXACT_MATCH, {"candidates": len(judged)}, _none_fits(len(judged)))
        return Decision(candidates, None, 0.0, threshold, (reason,), POLICY_VERSION)
    best = fit[0]
    reasons = [*(d.reason for d in best.doubts), *_rivals(fit)]
    score = best.candidate.score
    if score < threshold:
        text = f"The best release scores {score:.2f}; {threshold:.2f} is needed to take it without asking."
        reasons.insert(0, ApprovalReason(ApprovalCode.LOW_CONFIDENCE, {"score": score, "threshold": threshold}, text))
    return Decision(candidates, 0, score, threshold, tuple(reasons), POLICY_VERSION)


def _judge(wish: AlbumWish, release: Release, *, vip_member: bool) -> _Judged:
    evidence = gather(wish, release)
    parts = components(evidence)
    gates = tuple(g for g in (gate(evidence) for gate in GATES) if g is not None)
    found = doubts(evidence)
    score = max(0.0, total(evidence, parts) - sum(d.cost for d in found))
    candidate = ScoredCandidate(
        release=release,
        score=round(score, 4),
        components=parts,
        gates=gates,
        free=release.freeleech.for_account(vip_member=vip_member),
        reasoning=_sentence(parts, gates, found),
        track_mapping=track_mapping(evidence),
    )
    return _Judged(evidence, candidate, found)


def _rank(j: _Judged) -> tuple[bool, float, bool, int, bool, bool, float, int, str, str]:
    """Refused last; then as the module says, with the guid to make the order total."""
    e, c = j.evidence, j.candidate
    band = e.quality.band if e.quality.band is not None else -1
    return (
        c.rejected, round(j.cost, 3), not c.free, -band, e.title.vinyl,
        not e.proved_by_length, -round(c.score, 2), -(c.release.seeders or 0), c.release.guid, c.release.title,
    )  # fmt: skip


def _rivals(fit: Sequence[_Judged]) -> list[ApprovalReason]:
    """Equally good releases whose files are different recordings, where the wish cannot tell which is meant."""
    best = fit[0]
    equal = [
        j for j in fit[1:] if best.candidate.score - j.candidate.score < MARGIN and not j.doubts and _differ(best, j)
    ]
    if best.doubts or not equal:
        return []
    scores: list[float] = [best.candidate.score, *(j.candidate.score for j in equal)]
    text = "Equally good releases hold different recordings: choose the one you want."
    return [ApprovalReason(ApprovalCode.MULTIPLE_GOOD_MATCHES, {"top_scores": scores}, text)]


def _differ(a: _Judged, b: _Judged) -> bool:
    ours, theirs = _lengths(a.evidence), _lengths(b.evidence)
    shared = ours.keys() & theirs.keys()
    off = sum(abs(ours[t] - theirs[t]) > OTHER_LENGTH_SECS for t in shared)
    return len(shared) > 0 and off > 0.2 * len(shared)


def _lengths(e: Evidence) -> dict[int, float]:
    found = {p.track: e.mapped.files[p.file].file.duration_secs for p in e.mapped.pairs}
    return {t: secs for t, secs in found.items() if secs}


def _sentence(parts: tuple[Component, ...], gates: tuple[Reason, ...], found: tuple[Doubt, ...]) -> str:
    if gates:
        return " ".join(g.message for g in gates)
    if found:
        return " ".join(d.reason.text for d in found)
    weak = [c for c in parts if c.value is not None and c.value < 0.75]
    if weak:
        return "Doubtful: " + "; ".join(f"{c.name} ({c.text})" for c in weak) + "."
    return (
        "Everything the wish names fits: "
        + "; ".join(c.text for c in parts if c.name in {"track count", "names", "durations"})
        + "."
    )


def _none_fits(count: int) -> str:
    if count == 1:
        return "The one release found does not fit the wish."
    return f"None of the {count} releases found fits the wish." if count else "Nothing was found."
