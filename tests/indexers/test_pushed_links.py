"""Links that other programs push: where they may lead, and where never."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from earmark.core.reasons import EarmarkError
from earmark.core.release import Release
from earmark.core.torrentfile import BadTorrent
from earmark.core.wish import Kind
from earmark.http import AnswerTooLarge, RateLimited, SiteUnavailable, new_client
from earmark.indexers import LinkFetcher, errors
from earmark.ports import Magnet, SearchQuery

MAGNET = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567"
PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.7"
NAMES = {"tracker.example": (PUBLIC,), "nas.lan": (PRIVATE,), "two-faced.example": (PUBLIC, PRIVATE)}
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
Reply = httpx2.Response


async def resolve(host: str, port: int) -> Sequence[str]:
    return NAMES.get(host, ())


@pytest.fixture
def fetcher(site: Any) -> LinkFetcher:
    return LinkFetcher(
        new_client(5, httpx2.MockTransport(site)),
        clock=lambda: NOW,
        timeout_secs=5,
        known_places=lambda: frozenset({("nas.lan", 9696)}),
        resolve=resolve,
    )


def pushed(link: str, **facts: Any) -> Release:
    return Release(guid=link or "g", indexer="push", title="The Moonstone", download_ref=link, **facts)


async def test_a_public_link_gives_the_torrent_from_the_address_that_was_checked(
    fetcher: LinkFetcher, site: Any, make_torrent: Callable[..., bytes]
) -> None:
    site.replies = [Reply(200, content=make_torrent())]
    assert await fetcher.fetch(pushed("https://tracker.example/dl/1?passkey=x")) == make_torrent()
    request = site.requests[0]
    assert (request.url.host, request.headers["host"]) == (PUBLIC, "tracker.example")
    assert request.headers["user-agent"].startswith("Earmark/")


async def test_a_host_the_house_knows_may_be_private(
    fetcher: LinkFetcher, site: Any, make_torrent: Callable[..., bytes]
) -> None:
    site.replies = [Reply(302, headers={"location": "/dl/2"}), Reply(200, content=make_torrent())]
    assert await fetcher.fetch(pushed("http://nas.lan:9696/dl/1")) == make_torrent()
    assert site.requests[1].url == "http://nas.lan:9696/dl/2"


@pytest.mark.parametrize(
    "link",
    ["http://two-faced.example/x", "http://unknown.example/x", "http://127.0.0.1/x", "http://user:pw@tracker.example/"],
)
async def test_a_link_to_the_inside_is_not_followed(fetcher: LinkFetcher, site: Any, link: str) -> None:
    with pytest.raises(errors.LinkNotAllowed) as caught:
        await fetcher.fetch(pushed(link))
    assert site.requests == [] and "pw" not in repr(caught.value.reason)


@pytest.mark.parametrize("target", ["http://nas.lan:9696/api", "http://two-faced.example/", "http://169.254.169.254/"])
async def test_a_redirect_never_leads_from_the_outside_to_the_inside(
    fetcher: LinkFetcher, site: Any, target: str
) -> None:
    site.replies = [Reply(302, headers={"location": target})]
    with pytest.raises(errors.LinkNotAllowed):
        await fetcher.fetch(pushed("http://tracker.example/x"))
    assert len(site.requests) == 1


async def test_magnets_are_handed_on_as_they_are(fetcher: LinkFetcher, site: Any) -> None:
    assert await fetcher.fetch(pushed("", magnet=MAGNET)) == Magnet(MAGNET)
    site.replies = [Reply(301, headers={"location": MAGNET})]
    assert await fetcher.fetch(pushed("http://tracker.example/x")) == Magnet(MAGNET)
    site.replies = [Reply(200, content=MAGNET.encode() + b"\n")]
    assert await fetcher.fetch(pushed("http://tracker.example/x")) == Magnet(MAGNET)


TROUBLE: list[tuple[str, Any, type[EarmarkError]]] = [
    ("gone", Reply(410), errors.TorrentGone),
    ("refused", Reply(403), errors.LinkRefused),
    ("busy", Reply(429, headers={"retry-after": "9"}), RateLimited),
    ("broken", Reply(503), SiteUnavailable),
    ("away", httpx2.ConnectError("x"), SiteUnavailable),
    ("page", Reply(200, html="<html>please sign in</html>"), BadTorrent),
    ("huge", Reply(200, content=bytes(10 * 2**20 + 1)), AnswerTooLarge),
]


@pytest.mark.parametrize(("reply", "error"), [t[1:] for t in TROUBLE], ids=[t[0] for t in TROUBLE])
async def test_trouble_behind_a_link_has_a_name(
    fetcher: LinkFetcher, site: Any, reply: Any, error: type[EarmarkError]
) -> None:
    site.replies = [reply]
    with pytest.raises(error) as caught:
        await fetcher.fetch(pushed("http://tracker.example/x?passkey=hush"))
    assert "hush" not in f"{caught.value!r}{caught.value.reason!r}"


@pytest.mark.parametrize("link", ["", "file:///etc/passwd", "ftp://tracker.example/x", "http://", "\ud800"])
async def test_what_is_no_web_address_is_refused(fetcher: LinkFetcher, site: Any, link: str) -> None:
    with pytest.raises(errors.NotOurRelease):
        await fetcher.fetch(pushed(link))
    assert site.requests == []


async def test_there_is_nothing_to_search(fetcher: LinkFetcher, site: Any) -> None:
    assert list(await fetcher.search(SearchQuery("x", Kind.AUDIOBOOK))) == []
    assert (await fetcher.capabilities()).search_params == () and (await fetcher.test()).ok
    assert await fetcher.account() is None and site.requests == []
