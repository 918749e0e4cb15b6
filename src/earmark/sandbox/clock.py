"""The stand-in world's time: the real clock plus an offset that tests and the control endpoint may push forward.

Seventy-two hours of seeding pass in one request; nothing here sleeps.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _real_now() -> datetime:
    return datetime.now(UTC)


class WorldClock:
    """A clock that only moves forward, at the real pace or by leaps."""

    def __init__(self, base: Callable[[], datetime] = _real_now) -> None:
        self._base = base
        self._offset = timedelta()

    def now(self) -> datetime:
        """The world's present, aware UTC."""
        return self._base() + self._offset

    def advance(self, step: timedelta) -> datetime:
        """Leap forward and return the new present. Raises ValueError for a step back: seeding time never shrinks."""
        if step < timedelta():
            raise ValueError("the world's clock only moves forward")
        self._offset += step
        return self.now()
