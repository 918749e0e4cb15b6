"""BitTorrent clients behind one contract (`ports.TorrentClient`), each in its own file or folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from earmark.core.reasons import PermanentError
from earmark.ports import TorrentClient
from earmark.settings import EmbeddedSettings, Settings

KIB = 1024


async def open_client(settings: Settings, data_dir: Path, clock: Callable[[], datetime]) -> TorrentClient:
    """The client that `[client] kind` names, ready to use. The caller closes it."""
    if settings.client.kind == "embedded":
        return await _embedded(settings.embedded, data_dir, clock)
    raise PermanentError.of(
        "client_kind_unknown", f"There is no torrent client {settings.client.kind}.", "Set [client] kind to embedded."
    )


async def _embedded(settings: EmbeddedSettings, data_dir: Path, clock: Callable[[], datetime]) -> TorrentClient:
    from earmark.clients.embedded import EmbeddedClient, EmbeddedConfig

    client = EmbeddedClient(
        EmbeddedConfig(
            state_dir=data_dir / "torrents",
            listen_address=settings.listen_address,
            listen_port=settings.listen_port,
            download_limit_bps=settings.download_limit_kib * KIB,
            upload_limit_bps=settings.upload_limit_kib * KIB,
            dht=settings.dht,
            pex=settings.pex,
            upnp=settings.upnp,
            utp=settings.utp,
            dht_bootstrap_nodes=settings.dht_bootstrap_nodes,
            clock=clock,
        )
    )
    await client.start()
    return client
