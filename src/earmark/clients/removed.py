"""What remains to be said of torrents that were removed while this process ran."""

from __future__ import annotations

from dataclasses import replace

from earmark.core.torrents import InfoHash, TorrentState, TorrentStatus


class Removed:
    """The last status of each removed torrent, as REMOVED."""

    def __init__(self) -> None:
        self._last: dict[InfoHash, TorrentStatus] = {}

    def remember(self, last: TorrentStatus | None) -> None:
        if last is not None:
            self._last[last.info_hash] = replace(
                last,
                state=TorrentState.REMOVED,
                download_rate=0,
                upload_rate=0,
                peers=0,
                seeds=0,
                eta_secs=None,
                error=None,
            )

    def get(self, info_hash: InfoHash) -> TorrentStatus | None:
        return self._last.get(info_hash)

    def forget(self, info_hash: InfoHash) -> None:
        """It was added again."""
        self._last.pop(info_hash, None)
