"""The places that know releases. Everything the settings name is opened here and handed out behind `ports.Indexer`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import httpx2

from earmark.http import new_client
from earmark.indexers.mam import MamIndexer, SessionStore
from earmark.indexers.pacing import Pacer
from earmark.indexers.torznab import TorznabIndexer, jackett_endpoint
from earmark.ports import Indexer, Sleep
from earmark.settings import Settings

__all__ = ["MamIndexer", "SessionStore", "TorznabIndexer", "open_indexers"]


async def open_indexers(
    settings: Settings,
    session_store: SessionStore,
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Sleep = asyncio.sleep,
) -> dict[str, Indexer]:
    """Every configured indexer by its name. `transport` replaces the network. Raises `BadSessionId` for a mam_id that
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
    if settings.jackett.url and settings.jackett.api_key:
        indexers["jackett"] = TorznabIndexer(
            "jackett",
            jackett_endpoint(settings.jackett.url),
            settings.jackett.api_key,
            new_client(settings.jackett.timeout_secs, transport),
            clock=clock,
            timeout_secs=settings.jackett.timeout_secs,
        )
    return indexers
