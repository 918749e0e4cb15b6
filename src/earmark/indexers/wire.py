"""One bounded HTTP exchange, for every indexer alike: a deadline, a size limit, no redirects, no secrets in any log.

Knows no tracker. What a reply means is for the adapters to say.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx2

from earmark import USER_AGENT
from earmark.indexers.errors import answer_too_large, site_unavailable
from earmark.indexers.text import clean

MAX_JSON_BYTES = 8 * 2**20
MAX_TORRENT_BYTES = 20 * 2**20

OnHeaders = Callable[[httpx2.Headers], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply as far as anybody here needs it. `retry_after` in seconds; `secrets` are cut out of every excerpt."""

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

    def excerpt(self, length: int = 160) -> str:
        """The beginning as plain words, fit for an error message."""
        text = re.sub(r"(?is)<(script|style)\b.*?</\1\s*>|<[^>]*>", " ", self.text[:20_000])
        return clean(self.masked(text))[:length]

    def masked(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def new_client(timeout_secs: float, transport: httpx2.AsyncBaseTransport | None = None) -> httpx2.AsyncClient:
    """The HTTP client adapters share the make of. It names Earmark and keeps its traffic out of the logs."""
    for name in ("httpx2", "httpcore2.connection", "httpcore2.http11", "httpcore2.http2", "httpcore2.proxy"):
        # They write whole URLs (API keys) and reply headers (new session ids) at INFO and DEBUG.
        logging.getLogger(name).addFilter(_only_warnings)
    return httpx2.AsyncClient(
        headers={"User-Agent": USER_AGENT}, timeout=timeout_secs, follow_redirects=False, transport=transport
    )


def _only_warnings(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


async def exchange(
    http: httpx2.AsyncClient,
    request: httpx2.Request,
    *,
    site: str,
    max_bytes: int,
    timeout_secs: float,
    now: Callable[[], datetime],
    on_headers: OnHeaders | None = None,
) -> Answer:
    """Send and read at most `max_bytes`. `on_headers` runs as soon as the headers are in, before the body is read.

    Raises `SiteUnavailable` for everything the network does to us and `AnswerTooLarge`.
    """
    try:
        async with asyncio.timeout(timeout_secs):
            response = await http.send(request, stream=True, follow_redirects=False)
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
        return float(value)
    try:
        wait = (parsedate_to_datetime(value) - now()).total_seconds()
    except (ValueError, TypeError):  # TypeError: a date without a zone
        return None
    return max(0.0, wait)
