"""The stand-in account: what it has, what it snatched, what it still owes.

Announces come in, buckets come out: a snatch is unsatisfied until it was seeded for 72 hours (mam-api.md sections 3, 5
and 8). Time is an argument everywhere. It knows neither HTTP nor how a tracker speaks.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from earmark.core.reasons import JsonValue
from earmark.sandbox.catalogue import CatalogueRelease

SEED_TIME = timedelta(hours=72)
SEED_WINDOW = timedelta(days=30)
GIB = 1024**3

BUCKET_NAMES = {
    "leeching": "Leeching Torrents",
    "sSat": "Seeding - Satisfied",
    "seedHnr": "Seeding - H&R - Not Yet Satisfied",
    "seedUnsat": "Seeding - pre-H&R - Not Yet Satisfied",
    "upAct": "Seeding - Uploads",
    "upInact": "Not Seeding - Uploads",
    "inactHnr": "Not Seeding - H&R - Not Yet Satisfied",
    "inactSat": "Not Seeding - Satisfied",
    "inactUnsat": "Not Seeding - pre-H&R - Not Yet Satisfied",
}
UNSATISFIED_BUCKETS = ("seedUnsat", "inactUnsat", "seedHnr", "inactHnr")


@dataclass(slots=True)
class Snatch:
    """One torrent this account announced, and what the announces added up to. Times are the world's."""

    release: CatalogueRelease
    started_at: datetime
    last_seen: datetime
    completed_at: datetime | None = None
    active: bool = True
    seeded: timedelta = timedelta()
    leeched: timedelta = timedelta()
    uploaded: int = 0
    downloaded: int = 0
    left: int = 0
    counters: tuple[int, int] = (0, 0)  # what the client's present session had told before

    def tick(self, now: datetime) -> None:
        """Let time pass: an active snatch seeds (or leeches) on."""
        passed = now - self.last_seen
        if self.active and self.completed_at is not None:
            self.seeded += passed
        elif self.active:
            self.leeched += passed
        self.last_seen = now

    @property
    def satisfied(self) -> bool:
        return self.seeded >= SEED_TIME

    def bucket(self, now: datetime) -> str:
        """The key of the list it stands in."""
        if self.completed_at is None:
            return "leeching"
        if self.satisfied:
            return "sSat" if self.active else "inactSat"
        state = "Unsat" if now - self.completed_at <= SEED_WINDOW else "Hnr"
        return ("seed" if self.active else "inact") + state


@dataclass(slots=True)
class Account:
    """The one account of the stand-in site. Everything in it is invented."""

    uid: int = 424242
    username: str = "sandbox_mouse"
    classname: str = "Power User"
    uploaded_bytes: int = 332_717_237_862
    downloaded_bytes: int = 103_519_446_630
    seedbonus: float = 21_480.0
    wedges: int | None = 3
    vip_until: datetime | None = None
    unsat_limit: int = 100
    unsat_elsewhere: int = 0  # unsatisfied torrents that other machines of the account hold
    connectable: str = "yes"
    frozen_until: datetime | None = None
    passkey: str = field(default_factory=lambda: secrets.token_hex(16))
    download_salt: str = field(default_factory=lambda: secrets.token_hex(8))
    snatches: dict[str, Snatch] = field(default_factory=dict)  # by info-hash
    personal: dict[int, datetime] = field(default_factory=dict)  # release id -> when the wedge was spent
    fetched: set[int] = field(default_factory=set)  # releases whose .torrent was fetched

    @property
    def ratio(self) -> float:
        return round(self.uploaded_bytes / max(1, self.downloaded_bytes), 6)

    @property
    def vip_member(self) -> bool:
        return self.classname.strip().casefold() in {"vip", "elite vip"}

    def downloads_free(self, release: CatalogueRelease) -> bool:
        """Does downloading this count as nothing? (mam-api.md section 9)"""
        return release.free or release.id in self.personal or (self.vip_member and (release.vip or release.fl_vip))

    def announce(
        self,
        info_hash: str,
        release: CatalogueRelease,
        *,
        event: str,
        uploaded: int,
        downloaded: int,
        left: int,
        at: datetime,
    ) -> None:
        """Book one announce of this account's client."""
        snatch = self.snatches.get(info_hash)
        if snatch is None:
            if event == "stopped":
                return
            snatch = self.snatches[info_hash] = Snatch(release, at, at)
        snatch.tick(at)
        before = (0, 0) if event == "started" else snatch.counters
        more_up, more_down = max(0, uploaded - before[0]), max(0, downloaded - before[1])
        snatch.counters = (uploaded, downloaded)
        snatch.uploaded += more_up
        snatch.downloaded += more_down
        snatch.left = left
        self.uploaded_bytes += more_up
        self.downloaded_bytes += 0 if self.downloads_free(release) else more_down
        snatch.active = event != "stopped"
        if left == 0 and snatch.completed_at is None:
            snatch.completed_at = at

    def tick(self, now: datetime) -> None:
        """Let time pass for every snatch."""
        for snatch in self.snatches.values():
            snatch.tick(now)

    def in_bucket(self, bucket: str, now: datetime) -> list[tuple[str, Snatch]]:
        """The snatches in one list; `unsat` is the union of the unsatisfied ones."""
        keys = UNSATISFIED_BUCKETS if bucket == "unsat" else (bucket,)
        return [(key, snatch) for key, snatch in self.snatches.items() if snatch.bucket(now) in keys]

    def unsatisfied(self, now: datetime, *, fetched_counts: bool = False) -> int:
        """How many unsatisfied slots are taken."""
        held = len(self.in_bucket("unsat", now)) + self.unsat_elsewhere
        if not fetched_counts:
            return held
        known = {snatch.release.id for snatch in self.snatches.values()}
        return held + len(self.in_bucket("leeching", now)) + len(self.fetched - known)

    def slots_taken(self, now: datetime, *, fetched_counts: bool) -> int:
        """What the limit is held against: the unsatisfied ones and those still on their way."""
        if fetched_counts:
            return self.unsatisfied(now, fetched_counts=True)
        return self.unsatisfied(now) + len(self.in_bucket("leeching", now))


def summary(account: Account, now: datetime, *, fetched_counts: bool, with_red: bool) -> dict[str, JsonValue]:
    """The buckets of `snatch_summary`. `red` belongs to the old shape only."""
    buckets: dict[str, JsonValue] = {}
    for key, name in BUCKET_NAMES.items():
        held = account.in_bucket(key, now)
        buckets[key] = _bucket(name, len(held), sum(s.release.size for _, s in held), with_red=with_red)
    unsat = account.in_bucket("unsat", now)
    count = account.unsatisfied(now, fetched_counts=fetched_counts)
    size = sum(snatch.release.size for _, snatch in unsat)
    buckets["unsat"] = _bucket("Unsatisfied", count, size, with_red=with_red) | {"limit": account.unsat_limit}
    red: Mapping[str, JsonValue] = {"red": False} if with_red else {}
    buckets["duplicates"] = {"name": "Duplicate peer entries", "count": 0, **red}
    buckets["reseed"] = {"name": "Reseed requests", "count": 0, "inactive": 0, **red}
    buckets["ite"] = {"name": "Important Tracker Errors", "count": 0, "latest": 0}
    stamp = int(now.timestamp())
    return {
        "connectable": account.connectable, "created": stamp, "update": stamp, "partial": False, "recently_deleted": 0,
        "ipv6_mac": False, "v6_connectable": None, **buckets,
    }  # fmt: skip


def _bucket(name: str, count: int, size: int, *, with_red: bool) -> dict[str, JsonValue]:
    bucket: dict[str, JsonValue] = {"name": name, "count": count, "size": size or None}
    return bucket | {"red": count > 0 and "H&R" in name and "pre" not in name} if with_red else bucket
