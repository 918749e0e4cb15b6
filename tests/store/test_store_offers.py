"""What was offered to other programs, and what they took for themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from earmark.core.release import Freeleech, Release, ReleaseFile, SeriesRef
from earmark.core.torrents import InfoHash
from earmark.core.wish import Kind
from earmark.store import Database, Offer, TorrentRecord, offers, torrents
from earmark.store.offers import key_of

HASHES = tuple(InfoHash(f"{n:02x}" * 20) for n in range(1, 9))


def release(guid: str = "https://tracker.example/t/1", **facts: object) -> Release:
    return replace(Release(guid=guid, indexer="mam", title="The Moonstone", kind=Kind.AUDIOBOOK), **facts)  # type: ignore[arg-type]


def test_an_offer_has_the_same_key_for_ever():
    assert key_of(1, "https://www.myanonamouse.net/t/1") == "4849b8bfa364a2d82347df1da678e4ad"
    assert len(key_of(1, "x")) == 32
    assert len({key_of(1, "11"), key_of(11, "1"), key_of(2, "11"), key_of(1, "\n11")}) == 4
    assert key_of(1, "\ud800")


async def test_an_offer_comes_back_whole(db: Database, noon: datetime):
    full = Offer(
        7,
        release(
            authors=("Wilkie Collins",),
            series=(SeriesRef("Cuff", "1"),),
            files=(ReleaseFile("a/b.mp3", 5, 1.5),),
            freeleech=Freeleech(vip=True, vip_until=noon),
            categories=(3030, 100_041),
            flags=("internal",),
            download_factor=0.5,
            published_at=noon,
            description="ü 🐞 <b>",
        ),
    )
    async with db.write() as tx:
        await offers.remember(tx, [full], noon)
    async with db.read() as tx:
        assert await offers.get(tx, full.key) == full
        assert await offers.get(tx, key_of(1, full.release.guid)) is None
        assert await offers.get(tx, "") is None


@pytest.mark.parametrize("odd", ["nul \x00", "half \ud83d", "x" * 100_000], ids=["nul", "surrogate", "long"])
async def test_odd_texts_can_be_kept(db: Database, noon: datetime, odd: str):
    one = Offer(1, release(guid=odd, title=odd))
    async with db.write() as tx:
        await offers.remember(tx, [one], noon)
        await offers.taken(tx, one, source=odd, host=odd, info_hash=None, at=noon)
    async with db.read() as tx:
        kept = await offers.get(tx, one.key)
        assert kept is not None
        assert kept.indexer_id == 1
        assert (await offers.taken_page(tx)).total == 1


async def test_an_offer_seen_again_is_renewed_and_kept_longer(db: Database, noon: datetime):
    old, other = Offer(1, release(seeders=1)), Offer(1, release("other"))
    later = noon + timedelta(days=10)
    async with db.write() as tx:
        await offers.remember(tx, [old, other, old], noon)
        await offers.remember(tx, [Offer(1, release(seeders=9))], later)
        assert await offers.forget_before(tx, later) == 1
    async with db.read() as tx:
        kept = await offers.get(tx, old.key)
        assert kept is not None
        assert kept.release.seeders == 9
        assert await offers.get(tx, other.key) is None


async def test_a_thousand_offers_are_kept_at_once(db: Database, noon: datetime):
    many = [Offer(n % 3, release(str(n))) for n in range(1000)]
    async with db.write() as tx:
        await offers.remember(tx, [], noon)
        await offers.remember(tx, many, noon)
    async with db.read() as tx:
        assert await offers.get(tx, many[999].key) == many[999]


async def test_what_a_program_takes_again_is_counted(db: Database, noon: datetime):
    one = Offer(1, release())
    async with db.write() as tx:
        await offers.taken(tx, one, source="RMAB", host="10.0.0.1", info_hash=None, at=noon)
        await offers.taken(tx, one, source="RMAB", host="10.0.0.2", info_hash=HASHES[0], at=noon + timedelta(hours=1))
        await offers.taken(tx, one, source="Shelfmark", host="10.0.0.3", info_hash=HASHES[0], at=noon)
    async with db.read() as tx:
        page = await offers.taken_page(tx)
        assert page.total == 2
        first, second = page.items
        assert (first.source, first.host, first.times, first.info_hash) == ("RMAB", "10.0.0.2", 2, HASHES[0])
        assert (first.first_at, first.last_at) == (noon, noon + timedelta(hours=1))
        assert (second.source, second.times, second.offer) == ("Shelfmark", 1, one)
        assert [g.source for g in (await offers.taken_page(tx, limit=1, offset=1)).items] == ["Shelfmark"]


async def test_what_was_taken_outlives_its_offer(db: Database, noon: datetime):
    one = Offer(1, release())
    async with db.write() as tx:
        await offers.remember(tx, [one], noon)
        await offers.taken(tx, one, source="RMAB", host="", info_hash=HASHES[0], at=noon)
        await offers.forget_before(tx, noon + timedelta(days=99))
    async with db.read() as tx:
        assert (await offers.taken_page(tx)).items[0].offer == one
        assert await offers.hash_taken(tx, one.key) == HASHES[0]


async def test_what_was_taken_is_found_by_its_torrent(db: Database, noon: datetime):
    async with db.write() as tx:
        for n in range(4):
            one = Offer(1, release(str(n)))
            await offers.taken(tx, one, source="a", host="", info_hash=HASHES[n] if n else None, at=noon)
        await offers.taken(tx, Offer(1, release("1")), source="b", host="", info_hash=HASHES[1], at=noon + timedelta(1))
    async with db.read() as tx:
        found = await offers.taken_of_hashes(tx, [HASHES[1], HASHES[2], HASHES[7]])
        assert {h: g.offer.release.guid for h, g in found.items()} == {HASHES[1]: "1", HASHES[2]: "2"}
        assert found[HASHES[1]].source == "b"
        assert await offers.taken_of_hashes(tx, []) == {}
        assert len(await offers.taken_of_hashes(tx, [*HASHES, *(f"{n:040x}" for n in range(2000))])) == 3
        assert await offers.hash_taken(tx, key_of(1, "0")) is None
        assert await offers.hash_taken(tx, "none") is None


async def test_torrents_that_no_client_of_ours_holds_are_told_apart(db: Database, noon: datetime):
    async with db.write() as tx:
        for n in range(3):
            for source in ("a", "b"):
                await offers.taken(tx, Offer(1, release(str(n))), source=source, host="", info_hash=HASHES[n], at=noon)
        await offers.taken(tx, Offer(1, release("no hash")), source="a", host="", info_hash=None, at=noon)
        for n, removed in ((0, None), (1, noon), (5, None)):
            held = TorrentRecord(HASHES[n], "embedded", None, "x", "/d", 1, True, noon, removed_at=removed)
            await torrents.record(tx, held)
    async with db.read() as tx:
        assert sorted(await offers.taken_unheld(tx)) == [HASHES[1], HASHES[2]]


async def test_a_torrent_is_found_by_guid_and_indexer(db: Database, noon: datetime):
    async with db.write() as tx:
        for n, indexer in enumerate(("mam", "jackett")):
            held = TorrentRecord(HASHES[n], "c", None, "x", "/d", 1, True, noon, indexer=indexer, guid="same")
            await torrents.record(tx, held)
    async with db.read() as tx:
        for n, indexer in enumerate(("mam", "jackett")):
            found = await torrents.by_guid(tx, "same", indexer)
            assert found is not None
            assert found.info_hash == HASHES[n]
        assert await torrents.by_guid(tx, "same", "other") is None
