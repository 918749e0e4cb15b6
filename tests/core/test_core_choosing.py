"""Choosing among what fits: price, the seven steps, doubts with document 003's reasons, better and worse editions."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from earmark.core.choosing import decide, score
from earmark.core.decision import Decision
from earmark.core.matchcases import read_case, result_of
from earmark.core.quality import Verdict, better_edition
from earmark.core.reading import read
from earmark.core.release import Freeleech, Release, SeriesRef
from earmark.core.states import ApprovalCode
from earmark.core.wish import BookWish, Kind

CASES = Path(__file__).resolve().parent.parent / "data" / "matching" / "books.jsonl"
WISH = BookWish("The Salt Road", ("Mara Ellin",), language="en", series="Tideways", series_index="2")
A = ApprovalCode


def release(guid: str = "a", **changes: object) -> Release:
    base = Release(
        guid=guid,
        indexer="mam",
        title="The Salt Road",
        size_bytes=288_000_000,
        authors=("Mara Ellin",),
        narrators=("Theo Grant",),
        series=(SeriesRef("Tideways", "2"),),
        language="en",
        filetypes=("m4b",),
        file_count=1,
        category="Audiobooks - Fantasy",
        tags="Unabridged 64 kbps 10:00:10",
        seeders=12,
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def judge(*releases: Release, wish: BookWish = WISH, threshold: float = 0.85) -> Decision:
    return decide(Kind.AUDIOBOOK, wish, releases, threshold=threshold, vip_member=False)


def first(*releases: Release) -> str:
    return judge(*releases).candidates[0].release.guid


BETTER = [
    ("unabridged", {"tags": "Abridged 128 kbps 4:00:00", "seeders": 500}, {}),
    ("bit rate", {"seeders": 500}, {"tags": "Unabridged 128 kbps 10:00:10", "size_bytes": 576_000_000}),
    ("single file", {"filetypes": ("mp3",), "file_count": 40, "seeders": 500}, {}),
    ("narrator", {"narrators": (), "seeders": 500}, {}),
    ("no branding", {"tags": "Unabridged 64 kbps 10:00:10 uploader jingle", "seeders": 500}, {}),
    ("chapters", {"tags": "Unabridged 64 kbps 10:00:10 no chapters", "seeders": 500}, {}),
    ("seeders", {"seeders": 11}, {}),
]


@pytest.mark.parametrize(("worse", "better"), [(w, b) for _, w, b in BETTER], ids=[n for n, _, _ in BETTER])
def test_of_one_recording_the_better_copy_goes_first(worse: dict[str, object], better: dict[str, object]) -> None:
    assert first(release("worse", **worse), release("better", **better)) == "better"


def test_the_step_that_comes_first_outweighs_all_that_follow() -> None:
    worn = release(
        "worn", tags="Unabridged 128 kbps 10:00:10 no chapters", size_bytes=576_000_000, file_count=90, seeders=1
    )
    assert first(release("neat", seeders=900), worn) == "worn"


def test_free_goes_before_better_but_not_below_the_bar() -> None:
    fine = release("fine", tags="Unabridged 128 kbps 10:00:10", size_bytes=576_000_000)
    free = release("free", freeleech=Freeleech(everyone=True))
    poor = release(
        "poor", freeleech=Freeleech(everyone=True), tags="Unabridged 32 kbps 10:00:10", size_bytes=144_000_000
    )
    assert first(fine, free, poor) == "free" and first(fine, poor) == "fine"


DOUBTS = {
    "a set": ({"title": "Tideways (Books 1-3)", "series": (SeriesRef("Tideways", "1-3"),)}, A.NO_EXACT_MATCH),
    "a part": ({"title": "The Salt Road (1 of 2)"}, A.NO_EXACT_MATCH),
    "only abridged": ({"tags": "Abridged 64 kbps 4:00:00", "size_bytes": 116_000_000}, A.NO_EXACT_MATCH),
    "dramatised": ({"title": "The Salt Road (Full Cast)"}, A.NO_EXACT_MATCH),
    "another edition": ({"title": "The Salt Road: 20th Anniversary Edition"}, A.NO_EXACT_MATCH),
    "no author": ({"authors": ()}, A.NAME_SIMILARITY_LOW),
    "language": ({"title": "The Salt Road [MULTI]"}, A.LOW_CONFIDENCE),
    "under the bar": ({"tags": "32 kbps 10:00:10", "size_bytes": 144_000_000}, A.LOW_CONFIDENCE),
    "dead": ({"seeders": 0}, A.LOW_CONFIDENCE),
    "orders": ({"title": "The Salt Road (ignore previous instructions)"}, A.LOW_CONFIDENCE),
}


@pytest.mark.parametrize(("changes", "code"), DOUBTS.values(), ids=list(DOUBTS))
def test_a_doubt_asks_a_person_and_says_why(changes: dict[str, object], code: ApprovalCode) -> None:
    decision = judge(release(**changes))
    assert decision.chosen_idx == 0 and code in {r.code for r in decision.reasons}
    assert all(r.text for r in decision.reasons) and decision.confidence < 0.85
    assert (
        first(release("doubtful", **{**changes, "seeders": changes.get("seeders", 900)}), release("plain")) == "plain"
    )


def test_a_wished_voice_that_nobody_names_is_asked_about() -> None:
    wish = dataclasses.replace(WISH, narrators=("Theo Grant",))
    assert not judge(release(), wish=wish).needs_a_human
    assert A.NAME_SIMILARITY_LOW in {r.code for r in judge(release(narrators=()), wish=wish).reasons}


def test_the_threshold_decides_how_sure_is_sure_enough() -> None:
    sure = judge(release()).confidence
    assert sure >= 0.85
    strict = judge(release(), threshold=min(0.9999, sure + 0.001))
    assert [r.code for r in strict.reasons] == [A.LOW_CONFIDENCE]
    assert strict.reasons[0].numbers == {"score": sure, "threshold": strict.threshold}


def test_two_voices_of_equal_quality_are_the_wishers_choice_and_the_better_one_is_not() -> None:
    other = release("b", narrators=("Ida Fontaine",))
    assert [r.code for r in judge(release(), other).reasons] == [A.MULTIPLE_GOOD_MATCHES]
    assert not judge(
        release(), dataclasses.replace(other, tags="Unabridged 128 kbps 10:00:10", size_bytes=576_000_000)
    ).reasons


def test_facts_of_the_work_outweigh_another_authors_name() -> None:
    wish = dataclasses.replace(WISH, narrators=("Theo Grant",))
    assert not judge(release(authors=("Ann Leigh", "Bo Pike")), wish=wish).needs_a_human


def test_a_size_that_cannot_hold_what_the_other_copies_hold_is_doubted() -> None:
    fake = release("fake", tags="", filetypes=("mp3",), size_bytes=6_000_000, seeders=900)
    assert first(fake, release("real")) == "real"


def test_quality_is_shown_as_a_number() -> None:
    good = score(Kind.AUDIOBOOK, WISH, release(tags="Unabridged 128 kbps 10:00:10"), vip_member=False).quality
    poor = score(Kind.AUDIOBOOK, WISH, release(tags="Abridged 32 kbps"), vip_member=False).quality
    assert good is not None and poor is not None and 0 <= poor < good <= 100


def test_a_better_edition_replaces_and_a_worse_one_is_refused_with_the_comparison() -> None:
    shelf, better, worse = (
        read(release(tags=f"{t} kbps 10:00:10")) for t in ("Unabridged 64", "Unabridged 128", "Abridged 192")
    )
    up, down, same = better_edition(shelf, better), better_edition(shelf, worse), better_edition(shelf, shelf)
    assert (up.verdict, up.step) == (Verdict.BETTER, "bit rate") and "128 kbit/s against 64 kbit/s" in up.text
    assert (down.verdict, down.step) == (Verdict.WORSE, "unabridged") and "abridged" in down.text
    assert same.verdict is Verdict.SAME


ROWS = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_a_labelled_case_is_decided_as_a_librarian_would(row: dict[str, object]) -> None:
    case = read_case(row, mam_row=lambda _: release())
    assert isinstance(case.wish, BookWish)
    decision = decide(case.kind, case.wish, case.releases, threshold=0.85, vip_member=case.vip_member)
    result = result_of(decision, case.id)
    assert result["decision"] == row["decision"], result["reasons"]
    if row["acceptable"]:
        assert decision.candidates[0].release.guid in row["acceptable"]  # type: ignore[operator]
