"""Processes that work on this database. Each says now and then that it lives; who falls silent is buried once, by one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete

from earmark.store.database import Tx
from earmark.store.tables import worker
from earmark.store.upsert import insert

c = worker.c


async def beat(tx: Tx, id: str, at: datetime) -> None:
    """This worker lives."""
    await tx.execute(
        insert(tx, worker).values(id=id, seen_at=at).on_conflict_do_update(index_elements=[c.id], set_={"seen_at": at})
    )


async def bury(tx: Tx, before: datetime) -> list[str]:
    """Forget the workers not heard of since then and name them. Each is named to one caller only."""
    gone = await tx.execute(delete(worker).where(c.seen_at < before).returning(c.id))
    return [id for (id,) in gone]


async def leave(tx: Tx, id: str) -> None:
    """This worker ends in good order; its runs wait for its next start."""
    await tx.execute(delete(worker).where(c.id == id))
