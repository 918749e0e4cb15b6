"""Jackett, Prowlarr and any other Torznab feed behind the indexer contract.

The API key travels in addresses, as the protocol wants it; so no address of a feed is ever logged, shown or kept with
the key in it: a release remembers its download link with a mark where the key stood.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime

import httpx2
import structlog
from pydantic import SecretStr

from earmark import USER_AGENT
from earmark.core.newznab import Capabilities
from earmark.core.reasons import EarmarkError
from earmark.core.release import Release
from earmark.core.torrentfile import MAX_TORRENT_BYTES, read_torrent
from earmark.core.wish import Kind
from earmark.http import MAX_JSON_BYTES, Answer, answer_not_understood, exchange, site_unavailable
from earmark.indexers.errors import key_refused, not_our_release, rate_limited, torrent_gone, torrent_not_private
from earmark.indexers.text import words_of
from earmark.indexers.torznab_feed import read_caps, read_feed
from earmark.ports import IndexerHealth, Magnet, SearchQuery

log = structlog.get_logger(__name__)

CATEGORIES = {Kind.AUDIOBOOK: "3030", Kind.EBOOK: "7000,7020", Kind.MUSIC: "3000,3010,3040"}
MAX_REDIRECTS = 3
KEY_MARK = "EARMARK-API-KEY"
"""Stands in a remembered download link where the key belongs."""


def jackett_endpoint(url: str) -> str:
    """The feed over all of Jackett's indexers; an address that already names a feed is taken as it is."""
    base = url.rstrip("/")
    return base if base.endswith(("/api", "/newznab")) else f"{base}/api/v2.0/indexers/all/results/torznab/api"


class TorznabIndexer:
    def __init__(
        self,
        name: str,
        url: str,
        api_key: SecretStr,
        http: httpx2.AsyncClient,
        *,
        clock: Callable[[], datetime],
        timeout_secs: float = 30.0,
    ) -> None:
        """`url` is the feed itself, without a query."""
        self.name = name
        self._url = httpx2.URL(url)
        self._key = api_key
        self._http = http
        self._clock = clock
        self._timeout_secs = timeout_secs

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        words = words_of(query.text)
        if not words or query.limit < 1:
            return []
        answer = await self._ask(
            t="search", cat=CATEGORIES[query.kind or Kind.AUDIOBOOK], q=words, limit=str(query.limit)
        )
        feed = read_feed(answer, indexer=self.name, site=self._site, hide=self._hide)
        for why in feed.skipped:
            log.warning("row_skipped", indexer=self.name, why=why)
        if feed.skipped and not feed.releases:
            raise answer_not_understood(self._site, "results of which none makes sense", why=feed.skipped[0])
        return list(feed.releases)[: query.limit]

    async def fetch(self, release: Release) -> bytes | Magnet:
        """The .torrent, or the magnet where the release has nothing else or its link leads to one."""
        if release.indexer != self.name:
            raise not_our_release(self.name, release.guid)
        if not release.download_ref:
            if release.magnet:
                return Magnet(release.magnet)
            raise not_our_release(self.name, release.guid)
        url = self._link(release)
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._get(url, MAX_TORRENT_BYTES)
            if not 300 <= answer.status < 400:
                return self._torrent(answer, release)
            if answer.location.lower().startswith("magnet:?"):
                return Magnet(answer.location)
            url = _next(url, answer.location, self._site)
        raise answer_not_understood(self._site, "a download link that only leads on to others")

    async def capabilities(self) -> Capabilities:
        return Capabilities()

    async def account(self) -> None:
        """A feed has no account."""
        return

    async def test(self) -> IndexerHealth:
        try:
            read_caps(await self._ask(t="caps"), site=self._site, hide=self._hide)
        except EarmarkError as error:
            return IndexerHealth(ok=False, message=f"{error.reason.message} {error.reason.action}")
        return IndexerHealth(ok=True, message="The feed answers and accepts the API key.")

    async def close(self) -> None:
        await self._http.aclose()

    @property
    def _site(self) -> str:
        return f"{self.name} ({self._url.host})"

    async def _ask(self, **params: str) -> Answer:
        url = self._url.copy_merge_params({**params, "apikey": self._key.get_secret_value()})
        answer = await self._get(url, MAX_JSON_BYTES)
        if 300 <= answer.status < 400:
            raise answer_not_understood(self._site, "a redirect (often to a login page) instead of a feed")
        return answer

    async def _get(self, url: httpx2.URL, max_bytes: int) -> Answer:
        """Raises for every status but success and redirects."""
        answer = await exchange(
            self._http,
            self._http.build_request("GET", url, headers={"User-Agent": USER_AGENT}),
            site=self._site,
            max_bytes=max_bytes,
            timeout_secs=self._timeout_secs,
            now=self._clock,
            max_wait_secs=math.inf,  # what the service asks for is kept to, however long
        )
        if answer.status == 429:
            raise rate_limited(self._site, answer.retry_after)
        if answer.status >= 500:
            raise site_unavailable(self._site, f"it answered HTTP {answer.status}", answer.retry_after)
        if answer.status in {401, 403}:
            raise key_refused(self._site, status=answer.status)
        if answer.status in {404, 410} and max_bytes == MAX_TORRENT_BYTES:
            raise torrent_gone(self._site, status=answer.status)
        if answer.status >= 400:
            raise answer_not_understood(self._site, f"HTTP {answer.status}", status=answer.status)
        return answer

    def _hide(self, text: str) -> str:
        key = self._key.get_secret_value()
        return text.replace(key, KEY_MARK) if key else text

    def _link(self, release: Release) -> httpx2.URL:
        """The download link with the key back in its place, and only if it leads to the service the key is for."""
        try:
            url = httpx2.URL(release.download_ref)
            if KEY_MARK in release.download_ref and url.host == self._url.host:
                url = httpx2.URL(release.download_ref.replace(KEY_MARK, self._key.get_secret_value()))
        except httpx2.InvalidURL:
            raise not_our_release(self.name, release.guid) from None
        if url.scheme not in {"http", "https"}:
            raise not_our_release(self.name, release.guid)
        return url

    def _torrent(self, answer: Answer, release: Release) -> bytes | Magnet:
        if answer.body.startswith(b"magnet:?"):
            return Magnet(answer.text)
        meta = read_torrent(answer.body)
        if release.private and not meta.private:
            raise torrent_not_private(self._site)
        return answer.body


def _next(url: httpx2.URL, location: str, site: str) -> httpx2.URL:
    try:
        target = url.join(location)
    except httpx2.InvalidURL:
        raise answer_not_understood(site, "a download link that leads nowhere") from None
    if target.scheme not in {"http", "https"} or not location:
        raise answer_not_understood(site, "a download link that leads nowhere")
    return target
