"""Random commands from people and random moves of the acts, against a real store: whatever comes, the table holds, the
history tells the truth, and what was refused changed nothing."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bare_house import bare_house, candidate
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from earmark.core.reasons import EarmarkError, PermanentError, Reason, TransientError
from earmark.core.states import (
    TRANSITIONS,
    ApprovalCode,
    ApprovalReason,
    AutoApproved,
    Completed,
    CompletionStats,
    Converting,
    Downloading,
    Matching,
    NeedsApproval,
    Placing,
    Searching,
    StatePayload,
    TicketState,
)
from earmark.core.ticket import TicketId
from earmark.core.wish import BookWish, Kind, TicketRequest
from earmark.pipeline import desk
from earmark.pipeline.settle import settle
from earmark.store import candidates, tickets

T = TypeVar("T")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HASH = "ab" * 20
MAGNET = f"magnet:?xt=urn:btih:{HASH}"
DOUBT = ApprovalReason(ApprovalCode.LOW_CONFIDENCE, {"score": 0.5, "threshold": 0.85}, "unsure")
ACT_MOVES: dict[str, StatePayload] = {
    "search": Searching(NOW),
    "match": Matching(NOW, 2),
    "ask": NeedsApproval(NOW, 2, 0, 0.5, (DOUBT,)),
    "ask without a recommendation": NeedsApproval(NOW, 2, None, 0.0, (DOUBT,)),
    "take": AutoApproved(1, 0.9, NOW),
    "download": Downloading(HASH, NOW),
    "convert": Converting(HASH, NOW, 3),
    "place": Placing(HASH, NOW, 3),
    "complete": Completed(NOW, CompletionStats(1, 1.0, 1.0, 1), "/shelf", ("a.m4b",)),
}
REASON = Reason("odd", "Something odd happened.", "Look again.")


class Commands(RuleBasedStateMachine):
    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.home = tempfile.TemporaryDirectory()
        self.house = self.run(bare_house(Path(self.home.name)))
        self.states: dict[TicketId, TicketState] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.house.db.close())
        self.loop.close()
        self.home.cleanup()

    @rule(target=ids, title=st.sampled_from(["A", "B", "C"]))
    def file(self, title: str) -> TicketId:
        filed = self.run(desk.file_ticket(self.house, None, TicketRequest(Kind.AUDIOBOOK, BookWish(title))))
        self.run(self._offer(filed.ticket.id))
        self.states[filed.ticket.id] = filed.ticket.state
        return filed.ticket.id

    async def _offer(self, ticket_id: TicketId) -> None:
        async with self.house.write() as tx:
            await candidates.replace(tx, ticket_id, [candidate(1), candidate(2)])

    @rule(id=ids, move=st.sampled_from(sorted(ACT_MOVES)))
    def act_moves(self, id: TicketId, move: str) -> None:
        self._command(id, self._move(id, ACT_MOVES[move]), {ACT_MOVES[move].state})

    async def _move(self, id: TicketId, payload: StatePayload) -> None:
        async with self.house.write() as tx:
            await tickets.move(tx, id, payload, at=self.house.now(), actor="earmark")

    @rule(id=ids, index=st.sampled_from([None, 0, 1, 2, -1]))
    def approve(self, id: TicketId, index: int | None) -> None:
        self._command(id, desk.approve(self.house, id, index, "person"), {TicketState.APPROVED})

    @rule(id=ids)
    def reject(self, id: TicketId) -> None:
        self._command(id, desk.reject(self.house, id, "no", "person"), {TicketState.REJECTED})

    @rule(id=ids)
    def retry(self, id: TicketId) -> None:
        safe = {TicketState.PENDING, TicketState.APPROVED, TicketState.DOWNLOADING, self.states[id]}
        self._command(id, desk.retry(self.house, id, "person"), safe)

    @rule(id=ids)
    def cancel(self, id: TicketId) -> None:
        self._command(id, desk.cancel(self.house, id, "person"), {TicketState.CANCELLED})

    @rule(id=ids)
    def force_search(self, id: TicketId) -> None:
        self._command(id, desk.force_search(self.house, id, "words", "person"), {TicketState.PENDING})

    @rule(id=ids, uri=st.sampled_from([MAGNET, "http://no.magnet", ""]))
    def force_magnet(self, id: TicketId, uri: str) -> None:
        self._command(id, desk.force_magnet(self.house, id, uri, "person"), {TicketState.DOWNLOADING})

    @rule(id=ids, transient=st.booleans())
    def a_step_goes_wrong(self, id: TicketId, transient: bool) -> None:
        error = (TransientError if transient else PermanentError)(REASON)
        self._command(id, settle(self.house, id, error), {TicketState.FAILED, self.states[id]})

    def _command(self, id: TicketId, work: Coroutine[Any, Any, object], may_become: set[TicketState]) -> None:
        before = self.run(desk.view(self.house, id))
        try:
            self.run(work)
        except EarmarkError as refused:
            after = self.run(desk.view(self.house, id))
            assert (after.ticket, after.events) == (before.ticket, before.events), "a refused command changed something"
            assert refused.reason.message and refused.reason.action
            return
        after = self.run(desk.view(self.house, id))
        assert after.ticket.state in may_become
        self.states[id] = after.ticket.state

    @invariant()
    def every_history_is_a_walk_through_the_table(self) -> None:
        for id in self.states:
            view = self.run(desk.view(self.house, id))
            moves = [e.payload for e in view.events if e.type == "state_change"]
            assert moves[0]["old_state"] is None and moves[0]["new_state"] == "PENDING"
            for earlier, later in itertools.pairwise(moves):
                assert later["old_state"] == earlier["new_state"]
                assert TicketState(str(later["new_state"])) in TRANSITIONS[TicketState(str(later["old_state"]))]
            assert moves[-1]["new_state"] == view.ticket.state == self.states[id]


TestCommands = Commands.TestCase
TestCommands.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
