"""A book reaches its folder whole, or nothing happened at all."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from library_kit import AUDIO, OTHER, TICKET, Shelf, clock, complete

from earmark.core.binding import BookTags
from earmark.core.naming import parse_pattern, render
from earmark.core.reasons import EarmarkError
from earmark.library.faults import (
    DiskFull,
    LibraryMissing,
    NotWritable,
    SourceMissing,
    StorageAway,
    TargetExists,
    UnsafeTarget,
    from_os,
)
from earmark.library.placement import Planned, place, plan_placement
from earmark.library.recycle import FOLDER as RECYCLE
from earmark.library.staging import temp_name
from earmark.library.undo import sweep_orphans, undo
from earmark.store import JournalOp, JournalState

pytest_plugins = ("small_disks",)

FOLDER = "Author/Saga/1 - Title"
REBOUND = AUDIO[::-1] + b"more"


async def test_a_book_with_its_sidecars_stands_in_its_folder_and_the_journal_knows_every_file(shelf: Shelf) -> None:
    progress: list[tuple[int, int]] = []
    placed = await place(
        shelf.db, shelf.plan(), clock=clock, on_progress=lambda done, total: progress.append((done, total))
    )
    await asyncio.sleep(0)
    assert shelf.tree() == complete()
    assert placed.folder == shelf.root / FOLDER
    assert placed.files == ("Title (1895).m4b", "metadata.json", "metadata.opf", "cover.jpg")
    assert placed.bytes == sum(map(len, complete().values()))
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    rows = await shelf.rows()
    assert [row.op for row in rows].count(JournalOp.MKDIR) == 3
    book = next(row for row in rows if row.op is JournalOp.PLACE)
    assert (book.state, book.method, book.size) == (JournalState.VERIFIED, "hardlink", len(AUDIO))


async def test_placing_twice_changes_nothing(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    inode = (shelf.root / FOLDER / "Title (1895).m4b").stat().st_ino
    rows = await shelf.rows()
    await place(shelf.db, shelf.plan(), clock=clock)
    assert (shelf.root / FOLDER / "Title (1895).m4b").stat().st_ino == inode
    assert await shelf.rows() == rows
    assert shelf.tree() == complete()


async def test_a_file_that_seeds_never_shares_its_bytes_with_the_library(shelf: Shelf, tmp_path: Path) -> None:
    seeding = tmp_path / "downloads" / "book.m4b"
    seeding.parent.mkdir()
    seeding.write_bytes(AUDIO)
    seeding.chmod(0o600)
    shelf.work.mkdir()
    linked = shelf.work / "linked.m4b"  # a pass-through that the workspace knows by a second name
    os.link(seeding, linked)
    files = [Planned(seeding, "a.m4b", "book"), Planned(linked, "b.m4b", "book")]
    plan = plan_placement(shelf.root, ("Book",), files, TICKET, workspace=shelf.work)
    await place(shelf.db, plan, clock=clock)
    for name in ("a.m4b", "b.m4b"):
        placed = shelf.root / "Book" / name
        assert placed.read_bytes() == AUDIO
        assert placed.stat().st_ino != seeding.stat().st_ino
    assert seeding.stat().st_nlink == 2
    assert seeding.stat().st_mode & 0o777 == 0o600


async def test_another_book_in_the_folder_is_never_touched_and_the_refusal_shows_it(shelf: Shelf) -> None:
    there = shelf.root / FOLDER
    there.mkdir(parents=True)
    (there / "Title (1895).m4b").write_bytes(AUDIO)
    (there / "bonus.mp3").write_bytes(b"another sound")
    (there / "notes.txt").write_bytes(b"mine")
    before = shelf.tree()
    with pytest.raises(TargetExists) as caught:
        await place(shelf.db, shelf.plan(), clock=clock)
    assert shelf.tree() == before
    reason = caught.value.reason
    assert reason.code == "target_exists"
    assert reason.action
    assert reason.evidence["found"] == [
        {"name": "Title (1895).m4b", "size": len(AUDIO), "identical": True, "kind": "audio", "goes": False},
        {"name": "bonus.mp3", "size": 13, "identical": False, "kind": "audio", "goes": True},
        {"name": "notes.txt", "size": 4, "identical": False, "kind": "other", "goes": False},
    ]
    assert await shelf.rows() == []


async def test_the_book_of_another_ticket_is_never_replaced(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(OTHER), clock=clock)
    with pytest.raises(TargetExists):
        await place(shelf.db, shelf.plan(audio=REBOUND), clock=clock)
    assert shelf.tree() == complete()


async def test_a_folder_that_appears_in_the_last_moment_wins(shelf: Shelf) -> None:
    def step(what: str) -> None:
        if what == "rename the folder":
            (shelf.root / FOLDER).mkdir()
            (shelf.root / FOLDER / "other.m4b").write_bytes(b"other")

    with pytest.raises(TargetExists):
        await place(shelf.db, shelf.plan(), clock=clock, step=step)
    assert shelf.tree() == {f"{FOLDER}/other.m4b": b"other"}
    assert {row.state for row in await shelf.rows()} == {JournalState.UNDONE}


async def test_an_empty_folder_is_taken_over(shelf: Shelf) -> None:
    (shelf.root / FOLDER).mkdir(parents=True)
    await place(shelf.db, shelf.plan(), clock=clock)
    assert shelf.tree() == complete()


async def test_a_book_bound_anew_replaces_only_our_own_files_and_keeps_the_folder(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    inode = (shelf.root / FOLDER).stat().st_ino
    (shelf.root / FOLDER / "notes.txt").write_bytes(b"mine")
    await place(shelf.db, shelf.plan(audio=REBOUND), clock=clock)
    assert shelf.tree() == complete(REBOUND) | {f"{FOLDER}/notes.txt": b"mine"}
    assert (shelf.root / FOLDER).stat().st_ino == inode
    assert {row.state for row in await shelf.live()} == {JournalState.VERIFIED}
    assert len(await shelf.live()) == 3 + 4
    assert shelf.recycled() == [AUDIO]


@pytest.mark.parametrize("placed_before", [False, True])
async def test_a_failure_at_any_operation_takes_everything_back(shelf: Shelf, placed_before: bool) -> None:
    """Every operation fails once, as a disk does that is suddenly full."""
    if placed_before:
        await place(shelf.db, shelf.plan(), clock=clock)
    (shelf.root / "Author").mkdir(exist_ok=True)  # somebody else's: must stay
    before = shelf.tree()
    states = [row.state for row in await shelf.live()]
    for fail_at in range(1, 200):
        steps: list[str] = []

        def step(what: str, fail_at: int = fail_at, steps: list[str] = steps) -> None:
            steps.append(what)
            if len(steps) == fail_at and not what.startswith(("journal", "discard")):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        try:
            await place(shelf.db, shelf.plan(audio=REBOUND), clock=clock, step=step)
        except DiskFull as error:
            assert shelf.tree() == before, steps
            assert error.reason.code == "disk_full"
            assert [row.state for row in await shelf.live()] == states, steps
            assert shelf.recycled() == [], steps
        else:
            if fail_at > len(steps):
                break
            await undo(shelf.db, TICKET, clock=clock)  # it failed where nothing can fail: begin again
            (shelf.root / "Author").mkdir(exist_ok=True)
            if placed_before:
                await place(shelf.db, shelf.plan(), clock=clock)
                states = [row.state for row in await shelf.live()]
            shutil.rmtree(shelf.root / RECYCLE)
    assert fail_at > (7 if placed_before else 10)
    assert shelf.tree() == complete(REBOUND)


async def test_a_disk_too_small_is_seen_before_anything_is_written(shelf: Shelf, small_disk: Path) -> None:
    with pytest.raises(DiskFull) as caught:
        await place(shelf.db, shelf.plan(audio=AUDIO * 3, root=small_disk), clock=clock)
    assert caught.value.reason.evidence["needed_bytes"] > 3 * len(AUDIO)
    assert caught.value.reason.evidence["free_bytes"] <= 512 * 1024
    assert shelf.tree(small_disk) == {}


async def test_a_disk_that_fills_up_meanwhile_leaves_nothing_behind(shelf: Shelf, small_disk: Path) -> None:
    hog = small_disk / "hog"

    def step(what: str) -> None:
        if what.startswith("copy"):
            hog.write_bytes(bytes(300 * 1024))

    with pytest.raises(DiskFull):
        await place(shelf.db, shelf.plan(root=small_disk), clock=clock, step=step)
    assert set(shelf.tree(small_disk)) == {"hog"}
    hog.unlink()
    await place(shelf.db, shelf.plan(root=small_disk), clock=clock)
    assert shelf.tree(small_disk) == complete()
    book = next(row for row in await shelf.live() if row.op is JournalOp.PLACE)
    assert book.method == "copy"  # another file system: no link


async def test_a_read_only_library_is_named_as_such(shelf: Shelf, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(NotWritable) as caught:
        await place(shelf.db, shelf.plan(root=small_disk), clock=clock)
    assert caught.value.reason.code == "not_writable"
    assert "writable" in caught.value.reason.action


def test_each_answer_of_the_system_has_its_name() -> None:
    def named(number: int) -> EarmarkError:
        return from_os(OSError(number, os.strerror(number), "/library/Author"), "placing", Path("/library"))

    assert isinstance(named(errno.EACCES), NotWritable)
    assert isinstance(named(errno.EDQUOT), DiskFull)
    assert isinstance(named(errno.EIO), StorageAway)
    assert named(errno.EIO).transient
    assert named(errno.ENAMETOOLONG).reason.code == "storage_failed"
    assert named(errno.EACCES).reason.evidence["path"] == "/library/Author"


async def test_a_library_that_is_not_mounted_is_not_made_up(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(LibraryMissing):
        await place(shelf.db, shelf.plan(root=tmp_path / "absent"), clock=clock)
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("level", ["Author", "Author/Saga", FOLDER])
async def test_a_symlink_out_of_the_library_is_refused(shelf: Shelf, tmp_path: Path, level: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (shelf.root / level).parent.mkdir(parents=True, exist_ok=True)
    (shelf.root / level).symlink_to(outside)
    with pytest.raises(UnsafeTarget) as caught:
        await place(shelf.db, shelf.plan(), clock=clock)
    assert caught.value.reason.evidence["library"] == str(shelf.root)
    assert list(outside.iterdir()) == []


async def test_a_symlink_put_in_the_way_meanwhile_is_refused_too(shelf: Shelf, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()

    def step(what: str) -> None:
        if what == "flush the hidden folder":
            (shelf.root / FOLDER).symlink_to(outside)

    with pytest.raises(UnsafeTarget):
        await place(shelf.db, shelf.plan(), clock=clock, step=step)
    assert list(outside.iterdir()) == []
    assert (shelf.root / FOLDER).is_symlink()


async def test_a_symlink_inside_the_library_is_followed(shelf: Shelf) -> None:
    (shelf.root / "Real Author").mkdir()
    (shelf.root / "Author").symlink_to("Real Author")
    await place(shelf.db, shelf.plan(), clock=clock)
    assert (shelf.root / "Real Author/Saga/1 - Title/cover.jpg").is_file()


async def test_a_loop_of_symlinks_is_refused(shelf: Shelf) -> None:
    (shelf.root / "Author").symlink_to("Author")
    with pytest.raises(UnsafeTarget):
        await place(shelf.db, shelf.plan(), clock=clock)


async def test_a_file_in_the_way_is_not_removed(shelf: Shelf) -> None:
    (shelf.root / "Author").write_bytes(b"a file")
    with pytest.raises(TargetExists):
        await place(shelf.db, shelf.plan(), clock=clock)
    assert shelf.tree() == {"Author": b"a file"}


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "a\\b", ".hidden", "nul", "a\x00b", "x" * 256, "end.", "a:b"])
def test_a_hostile_name_is_refused_before_anything_happens(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeTarget):
        plan_placement(tmp_path, ("Author", name), [Planned(b"", "a.m4b", "book")], TICKET)
    with pytest.raises(UnsafeTarget):
        plan_placement(tmp_path, ("Author",), [Planned(b"", name, "book")], TICKET)


def test_two_files_that_some_disks_take_for_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeTarget):
        plan_placement(tmp_path, ("A",), [Planned(b"", "a.m4b", "book"), Planned(b"", "A.M4B", "book")], TICKET)


async def test_the_longest_and_oddest_names_reach_the_disk(shelf: Shelf) -> None:
    tags = BookTags("愛/\x00../" * 60, ("con", "b"), series="é" * 300, series_index="2.5", year=1895)
    parts = render(parse_pattern("{author}/{series}/{index} - {title} ({year})"), tags)
    files = [Planned(b"audio", "Title.m4b", "book")]
    placed = await place(shelf.db, plan_placement(shelf.root, parts, files, TICKET), clock=clock)
    assert (placed.folder / "Title.m4b").read_bytes() == b"audio"


async def test_a_source_that_is_gone_or_a_symlink_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    link = tmp_path / "link.m4b"
    link.symlink_to("/etc/hostname")
    for source in (tmp_path / "gone.m4b", link):
        plan = plan_placement(shelf.root, ("A",), [Planned(source, "a.m4b", "book")], TICKET)
        with pytest.raises(SourceMissing):
            await place(shelf.db, plan, clock=clock)
    assert shelf.tree() == {}


async def test_cancelling_stops_the_copy_and_takes_everything_back(shelf: Shelf) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def step(what: str) -> None:
        if what.startswith("prove metadata.json"):
            reached.set()
            go_on.wait(20)

    task = asyncio.create_task(place(shelf.db, shelf.plan(), clock=clock, step=step))
    assert await asyncio.to_thread(reached.wait, 20)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert shelf.tree() == {}
    assert {row.state for row in await shelf.rows()} == {JournalState.UNDONE}


async def test_a_placement_is_taken_back_whole(shelf: Shelf) -> None:
    (shelf.root / "Author").mkdir()
    await place(shelf.db, shelf.plan(), clock=clock)
    undone = await undo(shelf.db, TICKET, clock=clock)
    assert shelf.tree() == {"Author/": b""}
    assert len(undone.removed) == 4
    assert undone.kept == ()
    assert {row.state for row in await shelf.rows()} == {JournalState.UNDONE}
    assert await undo(shelf.db, TICKET, clock=clock) == type(undone)((), ())
    await place(shelf.db, shelf.plan(), clock=clock)
    assert shelf.tree() == complete()


async def test_undo_keeps_what_somebody_changed_or_added(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    changed, added = shelf.root / FOLDER / "metadata.json", shelf.root / FOLDER / "notes.txt"
    changed.write_bytes(b'{"title": "Their"}\n')  # of the same size, too
    added.write_bytes(b"mine")
    undone = await undo(shelf.db, TICKET, clock=clock)
    assert shelf.tree() == {f"{FOLDER}/metadata.json": b'{"title": "Their"}\n', f"{FOLDER}/notes.txt": b"mine"}
    assert undone.kept == (changed,)


async def test_the_sweep_removes_only_our_own_forgotten_leftovers(shelf: Shelf, tmp_path: Path) -> None:
    ours, running = temp_name(OTHER, "x"), temp_name(TICKET, "x")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / ours).write_bytes(b"elsewhere")
    (shelf.root / "link").symlink_to(outside)
    for name in (ours, running, ".earmark-notes.part", ".hidden", "earmark.part", ".earmark-0f8fad5b-zzzzzzzzzz.part"):
        (shelf.root / "Author" / name).mkdir(parents=True)
        (shelf.root / "Author" / name / "file").write_bytes(b"x")
    (shelf.root / temp_name(OTHER, "y", "old")).write_bytes(b"x")
    removed = await sweep_orphans(shelf.root, {TICKET})
    assert {path.name for path in removed} == {ours, temp_name(OTHER, "y", "old")}
    assert len(list((shelf.root / "Author").iterdir())) == 5
    assert (outside / ours).exists()
