"""One bounded HTTP exchange, for every adapter alike: a deadline, a size limit, no redirects, no secrets in any log.

Knows no service. What a reply means beyond “busy”, “broken” and “not JSON” is for the adapters to say.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx2

from earmark import USER_AGENT
from earmark.core.reasons import JsonValue, PermanentError, Reason, TransientError
from earmark.core.text import plain_text

MAX_JSON_BYTES = 8 * 2**20
MAX_WAIT_SECS = 86_400.0
"""No service may silence us for longer than a day, whatever its Retry-After says."""
LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=3.0)
"""Idle connections are let go of before the other side does, which most do after five seconds: a question that meets a
closing connection is lost."""
TRIED_AGAIN = "Nothing to do: it is tried again later."

OnHeaders = Callable[[httpx2.Headers], Awaitable[None]]


class WaitError(TransientError):
    """Passing trouble; `retry_after_secs` is the least wait the service asked for or is known to need."""

    @property
    def retry_after_secs(self) -> float | None:
        wait = self.reason.evidence.get("retry_after_secs")
        return float(wait) if isinstance(wait, int | float) else None


class RateLimited(WaitError):
    """The service told us to slow down."""


class SiteUnavailable(WaitError):
    """The service cannot be reached, does not answer in time or is broken at the moment."""


class AnswerNotUnderstood(TransientError):
    """A reply of a shape we do not know; often a passing fault, else the service changed."""


class AnswerTooLarge(PermanentError):
    """A reply bigger than anything the service has reason to send."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply as far as anybody here needs it. `retry_after` in seconds; `masked` cuts `secrets` out of what is quoted."""

    status: int
    content_type: str
    body: bytes = field(repr=False)
    retry_after: float | None = None
    location: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace").strip()

    @property
    def is_page(self) -> bool:
        """HTML, whatever the content type claims."""
        return self.body.lstrip()[:1] == b"<"

    def masked(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def new_client(timeout_secs: float, transport: httpx2.AsyncBaseTransport | None = None) -> httpx2.AsyncClient:
    """The HTTP client adapters share the make of. It names Earmark and keeps its traffic out of the logs."""
    for name in ("httpx2", "httpcore2.connection", "httpcore2.http11", "httpcore2.http2", "httpcore2.proxy"):
        # They write whole URLs (keys) and reply headers (new session ids) at INFO and DEBUG.
        logging.getLogger(name).addFilter(_only_warnings)
    return httpx2.AsyncClient(
        headers={"User-Agent": USER_AGENT},
        timeout=timeout_secs,
        follow_redirects=False,
        limits=LIMITS,
        transport=transport,
    )


def _only_warnings(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


async def exchange(
    http: httpx2.AsyncClient,
    request: httpx2.Request,
    *,
    site: str,
    timeout_secs: float,
    now: Callable[[], datetime],
    max_bytes: int = MAX_JSON_BYTES,
    on_headers: OnHeaders | None = None,
) -> Answer:
    """Send and read at most `max_bytes`; `site` is what messages call the other side. Head and body may each take
    `timeout_secs`; `on_headers` runs between them, in its own time. A Retry-After of more than a day is read as one.
    A GET that met an idle connection which the other side was just closing is sent once more.

    Raises `SiteUnavailable` for everything the network does to us, `AnswerTooLarge`, and what `on_headers` raises.
    """
    try:
        async with asyncio.timeout(timeout_secs):
            response = await _sent(http, request)
        try:
            if on_headers is not None:
                await on_headers(response.headers)
            async with asyncio.timeout(timeout_secs):
                body = await _read(response, max_bytes, site)
        finally:
            await response.aclose()
    # `from None`: the library's exceptions hold the request, and with it the cookie or the key.
    except (TimeoutError, httpx2.TimeoutException):
        raise site_unavailable(site, f"it did not answer within {timeout_secs:g} seconds", fault="timeout") from None
    except httpx2.HTTPError as error:
        fault = type(error).__name__
        raise site_unavailable(site, f"the connection failed ({fault})", fault=fault) from None
    return Answer(
        status=response.status_code,
        content_type=response.headers.get("content-type", "").partition(";")[0].strip().lower(),
        body=body,
        retry_after=_retry_after(response.headers.get("retry-after"), now),
        location=response.headers.get("location", ""),
    )


async def _sent(http: httpx2.AsyncClient, request: httpx2.Request) -> httpx2.Response:
    """The head of the answer. Only a GET on a connection used before, which then closed without one, goes out twice."""
    steps: set[str] = set()

    async def note(step: str, _: object) -> None:
        steps.add(step)

    request.extensions = {**request.extensions, "trace": note}
    try:
        return await http.send(request, stream=True, follow_redirects=False)
    except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError) as error:
        sent = "http11.send_request_headers.started" in steps
        fresh = any(step.startswith("connection.connect_") for step in steps)
        begun = isinstance(error, httpx2.RemoteProtocolError) and "without sending a response" not in str(error)
        if request.method != "GET" or fresh or begun or not sent:
            raise
    return await http.send(request, stream=True, follow_redirects=False)


def raise_for_trouble(answer: Answer, site: str) -> None:
    """Raise for what means the same everywhere: 429 and 5xx pass, a redirect of an interface is a wrong address."""
    if answer.status == 429:
        raise rate_limited(site, answer.retry_after)
    if answer.status >= 500:
        raise site_unavailable(site, f"it answered HTTP {answer.status}", answer.retry_after, status=answer.status)
    if 300 <= answer.status < 400:
        raise answer_not_understood(site, "a redirect (often to a login page) instead of an answer")


def read_json(answer: Answer, site: str) -> JsonValue:
    """The answer as JSON. Raises `AnswerNotUnderstood` for anything else, NaN and bottomless nesting included."""
    try:
        value: JsonValue = json.loads(answer.body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        what = " ".join(plain_text(answer.masked(answer.text[:20_000])).split())[:80] or "an empty answer"
        raise answer_not_understood(site, f"not JSON but “{what}”", status=answer.status) from None
    return value


def _no_constant(name: str) -> JsonValue:
    raise ValueError(name)


async def _read(response: httpx2.Response, max_bytes: int, site: str) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > max_bytes:
            raise answer_too_large(site, max_bytes)
    return bytes(body)


def _retry_after(value: str | None, now: Callable[[], datetime]) -> float | None:
    """Seconds from either form of the header: a number, or a date."""
    if value is None:
        return None
    if re.fullmatch(r"\d{1,9}", value.strip(), re.ASCII):
        return min(float(value), MAX_WAIT_SECS)
    try:
        wait = (parsedate_to_datetime(value) - now()).total_seconds()
    except (ValueError, TypeError):  # TypeError: a date without a zone
        return None
    return min(max(0.0, wait), MAX_WAIT_SECS)


def rate_limited(site: str, retry_after_secs: float | None, action: str = TRIED_AGAIN) -> RateLimited:
    wait = f" for {retry_after_secs:.0f} seconds" if retry_after_secs else ""
    return RateLimited(
        Reason(
            "rate_limited",
            f"{site} asks to be left alone{wait}: too many requests.",
            action,
            {"retry_after_secs": retry_after_secs},
        )
    )


def site_unavailable(
    site: str, why: str, retry_after_secs: float | None = None, **evidence: JsonValue
) -> SiteUnavailable:
    return SiteUnavailable(
        Reason(
            "site_unavailable",
            f"{site} is not available: {why}.",
            "Nothing to do when it passes: it is tried again. Else check the address in the settings and the network.",
            {"retry_after_secs": retry_after_secs, **evidence},
        )
    )


def answer_not_understood(site: str, what: str, **evidence: JsonValue) -> AnswerNotUnderstood:
    return AnswerNotUnderstood(
        Reason(
            "answer_not_understood",
            f"{site} sent something Earmark cannot read: {what}.",
            "Check that the address in the settings is the right one; when it is and this stays, report it.",
            evidence,
        )
    )


def answer_too_large(site: str, limit_bytes: int) -> AnswerTooLarge:
    return AnswerTooLarge(
        Reason(
            "answer_too_large",
            f"{site} sent more than {limit_bytes // 2**20} MiB, which no honest reply needs; it was cut off.",
            "Check that the address in the settings is the right one.",
            {"limit_bytes": limit_bytes},
        )
    )
