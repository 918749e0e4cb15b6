"""Natural order: what a listener expects, whatever the spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.ordering import Numbers, listening_order, natural_key, natural_order, number_of


def in_order(*names: str) -> list[str]:
    return [names[i] for i in natural_order(names)]


@pytest.mark.parametrize(
    "expected",
    [
        ["Part 1.mp3", "Part 2.mp3", "Part 9.mp3", "Part 10.mp3"],
        ["1.mp3", "2.mp3", "10.mp3", "Epilogue.mp3"],
        ["CD1/01.mp3", "CD1/10.mp3", "CD2/01.mp3", "CD10/01.mp3"],
        ["intro.mp3", "CD1/02.mp3"],
        ["Book 1 Chapter 2.mp3", "Book 1 Chapter 11.mp3", "Book 2 Chapter 1.mp3"],
        ["chapter_1.mp3", "Chapter-2.mp3", "CHAPTER 3.mp3"],
        ["Part 1.mp3", "Part 1 b.mp3", "Part 2.mp3"],
        ["001 - a.mp3", "01002 - b.mp3"],
    ],
)
def test_files_come_in_the_order_a_listener_expects(expected: list[str]) -> None:
    assert in_order(*reversed(expected)) == expected


names = st.text(alphabet="ab 019_-./²٣Éé", min_size=1, max_size=12)


@given(st.lists(names, max_size=8, unique=True), st.randoms())
def test_the_order_does_not_depend_on_the_order_of_arrival(paths: list[str], random: object) -> None:
    shuffled = list(paths)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert in_order(*paths) == in_order(*shuffled)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 5), st.integers(0, 5))
def test_numbers_compare_by_value_whatever_their_zeros(a: int, b: int, zeros_a: int, zeros_b: int) -> None:
    left, right = f"Part {'0' * zeros_a}{a}.mp3", f"Part {'0' * zeros_b}{b}.mp3"
    assert (natural_key(left) < natural_key(right)) == (a < b)


@given(names)
def test_any_name_has_a_key(name: str) -> None:
    assert natural_key(name) == natural_key(name)


@given(names, names, names)
def test_the_order_is_transitive(a: str, b: str, c: str) -> None:
    x, y, z = sorted((a, b, c), key=natural_key)
    assert natural_key(x) <= natural_key(y) <= natural_key(z)
    assert natural_key(x) <= natural_key(z)


def test_tags_that_agree_with_the_names_make_the_order_sure() -> None:
    order = listening_order(["02.mp3", "01.mp3"], [Numbers(track=2), Numbers(track=1)])
    assert (order.positions, order.by, order.disputed) == ((1, 0), "agreement", False)


def test_names_with_numbers_win_over_tags_that_disagree_and_the_dispute_is_told() -> None:
    order = listening_order(["01.mp3", "02.mp3"], [Numbers(track=2), Numbers(track=1)])
    assert (order.positions, order.by, order.disputed) == ((0, 1), "names", True)


def test_tags_decide_where_names_say_nothing() -> None:
    order = listening_order(["A Fall.mp3", "Prologue.mp3"], [Numbers(track=2), Numbers(track=1)])
    assert (order.positions, order.by) == ((1, 0), "tags")


def test_an_incomplete_set_of_tags_is_not_used() -> None:
    order = listening_order(["b.mp3", "a.mp3"], [Numbers(track=1), Numbers()])
    assert (order.positions, order.by) == ((1, 0), "names")


def test_disc_numbers_come_before_track_numbers() -> None:
    numbers = [Numbers(2, 1), Numbers(1, 2), Numbers(1, 1), Numbers(2, 2)]
    assert listening_order(["one.mp3", "two.mp3", "three.mp3", "four.mp3"], numbers).positions == (2, 1, 0, 3)


def test_tracks_that_start_again_in_each_folder_are_read_folder_by_folder() -> None:
    paths = ["CD2/a.mp3", "CD1/z.mp3", "CD1/y.mp3"]
    numbers = [Numbers(track=1), Numbers(track=1), Numbers(track=2)]
    assert listening_order(paths, numbers).positions == (1, 2, 0)


@pytest.mark.parametrize(
    ("tag", "number"), [("3", 3), ("03/12", 3), ("Disc 2", 2), ("", None), ("A", None), (None, None)]
)
def test_numbers_are_read_from_tags_as_they_are_written(tag: str | None, number: int | None) -> None:
    assert number_of(tag) == number
