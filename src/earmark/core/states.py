"""The life of a ticket: its states, what each state knows, and the one table of legal transitions.

States and payloads are those of document 003 plus CANCELLED. Nothing else in the house decides whether a
ticket may move; a move that is not in `TRANSITIONS` is refused here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, TypeAlias

from earmark.core.reasons import EarmarkError, Reason


class TicketState(StrEnum):
    """Where a ticket is. Terminal states have no way on, except FAILED, which a retry may leave."""

    PENDING = "PENDING"
    SEARCHING = "SEARCHING"
    MATCHING = "MATCHING"
    NEEDS_APPROVAL = "NEEDS_APPROVAL"
    AUTO_APPROVED = "AUTO_APPROVED"
    APPROVED = "APPROVED"
    DOWNLOADING = "DOWNLOADING"
    CONVERTING = "CONVERTING"
    PLACING = "PLACING"
    COMPLETED = "COMPLETED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


S = TicketState

TRANSITIONS: dict[TicketState, frozenset[TicketState]] = {
    S.PENDING: frozenset({S.SEARCHING, S.DOWNLOADING, S.FAILED, S.CANCELLED}),
    S.SEARCHING: frozenset({S.MATCHING, S.PENDING, S.DOWNLOADING, S.FAILED, S.CANCELLED}),
    S.MATCHING: frozenset({S.NEEDS_APPROVAL, S.AUTO_APPROVED, S.PENDING, S.DOWNLOADING, S.FAILED, S.CANCELLED}),
    S.NEEDS_APPROVAL: frozenset({S.APPROVED, S.REJECTED, S.MATCHING, S.PENDING, S.DOWNLOADING, S.FAILED, S.CANCELLED}),
    S.AUTO_APPROVED: frozenset({S.DOWNLOADING, S.NEEDS_APPROVAL, S.MATCHING, S.PENDING, S.FAILED, S.CANCELLED}),
    S.APPROVED: frozenset({S.DOWNLOADING, S.NEEDS_APPROVAL, S.MATCHING, S.PENDING, S.FAILED, S.CANCELLED}),
    S.DOWNLOADING: frozenset({S.CONVERTING, S.MATCHING, S.FAILED, S.CANCELLED}),
    S.CONVERTING: frozenset({S.PLACING, S.MATCHING, S.FAILED, S.CANCELLED}),
    S.PLACING: frozenset({S.COMPLETED, S.MATCHING, S.FAILED, S.CANCELLED}),
    S.COMPLETED: frozenset(),
    S.REJECTED: frozenset(),
    S.FAILED: frozenset({S.PENDING, S.APPROVED, S.DOWNLOADING}),
    S.CANCELLED: frozenset(),
}
"""state -> the states it may become. PENDING is reached again by a new search, DOWNLOADING directly by a magnet a
person gave, MATCHING again when the chosen release turned out bad, or a person refused one, and another is chosen;
FAILED goes back to the last safe state: search (PENDING), grab (APPROVED) or deliver (DOWNLOADING)."""

TERMINAL = frozenset({S.COMPLETED, S.REJECTED, S.FAILED, S.CANCELLED})
SEARCHABLE = frozenset({S.PENDING, S.SEARCHING, S.MATCHING, S.NEEDS_APPROVAL, S.AUTO_APPROVED, S.APPROVED, S.FAILED})
"""States in which nothing has been downloaded yet, so a person may ask for another search or give a magnet."""


class IllegalTransition(EarmarkError):
    """A ticket was asked to go where the table does not lead."""

    @classmethod
    def between(cls, old: TicketState, new: TicketState) -> IllegalTransition:
        ways = ", ".join(sorted(TRANSITIONS[old])) or "nowhere: it has ended"
        return cls(
            Reason(
                "illegal_transition",
                f"A ticket that is {old} cannot become {new}.",
                f"From {old} a ticket can go to {ways}.",
                {"from": str(old), "to": str(new)},
            )
        )


def check_transition(old: TicketState, new: TicketState) -> None:
    """Raise `IllegalTransition` unless the table leads from `old` to `new`."""
    if new not in TRANSITIONS[old]:
        raise IllegalTransition.between(old, new)


class ApprovalCode(StrEnum):
    """Document 003's reasons for asking a person."""

    LOW_CONFIDENCE = "LowConfidence"
    TRACK_COUNT_MISMATCH = "TrackCountMismatch"
    DURATION_MISMATCH = "DurationMismatch"
    NAME_SIMILARITY_LOW = "NameSimilarityLow"
    MULTIPLE_GOOD_MATCHES = "MultipleGoodMatches"
    NO_EXACT_MATCH = "NoExactMatch"
    ON_SHELF = "OnShelf"  # ours: an edition as good stands there already


@dataclass(frozen=True, slots=True)
class ApprovalReason:
    """One doubt with its numbers, e.g. LowConfidence {"score": 0.71, "threshold": 0.85}."""

    code: ApprovalCode
    numbers: dict[str, float | int | list[float]]
    text: str


@dataclass(frozen=True, slots=True)
class CompletionStats:
    """What it took. Bytes and whole-or-fractional seconds."""

    total_download_bytes: int
    download_duration_secs: float
    conversion_duration_secs: float
    final_size_bytes: int


@dataclass(frozen=True, slots=True)
class Pending:
    state: ClassVar[TicketState] = S.PENDING
    queued_at: datetime
    query: str | None = None  # a person's own words for the next search (force-search)


@dataclass(frozen=True, slots=True)
class Searching:
    state: ClassVar[TicketState] = S.SEARCHING
    started_at: datetime
    query: str | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    state: ClassVar[TicketState] = S.MATCHING
    started_at: datetime
    candidate_count: int


@dataclass(frozen=True, slots=True)
class NeedsApproval:
    state: ClassVar[TicketState] = S.NEEDS_APPROVAL
    waiting_since: datetime
    candidate_count: int
    recommended_idx: int | None  # None when nothing was found worth recommending
    confidence: float  # 0..1
    reasons: tuple[ApprovalReason, ...]


@dataclass(frozen=True, slots=True)
class AutoApproved:
    state: ClassVar[TicketState] = S.AUTO_APPROVED
    selected_idx: int
    confidence: float  # 0..1
    approved_at: datetime


@dataclass(frozen=True, slots=True)
class Approved:
    state: ClassVar[TicketState] = S.APPROVED
    selected_idx: int
    approved_by: str
    approved_at: datetime


@dataclass(frozen=True, slots=True)
class Downloading:
    state: ClassVar[TicketState] = S.DOWNLOADING
    torrent_hash: str  # lower-case hex info-hash
    started_at: datetime
    progress_pct: float = 0.0  # 0..100
    download_speed_bps: int = 0  # bytes a second
    eta_secs: int | None = None
    finished_at: datetime | None = None  # when the last byte arrived
    slot_given_up: bool = False  # it has stood still so long that another may download meanwhile


@dataclass(frozen=True, slots=True)
class Converting:
    state: ClassVar[TicketState] = S.CONVERTING
    torrent_hash: str
    started_at: datetime
    total_tracks: int
    current_track_idx: int = 0  # from 0
    current_track_name: str = ""
    done_secs: float = 0.0  # seconds of audio written
    total_secs: float = 0.0  # seconds of audio to write


@dataclass(frozen=True, slots=True)
class Placing:
    state: ClassVar[TicketState] = S.PLACING
    torrent_hash: str
    started_at: datetime
    total_files: int
    files_placed: int = 0


@dataclass(frozen=True, slots=True)
class Completed:
    state: ClassVar[TicketState] = S.COMPLETED
    completed_at: datetime
    stats: CompletionStats
    library_path: str  # the book's folder, absolute
    files: tuple[str, ...]  # names inside library_path
    undone_at: datetime | None = None  # when the placement was taken back


@dataclass(frozen=True, slots=True)
class Rejected:
    state: ClassVar[TicketState] = S.REJECTED
    rejected_at: datetime
    rejected_by: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    state: ClassVar[TicketState] = S.FAILED
    failed_at: datetime
    failed_at_state: TicketState
    error: Reason
    retryable: bool
    retry_count: int  # automatic tries that were made before giving up


@dataclass(frozen=True, slots=True)
class Cancelled:
    state: ClassVar[TicketState] = S.CANCELLED
    cancelled_at: datetime
    cancelled_by: str
    reason: str | None = None


StatePayload: TypeAlias = (
    Pending
    | Searching
    | Matching
    | NeedsApproval
    | AutoApproved
    | Approved
    | Downloading
    | Converting
    | Placing
    | Completed
    | Rejected
    | Failed
    | Cancelled
)

PAYLOADS: dict[TicketState, type[StatePayload]] = {
    p.state: p
    for p in (
        Pending,
        Searching,
        Matching,
        NeedsApproval,
        AutoApproved,
        Approved,
        Downloading,
        Converting,
        Placing,
        Completed,
        Rejected,
        Failed,
        Cancelled,
    )
}
