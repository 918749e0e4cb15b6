"""What needs a person's eye now. An alert has a key, is raised once, and stays until it is cleared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, update

from earmark.core.reasons import Reason
from earmark.store import events
from earmark.store.codec import JsonObject, as_json
from earmark.store.database import Tx
from earmark.store.tables import alert
from earmark.store.upsert import insert

c = alert.c


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Alert:
    """One standing alert. `raised_at` is when it began, however often it was raised again since."""

    key: str
    severity: Severity
    reason: Reason
    raised_at: datetime


async def raise_(tx: Tx, key: str, severity: Severity, reason: Reason, at: datetime) -> bool:
    """Raise an alert, or refresh one that stands. True, and an event, when it did not stand before."""
    severity = Severity(severity)
    fresh = {"severity": severity, "reason": reason}
    standing = await tx.execute(update(alert).where(c.key == key, c.cleared_at.is_(None)).values(fresh))
    if standing.rowcount:
        return False
    began = {**fresh, "raised_at": at, "cleared_at": None}
    await tx.execute(
        insert(tx, alert).values(key=key, **began).on_conflict_do_update(index_elements=[c.key], set_=began)
    )
    told: JsonObject = {"key": key, "active": True, "severity": str(severity), "reason": as_json(Reason, reason)}
    await events.append(tx, None, "alert", told, at)
    return True


async def clear(tx: Tx, key: str, at: datetime) -> bool:
    """The cause is gone. True, and an event, when the alert stood."""
    cleared = await tx.execute(update(alert).where(c.key == key, c.cleared_at.is_(None)).values(cleared_at=at))
    if not cleared.rowcount:
        return False
    await events.append(tx, None, "alert", {"key": key, "active": False}, at)
    return True


async def active(tx: Tx) -> list[Alert]:
    """Standing alerts, oldest first."""
    columns = (c.key, c.severity, c.reason, c.raised_at)
    rows = await tx.execute(select(*columns).where(c.cleared_at.is_(None)).order_by(c.raised_at, c.key))
    return [Alert(key, Severity(severity), reason, at) for key, severity, reason, at in rows]
