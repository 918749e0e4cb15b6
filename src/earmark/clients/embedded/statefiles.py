"""What the embedded client remembers of its torrents on disk, and how it survives a crash at any instant.

Three files a torrent: `<hash>.json` is the intent (where to, the goal, paused or not), `<hash>.torrent` the torrent as
it came, `<hash>.fastresume` libtorrent's own memory with the torrent inside. Each is replaced atomically, and any one
of the last two can be lost. The files carry announce URLs, so they are readable by their owner only.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from earmark.core.reasons import Reason, TransientError
from earmark.core.torrents import InfoHash, SeedGoal

log = logging.getLogger("earmark.clients.embedded")

TORRENT, RESUME, INTENT, TEMPORARY = ".torrent", ".fastresume", ".json", ".tmp"
HEX_HASH_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Intent:
    """What the owner wants of one torrent, apart from what libtorrent knows of it. Rates in bytes a second."""

    save_path: str
    goal: SeedGoal | None = None
    magnet: str | None = None
    paused: bool = False
    finished: bool = False  # the goal was met
    completed: bool = False  # all files were there at least once
    download_bps: int = 0
    upload_bps: int = 0
    refused: Reason | None = None  # what came for a magnet must not be written to disk


@dataclass(frozen=True, slots=True)
class Kept:
    """What was found of one torrent. `torrent` and `resume` are unproven bytes."""

    info_hash: InfoHash
    intent: Intent | None
    torrent: bytes | None
    resume: bytes | None


class StateFiles:
    """One folder of such files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for leftover in self._folder.glob(f"*{TEMPORARY}"):
            leftover.unlink(missing_ok=True)

    def keep_torrent(self, info_hash: InfoHash, torrent: bytes) -> None:
        self._replace(info_hash + TORRENT, torrent)

    def keep_resume(self, info_hash: InfoHash, resume: bytes) -> None:
        self._replace(info_hash + RESUME, resume)

    def keep_intent(self, info_hash: InfoHash, intent: Intent) -> None:
        self._replace(info_hash + INTENT, json.dumps(_to_json(intent)).encode())

    def drop_resume(self, info_hash: InfoHash) -> None:
        (self._folder / (info_hash + RESUME)).unlink(missing_ok=True)

    def forget(self, info_hash: InfoHash) -> None:
        # The intent goes last: while it is there the torrent comes back whole at the next start, never by halves.
        for suffix in (RESUME, TORRENT, INTENT):
            (self._folder / (info_hash + suffix)).unlink(missing_ok=True)

    def load(self) -> Iterator[Kept]:
        names = {path.stem for path in self._folder.iterdir() if path.suffix in {TORRENT, RESUME, INTENT}}
        for name in sorted(name for name in names if len(name) == HEX_HASH_LENGTH):
            intent = self._read(name + INTENT)
            yield Kept(
                InfoHash(name),
                _from_json(name, intent) if intent is not None else None,
                self._read(name + TORRENT),
                self._read(name + RESUME),
            )

    def _read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("state file %s cannot be read: %s", name, error.strerror)
            return None

    def _replace(self, name: str, data: bytes) -> None:
        try:
            self._replace_or_fail(name, data)
        except OSError as error:
            (self._folder / (name + TEMPORARY)).unlink(missing_ok=True)
            raise TransientError.of(
                "client_state_unwritable",
                f"The torrent client cannot keep its memory in {self._folder}: {error.strerror}.",
                "Free some space there and make the folder writable for Earmark.",
            ) from error

    def _replace_or_fail(self, name: str, data: bytes) -> None:
        temporary = self._folder / (name + TEMPORARY)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._folder / name)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _to_json(intent: Intent) -> dict[str, object]:
    goal, refused = intent.goal, intent.refused
    return {
        "save_path": intent.save_path,
        "goal": {"ratio": goal.ratio, "seconds": goal.seconds} if goal else None,
        "magnet": intent.magnet,
        "paused": intent.paused,
        "finished": intent.finished,
        "completed": intent.completed,
        "download_bps": intent.download_bps,
        "upload_bps": intent.upload_bps,
        "refused": {"code": refused.code, "message": refused.message, "action": refused.action} if refused else None,
    }


def _from_json(name: str, data: bytes) -> Intent | None:
    try:
        raw: Mapping[str, object] = json.loads(data)
        goal, refused = raw["goal"], raw["refused"]
        return Intent(
            save_path=_str(raw["save_path"]),
            goal=SeedGoal(goal["ratio"], goal["seconds"]) if isinstance(goal, dict) else None,
            magnet=None if raw["magnet"] is None else _str(raw["magnet"]),
            paused=raw["paused"] is True,
            finished=raw["finished"] is True,
            completed=raw["completed"] is True,
            download_bps=_int(raw["download_bps"]),
            upload_bps=_int(raw["upload_bps"]),
            refused=Reason(refused["code"], refused["message"], refused["action"])
            if isinstance(refused, dict)
            else None,
        )
    except (ValueError, KeyError, TypeError) as error:
        log.warning("the intent kept for torrent %s is damaged (%s)", name, type(error).__name__)
        return None


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(value)
    return value
