"""Torznab feeds: reading what Jackett and its kin write, and keeping the API key to ourselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from earmark.core.reasons import EarmarkError
from earmark.core.release import Release
from earmark.core.torrentfile import BadTorrent
from earmark.core.wish import Kind
from earmark.http import AnswerNotUnderstood, RateLimited, SiteUnavailable
from earmark.indexers import TorznabIndexer, errors
from earmark.indexers.torznab import jackett_endpoint
from earmark.indexers.upstream import Upstream
from earmark.ports import Magnet, SearchQuery

FEED = (Path(__file__).parent / "data/torznab.xml").read_bytes()
KEY = "canary-key-42"
QUERY = SearchQuery("The Moonstone!", Kind.AUDIOBOOK)
MAGNET = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567"
Reply = httpx2.Response


@pytest.fixture
def jackett(upstream: Callable[..., Upstream]) -> TorznabIndexer:
    return TorznabIndexer(upstream("jackett", jackett_endpoint("http://jackett.test:9117/")))


def xml(text: str, status: int = 200, **headers: str) -> Reply:
    return Reply(status, content=text.encode(), headers={"content-type": "application/xml", **headers})


async def test_a_feed_is_asked_with_words_category_and_key(jackett: TorznabIndexer, site: Any) -> None:
    site.replies = [xml("<rss><channel/></rss>")]
    assert await jackett.search(QUERY) == []
    url = site.requests[0].url
    assert url.path == "/api/v2.0/indexers/all/results/torznab/api"
    assert dict(url.params) == {
        "t": "search",
        "extended": "1",
        "cat": "3030",
        "q": "The Moonstone",
        "limit": "100",
        "apikey": KEY,
    }
    assert site.requests[0].headers["user-agent"].startswith("Earmark/")


@pytest.mark.parametrize(
    ("kind", "categories"),
    [
        (Kind.AUDIOBOOK, "3030"),
        (Kind.EBOOK, "7000,7010,7020,7030,7040,7050,7060"),
        (Kind.MUSIC, "3000,3010,3020,3040,3050,3060"),
    ],
)
async def test_each_kind_has_its_categories(jackett: TorznabIndexer, site: Any, kind: Kind, categories: str) -> None:
    site.replies = [xml("<rss><channel/></rss>")]
    await jackett.search(SearchQuery("x", kind))
    assert site.requests[0].url.params["cat"] == categories


async def test_items_become_releases_and_unusable_ones_are_skipped(jackett: TorznabIndexer, site: Any) -> None:
    site.replies = [Reply(200, content=FEED)]
    moonstone, sparse = await jackett.search(QUERY)
    assert moonstone.title == "Wilkie Collins - The Moonstone & more [M4B]"
    assert (moonstone.kind, moonstone.size_bytes, moonstone.file_count, moonstone.grabs) == (
        Kind.AUDIOBOOK,
        432650649,
        12,
        118,
    )
    assert (moonstone.seeders, moonstone.leechers) == (31, 2)
    assert moonstone.info_hash == "abcdef0123456789abcdef0123456789abcdef01"
    assert moonstone.published_at == datetime(2025, 2, 3, 9, 14, 55, tzinfo=UTC)
    assert moonstone.freeleech.everyone and moonstone.private
    assert moonstone.guid == moonstone.info_url == "https://tracker.example/t/55"
    assert moonstone.description == "Read by Ada"
    assert (sparse.size_bytes, sparse.published_at, sparse.seeders, sparse.kind) == (None, None, None, None)
    assert (sparse.magnet, sparse.download_ref, sparse.private, sparse.freeleech.everyone) == (MAGNET, "", False, False)


async def test_an_empty_query_sends_nothing(jackett: TorznabIndexer, site: Any) -> None:
    assert await jackett.search(SearchQuery(" ?! ", Kind.AUDIOBOOK)) == []
    assert site.requests == []


TROUBLE: list[tuple[str, Any, type[EarmarkError]]] = [
    ("bad key", xml('<error code="100" description="Invalid API Key"/>'), errors.KeyRefused),
    ("limit", xml('<error code="500" description="Request limit reached"/>'), RateLimited),
    ("limit by words", xml('<error code="900" description="Request limit reached"/>'), RateLimited),
    ("bad request", xml('<error code="201" description="Incorrect parameter"/>'), errors.SearchRefused),
    ("broken", xml('<error code="900" description="Jackett.Common.IndexerException"/>'), SiteUnavailable),
    ("wordless", xml("<error/>"), SiteUnavailable),
    ("401", Reply(401), errors.KeyRefused),
    ("403", Reply(403), errors.KeyRefused),
    ("429", Reply(429, headers={"retry-after": "7"}), RateLimited),
    ("502", Reply(502), SiteUnavailable),
    ("404", Reply(404), AnswerNotUnderstood),
    ("login", Reply(302, headers={"location": "/UI/Login"}), AnswerNotUnderstood),
    ("page", Reply(200, html="<html><body>Jackett<br></body></html>"), AnswerNotUnderstood),
    ("empty", Reply(200, content=b""), AnswerNotUnderstood),
    ("bomb", xml('<!DOCTYPE x [<!ENTITY a "b">]><rss><channel>&a;</channel></rss>'), AnswerNotUnderstood),
    ("odd encoding", xml('<?xml version="1.0" encoding="martian"?><rss/>'), AnswerNotUnderstood),
    ("away", httpx2.ConnectError(f"http://jackett.test/?apikey={KEY}"), SiteUnavailable),
    ("slow", httpx2.ReadTimeout("x"), SiteUnavailable),
    ("only nonsense", xml("<rss><channel><item><guid>x</guid></item></channel></rss>"), AnswerNotUnderstood),
]


@pytest.mark.parametrize(("reply", "error"), [t[1:] for t in TROUBLE], ids=[t[0] for t in TROUBLE])
async def test_trouble_has_a_name(jackett: TorznabIndexer, site: Any, reply: Any, error: type[EarmarkError]) -> None:
    site.replies = [reply]
    with pytest.raises(error) as caught:
        await jackett.search(QUERY)
    assert KEY not in f"{caught.value!r}{caught.value.reason!r}{caught.value.__cause__!r}"


async def test_health_asks_for_the_capabilities(jackett: TorznabIndexer, site: Any) -> None:
    site.replies = [xml("<caps><server/></caps>"), xml('<error code="100" description="Invalid API Key"/>')]
    assert (await jackett.test()).ok
    refused = await jackett.test()
    assert not refused.ok and "key" in refused.message
    assert await jackett.account() is None


async def found(jackett: TorznabIndexer, site: Any) -> Release:
    site.replies = [Reply(200, content=FEED)]
    release = (await jackett.search(QUERY))[0]
    site.requests.clear()
    return release


async def test_the_torrent_comes_by_the_download_link_with_the_key_put_back(
    jackett: TorznabIndexer, site: Any, make_torrent: Callable[..., bytes]
) -> None:
    release = await found(jackett, site)
    assert KEY not in repr(release)
    site.replies = [Reply(200, content=make_torrent())]
    assert await jackett.fetch(release) == make_torrent()
    assert site.requests[0].url.params["jackett_apikey"] == KEY


async def test_the_key_is_never_sent_to_another_host(
    jackett: TorznabIndexer, site: Any, make_torrent: Callable[..., bytes]
) -> None:
    release = await found(jackett, site)
    site.replies = [Reply(200, content=make_torrent())]
    await jackett.fetch(replace(release, download_ref=release.download_ref.replace("jackett.test", "evil.test")))
    assert KEY not in str(site.requests[0].url)


async def test_a_link_may_lead_to_a_magnet_or_to_another_link(
    jackett: TorznabIndexer, site: Any, make_torrent: Callable[..., bytes]
) -> None:
    release = await found(jackett, site)
    site.replies = [Reply(302, headers={"location": MAGNET})]
    assert await jackett.fetch(release) == Magnet(MAGNET)
    site.replies = [Reply(302, headers={"location": "/elsewhere"}), Reply(200, content=make_torrent())]
    assert await jackett.fetch(release) == make_torrent()


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "/again"])
async def test_a_link_that_leads_nowhere_is_given_up(jackett: TorznabIndexer, site: Any, location: str) -> None:
    release = await found(jackett, site)
    site.replies = [Reply(302, headers={"location": location})]
    with pytest.raises(AnswerNotUnderstood):
        await jackett.fetch(release)
    assert len(site.requests) <= 4


async def test_a_release_with_only_a_magnet_needs_no_request(jackett: TorznabIndexer, site: Any) -> None:
    site.replies = [Reply(200, content=FEED)]
    sparse = (await jackett.search(QUERY))[1]
    assert await jackett.fetch(sparse) == Magnet(MAGNET)
    assert len(site.requests) == 1


async def test_what_is_no_torrent_or_wrongly_public_is_refused(
    jackett: TorznabIndexer, site: Any, make_torrent: Callable[..., bytes]
) -> None:
    release = await found(jackett, site)
    for body in (b"<html>login</html>", b"", make_torrent(private=False)):
        site.replies = [Reply(200, content=body)]
        with pytest.raises(BadTorrent):
            await jackett.fetch(release)
    site.replies = [Reply(200, content=make_torrent(private=False))]
    assert await jackett.fetch(replace(release, private=False))
    site.replies = [Reply(404)]
    with pytest.raises(errors.TorrentGone):
        await jackett.fetch(release)


@pytest.mark.parametrize("changes", [{"indexer": "mam"}, {"download_ref": "file:///etc/passwd"}, {"download_ref": ""}])
async def test_a_release_of_somebody_else_is_not_fetched(
    jackett: TorznabIndexer, site: Any, changes: dict[str, Any]
) -> None:
    release = await found(jackett, site)
    with pytest.raises(errors.NotOurRelease):
        await jackett.fetch(replace(release, **changes))
    assert site.requests == []


async def test_the_key_is_in_no_log_line_and_no_repr(
    jackett: TorznabIndexer, site: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    await found(jackett, site)
    site.replies = [xml(f'<error code="100" description="Bad key {KEY}"/>')]
    health = await jackett.test()
    printed = capsys.readouterr()
    assert KEY not in f"{caplog.text}{printed.out}{printed.err}{health}{jackett!r}{vars(jackett)}"


@pytest.mark.parametrize(
    ("configured", "endpoint"),
    [
        ("http://j:9117", "http://j:9117/api/v2.0/indexers/all/results/torznab/api"),
        ("http://p:9696/1/api", "http://p:9696/1/api"),
        ("http://p:9696/api/v1/indexer/1/newznab/", "http://p:9696/api/v1/indexer/1/newznab"),
    ],
)
def test_an_address_that_names_a_feed_is_taken_as_it_is(configured: str, endpoint: str) -> None:
    assert jackett_endpoint(configured) == endpoint
