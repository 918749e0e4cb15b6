"""Decision records: every candidate with its score and reasons, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field

from earmark.core.reasons import Reason
from earmark.core.release import Release
from earmark.core.states import ApprovalReason
from earmark.core.testimony import WitnessRecord


@dataclass(frozen=True, slots=True)
class Component:
    """One named part of a score. `value` is 0..1 or None when unknown; `text` says what was compared with what."""

    name: str
    weight: float
    value: float | None
    text: str


@dataclass(frozen=True, slots=True)
class TrackMapping:
    catalog_track_id: str
    torrent_file_path: str
    confidence: float


@dataclass(frozen=True, slots=True)
class ScoredCandidate:
    """A release judged against the wish. A candidate that failed a gate is kept, ranked last, with its reasons."""

    release: Release
    score: float  # 0..1
    components: tuple[Component, ...]
    gates: tuple[Reason, ...] = ()  # every gate that refused it
    free: bool = False
    reasoning: str = ""
    track_mapping: tuple[TrackMapping, ...] = ()
    quality: int | None = None  # 0..100, for display; what is chosen is chosen by the steps behind it

    @property
    def rejected(self) -> bool:
        return bool(self.gates)


@dataclass(frozen=True, slots=True)
class Decision:
    """Which candidate, how sure, and why a person is asked if one is. Candidates are best first; refused ones last."""

    candidates: tuple[ScoredCandidate, ...]
    chosen_idx: int | None  # index into candidates; None when nothing is acceptable
    confidence: float  # 0..1
    threshold: float
    reasons: tuple[ApprovalReason, ...] = field(default=())  # empty means: approved without asking
    policy_version: str = ""
    witness: WitnessRecord | None = None  # None: the witness was not asked

    @property
    def needs_a_human(self) -> bool:
        return bool(self.reasons) or self.chosen_idx is None
