"""Disks that are really full: small memory disks under the downloads, the workspace, the library, or under everything."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from estate import eventually, house_over, settings_for, settled, wish
from small_disks import small_disk_at

from earmark.core.states import Failed, TicketState
from earmark.core.ticket import Ticket, TicketId
from earmark.core.torrents import TorrentState
from earmark.library import survey
from earmark.media import bind
from earmark.pipeline import desk, grab
from earmark.pipeline.house import House
from earmark.sandbox.world import World
from earmark.store import alerts

pytest_plugins = ("small_disks",)
pytestmark = pytest.mark.slow

S = TicketState


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A memory disk of a quarter of a gigabyte."""
    with small_disk_at(tmp_path / "disk", "256m") as place:
        yield place


def fill(disk: Path, leave: int) -> Path:
    """Leave so many bytes."""
    stuff = disk / "somebody-elses.bin"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with stuff.open("wb") as file, contextlib.suppress(OSError):  # others write meanwhile: it is full a little sooner
        file.write(b"\0" * max(free - leave, 0))
    return stuff


@asynccontextmanager
async def house_on(world: World, home: Path, **sections: dict[str, Any]) -> AsyncIterator[House]:
    async with house_over(settings_for(world, home, **sections), home) as house:
        yield house


async def file(house: House) -> TicketId:
    return (await desk.file_ticket(house, None, wish("The Time Machine", "H. G. Wells"))).ticket.id


async def waits_for_room(house: House, ticket_id: TicketId, state: TicketState) -> Ticket:
    async def check() -> Ticket | None:
        ticket = await desk.get(house, ticket_id)
        assert ticket.state is not S.FAILED, ticket.payload
        waits = ticket.waiting is not None and ticket.waiting.reason.code == "disk_full"
        return ticket if ticket.state is state and waits else None

    ticket: Ticket = await eventually(check, "the ticket waits for room on the disk")
    assert ticket.waiting is not None and ticket.waiting.reason.action
    return ticket


async def active_alerts(house: House) -> set[str]:
    async with house.db.read() as tx:
        return {alert.reason.code for alert in await alerts.active(tx)}


async def completes(house: House, ticket_id: TicketId) -> None:
    async def check() -> bool:
        ticket = await desk.get(house, ticket_id)
        assert ticket.state is not S.FAILED, ticket.payload
        return ticket.state is S.COMPLETED

    await eventually(check, "the ticket completes")


async def fails_for_room(house: House, ticket_id: TicketId, at: TicketState) -> None:
    ended = await settled(house, ticket_id)
    assert isinstance(ended.payload, Failed), ended
    assert (ended.payload.error.code, ended.payload.failed_at_state) == ("disk_full", at), ended.payload
    assert ended.payload.error.action and ended.payload.retryable


async def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


def digests(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


async def assert_seeds(house: House) -> None:
    held = await house.client.snapshot()
    assert [s.state for s in held.values()] == [TorrentState.SEEDING]


async def test_a_download_that_does_not_fit_waits_before_it_is_grabbed(
    world: World, tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grab, "DISK_RECHECK_SECS", 0.5)
    stuff = fill(small_disk, 8192)
    async with house_on(world, tmp_path, embedded={"download_path": small_disk}) as house:
        ticket_id = await file(house)
        waiting = await waits_for_room(house, ticket_id, S.AUTO_APPROVED)
        assert waiting.waiting is not None and waiting.waiting.until is not None
        assert await house.client.snapshot() == {}
        stuff.unlink()
        await completes(house, ticket_id)


async def test_a_disk_that_fills_up_during_the_download_pauses_it_until_there_is_room(
    world: World, tmp_path: Path, small_disk: Path
) -> None:
    stuff = fill(small_disk, 8192)
    settings = {"check_interval_secs": 0.3}
    async with house_on(world, tmp_path, embedded={"download_path": small_disk}, processing=settings) as house:
        real, house.free_bytes = house.free_bytes, lambda _: 1 << 40
        ticket_id = await file(house)
        await eventually(lambda: is_in(house, ticket_id, S.DOWNLOADING), "it downloads")
        house.free_bytes = real
        await waits_for_room(house, ticket_id, S.DOWNLOADING)
        assert await active_alerts(house) == {"disk_full"}
        stuff.unlink()
        await completes(house, ticket_id)
        assert await active_alerts(house) == set()


async def is_in(house: House, ticket_id: TicketId, state: TicketState) -> bool:
    return (await desk.get(house, ticket_id)).state is state


async def test_cancelling_a_download_that_waits_for_room_ends_the_alert_too(
    world: World, tmp_path: Path, small_disk: Path
) -> None:
    fill(small_disk, 8192)
    settings = {"check_interval_secs": 0.3}
    async with house_on(world, tmp_path, embedded={"download_path": small_disk}, processing=settings) as house:
        real, house.free_bytes = house.free_bytes, lambda _: 1 << 40
        ticket_id = await file(house)
        await eventually(lambda: is_in(house, ticket_id, S.DOWNLOADING), "it downloads")
        house.free_bytes = real
        await waits_for_room(house, ticket_id, S.DOWNLOADING)
        await desk.cancel(house, ticket_id, "tester")

        async def quiet() -> bool:
            return not await active_alerts(house) and not await house.client.snapshot()

        await eventually(quiet, "torrent and alert are gone")
        assert [p.name for p in small_disk.iterdir()] == ["somebody-elses.bin"]


@pytest.mark.parametrize("foreseen", [True, False], ids=["foreseen", "under way"])
async def test_a_full_work_disk_fails_the_binding_and_a_retry_with_room_completes_it(
    world: World, tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch, foreseen: bool
) -> None:
    fill(small_disk, 200_000 if foreseen else 12_288)
    if not foreseen:
        monkeypatch.setattr(bind, "_check_room", lambda plan, out, workspace: workspace.mkdir(exist_ok=True))
    async with house_on(world, tmp_path, converter={"temp_dir": small_disk / "work"}) as house:
        if not foreseen:
            monkeypatch.setattr("earmark.pipeline.binding.open_workspace", _open_blindly)
        ticket_id = await file(house)
        await fails_for_room(house, ticket_id, S.CONVERTING)
        assert list((tmp_path / "library").iterdir()) == []
        await eventually(lambda: is_empty(small_disk / "work"), "the workspace is gone", 5)
        before = digests(house.download_dir)
        await assert_seeds(house)
        (small_disk / "somebody-elses.bin").unlink()
        await desk.retry(house, ticket_id, "tester")
        await completes(house, ticket_id)
        assert digests(house.download_dir) == before
        assert len(await house.client.snapshot()) == 1


async def _open_blindly(temp_root: Path, ticket_id: TicketId, *, needed_bytes: int = 0) -> Path:
    home: Path = temp_root / f"earmark-work-{ticket_id}"
    home.mkdir(parents=True, exist_ok=True)
    return home


@pytest.mark.parametrize("foreseen", [True, False], ids=["foreseen", "under way"])
async def test_a_full_library_disk_leaves_the_shelf_as_it_was_and_a_retry_with_room_completes(
    world: World, tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch, foreseen: bool
) -> None:
    library = small_disk / "library"
    (library / "Somebody").mkdir(parents=True)
    (library / "Somebody/book.m4b").write_bytes(b"mine")
    fill(small_disk, 16_384)
    if not foreseen:
        monkeypatch.setattr(survey, "_check_room", lambda *_: None)
    async with house_on(world, tmp_path, library={"audiobooks": library}) as house:
        ticket_id = await file(house)
        await fails_for_room(house, ticket_id, S.PLACING)
        assert {str(p.relative_to(library)) for p in library.rglob("*")} == {"Somebody", "Somebody/book.m4b"}
        await eventually(lambda: is_empty(house.work_dir), "the workspace is gone", 5)
        before = digests(house.download_dir)
        await assert_seeds(house)
        (small_disk / "somebody-elses.bin").unlink()
        await desk.retry(house, ticket_id, "tester")
        await completes(house, ticket_id)
        assert digests(house.download_dir) == before


async def test_one_disk_for_everything_that_fills_up_stops_the_work_and_it_goes_on_when_there_is_room(
    world: World, tmp_path: Path, small_disk: Path
) -> None:
    """The database cannot be written either then: no state can be told, but nothing is lost and nobody has to restart."""
    settings = settings_for(
        world, small_disk, embedded={"download_limit_kib": 8}, processing={"check_interval_secs": 0.3}
    )
    async with house_over(settings, small_disk) as house:
        ticket_id = await file(house)
        await eventually(lambda: is_in(house, ticket_id, S.DOWNLOADING), "it downloads")
        stuff = fill(small_disk, 0)
        with pytest.raises(Exception, match="disk"):
            for number in range(2000):
                await desk.file_ticket(house, None, wish(f"A book nobody has {number}", "Nobody" * 200))
        stuff.unlink()
        ended = await settled(house, ticket_id, 90)
        assert ended.state is S.COMPLETED, ended.payload
        assert await active_alerts(house) == set()
