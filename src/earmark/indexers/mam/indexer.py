"""MyAnonamouse behind the indexer contract: search, fetch, account, health. The cookie is the session's business."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import httpx2
import structlog

from earmark.core.newznab import Capabilities
from earmark.core.reasons import EarmarkError
from earmark.core.release import Account, Release
from earmark.core.torrentfile import MAX_TORRENT_BYTES
from earmark.http import Answer, answer_not_understood
from earmark.indexers.asking import wording
from earmark.indexers.errors import not_our_release, search_refused
from earmark.indexers.mam.account import ACCOUNT_PATH, read_account
from earmark.indexers.mam.answers import json_object
from earmark.indexers.mam.categories import CAPABILITIES, EVERYTHING, Wanted, is_wanted, wanted_for
from earmark.indexers.mam.download import DOWNLOAD_PATH, torrent_bytes
from earmark.indexers.mam.query import SEARCH_PATH, SMALLEST_PAGE, page_size, search_body
from earmark.indexers.mam.rows import NOTHING_FOUND, Page, read_page
from earmark.indexers.mam.session import MamSession, SessionStore
from earmark.indexers.pacing import Pacer
from earmark.indexers.text import clean
from earmark.ports import IndexerHealth, SearchQuery

log = structlog.get_logger(__name__)

MAX_PAGES = 50


class MamIndexer:
    name = "mam"

    def __init__(
        self,
        base_url: str,
        cookie: SessionStore,
        http: httpx2.AsyncClient,
        limiter: Pacer,
        *,
        clock: Callable[[], datetime],
        timeout_secs: float = 30.0,
        configured: str | None = None,
    ) -> None:
        """`configured` is the mam_id from the settings, used when nothing newer is stored. Raises `BadSessionId`."""
        self._base_url = base_url.rstrip("/")
        self._session = MamSession(
            self._base_url, cookie, http, limiter, configured=configured, clock=clock, timeout_secs=timeout_secs
        )

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        """Page by page until the limit, the site's own count, or a page with nothing new (the site stops early at
        times, whatever it counts)."""
        words = wording(query)
        wanted = wanted_for(query.kind, query.categories)
        if words is None or wanted is None:
            return []
        releases: dict[str, Release] = {}
        received = 0
        for _ in range(MAX_PAGES):
            start = query.offset + received
            page = await self._page(words, wanted, start, page_size(query.limit - received))
            known = len(releases)
            releases.update((r.guid, r) for r in page.releases if r.guid not in releases)
            received += page.received
            exhausted = page.found is not None and query.offset + received >= page.found
            if len(releases) == known or exhausted or received >= query.limit:
                break
        return [r for r in releases.values() if is_wanted(r.categories, query.categories)][: query.limit]

    async def fetch(self, release: Release) -> bytes:
        """The .torrent of a release, sound and private. Raises `BadTorrent`, the session's errors, `TorrentGone`,
        `UnsatisfiedLimitReached` and `GrabsBlocked`."""
        torrent_id = release.download_ref or release.guid.rpartition("/t/")[2]
        if release.indexer != self.name or not re.fullmatch(r"[1-9]\d{0,18}", torrent_id, re.ASCII):
            raise not_our_release(self.name, release.guid)
        return await self._session.call(
            "GET",
            DOWNLOAD_PATH + torrent_id,
            partial(torrent_bytes, site=self._session.site),
            max_bytes=MAX_TORRENT_BYTES,
        )

    async def capabilities(self) -> Capabilities:
        """The site tells nothing of the kind by itself; these are known."""
        return CAPABILITIES

    async def account(self) -> Account:
        return await self._session.call("GET", ACCOUNT_PATH, self._read_account)

    async def test(self) -> IndexerHealth:
        """Reads the account and looks at the newest release: the two things everything else rests on."""
        try:
            who = await self.account()
            await self._page("", EVERYTHING, 0, SMALLEST_PAGE)
        except EarmarkError as error:
            return IndexerHealth(ok=False, message=f"{error.reason.message} {error.reason.action}")
        return IndexerHealth(ok=True, message=f"Signed in as {who.username} and allowed to search.", account=who)

    async def set_mam_id(self, value: str) -> None:
        """Use a new session id from the next call on, and remember it. Raises `BadSessionId`."""
        await self._session.set_mam_id(value)

    async def close(self) -> None:
        await self._session.close()

    def _read_account(self, answer: Answer) -> Account:
        return read_account(json_object(answer, self._session.site), self._session.site)

    async def _page(self, words: str, wanted: Wanted, start: int, perpage: int) -> Page:
        body = search_body(words, wanted, start=start, perpage=perpage)
        page = await self._session.call("POST", SEARCH_PATH, self._read_page, body=body)
        for row in page.skipped:
            log.warning("row_skipped", indexer=self.name, position=row.position, row_id=row.row_id, why=row.why)
        return page

    def _read_page(self, answer: Answer) -> Page:
        site = self._session.site
        payload = json_object(answer, site)
        page = read_page(payload, base_url=self._base_url, indexer=self.name)
        if page is None:
            message = payload.get("error") or payload.get("message")
            if isinstance(message, str) and message.strip().startswith(NOTHING_FOUND):
                return Page((), 0, 0)
            if isinstance(message, str):
                raise search_refused(site, answer.masked(clean(message))[:160])
            raise answer_not_understood(
                site, "search results without a list of rows", keys=", ".join(sorted(payload)[:20])
            )
        if page.received and not page.releases:
            raise answer_not_understood(site, "search results of which no row makes sense", why=page.skipped[0].why)
        return page
