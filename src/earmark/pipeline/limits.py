"""How often an indexer may be asked, and asked for torrents, in a day or an hour: its owner's own limits. Counted in memory
from the history rows, which are read when a limit is first met with."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Literal

from earmark.core.indexing import IndexerRecord
from earmark.http import WaitError
from earmark.pipeline.house import House
from earmark.store import asked

COUNTED = {"query": ("indexerQuery", "indexerRss"), "grab": ("releaseGrabbed",)}
WINDOWS = {"day": timedelta(days=1), "hour": timedelta(hours=1)}


class LimitReached(WaitError):
    """The owner's own limit for this indexer is used up for now."""


async def take_one(house: House, record: IndexerRecord, what: Literal["query", "grab"]) -> None:
    """Count one question. Raises `LimitReached` where there is no room for it; then nothing is counted."""
    limit = record.facts.query_limit if what == "query" else record.facts.grab_limit
    if limit is None:
        house.registry.tallies.pop((record.id, what), None)  # a limit set later counts anew, from the rows
        return
    window, now = WINDOWS[record.facts.limits_unit], house.now()
    tally = await _tally(house, record, what)
    while tally and tally[0] <= now - WINDOWS["day"]:
        tally.popleft()
    within = [at for at in tally if now - window < at <= now]  # a clock put back must not hold it for ever
    if len(within) < limit:
        tally.append(now)
        return
    wait = (within[-limit] + window - now).total_seconds() if limit > 0 else window.total_seconds()
    raise LimitReached.of(
        f"{what}_limit_reached",
        f"{record.name} has had its {limit} {'searches' if what == 'query' else 'grabs'} of this {record.facts.limits_unit}.",
        "Wait, or raise the limit of this indexer.",
        indexer=record.key,
        limit=limit,
        retry_after_secs=max(1, round(wait)),
    )


async def _tally(house: House, record: IndexerRecord, what: Literal["query", "grab"]) -> deque[datetime]:
    """When it was asked so within the last day, oldest first."""
    registry, key = house.registry, (record.id, what)
    if key not in registry.tallies:
        async with registry.lock:
            if key not in registry.tallies:
                await registry.pen.flush()
                async with house.db.read() as tx:
                    since = house.now() - WINDOWS["day"]
                    registry.tallies[key] = deque(await asked.times_since(tx, record.id, COUNTED[what], since))
    return registry.tallies[key]
