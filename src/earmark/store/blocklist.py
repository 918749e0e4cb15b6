"""Releases that will not do for a ticket: tried and failed, or refused by a person. When one is blocked is decided
elsewhere; here it is kept with its reason."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from earmark.core.reasons import Reason
from earmark.core.ticket import TicketId
from earmark.store.database import Tx
from earmark.store.tables import blocked_release
from earmark.store.upsert import insert

c = blocked_release.c


async def block(tx: Tx, ticket_id: TicketId, guid: str, reason: Reason, at: datetime) -> None:
    """Never take this release for this ticket again. A second reason replaces the first."""
    row = insert(tx, blocked_release).values(ticket_id=ticket_id, guid=guid, reason=reason, at=at)
    await tx.execute(row.on_conflict_do_update(index_elements=[c.ticket_id, c.guid], set_={"reason": reason, "at": at}))


async def of_ticket(tx: Tx, ticket_id: TicketId) -> dict[str, Reason]:
    """Why each blocked release is blocked, by guid, the oldest first."""
    rows = await tx.execute(select(c.guid, c.reason).where(c.ticket_id == ticket_id).order_by(c.at, c.guid))
    return {row.guid: row.reason for row in rows}
