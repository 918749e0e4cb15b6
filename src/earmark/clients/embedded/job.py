"""One torrent in the embedded client's care: libtorrent's handle and what we know beside it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import libtorrent as lt

from earmark.clients.embedded.statefiles import Intent, Kept, log
from earmark.clients.magnets import magnet_hash
from earmark.core.reasons import Reason, TransientError
from earmark.core.torrentfile import BadTorrent, read_torrent
from earmark.core.torrents import InfoHash, TorrentEntry

MAX_STALL = timedelta(minutes=30)
NORMAL_PRIORITY = 4
QUERY_NAME, QUERY_SAVE_PATH = (
    1 << 6,
    1 << 7,
)  # from libtorrent's torrent_handle.hpp; its Python module does not name them


@dataclass(slots=True)
class Job:
    info_hash: InfoHash
    handle: lt.torrent_handle
    intent: Intent
    private: bool
    moved_at: datetime  # when bytes last came in, or when we last asked for more peers
    saved_at: datetime
    patience: timedelta  # how long nothing may come in before we ask again; grows with each time
    done_bytes: int = 0
    heard: bool = False
    fault: Reason | None = None  # why it is in ERROR
    complaint: Reason | None = None  # what its tracker has against it
    awaits_metadata: bool = False
    awaited: list[lt.add_torrent_params] | None = None  # where the next resume data is to be handed in, if anywhere
    completed_now: bool = False  # complete since it was added or checked in this session

    def stalled(self, done_bytes: int, now: datetime, first_patience: timedelta) -> bool:
        """Has a running download got nothing for so long that its tracker should be asked for more peers?"""
        if done_bytes != self.done_bytes:
            self.done_bytes, self.moved_at, self.patience = done_bytes, now, first_patience
        if now - self.moved_at < self.patience:
            return False
        self.moved_at, self.patience = now, min(self.patience * 2, max(MAX_STALL, first_patience))
        return True


def flags_for(*, private: bool, paused: bool, dht: bool, pex: bool) -> int:
    """libtorrent's flags of a torrent: never auto-managed (we start and stop it), never local discovery."""
    flag = lt.torrent_flags
    flags = flag.apply_ip_filter | flag.disable_lsd
    if private or not dht:
        flags |= flag.disable_dht
    if private or not pex:
        flags |= flag.disable_pex
    return flags | (flag.paused if paused else 0)


def params_of_torrent(torrent: bytes) -> lt.add_torrent_params:
    """Torrent bytes that `read_torrent` found sound, as libtorrent sees them. Raises BadTorrent where it disagrees."""
    try:
        params = lt.load_torrent_buffer(torrent)
    except RuntimeError as error:
        raise BadTorrent(
            Reason(
                "torrent_malformed", f"The torrent file is damaged: {error}.", "Choose another release, or report it."
            )
        ) from error
    if params.ti is None or _has_links(params.ti):
        raise BadTorrent(
            Reason(
                "torrent_path_hostile",
                "The torrent contains symbolic links, which could lead out of the download folder.",
                "Choose another release, or report this one to the site.",
            )
        )
    return params


def params_of_magnet(uri: str) -> tuple[InfoHash, lt.add_torrent_params]:
    """Raises PermanentError for what is no magnet link of a version 1 torrent."""
    info_hash = magnet_hash(uri)
    params = lt.parse_magnet_uri(uri)
    # Nothing is written before the metadata has come and its paths were found sane.
    params.flags = lt.torrent_flags.default_dont_download
    return info_hash, params


def params_of_kept(kept: Kept) -> lt.add_torrent_params | None:
    """The best that the state files of a torrent still give; None when all of them are lost."""
    params = _from_resume(kept)
    if params is not None and params.ti is not None:
        return params
    if kept.torrent is not None:
        try:
            read_torrent(kept.torrent)
            from_torrent = params_of_torrent(kept.torrent)
        except BadTorrent as error:
            log.warning("the torrent file kept for %s is damaged: %s", kept.info_hash, error.reason.message)
        else:
            log.warning("torrent %s comes back without its resume data and is checked anew", kept.info_hash)
            return from_torrent
    if kept.intent is not None and kept.intent.magnet is not None:
        return params_of_magnet(kept.intent.magnet)[1]
    return None


def magnet_torrent(handle: lt.torrent_handle, info: lt.torrent_info) -> bytes:
    """The .torrent file that a magnet turned out to be."""
    trackers = [tracker["url"].encode() for tracker in handle.trackers()]
    announce = b"".join(b"%d:%s" % (len(url), url) for url in trackers)
    head = b"8:announce" + b"%d:%s" % (len(trackers[0]), trackers[0]) if trackers else b""
    tiers = b"13:announce-listll" + announce + b"ee" if trackers else b""
    return b"d" + head + tiers + b"4:info" + info.info_section() + b"e"


def entries_of(info: lt.torrent_info) -> tuple[TorrentEntry, ...]:
    """The files where libtorrent really puts them. Padding between files is none."""
    files = info.layout()
    return tuple(
        TorrentEntry(files.file_path(index).replace("\\", "/"), files.file_size(index))
        for index in range(files.num_files())
        if not files.file_flags(index) & lt.file_storage.flag_pad_file
    )


def gone(info: lt.torrent_info, save_path: str) -> list[str]:
    """Files of a complete torrent that are no longer there as they were."""
    return [entry.path for entry in entries_of(info) if _size(Path(save_path) / entry.path) != entry.size]


def ready_folder(save_path: Path) -> Path:
    folder = save_path.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TransientError.of(
            "save_path_unusable",
            f"The download folder {folder} cannot be made: {error.strerror}.",
            "Make the folder writable for Earmark, or choose another.",
        ) from error
    return folder


def name_of(job: Job) -> str:
    return job.handle.status(QUERY_NAME).name


def failed_file(job: Job, status: lt.torrent_status) -> str:
    """The file that the error of a torrent is about, or nothing."""
    info = job.handle.torrent_file()
    if info is None or not 0 <= status.error_file < info.num_files():
        return ""
    return info.layout().file_path(status.error_file)


def announcing(handle: lt.torrent_handle) -> bool:
    """Is a tracker being talked to at this moment?"""
    with contextlib.suppress(RuntimeError):
        return any(
            endpoint["info_hashes"][0]["updating"] for tracker in handle.trackers() for endpoint in tracker["endpoints"]
        )
    return False


def _from_resume(kept: Kept) -> lt.add_torrent_params | None:
    if kept.resume is None:
        return None
    try:
        params = lt.read_resume_data(kept.resume)
    except RuntimeError as error:
        log.warning("the resume data of torrent %s is damaged: %s", kept.info_hash, error)
        return None
    if str(params.info_hashes.v1) != kept.info_hash:
        log.warning("the resume data of torrent %s belongs to another torrent", kept.info_hash)
        return None
    return params


def _has_links(info: lt.torrent_info) -> bool:
    files = info.layout()
    return any(files.file_flags(i) & lt.file_storage.flag_symlink for i in range(files.num_files()))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
