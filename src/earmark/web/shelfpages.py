"""Books on the shelf: taking one back, re-processing one or many. Each change is shown as it would be before a person
lets it happen; the sheets are pages of their own, which htmx shows as dialogs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from earmark.core.reasons import EarmarkError, PermanentError
from earmark.core.states import TicketState
from earmark.core.ticket import TicketId
from earmark.web import humane, shelf, ticketpage
from earmark.web.contract import Role
from earmark.web.contract_shelf import ReprocessedView
from earmark.web.face import DONE, Face
from earmark.web.render import Context, title_of, toast, wants_fragment

MOST_BOOKS = 10_000


@dataclass(frozen=True, slots=True)
class Row:
    """One book of a re-processing: what changes, or why it does not."""

    title: str
    result: ReprocessedView


def add_shelf(router: APIRouter, face: Face) -> None:
    add_sheets(router, face)
    add_one(router, face)
    add_many(router, face)


def add_sheets(router: APIRouter, face: Face) -> None:
    async def sheet(request: Request, role: Role, part: str, title: str, found: Context) -> Response:
        if wants_fragment(request):
            return await face.fragment(request, part, role=role, context=found | {"level": "h2"})
        found |= {"part": part, "level": "h1"}
        return await face.page(request, "confirm.html", title=title, here="tickets", role=role, context=found)

    @router.get("/tickets/{ticket_id}/undo")
    async def undo_sheet(request: Request, ticket_id: str) -> Response:
        role = face.guard.admin(request)
        view = await face.desk.view(TicketId(ticket_id))
        acts = await face.desk.undoable(TicketId(ticket_id)) if ticketpage.allowed(view.ticket).undo else ()
        back = shelf.take_back(view, acts)
        found: Context = {"v": view, "back": back, "recycling": face.desk.recycling()}
        return await sheet(request, role, "parts/undo.html", "Take back", found)

    @router.get("/tickets/{ticket_id}/reprocess")
    async def reprocess_sheet(request: Request, ticket_id: str) -> Response:
        role = face.guard.admin(request)
        view = await face.desk.view(TicketId(ticket_id))
        if not ticketpage.allowed(view.ticket).reprocess:
            return face.go(f"/tickets/{ticket_id}")
        result = _only(await face.desk.reprocess([TicketId(ticket_id)], role, dry_run=True))
        found: Context = {"v": view, "result": result}
        return await sheet(request, role, "parts/reprocess.html", "Re-process", found)


def add_one(router: APIRouter, face: Face) -> None:
    async def settled(request: Request, role: Role, ticket_id: str, done: str, error: EarmarkError | None) -> Response:
        """A fresh panel for htmx, the ticket's page for a browser; a refusal is told on either."""
        if not wants_fragment(request):
            if error is not None:
                raise error
            return face.go(f"/tickets/{ticket_id}?done={done}")
        headers = toast(DONE[done][1])
        if error is not None:
            headers = toast(error.reason.message, tone="bad", more=error.reason.action)
        found = ticketpage.context(await face.desk.view(TicketId(ticket_id)))
        return await face.fragment(request, "parts/ticket.html", role=role, context=found, headers=headers)

    @router.post("/tickets/{ticket_id}/undo")
    async def undo(request: Request, ticket_id: str) -> Response:
        role = face.guard.admin(request)
        await face.guard.form(request)
        error: EarmarkError | None = None
        try:
            await face.desk.undo(TicketId(ticket_id), role)
        except EarmarkError as refused:
            error = refused
        return await settled(request, role, ticket_id, "undone", error)

    @router.post("/tickets/{ticket_id}/reprocess")
    async def reprocess(request: Request, ticket_id: str) -> Response:
        role = face.guard.admin(request)
        await face.guard.form(request)
        error: EarmarkError | None = None
        try:
            result = _only(await face.desk.reprocess([TicketId(ticket_id)], role, dry_run=False))
            error = PermanentError(result.reason) if result.reason is not None else None
        except EarmarkError as refused:
            error = refused
        return await settled(request, role, ticket_id, "reprocessed", error)


def add_many(router: APIRouter, face: Face) -> None:
    async def rows(results: Sequence[ReprocessedView]) -> list[Row]:
        listed = await face.desk.listing(
            states=frozenset({TicketState.COMPLETED}), kind=None, text=None, limit=MOST_BOOKS, offset=0
        )
        titles = {ticket.id: title_of(ticket.request.wish) for ticket in listed.items}
        return [Row(titles.get(result.ticket_id, result.ticket_id), result) for result in results]

    async def page(request: Request, role: Role, results: Sequence[ReprocessedView], *, done: bool) -> Response:
        found = await rows(results)
        refused = [row for row in found if row.result.reason is not None]
        changing = [row for row in found if row.result.reason is None and row.result.changes]
        same = [row for row in found if row.result.reason is None and not row.result.changes]
        context: Context = {
            "changing": changing,
            "refused": refused,
            "same": same,
            "done": done,
            "summary": _summary(len(changing), len(same), len(refused), done=done),
        }
        return await face.page(
            request, "reprocess.html", title="Re-process", here="tickets", role=role, context=context
        )

    @router.post("/shelf/reprocess")
    async def preview(request: Request) -> Response:
        role = face.guard.admin(request)
        chosen = _chosen(await face.guard.form(request))
        return await page(request, role, await face.desk.reprocess(chosen, role, dry_run=True), done=False)

    @router.post("/shelf/reprocess/apply")
    async def apply(request: Request) -> Response:
        role = face.guard.admin(request)
        chosen = _chosen(await face.guard.form(request))
        return await page(request, role, await face.desk.reprocess(chosen, role, dry_run=False), done=True)


def _summary(changing: int, same: int, refused: int, *, done: bool) -> str:
    parts = (
        (changing, "changed" if done else "would change"),
        (same, "stood as wanted" if done else "as wanted already"),
        (refused, "could not be changed" if done else "cannot be changed"),
    )
    told = ", ".join(f"{humane.number(count)} {what}" for count, what in parts if count)
    return f"{humane.plural(changing + same + refused, 'book')}: {told}." if told else "No book stands on the shelf."


def _chosen(form: FormData) -> list[TicketId] | None:
    """The tickets of the form, None for all that stand on the shelf. Raises PermanentError `nothing_chosen`."""
    if form.get("all") == "1":
        return None
    chosen = [TicketId(value) for value in form.getlist("ticket") if isinstance(value, str) and len(value) < 100]
    if not chosen:
        raise PermanentError.of("nothing_chosen", "No book was chosen.", "Tick the books in the list, then try again.")
    return chosen


def _only(results: Sequence[ReprocessedView]) -> ReprocessedView:
    if not results:
        raise PermanentError.of(
            "nothing_on_shelf", "This ticket has no book on the shelf.", "Look at its history for what became of it."
        )
    return results[0]
