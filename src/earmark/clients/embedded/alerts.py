"""What the engine does about libtorrent's reports: one small function a kind of alert."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import libtorrent as lt

from earmark.clients.embedded import job as jobs
from earmark.clients.embedded import status as say
from earmark.clients.embedded.job import Job
from earmark.clients.embedded.statefiles import log
from earmark.core.reasons import TransientError
from earmark.core.torrentfile import BadTorrent, read_torrent
from earmark.core.torrents import InfoHash

if TYPE_CHECKING:
    from earmark.clients.embedded.engine import Engine

A = TypeVar("A", bound=lt.torrent_alert)


def take_in(engine: Engine, alert: lt.alert) -> None:
    if isinstance(alert, lt.torrent_deleted_alert):
        engine.deleted.add(InfoHash(str(alert.info_hashes.v1)))
        return
    if isinstance(alert, lt.torrent_delete_failed_alert):
        if alert.error.value():  # a magnet without metadata has no files, and libtorrent calls that a failure too
            log.warning("not all files of a removed torrent could be deleted: %s", alert.error.message())
        engine.deleted.add(InfoHash(str(alert.info_hashes.v1)))
        return
    if isinstance(alert, lt.save_resume_data_alert | lt.save_resume_data_failed_alert):
        engine.unsaved -= 1
    if isinstance(alert, lt.torrent_alert) and (job := _job_of(engine, alert)) is not None:
        for kind, act in _ACTIONS:
            if isinstance(alert, kind):
                act(engine, job, alert)


def _job_of(engine: Engine, alert: lt.torrent_alert) -> Job | None:
    try:
        return engine.jobs.get(InfoHash(str(alert.handle.info_hashes().v1)))
    except RuntimeError:  # the torrent was removed meanwhile
        return None


def _keep_resume(engine: Engine, job: Job, alert: lt.save_resume_data_alert) -> None:
    if job.intent.refused is not None:
        return
    if job.awaited is not None:
        job.awaited.append(alert.params)
        job.awaited = None
    try:
        engine.files.keep_resume(job.info_hash, lt.write_resume_data_buf(alert.params))
    except TransientError as error:
        log.warning("the resume data of %s is not saved: %s", alert.torrent_name, error.reason.message)


def _file_error(engine: Engine, job: Job, alert: lt.file_error_alert) -> None:
    """A full disk, a read-only one, files gone: stop at once and say so. libtorrent itself would go on trying."""
    job.handle.pause()
    if job.fault is None:
        job.fault = say.disk_reason(jobs.name_of(job), alert.error.value(), alert.error.message(), alert.filename())
        log.warning("%s (%s)", job.fault.message, alert.error.message())
        engine.save(job)


def _metadata(engine: Engine, job: Job, _: lt.metadata_received_alert) -> None:
    """A magnet learned what it is. It may be anything: the same checks as for a torrent file, before a byte is written."""
    info = job.handle.torrent_file()
    if info is None:
        return
    torrent = jobs.magnet_torrent(job.handle, info)
    try:
        read_torrent(torrent)
        jobs.params_of_torrent(torrent)
    except BadTorrent as error:
        job.handle.pause()
        engine.intend(job, replace(job.intent, refused=error.reason))
        job.fault = error.reason
        engine.files.drop_resume(job.info_hash)
        log.warning("the magnet %s is refused: %s", job.info_hash, error.reason.message)
        return
    engine.files.keep_torrent(job.info_hash, torrent)
    job.private, job.awaits_metadata = info.priv(), False
    engine.apply_flags(job)
    job.handle.unset_flags(lt.torrent_flags.default_dont_download)
    job.handle.prioritize_files([jobs.NORMAL_PRIORITY] * info.num_files())
    engine.save(job)


def _finished(engine: Engine, job: Job, _: lt.torrent_finished_alert) -> None:
    engine.save(job)


def _tracker_answered(_: Engine, job: Job, __: lt.tracker_reply_alert) -> None:
    job.heard, job.complaint = True, None


def _tracker_complained(_: Engine, job: Job, alert: lt.tracker_error_alert) -> None:
    job.heard = True
    job.complaint = say.tracker_reason(alert.tracker_url(), alert.failure_reason(), alert.error.message())
    log.warning("%s", job.complaint.message)


def _resume_rejected(_: Engine, __: Job, alert: lt.fastresume_rejected_alert) -> None:
    log.warning("the files of %s are not as they were left and are checked anew", alert.torrent_name)


def _piece_failed(_: Engine, __: Job, alert: lt.hash_failed_alert) -> None:
    log.info("a piece of %s came in damaged and is fetched again", alert.torrent_name)


def _on(kind: type[A], act: Callable[[Engine, Job, A], None]) -> tuple[type[lt.torrent_alert], Callable[..., None]]:
    return kind, act


_ACTIONS = (
    _on(lt.save_resume_data_alert, _keep_resume),
    _on(lt.file_error_alert, _file_error),
    _on(lt.metadata_received_alert, _metadata),
    _on(lt.torrent_finished_alert, _finished),
    _on(lt.tracker_reply_alert, _tracker_answered),
    _on(lt.tracker_error_alert, _tracker_complained),
    _on(lt.fastresume_rejected_alert, _resume_rejected),
    _on(lt.hash_failed_alert, _piece_failed),
)
