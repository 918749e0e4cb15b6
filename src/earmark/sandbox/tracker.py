"""A private BitTorrent tracker small enough to read: passkeys, refusals, banned clients, and a log of every announce.

It speaks plain HTTP on loopback and keeps everything in memory. It knows neither the site in front of it nor the
seeder behind it; whoever counts snatches listens with `on_announce`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import bencode2

PATH = "/announce/"  # libtorrent and qBittorrent talk to a loopback tracker only when its path begins with /announce
MAX_REQUEST = 16 * 1024
MAX_PEERS = 200
REQUEST_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Announce:
    """One announce as it came in. `failure` is what the tracker answered instead of peers, if it refused."""

    at: float  # time.time()
    info_hash: str
    event: str  # started | completed | stopped | "" for the regular ones
    uploaded: int
    downloaded: int
    left: int
    user_agent: str
    peer_id: bytes
    ip: str
    port: int
    passkey: str  # fingerprint of the passkey, never the passkey itself
    failure: str | None = None


@dataclass(slots=True)
class _Peer:
    ip: str
    port: int
    left: int
    seen: float


class _Refused(Exception):
    """The announce is answered with a failure reason."""


def fingerprint(passkey: str) -> str:
    """What stands for a passkey in logs and records."""
    return hashlib.sha256(passkey.encode()).hexdigest()[:12]


class Tracker:
    """One tracker. `interval` is what peers are told to wait between announces, in seconds."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        interval: int = 5,
        *,
        registered_only: bool = False,
        on_announce: Callable[[Announce], None] | None = None,
    ) -> None:
        self.announces: list[Announce] = []
        self.interval = interval
        self.on_announce = on_announce
        self._host = host
        self._port = port
        self._registered_only = registered_only
        self._passkeys: set[str] = set()
        self._banned: tuple[str, ...] = ()
        self._info_hashes: set[str] = set()
        self._swarms: dict[str, dict[tuple[str, int], _Peer]] = {}
        self._server: asyncio.Server | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, self._port, limit=MAX_REQUEST)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for task in tuple(self._answering):
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    @property
    def port(self) -> int:
        return self._port

    def url(self, passkey: str) -> str:
        return f"http://{self._host}:{self._port}{PATH}{passkey}"

    def allow(self, passkey: str) -> None:
        self._passkeys.add(passkey)

    def refuse(self, passkey: str) -> None:
        self._passkeys.discard(passkey)

    def ban(self, user_agent_prefix: str) -> None:
        """Refuse every client whose user agent begins so."""
        self._banned = (*self._banned, user_agent_prefix)

    def register(self, info_hash: str) -> None:
        """Make a torrent known; matters when the tracker takes registered torrents only."""
        self._info_hashes.add(info_hash.lower())

    def swarm(self, info_hash: str) -> tuple[int, int]:
        """(seeders, leechers) of a torrent right now."""
        peers = self._alive(info_hash)
        seeders = sum(1 for peer in peers if peer.left == 0)
        return seeders, len(peers) - seeders

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        try:
            with contextlib.suppress(TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), REQUEST_TIMEOUT)
                writer.write(self._answer(head, str(writer.get_extra_info("peername")[0])))
                await writer.drain()
        finally:
            writer.close()

    def _answer(self, head: bytes, ip: str) -> bytes:
        line, *headers = head.decode("latin-1").split("\r\n")
        method, _, rest = line.partition(" ")
        path, _, query = rest.split(" ")[0].partition("?")
        if method != "GET" or not path.startswith(PATH):
            return _http("404 Not Found", b"This is a stand-in tracker; it answers announces only.")
        agent = next((h.partition(":")[2].strip() for h in headers if h.lower().startswith("user-agent:")), "")
        return _http("200 OK", bencode2.bencode(self._announce(path[len(PATH) :], _parameters(query), agent, ip)))

    def _announce(self, passkey: str, query: dict[str, bytes], agent: str, ip: str) -> dict[bytes, object]:
        failure: str | None = None
        try:
            self._check(passkey, query, agent)
        except _Refused as refused:
            failure = str(refused)
        announce = Announce(
            at=time.time(),
            info_hash=query.get("info_hash", b"").hex(),
            event=query.get("event", b"").decode("latin-1"),
            uploaded=_number(query, "uploaded"),
            downloaded=_number(query, "downloaded"),
            left=_number(query, "left"),
            user_agent=agent,
            peer_id=query.get("peer_id", b""),
            ip=ip,
            port=_number(query, "port"),
            passkey=fingerprint(passkey),
            failure=failure,
        )
        self.announces.append(announce)
        if self.on_announce is not None:
            self.on_announce(announce)
        if failure is not None:
            return {b"failure reason": failure.encode()}
        return self._peers_for(announce, min(MAX_PEERS, _number(query, "numwant", 50)))

    def _check(self, passkey: str, query: dict[str, bytes], agent: str) -> None:
        if passkey not in self._passkeys:
            raise _Refused("Unrecognized Host/PassKey")
        if any(agent.startswith(prefix) for prefix in self._banned):
            raise _Refused("Your client is banned")
        if len(query.get("info_hash", b"")) != 20 or not 0 < _number(query, "port") < 65536:
            raise _Refused("Invalid announce")
        if self._registered_only and query["info_hash"].hex() not in self._info_hashes:
            raise _Refused("Torrent not registered with this tracker")

    def _peers_for(self, announce: Announce, wanted: int) -> dict[bytes, object]:
        swarm = self._swarms.setdefault(announce.info_hash, {})
        key = (announce.ip, announce.port)
        if announce.event == "stopped":
            swarm.pop(key, None)
        else:
            swarm[key] = _Peer(announce.ip, announce.port, announce.left, time.monotonic())
        others = [p for p in self._alive(announce.info_hash) if (p.ip, p.port) != key]
        if announce.left == 0:
            others = [p for p in others if p.left]  # a seed has nothing to say to a seed
        seeders, leechers = self.swarm(announce.info_hash)
        return {
            b"complete": seeders,
            b"incomplete": leechers,
            b"interval": self.interval,
            b"min interval": min(1, self.interval),
            b"peers": b"".join(_compact(p) for p in others[:wanted] if announce.event != "stopped"),
        }

    def _alive(self, info_hash: str) -> list[_Peer]:
        """The peers heard of lately. Clients may keep a longer minimum of their own (libtorrent: 5 minutes)."""
        swarm = self._swarms.get(info_hash, {})
        oldest = time.monotonic() - max(3 * self.interval, 900)
        for key in [key for key, peer in swarm.items() if peer.seen < oldest]:
            del swarm[key]
        return list(swarm.values())


def _parameters(query: str) -> dict[str, bytes]:
    """Query parameters as bytes: an info-hash is twenty raw bytes, percent-encoded, and no text."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return {name: unquote_to_bytes(value.replace("+", " ")) for name, _, value in pairs}


def _number(query: dict[str, bytes], name: str, default: int = 0) -> int:
    value = query.get(name, b"")
    return int(value) if value.isdigit() else default


def _compact(peer: _Peer) -> bytes:
    address = ipaddress.ip_address(peer.ip)
    return address.packed + peer.port.to_bytes(2, "big") if address.version == 4 else b""


def _http(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
