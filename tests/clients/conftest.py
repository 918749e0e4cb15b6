"""A tracker, a seeder and embedded clients for each test, and patience for what takes its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from torrent_swarm import Swarm, swarm

from earmark.clients.embedded import EmbeddedClient
from earmark.core.torrents import InfoHash, TorrentState, TorrentStatus


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Swarm]:
    async with swarm(tmp_path) as world:
        yield world


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
