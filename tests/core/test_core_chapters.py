"""Chapter lists: alignment, scores, and which one a book gets."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.core.binding import Chapter, SourceMarks
from earmark.core.chapters import best_shift, matched, telling, weigh_chapters

HOUR = 3600.0


def chapters(*lengths: float, titles: list[str] | None = None, offset: float = 0.0) -> tuple[Chapter, ...]:
    starts = [0.0, *accumulate(lengths)]
    names = titles or [f"Title {chr(65 + n)}" for n in range(len(lengths))]
    return tuple(
        Chapter(t, a + (offset if a else 0.0), b + offset) for t, a, b in zip(names, starts, starts[1:], strict=False)
    )


def marks(origin: str, *sources: tuple[Chapter, ...]) -> list[SourceMarks]:
    return [SourceMarks(origin, sources)]


def numbered(count: int) -> list[tuple[str, tuple[str, ...]]]:
    return [("numbers", tuple(f"Chapter {n}" for n in range(1, count + 1)))]


@pytest.mark.parametrize(
    ("title", "least", "most"),
    [
        ("", 0, 0),
        ("003", 0, 0),
        ("Track 01", 0.1, 0.3),
        ("Disc 2", 0.1, 0.3),
        ("Chapter 12", 0.3, 0.5),
        ("Chapter Twelve", 0.3, 0.5),
        ("Chapter 12: The Inn", 1, 1),
        ("Chapter Twenty-One", 0.3, 0.5),
        ("Part III", 0.1, 0.3),
        ("Kapitel 3", 0.3, 0.5),
        ("- " * 200 + "x", 0, 1),
        ("Opening Credits", 1, 1),
        ("Loomings", 1, 1),
    ],
)
def test_titles_tell_more_or_less(title: str, least: float, most: float) -> None:
    assert least <= telling(title) <= most


def test_one_file_a_chapter_starts_exactly_with_the_files() -> None:
    secs = [600.1, 700.2, 800.3]
    found = weigh_chapters(secs, [("names", ("Loomings", "Inn", "Sea"))], provider=chapters(601, 699, 801))
    starts = [0.0, *accumulate(secs)]
    assert [(c.start_secs, c.end_secs) for c in found.chosen.chapters] == list(pairwise(starts))


def test_a_providers_titles_go_onto_the_files_where_both_agree() -> None:
    found = weigh_chapters([600, 700, 800], numbered(3), provider=chapters(601, 699, 801, titles=["A", "B", "C"]))
    assert found.chosen.source == "provider"
    assert [(c.title, c.start_secs) for c in found.chosen.chapters] == [("A", 0), ("B", 600), ("C", 1300)]
    assert {c.source for c in found.considered} == {"provider", "numbers"}
    assert found.considered[0] == found.chosen


def test_an_intro_of_the_providers_own_is_shifted_away() -> None:
    secs = [600.0, 700.0, 800.0, 900.0]
    theirs = chapters(620.0, 700.0, 800.0, 910.0, titles=["A", "B", "C", "D"])  # twenty seconds of branding first
    found = weigh_chapters(secs, numbered(4), provider=theirs).chosen
    assert (found.source, [c.start_secs for c in found.chapters]) == ("provider", [0, 600, 1300, 2100])


def test_a_provider_of_another_edition_is_not_believed() -> None:
    found = weigh_chapters([600, 700, 800], numbered(3), provider=chapters(900, 1000, 1200, titles=["A", "B", "C"]))
    assert {c.source for c in found.considered} == {"numbers"}


def test_the_same_length_with_other_boundaries_leaves_the_files_as_the_truth() -> None:
    found = weigh_chapters([600, 700, 800], numbered(3), provider=chapters(800, 500, 800, titles=["A", "B", "C"]))
    assert found.chosen.source == "numbers"


def test_a_provider_with_more_chapters_is_taken_when_every_file_begins_with_one() -> None:
    theirs = chapters(300, 301, 350, 350, 800, titles=list("ABCDE"))
    found = weigh_chapters([600, 700, 800], numbered(3), provider=theirs).chosen
    assert [(c.title, c.start_secs) for c in found.chapters] == [
        ("A", 0), ("B", 300), ("C", 600), ("D", 951), ("E", 1300)
    ]  # fmt: skip


def test_a_long_single_file_gets_the_providers_chapters() -> None:
    found = weigh_chapters([10 * HOUR], [("title", ("Moby Dick",))], provider=chapters(*[1200.0] * 30))
    assert (found.chosen.source, len(found.chosen.chapters)) == ("provider", 30)
    assert found.chosen.chapters[-1].end_secs == 10 * HOUR


def test_telling_names_are_kept_where_the_provider_only_counts() -> None:
    theirs = chapters(600, 700, titles=["Chapter 1", "Chapter 2"])
    found = weigh_chapters([600, 700], [("names", ("Loomings", "The Inn"))], provider=theirs)
    assert [c.title for c in found.chosen.chapters] == ["Loomings", "The Inn"]


def test_marks_with_names_beat_the_bounds_of_large_parts() -> None:
    own = chapters(600, 700, 2300), chapters(1000, 2600)
    found = weigh_chapters([HOUR, HOUR], [("names", ("Part 1", "Part 2"))], marks("embedded", *own)).chosen
    assert (found.source, [c.start_secs for c in found.chapters]) == ("embedded", [0, 600, 1300, 3600, 4600])
    assert found.chapters[-1].end_secs == 2 * HOUR


def test_chapters_of_several_parts_are_nested_only_when_their_titles_collide() -> None:
    one, two = (
        chapters(600, 3000, titles=["Chapter 1", "Chapter 2"]),
        chapters(900, 2700, titles=["Chapter 1", "Chapter 2"]),
    )
    found = weigh_chapters([HOUR, HOUR], [("names", ("Part 1", "Part 2"))], marks("embedded", one, two)).chosen
    assert [c.title for c in found.chapters] == [
        "Part 1: Chapter 1", "Part 1: Chapter 2", "Part 2: Chapter 1", "Part 2: Chapter 2"
    ]  # fmt: skip
    three = chapters(900, 2700, titles=["Chapter 3", "Chapter 4"])
    apart = weigh_chapters([HOUR, HOUR], [("names", ("Part 1", "Part 2"))], marks("embedded", one, three)).chosen
    assert [c.title for c in apart.chapters] == [f"Chapter {n}" for n in (1, 2, 3, 4)]


def test_an_overdrive_chapter_goes_on_over_the_end_of_its_file() -> None:
    one = (Chapter("One", 0, 600), Chapter("Two", 600, 1000))
    two = (Chapter("Three", 250, 1000),)
    found = weigh_chapters([1000, 1000], numbered(2), marks("overdrive", one, two)).chosen
    assert [(c.title, c.start_secs, c.end_secs) for c in found.chapters] == [
        ("One", 0, 600), ("Two", 600, 1250), ("Three", 1250, 2000)
    ]  # fmt: skip


def test_marks_beyond_the_sound_are_dropped() -> None:
    own = (Chapter("One", 0, 50), Chapter("Two", 50, 200), Chapter("Three", 200, 300))
    found = weigh_chapters([100.0], [("title", ("A Book",))], marks("embedded", own)).chosen
    assert [(c.title, c.end_secs) for c in found.chapters] == [("One", 50), ("Two", 100)]


def test_bare_numbers_become_chapters() -> None:
    own = chapters(1000, 1000, titles=["001", ""])
    found = weigh_chapters([2000.0], [("title", ("A Book",))], marks("cue", own)).chosen
    assert [c.title for c in found.chapters] == ["Chapter 1", "Chapter 2"]


def test_the_shift_is_the_one_where_most_boundaries_meet() -> None:
    starts, theirs = [100.0, 250.0, 400.0, 777.0], [112.0, 262.0, 412.0, 700.0]
    assert best_shift(starts, theirs, 60) == -12.0
    assert matched(starts, theirs, -12.0) == 3


lengths = st.lists(st.floats(0.01, 20_000), min_size=1, max_size=12)
wild = st.floats(-10, 30_000)
chapter = st.builds(Chapter, st.text(max_size=8), wild, wild)


@settings(deadline=None)  # a busy machine is no failure
@given(lengths, st.lists(chapter, max_size=8), st.data())
def test_whatever_is_offered_the_chosen_list_covers_the_book_without_gaps(
    secs: list[float], provider: list[Chapter], data: st.DataObject
) -> None:
    own = [tuple(sorted(data.draw(st.lists(chapter, max_size=4)), key=lambda c: c.start_secs)) for _ in secs]
    provider.sort(key=lambda c: c.start_secs)
    origin = data.draw(st.sampled_from(["embedded", "cue", "overdrive"]))
    found = weigh_chapters(secs, numbered(len(secs)), marks(origin, *own), provider)
    for offered in found.considered:
        assert offered.chapters[0].start_secs == 0
        assert offered.chapters[-1].end_secs == pytest.approx(sum(secs))
        assert all(a.end_secs == b.start_secs for a, b in pairwise(offered.chapters))
        assert all(c.end_secs > c.start_secs and c.title for c in offered.chapters)
        assert 0 <= offered.score <= 1
    assert found.chosen.score == max(c.score for c in found.considered)
