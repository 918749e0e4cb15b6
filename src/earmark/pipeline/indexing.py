"""The indexers of the house, for whoever looks after them: list, add, change, remove and test them, and learn what they
can be asked. Knows no search and no torrent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta

from earmark.core.indexing import (
    FINE,
    FIRST_FREE_ID,
    MAM_ID,
    IndexerDraft,
    IndexerFacts,
    IndexerRecord,
    IndexerSort,
    Standing,
    faults_of,
    turns,
)
from earmark.core.reasons import EarmarkError, PermanentError, Reason
from earmark.pipeline.abilities import capabilities, stale
from earmark.pipeline.house import House, log
from earmark.pipeline.registry import Notes
from earmark.pipeline.roll import UnknownIndexer, adapter_of, by_key, facts_of_settings, listed, record_of
from earmark.pipeline.standing import ALERT, noted, unusable, went_well
from earmark.ports import Indexer, IndexerHealth
from earmark.store import Severity, alerts, asked, events, indexers, offers
from earmark.store.codec import JsonObject

__all__ = [
    "BadIndexer", "IndexerDraft", "UnknownIndexer", "adapter_of", "add", "by_key", "capabilities", "change", "check_order", "listed",
    "open_added", "record_of", "remove", "stale", "test", "test_all", "test_one", "tidy",
]  # fmt: skip

TEST_SECS = 30.0
TIDY_SECS = 3600.0
ORDER_ALERT = "search_order"


class BadIndexer(PermanentError):
    """It cannot be kept so; the evidence names the field."""


# --- changes ------------------------------------------------------------------------------------------------------------


async def add(house: House, draft: IndexerDraft, actor: str) -> IndexerRecord:
    """A new indexer, open and listed. MyAnonamouse there is once, its session goes into the vault, and whether the site
    takes it is for `test_one` to say. Raises `BadIndexer` and what opening it raises."""
    others = await listed(house)
    _refuse_faults(draft, None, others)
    if draft.sort is IndexerSort.MAM:
        if any(record.id == MAM_ID for record in others):
            raise _bad("sort", "MyAnonamouse is set up already, and one account may have one session.", "one_mam_only")
        await _renew(house, draft.secret or "")
        return await change(
            house,
            MAM_ID,
            replace(draft, secret=None, facts=facts_of_settings(house.settings, "mam", draft.facts)),
            actor,
        )
    async with house.registry.lock:
        _refuse_faults(draft, None, _others(house, None))  # somebody else may have taken the name meanwhile
        async with house.db.read() as tx:
            id = await indexers.next_id(tx)
        record = IndexerRecord(
            id, f"indexer-{id}", draft.sort, draft.name.strip(), draft.enabled, draft.priority, False, house.now(),
            draft.facts, draft.tags,
        )  # fmt: skip
        adapter = house.open_indexer(record, draft.secret or None)
        try:
            # Without a key of its own it must not find what a crash or a removal may have left under its number.
            await _write_down(house, lambda: record, draft.secret or "")
        except BaseException:
            await adapter.close()
            raise
        house.indexers[record.key], house.registry.records[id] = adapter, record
    await _tell(house, "indexer_added", record, actor)
    return record


async def change(house: House, id: int, draft: IndexerDraft, actor: str) -> IndexerRecord:
    """The indexer as the draft wants it; a pause ends where address or key are new. Raises `UnknownIndexer` and
    `BadIndexer`."""
    known = await record_of(house, id)
    others = [record for record in await listed(house) if record.id != id]
    if known.managed:
        draft = _within_settings(known, draft)
    if draft.sort is not known.sort:
        raise _bad("sort", "An indexer cannot become one of another sort: add a new one.")
    _refuse_faults(draft, known, others)
    if known.managed and draft.secret:
        await _renew(house, draft.secret)
    async with house.registry.lock:
        if id not in house.registry.records:
            raise UnknownIndexer(
                Reason("unknown_indexer", f"There is no indexer number {id} any more.", "Add it anew.")
            )
        known = house.registry.records[id]
        _refuse_faults(draft, known, _others(house, id))
        record = await _changed(house, known, draft)
    house.registry.tallies.pop((id, "query"), None)
    house.registry.tallies.pop((id, "grab"), None)
    if not record.enabled:
        await _forget_alarms(house, {f"{ALERT}{record.key}"})
    if record != known or draft.secret is not None:
        await _tell(house, "indexer_changed", record, actor)
    return house.registry.records[id]


async def remove(house: House, id: int, actor: str) -> None:
    """The indexer is gone and closed, its secret forgotten; its number is never given again. Raises `UnknownIndexer`, and
    `BadIndexer` for one that the settings name."""
    record = await record_of(house, id)
    if record.managed and (record.id != MAM_ID or house.settings.mam.mam_id is not None):
        raise _bad("id", f"{record.name} stands in the settings: take it out there.", "indexer_managed")
    async with house.registry.lock:
        adapter = house.indexers.pop(record.key, None)
        house.registry.records.pop(id, None)
        if adapter is not None:
            await adapter.close()
        async with house.db.write() as tx:
            await indexers.remove(tx, id, house.now())
            await house.vault.keep_within(tx, "mam_id" if record.id == MAM_ID else _secret_name(id), None)
    if record.id == MAM_ID:
        house.forget_account()
    await _forget_alarms(house, {f"{ALERT}{record.key}"})
    await _tell(house, "indexer_removed", record, actor)


async def test(house: House, draft: IndexerDraft, id: int | None = None) -> IndexerHealth:
    """Would it answer as drafted? Nothing is kept, with one exception: a session of MyAnonamouse that is tried is in use
    from then on, for the site may replace it with its first answer. `id` is the indexer that the draft would change: its
    stored secret is used where the draft has none. Raises `BadIndexer`."""
    known = await record_of(house, id) if id is not None else None
    others = [record for record in await listed(house) if record.id != id]
    if known is not None and known.managed:
        draft = _within_settings(known, draft)
    _refuse_faults(draft, known, others)
    if draft.sort is IndexerSort.MAM:
        if known is None and any(record.id == MAM_ID for record in others):
            raise _bad("sort", "MyAnonamouse is set up already, and one account may have one session.", "one_mam_only")
        return await _test_mam(house, known, draft.secret)
    if known is not None and known.managed:
        return await test_one(house, known.id)
    secret = draft.secret
    if secret is None and known is not None:
        secret = await house.vault.get(_secret_name(known.id))
    key = known.key if known is not None else "indexer-new"
    record = IndexerRecord(
        id or FIRST_FREE_ID, key, draft.sort, draft.name.strip(), True, draft.priority, False, house.now(), draft.facts
    )
    adapter = house.open_indexer(record, secret or None)
    try:
        return await _tried(adapter)
    finally:
        await adapter.close()


async def _test_mam(house: House, known: IndexerRecord | None, session: str | None) -> IndexerHealth:
    if not session:
        return await test_one(house, MAM_ID)
    health = await _renew(house, session)
    if known is None and not health.ok:
        await remove(house, MAM_ID, "earmark")
    return health


async def _renew(house: House, session: str) -> IndexerHealth:
    """Put a session of MyAnonamouse into use; row 1 is there at once. Raises `BadIndexer` for what cannot be one."""
    try:
        health = await house.renew_session(session)
    except PermanentError as error:
        raise _bad("secret", error.reason.message) from error
    await session_renewed(house, health)
    return health


async def session_renewed(house: House, health: IndexerHealth) -> None:
    """The tracker has a new session, which it takes or not: whatever was wrong with the old one is over."""
    await listed(house)
    house.forget_account()
    if MAM_ID in house.registry.records:
        notes = went_well(house, MAM_ID) if health.ok else Notes(house.now(), stood=_unpaused(house, MAM_ID))
        await house.registry.pen.keep(notes)


def _unpaused(house: House, id: int) -> list[tuple[int, Standing]]:
    record = house.registry.records[id]
    standing = replace(record.standing, disabled_till=None)
    house.registry.records[id] = replace(record, standing=standing)
    return [(id, standing)]


async def _changed(house: House, known: IndexerRecord, draft: IndexerDraft) -> IndexerRecord:
    """The record as the draft says, kept; its adapter anew where address or key are. The old one is closed only when the
    new one stands. Under the registry's lock."""
    anew = not known.managed and (draft.secret is not None or _wire(known.facts) != _wire(draft.facts))

    def changed() -> IndexerRecord:
        """From the record as it is now: it may have failed or answered meanwhile."""
        record = replace(
            house.registry.records[known.id], name=draft.name.strip(), enabled=draft.enabled, priority=draft.priority,
            facts=draft.facts, tags=draft.tags,
        )  # fmt: skip
        return replace(record, standing=FINE, capabilities=None, capabilities_at=None) if anew else record

    if not anew:
        await _write_down(house, changed, None)
        house.registry.records[known.id] = changed()
        return house.registry.records[known.id]
    stored = draft.secret if draft.secret is not None else await house.vault.get(_secret_name(known.id))
    adapter = house.open_indexer(changed(), stored or None)
    try:
        await _write_down(house, changed, draft.secret)
    except BaseException:
        await adapter.close()
        raise
    old = house.indexers.get(known.key)
    house.indexers[known.key], house.registry.records[known.id] = adapter, changed()
    if old is not None:
        await old.close()
    return house.registry.records[known.id]


def _wire(facts: IndexerFacts) -> tuple[object, ...]:
    """What an adapter is opened with: when any of it changes it is opened anew."""
    return (
        facts.url, facts.timeout_secs, facts.requests_per_second, facts.categories, facts.upstream_ids, facts.prefer_magnet,
        facts.minimum_seeders,
    )  # fmt: skip


def _within_settings(known: IndexerRecord, draft: IndexerDraft) -> IndexerDraft:
    """The draft of an indexer that the settings made. Raises `BadIndexer` where it would change what stands there; a
    slash at the end of the address is no change."""
    url = known.facts.url if draft.facts.url.rstrip("/") == known.facts.url.rstrip("/") else draft.facts.url
    facts = replace(draft.facts, url=url)
    for name in ("url", "timeout_secs", "requests_per_second", "upstream_ids"):
        if getattr(facts, name) != getattr(known.facts, name):
            raise _bad(name, f"This of {known.name} stands in the settings: change it there.", "indexer_managed")
    if draft.secret and known.id != MAM_ID:
        raise _bad("secret", f"The key of {known.name} stands in the settings: change it there.", "indexer_managed")
    return replace(draft, facts=facts)


def _refuse_faults(draft: IndexerDraft, known: IndexerRecord | None, others: Collection[IndexerRecord]) -> None:
    for name, message in faults_of(draft, known, others):
        raise _bad(name, message)


def _bad(name: str, message: str, code: str = "bad_indexer") -> BadIndexer:
    return BadIndexer(Reason(code, message, "Correct it and save again.", {"field": name}))


def _secret_name(id: int) -> str:
    return f"indexer:{id}"


def _others(house: House, id: int | None) -> list[IndexerRecord]:
    """All that are listed but this one."""
    every = house.registry.records.values()
    return [one for one in every if one.id != id and (not one.managed or one.key in house.indexers)]


async def _write_down(house: House, told: Callable[[], IndexerRecord], secret: str | None) -> None:
    """Row and key in one transaction: no crash leaves a key beside the address of another site. An empty key is none, None
    leaves it as it is. What is `told` is what stands when it is written."""
    async with house.db.write() as tx:
        record = told()
        await indexers.put(tx, record)
        if secret is not None:
            await house.vault.keep_within(tx, _secret_name(record.id), secret or None)


async def _forget_alarms(house: House, keys: set[str]) -> None:
    """Alerts of indexers that are asked no more."""
    stand = keys & house.registry.alarmed
    house.registry.alarmed -= stand
    if stand:
        await house.registry.pen.keep(Notes(house.now(), alarms=[(key, None) for key in sorted(stand)]))


async def _tell(house: House, what: str, record: IndexerRecord, actor: str) -> None:
    async with house.write() as tx:
        note: JsonObject = {"what": what, "indexer": record.name, "id": record.id, "actor": actor}
        await events.append(tx, None, "note", note, house.now())
    await check_order(house)


# --- at the start, and now and then -------------------------------------------------------------------------------------


async def open_added(house: House) -> None:
    """Open the indexers that were added by hand. One that cannot be opened stays listed, and its standing says why. Pauses
    that a new key or session would end, end with a start: it may have brought one. So do alerts of indexers that the
    settings no longer name."""
    there = await listed(house)
    await _forget_alarms(house, house.registry.alarmed - {f"{ALERT}{record.key}" for record in there})
    for record in there:
        cause = record.standing.reason
        if cause is not None and (cause.code.startswith("session_") or cause.code == "api_key_refused"):
            await house.registry.pen.keep(Notes(house.now(), stood=_unpaused(house, record.id)))
        if record.managed or record.key in house.indexers or record.key != f"indexer-{record.id}":
            continue
        try:
            secret = await house.vault.get(_secret_name(record.id))
            house.indexers[record.key] = house.open_indexer(record, secret)
        except EarmarkError as error:
            log.warning("indexer_not_opened", indexer=record.key, code=error.reason.code)
            now = house.now()
            house.registry.records[record.id] = replace(record, standing=Standing(1, now, now, None, error.reason))


async def check_order(house: House) -> None:
    """An alert while the settings' search order names an indexer that is not here."""
    _, unknown = turns(house.settings.search.order, await listed(house))
    async with house.db.read() as tx:
        stands = any(alert.key == ORDER_ALERT for alert in await alerts.active(tx))
    if not unknown and not stands:
        return
    async with house.write() as tx:
        if unknown:
            await alerts.raise_(tx, ORDER_ALERT, Severity.WARNING, _order_unknown(unknown), house.now())
        else:
            await alerts.clear(tx, ORDER_ALERT, house.now())


def _order_unknown(names: Sequence[str]) -> Reason:
    return Reason(
        "search_order_unknown",
        f"The search order names {', '.join(f'“{name}”' for name in names)}, and there is no such indexer.",
        "Correct `order` in the [search] section (mam, jackett, prowlarr or an indexer's name), or set the indexer up.",
        {"field": "search.order", "names": list(names)},
    )


async def tidy(house: House) -> float:
    """Forget old offers and questions, and read anew what indexers can be asked, where that is a day old, and how the
    account stands, by which VIP releases are free or not. Returns the seconds until it wants to be done again."""
    now, settings = house.now(), house.settings
    async with house.db.write() as tx:
        await offers.forget_before(tx, now - timedelta(days=settings.search.remember_days))
        await asked.forget_before(tx, now - timedelta(days=settings.processing.history_days))
    for record in await listed(house):
        if record.enabled and unusable(house, record) is None and stale(record, now):
            try:
                await capabilities(house, record)
            except EarmarkError as error:
                log.info("capabilities_not_read", indexer=record.key, code=error.reason.code)
    await check_order(house)
    await house.fresh_account()
    return TIDY_SECS


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
    health = await _tried(adapter)
    notes = went_well(house, id) if health.ok else Notes(house.now())
    row = noted(house, id, "indexerInfo", health.ok, began, data={"what": "test"})
    await house.registry.pen.keep(replace(notes, asked=(row,)))
    return health


async def test_all(house: House) -> dict[int, IndexerHealth]:
    """All of them at once, by number."""
    ids = [record.id for record in await listed(house)]
    return dict(zip(ids, await asyncio.gather(*(test_one(house, id) for id in ids)), strict=True))


async def _tried(adapter: Indexer) -> IndexerHealth:
    """The adapter's own test, with every error told as its answer."""
    try:
        async with asyncio.timeout(TEST_SECS):
            return await adapter.test()
    except EarmarkError as error:
        return IndexerHealth(ok=False, message=_told(error.reason))
    except TimeoutError:
        return IndexerHealth(ok=False, message=f"No answer came within {TEST_SECS:.0f} seconds.")
    except Exception:
        log.exception("test_broke", indexer=adapter.name)
        return IndexerHealth(ok=False, message="Something unforeseen happened; the log has more.")


def _told(reason: Reason) -> str:
    return f"{reason.message} {reason.action}"
