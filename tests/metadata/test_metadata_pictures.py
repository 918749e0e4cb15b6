"""Covers come from addresses strangers wrote: only the public internet and the configured service are asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import httpx2
import pytest

from earmark.addresses import is_public, origin_of
from earmark.core.reasons import PermanentError
from earmark.http import SiteUnavailable, new_client
from earmark.metadata.pictures import MAX_PICTURE_BYTES, fetch_picture

JPEG = b"\xff\xd8\xff\xe0" + b"0" * 100
NAMES = {
    "pictures.test": ["93.184.216.34"],
    "inside.test": ["192.168.1.10"],
    "both.test": ["93.184.216.34", "127.0.0.1"],
    "mapped.test": ["::ffff:127.0.0.1"],
}


class Net:
    """Answers by the address asked, and remembers the requests."""

    def __init__(self, **answers: httpx2.Response) -> None:
        self.answers = answers
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return self.answers.get(request.url.path, httpx2.Response(200, content=JPEG))


async def resolve(host: str, port: int) -> Sequence[str]:
    try:
        is_address = bool(__import__("ipaddress").ip_address(host))
    except ValueError:
        is_address = False
    return [host] if is_address else NAMES.get(host, [])


async def fetch(net: Net, url: str, trusted: tuple[str, ...] = ()) -> bytes | None:
    origins = [origin for base in trusted if (origin := origin_of(base))]
    async with new_client(5, httpx2.MockTransport(net)) as http:
        return await fetch_picture(
            http, url, trusted=origins, clock=lambda: datetime(2026, 7, 1, tzinfo=UTC), timeout_secs=5, resolve=resolve
        )


async def test_a_public_picture_is_fetched_from_the_very_address_that_was_checked() -> None:
    net = Net()
    assert await fetch(net, "https://pictures.test/images/I/a.jpg") == JPEG
    [request] = net.requests
    assert request.url.host == "93.184.216.34" and request.headers["host"] == "pictures.test"
    assert request.extensions["sni_hostname"] == "pictures.test"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.jpg", "http://[::1]/a.jpg", "http://169.254.169.254/latest/meta-data", "http://10.0.0.1/a",
        "http://inside.test/a.jpg", "http://both.test/a.jpg", "http://mapped.test/a.jpg", "http://unknown.test/a.jpg",
        "http://user:pass@pictures.test/a.jpg", "ftp://pictures.test/a.jpg", "file:///etc/passwd", "nonsense", "",
        "http://0.0.0.0/a", "http://100.64.0.1/a", "http://[fe80::1]/a", "http://[64:ff9b::7f00:1]/a",
        "http://[2002:7f00:1::]/a",
    ],
)  # fmt: skip
async def test_nothing_inside_is_ever_asked(url: str) -> None:
    net = Net()
    assert await fetch(net, url, trusted=("http://service.test",)) is None
    assert net.requests == []


async def test_the_configured_service_may_live_anywhere_but_only_there() -> None:
    net = Net()
    assert await fetch(net, "http://127.0.0.1:9000/images/a.jpg", trusted=("http://127.0.0.1:9000/audnexus",)) == JPEG
    assert await fetch(net, "http://127.0.0.1:9001/images/a.jpg", trusted=("http://127.0.0.1:9000/audnexus",)) is None


async def test_a_redirect_into_the_house_is_not_followed() -> None:
    net = Net(**{"/a.jpg": httpx2.Response(302, headers={"location": "http://192.168.1.1/admin"})})
    assert await fetch(net, "https://pictures.test/a.jpg") is None
    assert len(net.requests) == 1


async def test_a_redirect_elsewhere_in_public_is_followed_but_not_for_ever() -> None:
    net = Net(**{"/a.jpg": httpx2.Response(301, headers={"location": "/b.jpg"})})
    assert await fetch(net, "https://pictures.test/a.jpg") == JPEG
    circle = Net(**{"/a.jpg": httpx2.Response(301, headers={"location": "/a.jpg"})})
    assert await fetch(circle, "https://pictures.test/a.jpg") is None
    assert len(circle.requests) == 4


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, text="<html>", headers={"content-type": "image/jpeg"}),
        httpx2.Response(200, content=b"<svg onload=alert(1)>"),
        httpx2.Response(200, content=b"GIF89a"),
        httpx2.Response(200, content=b""),
        httpx2.Response(404),
        httpx2.Response(403),
    ],
    ids=["a page that says it is one", "svg", "gif", "empty", "gone", "forbidden"],
)
async def test_what_is_no_jpeg_or_png_is_no_cover(answer: httpx2.Response) -> None:
    assert await fetch(Net(**{"/a": answer}), "https://pictures.test/a") is None


async def test_a_picture_too_big_is_cut_off() -> None:
    net = Net(**{"/a": httpx2.Response(200, content=JPEG + bytes(MAX_PICTURE_BYTES))})
    with pytest.raises(PermanentError, match="10 MiB"):
        await fetch(net, "https://pictures.test/a")


async def test_a_broken_server_is_a_passing_trouble() -> None:
    with pytest.raises(SiteUnavailable):
        await fetch(Net(**{"/a": httpx2.Response(503)}), "https://pictures.test/a")


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", ["224.0.0.1", "255.255.255.255", "fd00::1", "::", "not one", "2001:db8::1"])
def test_all_others_are_not(address: str) -> None:
    assert not is_public(address)
