"""Keeps a tracker from being asked more often than its owner set. Knows time and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from earmark.ports import Sleep

LONGEST_HOLD_SECS = 86_400.0  # a site's Retry-After is honoured up to a day: beyond that it is a mistake or a joke


class Pacer:
    """One turn at a time, each at least `1 / per_second` seconds after the answer to the one before.

    Counting from the answer, not from the question, holds the rate even where the network delays one request and not
    the next: the site can never see two closer together than that.
    """

    def __init__(
        self, per_second: float, *, monotonic: Callable[[], float] = time.monotonic, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._interval = 1.0 / per_second
        self._monotonic = monotonic
        self._sleep = sleep
        self._free_at = float("-inf")
        self._held_until = float("-inf")

    async def turn(self) -> None:
        """Return when the next request may be sent. The caller serialises turns and calls `done` after each."""
        while (wait := max(self._free_at, self._held_until) - self._monotonic()) > 0:
            await self._sleep(wait)

    def done(self) -> None:
        """The answer came, or the attempt failed."""
        self._free_at = self._monotonic() + self._interval

    def hold(self, secs: float) -> None:
        """The site named a time before which it wants no further request."""
        self._held_until = max(self._held_until, self._monotonic() + min(secs, LONGEST_HOLD_SECS))

    def held_for(self) -> float:
        """Seconds until the site's own wish to be left alone has passed."""
        return max(0.0, self._held_until - self._monotonic())
