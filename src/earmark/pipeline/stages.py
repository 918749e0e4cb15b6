"""The record of each stage of work on a ticket (a processing task): when it began, how it ended, what it made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from earmark.core.reasons import EarmarkError, JsonValue
from earmark.core.ticket import TicketId
from earmark.pipeline.house import House
from earmark.store import TaskRecord, tasks


@asynccontextmanager
async def stage(house: House, ticket_id: TicketId, name: str) -> AsyncIterator[dict[str, JsonValue]]:
    """`async with stage(house, id, "bind") as detail:` records start, end and error; `detail` is kept with it."""
    async with house.write() as tx:
        task = await tasks.start(tx, ticket_id, name, house.now())
    detail: dict[str, JsonValue] = {}
    try:
        yield detail
    except EarmarkError as error:
        async with house.write() as tx:
            await tasks.finish(tx, task, house.now(), error=error.reason, detail=detail)
        raise
    async with house.write() as tx:
        await tasks.finish(tx, task, house.now(), error=None, detail=detail)


def stage_seconds(done: Sequence[TaskRecord], name: str) -> float:
    """Seconds of the last successful run of a stage; 0 when there was none."""
    spans = [t.seconds for t in done if t.stage == name and t.error is None and t.seconds is not None]
    return round(spans[-1], 3) if spans else 0.0
