"""What the embedded client needs to know, as one value, and the libtorrent settings that follow from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import libtorrent as lt

from earmark import USER_AGENT, __version__

FINGERPRINT = "EM"
PRIVATE_SEED_FLOOR_SECS = 72 * 3600
KIB = 1024


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class EmbeddedConfig:
    """Rates in bytes a second with 0 for no cap, times in seconds.

    `dht`, `pex`, `upnp` are for public torrents; private ones use neither DHT nor PEX whatever stands here, and local
    peer discovery is not used at all. `private_seed_floor_secs`: no goal ends the seeding of a private torrent earlier.
    `stall_secs`: a download that got nothing for so long announces again, to find more peers.
    `many_peers_per_address` is for laboratories where all peers share one address.
    """

    state_dir: Path
    listen_address: str = "0.0.0.0"  # noqa: S104 - peers come from outside
    listen_port: int = 0
    download_limit_bps: int = 0
    upload_limit_bps: int = 0
    dht: bool = False
    pex: bool = False
    upnp: bool = False
    utp: bool = True
    dht_bootstrap_nodes: tuple[str, ...] = ()
    clock: Callable[[], datetime] = _now
    private_seed_floor_secs: int = PRIVATE_SEED_FLOOR_SECS
    resume_save_secs: float = 30.0
    stall_secs: float = 180.0
    tick_secs: float = 0.25
    min_announce_secs: int = 300
    many_peers_per_address: bool = False


def user_agent() -> str:
    """How trackers see us: our own name and version, and the engine inside."""
    return f"{USER_AGENT} libtorrent/{lt.__version__}"


def peer_fingerprint() -> str:
    major, minor, patch = (*(int(part) for part in __version__.split(".")[:3] if part.isdigit()), 0, 0, 0)[:3]
    return lt.generate_fingerprint(FINGERPRINT, major, minor, patch, 0)


def session_settings(config: EmbeddedConfig) -> lt.settings_pack:
    address = f"[{config.listen_address}]" if ":" in config.listen_address else config.listen_address
    alerts = lt.alert_category
    return {
        "user_agent": user_agent(),
        "peer_fingerprint": peer_fingerprint(),
        "listen_interfaces": f"{address}:{config.listen_port}",
        "max_retry_port_bind": 0,  # the port that was forwarded, or a clear error
        "listen_system_port_fallback": False,
        "enable_dht": config.dht,
        "dht_bootstrap_nodes": ",".join(config.dht_bootstrap_nodes),
        "enable_lsd": False,
        "enable_upnp": config.upnp,
        "enable_natpmp": config.upnp,
        "enable_incoming_utp": config.utp,
        "enable_outgoing_utp": config.utp,
        "download_rate_limit": config.download_limit_bps,
        "upload_rate_limit": config.upload_limit_bps,
        "allow_multiple_connections_per_ip": config.many_peers_per_address,
        "min_announce_interval": config.min_announce_secs,
        "min_reconnect_time": 5,  # a pause and a resume should find the same peer again at once
        "stop_tracker_timeout": 2,
        "announce_to_all_tiers": False,
        "max_queued_disk_bytes": 4 * 1024 * KIB,
        "file_pool_size": 100,
        "aio_threads": 4,
        "hashing_threads": 2,
        "alert_queue_size": 20_000,
        "alert_mask": alerts.error | alerts.status | alerts.storage | alerts.tracker,
    }


def everyone_is_counted() -> lt.ip_filter:
    """libtorrent's rate caps pass over local peers unless every address belongs to the global peer class (bit 0)."""
    everybody = lt.ip_filter()
    everybody.add_rule("0.0.0.0", "255.255.255.255", 1)  # noqa: S104 - a range, not a socket
    everybody.add_rule("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1)
    return everybody
