"""Categories that parents stand for, what a release of them is, and what several indexers can be asked together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.newznab import (
    CUSTOM,
    KINDS,
    STANDARD,
    Capabilities,
    Category,
    belongs,
    expanded,
    kind_of,
    merged,
    name_of,
    parent_of,
)
from earmark.core.wish import Kind

AUDIO = Category(3000, "Audio", (Category(3030, "Audio/Audiobook"),))
BOOKS = Category(7000, "Books", (Category(7020, "Books/EBook"),))
OWN = Category(100_041, "Fantasy")
NUMBERS = st.integers(0, 200_000)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (3030, "Audio/Audiobook"),
        (7020, "Books/EBook"),
        (8010, "Other/Misc"),
        (3000, "Audio"),
        (100_041, None),
        (1, None),
    ],
)
def test_numbers_have_prowlarrs_names(number: int, name: str | None) -> None:
    assert name_of(number) == name


@pytest.mark.parametrize(("number", "parent"), [(3030, 3000), (3000, None), (100_041, None), (7999, 7000)])
def test_a_child_knows_its_parent(number: int, parent: int | None) -> None:
    assert parent_of(number) == parent


def test_the_tree_is_one() -> None:
    numbers = [one.id for top in STANDARD for one in (top, *top.subs)]
    assert len(set(numbers)) == len(numbers)
    assert all(parent_of(sub.id) == top.id for top in STANDARD for sub in top.subs)
    assert all(sub.name.startswith(f"{top.name}/") for top in STANDARD for sub in top.subs)


def test_asking_for_a_parent_asks_for_its_children() -> None:
    assert expanded([3000]) >= {3000, 3010, 3030}
    assert expanded([3030]) == {3030}
    assert expanded([100_041]) == {100_041}


@given(st.lists(NUMBERS))
def test_expanding_adds_and_never_takes_away(numbers: list[int]) -> None:
    once = expanded(numbers)
    assert set(numbers) <= once
    assert expanded(once) == once


@pytest.mark.parametrize(
    ("categories", "kind"),
    [
        ((3000, 3030), Kind.AUDIOBOOK),
        ((100_041, 7020), Kind.EBOOK),
        ((7000,), Kind.EBOOK),
        ((3040,), Kind.MUSIC),
        ((5000, 100_041), None),
        ((), None),
    ],
    ids=["audiobook", "ebook", "books", "music", "television", "none"],
)
def test_the_kind_follows_from_the_categories(categories: tuple[int, ...], kind: Kind | None) -> None:
    assert kind_of(categories) is kind


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_is_looked_for_where_it_is_found(kind: Kind) -> None:
    assert all(kind_of([number]) is kind for number in KINDS[kind])


@given(st.lists(NUMBERS), st.lists(NUMBERS))
def test_a_release_answers_a_question_for_any_of_its_categories(own: list[int], asked: list[int]) -> None:
    wanted = expanded(asked)
    assert belongs(own, wanted) == (not wanted or not own or any(number in wanted for number in own))


def test_an_indexer_serves_what_it_names_and_one_that_names_nothing_serves_all() -> None:
    assert Capabilities((AUDIO,)).serves(expanded([3000]))
    assert Capabilities((AUDIO,)).serves(frozenset())
    assert not Capabilities((AUDIO,)).serves(expanded([7000]))
    assert Capabilities().serves(expanded([7000]))
    assert Capabilities((AUDIO, OWN)).ids() == {3000, 3030, 100_041}


def test_several_together_have_all_categories_and_the_narrowest_limits() -> None:
    mp3 = Category(3000, "Audio", (Category(3010, "Audio/MP3"),))
    together = merged(
        [
            Capabilities((AUDIO, OWN), book_params=("q", "author"), limit_default=50),
            Capabilities((BOOKS, mp3), book_params=("q",), music_params=("q", "artist"), limit_max=75),
            Capabilities(),
        ]
    )
    assert [(top.id, [sub.id for sub in top.subs]) for top in together.categories] == [
        (3000, [3010, 3030]),
        (7000, [7020]),
        (CUSTOM + 41, []),
    ]
    assert together.search_params == ("q",)
    assert together.book_params == ("q",)
    assert together.music_params == ("q", "artist")
    assert (together.limit_default, together.limit_max) == (50, 75)


def test_nobody_together_can_be_asked_words() -> None:
    assert merged([]) == Capabilities()
