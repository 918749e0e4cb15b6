"""Which source is believed for which field of a finished book, and what a clean tag is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.binding import BookTags
from earmark.core.facts import BookFacts
from earmark.core.release import Release, SeriesRef
from earmark.core.tagging import DESCRIPTION_LIMIT, book_tags, presentable, told_tags
from earmark.core.wish import BookWish

RELEASE = Release(
    guid="https://tracker.example/t/1",
    indexer="mam",
    title="The Deep",
    authors=("Ann Author",),
    narrators=("Rita Reader",),
    series=(SeriesRef("Seas", "2.5"), SeriesRef("Wide Waters", "7")),
    category="Audiobooks - Science Fiction",
    tags="Space Opera, science fiction, 64 kbps, read by Rita Reader, Unabridged",
    description="<p>One &amp; two.</p><p>[b]Three[/b]</p>",
    year=2001,
    language="en",
)
FACTS = BookFacts(
    provider="audnexus",
    asin="B00PROVIDR",
    title="The Deep: A Novel",
    subtitle="Book of Seas",
    authors=("Ann B. Author",),
    narrators=("Other Voice",),
    series="The Seas Series",
    series_index="3",
    year=2003,
    publisher="House",
    description="<b>Printed</b> words",
    genres=("Science-Fiction", "Adventure"),
    abridged=False,
)


def test_what_the_ticket_says_wins_over_everything() -> None:
    said = {
        "title": "Mine",
        "author": "Me; You",
        "year": "1999",
        "series_index": "9",
        "genre": "Odd",
        "abridged": "yes",
    }
    tags = book_tags(BookWish("x"), RELEASE, {}, said, FACTS)
    assert (tags.title, tags.authors, tags.year, tags.genres) == ("Mine", ("Me", "You"), 1999, ("Odd",))
    assert (tags.series_index, tags.abridged) == ("9", True)


def test_the_provider_knows_the_book_and_the_release_knows_its_reader() -> None:
    told = told_tags(BookWish("deep"), RELEASE, {}, {}, FACTS)
    assert told.tags.title == "The Deep: A Novel"
    assert told.tags.narrators == ("Rita Reader",)
    assert (told.tags.publisher, told.tags.description) == ("House", "Printed words")
    assert told.sources["title"] == "provider"
    assert told.sources["narrators"] == "release"


def test_a_release_without_authors_does_not_name_the_book() -> None:
    release = Release(guid="g", indexer="i", title="Deep.The.64kbps-GRP")
    assert book_tags(BookWish("The Deep"), release, {}, {}).title == "The Deep"


def test_an_index_is_never_taken_from_another_series() -> None:
    tags = book_tags(BookWish("x", series="Oceans"), RELEASE, {}, {})
    assert (tags.series, tags.series_index) == ("Oceans", None)
    assert tags.more_series == (SeriesRef("Seas", "2.5"), SeriesRef("Wide Waters", "7"))


def test_an_index_comes_from_whoever_knows_it_for_the_same_series() -> None:
    tags = book_tags(BookWish("x", series="The Seas"), RELEASE, {}, {})
    assert (tags.series, tags.series_index) == ("The Seas", "2.5")
    assert tags.more_series == (SeriesRef("Wide Waters", "7"),)


def test_genres_of_all_sources_are_merged_without_duplicates_and_noise() -> None:
    assert book_tags(BookWish("x"), RELEASE, {"genre": "Audiobook"}, {}, FACTS).genres == (
        "Science-Fiction",
        "Adventure",
        "Space Opera",
    )


def test_markup_is_taken_out_of_a_release_description() -> None:
    assert book_tags(BookWish("x"), RELEASE, {}, {}).description == "One & two.\n\nThree"


def test_the_files_own_tags_fill_what_nobody_else_knows() -> None:
    tags = book_tags(BookWish("x"), None, {"albumartist": "A, B", "composer": "N", "date": "2004-05-06"}, {})
    assert (tags.authors, tags.narrators, tags.year) == (("A", "B"), ("N",), 2004)


def test_a_comma_before_a_suffix_does_not_make_two_people() -> None:
    assert presentable(BookTags("t", ("Martin Luther King, Jr.",))).authors == ("Martin Luther King Jr.",)


def test_genres_are_words_and_no_numbers_of_an_old_list() -> None:
    assert presentable(BookTags("t", genres=("17", "(4)", "(4)Sea Tales", "RX", "(Fiction)", "Sci-Fi 2"))).genres == (
        "Sea Tales",
        "Fiction",
        "Sci-Fi 2",
    )


def test_a_slash_in_a_genre_does_not_cut_the_list_of_genres_in_two() -> None:
    release = Release(guid="g", indexer="i", title="t", category="Audiobooks - Crime/Thriller", tags="Noir")
    assert book_tags(BookWish("x"), release, {}, {}).genres == ("Crime & Thriller", "Noir")


@pytest.mark.parametrize("hostile", ["a\x00b", "a\nb", "a\u2028b", "a\ud800b", "  a \t b "], ids=ascii)
def test_one_line_fields_stay_on_one_line(hostile: str) -> None:
    assert presentable(BookTags(hostile, (hostile,), publisher=hostile)).title == "a b"


def test_a_huge_description_is_cut_and_says_so() -> None:
    text = presentable(BookTags("t", description="x" * 200_000)).description
    assert text is not None and len(text) == DESCRIPTION_LIMIT and text.endswith("…")


TEXT = st.text(max_size=30)
ANY_TAGS = st.builds(
    BookTags,
    title=TEXT,
    authors=st.lists(TEXT, max_size=3).map(tuple),
    narrators=st.lists(TEXT, max_size=3).map(tuple),
    series=TEXT,
    series_index=TEXT,
    description=TEXT,
    genres=st.lists(TEXT, max_size=3).map(tuple),
    more_series=st.lists(st.builds(SeriesRef, TEXT, TEXT), max_size=2).map(tuple),
)


@given(ANY_TAGS)
def test_cleaning_clean_tags_changes_nothing(tags: BookTags) -> None:
    once = presentable(tags)
    assert presentable(once) == once


def test_a_feeds_line_is_not_taken_for_the_title_where_it_tells_the_authors():
    offered = Release(guid="g", indexer="feed", title="Dune by Frank Herbert [ENG / M4B]", authors=("Frank Herbert",))
    assert book_tags(BookWish("Dune"), offered, {}, {}).title == "Dune"
