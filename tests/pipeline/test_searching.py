"""One way to search and to fetch for everybody, over indexers that answer as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from earmark.core.indexing import FINE
from earmark.core.newznab import Capabilities, Category
from earmark.core.reasons import EarmarkError, PermanentError, Reason
from earmark.core.wish import Kind
from earmark.http import RateLimited, SiteUnavailable
from earmark.pipeline import indexing, searching
from earmark.pipeline.house import House
from earmark.pipeline.limits import LimitReached
from earmark.pipeline.searching import Asker, Found, fetch, search
from earmark.pipeline.standing import IndexerPaused
from earmark.ports import Magnet, SearchQuery
from earmark.store import Offer, Tx, alerts, asked, indexers, offers
from support.bare_house import bare_house
from support.fake_indexers import FakeIndexer, release

ABR = Asker("AudioBookRequest", "10.0.0.7")
QUERY = SearchQuery("kings", None, categories=(3030,))
DEAD = PermanentError(Reason("session_expired", "The session is dead.", "Make a new one."))
AWAY = SiteUnavailable(Reason("site_unavailable", "The site is away.", "Wait."))
BUSY = RateLimited(Reason("rate_limited", "Slow down.", "Wait.", {"retry_after_secs": 30}))
REFUSED = PermanentError(Reason("search_refused", "No such words.", "Use others."))


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = await bare_house(tmp_path)
    made.clock = Clock()
    made.indexers = {
        "mam": FakeIndexer("mam", [release(1), release(2)]),
        "feed": FakeIndexer("feed", [release(3, "feed")]),
    }
    yield made
    await made.registry.close()
    await made.db.close()


async def of(house: House, key: str):
    return await indexing.by_key(house, key)


async def set_facts(house: House, key: str, **facts) -> None:
    record = await of(house, key)
    house.registry.records[record.id] = replace(record, facts=replace(record.facts, **facts))


def errors(found: Found) -> dict[str, str | None]:
    return {a.indexer.key: a.error.reason.code if a.error else None for a in found.answers}


def guids(found: Found) -> list[str]:
    return [offer.release.guid for offer in found.offers]


async def history(house: House, **wanted) -> list[tuple[int, str, bool]]:
    await house.registry.pen.flush()
    async with house.db.read() as tx:
        page = await asked.page(tx, limit=100, newest_first=False, **wanted)
    return [(row.indexer_id, row.type, row.successful) for row in page.items]


async def alarms(house: House) -> set[str]:
    async with house.db.read() as tx:
        return {alert.key for alert in await alerts.active(tx)}


# --- what is found ------------------------------------------------------------------------------------------------------


async def test_all_are_asked_and_what_they_offer_can_be_grabbed_from_then_on(house: House) -> None:
    found = await search(house, QUERY, asker=ABR)
    assert len(found.offers) == 3 and not found.failed
    assert [(a.indexer.key, a.count) for a in found.answers] == [("mam", 2), ("feed", 1)]
    async with house.db.read() as tx:
        kept = [await offers.get(tx, offer.key) for offer in found.offers]
    assert kept == list(found.offers)
    assert await history(house) == [(1, "indexerQuery", True), (10, "indexerQuery", True)]


async def test_the_history_says_who_asked_for_what(house: House) -> None:
    await search(house, replace(QUERY, newest=True, text=""), ids=[1], asker=ABR)
    await house.registry.pen.flush()
    async with house.db.read() as tx:
        (row,) = (await asked.page(tx)).items
    assert (row.type, row.source, row.host) == ("indexerRss", "AudioBookRequest", "10.0.0.7")
    assert row.data["queryResults"] == "2" and row.data["categories"] == "3030"


async def test_what_was_found_for_a_ticket_is_not_kept_as_an_offer(house: House) -> None:
    found = await search(house, QUERY, asker=searching.TICKETS, remember=False)
    async with house.db.read() as tx:
        assert await offers.get(tx, found.offers[0].key) is None


async def test_only_the_wanted_categories_are_shown_children_included_and_unnamed_ones_too(house: House) -> None:
    mam = house.indexers["mam"]
    mam.answer = [release(1), release(2, categories=(7020,)), release(3, categories=()), release(4, categories=(3010,))]
    assert len(guids(await search(house, QUERY, ids=[1], asker=ABR))) == 2
    assert len(guids(await search(house, replace(QUERY, categories=(3000,)), ids=[1], asker=ABR))) == 3
    assert len(guids(await search(house, replace(QUERY, categories=()), ids=[1], asker=ABR))) == 4


async def test_a_torrent_that_several_offer_is_shown_once_from_the_preferred_indexer(house: House) -> None:
    same = {"info_hash": "A" * 40}
    house.indexers["mam"].answer = [release(1, **same), release(5)]
    house.indexers["feed"].answer = [
        release(2, "feed", info_hash="a" * 40),
        replace(release(5), indexer="feed", seeders=1),
    ]
    feed = await of(house, "feed")
    assert guids(await search(house, QUERY, asker=ABR)) == ["https://mam.example/t/5", "https://feed.example/t/2"]
    house.registry.records[feed.id] = replace(feed, priority=1)
    found = await search(house, QUERY, asker=ABR)
    assert [(o.indexer_id, o.release.seeders) for o in found.offers] == [(feed.id, 2), (feed.id, 1)]


async def test_an_indexer_that_has_nothing_of_the_wanted_categories_is_left_out(house: House) -> None:
    record = await of(house, "feed")
    house.registry.records[record.id] = replace(record, capabilities=Capabilities((Category(2000, "Movies"),)))
    assert errors(await search(house, QUERY, asker=ABR)) == {"mam": None}
    assert not house.indexers["feed"].asked
    assert (await search(house, QUERY, ids=[record.id], asker=ABR)).answers == ()


async def test_an_indexer_is_asked_only_for_the_categories_its_owner_allows(house: House) -> None:
    await set_facts(house, "feed", categories=(7000,))
    feed = house.indexers["feed"]
    feed.answer = [release(3, "feed", categories=(7020,)), release(4, "feed")]
    assert errors(await search(house, QUERY, asker=ABR)) == {"mam": None}
    found = await search(house, replace(QUERY, categories=()), ids=[10], asker=ABR)
    assert feed.asked[-1].categories == (7000,) and guids(found) == ["https://feed.example/t/3"]
    await search(house, SearchQuery("kings", Kind.AUDIOBOOK), ids=[1, 10], asker=ABR)
    assert len(feed.asked) == 1


async def test_an_empty_text_asks_nobody(house: House) -> None:
    assert (await search(house, replace(QUERY, text=" "), asker=ABR)) == Found((), ())
    assert not house.indexers["mam"].asked


# --- who is asked -------------------------------------------------------------------------------------------------------


async def test_one_that_is_switched_off_is_asked_by_nobody_and_named_it_says_so(house: House) -> None:
    record = await of(house, "feed")
    house.registry.records[record.id] = replace(record, enabled=False)
    assert errors(await search(house, QUERY, asker=ABR)) == {"mam": None}
    assert errors(await search(house, QUERY, ids=[1, record.id], asker=ABR)) == {"mam": None, "feed": "indexer_off"}


async def test_numbers_that_mean_nothing_are_an_error_when_there_is_no_other(house: House) -> None:
    assert len((await search(house, QUERY, ids=[1, 99], asker=ABR)).answers) == 1
    with pytest.raises(indexing.UnknownIndexer):
        await search(house, QUERY, ids=[99], asker=ABR)


async def test_the_same_question_at_the_same_time_is_asked_once_and_goes_on_when_one_asker_leaves(house: House) -> None:
    mam = house.indexers["mam"]
    mam.gate = asyncio.Event()
    first, second = (asyncio.create_task(search(house, QUERY, ids=[1], asker=ABR)) for _ in range(2))
    other = asyncio.create_task(search(house, replace(QUERY, text="queens"), ids=[1], asker=ABR))
    async with asyncio.timeout(10):
        while len(mam.asked) < 2:
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        mam.gate.set()
        assert len((await second).offers) == len((await other).offers) == 2
    assert sorted(q.text for q in mam.asked) == ["kings", "queens"]
    assert len(await history(house)) == 2
    assert not house.registry.under_way


async def test_at_the_deadline_there_is_what_there_is_and_the_late_one_goes_on(house: House) -> None:
    feed = house.indexers["feed"]
    feed.gate = asyncio.Event()
    found = await search(house, QUERY, asker=ABR, deadline_secs=0.2)
    assert errors(found) == {"mam": None, "feed": "indexer_late"} and len(found.offers) == 2
    assert found.failed[0].error.transient
    assert not await alarms(house)
    feed.gate.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*house.registry.under_way.values())
    assert (10, "indexerQuery", True) in await history(house)


# --- failures -----------------------------------------------------------------------------------------------------------


async def test_a_dead_session_is_never_an_empty_list(house: House) -> None:
    house.indexers["mam"].answer = DEAD
    found = await search(house, QUERY, ids=[1], asker=ABR)
    assert found.offers == () and found.all_failed and errors(found) == {"mam": "session_expired"}
    assert await alarms(house) == {"indexer:mam"}
    async with house.db.read() as tx:
        (kept,) = [r for r in await indexers.all_(tx) if r.key == "mam"]
    assert kept.standing.reason == DEAD.reason and kept.standing.failures == 1
    assert await history(house) == [(1, "indexerQuery", False)]


async def test_one_that_failed_is_left_alone_for_a_while_and_then_asked_again(house: House) -> None:
    mam = house.indexers["mam"]
    good, mam.answer = mam.answer, DEAD
    await search(house, QUERY, ids=[1], asker=ABR)
    paused = await search(house, QUERY, ids=[1], asker=ABR)
    assert errors(paused) == {"mam": "indexer_paused"} and paused.all_failed and len(mam.asked) == 1
    assert paused.answers[0].error.transient and 0 < paused.answers[0].error.retry_after_secs <= 60
    assert DEAD.reason.message in paused.answers[0].error.reason.message
    house.clock.forward(minutes=2)
    mam.answer = good
    found = await search(house, QUERY, ids=[1], asker=ABR)
    assert len(found.offers) == 2 and not await alarms(house)
    assert (await of(house, "mam")).standing == FINE


async def test_a_pause_ends_early_when_a_test_succeeds(house: House) -> None:
    mam = house.indexers["mam"]
    good, mam.answer, mam.healthy = mam.answer, AWAY, False
    await search(house, QUERY, ids=[1], asker=ABR)
    assert not (await indexing.test_one(house, 1)).ok
    assert errors(await search(house, QUERY, ids=[1], asker=ABR)) == {"mam": "indexer_paused"}
    mam.answer, mam.healthy = good, True
    assert (await indexing.test_all(house))[1].ok
    assert not await alarms(house)
    assert errors(await search(house, QUERY, ids=[1], asker=ABR)) == {"mam": None}
    assert [row for row in await history(house) if row[1] == "indexerInfo"] == [
        (1, "indexerInfo", False), (1, "indexerInfo", True), (10, "indexerInfo", True),
    ]  # fmt: skip


async def test_the_wait_that_a_site_asks_for_is_the_pause(house: House) -> None:
    house.indexers["mam"].answer = BUSY
    await search(house, QUERY, ids=[1], asker=ABR)
    house.clock.forward(seconds=29)
    assert errors(await search(house, QUERY, ids=[1], asker=ABR)) == {"mam": "indexer_paused"}
    house.clock.forward(seconds=2)
    assert errors(await search(house, QUERY, ids=[1], asker=ABR)) == {"mam": "rate_limited"}


async def test_a_search_that_the_site_turns_down_is_no_failure_of_the_site(house: House) -> None:
    house.indexers["mam"].answer = REFUSED
    assert errors(await search(house, QUERY, ids=[1], asker=ABR)) == {"mam": "search_refused"}
    assert (await of(house, "mam")).standing == FINE and not await alarms(house)


async def test_one_that_fails_takes_nothing_from_the_others(house: House) -> None:
    house.indexers["feed"].answer = AWAY
    found = await search(house, QUERY, asker=ABR)
    assert len(found.offers) == 2 and len(found.failed) == 1 and not found.all_failed
    assert await alarms(house) == {"indexer:feed"}


async def test_an_unforeseen_error_of_an_adapter_is_an_answer_too(house: House) -> None:
    house.indexers["mam"].answer = ZeroDivisionError()
    assert errors(await search(house, QUERY, asker=ABR)) == {"mam": "indexer_broke", "feed": None}


@pytest.mark.parametrize("answered_others", [False, True], ids=["silent", "answers_others"])
async def test_late_is_the_sites_fault_only_where_it_answered_nobody_meanwhile(
    house: House, monkeypatch: pytest.MonkeyPatch, answered_others: bool
) -> None:
    monkeypatch.setattr(searching, "own_deadline", lambda record: 0.2)
    mam = house.indexers["mam"]
    mam.gate = asyncio.Event()
    waiting = asyncio.create_task(search(house, QUERY, ids=[1], asker=ABR))
    async with asyncio.timeout(10):
        while not mam.asked:
            await asyncio.sleep(0)
        if answered_others:
            mam.gate = None
            await search(house, replace(QUERY, text="queens"), ids=[1], asker=ABR)
        assert errors(await waiting) == {"mam": "indexer_late"}
    assert await alarms(house) == (set() if answered_others else {"indexer:mam"})


# --- limits -------------------------------------------------------------------------------------------------------------


async def test_an_indexer_is_not_asked_beyond_its_limit_and_is_again_when_the_hour_is_over(house: House) -> None:
    await search(house, QUERY, ids=[1], asker=ABR)  # counts, though there was no limit yet
    await set_facts(house, "mam", query_limit=3, limits_unit="hour")
    house.clock.forward(minutes=10)
    several = await asyncio.gather(
        *(search(house, replace(QUERY, text=f"book {n}"), ids=[1], asker=ABR) for n in range(4))
    )
    assert sorted(str(errors(found)["mam"]) for found in several) == ["None", "None"] + 2 * ["query_limit_reached"]
    full = next(found.answers[0].error for found in several if found.all_failed)
    assert full.transient and full.retry_after_secs == 50 * 60
    assert len(house.indexers["mam"].asked) == 3
    assert (await of(house, "mam")).standing == FINE and not await alarms(house)
    house.clock.forward(minutes=51)
    assert errors(await search(house, QUERY, ids=[1], asker=ABR)) == {"mam": None}


async def test_torrents_have_a_limit_of_their_own(house: House) -> None:
    await set_facts(house, "mam", grab_limit=1)
    record = await of(house, "mam")
    await fetch(house, record, release(1), asker=ABR)
    with pytest.raises(LimitReached) as refused:
        await fetch(house, record, release(2), asker=ABR)
    assert refused.value.reason.code == "grab_limit_reached"
    assert len(house.indexers["mam"].fetched) == 1
    assert errors(await search(house, QUERY, ids=[1], asker=ABR)) == {"mam": None}


# --- torrents -----------------------------------------------------------------------------------------------------------


async def test_a_torrent_that_was_fetched_is_in_the_history(house: House) -> None:
    assert await fetch(house, await of(house, "mam"), release(1), asker=ABR) == b"de"
    assert await history(house) == [(1, "releaseGrabbed", True)]


async def test_a_dead_session_stops_fetching_and_searching_until_it_is_over(house: House) -> None:
    mam, record = house.indexers["mam"], await of(house, "mam")
    mam.torrent = DEAD
    with pytest.raises(PermanentError):
        await fetch(house, record, release(1), asker=ABR)
    assert await alarms(house) == {"indexer:mam"}
    with pytest.raises(IndexerPaused):
        await fetch(house, record, release(1), asker=ABR)
    assert len(mam.fetched) == 1
    assert errors(await search(house, QUERY, ids=[1], asker=ABR)) == {"mam": "indexer_paused"}


async def test_a_release_that_is_gone_says_nothing_against_its_indexer(house: House) -> None:
    house.indexers["mam"].torrent = PermanentError(Reason("torrent_gone", "Gone.", "Choose another."))
    with pytest.raises(PermanentError):
        await fetch(house, await of(house, "mam"), release(1), asker=ABR)
    assert not await alarms(house) and (await of(house, "mam")).standing == FINE
    assert await history(house) == [(1, "releaseGrabbed", False)]


# --- many at once -------------------------------------------------------------------------------------------------------


async def test_hundreds_of_searches_at_once_share_their_transactions(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = 0
    write = type(house.db).write

    def counted(db):
        nonlocal opened
        opened += 1
        return write(db)

    await indexing.listed(house)
    monkeypatch.setattr(type(house.db), "write", counted)
    found = await asyncio.gather(
        *(search(house, replace(QUERY, text=f"book {n}"), ids=[1], asker=ABR) for n in range(100))
    )
    assert all(len(one.offers) == 2 for one in found)
    assert len(await history(house)) == 100
    assert opened < 20


async def test_a_database_that_is_away_fails_the_searches_that_need_it_and_no_later_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(db):
        raise SiteUnavailable(Reason("database_away", "The database is away.", "Wait."))

    await indexing.listed(house)
    with monkeypatch.context() as broken:
        broken.setattr(type(house.db), "write", away)
        both = (search(house, replace(QUERY, text=f"book {n}"), ids=[1], asker=ABR) for n in range(2))
        failed = await asyncio.gather(*both, return_exceptions=True)
    assert all(isinstance(one, SiteUnavailable) for one in failed)
    found = await search(house, QUERY, ids=[1], asker=ABR)
    async with house.db.read() as tx:
        assert await offers.get(tx, found.offers[0].key) is not None


async def test_an_offer_that_changed_is_kept_as_it_is_now(house: House) -> None:
    mam = house.indexers["mam"]
    (before, *_) = (await search(house, QUERY, ids=[1], asker=ABR)).offers
    mam.answer = [replace(before.release, seeders=99)]
    (after,) = (await search(house, QUERY, ids=[1], asker=ABR)).offers
    async with house.db.read() as tx:
        assert await offers.get(tx, before.key) == after and after.release.seeders == 99


async def test_what_is_switched_off_gives_no_torrent_either(house: House) -> None:
    record = await of(house, "mam")
    house.registry.records[record.id] = replace(record, enabled=False)
    with pytest.raises(searching.IndexerOff):
        await fetch(house, record, release(1), asker=ABR)
    assert house.indexers["mam"].fetched == []


async def test_a_magnet_is_given_unasked_where_the_owner_prefers_those(house: House) -> None:
    uri = "magnet:?xt=urn:btih:" + "a" * 40
    both = replace(release(1), magnet=uri)
    assert await fetch(house, await of(house, "mam"), both, asker=ABR) == b"de"
    await set_facts(house, "mam", prefer_magnet=True)
    assert await fetch(house, await of(house, "mam"), both, asker=ABR) == Magnet(uri)
    assert len(house.indexers["mam"].fetched) == 1


async def test_what_was_brought_from_elsewhere_never_counts_against_the_indexer(house: House) -> None:
    house.indexers["mam"].torrent = AWAY
    with pytest.raises(SiteUnavailable):
        await fetch(house, await of(house, "mam"), release(1), asker=ABR, brought=True)
    assert (await of(house, "mam")).standing == FINE
    with pytest.raises(SiteUnavailable):
        await fetch(house, await of(house, "mam"), release(1), asker=ABR)
    assert (await of(house, "mam")).standing != FINE


async def test_an_adapter_that_breaks_in_a_way_nobody_foresaw_is_told_as_such(house: House) -> None:
    house.indexers["mam"].torrent = ZeroDivisionError()
    with pytest.raises(EarmarkError) as caught:
        await fetch(house, await of(house, "mam"), release(1), asker=ABR)
    assert caught.value.reason.code == "indexer_broke"


async def test_offers_of_a_write_that_failed_are_written_the_next_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember, failed = offers.remember, []

    async def fails_once(tx: Tx, told: Sequence[Offer], at: datetime) -> None:
        await remember(tx, told, at)
        if told and not failed:
            failed.append(told)
            raise RuntimeError("the disk is full")

    monkeypatch.setattr(offers, "remember", fails_once)
    with pytest.raises(RuntimeError):
        await search(house, QUERY, asker=ABR)
    found = await search(house, QUERY, asker=ABR)
    async with house.db.read() as tx:
        assert all([await offers.get(tx, one.key) for one in found.offers])
