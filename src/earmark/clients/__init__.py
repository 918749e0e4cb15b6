"""BitTorrent clients behind one contract (`ports.TorrentClient`), each in its own file or folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from earmark.ports import TorrentClient
from earmark.settings import EmbeddedSettings, QbittorrentSettings, Settings, TransmissionSettings

KIB = 1024


async def open_client(settings: Settings, data_dir: Path, clock: Callable[[], datetime]) -> TorrentClient:
    """The client that `[client] kind` names, ready to use. The caller closes it.

    A remote one is not called before it is needed: Earmark starts, and says so, while the other program is down.
    """
    match settings.client.kind:
        case "embedded":
            return await _embedded(settings.embedded, data_dir, clock)
        case "qbittorrent":
            return _qbittorrent(settings.qbittorrent)
        case "transmission":
            return _transmission(settings.transmission)


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


def _qbittorrent(settings: QbittorrentSettings) -> TorrentClient:
    from earmark.clients.qbittorrent import QbittorrentClient

    return QbittorrentClient(
        settings.url,
        settings.username,
        settings.password.get_secret_value() if settings.password else "",
        category=settings.category,
        seed_ratio_limit=settings.seed_ratio_limit,
        seed_time_limit_mins=settings.seed_time_limit_mins,
    )


def _transmission(settings: TransmissionSettings) -> TorrentClient:
    from earmark.clients.transmission import TransmissionClient

    return TransmissionClient(
        settings.url,
        settings.username or "",
        settings.password.get_secret_value() if settings.password else "",
    )
