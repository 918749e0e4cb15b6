"""qBittorrent behind the contract, over its Web API (4.5 to 5.x). The program runs by itself; closing lets it run on.

The dialects between its versions are qbittorrent-api's business; what is ours is to find an added torrent again by its
info-hash (the answer to an add tells nothing), to leave private torrents without share limits, and to say states,
errors and times the way the rest of the house does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import qbittorrentapi as qb

from earmark.clients.labels import labels
from earmark.clients.magnets import magnet_hash
from earmark.clients.qbittorrent_status import entries_of, hash_of, private_of, status_of, tracker_complaint
from earmark.clients.redact import redact
from earmark.clients.removed import Removed
from earmark.clients.worker import Worker
from earmark.core.reasons import PermanentError, Reason, TransientError
from earmark.core.torrentfile import BadTorrent, read_torrent
from earmark.core.torrents import InfoHash, SeedGoal, TorrentEntry, TorrentState, TorrentStatus
from earmark.ports import ClientIdentity

T = TypeVar("T")

TIMEOUTS = (5, 30)  # seconds to connect, to answer
APPEARS_WITHIN = 10.0  # an added torrent can be missing from the list for a moment
LOGIN_PAUSE = 15 * 60.0  # five bad logins and qBittorrent bans the address for an hour
NO_LIMIT = -1
MINUTE = 60


@dataclass(frozen=True, slots=True)
class Offered:
    """A torrent on its way in: a file or a magnet."""

    save_path: Path
    goal: SeedGoal | None
    private: bool
    torrent: bytes | None = None
    magnet: str | None = None


class QbittorrentClient:
    """`seed_ratio_limit` and `seed_time_limit_mins` are for public torrents without a goal of their own; 0 is none."""

    name = "qbittorrent"

    def __init__(
        self,
        url: str,
        username: str = "",
        password: str = "",
        *,
        category: str = "earmark",
        seed_ratio_limit: float = 0.0,
        seed_time_limit_mins: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._category = category
        self._default_goal = SeedGoal(seed_ratio_limit or None, seed_time_limit_mins * MINUTE or None)
        self._monotonic = monotonic
        self._api = qb.Client(
            host=url,
            username=username,
            password=password,
            REQUESTS_ARGS={"timeout": TIMEOUTS},
            DISABLE_LOGGING_DEBUG_OUTPUT=True,
        )
        self._worker = Worker("earmark-qbittorrent")
        self._removed = Removed()
        self._private: dict[str, bool] = {}
        self._no_login_before = 0.0

    async def about(self) -> ClientIdentity:
        def ask() -> ClientIdentity:
            wishes = self._api.app_preferences()
            return ClientIdentity(
                self.name,
                self._api.app_version().lstrip("v"),
                dht=bool(wishes.get("dht")),
                pex=bool(wishes.get("pex")),
                lsd=bool(wishes.get("lsd")),
            )

        return await self._do(ask)

    async def add(self, torrent: bytes, save_path: Path, *, goal: SeedGoal | None = None) -> InfoHash:
        meta = read_torrent(torrent)
        offered = Offered(save_path, goal, meta.private, torrent=torrent)
        await self._do(lambda: self._add(meta.info_hash, offered))
        return meta.info_hash

    async def add_magnet(self, uri: str, save_path: Path, *, goal: SeedGoal | None = None) -> InfoHash:
        info_hash = magnet_hash(uri)
        # Whether it is private is known to nobody yet, so it gets no limits: nothing may end its seeding too early.
        offered = Offered(save_path, goal, private=True, magnet=uri)
        await self._do(lambda: self._add(info_hash, offered))
        return info_hash

    async def snapshot(self) -> Mapping[InfoHash, TorrentStatus]:
        def ask() -> dict[InfoHash, TorrentStatus]:
            return {hash_of(row): self._tell(row) for row in self._api.torrents_info()}

        return await self._do(ask)

    async def status(self, info_hash: InfoHash) -> TorrentStatus | None:
        return await self._do(lambda: self._status(info_hash))

    async def entries(self, info_hash: InfoHash) -> tuple[TorrentEntry, ...]:
        def ask() -> tuple[TorrentEntry, ...]:
            try:
                files = self._api.torrents_files(torrent_hash=self._id(info_hash))
            except (qb.NotFound404Error, qb.Conflict409Error):  # unknown, or a magnet without metadata
                return ()
            return entries_of(files)

        return await self._do(ask)

    async def pause(self, info_hash: InfoHash) -> None:
        await self._do(lambda: self._command("stop", "pause", info_hash))

    async def resume(self, info_hash: InfoHash) -> None:
        await self._do(lambda: self._command("start", "resume", info_hash))

    async def recheck(self, info_hash: InfoHash) -> None:
        await self._do(lambda: self._api.torrents_recheck(torrent_hashes=self._id(info_hash)))

    async def reannounce(self, info_hash: InfoHash) -> None:
        await self._do(lambda: self._api.torrents_reannounce(torrent_hashes=self._id(info_hash)))

    async def limit(self, info_hash: InfoHash, *, download_bps: int = 0, upload_bps: int = 0) -> None:
        def cap() -> None:
            its_id = self._id(info_hash)
            self._api.torrents_set_download_limit(limit=download_bps, torrent_hashes=its_id)
            self._api.torrents_set_upload_limit(limit=upload_bps, torrent_hashes=its_id)

        await self._do(cap)

    async def tag(self, info_hash: InfoHash, tags: Sequence[str]) -> None:
        def mark() -> None:
            row = self._row(info_hash)
            if row is not None and (names := labels(tags)):  # for an unknown torrent it would make tags of nothing
                self._api.torrents_add_tags(tags=names, torrent_hashes=str(row["hash"]))

        await self._do(mark)

    async def remove(self, info_hash: InfoHash, *, delete_files: bool = False) -> None:
        def drop() -> None:
            last = self._status(info_hash)
            self._api.torrents_delete(delete_files=delete_files, torrent_hashes=self._id(info_hash))
            self._wait(lambda: self._row(info_hash) is None)
            self._removed.remember(last)

        await self._do(drop)

    async def close(self) -> None:
        self._worker.stop()

    def _add(self, info_hash: InfoHash, offered: Offered) -> None:
        if (row := self._row(info_hash)) is not None:
            self._adopt(str(row["hash"]), row, private=offered.private)
            return
        self._make_category()
        self._offer(offered)
        if not self._wait(lambda: self._row(info_hash) is not None):
            raise TransientError.of(
                "client_did_not_add",
                "qBittorrent said yes to the torrent and then does not have it.",
                "Look into qBittorrent's log; the save path must exist for it and be writable.",
                save_path=str(offered.save_path),
            )
        self._removed.forget(info_hash)

    def _offer(self, offered: Offered) -> None:
        wanted = SeedGoal() if offered.private else offered.goal or self._default_goal
        try:
            self._api.torrents_add(
                torrent_files=offered.torrent,
                urls=offered.magnet,
                save_path=str(offered.save_path.absolute()),
                category=self._category,
                use_auto_torrent_management=False,
                use_download_path=False,
                is_stopped=False,
                content_layout="Original",
                ratio_limit=wanted.ratio if wanted.ratio is not None else NO_LIMIT,
                seeding_time_limit=-(-wanted.seconds // MINUTE) if wanted.seconds is not None else NO_LIMIT,
                inactive_seeding_time_limit=NO_LIMIT,
            )
        except qb.UnsupportedMediaType415Error as error:
            raise BadTorrent.of(
                "torrent_refused", "qBittorrent does not take the torrent file.", "Choose another release."
            ) from error
        except qb.Conflict409Error:
            return  # added by somebody else in this very moment: looking it up finds it

    def _adopt(self, its_id: str, row: Mapping[str, object], *, private: bool) -> None:
        """It is there already: give it our category if it has none, and let no limit stop a private one."""
        if not row.get("category"):
            self._make_category()
            self._api.torrents_set_category(category=self._category, torrent_hashes=its_id)
        if private:
            self._api.torrents_set_share_limits(
                ratio_limit=NO_LIMIT,
                seeding_time_limit=NO_LIMIT,
                inactive_seeding_time_limit=NO_LIMIT,
                share_limit_action="Default",
                share_limits_mode="Default",
                torrent_hashes=its_id,
            )

    def _make_category(self) -> None:
        if self._category and self._category not in self._api.torrents_categories():
            try:
                self._api.torrents_create_category(name=self._category)
            except qb.Conflict409Error:
                return  # made by somebody else in between

    def _row(self, info_hash: InfoHash) -> Mapping[str, object] | None:
        for rows in (self._api.torrents_info(torrent_hashes=info_hash), self._api.torrents_info()):
            for row in rows:  # the second look is for hybrid torrents, which it keeps under another id
                if hash_of(row) == info_hash:
                    return row
        return None

    def _id(self, info_hash: InfoHash) -> str:
        row = self._row(info_hash)
        return info_hash if row is None else str(row["hash"])

    def _status(self, info_hash: InfoHash) -> TorrentStatus | None:
        row = self._row(info_hash)
        return self._removed.get(info_hash) if row is None else self._tell(row)

    def _tell(self, row: Mapping[str, object]) -> TorrentStatus:
        status = status_of(row, private=self._is_private(row), complaint=None)
        if status.state is TorrentState.DOWNLOADING and not status.peers:
            # A tracker that refuses us shows nowhere in the torrent's own state.
            complaint = tracker_complaint(self._api.torrents_trackers(torrent_hash=str(row["hash"])))
            return replace(status, error=complaint)
        return status

    def _is_private(self, row: Mapping[str, object]) -> bool:
        """Before 5.0 only the properties tell. Nothing changes it later, once a magnet knows its metadata."""
        its_id = str(row["hash"])
        if its_id not in self._private:
            private = private_of(row)
            if private is None:
                private = private_of(self._api.torrents_properties(torrent_hash=its_id))
            if private is None or not row.get("size"):
                return private is True
            self._private[its_id] = private
        return self._private[its_id]

    def _command(self, new: str, old: str, info_hash: InfoHash) -> None:
        """5.0 renamed pause to stop and resume to start; a 404 says which side of it we are on."""
        its_id = self._id(info_hash)
        for method in (new, old):
            try:
                self._api._post(_name="torrents", _method=method, data={"hashes": its_id})
            except qb.NotFound404Error:
                continue
            return

    def _wait(self, condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + APPEARS_WITHIN
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    async def _do(self, work: Callable[[], T]) -> T:
        return await self._worker.do(lambda: self._in_our_words(work))

    def _in_our_words(self, work: Callable[[], T]) -> T:
        if self._monotonic() < self._no_login_before:
            raise PermanentError(self._login_refused())
        try:
            return work()
        except (qb.LoginFailed, qb.Unauthorized401Error) as error:
            self._no_login_before = self._monotonic() + LOGIN_PAUSE
            raise PermanentError(self._login_refused()) from error
        except qb.Forbidden403Error as error:
            self._no_login_before = self._monotonic() + LOGIN_PAUSE
            raise PermanentError.of(
                "client_forbidden",
                f"qBittorrent at {self._url} turns us away (it bans an address after several wrong passwords).",
                "Check [qbittorrent] username and password, and Web UI → bypass authentication; then restart Earmark.",
            ) from error
        except qb.NotFound404Error as error:
            raise TransientError.of(
                "client_lost_torrent", "The torrent vanished from qBittorrent meanwhile.", "Look into qBittorrent."
            ) from error
        except (qb.APIError, OSError) as error:
            raise TransientError.of(
                "client_unreachable",
                f"qBittorrent at {self._url} does not answer as it should.",
                "Start qBittorrent, and check [qbittorrent] url.",
                error=redact(str(error))[:300],
            ) from error

    def _login_refused(self) -> Reason:
        return Reason(
            "client_login_failed",
            f"qBittorrent at {self._url} refuses the user name or the password.",
            "Correct [qbittorrent] username and password and restart Earmark. To spare you a ban, it is not tried again "
            "for 15 minutes.",
        )
