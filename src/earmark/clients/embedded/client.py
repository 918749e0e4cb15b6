"""The embedded client as the rest of the house sees it: the contract of `ports.TorrentClient`, in coroutines."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import libtorrent as lt

from earmark import __version__
from earmark.clients.embedded.config import EmbeddedConfig
from earmark.clients.embedded.engine import Engine
from earmark.clients.embedded.statefiles import log
from earmark.clients.worker import Worker
from earmark.core.torrents import InfoHash, SeedGoal, TorrentEntry, TorrentState, TorrentStatus
from earmark.ports import ClientIdentity

T = TypeVar("T")

FAILED = frozenset({TorrentState.ERROR, TorrentState.REMOVED})


class EmbeddedClient:
    """A BitTorrent client in this process. One of them owns a state folder at a time.

    It needs nothing else of Earmark and works as a library:

        async with EmbeddedClient(EmbeddedConfig(state_dir=Path("state"))) as client:
            info_hash = await client.add(Path("book.torrent").read_bytes(), Path("downloads"))
            if await client.wait_for_completion(info_hash, timeout=3600):
                print(await client.entries(info_hash))

    Every libtorrent call waits for libtorrent's own network thread, mostly for microseconds, but for much longer while
    that thread is busy. So all of them run in one worker thread: the event loop never waits, and since no second thread
    exists, the engine needs no locks.
    """

    name = "embedded"

    def __init__(self, config: EmbeddedConfig) -> None:
        self._config = config
        self._engine = Engine(config)
        self._worker = Worker("earmark-torrents")
        self._ticked = asyncio.Event()
        self._rounds: asyncio.Task[None] | None = None
        self._closed = False

    async def __aenter__(self) -> EmbeddedClient:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Open the port and bring all torrents back. Raises PermanentError when the port or the state folder is taken."""
        await self._do(self._engine.open)
        self._rounds = asyncio.create_task(self._go_round())

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._rounds is not None:
            self._rounds.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._rounds
        await self._do(self._engine.close)
        self._worker.stop()
        self._ticked.set()

    shutdown = close

    @property
    def listen_port(self) -> int:
        return self._engine.listen_port

    async def about(self) -> ClientIdentity:
        config = self._config
        return ClientIdentity(
            self.name, f"{__version__} (libtorrent {lt.__version__})", dht=config.dht, pex=config.pex, lsd=False
        )

    async def add(self, torrent: bytes, save_path: Path, *, goal: SeedGoal | None = None) -> InfoHash:
        return await self._do(lambda: self._engine.add(torrent, save_path, goal))

    async def add_magnet(self, uri: str, save_path: Path, *, goal: SeedGoal | None = None) -> InfoHash:
        return await self._do(lambda: self._engine.add_magnet(uri, save_path, goal))

    async def snapshot(self) -> Mapping[InfoHash, TorrentStatus]:
        return await self._do(self._engine.snapshot)

    async def status(self, info_hash: InfoHash) -> TorrentStatus | None:
        return await self._do(lambda: self._engine.status(info_hash))

    async def entries(self, info_hash: InfoHash) -> tuple[TorrentEntry, ...]:
        return await self._do(lambda: self._engine.entries(info_hash))

    async def wait_for_completion(self, info_hash: InfoHash, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - a deadline is an answer here, not an error
        """True once all files are there; False when the time is over (seconds), or the torrent failed or is not ours."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not self._closed:
                    status = await self.status(info_hash)
                    if status is None or status.state in FAILED:
                        return False
                    if status.complete:
                        return True
                    await self._ticked.wait()
        return False

    async def pause(self, info_hash: InfoHash) -> None:
        await self._do(lambda: self._engine.pause(info_hash))

    async def resume(self, info_hash: InfoHash) -> None:
        await self._do(lambda: self._engine.resume(info_hash))

    async def recheck(self, info_hash: InfoHash) -> None:
        await self._do(lambda: self._engine.recheck(info_hash))

    async def reannounce(self, info_hash: InfoHash) -> None:
        await self._do(lambda: self._engine.reannounce(info_hash))

    async def limit(self, info_hash: InfoHash, *, download_bps: int = 0, upload_bps: int = 0) -> None:
        await self._do(lambda: self._engine.limit(info_hash, download_bps, upload_bps))

    async def tag(self, info_hash: InfoHash, tags: Sequence[str]) -> None:
        """Does nothing: it has no face of its own that could show a label."""

    async def remove(self, info_hash: InfoHash, *, delete_files: bool = False) -> None:
        await self._do(lambda: self._engine.remove(info_hash, delete_files))

    async def _go_round(self) -> None:
        while True:
            try:
                await self._do(self._engine.tick)
            except Exception:  # one bad round must not end the care for all torrents
                log.exception("a round over the torrents failed")
            ticked, self._ticked = self._ticked, asyncio.Event()
            ticked.set()
            await asyncio.sleep(self._config.tick_secs)

    async def _do(self, work: Callable[[], T]) -> T:
        return await self._worker.do(work)
