"""What searches for other programs found, to be grabbed later, and what those programs took for themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select

from earmark.core.release import Release
from earmark.core.torrents import InfoHash
from earmark.store.codec import clean, dump
from earmark.store.database import Tx
from earmark.store.tables import offer, outside_grab, torrent
from earmark.store.tickets import Page
from earmark.store.upsert import insert

c, o = offer.c, outside_grab.c

CHUNK = 500
REMEMBER = """INSERT INTO offer (key, indexer_id, release, seen_at) VALUES (?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET release = excluded.release, seen_at = excluded.seen_at"""


@dataclass(frozen=True, slots=True)
class Offer:
    """A release as an indexer of this number offered it."""

    indexer_id: int
    release: Release

    @property
    def key(self) -> str:
        return key_of(self.indexer_id, self.release.guid)


@dataclass(frozen=True, slots=True)
class OutsideGrab:
    """A torrent another program took through our link. `source` names the program, `host` where it called from."""

    offer: Offer
    source: str
    host: str
    info_hash: InfoHash | None
    times: int
    first_at: datetime
    last_at: datetime


def key_of(indexer_id: int, guid: str) -> str:
    """The offer's name in links and rows: 32 hexadecimal digits, the same for the same guid of the same indexer."""
    return hashlib.sha256(f"{indexer_id}\n{guid}".encode("utf-8", "replace")).hexdigest()[:32]


async def remember(tx: Tx, offers: Sequence[Offer], at: datetime) -> None:
    """Keep what was offered, or that it was offered again. Each key once."""
    seen_at = tx.bare(c.seen_at, at)
    rows = [
        (key, one.indexer_id, dump(Release, one.release), seen_at)
        for key, one in {one.key: one for one in offers}.items()
    ]
    await tx.execute_bare(REMEMBER, rows)


async def get(tx: Tx, key: str) -> Offer | None:
    row = (await tx.execute(select(c.indexer_id, c.release).where(c.key == clean(key)))).one_or_none()
    return None if row is None else Offer(row.indexer_id, row.release)


async def forget_before(tx: Tx, at: datetime) -> int:
    """Drop offers last seen before then. Returns how many."""
    return (await tx.execute(delete(offer).where(c.seen_at < at))).rowcount


async def taken(tx: Tx, one: Offer, *, source: str, host: str, info_hash: InfoHash | None, at: datetime) -> None:
    """Note that a program took this torrent for itself, for the first time or again."""
    again = {"host": clean(host), "info_hash": info_hash, "release": one.release, "last_at": at}
    first = {
        "key": one.key,
        "source": clean(source)[:200],
        "indexer_id": one.indexer_id,
        "times": 1,
        "first_at": at,
        **again,
    }
    await tx.execute(
        insert(tx, outside_grab)
        .values(first)
        .on_conflict_do_update(index_elements=[o.key, o.source], set_={**again, "times": o.times + 1})
    )


async def taken_page(tx: Tx, *, limit: int = 50, offset: int = 0) -> Page[OutsideGrab]:
    """What others took, the latest first."""
    total = (await tx.execute(select(func.count()).select_from(outside_grab))).scalar_one()
    rows = await tx.execute(
        select(outside_grab).order_by(o.last_at.desc(), o.key, o.source).limit(limit).offset(offset)
    )
    return Page(tuple(_outside(row) for row in rows), total)


async def taken_of_hashes(tx: Tx, hashes: Collection[str]) -> dict[str, OutsideGrab]:
    """What others took among these torrents, by info-hash; of several the latest."""
    found: dict[str, OutsideGrab] = {}
    wanted = sorted(hashes)
    for start in range(0, len(wanted), CHUNK):
        rows = await tx.execute(
            select(outside_grab).where(o.info_hash.in_(wanted[start : start + CHUNK])).order_by(o.last_at)
        )
        found |= {str(row.info_hash): _outside(row) for row in rows}
    return found


async def taken_unheld(tx: Tx) -> list[str]:
    """Info-hashes of what others took and no client of ours holds, as far as is on record. Hashes alone: this is asked with
    every look at the client."""
    held = select(torrent.c.info_hash).where(torrent.c.info_hash == o.info_hash, torrent.c.removed_at.is_(None))
    wanted = select(o.info_hash).distinct().where(o.info_hash.is_not(None), ~held.exists())
    return [info_hash for (info_hash,) in await tx.execute(wanted) if info_hash is not None]


async def hash_taken(tx: Tx, key: str) -> InfoHash | None:
    """The torrent behind this offer, when another program took it."""
    found = select(o.info_hash).where(o.key == key, o.info_hash.is_not(None)).order_by(o.last_at.desc()).limit(1)
    known = (await tx.execute(found)).scalar_one_or_none()
    return None if known is None else InfoHash(known)


def _outside(row: Row[*tuple[Any, ...]]) -> OutsideGrab:
    facts = dict(row._mapping)
    one = Offer(facts.pop("indexer_id"), facts.pop("release"))
    facts.pop("key")
    return OutsideGrab(offer=one, **facts)
