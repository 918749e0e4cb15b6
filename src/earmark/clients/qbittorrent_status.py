"""From a row of qBittorrent's list to our status. Pure functions over its JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from earmark.clients import troubles
from earmark.core.reasons import Reason
from earmark.core.torrents import InfoHash, TorrentEntry, TorrentState, TorrentStatus

S = TorrentState

STATES: Mapping[str, TorrentState] = {
    "metaDL": S.DOWNLOADING,
    "forcedMetaDL": S.DOWNLOADING,
    "downloading": S.DOWNLOADING,
    "stalledDL": S.DOWNLOADING,
    "forcedDL": S.DOWNLOADING,
    "queuedDL": S.QUEUED,
    "allocating": S.QUEUED,
    "checkingResumeData": S.QUEUED,
    "checkingDL": S.CHECKING,
    "checkingUP": S.CHECKING,
    "pausedDL": S.PAUSED,
    "stoppedDL": S.PAUSED,
    "pausedUP": S.PAUSED,  # or FINISHED: see below
    "stoppedUP": S.PAUSED,
    "uploading": S.SEEDING,
    "stalledUP": S.SEEDING,
    "forcedUP": S.SEEDING,
    "queuedUP": S.SEEDING,
    "error": S.ERROR,
    "missingFiles": S.ERROR,
}
SHARED_ENOUGH = frozenset({"pausedUP", "stoppedUP"})
NO_ETA = 8_640_000  # its infinity: a hundred days
TRACKER_NOT_WORKING = 4
MINUTE = 60


def hash_of(row: Mapping[str, object]) -> InfoHash:
    """The version 1 info-hash. Its own id of a hybrid torrent (`hash`) is cut from the version 2 one."""
    return InfoHash(str(row.get("infohash_v1") or row["hash"]))


def private_of(row: Mapping[str, object]) -> bool | None:
    """Private or not, where a row says so at all: `private` from 5.0 on, `is_private` in the properties before."""
    for key in ("private", "is_private"):
        if isinstance(value := row.get(key), bool):
            return value
    return None


def status_of(row: Mapping[str, object], *, private: bool, complaint: Reason | None) -> TorrentStatus:
    word = str(row.get("state", ""))
    progress = _float(row, "progress")
    # What is on the move, or in a state of a version to come, downloads or seeds by what it has.
    state = STATES.get(word, S.SEEDING if progress >= 1 else S.DOWNLOADING)
    if word in SHARED_ENOUGH and _goal_met(row):
        state = S.FINISHED
    eta = _int(row, "eta")
    return TorrentStatus(
        info_hash=hash_of(row),
        name=str(row.get("name", "")),
        state=state,
        progress=progress,
        download_rate=_int(row, "dlspeed"),
        upload_rate=_int(row, "upspeed"),
        peers=_int(row, "num_leechs") + _int(row, "num_seeds"),
        seeds=_int(row, "num_seeds"),
        eta_secs=eta if state is S.DOWNLOADING and 0 < eta < NO_ETA else None,
        total_bytes=max(0, _int(row, "size")),
        downloaded_bytes=_int(row, "downloaded"),
        uploaded_bytes=_int(row, "uploaded"),
        seeding_secs=_int(row, "seeding_time"),
        save_path=str(row.get("save_path", "")),
        private=private,
        error=_fault(word, str(row.get("name", ""))) or complaint,
    )


def entries_of(files: Iterable[Mapping[str, object]]) -> tuple[TorrentEntry, ...]:
    return tuple(TorrentEntry(str(file["name"]).replace("\\", "/"), _int(file, "size")) for file in files)


def tracker_complaint(trackers: Iterable[Mapping[str, object]]) -> Reason | None:
    """What a tracker has against the torrent, in its words, without the passkey."""
    for tracker in trackers:
        if tracker.get("status") == TRACKER_NOT_WORKING and (message := str(tracker.get("msg") or "")):
            return troubles.tracker_refused(str(tracker.get("url", "")), message)
    return None


def _fault(word: str, name: str) -> Reason | None:
    if word == "missingFiles":
        return troubles.files_missing(name)
    # Its API does not say which error; a full disk and missing rights are the usual ones.
    return troubles.torrent_error(name) if word == "error" else None


def _goal_met(row: Mapping[str, object]) -> bool:
    """`max_ratio` and `max_seeding_time` (minutes) are what holds for the torrent, its own or the global limit."""
    ratio, minutes = _float(row, "max_ratio", -1), _float(row, "max_seeding_time", -1)
    by_ratio = ratio >= 0 and _float(row, "ratio") >= ratio
    return by_ratio or (minutes >= 0 and _float(row, "seeding_time") >= minutes * MINUTE)


def _int(row: Mapping[str, object], key: str) -> int:
    return int(_float(row, key))


def _float(row: Mapping[str, object], key: str, default: float = 0.0) -> float:
    value = row.get(key, default)
    return float(value) if isinstance(value, int | float) else default
