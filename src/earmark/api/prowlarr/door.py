"""The door of the Prowlarr face: its keys, its bare 401, its error bodies. The key is looked at before anything else; sessions
of the login page do not count here, for these answers may be read by pages of any origin."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, APIKeyQuery, HTTPBearer
from starlette.exceptions import HTTPException

from earmark.api.auth import presented_key
from earmark.api.context import house_of
from earmark.api.problems import PROBLEM_JSON
from earmark.api.prowlarr import bodies
from earmark.core.reasons import EarmarkError
from earmark.pipeline.searching import Asker

PROWLARR_VERSION = "2.3.6.5247"
"""What programs are told that ask which Prowlarr this is."""

MAX_INT = 2**31 - 1
Id = Annotated[int, Path(ge=0, le=MAX_INT)]
"""The number of a thing, in a path."""

_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,59}")
FULL_NAMES = {"ABR": "AudioBookRequest"}
"""Programs that shorten their name in `User-Agent`."""


class ProwlarrRoute(APIRoute):
    """A route for anybody with a key: `?apikey=`, `X-Api-Key`, `Authorization: Bearer`, the first that is there counts."""

    needs_admin = False

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        inner = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            answer = _turned_away(request, needs_admin=self.needs_admin) or await _answered(inner, request)
            answer.headers.setdefault("X-Application-Version", PROWLARR_VERSION)
            return answer

        return guarded


class ProwlarrAdminRoute(ProwlarrRoute):
    """A route for the administrator's key alone; others get 403 and are told so."""

    needs_admin = True


def asker_of(request: Request) -> Asker:
    """Which program asks (the first word of its `User-Agent`, cleaned; "unknown" without one) and from which address."""
    named = _PROGRAM.match(request.headers.get("user-agent", "").partition("/")[0].strip())
    program = named.group().strip() if named else "unknown"
    return Asker(FULL_NAMES.get(program, program), request.client.host if request.client else "")


def trace_of(request: Request) -> str:
    """A number for ASP.NET's `traceId`."""
    return f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-00"


def _turned_away(request: Request, *, needs_admin: bool) -> Response | None:
    key = presented_key(request)
    role = house_of(request).tokens.role_of(key) if key is not None else None
    if role is None:
        return Response(status_code=HTTPStatus.UNAUTHORIZED)
    if needs_admin and role != "admin":
        return bodies.complaint(
            HTTPStatus.FORBIDDEN,
            "Only the administrator may do this.",
            "Use the administrator's key (`[server] auth_token`) in place of the user's.",
        )
    request.state.role = role
    return None


async def _answered(inner: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    try:
        return await inner(request)
    except RequestValidationError as error:
        return bodies.unbindable(error, trace_of(request))
    except EarmarkError as error:
        return bodies.of_error(error)
    except HTTPException as error:
        if error.status_code != HTTPStatus.BAD_REQUEST:
            raise
        return bodies.problem_details(error.status_code, "The body could not be read as JSON.", trace_of(request))


def _documented(
    query: object = Security(APIKeyQuery(name="apikey", auto_error=False, scheme_name="query")),
    header: object = Security(APIKeyHeader(name="X-Api-Key", auto_error=False, scheme_name="header")),
    bearer: object = Security(HTTPBearer(auto_error=False, scheme_name="bearer", description="A key or a JWT.")),
) -> None:
    """Puts the ways in into the OpenAPI document."""


DOCUMENTED = Depends(_documented)

REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"description": "No valid key; no body."},
    400: {"description": "What is wrong with the request.", "content": {bodies.JSON: {}, PROBLEM_JSON: {}}},
    404: {"description": "There is no such thing.", "content": {bodies.JSON: {}, PROBLEM_JSON: {}}},
    405: {"description": "Another method is needed.", "content": {PROBLEM_JSON: {}}},
    413: {"description": "The body is too large.", "content": {PROBLEM_JSON: {}}},
    503: {"description": "Passing trouble.", "content": {bodies.JSON: {}}},
}
"""How OpenAPI shows what every route of this face may refuse with."""

ADMIN_REFUSALS: dict[int | str, dict[str, Any]] = {
    **REFUSALS,
    403: {"description": "The administrator's key is needed.", "content": {bodies.JSON: {}}},
}


def router(*, admin: bool = False) -> APIRouter:
    """An empty router of this face, for anybody with a key or for the administrator's."""
    return APIRouter(
        route_class=ProwlarrAdminRoute if admin else ProwlarrRoute,
        tags=["prowlarr"],
        dependencies=[DOCUMENTED],
        responses=ADMIN_REFUSALS if admin else REFUSALS,
    )


def nothing_there(request: Request) -> Response:
    """There is nothing of that number."""
    return bodies.problem_details(HTTPStatus.NOT_FOUND, "Not Found", trace_of(request))
