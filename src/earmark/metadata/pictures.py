"""Fetching a picture from an address somebody else wrote: only from the public internet or the service that was
configured, small enough, and truly a picture.

An address is resolved once, every answer of the resolver must be public, and the connection goes to that very address:
a name cannot point inside the house on a second look.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime

import httpx2
import structlog

from earmark.http import Answer, exchange, raise_for_trouble

log = structlog.get_logger(__name__)

MAX_PICTURE_BYTES = 10 * 2**20
MAX_REDIRECTS = 3

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Origin = tuple[str, str, int]


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the system's resolver tells them; none when it knows none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def origin_of(url: str | httpx2.URL) -> Origin | None:
    """Scheme, host and port; None for anything that is no http address."""
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        return None
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        return None
    return parsed.scheme, parsed.host, parsed.port or (443 if parsed.scheme == "https" else 80)


async def fetch_picture(
    http: httpx2.AsyncClient,
    url: str,
    *,
    trusted: Collection[Origin],
    clock: Callable[[], datetime],
    timeout_secs: float,
    resolve: Resolve = resolve,
) -> bytes | None:
    """The JPEG or PNG at `url`, or None when there is none that may be had. `trusted` origins are those the owner
    configured, wherever they are. Raises `WaitError` while the place is busy or away, `AnswerTooLarge` above 10 MiB."""
    target = url
    for _ in range(MAX_REDIRECTS + 1):
        request = await _request(http, target, trusted, resolve)
        if request is None:
            log.warning("picture_refused", host=_host(target))
            return None
        answer = await exchange(
            http, request, site=_host(target), timeout_secs=timeout_secs, now=clock, max_bytes=MAX_PICTURE_BYTES
        )
        if answer.status not in {301, 302, 303, 307, 308}:
            return _picture(answer, _host(target))
        try:
            target = str(httpx2.URL(target).join(answer.location))
        except (httpx2.InvalidURL, ValueError):
            return None
    return None


async def _request(
    http: httpx2.AsyncClient, url: str, trusted: Collection[Origin], resolve: Resolve
) -> httpx2.Request | None:
    """The request to send, bound to a checked address; None for an address that may not be asked."""
    origin = origin_of(url)
    if origin is None:
        return None
    if origin in trusted:
        return http.build_request("GET", url)
    scheme, host, port = origin
    addresses = await resolve(host, port)
    if not addresses or not all(is_public(address) for address in addresses):
        return None
    parsed = httpx2.URL(url)
    return http.build_request(
        "GET",
        parsed.copy_with(host=addresses[0]),
        headers={"Host": parsed.netloc.decode("ascii")},
        extensions={"sni_hostname": host} if scheme == "https" else {},
    )


def is_public(address: str) -> bool:
    """Is this an address of the internet at large? Wrapped IPv4 (mapped, 6to4, Teredo, NAT64) counts as what it wraps."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def _picture(answer: Answer, site: str) -> bytes | None:
    """A picture by its first bytes, whatever the content type claims."""
    raise_for_trouble(answer, site)
    if answer.status != 200:
        return None
    return answer.body if answer.body.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) else None


def _host(url: str) -> str:
    origin = origin_of(url)
    return origin[1] if origin else "an address that is none"
