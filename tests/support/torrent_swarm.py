"""A small world for torrent tests: a tracker, a seeder, books to download, and embedded clients on loopback."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from earmark.clients.embedded import EmbeddedClient, EmbeddedConfig
from earmark.sandbox.seeder import Seeder, make_torrent
from earmark.sandbox.tracker import Tracker

PASSKEY = "0123456789abcdef0123456789abcdef"


@dataclass
class Swarm:
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


@asynccontextmanager
async def swarm(folder: Path) -> AsyncIterator[Swarm]:
    """A running world in `folder`; its clients are closed at the end."""
    tracker, seeder = Tracker(interval=1), Seeder()
    await tracker.start()
    tracker.allow(PASSKEY)
    await seeder.start()
    world = Swarm(tracker, seeder, folder)
    try:
        yield world
    finally:
        for client in world.clients:
            await client.close()
        await seeder.stop()
        await tracker.stop()
