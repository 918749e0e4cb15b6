"""Books that are on the shelf come to the current pattern: whole, with their inodes, and back again on request."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from library_kit import AUDIO, OTHER, TICKET, Shelf, clock, complete, visible

from earmark.core.binding import BookTags
from earmark.core.naming import parse_file_pattern, parse_pattern
from earmark.core.reasons import EarmarkError
from earmark.core.ticket import TicketId
from earmark.library.placement import place
from earmark.library.plan import Planned, plan_files, plan_placement
from earmark.library.reorganise import Wanted, plan_for, reorganise, reorganise_many, wanted_book, wanted_names
from earmark.library.sidecars import facts, sidecar_files
from earmark.library.undo import undo

OLD = "Author/Saga/1 - Title"
NEW = ("Author", "Title (1895)")


def wanted(
    shelf: Shelf,
    folder: tuple[str, ...] = NEW,
    names: Mapping[str, str] | None = None,
    sidecars: Mapping[str, bytes] | None = None,
    ticket: TicketId = TICKET,
) -> Wanted:
    return Wanted(ticket, shelf.root, folder, names or {}, sidecars)


def moved(folder: str, old: str = OLD) -> dict[str, bytes]:
    return {path.replace(old, folder): data for path, data in complete().items()}


async def other_book(shelf: Shelf, *folder: str, audio: bytes = b"another book" * 100) -> None:
    files = [Planned(audio, "Other.m4b", "book")]
    await place(shelf.db, plan_placement(shelf.root, folder, files, OTHER), clock=clock)


async def test_the_whole_folder_is_renamed_with_everything_people_put_into_it(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    (shelf.root / OLD / "notes.txt").write_text("mine")
    (shelf.root / OLD / "Extras").mkdir()
    (shelf.root / OLD / "Extras" / "map.png").write_bytes(b"map")
    before = (shelf.root / OLD).stat().st_ino, (shelf.root / OLD / "Title (1895).m4b").stat().st_ino
    done = await reorganise(shelf.db, wanted(shelf), clock=clock)
    folder = shelf.root.joinpath(*NEW)
    assert done.folder == folder
    assert (folder.stat().st_ino, (folder / "Title (1895).m4b").stat().st_ino) == before
    assert shelf.tree() == moved("Author/Title (1895)") | {
        "Author/Title (1895)/notes.txt": b"mine",
        "Author/Title (1895)/Extras/map.png": b"map",
    }
    assert not (shelf.root / "Author" / "Saga").exists()


async def test_the_journal_follows_so_that_the_placement_can_be_undone_at_its_new_place(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    await reorganise(shelf.db, wanted(shelf), clock=clock)
    undone = await undo(shelf.db, TICKET, clock=clock)
    assert undone.kept == ()
    assert visible(shelf.tree()) == {}


async def test_an_undo_of_the_reorganisation_brings_everything_home(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    names = {"Title (1895).m4b": "Title.m4b"}
    done = await reorganise(shelf.db, wanted(shelf, names=names, sidecars={"metadata.json": b"new\n"}), clock=clock)
    assert visible(shelf.tree())["Author/Title (1895)/Title.m4b"] == AUDIO
    await undo(shelf.db, TICKET, clock=clock, act=done.act)
    assert visible(shelf.tree()) == complete()
    assert {row.target for row in await shelf.live() if row.op == "place"} == {f"{shelf.root}/{OLD}/Title (1895).m4b"}
    await reorganise(shelf.db, wanted(shelf), clock=clock)
    assert visible(shelf.tree()) == moved("Author/Title (1895)")


async def test_sidecars_are_rewritten_and_those_that_say_nothing_any_more_go(shelf: Shelf) -> None:
    described = sidecar_files(facts(BookTags("Title", description="Old words", narrators=("Ann",))))
    files = [Planned(AUDIO, "Title.m4b", "book"), Planned(b"a map", "map.pdf", "sidecar")]
    files += [Planned(data, name, "sidecar") for name, data in described.items()]
    await place(shelf.db, plan_placement(shelf.root, NEW, files, TICKET), clock=clock)
    fresh = sidecar_files(facts(BookTags("Title", narrators=("Ann",))))
    done = await reorganise(shelf.db, wanted(shelf, sidecars=fresh), clock=clock)
    assert set(done.written) == {"metadata.json", "metadata.opf"}
    assert done.dropped == ("desc.txt",)
    folder = "Author/Title (1895)"
    others = {f"{folder}/Title.m4b": AUDIO, f"{folder}/map.pdf": b"a map"}
    assert visible(shelf.tree()) == {f"{folder}/{name}": data for name, data in fresh.items()} | others
    await undo(shelf.db, TICKET, clock=clock, act=done.act)
    assert visible(shelf.tree()) == {f"{folder}/{name}": data for name, data in described.items()} | others


async def test_a_sidecar_that_was_not_there_before_goes_again_with_an_undo(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    told = {"metadata.json": b"new\n", "metadata.opf": b"<package/>\n", "desc.txt": b"words\n"}
    done = await reorganise(shelf.db, wanted(shelf, sidecars=told), clock=clock)
    assert set(done.written) == {"metadata.json", "desc.txt"}
    await undo(shelf.db, TICKET, clock=clock, act=done.act)
    assert visible(shelf.tree()) == complete()


async def test_a_dry_run_tells_everything_and_touches_nothing(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    before, rows = shelf.tree(), await shelf.rows()
    plan = await plan_for(
        shelf.db, wanted(shelf, names={"Title (1895).m4b": "T.m4b"}, sidecars={"metadata.json": b"x"})
    )
    assert plan.as_json() == {
        "folder": OLD,
        "goal": "Author/Title (1895)",
        "moves": [
            {"old": OLD, "new": "Author/Title (1895)"},
            {"old": "Author/Title (1895)/Title (1895).m4b", "new": "Author/Title (1895)/T.m4b"},
        ],
        "writes": ["metadata.json"],
        "drops": ["metadata.opf"],
        "prunes": [OLD, "Author/Saga"],
    }
    assert shelf.tree() == before
    assert await shelf.rows() == rows


async def test_a_book_that_stands_right_is_left_alone(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    rows = await shelf.rows()
    done = await reorganise(shelf.db, wanted(shelf, tuple(OLD.split("/"))), clock=clock)
    assert (done.moved, done.act) == (0, 0)
    assert await shelf.rows() == rows


async def test_another_book_in_the_way_is_compared_and_never_touched(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    await other_book(shelf, *NEW)
    before = shelf.tree()
    with pytest.raises(EarmarkError) as caught:
        await reorganise(shelf.db, wanted(shelf), clock=clock)
    assert caught.value.reason.code == "target_exists"
    assert caught.value.reason.evidence["found_count"] == 1
    assert shelf.tree() == before


@pytest.mark.parametrize("what", ["folder", "file"])
async def test_what_appears_in_the_way_at_the_last_moment_is_not_replaced(shelf: Shelf, what: str) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    target = shelf.root.joinpath(*NEW) if what == "folder" else shelf.root / OLD / "T.m4b"
    goal = NEW if what == "folder" else tuple(OLD.split("/"))

    def step(doing: str) -> None:
        if doing.startswith("move ") and doing.endswith((NEW[-1], "T.m4b")):
            rival = target / "rival.m4b" if what == "folder" else target
            rival.parent.mkdir(parents=True, exist_ok=True)
            rival.write_bytes(b"rival")

    with pytest.raises(EarmarkError) as caught:
        await reorganise(shelf.db, wanted(shelf, goal, names={"Title (1895).m4b": "T.m4b"}), clock=clock, step=step)
    assert caught.value.reason.code == "target_exists"
    rival = "Author/Title (1895)/rival.m4b" if what == "folder" else f"{OLD}/T.m4b"
    assert visible(shelf.tree()) == complete() | {rival: b"rival"}


async def test_a_file_of_somebody_else_is_not_renamed_over(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    (shelf.root / OLD / "T.m4b").write_bytes(b"mine")
    before = shelf.tree()
    with pytest.raises(EarmarkError) as caught:
        await reorganise(shelf.db, wanted(shelf, names={"Title (1895).m4b": "T.m4b"}), clock=clock)
    assert caught.value.reason.code == "target_exists"
    assert shelf.tree() == before


async def test_a_book_loose_in_its_authors_folder_does_not_take_the_others_along(shelf: Shelf) -> None:
    files = [Planned(AUDIO, "Title.m4b", "book"), Planned(b"{}", "metadata.json", "sidecar")]
    await place(shelf.db, plan_placement(shelf.root, ("Author",), files, TICKET), clock=clock)
    await other_book(shelf, "Author", "Other")
    (shelf.root / "Author" / "notes.txt").write_text("mine")
    await reorganise(shelf.db, wanted(shelf, ("Author", "Title")), clock=clock)
    assert visible(shelf.tree()) == {
        "Author/Title/Title.m4b": AUDIO,
        "Author/Title/metadata.json": b"{}",
        "Author/Other/Other.m4b": b"another book" * 100,
        "Author/notes.txt": b"mine",
    }
    await undo(shelf.db, TICKET, clock=clock, act=2)
    assert set(visible(shelf.tree())) == {
        "Author/Title.m4b",
        "Author/metadata.json",
        "Author/Other/Other.m4b",
        "Author/notes.txt",
    }


async def test_a_book_can_go_one_level_up_into_its_own_parent(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    (shelf.root / OLD / "notes.txt").write_text("mine")
    await reorganise(shelf.db, wanted(shelf, ("Author", "Saga")), clock=clock)
    assert visible(shelf.tree()) == moved("Author/Saga") | {"Author/Saga/notes.txt": b"mine"}


async def test_an_ebook_of_another_ticket_beside_the_book_goes_along_and_its_journal_too(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    beside = plan_placement(shelf.root, tuple(OLD.split("/")), [Planned(b"epub", "Title.epub", "book")], OTHER)
    await place(shelf.db, beside, clock=clock, replace=True)
    await reorganise(shelf.db, wanted(shelf), clock=clock)
    assert visible(shelf.tree())["Author/Title (1895)/Title.epub"] == b"epub"
    await undo(shelf.db, OTHER, clock=clock)
    assert visible(shelf.tree()) == moved("Author/Title (1895)")


async def test_files_may_change_places(shelf: Shelf) -> None:
    files = [Planned(data, name, "book") for name, data in (("a.mp3", b"one"), ("b.mp3", b"two"), ("c.mp3", b"three"))]
    await place(shelf.db, plan_placement(shelf.root, NEW, files, TICKET), clock=clock)
    names = {"a.mp3": "b.mp3", "b.mp3": "a.mp3", "c.mp3": "d.mp3"}
    done = await reorganise(shelf.db, wanted(shelf, names=names), clock=clock)
    folder = "Author/Title (1895)"
    assert shelf.tree() == {f"{folder}/b.mp3": b"one", f"{folder}/a.mp3": b"two", f"{folder}/d.mp3": b"three"}
    await undo(shelf.db, TICKET, clock=clock, act=done.act)
    assert visible(shelf.tree()) == {f"{folder}/{file.name}": file.source for file in files}


async def test_files_shuffled_again_and_again_keep_their_contents_and_find_home(shelf: Shelf) -> None:
    names = [f"{number}.mp3" for number in range(5)]
    files = [Planned(name.encode(), name, "book") for name in names]
    await place(shelf.db, plan_placement(shelf.root, NEW, files, TICKET), clock=clock)
    start, dice = shelf.tree(), random.Random(7)
    where = {name: name for name in names}  # file as placed -> its name now
    for _ in range(8):
        fresh = dice.sample([*names, "5.mp3", "6.mp3"], len(names))
        folder = ("Author", dice.choice(["One", "Two"]))
        await reorganise(shelf.db, wanted(shelf, folder, dict(zip(where.values(), fresh, strict=True))), clock=clock)
        where = dict(zip(names, fresh, strict=True))
        assert shelf.tree() == {f"{'/'.join(folder)}/{now}": name.encode() for name, now in where.items()}
    await undo(shelf.db, TICKET, clock=clock, act=2)
    assert visible(shelf.tree()) == start


async def test_a_download_that_seeds_under_another_name_is_not_touched(shelf: Shelf, tmp_path: Path) -> None:
    seeding = tmp_path / "download.m4b"
    seeding.write_bytes(AUDIO)
    plan = plan_placement(
        shelf.root, NEW, [Planned(seeding, "Title.m4b", "book", "seeding")], TICKET, method="hardlink"
    )
    await place(shelf.db, plan, clock=clock)
    before = seeding.stat()
    await reorganise(shelf.db, wanted(shelf, ("A", "B"), {"Title.m4b": "T.m4b"}, {"metadata.json": b"{}"}), clock=clock)
    after = seeding.stat()
    assert seeding.samefile(shelf.root / "A" / "B" / "T.m4b")
    assert (after.st_ino, after.st_nlink, after.st_mtime_ns) == (before.st_ino, 2, before.st_mtime_ns)
    assert seeding.read_bytes() == AUDIO


async def test_names_that_differ_in_case_only_are_changed(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    await reorganise(shelf.db, wanted(shelf, ("Author", "Saga", "1 - TITLE")), clock=clock)
    assert visible(shelf.tree()) == moved("Author/Saga/1 - TITLE")


async def test_a_book_somebody_took_away_is_told_by_name(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    (shelf.root / OLD / "Title (1895).m4b").unlink()
    with pytest.raises(EarmarkError) as caught:
        await reorganise(shelf.db, wanted(shelf), clock=clock)
    assert caught.value.reason.code == "book_gone"


async def test_files_of_one_ticket_in_several_folders_are_nobody_s_one_book(shelf: Shelf) -> None:
    plan = plan_files(shelf.root, [(b"one", "A/One/1.flac"), (b"two", "A/Two/1.flac")], TICKET)
    await place(shelf.db, plan, clock=clock)
    with pytest.raises(EarmarkError) as caught:
        await reorganise(shelf.db, wanted(shelf), clock=clock)
    assert caught.value.reason.code == "reorganise_several"
    assert visible(shelf.tree()) == {"A/One/1.flac": b"one", "A/Two/1.flac": b"two"}


async def test_a_symlink_that_leads_out_of_the_library_is_not_followed(shelf: Shelf, tmp_path: Path) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    (tmp_path / "outside").mkdir()
    (shelf.root / "Elsewhere").symlink_to(tmp_path / "outside")
    with pytest.raises(EarmarkError) as caught:
        await reorganise(shelf.db, wanted(shelf, ("Elsewhere", "Title")), clock=clock)
    assert caught.value.reason.code == "placement_unsafe_target"
    assert visible(shelf.tree()) == complete()


async def test_one_bad_book_of_many_stops_no_other(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    await other_book(shelf, "Other", "Book")
    missing = TicketId("11111111-d9cb-469f-a165-70867728950e")
    told: list[tuple[int, int]] = []
    books = [wanted(shelf, ticket=missing), wanted(shelf), wanted(shelf, ("Other", "New"), ticket=OTHER)]
    dry = await reorganise_many(shelf.db, books, clock=clock, dry_run=True)
    assert [(one.plan is not None, one.done) for one in dry] == [(False, None), (True, None), (True, None)]
    outcomes = await reorganise_many(shelf.db, books, clock=clock, on_progress=lambda *at: told.append(at))
    assert [one.reason.code if one.reason else None for one in outcomes] == ["book_gone", None, None]
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert visible(shelf.tree()) == moved("Author/Title (1895)") | {"Other/New/Other.m4b": b"another book" * 100}


async def test_two_books_that_want_one_folder_do_not_meet(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    await other_book(shelf, "Other", "Book")
    books = [wanted(shelf), wanted(shelf, ticket=OTHER)]
    outcomes = await reorganise_many(shelf.db, books, clock=clock)
    assert [one.reason.code if one.reason else None for one in outcomes] == [None, "target_exists"]


class Stopped(BaseException):
    """The process dies."""


@pytest.mark.parametrize("kill_at", range(1, 20))
async def test_a_run_that_dies_anywhere_is_finished_by_the_next(shelf: Shelf, kill_at: int) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    seen: list[str] = []
    dead = False

    def step(what: str) -> None:
        nonlocal dead
        seen.append(what)
        if len(seen) == kill_at or dead:
            dead = True  # whatever would clean up afterwards dies too
            raise Stopped

    goal = wanted(shelf, names={"Title (1895).m4b": "T.m4b"}, sidecars={"metadata.json": b"new", "desc.txt": b"d"})
    try:
        await reorganise(shelf.db, goal, clock=clock, step=step)
    except Stopped:
        pass
    else:
        assert len(seen) < kill_at
    await reorganise(shelf.db, goal, clock=clock)
    folder = "Author/Title (1895)"
    assert visible(shelf.tree()) == {
        f"{folder}/T.m4b": AUDIO,
        f"{folder}/metadata.json": b"new",
        f"{folder}/desc.txt": b"d",
        f"{folder}/cover.jpg": b"\xff\xd8\xffjpeg",
    }
    assert not [path for path in shelf.tree() if "/." in path]


async def test_a_run_that_dies_between_the_two_names_of_a_file_is_finished_by_the_next(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    goal = wanted(shelf, tuple(OLD.split("/")), names={"Title (1895).m4b": "T.m4b"})

    def die(*_: object, **__: object) -> None:
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", die)
        patched.setattr(Path, "rename", die)
        with pytest.raises(Stopped):
            await reorganise(shelf.db, goal, clock=clock)
    assert (shelf.root / OLD / "T.m4b").samefile(shelf.root / OLD / "Title (1895).m4b")
    await reorganise(shelf.db, goal, clock=clock)
    files = visible(shelf.tree())
    assert f"{OLD}/T.m4b" in files
    assert f"{OLD}/Title (1895).m4b" not in files


async def test_a_failure_half_way_leaves_the_book_as_it_was(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    unlink = os.link

    def refuse(source: Path, target: Path, **_: object) -> None:
        if Path(target).name == "T.m4b":
            raise OSError(errno.EIO, "the disk is gone")
        unlink(source, target)

    monkeypatch.setattr("os.link", refuse)
    monkeypatch.setattr(
        Path,
        "rename",
        lambda self, to, rename=Path.rename: rename(self, to) if to.name != "T.m4b" else refuse(self, to),
    )
    with pytest.raises(EarmarkError) as caught:
        await reorganise(shelf.db, wanted(shelf, names={"Title (1895).m4b": "T.m4b"}), clock=clock)
    assert caught.value.reason.code == "storage_away"
    assert visible(shelf.tree()) == complete()


def test_book_files_are_named_by_the_pattern_and_companions_keep_their_names() -> None:
    pattern = parse_file_pattern("{title} - {part}")
    tags = BookTags("Title")
    assert wanted_names(["x.m4b", "cover.jpg"], tags, pattern) == {"x.m4b": "Title.m4b"}
    parts = wanted_names(["1.mp3", "2.MP3", "book.epub", "map.png"], tags, pattern)
    assert parts == {"1.mp3": "Title - Part 01.mp3", "2.MP3": "Title - Part 02.MP3", "book.epub": "Title.epub"}
    assert wanted_names(["a.m4b", "one.pdf", "two.pdf"], tags, pattern) == {"a.m4b": "Title.m4b"}


async def test_the_current_pattern_is_what_a_book_is_brought_to(shelf: Shelf) -> None:
    await place(shelf.db, shelf.plan(), clock=clock)
    book = wanted_book(
        TICKET,
        shelf.root,
        await shelf.rows(),
        BookTags("New Title", authors=("Author",), series="Saga", series_index="1", year=1895),
        folder_pattern=parse_pattern("{author}/{title}{ (year)}"),
        file_pattern=parse_file_pattern("{title}{ - part}"),
        use_series_folders=True,
    )
    await reorganise(shelf.db, book, clock=clock)
    assert set(visible(shelf.tree())) == {
        f"Author/Saga/1 - New Title (1895)/{name}"
        for name in ("New Title.m4b", "metadata.json", "metadata.opf", "cover.jpg")
    }
