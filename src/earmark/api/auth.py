"""Who is asking: a key in a header or the query, or the session cookie the login page set. Every check ends in a role or a
refusal. What a key is worth is the house's business (`pipeline.tokens`); how it travels is ours."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import cast
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie, APIKeyHeader, APIKeyQuery, HTTPBearer
from starlette.requests import HTTPConnection

from earmark.api.context import house_of
from earmark.api.problems import Refusal
from earmark.pipeline.house import House
from earmark.pipeline.tokens import Role

SESSION_COOKIE = "earmark_session"
SESSION_LIFE = timedelta(days=30)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK = ("127.0.0.1", "::1")
"""Where a reverse proxy may stand whose `X-Forwarded-…` headers count."""


def presented_key(connection: HTTPConnection) -> str | None:
    """The key of a request. The query wins over headers, as with Prowlarr; a wrong one is not rescued by a right one. Names
    in the query count in any case, as they do there."""
    given = {name.lower(): value for name, value in connection.query_params.multi_items() if value}
    for name in ("apikey", "token"):
        if name in given:
            return given[name]
    if value := connection.headers.get("x-api-key"):
        return value
    scheme, _, value = connection.headers.get("authorization", "").partition(" ")
    return value.strip() or None if scheme.lower() == "bearer" else None


def role_of_request(connection: HTTPConnection) -> Role | None:
    """The role behind a key or a session, or None. Works for requests and for WebSockets."""
    house = house_of(connection)
    key = presented_key(connection)
    if key is not None:
        return house.tokens.role_of(key)
    return session_role(house, connection.cookies.get(SESSION_COOKIE))


# --- sessions of the login page ---------------------------------------------------------------------------------------


def issue_session(house: House, role: Role) -> str:
    """A cookie value that says `role` for `SESSION_LIFE`. A new administrator's key ends every session."""
    until = int((house.now() + SESSION_LIFE).timestamp())
    claim = f"{role}.{until}.{secrets.token_urlsafe(12)}"
    return f"{claim}.{_seal(house, claim)}"


def session_role(house: House, cookie: str | None) -> Role | None:
    """The role a session cookie stands for; None when it is absent, forged, altered or over."""
    claim, _, seal = (cookie or "").rpartition(".")
    parts = claim.split(".")
    if len(parts) != 3 or not hmac.compare_digest(seal.encode(), _seal(house, claim).encode()):
        return None
    role, until, _ = parts
    if role not in ("admin", "user") or int(until) <= house.now().timestamp():
        return None
    return cast("Role", role)


class Sessions:
    """What the login page needs of all this. It sets and clears the cookie itself."""

    cookie_name = SESSION_COOKIE

    def __init__(self, house: House) -> None:
        self._house = house

    def issue(self, role: Role) -> str:
        return issue_session(self._house, role)

    def role_of(self, request: HTTPConnection) -> Role | None:
        return session_role(self._house, request.cookies.get(SESSION_COOKIE))

    def same_origin(self, request: HTTPConnection) -> bool:
        return same_origin(request)


def _seal(house: House, claim: str) -> str:
    return hmac.new(house.tokens.signing_key(), claim.encode(), "sha256").hexdigest()


# --- checks -----------------------------------------------------------------------------------------------------------


def same_origin(connection: HTTPConnection) -> bool:
    """Did a page of ours send this? The one rule for the API, the live line and the pages. Where a browser sends
    `Sec-Fetch-Site` it decides, for no page can forge it; else the host of `Origin` (or `Referer`) must be the one asked."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    claimed = connection.headers.get("origin") or connection.headers.get("referer")
    hosts = {connection.headers.get("host", "")}
    if _came_through_our_proxy(connection):
        hosts.add(connection.headers.get("x-forwarded-host", ""))
    return bool(claimed) and urlsplit(claimed or "").netloc.casefold() in {h.casefold() for h in hosts if h}


def _came_through_our_proxy(connection: HTTPConnection) -> bool:
    """A peer on this machine; or one that such a proxy named, which the server notes with port 0."""
    peer = connection.client
    return peer is not None and (peer.port == 0 or peer.host in LOOPBACK)


def came_by_cookie(connection: HTTPConnection) -> bool:
    """True when nothing but the session cookie speaks for the caller."""
    return presented_key(connection) is None


def admit(request: Request, *, needs_admin: bool) -> Role:
    """The caller's role, or the refusal it earned: 401 unknown, 403 known but not allowed."""
    role = role_of_request(request)
    if role is None:
        raise Refusal(
            HTTPStatus.UNAUTHORIZED,
            "unauthorized",
            "This needs a valid key.",
            "Send the key as `Authorization: Bearer …` or `X-Api-Key: …`.",
        )
    if request.method not in SAFE_METHODS and came_by_cookie(request) and not same_origin(request):
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "foreign_origin",
            "A page of another origin used your session.",
            "Use Earmark's own pages, or send a key instead of the cookie. Behind a reverse proxy, pass on the Host header.",
        )
    if needs_admin and role != "admin":
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "admin_only",
            "Only the administrator may do this.",
            "Use the administrator's key (`[server] auth_token`).",
        )
    return role


Endpoint = Callable[[Request], Awaitable[Response]]


class UserRoute(APIRoute):
    """A route for anybody with a key. The key is checked before the body is even read."""

    needs_admin = False

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        inner = super().get_route_handler()
        takes_body = self.body_field is not None

        async def guarded(request: Request) -> Response:
            request.state.role = admit(request, needs_admin=self.needs_admin)
            if takes_body:
                _expect_json(request)
            return await inner(request)

        return guarded


class AdminRoute(UserRoute):
    """A route for the administrator alone."""

    needs_admin = True


def actor_of(request: Request) -> Role:
    """Who did it, for the history."""
    return cast("Role", request.state.role)


def _expect_json(request: Request) -> None:
    """Refuse a body that says it is something else, instead of guessing."""
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    kind = request.headers.get("content-type", "").split(";", maxsplit=1)[0].strip().lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if has_body and not is_json:
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            f"The body is sent as {kind[:80] or 'nothing in particular'}, not as JSON.",
            "Send JSON with the header `Content-Type: application/json`.",
        )


def _documented(
    bearer: object = Security(HTTPBearer(auto_error=False, scheme_name="bearer", description="A key or a JWT.")),
    header: object = Security(APIKeyHeader(name="X-Api-Key", auto_error=False, scheme_name="header")),
    query: object = Security(APIKeyQuery(name="apikey", auto_error=False, scheme_name="query")),
    cookie: object = Security(APIKeyCookie(name=SESSION_COOKIE, auto_error=False, scheme_name="session")),
) -> None:
    """Puts the ways in into the OpenAPI document. The check itself is `admit`."""


DOCUMENTED = Depends(_documented)
