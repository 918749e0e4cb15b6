"""The whole stand-in world in one process: site, tracker and seeder over one catalogue folder, a media server over a
library folder, somebody who knows all those books, and two programs that search the site for others.

It binds loopback and nothing else. What must outlive a restart (ports, passkey, the session, the services' keys) is
kept in a small file of its own state folder; the catalogue and the library are only ever read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
from collections.abc import Generator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import TracebackType

import uvicorn

from earmark.core.reasons import JsonValue, PermanentError
from earmark.sandbox.account import Account
from earmark.sandbox.app import create_app
from earmark.sandbox.audiobookshelf import StandInAudiobookshelf
from earmark.sandbox.audnexus import StandInAudnexus
from earmark.sandbox.catalogue import LEFT_OUT, Catalogue, read_catalogue
from earmark.sandbox.clock import WorldClock
from earmark.sandbox.prowlarr import StandInProwlarr
from earmark.sandbox.seeder import Seeder, make_torrent
from earmark.sandbox.session import Sessions
from earmark.sandbox.site import PreparedTorrent, Site, SiteSettings
from earmark.sandbox.torznab import StandInTorznab
from earmark.sandbox.tracker import Announce, Tracker, fingerprint

LOOPBACK = "127.0.0.1"
STATE_FILE = "world.json"
MEDIA_SERVER_PATH = "/audiobookshelf"
AUDNEXUS_PATH = "/audnexus"
TORZNAB_PATH = "/torznab"
PROWLARR_PATH = "/prowlarr"
LIVE_LAG_SECS = 600.0  # in the middle of the 5 to 20 minutes of the live site
LIVE_ANNOUNCE_SECS = 1800
FAST_ANNOUNCE_SECS = 2


def builtin_catalogue() -> Path:
    """The small catalogue that comes with Earmark: public-domain titles, generated speech."""
    return Path(str(files("earmark.sandbox") / "library"))


class World:
    """`async with World(catalogue, state_dir) as world`: the world runs until the block ends.

    `fast` shortens what would only make a person wait: announces come every two seconds and the account's flags do not
    lag. Without it both keep the live site's pace. `shelf` is the folder of the media server's library “Audiobooks”; it
    need not be there yet, and without it the server has no library. Raises `CatalogueError` for a catalogue that cannot be offered and
    `PermanentError` for a taken port.
    """

    def __init__(
        self,
        catalogue: Path,
        state_dir: Path,
        port: int = 0,
        fast: bool = True,
        settings: SiteSettings | None = None,
        shelf: Path | None = None,
    ) -> None:
        self._folder = catalogue.resolve()
        self._shelf = shelf.resolve() if shelf else None
        self._state_file = state_dir / STATE_FILE
        self._port = port
        self._settings = settings or SiteSettings(lag_secs=0.0 if fast else LIVE_LAG_SECS)
        self._interval = FAST_ANNOUNCE_SECS if fast else LIVE_ANNOUNCE_SECS
        self._stack = contextlib.AsyncExitStack()
        self.clock = WorldClock()

    async def __aenter__(self) -> World:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._remember()
        finally:
            await self._stack.aclose()

    @property
    def site_url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def mam_id(self) -> str:
        """The session's present value; it changes with every answer of the site."""
        return self.site.sessions.newest()

    @property
    def tracker_url(self) -> str:
        """The tracker without any passkey."""
        return f"http://{LOOPBACK}:{self.tracker.port}"

    @property
    def audiobookshelf_url(self) -> str:
        """The media server; `audiobookshelf.key` opens it."""
        return self.site_url + MEDIA_SERVER_PATH

    @property
    def audnexus_url(self) -> str:
        """Facts of books, and the catalogue they are looked up in."""
        return self.site_url + AUDNEXUS_PATH

    @property
    def torznab_url(self) -> str:
        """A Torznab feed over the catalogue; `torznab.key` opens it."""
        return f"{self.site_url}{TORZNAB_PATH}/api"

    @property
    def prowlarr_url(self) -> str:
        """A Prowlarr over the catalogue; `prowlarr.key` opens it."""
        return self.site_url + PROWLARR_PATH

    def ready_line(self) -> dict[str, JsonValue]:
        """What a caller needs to use the world."""
        return {
            "site": self.site_url,
            "mam_id": self.mam_id,
            "tracker": self.tracker_url,
            "releases": len(self.site.catalogue.releases),
            "audiobookshelf": self.audiobookshelf_url,
            "audiobookshelf_key": self.audiobookshelf.key,
            "audnexus": self.audnexus_url,
            "torznab": self.torznab_url,
            "torznab_key": self.torznab.key,
            "prowlarr": self.prowlarr_url,
            "prowlarr_key": self.prowlarr.key,
            "stand_in": True,
        }

    async def _start(self) -> None:
        kept = _read_state(self._state_file)
        catalogue = await asyncio.to_thread(read_catalogue, self._folder)
        catalogue, torrents = await asyncio.to_thread(_prepare, catalogue)
        account = Account()
        account.passkey = str(kept.get("passkey") or account.passkey)
        account.download_salt = str(kept.get("download_salt") or account.download_salt)
        seeder_passkey = secrets.token_hex(16)
        self.tracker = await self._start_tracker(_kept_port(kept, "tracker_port"))
        self.tracker.allow(account.passkey)
        self.tracker.allow(seeder_passkey)
        self.seeder = await self._start_seeder(_kept_port(kept, "seeder_port"))
        for release in catalogue.releases:
            torrent = torrents[release.id]
            self.tracker.register(torrent.info_hash)
            await self.seeder.seed(torrent.for_announce(self.tracker.url(seeder_passkey)), self._folder)
        self.site = Site(
            catalogue,
            torrents,
            announce_url=self.tracker.url,
            swarm=self.tracker.swarm,
            clock=self.clock,
            settings=self._settings,
            account=account,
            sessions=_sessions(kept),
        )
        self.site.session_changed = self._remember
        self.tracker.on_announce = self._announced
        self.audiobookshelf = StandInAudiobookshelf(str(kept.get("media_server_key") or "") or None)
        if self._shelf:
            self.audiobookshelf.add_library("Audiobooks", self._shelf)
        self.audnexus = StandInAudnexus(catalogue.releases)
        self.torznab = StandInTorznab(self.site, str(kept.get("torznab_key") or "") or None)
        self.prowlarr = StandInProwlarr(self.site, str(kept.get("prowlarr_key") or "") or None, self.clock.now)
        await self._start_site()
        self._remember()

    async def _start_tracker(self, port: int) -> Tracker:
        """On the port of the last run if it is free: torrents handed out then still name it."""
        tracker = Tracker(LOOPBACK, port, self._interval)
        try:
            await tracker.start()
        except OSError:
            tracker = Tracker(LOOPBACK, 0, self._interval)
            await tracker.start()
        self._stack.push_async_callback(tracker.stop)
        return tracker

    async def _start_seeder(self, port: int) -> Seeder:
        seeder = Seeder(LOOPBACK, port if _is_free(port) else 0)
        await seeder.start()
        self._stack.push_async_callback(seeder.stop)
        return seeder

    async def _start_site(self) -> None:
        listener = _listen(self._port)
        self._port = listener.getsockname()[1]
        neighbours = {
            MEDIA_SERVER_PATH: self.audiobookshelf.app(),
            AUDNEXUS_PATH: self.audnexus.app(),
            TORZNAB_PATH: self.torznab.app(),
            PROWLARR_PATH: self.prowlarr.app(),
        }
        config = uvicorn.Config(
            create_app(self.site, neighbours), log_level="warning", access_log=False, lifespan="off", server_header=False,
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = _QuietServer(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))

        async def stop() -> None:
            server.should_exit = True
            await serving
            listener.close()

        self._stack.push_async_callback(stop)
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0.01)

    def _announced(self, announce: Announce) -> None:
        if announce.failure is None and announce.passkey == fingerprint(self.site.account.passkey):
            self.site.announced(
                announce.info_hash,
                event=announce.event,
                uploaded=announce.uploaded,
                downloaded=announce.downloaded,
                left=announce.left,
                ip=announce.ip,
                port=announce.port,
                agent=announce.user_agent,
            )

    def _remember(self) -> None:
        """Keep what the next run needs, in one rename."""
        kept = {
            "passkey": self.site.account.passkey,
            "download_salt": self.site.account.download_salt,
            "tracker_port": self.tracker.port,
            "seeder_port": self.seeder.port,
            "mam_id": self.site.sessions.newest() if self.site.sessions.any() else None,
            "media_server_key": self.audiobookshelf.key,
            "torznab_key": self.torznab.key,
            "prowlarr_key": self.prowlarr.key,
        }
        self._state_file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._state_file.with_suffix(".new")
        fresh.write_text(json.dumps(kept), encoding="utf-8")
        fresh.replace(self._state_file)


class _QuietServer(uvicorn.Server):
    """A server that leaves the process's signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _prepare(catalogue: Catalogue) -> tuple[Catalogue, dict[int, PreparedTorrent]]:
    """Hash every release. One that makes no sound torrent (an impossible name, say) is left out, with the reason."""
    torrents: dict[int, PreparedTorrent] = {}
    left_out = list(catalogue.left_out)
    for release in catalogue.releases:
        try:
            torrents[release.id] = PreparedTorrent.of(make_torrent(release.folder, "", exclude=tuple(LEFT_OUT)))
        except (PermanentError, OSError, ValueError) as error:
            left_out.append(f"{release.folder.name!r}: {error}")
    offered = tuple(release for release in catalogue.releases if release.id in torrents)
    return replace(catalogue, releases=offered, left_out=tuple(left_out)), torrents


def _read_state(path: Path) -> dict[str, JsonValue]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _kept_port(kept: dict[str, JsonValue], name: str) -> int:
    port = kept.get(name)
    return port if isinstance(port, int) and 0 < port < 65536 else 0


def _sessions(kept: dict[str, JsonValue]) -> Sessions:
    sessions = Sessions()
    value = kept.get("mam_id")
    if isinstance(value, str) and value:
        sessions.restore(value)
    else:
        sessions.create()
    return sessions


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise PermanentError.of(
            "port_taken",
            f"The stand-in site cannot listen on {LOOPBACK}:{port}: {error.strerror or error}.",
            "Stop what uses the port, or choose another with --port (0 takes any free one).",
            port=port,
        ) from error
    return listener


def _is_free(port: int) -> bool:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
