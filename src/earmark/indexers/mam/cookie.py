"""The `mam_id` cookie as rules: what may be pasted, what a reply changed, and where it may be sent (mam-api.md §1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from earmark.indexers.errors import bad_session_id

NAME = "mam_id"
DOMAIN = "myanonamouse.net"


def parse_mam_id(pasted: str) -> str:
    """The bare value out of what people paste: the value, `mam_id=…;`, or a whole line of cookies.

    Raises `BadSessionId`, whose message never repeats the value.
    """
    text = pasted.strip()
    if re.search(r"[\r\n]", text):
        raise bad_session_id("it has a line break in it")
    text = re.sub(r"^cookie:\s*", "", text, flags=re.IGNORECASE)
    named = re.search(rf"(?:^|;\s*){NAME}=([^;]*)", text)
    value = (named.group(1) if named else text.removesuffix(";")).strip().strip('"')
    if not value:
        raise bad_session_id("it is empty")
    if not re.fullmatch(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+", value):  # RFC 6265 cookie-octet
        raise bad_session_id("it has a semicolon, a space or another character in it that no cookie can hold")
    if value.lower() == "deleted":
        raise bad_session_id("it is the mark of a deleted cookie")
    return value


def rotated_value(set_cookie_headers: Iterable[str], now: datetime) -> str | None:
    """The new session id a reply sets, or None. Deletions are never a rotation: storing one would end the session."""
    newest: str | None = None
    for header in set_cookie_headers:
        pair, *attributes = header.split(";")
        name, _, value = pair.partition("=")
        value = value.strip().strip('"')
        if name.strip() != NAME or not re.fullmatch(r"[\x21-\x7e]+", value) or value.lower() == "deleted":
            continue
        if not _is_expired(attributes, now):
            newest = value
    return newest


def may_be_sent_to(url: httpx2.URL, site: httpx2.URL) -> bool:
    """Only to the configured site; for the real one also to its sub-domains, over TLS (posters, snatch lists)."""
    if (url.scheme, url.host, url.port) == (site.scheme, site.host, site.port):
        return True
    return url.scheme == "https" and _is_real(site.host) and _is_real(url.host)


def _is_real(host: str) -> bool:
    return host == DOMAIN or host.endswith("." + DOMAIN)


def _is_expired(attributes: Iterable[str], now: datetime) -> bool:
    """Max-Age rules over Expires (RFC 6265 §5.3); what cannot be read does not count."""
    facts = {name.strip().lower(): value.strip() for name, _, value in (a.partition("=") for a in attributes)}
    if re.fullmatch(r"-?\d+", facts.get("max-age", ""), re.ASCII):
        return facts["max-age"].startswith("-") or not facts["max-age"].strip("0")
    try:
        expires = parsedate_to_datetime(facts["expires"])
    except (KeyError, ValueError, TypeError):
        return False
    return (expires if expires.tzinfo else expires.replace(tzinfo=UTC)) <= now
