"""Which files of a torrent are which book, told by names alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.core.packs import may_be_a_pack, read_pack
from earmark.core.release import Release, SeriesRef
from earmark.core.torrents import TorrentEntry
from earmark.core.wish import BookWish, Kind

MACHINE = BookWish("The Time Machine", ("H. G. Wells",))
WORLDS = BookWish("The War of the Worlds", ("H. G. Wells",))
SECOND = BookWish("The Wick", ("Ann Field",), series="The Lamplighters", series_index="2")


def of(*paths: str) -> list[TorrentEntry]:
    return [TorrentEntry(path, 1000 + at) for at, path in enumerate(paths)]


TWO = of(
    "HG Wells Collection/01 - The Time Machine/CD1/01.mp3",
    "HG Wells Collection/01 - The Time Machine/CD2/01.mp3",
    "HG Wells Collection/01 - The Time Machine/notes.pdf",
    "HG Wells Collection/02 - War of the Worlds/Part 1.mp3",
    "HG Wells Collection/02 - War of the Worlds/scans/cover.jpg",
    "HG Wells Collection/info.nfo",
)


def test_each_folder_is_a_book_with_its_discs_and_what_lies_beside_it() -> None:
    pack = read_pack(TWO, MACHINE)
    assert pack is not None
    assert [(book.title, [entry.path[20:] for entry in book.entries]) for book in pack.books] == [
        (
            "The Time Machine",
            ["01 - The Time Machine/CD1/01.mp3", "01 - The Time Machine/CD2/01.mp3", "01 - The Time Machine/notes.pdf"],
        ),
        ("War of the Worlds", ["02 - War of the Worlds/Part 1.mp3", "02 - War of the Worlds/scans/cover.jpg"]),
    ]
    assert [entry.path for entry in pack.shared] == ["HG Wells Collection/info.nfo"]


@pytest.mark.parametrize(("wish", "place"), [(MACHINE, 0), (WORLDS, 1)], ids=["first", "second"])
def test_the_wished_book_is_found_among_them(wish: BookWish, place: int) -> None:
    pack = read_pack(TWO, wish)
    assert pack is not None and pack.wished == place and pack.confidence >= 0.85


def test_the_rest_comes_with_a_wish_that_is_ready() -> None:
    pack = read_pack(TWO, MACHINE)
    assert pack is not None
    assert pack.books[1].wish == BookWish("War of the Worlds", ("H. G. Wells",))


@pytest.mark.parametrize(
    ("paths", "wish"),
    [
        pytest.param(["The Time Machine/01.mp3", "The Time Machine/02.mp3"], MACHINE, id="chapters"),
        pytest.param(["The Time Machine/CD1/01.mp3", "The Time Machine/CD2/01.mp3"], MACHINE, id="discs"),
        pytest.param(["x/The Time Machine Disc 1/1.mp3", "x/The Time Machine Disc 2/1.mp3"], MACHINE, id="named-discs"),
        pytest.param(["x/Part One/1.mp3", "x/Part Two/1.mp3"], MACHINE, id="parts"),
        pytest.param(["x/1/1.mp3", "x/2/1.mp3"], MACHINE, id="bare-numbers"),
        pytest.param(["The Time Machine/MP3/1.mp3", "The Time Machine/M4B/a.m4b"], MACHINE, id="two-formats"),
        pytest.param(["x/The Time Machine MP3 64k/1.mp3", "x/The Time Machine (M4B)/1.m4b"], MACHINE, id="formats-named"),
        pytest.param(["The Time Machine/1.mp3", "The Time Machine/Bonus Interview/i.mp3"], MACHINE, id="bonus"),
        pytest.param(["x/Chapter 1 - The Door/1.mp3", "x/Chapter 2 - The Wall/1.mp3"], MACHINE, id="chapter-folders"),
        pytest.param(["x/01 - The Time Machine.mp3", "x/02 - The Door.mp3", "x/03.mp3"], MACHINE, id="a-chapter-so-called"),
        pytest.param(
            ["The War of the Worlds/Book One - The Coming of the Martians/1.mp3",
             "The War of the Worlds/Book Two - The Earth under the Martians/1.mp3"], WORLDS, id="a-book-of-two-books",
        ),
        pytest.param(["The Time Machine/The Time Machine.mp3", "The Time Machine/The Time Machine.epub"], MACHINE, id="one-file"),
        pytest.param(["The Time Machine.m4b"], MACHINE, id="single"),
        pytest.param([], MACHINE, id="nothing"),
    ],
)  # fmt: skip
def test_one_book_stays_one_book(paths: list[str], wish: BookWish) -> None:
    assert read_pack(of(*paths), wish) is None


def test_sections_with_names_of_their_own_stay_one_book_when_the_release_is_called_like_it() -> None:
    paths = of("rip_2004/The Door/1.mp3", "rip_2004/The Window/1.mp3")
    assert read_pack(paths, MACHINE, "H. G. Wells - The Time Machine") is None
    pack = read_pack(paths, MACHINE, "H. G. Wells - Two Novels")
    assert pack is not None and pack.wished is None


def test_who_wishes_the_whole_set_gets_it_whole() -> None:
    assert read_pack(TWO, BookWish("The H. G. Wells Collection Box Set")) is None


@pytest.mark.parametrize(
    ("paths", "wish", "titles"),
    [
        pytest.param(
            ["W/H. G. Wells - 1895 - The Time Machine.m4b", "W/H. G. Wells - 1898 - The War of the Worlds.m4b"],
            WORLDS, ["The Time Machine", "The War of the Worlds"], id="single-files",
        ),
        pytest.param(
            ["Wells Collection/The Time Machine.mp3", "Wells Collection/The War of the Worlds.mp3"],
            WORLDS, ["The Time Machine", "The War of the Worlds"], id="mp3s-in-a-collection",
        ),
        pytest.param(
            ["Orwell/1984/a.mp3", "Orwell/Animal Farm/a.mp3"],
            BookWish("Animal Farm", ("George Orwell",)), ["1984", "Animal Farm"], id="a-number-for-a-title",
        ),
        pytest.param(
            ["The Lamplighters/Book 1 - The Lamp/1.mp3", "The Lamplighters/Book 2 - The Wick/1.mp3"],
            SECOND, ["The Lamp", "The Wick"], id="numbered-folders",
        ),
        pytest.param(
            ["Ann Field/The Lamplighters/01 The Lamp (2001)/CD 1/1.mp3",
             "Ann Field/The Lamplighters/02 The Wick (2003)/1.mp3", "Ann Field/Salt Road/1.mp3"],
            SECOND, ["Salt Road", "The Lamp", "The Wick"], id="folders-in-folders",
        ),
    ],
)  # fmt: skip
def test_packs_come_in_many_shapes(paths: list[str], wish: BookWish, titles: list[str]) -> None:
    pack = read_pack(of(*paths), wish)
    assert pack is not None and pack.wished is not None
    assert [book.title for book in pack.books] == titles
    assert pack.books[pack.wished].title == wish.title


def test_numbered_books_without_titles_are_guessed_by_their_place_but_not_surely() -> None:
    paths = of("The Lamplighters Books 1-2/Book 1/a.mp3", "The Lamplighters Books 1-2/Book 2/a.mp3")
    pack = read_pack(paths, SECOND)
    assert pack is not None
    assert (pack.wished, pack.confidence) == (None, 0.8)
    assert [book.series for book in pack.books] == [
        SeriesRef("The Lamplighters", "1"),
        SeriesRef("The Lamplighters", "2"),
    ]


def test_in_a_series_the_number_alone_tells_books_apart() -> None:
    paths = of("The Lamplighters (Books 1-2)/Lamplighters 1/a.mp3", "The Lamplighters (Books 1-2)/Lamplighters 2/a.mp3")
    pack = read_pack(paths, SECOND)
    assert pack is not None and len(pack.books) == 2
    assert read_pack(of("x/The Wick 1/a.mp3", "x/The Wick 2/a.mp3"), SECOND) is None


def test_two_books_that_are_called_alike_are_left_to_a_person() -> None:
    paths = of(
        "Wells/The Time Machine (read by A)/1.mp3", "Wells/The Time Machine (read by B)/1.mp3", "Wells/Worlds/1.mp3"
    )
    pack = read_pack(paths, MACHINE)
    assert pack is not None and pack.wished is None


def test_an_ebook_wish_looks_at_the_ebooks() -> None:
    paths = of("W/The Time Machine.epub", "W/The Time Machine.mobi", "W/The War of the Worlds.epub", "W/a/1.mp3")
    pack = read_pack(paths, WORLDS, kind=Kind.EBOOK)
    assert pack is not None and pack.wished == 1
    assert [len(book.entries) for book in pack.books] == [2, 1]


@pytest.mark.parametrize(
    ("title", "several"),
    [
        ("H. G. Wells Box Set: The Time Machine, The War of the Worlds", True),
        ("The Time Machine", False),
        ("H. G. Wells - The Time Machine [2004, 64 kbps]", False),
    ],
)
def test_a_title_may_say_that_there_are_several(title: str, several: bool) -> None:
    assert may_be_a_pack(Release(guid="", indexer="", title=title), MACHINE) is several


@given(st.lists(st.text(min_size=1, max_size=40), max_size=12), st.text(min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_no_names_crash_it_and_no_file_belongs_to_two_books(names: list[str], title: str) -> None:
    entries = of(*(f"{name}/{at}.mp3" for at, name in enumerate(names)), *(f"{name}.jpg" for name in names))
    pack = read_pack(entries, BookWish(title))
    if pack is not None:
        held = [entry for book in pack.books for entry in book.entries] + list(pack.shared)
        assert sorted(e.size for e in held) == sorted(e.size for e in entries)
        assert len(pack.books) > 1


def test_a_library_of_a_torrent_is_read_whole() -> None:
    entries = of(
        *(f"r/{a} - Title zq{chr(97 + a % 26)}{chr(97 + a // 26)}/{b}.mp3" for a in range(300) for b in range(60))
    )
    pack = read_pack(entries, MACHINE)
    assert pack is not None
    assert (len(pack.books), {len(book.entries) for book in pack.books}) == (300, {60})
