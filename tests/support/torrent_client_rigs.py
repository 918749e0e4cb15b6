"""The torrent clients the contract is held against: how each is started, and how to look behind its adapter.

A client joins the suite by one more subclass of `Rig` in `RIGS`. The remote ones are Debian's own programs; where one
is missing the tests fail and say so.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from earmark.clients.embedded import EmbeddedClient, EmbeddedConfig
from earmark.clients.qbittorrent import QbittorrentClient
from earmark.clients.transmission import TransmissionClient
from earmark.core.torrents import InfoHash
from earmark.ports import TorrentClient
from earmark.sandbox.seeder import Seeder

USER, PASSWORD = "admin", "correct horse battery"
START_TIMEOUT = 20.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Rig:
    """One client program, running over all tests of a module."""

    name: str
    client: TorrentClient  # the one opened last

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.peer_port = free_port()

    def start(self) -> None: ...

    def stop(self) -> None: ...

    async def open(self) -> TorrentClient:
        raise NotImplementedError

    async def dial(self, seeder: Seeder, info_hash: InfoHash) -> None:
        """Keep bringing the seeder and the client together; cancelled when the transfer is done."""

    async def caps(self, info_hash: InfoHash) -> tuple[int, int]:
        """Download and upload cap of a torrent in bytes a second, as the program itself has them; 0 is none."""
        raise NotImplementedError

    async def labels(self, info_hash: InfoHash) -> set[str]:
        """The labels of a torrent as the program itself shows them."""
        raise NotImplementedError


class EmbeddedRig(Rig):
    name = "embedded"
    client: EmbeddedClient

    async def open(self) -> EmbeddedClient:
        self.client = EmbeddedClient(
            EmbeddedConfig(
                self.folder / "state",
                listen_address="127.0.0.1",
                listen_port=self.peer_port,
                utp=False,
                tick_secs=0.05,
                min_announce_secs=1,
            )
        )
        await self.client.start()
        return self.client

    async def caps(self, info_hash: InfoHash) -> tuple[int, int]:
        handle = self.client._engine.jobs[info_hash].handle
        return max(0, handle.download_limit()), max(0, handle.upload_limit())

    async def labels(self, info_hash: InfoHash) -> set[str]:
        return set()  # it has none


class ProgramRig(Rig):
    """A program of its own, stopped by its pid."""

    program: str
    process: subprocess.Popen[bytes] | None = None

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()

    def launch(self, *arguments: str) -> None:
        path = shutil.which(self.program)
        if path is None:
            pytest.fail(
                f"{self.program} is not installed: the contract cannot be tried (apt-get install {self.program})"
            )
        home = {name: str(self.folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [path, *arguments], stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **home}
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{self.program} did not start: {(self.folder / 'log').read_text()[-500:]}")
            time.sleep(0.05)

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class QbittorrentRig(ProgramRig):
    name = "qbittorrent"
    program = "qbittorrent-nox"
    client: QbittorrentClient

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = self.folder / "prof" / "qBittorrent" / "config"
        config.mkdir(parents=True)
        salt = os.urandom(16)
        key = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 100_000, 64)
        secret = f"{base64.b64encode(salt).decode()}:{base64.b64encode(key).decode()}"
        (config / "qBittorrent.conf").write_text(
            f"""[LegalNotice]
Accepted=true
[BitTorrent]
Session\\Interface=lo
Session\\InterfaceName=lo
Session\\InterfaceAddress=127.0.0.1
Session\\Port={self.peer_port}
Session\\DHTEnabled=false
Session\\LSDEnabled=false
Session\\PeXEnabled=false
Session\\MultiConnectionsPerIp=true
Session\\QueueingSystemEnabled=false
Session\\BTProtocol=TCP
Session\\DefaultSavePath={self.folder}/default
Session\\DisableAutoTMMByDefault=true
Session\\RefreshInterval=200
[Network]
PortForwardingEnabled=false
[Preferences]
WebUI\\Address=127.0.0.1
WebUI\\Port={self.port}
WebUI\\Username={USER}
WebUI\\Password_PBKDF2="@ByteArray({secret})"
WebUI\\LocalHostAuth=true
WebUI\\MaxAuthenticationFailCount=100
WebUI\\UseUPnP=false
General\\Locale=en
"""
        )
        self.launch(f"--profile={self.folder / 'prof'}", f"--webui-port={self.port}")

    def answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/api/v2/app/version", timeout=2)
        except urllib.error.HTTPError as error:
            return error.code == 403
        except OSError:
            return False
        return True

    async def open(self) -> QbittorrentClient:
        self.client = QbittorrentClient(self.url, USER, PASSWORD, category="books")
        return self.client

    async def caps(self, info_hash: InfoHash) -> tuple[int, int]:
        row = await self.row(info_hash)
        return max(0, row["dl_limit"]), max(0, row["up_limit"])

    async def labels(self, info_hash: InfoHash) -> set[str]:
        return {tag for tag in (await self.row(info_hash))["tags"].split(", ") if tag}

    async def row(self, info_hash: InfoHash) -> dict:
        return (await asyncio.to_thread(self.client._api.torrents_info, torrent_hashes=info_hash))[0]


class TransmissionRig(ProgramRig):
    name = "transmission"
    program = "transmission-daemon"
    client: TransmissionClient

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/transmission/rpc"

    def start(self) -> None:
        config = self.folder / "conf"
        config.mkdir()
        (config / "settings.json").write_text(
            json.dumps(
                {
                    "bind-address-ipv4": "127.0.0.1",
                    "rpc-bind-address": "127.0.0.1",
                    "rpc-port": self.port,
                    "rpc-authentication-required": True,
                    "rpc-username": USER,
                    "rpc-password": PASSWORD,
                    "rpc-whitelist": "127.0.0.1",
                    "peer-port": self.peer_port,
                    "download-dir": str(self.folder / "default"),
                    "dht-enabled": False,
                    "pex-enabled": False,
                    "lpd-enabled": False,
                    "utp-enabled": False,
                    "port-forwarding-enabled": False,
                }
            )
        )
        self.launch("--foreground", "--config-dir", str(config), "--log-info")

    async def open(self) -> TransmissionClient:
        self.client = TransmissionClient(self.url, USER, PASSWORD)
        return self.client

    async def dial(self, seeder: Seeder, info_hash: InfoHash) -> None:
        # It takes loopback peers from a tracker for Martians and never calls them, but it takes their calls.
        while True:
            seeder.dial(info_hash, "127.0.0.1", self.peer_port)
            await asyncio.sleep(0.5)

    async def caps(self, info_hash: InfoHash) -> tuple[int, int]:
        row = await self.row(info_hash, "downloadLimit", "downloadLimited", "uploadLimit", "uploadLimited")
        return (
            row["downloadLimit"] * 1000 if row["downloadLimited"] else 0,
            row["uploadLimit"] * 1000 if row["uploadLimited"] else 0,
        )

    async def labels(self, info_hash: InfoHash) -> set[str]:
        return set((await self.row(info_hash, "hashString", "labels"))["labels"])

    async def row(self, info_hash: InfoHash, *fields: str) -> dict:
        rows = await asyncio.to_thread(self.client._rpc().get_torrents, [info_hash], fields)
        return rows[0].fields


RIGS = (EmbeddedRig, QbittorrentRig, TransmissionRig)
