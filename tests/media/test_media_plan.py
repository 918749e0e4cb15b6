"""What the plan for a book says: order, chapter titles, passthrough."""

from __future__ import annotations

from pathlib import Path

import pytest

from earmark.core.binding import AudioInfo, BookTags, Chapter
from earmark.media.plan import book_chapters, plan_book

TAGS = BookTags("Moby Dick", ("Herman Melville",), series="Whales")


def source(name: str, codec: str = "mp3", chapters: tuple[Chapter, ...] = (), **tags: str) -> AudioInfo:
    return AudioInfo(Path("/download/Moby") / name, codec, 60.0, 44100, 1, 64, tags, chapters)


def titles(*names: str) -> tuple[str, ...]:
    return plan_book([source(n) for n in names], TAGS).chapter_titles


def test_sources_are_put_in_listening_order_across_folders() -> None:
    plan = plan_book([source(n) for n in ("CD2/1.mp3", "CD1/10.mp3", "CD1/9.mp3")], TAGS)
    assert [s.path.name for s in plan.sources] == ["9.mp3", "10.mp3", "1.mp3"]


def test_title_tags_become_chapters_when_they_tell_them_apart() -> None:
    plan = plan_book([source("01.mp3", title="Loomings"), source("02.mp3", title="The Carpet-Bag")], TAGS)
    assert plan.chapter_titles == ("Loomings", "The Carpet-Bag")


def test_one_title_on_every_file_is_no_chapter_title() -> None:
    plan = plan_book([source("01 - Loomings.mp3", title="Moby Dick"), source("02 - Inn.mp3", title="Moby Dick")], TAGS)
    assert plan.chapter_titles == ("Loomings", "Inn")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("01 - Loomings.mp3", "02 - The Inn.mp3"), ("Loomings", "The Inn")),
        (("Moby Dick - 01 - Loomings.mp3", "Moby Dick - 02 - Inn.mp3"), ("Loomings", "Inn")),
        (
            ("Herman_Melville_-_Moby_Dick_-_Part_1.mp3", "Herman_Melville_-_Moby_Dick_-_Part_2.mp3"),
            ("Part 1", "Part 2"),
        ),
        (("Moby Dick 01.mp3", "Moby Dick 02.mp3"), ("Chapter 1", "Chapter 2")),
        (("01.mp3", "02.mp3"), ("Chapter 1", "Chapter 2")),
        (("CD1/Same.mp3", "CD2/Same.mp3"), ("Chapter 1", "Chapter 2")),
        (("1984.mp3", "Animal.mp3"), ("Chapter 1", "Chapter 2")),
    ],
)
def test_file_names_are_cleaned_into_titles(names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert titles(*names) == expected


def test_control_characters_never_reach_a_chapter_title() -> None:
    plan = plan_book([source("01.mp3", title="One\n\x00Two"), source("02.mp3", title="B" * 500)], TAGS)
    assert plan.chapter_titles == ("One Two", "B" * 200)


def test_only_a_single_m4b_with_m4b_inside_passes_through() -> None:
    assert plan_book([source("book.m4b", "aac")], TAGS).passthrough
    assert not plan_book([source("book.m4b", "mp3")], TAGS).passthrough
    assert not plan_book([source("book.m4a", "aac")], TAGS).passthrough
    assert not plan_book([source("1.m4b", "aac"), source("2.m4b", "aac")], TAGS).passthrough


def test_a_single_file_is_one_chapter_with_the_books_title() -> None:
    assert titles("whatever.mp3") == ("Moby Dick",)


def test_chapters_inside_the_sources_are_kept_on_the_common_timeline() -> None:
    marks = (Chapter("A", 0.02, 20.0), Chapter("", 20.0, 60.0))
    plan = plan_book([source("1.m4b", "aac", marks, title="x"), source("2.m4b", "aac", title="Last")], TAGS)
    chapters = book_chapters(plan, [59.5, 60.5]).chosen.chapters
    assert [(c.title, c.start_secs, c.end_secs) for c in chapters] == [
        ("A", 0.0, 20.0),
        ("Chapter 2", 20.0, 59.5),
        ("Last", 59.5, 120.0),
    ]


def test_a_book_needs_at_least_one_file() -> None:
    with pytest.raises(ValueError, match="at least one"):
        plan_book([], TAGS)
