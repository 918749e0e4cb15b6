"""Disks that run low hold grabs back with an alert, and what may go from the downloads is planned before it goes."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from estate import eventually, house_over, settings_for, settled, wish

from earmark.core.states import Completed
from earmark.pipeline import desk, space
from earmark.pipeline.house import House
from earmark.sandbox.world import World
from earmark.store import alerts, torrents

pytestmark = pytest.mark.slow

PETABYTE_MIB = 1 << 30


def with_reserve(house: House, mib: int) -> None:
    library = house.settings.library.model_copy(update={"min_free_space_mib": mib})
    house.settings = house.settings.model_copy(update={"library": library})


async def codes(house: House) -> set[str]:
    async with house.db.read() as tx:
        return {alert.reason.code for alert in await alerts.active(tx)}


async def test_a_low_library_disk_holds_grabs_back_until_there_is_room(world: World, tmp_path: Path) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        with_reserve(house, PETABYTE_MIB)
        await space.watch_space(house)
        assert "space_low" in await codes(house)
        filed = await desk.file_ticket(house, None, wish("The Time Machine", "H. G. Wells"))

        async def waits() -> Any:
            ticket = await desk.get(house, filed.ticket.id)
            return ticket.waiting is not None and ticket.waiting.reason.code == "space_low"

        await eventually(waits, "the grab waits for room")
        with_reserve(house, 0)
        await space.watch_space(house)
        assert "space_low" not in await codes(house)
        await desk.retry(house, filed.ticket.id, "tester")
        assert isinstance((await settled(house, filed.ticket.id)).payload, Completed)


async def test_only_torrents_that_owe_nothing_go_and_only_when_told(world: World, tmp_path: Path) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        filed = await desk.file_ticket(house, None, wish("The Time Machine", "H. G. Wells"))
        assert isinstance((await settled(house, filed.ticket.id)).payload, Completed)
        owing = await space.prune(house, 1, "tester")
        assert not owing.plan.chosen
        assert [kept.reason.code for kept in owing.plan.kept] == ["prune_owes_seeding"]

        (status,) = (await house.client.snapshot()).values()
        seeded = dataclasses.replace(status, seeding_secs=int(timedelta(days=4).total_seconds()))
        async with house.write() as tx:
            await torrents.observe(tx, [seeded], house.now())
        planned = await space.prune(house, 1, "tester")
        assert [held.info_hash for held in planned.plan.chosen] == [status.info_hash]
        assert not planned.removed and await house.client.snapshot()
        gone = await space.prune(house, 1, "tester", dry_run=False)
        assert gone.removed == (status.info_hash,)
        assert not await house.client.snapshot()
        assert not any(house.download_dir.rglob("*.mp3"))
        assert any((tmp_path / "library").rglob("*.m4b"))
