"""A search as the site's JSON body (mam-api.md §2)."""

from __future__ import annotations

from earmark.core.reasons import JsonValue
from earmark.indexers.mam.categories import Wanted

SEARCH_PATH = "/tor/js/loadSearchJSONbasic.php"
SMALLEST_PAGE, LARGEST_PAGE = 5, 100


def page_size(limit: int) -> int:
    return max(SMALLEST_PAGE, min(limit, LARGEST_PAGE))


def search_body(words: str, wanted: Wanted, *, start: int, perpage: int) -> JsonValue:
    """One page of a search for `words`, which are already clean; without words, of the newest releases. `perpage` is
    only obeyed at the top level.

    `dlLink` is not asked for: that hash works without a cookie, and torrents are fetched by id with one.
    """
    named: dict[str, JsonValue] = {"srchIn": ["title", "author", "narrator", "series"]} if words else {}
    return {
        "perpage": perpage,
        "description": True,
        "isbn": True,
        "mediaInfo": True,
        "tor": {
            "text": words,
            **named,
            "searchIn": "torrents",
            "searchType": "all",
            "main_cat": list(wanted.mains),
            "cat": [str(sub) for sub in wanted.subs] or ["0"],
            "sortType": "default" if words else "dateDesc",
            "startNumber": start,
        },
    }
