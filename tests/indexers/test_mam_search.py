"""Searching MyAnonamouse: what is asked, how pages are walked, what is never sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from earmark.core.wish import Kind
from earmark.http import AnswerNotUnderstood, SiteUnavailable
from earmark.indexers import errors
from earmark.indexers.mam import MamIndexer
from earmark.indexers.text import words_of
from earmark.ports import SearchQuery

Open = Callable[..., MamIndexer]


def catalogue(
    size: int, *, found: int | None = None, serves: int = 10**9
) -> Callable[[httpx2.Request], httpx2.Response]:
    """A site with `size` releases that gives no more than `serves` of them, whatever it counts."""

    def reply(request: httpx2.Request) -> httpx2.Response:
        asked = json.loads(request.content)
        start = asked["tor"]["startNumber"]
        ids = range(start + 1, min(size, serves, start + asked["perpage"]) + 1)
        if not ids:
            return httpx2.Response(200, json={"error": f"Nothing returned, out of {size}"})
        rows = [{"id": n, "title": f"Book {n}"} for n in ids]
        return httpx2.Response(
            200, json={"data": rows, "found": size if found is None else found, "total": start + len(rows)}
        )

    return reply


async def test_the_question_is_json_with_tor_and_perpage_and_no_download_hashes(mam: Open, site: Any) -> None:
    site.replies = [catalogue(1)]
    await mam().search(SearchQuery("The Moonstone", Kind.AUDIOBOOK, limit=25))
    request = site.requests[0]
    asked = json.loads(request.content)
    assert (request.method, request.url.path) == ("POST", "/tor/js/loadSearchJSONbasic.php")
    assert request.headers["content-type"] == "application/json"
    assert (asked["perpage"], asked["tor"]["text"], asked["tor"]["main_cat"]) == (25, "The Moonstone", [13])
    assert set(asked["tor"]["srchIn"]) == {"title", "author", "narrator", "series"}
    assert "dlLink" not in asked


@pytest.mark.parametrize(("kind", "category"), [(Kind.AUDIOBOOK, 13), (Kind.EBOOK, 14), (Kind.MUSIC, 15)])
async def test_each_kind_has_its_main_category(mam: Open, site: Any, kind: Kind, category: int) -> None:
    site.replies = [catalogue(1)]
    await mam().search(SearchQuery("x", kind))
    assert json.loads(site.requests[0].content)["tor"]["main_cat"] == [category]


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("Ender's Game: (Unabridged)", "Ender s Game Unabridged"),
        ('"phrase"|"other" -not', "phrase other not"),
        ("  L'île\tmystérieuse\n", "L île mystérieuse"),
        ("e\u0301cole", "école"),
        ("हिन्दी", "हिन्दी"),
        ("1984", "1984"),
        ("snake_case", "snake_case"),
        ("\x00?!", ""),
        ("\ud800", ""),
        ("", ""),
    ],
)
def test_punctuation_becomes_spaces(written: str, sent: str) -> None:
    assert words_of(written) == sent


@pytest.mark.parametrize("text", ["", "   ", "?!…", "\n"])
async def test_an_empty_query_sends_nothing(mam: Open, site: Any, text: str) -> None:
    assert await mam().search(SearchQuery(text, Kind.AUDIOBOOK)) == []
    assert site.requests == []


@pytest.mark.parametrize("count", ["0", "17", "230"])
async def test_nothing_returned_is_an_empty_result_whatever_number_follows(mam: Open, site: Any, count: str) -> None:
    site.replies = [httpx2.Response(200, json={"error": f"Nothing returned, out of {count}"})]
    assert await mam().search(SearchQuery("x", Kind.AUDIOBOOK)) == []


@pytest.mark.parametrize("key", ["error", "message"])
async def test_another_error_text_is_an_error_and_not_an_empty_result(mam: Open, site: Any, key: str) -> None:
    site.replies = [httpx2.Response(200, json={key: "Search <b>engine</b> refuses"})]
    with pytest.raises(errors.SearchRefused, match="engine"):
        await mam().search(SearchQuery("x", Kind.AUDIOBOOK))


async def test_pages_are_walked_by_rows_received_up_to_the_limit(mam: Open, site: Any) -> None:
    site.replies = [catalogue(1000)]
    releases = await mam().search(SearchQuery("x", Kind.AUDIOBOOK, limit=250))
    assert [r.download_ref for r in releases] == [str(n) for n in range(1, 251)]
    assert [json.loads(r.content)["tor"]["startNumber"] for r in site.requests] == [0, 100, 200]


async def test_the_walk_ends_at_the_sites_own_count(mam: Open, site: Any) -> None:
    site.replies = [catalogue(130)]
    assert len(await mam().search(SearchQuery("x", Kind.AUDIOBOOK, limit=500))) == 130
    assert len(site.requests) == 2


async def test_a_site_that_stops_early_is_believed(mam: Open, site: Any) -> None:
    site.replies = [catalogue(900, serves=200)]
    assert len(await mam().search(SearchQuery("x", Kind.AUDIOBOOK, limit=500))) == 200


async def test_an_empty_page_ends_the_walk(mam: Open, site: Any) -> None:
    first = [{"id": n, "title": "t"} for n in range(1, 101)]
    site.replies = [
        httpx2.Response(200, json={"data": first, "found": 400}),
        httpx2.Response(200, json={"data": [], "found": 400}),
    ]
    assert len(await mam().search(SearchQuery("x", Kind.AUDIOBOOK, limit=500))) == 100


async def test_a_site_that_repeats_its_first_page_for_ever_ends_the_walk(mam: Open, site: Any) -> None:
    rows = [{"id": n, "title": "t"} for n in range(1, 101)]
    site.replies = [httpx2.Response(200, json={"data": rows, "found": 9999})]
    assert len(await mam().search(SearchQuery("x", Kind.AUDIOBOOK, limit=500))) == 100
    assert len(site.requests) == 2


async def test_trouble_on_a_later_page_is_an_error_and_not_half_a_result(mam: Open, site: Any) -> None:
    rows = [{"id": n, "title": "t"} for n in range(1, 101)]
    site.replies = [httpx2.Response(200, json={"data": rows, "found": 300}), httpx2.Response(502)]
    with pytest.raises(SiteUnavailable):
        await mam().search(SearchQuery("x", Kind.AUDIOBOOK, limit=500))


async def test_a_bad_row_is_logged_and_dropped_and_the_others_kept(mam: Open, site: Any) -> None:
    rows = [{"id": 1, "title": "Good", "author_info": '{"1": "A "B" C"}'}, {"id": 2, "dl": "SECRETdl"}]
    site.replies = [httpx2.Response(200, json={"data": rows, "found": 2})]
    with capture_logs() as logs:
        releases = await mam().search(SearchQuery("x", Kind.AUDIOBOOK))
    assert [(r.title, r.authors) for r in releases] == [("Good", ())]
    assert logs == [
        {
            "event": "row_skipped",
            "log_level": "warning",
            "indexer": "mam",
            "position": 1,
            "row_id": 2,
            "why": "no title",
        }
    ]


async def test_results_of_which_no_row_makes_sense_are_an_error(mam: Open, site: Any) -> None:
    site.replies = [httpx2.Response(200, json={"data": [{"identifier": 1}], "found": 1})]
    with pytest.raises(AnswerNotUnderstood):
        await mam().search(SearchQuery("x", Kind.AUDIOBOOK))


@pytest.mark.parametrize(("limit", "perpage"), [(1, 5), (5, 5), (60, 60), (5000, 100)])
async def test_the_page_size_stays_within_what_the_site_takes(mam: Open, site: Any, limit: int, perpage: int) -> None:
    site.replies = [catalogue(3)]
    assert len(await mam().search(SearchQuery("x", Kind.AUDIOBOOK, limit=limit))) == min(limit, 3)
    assert json.loads(site.requests[0].content)["perpage"] == perpage


async def test_health_reads_the_account_and_looks_at_the_newest_release(mam: Open, site: Any) -> None:
    site.replies = [httpx2.Response(200, json={"uid": 1, "username": "mouse"}), catalogue(1)]
    health = await mam().test()
    assert health.ok and health.account is not None and health.account.username == "mouse"
    assert [r.url.path for r in site.requests] == ["/jsonLoad.php", "/tor/js/loadSearchJSONbasic.php"]
