"""What the house has in hand about its indexers while it runs: the records as last written, questions under way, counts
against limits, and one pen for all that searches want written down. State only; `indexing` and `searching` use it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from earmark.core.indexing import IndexerRecord, Standing
from earmark.core.reasons import EarmarkError, Reason
from earmark.core.release import Release
from earmark.ports import SearchQuery
from earmark.store import Asked, Database, Offer, Severity, Tx, alerts, asked, indexers, offers

log = structlog.get_logger("earmark")

REWRITE_AFTER = timedelta(hours=6)
KNOWN_OFFERS = 50_000
LINGER_SECS = 0.05


@dataclass(frozen=True, slots=True)
class Heard:
    """How one question to one indexer ended."""

    releases: Sequence[Release]
    elapsed_ms: int
    error: EarmarkError | None = None


@dataclass(frozen=True, slots=True)
class Notes:
    """What is to be written down together. An alarm without a reason is over."""

    at: datetime
    offers: Sequence[Offer] = ()
    asked: Sequence[Asked] = ()
    stood: Sequence[tuple[int, Standing]] = ()
    alarms: Sequence[tuple[str, Reason | None]] = ()


class Pen:
    """Writes notes. All that come while another transaction is open go down in the next one together, so that hundreds of
    searches at once do not queue for the database one by one."""

    def __init__(self, db: Callable[[], Database], tell: Callable[[], None]) -> None:
        """`tell` is called when something was written that the bus should hear of."""
        self._db = db
        self._tell = tell
        self._open: list[Notes] = []
        self._round: asyncio.Task[None] | None = None  # that will take what is open
        self._last: asyncio.Task[None] | None = None  # begun last, whether it has taken yet or not
        self._timer: asyncio.TimerHandle | None = None
        self._known: OrderedDict[str, tuple[int, datetime]] = OrderedDict()
        self.pressing = False  # an alarm is not written down yet: whoever caused it should wait for that

    def add(self, notes: Notes) -> None:
        """To be written with whatever is written next, in a moment at the latest."""
        self._open.append(notes)
        self.pressing = self.pressing or bool(notes.alarms)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER_SECS, self._write_unwatched)

    async def keep(self, notes: Notes) -> None:
        """Return when it is written, and everything that was added before."""
        self._open.append(notes)
        await self.flush()

    async def flush(self) -> None:
        if self._open:
            await asyncio.shield(self._begin())
        elif self._last is not None and not self._last.done():
            await asyncio.shield(self._last)

    def _write_unwatched(self) -> None:
        self._begin().add_done_callback(_tell_failure)

    def _begin(self) -> asyncio.Task[None]:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._round is None:
            self._last = self._round = asyncio.create_task(self._write(), name="indexer notes")
        return self._round

    async def _write(self) -> None:
        batch: list[Notes] = []
        fresh: dict[str, Offer] = {}
        try:
            async with self._db().write() as tx:
                batch = self._take()
                fresh = await self._write_down(tx, batch)
            self._remember(fresh, max((notes.at for notes in batch), default=None))
        except BaseException:
            if self._round is asyncio.current_task():
                self._take()  # those who wait for this round hear of it; nothing is kept for a database that is away
            raise
        finally:
            self.pressing = any(notes.alarms for notes in self._open)
        if any(notes.alarms for notes in batch):
            self._tell()

    def _take(self) -> list[Notes]:
        """What is open; whoever comes from here on waits for the next round."""
        self._round = None
        batch, self._open = self._open, []
        return batch

    async def _write_down(self, tx: Tx, batch: Sequence[Notes]) -> dict[str, Offer]:
        """Returns the offers that were not on record yet: they are once this is committed."""
        if not batch:
            return {}
        at = max(notes.at for notes in batch)
        fresh = self._fresh((offer for notes in batch for offer in notes.offers), at)
        await offers.remember(tx, list(fresh.values()), at)
        await asked.note(tx, [one for notes in batch for one in notes.asked])
        for id, standing in {id: standing for notes in batch for id, standing in notes.stood}.items():
            await indexers.stand(tx, id, standing)
        for key, reason in {key: reason for notes in batch for key, reason in notes.alarms}.items():
            if reason is None:
                await alerts.clear(tx, key, at)
            else:
                await alerts.raise_(tx, key, Severity.ERROR, reason, at)
        return fresh

    def _fresh(self, told: Iterable[Offer], at: datetime) -> dict[str, Offer]:
        """Those that are not on record as they are, or were seen long ago."""
        fresh: dict[str, Offer] = {}
        for offer in told:
            key = offer.key
            known = self._known.get(key)
            if known is None or known[0] != hash(offer.release) or at - known[1] > REWRITE_AFTER:
                fresh[key] = offer
        return fresh

    def _remember(self, fresh: dict[str, Offer], at: datetime | None) -> None:
        if at is None:
            return
        for key, offer in fresh.items():
            self._known[key] = hash(offer.release), at
            self._known.move_to_end(key)
        while len(self._known) > KNOWN_OFFERS:
            self._known.popitem(last=False)


def _tell_failure(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.warning("indexer_notes_lost", error=type(error).__name__)


@dataclass(slots=True)
class Registry:
    """`records` holds every indexer that is not removed, by number; only `indexing` changes it."""

    pen: Pen
    records: dict[int, IndexerRecord] = field(default_factory=dict)
    read: bool = False  # the rows were read
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    under_way: dict[tuple[int, SearchQuery], asyncio.Task[Heard]] = field(default_factory=dict)
    answered: dict[int, float] = field(default_factory=dict)  # when each last answered, by the monotonic clock
    tallies: dict[tuple[int, str], deque[datetime]] = field(default_factory=dict)  # by number and "query" or "grab"
    alarmed: set[str] = field(default_factory=set)  # alerts of indexers that stand

    async def close(self) -> None:
        """End the questions under way and write down what is left to write."""
        left = list(self.under_way.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self.pen.flush()
