"""Workers that fall silent are named once, to one of those that live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from earmark.store import Database, workers

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_who_falls_silent_is_named_to_one_caller_only(db: Database) -> None:
    async with db.write() as tx:
        await workers.beat(tx, "quiet", NOW)
        await workers.beat(tx, "lively", NOW)
        await workers.beat(tx, "lively", NOW + timedelta(seconds=50))
    before = NOW + timedelta(seconds=10)
    async with db.write() as tx:
        assert await workers.bury(tx, before) == ["quiet"]
    async with db.write() as tx:
        assert await workers.bury(tx, before) == []


async def test_who_leaves_in_good_order_is_not_mourned(db: Database) -> None:
    async with db.write() as tx:
        await workers.beat(tx, "going", NOW)
        await workers.leave(tx, "going")
        assert await workers.bury(tx, NOW + timedelta(days=1)) == []
