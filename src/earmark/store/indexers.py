"""The indexers of the house as rows, and the labels other programs give them. A removed one keeps its number for ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from earmark.core.indexing import FIRST_FREE_ID, IndexerRecord, IndexerSort, Standing
from earmark.core.newznab import Capabilities
from earmark.store.codec import clean
from earmark.store.database import Tx
from earmark.store.tables import indexer, tag
from earmark.store.upsert import insert

c = indexer.c


@dataclass(frozen=True, slots=True)
class Tag:
    id: int
    label: str


async def all_(tx: Tx) -> list[IndexerRecord]:
    """Those that are not removed, by number."""
    return [_record(row) for row in await tx.execute(select(indexer).where(c.removed_at.is_(None)).order_by(c.id))]


async def next_id(tx: Tx) -> int:
    """A number nobody had before."""
    highest = (await tx.execute(select(func.max(c.id)))).scalar_one() or 0
    return max(highest + 1, FIRST_FREE_ID)


async def put(tx: Tx, record: IndexerRecord) -> None:
    """Keep a new indexer, or what was changed of a known one; one that was removed is there again."""
    facts = {
        "key": record.key,
        "sort": record.sort,
        "name": clean(record.name),
        "enabled": record.enabled,
        "priority": record.priority,
        "managed": record.managed,
        "facts": record.facts,
        "tags": record.tags,
        "capabilities": record.capabilities,
        "capabilities_at": record.capabilities_at,
        "standing": record.standing,
        "added_at": record.added_at,
        "removed_at": None,
    }
    await tx.execute(
        insert(tx, indexer).values(id=record.id, **facts).on_conflict_do_update(index_elements=[c.id], set_=facts)
    )


async def remove(tx: Tx, id: int, at: datetime) -> None:
    await tx.execute(update(indexer).where(c.id == id).values(removed_at=at))


async def stand(tx: Tx, id: int, standing: Standing) -> None:
    """Keep how it stands."""
    await tx.execute(update(indexer).where(c.id == id).values(standing=standing))


async def learnt(tx: Tx, id: int, capabilities: Capabilities, at: datetime) -> None:
    """Keep what it can be asked."""
    await tx.execute(update(indexer).where(c.id == id).values(capabilities=capabilities, capabilities_at=at))


async def names(tx: Tx) -> dict[int, str]:
    """The names of all there ever were, by number."""
    return {id: name for id, name in await tx.execute(select(c.id, c.name))}  # noqa: C416 - rows are no tuples to mypy


async def tags(tx: Tx) -> list[Tag]:
    return [Tag(id, label) for id, label in await tx.execute(select(tag.c.id, tag.c.label).order_by(tag.c.id))]


async def add_tag(tx: Tx, label: str) -> Tag:
    """The label's row, made when there is none."""
    known = (await tx.execute(select(tag.c.id).where(tag.c.label == label))).scalar_one_or_none()
    if known is not None:
        return Tag(known, label)
    number = ((await tx.execute(select(func.max(tag.c.id)))).scalar_one() or 0) + 1
    await tx.execute(insert(tx, tag).values(id=number, label=label))
    return Tag(number, label)


async def remove_tag(tx: Tx, id: int) -> bool:
    return bool((await tx.execute(delete(tag).where(tag.c.id == id))).rowcount)


def _record(row: Row[*tuple[Any, ...]]) -> IndexerRecord:
    facts = {name: value for name, value in row._mapping.items() if name != "removed_at"}
    return IndexerRecord(**facts | {"sort": IndexerSort(row.sort)})
