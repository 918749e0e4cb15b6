"""Each ticket works in a folder of its own that is gone afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from library_kit import OTHER, TICKET

from earmark.core.ticket import TicketId
from earmark.library.faults import DiskFull
from earmark.library.workspace import sweep, workspace


async def test_a_workspace_is_private_empty_and_gone_afterwards(tmp_path: Path) -> None:
    async with workspace(tmp_path / "work", TICKET, needed_bytes=10) as home:
        assert home.stat().st_mode & 0o777 == 0o700
        assert list(home.iterdir()) == []
        (home / "part").mkdir()
        (home / "part" / "chunk").write_bytes(b"x")
    assert list((tmp_path / "work").iterdir()) == []


async def test_it_goes_after_a_failure_and_after_cancellation(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        async with workspace(tmp_path, TICKET):
            raise RuntimeError
    started = asyncio.Event()

    async def work() -> None:
        async with workspace(tmp_path, TICKET) as home:
            (home / "chunk").write_bytes(b"x")
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []


async def test_what_a_crash_left_is_cleared_and_a_symlink_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"x")
    (tmp_path / f"earmark-work-{TICKET}").symlink_to(precious)
    async with workspace(tmp_path, TICKET) as home:
        assert not home.is_symlink()
        (home / "chunk").write_bytes(b"x")
        async with workspace(tmp_path, OTHER) as other:
            assert other != home
    assert (precious / "file").exists()


async def test_too_little_room_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(DiskFull) as caught:
        async with workspace(tmp_path, TICKET, needed_bytes=1 << 60):
            pass
    assert caught.value.reason.code == "disk_full"
    assert list(tmp_path.iterdir()) == []


async def test_the_sweep_spares_running_tickets_and_everything_else(tmp_path: Path) -> None:
    for name in (f"earmark-work-{TICKET}", f"earmark-work-{OTHER}", "photos", "earmark-worktop", "earmark-work-"):
        (tmp_path / name).mkdir()
    removed = await sweep(tmp_path, {TICKET})
    assert [path.name for path in removed] == [f"earmark-work-{OTHER}"]
    assert len(list(tmp_path.iterdir())) == 4
    assert await sweep(tmp_path / "absent") == ()


async def test_a_hostile_ticket_id_stays_inside(tmp_path: Path) -> None:
    async with workspace(tmp_path, TicketId("../../etc")) as home:
        assert home.parent == tmp_path
