"""`/sandbox/…`: the levers behind the stage, for tests and for the curious. The live site has nothing like it.

Changes are taken as JSON only, so that no web page in the same browser can send one without the browser asking first.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import fields
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from earmark.core.reasons import JsonValue
from earmark.sandbox import html
from earmark.sandbox.account import Account
from earmark.sandbox.gate import json_answer
from earmark.sandbox.routes.downloads import picture
from earmark.sandbox.site import Site

HIDDEN = frozenset({"passkey", "download_salt", "snatches", "personal", "fetched"})


def control_routes(site: Site) -> list[Route]:
    """Every lever."""

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            site.faults.arm(await _told(request))
        elif request.method == "DELETE":
            site.faults.clear()
        return json_answer([fault.as_json() for fault in site.faults.armed])

    async def clock(request: Request) -> Response:
        if request.method == "POST":
            site.advance(_step(await _told(request)))
        return json_answer({"now": site.clock.now().isoformat()})

    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            site.log.clear()
        return json_answer(list(site.log))

    async def settings(request: Request) -> Response:
        if request.method == "POST":
            site.settings = site.settings.changed(await _told(request))
        return json_answer({f.name: getattr(site.settings, f.name) for f in fields(site.settings)})

    async def account(request: Request) -> Response:
        if request.method == "POST":
            _change(site.account, await _told(request))
        return json_answer(
            {f.name: _shown(getattr(site.account, f.name)) for f in fields(Account) if f.name not in HIDDEN}
        )

    async def session(request: Request) -> Response:
        if request.method == "DELETE":
            site.sessions.end_all()
            return json_answer({"mam_id": None})
        value = site.sessions.create()
        site.session_changed()
        return json_answer({"mam_id": value})

    async def home(request: Request) -> Response:
        return HTMLResponse(html.home(site.listing(), site.catalogue.left_out))

    async def details(request: Request) -> Response:
        release = site.catalogue.by_id(int(request.path_params["tid"]))
        if release is None:
            return HTMLResponse(html.message("Not found", "There is no such torrent."), 404)
        return HTMLResponse(html.details(site.listed(release)))

    async def poster(request: Request) -> Response:
        release = site.catalogue.by_id(int(request.path_params["tid"]))
        return (
            picture(release) if release else HTMLResponse(html.message("Not found", "There is no such torrent."), 404)
        )

    async def login(request: Request) -> Response:
        return HTMLResponse(html.login())

    return [
        Route("/", home, methods=["GET"]),
        Route("/t/{tid:int}", details, methods=["GET"]),
        Route("/login.php", login, methods=["GET"]),
        Route("/sandbox/posters/{tid:int}", poster, methods=["GET"]),
        Route("/sandbox/faults", _careful(faults), methods=["GET", "POST", "DELETE"]),
        Route("/sandbox/clock", _careful(clock), methods=["GET", "POST"]),
        Route("/sandbox/requests", _careful(requests), methods=["GET", "DELETE"]),
        Route("/sandbox/settings", _careful(settings), methods=["GET", "POST"]),
        Route("/sandbox/account", _careful(account), methods=["GET", "POST"]),
        Route("/sandbox/session", _careful(session), methods=["POST", "DELETE"]),
    ]


def _careful(lever: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Say what was wrong instead of failing, and take changes as JSON only."""

    async def pulled(request: Request) -> Response:
        kind = request.headers.get("content-type", "").split(";")[0].strip()
        if request.method == "POST" and kind != "application/json":
            return json_answer({"error": "send Content-Type: application/json"}, 415)
        try:
            return await lever(request)
        except ValueError as wrong:
            return json_answer({"error": str(wrong)}, 400)

    return pulled


async def _told(request: Request) -> dict[str, JsonValue]:
    told = json.loads(await request.body() or b"{}")
    if not isinstance(told, dict):
        raise ValueError("send one JSON object")
    return told


def _step(told: dict[str, JsonValue]) -> timedelta:
    units = {"seconds", "minutes", "hours", "days"}
    if not told or set(told) - units:
        raise ValueError(f"the clock takes {', '.join(sorted(units))}")
    amounts = {
        unit: value for unit, value in told.items() if isinstance(value, int | float) and not isinstance(value, bool)
    }
    if len(amounts) != len(told):
        raise ValueError("the clock takes numbers")
    return timedelta(**amounts)


def _change(account: Account, told: dict[str, JsonValue]) -> None:
    known = {f.name for f in fields(Account)} - HIDDEN
    for key, value in told.items():
        if key not in known:
            raise ValueError(f'the account has no "{key}"; it has {", ".join(sorted(known))}')
        moment = key in {"vip_until", "frozen_until"} and isinstance(value, str)
        setattr(account, key, datetime.fromisoformat(str(value)) if moment else value)


def _shown(value: object) -> JsonValue:
    return value.isoformat() if isinstance(value, datetime) else value if isinstance(value, str | int | float) else None
