"""May this release be grabbed now? Small gates, each with its own reason; the first that refuses is what the ticket waits
for. The ledger's gates (ratio, slots, VIP) join this table when the ledger is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from earmark.core.reasons import Reason

TRACKERS_WITH_APPROVED_CLIENTS = frozenset({"mam"})
UNAPPROVED_CLIENTS = frozenset({"embedded"})


@dataclass(frozen=True, slots=True)
class Offer:
    """What the gates look at. Sizes in bytes."""

    tracker: str
    size_bytes: int
    private: bool
    client: str
    client_allowed: bool  # the owner says staff allowed a client that is not on the tracker's list
    running_downloads: int
    max_downloads: int
    free_bytes: int  # on the download disk
    keep_free_bytes: int


def admit(offer: Offer) -> Reason | None:
    """None: go ahead. Otherwise the reason to wait, with the one action that ends the wait."""
    return next((reason for gate in GATES if (reason := gate(offer)) is not None), None)


def client_is_approved(offer: Offer) -> Reason | None:
    if (
        offer.tracker not in TRACKERS_WITH_APPROVED_CLIENTS
        or offer.client not in UNAPPROVED_CLIENTS
        or offer.client_allowed
    ):
        return None
    return Reason(
        "client_not_approved",
        f"The tracker's rules name the clients one may use, and the {offer.client} one is not among them.",
        "Use qBittorrent or Transmission ([client] kind), or set [mam] allow_unapproved_client = true if staff allowed it; "
        "then restart Earmark.",
        {"tracker": offer.tracker, "client": offer.client},
    )


def disk_has_room(offer: Offer) -> Reason | None:
    needed = offer.size_bytes + offer.keep_free_bytes
    if offer.free_bytes >= needed:
        return None
    return Reason(
        "disk_full",
        f"The download disk has {offer.free_bytes // 1024**2} MiB left; this release needs {needed // 1024**2} MiB with reserve.",
        "Make room on the download disk; Earmark looks again by itself every five minutes.",
        {"free_bytes": offer.free_bytes, "needed_bytes": needed},
    )


def a_download_slot_is_free(offer: Offer) -> Reason | None:
    if offer.running_downloads < offer.max_downloads:
        return None
    return Reason(
        "download_slots",
        f"{offer.running_downloads} of {offer.max_downloads} parallel downloads are running; this one is next in line.",
        "Wait, or raise [processing] max_parallel_downloads.",
        {"running": offer.running_downloads, "limit": offer.max_downloads},
    )


GATES: tuple[Callable[[Offer], Reason | None], ...] = (client_is_approved, disk_has_room, a_download_slot_is_free)
