"""One wish on its way: the ticket as every room of the house sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType

from earmark.core.reasons import Reason
from earmark.core.states import StatePayload, TicketState
from earmark.core.wish import TicketRequest

TicketId = NewType("TicketId", str)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a ticket stands still although its state could move on, and when it will be looked at again."""

    reason: Reason
    since: datetime
    until: datetime | None = None  # None: until something else happens (a slot opens, a person acts)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as stored. `run` counts engine runs (it keys their idempotence), `attempt` the automatic tries of the
    current act that ended in a transient error; `wake_at` is when the dispatcher must look at it (None: not due)."""

    id: TicketId
    request: TicketRequest
    request_digest: str  # SHA-256 of the request as filed; the same id with another digest is a conflict
    created_at: datetime
    updated_at: datetime
    payload: StatePayload
    run: int = 0
    attempt: int = 0
    wake_at: datetime | None = None
    waiting: Waiting | None = None
    torrent_hash: str | None = None  # the torrent it counts on, kept to the end; None again with a new search
    answers: Mapping[str, str] = field(
        default_factory=dict
    )  # what a person settled, by question; gone with a new search

    @property
    def state(self) -> TicketState:
        return self.payload.state
