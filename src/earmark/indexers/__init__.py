"""The places that know releases. Everything the settings or the owner name is opened here and handed out behind
`ports.Indexer`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import httpx2
from pydantic import SecretStr

from earmark.core.indexing import IndexerFacts, IndexerRecord, IndexerSort
from earmark.http import new_client
from earmark.indexers.link import LinkFetcher
from earmark.indexers.mam import MamIndexer, SessionStore
from earmark.indexers.pacing import Pacer
from earmark.indexers.prowlarr import ProwlarrIndexer
from earmark.indexers.torznab import TorznabIndexer, feed_address, jackett_endpoint
from earmark.indexers.upstream import Upstream
from earmark.ports import Indexer, Sleep
from earmark.settings import Settings

__all__ = [
    "LinkFetcher",
    "MamIndexer",
    "ProwlarrIndexer",
    "SessionStore",
    "TorznabIndexer",
    "open_indexer",
    "open_indexers",
    "open_link_fetcher",
]


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def open_indexers(
    settings: Settings,
    session_store: SessionStore,
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    clock: Callable[[], datetime] = _utc_now,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Sleep = asyncio.sleep,
) -> dict[str, Indexer]:
    """Every configured indexer by its key. `transport` replaces the network. Raises `BadSessionId` for a mam_id that
    cannot be one; nothing is asked of any site yet."""
    indexers: dict[str, Indexer] = {}
    configured = settings.mam.mam_id.get_secret_value().strip() if settings.mam.mam_id else ""
    if configured or await session_store.load():
        indexers[MamIndexer.name] = MamIndexer(
            settings.mam.base_url,
            session_store,
            new_client(settings.mam.timeout_secs, transport),
            Pacer(settings.mam.requests_per_second, monotonic=monotonic, sleep=sleep),
            clock=clock,
            timeout_secs=settings.mam.timeout_secs,
            configured=configured or None,
        )
    upstream = partial(_upstream, transport=transport, clock=clock, monotonic=monotonic, sleep=sleep)
    jackett, prowlarr = settings.jackett, settings.prowlarr
    if jackett.url and jackett.api_key:
        facts = IndexerFacts(
            jackett_endpoint(jackett.url), jackett.timeout_secs, requests_per_second=jackett.requests_per_second
        )
        indexers["jackett"] = TorznabIndexer(upstream("jackett", facts, jackett.api_key))
    if prowlarr.url and prowlarr.api_key:
        facts = IndexerFacts(prowlarr.url, prowlarr.timeout_secs, requests_per_second=prowlarr.requests_per_second)
        indexers["prowlarr"] = ProwlarrIndexer(
            upstream("prowlarr", facts, prowlarr.api_key), upstream_ids=prowlarr.indexer_ids
        )
    return indexers


def open_indexer(
    record: IndexerRecord,
    secret: str | None,
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    clock: Callable[[], datetime] = _utc_now,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Sleep = asyncio.sleep,
) -> Indexer:
    """An indexer that was added by hand, under its record's key. `secret` is its API key; a feed may want none. A
    Torznab record's address is the whole feed (base address and API path; a bare Jackett is all of its indexers), a
    Prowlarr's is its base address. Nothing is asked of it yet. Raises ValueError for a record of MyAnonamouse, whose
    session `open_indexers` opens."""
    facts, key = record.facts, SecretStr(secret) if secret else None
    upstream = partial(_upstream, transport=transport, clock=clock, monotonic=monotonic, sleep=sleep)
    if record.sort is IndexerSort.TORZNAB:
        feed = replace(facts, url=feed_address(facts.url))
        return TorznabIndexer(upstream(record.key, feed, key), categories=facts.categories)
    if record.sort is IndexerSort.PROWLARR:
        return ProwlarrIndexer(
            upstream(record.key, facts, key), categories=facts.categories, upstream_ids=facts.upstream_ids
        )
    raise ValueError(f"{record.sort} has a session, which the settings open")


def open_link_fetcher(
    *,
    known_places: Callable[[], frozenset[tuple[str, int]]],
    timeout_secs: float = 30.0,
    transport: httpx2.AsyncBaseTransport | None = None,
    clock: Callable[[], datetime] = _utc_now,
) -> LinkFetcher:
    """The fetcher of pushed releases. `known_places`: hosts and ports that may be asked though they are not
    public, such as those of the house's indexers."""
    http = new_client(timeout_secs, transport)
    return LinkFetcher(http, clock=clock, timeout_secs=timeout_secs, known_places=known_places)


def _upstream(
    name: str,
    facts: IndexerFacts,
    key: SecretStr | None,
    *,
    transport: httpx2.AsyncBaseTransport | None,
    clock: Callable[[], datetime],
    monotonic: Callable[[], float],
    sleep: Sleep,
) -> Upstream:
    return Upstream(
        name,
        facts.url,
        key,
        new_client(facts.timeout_secs, transport),
        Pacer(facts.requests_per_second, monotonic=monotonic, sleep=sleep),
        clock=clock,
        timeout_secs=facts.timeout_secs,
    )
