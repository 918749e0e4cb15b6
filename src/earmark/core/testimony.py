"""What the witness said of a decision, kept with it: the question, the answer as it came, how it was read, what it moved.

Values only. When the witness is asked and what its word may do is in `core.witnessing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from earmark.core.reasons import Reason
from earmark.core.states import ApprovalReason


class Effect(StrEnum):
    """What became of the decision."""

    NONE = "none"  # heard; the decision stands as the rules made it
    APPROVED = "approved"  # the rules would have asked a person; nobody is asked
    ASKED = "asked"  # the rules would have taken it; a person is asked
    RECOMMENDED = "recommended"  # a person is asked either way, and another candidate is recommended
    FELL_BACK = "fell_back"  # no usable answer: the rules alone decided


@dataclass(frozen=True, slots=True)
class Placed:
    """One track that the rules had found no file for, and the file the witness means. The path is one of the release's."""

    catalog_track_id: str
    path: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """One candidate in the witness's eyes, clamped to what it may say."""

    guid: str
    same_work: float  # 0..1
    same_edition: float  # 0..1
    note: str = ""  # at most 200 characters; the words of a machine that read hostile text: shown, never obeyed
    mapping: tuple[Placed, ...] = ()

    @property
    def belief(self) -> float:
        """How far it is the thing that was wished: a right work in a wrong edition is not."""
        return min(self.same_work, self.same_edition)


@dataclass(frozen=True, slots=True)
class WitnessRecord:
    """One hearing. `rules_*` is what the rules alone had decided, so that the effect can be argued with."""

    provider: str  # anthropic | openai | local
    model: str
    prompt_version: str
    effect: Effect
    note: str  # one sentence for a person
    rules_confidence: float
    rules_chosen: str | None  # guid
    rules_reasons: tuple[ApprovalReason, ...] = ()
    asked: tuple[str, ...] = ()  # guids of the candidates that were shown
    left_out: tuple[str, ...] = ()  # guids whose texts speak to the witness instead of describing a release
    opinions: tuple[Opinion, ...] = ()
    system: str = ""
    prompt: str = ""
    answer: str = ""  # as it came, cut to 20,000 characters
    cached: bool = False
    fault: Reason | None = None
