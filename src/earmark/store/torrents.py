"""Every torrent the house ever added: for which ticket, where from, and what its client says of it.

Seeding seconds only ever grow, whatever a client reports: they are what a tracker's rules are kept by.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, case, func, select, update

from earmark.core.reasons import Reason
from earmark.core.ticket import TicketId
from earmark.core.torrents import InfoHash, TorrentEntry, TorrentState, TorrentStatus
from earmark.store.codec import clean
from earmark.store.database import Tx
from earmark.store.tables import torrent
from earmark.store.upsert import insert

c = torrent.c

CHUNK = 500  # hashes in one query; SQLite's limit on parameters is far above


@dataclass(frozen=True, slots=True)
class TorrentRecord:
    """One torrent. Sizes in bytes, `progress` 0..1, `seeding_secs` as counted by us (see `observe`)."""

    info_hash: InfoHash
    client: str
    ticket_id: TicketId | None
    name: str
    save_path: str
    size_bytes: int
    private: bool
    added_at: datetime
    indexer: str | None = None
    guid: str | None = None
    entries: tuple[TorrentEntry, ...] = ()
    state: TorrentState = TorrentState.QUEUED
    progress: float = 0.0
    downloaded: int = 0
    uploaded: int = 0
    ratio: float = 0.0
    seeding_secs: int = 0
    completed_at: datetime | None = None
    removed_at: datetime | None = None
    last_seen_at: datetime | None = None
    error: Reason | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Bytes downloaded, and torrents that are seeding now."""

    downloaded_bytes: int
    seeding: int


async def record(tx: Tx, new: TorrentRecord) -> None:
    """Keep a torrent. Known before: who it is for and where it lies is renewed and it counts as held again, but what is
    known of its origin and content is never replaced by less (a magnet somebody gave knows neither). One that had
    left its client starts its times anew; every counter stays."""
    old = await get(tx, new.info_hash)
    if old is not None:
        poorer = not new.entries and bool(old.entries)
        by_hand = (new.guid or "").startswith("by-hand:") and bool(old.guid)
        new = replace(
            new,
            indexer=old.indexer if by_hand else new.indexer,
            guid=old.guid if by_hand else new.guid,
            name=old.name if poorer else new.name,
            size_bytes=old.size_bytes if poorer else new.size_bytes,
            private=old.private or new.private,
            entries=old.entries if poorer else new.entries,
        )
    known = {
        "client": new.client,
        "ticket_id": new.ticket_id,
        "indexer": new.indexer,
        "guid": new.guid,
        "name": clean(new.name),
        "save_path": new.save_path,
        "size_bytes": new.size_bytes,
        "private": new.private,
        "entries": new.entries,
        "removed_at": new.removed_at,
    }
    if old is not None and old.removed_at is not None:
        known |= {"added_at": new.added_at, "completed_at": new.completed_at}
    counted = {
        "state": new.state,
        "progress": new.progress,
        "downloaded": new.downloaded,
        "uploaded": new.uploaded,
        "ratio": new.ratio,
        "seeding_secs": new.seeding_secs,
        "last_client_secs": new.seeding_secs,
        "last_seen_at": new.last_seen_at,
        "error": new.error,
    }
    times = {"added_at": new.added_at, "completed_at": new.completed_at}
    await tx.execute(
        insert(tx, torrent)
        .values({"info_hash": new.info_hash, **known, **counted, **times})
        .on_conflict_do_update(index_elements=[c.info_hash], set_=known)
    )


async def get(tx: Tx, info_hash: InfoHash) -> TorrentRecord | None:
    row = (await tx.execute(select(torrent).where(c.info_hash == info_hash))).one_or_none()
    return None if row is None else _record(row)


async def of_hashes(tx: Tx, hashes: Collection[str]) -> dict[str, TorrentRecord]:
    """These torrents by their hash, in one query."""
    rows = await tx.execute(select(torrent).where(c.info_hash.in_(hashes)))
    return {record.info_hash: record for record in map(_record, rows)}


async def by_guid(tx: Tx, guid: str, indexer: str | None = None) -> TorrentRecord | None:
    """The torrent that came from this release (of that indexer, if given: two may use the same guid): one still held before
    one removed, then the newest."""
    order = (c.removed_at.is_not(None), c.added_at.desc())
    whose = (c.guid == guid, *([c.indexer == indexer] if indexer is not None else []))
    row = (await tx.execute(select(torrent).where(*whose).order_by(*order).limit(1))).one_or_none()
    return None if row is None else _record(row)


async def live(tx: Tx, client: str) -> list[TorrentRecord]:
    """The torrents `client` should hold, oldest first."""
    rows = await tx.execute(select(torrent).where(c.client == client, c.removed_at.is_(None)).order_by(c.added_at))
    return [_record(row) for row in rows]


async def totals(tx: Tx, client: str) -> Totals:
    """Sums over everything this client ever held for us."""
    seeding = case((c.state == TorrentState.SEEDING, 1), else_=0)
    statement = select(func.coalesce(func.sum(c.downloaded), 0), func.coalesce(func.sum(seeding), 0))
    downloaded, alive = (await tx.execute(statement.where(c.client == client))).one()
    return Totals(int(downloaded), int(alive))


async def removed(tx: Tx, info_hash: InfoHash, at: datetime) -> None:
    """The torrent has left its client. What it did stays on record."""
    await tx.execute(update(torrent).where(c.info_hash == info_hash).values(state=TorrentState.REMOVED, removed_at=at))


async def observe(tx: Tx, statuses: Sequence[TorrentStatus], at: datetime) -> None:
    """Keep what a client says of its torrents. Torrents we did not add are passed over."""
    batch: list[dict[str, object]] = []
    for start in range(0, len(statuses), CHUNK):
        chunk = {status.info_hash: status for status in statuses[start : start + CHUNK]}
        columns = (c.info_hash, c.seeding_secs, c.last_client_secs, c.completed_at)
        for row in await tx.execute(select(*columns).where(c.info_hash.in_(chunk))):
            info_hash, counted, reported, completed_at = row
            status = chunk[InfoHash(info_hash)]
            batch.append(
                {
                    "of": info_hash,
                    "state": status.state,
                    "progress": status.progress,
                    "downloaded": status.downloaded_bytes,
                    "uploaded": status.uploaded_bytes,
                    "ratio": status.ratio,
                    "seeding_secs": seeded(counted, reported, status.seeding_secs),
                    "last_client_secs": status.seeding_secs,
                    "completed_at": completed_at or (at if status.complete else None),
                    "last_seen_at": at,
                    "error": status.error,
                }
            )
    if batch:
        names = [name for name in batch[0] if name != "of"]
        changes = {name: bindparam(name, type_=c[name].type) for name in names}
        await tx.execute(update(torrent).where(c.info_hash == bindparam("of")).values(changes), batch)


def seeded(counted: int, last_reported: int, reported: int) -> int:
    """Our count after a report. A client's counter that went back was reset: all it shows now is new."""
    return counted + (reported - last_reported if reported >= last_reported else max(0, reported))


def _record(row: Row[*tuple[Any, ...]]) -> TorrentRecord:
    facts = {name: value for name, value in row._mapping.items() if name != "last_client_secs"}
    return TorrentRecord(**facts | {"state": TorrentState(row.state)})
