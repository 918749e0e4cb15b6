"""Announce URLs and what trackers say of them carry passkeys. Nothing leaves this package before it went through here."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_LONG_TOKEN = re.compile(r"[A-Za-z0-9_\-]{20,}")
_URL = re.compile(r"\b(?:https?|udp|wss?)://[^\s'\"<>]+", re.IGNORECASE)
_MIN_SECRET = 6


def host_of(url: str) -> str:
    """The host of an announce URL: all of it that may be shown."""
    try:
        return urlsplit(url).hostname or "?"
    except ValueError:
        return "?"


def carries_secret(url: str) -> bool:
    """Does an announce URL look as if it held a passkey? Only private trackers give such URLs out."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    return bool(_LONG_TOKEN.search(parts.path) or _LONG_TOKEN.search(parts.query) or "passkey" in parts.query.lower())


def redact(text: str, *urls: str) -> str:
    """`text` without URLs beyond their host, without any part of the given announce URLs and without long tokens."""
    text = _URL.sub(lambda match: host_of(match.group()), text)
    for url in urls:
        try:
            parts = urlsplit(url)
        except ValueError:
            continue
        for secret in re.split(r"[/&=?]", f"{parts.path}&{parts.query}"):
            if len(secret) >= _MIN_SECRET and not secret.startswith("announce"):
                text = text.replace(secret, "***")
    return _LONG_TOKEN.sub("***", text)
