"""Every refusal the API utters, in one shape: `application/problem+json` (RFC 9457) with a stable code, what happened, what
to do next and, for a bad request, each field with its fix. Knows statuses and words; knows nothing of tickets or rules."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic import JsonValue as Json
from starlette.exceptions import HTTPException

from earmark.core.reasons import EarmarkError, JsonValue, PermanentError, TransientError
from earmark.core.states import IllegalTransition
from earmark.pipeline.desk import TicketConflict
from earmark.store import DatabaseDamaged, StaleRun, TicketExists, UnknownTicket

PROBLEM_JSON = "application/problem+json"

ErrorPage = Callable[[Request, "Problem"], Awaitable[Response]]
"""How the pages show a problem. Handed in by whoever puts the application together; the API never draws HTML."""

STATUS_OF: tuple[tuple[type[EarmarkError], int], ...] = (
    (UnknownTicket, HTTPStatus.NOT_FOUND),
    (IllegalTransition, HTTPStatus.CONFLICT),
    (TicketConflict, HTTPStatus.CONFLICT),
    (TicketExists, HTTPStatus.CONFLICT),
    (StaleRun, HTTPStatus.CONFLICT),
    (DatabaseDamaged, HTTPStatus.SERVICE_UNAVAILABLE),
    (TransientError, HTTPStatus.SERVICE_UNAVAILABLE),
    (PermanentError, HTTPStatus.BAD_REQUEST),
)
"""The HTTP status of each kind of refusal; the first that fits counts."""

CONFLICTS = frozenset({"not_retryable"})
"""Codes that speak of the ticket's state, whatever class carries them."""


class FieldError(BaseModel):
    """One field that cannot stay as it is."""

    field: str = Field(examples=["tracks[0].dest_path"])
    message: str = Field(examples=["must be an absolute path"])
    fix: str = Field(examples=["Start it with /, e.g. /media/albums/abc123/d1t01.ogg."])


class Problem(BaseModel):
    """RFC 9457 problem details with Earmark's `code`, `action` and `errors`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:earmark:problem:invalid_request",
                "title": "Bad Request",
                "status": 400,
                "detail": "tracks[0].dest_path must be an absolute path.",
                "code": "invalid_request",
                "action": "Correct the field named in errors and send the request again.",
                "errors": [
                    {
                        "field": "tracks[0].dest_path",
                        "message": "must be an absolute path",
                        "fix": "Start it with /, e.g. /media/albums/abc123/d1t01.ogg.",
                    }
                ],
            }
        }
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    action: str
    errors: list[FieldError] | None = None
    evidence: dict[str, Json] | None = Field(None, description="The facts that led here.")
    request_id: str | None = Field(None, description="Find this in the log when something broke on our side.")


PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem, "content": {PROBLEM_JSON: {}}} for code in (400, 401, 403, 404, 409, 413, 415, 503)
}
"""How OpenAPI shows the refusals every route may utter."""


@dataclass(slots=True)
class Refusal(Exception):
    """A request the API itself turns down."""

    status: int
    code: str
    message: str
    action: str
    errors: tuple[FieldError, ...] = ()
    headers: Mapping[str, str] | None = None

    @classmethod
    def of_fields(cls, errors: Sequence[FieldError]) -> Refusal:
        first = errors[0]
        more = f" {len(errors) - 1} more in errors." if len(errors) > 1 else ""
        where = f"{first.field} " if first.field != "body" else "The body "
        return cls(
            HTTPStatus.BAD_REQUEST,
            "invalid_request",
            f"{where}{first.message}.{more}",
            "Correct what errors names and send the request again.",
            tuple(errors),
        )


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    # Lone surrogates in a caller's own words must not break the answer that complains about them.
    text = json.dumps(problem.model_dump(exclude_none=True), ensure_ascii=False, separators=(",", ":"))
    return Response(
        text.encode("utf-8", "backslashreplace"), problem.status, headers=dict(headers or {}), media_type=PROBLEM_JSON
    )


def make_problem(
    status: int,
    code: str,
    detail: str,
    action: str,
    *,
    errors: Sequence[FieldError] = (),
    evidence: Mapping[str, JsonValue] | None = None,
    request_id: str | None = None,
) -> Problem:
    return Problem(
        type=f"urn:earmark:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        action=action,
        errors=list(errors) or None,
        evidence=dict(evidence) if evidence else None,
        request_id=request_id,
    )


def status_of(error: EarmarkError) -> int:
    """The HTTP status a refusal of the house deserves."""
    if error.reason.code in CONFLICTS:
        return HTTPStatus.CONFLICT
    return next((status for kind, status in STATUS_OF if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)


def problem_of(error: EarmarkError) -> Problem:
    reason = error.reason
    field = reason.evidence.get("field")
    errors = [FieldError(field=field, message=reason.message, fix=reason.action)] if isinstance(field, str) else []
    return make_problem(
        status_of(error), reason.code, reason.message, reason.action, errors=errors, evidence=reason.evidence
    )


def install(app: FastAPI, error_page: ErrorPage | None, is_api_path: Callable[[str], bool]) -> None:
    """Answer every error of the application as a problem; pages get `error_page` where there is one."""

    async def answer(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
        if error_page is not None and not is_api_path(request.url.path):
            return await error_page(request, problem)
        return problem_response(problem, headers)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        made = make_problem(error.status, error.code, error.message, error.action, errors=error.errors)
        return await answer(request, made, error.headers)

    async def of_the_house(request: Request, error: Exception) -> Response:
        assert isinstance(error, EarmarkError)
        made = problem_of(error)
        headers = {"Retry-After": "30"} if made.status == HTTPStatus.SERVICE_UNAVAILABLE else None
        return await answer(request, made, headers)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        from earmark.api.field_errors import field_errors

        refusal = Refusal.of_fields(field_errors(error))
        return await refused(request, refusal)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return await answer(request, _of_http(request, error), error.headers)

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(EarmarkError, of_the_house)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _of_http(request: Request, error: HTTPException) -> Problem:
    """Starlette's and FastAPI's own refusals, in our words."""
    path = request.url.path
    method = request.method
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            code, detail, action = "not_found", f"There is nothing at {path}.", "Check the path against docs/api.md."
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = (error.headers or {}).get("Allow", "another method")
            code, detail, action = "method_not_allowed", f"{path} does not answer {method}.", f"Use {allowed}."
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            most = "10 MiB" if path.endswith("/force-torrent") else "1 MiB"
            code, detail = "body_too_large", f"The body is larger than {most}."
            action = "Send a smaller body; a ticket never needs more."
        case HTTPStatus.BAD_REQUEST:
            code, detail = "unreadable_body", "The body could not be read as JSON."
            action = "Send one JSON object in UTF-8."
        case status:
            code, detail, action = f"http_{status}", str(error.detail), "Check the request against docs/api.md."
    return make_problem(error.status_code, code, detail, action)


def unexpected(request_id: str) -> Response:
    """What the caller sees when we broke: a number to find the cause in the log by, and nothing of the cause itself."""
    return problem_response(
        make_problem(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "internal_error",
            "Something broke inside Earmark; nothing about your request was wrong.",
            f"Look for request_id {request_id} in Earmark's log, and report what it says.",
            request_id=request_id,
        )
    )
