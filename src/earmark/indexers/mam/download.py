"""What came back for a torrent download, judged by its body (mam-api.md §4)."""

from __future__ import annotations

import re

from earmark.core.reasons import JsonValue
from earmark.core.torrentfile import read_torrent
from earmark.http import Answer
from earmark.indexers.errors import (
    grabs_blocked,
    session_expired,
    torrent_gone,
    torrent_not_private,
    unsatisfied_limit_reached,
)
from earmark.indexers.mam.answers import session_trouble, trouble_of
from earmark.indexers.text import excerpt

DOWNLOAD_PATH = "/tor/download.php?tid="


def torrent_bytes(answer: Answer, site: str) -> bytes:
    """The torrent file. Raises the named error for every other thing the site is known to send instead."""
    if not (answer.status < 300 and answer.body.startswith(b"d")):
        _raise_refusal(answer, site)
    if not read_torrent(answer.body).private:
        raise torrent_not_private(site)
    return answer.body


def _raise_refusal(answer: Answer, site: str) -> None:
    """Returns only for a body that is neither a torrent nor a refusal anybody knows."""
    facts: dict[str, JsonValue] = {"status": answer.status, "answer": excerpt(answer)}
    if re.search(r"unsatisfied\s+(?:torrents?\s+)?limit", answer.text, re.IGNORECASE):
        raise unsatisfied_limit_reached(site, **facts)
    if answer.status == 406:
        raise grabs_blocked(site, **facts)
    if answer.status in {404, 410}:
        raise torrent_gone(site, status=answer.status)
    if trouble := trouble_of(answer, site) or session_trouble(answer, site, answer.text):
        raise trouble
    if answer.is_page:
        raise session_expired(site, "it sent a web page instead of the torrent", **facts)
    read_torrent(answer.body)
