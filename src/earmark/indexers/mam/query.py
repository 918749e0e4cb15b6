"""A search as the site's JSON body (mam-api.md §2)."""

from __future__ import annotations

from earmark.core.reasons import JsonValue
from earmark.core.wish import Kind

SEARCH_PATH = "/tor/js/loadSearchJSONbasic.php"
SMALLEST_PAGE, LARGEST_PAGE = 5, 100
MAIN_CATEGORY = {Kind.AUDIOBOOK: 13, Kind.EBOOK: 14, Kind.MUSIC: 15}


def page_size(limit: int) -> int:
    return max(SMALLEST_PAGE, min(limit, LARGEST_PAGE))


def search_body(words: str, kind: Kind, *, start: int, perpage: int) -> JsonValue:
    """One page of a search for `words`, which are already clean. `perpage` is only obeyed at the top level.

    `dlLink` is not asked for: that hash works without a cookie, and torrents are fetched by id with one.
    """
    return {
        "perpage": perpage,
        "description": True,
        "isbn": True,
        "mediaInfo": True,
        "tor": {
            "text": words,
            "srchIn": ["title", "author", "narrator", "series"],
            "searchIn": "torrents",
            "searchType": "all",
            "main_cat": [MAIN_CATEGORY[kind]],
            "cat": ["0"],
            "sortType": "default",
            "startNumber": start,
        },
    }
