"""The indexers of the house: listed under numbers that stay, added, changed, removed and tried, across restarts too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from earmark.core.indexing import FINE, IndexerDraft, IndexerFacts, IndexerRecord, IndexerSort, Standing
from earmark.core.newznab import Capabilities
from earmark.core.reasons import EarmarkError, PermanentError, Reason
from earmark.core.release import Account
from earmark.http import SiteUnavailable
from earmark.pipeline import desk, indexing
from earmark.pipeline.house import House
from earmark.pipeline.indexing import BadIndexer, UnknownIndexer
from earmark.pipeline.searching import TICKETS, search
from earmark.pipeline.standing import IndexerPaused
from earmark.ports import IndexerHealth, SearchQuery
from earmark.store import Asked, Offer, alerts, asked, indexers, offers
from support.bare_house import bare_house
from support.fake_indexers import FakeIndexer, release

FEED = IndexerDraft(
    IndexerSort.TORZNAB, "A feed", facts=IndexerFacts(url="http://feed.example/api"), secret="k3y", tags=(1,)
)
AWAY = SiteUnavailable(Reason("site_unavailable", "The site is away.", "Wait."))


class Openings:
    """Opens fakes in place of real adapters, and remembers with which secret."""

    def __init__(self) -> None:
        self.made: list[tuple[IndexerRecord, str | None, FakeIndexer]] = []
        self.refuse: PermanentError | None = None

    def __call__(self, record: IndexerRecord, secret: str | None) -> FakeIndexer:
        if self.refuse is not None:
            raise self.refuse
        self.made.append((record, secret, FakeIndexer(record.key)))
        return self.made[-1][2]


@pytest.fixture
def openings() -> Openings:
    return Openings()


@pytest.fixture
async def house(tmp_path: Path, openings: Openings) -> AsyncIterator[House]:
    made = await bare_house(tmp_path)
    made.open_indexer = openings
    made.indexers = {"mam": FakeIndexer("mam")}
    made.renew_session = renewing(made)
    yield made
    await made.registry.close()
    await made.db.close()


def renewing(house: House):
    async def renew(value: str) -> IndexerHealth:
        await house.vault.put("mam_id", value)
        mam = house.indexers.setdefault("mam", FakeIndexer("mam"))
        return await mam.test()

    return renew


async def restarted(house: House, openings: Openings, indexers_open: dict[str, FakeIndexer]) -> House:
    """Another house over the same database, as after a restart."""
    again = House(
        settings=house.settings, data_dir=house.data_dir, db=house.db, vault=house.vault, tokens=house.tokens,
        indexers=dict(indexers_open), client=house.client, binder=house.binder, matcher=house.matcher, clock=house.clock,
        open_indexer=openings,
    )  # fmt: skip
    await indexing.open_added(again)
    return again


async def told(house: House) -> list[tuple[int, str, str]]:
    return [(r.id, r.key, r.name) for r in await indexing.listed(house)]


# --- which there are ----------------------------------------------------------------------------------------------------


async def test_the_settings_own_indexers_have_fixed_numbers_and_say_what_the_settings_say(house: House) -> None:
    house.indexers |= {"prowlarr": FakeIndexer("prowlarr"), "another": FakeIndexer("another")}
    assert await told(house) == [
        (1, "mam", "MyAnonamouse"), (3, "prowlarr", "Prowlarr"), (10, "another", "another"),
    ]  # fmt: skip
    mam = await indexing.record_of(house, 1)
    assert mam.managed and mam.facts.url == house.settings.mam.base_url and mam.sort is IndexerSort.MAM
    with pytest.raises(UnknownIndexer):
        await indexing.record_of(house, 2)


async def test_what_was_set_by_hand_outlives_a_restart_and_the_settings_prevail_over_the_rest(
    house: House, openings: Openings
) -> None:
    mam = await indexing.record_of(house, 1)
    facts = replace(mam.facts, query_limit=50)
    draft = IndexerDraft(mam.sort, "The mouse", False, 7, facts, None, (3,))
    await indexing.change(house, 1, draft, "tester")
    (again,) = await indexing.listed(await restarted(house, openings, house.indexers))
    assert (again.name, again.enabled, again.priority, again.tags, again.facts.query_limit) == (
        "The mouse",
        False,
        7,
        (3,),
        50,
    )


async def test_one_that_the_settings_no_longer_name_is_not_listed_and_comes_back_as_it_was(
    house: House, openings: Openings
) -> None:
    await indexing.listed(house)
    assert await told(await restarted(house, openings, {})) == []
    assert await told(await restarted(house, openings, house.indexers)) == [(1, "mam", "MyAnonamouse")]


# --- added by hand ------------------------------------------------------------------------------------------------------


async def test_an_added_indexer_is_open_and_its_key_is_in_the_vault_alone(house: House, openings: Openings) -> None:
    record = await indexing.add(house, FEED, "tester")
    assert (record.id, record.key, record.managed) == (10, "indexer-10", False)
    assert indexing.adapter_of(house, record) is openings.made[0][2] and openings.made[0][1] == "k3y"
    assert await house.vault.get("indexer:10") == "k3y"
    async with house.db.read() as tx:
        assert "k3y" not in repr(await indexers.all_(tx))
    again = await restarted(house, openings, house.indexers | {})
    assert await told(again) == [(1, "mam", "MyAnonamouse"), (10, "indexer-10", "A feed")]


async def test_after_a_restart_it_is_opened_with_its_key(house: House, openings: Openings) -> None:
    await indexing.add(house, FEED, "tester")
    again = await restarted(house, openings, {})
    assert "indexer-10" in again.indexers and openings.made[-1][1] == "k3y"


async def test_one_that_cannot_be_opened_stays_listed_and_says_why(house: House, openings: Openings) -> None:
    await indexing.add(house, FEED, "tester")
    (house.data_dir / "vault.key").unlink()
    again = await restarted(house, openings, {"mam": FakeIndexer("mam")})
    _, feed = await indexing.listed(again)
    assert feed.standing.reason is not None and feed.standing.reason.code == "vault_locked"
    assert indexing.adapter_of(again, feed) is None
    assert not (await indexing.test_one(again, feed.id)).ok
    checks = {check.name: check for check in (await desk.health(again)).checks}
    assert checks["indexer indexer-10"].status == "error" and checks["indexer mam"].status == "ok"
    assert (await indexing.change(again, feed.id, FEED, "tester")).standing == FINE  # the key was given anew
    assert indexing.adapter_of(again, feed) is not None


async def test_a_number_is_never_given_again(house: House, openings: Openings) -> None:
    first = await indexing.add(house, FEED, "tester")
    await indexing.remove(house, first.id, "tester")
    assert openings.made[0][2].closed and "indexer-10" not in house.indexers
    assert await house.vault.get("indexer:10") is None
    assert await told(house) == [(1, "mam", "MyAnonamouse")]
    assert (await indexing.add(house, FEED, "tester")).id == 11


async def test_a_changed_address_is_used_from_then_on_and_the_old_one_closed(house: House, openings: Openings) -> None:
    feed = await indexing.add(house, FEED, "tester")
    house.registry.records[10] = replace(feed, standing=Standing(3, reason=AWAY.reason), capabilities=Capabilities())
    moved = replace(FEED, facts=IndexerFacts(url="http://other.example/api"), secret=None)
    changed = await indexing.change(house, 10, moved, "tester")
    assert openings.made[0][2].closed and openings.made[1][1] == "k3y"
    assert changed.standing == FINE and changed.capabilities is None
    assert indexing.adapter_of(house, changed) is openings.made[1][2]
    await indexing.change(house, 10, replace(moved, priority=3), "tester")
    assert len(openings.made) == 2  # nothing of the wire has changed


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (replace(FEED, name="myanonamouse"), "name"),
        (replace(FEED, facts=IndexerFacts(url="feed")), "url"),
        (IndexerDraft(IndexerSort.MAM, "Second", secret="x"), "sort"),
    ],
    ids=["name_taken", "no_address", "second_tracker"],
)
async def test_what_cannot_be_added_names_the_field(house: House, draft: IndexerDraft, field: str) -> None:
    for attempt in (indexing.add(house, draft, "tester"), indexing.test(house, draft)):
        with pytest.raises(BadIndexer) as refused:
            await attempt
        assert refused.value.reason.evidence["field"] == field
    assert len(await indexing.listed(house)) == 1


async def test_what_stands_in_the_settings_is_changed_there_alone(house: House) -> None:
    house.indexers["jackett"] = FakeIndexer("jackett")
    jackett = await indexing.record_of(house, 2)
    draft = IndexerDraft(jackett.sort, jackett.name, facts=jackett.facts)
    for other, field in ((replace(draft, facts=replace(draft.facts, url="http://other.example")), "url"), (replace(draft, secret="k"), "secret")):  # fmt: skip
        with pytest.raises(BadIndexer) as refused:
            await indexing.change(house, 2, other, "tester")
        assert refused.value.reason.code == "indexer_managed" and refused.value.reason.evidence["field"] == field
    with pytest.raises(BadIndexer):
        await indexing.remove(house, 2, "tester")


async def test_the_tracker_is_added_with_its_session_and_removed_again(house: House) -> None:
    house.indexers = {}
    made = await indexing.add(house, IndexerDraft(IndexerSort.MAM, "Mouse", priority=3, secret="session"), "tester")
    assert (made.id, made.name, made.priority, made.facts.url) == (1, "Mouse", 3, house.settings.mam.base_url)
    assert await house.vault.get("mam_id") == "session"
    await indexing.remove(house, 1, "tester")
    assert await told(house) == [] and house.indexers == {} and await house.vault.get("mam_id") is None


async def test_a_new_session_ends_the_pause_and_the_alert(house: House) -> None:
    mam = await indexing.record_of(house, 1)
    later = house.now() + timedelta(hours=1)
    house.registry.records[1] = replace(mam, standing=Standing(2, None, None, later, AWAY.reason))
    assert (await desk.set_mam_session(house, "new", "tester")).ok
    assert (await indexing.record_of(house, 1)).standing == FINE
    assert (await desk.test_indexers(house))["mam"].ok


async def test_alerts_of_indexers_that_are_asked_no_more_are_over(house: House, openings: Openings) -> None:
    async def standing() -> set[str]:
        async with house.db.read() as tx:
            return {alert.key for alert in await alerts.active(tx)}

    house.indexers["jackett"] = FakeIndexer("jackett")
    for key in ("mam", "jackett"):
        house.indexers[key].answer = AWAY
    await search(house, SearchQuery("kings", None), asker=TICKETS)
    assert await standing() == {"indexer:mam", "indexer:jackett"}
    again = await restarted(house, openings, {"mam": FakeIndexer("mam")})
    assert await standing() == {"indexer:mam"}
    mam = await indexing.record_of(again, 1)
    assert mam.standing.paused(again.now())  # a restart does not make a site that is away come back
    await indexing.change(again, 1, IndexerDraft(mam.sort, mam.name, False, facts=mam.facts), "tester")
    assert await standing() == set()


async def test_the_account_behind_an_indexer_that_is_left_alone_is_not_asked_for(house: House) -> None:
    mam = await indexing.record_of(house, 1)
    house.registry.records[1] = replace(mam, standing=Standing(1, None, None, house.now() + timedelta(hours=1)))

    async def account() -> None:
        raise AssertionError("it was asked")

    house.indexers["mam"].account = account
    assert await house.fresh_account() is None


async def test_a_key_that_a_crash_left_is_never_sent_to_another_site(house: House, openings: Openings) -> None:
    await told(house)
    await house.vault.put("indexer:10", "an0ther")
    added = await indexing.add(house, replace(FEED, secret=None), "tester")
    assert added.id == 10 and await house.vault.get("indexer:10") is None


@pytest.mark.parametrize("deed", ["add", "change"])
async def test_key_and_address_are_kept_together_or_not_at_all(
    house: House, openings: Openings, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    """As a kill between the two would: the transaction is undone, and nothing of it is in use."""
    known = await indexing.add(house, FEED, "tester")
    elsewhere = replace(FEED, name="Else", facts=replace(FEED.facts, url="http://else.example/api"), secret="0ther")

    async def dies(*_: object) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(house.vault, "keep_within", dies)
        with pytest.raises(RuntimeError):
            await (indexing.add(house, elsewhere, "x") if deed == "add" else indexing.change(house, 10, elsewhere, "x"))
    assert openings.made[-1][2].closed and not openings.made[0][2].closed
    assert await house.vault.get("indexer:10") == "k3y" and await house.vault.get("indexer:11") is None
    again = await restarted(house, openings, {"mam": FakeIndexer("mam")})
    assert await indexing.listed(again) == await indexing.listed(house)
    assert (await indexing.record_of(again, 10)).facts == known.facts
    assert openings.made[-1][:2] == (known, "k3y")


async def test_a_failure_while_a_change_is_saved_is_not_forgotten(house: House) -> None:
    mam = await indexing.record_of(house, 1)
    house.indexers["mam"].answer = AWAY
    async with house.db.write():  # the change waits for its turn to write
        saving = asyncio.create_task(
            indexing.change(house, 1, IndexerDraft(mam.sort, "Mouse", facts=mam.facts), "tester")
        )
        searching = asyncio.create_task(search(house, SearchQuery("x", None), asker=TICKETS))
        while not house.registry.records[1].standing.failures:
            await asyncio.sleep(0)
    await asyncio.gather(saving, searching)
    mam = await indexing.record_of(house, 1)
    assert (mam.name, mam.standing.failures) == ("Mouse", 1)
    async with house.db.read() as tx:
        assert (await indexers.all_(tx))[0] == mam


async def test_two_who_add_the_same_name_at_once_get_one_indexer(house: House) -> None:
    both = await asyncio.gather(*(indexing.add(house, FEED, "x") for _ in range(2)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in both) == ["BadIndexer", "IndexerRecord"]


async def test_a_slash_at_the_end_of_an_address_in_the_settings_is_no_change(tmp_path: Path) -> None:
    house = await bare_house(tmp_path, jackett={"url": "http://jackett.example/", "api_key": "k"})
    house.indexers = {"jackett": FakeIndexer("jackett")}
    for url in ("http://jackett.example/", "http://jackett.example"):
        known = await indexing.record_of(house, 2)
        draft = IndexerDraft(known.sort, known.name, priority=7, facts=replace(known.facts, url=url))
        assert (await indexing.change(house, 2, draft, "tester")).facts == known.facts
    with pytest.raises(BadIndexer):
        await indexing.change(house, 2, replace(draft, facts=replace(known.facts, url="http://else.example")), "tester")
    await house.registry.close()
    await house.db.close()


# --- tried --------------------------------------------------------------------------------------------------------------


async def test_a_draft_is_tried_with_the_stored_key_and_nothing_is_kept(house: House, openings: Openings) -> None:
    assert (await indexing.test(house, FEED)).ok
    assert openings.made[0][2].closed and await told(house) == [(1, "mam", "MyAnonamouse")]
    await indexing.add(house, FEED, "tester")
    assert (await indexing.test(house, replace(FEED, secret=None), 10)).ok
    assert openings.made[-1][1] == "k3y" and openings.made[-1][2].closed
    assert not openings.made[1][2].closed


async def test_a_session_that_the_site_refuses_is_not_kept_by_a_test(house: House) -> None:
    house.indexers = {}

    async def renew(value: str) -> IndexerHealth:
        house.indexers["mam"] = mam = FakeIndexer("mam")
        mam.healthy = False
        return await mam.test()

    house.renew_session = renew
    assert not (await indexing.test(house, IndexerDraft(IndexerSort.MAM, "Mouse", secret="dead"))).ok
    assert house.indexers == {} and await told(house) == []


# --- what they can be asked, and the order ------------------------------------------------------------------------------


async def test_capabilities_are_kept_for_a_day_and_outlive_an_indexer_that_is_away(house: House) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    house.clock = lambda: now
    mam, record = house.indexers["mam"], await indexing.record_of(house, 1)
    mam.told = AWAY
    with pytest.raises(SiteUnavailable):
        await indexing.capabilities(house, record)
    now += timedelta(minutes=2)
    mam.told = Capabilities(limit_max=42)
    assert (await indexing.capabilities(house, record)).limit_max == 42
    mam.told = Capabilities(limit_max=43)
    assert (await indexing.capabilities(house, record)).limit_max == 42
    now += timedelta(hours=25)
    mam.told = AWAY
    assert (await indexing.capabilities(house, record)).limit_max == 42
    assert (await indexing.record_of(house, 1)).standing.failures == 1  # the first: it may search well all the same
    mam.told = Capabilities(limit_max=43)
    assert (await indexing.capabilities(house, record)).limit_max == 42
    now += timedelta(minutes=61)
    await indexing.tidy(house)
    assert (await indexing.record_of(house, 1)).capabilities == Capabilities(limit_max=43)
    now -= timedelta(days=2)  # the clock is put back: what was read in the future is not believed for ever
    mam.told = Capabilities(limit_max=44)
    assert (await indexing.capabilities(house, record)).limit_max == 44


@pytest.mark.parametrize("trouble", [AWAY, RuntimeError("a fault of ours")], ids=["away", "broken"])
async def test_one_that_does_not_say_what_it_can_do_is_asked_once_and_then_left_alone(
    house: House, trouble: Exception
) -> None:
    record, mam, asked_times = await indexing.record_of(house, 1), house.indexers["mam"], 0
    gate = asyncio.Event()

    async def refuses() -> Capabilities:
        nonlocal asked_times
        asked_times += 1
        await gate.wait()
        raise trouble

    mam.capabilities = refuses
    three = [asyncio.create_task(indexing.capabilities(house, record)) for _ in range(3)]
    await asyncio.sleep(0)
    three[0].cancel()  # that asker has left; the question goes on
    gate.set()
    first, *others = await asyncio.gather(*three, return_exceptions=True)
    assert isinstance(first, asyncio.CancelledError) and all(isinstance(one, EarmarkError) for one in others)
    with pytest.raises(IndexerPaused):
        await indexing.capabilities(house, record)
    await indexing.tidy(house)
    assert asked_times == 1
    async with house.db.read() as tx:
        assert [alert.key for alert in await alerts.active(tx)] == ["indexer:mam"]


async def test_the_account_is_read_without_anybody_asking_and_again_with_a_new_session(house: House) -> None:
    asked_times = 0

    async def account() -> Account:
        nonlocal asked_times
        asked_times += 1
        await asyncio.sleep(0)
        return Account(1, "ann", classname="VIP")

    house.indexers["mam"].account = account
    await indexing.tidy(house)
    assert house.account is not None and house.account.vip_member
    assert await house.fresh_account() == house.account and asked_times == 1
    mam = await indexing.record_of(house, 1)
    await indexing.change(house, 1, IndexerDraft(mam.sort, mam.name, facts=mam.facts, secret="new"), "tester")
    assert house.account is None
    both = await asyncio.gather(house.fresh_account(), house.fresh_account())
    assert both == [house.account] * 2 and asked_times == 2
    await indexing.change(house, 1, IndexerDraft(mam.sort, mam.name, False, facts=mam.facts), "tester")
    house.forget_account()
    assert await house.fresh_account() is None and asked_times == 2


async def test_old_offers_and_questions_are_forgotten(house: House) -> None:
    old, new = Offer(1, release(1)), Offer(1, release(2))
    long_ago = house.now() - timedelta(days=31)
    async with house.db.write() as tx:
        await offers.remember(tx, [old], long_ago)
        await offers.remember(tx, [new], house.now())
        await asked.note(tx, [Asked(1, at, "indexerQuery", True, 1) for at in (long_ago, house.now())])
    await indexing.tidy(house)
    async with house.db.read() as tx:
        assert await offers.get(tx, old.key) is None and await offers.get(tx, new.key) == new
        assert (await asked.page(tx)).total == 1


async def test_an_order_that_names_nobody_is_an_alert_until_it_is_mended(tmp_path: Path) -> None:
    house = await bare_house(tmp_path, search={"order": ["A feed", "mam"]})
    house.open_indexer, house.indexers = Openings(), {"mam": FakeIndexer("mam")}

    async def standing() -> dict[str, list[str]]:
        async with house.db.read() as tx:
            return {alert.key: list(alert.reason.evidence["names"]) for alert in await alerts.active(tx)}

    await indexing.check_order(house)
    assert await standing() == {"search_order": ["A feed"]}
    await indexing.add(house, FEED, "tester")
    assert await standing() == {}
    await house.registry.close()
    await house.db.close()
