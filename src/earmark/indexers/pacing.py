"""Keeps a tracker from being asked more often than its owner set. Knows time and nothing else."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from earmark.ports import Sleep

PATIENCE_SECS = 10.0
"""A hold a site asked for is slept through up to this long; a longer one is the caller's to schedule."""
LONGEST_HOLD_SECS = 86_400.0  # a site's Retry-After is honoured up to a day: beyond that it is a mistake or a joke


class Pacer:
    """One turn at a time, each at least `1 / per_second` seconds after `done` was called for the one before.

    Called with the answer, it holds the rate even where the network delays one request and not the next: the site can
    never see two closer together than that. Called with the question, it paces starts and lets answers overlap.
    """

    def __init__(
        self, per_second: float, *, monotonic: Callable[[], float] = time.monotonic, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._interval = 1.0 / per_second
        self._monotonic = monotonic
        self._sleep = sleep
        self._free_at = float("-inf")
        self._held_until = float("-inf")

    async def turn(self, patience_secs: float = math.inf) -> bool:
        """True when the next request may be sent, False when the site wants to be left alone for longer than
        `patience_secs`. The caller serialises turns and calls `done` after each that was granted."""
        while (wait := max(self._free_at, self._held_until) - self._monotonic()) > 0:
            if self.held_for() > patience_secs:
                return False
            await self._sleep(wait)
        return True

    def done(self) -> None:
        """The answer came, or the attempt failed; for a pace of starts: the question is about to leave."""
        self._free_at = self._monotonic() + self._interval

    def hold(self, secs: float) -> None:
        """The site named a time before which it wants no further request."""
        self._held_until = max(self._held_until, self._monotonic() + min(secs, LONGEST_HOLD_SECS))

    def held_for(self) -> float:
        """Seconds until the site's own wish to be left alone has passed."""
        return max(0.0, self._held_until - self._monotonic())
