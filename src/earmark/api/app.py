"""The web application, put together: API, WebSocket, health and figures, and whatever pages are handed in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp

from earmark import __version__
from earmark.api import admin, live, prowlarr, shelf, tickets
from earmark.api.context import Desk, HouseDesk, house_of
from earmark.api.live import LiveLimits
from earmark.api.metrics import Metrics
from earmark.api.middleware import Frame, keep_keys_out_of_logs
from earmark.api.problems import ErrorPage, install
from earmark.pipeline.house import House

DESCRIPTION = """File a wish, follow it, decide where Earmark asks. One key opens everything here: send it as
`Authorization: Bearer`, `X-Api-Key` or `?apikey=`. Errors are `application/problem+json` and name the next step."""

TAGS = [
    {"name": "tickets", "description": "File, look, list."},
    {"name": "decisions", "description": "What only the administrator may do with a ticket."},
    {"name": "shelf", "description": "Books that stand on the shelf, the disks, and how books are placed."},
    {"name": "jobs", "description": "The same tickets as jobs with status and timers."},
    {"name": "house", "description": "Health, figures, settings, tracker session."},
    {"name": "prowlarr", "description": "What other programs know of a Prowlarr, in its shapes and with its refusals."},
]

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    house: House,
    *,
    web: APIRouter | None = None,
    static: ASGIApp | None = None,
    error_page: ErrorPage | None = None,
    lifespan: Lifespan | None = None,
    desk: Desk | None = None,
    live_limits: LiveLimits | None = None,
) -> FastAPI:
    """The application over `house`. `web` (pages), `static` (their files, at /static) and `error_page` (how pages show a
    problem) come from the pages' room; `desk` and `live_limits` are for tests."""
    base = house.settings.server.url_base
    metrics = Metrics(house.bus)
    app = FastAPI(
        title="Earmark",
        summary="A wish becomes verified files on the right shelf.",
        description=DESCRIPTION,
        version=__version__,
        license_info={"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        openapi_url=f"{base}/openapi.json",
        openapi_tags=TAGS,
        docs_url=None,  # both viewers load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
    )
    app.state.house = house
    app.state.desk = desk or HouseDesk()
    app.state.metrics = metrics
    app.state.live_limits = live_limits or LiveLimits()
    for router in (tickets.user, tickets.admin, shelf.admin, admin.user, admin.admin):
        app.include_router(router, prefix=f"{base}/api/v1")
    for router in (admin.root_user, admin.root_open, live.router):
        app.include_router(router, prefix=base)
    for router, prefix in prowlarr.routers(base):
        app.include_router(router, prefix=prefix)
    if web is not None:
        app.include_router(web, prefix=base, include_in_schema=False)
        if base:
            app.add_api_route(base, _to_the_home_page, methods=["GET", "HEAD"], include_in_schema=False)
    if static is not None:
        app.mount(f"{base}/static", static, name="static")
    install(app, error_page, _api_paths(base))
    app.add_middleware(Frame, metrics=metrics, is_open=prowlarr.is_face(base), usual=prowlarr.usual_path(base))
    keep_keys_out_of_logs()
    return app


def _api_paths(base: str) -> Callable[[str], bool]:
    """Which paths answer errors as problems rather than pages."""
    alone = {f"{base}/{name}" for name in ("ping", "health", "metrics", "openapi.json", "ws")}
    is_face = prowlarr.is_face(base)
    return lambda path: path in alone or path.startswith(f"{base}/api") or is_face(path)


async def _to_the_home_page(request: Request) -> Response:
    """Behind a prefix the home page ends with a slash; people leave it out."""
    return RedirectResponse(f"{house_of(request).settings.server.url_base}/", HTTPStatus.PERMANENT_REDIRECT)


def _operation_id(route: APIRoute) -> str:
    """Plain names for generated clients."""
    return route.name
