"""How long a torrent owes its tracker seeding. The ledger proper grows from here."""

from __future__ import annotations

TRACKER_FLOOR_HOURS: dict[str, float] = {"mam": 72.0}
"""Seeding hours a tracker's rules demand, whatever the settings say (domain.md, rule 2.5)."""


def needed_seconds(tracker: str, configured_hours: float) -> int:
    """Seconds a torrent of this tracker must be seeded: the configured hours, never below the tracker's own floor."""
    return round(max(configured_hours, TRACKER_FLOOR_HOURS.get(tracker, 0.0)) * 3600)
