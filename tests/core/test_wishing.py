"""The wish a chosen release stands for."""

from __future__ import annotations

from typing import Any

import pytest

from earmark.core.release import Release, SeriesRef
from earmark.core.wish import BookWish, Kind
from earmark.core.wishing import told_title, wish_of


def release(title: str, **facts: Any) -> Release:
    return Release(guid="g", indexer="feed", title=title, **facts)


@pytest.mark.parametrize(
    ("line", "title", "authors"),
    [
        ("The Way of Kings by Brandon Sanderson [ENG / M4B] [VIP]", "The Way of Kings", ("Brandon Sanderson",)),
        ("Brandon Sanderson - The Way of Kings (Unabridged) [M4B] 64kbps", "The Way of Kings", ("Brandon Sanderson",)),
        ("Brandon Sanderson - Stormlight Archive 1 - The Way of Kings", "The Way of Kings", ("Brandon Sanderson",)),
        ("The Way of Kings - Brandon Sanderson", "The Way of Kings", ("Brandon Sanderson",)),
        ("H. G. Wells - Die Zeitmaschine [German] [MP3]", "Die Zeitmaschine", ("H. G. Wells",)),
        ("The Time Machine", "The Time Machine", ()),
        ("1984", "1984", ()),
        ("[M4B]", "M4B", ()),
        ("", "", ()),
    ],
    ids=["by", "author-first", "series-between", "title-first", "initials", "bare", "number", "only-marks", "nothing"],
)
def test_a_title_line_is_read_for_title_and_author(line: str, title: str, authors: tuple[str, ...]) -> None:
    _, wish = wish_of(release(line))
    assert (wish.title, wish.authors) == (title, authors)


def test_what_an_indexer_tells_in_fields_is_taken_as_it_is() -> None:
    offered = release(
        "Dune - Part One (Silo 1) [Unabridged] [M4B]",
        authors=("Frank Herbert",),
        narrators=("A. Reader",),
        series=(SeriesRef("Dune", "1"),),
        language="en",
        year=1965,
        isbn="9780441013593",
        asin="B002V1OF70",
        kind=Kind.AUDIOBOOK,
    )
    assert wish_of(offered) == (
        Kind.AUDIOBOOK,
        BookWish(
            "Dune - Part One (Silo 1)",
            ("Frank Herbert",),
            ("A. Reader",),
            "Dune",
            "1",
            1965,
            "en",
            "9780441013593",
            "B002V1OF70",
            abridged=False,
        ),
    )


@pytest.mark.parametrize(
    ("offered", "kind"),
    [
        (release("A Book"), Kind.AUDIOBOOK),
        (release("A Book [epub]"), Kind.EBOOK),
        (release("A Book", categories=(7020,)), Kind.EBOOK),
        (release("A Book", categories=(3000, 3030)), Kind.AUDIOBOOK),
        (release("Somebody - Best of [MP3]", categories=(3010,)), Kind.MUSIC),
        (release("A Book read by Ann Other (Unabridged)", categories=(3000,)), Kind.AUDIOBOOK),
        (release("A Film 1080p", categories=(2000, 2040)), None),
        (release("A Book", categories=(8010,)), Kind.AUDIOBOOK),
        (release("A Book", categories=(100_013,)), Kind.AUDIOBOOK),
        (release("A Book", kind=Kind.EBOOK, filetypes=("epub", "mobi")), Kind.EBOOK),
    ],
    ids=["none", "marked", "ebooks", "audiobooks", "music", "spoken", "film", "other", "own-number", "field"],
)
def test_the_kind_follows_category_files_and_words(offered: Release, kind: Kind | None) -> None:
    assert wish_of(offered)[0] is kind


def test_a_series_of_the_title_line_is_spelt_as_it_stands_there() -> None:
    _, wish = wish_of(release("Brandon Sanderson - Stormlight Archive 1 - The Way of Kings"))
    assert (wish.series, wish.series_index) == ("Stormlight Archive", "1")


@pytest.mark.parametrize(
    "title", ["\ud800" * 3, "\x00\x01", "a" * 100_000, "<b>" * 5000, "[" * 500 + "]" * 500, "- " * 900]
)
def test_no_title_is_too_odd(title: str) -> None:
    _, wish = wish_of(release(title, authors=("\ud83d" * 900, "")))
    assert len(wish.title) <= 300
    assert all(len(name) <= 200 for name in wish.authors)


@pytest.mark.parametrize(
    "line",
    [
        "The Moonstone by Wilkie Collins [ENG / M4B]",
        "The Moonstone by Wilkie Collins, Ann Other [ENG / M4B] [VIP]",
        "The Moonstone by Wilkie Collins",
        "The Moonstone",
    ],
)
def test_authors_that_are_told_are_cut_from_behind_the_title(line: str):
    _, wish = wish_of(Release(guid="g", indexer="feed", title=line, authors=("Wilkie Collins", "Ann Other")))
    assert (wish.title, wish.authors) == ("The Moonstone", ("Wilkie Collins", "Ann Other"))


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("The Death by Agatha Christie: A Study", "The Death by Agatha Christie: A Study"),
        ("Wool (Silo 1)", "Wool (Silo 1)"),
        ("Dune by Agatha Christie & Somebody [ENG / MP3]", "Dune"),
        ("By Agatha Christie", "By Agatha Christie"),
    ],
)
def test_only_authors_behind_the_title_are_cut(line: str, title: str):
    assert told_title(release(line, authors=("Agatha Christie",))) == title
