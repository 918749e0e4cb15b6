"""The `mam_id` cookie: a session whose value changes with every answer, while the value before lives a little longer.

The value is the session; whoever holds an old one after its grace is signed out. How long the live site's grace is,
nobody knows (mam-api.md section 13), so it is a setting here.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta


class Sessions:
    """Every session of the account: its current value and those it just replaced."""

    def __init__(self) -> None:
        self._current: dict[str, str] = {}  # current value -> the session's first value, its name for us
        self._replaced: dict[str, tuple[str, datetime]] = {}  # former value -> (session, when it was replaced)

    def create(self) -> str:
        """A new session's first value."""
        value = _new_value()
        self._current[value] = value
        return value

    def restore(self, value: str) -> None:
        """Take up a session kept from an earlier run."""
        self._current[value] = value

    def any(self) -> bool:
        """Is there a session at all?"""
        return bool(self._current)

    def newest(self) -> str:
        """The current value of the session created last; empty when all were ended."""
        return next(reversed(self._current), "")

    def accepts(self, value: str, now: datetime, grace: timedelta) -> bool:
        """Is this value signed in?"""
        if value in self._current:
            return True
        replaced = self._replaced.get(value)
        return replaced is not None and now - replaced[1] <= grace and replaced[0] in self._current.values()

    def rotate(self, value: str, now: datetime) -> str:
        """Give the session behind this value a new one. The values before stay valid for their grace."""
        session = self._current.get(value) or self._replaced[value][0]
        current = next(key for key, owner in self._current.items() if owner == session)
        del self._current[current]
        self._replaced[current] = (session, now)
        fresh = _new_value()
        self._current[fresh] = session
        return fresh

    def end_all(self) -> None:
        """Sign every session out."""
        self._current.clear()
        self._replaced.clear()


def cookie_fingerprint(value: str | None) -> str | None:
    """What stands for a cookie value in the request log."""
    return hashlib.sha256(value.encode()).hexdigest()[:12] if value else None


def _new_value() -> str:
    return f"sandbox-{secrets.token_urlsafe(48)}"
