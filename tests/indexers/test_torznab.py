"""Torznab feeds: reading what Jackett and its kin write, and keeping the API key to ourselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from earmark.core.newznab import Capabilities
from earmark.core.reasons import EarmarkError
from earmark.core.release import Release
from earmark.core.torrentfile import BadTorrent
from earmark.core.wish import Kind
from earmark.http import AnswerNotUnderstood, RateLimited, SiteUnavailable
from earmark.indexers import TorznabIndexer, errors
from earmark.indexers.languages import language_of
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


CAPS = """<caps><server title="Feed"/><limits default="60" max="50"/><searching>
<search available="yes" supportedParams="q"/><tv-search available="no" supportedParams="q"/>
<book-search available="yes" supportedParams="q,Author,title"/><music-search available="no" supportedParams="q,artist"/>
</searching><categories><category id="3000" name="Audio"><subcat id="3030" name="Audio/Audiobook"/>
<subcat id="x" name="broken"/></category><category id="7020" name="E&amp;amp;Books"/><category id="100013" name=""/>
</categories></caps>"""


async def test_capabilities_are_read_from_the_feed(jackett: TorznabIndexer, site: Any) -> None:
    site.replies = [xml(CAPS)]
    told = await jackett.capabilities()
    assert told.ids() == {3000, 3030, 7020, 100013}
    assert [(top.id, top.name, [sub.name for sub in top.subs]) for top in told.categories] == [
        (3000, "Audio", ["Audio/Audiobook"]),
        (7020, "E&Books", []),
        (100013, "100013", []),
    ]
    assert (told.search_params, told.book_params, told.music_params) == (("q",), ("q", "author", "title"), ())
    assert (told.limit_default, told.limit_max) == (50, 50)
    assert dict(site.requests[0].url.params) == {"t": "caps", "apikey": KEY}


@pytest.mark.parametrize("document", ["<caps/>", '<caps><limits default="x" max="-1"/><searching/></caps>'])
async def test_a_feed_that_says_little_can_be_searched_with_words(
    jackett: TorznabIndexer, site: Any, document: str
) -> None:
    site.replies = [xml(document)]
    assert await jackett.capabilities() == Capabilities()


async def asked_categories(jackett: TorznabIndexer, site: Any, **query: Any) -> str | None:
    """The `cat` of the request that a search sends, "nobody" when it sends none."""
    site.replies = [xml("<rss><channel/></rss>")]
    site.requests.clear()
    await jackett.search(replace(QUERY, **query))
    return site.requests[0].url.params.get("cat") if site.requests else "nobody"


async def test_only_what_the_owner_allows_and_the_feed_has_is_asked_for(
    upstream: Callable[..., Upstream], jackett: TorznabIndexer, site: Any
) -> None:
    assert await asked_categories(jackett, site, kind=None) is None
    assert await asked_categories(jackett, site, categories=(9999,)) == "9999"  # nobody has said what it has
    site.replies = [xml(CAPS)]
    await jackett.capabilities()
    assert await asked_categories(jackett, site, categories=(9999, 7020)) == "7020"
    assert await asked_categories(jackett, site, categories=(7000,)) == "7020"
    assert await asked_categories(jackett, site, categories=(9999,)) == "nobody"
    assert await asked_categories(jackett, site, kind=None) is None
    narrow = TorznabIndexer(upstream("narrow", "http://n.test/api"), categories=(3030, 100013))
    assert await asked_categories(narrow, site) == "3030"
    assert await asked_categories(narrow, site, categories=(3000, 7020)) == "3030"
    assert await asked_categories(narrow, site, kind=Kind.EBOOK) == "nobody"
    assert await asked_categories(narrow, site, kind=None) == "3030,100013"


def item(n: int, *categories: int, extra: str = "") -> str:
    marks = "".join(f"<category>{number}</category>" for number in categories)
    return f"<item><title>Book {n}</title><guid>g{n}</guid><link>http://jackett.test/dl/{n}</link>{marks}{extra}</item>"


def rss(*items: str) -> Reply:
    return xml(f'<rss xmlns:torznab="http://torznab.com/schemas/2015/feed"><channel>{"".join(items)}</channel></rss>')


async def test_results_outside_of_what_was_asked_are_dropped(jackett: TorznabIndexer, site: Any) -> None:
    site.replies = [rss(item(1, 3000, 3030), item(2, 2000), item(3), item(4, 7020), item(5, 3000, 3010))]

    async def titles(**query: Any) -> list[str]:
        return [r.title for r in await jackett.search(replace(QUERY, **query))]

    assert await titles() == ["Book 1", "Book 3"]
    assert await titles(kind=Kind.MUSIC) == ["Book 3", "Book 5"]
    assert await titles(categories=(3000,)) == ["Book 1", "Book 3", "Book 5"]
    assert len(await titles(kind=None)) == 5


def library(size: int) -> Callable[[httpx2.Request], Reply]:
    """A feed of so many items that honours limit and offset."""

    def reply(request: httpx2.Request) -> Reply:
        start, limit = int(request.url.params.get("offset", "0")), int(request.url.params["limit"])
        return rss(*(item(n, 3030) for n in range(start, min(size, start + limit))))

    return reply


async def test_pages_are_walked_from_the_offset_up_to_the_limit(jackett: TorznabIndexer, site: Any) -> None:
    site.replies = [library(1000)]
    found = await jackett.search(replace(QUERY, limit=250, offset=30))
    assert [r.guid for r in found] == [f"g{n}" for n in range(30, 280)]
    pages = [(r.url.params.get("offset"), r.url.params["limit"]) for r in site.requests]
    assert pages == [("30", "100"), ("130", "100"), ("230", "50")]


async def test_a_short_page_is_the_last_one(jackett: TorznabIndexer, site: Any) -> None:
    site.replies = [library(130)]
    assert len(await jackett.search(replace(QUERY, limit=500))) == 130
    assert len(site.requests) == 2


async def test_a_feed_that_knows_no_offset_is_not_asked_for_ever(jackett: TorznabIndexer, site: Any) -> None:
    site.replies = [rss(*(item(n, 3030) for n in range(100)))]
    assert len(await jackett.search(replace(QUERY, limit=500))) == 100
    assert len(site.requests) == 2


async def test_the_newest_are_asked_for_without_words(jackett: TorznabIndexer, site: Any) -> None:
    site.replies = [rss(item(1, 3030))]
    assert len(await jackett.search(replace(QUERY, newest=True))) == 1
    params = site.requests[0].url.params
    assert "q" not in params and (params["t"], params["cat"]) == ("search", "3030")


async def test_a_feed_with_only_a_search_for_books_is_asked_with_that(jackett: TorznabIndexer, site: Any) -> None:
    site.replies = [
        xml('<caps><searching><search available="no"/><book-search available="yes"/></searching></caps>'),
        rss(),
    ]
    await jackett.capabilities()
    await jackett.search(QUERY)
    assert site.requests[1].url.params["t"] == "book"


async def test_a_feed_without_a_key_is_asked_without_one(upstream: Callable[..., Upstream], site: Any) -> None:
    site.replies = [rss(item(1, 3030))]
    await TorznabIndexer(upstream("open", "http://open.test/api", None)).search(QUERY)
    assert "apikey" not in site.requests[0].url.params


RICH = """
<torznab:attr name="tag" value="Freeleech"/><torznab:attr name="tag" value="internal"/>
<torznab:attr name="downloadvolumefactor" value="0.5"/><torznab:attr name="uploadvolumefactor" value="2"/>
<torznab:attr name="minimumratio" value="1"/><torznab:attr name="minimumseedtime" value="259200"/>
<torznab:attr name="author" value="Wilkie Collins, Ada Fenwick"/><torznab:attr name="language" value="English"/>
<torznab:attr name="filetype" value="M4B"/><torznab:attr name="year" value="1868"/><torznab:attr name="peers" value="9"/>
<torznab:attr name="seeders" value="7"/><torznab:attr name="coverurl" value="http://x/c.jpg"/>"""


async def test_everything_a_feed_tells_of_a_release_is_kept(jackett: TorznabIndexer, site: Any) -> None:
    site.replies = [rss(item(1, 3030, 100013, extra=RICH))]
    (one,) = await jackett.search(QUERY)
    assert (one.categories, one.flags) == ((3030, 100013), ("freeleech", "internal"))
    assert (one.download_factor, one.upload_factor, one.freeleech.everyone) == (0.5, 2.0, False)
    assert (one.min_ratio, one.min_seed_secs, one.seeders, one.leechers) == (1.0, 259200, 7, 2)
    assert (one.authors, one.language) == (("Wilkie Collins", "Ada Fenwick"), "en")
    assert (one.filetypes, one.year) == (("m4b",), 1868)


@pytest.mark.parametrize(
    ("name", "value"),
    [("downloadvolumefactor", "-1"), ("minimumratio", "1e9"), ("minimumseedtime", "soon"), ("year", "99999"),
     ("seeders", "9" * 40), ("language", "a tongue of men"), ("infohash", "zz"), ("category", "-3"), ("author", "  ")],
    ids=lambda value: None,
)  # fmt: skip
async def test_what_makes_no_sense_is_unknown(jackett: TorznabIndexer, site: Any, name: str, value: str) -> None:
    site.replies = [rss(item(1)), rss(item(1, extra=f'<torznab:attr name="{name}" value="{value}"/>'))]
    assert await jackett.search(QUERY) == await jackett.search(QUERY)


STATUSES: list[tuple[str, Any, type[EarmarkError]]] = [
    ("off", xml('<error code="410" description="Indexer is disabled"/>', 410), SiteUnavailable),
    ("blocked", xml('<error code="429" description="Blocked"/>', 429, **{"retry-after": "60"}), RateLimited),
    ("blocked by 200", xml('<error code="429" description="Blocked"/>', 200), RateLimited),
    ("parameter", xml('<error code="201" description="Incorrect parameter"/>', 400), errors.SearchRefused),
    ("key by 400", xml('<error code="100" description="Invalid API Key"/>', 400), errors.KeyRefused),
    ("inside by 500", xml('<error code="900" description="The tracker is down"/>', 500), SiteUnavailable),
    ("plain 404", Reply(404, json={"message": "NotFound"}), AnswerNotUnderstood),
]


@pytest.mark.parametrize(("reply", "error"), [t[1:] for t in STATUSES], ids=[t[0] for t in STATUSES])
async def test_trouble_may_have_a_status_and_a_document(
    jackett: TorznabIndexer, site: Any, reply: Any, error: type[EarmarkError]
) -> None:
    site.replies = [reply]
    with pytest.raises(error) as caught:
        await jackett.search(QUERY)
    if reply.status_code == 500:
        assert "The tracker is down" in caught.value.reason.message


@pytest.mark.parametrize(
    ("written", "language"),
    [
        ("ENG", "en"),
        ("en-US", "en"),
        ("deu", "de"),
        ("French", "fr"),
        ("EN", "en"),
        ("qqq", "qqq"),
        ("?", None),
        ("", None),
    ],
)
def test_languages_are_understood_by_code_and_by_name(written: str, language: str | None) -> None:
    assert language_of(written) == language
