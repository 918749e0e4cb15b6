"""The programs that show the shelf to people. What the settings name is opened here and handed out behind
`ports.MediaServer`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import httpx2

from earmark.http import new_client
from earmark.ports import MediaServer
from earmark.servers.audiobookshelf import TIMEOUT_SECS, AudiobookshelfServer
from earmark.settings import Settings

__all__ = ["AudiobookshelfServer", "open_server"]


def open_server(
    settings: Settings,
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> MediaServer | None:
    """The configured media server, or None. `transport` replaces the network; nothing is asked of anybody yet."""
    chosen = settings.audiobookshelf
    if chosen.url is None or chosen.api_key is None:
        return None
    return AudiobookshelfServer(
        chosen.url,
        chosen.api_key,
        new_client(TIMEOUT_SECS, transport),
        library=chosen.library,
        may_scan=chosen.scan,
        clock=clock,
    )
