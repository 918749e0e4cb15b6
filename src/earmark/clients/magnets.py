"""What a magnet link says of itself, without any client."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import parse_qs, urlsplit

from earmark.core.reasons import PermanentError, Reason
from earmark.core.torrents import InfoHash


def magnet_hash(uri: str) -> InfoHash:
    """The info-hash a magnet link names. Raises PermanentError for what is no magnet of a version 1 torrent."""
    parts = urlsplit(uri)
    topics = parse_qs(parts.query).get("xt", [])
    if parts.scheme.lower() != "magnet" or not topics:
        raise _bad()
    for topic in topics:
        kind, _, value = topic.rpartition(":")
        if kind.lower() != "urn:btih":
            continue
        if re.fullmatch(r"[0-9a-fA-F]{40}", value):
            return InfoHash(value.lower())
        if len(value) == 32:
            try:
                return InfoHash(base64.b32decode(value.upper()).hex())
            except binascii.Error as error:
                raise _bad() from error
        raise _bad()
    raise PermanentError(
        Reason(
            "magnet_v2_only", "The magnet link is of a version 2 torrent, which is not supported.", "Use another one."
        )
    )


def _bad() -> PermanentError:
    return PermanentError(
        Reason("bad_magnet", "That is no magnet link.", "Copy the link again, or use the torrent file.")
    )
