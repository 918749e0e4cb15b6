"""The catalogue folder: what release.json says, what a folder's name and files tell, and clear words when it is wrong."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from earmark.sandbox.catalogue import FIRST_ID, ID_SPAN, read_catalogue
from earmark.sandbox.folder_names import FolderName, read_folder_name
from earmark.sandbox.release_file import CatalogueError
from earmark.sandbox.seeder import make_torrent
from earmark.sandbox.world import builtin_catalogue


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("H. G. Wells - The Time Machine (1895) [Ada Fenwick]",
         FolderName("The Time Machine", ("H. G. Wells",), ("Ada Fenwick",), year=1895)),
        ("Wells, H. G. - The Time Machine", FolderName("The Time Machine", ("H. G. Wells",))),
        ("The Time Machine by H. G. Wells [M4B]", FolderName("The Time Machine", ("H. G. Wells",), remarks=("M4B",))),
        ("Ann Ames & Bo Berg - Two_Hands (read by Cy Cole)", FolderName("Two Hands", ("Ann Ames", "Bo Berg"), ("Cy Cole",))),
        ("Jules Verne - Voyages 12 - L'Île (French) [64k] [Abridged]",
         FolderName("L'Île", ("Jules Verne",), series=(("Voyages", "12"),), language=36, abridged=True, remarks=("64k", "Abridged"))),
        ("Ann Ames - The Long Road - 03 - Home", FolderName("Home", ("Ann Ames",), series=(("The Long Road", "3"),))),
        ("Ann Ames - Part One - And Two", FolderName("Part One - And Two", ("Ann Ames",))),
        ("813", FolderName("813")),
        ("[64k]", FolderName("[64k]", remarks=("64k",))),
    ],
)  # fmt: skip
def test_a_folder_name_is_read_as_people_write_it(name, read) -> None:
    assert read_folder_name(name) == read


def test_a_release_without_notes_is_derived_from_its_folder(put, tmp_path) -> None:
    put("H. G. Wells - The Time Machine (1895) [Ada Fenwick]", files={"a.mp3": 10, "CD 2/b.mp3": 5, "notes.txt": 1})
    [release] = read_catalogue(tmp_path / "catalogue").releases
    assert (release.title, release.authors, release.narrators) == (
        "The Time Machine",
        ("H. G. Wells",),
        ("Ada Fenwick",),
    )
    assert (release.main_category, release.category_name) == (13, "Audiobooks - General Fiction")
    assert release.filetypes[0] == "mp3"
    assert [(file.path, file.size) for file in release.files] == [("CD 2/b.mp3", 5), ("a.mp3", 10), ("notes.txt", 1)]
    assert release.size == 16


def test_books_without_sound_become_ebooks(put, tmp_path) -> None:
    put("Some Book", files={"book.epub": 10})
    [release] = read_catalogue(tmp_path / "catalogue").releases
    assert (release.main_category, release.category_name, release.filetypes) == (
        14,
        "Ebooks - General Fiction",
        ("epub",),
    )


def test_notes_win_and_the_files_settle_which_category_of_that_name_is_meant(put, tmp_path) -> None:
    put("x", {"title": "Y", "category": "Mystery", "language": "fr", "added": "2024-01-02 03:04:05"}, {"y.epub": 9})
    [release] = read_catalogue(tmp_path / "catalogue").releases
    assert (release.title, release.category_name, release.language) == ("Y", "Ebooks - Mystery", 36)
    assert release.added == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_ids_are_stable_and_in_their_own_range(put, tmp_path) -> None:
    for n in range(30):
        put(f"Book {n}")
    first = [release.id for release in read_catalogue(tmp_path / "catalogue").releases]
    assert first == [release.id for release in read_catalogue(tmp_path / "catalogue").releases]
    assert len(set(first)) == 30
    assert all(FIRST_ID <= number < FIRST_ID + ID_SPAN for number in first)


def test_our_own_notes_and_the_poster_stay_out_of_the_torrent(put, tmp_path) -> None:
    folder = put("x", {"title": "Y"}, {"a.mp3": 10, "poster.jpg": 4, ".DS_Store": 2})
    [release] = read_catalogue(tmp_path / "catalogue").releases
    assert [file.path for file in release.files] == ["a.mp3"]
    assert release.cover == folder / "poster.jpg"
    assert b"release.json" not in make_torrent(folder, "")


def test_an_empty_folder_is_left_out_with_the_reason(put, tmp_path) -> None:
    put("full")
    (tmp_path / "catalogue" / "hollow").mkdir()
    catalogue = read_catalogue(tmp_path / "catalogue")
    assert len(catalogue.releases) == 1
    assert catalogue.left_out == ("hollow: there is no file with content in it",)


@pytest.mark.parametrize(
    ("notes", "key"),
    [
        ({"naratorr": ["X"]}, "naratorr"),
        ({"authors": [1]}, "authors"),
        ({"series": [["a", "b", "c"]]}, "series"),
        ({"language": "Klingon"}, "language"),
        ({"category": "Gardening in Space"}, "category"),
        ({"free": "yes"}, "free"),
        ({"seeders": -1}, "seeders"),
        ({"added": "yesterday"}, "added"),
        ({"content_tags": ["Nonsense"]}, "content_tags"),
        ({"flags": ["loud"]}, "flags"),
        ({"title": ["a"]}, "title"),
    ],
)
def test_a_wrong_key_or_value_names_the_file_and_the_key(put, tmp_path, notes, key) -> None:
    folder = put("wrong", notes)
    with pytest.raises(CatalogueError) as wrong:
        read_catalogue(tmp_path / "catalogue")
    assert f'"{key}"' in wrong.value.reason.message
    assert str(folder / "release.json") in wrong.value.reason.message
    assert wrong.value.reason.action


@pytest.mark.parametrize("text", ["{", "[]", '"title"'])
def test_notes_that_are_not_a_json_object_are_refused(put, tmp_path, text) -> None:
    (put("wrong", {}) / "release.json").write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError):
        read_catalogue(tmp_path / "catalogue")


def test_a_missing_catalogue_folder_is_named(tmp_path) -> None:
    with pytest.raises(CatalogueError, match="does not exist"):
        read_catalogue(tmp_path / "nowhere")


def test_the_built_in_catalogue_is_small_and_has_what_the_demo_needs() -> None:
    folder = builtin_catalogue()
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 3 * 1024 * 1024
    releases = {(r.title, r.narrators): r for r in read_catalogue(folder).releases}
    assert len(releases) == 10
    machine = releases["The Time Machine", ("Ada Fenwick",)]
    assert machine.mediainfo is not None
    assert machine.filetypes == ("mp3",)
    assert {r.browse_flags & 32 for (title, _), r in releases.items() if title == "The Time Machine"} == {0, 32}
    assert sum(r.free for r in releases.values()) == 1
    assert {r.filetypes for r in releases.values()} == {
        ("mp3",),
        ("m4b",),
        ("epub",),
        ("epub", "mobi", "pdf"),
        ("pdf",),
    }
    alice = next(r for (title, _), r in releases.items() if title.startswith("Alice"))
    assert {f"Chapter {n}.mp3" for n in range(1, 13)} <= {file.path for file in alice.files}
