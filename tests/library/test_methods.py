"""How a file gets from a download to the shelf: as it was chosen, or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from library_kit import TICKET, Shelf, clock
from seeding_kit import PARTS, Download, as_placed, finished

from earmark.core.reasons import PermanentError
from earmark.library.methods import Method, MethodImpossible, probe_method
from earmark.library.permissions import Permissions
from earmark.library.placement import Planned, place, plan_placement
from earmark.library.seedproof import SharesBytes, refuse_shared
from earmark.library.undo import undo

pytest_plugins = ("small_disks",)

METHODS: list[Method] = ["hardlink", "hardlink-or-copy", "reflink", "copy", "move"]
OTHERS_FILE_MODE = 0o640


@pytest.fixture
def download(tmp_path: Path) -> Download:
    return finished(tmp_path / "downloads")


async def methods_of(shelf: Shelf) -> set[str | None]:
    return {row.method for row in await shelf.live() if row.source}


@pytest.mark.parametrize("method", METHODS)
async def test_each_method_does_what_it_says_or_refuses_and_the_download_seeds_on(
    shelf: Shelf, download: Download, method: Method
) -> None:
    before = download.looks()
    links = {"hardlink": 2, "hardlink-or-copy": 2, "reflink": 1, "copy": 1, "move": 1}[method]
    able = probe_method(download.home, shelf.root, method)
    if not able.ok:  # only reflinks depend on the file system of the temporary folder
        assert method == "reflink" and able.reason and able.reason.code == "reflink_impossible"
        with pytest.raises(MethodImpossible) as caught:
            await place(shelf.db, download.plan(shelf.root, method), clock=clock)
        assert caught.value.reason.evidence["cause"] == "not_supported"
        assert shelf.tree() == {}
        return
    placed = await place(shelf.db, download.plan(shelf.root, method, released=True), clock=clock)
    assert shelf.tree() == as_placed()
    assert {path.stat().st_nlink for path in (shelf.root / "Author/Book").glob("0*")} == {links}
    used = "hardlink" if method.startswith("hardlink") else method
    assert able.method_used == used
    assert await methods_of(shelf) == {used} == {placed.methods[name] for name in PARTS}
    if method == "move":
        assert list(download.folder.iterdir()) == []
    else:
        assert download.looks() == before
        assert download.proof().untouched
        await undo(shelf.db, TICKET, clock=clock)
        assert download.looks() == before
    assert sorted(path.name for path in download.home.iterdir()) == ["Book"]


@pytest.mark.parametrize("method", ["hardlink", "reflink"])
async def test_a_strict_method_fails_across_file_systems_and_says_why(
    shelf: Shelf, download: Download, small_disk: Path, method: Method
) -> None:
    check = probe_method(download.home, small_disk, method)
    assert not check.ok and check.reason
    assert check.reason.code == f"{method}_impossible"
    assert check.reason.evidence["cause"] in {"other_file_system", "not_supported"}
    with pytest.raises(MethodImpossible) as caught:
        await place(shelf.db, download.plan(small_disk, method), clock=clock)
    assert caught.value.reason.code == check.reason.code
    assert shelf.tree(small_disk) == {}
    assert list(small_disk.iterdir()) == []


async def test_hardlink_or_copy_copies_across_file_systems_and_says_so(
    shelf: Shelf, download: Download, small_disk: Path
) -> None:
    assert probe_method(download.home, small_disk, "hardlink-or-copy").method_used == "copy"
    await place(shelf.db, download.plan(small_disk, "hardlink-or-copy"), clock=clock)
    assert await methods_of(shelf) == {"copy"}
    assert all(row.sha256 for row in await shelf.live() if row.source)


@pytest.mark.parametrize(
    ("number", "cause"),
    [(errno.EMLINK, "link_limit"), (errno.EPERM, "permission"), (errno.EOPNOTSUPP, "not_supported")],
    ids=["link limit", "permission", "not supported"],
)
async def test_whatever_forbids_a_hard_link_is_named(
    shelf: Shelf, download: Download, monkeypatch: pytest.MonkeyPatch, number: int, cause: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(MethodImpossible) as caught:
        await place(shelf.db, download.plan(shelf.root, "hardlink"), clock=clock)
    assert caught.value.reason.evidence["cause"] == cause
    assert shelf.tree() == {}
    await place(shelf.db, download.plan(shelf.root, "hardlink-or-copy"), clock=clock)
    assert await methods_of(shelf) <= {"copy", "reflink"}


async def test_moving_waits_for_the_release(shelf: Shelf, download: Download) -> None:
    with pytest.raises(PermanentError) as caught:
        download.plan(shelf.root, "move")
    assert caught.value.reason.code == "still_owing"


async def test_a_move_repeated_after_its_end_changes_nothing(shelf: Shelf, download: Download) -> None:
    plan = download.plan(shelf.root, "move", released=True)
    await place(shelf.db, plan, clock=clock)
    rows = await shelf.rows()
    await place(shelf.db, plan, clock=clock)
    assert shelf.tree() == as_placed()
    assert await shelf.rows() == rows


async def test_a_folder_that_cannot_be_written_is_told_by_the_probe(download: Download, tmp_path: Path) -> None:
    check = probe_method(download.home, tmp_path / "absent", "copy")
    assert not check.ok and check.reason and check.reason.code == "storage_away"
    assert [path.name for path in download.home.iterdir()] == ["Book"]


async def test_permissions_reach_our_own_files_and_never_a_file_that_seeds(shelf: Shelf, download: Download) -> None:
    before = download.looks()
    wanted = Permissions(file_mode=0o664, folder_mode=0o2775)
    placed = await place(shelf.db, download.plan(shelf.root, "hardlink"), clock=clock, permissions=wanted)
    assert download.looks() == before
    folder = shelf.root / "Author/Book"
    assert folder.stat().st_mode & 0o7777 == folder.parent.stat().st_mode & 0o7777 == 0o2775
    assert (folder / "metadata.json").stat().st_mode & 0o777 == 0o664
    assert (folder / "01.mp3").stat().st_mode & 0o777 == OTHERS_FILE_MODE
    assert len(placed.notes) == 3 and all("seeds" in note for note in placed.notes)


async def test_permissions_that_are_refused_are_told_and_fail_nothing(
    shelf: Shelf, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    wanted = Permissions(uid=12345, file_mode=0o600)
    placed = await place(shelf.db, download.plan(shelf.root, "copy"), clock=clock, permissions=wanted)
    assert shelf.tree() == as_placed()
    assert (shelf.root / "Author/Book/01.mp3").stat().st_mode & 0o777 == 0o600
    assert any("owner not set (Operation not permitted)" in note for note in placed.notes)


@pytest.mark.parametrize("method", METHODS[:4])
async def test_nothing_that_may_be_tagged_ever_shares_its_bytes_with_the_download(
    shelf: Shelf, download: Download, method: Method
) -> None:
    """A hostile workspace: our `made` files are really links to seeding ones."""
    shelf.work.mkdir()
    disguised = shelf.work / "book.m4b"
    os.link(download.folder / "01.mp3", disguised)
    files = [
        Planned(disguised, "made.m4b", "book"),
        Planned(download.folder / "02.mp3", "outside.mp3", "book"),
    ]
    plan = plan_placement(shelf.root, ("Book",), files, TICKET, workspace=shelf.work, method=method)
    await place(shelf.db, plan, clock=clock)
    for name in ("made.m4b", "outside.mp3"):
        ours = shelf.root / "Book" / name
        refuse_shared(ours)
        with ours.open("ab") as file:
            file.write(b"a tag written at the end")
    assert download.proof().untouched


async def test_a_file_placed_as_a_hard_link_is_refused_to_whoever_would_write_to_it(
    shelf: Shelf, download: Download
) -> None:
    await place(shelf.db, download.plan(shelf.root, "hardlink"), clock=clock)
    with pytest.raises(SharesBytes):
        refuse_shared(shelf.root / "Author/Book/01.mp3")
    refuse_shared(shelf.root / "Author/Book/metadata.json")


@pytest.mark.parametrize("method", METHODS[:4])
async def test_a_symlink_in_the_download_is_placed_by_no_method(
    shelf: Shelf, download: Download, method: Method
) -> None:
    (download.folder / "01.mp3").unlink()
    (download.folder / "01.mp3").symlink_to("/etc/hostname")
    with pytest.raises(PermanentError) as caught:
        await place(shelf.db, download.plan(shelf.root, method), clock=clock)
    assert caught.value.reason.code == "source_missing"
    assert shelf.tree() == {}
