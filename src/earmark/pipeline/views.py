"""What the faces show, read in a few queries each: a ticket whole, lists, figures, health, the home page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from earmark import __version__
from earmark.core.decision import ScoredCandidate
from earmark.core.indexing import IndexerRecord
from earmark.core.release import Account
from earmark.core.states import NeedsApproval, TicketState
from earmark.core.ticket import Ticket, TicketId
from earmark.core.torrents import InfoHash, TorrentEntry
from earmark.core.wish import Kind
from earmark.pipeline.house import House
from earmark.pipeline.progress import Progress
from earmark.pipeline.roll import listed
from earmark.pipeline.standing import ALERT, unusable
from earmark.store import (
    Alert,
    DecisionRecord,
    Event,
    JournalEntry,
    Page,
    TaskRecord,
    TorrentRecord,
    alerts,
    candidates,
    decisions,
    events,
    journal,
    tasks,
    tickets,
    torrents,
)

S = TicketState

ACTIVE = frozenset(
    {S.PENDING, S.SEARCHING, S.MATCHING, S.AUTO_APPROVED, S.APPROVED, S.DOWNLOADING, S.CONVERTING, S.PLACING}
)
LATELY = timedelta(days=7)
HOME_ROWS = 50


@dataclass(frozen=True, slots=True)
class TicketView:
    ticket: Ticket
    events: list[Event]
    candidates: list[ScoredCandidate]
    decision: DecisionRecord | None
    torrent: TorrentRecord | None
    entries: tuple[TorrentEntry, ...]
    tasks: list[TaskRecord]
    journal: list[JournalEntry]
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    name: str
    status: Literal["ok", "warning", "error"]
    message: str
    action: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    status: Literal["ok", "warning", "error"]
    version: str
    checks: tuple[HealthCheck, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    """Figures over all tickets. Rates in bytes a second; `average_secs` from filing to shelf, of the last completed."""

    counts: dict[TicketState, int]
    completed_today: int
    failed_today: int
    completed_total: int
    downloaded_bytes: int
    download_bps: int
    upload_bps: int
    seeding: int
    average_secs: float | None


@dataclass(frozen=True, slots=True)
class HomeView:
    active: list[tuple[Ticket, Progress | None]]
    waiting: list[Ticket]
    recent: list[Ticket]
    counts: dict[TicketState, int]
    account: Account | None
    account_at: datetime | None
    alerts: list[Alert]
    health: Health
    stats: Stats


async def get(house: House, ticket_id: TicketId) -> Ticket:
    async with house.db.read() as tx:
        return await tickets.require(tx, ticket_id)


async def view(house: House, ticket_id: TicketId) -> TicketView:
    """Everything about one ticket."""
    async with house.db.read() as tx:
        ticket = await tickets.require(tx, ticket_id)
        made = await decisions.of_ticket(tx, ticket_id)
        held = await torrents.get(tx, InfoHash(ticket.torrent_hash)) if ticket.torrent_hash else None
        return TicketView(
            ticket=ticket,
            events=await events.of_ticket(tx, ticket_id),
            candidates=await candidates.of_ticket(tx, ticket_id),
            decision=made[-1] if made else None,
            torrent=held,
            entries=held.entries if held else (),
            tasks=await tasks.of_ticket(tx, ticket_id),
            journal=await journal.of_ticket(tx, ticket_id),
            progress=house.progress.get(ticket_id),
        )


async def listing(
    house: House,
    *,
    states: frozenset[TicketState] | None = None,
    kind: Kind | None = None,
    text: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> Page[Ticket]:
    async with house.db.read() as tx:
        return await tickets.page(tx, states=states, kind=kind, text=text, limit=limit, offset=offset)


async def jobs(house: House, *, limit: int, offset: int) -> Page[tuple[Ticket, TorrentRecord | None, Progress | None]]:
    """Tickets with their newest torrent and what is in hand: two queries, however many."""
    async with house.db.read() as tx:
        page = await tickets.page(tx, limit=limit, offset=offset)
        held = await torrents.of_hashes(tx, [t.torrent_hash for t in page.items if t.torrent_hash])
    return Page(tuple((t, held.get(t.torrent_hash or ""), house.progress.get(t.id)) for t in page.items), page.total)


async def events_since(house: House, seq: int, limit: int = 500) -> list[Event]:
    async with house.db.read() as tx:
        return await events.since(tx, seq, limit)


async def last_seq(house: House) -> int:
    async with house.db.read() as tx:
        return await events.last_seq(tx)


async def stats(house: House) -> Stats:
    midnight = house.now().replace(hour=0, minute=0, second=0, microsecond=0)
    async with house.db.read() as tx:
        counts = await tickets.counts(tx)
        today = await events.count_by_type(tx, midnight)
        totals = await torrents.totals(tx, house.client.name)
        average = await tickets.average_completion_secs(tx)
    return Stats(
        counts=counts,
        completed_today=today.get("completed", 0),
        failed_today=today.get("failed", 0),
        completed_total=counts.get(S.COMPLETED, 0),
        downloaded_bytes=totals.downloaded_bytes,
        download_bps=house.rates[0],
        upload_bps=house.rates[1],
        seeding=totals.seeding,
        average_secs=average,
    )


async def recommended(house: House, rows: Sequence[Ticket]) -> dict[TicketId, tuple[int, ScoredCandidate]]:
    """The recommended candidate and its index, of those tickets that wait for a choice and have one."""
    found: dict[TicketId, tuple[int, ScoredCandidate]] = {}
    async with house.db.read() as tx:
        for ticket in rows:
            idx = ticket.payload.recommended_idx if isinstance(ticket.payload, NeedsApproval) else None
            one = await candidates.get(tx, ticket.id, idx) if idx is not None else None
            if idx is not None and one is not None:
                found[ticket.id] = idx, one
    return found


async def home(house: House) -> HomeView:
    """What is happening now, what waits for a person, what came to an end lately."""
    async with house.db.read() as tx:
        active = await tickets.page(tx, states=ACTIVE, limit=HOME_ROWS)
        waiting = await tickets.page(tx, states=frozenset({S.NEEDS_APPROVAL}), limit=HOME_ROWS)
        recent = await tickets.page(tx, states=frozenset({S.COMPLETED, S.FAILED}), limit=12)
        raised = await alerts.active(tx)
    figures = await stats(house)
    return HomeView(
        active=[(t, house.progress.get(t.id)) for t in active.items],
        waiting=list(waiting.items),
        recent=list(recent.items),
        counts=figures.counts,
        account=house.account,
        account_at=house.account_at,
        alerts=raised,
        health=await health(house, raised),
        stats=figures,
    )


async def health(house: House, raised: list[Alert] | None = None) -> Health:
    """Named checks, each with its fix. Reads what the monitor and the acts last learnt; asks no third party."""
    if raised is None:
        async with house.db.read() as tx:
            raised = await alerts.active(tx)
    checks = (HealthCheck("database", "ok", f"{house.db.dialect} answers"), *await _indexer_checks(house, raised))
    checks += (_client_check(house, raised), _disk_check(house), *_privacy_check(house), *_seeding_check(raised))
    worst: Literal["ok", "warning", "error"] = "ok"
    for check in checks:
        if check.status == "error" or (check.status == "warning" and worst == "ok"):
            worst = check.status
    return Health(worst, __version__, checks)


async def _indexer_checks(house: House, raised: list[Alert]) -> tuple[HealthCheck, ...]:
    """One a switched-on indexer: what stands against it, and whether it is left alone for now. A failure that is over is
    told no more; one that could not be opened is, until it can be."""
    there = [record for record in await listed(house) if record.enabled]
    if not there:
        return (HealthCheck("indexers", "warning", "no tracker is set up", "Add one on the Indexers page."),)
    return tuple(_indexer_check(house, record, raised) for record in there)


def _indexer_check(house: House, record: IndexerRecord, raised: list[Alert]) -> HealthCheck:
    name, now = f"indexer {record.key}", house.now()
    check = _from_alert(name, f"{ALERT}{record.key}", "last answer was fine", raised)
    trouble = unusable(house, record)
    if trouble is not None and check.status == "ok":
        return HealthCheck(name, "error", trouble.reason.message, trouble.reason.action)
    if record.standing.disabled_till is None or not record.standing.paused(now):
        return check
    minutes = -(-(record.standing.disabled_till - now).total_seconds() // 60)
    return replace(check, message=f"{check.message} It is left alone for {minutes:.0f} min more.")


def _client_check(house: House, raised: list[Alert]) -> HealthCheck:
    return _from_alert(f"client {house.client.name}", "client", "answers", raised)


def _disk_check(house: House) -> HealthCheck:
    reserve = house.settings.processing.min_free_space_mib * 1024**2
    folder = house.download_dir if house.download_dir.exists() else house.data_dir
    free = house.free_bytes(folder)
    if free < reserve:
        return HealthCheck(
            "disk",
            "error",
            f"{free // 1024**2} MiB left on the download disk, {reserve // 1024**2} MiB are kept free",
            "Make room; grabs wait until then.",
        )
    return HealthCheck("disk", "ok", f"{free // 1024**3} GiB free on the download disk")


def _privacy_check(house: House) -> tuple[HealthCheck, ...]:
    told = house.client_identity
    if told is None or not (told.dht or told.pex or told.lsd) or told.name == "embedded":
        return ()
    on = ", ".join(n for n, v in (("DHT", told.dht), ("PeX", told.pex), ("LSD", told.lsd)) if v)
    return (
        HealthCheck(
            "privacy",
            "warning",
            f"{told.name} has {on} switched on; private torrents ignore them by their own flag",
            f"Switch {on} off in {told.name} if you only use private trackers.",
        ),
    )


def _seeding_check(raised: list[Alert]) -> tuple[HealthCheck, ...]:
    """Torrents that owe their tracker seeding and cannot."""
    stopped = [alert for alert in raised if alert.key.startswith("torrent:")]
    if not stopped:
        return ()
    first = stopped[0].reason
    message = (
        first.message if len(stopped) == 1 else f"{len(stopped)} torrents owe seeding and do not seed. {first.message}"
    )
    return (HealthCheck("seeding", "error", message, first.action),)


def _from_alert(name: str, key: str, fine: str, raised: list[Alert]) -> HealthCheck:
    for alert in raised:
        if alert.key == key:
            return HealthCheck(name, "error", alert.reason.message, alert.reason.action)
    return HealthCheck(name, "ok", fine)
