"""Fetching a picture from an address somebody else wrote: only from the public internet or the service that was
configured (`earmark.addresses`), small enough, and truly a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

import httpx2
import structlog

from earmark.addresses import Origin, Resolve, origin_of, public_request, resolve
from earmark.http import Answer, exchange, raise_for_trouble

log = structlog.get_logger(__name__)

MAX_PICTURE_BYTES = 10 * 2**20
MAX_REDIRECTS = 3


async def fetch_picture(
    http: httpx2.AsyncClient,
    url: str,
    *,
    trusted: Collection[Origin],
    clock: Callable[[], datetime],
    timeout_secs: float,
    resolve: Resolve = resolve,
) -> bytes | None:
    """The JPEG or PNG at `url`, or None when there is none that may be had. `trusted` origins are those the owner
    configured, wherever they are. Raises `WaitError` while the place is busy or away, `AnswerTooLarge` above 10 MiB."""
    target = url
    for _ in range(MAX_REDIRECTS + 1):
        request = await public_request(http, target, trusted=trusted.__contains__, resolve=resolve)
        if request is None:
            log.warning("picture_refused", host=_host(target))
            return None
        answer = await exchange(
            http, request, site=_host(target), timeout_secs=timeout_secs, now=clock, max_bytes=MAX_PICTURE_BYTES
        )
        if answer.status not in {301, 302, 303, 307, 308}:
            return _picture(answer, _host(target))
        try:
            target = str(httpx2.URL(target).join(answer.location))
        except (httpx2.InvalidURL, ValueError):
            return None
    return None


def _picture(answer: Answer, site: str) -> bytes | None:
    """A picture by its first bytes, whatever the content type claims."""
    raise_for_trouble(answer, site)
    if answer.status != 200:
        return None
    return answer.body if answer.body.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) else None


def _host(url: str) -> str:
    origin = origin_of(url)
    return origin[1] if origin else "an address that is none"
