"""Every question put to an indexer: when, of which sort, for whom, how long it took and whether it was answered. Types are
Prowlarr's: indexerQuery, indexerRss, releaseGrabbed, indexerAuth, indexerInfo."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, Row, case, delete, func, insert, select

from earmark.store.codec import clean
from earmark.store.database import Tx
from earmark.store.tables import indexer_history
from earmark.store.tickets import Page

c = indexer_history.c

AskedType: TypeAlias = Literal["indexerQuery", "indexerRss", "releaseGrabbed", "indexerAuth", "indexerInfo"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. `source` is the program that made us ask (its User-Agent's first word), `host` where it called from;
    `data` holds what Prowlarr's history shows: query, queryType, queryResults, categories, title, url …"""

    indexer_id: int
    at: datetime
    type: AskedType
    successful: bool
    elapsed_ms: int
    source: str = "earmark"
    host: str = ""
    data: dict[str, str] = field(default_factory=dict)
    id: int = 0  # given by the store


@dataclass(frozen=True, slots=True)
class Sum:
    """All questions of one sort to one indexer, or from one program, or from one host."""

    of: str
    type: AskedType
    number: int
    failed: int
    average_ms: float  # of those that were answered


async def note(tx: Tx, questions: Sequence[Asked]) -> None:
    """Keep what was asked."""
    rows = [
        {
            "indexer_id": q.indexer_id,
            "at": q.at,
            "type": q.type,
            "successful": q.successful,
            "elapsed_ms": q.elapsed_ms,
            "source": clean(q.source)[:200],
            "host": clean(q.host)[:200],
            "data": q.data,
        }
        for q in questions
    ]
    if rows:
        await tx.execute(insert(indexer_history), rows)


async def page(
    tx: Tx,
    *,
    indexer_ids: Collection[int] = (),
    types: Collection[str] = (),
    successful: bool | None = None,
    since: datetime | None = None,
    limit: int = 10,
    offset: int = 0,
    newest_first: bool = True,
) -> Page[Asked]:
    """The questions that match, `limit` of them from `offset` on."""
    wanted: list[ColumnElement[bool]] = []
    if indexer_ids:
        wanted.append(c.indexer_id.in_(indexer_ids))
    if types:
        wanted.append(c.type.in_(types))
    if successful is not None:
        wanted.append(c.successful.is_(successful))
    if since is not None:
        wanted.append(c.at >= since)
    total = (await tx.execute(select(func.count()).select_from(indexer_history).where(*wanted))).scalar_one()
    order = (c.at.desc(), c.id.desc()) if newest_first else (c.at, c.id)
    rows = await tx.execute(select(indexer_history).where(*wanted).order_by(*order).limit(limit).offset(offset))
    return Page(tuple(_asked(row) for row in rows), total)


async def count_since(tx: Tx, indexer_id: int, types: Collection[str], since: datetime) -> int:
    """How often it was asked so since then, failures included: a site counts them too."""
    wanted = (c.indexer_id == indexer_id, c.type.in_(types), c.at >= since)
    return (await tx.execute(select(func.count()).select_from(indexer_history).where(*wanted))).scalar_one()


async def times_since(tx: Tx, indexer_id: int, types: Collection[str], since: datetime) -> list[datetime]:
    """When it was asked so since then, oldest first; failures included, as in `count_since`."""
    wanted = (c.indexer_id == indexer_id, c.type.in_(types), c.at >= since)
    return [row.at for row in await tx.execute(select(c.at).where(*wanted).order_by(c.at, c.id))]


async def sums(
    tx: Tx,
    by: Literal["indexer_id", "source", "host"],
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Sum]:
    """Figures over everything kept, grouped by indexer, program or host."""
    group = c[by]
    failed = func.sum(case((c.successful, 0), else_=1))
    average = func.avg(case((c.successful, c.elapsed_ms)))
    statement = select(group, c.type, func.count(), failed, average).group_by(group, c.type).order_by(group, c.type)
    if since is not None:
        statement = statement.where(c.at >= since)
    if until is not None:
        statement = statement.where(c.at <= until)
    return [
        Sum(str(of), type, int(number), int(missed or 0), float(mean or 0))
        for of, type, number, missed, mean in await tx.execute(statement)
    ]


async def forget_before(tx: Tx, at: datetime) -> int:
    """Drop questions asked before then. Returns how many."""
    return (await tx.execute(delete(indexer_history).where(c.at < at))).rowcount


def _asked(row: Row[*tuple[Any, ...]]) -> Asked:
    return Asked(**row._mapping)
