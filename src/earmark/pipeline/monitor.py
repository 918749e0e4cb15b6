"""Between the acts: one look at the client at a time feeds progress, completion, trouble and seeding time. The only reader
of the client in the house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from earmark.core.reasons import EarmarkError, PermanentError, Reason, TransientError
from earmark.core.stalling import ITS_OWN_TROUBLE, Sight, is_at_fault, rounds_lost
from earmark.core.states import Converting, Downloading, StatePayload, TicketState
from earmark.core.ticket import Ticket, TicketId, Waiting
from earmark.core.torrents import InfoHash, TorrentState, TorrentStatus
from earmark.pipeline.bus import Message
from earmark.pipeline.duties import resume_what_owes
from earmark.pipeline.failover import STALLED, give_way, let_go
from earmark.pipeline.grab import give_to_client
from earmark.pipeline.house import House, log
from earmark.pipeline.outside import adopt
from earmark.pipeline.progress import Progress
from earmark.pipeline.settle import fail
from earmark.store import Severity, Tx, alerts, tickets, torrents

S = TicketState

BUSY_SECS = 1.0  # how often the embedded client is looked at while something downloads: progress is live
MISSING_GRACE_SECS = 15.0  # a client may take a moment before it lists a torrent it accepted
BIND_SAVE_SECS = 2.0
HEALS_BY_ITSELF = frozenset({"disk_full"})


async def watch(house: House) -> float:
    """One look at the client; a client that is away raises an alert and is asked again. Says when to look next."""
    pause = house.settings.processing.check_interval_secs
    try:
        if house.client_identity is None:
            house.client_identity = await house.client.about()
        if await look(house) and house.settings.client.kind == "embedded":
            pause = min(pause, BUSY_SECS)
    except EarmarkError as error:
        async with house.write() as tx:
            await alerts.raise_(tx, "client", Severity.ERROR, error.reason, house.now())
    return pause


async def look(house: House) -> bool:
    """One look. Tells whether a download is under way."""
    statuses = await house.client.snapshot()
    house.held, house.looked_at = statuses, house.now()
    house.rates = (sum(s.download_rate for s in statuses.values()), sum(s.upload_rate for s in statuses.values()))
    async with house.write() as tx:
        await alerts.clear(tx, "client", house.now())
        if not any(s.error is not None and s.error.code == "disk_full" for s in statuses.values()):
            await alerts.clear(tx, f"disk:{house.download_dir}", house.now())
        await adopt(house, tx, statuses)
        await torrents.observe(tx, list(statuses.values()), house.now())
        downloading = [t for t in await tickets.in_states(tx, {S.DOWNLOADING}) if _unfinished(t)]
        left = {t.id: InfoHash(t.torrent_hash or "") for t in downloading if await _follow(house, tx, t, statuses)}
    for info_hash in left.values():
        await let_go(house, info_hash)
    downloading = [t for t in downloading if t.id not in left]
    for gone in house.still_since.keys() - {t.id for t in downloading}:
        del house.still_since[gone]
    await _bring_back_lost(house, downloading, statuses)
    await resume_what_owes(house, statuses)
    return bool(downloading)


def _unfinished(ticket: Ticket) -> bool:
    return isinstance(ticket.payload, Downloading) and ticket.payload.finished_at is None


async def _follow(house: House, tx: Tx, ticket: Ticket, statuses: Mapping[InfoHash, TorrentStatus]) -> bool:
    """Bring one download's ticket up to date. Tells whether the ticket has gone on without this torrent."""
    payload = ticket.payload
    if not isinstance(payload, Downloading):
        return False
    status = statuses.get(InfoHash(payload.torrent_hash))
    if status is None:
        return False
    now = house.now()
    if status.complete and await _is_written(house, tx, ticket.id, status):
        done = replace(payload, progress_pct=100.0, download_speed_bps=0, eta_secs=None, finished_at=now)
        await tickets.update_payload(tx, ticket.id, done, now)
        await tickets.wait(tx, ticket.id, None, wake_at=now, at=now, attempt=0)
        house.progress.pop(ticket.id, None)
        return False
    still: timedelta | None = None
    if status.state is TorrentState.ERROR and status.error is not None:
        await _trouble(house, tx, ticket, status.error)
        if status.error.code not in HEALS_BY_ITSELF:
            return False
    else:
        still = _still_for(house, ticket.id, payload, status)
        if await _stands_still(house, tx, ticket, still, status):
            return True
    fresh = replace(
        payload,
        slot_given_up=_leaves_slot(house, still, status),
        progress_pct=round(100 * status.progress, 2),
        download_speed_bps=status.download_rate,
        eta_secs=status.eta_secs,
    )
    if fresh != payload:
        await tickets.update_payload(tx, ticket.id, fresh, now)
    _tell(house, ticket.id, status)
    return False


async def _is_written(house: House, tx: Tx, ticket_id: TicketId, status: TorrentStatus) -> bool:
    """Do the files stand on the disk? The embedded client counts what it has checked, a moment before all of it is written,
    and only then hears that a disk is full. After a while it is taken at its word: what is missing then is told by name."""
    if house.client.name != "embedded":
        return True
    record = await torrents.get(tx, status.info_hash)
    since = house.still_since.setdefault(ticket_id, house.now())
    if record is None or house.now() - since > timedelta(seconds=MISSING_GRACE_SECS):
        return True
    return all(_size_of(Path(status.save_path) / entry.path) >= entry.size for entry in record.entries)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _still_for(house: House, ticket_id: TicketId, before: Downloading, status: TorrentStatus) -> timedelta | None:
    """How long this download has not moved, as far as we watched; None when it moves."""
    now = house.now()
    since = house.still_since.setdefault(ticket_id, now)
    if status.download_rate > 0 or round(100 * status.progress, 2) != before.progress_pct:
        house.still_since[ticket_id] = now
        return None
    return now - since


async def _stands_still(house: House, tx: Tx, ticket: Ticket, still: timedelta | None, status: TorrentStatus) -> bool:
    """A download that does not move says so, with what the tracker said or how many have it, and gives way to another
    release when its time is up: then True. One that moves again waits for nothing."""
    now, limits = house.now(), house.settings.processing.stall_limits
    if still is None:
        if ticket.waiting is not None:
            await tickets.wait(tx, ticket.id, None, wake_at=None, at=now)
        return False
    secs = still.total_seconds()
    lost = rounds_lost(Sight(secs, status.seeds, status.peers, status.progress, is_at_fault(status)), limits)
    waiting = ticket.waiting.reason if ticket.waiting is not None else None
    told = waiting is not None and waiting.evidence.get("rounds") == lost
    if lost and not told and await give_way(house, tx, ticket, lost, _stalled(STALLED, status, secs)):
        log.info("download_gave_way", ticket=ticket.id, still_secs=round(secs), rounds=lost)
        house.still_since.pop(ticket.id, None)
        house.progress.pop(ticket.id, None)
        return True
    nobody = not status.seeds and not status.peers
    reason = status.error or (_stalled("no_peers" if nobody else STALLED, status, secs) if secs >= limits[0] else None)
    if reason is None:
        return False
    reason = replace(reason, evidence={**reason.evidence, "rounds": lost})
    if waiting is None or waiting.code != reason.code or not told:
        await tickets.wait(tx, ticket.id, Waiting(reason, now - still), wake_at=None, at=now)
    return False


def _leaves_slot(house: House, still: timedelta | None, status: TorrentStatus) -> bool:
    """One that has stood still for long lets another download meanwhile, unless it is the tracker that is away: then
    others would fare no better. One that moves again is not stopped: for so long there is one more than allowed."""
    away = status.error is not None and status.error.code == ITS_OWN_TROUBLE
    patience = timedelta(seconds=house.settings.processing.stall_second_secs)
    return still is not None and still >= patience and not away


def _stalled(code: str, status: TorrentStatus, still_secs: float) -> Reason:
    return Reason(
        code,
        f"Nothing has arrived for {still_secs / 60:.0f} minutes; {status.seeds} seeds and {status.peers} peers are connected.",
        "Wait for somebody to seed it, or refuse this release, or cancel the ticket.",
        {
            "still_secs": round(still_secs),
            "peers": status.peers,
            "seeds": status.seeds,
            "progress": round(status.progress, 4),
        },
    )


def _tell(house: House, ticket_id: TicketId, status: TorrentStatus) -> None:
    done = status.progress * status.total_bytes
    progress = replace(
        Progress.of(S.DOWNLOADING, status.state.lower(), done, status.total_bytes, "bytes", status.name),
        speed_bps=status.download_rate,
        eta_secs=status.eta_secs,
    )
    house.progress[ticket_id] = progress
    house.bus.publish(Message("progress", ticket_id, progress.as_json()))


async def _trouble(house: House, tx: Tx, ticket: Ticket, reason: Reason) -> None:
    """A full disk pauses and heals by itself once there is room; any other client error fails the ticket."""
    now = house.now()
    if reason.code not in HEALS_BY_ITSELF:
        await fail(tx, ticket, reason, at=now)
        house.progress.pop(ticket.id, None)
        return
    await alerts.raise_(tx, f"disk:{house.download_dir}", Severity.ERROR, reason, now)
    if ticket.waiting is None or ticket.waiting.reason.code != reason.code:
        await tickets.wait(tx, ticket.id, Waiting(reason, now), wake_at=None, at=now)


async def _bring_back_lost(house: House, downloading: list[Ticket], statuses: Mapping[InfoHash, TorrentStatus]) -> None:
    """Torrents a ticket counts on but the client does not list are added again from our own copy; those that stopped
    for want of disk space go on once there is some."""
    for ticket in downloading:
        payload = ticket.payload
        if not isinstance(payload, Downloading):
            continue
        info_hash = InfoHash(payload.torrent_hash)
        status = statuses.get(info_hash)
        try:
            if status is None and _older(ticket.updated_at, house.now(), MISSING_GRACE_SECS):
                log.warning("torrent_missing", ticket=ticket.id, info_hash=info_hash)
                await give_to_client(house, info_hash)
            elif status is not None and status.error is not None and status.error.code == "disk_full":
                await _go_on_if_there_is_room(house, status)
        except PermanentError as error:
            async with house.write() as tx:
                await fail(tx, ticket, error.reason, at=house.now())
            house.progress.pop(ticket.id, None)
        except TransientError as error:
            log.warning("torrent_not_brought_back", ticket=ticket.id, code=error.reason.code)


async def _go_on_if_there_is_room(house: House, status: TorrentStatus) -> None:
    missing = round((1 - status.progress) * status.total_bytes)
    reserve = min(house.settings.processing.min_free_space_mib * 1024**2, missing)
    if house.free_bytes(house.download_dir) > missing + reserve:
        # What a client counted as written may never have reached the disk: it is looked at before it goes on.
        await house.client.recheck(status.info_hash)
        await house.client.resume(status.info_hash)
        async with house.write() as tx:
            await alerts.clear(tx, f"disk:{house.download_dir}", house.now())


async def save_bind_progress(house: House) -> float:
    """Bring the payloads of tickets that are being bound up to date with what the binder last told."""
    binding = {id: p for id, p in house.progress.items() if p.state is S.CONVERTING}
    if binding:
        async with house.db.read() as tx:
            found = [await tickets.get(tx, ticket_id) for ticket_id in binding]
        for ticket in found:
            fresh = _bound_so_far(ticket.payload, binding[ticket.id]) if ticket is not None else None
            if ticket is not None and fresh is not None and fresh != ticket.payload:
                async with house.write() as tx:
                    await tickets.update_payload(tx, ticket.id, fresh, house.now())
    return BIND_SAVE_SECS


def _bound_so_far(payload: StatePayload, progress: Progress) -> StatePayload:
    if not isinstance(payload, Converting):
        return payload
    return replace(
        payload,
        current_track_idx=min(progress.chapter_idx or 0, max(payload.total_tracks - 1, 0)),
        current_track_name=progress.label,
        done_secs=progress.done,
        total_secs=progress.total,
    )


def _older(then: datetime, now: datetime, secs: float) -> bool:
    return now - then > timedelta(seconds=secs)
