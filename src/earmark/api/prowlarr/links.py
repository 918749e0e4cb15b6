"""Download links for other programs: absolute as the caller sees us, each with a token of its own in place of the API key.

A link opens one torrent and nothing else, ends with what it leads to being forgotten (`[search] remember_days`), and never
holds the key it was asked for with. A new administrator's key ends every link made before. The `file` part is for people's
eyes: clients rewrite it, and nothing here reads it.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import quote

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import HTTPConnection

from earmark.api.auth import presented_key
from earmark.api.context import house_of
from earmark.pipeline.house import House
from earmark.store import Offer

DAY_SECS = 86_400
PORTS = {"http": 80, "https": 443}
FILE_CHARS = 120
SEAL_BYTES = 16

_HOST = re.compile(
    r"(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>\d{1,5}))?"
)
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63}){1,8}/?")
_USUAL = re.compile(r"[A-Za-z0-9_.~ /\[\]-]*")
_TOKEN = re.compile(r"(?P<day>[0-9]{1,7})\.(?P<seal>[A-Za-z0-9_-]{22})", re.ASCII)


def linker(request: HTTPConnection) -> Callable[[Offer], str]:
    """A function from an offer to its absolute download link, good for this caller's answer. Some microseconds a link.

    Links are the same all day long, so that programs which compare them see no change between two searches."""
    house = house_of(request)
    base, secret = base_of(request), _secret(house)
    last_day = int(house.now().timestamp()) // DAY_SECS + house.settings.search.remember_days

    def link(offer: Offer) -> str:
        key = offer.key
        token = f"{last_day}.{_seal(secret, offer.indexer_id, key, last_day)}"
        return f"{base}/{offer.indexer_id}/download?apikey={token}&link={key}&file={_file(offer.release.title)}"

    return link


def _file(title: str) -> str:
    """The title as part of a query. Most are of the few characters that need no more than a few quick replacements."""
    title = title[:FILE_CHARS]
    if title and _USUAL.fullmatch(title):
        return title.replace(" ", "%20").replace("/", "%2F").replace("[", "%5B").replace("]", "%5D")
    return quote(title, safe="", errors="replace") or "release"


def may_download(request: HTTPConnection, indexer_id: int, key: str) -> bool:
    """Does the caller hold the link's own token, or a real key? Whatever stands in the query decides alone: a wrong one is
    not rescued by a right header (as with Prowlarr), and a right token is not spoilt by the key some send beside it."""
    presented = presented_key(request)
    if presented is None:
        return False
    house = house_of(request)
    return house.tokens.role_of(presented) is not None or _opens(house, presented, indexer_id, key)


def _opens(house: House, token: str, indexer_id: int, key: str) -> bool:
    """Is this the token of this very link, and not over?"""
    parts = _TOKEN.fullmatch(token)
    if parts is None or int(parts["day"]) < int(house.now().timestamp()) // DAY_SECS:
        return False
    sealed = _seal(_secret(house), indexer_id, key, int(parts["day"]))
    return hmac.compare_digest(parts["seal"].encode(), sealed.encode())


def _secret(house: House) -> bytes:
    return hmac.digest(house.tokens.signing_key(), b"download link", "sha256")


def _seal(secret: bytes, indexer_id: int, key: str, last_day: int) -> str:
    said = f"{indexer_id}\n{last_day}\n{key}".encode("utf-8", "replace")
    return urlsafe_b64encode(hmac.digest(secret, said, "sha256")[:SEAL_BYTES]).rstrip(b"=").decode()


# --- where the caller sees us -----------------------------------------------------------------------------------------


def base_of(request: HTTPConnection) -> str:
    """`http://host:port/prefix` without a slash at its end, as the caller reached us.

    From `Host` and, where present, X-Forwarded-Proto, -Host, -Port and -Prefix. They count from anybody: they shape links in
    the caller's own answer alone. Whatever does not look like what it should be is passed over."""
    scheme = _forwarded(request, "proto").lower()
    if scheme not in PORTS:
        scheme = "https" if request.scope.get("scheme") == "https" else "http"
    name, port = _where(request)
    if port is None:
        port = _port(_forwarded(request, "port"))
        if port in PORTS.values():  # its scheme's own port goes without saying, the other scheme's is a proxy's mistake
            port = None
    shown_port = "" if port is None or port == PORTS[scheme] else f":{port}"
    return f"{scheme}://{name}{shown_port}{_path(request)}"


def _where(request: HTTPConnection) -> tuple[str, int | None]:
    """The host and its port, the proxy's word first, then the caller's, then where we listen."""
    address, at = request.scope.get("server") or ("localhost", None)
    listening = (f"[{address}]" if ":" in address else address) + (f":{at}" if at else "")
    for said in (_forwarded(request, "host"), request.headers.get("host", "").strip(), listening):
        if (found := _HOST.fullmatch(said)) and _real(found["name"]):
            port = _port(found["port"] or "")
            if found["port"] is None or port is not None:
                return found["name"].lower(), port
    return "localhost", None


def _real(host: str) -> bool:
    if not host.startswith("["):
        return ".." not in host
    try:
        IPv6Address(host[1:-1])
    except AddressValueError:
        return False
    return True


def _port(said: str) -> int | None:
    return int(said) if re.fullmatch(r"[0-9]{1,5}", said) and 0 < int(said) < 65536 else None


def _path(request: HTTPConnection) -> str:
    """Our own URL base, behind what a proxy cut off on the way to us. A proxy that names our very base has cut nothing."""
    own = house_of(request).settings.server.url_base
    prefix = _forwarded(request, "prefix")
    cut = prefix.rstrip("/") if _PREFIX.fullmatch(prefix) else ""
    return quote(own if cut == own else cut + own, safe="/~")


def _forwarded(request: HTTPConnection, what: str) -> str:
    """The first of a chain of proxies: what the caller itself asked for."""
    return request.headers.get(f"x-forwarded-{what}", "").split(",", 1)[0].strip()


# --- numbers in paths -------------------------------------------------------------------------------------------------


class _IndexerNumber(Convertor[int]):
    """`{id:number}` in paths. Starlette's `int` takes more digits than Python turns into a number."""

    regex = "[0-9]{1,9}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("number", _IndexerNumber())
