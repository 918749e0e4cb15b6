"""What a feed says of itself (`t=caps`): its categories, the searches it takes, how many results it gives at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.core.newznab import Capabilities, Category
from earmark.http import Answer, answer_not_understood
from earmark.indexers.text import clean
from earmark.indexers.torznab_feed import Hide, count, read_document

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MOST_RESULTS = 1000  # more at once is asked of nobody, whatever is claimed


def read_caps(answer: Answer, *, site: str, hide: Hide) -> Capabilities:
    """Raises as `read_feed` does. What is not told is as Torznab has it: a plain search with words, 100 results."""
    root = read_document(answer, site, hide)
    if root.tag != "caps":
        raise answer_not_understood(site, "no list of capabilities")
    limits = root.find("limits")
    most = _limit(limits, "max")
    return Capabilities(
        categories=tuple(
            Category(number, name, tuple(Category(n, s) for n, s in map(_category, top.iterfind("subcat")) if n))
            for top in root.iterfind("./categories/category")
            for number, name in (_category(top),)
            if number
        ),
        search_params=_params(root, "search", default=("q",)),
        book_params=_params(root, "book-search"),
        music_params=_params(root, "music-search") or _params(root, "audio-search"),
        limit_default=min(_limit(limits, "default"), most),
        limit_max=most,
    )


def _category(element: Element) -> tuple[int, str]:
    number = count(element.get("id")) or 0
    return number, clean(element.get("name") or "")[:100] or str(number)


def _params(root: Element, search: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The parameters of one sort of search, empty when it is not available."""
    element = root.find(f"./searching/{search}")
    if element is None:
        return default
    if (element.get("available") or "").strip().lower() != "yes":
        return ()
    named = (part.strip().lower() for part in (element.get("supportedParams") or "q").split(","))
    return tuple(dict.fromkeys(part for part in named if part))


def _limit(limits: Element | None, name: str) -> int:
    return min(count(limits.get(name)) or 100, MOST_RESULTS) if limits is not None else 100
