"""The registry of the house's indexers: which there are, under which numbers, how they stand and what they can be asked.

Records live in memory and are written through to their rows. Whoever asks an indexer anything tells this module how it
went; it knows no search and no torrent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from earmark.core.indexing import (
    FINE,
    JACKETT_ID,
    MAM_ID,
    PROWLARR_ID,
    IndexerFacts,
    IndexerRecord,
    IndexerSort,
    after_failure,
)
from earmark.core.newznab import Capabilities
from earmark.core.reasons import EarmarkError, PermanentError, Reason
from earmark.http import WaitError
from earmark.pipeline.house import House
from earmark.pipeline.registry import Notes
from earmark.ports import Indexer, IndexerHealth
from earmark.settings import Settings
from earmark.store import Asked, Tx, alerts, indexers
from earmark.store.asked import AskedType

CAPABILITIES_LAST = timedelta(days=1)
TEST_SECS = 30.0
ALERT = "indexer:"

MANAGED = {"mam": (MAM_ID, IndexerSort.MAM, "MyAnonamouse"), "jackett": (JACKETT_ID, IndexerSort.TORZNAB, "Jackett")}
MANAGED["prowlarr"] = (PROWLARR_ID, IndexerSort.PROWLARR, "Prowlarr")


class UnknownIndexer(PermanentError):
    """There is no indexer of that number."""


class IndexerPaused(WaitError):
    """It failed a moment ago and is left alone for a while."""


class IndexerUnopened(PermanentError):
    """It is listed, but could not be opened, so it cannot be asked."""


# --- which there are ----------------------------------------------------------------------------------------------------


async def listed(house: House) -> tuple[IndexerRecord, ...]:
    """Every indexer of the house, by number. One of the settings is listed while the settings name it. Makes rows for those
    that have none yet."""
    registry = house.registry
    if not registry.read or not house.indexers.keys() <= {record.key for record in registry.records.values()}:
        async with registry.lock:
            await _read(house)
    there = (r for r in registry.records.values() if not r.managed or r.key in house.indexers)
    return tuple(sorted(there, key=lambda record: record.id))


async def record_of(house: House, id: int) -> IndexerRecord:
    """Raises `UnknownIndexer`."""
    for record in await listed(house):
        if record.id == id:
            return record
    raise UnknownIndexer.of(
        "unknown_indexer", f"There is no indexer number {id}.", "Look up the numbers on the indexers page.", id=id
    )


def adapter_of(house: House, record: IndexerRecord) -> Indexer | None:
    """None for one that could not be opened."""
    return house.indexers.get(record.key)


async def by_key(house: House, key: str) -> IndexerRecord:
    """The record of the indexer whose releases carry this key. Raises `UnknownIndexer`."""
    for record in await listed(house):
        if record.key == key:
            return record
    raise UnknownIndexer.of(
        "unknown_indexer", f"There is no indexer “{key}”.", "Set the indexer up again, or search again.", indexer=key
    )


async def put(house: House, record: IndexerRecord, tx: Tx | None = None) -> IndexerRecord:
    """Keep a new or a changed record, in its row and in memory."""
    if tx is None:
        async with house.db.write() as own:
            await indexers.put(own, record)
    else:
        await indexers.put(tx, record)
    house.registry.records[record.id] = record
    return record


async def _read(house: House) -> None:
    """Read the rows once, and make those that are missing. Under the registry's lock."""
    registry = house.registry
    if not registry.read:
        async with house.db.read() as tx:
            registry.records = {record.id: record for record in await indexers.all_(tx)}
            registry.alarmed = {alert.key for alert in await alerts.active(tx) if alert.key.startswith(ALERT)}
        registry.read = True
    known = {record.key: record for record in registry.records.values()}
    for key in house.indexers:
        await _make_sure(house, key, known.get(key))


async def _make_sure(house: House, key: str, known: IndexerRecord | None) -> None:
    """The row of an open indexer: made, or brought up to what the settings say now."""
    managed = MANAGED.get(key)
    if known is not None and managed is None:
        return
    if managed is not None:
        id, sort, name = managed
    else:
        async with house.db.read() as tx:
            id, sort, name = await indexers.next_id(tx), IndexerSort.TORZNAB, key
    record = known or IndexerRecord(id, key, sort, name, True, 25, managed is not None, house.now())
    if managed is not None:
        record = replace(record, facts=_facts_of(house.settings, key, record.facts))
    if record != known:
        await put(house, record)


def _facts_of(settings: Settings, key: str, facts: IndexerFacts) -> IndexerFacts:
    """What the settings say of an indexer of theirs, over what was set by hand."""
    mam, jackett, prowlarr = settings.mam, settings.jackett, settings.prowlarr
    if key == "mam":
        told = (mam.base_url, mam.timeout_secs, mam.requests_per_second)
    elif key == "jackett":
        told = (jackett.url or "", jackett.timeout_secs, jackett.requests_per_second)
    else:
        told = (prowlarr.url or "", prowlarr.timeout_secs, prowlarr.requests_per_second)
        facts = replace(facts, upstream_ids=prowlarr.indexer_ids)
    return replace(facts, url=told[0], timeout_secs=told[1], requests_per_second=told[2])


# --- how they stand -----------------------------------------------------------------------------------------------------


def unusable(house: House, record: IndexerRecord) -> EarmarkError | None:
    """Why it cannot be asked now: paused, or not open. None when it can."""
    now, standing = house.now(), record.standing
    if adapter_of(house, record) is None:
        reason = standing.reason
        if reason is not None:
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


# --- tests --------------------------------------------------------------------------------------------------------------


async def test_one(house: House, id: int) -> IndexerHealth:
    """Ask an indexer whether it would search for us now. Yes ends its pause and its alert; the question is in the history.
    Raises `UnknownIndexer`."""
    record = await record_of(house, id)
    adapter = adapter_of(house, record)
    if adapter is None:
        trouble = unusable(house, record)
        return IndexerHealth(False, _told(trouble.reason) if trouble else "It is not open.")
    began = time.monotonic()
    health = await tried(adapter)
    notes = went_well(house, id) if health.ok else Notes(house.now())
    row = noted(house, id, "indexerInfo", health.ok, began, data={"what": "test"})
    await house.registry.pen.keep(replace(notes, asked=(row,)))
    return health


async def test_all(house: House) -> dict[int, IndexerHealth]:
    """All of them at once, by number."""
    ids = [record.id for record in await listed(house)]
    return dict(zip(ids, await asyncio.gather(*(test_one(house, id) for id in ids)), strict=True))


async def tried(adapter: Indexer) -> IndexerHealth:
    """The adapter's own test, with every error told as its answer."""
    try:
        async with asyncio.timeout(TEST_SECS):
            return await adapter.test()
    except EarmarkError as error:
        return IndexerHealth(ok=False, message=_told(error.reason))
    except TimeoutError:
        return IndexerHealth(ok=False, message=f"No answer came within {TEST_SECS:.0f} seconds.")


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


def _told(reason: Reason) -> str:
    return f"{reason.message} {reason.action}"


# --- what they can be asked ---------------------------------------------------------------------------------------------


async def capabilities(house: House, record: IndexerRecord) -> Capabilities:
    """What it can be asked, as read within the last day; what it said before, while it is away. Raises the indexer's error
    when it never said anything."""
    known = house.registry.records.get(record.id, record)
    if known.capabilities is not None and not stale(known, house.now()):
        return known.capabilities
    adapter, trouble = adapter_of(house, known), unusable(house, known)
    try:
        if trouble is not None or adapter is None:
            raise trouble or AssertionError("an indexer that is not open is unusable")
        told = await _ask_capabilities(adapter, known)
    except EarmarkError:
        if known.capabilities is not None:
            return known.capabilities
        raise
    now = house.now()
    async with house.db.write() as tx:
        await indexers.learnt(tx, known.id, told, now)
    current = house.registry.records.get(known.id)
    if current is not None:
        house.registry.records[known.id] = replace(current, capabilities=told, capabilities_at=now)
    return told


def stale(record: IndexerRecord, now: datetime) -> bool:
    return record.capabilities_at is None or now - record.capabilities_at > CAPABILITIES_LAST


async def _ask_capabilities(adapter: Indexer, record: IndexerRecord) -> Capabilities:
    try:
        async with asyncio.timeout(TEST_SECS):
            return await adapter.capabilities()
    except TimeoutError:
        raise late(record) from None


def late(record: IndexerRecord) -> EarmarkError:
    return WaitError.of(
        "indexer_late",
        f"{record.name} has not answered in time.",
        "Ask again; when this repeats, see whether the site is slow or its pace is set too low.",
        indexer=record.key,
    )
