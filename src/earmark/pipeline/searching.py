"""One way to search and to fetch for everybody: tickets and the programs that take us for their Prowlarr. Here pauses,
limits, deadlines and alerts are kept; it knows neither tickets nor anybody's answer format.

A question that is on its way to an indexer is shared by all who ask the same; it goes on when they leave.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from earmark.core.indexing import IndexerRecord
from earmark.core.newznab import KINDS, belongs, expanded
from earmark.core.reasons import EarmarkError, PermanentError
from earmark.core.release import Release
from earmark.pipeline.house import House, log
from earmark.pipeline.indexing import UnknownIndexer, adapter_of, listed
from earmark.pipeline.limits import take_one
from earmark.pipeline.registry import Heard, Notes
from earmark.pipeline.standing import broke, late, noted, unusable, went_well, went_wrong
from earmark.ports import Indexer, Magnet, SearchQuery
from earmark.store import Offer
from earmark.store.asked import AskedType

OWN_DEADLINE_SECS = 30.0
ABOUT_THE_QUESTION = frozenset({"search_refused", "query_limit_reached", "grab_limit_reached"})
NOT_THE_RELEASE = frozenset({"site_unavailable", "rate_limited", "api_key_refused", "indexer_late"})


class IndexerOff(PermanentError):
    """It is switched off and was asked for by name."""


@dataclass(frozen=True, slots=True)
class Asker:
    """On whose behalf we ask: a program, and the address it called from."""

    program: str
    host: str


TICKETS = Asker("earmark", "")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a search at one indexer. `count` is before anything was filtered; an error has none."""

    indexer: IndexerRecord
    count: int
    elapsed_ms: int
    error: EarmarkError | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, and how it went at each indexer that was asked or should have been."""

    offers: tuple[Offer, ...]
    answers: tuple[Answer, ...]

    @property
    def failed(self) -> tuple[Answer, ...]:
        return tuple(answer for answer in self.answers if answer.error is not None)

    @property
    def all_failed(self) -> bool:
        """An empty list of offers would then be a lie."""
        return bool(self.answers) and len(self.failed) == len(self.answers)


# --- searching ----------------------------------------------------------------------------------------------------------


async def search(
    house: House,
    query: SearchQuery,
    *,
    ids: Collection[int] | None = None,
    asker: Asker,
    deadline_secs: float = 25.0,
    remember: bool = True,
) -> Found:
    """Ask all enabled indexers at once, or those of `ids`, and answer when all have or the deadline is here. Indexers that
    have nothing of the wanted categories are left out. Offers can be grabbed from when this returns, if `remember`.

    Raises `UnknownIndexer` when there is none of `ids`; whatever goes wrong at an indexer is in its answer instead."""
    if not query.text.strip() and not query.newest:
        return Found((), ())
    told: dict[int, Answer] = {}
    tasks: dict[asyncio.Task[Heard], tuple[IndexerRecord, SearchQuery]] = {}
    for record in await _chosen(house, ids):
        own = narrowed(record, query)
        if own is None:
            continue
        error = _closed(house, record)
        if error is not None:
            told[record.id] = Answer(record, 0, 0, error)
        else:
            tasks[_shared(house, record, own, asker)] = record, own
    began = time.monotonic()
    heard = await _until(tasks, deadline_secs)
    lists: list[tuple[IndexerRecord, list[Release]]] = []
    for task, (record, own) in tasks.items():
        one = heard.get(task) or Heard((), round((time.monotonic() - began) * 1000), late(record))
        now_known = house.registry.records.get(record.id, record)
        told[record.id] = Answer(now_known, len(one.releases), one.elapsed_ms, one.error)
        wanted = expanded(own.categories)
        lists.append((record, [release for release in one.releases if belongs(release.categories, wanted)]))
    offers = _merged(lists)
    pen = house.registry.pen
    if remember and offers:
        await pen.keep(Notes(house.now(), offers=offers))
    elif pen.pressing:
        await pen.flush()
    return Found(offers, tuple(told[id] for id in sorted(told)))


async def _chosen(house: House, ids: Collection[int] | None) -> list[IndexerRecord]:
    """Those named, switched off ones too; unknown numbers among known ones are passed over."""
    every = await listed(house)
    if not ids:
        return [record for record in every if record.enabled]
    chosen = [record for record in every if record.id in ids]
    if not chosen:
        raise UnknownIndexer.of(
            "unknown_indexer",
            "None of the indexers that were asked for is here (any more).",
            "Look up the numbers on the indexers page.",
            ids=", ".join(map(str, sorted(ids))),
        )
    return chosen


def narrowed(record: IndexerRecord, query: SearchQuery) -> SearchQuery | None:
    """The query as this indexer is to be asked: within the categories its owner allows. None when it has nothing of what
    is wanted."""
    asked = expanded(query.categories or (KINDS[query.kind] if query.kind is not None else ()))
    allowed = expanded(record.facts.categories)
    if allowed:
        narrower = asked & allowed if asked else frozenset(record.facts.categories)
        if not narrower:
            return None
        if narrower != asked:
            asked, query = narrower, replace(query, categories=tuple(sorted(narrower)))
    if record.capabilities is not None and not record.capabilities.serves(asked):
        return None
    return query


def _closed(house: House, record: IndexerRecord) -> EarmarkError | None:
    if not record.enabled:
        return IndexerOff.of(
            "indexer_off",
            f"The indexer {record.name} is switched off.",
            "Switch it on, or choose another.",
            indexer=record.key,
        )
    return unusable(house, record)


async def _until(tasks: Collection[asyncio.Task[Heard]], secs: float) -> dict[asyncio.Task[Heard], Heard]:
    """What those tasks heard that ended in time. The others go on."""
    if not tasks:
        return {}
    done, _ = await asyncio.wait(tasks, timeout=secs)
    return {task: task.result() for task in done if not task.cancelled()}


def _merged(lists: Sequence[tuple[IndexerRecord, Sequence[Release]]]) -> tuple[Offer, ...]:
    """Each torrent once: of several the preferred indexer's, then the one with more seeders. In the order of the indexers'
    preference, and within one as it gave them."""
    ordered = sorted(lists, key=lambda one: (one[0].priority, one[0].id))
    every = [(record, release) for record, releases in ordered for release in releases]
    best = sorted(range(len(every)), key=lambda i: (every[i][0].priority, -(every[i][1].seeders or 0)))
    seen: set[str] = set()
    kept: list[int] = []
    for i in best:
        release = every[i][1]
        names = {release.guid, release.info_hash.lower()} if release.info_hash else {release.guid}
        if seen.isdisjoint(names):
            kept.append(i)
        seen |= names
    return tuple(Offer(every[i][0].id, every[i][1]) for i in sorted(kept))


# --- one question to one indexer ----------------------------------------------------------------------------------------


def _shared(house: House, record: IndexerRecord, query: SearchQuery, asker: Asker) -> asyncio.Task[Heard]:
    """The question that is under way already, or a new one."""
    under_way, key = house.registry.under_way, (record.id, query)
    task = under_way.get(key)
    if task is None:
        task = asyncio.create_task(_ask(house, record, query, asker), name=f"search {record.key}")
        under_way[key] = task
        task.add_done_callback(lambda _: under_way.pop(key, None))
    return task


async def _ask(house: House, record: IndexerRecord, query: SearchQuery, asker: Asker) -> Heard:
    """Ask, and note how it went. Never raises but when it is cancelled."""
    adapter = adapter_of(house, record)
    if adapter is None:  # removed this very moment
        return Heard((), 0, unusable(house, record))
    began = time.monotonic()
    try:
        await take_one(house, record, "query")
    except EarmarkError as full:
        return Heard((), 0, full)
    answer = await _answer_of(adapter, record, query)
    error = answer if isinstance(answer, EarmarkError) else None
    releases = () if isinstance(answer, EarmarkError) else answer
    notes = _how_it_went(house, record, error, began, error is None or error.reason.code not in ABOUT_THE_QUESTION)
    type: AskedType = "indexerRss" if query.newest else "indexerQuery"
    data = _told_of(query, len(releases), error)
    row = noted(house, record.id, type, error is None, began, source=asker.program, host=asker.host, data=data)
    house.registry.pen.add(replace(notes, asked=(row,)))
    return Heard(releases, row.elapsed_ms, error)


def own_deadline(record: IndexerRecord) -> float:
    """Seconds that one indexer may take for one search. Where its owner grants it more in the settings, that, and a moment:
    so that its own error comes first."""
    return max(OWN_DEADLINE_SECS, record.facts.timeout_secs + 1)


async def _answer_of(adapter: Indexer, record: IndexerRecord, query: SearchQuery) -> Sequence[Release] | EarmarkError:
    try:
        async with asyncio.timeout(own_deadline(record)):
            return await adapter.search(query)
    except TimeoutError:
        return late(record)
    except EarmarkError as error:
        return error
    except Exception:
        log.exception("search_broke", indexer=record.key)
        return broke(record)


def _told_of(query: SearchQuery, results: int, error: EarmarkError | None) -> dict[str, str]:
    """What the history shows of a search, under Prowlarr's names."""
    told = {
        "query": query.text[:500],
        "queryType": "search",
        "categories": ",".join(map(str, query.categories[:50])),
        "limit": str(query.limit),
        "offset": str(query.offset),
        "queryResults": str(results),
    }
    return told if error is None else told | {"error": error.reason.code}


def _how_it_went(house: House, record: IndexerRecord, error: EarmarkError | None, began: float, counts: bool) -> Notes:
    """The indexer's standing after an answer. Late is its own fault only when it answered nobody meanwhile: else our
    questions stood in line before the pace its owner set."""
    answered = house.registry.answered
    if error is None:
        answered[record.id] = time.monotonic()
        return went_well(house, record.id)
    log.warning("indexer_failed", indexer=record.key, code=error.reason.code)
    if not counts or (error.reason.code == "indexer_late" and answered.get(record.id, 0.0) > began):
        return Notes(house.now())
    return went_wrong(house, record.id, error)


# --- fetching -----------------------------------------------------------------------------------------------------------


async def fetch(
    house: House, record: IndexerRecord, release: Release, *, asker: Asker, brought: bool = False
) -> bytes | Magnet:
    """The torrent of a release from the indexer that offered it, or its magnet where the owner prefers those. A failure of
    one that was `brought` to us, and not found there, never counts against the indexer. Raises `indexer_off`,
    `indexer_paused` while the indexer is left alone, `grab_limit_reached`, and whatever the adapter raises."""
    record = house.registry.records.get(record.id, record)
    if record.facts.prefer_magnet and release.magnet:
        return Magnet(release.magnet)
    trouble = _closed(house, record)
    adapter = adapter_of(house, record)
    if trouble is not None or adapter is None:
        raise trouble or AssertionError("an indexer that is not open is unusable")
    await take_one(house, record, "grab")
    began = time.monotonic()
    try:
        torrent = await _fetched(adapter, record, release)
    except EarmarkError as error:
        await _note_grab(house, record, release, asker, began, error, brought=brought)
        raise
    await _note_grab(house, record, release, asker, began, None, brought=brought)
    return torrent


async def _note_grab(
    house: House,
    record: IndexerRecord,
    release: Release,
    asker: Asker,
    began: float,
    error: EarmarkError | None,
    *,
    brought: bool,
) -> None:
    code = error.reason.code if error is not None else ""
    counts = not brought and (code in NOT_THE_RELEASE or code.startswith("session_"))
    notes = _how_it_went(house, record, error, began, counts)
    data = {"title": release.title[:500], "guid": release.guid[:500]} | ({"error": code} if code else {})
    row = noted(
        house, record.id, "releaseGrabbed", error is None, began, source=asker.program, host=asker.host, data=data
    )
    await house.registry.pen.keep(replace(notes, asked=(row,)))


async def _fetched(adapter: Indexer, record: IndexerRecord, release: Release) -> bytes | Magnet:
    try:
        async with asyncio.timeout(2 * own_deadline(record)):
            return await adapter.fetch(release)
    except TimeoutError:
        raise late(record) from None
    except EarmarkError:
        raise
    except Exception:
        log.exception("fetch_broke", indexer=record.key)
        raise broke(record) from None
