"""What a person does: signing in and out, filing a wish, and deciding about a ticket. Every action is a form with a token;
it answers with a fresh panel when htmx sent it and with a redirect when the browser did."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from earmark.core.reasons import EarmarkError, PermanentError
from earmark.core.ticket import TicketId
from earmark.web import ticketpage, wishes
from earmark.web.contract import Tokens
from earmark.web.face import DONE, Face
from earmark.web.guard import local_path
from earmark.web.pages import system_context
from earmark.web.render import Context, toast, wants_fragment

Act: TypeAlias = Callable[[TicketId, FormData, str], Awaitable[object]]
"""(ticket, form, who did it) → done."""


def add_actions(router: APIRouter, face: Face, tokens: Tokens) -> None:
    add_session(router, face, tokens)
    add_wish(router, face)
    add_decisions(router, face)
    add_system_actions(router, face)


def add_session(router: APIRouter, face: Face, tokens: Tokens) -> None:
    def login_page(request: Request, status: int, wrong: tuple[str, str] | None, after: object) -> Response:
        cookie, token = face.guard.login_ticket(request)
        next_path = local_path(after, face.draw.url_base)
        context: Context = {"csrf": token, "wrong": wrong, "next": next_path}
        response = face.draw.page("login.html", context, status=status)
        face.guard.remember_form(request, response, cookie)
        return response

    @router.get("/login")
    async def login(request: Request) -> Response:
        if face.guard.is_signed_in(request):
            return face.go("/")
        return login_page(request, 200, None, request.query_params.get("next"))

    @router.post("/login")
    async def sign_in(request: Request) -> Response:
        form = await face.guard.login_form(request)
        after = form.get("next")
        wait = face.patience.wait_secs(request)
        if wait:
            wrong = ("Too many wrong keys.", f"Wait {wait} seconds, then try again.")
            return login_page(request, 429, wrong, after)
        key = form.get("key")
        role = tokens.role_of(key.strip()) if isinstance(key, str) and key.strip() else None
        if role is None:
            face.patience.missed(request)
            wrong = ("This key does not open Earmark.", "Copy it again, without blanks, from the place named below.")
            return login_page(request, 401, wrong, after)
        response = face.go("/")
        response.headers["location"] = local_path(after, face.draw.url_base)
        face.guard.sign_in(request, response, role)
        return response

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        await face.guard.form(request)
        response = face.go("/login")
        face.guard.sign_out(response)
        return response


def add_wish(router: APIRouter, face: Face) -> None:
    @router.post("/add")
    async def file_wish(request: Request) -> Response:
        role = face.guard.role(request)
        form = wishes.read(await face.guard.form(request), str(uuid.uuid4()))
        if form.request is not None:
            try:
                filed = await face.desk.file_ticket(wishes.typed_id(form), replace(form.request, requested_by=role))
            except EarmarkError as error:
                marked = wishes.refused(form, error)
                if marked is None:
                    raise
                form = marked
        if form.request is None:
            found: Context = {"form": form, "kinds": wishes.KINDS, "languages": wishes.LANGUAGES}
            return await face.page(request, "add.html", title="Add", here="add", role=role, context=found, status=400)
        return face.go(f"/tickets/{filed.ticket.id}?done={'filed' if filed.created else 'known'}")


def add_decisions(router: APIRouter, face: Face) -> None:
    desk = face.desk

    async def act(request: Request, ticket_id: str, done: str, do: Act) -> Response:
        role = face.guard.admin(request)
        form = await face.guard.form(request)
        the_id = TicketId(ticket_id)
        try:
            await do(the_id, form, role)
        except EarmarkError as error:
            if not wants_fragment(request):
                raise
            headers = toast(error.reason.message, tone="bad", more=error.reason.action)
        else:
            if not wants_fragment(request):
                return face.go(f"/tickets/{ticket_id}?done={done}")
            headers = toast(DONE[done][1])
        found = ticketpage.context(await desk.view(the_id))
        return await face.fragment(request, "parts/ticket.html", role=role, context=found, headers=headers)

    @router.post("/tickets/{ticket_id}/approve")
    async def approve(request: Request, ticket_id: str) -> Response:
        return await act(request, ticket_id, "approved", lambda t, f, by: desk.approve(t, _index(f), by))

    @router.post("/tickets/{ticket_id}/reject")
    async def reject(request: Request, ticket_id: str) -> Response:
        return await act(
            request, ticket_id, "rejected", lambda t, f, by: desk.reject(t, _line(f, "reason") or None, by)
        )

    @router.post("/tickets/{ticket_id}/answer")
    async def answer(request: Request, ticket_id: str) -> Response:
        return await act(request, ticket_id, "answered", lambda t, f, by: desk.answer(t, _line(f, "word"), by))

    @router.post("/tickets/{ticket_id}/retry")
    async def retry(request: Request, ticket_id: str) -> Response:
        return await act(request, ticket_id, "retried", lambda t, _, by: desk.retry(t, by))

    @router.post("/tickets/{ticket_id}/cancel")
    async def cancel(request: Request, ticket_id: str) -> Response:
        return await act(
            request, ticket_id, "cancelled", lambda t, f, by: desk.cancel(t, by, _line(f, "reason") or None)
        )

    @router.post("/tickets/{ticket_id}/search")
    async def search(request: Request, ticket_id: str) -> Response:
        return await act(request, ticket_id, "searching", lambda t, f, by: desk.force_search(t, _query(f), by))

    @router.post("/tickets/{ticket_id}/magnet")
    async def magnet(request: Request, ticket_id: str) -> Response:
        return await act(request, ticket_id, "magnet", lambda t, f, by: desk.force_magnet(t, _magnet(f), by))


def add_system_actions(router: APIRouter, face: Face) -> None:
    async def answer(request: Request, tests: object, headers: dict[str, str]) -> Response:
        role = face.guard.admin(request)
        if wants_fragment(request):
            return await face.fragment(
                request, "parts/tests.html", role=role, context={"tests": tests}, headers=headers
            )
        found = await system_context(face, tests)
        return await face.page(request, "system.html", title="System", here="system", role=role, context=found)

    @router.post("/system/test")
    async def test(request: Request) -> Response:
        face.guard.admin(request)
        await face.guard.form(request)
        return await answer(request, await face.desk.test_indexers(), {})

    @router.post("/system/session")
    async def session(request: Request) -> Response:
        role = face.guard.admin(request)
        form = await face.guard.form(request)
        value = _line(form, "mam_id", 4000)
        if not value:
            raise _bad("mam_id_missing", "No session was given.", "Paste the value of mam_id from the site.")
        health = await face.desk.set_mam_session(value, role)
        said = toast(DONE["session"][1]) if health.ok else toast(health.message, tone="bad")
        return await answer(request, {"MyAnonamouse": health}, said)


def _index(form: FormData) -> int | None:
    value = _line(form, "candidate_idx")
    if not value:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) < 7):
        raise _bad("bad_candidate", "There is no such candidate.", "Reload the ticket and choose one that is shown.")
    return int(value)


def _query(form: FormData) -> str:
    value = _line(form, "query")
    if not value:
        raise _bad("query_missing", "There is nothing to search for.", "Type a few words: the title and the author.")
    return value


def _magnet(form: FormData) -> str:
    value = _line(form, "magnet_uri", 8000)
    if not value.casefold().startswith("magnet:?"):
        raise _bad(
            "not_a_magnet", "That is no magnet link.", "Copy the whole link; it starts with magnet:?xt=urn:btih:"
        )
    return value


def _line(form: FormData, name: str, longest: int = 300) -> str:
    value = form.get(name)
    return " ".join(value.split())[:longest] if isinstance(value, str) else ""


def _bad(code: str, message: str, action: str) -> EarmarkError:
    return PermanentError.of(code, message, action)
