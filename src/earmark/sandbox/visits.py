"""What the stand-in services beside the site share: a log of who asked what, trouble on demand, and the levers for both.

Changes are taken as JSON only, so that no web page in the same browser can send one without the browser asking first.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from earmark.core.reasons import JsonValue

LOG_LENGTH = 2000
KEYS = re.compile(r"\b((?:jackett_)?apikey)=[^&]*", re.IGNORECASE)
Handler = Callable[[Request], Awaitable[Response]]


class Visits:
    """The door of one service. While `trouble` is set, it is the status of every answer."""

    def __init__(self) -> None:
        self.calls: deque[dict[str, JsonValue]] = deque(maxlen=LOG_LENGTH)
        self.trouble: int | None = None

    def through(self, handler: Handler) -> Handler:
        """Log the call, then let it in; keys are not logged."""

        async def endpoint(request: Request) -> Response:
            entry: dict[str, JsonValue] = {
                "method": request.method,
                "path": request.url.path.removeprefix(request.scope.get("root_path", "")),
                "query": KEYS.sub(r"\1=…", request.url.query),
                "agent": request.headers.get("user-agent"),
            }
            self.calls.append(entry)
            response = await handler(request) if self.trouble is None else PlainTextResponse("", self.trouble)
            entry["status"] = response.status_code
            return response

        return endpoint

    def levers(self) -> list[Route]:
        """`/sandbox/calls` shows and clears the log, `/sandbox/trouble` takes {"status": 503} or {"status": null}."""
        return [
            Route("/sandbox/calls", self._calls, methods=["GET", "DELETE"]),
            Route("/sandbox/trouble", self._trouble, methods=["POST"]),
        ]

    async def _calls(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.calls.clear()
        return JSONResponse(list(self.calls))

    async def _trouble(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return JSONResponse({"error": "send Content-Type: application/json"}, 415)
        try:
            told = json.loads(await request.body())
        except ValueError:
            told = None
        status = told.get("status", 0) if isinstance(told, dict) else 0
        if status is not None and (type(status) is not int or not 400 <= status < 600):
            return JSONResponse({"error": '"status" must be 400 to 599, or null'}, 400)
        self.trouble = status
        return JSONResponse({"status": status})
