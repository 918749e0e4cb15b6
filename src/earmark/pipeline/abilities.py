"""What indexers can be asked, as they say it themselves: read once a day, and kept while they are away. Knows no search."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from earmark.core.indexing import IndexerRecord
from earmark.core.newznab import Capabilities
from earmark.core.reasons import EarmarkError
from earmark.pipeline.house import House, log
from earmark.pipeline.roll import adapter_of
from earmark.pipeline.standing import broke, late, unusable, went_wrong
from earmark.store import indexers

ANSWER_SECS = 30.0
LASTS, ASK_AGAIN = timedelta(days=1), timedelta(hours=1)


async def capabilities(house: House, record: IndexerRecord) -> Capabilities:
    """What it can be asked, as read within the last day; what it said before, while it is away. Raises the indexer's error
    when it never said anything. The question is shared by all who ask, and goes on when they leave."""
    known = house.registry.records.get(record.id, record)
    if known.capabilities is not None and not stale(known, house.now()):
        return known.capabilities
    told: Capabilities | EarmarkError | None = unusable(house, known)
    if told is None:
        task = house.asking.get(known.id)
        if task is None:
            task = house.asking[known.id] = asyncio.create_task(_learn(house, known), name=f"caps {known.key}")
            task.add_done_callback(lambda _: house.asking.pop(known.id, None))
        told = await asyncio.shield(task)
    if isinstance(told, Capabilities):
        return told
    if known.capabilities is not None:
        return known.capabilities
    raise told


async def _learn(house: House, record: IndexerRecord) -> Capabilities | EarmarkError:
    """Ask, and keep what it says. One that never said anything has failed and is left alone like any that failed; one
    whose former answer we have may search well all the same, and is asked again in an hour."""
    adapter, told = house.indexers.get(record.key), await _ask_capabilities(house, record)
    now, records = house.now(), house.registry.records
    current = records.get(record.id)
    if current is None or house.indexers.get(record.key) is not adapter:
        return told  # removed, or another one by now
    if isinstance(told, Capabilities):
        async with house.db.write() as tx:
            await indexers.learnt(tx, record.id, told, now)
        records[record.id] = replace(records.get(record.id, current), capabilities=told, capabilities_at=now)
    elif current.capabilities is None:
        await house.registry.pen.keep(went_wrong(house, record.id, told))
    else:
        records[record.id] = replace(current, capabilities_at=now - LASTS + ASK_AGAIN)
    return told


def stale(record: IndexerRecord, now: datetime) -> bool:
    """Is it a day old, or from a future that the clock has left?"""
    return record.capabilities_at is None or abs(now - record.capabilities_at) > LASTS


async def _ask_capabilities(house: House, record: IndexerRecord) -> Capabilities | EarmarkError:
    adapter = adapter_of(house, record)
    try:
        async with asyncio.timeout(ANSWER_SECS):
            return await adapter.capabilities() if adapter is not None else late(record)
    except TimeoutError:
        return late(record)
    except EarmarkError as error:
        return error
    except Exception:
        log.exception("capabilities_broke", indexer=record.key)
        return broke(record)
