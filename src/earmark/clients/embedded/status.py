"""From what libtorrent says of a torrent to what Earmark says of it: states, reasons, goals. Pure functions."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping

import libtorrent as lt

from earmark.clients import troubles
from earmark.core.reasons import Reason
from earmark.core.torrents import InfoHash, SeedGoal, TorrentState, TorrentStatus

_Lt = lt.torrent_status

_STATES: Mapping[int, TorrentState] = {
    _Lt.checking_files: TorrentState.CHECKING,
    _Lt.downloading_metadata: TorrentState.DOWNLOADING,
    _Lt.downloading: TorrentState.DOWNLOADING,
    _Lt.finished: TorrentState.DOWNLOADING,  # all that is wanted, which is nothing until a magnet's files are approved
    _Lt.seeding: TorrentState.SEEDING,
    _Lt.checking_resume_data: TorrentState.QUEUED,
}

_DISK_TROUBLES: Mapping[int, Callable[..., Reason]] = {
    errno.ENOSPC: troubles.disk_full,
    errno.EDQUOT: troubles.disk_full,
    errno.ENOENT: troubles.files_missing,
    errno.EACCES: troubles.disk_denied,
    errno.EPERM: troubles.disk_denied,
    errno.EROFS: troubles.disk_denied,
}


def state_of(
    status: lt.torrent_status, *, fault: Reason | None, paused: bool, finished: bool, heard: bool
) -> TorrentState:
    """`heard`: a tracker or a peer has answered since the torrent was added; until then it is QUEUED."""
    state = _STATES.get(status.state, TorrentState.QUEUED)
    if fault is not None:
        return TorrentState.ERROR
    if state is TorrentState.CHECKING:
        return state
    if finished:
        return TorrentState.FINISHED
    if paused:
        return TorrentState.PAUSED
    if state is TorrentState.DOWNLOADING and not heard and not status.num_peers and not status.total_wanted_done:
        return TorrentState.QUEUED
    return state


def to_status(
    info_hash: InfoHash, status: lt.torrent_status, state: TorrentState, *, private: bool, error: Reason | None
) -> TorrentStatus:
    wanted, done = status.total_wanted, status.total_wanted_done
    rate = status.download_payload_rate
    downloading = state is TorrentState.DOWNLOADING
    return TorrentStatus(
        info_hash=info_hash,
        name=status.name,
        state=state,
        progress=done / wanted if wanted else 0.0,
        download_rate=rate,
        upload_rate=status.upload_payload_rate,
        peers=status.num_peers,
        seeds=status.num_seeds,
        eta_secs=-(-(wanted - done) // rate) if downloading and rate and wanted else None,
        total_bytes=wanted,
        downloaded_bytes=status.all_time_download,
        uploaded_bytes=status.all_time_upload,
        seeding_secs=int(status.seeding_duration.total_seconds()),
        save_path=status.save_path,
        private=private,
        error=error,
    )


def goal_met(goal: SeedGoal | None, *, ratio: float, seeding_secs: int, private: bool, private_floor_secs: int) -> bool:
    """Ratio or seconds, whichever comes first; but nothing ends the seeding of a private torrent before the floor."""
    if goal is None or (private and seeding_secs < private_floor_secs):
        return False
    by_ratio = goal.ratio is not None and ratio >= goal.ratio
    by_time = goal.seconds is not None and seeding_secs >= goal.seconds
    return by_ratio or by_time


def disk_reason(name: str, error: int, text: str, file: str) -> Reason:
    """Why a file operation of a torrent failed. `error` is the errno, `text` libtorrent's words for it."""
    return _DISK_TROUBLES.get(error, troubles.torrent_error)(name, file=file, error=text, errno=error)


def missing_files(name: str, files: list[str]) -> Reason:
    return troubles.files_missing(name, count=len(files), files=[*files[:10]])


def tracker_reason(url: str, refusal: str, error: str) -> Reason:
    """What a tracker has against us: `refusal` in its own words, or `error` when it could not be asked."""
    return troubles.tracker_refused(url, refusal) if refusal else troubles.tracker_unreachable(url, error)
