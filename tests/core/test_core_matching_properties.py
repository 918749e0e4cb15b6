"""Laws of matching that hold for whatever anybody types: no influence of bystanders or order, no crash, no slow text."""

from __future__ import annotations

import dataclasses
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.core.choosing import decide
from earmark.core.decision import Component
from earmark.core.reading import read
from earmark.core.release import Release, SeriesRef
from earmark.core.scoring import WEIGHTS, confidence
from earmark.core.wish import BookWish, Kind

WISH = BookWish("The Salt Road", ("Mara Ellin",), ("Theo Grant",), series="Tideways", series_index="2", language="en")
TITLES = st.sampled_from(
    ["The Salt Road", "Mara Ellin - The Salt Road [M4B]", "The Salt Road (Abridged)", "The Glass Orchard", "The Salt Roads 3",
     "Tideways Box Set (Books 1-3)", "Summary of The Salt Road"]
)  # fmt: skip
RELEASES = st.builds(
    Release,
    guid=st.uuids().map(str),
    indexer=st.just("i"),
    title=TITLES,
    size_bytes=st.integers(0, 2_000_000_000),
    authors=st.sampled_from([(), ("Mara Ellin",), ("Ann Leigh",)]),
    narrators=st.sampled_from([(), ("Theo Grant",), ("Ida Fontaine",)]),
    language=st.sampled_from([None, "en", "de"]),
    filetypes=st.sampled_from([(), ("m4b",), ("epub",)]),
    tags=st.sampled_from(["", "Unabridged 64 kbps 10:00:10", "abridged", "32 kbps"]),
    seeders=st.sampled_from([None, 0, 3, 90]),
)
ANYTHING = st.text(max_size=300)
OTHER = Release(
    guid="other", indexer="i", title="Lanterns of Quiet Engines", authors=("Uri Sand",), filetypes=("m4b",), seeders=999
)


def winner(releases: list[Release]) -> tuple[str | None, list[str]]:
    decision = decide(Kind.AUDIOBOOK, WISH, releases, threshold=0.85, vip_member=False)
    order = [c.release.guid for c in decision.candidates]
    return (None if decision.chosen_idx is None else order[decision.chosen_idx]), order


@settings(max_examples=60, deadline=None)
@given(st.lists(RELEASES, max_size=6, unique_by=lambda r: r.guid))
def test_a_release_of_another_work_never_changes_the_winner(releases: list[Release]) -> None:
    assert winner([*releases, OTHER])[0] == winner(releases)[0]


@settings(max_examples=60, deadline=None)
@given(st.lists(RELEASES, max_size=6, unique_by=lambda r: r.guid), st.randoms(use_true_random=False))
def test_the_order_of_arrival_never_matters(releases: list[Release], rng: random.Random) -> None:
    shuffled = list(releases)
    rng.shuffle(shuffled)
    assert winner(shuffled) == winner(releases)


@given(
    st.dictionaries(st.sampled_from(sorted(WEIGHTS)), st.none() | st.floats(0, 1), min_size=1),
    st.sampled_from(sorted(WEIGHTS)),
    st.floats(0, 1),
)
def test_a_better_component_never_lowers_the_score(values: dict[str, float | None], name: str, better: float) -> None:
    if values.get(name) is None or values[name] > better:  # type: ignore[operator]
        return
    parts = {n: Component(n, WEIGHTS[n], v, "") for n, v in values.items()}
    improved = {**parts, name: dataclasses.replace(parts[name], value=better)}
    assert confidence(tuple(improved.values())) >= confidence(tuple(parts.values()))


@settings(deadline=None)
@given(ANYTHING, ANYTHING, ANYTHING, ANYTHING)
def test_no_text_crashes_and_scores_stay_between_0_and_1(title: str, author: str, tags: str, description: str) -> None:
    offered = Release(
        guid="g", indexer="i", title=title, authors=(author,), narrators=(author,), series=(SeriesRef(tags, title),),
        tags=tags, description=description, language=author, category=tags, filetypes=(tags,), size_bytes=1,
    )  # fmt: skip
    wish = BookWish(title or "x", (author,), (tags,), series=description, series_index=tags, runtime_secs=3600)
    for asked in (WISH, wish):
        for kind in (Kind.AUDIOBOOK, Kind.EBOOK):
            decision = decide(kind, asked, [offered], threshold=0.85, vip_member=False)
            assert all(0.0 <= c.score <= 1.0 for c in decision.candidates)


HOSTILE = (
    "(",
    "[",
    "a",
    " ",
    "-",
    " - ",
    "1",
    "1.",
    "1-",
    "by ",
    "read by ",
    ": ",
    "#",
    "&amp;",
    "<",
    "A B ",
    "0:",
    "1 of ",
    "é",
    "Ã",
)


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_long_hostile_text_takes_no_more_than_linear_time(unit: str) -> None:
    def spent(length: int) -> float:
        text = (unit * length)[:length]
        offered = Release(
            guid="g",
            indexer="i",
            title=text,
            authors=(text,),
            tags=text,
            description=text,
            series=(SeriesRef(text, text),),
        )
        best = float("inf")
        for salt in range(3):
            one = dataclasses.replace(offered, title=f"{text}{salt}", tags=f"{salt}{text}", description=f"{salt}{text}")
            start = time.process_time()
            read(one)
            best = min(best, time.process_time() - start)
        return best

    assert spent(1_000_000) < 40 * spent(4_000) + 0.25
