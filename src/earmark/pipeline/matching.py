"""The deterministic matcher behind the Matcher contract: the rules of `core.choosing` and
`core.albums`, nothing more."""

from __future__ import annotations

from collections.abc import Sequence

from earmark.core.albums import decide_album
from earmark.core.choosing import decide
from earmark.core.decision import Decision
from earmark.core.reasons import PermanentError, Reason
from earmark.core.release import Release
from earmark.core.wish import AlbumWish, Kind, Wish


class SoberMatcher:
    """Scores books and albums by plain comparison of stated facts."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold

    async def judge(self, kind: Kind, wish: Wish, releases: Sequence[Release], *, vip_member: bool) -> Decision:
        if isinstance(wish, AlbumWish):
            return decide_album(wish, releases, threshold=self._threshold, vip_member=vip_member)
        return decide(kind, wish, releases, threshold=self._threshold, vip_member=vip_member)


def unsupported_kind(kind: Kind) -> PermanentError:
    """The answer to a ticket whose wish is of another sort than its kind."""
    return PermanentError(
        Reason(
            "unsupported_kind",
            f"A ticket of kind {kind} cannot carry such a wish.",
            "Cancel the ticket, and file the wish under its own kind.",
            {"kind": str(kind)},
        )
    )
