"""A small world for torrent tests: a tracker, a seeder, a book to download, and embedded clients on loopback."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from earmark.clients.embedded import EmbeddedClient, EmbeddedConfig
from earmark.core.torrents import InfoHash, TorrentState, TorrentStatus
from earmark.sandbox.seeder import Seeder, make_torrent
from earmark.sandbox.tracker import Tracker

PASSKEY = "0123456789abcdef0123456789abcdef"


@dataclass
class World:
    """Tracker and seeder, running; `folder` is for the test's files."""

    tracker: Tracker
    seeder: Seeder
    folder: Path
    clients: list[EmbeddedClient] = field(default_factory=list)

    @property
    def shelf(self) -> Path:
        return self.folder / "shelf"

    @property
    def downloads(self) -> Path:
        return self.folder / "downloads"

    def write_book(self, name: str = "A Book", sizes: tuple[int, ...] = (700_000, 300_001)) -> Path:
        """Noise in files of these sizes: `name/01.mp3`, `name/02.mp3` …"""
        book = self.shelf / name
        book.mkdir(parents=True)
        noise = random.Random(name)
        for number, size in enumerate(sizes, 1):
            (book / f"{number:02}.mp3").write_bytes(noise.randbytes(size))
        return book

    def torrent(self, book: Path, *, private: bool = True, piece_length: int | None = None) -> bytes:
        return make_torrent(book, self.tracker.url(PASSKEY), private=private, piece_length=piece_length)

    async def seed(self, book: Path, *, private: bool = True, piece_length: int | None = None) -> bytes:
        torrent = self.torrent(book, private=private, piece_length=piece_length)
        await self.seeder.seed(torrent, book.parent)
        return torrent

    def config(self, **changes: object) -> EmbeddedConfig:
        base = EmbeddedConfig(
            self.folder / "state",
            listen_address="127.0.0.1",
            utp=False,
            tick_secs=0.05,
            resume_save_secs=1,
            min_announce_secs=1,
            many_peers_per_address=True,
        )
        return replace(base, **changes)  # type: ignore[arg-type]

    async def client(self, **changes: object) -> EmbeddedClient:
        client = EmbeddedClient(self.config(**changes))
        await client.start()
        self.clients.append(client)
        return client

    def whole(self, book: Path) -> bool:
        """Did the book come over, byte for byte?"""
        return all(
            (self.downloads / book.name / path.relative_to(book)).read_bytes() == path.read_bytes()
            for path in book.rglob("*")
            if path.is_file()
        )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    tracker, seeder = Tracker(interval=1), Seeder()
    await tracker.start()
    tracker.allow(PASSKEY)
    await seeder.start()
    world = World(tracker, seeder, tmp_path)
    yield world
    for client in world.clients:
        await client.close()
    await seeder.stop()
    await tracker.stop()


async def _until(condition: Callable[[], Awaitable[object]], timeout: float = 30.0) -> None:
    async with asyncio.timeout(timeout):
        while not await condition():
            await asyncio.sleep(0.02)


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Wait until an async condition holds; fails after 30 s."""
    return _until


@pytest.fixture
def until_state() -> Callable[..., Awaitable[TorrentStatus]]:
    """Wait until a torrent is in one of the states, and return its status then; fails after 30 s."""

    async def wait(
        client: EmbeddedClient, info_hash: InfoHash, *states: TorrentState, timeout: float = 30.0
    ) -> TorrentStatus:
        seen: list[TorrentStatus | None] = []

        async def reached() -> bool:
            seen.append(await client.status(info_hash))
            return seen[-1] is not None and seen[-1].state in states

        try:
            await _until(reached, timeout)
        except TimeoutError:
            raise AssertionError(f"never reached {states}, last was {seen[-1]}") from None
        assert seen[-1] is not None
        return seen[-1]

    return wait
