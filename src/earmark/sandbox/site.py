"""The stand-in site's state: catalogue, account, sessions, faults, settings and the log of what was asked.

One `Site` is one world's site. How requests become answers is in `app` and `routes`; here is what they act upon. It is
second-hand knowledge made runnable: nothing in it was checked against the live site.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

import bencode2

from earmark.core.reasons import JsonValue
from earmark.core.torrentfile import read_torrent
from earmark.sandbox.account import Account
from earmark.sandbox.catalogue import Catalogue, CatalogueRelease
from earmark.sandbox.clock import WorldClock
from earmark.sandbox.faults import Faults
from earmark.sandbox.search import Listed
from earmark.sandbox.session import Sessions

LOG_LENGTH = 5000
FREEZE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """Where sources disagree or the live site's number is unknown, there is a switch (mam-api.md sections 12 and 13)."""

    rotate: bool = True  # a new mam_id with every answer
    grace_secs: float = 60.0  # how long the value before stays good
    cookie_domain: str = ""  # "" keeps the cookie to this host
    jsonload_shape: str = "nested"  # "nested" since 2026, "old" before
    limit_answer: str = "html"  # at the unsatisfied limit: an HTML page ("html") or "406"
    lag_secs: float = 0.0  # how long my_snatched and personal_freeleech lag behind; live 5 to 20 minutes
    hash_needs_tid: bool = False  # download.php/<dl> is refused without tid (the newest client says so)
    fetched_counts: bool = False  # a fetched .torrent takes an unsatisfied slot at once
    search_ceiling: int = 0  # rows after which pages stay empty whatever `found` says; 0 for none
    seedbox_permission: bool = True  # may this session set the seedbox address?
    api_session_buys_wedges: bool = False  # personalFL through bonusBuy.php; refused since 2026
    hang_secs: float = 120.0  # a hanging answer gives up after this

    def changed(self, told: Mapping[str, JsonValue]) -> SiteSettings:
        """A copy with these settings. Raises ValueError that names the key."""
        types = {f.name: type(getattr(self, f.name)) for f in fields(self)}
        for key, value in told.items():
            if key not in types:
                raise ValueError(f'there is no setting "{key}"; known are {", ".join(types)}')
            wanted = (int, float) if types[key] is float else types[key]
            if not isinstance(value, wanted) or (isinstance(value, bool) and types[key] is not bool):
                raise ValueError(f'the setting "{key}" must be of type {types[key].__name__}')
        return replace(self, **told)  # type: ignore[arg-type]  # checked just above


@dataclass(frozen=True, slots=True)
class PreparedTorrent:
    """A release's torrent before it is anybody's: the announce URL is filled in for the account that fetches it."""

    data: bytes
    info_hash: str

    @classmethod
    def of(cls, data: bytes) -> PreparedTorrent:
        return cls(data, str(read_torrent(data).info_hash))

    def for_announce(self, url: str) -> bytes:
        """The same torrent with a personal announce URL; the info dictionary, and so the info-hash, stays."""
        outer = bencode2.bdecode(self.data)
        assert isinstance(outer, dict)
        return bencode2.bencode({**outer, b"announce": url.encode()})


@dataclass(frozen=True, slots=True)
class SeedboxAddress:
    """The address registered through dynamicSeedbox.php."""

    ip: str
    changed_at: datetime


class Site:
    """One stand-in site. `announce_url` gives the tracker's URL for a passkey, `swarm` (seeders, leechers) of a hash."""

    def __init__(
        self,
        catalogue: Catalogue,
        torrents: Mapping[int, PreparedTorrent],
        *,
        announce_url: Callable[[str], str],
        swarm: Callable[[str], tuple[int, int]] | None = None,
        clock: WorldClock | None = None,
        settings: SiteSettings | None = None,
        account: Account | None = None,
        sessions: Sessions | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.torrents = dict(torrents)
        self.announce_url = announce_url
        self.swarm = swarm
        self.clock = clock or WorldClock()
        self.settings = settings or SiteSettings()
        self.account = account or Account()
        self.sessions = sessions or Sessions()
        self.faults = Faults()
        self.log: deque[dict[str, JsonValue]] = deque(maxlen=LOG_LENGTH)
        self.seedbox: SeedboxAddress | None = None
        self.peers: dict[tuple[str, int], str] = {}  # the account's clients by address
        self.session_changed: Callable[[], None] = lambda: None
        self._by_hash = {torrent.info_hash: release_id for release_id, torrent in self.torrents.items()}

    def listing(self) -> list[Listed]:
        """The whole catalogue as this account sees it now."""
        return [self.listed(release) for release in self.catalogue.releases]

    def listed(self, release: CatalogueRelease) -> Listed:
        """One release as this account sees it now; its own flags lag behind by the setting."""
        info_hash = self.torrents[release.id].info_hash
        visible = self.clock.now() - timedelta(seconds=self.settings.lag_secs)
        snatch = self.account.snatches.get(info_hash)
        wedge = self.account.personal.get(release.id)
        live = self.swarm(info_hash) if self.swarm else (0, 0)
        return Listed(
            release,
            info_hash,
            seeders=max(release.seeders, live[0]),
            leechers=max(release.leechers, live[1]),
            snatched=snatch is not None and snatch.completed_at is not None and snatch.completed_at <= visible,
            personal_freeleech=wedge is not None and wedge <= visible,
        )

    def announced(
        self, info_hash: str, *, event: str, uploaded: int, downloaded: int, left: int, ip: str, port: int, agent: str
    ) -> None:
        """Book an announce of the account's client."""
        release_id = self._by_hash.get(info_hash)
        release = self.catalogue.by_id(release_id) if release_id is not None else None
        if release is None:
            return
        self.peers[(ip, port)] = agent
        self.account.announce(
            info_hash, release, event=event, uploaded=uploaded, downloaded=downloaded, left=left, at=self.clock.now()
        )

    def advance(self, step: timedelta) -> datetime:
        """Push the world's time forward; seeding torrents go on seeding meanwhile."""
        self.account.tick(self.clock.now())
        now = self.clock.advance(step)
        self.account.tick(now)
        return now

    def at_limit(self, release: CatalogueRelease) -> bool:
        """May this account not download this now? Reaching the limit freezes downloads for a day."""
        now = self.clock.now()
        account = self.account
        info_hash = self.torrents[release.id].info_hash
        if info_hash in account.snatches or release.id in account.fetched:
            return False
        if account.frozen_until is not None and now < account.frozen_until:
            return True
        account.tick(now)
        if account.slots_taken(now, fetched_counts=self.settings.fetched_counts) < account.unsat_limit:
            return False
        account.frozen_until = now + FREEZE
        return True

    def wedge_refusal(self, release: CatalogueRelease) -> str | None:
        """Why no wedge can be spent on this release, in the site's own words; None when it can."""
        if release.vip:
            return "This Torrent is VIP"
        if release.free:
            return "Cannot spend FL Wedges on Freeleech Picks"
        if release.id in self.account.personal:
            return "This is already a personal freeleech"
        return None if self.account.wedges else "Not enough wedges"

    def spend_wedge(self, release: CatalogueRelease) -> None:
        """Make a release free for this account. Ask `wedge_refusal` first."""
        assert self.account.wedges
        self.account.wedges -= 1
        self.account.personal[release.id] = self.clock.now()

    def download_hash(self, release_id: int) -> str:
        """The account's `dl` for a release: opaque, secret, and with commas in it as on the live site."""
        digest = hashlib.sha256(f"{self.account.download_salt}:{release_id}".encode()).hexdigest()
        return f"SBXdl{digest[:18]},{digest[18:30]},{digest[30]}"

    def release_of_hash(self, dl: str) -> CatalogueRelease | None:
        """The release that a `dl` of this account stands for."""
        return next((r for r in self.catalogue.releases if self.download_hash(r.id) == dl), None)
