"""Those who know books. What the settings name is opened here and handed out behind `ports.MetadataProvider`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import httpx2

from earmark.http import new_client
from earmark.metadata.audnexus import AudnexusProvider
from earmark.ports import MetadataProvider
from earmark.settings import Settings

__all__ = ["AudnexusProvider", "open_providers"]


def open_providers(
    settings: Settings,
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    monotonic: Callable[[], float] = time.monotonic,
) -> tuple[MetadataProvider, ...]:
    """Every configured provider, the most trusted first. `transport` replaces the network; nobody is asked yet."""
    chosen = settings.metadata
    if chosen.audnexus_url is None:
        return ()
    return (
        AudnexusProvider(
            chosen.audnexus_url,
            chosen.catalogue_url,
            chosen.region,
            new_client(chosen.timeout_secs, transport),
            clock=clock,
            monotonic=monotonic,
            timeout_secs=chosen.timeout_secs,
        ),
    )
