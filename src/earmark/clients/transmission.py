"""Transmission behind the contract, over its RPC (3.00 and 4.x). The daemon runs by itself; closing lets it run on.

It answers an add with the torrent, new or known, so duplicates are adopted as they come. It stops seeding by ratio or
idle time only: a goal in seconds is kept by nobody here, the torrent simply seeds on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from transmission_rpc import Client
from transmission_rpc.error import TransmissionAuthError, TransmissionError

from earmark.clients.labels import labels
from earmark.clients.magnets import magnet_hash
from earmark.clients.redact import redact
from earmark.clients.removed import Removed
from earmark.clients.transmission_status import FIELDS, entries_of, status_of
from earmark.clients.worker import Worker
from earmark.core.reasons import PermanentError, TransientError
from earmark.core.torrentfile import BadTorrent, read_torrent
from earmark.core.torrents import InfoHash, SeedGoal, TorrentEntry, TorrentStatus
from earmark.ports import ClientIdentity

T = TypeVar("T")

TIMEOUT = 30.0
GLOBAL_LIMIT, OWN_LIMIT, NO_LIMIT = 0, 1, 2
LABELS_SINCE = 17  # rpc version
KILO = 1000  # its k: thousands of bytes a second
CORRUPT = "invalid or corrupt torrent"


class TransmissionClient:
    """`url` is the address of the RPC interface; `label` marks our torrents where the version knows labels on add."""

    name = "transmission"

    def __init__(self, url: str, username: str = "", password: str = "", *, label: str = "earmark") -> None:
        self._url = url
        self._username, self._password = username, password
        self._label = label
        self._worker = Worker("earmark-transmission")
        self._removed = Removed()
        self._connection: Client | None = None

    async def about(self) -> ClientIdentity:
        def ask() -> ClientIdentity:
            session = self._rpc().get_session().fields
            return ClientIdentity(
                self.name,
                str(session.get("version", "?")).split(" ")[0],
                dht=session.get("dht-enabled") is True,
                pex=session.get("pex-enabled") is True,
                lsd=session.get("lpd-enabled") is True,
            )

        return await self._do(ask)

    async def add(self, torrent: bytes, save_path: Path, *, goal: SeedGoal | None = None) -> InfoHash:
        meta = read_torrent(torrent)
        await self._do(lambda: self._add(meta.info_hash, torrent, save_path, goal, private=meta.private))
        return meta.info_hash

    async def add_magnet(self, uri: str, save_path: Path, *, goal: SeedGoal | None = None) -> InfoHash:
        info_hash = magnet_hash(uri)
        # Whether it is private is known to nobody yet, so it gets no limits: nothing may end its seeding too early.
        await self._do(lambda: self._add(info_hash, uri, save_path, goal, private=True))
        return info_hash

    async def snapshot(self) -> Mapping[InfoHash, TorrentStatus]:
        def ask() -> dict[InfoHash, TorrentStatus]:
            statuses = (status_of(row.fields) for row in self._rpc().get_torrents(None, FIELDS))
            return {status.info_hash: status for status in statuses}

        return await self._do(ask)

    async def status(self, info_hash: InfoHash) -> TorrentStatus | None:
        return await self._do(lambda: self._status(info_hash))

    async def entries(self, info_hash: InfoHash) -> tuple[TorrentEntry, ...]:
        def ask() -> tuple[TorrentEntry, ...]:
            rows = self._rpc().get_torrents([info_hash], ("files", "metadataPercentComplete"))
            return entries_of(rows[0].fields) if rows else ()

        return await self._do(ask)

    async def pause(self, info_hash: InfoHash) -> None:
        await self._do(lambda: self._rpc().stop_torrent([info_hash]))

    async def resume(self, info_hash: InfoHash) -> None:
        await self._do(lambda: self._rpc().start_torrent([info_hash]))

    async def recheck(self, info_hash: InfoHash) -> None:
        await self._do(lambda: self._rpc().verify_torrent([info_hash]))

    async def reannounce(self, info_hash: InfoHash) -> None:
        await self._do(lambda: self._rpc().reannounce_torrent([info_hash]))

    async def limit(self, info_hash: InfoHash, *, download_bps: int = 0, upload_bps: int = 0) -> None:
        await self._do(
            lambda: self._rpc().change_torrent(
                [info_hash],
                download_limited=download_bps > 0,
                download_limit=max(1, download_bps // KILO),
                upload_limited=upload_bps > 0,
                upload_limit=max(1, upload_bps // KILO),
            )
        )

    async def tag(self, info_hash: InfoHash, tags: Sequence[str]) -> None:
        def mark() -> None:
            for row in self._rpc().get_torrents([info_hash], ("hashString", "labels")):
                there = row.fields.get("labels") or []  # what is set replaces what was there
                if fresh := [label for label in labels(tags) if label not in there]:
                    self._rpc().change_torrent([info_hash], labels=[*there, *fresh])

        await self._do(mark)

    async def remove(self, info_hash: InfoHash, *, delete_files: bool = False) -> None:
        def drop() -> None:
            last = self._status(info_hash)
            self._rpc().remove_torrent([info_hash], delete_data=delete_files)
            self._removed.remember(last)

        await self._do(drop)

    async def close(self) -> None:
        self._worker.stop()

    def _add(
        self, info_hash: InfoHash, torrent: bytes | str, save_path: Path, goal: SeedGoal | None, *, private: bool
    ) -> None:
        version = self._rpc().get_session().fields.get("rpc-version")
        labels = [self._label] if isinstance(version, int) and version >= LABELS_SINCE else None
        try:
            self._rpc().add_torrent(torrent, download_dir=str(save_path.absolute()), labels=labels)
        except TransmissionError as error:
            if CORRUPT not in error.message:
                raise
            raise BadTorrent.of(
                "torrent_refused", "Transmission does not take the torrent.", "Choose another release."
            ) from error
        self._removed.forget(info_hash)
        if private:
            self._rpc().change_torrent([info_hash], seed_ratio_mode=NO_LIMIT, seed_idle_mode=NO_LIMIT)
        elif goal is not None and goal.ratio is not None:
            self._rpc().change_torrent([info_hash], seed_ratio_mode=OWN_LIMIT, seed_ratio_limit=goal.ratio)

    def _status(self, info_hash: InfoHash) -> TorrentStatus | None:
        rows = self._rpc().get_torrents([info_hash], FIELDS)
        return status_of(rows[0].fields) if rows else self._removed.get(info_hash)

    def _rpc(self) -> Client:
        if self._connection is None:
            parts = urlsplit(self._url)
            self._connection = Client(
                protocol="https" if parts.scheme == "https" else "http",
                host=parts.hostname or "127.0.0.1",
                port=parts.port or (443 if parts.scheme == "https" else 80),
                path=parts.path or "/transmission/rpc",
                username=self._username or None,
                password=self._password or None,
                timeout=TIMEOUT,
                logger=_silent(),
            )
        return self._connection

    async def _do(self, work: Callable[[], T]) -> T:
        return await self._worker.do(lambda: self._in_our_words(work))

    def _in_our_words(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except TransmissionAuthError as error:
            raise PermanentError.of(
                "client_login_failed",
                f"Transmission at {self._url} refuses the user name, the password or this host.",
                "Correct [transmission] username and password, and check Transmission's rpc-whitelist.",
            ) from error
        except (TransmissionError, OSError) as error:
            self._connection = None
            raise TransientError.of(
                "client_unreachable",
                f"Transmission at {self._url} does not answer as it should.",
                "Start Transmission, and check [transmission] url.",
                error=redact(str(getattr(error, "message", error)))[:300],
            ) from error


def _silent() -> logging.Logger:
    """The library logs whole requests when something fails, and those hold announce URLs."""
    logger = logging.getLogger("earmark.clients.transmission.wire")
    logger.setLevel(logging.CRITICAL + 1)
    return logger
