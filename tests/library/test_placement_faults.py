"""The disk fills up at every single operation of placing, replacing and undoing, by every method: all or nothing."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
from library_kit import TICKET, Shelf, clock
from seeding_kit import PARTS, Download, as_placed, finished

from earmark.library.faults import DiskFull
from earmark.library.methods import Method, MethodImpossible, probe_method
from earmark.library.placement import place
from earmark.library.recycle import FOLDER, recycle_sweep
from earmark.library.undo import undo
from earmark.store import JournalState

pytest_plugins = ("small_disks",)

OLD = {"Author/Book/01.mp3": b"old first", "Author/Book/03.mp3": b"old third", "Author/Book/CD2/04.mp3": b"fourth"}
NOTES = {"Author/Book/notes.txt": b"mine"}
METHODS: list[Method] = ["hardlink", "hardlink-or-copy", "reflink", "copy", "move"]


class FullAt:
    """Says at the `moment`-th operation that can fail that the disk is full."""

    def __init__(self, moment: int) -> None:
        self.moment, self.steps = moment, list[str]()

    def __call__(self, what: str) -> None:
        if what.startswith(("journal", "discard", "let go")):
            return
        self.steps.append(what)
        if len(self.steps) == self.moment:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def stand(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def afresh(shelf: Shelf, before: dict[str, bytes], home: Path) -> Download:
    for folder in (*shelf.root.iterdir(), home):
        shutil.rmtree(folder, ignore_errors=True)
    stand(shelf.root, before)
    return finished(home)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("replace", [False, True], ids=["new", "replace"])
async def test_a_full_disk_at_any_operation_leaves_the_shelf_and_the_download_as_they_were(
    shelf: Shelf, tmp_path: Path, method: Method, replace: bool
) -> None:
    before = OLD | NOTES if replace else {}
    able = probe_method(tmp_path, shelf.root, method)
    if not able.ok:  # a file system without reflinks: the strict method refuses, and nothing happens
        plan = afresh(shelf, before, tmp_path / "downloads").plan(shelf.root, method)
        with pytest.raises(MethodImpossible):
            await place(shelf.db, plan, clock=clock, replace=replace)
        assert (shelf.tree(), shelf.recycled()) == (before, [])
        return
    for moment in range(1, 200):
        download = afresh(shelf, before, tmp_path / "downloads")
        looks, full = download.looks(), FullAt(moment)
        plan = download.plan(shelf.root, method, released=True)
        try:
            await place(shelf.db, plan, clock=clock, step=full, replace=replace)
        except DiskFull:
            assert shelf.tree() == before, full.steps
            assert shelf.recycled() == [], full.steps
            assert download.looks() == looks
            assert await shelf.live() == []
            continue
        assert moment > len(full.steps) > 8
        assert shelf.tree() == as_placed() | (NOTES if replace else {})
        return
    pytest.fail("the placement never reached its end")


async def test_a_full_disk_at_any_operation_of_an_undo_loses_nothing_and_the_next_run_ends_it(
    shelf: Shelf, tmp_path: Path
) -> None:
    for moment in range(1, 200):
        download = afresh(shelf, OLD | NOTES, tmp_path / "downloads")
        await place(shelf.db, download.plan(shelf.root, "copy"), clock=clock, replace=True)
        full = FullAt(moment)
        try:
            await undo(shelf.db, TICKET, clock=clock, step=full)
        except DiskFull:
            there = [*shelf.tree().values(), *shelf.recycled()]
            assert all(data in there for data in (*OLD.values(), *PARTS.values())), full.steps
            assert shelf.tree()["Author/Book/01.mp3"] in {OLD["Author/Book/01.mp3"], PARTS["01.mp3"]}
            await undo(shelf.db, TICKET, clock=clock)
        assert shelf.tree() == OLD | NOTES
        assert {row.state for row in await shelf.rows()} == {JournalState.UNDONE}
        if moment > len(full.steps):
            assert moment > 7
            return
    pytest.fail("the undo never reached its end")


async def test_a_disk_that_is_really_too_small_for_the_better_book_keeps_the_old_one(
    shelf: Shelf, small_disk: Path
) -> None:
    stand(small_disk, {"Author/Book/01.mp3": b"old" * 30_000})
    hog = small_disk / "hog"

    def step(what: str) -> None:
        if what.startswith("copy") and not hog.exists():
            hog.write_bytes(bytes(300 * 1024))

    download = finished(shelf.root.parent / "downloads")
    plan = download.plan(small_disk, "copy")
    with pytest.raises(DiskFull):
        await place(shelf.db, plan, clock=clock, step=step, replace=True)
    assert shelf.tree(small_disk) == {"Author/Book/01.mp3": b"old" * 30_000, "hog": bytes(300 * 1024)}
    assert not (small_disk / FOLDER).exists()
    hog.unlink()
    await place(shelf.db, plan, clock=clock, replace=True)
    assert shelf.tree(small_disk) == as_placed()
    assert await recycle_sweep(small_disk, clock().replace(year=2099)) == 90_000
