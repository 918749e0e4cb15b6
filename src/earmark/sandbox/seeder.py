"""Folders made into torrents, and a seeder that serves them on loopback.

`make_torrent` is deterministic: the same content and announce URL give the same bytes. The seeder never touches the
content; it trusts what `make_torrent` hashed and lets libtorrent check each piece when a peer first asks for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import bencode2
import libtorrent as lt

from earmark.core.torrentfile import read_torrent
from earmark.core.torrents import InfoHash

MIN_PIECE = 16 * 1024
MAX_PIECE = 8 * 1024 * 1024
AIMED_PIECES = 1000
READ_SIZE = 1024 * 1024
STOP_TIMEOUT = 2.0
EXCLUDED = ("release.json",)  # the catalogue's own notes beside the content


def make_torrent(
    content: Path,
    announce_url: str,
    *,
    private: bool = True,
    piece_length: int | None = None,
    exclude: Sequence[str] = EXCLUDED,
) -> bytes:
    """The .torrent (version 1) of a file or a folder. Files named in `exclude`, at any depth, stay out.

    A folder's torrent is laid over its parent: seed `parent/name` with `content_parent=parent`.
    Raises ValueError when there is nothing to put into it.
    """
    files = _files(content, frozenset(exclude))
    size = sum(path.stat().st_size for path in files)
    if not size:
        raise ValueError(f"There is nothing to seed in {content.name}.")
    length = piece_length or _piece_length(size)
    info: dict[bytes, object] = {
        b"name": content.name.encode(),
        b"piece length": length,
        b"pieces": _piece_hashes(files, length),
    }
    if content.is_dir():
        info[b"files"] = [
            {b"length": path.stat().st_size, b"path": [part.encode() for part in path.relative_to(content).parts]}
            for path in files
        ]
    else:
        info[b"length"] = size
    if private:
        info[b"private"] = 1
    return bencode2.bencode({b"announce": announce_url.encode(), b"info": info})


def _files(content: Path, exclude: frozenset[str]) -> list[Path]:
    if content.is_file():
        return [content]
    found = [
        Path(folder) / name
        for folder, _, names in os.walk(content)
        for name in names
        if name not in exclude and not (Path(folder) / name).is_symlink()
    ]
    return sorted(found, key=lambda path: path.relative_to(content).parts)


def _piece_length(size: int) -> int:
    length = MIN_PIECE
    while length < MAX_PIECE and size / length > AIMED_PIECES:
        length *= 2
    return length


def _piece_hashes(files: Sequence[Path], length: int) -> bytes:
    hashes = bytearray()
    pending = bytearray()
    for block in _blocks(files):
        pending += block
        whole = len(pending) - len(pending) % length
        for start in range(0, whole, length):
            hashes += hashlib.sha1(pending[start : start + length], usedforsecurity=False).digest()
        del pending[:whole]
    if pending:
        hashes += hashlib.sha1(pending, usedforsecurity=False).digest()
    return bytes(hashes)


def _blocks(files: Sequence[Path]) -> Iterator[bytes]:
    for path in files:
        with path.open("rb") as file:
            while block := file.read(READ_SIZE):
                yield block


class Seeder:
    """A libtorrent session that seeds on loopback over TCP only: no DHT, no local discovery, no port mapping."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, upload_limit_bps: int = 0) -> None:
        self._host = host
        self._port = port
        self._upload_limit = upload_limit_bps
        self._session: lt.session | None = None
        self._handles: dict[InfoHash, lt.torrent_handle] = {}

    async def start(self) -> None:
        session = lt.session(self._settings())
        everybody = lt.ip_filter()
        everybody.add_rule("0.0.0.0", "255.255.255.255", 1)  # noqa: S104 - bit 0 is the global class: limits bind loopback peers too
        session.set_peer_class_filter(everybody)
        self._session = session
        async with asyncio.timeout(10):
            while not session.listen_port():
                await asyncio.sleep(0.01)

    async def seed(self, torrent: bytes, content_parent: Path) -> InfoHash:
        """Serve a torrent whose content lies below `content_parent`. The same torrent twice is one."""
        meta = read_torrent(torrent)
        for entry in meta.entries:
            if not (content_parent / entry.path).is_file():
                raise FileNotFoundError(content_parent / entry.path)
        if meta.info_hash not in self._handles:
            params = lt.add_torrent_params()
            params.ti = lt.torrent_info(torrent)
            params.save_path = str(content_parent)
            params.flags = lt.torrent_flags.seed_mode
            self._handles[meta.info_hash] = await asyncio.to_thread(self._running().add_torrent, params)
        return meta.info_hash

    def forget(self, info_hash: InfoHash) -> None:
        """Stop serving a torrent; its files stay."""
        handle = self._handles.pop(info_hash, None)
        if handle is not None:
            self._running().remove_torrent(handle)

    def dial(self, info_hash: InfoHash, host: str, port: int) -> None:
        """Connect to a peer. Some clients (Transmission) never call loopback peers themselves."""
        self._handles[info_hash].connect_peer((host, port))

    def limit(self, upload_bps: int) -> None:
        """Cap the upload of all torrents together, in bytes a second; 0 lifts the cap."""
        self._running().apply_settings({"upload_rate_limit": upload_bps})

    @property
    def port(self) -> int:
        return int(self._running().listen_port())

    @property
    def uploaded(self) -> int:
        """Payload bytes sent since the start, over all torrents."""
        return sum(handle.status().total_payload_upload for handle in self._handles.values())

    async def stop(self) -> None:
        """Tell the trackers and let go. Returns once the session is gone."""
        session, self._session = self._session, None
        if session is None:
            return
        # The session's destructor waits for the last announces and holds the interpreter lock while it does; a tracker
        # in this very process could not answer. So the announces are waited for here, with the lock free.
        session.pause()
        deadline = time.monotonic() + STOP_TIMEOUT
        await asyncio.sleep(0.05)
        while time.monotonic() < deadline and any(map(_announcing, self._handles.values())):
            await asyncio.sleep(0.02)
        self._handles.clear()
        box = [session]
        del session
        await asyncio.to_thread(box.clear)

    def _running(self) -> lt.session:
        if self._session is None:
            raise RuntimeError("The seeder is not started.")
        return self._session

    def _settings(self) -> lt.settings_pack:
        return {
            "listen_interfaces": f"{self._host}:{self._port}",
            "outgoing_interfaces": "",
            "user_agent": "Earmark-stand-in",
            "peer_fingerprint": "-ES0100-",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_incoming_utp": True,
            "enable_outgoing_utp": False,
            "allow_multiple_connections_per_ip": True,
            "min_announce_interval": 1,
            "min_reconnect_time": 1,
            "stop_tracker_timeout": 1,
            "upload_rate_limit": self._upload_limit,
            "alert_mask": 0,
        }


def _announcing(handle: lt.torrent_handle) -> bool:
    return any(
        endpoint["info_hashes"][0]["updating"] for tracker in handle.trackers() for endpoint in tracker["endpoints"]
    )
