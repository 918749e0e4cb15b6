"""A desk for the pages to stand before: every state there is, hostile words, unknown numbers, and actions that follow the
table of transitions."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import web_asking
from web_pieces import (
    ACTIVE,
    HASH,
    LONG_TITLE,
    NOW,
    RTL_TITLE,
    SCRIPT_TITLE,
    Line,
    S,
    ago,
    book,
    torrent,
    willows,
)

from earmark.core.decision import Decision
from earmark.core.reasons import JsonValue, PermanentError, Reason
from earmark.core.release import Account
from earmark.core.states import (
    ApprovalCode,
    ApprovalReason,
    Approved,
    AutoApproved,
    Cancelled,
    Completed,
    CompletionStats,
    Converting,
    Downloading,
    Failed,
    Matching,
    NeedsApproval,
    Pending,
    Placing,
    Rejected,
    Searching,
    StatePayload,
    TicketState,
    check_transition,
)
from earmark.core.ticket import Ticket, TicketId, Waiting
from earmark.core.wish import AlbumWish, Kind, TicketRequest, Wish
from earmark.pipeline.desk import Filed
from earmark.pipeline.progress import Progress
from earmark.pipeline.questions import question_of
from earmark.pipeline.views import Health, HealthCheck, HomeView, Stats, TicketView
from earmark.ports import IndexerHealth
from earmark.store import Alert, DecisionRecord, Event, JournalEntry, Page, TaskRecord
from earmark.store.alerts import Severity
from earmark.store.journal import JournalOp, JournalState
from earmark.web.words import asks


class FakeDesk:
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


def fill(desk: FakeDesk) -> None:
    """Every state once, with everything a page can show."""
    desk.account = Account(
        4711,
        "reader",
        "VIP",
        3.41,
        1_204_000_000_000,
        353_000_000_000,
        48_213.0,
        12,
        NOW + timedelta(days=61),
        17,
        150,
        "yes",
    )
    dead = Reason(
        "mam_session_dead", "MyAnonamouse no longer takes the session.", "Make a new mam_id and put it in under System."
    )
    desk.alerts = [Alert("indexer:mam", Severity.ERROR, dead, ago(minutes=22))]
    begun = [(S.PENDING, ago(minutes=16)), (S.SEARCHING, ago(minutes=16)), (S.MATCHING, ago(minutes=15))]
    asked = [*begun, (S.NEEDS_APPROVAL, ago(minutes=14))]
    grabbed = [*begun, (S.AUTO_APPROVED, ago(minutes=14)), (S.DOWNLOADING, ago(minutes=13))]
    fill_working(desk, begun, grabbed)
    fill_questions(desk, begun, grabbed)
    fill_asking(desk, asked)
    fill_ended(desk, asked, grabbed)


def fill_working(
    desk: FakeDesk, begun: list[tuple[TicketState, datetime]], grabbed: list[tuple[TicketState, datetime]]
) -> None:
    size = 312.0 * 1024**2
    the_id = desk.add(
        book("The Wind in the Willows", "Kenneth Grahame", "Adrian Praetzellis", language="en", year=1908),
        Downloading(HASH, ago(minutes=13), 41.2, 5_452_595, 36),
        grabbed,
        progress=Progress(
            S.DOWNLOADING, "download", 41.2, size * 0.412, size, "bytes", 5_452_595, 36, "The Wind in the Willows"
        ),
        candidates=willows(),
    )
    record = torrent(the_id, 0.412)
    made = Decision(tuple(willows()), 0, 0.91, 0.85, (), "sober-1")
    desk.views[the_id] = replace(
        desk.views[the_id],
        torrent=record,
        entries=record.entries,
        decision=DecisionRecord(1, the_id, ago(minutes=14), made, {}, ("wind in the willows grahame",)),
    )
    desk.add(
        book("Alice’s Adventures in Wonderland", "Lewis Carroll", "Cori Samuel", series="Alice", series_index="1"),
        Converting(HASH, ago(minutes=4), 12, 4, "Pig and Pepper", 4_820.0, 10_400.0),
        [*grabbed, (S.CONVERTING, ago(minutes=4))],
        progress=Progress(
            S.CONVERTING, "bind", 46.3, 4_820.0, 10_400.0, "seconds", None, 131, "Chapter 5: Pig and Pepper"
        ),
    )
    desk.add(
        book("The Art of War", "Sun Tzu"), Placing(HASH, ago(seconds=4), 4, 1), [*grabbed, (S.PLACING, ago(seconds=4))]
    )
    desk.add(book("Dracula", "Bram Stoker"), Searching(ago(seconds=8)), begun[:2])
    desk.add(book("Persuasion", "Jane Austen"), Pending(ago(seconds=3)), [(S.PENDING, ago(seconds=3))])
    desk.add(book("Emma", "Jane Austen"), Matching(ago(seconds=2), 37), begun)
    wait = Waiting(
        Reason(
            "no_free_slot",
            "All 150 unsatisfied slots of the account are in use.",
            "Wait for a torrent to be satisfied.",
        ),
        ago(minutes=30),
        NOW + timedelta(minutes=25),
    )
    desk.add(book("Walden", "Henry David Thoreau"), AutoApproved(0, 0.93, ago(minutes=30)), grabbed[:4], waiting=wait)
    desk.add(book("Middlemarch", "George Eliot", "Margaret Espaillat"), Approved(1, "admin", ago(minutes=1)), begun)


def fill_questions(
    desk: FakeDesk, begun: list[tuple[TicketState, datetime]], grabbed: list[tuple[TicketState, datetime]]
) -> None:
    """One ticket for each thing that is asked in the middle of the work."""
    bound, placing = [*grabbed, (S.CONVERTING, ago(minutes=9))], (S.PLACING, ago(minutes=8))
    wish = book("The Last Man", "Mary Shelley", year=1826)
    desk.add(wish, Converting(HASH, ago(minutes=9), 10), bound, waiting=web_asking.disputed_order())
    desk.add(wish, Placing(HASH, ago(minutes=8), 3, 0), [*bound, placing], waiting=web_asking.book_there())
    marks: list[JsonValue] = [
        {"title": name, "start_secs": 600.0 * n, "end_secs": 600.0 * (n + 1)}
        for n, name in enumerate(web_asking.CHAPTERS)
    ]
    the_id = desk.add(wish, Placing(HASH, ago(minutes=8), 4, 0), [*bound, placing], waiting=web_asking.to_review())
    task = TaskRecord(2, the_id, "bind", 1, ago(minutes=9), ago(minutes=8), 61.0, {"chapter_list": marks}, None)
    desk.views[the_id] = replace(desk.views[the_id], tasks=[task])
    desk.add(wish, Searching(ago(minutes=15)), begun[:2], waiting=web_asking.on_the_server())


def fill_asking(desk: FakeDesk, asked: list[tuple[TicketState, datetime]]) -> None:
    low = ApprovalReason(
        ApprovalCode.LOW_CONFIDENCE,
        {"score": 0.79, "threshold": 0.85},
        "The best release scores 0.79; 0.85 is needed to take it without asking.",
    )
    rivals = ApprovalReason(
        ApprovalCode.MULTIPLE_GOOD_MATCHES,
        {"top_scores": [0.79, 0.74]},
        "Equally good recordings by different narrators: choose the voice you want.",
    )
    nothing = ApprovalReason(ApprovalCode.NO_EXACT_MATCH, {"candidates": 0}, "Nothing was found.")
    found = willows()
    made = Decision(tuple(found), 0, 0.79, 0.85, (low, rivals), "sober-1")
    the_id = desk.add(
        book("The Wind in the Willows", "Kenneth Grahame", language="en"),
        NeedsApproval(ago(minutes=14), len(found), 0, 0.79, (low, rivals)),
        asked,
        candidates=found,
    )
    record = DecisionRecord(2, the_id, ago(minutes=14), made, {}, ("wind in the willows", "wind willows grahame"))
    desk.views[the_id] = replace(desk.views[the_id], decision=record)
    desk.add(book(RTL_TITLE, "לואיס קרול"), NeedsApproval(ago(hours=3), 0, None, 0.0, (nothing,)), asked)
    refused = [c for c in found if c.rejected]
    none_fits = ApprovalReason(
        ApprovalCode.NO_EXACT_MATCH, {"candidates": 2}, "None of the 2 releases found fits the wish."
    )
    desk.add(
        book(LONG_TITLE, "Long " * 40),
        NeedsApproval(ago(days=2), 2, None, 0.0, (none_fits,)),
        asked,
        candidates=refused,
    )


def fill_ended(
    desk: FakeDesk, asked: list[tuple[TicketState, datetime]], grabbed: list[tuple[TicketState, datetime]]
) -> None:
    shelf = "/srv/audiobooks/H. G. Wells/The Time Machine (1895)"
    names = ("The Time Machine.m4b", "metadata.json", "metadata.opf", "cover.jpg")
    begun = [(S.PENDING, ago(hours=6)), (S.SEARCHING, ago(hours=5.998)), (S.MATCHING, ago(hours=5.997))]
    done = [
        *begun,
        (S.AUTO_APPROVED, ago(hours=5.996)),
        (S.DOWNLOADING, ago(hours=5.99)),
        (S.CONVERTING, ago(hours=5.4)),
        (S.PLACING, ago(hours=4.91)),
        (S.COMPLETED, ago(hours=4.9)),
    ]
    marks: list[JsonValue] = [
        {"title": f"Chapter {n}", "start_secs": 680.0 * (n - 1), "end_secs": 680.0 * n} for n in range(1, 17)
    ]
    the_id = desk.add(
        book("The Time Machine", "H. G. Wells", "Mark Nelson", year=1895),
        Completed(ago(hours=4.9), CompletionStats(212_000_000, 312.0, 1_904.0, 118_300_000), shelf, names),
        done,
        candidates=willows()[:2],
    )
    entries = [
        JournalEntry(JournalOp.PLACE if n.endswith("m4b") else JournalOp.SIDECAR, f"{shelf}/{n}", ago(hours=4.9),
                     size=118_300_000 if n.endswith("m4b") else 2_412, state=JournalState.VERIFIED)
        for n in names
    ]  # fmt: skip
    task = TaskRecord(1, the_id, "bind", 1, ago(hours=5), ago(hours=4.9), 1_904.0, {"chapter_list": marks}, None)
    record = torrent(the_id, 1.0, completed_at=ago(hours=5.1), added_at=ago(hours=6), ratio=1.82)
    desk.views[the_id] = replace(
        desk.views[the_id], journal=entries, tasks=[task], torrent=record, entries=record.entries
    )
    broken = Reason(
        "audio_damaged",
        "07 - Chapter 7.mp3 cannot be decoded from 0:12:40 on.",
        "Choose another release, or retry after the seeder repaired it.",
    )
    desk.add(
        book("Frankenstein", "Mary Shelley"),
        Failed(ago(minutes=50), S.CONVERTING, broken, True, 2),
        [(at, when - timedelta(hours=1)) for at, when in grabbed]
        + [(S.CONVERTING, ago(hours=1)), (S.FAILED, ago(minutes=50))],
    )
    early = Reason(
        "unsupported_kind",
        "Tickets of kind music are kept, but not carried out by this version.",
        "Cancel the ticket, or retry it after updating.",
    )
    desk.add(
        AlbumWish("Nobody", "Silence", 2001),
        Failed(ago(days=1), S.PENDING, early, False, 0),
        [(S.PENDING, ago(days=1)), (S.FAILED, ago(days=1))],
    )
    desk.add(
        book("Ulysses", "James Joyce"),
        Rejected(ago(days=3), "admin", "Have it on paper."),
        [(at, when - timedelta(days=4)) for at, when in asked] + [(S.REJECTED, ago(days=3))],
    )
    desk.add(
        book(SCRIPT_TITLE, "<b>bold</b>"),
        Cancelled(ago(days=9), "admin", "<i>no</i>"),
        [(at, when - timedelta(days=10)) for at, when in grabbed] + [(S.CANCELLED, ago(days=9))],
    )
