"""The tracker's categories by Newznab numbers: what is asked for, what a row is told to be, what is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from earmark.core.wish import Kind
from earmark.indexers.mam import MamIndexer
from earmark.indexers.mam.categories import CAPABILITIES, MAIN_OF, SUBS, newznab_of
from earmark.indexers.mam.rows import read_row
from earmark.ports import SearchQuery
from earmark.sandbox import vocabulary

Open = Callable[..., MamIndexer]
NOTHING = httpx2.Response(200, json={"error": "Nothing returned, out of 0"})
MUSIC_AND_RADIO = [13, 15, 16]


async def asked(mam: Open, site: Any, **query: Any) -> dict[str, Any] | None:
    """The `tor` part of what a search sends, None when it sends nothing."""
    site.replies = [NOTHING]
    await mam().search(SearchQuery(**{"text": "x", "kind": None, **query}))
    return json.loads(site.requests[0].content)["tor"] if site.requests else None


@pytest.mark.parametrize(
    ("categories", "mains", "subs"),
    [
        ((3030,), MUSIC_AND_RADIO, ["0"]),
        ((3000,), MUSIC_AND_RADIO, ["0"]),
        ((7020,), [14], ["0"]),
        ((7000,), [14], ["0"]),
        ((7030,), [], ["61"]),
        ((7010, 7040), [], ["79", "80"]),
        ((3030, 7020, 8010), [13, 14, 15, 16], ["0"]),
        ((100013,), [13], ["0"]),
        ((100041,), [], ["41"]),
        ((100041, 3030), MUSIC_AND_RADIO, ["0"]),
        ((100016, 7030), [], ["61", "127", "128", "130", "132"]),
    ],
    ids=str,
)
async def test_numbers_become_the_sites_categories(
    mam: Open, site: Any, categories: tuple[int, ...], mains: list[int], subs: list[str]
) -> None:
    tor = await asked(mam, site, categories=categories, kind=Kind.EBOOK)
    assert tor is not None and (tor["main_cat"], tor["cat"]) == (mains, subs)


@pytest.mark.parametrize("categories", [(2000,), (8010, 5030), (100999,), (3010,), (-1,)], ids=str)
async def test_numbers_the_site_has_nothing_for_ask_nobody(mam: Open, site: Any, categories: tuple[int, ...]) -> None:
    assert await asked(mam, site, categories=categories) is None


async def test_without_kind_and_categories_everything_is_searched(mam: Open, site: Any) -> None:
    tor = await asked(mam, site)
    assert tor is not None and (tor["main_cat"], tor["cat"]) == ([13, 14, 15, 16], ["0"])


async def test_the_newest_are_asked_for_by_date_and_without_words(mam: Open, site: Any) -> None:
    tor = await asked(mam, site, text="ignored", newest=True, kind=Kind.AUDIOBOOK)
    assert tor is not None and (tor["text"], tor["sortType"], tor["main_cat"]) == ("", "dateDesc", [13])
    assert "srchIn" not in tor


async def test_an_offset_is_where_the_site_starts(mam: Open, site: Any) -> None:
    rows = [{"id": n, "title": "t"} for n in range(1, 101)]
    site.replies = [
        httpx2.Response(200, json={"data": rows, "found": 140}),
        httpx2.Response(200, json={"data": [], "found": 140}),
    ]
    assert len(await mam().search(SearchQuery("x", Kind.AUDIOBOOK, limit=150, offset=40))) == 100
    assert [json.loads(r.content)["tor"]["startNumber"] for r in site.requests] == [40]


async def test_rows_outside_the_asked_categories_are_dropped(mam: Open, site: Any) -> None:
    rows = [{"id": 1, "title": "a", "category": 61}, {"id": 2, "title": "b", "category": 60}, {"id": 3, "title": "c"}]
    for categories, kept in (((7020,), ["b", "c"]), ((100014,), ["a", "b", "c"]), ((7000,), ["a", "b", "c"])):
        site.replies = [httpx2.Response(200, json={"data": rows, "found": 3})]
        assert [r.title for r in await mam().search(SearchQuery("x", None, categories=categories))] == kept


@pytest.mark.parametrize(
    ("main", "sub", "media_type", "numbers"),
    [
        (13, 41, 1, (3030, 100041)),
        (14, 60, 2, (7020, 100060)),
        (14, 61, 6, (7030, 100061)),
        (14, 79, 7, (7010, 100079)),
        (14, 80, 2, (7040, 100080)),
        (15, 17, 3, (3030, 100017)),
        (16, 127, 4, (3030, 100127)),
        (13, 999, 1, (3030, 100999)),
        (None, 41, None, (3030, 100041)),
        (None, None, 6, (7030,)),
        (None, None, None, ()),
    ],
)
def test_a_row_is_told_by_the_standard_number_and_the_sites_own(
    main: int | None, sub: int | None, media_type: int | None, numbers: tuple[int, ...]
) -> None:
    assert newznab_of(main, sub, media_type) == numbers


def test_a_release_carries_its_numbers_and_what_the_site_wants_of_seeders() -> None:
    row = {"id": 7, "title": "T", "main_cat": 13, "category": "45", "mediatype": 1}
    release = read_row(row, base_url="https://www.myanonamouse.net", indexer="mam")
    assert (release.categories, release.min_ratio, release.min_seed_secs) == ((3030, 100045), 1.0, 259200)


def test_the_capabilities_show_the_standard_tree_and_the_sites_own_categories() -> None:
    tree = {top.id: top for top in CAPABILITIES.categories}
    assert [(sub.id, sub.name) for sub in tree[3000].subs] == [(3030, "Audio/Audiobook")]
    assert [sub.id for sub in tree[7000].subs] == [7010, 7020, 7030, 7040]
    assert (tree[100013].name, tree[100041].name) == ("AudioBooks", "Audiobooks - Fantasy")
    assert tree[100127].name == "Radio - Comedy" and tree[100060].name == "Ebooks - Action/Adventure"
    assert len(tree) == 2 + 4 + 90 and len({sub for subs in SUBS.values() for sub in subs}) == len(MAIN_OF)
    assert (CAPABILITIES.search_params, CAPABILITIES.book_params, CAPABILITIES.music_params) == (("q",), ("q",), ())
    assert (CAPABILITIES.limit_default, CAPABILITIES.limit_max) == (100, 100)


def test_the_names_are_those_the_stand_in_site_uses() -> None:
    for main, subs in vocabulary.SUBCATEGORIES.items():
        assert {number: name.strip() for number, name in subs.items()} == SUBS[main]
