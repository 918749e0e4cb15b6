"""The questions put to indexers, and figures over them."""

from __future__ import annotations

from datetime import datetime, timedelta

from earmark.store import Asked, Database, asked
from earmark.store.asked import AskedType, Sum

MINUTE = timedelta(minutes=1)


def question(noon: datetime, minute: int = 0, **facts: object) -> Asked:
    base: dict[str, object] = {"indexer_id": 1, "type": "indexerQuery", "successful": True, "elapsed_ms": 100}
    return Asked(at=noon + minute * MINUTE, **base | facts)  # type: ignore[arg-type]


async def test_a_question_comes_back_whole(db: Database, noon: datetime):
    data = {"query": "ü 🐞", "queryResults": "3", "categories": "3030"}
    async with db.write() as tx:
        await asked.note(tx, [])
        await asked.note(tx, [question(noon, source="AudioBookRequest", host="10.0.0.7", data=data)])
        page = await asked.page(tx)
    (kept,) = page.items
    assert page.total == 1
    assert kept == question(noon, source="AudioBookRequest", host="10.0.0.7", data=data, id=kept.id)
    assert kept.id > 0


async def test_hostile_names_are_kept_short_and_clean(db: Database, noon: datetime):
    async with db.write() as tx:
        await asked.note(tx, [question(noon, source="a\x00b" + "x" * 5000, host="\ud800" * 300)])
        (kept,) = (await asked.page(tx)).items
    assert "\x00" not in kept.source
    assert len(kept.source) <= 200
    assert len(kept.host) <= 200


async def test_a_page_is_filtered_ordered_and_cut(db: Database, noon: datetime):
    types: tuple[AskedType, ...] = ("indexerQuery", "indexerRss", "releaseGrabbed", "indexerAuth", "indexerInfo")
    async with db.write() as tx:
        rows = [question(noon, n, indexer_id=1 + n % 2, type=types[n % 5], successful=n % 3 > 0) for n in range(20)]
        await asked.note(tx, rows)

        async def minutes(**wanted: object) -> list[int]:
            page = await asked.page(tx, **{"limit": 100} | wanted)  # type: ignore[arg-type]
            assert page.total >= len(page.items)
            return [int((q.at - noon) / MINUTE) for q in page.items]

        assert await minutes() == list(range(19, -1, -1))
        assert await minutes(newest_first=False) == list(range(20))
        assert await minutes(limit=3, offset=2) == [17, 16, 15]
        assert await minutes(offset=50) == []
        assert await minutes(indexer_ids=[2]) == list(range(19, 0, -2))
        assert await minutes(indexer_ids=[1, 2, 3]) == list(range(19, -1, -1))
        assert await minutes(types=["indexerRss", "indexerInfo"]) == [19, 16, 14, 11, 9, 6, 4, 1]
        assert await minutes(successful=False) == [18, 15, 12, 9, 6, 3, 0]
        assert await minutes(since=noon + 17 * MINUTE) == [19, 18, 17]
        assert (await asked.page(tx, successful=True, limit=2)).total == 13


async def test_those_of_the_same_moment_keep_their_order(db: Database, noon: datetime):
    async with db.write() as tx:
        await asked.note(tx, [question(noon, data={"n": str(n)}) for n in range(30)])
        newest = [q.data["n"] for q in (await asked.page(tx, limit=30)).items]
    assert newest == [str(n) for n in range(29, -1, -1)]


async def test_what_counts_against_a_limit_is_counted(db: Database, noon: datetime):
    async with db.write() as tx:
        await asked.note(
            tx,
            [
                question(noon, 0),
                question(noon, 1, successful=False),
                question(noon, 2, type="indexerRss"),
                question(noon, 3, type="releaseGrabbed"),
                question(noon, 4, indexer_id=2),
            ],
        )
        searches = ("indexerQuery", "indexerRss")
        assert await asked.count_since(tx, 1, searches, noon) == 3
        assert await asked.count_since(tx, 1, searches, noon + MINUTE) == 2
        assert await asked.count_since(tx, 1, ("releaseGrabbed",), noon) == 1
        assert await asked.count_since(tx, 3, searches, noon) == 0


async def test_figures_are_summed_by_indexer_program_and_host(db: Database, noon: datetime):
    async with db.write() as tx:
        await asked.note(
            tx,
            [
                question(noon, 0, elapsed_ms=100, source="abr", host="a"),
                question(noon, 1, elapsed_ms=300, source="abr", host="b"),
                question(noon, 2, elapsed_ms=9000, successful=False, source="rmab", host="a"),
                question(noon, 3, type="releaseGrabbed", indexer_id=2, successful=False, source="rmab", host="a"),
            ],
        )
        assert await asked.sums(tx, "indexer_id") == [
            Sum("1", "indexerQuery", 3, 1, 200.0),
            Sum("2", "releaseGrabbed", 1, 1, 0.0),
        ]
        assert await asked.sums(tx, "source") == [
            Sum("abr", "indexerQuery", 2, 0, 200.0),
            Sum("rmab", "indexerQuery", 1, 1, 0.0),
            Sum("rmab", "releaseGrabbed", 1, 1, 0.0),
        ]
        assert await asked.sums(tx, "host", since=noon + 2 * MINUTE) == [
            Sum("a", "indexerQuery", 1, 1, 0.0),
            Sum("a", "releaseGrabbed", 1, 1, 0.0),
        ]


async def test_old_questions_are_forgotten(db: Database, noon: datetime):
    async with db.write() as tx:
        await asked.note(tx, [question(noon, n) for n in range(5)])
        assert await asked.forget_before(tx, noon + 3 * MINUTE) == 3
        assert (await asked.page(tx)).total == 2
