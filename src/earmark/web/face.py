"""One web face: the desk, the guard and the renderer, and what every page has in common. Errors become pages (or toasts,
when htmx asked) here, so that no page has to think of them."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import structlog
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from earmark.core.reasons import EarmarkError, TransientError
from earmark.core.states import IllegalTransition, TicketState
from earmark.web.contract import Desk, Role
from earmark.web.guard import Forbidden, ForgedForm, Guard, NotSignedIn, Patience, login_url
from earmark.web.render import PAGE_HEADERS, Context, Renderer, toast, wants_fragment

log = structlog.get_logger("earmark.web")

HEADINGS = {
    400: "That could not be done",
    401: "Sign in first",
    403: "Not for this key",
    404: "There is no such page",
    405: "That does not work here",
    409: "The ticket has moved on",
    429: "Too many tries",
    500: "Something broke",
    503: "Not just now",
}
STATUS_OF_CODE = {"unknown_ticket": 404, "ticket_unknown": 404, "no_such_ticket": 404, "ticket_conflict": 409}
STATUS_OF_CODE |= {"unknown_indexer": 404}

DONE = {
    "filed": ("good", "Your wish is filed."),
    "known": ("good", "This wish was filed before."),
    "approved": ("good", "Approved. The download starts as soon as there is a slot."),
    "rejected": ("good", "The wish is rejected."),
    "cancelled": ("good", "The wish is cancelled."),
    "answered": ("good", "Thank you. It goes on with your answer."),
    "retried": ("good", "It tries again."),
    "searching": ("good", "Searching with your words."),
    "blocked": ("good", "Not that one, then. The others are judged again."),
    "torrent": ("good", "Your torrent is being downloaded."),
    "magnet": ("good", "Your magnet link is being downloaded."),
    "undone": ("good", "Taken back. The torrent goes on seeding."),
    "reprocessed": ("good", "Done. The book stands as today’s settings want it."),
    "settings": ("good", "Saved, and in force from now on."),
    "unchanged": ("good", "Nothing was changed, so nothing was saved."),
    "session": ("good", "The session works and is in use."),
    "indexer_added": ("good", "The indexer is there and is searched from now on."),
    "indexer_saved": ("good", "The indexer is saved, and in force from now on."),
    "indexer_removed": ("good", "The indexer is gone. What came from it stays."),
    "indexer_on": ("good", "It is searched again."),
    "indexer_off": ("good", "It is switched off. Nobody asks it."),
    "order": ("good", "The order is saved, and in force from now on."),
}
"""What a page says after an action, by the word in `?done=`."""


class ProblemView(Protocol):
    """An error as the API tells it."""

    @property
    def status(self) -> int: ...
    @property
    def detail(self) -> str: ...
    @property
    def action(self) -> str: ...


@dataclass(slots=True)
class Face:
    desk: Desk
    guard: Guard
    draw: Renderer
    patience: Patience

    async def page(
        self,
        request: Request,
        template: str,
        *,
        title: str,
        here: str,
        role: Role,
        context: Context,
        status: int = 200,
        seq: int | None = None,
    ) -> HTMLResponse:
        """A whole page in its frame. `seq` is the last event the content was drawn after."""
        stats = await self.desk.stats()
        frame: Context = {
            "title": title,
            "here": here,
            "role": role,
            "csrf": self.guard.form_token(request),
            "said": DONE.get(request.query_params.get("done", "")),
            "asked": stats.counts.get(TicketState.NEEDS_APPROVAL, 0) + len(await self.desk.asking()),
            "seq": "" if seq is None else seq,
        }
        return self.draw.page(template, frame | context, status=status)

    async def fragment(
        self,
        request: Request,
        template: str,
        *,
        role: Role,
        context: Context,
        headers: dict[str, str] | None = None,
    ) -> HTMLResponse:
        """A part of a page; the mark beside Approvals comes along, out of band."""
        stats = await self.desk.stats()
        frame: Context = {
            "role": role,
            "csrf": self.guard.form_token(request),
            "part": template,
            "asked": stats.counts.get(TicketState.NEEDS_APPROVAL, 0) + len(await self.desk.asking()),
        }
        return self.draw.page("fragment.html", frame | context, headers=headers)

    def go(self, path: str) -> RedirectResponse:
        return RedirectResponse(f"{self.draw.url_base}{path}", 303, {"Cache-Control": "no-store"})

    # --- when it went wrong -------------------------------------------------------------------------------------------

    def to_login(self, request: Request) -> Response:
        """The way to the login page. A link on another site does not carry our strict cookie: one hop through a page of
        ours sends it, and a person who is signed in never sees the login."""
        if wants_fragment(request):
            return HTMLResponse(
                "", 401, {**PAGE_HEADERS, "HX-Redirect": f"{self.draw.url_base}/login{_came_from(request)}"}
            )
        if request.method == "GET" and request.headers.get("sec-fetch-site") == "cross-site":
            return self.draw.page("bounce.html", {})
        return RedirectResponse(login_url(request, self.draw.url_base), 303, {"Cache-Control": "no-store"})

    def refusal(self, request: Request, error: EarmarkError) -> Response:
        """A refusal as a page, or as a toast and a fresh panel when htmx asked."""
        status = status_of(error)
        reason = error.reason
        if wants_fragment(request):
            headers = toast(reason.message, tone="bad", more=reason.action)
            return HTMLResponse("", status, {**PAGE_HEADERS, **headers})
        return self.trouble(request, status, reason.message, reason.action)

    def trouble(self, request: Request, status: int, message: str, action: str) -> HTMLResponse:
        context: Context = {
            "status": status,
            "heading": HEADINGS.get(status, "That did not work"),
            "message": message,
            "action": action,
            "back": _way_back(request, status, self.draw.url_base),
        }
        return self.draw.page("error.html", context, status=status)

    async def error_page(self, request: Request, problem: ProblemView) -> Response:
        """What the application shows instead of a problem document when a browser asked for a page."""
        if problem.status == 404 and not problem.action:
            return self.trouble(
                request, 404, "Nothing lives at this address.", "Check the address, or start from home."
            )
        return self.trouble(request, problem.status, problem.detail, problem.action)

    def route_class(self) -> type[APIRoute]:
        """Routes whose errors are answered by this face."""
        face = self

        class PageRoute(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
                return _settled(face, super().get_route_handler())

        return PageRoute


def _settled(face: Face, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except NotSignedIn:
            return face.to_login(request)
        except EarmarkError as error:
            return face.refusal(request, error)
        except Exception:
            log.error("page_broke", path=request.url.path, exception=traceback.format_exc())
            text = "Earmark could not draw this page."
            action = "Reload it; if it happens again, report it with the lines of the log around this time."
            if wants_fragment(request):
                return HTMLResponse("", 500, {**PAGE_HEADERS, **toast(text, tone="bad", more=action)})
            return face.trouble(request, 500, text, action)

    return answer


def status_of(error: EarmarkError) -> int:
    if isinstance(error, Forbidden | ForgedForm):
        return 403
    if isinstance(error, IllegalTransition):
        return 409
    if error.reason.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[error.reason.code]
    return 503 if isinstance(error, TransientError) else 400


def _way_back(request: Request, status: int, url_base: str) -> tuple[str, str]:
    """(path, words) of the button on an error page: the ticket it was about, else home."""
    parts = request.url.path.removeprefix(url_base).strip("/").split("/")
    if status != 404 and len(parts) > 1 and parts[0] == "tickets":
        return f"/tickets/{parts[1]}", "Back to the ticket"
    if status == 404 and parts[0] == "tickets":
        return "/tickets", "All tickets"
    if parts[0] == "indexers":
        return "/indexers", "All indexers"
    return "/", "Home"


def _came_from(request: Request) -> str:
    path = urlsplit(request.headers.get("hx-current-url", "")).path
    return f"?next={path}" if path.startswith("/") else ""
