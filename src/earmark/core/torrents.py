"""Torrents as values: what a .torrent file promises, and what a client says of one it holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from earmark.core.reasons import Reason

InfoHash = NewType("InfoHash", str)
"""Lower-case hex, 40 characters (v1)."""


class TorrentState(StrEnum):
    """Document 002's states, the same for every client."""

    QUEUED = "QUEUED"
    CHECKING = "CHECKING"
    DOWNLOADING = "DOWNLOADING"
    PAUSED = "PAUSED"
    SEEDING = "SEEDING"
    FINISHED = "FINISHED"  # its seeding goal is met
    REMOVED = "REMOVED"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class TorrentEntry:
    """One file of a torrent: path relative to the save path, with `/` between parts, and size in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class TorrentMeta:
    """What a .torrent file says, after `core.torrentfile.read_torrent` found it sound."""

    info_hash: InfoHash
    name: str
    private: bool
    piece_length: int
    entries: tuple[TorrentEntry, ...]
    trackers: tuple[str, ...]  # announce URLs: they carry the passkey, never log or show them

    @property
    def size(self) -> int:
        return sum(e.size for e in self.entries)


@dataclass(frozen=True, slots=True)
class TorrentStatus:
    """A snapshot of one torrent in a client. Rates in bytes a second, sizes in bytes, times in seconds."""

    info_hash: InfoHash
    name: str
    state: TorrentState
    progress: float  # 0..1 of the wanted bytes
    download_rate: int
    upload_rate: int
    peers: int
    seeds: int
    eta_secs: int | None  # None: unknown or done
    total_bytes: int
    downloaded_bytes: int
    uploaded_bytes: int
    seeding_secs: int
    save_path: str
    private: bool
    error: Reason | None = None

    @property
    def complete(self) -> bool:
        return self.progress >= 1.0 and self.state not in {TorrentState.CHECKING, TorrentState.ERROR}

    @property
    def ratio(self) -> float:
        return self.uploaded_bytes / self.total_bytes if self.total_bytes else 0.0


@dataclass(frozen=True, slots=True)
class SeedGoal:
    """When a client may call a torrent FINISHED and stop it: at the ratio or after the seconds, whichever comes first.
    None for both means: seed for ever."""

    ratio: float | None = None
    seconds: int | None = None
