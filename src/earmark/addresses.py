"""Addresses somebody else wrote: asked only when they lead to the public internet or to a place the owner configured.

An address is resolved once, every answer of the resolver must be public, and the connection goes to that very address:
a name cannot point inside the house on a second look. Knows nothing of what is fetched.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

import httpx2

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Origin = tuple[str, str, int]
UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given out on the internet; what lies outside it is local, or wraps what may be."""


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


async def public_request(
    http: httpx2.AsyncClient, url: str, *, trusted: Callable[[Origin], bool], resolve: Resolve
) -> httpx2.Request | None:
    """A GET bound to a checked address; None for an address that may not be asked. Places that are `trusted` may be
    anywhere."""
    origin = origin_of(url)
    if origin is None:
        return None
    if trusted(origin):
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
        if ip not in UNICAST:
            return False
    return ip.is_global and not ip.is_multicast
