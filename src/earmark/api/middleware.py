"""Around every request: an id, the time it took, headers every answer carries, and an answer even when we broke. Also opens
the API to pages of other origins, and keeps keys out of the server's own log lines."""

from __future__ import annotations

import logging
import re
import time
import traceback
import uuid
from collections.abc import Callable
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earmark import __version__
from earmark.api.metrics import Metrics
from earmark.api.problems import unexpected

log = structlog.get_logger("earmark.api")

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KEY_IN_QUERY = re.compile(r"(?i)\b((?:api_?key|token)=)[^&\s\"']+")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

MAX_BODY_BYTES = 1024 * 1024
MAX_PATH_CHARS = (
    4000  # longer ones are cut: there is nothing at either, and numbers of so many digits break what reads them
)
MAX_TORRENT_BYTES = 10 * 1024 * 1024  # a .torrent of many files outgrows any JSON we take

HEADERS = {
    "X-Application-Version": __version__,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Set where the answer did not choose its own."""

ANY_ORIGIN = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "*"}
"""Pages of any origin may read what they have a key for; browsers send no cookies along then."""

PREFLIGHT_SECS = "600"
_HEADER_NAMES = re.compile(r"[A-Za-z0-9_, -]{0,500}")


class Frame:
    """The outermost layer."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        *,
        is_open: Callable[[str], bool] = lambda path: False,
        usual: Callable[[str], str] = lambda path: path,
    ) -> None:
        """`is_open`: the paths that pages of other origins may use. `usual`: how a path is spelt that may be spelt in several
        ways."""
        self._app = app
        self._metrics = metrics
        self._is_open = is_open
        self._usual = usual

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._metrics.start()
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = {**scope, "path": self._usual(scope["path"][:MAX_PATH_CHARS])}
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
        began = time.perf_counter()
        status = 0
        opened = self._is_open(scope["path"])
        app = _preflight(scope) if opened and _asks_first(scope) else self._app

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in (HEADERS | ANY_ORIGIN if opened else HEADERS).items():
                    headers.setdefault(name, value)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await app(scope, _bounded(scope, receive), framed)
            except Exception:
                log.error("request_broke", method=scope["method"], path=scope["path"], exception=traceback.format_exc())
                if status:
                    raise  # the answer had begun: the server can only cut it off
                await unexpected(request_id)(scope, receive, framed)
            finally:
                self._note(scope, status or 500, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        """The path without its query: keys may travel there."""
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.request_took(method, _template(scope), status, seconds)
        log.debug("request", method=scope["method"], path=scope["path"], status=status, ms=round(seconds * 1000, 1))


def _asks_first(scope: Scope) -> bool:
    """Is this a browser that asks whether a page of another origin may?"""
    headers = Headers(scope=scope)
    return scope["method"] == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def _preflight(scope: Scope) -> Response:
    """Yes, whatever the page wants to send; the key decides then."""
    wanted = Headers(scope=scope).get("access-control-request-headers", "")
    allowed = {
        "Access-Control-Allow-Methods": ", ".join(sorted(METHODS - {"OPTIONS"})),
        "Access-Control-Allow-Headers": wanted if wanted and _HEADER_NAMES.fullmatch(wanted) else "*",
        "Access-Control-Max-Age": PREFLIGHT_SECS,
    }
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=allowed)


def _template(scope: Scope) -> str:
    """The route's pattern, prefix included: `/api/v1/ticket/{ticket_id}`, not one series for each ticket."""
    pattern = getattr(scope.get("route"), "path", None)
    if not isinstance(pattern, str):
        return "unmatched"
    prefix = "/".join(scope["path"].split("/")[: -pattern.count("/")])
    return prefix + pattern if prefix.endswith("/api/v1") else pattern


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """`receive` that refuses a body beyond what its path takes, announced or not."""
    most = MAX_TORRENT_BYTES if scope["path"].endswith("/force-torrent") else MAX_BODY_BYTES
    announced = Headers(scope=scope).get("content-length", "")
    read = int(announced) if announced.isdigit() else 0
    if read <= most:
        read = 0

    async def bounded() -> Message:
        nonlocal read
        if read <= most:
            message = await receive()
            read += len(message.get("body", b""))
        if read > most:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

    return bounded


class WithoutKeys(logging.Filter):
    """Masks `apikey=` and `token=` in what the server logs about addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_masked(arg) for arg in record.args)
        record.msg = _masked(record.msg)
        return True


def _masked(part: object) -> object:
    return _KEY_IN_QUERY.sub(r"\1***", part) if isinstance(part, str) else part


def keep_keys_out_of_logs() -> None:
    """Safe to call more than once."""
    for name in ("uvicorn.access", "uvicorn.error", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        if not any(isinstance(known, WithoutKeys) for known in logger.filters):
            logger.addFilter(WithoutKeys())
