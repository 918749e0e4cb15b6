"""What finished torrents still owe their tracker: each must stay in the client, whole and running, until its hours are
seeded. What stands in the way is resumed where that helps, and told as an alert where only a person can help."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from earmark.core.reasons import Reason
from earmark.core.seeding import needed_seconds, owes_nothing, tracker_of
from earmark.core.torrents import InfoHash, TorrentState, TorrentStatus
from earmark.pipeline.house import House
from earmark.store import Severity, TorrentRecord, Tx, alerts, events, torrents

EVERY_SECS = 60.0
GONE_AFTER = timedelta(minutes=2)  # a client may be restarting, or checking what it holds


async def watch_duties(house: House) -> float:
    """Compare what should be seeding with what the client held at the last look. Wants to be done again in a minute."""
    if house.looked_at is None or house.now() - house.looked_at > GONE_AFTER:
        return EVERY_SECS  # the client is away: that has an alert of its own
    held = house.held
    async with house.db.read() as tx:
        seeding = [r for r in await torrents.live(tx, house.client.name) if r.completed_at is not None]
        standing = {alert.key for alert in await alerts.active(tx)}
    for record in seeding:
        trouble = _trouble(house, record, held)
        key = f"torrent:{record.info_hash}"
        if trouble is not None or key in standing:
            async with house.write() as tx:
                await _tell(house, tx, record, key, trouble)
    return EVERY_SECS


async def resume_what_owes(house: House, statuses: Mapping[InfoHash, TorrentStatus]) -> None:
    """A private torrent that has not seeded its hours is never left paused (C-057). One that another program took is that
    program's to run: its standing still is told instead."""
    for status in statuses.values():
        if not status.private or status.progress < 1.0 or status.state is not TorrentState.PAUSED:
            continue
        async with house.db.read() as tx:
            record = await torrents.get(tx, status.info_hash)
        if record is None or record.ticket_id is None or is_done(house, record):
            continue
        await house.client.resume(status.info_hash)
        async with house.write() as tx:
            note: dict[str, str | int] = {"what": "seeding_resumed", "seeded_secs": record.seeding_secs}
            await events.append(tx, record.ticket_id, "note", dict(note), house.now())


def is_done(house: House, record: TorrentRecord) -> bool:
    seeding = house.settings.seeding
    return owes_nothing(
        tracker_of(record.indexer, record.guid),
        seeded_secs=record.seeding_secs,
        ratio=record.ratio,
        configured_hours=seeding.hours,
        configured_ratio=seeding.ratio,
    )


def _trouble(house: House, record: TorrentRecord, held: Mapping[InfoHash, TorrentStatus]) -> Reason | None:
    status = held.get(record.info_hash)
    if status is not None and status.state is TorrentState.PAUSED:
        return _stands_still(house, record) if record.ticket_id is None and record.private else None
    if status is not None:
        return status.error if status.state is TorrentState.ERROR else None
    if record.last_seen_at is not None and house.now() - record.last_seen_at < GONE_AFTER:
        return None
    owed = _owed(house, record)
    return Reason(
        "torrent_gone",
        f"“{record.name}” is no longer in {house.client.name}"
        + ("." if is_done(house, record) else f", and still owes its tracker {owed / 3600:.1f} h of seeding."),
        "Add its torrent to the client again over the same files"
        + (", or retry the ticket." if record.ticket_id else "."),
        {"info_hash": record.info_hash, "seeded_secs": record.seeding_secs, "owed_secs": max(owed, 0)},
    )


def _stands_still(house: House, record: TorrentRecord) -> Reason:
    owed = _owed(house, record)
    return Reason(
        "torrent_paused_owing",
        f"“{record.name}”, which another program took, is paused in {house.client.name} and still owes its tracker "
        f"{owed / 3600:.1f} h of seeding.",
        f"Let it go on in {house.client.name}: Earmark leaves alone what another program runs.",
        {"info_hash": record.info_hash, "seeded_secs": record.seeding_secs, "owed_secs": max(owed, 0)},
    )


def _owed(house: House, record: TorrentRecord) -> int:
    return needed_seconds(tracker_of(record.indexer, record.guid), house.settings.seeding.hours) - record.seeding_secs


async def _tell(house: House, tx: Tx, record: TorrentRecord, key: str, trouble: Reason | None) -> None:
    """Raise or clear the alert; what is gone and owed nothing is simply noted as removed."""
    if trouble is None:
        await alerts.clear(tx, key, house.now())
    elif trouble.code == "torrent_gone" and is_done(house, record):
        await torrents.removed(tx, record.info_hash, house.now())
        await alerts.clear(tx, key, house.now())
    elif not is_done(house, record):
        await alerts.raise_(tx, key, Severity.ERROR, trouble, house.now())
