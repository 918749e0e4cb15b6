"""Who is due? Waiting is a row with a state, never a running act: this loop finds the rows whose time has come, gives each
to the engine as a new run, and tells the bus what the store has recorded since."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeAlias

from earmark.core.states import SEARCHABLE, Downloading, TicketState
from earmark.core.ticket import Ticket, TicketId
from earmark.pipeline.bus import Message
from earmark.pipeline.house import House, log
from earmark.store import Event, Tx, events, tickets

S = TicketState

WORKING = frozenset(
    {S.PENDING, S.SEARCHING, S.MATCHING, S.AUTO_APPROVED, S.APPROVED, S.DOWNLOADING, S.CONVERTING, S.PLACING}
)

Act: TypeAlias = Literal["acquire", "deliver", "clear"]

STRANDED_SECS = 15.0  # how often we look for tickets whose run broke off (the store could not be written, say)
IDLE_SECS = 0.5  # how stale a due row or an event of another process may get


class Runner(Protocol):
    """What the dispatcher needs of the engine."""

    async def start_act(self, act: Act, ticket_id: TicketId, run: int, priority: int) -> None:
        """Start a run under its own name: the same run started twice runs once."""
        ...

    async def is_live(self, ticket_id: TicketId, run: int) -> bool:
        """Is this run queued or running?"""
        ...

    async def has_ended(self, ticket_id: TicketId, run: int) -> bool:
        """Did this run come to its own end?"""
        ...


async def keep_dispatching(house: House, runner: Runner, stop: asyncio.Event) -> None:
    """Start what is due, at once when there is news, until told to stop."""
    looked_at = time.monotonic()
    while not stop.is_set():
        house.news.clear()
        try:
            await open_slots(house)
            await start_due(house, runner)
            if time.monotonic() - looked_at > STRANDED_SECS:
                looked_at = time.monotonic()
                await wake_the_dropped(house, runner)
        except Exception:
            log.exception("dispatcher_broke")
        await _news_or(house.news, IDLE_SECS)


async def start_due(house: House, runner: Runner) -> int:
    """Give every due ticket to the engine. Returns how many."""
    async with house.db.read() as tx:
        due = await tickets.due(tx, house.now())
    for seen in due:
        async with house.write() as tx:
            begun = await _begin(tx, seen, house.now())
        # A crash right here leaves a run without an engine's record: `wake_the_stranded` finds it at the next start.
        if begun is not None:
            act, ticket = begun
            await _start(house, runner, act, ticket)
    return len(due)


async def _begin(tx: Tx, seen: Ticket, now: datetime) -> tuple[Act, Ticket] | None:
    """Count a new run and choose its act by the row as it is now: a person may have cancelled the ticket, or sent it to
    search again, since it was seen to be due."""
    ticket = await tickets.require(tx, seen.id)
    if ticket.run != seen.run or ticket.wake_at is None or ticket.wake_at > now:
        return None  # another worker was faster, or it is not due any more
    act = act_for(ticket)
    if act is None:
        await tickets.wait(tx, ticket.id, ticket.waiting, wake_at=None, at=now)
        return None
    # Writers take turns on both databases, so the row cannot change before this transaction ends.
    return act, replace(ticket, run=await tickets.begin_run(tx, ticket.id, ticket.run, now))


async def _start(house: House, runner: Runner, act: Act, ticket: Ticket) -> None:
    try:
        await runner.start_act(act, ticket.id, ticket.run, ticket.request.priority)
    except Exception:
        async with house.write() as tx:
            await tickets.wait(tx, ticket.id, ticket.waiting, wake_at=house.now(), at=house.now())
        raise


def act_for(ticket: Ticket) -> Act | None:
    """Which act moves a ticket on from where it is."""
    state = ticket.state
    if state is S.CANCELLED:
        return "clear"
    if state in {S.CONVERTING, S.PLACING} or (isinstance(ticket.payload, Downloading) and ticket.payload.finished_at):
        return "deliver"
    if state is S.DOWNLOADING or (state in SEARCHABLE and state not in {S.FAILED, S.NEEDS_APPROVAL}):
        return "acquire"
    return None


async def open_slots(house: House) -> None:
    """Wake as many tickets that wait for a download slot as there are free ones, highest priority first."""
    async with house.db.read() as tx:
        free = house.settings.processing.max_parallel_downloads - await tickets.slots_taken(tx)
        woken = await tickets.waiting_for(tx, "download_slots", free) if free > 0 else []
    if woken:
        async with house.write() as tx:
            await tickets.wake(tx, woken, house.now())


async def wake_the_stranded(house: House, runner: Runner) -> None:
    """After a start: whoever stands in a working state without a run of the engine is due again, and whoever was
    cancelled without having been cleared up."""
    async with house.db.read() as tx:
        standing = [t for t in await tickets.in_states(tx, WORKING) if t.wake_at is None]
        cancelled = [t for t in await tickets.in_states(tx, {S.CANCELLED}) if t.wake_at is None]
    await _wake(house, [t for t in standing if not await runner.is_live(t.id, t.run)])
    # The engine remembers runs for as long as the settings say; older ones are not asked about.
    since = house.now() - timedelta(days=house.settings.processing.history_days)
    recent = [t for t in cancelled if t.updated_at > since and not await runner.is_live(t.id, t.run)]
    await _wake(house, [t for t in recent if not await runner.has_ended(t.id, t.run)])


async def wake_the_dropped(house: House, runner: Runner) -> None:
    """While we run: a run that broke off without settling its ticket is made up for. A ticket that was touched a moment
    ago may have a run that is just being begun, here or by another worker. Who waits, for a slot or for bytes, has no run
    and is left alone."""
    quiet = house.now() - timedelta(seconds=STRANDED_SECS)
    async with house.db.read() as tx:
        standing = await tickets.idle(tx, WORKING, untouched_since=quiet)
    moving = [t for t in standing if not (isinstance(t.payload, Downloading) and t.payload.finished_at is None)]
    dropped = [t for t in moving if not await runner.is_live(t.id, t.run)]
    if not dropped:
        return
    async with house.db.read() as tx:  # a run that has just ended may have moved its ticket on meanwhile
        now = {t.id: t for t in await tickets.in_states(tx, WORKING)}
    await _wake(house, [t for t in dropped if now.get(t.id) == t])


async def _wake(house: House, some: Sequence[Ticket]) -> None:
    if some:
        async with house.write() as tx:
            await tickets.wake(tx, [ticket.id for ticket in some], house.now())


async def cry_events(house: House, stop: asyncio.Event) -> None:
    """Tell the bus of every recorded event, in order, whichever process recorded it."""
    seq: int | None = None
    while not stop.is_set():
        try:
            async with house.db.read() as tx:
                if seq is None:
                    seq = await events.last_seq(tx)
                fresh = await events.since(tx, seq)
        except Exception:  # the store is away for a moment: what it holds is told when it is back
            log.exception("crier_broke")
            await asyncio.sleep(IDLE_SECS)
            continue
        for event in fresh:
            seq = event.seq
            house.bus.publish(as_message(event))
        if not fresh:
            await _news_or(house.recorded, IDLE_SECS)
            house.recorded.clear()


def as_message(event: Event) -> Message:
    return Message(event.type, event.ticket_id, event.payload | {"at": event.at.isoformat()}, event.seq)


async def _news_or(news: asyncio.Event, secs: float) -> None:
    try:
        await asyncio.wait_for(news.wait(), secs)
    except TimeoutError:
        return
