"""The order to listen in: each reading on its own, agreement, disputes and doubts; natural order for what is listed."""

from __future__ import annotations

import random as randomness

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.core.ordering import (
    ListeningOrder,
    Numbers,
    listening_order,
    natural_key,
    natural_order,
    number_of,
    total_of,
)
from earmark.core.reasons import PermanentError


def in_natural_order(*names: str) -> list[str]:
    return [names[i] for i in natural_order(names)]


def order(
    *paths: str, tracks: list[int | None] | None = None, discs: list[int] | None = None, played: list[str] | None = None
) -> ListeningOrder:
    numbers = [Numbers(discs[n] if discs else None, tracks[n] if tracks else None) for n in range(len(paths))]
    return listening_order(paths, numbers, [paths.index(p) for p in played or []])


def codes(found: ListeningOrder) -> list[str]:
    return [d.code for d in found.doubts]


def by(found: ListeningOrder) -> list[str]:
    return [r.by for r in found.readings if r.complete]


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
    ids=lambda names: names[0],
)
def test_listed_files_come_in_natural_order(expected: list[str]) -> None:
    assert in_natural_order(*reversed(expected)) == expected


def test_readings_that_agree_make_the_order_sure() -> None:
    found = order("02.mp3", "01.mp3", tracks=[2, 1], played=["01.mp3", "02.mp3"])
    assert (found.positions, by(found), found.doubts) == ((1, 0), ["names", "playlist", "tags"], ())


def test_readings_that_disagree_are_a_doubt_that_shows_every_order() -> None:
    found = order("01.mp3", "02.mp3", tracks=[2, 1])
    (doubt,) = found.doubts
    assert doubt.code == "order_disputed"
    assert doubt.evidence["orders"] == {"names": ["01.mp3", "02.mp3"], "tags": ["02.mp3", "01.mp3"]}
    assert "01.mp3" in doubt.message


def test_a_dispute_tells_when_one_order_is_mere_text_sorting() -> None:
    paths = [f"Chapter {n}.mp3" for n in range(1, 12)]
    found = order(*paths, played=sorted(paths))
    assert codes(found) == ["order_disputed"]
    assert "The playlist puts them as plain text sorting would" in found.doubts[0].message


def test_tags_decide_alone_where_names_say_nothing() -> None:
    found = order("A Fall.mp3", "Prologue.mp3", tracks=[2, 1])
    assert (found.positions, by(found), found.doubts) == ((1, 0), ["tags"], ())


def test_an_incomplete_set_of_tags_decides_nothing() -> None:
    found = order("b.mp3", "a.mp3", tracks=[1, None])
    assert (found.positions, codes(found)) == ((1, 0), ["order_unknown"])


def test_one_track_number_on_every_file_is_no_order() -> None:
    found = order("2.mp3", "1.mp3", tracks=[1, 1])
    assert (found.positions, found.doubts) == ((1, 0), ())


def test_disc_numbers_come_before_track_numbers() -> None:
    found = order("one x.mp3", "two y.mp3", "thr z.mp3", "for w.mp3", tracks=[1, 2, 1, 2], discs=[2, 1, 1, 2])
    assert (found.positions, found.doubts) == ((2, 1, 0, 3), ())


def test_tracks_that_start_again_in_each_folder_are_read_folder_by_folder() -> None:
    found = order("CD2/a b.mp3", "CD1/z y.mp3", "CD1/y x.mp3", tracks=[1, 1, 2])
    assert (found.positions, by(found), found.doubts) == ((1, 2, 0), ["folders"], ())


def test_folders_that_contradict_the_tags_are_a_dispute() -> None:
    found = order("CD1/a b.mp3", "CD2/c d.mp3", tracks=[2, 1])
    assert codes(found) == ["order_disputed"]


def test_two_numberings_in_the_same_names_are_a_dispute() -> None:
    assert codes(order("01 Chapter Two.mp3", "02 Chapter One.mp3")) == ["order_disputed"]


def test_a_playlist_alone_can_tell_the_order() -> None:
    found = order("b.mp3", "a.mp3", "c.mp3", played=["c.mp3", "a.mp3", "b.mp3"])
    assert (found.positions, found.doubts) == ((2, 1, 0), ())


def test_a_playlist_that_forgets_a_file_tells_no_order() -> None:
    assert codes(order("b.mp3", "a.mp3", "c.mp3", played=["c.mp3", "a.mp3"])) == ["order_unknown"]


def test_a_missing_number_is_a_doubt_that_names_it() -> None:
    (doubt,) = order("01.mp3", "02.mp3", "04.mp3").doubts
    assert (doubt.code, doubt.evidence["missing"]) == ("track_missing", ["3"])


def test_tags_that_count_exactly_these_files_overrule_a_hole_in_the_names() -> None:
    paths = ["01.mp3", "02.mp3", "04.mp3"]
    assert listening_order(paths, [Numbers(1, n, 3) for n in (1, 2, 3)]).doubts == ()


def test_tags_that_begin_late_miss_nothing_where_the_names_count_from_one() -> None:
    assert order("01.mp3", "02.mp3", tracks=[3, 4]).doubts == ()
    assert codes(order("01.mp3", "02.mp3", tracks=[3, 5])) == ["track_missing"]


def test_a_total_in_the_tags_shows_that_the_end_is_missing() -> None:
    found = listening_order(["x 1.mp3", "x 2.mp3"], [Numbers(None, n, 4) for n in (1, 2)])
    assert [d.code for d in found.doubts] == ["track_missing"]
    assert found.doubts[0].evidence["missing"] == ["3", "4"]


def test_two_files_in_one_place_are_a_doubt_that_names_both() -> None:
    (doubt,) = order("01 a.mp3", "1 a.mp3", "02 b.mp3", "03 c.mp3").doubts
    assert (doubt.code, doubt.evidence["files"]) == ("track_twice", ["01 a.mp3", "1 a.mp3"])


def test_a_chosen_reading_settles_every_doubt() -> None:
    paths, numbers = ["01.mp3", "02.mp3", "04.mp3"], [Numbers(track=3), Numbers(track=2), Numbers(track=1)]
    by_tags = listening_order(paths, numbers, by="tags")
    assert (by_tags.positions, by_tags.doubts, by_tags.readings[0].by) == ((2, 1, 0), (), "tags")
    assert listening_order(paths, numbers, by="names").positions == (0, 1, 2)


def test_names_without_numbers_may_be_chosen_and_are_taken_naturally() -> None:
    assert listening_order(["b.mp3", "a.mp3"], [Numbers(), Numbers()], by="names").positions == (1, 0)


@pytest.mark.parametrize("way", ["tags", "folders", "playlist"])
def test_a_reading_that_lacks_files_cannot_be_chosen_and_names_them(way: str) -> None:
    with pytest.raises(PermanentError) as error:
        listening_order(["01 x.mp3", "02 y.mp3"], [Numbers(track=1), Numbers()], [0], by=way)  # type: ignore[arg-type]
    assert error.value.reason.code == "order_unreadable"
    assert "02 y.mp3" in error.value.reason.message


def test_one_file_needs_no_order() -> None:
    assert listening_order(["x.mp3"], [Numbers()]) == ListeningOrder((0,), ())


@pytest.mark.parametrize(
    ("tag", "number", "total"),
    [("3", 3, None), ("03/12", 3, 12), ("Disc 2", 2, None), ("", None, None), ("A", None, None), (None, None, None)],
)
def test_numbers_are_read_from_tags_as_they_are_written(tag: str | None, number: int | None, total: int | None) -> None:
    assert (number_of(tag), total_of(tag)) == (number, total)


names = st.text(alphabet="ab 019_-./²٣ÉéIVXpartCD", min_size=1, max_size=16)
anything = st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=8, unique=True)


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(names, max_size=8, unique=True), st.randoms())
def test_the_natural_order_does_not_depend_on_the_order_of_arrival(paths: list[str], random: randomness.Random) -> None:
    shuffled = list(paths)
    random.shuffle(shuffled)
    assert in_natural_order(*paths) == in_natural_order(*shuffled)


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.lists(names, min_size=1, max_size=8, unique=True),
    st.lists(st.none() | st.integers(0, 9), min_size=8),
    st.randoms(),
)
def test_neither_does_what_is_read_or_doubted(
    paths: list[str], tracks: list[int | None], random: randomness.Random
) -> None:
    files = list(zip(paths, tracks, strict=False))
    shuffled = list(files)
    random.shuffle(shuffled)
    first = listening_order([p for p, _ in files], [Numbers(track=t) for _, t in files])
    second = listening_order([p for p, _ in shuffled], [Numbers(track=t) for _, t in shuffled])
    assert [files[i] for i in first.positions] == [shuffled[i] for i in second.positions]
    assert first.doubts == second.doubts
    assert {r.by for r in first.readings} == {r.by for r in second.readings}


@settings(deadline=None)  # a busy machine is no failure
@given(anything)
def test_whatever_the_names_every_reading_holds_every_file_once(paths: list[str]) -> None:
    found = listening_order(paths, [Numbers()] * len(paths))
    for positions in [found.positions, *(r.positions for r in found.readings)]:
        assert sorted(positions) == list(range(len(paths)))


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(2, 40), st.integers(0, 4), st.sampled_from(["", "Part ", "chapter ", "CD", "Book - "]), st.randoms())
def test_files_numbered_from_one_come_in_order_whatever_their_zeros_and_case(
    count: int, zeros: int, word: str, random: randomness.Random
) -> None:
    right = [
        f"{random.choice([word, word.upper(), word.lower()])}{str(n).zfill(random.randint(1, zeros + 1))}.mp3"
        for n in range(1, count + 1)
    ]
    shuffled = list(right)
    random.shuffle(shuffled)
    found = listening_order(shuffled, [Numbers()] * count)
    assert [shuffled[i] for i in found.positions] == right
    assert found.doubts == ()


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 5), st.integers(0, 5))
def test_numbers_compare_by_value_whatever_their_zeros(a: int, b: int, zeros_a: int, zeros_b: int) -> None:
    left, right = f"Part {'0' * zeros_a}{a}.mp3", f"Part {'0' * zeros_b}{b}.mp3"
    assert (natural_key(left) < natural_key(right)) == (a < b)


@settings(deadline=None)  # a busy machine is no failure
@given(names, names, names)
def test_the_natural_order_is_transitive(a: str, b: str, c: str) -> None:
    x, y, z = sorted((a, b, c), key=natural_key)
    assert natural_key(x) <= natural_key(y) <= natural_key(z)
    assert natural_key(x) <= natural_key(z)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["9", "1 ", "I", "part ", "(", "of ", "a1", "-", "²", "twenty-"])
def test_hostile_names_are_read_in_linear_time(piece: str) -> None:
    paths = [piece * 4_000 + f"{n}.mp3" for n in range(20)] + [f"{n} {piece * 4_000}.mp3" for n in range(20)]
    assert len(listening_order(paths, [Numbers()] * 40).positions) == 40
