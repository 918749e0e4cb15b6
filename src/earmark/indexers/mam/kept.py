"""How the newest session id is written down: together with the mark of the settings it was saved under.

The mark tells a stored id that descends from today's settings, or was put in over them, from one that is older than
what the owner has written there since. It says nothing of who stores the text, and asks no site anything.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from earmark.indexers.errors import BadSessionId
from earmark.indexers.mam.cookie import parse_mam_id

NOTHING_CONFIGURED = "-"


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored session id; `mark` is None when it was saved without one."""

    value: str
    mark: str | None


def mark_of(configured: str | None) -> str:
    """A mark of the settings' session id that does not give it away."""
    return hashlib.sha256(configured.encode()).hexdigest() if configured else NOTHING_CONFIGURED


def written(value: str, mark: str) -> str:
    """The text to store. No session id has a space in it, so the text cannot be taken for a bare one."""
    return f"{mark} {value}"


def read_kept(text: str | None) -> Kept | None:
    """The stored id, with its mark or bare as pasted; None when there is none that could be sent."""
    marked = re.fullmatch(r"([0-9a-f]{64}|-) (.+)", text or "")
    mark, value = marked.groups() if marked else (None, text)
    try:
        return Kept(parse_mam_id(value), mark) if value else None
    except BadSessionId:
        return None
