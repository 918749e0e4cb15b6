"""Everything the acts and the faces share, put together once per process. Parts come in ready made, so that a test can
hand over its own clock, indexer or client."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from weakref import WeakValueDictionary

import structlog

from earmark.core.indexing import IndexerRecord
from earmark.core.newznab import Capabilities
from earmark.core.reasons import EarmarkError, PermanentError, Reason
from earmark.core.release import Account
from earmark.core.ticket import TicketId
from earmark.core.torrents import InfoHash, TorrentStatus
from earmark.pipeline.bus import Bus
from earmark.pipeline.progress import Progress
from earmark.pipeline.registry import Pen, Registry
from earmark.pipeline.tokens import Tokens
from earmark.ports import (
    AudioBinder,
    ClientIdentity,
    Indexer,
    IndexerHealth,
    Matcher,
    MediaServer,
    MetadataProvider,
    TorrentClient,
    Witness,
)
from earmark.settings import Settings
from earmark.settings_file import Changes
from earmark.store import Database, Tx, Vault

log = structlog.get_logger("earmark")

ACCOUNT_MAX_AGE_SECS = 300.0  # mam-api.md §3: the summary is cached on the site anyway


async def _nothing_runs(_: TicketId, __: int) -> None:
    return None


async def _no_session(_: str) -> IndexerHealth:
    return IndexerHealth(ok=False, message="This Earmark has no tracker with a session.")


def _no_opener(record: IndexerRecord, _: str | None) -> Indexer:
    raise PermanentError(
        Reason(
            "indexer_not_openable",
            f"This Earmark cannot open the indexer {record.name}.",
            "Run the service itself and try again there.",
            {"indexer": record.key},
        )
    )


class Keeper(Protocol):
    """Whoever keeps the settings file of this process."""

    def save(self, changes: Changes) -> Settings:
        """Write changes; raises `ConfigError` naming what is wrong, and then nothing has changed."""
        ...

    def locked(self, dotted: str) -> str | None:
        """Where "section.key" is set that cannot be changed here; None when it can."""
        ...


@dataclass(slots=True)
class StepInHand:
    """A step that runs in this process now."""

    ticket_id: TicketId
    may_be_cut: bool
    cut: bool = False


@dataclass(slots=True)
class House:
    """The composition root. `clock` is the only source of time for the acts."""

    settings: Settings
    data_dir: Path
    db: Database
    vault: Vault
    tokens: Tokens
    indexers: dict[str, Indexer]
    client: TorrentClient
    binder: AudioBinder
    matcher: Matcher
    server: MediaServer | None = None
    providers: tuple[MetadataProvider, ...] = ()
    witness: Witness | None = None
    bus: Bus = field(default_factory=Bus)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
    config_file: Path | None = None
    keeper: Keeper | None = None  # None: the settings of this process cannot be changed while it runs
    news: asyncio.Event = field(default_factory=asyncio.Event)  # something was written: look for due tickets
    recorded: asyncio.Event = field(default_factory=asyncio.Event)  # something was written: tell the bus
    shelved: asyncio.Event = field(default_factory=asyncio.Event)  # a book came to the shelf: tell the media server
    handed_over: asyncio.Event = field(default_factory=asyncio.Event)  # the client got something: look at it now
    progress: dict[TicketId, Progress] = field(default_factory=dict)
    account: Account | None = None
    account_at: datetime | None = None
    client_identity: ClientIdentity | None = None
    stop_act: Callable[[TicketId, int], Awaitable[None]] = _nothing_runs  # the engine's, once it has started
    renew_session: Callable[[str], Awaitable[IndexerHealth]] = _no_session  # the tracker's, when one is set up
    busy: Counter[TicketId] = field(
        default_factory=Counter
    )  # steps in hand: a cancelled one may need a moment to let go
    steps: dict[asyncio.Task[object], StepInHand] = field(default_factory=dict)  # by the task that runs them
    held: Mapping[InfoHash, TorrentStatus] = field(default_factory=dict)  # what the client held at the last look
    looked_at: datetime | None = None
    still_since: dict[TicketId, datetime] = field(default_factory=dict)  # downloads that do not move
    low_disks: dict[str, Reason] = field(default_factory=dict)  # by use, at the last look
    album_slots: asyncio.Semaphore | None = None  # tracks encoded at a time, over all albums; made by the first one
    rates: tuple[int, int] = (0, 0)  # bytes a second down and up, over all torrents
    link_fetcher: Indexer | None = None  # for links that other programs push; no place to search, so it is not listed
    turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)  # gone once nobody waits
    open_indexer: Callable[[IndexerRecord, str | None], Indexer] = _no_opener  # with its secret; of those added by hand
    registry: Registry = field(init=False)
    asking: dict[int, asyncio.Task[Capabilities | EarmarkError]] = field(
        default_factory=dict
    )  # by indexer: what it can do

    def __post_init__(self) -> None:
        self.registry = Registry(Pen(lambda: self.db, self.recorded.set))

    def now(self) -> datetime:
        return self.clock()

    @property
    def download_dir(self) -> Path:
        """Where the chosen client keeps downloads."""
        kind = self.settings.client.kind
        configured = {
            "embedded": self.settings.embedded.download_path,
            "qbittorrent": self.settings.qbittorrent.download_path,
            "transmission": self.settings.transmission.download_path,
        }[kind]
        return (configured or self.data_dir / "downloads").absolute()

    @property
    def work_dir(self) -> Path:
        return (self.settings.converter.temp_dir or self.data_dir / "work").absolute()

    @property
    def torrent_dir(self) -> Path:
        """Our private copies of .torrent files (they carry the passkey: 0700)."""
        return self.data_dir / "torrent-files"

    def steps_of(self, ticket_id: TicketId) -> list[asyncio.Task[object]]:
        return [task for task, step in self.steps.items() if step.ticket_id == ticket_id]

    def cut_short(self, tasks: Iterable[asyncio.Task[object]]) -> None:
        """End these steps now, save those that must run to their end. They answer as if they had stopped by themselves."""
        for task in tasks:
            step = self.steps.get(task)
            if step is not None and step.may_be_cut:
                step.cut = True
                task.cancel()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """One write transaction; after it whoever waits for news is told."""
        async with self.db.write() as tx:
            yield tx
        self.news.set()
        self.recorded.set()

    @asynccontextmanager
    async def in_turn(self, what: str) -> AsyncIterator[None]:
        """One at a time for each `what` in this process: callers who want the very same thing wait for the first one."""
        lock = self.turns.setdefault(what, asyncio.Lock())
        async with lock:
            yield

    async def fresh_account(self) -> Account | None:
        """The tracker account, asked for at most every five minutes; the last known one when the site is silent, left
        alone or switched off."""
        async with self.in_turn("account"):  # who comes meanwhile wants the answer too, not what was known before
            now = self.now()
            if self.account_at is not None and abs((now - self.account_at).total_seconds()) < ACCOUNT_MAX_AGE_SECS:
                return self.account
            self.account_at = now
            records = self.registry.records.values()
            resting = {record.key for record in records if not record.enabled or record.standing.paused(now)}
            for indexer in [one for key, one in self.indexers.items() if key not in resting]:
                try:
                    account = await indexer.account()
                except EarmarkError as error:
                    log.warning("account_not_read", indexer=indexer.name, code=error.reason.code)
                    continue
                if account is not None:
                    self.account = account
            return self.account

    def forget_account(self) -> None:
        """Another session may be another account, and none is none: the next who asks has it read anew."""
        self.account = self.account_at = None
