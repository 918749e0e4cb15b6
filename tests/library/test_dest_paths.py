"""Files at paths that somebody else chose, in many folders: all of them or none."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from library_kit import TICKET, Shelf, clock

from earmark.library.faults import DiskFull, TargetExists, UnsafeTarget
from earmark.library.placement import place, plan_files
from earmark.library.staging import temp_name
from earmark.library.undo import undo
from earmark.store import JournalOp, JournalState

ALBUM = {
    "Artist/Album: One/1-01 A?.ogg": b"a" * 5000,
    "Artist/Album: One/1-02 B.ogg": b"b" * 6000,
    "Artist/Other/01.ogg": b"c" * 7000,
    "Artist/Album: One/cover.jpg": b"\xff\xd8\xff",
    "loose.ogg": b"d",
}


@pytest.fixture
def made(shelf: Shelf) -> list[tuple[Path | bytes, str]]:
    """The converted tracks in the workspace."""
    shelf.work.mkdir()
    files: list[tuple[Path | bytes, str]] = []
    for number, (dest, data) in enumerate(ALBUM.items()):
        (shelf.work / f"{number}.tmp").write_bytes(data)
        files.append((shelf.work / f"{number}.tmp", dest))
    return files


async def test_every_file_stands_at_its_path_with_missing_folders_made(
    shelf: Shelf, made: list[tuple[Path | bytes, str]]
) -> None:
    made[0] = (made[0][0], str(shelf.root / made[0][1]))  # absolute, as a catalogue may say it
    plan = plan_files(shelf.root, made, TICKET, workspace=shelf.work)
    placed = await place(shelf.db, plan, clock=clock)
    assert shelf.tree() == ALBUM
    assert placed.files == tuple(ALBUM)
    assert placed.bytes == sum(map(len, ALBUM.values()))
    assert [row.op for row in await shelf.rows()].count(JournalOp.COVER) == 1
    assert await place(shelf.db, plan, clock=clock)
    assert {row.state for row in await shelf.rows()} == {JournalState.VERIFIED}
    await undo(shelf.db, TICKET, clock=clock)
    assert shelf.tree() == {}


async def test_a_failure_at_any_operation_removes_what_was_placed_in_every_folder(
    shelf: Shelf, made: list[tuple[Path | bytes, str]]
) -> None:
    plan = plan_files(shelf.root, made, TICKET, workspace=shelf.work)
    (shelf.root / "Artist").mkdir()
    for fail_at in range(1, 200):
        steps: list[str] = []

        def step(what: str, fail_at: int = fail_at, steps: list[str] = steps) -> None:
            steps.append(what)
            if len(steps) == fail_at and not what.startswith(("journal", "discard")):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        try:
            await place(shelf.db, plan, clock=clock, step=step)
        except DiskFull:
            assert shelf.tree() == {"Artist/": b""}, steps
            continue
        if fail_at > len(steps):
            break
        await undo(shelf.db, TICKET, clock=clock)
        (shelf.root / "Artist").mkdir(exist_ok=True)
    assert fail_at > 15
    assert shelf.tree() == ALBUM


@pytest.mark.parametrize(
    "dest",
    ["/etc/passwd", "../x.ogg", "Artist/../../x.ogg", "", ".", "/", "Artist/../x.ogg"],
    ids=["absolute", "up", "up twice", "nothing", "the root", "slash", "a detour"],
)
def test_a_path_outside_the_library_is_refused(tmp_path: Path, dest: str) -> None:
    with pytest.raises(UnsafeTarget) as caught:
        plan_files(tmp_path, [(b"x", dest)], TICKET)
    assert caught.value.reason.code == "placement_unsafe_target"


@pytest.mark.parametrize(
    "name", ["a\x00b", "line\nfeed", "x" * 256, temp_name(TICKET, "x")], ids=["nul", "line", "long", "ours"]
)
def test_a_name_no_file_system_should_see_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeTarget) as caught:
        plan_files(tmp_path, [(b"x", f"Artist/{name}")], TICKET)
    assert caught.value.reason.code == "placement_unsafe_name"


async def test_a_symlink_out_of_the_library_on_any_path_is_refused(
    shelf: Shelf, made: list[tuple[Path | bytes, str]], tmp_path: Path
) -> None:
    (shelf.root / "Artist").mkdir()
    (tmp_path / "outside").mkdir()
    (shelf.root / "Artist" / "Other").symlink_to(tmp_path / "outside")
    with pytest.raises(UnsafeTarget):
        await place(shelf.db, plan_files(shelf.root, made, TICKET, workspace=shelf.work), clock=clock)
    assert list((tmp_path / "outside").iterdir()) == []
    assert not (shelf.root / "loose.ogg").exists()


async def test_a_file_of_somebody_else_is_refused_the_same_file_is_fine_and_stays_theirs(
    shelf: Shelf, made: list[tuple[Path | bytes, str]]
) -> None:
    theirs = shelf.root / "loose.ogg"
    theirs.write_bytes(b"another track")
    plan = plan_files(shelf.root, made, TICKET, workspace=shelf.work)
    with pytest.raises(TargetExists):
        await place(shelf.db, plan, clock=clock)
    assert shelf.tree() == {"loose.ogg": b"another track"}
    theirs.write_bytes(b"d")
    await place(shelf.db, plan, clock=clock)
    assert shelf.tree() == ALBUM
    await undo(shelf.db, TICKET, clock=clock)
    assert shelf.tree() == {"loose.ogg": b"d"}
    theirs.write_bytes(b"another track")
    await place(shelf.db, plan, clock=clock, replace=True)
    assert shelf.tree() == ALBUM
    await undo(shelf.db, TICKET, clock=clock)
    assert shelf.tree() == {"loose.ogg": b"another track"}
