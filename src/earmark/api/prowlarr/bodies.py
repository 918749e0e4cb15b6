"""The bodies of a Prowlarr: JSON as its programs read it, and its three sorts of complaint, which are `{message, description}`,
FluentValidation's list and ASP.NET's problem details. What can be done about a complaint stands in its words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from pydantic import JsonValue
from pydantic_core import PydanticSerializationError, to_json
from starlette.responses import Response

from earmark.api.problems import PROBLEM_JSON, status_of
from earmark.core.reasons import EarmarkError, Reason

JSON = "application/json"
IN_UTF8 = "; charset=utf-8"
"""Told as ASP.NET does, though JSON knows no other."""

ATTEMPTED_SHOWN = 200

_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """The text without what no reader of ours can take: control characters and halves of characters."""
    return _UNSAFE.sub("", text) if not text.isprintable() else text


def answer(body: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """`body` (plain dicts and lists, without None) as JSON. Halves of characters, which only a caller's own words bring in
    here, become question marks."""
    try:
        text = to_json(body)
    except PydanticSerializationError:
        text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Response(text, status, headers=dict(headers or {}), media_type=JSON + IN_UTF8)


def complaint(status: int, message: str, description: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """What Prowlarr says when something went wrong."""
    body = {"message": clean(message)} | ({"description": clean(description)} if description else {})
    return answer(body, status, headers)


def invalid(property_name: str, message: str, attempted: JsonValue = "", code: str = "NotEmptyValidator") -> Response:
    """What Prowlarr says of one property that cannot stay as it is."""
    return answer([failure(property_name, message, attempted, code)], HTTPStatus.BAD_REQUEST)


def failure(property_name: str, message: str, attempted: JsonValue = "", code: str = "PredicateValidator") -> object:
    """One of FluentValidation's failures. `attempted` must be no secret."""
    shown = clean(attempted)[:ATTEMPTED_SHOWN] if isinstance(attempted, str) else attempted
    return {
        "propertyName": property_name,
        "errorMessage": clean(message),
        "attemptedValue": shown,
        "severity": "error",
        "errorCode": code,
        "formattedMessageArguments": [],
        "formattedMessagePlaceholderValues": {"propertyName": property_name, "propertyValue": shown},
    }


def empty(property_name: str) -> object:
    return failure(property_name, f"'{property_name}' must not be empty.", "", "NotEmptyValidator")


def problem_details(status: int, title: str, trace: str, errors: Mapping[str, Sequence[str]] | None = None) -> Response:
    """What ASP.NET says before Prowlarr's own code is reached."""
    body = {"type": f"https://tools.ietf.org/html/rfc9110#section-15.5.{_SECTION.get(status, 1)}", "title": title}
    full = body | {"status": status, "traceId": trace} | ({"errors": errors} if errors else {})
    return Response(to_json(full), status, media_type=PROBLEM_JSON + IN_UTF8)


_SECTION: dict[int, int] = {400: 1, 404: 5, 415: 16}


def unbindable(error: RequestValidationError, trace: str) -> Response:
    """What ASP.NET says of a query or body that does not bind."""
    errors: dict[str, list[str]] = {}
    for one in error.errors():
        place, *path = one["loc"] or ("body",)
        name = ".".join(str(part) for part in path) if place != "body" else ".".join(["$", *map(str, path)])
        if place == "query" and path:
            name = str(path[0])
            said = f"The value '{clean(str(one['input']))[:ATTEMPTED_SHOWN]}' is not valid."
        else:
            said = f"The JSON value could not be converted: {clean(str(one['msg']))}."
        errors.setdefault(clean(name)[:ATTEMPTED_SHOWN], []).append(said)
    return problem_details(HTTPStatus.BAD_REQUEST, "One or more validation errors occurred.", trace, errors)


def advice(reason: Reason) -> str:
    """What happened and the next step, in one line."""
    return f"{reason.message} {reason.action}".strip()


def of_error(error: EarmarkError) -> Response:
    """A refusal of the house: what the caller can correct names its property, all else is a complaint."""
    reason = error.reason
    field = reason.evidence.get("field")
    if isinstance(field, str):
        name = field[:1].upper() + field[1:]
        return invalid(name, advice(reason), code="PredicateValidator")
    if reason.code in ("unknown_indexer", "offer_unknown"):
        return complaint(HTTPStatus.NOT_FOUND, reason.message, reason.action)
    return complaint(status_of(error), reason.message, reason.action, retry_header(error))


def retry_header(error: EarmarkError) -> dict[str, str]:
    """`Retry-After` in whole seconds, where the refusal knows how long to wait."""
    wait = error.reason.evidence.get("retry_after_secs")
    known = isinstance(wait, int | float) and not isinstance(wait, bool) and 0 < wait < 10**9
    return {"Retry-After": str(max(1, int(wait)))} if known and isinstance(wait, int | float) else {}
