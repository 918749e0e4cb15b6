"""Indexers as rows, and their labels."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from earmark.core.indexing import FIRST_FREE_ID, IndexerFacts, IndexerRecord, IndexerSort, Standing
from earmark.core.newznab import STANDARD, Capabilities
from earmark.core.reasons import Reason
from earmark.store import Database, Tag, indexers

WHY = Reason("site_unavailable", "Away.", "Wait.", {"status": 503})


def record(noon: datetime, id: int = 1, key: str = "mam", **facts: object) -> IndexerRecord:
    made = IndexerRecord(id, key, IndexerSort.MAM, f"Indexer {id}", True, 25, True, noon)
    return replace(made, **facts)  # type: ignore[arg-type]


def full(noon: datetime) -> IndexerRecord:
    return IndexerRecord(
        id=12,
        key="indexer-12",
        sort=IndexerSort.TORZNAB,
        name="Büchertürme 🐞",
        enabled=False,
        priority=3,
        managed=False,
        added_at=noon,
        facts=IndexerFacts(
            "https://feed.example/api", 12.5, 0.5, (3030,), (4, 5), 100, 10, "hour", 2, 1.5, 60, 90, True
        ),
        tags=(1, 2),
        capabilities=Capabilities(STANDARD, ("q",), ("q", "author"), (), 50, 200),
        capabilities_at=noon,
        standing=Standing(3, noon, noon, noon + timedelta(hours=1), WHY),
    )


async def test_an_indexer_comes_back_whole(db: Database, noon: datetime):
    async with db.write() as tx:
        await indexers.put(tx, full(noon))
        await indexers.put(tx, record(noon))
    async with db.read() as tx:
        assert await indexers.all_(tx) == [record(noon), full(noon)]


async def test_an_indexer_can_be_changed(db: Database, noon: datetime):
    async with db.write() as tx:
        await indexers.put(tx, record(noon))
        await indexers.put(tx, record(noon, name="Other", enabled=False, priority=50))
    async with db.read() as tx:
        assert await indexers.all_(tx) == [record(noon, name="Other", enabled=False, priority=50)]


async def test_standing_and_capabilities_are_kept_apart_from_the_rest(db: Database, noon: datetime):
    standing, caps = Standing(1, noon, noon, noon, WHY), Capabilities(STANDARD[:2])
    async with db.write() as tx:
        await indexers.put(tx, record(noon))
        await indexers.stand(tx, 1, standing)
        await indexers.learnt(tx, 1, caps, noon)
    async with db.read() as tx:
        assert await indexers.all_(tx) == [record(noon, standing=standing, capabilities=caps, capabilities_at=noon)]


async def test_the_number_of_a_removed_indexer_is_never_given_again(db: Database, noon: datetime):
    async with db.write() as tx:
        assert await indexers.next_id(tx) == FIRST_FREE_ID
        await indexers.put(tx, record(noon))
        assert await indexers.next_id(tx) == FIRST_FREE_ID
        await indexers.put(tx, record(noon, 10, "indexer-10"))
        await indexers.remove(tx, 10, noon)
        assert await indexers.next_id(tx) == 11
    async with db.read() as tx:
        assert [one.id for one in await indexers.all_(tx)] == [1]
        assert await indexers.names(tx) == {1: "Indexer 1", 10: "Indexer 10"}


async def test_a_removed_indexer_can_be_put_back(db: Database, noon: datetime):
    async with db.write() as tx:
        await indexers.put(tx, record(noon))
        await indexers.remove(tx, 1, noon)
        await indexers.put(tx, record(noon))
        assert await indexers.all_(tx) == [record(noon)]


async def test_a_key_belongs_to_one_indexer(db: Database, noon: datetime):
    async with db.write() as tx:
        await indexers.put(tx, record(noon))
    with pytest.raises(Exception, match=r"(?i)unique"):
        async with db.write() as tx:
            await indexers.put(tx, record(noon, 2))


async def test_labels_have_numbers_and_are_there_once(db: Database):
    async with db.write() as tx:
        books, audio = await indexers.add_tag(tx, "books"), await indexers.add_tag(tx, "audio")
        assert (books, audio) == (Tag(1, "books"), Tag(2, "audio"))
        assert await indexers.add_tag(tx, "books") == books
        assert await indexers.tags(tx) == [books, audio]
        assert await indexers.remove_tag(tx, 1)
        assert not await indexers.remove_tag(tx, 1)
        assert await indexers.tags(tx) == [audio]
