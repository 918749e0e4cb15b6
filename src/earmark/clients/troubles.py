"""The troubles every client can have with a torrent, in the same words whichever client it is."""

from __future__ import annotations

from earmark.clients.redact import host_of, redact
from earmark.core.reasons import JsonValue, Reason


def disk_full(name: str, **evidence: JsonValue) -> Reason:
    return Reason(
        "disk_full", f"The disk is full: {name} is stopped.", "Free some space, then resume the torrent.", evidence
    )


def files_missing(name: str, **evidence: JsonValue) -> Reason:
    return Reason(
        "files_missing",
        f"Files are missing: {name} is stopped.",
        "Put them back and resume, or recheck to fetch them again.",
        evidence,
    )


def disk_denied(name: str, **evidence: JsonValue) -> Reason:
    return Reason(
        "disk_denied",
        f"The disk may not be written to: {name} is stopped.",
        "Give the torrent client the right to write there, then resume the torrent.",
        evidence,
    )


def torrent_error(name: str, **evidence: JsonValue) -> Reason:
    return Reason(
        "torrent_error",
        f"The torrent client met an error: {name} is stopped.",
        "Look at the client's log and at the disk, then resume the torrent.",
        evidence,
    )


def tracker_refused(url: str, answer: str) -> Reason:
    """The tracker said no. `answer` is in its own words; what could be a passkey is taken out."""
    host, answer = host_of(url), redact(answer, url)
    return Reason(
        "tracker_refused",
        f"The tracker {host} refuses this torrent: {answer}",
        "Check on the site that the account, the torrent and this client are accepted.",
        {"tracker": host, "answer": answer},
    )


def tracker_unreachable(url: str, error: str) -> Reason:
    host, error = host_of(url), redact(error, url)
    return Reason(
        "tracker_unreachable",
        f"The tracker {host} does not answer: {error}",
        "Wait: it is asked again on its own. If it lasts, check the network and the site's status.",
        {"tracker": host, "error": error},
    )
