"""Each ticket works in a folder of its own that is gone when the ticket has ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from library_kit import OTHER, TICKET

from earmark.core.ticket import TicketId
from earmark.library.faults import DiskFull
from earmark.library.workspace import close_workspace, open_workspace, sweep, workspace_of


async def test_a_workspace_is_private_and_gone_when_closed(tmp_path: Path) -> None:
    home = await open_workspace(tmp_path / "work", TICKET, needed_bytes=10)
    assert home.stat().st_mode & 0o777 == 0o700
    (home / "part").mkdir()
    (home / "part" / "chunk").write_bytes(b"x")
    await close_workspace(tmp_path / "work", TICKET)
    await close_workspace(tmp_path / "work", TICKET)
    assert list((tmp_path / "work").iterdir()) == []


async def test_what_an_earlier_step_finished_is_kept(tmp_path: Path) -> None:
    home = await open_workspace(tmp_path, TICKET)
    (home / "book.m4b").write_bytes(b"x")
    assert await open_workspace(tmp_path, TICKET) == home
    assert (home / "book.m4b").read_bytes() == b"x"


async def test_a_symlink_in_its_place_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"x")
    (tmp_path / f"earmark-work-{TICKET}").symlink_to(precious)
    home = await open_workspace(tmp_path, TICKET)
    assert not home.is_symlink()
    assert await open_workspace(tmp_path, OTHER) != home
    await close_workspace(tmp_path, TICKET)
    assert (precious / "file").exists()


async def test_too_little_room_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(DiskFull) as caught:
        await open_workspace(tmp_path, TICKET, needed_bytes=1 << 60)
    assert caught.value.reason.code == "disk_full"
    assert list(tmp_path.iterdir()) == []


async def test_the_sweep_spares_running_tickets_and_everything_else(tmp_path: Path) -> None:
    for name in (f"earmark-work-{TICKET}", f"earmark-work-{OTHER}", "photos", "earmark-worktop", "earmark-work-"):
        (tmp_path / name).mkdir()
    removed = await sweep(tmp_path, {TICKET})
    assert [path.name for path in removed] == [f"earmark-work-{OTHER}"]
    assert len(list(tmp_path.iterdir())) == 4
    assert await sweep(tmp_path / "absent") == ()


def test_a_hostile_ticket_id_stays_inside(tmp_path: Path) -> None:
    assert workspace_of(tmp_path, TicketId("../../etc")).parent == tmp_path
