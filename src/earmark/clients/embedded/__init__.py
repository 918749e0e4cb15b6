"""The built-in BitTorrent client: libtorrent behind the contract, with a memory that survives `kill -9`."""

from __future__ import annotations

from earmark.clients.embedded.client import EmbeddedClient
from earmark.clients.embedded.config import EmbeddedConfig

__all__ = ["EmbeddedClient", "EmbeddedConfig"]
