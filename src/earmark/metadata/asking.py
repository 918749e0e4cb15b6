"""Asking a metadata service for JSON, politely: few requests at once, no question twice, silence when told to be quiet.

Knows HTTP and time, not books.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx2

from earmark.core.reasons import JsonValue
from earmark.http import (
    RateLimited,
    answer_not_understood,
    exchange,
    raise_for_trouble,
    rate_limited,
    read_json,
)

KEEP_SECS = 24 * 3600.0
KEEP_NOTHING_SECS = 3600.0  # what a service does not know today it may know soon
QUIET_SECS = 60.0  # after a 429 that names no time
MAX_KEPT = 256
AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class _Kept:
    value: JsonValue
    until: float


class JsonService:
    """One service. Answers are kept in memory for a day, “there is no such thing” for an hour."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        timeout_secs: float,
    ) -> None:
        self._http = http
        self._clock = clock
        self._monotonic = monotonic
        self._timeout_secs = timeout_secs
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._quiet_until: dict[str, float] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def ask(self, url: str, params: Mapping[str, str]) -> JsonValue:
        """The JSON at `url`, or None where there is nothing (404 and its kin). Raises `WaitError` while the service is
        busy or away and `AnswerNotUnderstood` for what is no JSON."""
        target = httpx2.URL(url).copy_merge_params(dict(params))
        key = str(target)
        kept = self._kept.get(key)
        if kept is not None and self._monotonic() < kept.until:
            return kept.value
        async with self._slots:
            value = await self._fetch(target)
        self._keep(key, value)
        return value

    async def _fetch(self, url: httpx2.URL) -> JsonValue:
        site = url.host
        left = self._quiet_until.get(site, 0.0) - self._monotonic()
        if left > 0:
            raise rate_limited(site, left)
        answer = await exchange(
            self._http, self._http.build_request("GET", url), site=site, timeout_secs=self._timeout_secs,
            now=self._clock,
        )  # fmt: skip
        try:
            raise_for_trouble(answer, site)
        except RateLimited as busy:
            self._quiet_until[site] = self._monotonic() + (busy.retry_after_secs or QUIET_SECS)
            raise
        if answer.status in {400, 404, 410, 422}:
            return None  # an identifier it does not know, or does not take for one
        if answer.status != 200:
            raise answer_not_understood(site, f"HTTP {answer.status}", status=answer.status)
        return read_json(answer, site)

    def _keep(self, key: str, value: JsonValue) -> None:
        secs = KEEP_NOTHING_SECS if value is None else KEEP_SECS
        self._kept[key] = _Kept(value, self._monotonic() + secs)
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
