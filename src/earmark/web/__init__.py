"""The pages a person sees. Server-drawn, live over one WebSocket, whole without JavaScript; they ask the desk and draw what
it says. No SQL, no rules, no calls to anybody else.

    sessions = …                      # signs and reads the session cookie
    web = create_web(BoundDesk(house), sessions, house.tokens, version="…", url_base="", now=house.now)
    create_app(house, web=web.router, static=static_files(), error_page=web.error_page)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from earmark.web.actions import add_actions
from earmark.web.approving import add_approving
from earmark.web.bound import BoundDesk
from earmark.web.contract import Desk, Role, Sessions, Tokens
from earmark.web.face import Face, ProblemView
from earmark.web.guard import Guard, Patience
from earmark.web.indexeredit import add_indexer_forms
from earmark.web.indexerpages import Trials, add_indexers
from earmark.web.mediapages import add_media
from earmark.web.pages import add_pages
from earmark.web.render import STATIC_DIR, Renderer
from earmark.web.shelfpages import add_shelf
from earmark.web.spacepages import add_space

__all__ = ["BoundDesk", "Desk", "ProblemView", "Role", "Sessions", "Tokens", "Web", "create_web", "static_files"]


class Web:
    """The pages, ready to be put into the application: the router, and how an error looks."""

    def __init__(self, face: Face, router: APIRouter) -> None:
        self._face = face
        self.router = router

    async def error_page(self, request: Request, problem: ProblemView) -> Response:
        """Show an error of the application to somebody who asked for a page."""
        return await self._face.error_page(request, problem)


def create_web(
    desk: Desk,
    sessions: Sessions,
    tokens: Tokens,
    *,
    version: str,
    url_base: str = "",
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    address_of: Callable[[Request], str] | None = None,
) -> Web:
    """The pages for one desk. `url_base` is the prefix the application puts before `web.router` and the static files
    (links need it); `/ws` and `/api/v1` are the API's. `address_of` tells the address by which the caller sees this Earmark,
    prefix included, as the API tells it to other programs."""
    face = Face(desk, Guard(sessions, url_base), Renderer(url_base, version, now), Patience(now))
    router = APIRouter(route_class=face.route_class(), include_in_schema=False)
    add_pages(router, face)
    add_actions(router, face, tokens)
    add_approving(router, face)
    add_shelf(router, face)
    add_media(router, face)
    add_space(router, face)
    trials = Trials(now)
    add_indexers(router, face, trials, address_of or (lambda request: f"{str(request.base_url).rstrip('/')}{url_base}"))
    add_indexer_forms(router, face, trials)
    return Web(face, router)


class _Static(StaticFiles):
    """Files whose address changes with their content (`?v=`) may be kept for ever; others are asked for again."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        kept = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def static_files() -> StaticFiles:
    """The stylesheet, scripts and icons, to be mounted at `{url_base}/static`."""
    return _Static(directory=STATIC_DIR)
