"""One session with the site: the cookie, its rotation, and the pace. Knows nothing of searches or torrents.

The site may replace the session id with any reply, and the old one dies soon after. So calls run one at a time, a new
id is written down before the next call may start, and a caller that gives up does not cut off a call that may be
rotating the id at that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar

import httpx2

from earmark import USER_AGENT
from earmark.core.reasons import EarmarkError, JsonValue
from earmark.http import MAX_JSON_BYTES, Answer, exchange
from earmark.indexers.errors import SessionExpired, rate_limited, session_missing, session_not_saved
from earmark.indexers.mam.cookie import NAME, may_be_sent_to, parse_mam_id, rotated_value
from earmark.indexers.mam.kept import mark_of, read_kept, written
from earmark.indexers.pacing import PATIENCE_SECS, Pacer

T = TypeVar("T")


class SessionStore(Protocol):
    """Where the newest session id survives restarts. `save` returns when it is durable. What is saved is the session's
    own text (`kept.py`); a bare session id may be put there too."""

    async def load(self) -> str | None: ...

    async def save(self, value: str) -> None: ...


class MamSession:
    def __init__(
        self,
        base_url: str,
        store: SessionStore,
        http: httpx2.AsyncClient,
        pacer: Pacer,
        *,
        configured: str | None,
        clock: Callable[[], datetime],
        timeout_secs: float,
    ) -> None:
        """`configured` is what the owner put into the settings, as pasted. Raises `BadSessionId`."""
        self._base = httpx2.URL(base_url)
        self._store = store
        self._http = http
        self._pacer = pacer
        self._clock = clock
        self._timeout_secs = timeout_secs
        self._configured = parse_mam_id(configured) if configured else None
        self._mark = mark_of(self._configured)
        self._value: str | None = None
        self._second_choice: str | None = None
        self._loaded = False
        self._unsaved = False
        self._unproven = False
        self._lock = asyncio.Lock()
        self._in_flight: set[asyncio.Task[object]] = set()
        self._sending: asyncio.Task[object] | None = None

    @property
    def site(self) -> str:
        """How messages name the site."""
        return self._base.host if self._base.port is None else f"{self._base.host}:{self._base.port}"

    async def call(
        self,
        method: str,
        path: str,
        judge: Callable[[Answer], T],
        *,
        body: JsonValue = None,
        max_bytes: int = MAX_JSON_BYTES,
    ) -> T:
        """Ask the site and let `judge` read the answer. `judge` raises `SessionExpired` when it shows a dead session.

        Raises what `judge` raises, `SessionMissing`, `SessionNotSaved`, `RateLimited` and `SiteUnavailable`.
        """
        task = asyncio.create_task(self._call(method, path, judge, body, max_bytes))
        self._in_flight.add(task)
        task.add_done_callback(self._landed)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._sending is not task:
                task.cancel()  # still waiting its turn: nothing is lost by not asking
            raise

    async def set_mam_id(self, pasted: str) -> None:
        """Use another session id from the next call on. Raises `BadSessionId`."""
        value = parse_mam_id(pasted)
        async with self._lock:  # after the call in flight: its rotation belongs to the old session
            self._value, self._second_choice = value, None
            self._loaded = True
            await self._save()

    async def close(self) -> None:
        """Let calls in flight land: one of them may bring a new session id."""
        await asyncio.gather(*self._in_flight, return_exceptions=True)
        if self._unsaved:
            await self._save()
        await self._http.aclose()

    async def _call(self, method: str, path: str, judge: Callable[[Answer], T], body: JsonValue, max_bytes: int) -> T:
        async with self._lock:
            await self._make_ready()
            second_choice = self._second_choice
            try:
                result = judge(await self._send(method, path, body, max_bytes))
            except SessionExpired:
                if second_choice is None:
                    raise
            else:
                if self._unproven:
                    await self._save()
                return result
            first_choice, self._value, self._second_choice = self._value, second_choice, None
            try:
                result = judge(await self._send(method, path, body, max_bytes))
            except EarmarkError as error:
                if self._value == second_choice:
                    self._value = first_choice  # nothing proven: the stored one stays the better guess
                    self._second_choice = None if isinstance(error, SessionExpired) else second_choice
                raise
            if self._value == second_choice:
                await self._save()
            return result

    async def _make_ready(self) -> None:
        """A value to call with and nothing left unsaved."""
        if not self._loaded:
            await self._choose()
            self._loaded = True
        if self._unsaved:
            await self._save()
        if self._value is None:
            raise session_missing(self.site)

    async def _choose(self) -> None:
        """The stored value first, for it is the newest of its session; but what the owner has written into the
        settings since it was stored goes before it. The other one is the second choice."""
        kept = read_kept(await self._store.load())
        if kept is None:
            self._value = self._configured
            return
        self._value = kept.value
        if self._configured is None:
            self._mark = kept.mark or self._mark
        elif self._configured != kept.value:
            self._second_choice = self._configured
            if kept.mark is not None and kept.mark != self._mark:
                self._value, self._second_choice, self._unproven = self._configured, kept.value, True
                return
        self._unsaved = kept.mark != self._mark  # told from now on from an id that is put into the settings later

    async def _send(self, method: str, path: str, body: JsonValue, max_bytes: int) -> Answer:
        if not await self._pacer.turn(PATIENCE_SECS):
            raise rate_limited(self.site, self._pacer.held_for())
        sent = self._value or ""
        self._sending = asyncio.current_task()
        try:
            answer = await exchange(
                self._http,
                self._request(method, path, body),
                site=self.site,
                max_bytes=max_bytes,
                timeout_secs=self._timeout_secs,
                now=self._clock,
                on_headers=self._keep_rotation,
            )
        finally:
            self._sending = None
            self._pacer.done()
        if answer.retry_after and answer.status in {429, 503}:
            self._pacer.hold(answer.retry_after)
        return _with_secrets(answer, sent, self._value or "")

    def _request(self, method: str, path: str, body: JsonValue) -> httpx2.Request:
        url = self._base.join(self._base.path.rstrip("/") + path)
        headers = {"Accept": "*/*" if body is None else "application/json", "User-Agent": USER_AGENT}
        request = self._http.build_request(method, url, headers=headers, json=body)
        request.headers.pop("Cookie", None)  # whatever the client's own jar holds: two session ids would clash
        if may_be_sent_to(request.url, self._base):
            request.headers["Cookie"] = f"{NAME}={self._value}"
        return request

    async def _keep_rotation(self, headers: httpx2.Headers) -> None:
        new = rotated_value(headers.get_list("set-cookie"), self._clock())
        if new is not None and new != self._value:
            self._value = new
            await self._save()

    async def _save(self) -> None:
        if self._value is None:
            return
        self._unsaved = True
        try:
            await self._store.save(written(self._value, self._mark))
        except Exception as error:  # whatever the store's trouble is, no call may follow an unsaved rotation
            raise session_not_saved(self.site, type(error).__name__) from error
        self._unsaved = self._unproven = False

    def _landed(self, task: asyncio.Task[object]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled():
            task.exception()  # the caller may have left: nobody else will look at it


def _with_secrets(answer: Answer, *secrets: str) -> Answer:
    known = tuple(s for s in dict.fromkeys(secrets) if s)
    return replace(answer, secrets=known)
