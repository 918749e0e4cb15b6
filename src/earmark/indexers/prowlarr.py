"""A Prowlarr, or anything that speaks as one, behind the indexer contract: its search over all of its indexers.

The key travels in a header; the links it hands out carry the key, which is kept out of every release.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import zip_longest

import httpx2
import structlog

from earmark.core.newznab import Capabilities, merged
from earmark.core.reasons import EarmarkError, JsonValue
from earmark.core.release import Release
from earmark.core.text import plain_text
from earmark.http import Answer, answer_not_understood, read_json, site_unavailable
from earmark.indexers.asking import categories_for, fitting, walk, wording
from earmark.indexers.errors import search_refused
from earmark.indexers.prowlarr_answers import Behind, Results, read_indexers, read_results
from earmark.indexers.upstream import Upstream
from earmark.ports import IndexerHealth, Magnet, SearchQuery

log = structlog.get_logger(__name__)

LOOK_AGAIN = timedelta(hours=1)


class ProwlarrIndexer:
    def __init__(self, upstream: Upstream, *, categories: Sequence[int] = (), upstream_ids: Sequence[int] = ()) -> None:
        """The upstream's address is the Prowlarr's, with its URL base. Only `categories` are asked for, and only of its
        indexers `upstream_ids`; either empty: all."""
        self.name = upstream.name
        self._upstream = upstream
        self._allowed = tuple(categories)
        self._ids = tuple(upstream_ids)
        self._behind: tuple[Behind, ...] | None = None
        self._looked_at = upstream.now()
        self._looking = asyncio.Lock()

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        """What its indexers have within the asked categories. Looks at the list of them before the first search and
        hourly: it says which are private trackers."""
        words = wording(query)
        if words is None or categories_for(query, allowed=self._allowed) is None:
            return []
        behind = await self._known()
        categories = categories_for(query, allowed=self._allowed, known=_categories_of(behind))
        if categories is None:
            return []
        private = frozenset(one.id for one in behind if one.private)
        origins: dict[str, int] = {}

        async def page(offset: int, size: int) -> tuple[Sequence[Release], int]:
            results = await self._page(words, categories, offset, size, private)
            origins.update((release.guid, number) for number, release in results.releases)
            return [release for _, release in results.releases], results.received

        found = fitting(await walk(page, query), query, categories)
        return _fair(found, origins)[: query.limit] if len(found) > query.limit else found

    async def fetch(self, release: Release) -> bytes | Magnet:
        """The .torrent, or the magnet where the release has nothing else or its link leads to one."""
        return await self._upstream.torrent(release)

    async def capabilities(self) -> Capabilities:
        """What can be asked of all its indexers that are switched on. Raises `SiteUnavailable` when there are none."""
        behind = await self._look()
        if not behind:
            raise site_unavailable(self._upstream.site, "none of its torrent indexers is switched on")
        return merged(one.capabilities for one in behind)

    async def account(self) -> None:
        """A Prowlarr has accounts, and tells nobody of them."""
        return

    async def test(self) -> IndexerHealth:
        try:
            status = await self._ask("system/status")
            if not isinstance(status, dict):
                raise answer_not_understood(self._upstream.site, "no status of a Prowlarr")
            behind = await self._look()
        except EarmarkError as error:
            return IndexerHealth(ok=False, message=f"{error.reason.message} {error.reason.action}")
        if not behind:
            return IndexerHealth(
                ok=False,
                message=f"{self._upstream.site} answers, but none of its torrent indexers is switched on. "
                "Add or enable one there, or name others in `indexer_ids`.",
            )
        version = plain_text(str(status.get("version") or "of unknown version"))[:40]
        names = ", ".join(one.name for one in behind[:10])
        return IndexerHealth(ok=True, message=f"Prowlarr {version} answers and searches {names}.")

    async def close(self) -> None:
        await self._upstream.close()

    async def _page(
        self, words: str, categories: Sequence[int], offset: int, size: int, private: frozenset[int]
    ) -> Results:
        params: list[tuple[str, str]] = [("query", words)] if words else []
        params += [("type", "search"), ("limit", str(size)), ("offset", str(offset))]
        params += [("categories", str(number)) for number in categories]
        params += [("indexerIds", str(number)) for number in self._ids]
        site, hide = self._upstream.site, self._upstream.hide
        elements = await self._list("search", params)
        results = read_results(elements, indexer=self.name, hide=hide, private=private)
        for why in results.skipped:
            log.warning("row_skipped", indexer=self.name, why=why)
        if results.skipped and not results.releases:
            raise answer_not_understood(site, "results of which none makes sense", why=results.skipped[0])
        return results

    async def _known(self) -> tuple[Behind, ...]:
        """Its indexers, looked at again when that was long ago. Only the first search waits for a look under way."""
        if self._stale() and not (self._behind and self._looking.locked()):
            async with self._looking:
                if self._stale():
                    return await self._look()
        return self._behind or ()

    def _stale(self) -> bool:
        return self._behind is None or self._upstream.now() - self._looked_at > LOOK_AGAIN

    async def _look(self) -> tuple[Behind, ...]:
        self._behind = read_indexers(await self._list("indexer", []), frozenset(self._ids))
        self._looked_at = self._upstream.now()
        return self._behind

    async def _list(self, path: str, params: Sequence[tuple[str, str]]) -> list[JsonValue]:
        told = await self._ask(path, params)
        if not isinstance(told, list):
            said = self._upstream.hide(_message(told))
            raise answer_not_understood(self._upstream.site, f"no list but {said or 'something else'}")
        return told

    async def _ask(self, path: str, params: Sequence[tuple[str, str]] = ()) -> JsonValue:
        upstream = self._upstream
        url = httpx2.URL(f"{upstream.url}/api/v1/{path}", params=list(params))
        answer = await upstream.get(url, headers={"X-Api-Key": upstream.key, "Accept": "application/json"})
        if answer.status == 400:
            self._refused(answer)
        upstream.refuse_all(answer)
        return read_json(answer, upstream.site)

    def _refused(self, answer: Answer) -> None:
        """A Prowlarr whose indexers are all in trouble says so with a 400."""
        said = self._upstream.hide(_message(read_json(answer, self._upstream.site)))
        if "unavailable" in said.lower():
            raise site_unavailable(self._upstream.site, f"it reports: {said.rstrip('.')}", answer.retry_after)
        raise search_refused(self._upstream.site, said)


def _message(told: JsonValue) -> str:
    """What an error body says, in Prowlarr's shape or ASP.NET's."""
    said = (told.get("message") or told.get("title") or told.get("error")) if isinstance(told, dict) else None
    return " ".join(plain_text(said).split())[:160] if isinstance(said, str) else ""


def _categories_of(behind: Sequence[Behind]) -> frozenset[int]:
    """Every category of any of them; none when one of them names none, for it may have all."""
    if not all(one.capabilities.categories for one in behind):
        return frozenset()
    return merged(one.capabilities for one in behind).ids()


def _fair(releases: Sequence[Release], origins: dict[str, int]) -> list[Release]:
    """The releases in turn from each indexer behind: a cut must not cost one of them everything."""
    by_origin: dict[int, list[Release]] = {}
    for release in releases:
        by_origin.setdefault(origins[release.guid], []).append(release)
    return [release for turn in zip_longest(*by_origin.values()) for release in turn if release is not None]
