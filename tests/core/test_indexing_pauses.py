"""How long an indexer is left alone after it failed, who is asked after whom, and what a draft may be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.indexing import (
    FINE,
    PAUSES,
    IndexerDraft,
    IndexerFacts,
    IndexerRecord,
    IndexerSort,
    after_failure,
    faults_of,
    turns,
)
from earmark.core.reasons import Reason

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AWAY = Reason("site_unavailable", "The site is away.", "Wait.")
waits = st.none() | st.floats(0, 200_000)


def record(id: int, key: str, name: str | None = None) -> IndexerRecord:
    return IndexerRecord(id, key, IndexerSort.TORZNAB, name or key.title(), True, 25, False, NOON)


def pause(standing, now) -> timedelta:
    return standing.disabled_till - now


def test_the_first_failure_costs_a_minute_and_each_further_one_more() -> None:
    standing, now, lengths = FINE, NOON, []
    for _ in range(len(PAUSES) + 3):
        standing = after_failure(standing, AWAY, now)
        lengths.append(pause(standing, now))
        now = standing.disabled_till
    assert lengths == [*PAUSES, PAUSES[-1], PAUSES[-1], PAUSES[-1]]


@given(st.lists(st.floats(0, 500_000), min_size=1, max_size=20), waits)
def test_pauses_only_grow_while_it_fails(gaps: list[float], asked: float | None) -> None:
    standing, now, last = FINE, NOON, timedelta()
    for gap in gaps:
        standing = after_failure(standing, AWAY, now, asked)
        assert pause(standing, now) >= last
        last = pause(standing, now)
        now = standing.disabled_till + timedelta(seconds=gap)


@given(st.integers(0, 12), st.floats(1, 200_000))
def test_a_wait_that_the_site_names_is_never_cut_short(failures: int, asked: float) -> None:
    standing = replace(FINE, failures=failures)
    assert pause(after_failure(standing, AWAY, NOON, asked), NOON) >= timedelta(seconds=asked)


def test_a_site_that_names_its_wait_for_the_first_time_is_taken_at_its_word() -> None:
    assert pause(after_failure(FINE, AWAY, NOON, 10), NOON) == timedelta(seconds=10)
    assert pause(after_failure(replace(FINE, failures=1), AWAY, NOON, 10), NOON) == PAUSES[1]


@given(st.lists(st.floats(0, 59), min_size=1, max_size=10))
def test_failures_of_questions_that_were_under_way_together_count_once(seconds: list[float]) -> None:
    first = standing = after_failure(FINE, AWAY, NOON)
    for secs in seconds:
        standing = after_failure(standing, AWAY, NOON + timedelta(seconds=secs))
    assert (standing.failures, standing.disabled_till) == (first.failures, first.disabled_till)
    assert standing.first_failure == NOON


@given(st.floats(0, 59), waits)
def test_a_pause_never_becomes_shorter(secs: float, asked: float | None) -> None:
    first = after_failure(FINE, AWAY, NOON)
    again = after_failure(first, AWAY, NOON + timedelta(seconds=secs), asked)
    assert again.disabled_till >= first.disabled_till


@given(st.integers(0, 9), waits, st.integers(1, 5000))
def test_a_clock_that_was_put_back_does_not_lengthen_a_pause(failures: int, asked: float | None, days: int) -> None:
    ahead = after_failure(replace(FINE, failures=failures), AWAY, NOON + timedelta(days=days), asked)
    assert not ahead.paused(NOON)
    again = after_failure(ahead, AWAY, NOON)
    assert again.failures == failures + 2
    assert pause(again, NOON) <= PAUSES[-1]
    assert again.paused(NOON)


def test_those_that_the_order_names_are_asked_one_by_one_and_the_others_together_at_last() -> None:
    mam, jackett, ten, twelve = (
        record(1, "mam", "MyAnonamouse"),
        record(2, "jackett"),
        record(10, "indexer-10"),
        record(12, "indexer-12", "My feed"),
    )
    every = [mam, jackett, ten, twelve]
    assert turns((), every) == ((tuple(every),), [])
    assert turns(("MY FEED", "mam"), every) == (((twelve,), (mam,), (jackett, ten)), [])
    assert turns(("indexer-12", "myanonamouse", "mam"), every) == (((twelve,), (mam,), (jackett, ten)), [])
    assert turns(("prowlarr",), every) == ((tuple(every),), ["prowlarr"])
    assert turns(("mam",), [mam]) == (((mam,),), [])
    assert turns((), []) == ((), [])


GOOD = IndexerDraft(IndexerSort.TORZNAB, "A feed", facts=IndexerFacts(url="http://feed.example/api"), secret="k")


def with_facts(**facts) -> IndexerDraft:
    return replace(GOOD, facts=replace(GOOD.facts, **facts))


def test_a_good_draft_has_no_faults() -> None:
    assert list(faults_of(GOOD, None, [record(10, "another")])) == []


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (replace(GOOD, name=" "), "name"),
        (replace(GOOD, name="two\nlines"), "name"),
        (replace(GOOD, name="ANOTHER"), "name"),
        (replace(GOOD, priority=0), "priority"),
        (replace(GOOD, priority=51), "priority"),
        (with_facts(url=""), "url"),
        (with_facts(url="ftp://feed.example"), "url"),
        (with_facts(url="http://[feed"), "url"),
        (with_facts(url="http://feed.example:port/"), "url"),
        (with_facts(url="http://feed.example/api?apikey=k"), "url"),
        (with_facts(url="http://me:pass@feed.example/api"), "url"),
        (replace(GOOD, sort=IndexerSort.PROWLARR, secret=None), "secret"),
        (with_facts(timeout_secs=0), "timeout_secs"),
        (with_facts(requests_per_second=51), "requests_per_second"),
        (with_facts(categories=(0,)), "categories"),
        (with_facts(upstream_ids=(-1,)), "upstream_ids"),
        (with_facts(query_limit=0), "query_limit"),
        (with_facts(grab_limit=-1), "grab_limit"),
        (with_facts(seed_ratio=-1), "seed_ratio"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_draft_that_cannot_be_an_indexer_names_the_field(draft: IndexerDraft, field: str) -> None:
    assert field in [name for name, _ in faults_of(draft, None, [record(10, "another")])]


def test_an_address_that_stands_is_not_judged_again() -> None:
    known = record(10, "made-by-a-test")
    assert list(faults_of(replace(GOOD, facts=IndexerFacts()), known, [])) == []
