"""Choosing by hand: the list of all wishes that wait for a choice, the sheets that tell what a choice means before it is
made, refusing one release, and a .torrent file of one's own. All of it works as plain forms."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import APIRouter
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from earmark.core.decision import ScoredCandidate
from earmark.core.reasons import EarmarkError, PermanentError
from earmark.core.ticket import Ticket, TicketId
from earmark.web import candidates, ticketpage
from earmark.web.contract import Role
from earmark.web.face import DONE, Face
from earmark.web.pages import Filter, list_context, read_filter
from earmark.web.render import Context, toast, wants_fragment

MOST_TORRENT_BYTES = 10 * 1024 * 1024  # what the outermost layer lets through to a path that ends in force-torrent
LONGEST_REASON = 300
HERE = "/approvals"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One row of the list: a ticket, what is recommended for it and what speaks against it."""

    ticket: Ticket
    idx: int | None
    candidate: ScoredCandidate | None
    cost: candidates.Cost | None
    doubt: candidates.Doubt | None
    line: float  # 0..1, from which on nobody is asked


def add_approving(router: APIRouter, face: Face) -> None:
    add_list(router, face)
    add_sheets(router, face)
    add_choices(router, face)


# --- all that waits ---------------------------------------------------------------------------------------------------------


def add_list(router: APIRouter, face: Face) -> None:
    @router.get("/approvals")
    async def approvals(request: Request) -> Response:
        role = face.guard.role(request)
        seq = await face.desk.last_seq()
        found = await _list(face, request)
        return await face.page(
            request, "approvals.html", title="Approvals", here="approvals", role=role, context=found, seq=seq
        )

    @router.get("/approvals/panel")
    async def panel(request: Request) -> Response:
        role = face.guard.role(request)
        return await face.fragment(request, "parts/approvals.html", role=role, context=await _list(face, request))

    @router.post("/approvals/{ticket_id}/approve")
    async def approve(request: Request, ticket_id: str) -> Response:
        """Take what is recommended and stay on the list. The index is sent along: what was shown is what is taken."""
        role = face.guard.admin(request)
        idx = _index((await face.guard.form(request)).get("candidate_idx"))
        headers = toast(DONE["approved"][1])
        try:
            await face.desk.approve(TicketId(ticket_id), idx, role)
        except EarmarkError as error:
            if not wants_fragment(request):
                raise
            headers = toast(error.reason.message, tone="bad", more=error.reason.action)
        if not wants_fragment(request):
            return face.go(f"{HERE}?done=approved")
        found = await _list(face, request)
        return await face.fragment(request, "parts/approvals.html", role=role, context=found, headers=headers)


async def _list(face: Face, request: Request) -> Context:
    found = await list_context(face, Filter(group="you", page=read_filter(request).page), HERE)
    tickets = _tickets(found["rows"])
    best = await face.desk.recommended(tickets)
    return found | {"waiting": [_waiting(ticket, best) for ticket in tickets]}


def _tickets(rows: object) -> list[Ticket]:
    return [row for row in rows if isinstance(row, Ticket)] if isinstance(rows, list | tuple) else []


def _waiting(ticket: Ticket, best: Mapping[TicketId, tuple[int, ScoredCandidate]]) -> Waiting:
    idx, candidate = best.get(ticket.id, (None, None))
    cost = candidates.cost_of(candidate) if candidate else None
    return Waiting(ticket, idx, candidate, cost, candidates.main_doubt(ticket), candidates.line_of(ticket))


# --- what a choice means, before it is made ---------------------------------------------------------------------------------


def add_sheets(router: APIRouter, face: Face) -> None:
    async def sheet(request: Request, ticket_id: str, number: str, part: str, title: str) -> Response:
        role = face.guard.admin(request)
        view = await face.desk.view(TicketId(ticket_id))
        context = ticketpage.context(view)
        idx = _index(number)
        column = _column(context["sheet"], idx)
        if column is None:
            raise _no_candidate()
        found = context | {"col": column, "part": part}
        if wants_fragment(request):
            return await face.fragment(request, part, role=role, context=found | {"level": "h2"})
        found["level"] = "h1"
        return await face.page(request, "confirm.html", title=title, here="tickets", role=role, context=found)

    @router.get("/tickets/{ticket_id}/candidates/{number}/approve")
    async def approve_sheet(request: Request, ticket_id: str, number: str) -> Response:
        return await sheet(request, ticket_id, number, "parts/choose.html", "Approve a release")

    @router.get("/tickets/{ticket_id}/candidates/{number}/block")
    async def block_sheet(request: Request, ticket_id: str, number: str) -> Response:
        return await sheet(request, ticket_id, number, "parts/block.html", "Not this release")


def _column(found: object, idx: int) -> candidates.Column | None:
    columns = (*found.fit, *found.refused) if isinstance(found, candidates.Sheet) else ()
    return next((column for column in columns if column.idx == idx), None)


# --- choices ------------------------------------------------------------------------------------------------------------------


def add_choices(router: APIRouter, face: Face) -> None:
    async def settled(request: Request, role: Role, ticket_id: str, done: str, doing: Awaitable[object]) -> Response:
        """A fresh panel for htmx, the ticket's page for a browser; a refusal is told on either."""
        headers = toast(DONE[done][1])
        try:
            await doing
        except EarmarkError as error:
            if not wants_fragment(request):
                raise
            headers = toast(error.reason.message, tone="bad", more=error.reason.action)
        if not wants_fragment(request):
            return face.go(f"/tickets/{ticket_id}?done={done}")
        found = ticketpage.context(await face.desk.view(TicketId(ticket_id)))
        return await face.fragment(request, "parts/ticket.html", role=role, context=found, headers=headers)

    @router.post("/tickets/{ticket_id}/block")
    async def block(request: Request, ticket_id: str) -> Response:
        role = face.guard.admin(request)
        form = await face.guard.form(request)
        idx, why = _index(form.get("candidate_idx")), _line(form.get("reason"))
        doing = face.desk.block(TicketId(ticket_id), idx, why or None, role)
        return await settled(request, role, ticket_id, "blocked", doing)

    @router.post("/tickets/{ticket_id}/force-torrent")
    async def force_torrent(request: Request, ticket_id: str) -> Response:
        role = face.guard.admin(request)
        torrent = await _torrent(face, request)
        doing = face.desk.force_torrent(TicketId(ticket_id), torrent, role)
        return await settled(request, role, ticket_id, "torrent", doing)


async def _torrent(face: Face, request: Request) -> bytes:
    """The bytes of the uploaded file. Raises PermanentError `torrent_too_large` or `torrent_missing`."""
    try:
        form: FormData = await face.guard.form(request)
    except HTTPException as error:
        if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise _too_large() from error
        raise
    file = form.get("torrent")
    if not isinstance(file, UploadFile) or not file.filename:
        raise PermanentError.of(
            "torrent_missing", "No file was chosen.", "Choose the .torrent file you saved from the tracker’s page."
        )
    found = await file.read(MOST_TORRENT_BYTES + 1)
    if len(found) > MOST_TORRENT_BYTES:
        raise _too_large()
    return found


def _too_large() -> EarmarkError:
    return PermanentError.of(
        "torrent_too_large",
        "The file is larger than 10 MiB; no .torrent file is.",
        "Choose the .torrent file itself, not what it downloads.",
    )


def _index(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 7:
        return int(value)
    raise _no_candidate()


def _no_candidate() -> EarmarkError:
    return PermanentError.of(
        "bad_candidate", "There is no such candidate.", "Reload the ticket and choose one that is shown."
    )


def _line(value: object) -> str:
    return " ".join(value.split())[:LONGEST_REASON] if isinstance(value, str) else ""
