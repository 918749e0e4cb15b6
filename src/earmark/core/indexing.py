"""An indexer as the house keeps it: what it is, how it stands, and how long it is left alone after a failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from earmark.core.newznab import Capabilities
from earmark.core.reasons import Reason

MAM_ID, JACKETT_ID, PROWLARR_ID, FIRST_FREE_ID = 1, 2, 3, 10
"""The settings' own indexers have fixed numbers, for other programs keep them; those added later count from 10."""

PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 180, 360, 720, 1440))
"""How long an indexer is left alone after so many failures in a row; the last one for all further ones."""


class IndexerSort(StrEnum):
    """Which adapter speaks with it."""

    MAM = "mam"
    TORZNAB = "torznab"
    PROWLARR = "prowlarr"


@dataclass(frozen=True, slots=True)
class IndexerFacts:
    """How it is reached and used. The secret (API key) is not here: the vault has it."""

    url: str = ""
    timeout_secs: float = 30.0
    requests_per_second: float = 2.0
    categories: tuple[int, ...] = ()  # only these are asked for; empty: all it has
    upstream_ids: tuple[int, ...] = ()  # of a Prowlarr behind us: only these of its indexers
    query_limit: int | None = None  # searches in `limits_unit`
    grab_limit: int | None = None
    limits_unit: Literal["day", "hour"] = "day"
    minimum_seeders: int | None = None  # told to other programs, as the next three
    seed_ratio: float | None = None
    seed_time_mins: int | None = None
    pack_seed_time_mins: int | None = None
    prefer_magnet: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What its last answers were. All empty: fine."""

    failures: int = 0  # in a row
    first_failure: datetime | None = None
    last_failure: datetime | None = None
    disabled_till: datetime | None = None
    reason: Reason | None = None

    def paused(self, now: datetime) -> bool:
        return self.disabled_till is not None and self.disabled_till > now


FINE = Standing()


def after_failure(standing: Standing, reason: Reason, now: datetime, retry_after_secs: float | None = None) -> Standing:
    """The standing after one more failure. What the site itself asks for counts when it is longer. Failures of requests
    that were on their way together count once: one that ends within a pause leaves its length as it is."""
    if standing.paused(now) and retry_after_secs is None:
        return Standing(standing.failures, standing.first_failure, now, standing.disabled_till, reason)
    failures = standing.failures + (0 if standing.paused(now) else 1)
    pause = PAUSES[min(max(failures, 1), len(PAUSES)) - 1]
    asked = timedelta(seconds=retry_after_secs or 0)
    until = max(now + max(pause, asked), standing.disabled_till or now)
    return Standing(failures, standing.first_failure or now, now, until, reason)


@dataclass(frozen=True, slots=True)
class IndexerRecord:
    """One indexer of the house. `managed`: the settings file made it, and its address and key are changed there."""

    id: int
    key: str  # what releases carry; never changes
    sort: IndexerSort
    name: str  # for people
    enabled: bool
    priority: int  # 1 to 50, lower is preferred
    managed: bool
    added_at: datetime
    facts: IndexerFacts = field(default_factory=IndexerFacts)
    tags: tuple[int, ...] = ()
    capabilities: Capabilities | None = None
    capabilities_at: datetime | None = None
    standing: Standing = FINE
