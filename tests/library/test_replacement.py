"""A better book takes the place of another: the folder stays, nothing is lost, and all of it can be taken back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from library_kit import AUDIO, NOW, OTHER, TICKET, Shelf, clock, complete

from earmark.core.reasons import EarmarkError
from earmark.library.faults import LibraryMissing, TargetExists
from earmark.library.placement import PlacementPlan, Planned, place, plan_placement
from earmark.library.recycle import recycle_sweep
from earmark.library.replacement import compare_existing
from earmark.library.undo import UndoExpired, acts_of, undo
from earmark.store import Database, JournalEntry, JournalOp, JournalState, journal

pytest_plugins = ("small_disks",)

FOLDER = "Author/Saga/1 - Title"
BETTER = AUDIO[::-1] + b"a better recording"
OLD = {
    f"{FOLDER}/01.mp3": b"first",
    f"{FOLDER}/02.mp3": b"second",
    f"{FOLDER}/CD2/03.mp3": b"third",
    f"{FOLDER}/metadata.json": b'{"title": "Old"}',
}
OTHERS = {
    f"{FOLDER}/notes.txt": b"mine",
    f"{FOLDER}/back.jpg": b"my own picture",
    f"{FOLDER}/Sequel/book.m4b": b"another book",
}


@pytest.fixture
def old_book(shelf: Shelf) -> Path:
    """Somebody's book of three files with their own things beside it."""
    for name, data in (OLD | OTHERS).items():
        path = shelf.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return shelf.root / FOLDER


async def test_a_replacement_keeps_the_folder_and_what_is_not_the_book_and_recycles_the_rest(
    shelf: Shelf, old_book: Path
) -> None:
    inode = old_book.stat().st_ino
    placed = await place(shelf.db, shelf.plan(audio=BETTER), clock=clock, replace=True)
    assert shelf.tree() == complete(BETTER) | OTHERS
    assert old_book.stat().st_ino == inode
    assert shelf.recycled() == sorted(OLD.values())
    assert {Path(path).name for path in placed.replaced} == {"01.mp3", "02.mp3", "03.mp3", "metadata.json"}
    assert [row.op for row in await shelf.live()].count(JournalOp.REMOVE) == 3
    assert await place(shelf.db, shelf.plan(audio=BETTER), clock=clock, replace=True)
    assert shelf.recycled() == sorted(OLD.values())


async def test_without_a_decision_nothing_is_replaced_and_the_comparison_is_shown(shelf: Shelf, old_book: Path) -> None:
    with pytest.raises(TargetExists) as caught:
        await place(shelf.db, shelf.plan(audio=BETTER), clock=clock)
    assert shelf.tree() == OLD | OTHERS
    assert caught.value.reason.evidence["found_count"] == 6
    shown = compare_existing(old_book, shelf.plan(), durations={"01.mp3": 60.0, "02.mp3": 30.5}, seconds_wanted=95.0)
    assert shown.goes == ("01.mp3", "02.mp3", "CD2/03.mp3", "metadata.json")
    assert (shown.seconds_there, shown.seconds_wanted, shown.same) == (90.5, 95.0, False)
    assert shown.as_json()["seconds_there"] == 90.5


async def test_the_same_book_already_there_is_a_success_that_changes_nothing(shelf: Shelf) -> None:
    for name, data in complete().items():
        (shelf.root / name).parent.mkdir(parents=True, exist_ok=True)
        (shelf.root / name).write_bytes(data)
    (shelf.root / FOLDER / "metadata.json").write_bytes(b"edited since")
    before = shelf.tree()
    for replace in (False, True):
        placed = await place(shelf.db, shelf.plan(), clock=clock, replace=replace)
        assert placed.already_there
    assert shelf.tree() == before
    assert await shelf.rows() == []


async def test_undoing_a_replacement_brings_the_old_book_back(shelf: Shelf, old_book: Path) -> None:
    inode = old_book.stat().st_ino
    await place(shelf.db, shelf.plan(audio=BETTER), clock=clock, replace=True)
    undone = await undo(shelf.db, TICKET, clock=clock)
    assert shelf.tree() == OLD | OTHERS
    assert old_book.stat().st_ino == inode
    assert len(undone.restored) == 4 and undone.kept == ()
    assert BETTER in shelf.recycled()
    assert (await undo(shelf.db, TICKET, clock=clock)).removed == ()
    assert shelf.tree() == OLD | OTHERS


async def test_each_act_of_a_ticket_is_undone_by_its_number(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    await place(shelf.db, shelf.plan(audio=BETTER), clock=clock)
    first, second = await acts_of(shelf.db, TICKET)
    assert (first.kind, first.files, second.kind, second.files) == ("place", 4, "replace", 1)
    assert second.folder == shelf.root / FOLDER
    for _ in range(2):  # a button pressed twice
        await undo(shelf.db, TICKET, clock=clock, act=second.number)
        assert shelf.tree() == complete()
        assert {row.state for row in await shelf.live()} == {JournalState.VERIFIED}
    assert len(await acts_of(shelf.db, TICKET)) == 1
    await undo(shelf.db, TICKET, clock=clock)
    assert shelf.tree() == {}
    assert await acts_of(shelf.db, TICKET) == ()


async def test_the_ticket_whose_book_was_replaced_knows_it_and_has_it_back_after_the_undo(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(OTHER), clock=clock)
    await place(shelf.db, shelf.plan(audio=BETTER), clock=clock, replace=True)
    states = {row.state for row in await shelf.rows(OTHER) if row.op is JournalOp.PLACE}
    assert states == {JournalState.REPLACED}
    await undo(shelf.db, TICKET, clock=clock)
    assert shelf.tree() == complete()
    assert {row.state for row in await shelf.rows(OTHER)} == {JournalState.VERIFIED}
    await undo(shelf.db, OTHER, clock=clock)
    assert shelf.tree() == {}


async def test_after_its_time_a_replacement_cannot_be_undone_and_says_so_before_touching_anything(
    shelf: Shelf, old_book: Path
) -> None:
    await place(shelf.db, shelf.plan(audio=BETTER), clock=clock, replace=True)
    assert await recycle_sweep(shelf.root, NOW - timedelta(days=1)) == 0
    assert shelf.recycled() == sorted(OLD.values())
    freed = await recycle_sweep(shelf.root, NOW + timedelta(days=1))
    assert freed == sum(map(len, OLD.values()))
    assert shelf.recycled() == []
    with pytest.raises(UndoExpired) as caught:
        await undo(shelf.db, TICKET, clock=clock)
    assert caught.value.reason.code == "undo_expired"
    assert shelf.tree() == complete(BETTER) | OTHERS


async def test_a_sweep_of_the_recycle_folder_touches_only_what_the_shelf_put_there(
    shelf: Shelf, tmp_path: Path
) -> None:
    bin_ = tmp_path / "recycle"
    (bin_ / "0f8fad5b" / "my holiday").mkdir(parents=True)
    (bin_ / "0f8fad5b" / "my holiday" / "photo.jpg").write_bytes(b"photo")
    (bin_ / "letters").mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (bin_ / "0f8fad5b" / "20200101T000000Z-1-undo").symlink_to(outside)
    await recycle_sweep(shelf.root, NOW, recycle=bin_)
    assert (bin_ / "0f8fad5b" / "my holiday" / "photo.jpg").exists()
    assert (bin_ / "letters").exists() and outside.exists()


async def test_a_recycle_folder_on_another_disk_works_too(shelf: Shelf, old_book: Path, small_disk: Path) -> None:
    recycle = small_disk / "recycle"
    await place(shelf.db, shelf.plan(audio=BETTER), clock=clock, replace=True, recycle=recycle)
    assert sorted(path.read_bytes() for path in recycle.rglob("*") if path.is_file()) == sorted(OLD.values())
    await undo(shelf.db, TICKET, clock=clock, recycle=recycle)
    assert shelf.tree() == OLD | OTHERS
    assert not list(shelf.root.rglob(".earmark*"))


async def test_what_somebody_changed_after_a_replacement_stays_and_is_told(shelf: Shelf, old_book: Path) -> None:
    await place(shelf.db, shelf.plan(audio=BETTER), clock=clock, replace=True)
    (old_book / "metadata.json").unlink()
    (old_book / "metadata.json").write_bytes(b"edited by the media server")
    undone = await undo(shelf.db, TICKET, clock=clock)
    assert undone.kept == (old_book / "metadata.json",)
    assert shelf.tree() == OLD | OTHERS | {f"{FOLDER}/metadata.json": b"edited by the media server"}


async def journal_a_move(db: Database, old: Path, new: Path, root: Path) -> None:
    """What a reorganisation leaves in the journal, and on the disk."""
    async with db.write() as tx:
        act = await journal.last_act(tx, TICKET) + 1
        entry = JournalEntry(JournalOp.MOVE, str(new), NOW, source=str(old), act=act, root=str(root))
        (row,) = await journal.plan(tx, TICKET, [entry])
        old.rename(new)
        await journal.rebase(tx, [(str(old), str(new))])
        await journal.mark(tx, [row.id], JournalState.VERIFIED, NOW)


@pytest.mark.parametrize("everything", [False, True], ids=["the move alone", "everything"])
async def test_moves_are_taken_back_and_the_placement_before_them_follows(shelf: Shelf, everything: bool) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    folder, elsewhere = shelf.root / FOLDER, shelf.root / "Author" / "Title"
    inode = folder.stat().st_ino
    await journal_a_move(shelf.db, folder, elsewhere, shelf.root)
    await journal_a_move(shelf.db, elsewhere / "cover.jpg", elsewhere / "folder.jpg", shelf.root)
    folder.parent.rmdir()
    assert {row.target for row in await shelf.live() if row.op is JournalOp.COVER} == {str(elsewhere / "folder.jpg")}
    if everything:
        await undo(shelf.db, TICKET, clock=clock)
        assert shelf.tree() == {}
        return
    for _ in range(2):
        await undo(shelf.db, TICKET, clock=clock, act=2)
        assert shelf.tree() == complete()
        assert folder.stat().st_ino == inode
    assert {row.target for row in await shelf.live() if row.op is JournalOp.COVER} == {str(folder / "cover.jpg")}


async def test_a_placement_first_takes_back_a_reorganisation_that_was_stopped(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    folder, elsewhere = shelf.root / FOLDER, shelf.root / "Author" / "Title"
    async with shelf.db.write() as tx:
        entry = JournalEntry(JournalOp.MOVE, str(elsewhere), NOW, source=str(folder), act=2, root=str(shelf.root))
        await journal.plan(tx, TICKET, [entry])
    folder.rename(elsewhere)  # and here it was killed
    await place(shelf.db, shelf.plan(), clock=clock)
    assert shelf.tree() == complete()


async def test_a_library_whose_disk_is_away_forgets_nothing(shelf: Shelf, old_book: Path) -> None:
    await place(shelf.db, shelf.plan(audio=BETTER), clock=clock, replace=True)
    away = shelf.root.with_name("unplugged")
    shelf.root.rename(away)
    for mount_point_stays in (False, True):
        if mount_point_stays:
            shelf.root.mkdir()
        with pytest.raises(LibraryMissing):
            await undo(shelf.db, TICKET, clock=clock)
    assert {row.state for row in await shelf.live()} == {JournalState.VERIFIED}
    shelf.root.rmdir()
    away.rename(shelf.root)
    await undo(shelf.db, TICKET, clock=clock)
    assert shelf.tree() == OLD | OTHERS


async def test_an_interrupted_replacement_is_remembered_while_its_disk_is_away(shelf: Shelf, old_book: Path) -> None:
    plan = shelf.plan(audio=BETTER)
    target = old_book / "Title (1895).m4b"
    kept = shelf.root / ".earmark-recycle" / "0f8fad5b" / "20240501T120000Z-1-replace" / FOLDER / "01.mp3"
    async with shelf.db.write() as tx:  # as a kill between two renames leaves it
        rows = [
            JournalEntry(JournalOp.PLACE, str(target), NOW, size=len(BETTER), root=str(shelf.root)),
            JournalEntry(JournalOp.REMOVE, str(old_book / "01.mp3"), NOW, kept=str(kept), root=str(shelf.root)),
        ]
        await journal.plan(tx, TICKET, rows)
    kept.parent.mkdir(parents=True)
    (old_book / "01.mp3").rename(kept)
    away = shelf.root.with_name("unplugged")
    shelf.root.rename(away)
    with pytest.raises(LibraryMissing):
        await place(shelf.db, plan, clock=clock, replace=True)
    assert {row.state for row in await shelf.rows()} == {JournalState.PLANNED}
    away.rename(shelf.root)
    await place(shelf.db, plan, clock=clock, replace=True)
    assert shelf.tree() == complete(BETTER) | OTHERS
    await undo(shelf.db, TICKET, clock=clock)
    assert shelf.tree() == OLD | OTHERS


async def test_a_disk_that_goes_away_under_a_replacement_leaves_it_to_the_next_run(
    shelf: Shelf, old_book: Path
) -> None:
    away = shelf.root.with_name("unplugged")

    def step(what: str) -> None:
        if what == "verify":
            shelf.root.rename(away)

    with pytest.raises(EarmarkError):
        await place(shelf.db, shelf.plan(audio=BETTER), clock=clock, replace=True, step=step)
    assert JournalState.PLANNED in {row.state for row in await shelf.rows()}
    away.rename(shelf.root)
    await place(shelf.db, shelf.plan(audio=BETTER), clock=clock, replace=True)
    assert shelf.tree() == complete(BETTER) | OTHERS
    assert shelf.recycled() == sorted(OLD.values())


async def test_a_companion_of_the_same_kind_decides_what_goes(shelf: Shelf) -> None:
    """An e-book that replaces an e-book beside an audiobook leaves the sound alone."""
    folder = shelf.root / "Author" / "Title"
    folder.mkdir(parents=True)
    (folder / "book.m4b").write_bytes(b"sound")
    (folder / "old.epub").write_bytes(b"old text")
    files = [Planned(b"new text", "Title.epub", "book")]
    plan: PlacementPlan = plan_placement(shelf.root, ("Author", "Title"), files, TICKET)
    await place(shelf.db, plan, clock=clock, replace=True)
    assert sorted(path.name for path in folder.iterdir()) == ["Title.epub", "book.m4b"]
    assert shelf.recycled() == [b"old text"]
