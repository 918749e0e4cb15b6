"""Jackett, Prowlarr's own feeds and any other Torznab feed behind the indexer contract."""

from __future__ import annotations

from collections.abc import Sequence

import httpx2
import structlog

from earmark.core.newznab import Capabilities
from earmark.core.reasons import EarmarkError
from earmark.core.release import Release
from earmark.http import Answer, answer_not_understood
from earmark.indexers.asking import PAGE, categories_for, fitting, walk, wording
from earmark.indexers.torznab_caps import read_caps
from earmark.indexers.torznab_feed import raise_reported, read_feed
from earmark.indexers.upstream import Upstream
from earmark.ports import IndexerHealth, Magnet, SearchQuery

log = structlog.get_logger(__name__)


def jackett_endpoint(url: str) -> str:
    """The feed over all of Jackett's indexers; an address that already names a feed is taken as it is."""
    base = url.rstrip("/")
    return base if base.endswith(("/api", "/newznab")) else f"{base}/api/v2.0/indexers/all/results/torznab/api"


def feed_address(url: str) -> str:
    """A feed's own address as it is; one without a path is a Jackett's."""
    return url if httpx2.URL(url).path.strip("/") else jackett_endpoint(url)


class TorznabIndexer:
    def __init__(self, upstream: Upstream, *, categories: Sequence[int] = ()) -> None:
        """The upstream's address is the feed itself. Only `categories` are asked for; empty: all it has."""
        self.name = upstream.name
        self._upstream = upstream
        self._allowed = tuple(categories)
        self._known: Capabilities | None = None

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        """What the feed has within the asked categories. Those it is known not to have are not asked for, once its
        capabilities have been read."""
        known = self._known or Capabilities()
        words = wording(query)
        categories = categories_for(query, allowed=self._allowed, known=known.ids())
        if words is None or categories is None:
            return []
        params = {"t": _function(known), "extended": "1"}
        if categories:
            params["cat"] = ",".join(map(str, categories))
        if words:
            params["q"] = words

        async def page(offset: int, size: int) -> tuple[Sequence[Release], int]:
            return await self._page({**params, "limit": str(size), **({"offset": str(offset)} if offset else {})})

        found = await walk(page, query, min(PAGE, known.limit_max))
        return fitting(found, query, categories)[: query.limit]

    async def fetch(self, release: Release) -> bytes | Magnet:
        """The .torrent, or the magnet where the release has nothing else or its link leads to one."""
        return await self._upstream.torrent(release)

    async def capabilities(self) -> Capabilities:
        """As the feed tells them now."""
        answer = await self._ask({"t": "caps"})
        self._known = read_caps(answer, site=self._upstream.site, hide=self._upstream.hide)
        return self._known

    async def account(self) -> None:
        """A feed has no account."""
        return

    async def test(self) -> IndexerHealth:
        try:
            await self.capabilities()
        except EarmarkError as error:
            return IndexerHealth(ok=False, message=f"{error.reason.message} {error.reason.action}")
        return IndexerHealth(ok=True, message="The feed answers and accepts the API key.")

    async def close(self) -> None:
        await self._upstream.close()

    async def _page(self, params: dict[str, str]) -> tuple[Sequence[Release], int]:
        site = self._upstream.site
        feed = read_feed(await self._ask(params), indexer=self.name, site=site, hide=self._upstream.hide)
        for why in feed.skipped:
            log.warning("row_skipped", indexer=self.name, why=why)
        if feed.skipped and not feed.releases:
            raise answer_not_understood(site, "results of which none makes sense", why=feed.skipped[0])
        return feed.releases, len(feed.releases) + len(feed.skipped)

    async def _ask(self, params: dict[str, str]) -> Answer:
        """The answer to read. Services tell their trouble by the status, in an error document, or both."""
        upstream = self._upstream
        key = {"apikey": upstream.key} if upstream.key else {}
        answer = await upstream.get(upstream.url.copy_merge_params({**params, **key}))
        if answer.status >= 400 and answer.status not in {401, 403, 429}:
            raise_reported(answer, site=upstream.site, hide=upstream.hide)
        upstream.refuse_all(answer)
        return answer


def _function(known: Capabilities) -> str:
    """The plain search where there is one; a feed may have only one of its own sort."""
    if "q" not in known.search_params:
        for function, params in (("book", known.book_params), ("music", known.music_params)):
            if "q" in params:
                return function
    return "search"
