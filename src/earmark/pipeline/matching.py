"""The deterministic matcher behind the Matcher contract: the rules of `core.choosing`, nothing more."""

from __future__ import annotations

from collections.abc import Sequence

from earmark.core.choosing import decide
from earmark.core.decision import Decision
from earmark.core.reasons import PermanentError, Reason
from earmark.core.release import Release
from earmark.core.wish import BookWish, Kind, Wish


class SoberMatcher:
    """Scores books by plain comparison of stated facts."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold

    async def judge(self, kind: Kind, wish: Wish, releases: Sequence[Release], *, vip_member: bool) -> Decision:
        if not isinstance(wish, BookWish):
            raise unsupported_kind(kind)
        return decide(kind, wish, releases, threshold=self._threshold, vip_member=vip_member)


def unsupported_kind(kind: Kind) -> PermanentError:
    """The answer to wishes whose acts are not built yet: accepted, validated, and honestly refused."""
    return PermanentError(
        Reason(
            "unsupported_kind",
            f"Tickets of kind {kind} are accepted and kept, but this version of Earmark carries out audiobooks and e-books only.",
            "Cancel the ticket, or retry it after updating Earmark.",
            {"kind": str(kind)},
        )
    )
