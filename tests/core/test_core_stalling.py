"""How long a download may stand still, and whose turn it is then."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.reasons import Reason
from earmark.core.stalling import ROUNDS, Sight, gives_way, is_at_fault, rounds_lost, whose_turn, worth_keeping
from earmark.core.torrents import InfoHash, TorrentState, TorrentStatus

LIMITS = (300.0, 1800.0, 7200.0)
STATUS = TorrentStatus(
    InfoHash("a" * 40), "Book", TorrentState.DOWNLOADING, 0.0, 0, 0, 0, 0, None, 1000, 0, 0, 0, "/downloads", True
)  # fmt: skip


@pytest.mark.parametrize(
    ("sight", "rounds"),
    [
        pytest.param(Sight(299), 0, id="nobody-has-it-for-less-than-five-minutes"),
        pytest.param(Sight(300), 1, id="nobody-has-it-for-five-minutes"),
        pytest.param(Sight(1800), 2, id="nobody-has-it-for-half-an-hour"),
        pytest.param(Sight(7200), 3, id="nobody-has-it-for-two-hours"),
        pytest.param(Sight(1799, peers=1), 0, id="peers-that-give-nothing-for-less-than-half-an-hour"),
        pytest.param(Sight(1800, peers=1), 2, id="peers-that-give-nothing-for-half-an-hour"),
        pytest.param(Sight(1799, seeds=3), 0, id="seeds-that-give-nothing-for-less-than-half-an-hour"),
        pytest.param(Sight(1799, progress=0.4), 0, id="a-part-is-here-and-all-are-gone-for-less-than-half-an-hour"),
        pytest.param(Sight(1800, progress=0.4), 2, id="a-part-is-here-and-all-are-gone-for-half-an-hour"),
        pytest.param(Sight(99_999, at_fault=False), 0, id="not-to-blame"),
    ],
)
def test_a_release_loses_rounds_by_standing_still(sight: Sight, rounds: int) -> None:
    assert rounds_lost(sight, LIMITS) == rounds


@pytest.mark.parametrize(
    ("state", "error", "blamed"),
    [
        pytest.param(TorrentState.DOWNLOADING, None, True, id="downloading"),
        pytest.param(TorrentState.DOWNLOADING, "tracker_refused", True, id="refused-by-its-tracker"),
        pytest.param(TorrentState.QUEUED, "tracker_refused", True, id="refused-before-it-began"),
        pytest.param(TorrentState.DOWNLOADING, "tracker_unreachable", False, id="tracker-away"),
        pytest.param(TorrentState.QUEUED, None, False, id="queued-by-the-client"),
        pytest.param(TorrentState.CHECKING, None, False, id="being-checked"),
        pytest.param(TorrentState.PAUSED, None, False, id="paused-by-somebody"),
    ],
)
def test_only_a_release_that_does_not_come_is_blamed(state: TorrentState, error: str | None, blamed: bool) -> None:
    reason = Reason(error, "No.", "Wait.") if error else None
    assert is_at_fault(dataclasses.replace(STATUS, state=state, error=reason)) is blamed


@pytest.mark.parametrize(
    ("lost", "others", "goes"),
    [
        pytest.param(1, {"b": 0}, True, id="another-was-not-tried"),
        pytest.param(1, {"b": 1}, False, id="another-failed-as-soon"),
        pytest.param(2, {"b": 1, "c": 2}, True, id="another-had-less-patience"),
        pytest.param(3, {"b": 3}, False, id="all-had-their-time"),
        pytest.param(3, {}, False, id="there-is-no-other"),
        pytest.param(0, {"b": 0}, False, id="it-has-not-failed"),
    ],
)
def test_a_release_gives_way_to_one_that_lost_fewer_rounds(lost: int, others: dict[str, int], goes: bool) -> None:
    assert gives_way(lost, others) is goes


@pytest.mark.parametrize(
    ("lost", "turn"),
    [
        pytest.param({"a": 1, "b": 0, "c": 0}, {"b", "c"}, id="first-round"),
        pytest.param({"a": 1, "b": 1}, {"a", "b"}, id="a-new-round"),
        pytest.param({"a": 3, "b": 2}, {"b"}, id="the-last-of-the-last-round"),
        pytest.param({"a": 3, "b": 3}, set(), id="all-had-their-time"),
        pytest.param({}, set(), id="nothing-offered"),
    ],
)
def test_those_with_the_fewest_lost_rounds_are_next(lost: dict[str, int], turn: set[str]) -> None:
    assert whose_turn(lost) == turn


@given(st.integers(2, 6))
def test_with_dead_releases_only_it_ends_after_three_rounds(count: int) -> None:
    """The walk the monitor makes when nothing ever comes: it comes to rest, and every release had its turns."""
    lost = dict.fromkeys(map(str, range(count)), 0)
    current, moves = "0", 0
    while True:
        others = {guid: rounds for guid, rounds in lost.items() if guid != current}
        rounds = next((r for r in range(1, ROUNDS + 1) if gives_way(r, others)), None)
        if rounds is None:
            break
        lost[current] = max(lost[current], rounds)
        current = min(whose_turn(lost) - {current})
        moves += 1
    assert moves <= ROUNDS * count
    assert min(lost.values()) >= ROUNDS - 1


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        pytest.param({"progress": 0.0}, False, id="nothing-came"),
        pytest.param({"progress": 0.09}, False, id="too-little-to-count"),
        pytest.param({"progress": 0.10}, True, id="counted-by-a-private-tracker"),
        pytest.param({"progress": 0.9, "private": False}, False, id="public"),
        pytest.param({"progress": 1.0, "private": False, "state": TorrentState.SEEDING}, True, id="whole"),
    ],
)
def test_what_is_owed_stays_in_the_client(changes: dict[str, object], kept: bool) -> None:
    assert worth_keeping(dataclasses.replace(STATUS, **changes)) is kept  # type: ignore[arg-type]
