"""Following a download link to the torrent behind it. Whom the link may lead to is the asking adapter's business."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx2

from earmark.core.torrentfile import read_torrent
from earmark.http import Answer, answer_not_understood
from earmark.indexers.errors import torrent_gone, torrent_not_private
from earmark.ports import Magnet

MAX_REDIRECTS = 3

Get = Callable[[httpx2.URL, httpx2.URL | None], Awaitable[Answer]]
"""Asks an address; the second one is where a redirect came from. Raises for what the service's own statuses mean."""


def http_url(written: str) -> httpx2.URL | None:
    """The address when it is an http one, else None."""
    try:
        url = httpx2.URL(written)
    except (httpx2.InvalidURL, ValueError):
        return None
    return url if url.scheme in {"http", "https"} and url.host else None


async def download(get: Get, url: httpx2.URL, *, site: str, private: bool) -> bytes | Magnet:
    """The torrent at `url`, or the magnet it leads to. Raises what `get` raises, `TorrentGone`, `BadTorrent` (also for
    a release said to be `private` whose torrent is not), and `AnswerNotUnderstood`."""
    before: httpx2.URL | None = None
    for _ in range(MAX_REDIRECTS + 1):
        answer = await get(url, before)
        if answer.status in {404, 410}:
            raise torrent_gone(site, status=answer.status)
        if answer.status >= 400:
            raise answer_not_understood(site, f"HTTP {answer.status}", status=answer.status)
        if answer.status < 300:
            return _torrent(answer, site, private)
        if answer.location.lower().startswith("magnet:?"):
            return Magnet(answer.location)
        before, url = url, _next(url, answer.location, site)
    raise answer_not_understood(site, "a download link that only leads on to others")


def _torrent(answer: Answer, site: str, private: bool) -> bytes | Magnet:
    if answer.body[:8].lower() == b"magnet:?":
        return Magnet(answer.text.split()[0])
    meta = read_torrent(answer.body)
    if private and not meta.private:
        raise torrent_not_private(site)
    return answer.body


def _next(url: httpx2.URL, location: str, site: str) -> httpx2.URL:
    try:
        target = http_url(str(url.join(location))) if location else None
    except (httpx2.InvalidURL, ValueError):
        target = None
    if target is None:
        raise answer_not_understood(site, "a download link that leads nowhere")
    return target
