"""Opening and closing the whole house: store, tracker sessions, client, engine and the loops between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog

from earmark.clients import open_client
from earmark.core.naming import parse_pattern
from earmark.core.states import TERMINAL, TicketState
from earmark.core.ticket import TicketId
from earmark.indexers import MamIndexer, open_indexer, open_indexers, open_link_fetcher
from earmark.library.undo import sweep_orphans
from earmark.library.workspace import sweep
from earmark.media.bind import FfmpegBinder
from earmark.media.ffmpeg import find_ffmpeg
from earmark.metadata import open_providers
from earmark.pipeline.dispatch import cry_events, keep_dispatching, wake_the_stranded
from earmark.pipeline.duties import watch_duties
from earmark.pipeline.engine import Engine, one_process, trim_history
from earmark.pipeline.grabbing import tracker_places
from earmark.pipeline.house import House
from earmark.pipeline.indexing import check_order, open_added, tidy
from earmark.pipeline.loops import repeat
from earmark.pipeline.matching import SoberMatcher
from earmark.pipeline.mediaserver import tell_server
from earmark.pipeline.monitor import save_bind_progress, watch
from earmark.pipeline.outside import clear_box
from earmark.pipeline.space import empty_recycle, watch_space
from earmark.pipeline.tokens import Tokens
from earmark.pipeline.torrentbox import Box
from earmark.pipeline.witness import forget_witness_trouble
from earmark.ports import IndexerHealth
from earmark.servers import open_server
from earmark.settings import JackettSettings, ProwlarrSettings, ServerSettings, Settings
from earmark.store import Database, Vault, sole_service, tickets
from earmark.witness import open_witness

log = structlog.get_logger("earmark")


class VaultSession:
    """The tracker's rotating session cookie, kept encrypted."""

    def __init__(self, vault: Vault, name: str) -> None:
        self._vault = vault
        self._name = name

    async def load(self) -> str | None:
        return await self._vault.get(self._name)

    async def save(self, value: str) -> None:
        await self._vault.put(self._name, value)


@asynccontextmanager
async def open_house(
    settings: Settings,
    data_dir: Path,
    *,
    config_file: Path | None = None,
    reload_server: Callable[[], ServerSettings | None] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[House]:
    """A working house: everything runs from entering to leaving. Raises an EarmarkError that says what to mend when a
    part cannot be opened (another process on the data directory, a damaged database, no ffmpeg …)."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with one_process(data_dir):
        async with (
            _open_rooms(settings, data_dir, config_file, reload_server, clock) as house,
            sole_service(house.db),
            _running(house, Engine(house, database_url=_engine_url(settings))),
        ):
            yield house


@asynccontextmanager
async def _open_rooms(
    settings: Settings,
    data_dir: Path,
    config_file: Path | None,
    reload_server: Callable[[], ServerSettings | None] | None,
    clock: Callable[[], datetime],
) -> AsyncIterator[House]:
    """The parts, opened in order and closed in the reverse one."""
    parse_pattern(settings.library.pattern)
    tool = await asyncio.to_thread(
        partial(find_ffmpeg, settings.converter.ffmpeg_path, niceness=settings.converter.niceness)
    )
    db = await Database.open(_database(settings, data_dir), backup_dir=data_dir / "backups", now=clock)
    try:
        vault = Vault(db, data_dir / "vault.key", clock)
        watched = (config_file,) if config_file else ()
        tokens = Tokens(settings.server, data_dir, watched=watched, reload=reload_server)
        session = VaultSession(vault, "mam_id")
        indexers = await open_indexers(settings, session, clock=clock)
        client = await open_client(settings, data_dir, clock)
        house = House(
            settings=settings,
            data_dir=data_dir,
            db=db,
            vault=vault,
            tokens=tokens,
            indexers=indexers,
            client=client,
            binder=FfmpegBinder(tool, settings.converter.max_parallel_conversions),
            matcher=SoberMatcher(settings.matcher.auto_approve_threshold),
            server=open_server(settings, clock=clock),
            providers=open_providers(settings, clock=clock),
            witness=open_witness(settings),
            clock=clock,
            config_file=config_file,
            open_indexer=partial(open_indexer, clock=clock),
        )
        house.renew_session = _session_renewal(house, session)
        house.link_fetcher = open_link_fetcher(known_places=partial(tracker_places, house), clock=clock)
        try:
            yield house
        finally:
            await client.close()
            if house.server is not None:
                await house.server.close()
            for provider in house.providers:
                await provider.close()
            if house.witness is not None:
                await house.witness.close()
            for asking in list(house.asking.values()):
                asking.cancel()
            await house.registry.close()
            for indexer in (*house.indexers.values(), house.link_fetcher):
                await indexer.close()
    finally:
        await db.close()


@asynccontextmanager
async def _running(house: House, engine: Engine) -> AsyncIterator[None]:
    """Engine and loops, started after what a crash left was put in order."""
    await _put_in_order(house)
    await engine.start()
    house.stop_act = _stop_act(house, engine)
    stop = asyncio.Event()
    await wake_the_stranded(house, engine)
    loops = [asyncio.create_task(loop, name=name) for name, loop in _loops(house, engine, stop).items()]
    try:
        yield
    finally:
        stop.set()
        house.news.set()
        house.recorded.set()
        house.handed_over.set()
        house.shelved.set()
        await engine.stop()
        # The engine can remember nothing more, so whatever is still in hand counts as interrupted: what it started ends.
        left = list(house.steps)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.gather(*loops, return_exceptions=True)


def _stop_act(house: House, engine: Engine) -> Callable[[TicketId, int], Awaitable[None]]:
    async def stop(ticket_id: TicketId, run: int) -> None:
        in_hand = house.steps_of(ticket_id)  # before anything is awaited: the next run may begin meanwhile
        await engine.cancel(ticket_id, run)
        house.cut_short(in_hand)

    return stop


def _loops(house: House, engine: Engine, stop: asyncio.Event) -> dict[str, Coroutine[None, None, None]]:
    return {
        "monitor": repeat("monitor", partial(watch, house), stop, wake=house.handed_over),
        "duties": repeat("duties", partial(watch_duties, house), stop),
        "dispatcher": keep_dispatching(house, engine, stop),
        "crier": cry_events(house, stop),
        "media server": repeat("media server", partial(tell_server, house), stop, wake=house.shelved),
        "space": repeat("space", partial(watch_space, house), stop),
        "torrent copies": repeat("torrent copies", partial(clear_box, house), stop),
        "recycle": repeat("recycle", partial(empty_recycle, house), stop),
        "indexers": repeat("indexers", partial(tidy, house), stop),
        "history": repeat("history", partial(trim_history, engine, house), stop),
        "bind progress": repeat("bind progress", partial(save_bind_progress, house), stop),
    }


async def _put_in_order(house: House) -> None:
    """What a crash may have left: workspaces and half-placed files of tickets that no longer run."""
    async with house.db.read() as tx:
        running = {t.id for t in await tickets.in_states(tx, set(TicketState) - TERMINAL)}
    await forget_witness_trouble(house)
    await open_added(house)
    await check_order(house)
    await sweep(house.work_dir, running)
    library = house.settings.library
    for root in (library.audiobooks, library.ebooks):
        if root is not None and root.exists():
            await sweep_orphans(root.absolute(), running)
    Box(house.torrent_dir).sweep()
    for folder in (house.download_dir, house.work_dir):
        folder.mkdir(parents=True, exist_ok=True)


def _session_renewal(house: House, session: VaultSession) -> Callable[[str], Awaitable[IndexerHealth]]:
    async def renew(value: str) -> IndexerHealth:
        mam = house.indexers.get(MamIndexer.name)
        if isinstance(mam, MamIndexer):
            await mam.set_mam_id(value)
        else:
            await session.save(value)
            only_mam = house.settings.model_copy(update={"jackett": JackettSettings(), "prowlarr": ProwlarrSettings()})
            house.indexers |= await open_indexers(only_mam, session, clock=house.clock)
            mam = house.indexers[MamIndexer.name]
        return await mam.test()

    return renew


def _database(settings: Settings, data_dir: Path) -> Path | str:
    if settings.database.url is not None:
        return settings.database.url.get_secret_value()
    return settings.database.path or data_dir / "earmark.db"


def _engine_url(settings: Settings) -> str | None:
    """The engine keeps its own tables beside ours on PostgreSQL, in a file of its own with SQLite."""
    return settings.database.url.get_secret_value() if settings.database.url is not None else None
