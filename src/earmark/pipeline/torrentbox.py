"""Our own copies of .torrent files, by info-hash. They carry the account's passkey: only the owner may read them (C-040),
and no face ever shows them."""

from __future__ import annotations

import base64
import os
import re
from datetime import datetime
from pathlib import Path

from earmark.core.reasons import PermanentError, Reason
from earmark.core.torrents import InfoHash


class Box:
    """A folder of .torrent files and magnet links, written atomically."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, info_hash: InfoHash, torrent: bytes) -> None:
        self._write(f"{info_hash}.torrent", torrent)

    def keep_magnet(self, uri: str) -> InfoHash:
        """Keep a magnet link; raises PermanentError for a link without a version 1 info-hash."""
        info_hash = magnet_hash(uri)
        self._write(f"{info_hash}.magnet", uri.encode())
        return info_hash

    def kept(self, info_hash: InfoHash) -> bytes | None:
        return self._read(f"{info_hash}.torrent")

    def kept_magnet(self, info_hash: InfoHash) -> str | None:
        kept = self._read(f"{info_hash}.magnet")
        return kept.decode() if kept is not None else None

    def forget(self, info_hash: InfoHash) -> None:
        for suffix in ("torrent", "magnet"):
            (self._folder / f"{info_hash}.{suffix}").unlink(missing_ok=True)

    def older_than(self, at: datetime) -> set[InfoHash]:
        """What was last put in before then."""
        files = [file for suffix in ("torrent", "magnet") for file in self._folder.glob(f"*.{suffix}")]
        return {InfoHash(file.stem) for file in files if file.stat().st_mtime < at.timestamp()}

    def sweep(self) -> None:
        """Remove what a crash left half written. Only while nobody else writes here."""
        for leftover in self._folder.glob("*.part"):
            leftover.unlink(missing_ok=True)

    def _read(self, name: str) -> bytes | None:
        path = self._folder / name
        return path.read_bytes() if path.exists() else None

    def _write(self, name: str, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = self._folder / name
        temporary = self._folder / f"{name}.part"
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)


def magnet_hash(uri: str) -> InfoHash:
    """The info-hash of a magnet link, from its hexadecimal or base 32 form."""
    found = re.search(r"[?&]xt=urn:btih:([0-9a-fA-F]{40}|[A-Za-z2-7]{32})(?:&|$)", uri)
    if not uri.startswith("magnet:?") or found is None:
        raise PermanentError(
            Reason(
                "not_a_magnet",
                "The link is not a magnet link with an info-hash.",
                "Copy the whole link; it starts with magnet:?xt=urn:btih: and 40 letters and digits.",
                {"field": "magnet_uri"},
            )
        )
    text = found.group(1)
    return InfoHash(text.lower() if len(text) == 40 else base64.b32decode(text.upper()).hex())
