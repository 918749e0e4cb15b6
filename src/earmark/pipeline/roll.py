"""The roll of indexers: which there are, under which numbers. Records live in memory and are written through to their rows;
those of the settings are brought up to what the settings say."""

from __future__ import annotations

from dataclasses import replace

from earmark.core.indexing import JACKETT_ID, MAM_ID, PROWLARR_ID, IndexerFacts, IndexerRecord, IndexerSort
from earmark.core.reasons import PermanentError
from earmark.pipeline.house import House
from earmark.pipeline.standing import ALERT
from earmark.ports import Indexer
from earmark.settings import Settings
from earmark.store import alerts, indexers

MANAGED = {"mam": (MAM_ID, IndexerSort.MAM, "MyAnonamouse"), "jackett": (JACKETT_ID, IndexerSort.TORZNAB, "Jackett")}
MANAGED["prowlarr"] = (PROWLARR_ID, IndexerSort.PROWLARR, "Prowlarr")


class UnknownIndexer(PermanentError):
    """There is no indexer of that number."""


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


async def put(house: House, record: IndexerRecord) -> IndexerRecord:
    """Keep a new or a changed record, in its row and in memory."""
    async with house.db.write() as tx:
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
        record = replace(record, facts=facts_of_settings(house.settings, key, record.facts))
    if record != known:
        await put(house, record)


def facts_of_settings(settings: Settings, key: str, facts: IndexerFacts) -> IndexerFacts:
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
