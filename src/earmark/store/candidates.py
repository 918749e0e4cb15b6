"""The releases a ticket's last search brought, scored, best first. A new search replaces them all."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from earmark.core.decision import ScoredCandidate
from earmark.core.ticket import TicketId
from earmark.store.codec import clean
from earmark.store.database import Tx
from earmark.store.tables import candidate

c = candidate.c


async def replace(tx: Tx, ticket_id: TicketId, scored: Sequence[ScoredCandidate]) -> None:
    """Keep `scored` as the candidates of the ticket, in their order; their index is their place in it."""
    await tx.execute(delete(candidate).where(c.ticket_id == ticket_id))
    if not scored:
        return
    rows = [
        {
            "ticket_id": ticket_id,
            "idx": idx,
            "guid": clean(one.release.guid),
            "indexer": one.release.indexer,
            "score": one.score,
            "rejected": one.rejected,
            "candidate": one,
        }
        for idx, one in enumerate(scored)
    ]
    await tx.execute(insert(candidate), rows)


async def of_ticket(tx: Tx, ticket_id: TicketId) -> list[ScoredCandidate]:
    rows = await tx.execute(select(c.candidate).where(c.ticket_id == ticket_id).order_by(c.idx))
    return list(rows.scalars())


async def get(tx: Tx, ticket_id: TicketId, idx: int) -> ScoredCandidate | None:
    rows = await tx.execute(select(c.candidate).where(c.ticket_id == ticket_id, c.idx == idx))
    return rows.scalar_one_or_none()
