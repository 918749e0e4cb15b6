"""The pages one can open. Each asks the desk one thing and draws it; panels are the same content without the frame, for
htmx to fetch when something changed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from earmark.core.states import TicketState
from earmark.core.ticket import Ticket, TicketId
from earmark.core.wish import Kind
from earmark.web import ticketpage, wishes, words
from earmark.web.contract import AlertView, HomeDetail, TicketDetail
from earmark.web.face import Face
from earmark.web.render import Context, byline_of, title_of
from earmark.web.spacepages import meters

PAGE_SIZE = 50
S = TicketState

GROUPS: dict[str, tuple[str, frozenset[TicketState]]] = {
    "open": ("Under way", frozenset(S) - {S.COMPLETED, S.REJECTED, S.FAILED, S.CANCELLED}),
    "you": ("Needs you", frozenset({S.NEEDS_APPROVAL})),  # and the tickets that ask
    "done": ("On the shelf", frozenset({S.COMPLETED})),
    "failed": ("Failed", frozenset({S.FAILED})),
    "ended": ("Rejected or cancelled", frozenset({S.REJECTED, S.CANCELLED})),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """What the list is narrowed to. `group` is a group's key or a state's name, "" for all."""

    text: str = ""
    group: str = ""
    kind: str = ""
    page: int = 1

    @property
    def any(self) -> bool:
        return bool(self.text or self.group or self.kind)

    @property
    def states(self) -> frozenset[TicketState] | None:
        if self.group in GROUPS:
            return GROUPS[self.group][1]
        return frozenset({TicketState(self.group)}) if self.group else None

    def fits(self, ticket: Ticket) -> bool:
        """By kind and text; its state is not looked at."""
        wish = ticket.request.wish
        told = f"{title_of(wish)} {byline_of(wish)}".casefold()
        return self.kind in ("", ticket.request.kind) and self.text.casefold() in told

    def query(self, page: int) -> str:
        parts = {"q": self.text, "state": self.group, "kind": self.kind, "page": str(page) if page > 1 else ""}
        filled = {k: v for k, v in parts.items() if v}
        return f"?{urlencode(filled)}" if filled else ""


def read_filter(request: Request) -> Filter:
    """Anything odd in the address narrows nothing."""
    q = request.query_params
    group = q.get("state", "").strip()
    if group not in GROUPS:
        group = group.upper() if group.upper() in set(TicketState) else ""
    kind = q.get("kind", "").strip().lower()
    page = q.get("page", "1")
    return Filter(
        text=q.get("q", "").strip()[:200],
        group=group,
        kind=kind if kind in set(Kind) else "",
        page=max(1, min(int(page), 1_000_000)) if page.isascii() and page.isdecimal() and len(page) < 8 else 1,
    )


def add_pages(router: APIRouter, face: Face) -> None:
    """Everything that is only looked at."""
    add_home(router, face)
    add_lists(router, face)
    add_ticket(router, face)
    add_system(router, face)


def add_home(router: APIRouter, face: Face) -> None:
    @router.get("/")
    async def home(request: Request) -> Response:
        role = face.guard.role(request)
        seq = await face.desk.last_seq()
        found = home_context(await face.desk.home(), await face.desk.asking())
        return await face.page(request, "home.html", title="Home", here="home", role=role, context=found, seq=seq)

    @router.get("/home/panel")
    async def home_panel(request: Request) -> Response:
        role = face.guard.role(request)
        found = home_context(await face.desk.home(), await face.desk.asking())
        return await face.fragment(request, "parts/home.html", role=role, context=found)

    @router.get("/add")
    async def add(request: Request) -> Response:
        role = face.guard.role(request)
        form = wishes.blank(str(uuid.uuid4()), dict(request.query_params))
        found: Context = {"form": form, "kinds": wishes.KINDS, "languages": wishes.LANGUAGES}
        return await face.page(request, "add.html", title="Add", here="add", role=role, context=found)


def home_context(home: HomeDetail, questions: Sequence[Ticket]) -> Context:
    """`questions` are the tickets that ask something in the middle of their work."""
    asking = [*questions, *(t for t in home.waiting if t.state is S.NEEDS_APPROVAL)]
    held = [t for t, _ in home.active if t.waiting is not None and not words.asks(t)]
    waiting = [*(t for t in home.waiting if t.state is not S.NEEDS_APPROVAL), *held]
    working = [(t, p) for t, p in home.active if t.waiting is None]
    total = sum(home.counts.values())
    return {
        "home": home,
        "asking": asking,
        "waiting": waiting,
        "working": working,
        "any_ticket": total > 0,
        "summary": _summary(
            len(working), home.counts.get(S.NEEDS_APPROVAL, 0) + len(questions), len(waiting), total, len(home.alerts)
        ),
        "alert_place": alert_place,
        "form": wishes.blank(str(uuid.uuid4())),
        "kinds": wishes.KINDS,
        "languages": wishes.LANGUAGES,
    }


def _summary(active: int, asking: int, waiting: int, total: int, alerts: int) -> str:
    if not total and not alerts:
        return "Nothing has been wished for yet."
    parts = [
        f"{active} at work" if active else "",
        f"{asking} {'needs' if asking == 1 else 'need'} you" if asking else "",
        f"{waiting} waiting" if waiting else "",
        f"{alerts} {'alert' if alerts == 1 else 'alerts'}" if alerts else "",
    ]
    return ", ".join(p for p in parts if p) or "All quiet. Nothing needs you."


def alert_place(alert: AlertView) -> tuple[str, str] | None:
    """(path, words) of the one button of an alert: the ticket it is about, or the page where it is put right."""
    ticket = alert.reason.evidence.get("ticket_id")
    if isinstance(ticket, str):
        return f"/tickets/{ticket}", "Open the ticket"
    about = f"{alert.key} {alert.reason.code}".casefold()
    if "session" in about:
        return "/system", "Renew the session"
    if "mam" in about or "indexer" in about:
        return "/indexers", "Look at the indexers"
    return "/system", "See System"


def add_lists(router: APIRouter, face: Face) -> None:
    @router.get("/tickets")
    async def tickets(request: Request) -> Response:
        role = face.guard.role(request)
        seq = await face.desk.last_seq()
        found = await list_context(face, read_filter(request), "/tickets")
        found["focus"] = "focus" in request.query_params
        return await face.page(
            request, "tickets.html", title="Tickets", here="tickets", role=role, context=found, seq=seq
        )

    @router.get("/tickets/panel")
    async def tickets_panel(request: Request) -> Response:
        role = face.guard.role(request)
        found = await list_context(face, read_filter(request), "/tickets")
        return await face.fragment(request, "parts/tickets.html", role=role, context=found | {"here": "tickets"})


async def list_context(face: Face, narrowed: Filter, path: str) -> Context:
    offset = (narrowed.page - 1) * PAGE_SIZE
    found = await face.desk.listing(
        states=narrowed.states,
        kind=Kind(narrowed.kind) if narrowed.kind else None,
        text=narrowed.text or None,
        limit=PAGE_SIZE,
        offset=offset,
    )
    last = offset + len(found.items)
    questions = [t for t in await face.desk.asking() if narrowed.fits(t)] if narrowed.group == "you" else []
    ahead = len(questions)  # they lead the list, on its first page
    return {
        "rows": found.items if narrowed.page > 1 else [*questions, *found.items],
        "total": found.total + ahead,
        "first": offset + 1 + (ahead if narrowed.page > 1 else 0),
        "last": last + ahead,
        "filter": narrowed,
        "groups": [(key, text) for key, (text, _) in GROUPS.items()],
        "kinds": list(Kind),
        "newer": path + narrowed.query(narrowed.page - 1) if narrowed.page > 1 else None,
        "older": path + narrowed.query(narrowed.page + 1) if last < found.total else None,
        "selectable": narrowed.states == frozenset({S.COMPLETED}),
        "panel_url": f"{path}/panel{narrowed.query(narrowed.page)}",
    }


def add_ticket(router: APIRouter, face: Face) -> None:
    async def confirm(request: Request, ticket_id: str, part: str, verb: str) -> Response:
        role = face.guard.admin(request)
        view = await face.desk.view(TicketId(ticket_id))
        can = ticketpage.allowed(view.ticket)
        if not (can.cancel if verb == "Cancel" else can.reject):
            return face.go(f"/tickets/{ticket_id}")
        found = ticketpage.context(view) | {"part": part, "level": "h1"}
        return await face.page(
            request, "confirm.html", title=f"{verb} a wish", here="tickets", role=role, context=found
        )

    @router.get("/tickets/{ticket_id}")
    async def ticket(request: Request, ticket_id: str) -> Response:
        role = face.guard.role(request)
        seq = await face.desk.last_seq()
        view = await face.desk.view(TicketId(ticket_id))
        return await face.page(
            request,
            "ticket.html",
            title=short_title(view),
            here="tickets",
            role=role,
            context=ticketpage.context(view),
            seq=seq,
        )

    @router.get("/tickets/{ticket_id}/panel")
    async def ticket_panel(request: Request, ticket_id: str) -> Response:
        role = face.guard.role(request)
        view = await face.desk.view(TicketId(ticket_id))
        return await face.fragment(request, "parts/ticket.html", role=role, context=ticketpage.context(view))

    @router.get("/tickets/{ticket_id}/cancel")
    async def cancel_page(request: Request, ticket_id: str) -> Response:
        return await confirm(request, ticket_id, "parts/cancel.html", "Cancel")

    @router.get("/tickets/{ticket_id}/reject")
    async def reject_page(request: Request, ticket_id: str) -> Response:
        return await confirm(request, ticket_id, "parts/reject.html", "Reject")


def short_title(view: TicketDetail) -> str:
    title = title_of(view.ticket.request.wish)
    return title if len(title) <= 60 else f"{title[:59]}…"


async def system_context(face: Face, tests: object) -> Context:
    """Everything `system.html` reads. `tests` are answers of the indexers, None before they were asked."""
    return {
        "health": await face.desk.health(),
        "stats": await face.desk.stats(),
        "tests": tests,
        "meters": meters(await face.desk.disks()),
        "plan": None,
        "gib": "",
        "changed": False,
        "done": False,
    }


def add_system(router: APIRouter, face: Face) -> None:
    @router.get("/system")
    async def system(request: Request) -> Response:
        role = face.guard.role(request)
        found = await system_context(face, None)
        return await face.page(request, "system.html", title="System", here="system", role=role, context=found)

    @router.get("/system/panel")
    async def system_panel(request: Request) -> Response:
        role = face.guard.role(request)
        found: Context = {"health": await face.desk.health()}
        return await face.fragment(request, "parts/health.html", role=role, context=found)
