"""A desk for the pages to stand before: every state there is, hostile words, unknown numbers, and actions that follow the
table of transitions."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from web_approving import ApprovingDesk
from web_indexers import Indexers, IndexersDesk
from web_pieces import (
    ACTIVE,
    HASH,
    Line,
    S,
    ago,
)
from web_shelf import Shelf, ShelfDesk
from web_tickets import fill

from earmark.core.reasons import JsonValue, PermanentError
from earmark.core.release import Account
from earmark.core.states import (
    Approved,
    Cancelled,
    Downloading,
    Pending,
    Rejected,
    StatePayload,
    TicketState,
    check_transition,
)
from earmark.core.ticket import Ticket, TicketId, Waiting
from earmark.core.wish import AlbumWish, Kind, TicketRequest, Wish
from earmark.pipeline.desk import Filed
from earmark.pipeline.questions import question_of
from earmark.pipeline.views import Health, HealthCheck, HomeView, Stats, TicketView
from earmark.ports import IndexerHealth
from earmark.store import Alert, Event, Page
from earmark.web.words import asks


class FakeDesk(ApprovingDesk, ShelfDesk, IndexersDesk):
    """Answers like the house's desk. `heard` collects what was asked of it; `listeners` get what it publishes."""

    def __init__(self, *, empty: bool = False) -> None:
        self.views: dict[TicketId, TicketView] = {}
        self.line = Line()
        self.heard: list[tuple[str, ...]] = []
        self.listeners: set[asyncio.Queue[dict[str, JsonValue]]] = set()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.account: Account | None = None
        self.alerts: list[Alert] = []
        self.broken = False
        self.shelf = Shelf()
        self.places = Indexers(rows={}, taken=[]) if empty else Indexers()
        if not empty:
            fill(self)

    def add(
        self, wish: Wish, payload: StatePayload, steps: list[tuple[TicketState, datetime]], **more: object
    ) -> TicketId:
        the_id = TicketId(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{len(self.views)}")))
        kind = Kind.MUSIC if isinstance(wish, AlbumWish) else Kind.AUDIOBOOK
        waiting = more.pop("waiting", None)
        assert waiting is None or isinstance(waiting, Waiting)
        ticket = Ticket(
            id=the_id,
            request=TicketRequest(kind, wish),
            request_digest=hashlib.sha256(the_id.encode()).hexdigest(),
            created_at=steps[0][1],
            updated_at=steps[-1][1],
            payload=payload,
            waiting=waiting,
            wake_at=waiting.until if waiting else None,
        )
        empty = TicketView(ticket, self.line.moves(the_id, *steps), [], None, None, (), [], [], None)
        self.views[the_id] = replace(empty, **more)  # type: ignore[arg-type]
        return the_id

    # --- reading --------------------------------------------------------------------------------------------------------

    async def home(self) -> HomeView:
        if self.broken:
            raise RuntimeError("the desk fell over")
        rows = self._rows()
        stats = await self.stats()
        return HomeView(
            active=[(v.ticket, v.progress) for v in rows if v.ticket.state in ACTIVE],
            waiting=[v.ticket for v in rows if v.ticket.state is S.NEEDS_APPROVAL],
            recent=[v.ticket for v in rows if v.ticket.state in {S.COMPLETED, S.FAILED}],
            counts=stats.counts,
            account=self.account,
            account_at=ago(minutes=3) if self.account else None,
            alerts=self.alerts,
            health=await self.health(),
            stats=stats,
        )

    async def listing(
        self, *, states: frozenset[TicketState] | None, kind: Kind | None, text: str | None, limit: int, offset: int
    ) -> Page[Ticket]:
        found = [
            v.ticket
            for v in self._rows()
            if (states is None or v.ticket.state in states)
            and (kind is None or v.ticket.request.kind is kind)
            and (not text or text.casefold() in str(v.ticket.request.wish).casefold())
        ]
        return Page(tuple(found[offset : offset + limit]), len(found))

    async def view(self, ticket_id: TicketId) -> TicketView:
        if ticket_id not in self.views:
            raise PermanentError.of("unknown_ticket", f"There is no ticket {ticket_id}.", "Look it up in the list.")
        return self.views[ticket_id]

    async def stats(self) -> Stats:
        counts = dict.fromkeys(S, 0)
        for v in self.views.values():
            counts[v.ticket.state] += 1
        return Stats(counts, 1, 1, counts[S.COMPLETED], 81_604_378_624, 5_452_595, 812_000, 214, 1_460.0)

    async def health(self) -> Health:
        checks = (
            HealthCheck("database", "ok", "sqlite answers"),
            HealthCheck("indexer mam", "ok", "last answer was fine"),
            HealthCheck("client embedded", "ok", "answers"),
            HealthCheck("disk", "warning", "9 GiB free on the download disk", "Make room; below 500 MiB grabs wait."),
        )
        return Health("warning", "0.1.0", checks) if self.views else Health("ok", "0.1.0", checks[:3])

    async def last_seq(self) -> int:
        return self.line.seq

    def _rows(self) -> list[TicketView]:
        return sorted(self.views.values(), key=lambda v: v.ticket.created_at, reverse=True)

    # --- acting -----------------------------------------------------------------------------------------------------------

    async def file_ticket(self, ticket_id: TicketId | None, request: TicketRequest) -> Filed:
        the_id = ticket_id or TicketId(str(uuid.uuid4()))
        self.heard.append(("file", the_id, str(request.wish)))
        if the_id in self.views:
            return Filed(self.views[the_id].ticket, False)
        now = datetime.now(UTC)
        ticket = Ticket(the_id, request, "", now, now, Pending(now))
        events = self.line.moves(the_id, (S.PENDING, now))
        self.views[the_id] = TicketView(ticket, events, [], None, None, (), [], [], None)
        return Filed(ticket, True)

    async def approve(self, ticket_id: TicketId, candidate_idx: int | None, actor: str) -> Ticket:
        self.heard.append(("approve", ticket_id, str(candidate_idx), actor))
        if candidate_idx is not None and candidate_idx >= len((await self.view(ticket_id)).candidates):
            raise PermanentError.of("bad_candidate", "There is no such candidate.", "Choose one that is shown.")
        return await self.move(ticket_id, Approved(candidate_idx or 0, actor, datetime.now(UTC)))

    async def reject(self, ticket_id: TicketId, reason: str | None, actor: str) -> Ticket:
        self.heard.append(("reject", ticket_id, reason or "", actor))
        return await self.move(ticket_id, Rejected(datetime.now(UTC), actor, reason))

    async def asking(self) -> list[Ticket]:
        return [v.ticket for v in self._rows() if asks(v.ticket)]

    async def answer(self, ticket_id: TicketId, word: str, actor: str) -> Ticket:
        view = await self.view(ticket_id)
        question_of(view.ticket, word)
        self.heard.append(("answer", ticket_id, word, actor))
        ticket = replace(view.ticket, waiting=None, answers={**view.ticket.answers, "asked": word})
        self.views[ticket_id] = replace(view, ticket=ticket)
        return ticket

    async def retry(self, ticket_id: TicketId, actor: str) -> Ticket:
        self.heard.append(("retry", ticket_id, actor))
        return await self.move(ticket_id, Pending(datetime.now(UTC)))

    async def cancel(self, ticket_id: TicketId, actor: str, reason: str | None) -> Ticket:
        self.heard.append(("cancel", ticket_id, reason or "", actor))
        return await self.move(ticket_id, Cancelled(datetime.now(UTC), actor, reason))

    async def force_search(self, ticket_id: TicketId, query: str, actor: str) -> Ticket:
        self.heard.append(("search", ticket_id, query, actor))
        return await self.move(ticket_id, Pending(datetime.now(UTC), query))

    async def force_magnet(self, ticket_id: TicketId, magnet_uri: str, actor: str) -> Ticket:
        self.heard.append(("magnet", ticket_id, magnet_uri, actor))
        return await self.move(ticket_id, Downloading(HASH, datetime.now(UTC)))

    async def set_mam_session(self, value: str, actor: str) -> IndexerHealth:
        self.heard.append(("session", value, actor))
        return IndexerHealth(True, "Signed in as reader.")

    async def test_indexers(self) -> Mapping[str, IndexerHealth]:
        self.heard.append(("test",))
        return {
            "mam": IndexerHealth(True, "Signed in as reader."),
            "jackett": IndexerHealth(False, "It does not answer."),
        }

    async def move(self, ticket_id: TicketId, payload: StatePayload) -> Ticket:
        view = await self.view(ticket_id)
        check_transition(view.ticket.state, payload.state)
        now = datetime.now(UTC)
        old = view.ticket.state
        ticket = replace(view.ticket, payload=payload, updated_at=now, waiting=None)
        self.line.seq += 1
        told: dict[str, JsonValue] = {"old_state": str(old), "new_state": str(payload.state), "actor": "admin"}
        event = Event(self.line.seq, now, ticket_id, "state_change", told)
        self.views[ticket_id] = replace(view, ticket=ticket, events=[*view.events, event], progress=None)
        self.publish({"seq": event.seq, "type": "state_change", "ticket_id": ticket_id, **told})
        return ticket

    # --- telling ------------------------------------------------------------------------------------------------------------

    def publish(self, message: dict[str, JsonValue]) -> None:
        for queue in self.listeners:
            if self.loop is not None:
                self.loop.call_soon_threadsafe(queue.put_nowait, message)
