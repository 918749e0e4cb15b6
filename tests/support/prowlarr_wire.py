"""What the replayed programs' HTTP libraries do to addresses and answers, where that matters."""

from __future__ import annotations

import re
import string
from urllib.parse import urlsplit, urlunsplit

import httpx2

from earmark.core.torrentfile import read_torrent

UNRESERVED = string.ascii_letters + string.digits + "-._~"
PATH_SAFE = UNRESERVED + "!$'()*,@:+&=;"
QUERY_SAFE = UNRESERVED + "!$'()*,?/:@"


def requoted(url: str) -> str:
    """The address as aiohttp sends it: escapes of harmless characters are undone (`%2F` in a query arrives as `/`), the
    others and `+` stay as they are."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=_loosened(parts.path, PATH_SAFE), query=_loosened(parts.query, QUERY_SAFE)))


def _loosened(text: str, safe: str) -> str:
    def undone(escape: re.Match[str]) -> str:
        char = chr(int(escape[1], 16))
        return char if char in safe else escape[0].upper()

    return re.sub(r"%([0-9A-Fa-f]{2})", undone, text)


async def send(http: httpx2.AsyncClient, method: str, url: str, **more: object) -> httpx2.Response:
    """One request without following anything."""
    return await http.request(method, url, follow_redirects=False, **more)  # type: ignore[arg-type]


def info_hash_of(torrent: bytes) -> str:
    """Proof that these bytes are a torrent."""
    return str(read_torrent(torrent).info_hash)
