"""The ticket's table of transitions: every pair, and every walk."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.states import PAYLOADS, TERMINAL, TRANSITIONS, IllegalTransition, TicketState, check_transition

PAIRS = [(old, new) for old in TicketState for new in TicketState]


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_every_pair_is_either_in_the_table_or_refused(old: TicketState, new: TicketState) -> None:
    if new in TRANSITIONS[old]:
        check_transition(old, new)
        return
    with pytest.raises(IllegalTransition) as refused:
        check_transition(old, new)
    assert refused.value.reason.evidence == {"from": old, "to": new}
    assert refused.value.reason.action


def test_every_state_has_a_payload_type_of_its_own() -> None:
    assert set(PAYLOADS) == set(TicketState) == set(TRANSITIONS)
    assert len(set(PAYLOADS.values())) == len(TicketState)


def test_document_003_happy_path_is_legal() -> None:
    path = ["PENDING", "SEARCHING", "MATCHING", "AUTO_APPROVED", "DOWNLOADING", "CONVERTING", "PLACING", "COMPLETED"]
    for old, new in itertools.pairwise(path):
        check_transition(TicketState(old), TicketState(new))


@pytest.mark.parametrize("state", [s for s in TicketState if s not in TERMINAL])
def test_whatever_has_not_ended_may_fail_or_be_cancelled(state: TicketState) -> None:
    assert {TicketState.FAILED, TicketState.CANCELLED} <= TRANSITIONS[state]


def test_only_a_failed_ticket_may_leave_its_end() -> None:
    assert {s for s in TERMINAL if TRANSITIONS[s]} == {TicketState.FAILED}


@pytest.mark.parametrize("state", list(TicketState))
def test_every_state_is_reachable_and_every_open_one_can_still_end_well(state: TicketState) -> None:
    assert state in _reachable(TicketState.PENDING)
    if state not in TERMINAL or state is TicketState.FAILED:
        assert TicketState.COMPLETED in _reachable(state)


@given(st.lists(st.sampled_from(list(TicketState)), max_size=30))
def test_a_random_walk_never_leaves_the_table(wishes: list[TicketState]) -> None:
    state = TicketState.PENDING
    for wish in wishes:
        try:
            check_transition(state, wish)
        except IllegalTransition:
            assert wish not in TRANSITIONS[state]
            continue
        state = wish
    assert state in _reachable(TicketState.PENDING)


def _reachable(start: TicketState) -> set[TicketState]:
    seen, todo = {start}, [start]
    while todo:
        for after in TRANSITIONS[todo.pop()]:
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return seen
