"""An indexer as the house keeps it: what it is, how it stands, how long it is left alone after a failure, and what is wrong
with one that somebody wants to add."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from urllib.parse import urlsplit

from earmark.core.newznab import Capabilities
from earmark.core.reasons import Reason

MAM_ID, JACKETT_ID, PROWLARR_ID, FIRST_FREE_ID = 1, 2, 3, 10
"""The settings' own indexers have fixed numbers, for other programs keep them; those added later count from 10."""

PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 180, 360, 720, 1440))
"""How long an indexer is left alone after so many failures in a row; the last one for all further ones."""


CLOCK_SLACK = timedelta(minutes=1)


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
        """Is it left alone? A pause that began in the future is over: the clock was put back since."""
        began = self.last_failure
        return (
            self.disabled_till is not None
            and self.disabled_till > now
            and (began is None or began <= now + CLOCK_SLACK)
        )


FINE = Standing()


def after_failure(standing: Standing, reason: Reason, now: datetime, retry_after_secs: float | None = None) -> Standing:
    """The standing after one more failure. A site that names its wait gets it: the first time that and no more, then
    whichever is longer. Failures of requests that were on their way together count once: one that ends within a pause
    leaves its length as it is, unless the site asks for more."""
    asked = timedelta(seconds=retry_after_secs or 0)
    till = now
    if standing.paused(now):
        failures, pause, till = standing.failures, asked, standing.disabled_till or now
    else:
        failures = standing.failures + 1
        usual = PAUSES[min(failures, len(PAUSES)) - 1]
        pause = asked if asked and failures == 1 else max(usual, asked)
    until = max(now + pause, till)
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


def turns(
    order: Sequence[str], records: Sequence[IndexerRecord]
) -> tuple[tuple[tuple[IndexerRecord, ...], ...], list[str]]:
    """Who is asked after whom: those that `order` names (by key or by name, in any case) one by one, then all others
    together. Besides, the names that mean none of them."""
    stages: list[tuple[IndexerRecord, ...]] = []
    unknown: list[str] = []
    left = list(records)
    for name in order:
        called = name.strip().casefold()
        meant = [one for one in records if called in {one.key.casefold(), one.name.casefold()}]
        if not meant:
            unknown.append(name)
        elif meant[0] in left:
            left.remove(meant[0])
            stages.append((meant[0],))
    return (*stages, *((tuple(left),) if left else ())), unknown


@dataclass(frozen=True, slots=True)
class IndexerDraft:
    """An indexer as somebody wants it. `secret` is its API key, or the session of MyAnonamouse; None keeps the stored one."""

    sort: IndexerSort
    name: str
    enabled: bool = True
    priority: int = 25
    facts: IndexerFacts = field(default_factory=IndexerFacts)
    secret: str | None = None
    tags: tuple[int, ...] = ()


def faults_of(
    draft: IndexerDraft, known: IndexerRecord | None, others: Collection[IndexerRecord]
) -> Iterator[tuple[str, str]]:
    """What keeps a draft from being an indexer: the field and what is wrong with it. `known` is the one it changes: its
    own address is not judged again."""
    facts = draft.facts
    name = draft.name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        yield "name", "Give it a name of 1 to 100 characters on one line."
    elif any(one.name.casefold() == name.casefold() for one in others):
        yield "name", "Another indexer has this name already."
    if not 1 <= draft.priority <= 50:
        yield "priority", "A priority is a number from 1 (asked for first) to 50."
    if draft.sort is not IndexerSort.MAM and (known is None or known.facts.url != facts.url):
        wrong = _wrong_with_address(facts.url)
        if wrong is not None:
            yield "url", wrong
    if draft.sort is not IndexerSort.TORZNAB and known is None and not draft.secret:
        yield "secret", "It does not answer without its key."
    yield from _faults_of_facts(draft.sort, facts)


def _faults_of_facts(sort: IndexerSort, facts: IndexerFacts) -> Iterator[tuple[str, str]]:
    if not 0 < facts.timeout_secs <= 300:
        yield "timeout_secs", "Wait for more than 0 and at most 300 seconds."
    if not 0 < facts.requests_per_second <= (5 if sort is IndexerSort.MAM else 50):
        yield "requests_per_second", "At most 50 requests a second, 5 to MyAnonamouse, and more than none."
    if any(number < 1 for number in facts.categories):
        yield "categories", "Categories are numbers such as 3030."
    if any(number < 1 for number in facts.upstream_ids):
        yield "upstream_ids", "Numbers of indexers begin at 1."
    for limit in ("query_limit", "grab_limit"):
        if getattr(facts, limit) is not None and getattr(facts, limit) < 1:
            yield limit, "A limit is 1 or more; without one, leave it empty."
    for least in ("minimum_seeders", "seed_ratio", "seed_time_mins", "pack_seed_time_mins"):
        if (getattr(facts, least) or 0) < 0:
            yield least, "This cannot be less than 0."


def _wrong_with_address(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port  # raises for one that is no number
    except ValueError:
        return "This is no address."
    if parts.scheme not in {"http", "https"} or not host or any(c.isspace() for c in url):
        return "An address begins with http:// or https:// and names a host."
    if parts.query or parts.fragment or parts.username is not None:
        return "Leave key and password out of the address: the key has a field of its own."
    return None
