"""The replayable record of every decision: the wish as it was, what was asked, every candidate with its score."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from earmark.core.decision import Decision
from earmark.core.ticket import TicketId
from earmark.core.wish import Kind
from earmark.store.codec import JsonObject, clean
from earmark.store.database import Tx
from earmark.store.tables import decision, ticket

c = decision.c


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One decision as it was made. `wish` is the wish at that time, `queries` the texts that were searched for."""

    id: int
    ticket_id: TicketId
    at: datetime
    decision: Decision
    wish: JsonObject
    queries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Precedent:
    """A decision with what its ticket is: enough to decide it again."""

    record: DecisionRecord
    kind: Kind
    headline: str


async def record(
    tx: Tx, ticket_id: TicketId, made: Decision, wish: JsonObject, queries: list[str], at: datetime
) -> int:
    """Keep a decision for ever. Returns its number."""
    chosen = None if made.chosen_idx is None else clean(made.candidates[made.chosen_idx].release.guid)
    row = {
        "ticket_id": ticket_id,
        "at": at,
        "policy_version": made.policy_version,
        "chosen_guid": chosen,
        "confidence": made.confidence,
        "wish": wish,
        "queries": list(queries),
        "decision": made,
    }
    return (await tx.execute(insert(decision).values(row).returning(c.id))).scalar_one()


async def of_ticket(tx: Tx, ticket_id: TicketId) -> list[DecisionRecord]:
    """Every decision made for a ticket, oldest first."""
    columns = (c.id, c.at, c.decision, c.wish, c.queries)
    rows = await tx.execute(select(*columns).where(c.ticket_id == ticket_id).order_by(c.id))
    return [DecisionRecord(id, ticket_id, at, made, wish, tuple(queries)) for id, at, made, wish, queries in rows]


async def history(tx: Tx, *, since: datetime | None, after: int, limit: int = 100) -> list[Precedent]:
    """At most `limit` decisions of any ticket with a number above `after`, oldest first; those made since then, if given."""
    columns = (c.id, c.ticket_id, c.at, c.decision, c.wish, c.queries, ticket.c.kind, ticket.c.headline)
    wanted = select(*columns).join_from(decision, ticket, ticket.c.id == c.ticket_id).where(c.id > after)
    if since is not None:
        wanted = wanted.where(c.at >= since)
    return [
        Precedent(DecisionRecord(id, TicketId(ticket_id), at, made, wish, tuple(queries)), Kind(kind), headline)
        for id, ticket_id, at, made, wish, queries, kind, headline in await tx.execute(
            wanted.order_by(c.id).limit(limit)
        )
    ]
