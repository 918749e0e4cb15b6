"""Releases that other programs push to us (autobrr and its kin) behind the indexer contract: nothing to search, just a
plain download link to follow.

Whoever may push may name any address; so a link leads only to the public internet, or to a place the house knows
already, and never by a redirect from outside to the inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import httpx2

from earmark.addresses import Origin, Resolve, public_request, resolve
from earmark.core.newznab import Capabilities
from earmark.core.release import Release
from earmark.http import Answer, exchange, raise_for_trouble
from earmark.indexers.download import download, http_url
from earmark.indexers.errors import link_not_allowed, link_refused, not_our_release
from earmark.ports import IndexerHealth, Magnet, SearchQuery

MAX_LINK_BYTES = 10 * 2**20  # less than an indexer of ours may send: anybody may have written the link


class LinkFetcher:
    name = "push"

    def __init__(
        self,
        http: httpx2.AsyncClient,
        *,
        clock: Callable[[], datetime],
        timeout_secs: float,
        known_places: Callable[[], frozenset[tuple[str, int]]],
        resolve: Resolve = resolve,
    ) -> None:
        """`known_places`: hosts (lower case) and ports of the house's own services, asked for anew with each link."""
        self._http = http
        self._clock = clock
        self._timeout_secs = timeout_secs
        self._known_places = known_places
        self._resolve = resolve

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        """Nothing: releases are brought here."""
        return []

    async def capabilities(self) -> Capabilities:
        """It cannot be searched."""
        return Capabilities(search_params=())

    async def fetch(self, release: Release) -> bytes | Magnet:
        """The torrent behind the link, at most 10 MiB, or the magnet. Raises `LinkNotAllowed`, `LinkRefused`,
        `NotOurRelease`, what `download` raises, and `WaitError` while the place is busy or away."""
        if release.indexer == self.name and not release.download_ref and release.magnet:
            return Magnet(release.magnet)
        url = http_url(release.download_ref) if release.indexer == self.name else None
        if url is None:
            raise not_our_release(self.name, release.guid)
        return await download(partial(self._get, self._known_places()), url, site=url.host, private=release.private)

    async def account(self) -> None:
        """A link has no account."""
        return

    async def test(self) -> IndexerHealth:
        return IndexerHealth(ok=True, message="Links are followed when a release is pushed; there is nothing to ask.")

    async def close(self) -> None:
        await self._http.aclose()

    async def _get(self, known: frozenset[tuple[str, int]], url: httpx2.URL, before: httpx2.URL | None) -> Answer:
        """A place is known by itself at the start; after a redirect only when the one before was the same."""

        def trusted(origin: Origin) -> bool:
            return (origin[1].lower(), origin[2]) in known and (before is None or before.host == origin[1])

        request = await public_request(self._http, str(url), trusted=trusted, resolve=self._resolve)
        if request is None:
            raise link_not_allowed(url.host)
        answer = await exchange(
            self._http,
            request,
            site=url.host,
            max_bytes=MAX_LINK_BYTES,
            timeout_secs=self._timeout_secs,
            now=self._clock,
        )
        if answer.status in {401, 403}:
            raise link_refused(url.host, status=answer.status)
        if not 300 <= answer.status < 400:
            raise_for_trouble(answer, url.host)
        return answer
