"""A search service reached with an API key (Jackett, a Prowlarr, any Torznab feed): the key, the pace, the downloads.

Services write their key into the links they hand out; no address is ever logged, shown or kept with the key in it: a
mark stands in its place. Knows nothing of what is asked or of the shape of answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

import httpx2
from pydantic import SecretStr

from earmark import USER_AGENT
from earmark.core.release import Release
from earmark.core.torrentfile import MAX_TORRENT_BYTES
from earmark.http import MAX_JSON_BYTES, Answer, answer_not_understood, exchange, site_unavailable
from earmark.indexers.download import download, http_url
from earmark.indexers.errors import key_refused, not_our_release, rate_limited
from earmark.indexers.pacing import PATIENCE_SECS, Pacer
from earmark.ports import Magnet

KEY_MARK = "EARMARK-API-KEY"
"""Stands in a remembered download link where the key belongs."""


class Upstream:
    def __init__(
        self,
        name: str,
        url: str,
        key: SecretStr | None,
        http: httpx2.AsyncClient,
        pacer: Pacer,
        *,
        clock: Callable[[], datetime],
        timeout_secs: float = 30.0,
    ) -> None:
        """`name` is the indexer's key in this house, `url` the address everything starts from, without a query."""
        self.name = name
        self.url = httpx2.URL(url.rstrip("/"))
        self.key = key.get_secret_value() if key else ""
        """Empty where the service wants none. For requests alone."""
        self._spellings = tuple(dict.fromkeys((self.key, quote(self.key, safe="")))) if self.key else ()
        """The key as it stands in text and in addresses."""
        self._http = http
        self._pacer = pacer
        self._starting = asyncio.Lock()
        self.now = clock
        self._timeout_secs = timeout_secs

    @property
    def site(self) -> str:
        """How messages name the service."""
        return f"{self.name} ({self.url.host})"

    async def get(
        self, url: httpx2.URL, *, max_bytes: int = MAX_JSON_BYTES, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer, whatever its status. The pace counts starts: one slow answer holds up nobody.

        Raises `RateLimited` without asking while the service wants to be left alone, `SiteUnavailable`, `AnswerTooLarge`.
        """
        async with self._starting:
            if not await self._pacer.turn(PATIENCE_SECS):
                raise rate_limited(self.site, self._pacer.held_for())
            self._pacer.done()
        answer = await exchange(
            self._http,
            self._http.build_request("GET", url, headers={"User-Agent": USER_AGENT, **(headers or {})}),
            site=self.site,
            max_bytes=max_bytes,
            timeout_secs=self._timeout_secs,
            now=self.now,
        )
        if answer.retry_after and answer.status in {429, 503} and url.host == self.url.host:
            self._pacer.hold(answer.retry_after)
        return replace(answer, secrets=self._spellings)

    def refuse(self, answer: Answer) -> None:
        """Raise the named error for the statuses that mean the same in every such service."""
        if answer.status == 429:
            raise rate_limited(self.site, answer.retry_after)
        if answer.status >= 500:
            raise site_unavailable(self.site, f"it answered HTTP {answer.status}", answer.retry_after)
        if answer.status in {401, 403}:
            raise key_refused(self.site, status=answer.status)

    def refuse_all(self, answer: Answer) -> None:
        """As `refuse`, for an address that answers 200 or is not the right one."""
        self.refuse(answer)
        if answer.status >= 400:
            raise answer_not_understood(self.site, f"HTTP {answer.status}", status=answer.status)
        if answer.status >= 300:
            raise answer_not_understood(self.site, "a redirect (often to a login page) instead of an answer")

    def hide(self, text: str) -> str:
        """The text with the mark wherever the key stands."""
        for spelling in self._spellings:
            text = text.replace(spelling, KEY_MARK)
        return text

    async def torrent(self, release: Release) -> bytes | Magnet:
        """The .torrent, or the magnet where the release has nothing else or its link leads to one. Raises
        `NotOurRelease` and what `download` raises."""
        if release.indexer == self.name and not release.download_ref and release.magnet:
            return Magnet(release.magnet)
        url = self._link(release) if release.indexer == self.name else None
        if url is None:
            raise not_our_release(self.name, release.guid)
        return await download(self._piece, url, site=self.site, private=release.private)

    async def close(self) -> None:
        await self._http.aclose()

    async def _piece(self, url: httpx2.URL, before: httpx2.URL | None) -> Answer:
        answer = await self.get(url, max_bytes=MAX_TORRENT_BYTES)
        self.refuse(answer)
        return answer

    def _link(self, release: Release) -> httpx2.URL | None:
        """The download link with the key back in its place, and only if it leads to the service the key is for."""
        url = http_url(release.download_ref)
        if url is not None and _place(url) == _place(self.url):
            return http_url(release.download_ref.replace(KEY_MARK, quote(self.key, safe="")))
        return url


def _place(url: httpx2.URL) -> tuple[str, int]:
    return url.host, url.port or (443 if url.scheme == "https" else 80)
