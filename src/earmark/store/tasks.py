"""What the engine did for a ticket, stage by stage: when it began and ended, what came of it, what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from earmark.core.reasons import Reason
from earmark.core.ticket import TicketId
from earmark.store.codec import JsonObject
from earmark.store.database import Tx
from earmark.store.tables import processing_task, ticket
from earmark.store.upsert import insert

c = processing_task.c


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One stage of one run. `seconds` is None while it goes on."""

    id: int
    ticket_id: TicketId
    stage: str
    run: int
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None
    detail: JsonObject
    error: Reason | None


async def start(tx: Tx, ticket_id: TicketId, stage: str, at: datetime) -> int:
    """Note that a stage of the ticket's present run begins. After a crash the same row begins again."""
    run = select(ticket.c.run).where(ticket.c.id == ticket_id).scalar_subquery()
    fresh: dict[str, object] = {"started_at": at, "finished_at": None, "seconds": None, "detail": {}, "error": None}
    statement = (
        insert(tx, processing_task)
        .values(ticket_id=ticket_id, stage=stage, run=run, **fresh)
        .on_conflict_do_update(index_elements=[c.ticket_id, c.stage, c.run], set_=fresh)
        .returning(c.id)
    )
    return int((await tx.execute(statement)).scalar_one())


async def finish(tx: Tx, id: int, at: datetime, error: Reason | None = None, detail: JsonObject | None = None) -> None:
    """Note how a stage ended: well, or with `error`."""
    began = (await tx.execute(select(c.started_at).where(c.id == id))).scalar_one()
    seconds = max(0.0, (at - began).total_seconds())
    values = {"finished_at": at, "seconds": seconds, "detail": detail or {}, "error": error}
    await tx.execute(update(processing_task).where(c.id == id).values(values))


async def of_ticket(tx: Tx, ticket_id: TicketId) -> list[TaskRecord]:
    """Every stage of every run, in the order they were first begun."""
    rows = await tx.execute(select(processing_task).where(c.ticket_id == ticket_id).order_by(c.id))
    return [TaskRecord(*row) for row in rows]
