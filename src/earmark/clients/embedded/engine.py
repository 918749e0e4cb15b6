"""The libtorrent session and every torrent in it. Synchronous, and used by one thread only: the client's own.

Commands come from the client; `tick`, called a few times a second, takes in what libtorrent reports, keeps the resume
data fresh, ends the seeding of torrents whose goal is met and asks for more peers where nothing comes in.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import libtorrent as lt
from filelock import FileLock, Timeout

from earmark.clients.embedded import job as jobs
from earmark.clients.embedded import status as say
from earmark.clients.embedded.alerts import take_in
from earmark.clients.embedded.config import EmbeddedConfig, everyone_is_counted, session_settings
from earmark.clients.embedded.job import Job
from earmark.clients.embedded.statefiles import Intent, Kept, StateFiles, log
from earmark.clients.redact import carries_secret
from earmark.clients.removed import Removed
from earmark.core.reasons import PermanentError, TransientError
from earmark.core.torrentfile import BadTorrent, read_torrent
from earmark.core.torrents import InfoHash, SeedGoal, TorrentEntry, TorrentState, TorrentStatus

LISTEN_TIMEOUT = 5.0
SAVE_TIMEOUT = 10.0
DELETE_TIMEOUT = 30.0
FAREWELL_TIMEOUT = 3.0
IDLE_SAVE = timedelta(minutes=10)  # counters of idle seeds move without libtorrent calling them changed
STATUS_FIELDS = lt.status_flags_t.query_accurate_download_counters | jobs.QUERY_NAME | jobs.QUERY_SAVE_PATH
SURVEY_EVERY = timedelta(seconds=1)


class Engine:
    def __init__(self, config: EmbeddedConfig) -> None:
        self.config = config
        self.files = StateFiles(config.state_dir)
        self.jobs: dict[InfoHash, Job] = {}
        self.listen_port = 0
        self.unsaved = 0  # answers to save requests still to come
        self.deleted: set[InfoHash] = set()
        self._removed = Removed()
        self._lock = FileLock(config.state_dir / "lock")
        self._session: lt.session | None = None
        self._surveyed_at = config.clock()

    # -- life ---------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Take the state folder, open the port and bring every torrent back."""
        self.files.open()
        try:
            self._lock.acquire(blocking=False)
        except Timeout as error:
            raise PermanentError.of(
                "client_in_use",
                "Another Earmark process holds the torrents of this data directory.",
                "Stop the other process first; two may not share one data directory.",
            ) from error
        try:
            session = lt.session(session_settings(self.config))
            session.set_peer_class_filter(everyone_is_counted())
            self._session = session
            self.listen_port = self._listen()
            for kept in self.files.load():
                self._bring_back(kept)
        except BaseException:
            self._let_go()
            raise

    def close(self) -> None:
        """Save all resume data, tell the trackers, let go."""
        if self._session is None:
            return
        for job in self.jobs.values():
            self.save(job)
        deadline = time.monotonic() + SAVE_TIMEOUT
        while self.unsaved > 0 and time.monotonic() < deadline:
            self.session.wait_for_alert(100)
            self._take_alerts()
        # The destructor holds the interpreter lock while trackers answer the last announce: wait for them before it.
        self.session.pause()
        deadline = time.monotonic() + FAREWELL_TIMEOUT
        time.sleep(0.05)
        while time.monotonic() < deadline and any(jobs.announcing(job.handle) for job in self.jobs.values()):
            time.sleep(0.02)
        self._let_go()

    def _let_go(self) -> None:
        self.jobs.clear()
        self._session = None
        self._lock.release()

    @property
    def session(self) -> lt.session:
        if self._session is None:
            raise RuntimeError("The embedded client is not started.")
        return self._session

    def _listen(self) -> int:
        deadline = time.monotonic() + LISTEN_TIMEOUT
        trouble = "it did not open in time"
        while time.monotonic() < deadline:
            if port := self.session.listen_port():
                return port
            self.session.wait_for_alert(50)
            for alert in self.session.pop_alerts():
                if isinstance(alert, lt.listen_failed_alert):
                    trouble, deadline = alert.error.message(), 0.0
        raise PermanentError.of(
            "listen_failed",
            f"The BitTorrent port {self.config.listen_address}:{self.config.listen_port} cannot be opened: {trouble}.",
            "Choose another listen_port, or stop the program that uses this one.",
        )

    # -- commands -----------------------------------------------------------------------------------------------------

    def add(self, torrent: bytes, save_path: Path, goal: SeedGoal | None) -> InfoHash:
        meta = read_torrent(torrent)
        if meta.info_hash in self.jobs:
            self._adopt_goal(self.jobs[meta.info_hash], goal)
            return meta.info_hash
        params = jobs.params_of_torrent(torrent)
        intent = Intent(str(jobs.ready_folder(save_path)), goal)
        self._admit(meta.info_hash, params, intent, torrent)
        return meta.info_hash

    def add_magnet(self, uri: str, save_path: Path, goal: SeedGoal | None) -> InfoHash:
        info_hash, params = jobs.params_of_magnet(uri)
        if info_hash in self.jobs:
            self._adopt_goal(self.jobs[info_hash], goal)
            return info_hash
        self._admit(info_hash, params, Intent(str(jobs.ready_folder(save_path)), goal, magnet=uri))
        return info_hash

    def snapshot(self) -> Mapping[InfoHash, TorrentStatus]:
        # One call for all of them: libtorrent computes it under one lock, and never from stale counters.
        return {job.info_hash: self._tell(job, status) for job, status in self._statuses()}

    def status(self, info_hash: InfoHash) -> TorrentStatus | None:
        job = self.jobs.get(info_hash)
        return self._tell(job, job.handle.status()) if job is not None else self._removed.get(info_hash)

    def entries(self, info_hash: InfoHash) -> tuple[TorrentEntry, ...]:
        job = self.jobs.get(info_hash)
        if job is None or job.awaits_metadata or job.intent.refused is not None:
            return ()
        info = job.handle.torrent_file()
        return jobs.entries_of(info) if info is not None else ()

    def pause(self, info_hash: InfoHash) -> None:
        if (job := self.jobs.get(info_hash)) is None:
            return
        self.intend(job, replace(job.intent, paused=True))
        job.handle.pause()
        self.save(job)

    def resume(self, info_hash: InfoHash) -> None:
        """Go on: after a pause, after an error was dealt with, or seeding past the goal that was met."""
        if (job := self.jobs.get(info_hash)) is None or job.intent.refused is not None:
            return
        if job.fault is not None and (missing := self._missing(job)):
            job.fault = say.missing_files(jobs.name_of(job), missing)
            return
        goal = None if job.intent.finished else job.intent.goal
        self.intend(job, replace(job.intent, paused=False, finished=False, goal=goal))
        self._go_on(job)

    def recheck(self, info_hash: InfoHash) -> None:
        if (job := self.jobs.get(info_hash)) is None or job.awaits_metadata or job.intent.refused is not None:
            return
        self.intend(job, replace(job.intent, completed=False))
        # libtorrent has a recheck of its own, but peers it knew while the torrent was complete are never called again
        # after it. Taken out and put back without its pieces, the torrent is checked all the same and finds them.
        params = self._params_now(job)
        params.have_pieces, params.verified_pieces, params.unfinished_pieces = [], [], {}
        self.files.keep_resume(info_hash, lt.write_resume_data_buf(params))
        self.session.remove_torrent(job.handle)
        self.jobs[info_hash] = self._start(info_hash, params, job.intent, check_first=True)

    def reannounce(self, info_hash: InfoHash) -> None:
        if (job := self.jobs.get(info_hash)) is not None:
            self._ask_for_peers(job)

    def limit(self, info_hash: InfoHash, download_bps: int, upload_bps: int) -> None:
        if (job := self.jobs.get(info_hash)) is None:
            return
        self.intend(job, replace(job.intent, download_bps=download_bps, upload_bps=upload_bps))
        job.handle.set_download_limit(download_bps)
        job.handle.set_upload_limit(upload_bps)

    def remove(self, info_hash: InfoHash, delete_files: bool) -> None:
        if (job := self.jobs.get(info_hash)) is None:
            return
        self._removed.remember(self._tell(job, job.handle.status()))
        self.deleted.discard(info_hash)
        self.session.remove_torrent(job.handle, lt.session.delete_files if delete_files else 0)
        deadline = time.monotonic() + DELETE_TIMEOUT
        while delete_files and info_hash not in self.deleted and time.monotonic() < deadline:
            self.session.wait_for_alert(50)
            self._take_alerts()
        # Only now: killed before this line, the torrent comes back and the caller's second try removes it.
        del self.jobs[info_hash]
        self.files.forget(info_hash)

    # -- the regular round --------------------------------------------------------------------------------------------

    def tick(self) -> None:
        self._take_alerts()
        now = self.config.clock()
        if now - self._surveyed_at < SURVEY_EVERY and self._surveyed_at <= now:
            return
        self._surveyed_at = now
        for job, status in self._statuses():
            try:
                self._look_after(job, status)
            except TransientError as error:
                log.warning("torrent %s: %s", job.info_hash, error.reason.message)

    def _look_after(self, job: Job, status: lt.torrent_status) -> None:
        now, config = self.config.clock(), self.config
        job.heard = job.heard or status.num_peers > 0
        if job.fault is None and status.is_seeding and not job.completed_now:
            job.completed_now = True
            self.intend(job, replace(job.intent, completed=True))
        told = self._tell(job, status)
        if told.state is TorrentState.SEEDING and say.goal_met(
            job.intent.goal,
            ratio=told.ratio,
            seeding_secs=told.seeding_secs,
            private=job.private,
            private_floor_secs=config.private_seed_floor_secs,
        ):
            log.info("torrent %s met its goal after %s s at ratio %.2f", told.name, told.seeding_secs, told.ratio)
            self.intend(job, replace(job.intent, finished=True))
            job.handle.pause()
            self.save(job)
        if told.state is not TorrentState.DOWNLOADING:
            job.moved_at = now
        elif job.stalled(status.total_done, now, timedelta(seconds=config.stall_secs)):
            log.info("nothing came in for torrent %s: asking its tracker for more peers", told.name)
            self._ask_for_peers(job)
        age = now - job.saved_at
        if (status.need_save_resume and age >= timedelta(seconds=config.resume_save_secs)) or age >= IDLE_SAVE:
            self.save(job)

    # -- for the commands and the alerts ------------------------------------------------------------------------------

    def intend(self, job: Job, intent: Intent) -> None:
        """Change what we want of a torrent, on disk first."""
        if intent != job.intent:
            self.files.keep_intent(job.info_hash, intent)
            job.intent = intent

    def save(self, job: Job) -> None:
        """Ask libtorrent for the resume data; it comes as an alert."""
        job.saved_at = self.config.clock()
        if job.intent.refused is None:
            job.handle.save_resume_data(lt.save_resume_flags_t.save_info_dict | lt.save_resume_flags_t.flush_disk_cache)
            self.unsaved += 1

    def apply_flags(self, job: Job) -> None:
        """DHT, PEX and local discovery as they should be for what the torrent now turned out to be."""
        flag = lt.torrent_flags
        flags = jobs.flags_for(private=job.private, paused=False, dht=self.config.dht, pex=self.config.pex)
        job.handle.set_flags(flags, flag.apply_ip_filter | flag.disable_dht | flag.disable_pex | flag.disable_lsd)

    def _take_alerts(self) -> None:
        for alert in self.session.pop_alerts():
            take_in(self, alert)

    def _admit(
        self, info_hash: InfoHash, params: lt.add_torrent_params, intent: Intent, torrent: bytes | None = None
    ) -> None:
        """Write down what we want, then let libtorrent have the torrent."""
        try:
            if torrent is not None:
                self.files.keep_torrent(info_hash, torrent)
            self.files.keep_intent(info_hash, intent)
            self.jobs[info_hash] = self._start(info_hash, params, intent)
        except RuntimeError as error:
            self.files.forget(info_hash)
            raise BadTorrent.of(
                "torrent_refused", f"The torrent client does not take the torrent: {error}.", "Choose another release."
            ) from error
        except TransientError:
            self.files.forget(info_hash)
            raise
        self._removed.forget(info_hash)
        self.save(self.jobs[info_hash])

    def _params_now(self, job: Job) -> lt.add_torrent_params:
        """All that libtorrent knows of a torrent at this moment."""
        answers: list[lt.add_torrent_params] = []
        job.awaited = answers
        self.save(job)
        deadline = time.monotonic() + SAVE_TIMEOUT
        while not answers:
            if time.monotonic() > deadline:
                raise TransientError.of(
                    "client_busy", f"The torrent client does not answer about {jobs.name_of(job)}.", "Try again later."
                )
            self.session.wait_for_alert(50)
            self._take_alerts()
        return answers[0]

    def _start(
        self, info_hash: InfoHash, params: lt.add_torrent_params, intent: Intent, *, check_first: bool = False
    ) -> Job:
        info = params.ti
        missing = jobs.gone(info, intent.save_path) if info is not None and intent.completed else []
        private = info.priv() if info is not None else any(carries_secret(url) for url in params.trackers)
        stopped = intent.paused or intent.finished or intent.refused is not None or bool(missing)
        waiting = lt.torrent_flags.default_dont_download if info is None else 0
        if check_first and stopped:
            # libtorrent checks running torrents only: this one stops when that is done.
            waiting, stopped = waiting | lt.torrent_flags.stop_when_ready, False
        params.flags = waiting | jobs.flags_for(
            private=private, paused=stopped, dht=self.config.dht, pex=self.config.pex
        )
        params.save_path = intent.save_path
        params.download_limit, params.upload_limit = intent.download_bps or -1, intent.upload_bps or -1
        now = self.config.clock()
        return Job(
            info_hash=info_hash,
            handle=self.session.add_torrent(params),
            intent=intent,
            private=private,
            moved_at=now,
            saved_at=now,
            patience=timedelta(seconds=self.config.stall_secs),
            awaits_metadata=info is None,
            heard=check_first,
            fault=say.missing_files(params.name, missing) if missing else intent.refused,
        )

    def _bring_back(self, kept: Kept) -> None:
        try:
            params = jobs.params_of_kept(kept)
            if params is None:
                log.error("torrent %s is lost: none of its state files can be read", kept.info_hash)
                return
            if kept.intent is None and not params.save_path:
                log.error("torrent %s is not taken up: nobody knows where its files are", kept.info_hash)
                return
            intent = kept.intent or Intent(params.save_path)
            self.jobs[kept.info_hash] = self._start(kept.info_hash, params, intent)
        except (RuntimeError, PermanentError) as error:
            log.error("torrent %s is not taken up: %s", kept.info_hash, error)

    def _statuses(self) -> list[tuple[Job, lt.torrent_status]]:
        found = self.session.get_torrent_status(_any_torrent, STATUS_FIELDS)
        pairs = ((self.jobs.get(InfoHash(str(status.info_hashes.v1))), status) for status in found)
        return [(job, status) for job, status in pairs if job is not None]

    def _tell(self, job: Job, status: lt.torrent_status) -> TorrentStatus:
        fault = job.fault
        if fault is None and status.errc.value():
            fault = say.disk_reason(
                status.name, status.errc.value(), status.errc.message(), jobs.failed_file(job, status)
            )
        state = say.state_of(
            status, fault=fault, paused=job.intent.paused, finished=job.intent.finished, heard=job.heard
        )
        complaint = job.complaint if not status.num_peers else None
        return say.to_status(job.info_hash, status, state, private=job.private, error=fault or complaint)

    def _adopt_goal(self, job: Job, goal: SeedGoal | None) -> None:
        if goal is not None:
            self.intend(job, replace(job.intent, goal=goal))

    def _go_on(self, job: Job) -> None:
        job.fault, job.heard = None, True
        job.handle.clear_error()
        job.handle.unset_flags(lt.torrent_flags.upload_mode)  # libtorrent's own answer to a full disk
        job.handle.resume()

    def _missing(self, job: Job) -> list[str]:
        info = job.handle.torrent_file()
        return jobs.gone(info, job.intent.save_path) if info is not None and job.intent.completed else []

    def _ask_for_peers(self, job: Job) -> None:
        job.handle.force_reannounce()
        if self.config.dht and not job.private:
            job.handle.force_dht_announce()


def _any_torrent(_: lt.torrent_status) -> bool:
    return True
