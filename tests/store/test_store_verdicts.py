"""Questions to the witness and decisions to be made again, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from earmark.core.decision import Decision
from earmark.core.reasons import Reason
from earmark.core.states import ApprovalCode, ApprovalReason
from earmark.core.testimony import Effect, Opinion, Placed, WitnessRecord
from earmark.core.ticket import Ticket
from earmark.store import Database, decisions, verdicts


async def begin(db: Database, digest: str, at: datetime, budget: int = 100) -> int | None:
    start = at.replace(hour=0)
    async with db.write() as tx:
        return await verdicts.begin(tx, digest, provider="local", model="m", at=at, day_start=start, budget=budget)


async def end(db: Database, number: int | None, answer: str | None, fault: str | None = None) -> None:
    assert number is not None
    async with db.write() as tx:
        await verdicts.end(tx, number, answer=answer, fault=fault)


async def known(db: Database, digest: str) -> str | None:
    async with db.read() as tx:
        return await verdicts.known(tx, digest)


async def test_the_newest_usable_answer_is_remembered(db: Database, noon: datetime) -> None:
    assert await known(db, "d") is None
    await end(db, await begin(db, "d", noon), "one")
    await end(db, await begin(db, "d", noon), "two\x00")
    await end(db, await begin(db, "d", noon), None, "witness_late")
    await begin(db, "d", noon)  # under way, or lost in a crash
    assert await known(db, "d") == "two"
    assert await known(db, "another") is None


async def test_the_budget_counts_what_was_begun_that_day_whatever_came_of_it(db: Database, noon: datetime) -> None:
    await end(db, await begin(db, "a", noon, 2), None, "witness_away")
    await begin(db, "b", noon, 2)
    assert await begin(db, "c", noon, 2) is None
    assert await begin(db, "c", noon + timedelta(days=1), 2) is not None
    assert await begin(db, "d", noon, 0) is None


async def test_many_at_once_never_ask_more_than_the_budget(db: Database, noon: datetime) -> None:
    begun = await asyncio.gather(*(begin(db, str(n), noon, 3) for n in range(10)))
    assert sum(number is not None for number in begun) == 3


async def test_a_hearing_comes_back_as_it_was_kept(
    db: Database, noon: datetime, ticket: Ticket, decision: Decision
) -> None:
    doubt = ApprovalReason(ApprovalCode.LOW_CONFIDENCE, {"score": 0.8, "threshold": 0.85}, "Not sure enough.")
    heard = WitnessRecord(
        "local", "m", "witness-1", Effect.FELL_BACK, "So be it.", 0.8, "g", (doubt,), ("g",), ("h",),
        (Opinion("g", 0.5, 0.25, "“hm”", (Placed("t1", "a/b.flac"),)),), "s", "p\x00", "a", True,
        Reason("witness_late", "It is late.", "Wait.", {"secs": 30}),
    )  # fmt: skip
    async with db.write() as tx:
        await decisions.record(tx, ticket.id, replace(decision, witness=heard), {"title": "x"}, [], noon)
    async with db.read() as tx:
        assert (await decisions.of_ticket(tx, ticket.id))[0].decision.witness == heard


async def test_history_is_read_in_order_from_a_number_and_a_moment_on(
    db: Database, noon: datetime, ticket: Ticket, decision: Decision
) -> None:
    async with db.write() as tx:
        for hours in range(4):
            await decisions.record(tx, ticket.id, decision, {"title": "x"}, ["q"], noon + timedelta(hours=hours))
    async with db.read() as tx:
        whole = await decisions.history(tx, since=None, after=0)
        assert [(p.kind, p.headline) for p in whole[:1]] == [(ticket.request.kind, "The Moonstone – Wilkie Collins")]
        ids = [p.record.id for p in whole]
        assert ids == sorted(ids)
        assert [p.record.id for p in await decisions.history(tx, since=None, after=ids[1], limit=1)] == [ids[2]]
        late = await decisions.history(tx, since=noon + timedelta(hours=3), after=0)
        assert [p.record.id for p in late] == ids[3:]


async def test_a_database_is_read_beside_its_writer_and_not_written(
    db: Database, address: str | Path, noon: datetime, ticket: Ticket, decision: Decision
) -> None:
    beside = await Database.open_to_read(address)
    async with db.write() as tx:
        await decisions.record(tx, ticket.id, decision, {"title": "x"}, [], noon)
        async with beside.read() as reading:
            assert await decisions.history(reading, since=None, after=0) == []
    async with beside.read() as reading:
        assert len(await decisions.history(reading, since=None, after=0)) == 1
    with pytest.raises(Exception, match=r"read-only|cannot be written"):
        async with beside.write() as tx:
            await decisions.record(tx, ticket.id, decision, {}, [], noon)
    await beside.close()
    async with db.read() as reading:
        assert len(await decisions.history(reading, since=None, after=0)) == 1
