"""Scores, gates and the decision that follows from them."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.admission import Offer, admit
from earmark.core.choosing import decide, score
from earmark.core.release import Freeleech, Release, SeriesRef
from earmark.core.scoring import WEIGHTS, people_similarity, title_similarity
from earmark.core.seeding import needed_seconds, owes_nothing, tracker_of
from earmark.core.states import ApprovalCode
from earmark.core.wish import BookWish, Kind

WISH = BookWish("The Time Machine", ("H. G. Wells",), ("Ada Fenwick",), language="en")


def release(**changes: object) -> Release:
    base = Release(
        guid="https://tracker.example/t/1",
        indexer="mam",
        title="The Time Machine",
        size_bytes=120_000_000,
        kind=Kind.AUDIOBOOK,
        authors=("H. G. Wells",),
        narrators=("Ada Fenwick",),
        language="en",
        filetypes=("mp3",),
        seeders=12,
        runtime_secs=4 * 3600,
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def judge(*releases: Release, wish: BookWish = WISH, vip: bool = False):  # type: ignore[no-untyped-def]
    return decide(Kind.AUDIOBOOK, wish, releases, threshold=0.85, vip_member=vip)


def test_a_release_that_fits_in_everything_is_taken_without_asking() -> None:
    decision = judge(release())
    assert decision.chosen_idx == 0 and not decision.reasons and decision.confidence >= 0.95


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": Kind.EBOOK, "filetypes": ("epub",)}, "wrong_kind"),
        ({"kind": None, "filetypes": ("pdf",)}, "wrong_kind"),
        ({"language": "fr"}, "wrong_language"),
        ({"title": "The War of the Worlds"}, "other_title"),
        ({"authors": ("Stephen Baxter",), "title": "The Time Ships"}, "other_author"),
        ({"narrators": ("Tobias Marl",)}, "other_narrator"),
        ({"title": "Summary of The Time Machine"}, "about_the_work"),
        ({"description": None, "title": "The Time Machine", "size_bytes": 9_000_000}, "implausible_size"),
    ],
)
def test_a_clash_is_a_refusal_with_its_own_code(changes: dict[str, object], code: str) -> None:
    scored = score(Kind.AUDIOBOOK, WISH, release(**changes), vip_member=False)
    assert code in {gate.code for gate in scored.gates}
    decision = judge(release(**changes))
    assert decision.chosen_idx is None
    assert decision.reasons[0].code is ApprovalCode.NO_EXACT_MATCH


def test_an_abridged_reading_is_refused_only_where_the_unabridged_is_wished() -> None:
    short = release(abridged=True)
    assert judge(short).chosen_idx == 0
    assert judge(short, wish=dataclasses.replace(WISH, abridged=False)).chosen_idx is None


def test_nothing_found_asks_a_person_instead_of_failing() -> None:
    decision = judge()
    assert decision.needs_a_human and decision.reasons[0].code is ApprovalCode.NO_EXACT_MATCH


def test_being_the_only_candidate_never_lowers_the_bar() -> None:
    vague = release(authors=(), narrators=(), language=None, title="The Time Machine")
    decision = judge(vague)
    assert decision.needs_a_human
    low = next(r for r in decision.reasons if r.code is ApprovalCode.LOW_CONFIDENCE)
    assert low.numbers == {"score": decision.confidence, "threshold": 0.85}


def test_among_those_over_the_bar_the_free_one_goes_first() -> None:
    paid = release(guid="p", seeders=500)
    free = release(guid="f", seeders=2, freeleech=Freeleech(everyone=True))
    assert judge(paid, free).candidates[0].release.guid == "f"


def test_vip_freeleech_counts_for_vip_members_alone() -> None:
    paid, vip = release(guid="p", seeders=20), release(guid="v", seeders=2, freeleech=Freeleech(vip=True))
    assert judge(paid, vip, vip=False).candidates[0].release.guid == "p"
    assert judge(paid, vip, vip=True).candidates[0].release.guid == "v"


def test_a_free_release_below_the_bar_never_beats_a_paid_one_above_it() -> None:
    paid = release(guid="p")
    free = release(
        guid="f", authors=(), narrators=(), freeleech=Freeleech(everyone=True), title="Time Machine, The, and more"
    )
    assert judge(paid, free).candidates[0].release.guid == "p"


def test_two_voices_and_no_wish_between_them_ask_a_person() -> None:
    open_wish = dataclasses.replace(WISH, narrators=())
    decision = judge(release(guid="a"), release(guid="b", narrators=("Tobias Marl",)), wish=open_wish)
    assert [r.code for r in decision.reasons] == [ApprovalCode.MULTIPLE_GOOD_MATCHES]


def test_a_running_time_far_from_the_wished_one_asks_a_person() -> None:
    wish = dataclasses.replace(WISH, runtime_secs=4.5 * 3600)
    assert ApprovalCode.DURATION_MISMATCH in {r.code for r in judge(release(), wish=wish).reasons}


def test_a_running_time_that_is_another_recordings_is_refused() -> None:
    wish = dataclasses.replace(WISH, runtime_secs=8 * 3600.0)
    assert {g.code for g in judge(release(), wish=wish).candidates[0].gates} == {"other_length"}


def test_the_exact_title_under_one_other_name_may_be_a_pen_name_and_is_asked_about() -> None:
    other = release(authors=("Stephen Baxter",))
    assert {g.code for g in score(Kind.AUDIOBOOK, WISH, other, vip_member=False).gates} == {"other_author"}
    alone = judge(other)
    assert alone.chosen_idx == 0 and ApprovalCode.NAME_SIMILARITY_LOW in {r.code for r in alone.reasons}
    assert judge(other, release(guid="x", authors=("Ann Leigh",))).chosen_idx is None
    assert judge(other, release(guid="right")).candidates[0].release.guid == "right"


def test_a_release_nobody_seeds_is_left_to_a_person() -> None:
    decision = judge(release(seeders=0))
    assert decision.chosen_idx == 0 and decision.needs_a_human
    assert judge(release(guid="dead", seeders=0), release(guid="alive")).candidates[0].release.guid == "alive"


@pytest.mark.parametrize("other", ["H.G. Wells", "Herbert George Wells", "h g wells", "Wells, H. G."])
def test_one_person_by_many_spellings_is_one_person(other: str) -> None:
    assert people_similarity(("H. G. Wells",), (other,)) > 0.8


def test_a_subtitle_does_not_hide_the_title() -> None:
    assert title_similarity("Dune", "Dune: Deluxe Edition", structured=True) > 0.9
    assert title_similarity("L'Île mystérieuse", "L Ile mysterieuse", structured=True) == 1.0


def test_a_bare_title_that_carries_everything_is_still_found() -> None:
    bare = release(authors=(), narrators=(), title="H. G. Wells - The Time Machine [Ada Fenwick] mp3 64k")
    assert judge(bare).chosen_idx == 0


@given(st.text(max_size=60), st.text(max_size=60), st.integers(0, 500))
def test_scores_stay_between_0_and_1_and_are_the_same_every_time(title: str, author: str, seeders: int) -> None:
    offered = release(
        title=title, authors=(author,) if author else (), seeders=seeders, series=(SeriesRef(title, "1"),)
    )
    first = score(Kind.AUDIOBOOK, WISH, offered, vip_member=False)
    assert 0.0 <= first.score <= 1.0
    assert first == score(Kind.AUDIOBOOK, WISH, offered, vip_member=False)


def test_the_weights_are_one_whole() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)


OFFER = Offer("mam", 10, True, "qbittorrent", False, 0, 2, 1000, 100)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"client": "embedded"}, "client_not_approved"),
        ({"client": "embedded", "client_allowed": True}, None),
        ({"client": "embedded", "tracker": "jackett"}, None),
        ({"free_bytes": 109}, "disk_full"),
        ({"running_downloads": 2}, "download_slots"),
    ],
)
def test_a_grab_is_admitted_or_waits_for_one_reason_with_one_action(
    changes: dict[str, object], code: str | None
) -> None:
    reason = admit(dataclasses.replace(OFFER, **changes))  # type: ignore[arg-type]
    assert (reason.code if reason else None) == code
    assert reason is None or reason.action


def test_the_trackers_own_seeding_floor_prevails_over_a_shorter_setting() -> None:
    assert needed_seconds("mam", 1) == 72 * 3600
    assert needed_seconds("mam", 100) == 100 * 3600
    assert needed_seconds("jackett", 1) == 3600


def test_a_torrent_of_the_tracker_is_under_its_rules_whoever_told_of_it():
    page = "https://www.myanonamouse.net/t/123"
    assert [tracker_of(key, page) for key in ("mam", "jackett", "prowlarr", "push", None)] == ["mam"] * 5
    assert tracker_of("jackett", "https://other.example/t/1") == "jackett"
    assert tracker_of(None, None) == ""
    through_jackett = tracker_of("jackett", page)
    assert not owes_nothing(through_jackett, seeded_secs=3600, ratio=5.0, configured_hours=1, configured_ratio=1.0)
    assert admit(dataclasses.replace(OFFER, tracker=through_jackett, client="embedded")) is not None
