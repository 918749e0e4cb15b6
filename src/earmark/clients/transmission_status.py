"""From a torrent in Transmission's JSON to our status. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping

from earmark.clients import troubles
from earmark.clients.redact import redact
from earmark.core.reasons import Reason
from earmark.core.torrents import InfoHash, TorrentEntry, TorrentState, TorrentStatus

S = TorrentState

FIELDS = (
    "hashString",
    "name",
    "status",
    "percentDone",
    "metadataPercentComplete",
    "rateDownload",
    "rateUpload",
    "peersConnected",
    "peersSendingToUs",
    "eta",
    "sizeWhenDone",
    "downloadedEver",
    "uploadedEver",
    "secondsSeeding",
    "downloadDir",
    "isPrivate",
    "isFinished",
    "error",
    "errorString",
    "trackers",
)
STATES: Mapping[int, TorrentState] = {
    0: S.PAUSED,
    1: S.CHECKING,
    2: S.CHECKING,
    3: S.QUEUED,
    4: S.DOWNLOADING,
    5: S.SEEDING,
    6: S.SEEDING,
}
TRACKER_WARNING, TRACKER_ERROR, LOCAL_ERROR = 1, 2, 3


def status_of(row: Mapping[str, object]) -> TorrentStatus:
    state = STATES.get(_int(row, "status"), S.DOWNLOADING)
    if state is S.PAUSED and row.get("isFinished") is True:
        state = S.FINISHED
    if row.get("error") == LOCAL_ERROR:
        state = S.ERROR
    eta = _int(row, "eta")
    has_metadata = _float(row, "metadataPercentComplete") >= 1
    return TorrentStatus(
        info_hash=InfoHash(str(row["hashString"])),
        name=str(row.get("name", "")),
        state=state,
        progress=_float(row, "percentDone") if has_metadata else 0.0,
        download_rate=_int(row, "rateDownload"),
        upload_rate=_int(row, "rateUpload"),
        peers=_int(row, "peersConnected"),
        seeds=_int(row, "peersSendingToUs"),
        eta_secs=eta if state is S.DOWNLOADING and eta >= 0 else None,
        total_bytes=_int(row, "sizeWhenDone"),
        downloaded_bytes=_int(row, "downloadedEver"),
        uploaded_bytes=_int(row, "uploadedEver"),
        seeding_secs=_int(row, "secondsSeeding"),
        save_path=str(row.get("downloadDir", "")),
        private=row.get("isPrivate") is True,
        error=_error(row),
    )


def entries_of(row: Mapping[str, object]) -> tuple[TorrentEntry, ...]:
    files = row.get("files")
    if not isinstance(files, list) or _float(row, "metadataPercentComplete") < 1:
        return ()
    return tuple(TorrentEntry(str(file["name"]), int(file["length"])) for file in files)


def _error(row: Mapping[str, object]) -> Reason | None:
    kind, name = row.get("error"), str(row.get("name", ""))
    urls = _announce_urls(row)
    words = redact(str(row.get("errorString", "")), *urls)
    if kind == LOCAL_ERROR:
        return _local_error(name, words)
    if kind in {TRACKER_WARNING, TRACKER_ERROR}:
        return troubles.tracker_refused(urls[0] if urls else "", words)
    return None


def _local_error(name: str, words: str) -> Reason:
    lowered = words.lower()
    if "no space" in lowered or "quota" in lowered:
        return troubles.disk_full(name, error=words)
    if "no data found" in lowered:
        return troubles.files_missing(name, error=words)
    if "denied" in lowered or "read-only" in lowered:
        return troubles.disk_denied(name, error=words)
    return troubles.torrent_error(name, error=words)


def _announce_urls(row: Mapping[str, object]) -> list[str]:
    trackers = row.get("trackers")
    return [str(tracker.get("announce", "")) for tracker in trackers] if isinstance(trackers, list) else []


def _int(row: Mapping[str, object], key: str) -> int:
    return int(_float(row, key))


def _float(row: Mapping[str, object], key: str) -> float:
    value = row.get(key, 0)
    return float(value) if isinstance(value, int | float) else 0.0
