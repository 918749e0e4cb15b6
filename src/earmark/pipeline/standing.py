"""How the indexers of the house stand: whether one can be asked now, and what an answer or a failure changes. Changes the
records in memory at once and says what is to be written; it asks nobody anything."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from earmark.core.indexing import FINE, IndexerRecord, after_failure
from earmark.core.reasons import EarmarkError, PermanentError
from earmark.http import WaitError
from earmark.pipeline.house import House
from earmark.pipeline.registry import Notes
from earmark.store import Asked
from earmark.store.asked import AskedType

ALERT = "indexer:"


class IndexerPaused(WaitError):
    """It failed a moment ago and is left alone for a while."""


class IndexerUnopened(PermanentError):
    """It is listed, but could not be opened, so it cannot be asked."""


def unusable(house: House, record: IndexerRecord) -> EarmarkError | None:
    """Why it cannot be asked now: paused, or not open. None when it can."""
    now, standing = house.now(), record.standing
    if record.key not in house.indexers:
        reason = standing.reason
        if reason is not None and standing.disabled_till is None:
            return IndexerUnopened(reason)
        return IndexerUnopened.of(
            "indexer_gone",
            f"The indexer {record.name} is not open.",
            "Check its address and key, or restart.",
            indexer=record.key,
        )
    if standing.disabled_till is None or not standing.paused(now):
        return None
    wait = max(1, round((standing.disabled_till - now).total_seconds()))
    cause = standing.reason
    return IndexerPaused.of(
        "indexer_paused",
        f"{record.name} is left alone for a while after it failed"
        + (f": {cause.message}" if cause is not None else "."),
        cause.action if cause is not None else "Nothing to do: it is asked again later.",
        indexer=record.key,
        retry_after_secs=wait,
        cause=cause.code if cause is not None else None,
        until=standing.disabled_till.isoformat(),
    )


def went_well(house: House, id: int) -> Notes:
    """It answered: whatever pause there was ends. Returns what is to be written of it."""
    registry, now = house.registry, house.now()
    record = registry.records.get(id)
    if record is None:
        return Notes(now)
    key = f"{ALERT}{record.key}"
    alarms = [(key, None)] if key in registry.alarmed or record.standing != FINE else []
    registry.alarmed.discard(key)
    if record.standing == FINE:
        return Notes(now, alarms=alarms)
    registry.records[id] = replace(record, standing=FINE)
    return Notes(now, alarms=alarms, stood=[(id, FINE)])


def went_wrong(house: House, id: int, error: EarmarkError) -> Notes:
    """It failed, by its own fault: it is paused and there is an alert. Returns what is to be written of it."""
    registry, now = house.registry, house.now()
    record = registry.records.get(id)
    if record is None:
        return Notes(now)
    asked_for = error.retry_after_secs if isinstance(error, WaitError) else None
    standing = after_failure(record.standing, error.reason, now, asked_for)
    registry.records[id] = replace(record, standing=standing)
    key = f"{ALERT}{record.key}"
    registry.alarmed.add(key)
    return Notes(now, alarms=[(key, error.reason)], stood=[(id, standing)])


def noted(
    house: House,
    id: int,
    type: AskedType,
    successful: bool,
    began: float,
    *,
    source: str = "earmark",
    host: str = "",
    data: Mapping[str, str] | None = None,
) -> Asked:
    """The history row of a question that began at `began` (monotonic) and ends now."""
    elapsed_ms = round((time.monotonic() - began) * 1000)
    return Asked(id, house.now(), type, successful, elapsed_ms, source, host, dict(data or {}))


def late(record: IndexerRecord) -> EarmarkError:
    return WaitError.of(
        "indexer_late",
        f"{record.name} has not answered in time.",
        "Ask again; when this repeats, see whether the site is slow or its pace is set too low.",
        indexer=record.key,
    )


def broke(record: IndexerRecord) -> EarmarkError:
    return WaitError.of(
        "indexer_broke",
        f"Something unforeseen happened while {record.name} was asked.",
        "Ask again; if it happens again, report it with the lines of the log around this time.",
        indexer=record.key,
    )
