"""A release that turns out broken, or that nobody seeds any more, gives way to the next one; what was downloaded whole
seeds on."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from estate import eventually, house_over, make_release, settings_for, settled, wish

from earmark.core.states import Completed, TicketState
from earmark.core.torrentfile import read_torrent
from earmark.core.torrents import TorrentState
from earmark.pipeline import desk
from earmark.sandbox.seeder import make_torrent
from earmark.sandbox.world import World

pytestmark = pytest.mark.slow


@pytest.fixture
async def torn_world(tmp_path: Path) -> AsyncIterator[World]:
    """Two uploads of one recording: the one with more seeders has a torn second part."""
    folder = tmp_path / "catalogue"
    row = {"title": "The Broken Reel", "authors": ["Mary Pickthall"], "narrators": ["Ada Fenwick"], "language": "ENG"}
    torn = make_release(folder, "torn", parts=3, secs=8.0, seeders=90, **row)
    make_release(folder, "whole", parts=2, secs=8.5, seeders=3, **row)
    content = bytearray((torn / "2.mp3").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 8000] = random.Random(1).randbytes(8000)
    (torn / "2.mp3").write_bytes(content)
    async with World(folder, tmp_path / "world") as running:
        yield running


async def test_a_broken_release_gives_way_to_the_next_and_both_seed(torn_world: World, tmp_path: Path) -> None:
    async with house_over(settings_for(torn_world, tmp_path), tmp_path) as house:
        filed = await desk.file_ticket(house, None, wish("The Broken Reel", "Mary Pickthall"))
        ended = await settled(house, filed.ticket.id)
        assert isinstance(ended.payload, Completed), ended.payload
        view = await desk.view(house, ended.id)
        states = [e.payload["new_state"] for e in view.events if e.type == "state_change"]
        assert states.count(TicketState.DOWNLOADING) == 2
        told = next(e.payload for e in view.events if e.payload.get("what") == "redownloading")
        assert told["code"] == "source_corrupt"
        blocked = [c for c in view.candidates if c.rejected]
        assert [c.gates[0].code for c in blocked] == ["release_blocked"]
        assert "2.mp3" in blocked[0].gates[0].message

        async def both_seed() -> bool:
            held = await house.client.snapshot()
            return [s.state for s in held.values()] == [TorrentState.SEEDING] * 2

        await eventually(both_seed, "both torrents seed")


async def test_a_release_that_nobody_seeds_any_more_gives_way_to_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    row = {"title": "The Broken Reel", "authors": ["Mary Pickthall"], "narrators": ["Ada Fenwick"], "language": "ENG"}
    dead = make_release(folder, "dead", parts=3, secs=8.0, seeders=90, **row)
    make_release(folder, "alive", parts=2, secs=8.5, seeders=3, **row)
    limits = {"stall_first_secs": 2, "stall_second_secs": 600, "stall_third_secs": 600}
    async with World(folder, tmp_path / "world") as world:
        world.seeder.forget(read_torrent(make_torrent(dead, "")).info_hash)
        async with house_over(settings_for(world, tmp_path, processing=limits), tmp_path) as house:
            filed = await desk.file_ticket(house, None, wish("The Broken Reel", "Mary Pickthall"))

            async def done() -> bool:
                return (await desk.get(house, filed.ticket.id)).state is TicketState.COMPLETED

            await eventually(done, "the book comes by the other release", 60)
            view = await desk.view(house, filed.ticket.id)
            told = next(e.payload for e in view.events if e.payload.get("what") == "redownloading")
            assert told["code"] == "download_stalled"
            assert view.torrent is not None and view.torrent.name == "alive"
            assert [s.name for s in (await house.client.snapshot()).values()] == ["alive"]
            assert not (house.download_dir / "dead").exists()
