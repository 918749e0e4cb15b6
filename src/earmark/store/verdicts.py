"""Every question to the language model, with its answer: so that none is asked twice, and no more a day than allowed.

What a question is and whether an answer is any good is decided elsewhere.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, insert, select, update

from earmark.store.codec import clean
from earmark.store.database import Tx
from earmark.store.tables import verdict

c = verdict.c


async def known(tx: Tx, digest: str) -> str | None:
    """The newest usable answer to this very question."""
    newest = select(c.answer).where(c.digest == digest, c.answer.is_not(None)).order_by(c.id.desc()).limit(1)
    return (await tx.execute(newest)).scalar_one_or_none()


async def begin(
    tx: Tx, digest: str, *, provider: str, model: str, at: datetime, day_start: datetime, budget: int
) -> int | None:
    """Count a question that is about to be asked, and return its number; None when `budget` were asked since `day_start`.
    Counted before it is asked: one that is lost in a crash may have been paid for."""
    asked = (await tx.execute(select(func.count()).select_from(verdict).where(c.at >= day_start))).scalar_one()
    if asked >= budget:
        return None
    row = {"digest": digest, "at": at, "provider": provider, "model": model, "answer": None, "fault": None}
    return (await tx.execute(insert(verdict).values(row).returning(c.id))).scalar_one()


async def end(tx: Tx, id: int, *, answer: str | None, fault: str | None) -> None:
    """What came of it: an answer to keep, or the code of the reason why there is none."""
    await tx.execute(
        update(verdict).where(c.id == id).values(answer=None if answer is None else clean(answer), fault=fault)
    )
