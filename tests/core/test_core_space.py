"""What may go from a full disk: the oldest that owe nothing, and only what truly brings room."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from earmark.core.space import Held, HeldFile, freed_bytes, plan_prune
from earmark.core.torrents import InfoHash

DAY = datetime(2024, 5, 1, tzinfo=UTC)


def held(name: str, *files: HeldFile, day: int | None = 0, owes: bool = False, busy: bool = False) -> Held:
    at = None if day is None else DAY + timedelta(days=day)
    return Held(InfoHash(name * 40), name, files, owes, at, busy)


def own(inode: int, size: int = 100) -> HeldFile:
    return HeldFile(1, inode, size)


def shared(inode: int, size: int = 100, links: int = 2) -> HeldFile:
    return HeldFile(1, inode, size, links)


def names(torrents: tuple[Held, ...]) -> str:
    return "".join(one.name for one in torrents)


def test_the_oldest_go_first_and_only_as_many_as_needed() -> None:
    torrents = [held("c", own(3), day=3), held("a", own(1), day=1), held("b", own(2), day=2)]
    plan = plan_prune(torrents, 150)
    assert (names(plan.chosen), plan.frees, plan.short_by) == ("ab", 200, 0)
    assert [(kept.held.name, kept.reason.code) for kept in plan.kept] == [("c", "prune_not_needed")]


def test_a_torrent_with_a_duty_stays_whatever_the_need() -> None:
    torrents = [
        held("a", own(1), owes=True),
        held("b", own(2), day=None),
        held("c", own(3), busy=True),
        held("d", own(4), day=9),
    ]
    plan = plan_prune(torrents, 10**12)
    assert names(plan.chosen) == "d"
    assert plan.short_by == 10**12 - 100
    assert {kept.held.name: kept.reason.code for kept in plan.kept} == {
        "a": "prune_owes_seeding",
        "b": "prune_not_complete",
        "c": "prune_in_use",
    }


def test_files_that_the_library_links_free_nothing() -> None:
    plan = plan_prune([held("a", shared(1), day=0), held("b", shared(2), own(3, 5), day=1)], 50)
    assert (names(plan.chosen), plan.frees) == ("b", 5)
    assert [kept.reason.code for kept in plan.kept] == ["prune_frees_nothing"]


def test_the_same_files_seeded_twice_go_together_or_not_at_all() -> None:
    twins = [held("a", shared(1), day=0), held("b", shared(1), day=1)]
    assert (names(plan_prune(twins, 50).chosen), plan_prune(twins, 50).frees) == ("ab", 100)
    duty = [held("a", shared(1), day=0), held("b", shared(1), day=1, owes=True)]
    assert plan_prune(duty, 50).chosen == ()


def test_a_torrent_that_brings_room_alone_goes_before_twins_that_must_go_together() -> None:
    torrents = [held("a", shared(1), day=0), held("b", shared(1), day=1), held("c", own(2), day=9)]
    assert names(plan_prune(torrents, 100).chosen) == "c"
    assert names(plan_prune(torrents, 101).chosen) == "cab"


def test_several_names_inside_one_torrent_count_once() -> None:
    both = (shared(1), shared(1))
    assert freed_bytes(both) == 100
    assert held("a", *both).bytes_on_disk == 100
    assert freed_bytes(both[:1]) == 0


def test_without_need_nothing_goes() -> None:
    plan = plan_prune([held("a", own(1))], 0)
    assert plan.chosen == ()
    assert plan.frees == plan.short_by == 0


FILES = st.integers(1, 8).map(lambda inode: HeldFile(1, inode, 10 * inode, 1 + inode % 3))
TORRENTS = st.lists(st.tuples(st.lists(FILES, max_size=3), st.booleans(), st.integers(0, 5)), max_size=6)


@given(TORRENTS, st.integers(0, 300))
def test_a_plan_never_costs_a_duty_and_never_promises_more_than_it_frees(
    made: list[tuple[list[HeldFile], bool, int]], need: int
) -> None:
    torrents = [held(chr(97 + idx), *files, day=day, owes=owes) for idx, (files, owes, day) in enumerate(made)]
    plan = plan_prune(torrents, need)
    assert not any(one.owes for one in plan.chosen)
    assert plan.frees == freed_bytes(file for one in plan.chosen for file in one.files)
    assert {one.name for one in plan.chosen} | {kept.held.name for kept in plan.kept} == {one.name for one in torrents}
    everything = freed_bytes(file for one in torrents if not one.owes for file in one.files)
    assert plan.frees >= min(need, everything)
