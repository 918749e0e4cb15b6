"""The door every API request goes through: the log, the User-Agent rule, armed faults, the session and its rotation.

A route behind it sees a `Call` and gives an answer; it never looks at a cookie itself, save where the site's answer
depends on there being none.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from earmark.core.reasons import JsonValue
from earmark.sandbox import html
from earmark.sandbox.faults import Area, FaultKind
from earmark.sandbox.session import cookie_fingerprint
from earmark.sandbox.site import Site

COOKIE = "mam_id"
NOT_SIGNED_IN = "Error, you are not signed in <br />Invalid/missing cookie"


class SignIn(StrEnum):
    """What the caller's cookie is worth."""

    YES = "yes"
    NO_COOKIE = "no cookie"
    BAD_COOKIE = "bad cookie"


@dataclass(frozen=True, slots=True)
class Call:
    """One request past the door."""

    request: Request
    site: Site
    area: Area
    now: datetime
    sign_in: SignIn
    body: bytes
    fault: FaultKind | None = None

    @property
    def base_url(self) -> str:
        return str(self.request.base_url).rstrip("/")

    @property
    def client_ip(self) -> str:
        """The caller's address; a test may pretend to be elsewhere."""
        pretended = self.request.headers.get("x-sandbox-address")
        return pretended or (self.request.client.host if self.request.client else "127.0.0.1")


Handler = Callable[[Call], Awaitable[Response]]
Refusal = Callable[[Call], Response]


def signed_out(call: Call) -> Response:
    """What search and account endpoints say to a bad session."""
    return PlainTextResponse(NOT_SIGNED_IN, status_code=403)


def through(
    site: Site, area: Area, handler: Handler, refusal: Refusal | None = signed_out
) -> Callable[[Request], Awaitable[Response]]:
    """Put a handler behind the door. `refusal` answers a bad session; None lets the handler see for itself."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        entry = _entry(site, request, body)
        site.log.append(entry)
        response = await _answer(site, area, handler, refusal, request, body)
        entry["status"] = response.status_code
        return response

    return endpoint


async def _answer(
    site: Site, area: Area, handler: Handler, refusal: Refusal | None, request: Request, body: bytes
) -> Response:
    if not request.headers.get("user-agent"):
        return PlainTextResponse("Bad Request", status_code=400)
    fault = site.faults.strike(area)
    spoiled = await _spoil(site, area, fault, request)
    if spoiled is not None:
        return spoiled
    now = site.clock.now()
    value = request.cookies.get(COOKIE)
    sign_in = _sign_in(site, value, now)
    call = Call(request, site, area, now, sign_in, body, fault)
    if sign_in is not SignIn.YES and refusal is not None:
        response = refusal(call)
    else:
        response = await handler(call)
    if fault is FaultKind.TRUNCATED_JSON:
        response = Response(bytes(response.body)[: len(bytes(response.body)) // 2], media_type="application/json")
    return _with_cookie(site, response, value, sign_in, now)


def _sign_in(site: Site, value: str | None, now: datetime) -> SignIn:
    if not value:
        return SignIn.NO_COOKIE
    grace = timedelta(seconds=site.settings.grace_secs)
    return SignIn.YES if site.sessions.accepts(value, now, grace) else SignIn.BAD_COOKIE


def _with_cookie(site: Site, response: Response, value: str | None, sign_in: SignIn, now: datetime) -> Response:
    """Rotate a good session; delete a bad cookie, which a client must not take for a rotation."""
    domain = site.settings.cookie_domain or None
    if sign_in is SignIn.YES and value and site.settings.rotate:
        fresh = site.sessions.rotate(value, now)
        response.set_cookie(COOKIE, fresh, path="/", domain=domain, httponly=True, samesite="lax")
        site.session_changed()
    elif sign_in is SignIn.BAD_COOKIE:
        response.set_cookie(COOKIE, "deleted", max_age=0, path="/", domain=domain)
    return response


async def _spoil(site: Site, area: Area, fault: FaultKind | None, request: Request) -> Response | None:
    """The answer of a fault that replaces the real one; None for those that spoil the real one, or for no fault."""
    if fault is None:
        return None
    if fault is FaultKind.HANG:
        return await _hang(site, request)
    if fault is FaultKind.UNAUTHORISED and area is Area.DOWNLOAD:
        return PlainTextResponse("ip 127.0.0.1 does not match account, and no auth cookie provided", status_code=401)
    if fault.value.isdigit():
        headers = {"Retry-After": "30"} if fault is FaultKind.TOO_MANY else None
        return PlainTextResponse(f"Error {fault.value}", status_code=int(fault.value), headers=headers)
    replacements: dict[FaultKind, Callable[[], Response]] = {
        FaultKind.LOGIN_HTML: lambda: HTMLResponse(html.login()),
        FaultKind.NOT_SIGNED_IN: lambda: HTMLResponse("Error, you are not signed in <br />Other error"),
        FaultKind.REDIRECT_LOGIN: lambda: RedirectResponse("/login.php", status_code=302),
        FaultKind.EMPTY: lambda: Response(b"", media_type="text/html"),
        FaultKind.NOT_JSON: lambda: HTMLResponse(html.page("Maintenance", "<p>The site is being looked after.</p>")),
    }
    make = replacements.get(fault)
    return make() if make else None


async def _hang(site: Site, request: Request) -> Response:
    """Say nothing until the client goes away."""
    deadline = time.monotonic() + site.settings.hang_secs
    while time.monotonic() < deadline and not await request.is_disconnected():
        await asyncio.sleep(0.02)
    return PlainTextResponse("Gateway Timeout", status_code=504)


def _entry(site: Site, request: Request, body: bytes) -> dict[str, JsonValue]:
    """What tests may look back at: everything of the request but the cookie's value."""
    try:
        told: JsonValue = json.loads(body) if body else None
    except ValueError:
        told = None
    return {
        "method": request.method,
        "path": request.url.path,
        "query": request.url.query,
        "headers": {name: value for name, value in request.headers.items() if name != "cookie"},
        "cookie": cookie_fingerprint(request.cookies.get(COOKIE)),
        "json": told,
        "body": body.decode("utf-8", "replace") if body and told is None else None,
        "at": site.clock.now().isoformat(),
        "status": None,
    }


def json_answer(value: JsonValue, status: int = 200) -> Response:
    """A JSON answer."""
    return JSONResponse(value, status_code=status)
