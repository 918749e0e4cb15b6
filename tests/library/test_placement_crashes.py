"""The process dies before every single operation of a placement, and the shelf never shows it."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from library_kit import AUDIO, TICKET, Shelf, clock, complete, open_store, run_in_process, visible
from seeding_kit import PARTS, as_placed, finished

from earmark.library.faults import TargetExists
from earmark.library.placement import place
from earmark.library.undo import sweep_orphans, undo
from earmark.store import JournalState

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
REBOUND = AUDIO[::-1] + b"another run of the encoder"
DIED = 9

Run = Callable[..., int]


@pytest.fixture(scope="module")
def run() -> Run:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["earmark.library.placement", "earmark.library.undo", "alembic.command", "aiosqlite"]
    )

    def start(base: Path, action: str = "place", *, die_at: int = 0, audio: bytes = AUDIO) -> int:
        process = context.Process(target=run_in_process, args=(base, action, die_at, audio))
        process.start()
        process.join(60)
        assert process.exitcode in {0, DIED}, f"the run failed instead of dying: {process.exitcode}"
        return process.exitcode

    return start


@pytest.fixture
async def world(tmp_path: Path) -> Path:
    """An empty library with its database."""
    base = tmp_path / "world"
    (base / "library").mkdir(parents=True)
    await (await open_store(base)).close()
    return base


def instants(world: Path) -> Iterator[int]:
    """Every instant of death, each in the world as it was at the beginning. The caller leaves when the run survived."""
    beginning = world.with_name("beginning")
    shutil.copytree(world, beginning)
    for die_at in range(1, 200):
        shutil.rmtree(world)
        shutil.copytree(beginning, world)
        yield die_at
    pytest.fail("the run never reached its end")


async def inspect(base: Path, look: Callable[[Shelf], Awaitable[None]]) -> None:
    db = await open_store(base)
    try:
        await look(Shelf(base / "library", base / "work", db))
    finally:
        await db.close()


async def assert_placed_once(shelf: Shelf, audio: bytes, moment: int) -> None:
    assert shelf.tree() == complete(audio), moment
    rows = await shelf.live()
    assert len({row.target for row in rows}) == len(rows) == 3 + 4, moment  # three folders, four files
    assert {row.state for row in rows} == {JournalState.VERIFIED}, moment
    sizes = {Path(row.target).name: row.size for row in rows}
    assert sizes["Title (1895).m4b"] == len(audio), moment


@pytest.mark.parametrize("again", [AUDIO, REBOUND], ids=["the same bytes", "bound anew"])
async def test_a_killed_placement_is_finished_by_running_it_again(world: Path, run: Run, again: bytes) -> None:
    for moment in instants(world):
        survived = run(world, die_at=moment) == 0
        seen = visible(Shelf(world / "library", world, None).tree())  # type: ignore[arg-type]
        assert seen in ({}, complete()), f"a scanner sees half a book at {moment}"
        if survived:
            assert moment > 15
            return
        run(world, die_at=moment * 7 % 23 + 1, audio=again)  # it may well die a second time
        assert run(world, audio=again) == 0

        async def look(shelf: Shelf, moment: int = moment) -> None:
            await assert_placed_once(shelf, again, moment)

        await inspect(world, look)


async def test_a_killed_replacement_shows_the_old_or_the_new_book_and_ends_with_the_new(world: Path, run: Run) -> None:
    assert run(world) == 0
    for moment in instants(world):
        survived = run(world, die_at=moment, audio=REBOUND) == 0
        seen = visible(Shelf(world / "library", world, None).tree())  # type: ignore[arg-type]
        assert seen in (complete(), complete(REBOUND)), moment
        if moment % 2:  # every other one is given up and taken back instead

            async def look_back(shelf: Shelf, moment: int = moment) -> None:
                assert (await undo(shelf.db, TICKET, clock=clock)).kept == (), moment
                assert shelf.tree() == {}, moment

            await inspect(world, look_back)
            continue
        assert run(world, audio=REBOUND) == 0

        async def look(shelf: Shelf, moment: int = moment) -> None:
            await assert_placed_once(shelf, REBOUND, moment)

        await inspect(world, look)
        if survived:
            return


async def test_what_a_killed_and_abandoned_placement_left_is_swept_and_undone(world: Path, run: Run) -> None:
    for moment in instants(world):
        survived = run(world, die_at=moment) == 0

        async def look(shelf: Shelf, moment: int = moment) -> None:
            before = visible(shelf.tree())
            assert await sweep_orphans(shelf.root, {TICKET}) == ()  # it may still be finished
            await sweep_orphans(shelf.root, ())
            files = {path: data for path, data in shelf.tree().items() if not path.endswith("/")}
            assert files == before, moment
            await undo(shelf.db, TICKET, clock=clock)
            assert shelf.tree() == {}, moment

        await inspect(world, look)
        if survived:
            return


async def test_a_killed_undo_is_finished_by_running_it_again(world: Path, run: Run) -> None:
    assert run(world) == 0
    for moment in instants(world):
        survived = run(world, "undo", die_at=moment) == 0
        seen = visible(Shelf(world / "library", world, None).tree())  # type: ignore[arg-type]
        assert seen in ({}, complete()), f"a scanner sees half a book at {moment}"
        assert run(world, "undo") == 0

        async def look(shelf: Shelf, moment: int = moment) -> None:
            assert shelf.tree() == {}, moment
            assert {row.state for row in await shelf.rows()} == {JournalState.UNDONE}

        await inspect(world, look)
        if survived:
            return


@pytest.mark.parametrize("moment", [4, 9, 14])
async def test_a_killed_placement_whose_place_was_taken_meanwhile_leaves_no_trace(
    world: Path, run: Run, moment: int
) -> None:
    assert run(world, die_at=moment) == DIED

    async def look(shelf: Shelf) -> None:
        plan = shelf.plan()
        plan.folder.mkdir(parents=True, exist_ok=True)
        (plan.folder / "other.m4b").write_bytes(b"other")
        with pytest.raises(TargetExists):
            await place(shelf.db, plan, clock=clock)
        assert shelf.tree() == {"Author/Saga/1 - Title/other.m4b": b"other"}
        assert {row.state for row in await shelf.rows()} == {JournalState.UNDONE}

    await inspect(world, look)


OLD = {"Author/Book/01.mp3": b"old first", "Author/Book/03.mp3": b"old third", "Author/Book/CD2/04.mp3": b"fourth"}
NOTES = {"Author/Book/notes.txt": b"mine"}
SOUND = "Author/Book/01.mp3"
METHODS = ["hardlink", "hardlink-or-copy", "copy", "move"]  # reflink where the disk can: tests/library/test_methods.py


def stand(world: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (world / "library" / name).parent.mkdir(parents=True, exist_ok=True)
        (world / "library" / name).write_bytes(data)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("action", ["place", "replace"])
async def test_a_download_whose_placing_is_killed_ends_whole_or_taken_back_and_seeds_on(
    world: Path, run: Run, action: str, method: str
) -> None:
    before = OLD | NOTES if action == "replace" else {}
    stand(world, before)
    download = finished(world / "downloads")
    after = as_placed() | (NOTES if action == "replace" else {})
    for moment in instants(world):
        survived = run(world, f"{action} {method}", die_at=moment) == 0
        seen = visible(Shelf(world / "library", world, None).tree())  # type: ignore[arg-type]
        assert {path: data for path, data in seen.items() if path in NOTES} == (NOTES if before else {})
        if action == "place":
            assert seen in ({}, after), f"a scanner sees half a book at {moment}"
        else:
            assert seen[SOUND] in {before[SOUND], after[SOUND]}, f"the sound is neither old nor new at {moment}"
        for name, data in PARTS.items():  # never lost, whatever the moment
            copies = [download.folder / name, world / "library/Author/Book" / name]
            assert any(path.exists() and path.read_bytes() == data for path in copies), (moment, name)
        if method != "move":
            assert download.proof(4).untouched, moment
        if moment % 3 == 2:  # every third one is given up and taken back instead

            async def look_back(shelf: Shelf, moment: int = moment) -> None:
                for _ in range(2):
                    assert (await undo(shelf.db, TICKET, clock=clock)).kept == (), moment
                    assert shelf.tree() == before, moment

            await inspect(world, look_back)
        else:
            run(world, f"{action} {method}", die_at=moment * 7 % 19 + 1)  # it may well die a second time
            assert run(world, f"{action} {method}") == 0

            async def look(shelf: Shelf, moment: int = moment) -> None:
                assert shelf.tree() == after, moment
                assert {row.state for row in await shelf.live()} == {JournalState.VERIFIED}, moment
                left = [path.name for path in download.folder.iterdir()]
                assert sorted(left) == ([] if method == "move" else sorted(PARTS)), moment

            await inspect(world, look)
        if survived:
            assert moment > 8
            return


async def test_a_killed_undo_of_a_replacement_shows_old_or_new_and_ends_with_the_old(world: Path, run: Run) -> None:
    stand(world, OLD | NOTES)
    finished(world / "downloads")
    assert run(world, "replace hardlink") == 0
    new = as_placed()[SOUND]
    for moment in instants(world):
        survived = run(world, "undo", die_at=moment) == 0
        seen = visible(Shelf(world / "library", world, None).tree())  # type: ignore[arg-type]
        assert seen[SOUND] in {OLD[SOUND], new}, moment
        run(world, "undo", die_at=moment * 5 % 7 + 1)
        assert run(world, "undo") == 0

        async def look(shelf: Shelf, moment: int = moment) -> None:
            assert shelf.tree() == OLD | NOTES, moment
            assert {row.state for row in await shelf.rows()} == {JournalState.UNDONE}
            everything = [*shelf.tree().values(), *shelf.recycled()]
            assert all(data in everything for data in as_placed().values()), moment  # nothing is deleted by an undo

        await inspect(world, look)
        if survived:
            assert moment > 8
            return
