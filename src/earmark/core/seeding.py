"""How long a torrent owes its tracker seeding. The ledger proper grows from here."""

from __future__ import annotations

TRACKER_FLOOR_HOURS: dict[str, float] = {"mam": 72.0}
"""Seeding hours a tracker's rules demand, whatever the settings say (domain.md, rule 2.5)."""


MAM_PAGE = "https://www.myanonamouse.net/t/"


def tracker_of(indexer: str | None, guid: str | None) -> str:
    """The tracker whose rules a release is under, by the key of its own indexer. MyAnonamouse's torrents are its own whoever
    told of them: a Jackett, a Prowlarr or a program that pushed one."""
    return "mam" if guid is not None and guid.startswith(MAM_PAGE) else indexer or ""


def needed_seconds(tracker: str, configured_hours: float) -> int:
    """Seconds a torrent of this tracker must be seeded: the configured hours, never below the tracker's own floor."""
    return round(max(configured_hours, TRACKER_FLOOR_HOURS.get(tracker, 0.0)) * 3600)


def owes_nothing(
    tracker: str, *, seeded_secs: int, ratio: float, configured_hours: float, configured_ratio: float
) -> bool:
    """Has a torrent done its part? Where a tracker has a rule of its own, its hours alone count; elsewhere the
    configured hours or the configured ratio (0: hours only), whichever comes first."""
    if seeded_secs >= needed_seconds(tracker, configured_hours):
        return True
    return tracker not in TRACKER_FLOOR_HOURS and 0 < configured_ratio <= ratio
