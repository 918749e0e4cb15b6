"""What every search service is asked alike: which categories, how its pages are walked, what of the answers counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from earmark.core.newznab import KINDS, belongs, expanded, parent_of
from earmark.core.release import Release
from earmark.indexers.text import words_of
from earmark.ports import SearchQuery

PAGE = 100
MAX_PAGES = 30

AskPage = Callable[[int, int], Awaitable[tuple[Sequence[Release], int]]]
"""Asks for the results from an offset on, at most so many: the releases, and how many rows the answer held."""


def wording(query: SearchQuery) -> str | None:
    """The words to send, empty for the newest releases; None when there is nothing to ask."""
    words = "" if query.newest else words_of(query.text)
    return None if query.limit < 1 or not (words or query.newest) else words


def categories_for(
    query: SearchQuery, *, allowed: Sequence[int], known: Collection[int] = frozenset()
) -> tuple[int, ...] | None:
    """The categories to ask for; empty: without any; None: ask nobody, for none of them is both `allowed` (by the
    owner; parents stand for their children) and `known` to the indexer. Either limits nothing when empty."""
    asked = query.categories or (KINDS[query.kind] if query.kind else ()) or tuple(allowed)
    for limit in (expanded(allowed), frozenset(known)):
        if asked and limit:
            asked = _within(asked, limit)
            if not asked:
                return None
    return asked


def fitting(releases: Iterable[Release], query: SearchQuery, asked: Sequence[int]) -> list[Release]:
    """Those that belong to what was asked. A question for a kind does not take the parent for its children."""
    wanted = expanded(asked)
    kinds = {None, query.kind} if query.kind and not query.categories else None
    return [one for one in releases if (kinds is None or one.kind in kinds) and belongs(one.categories, wanted)]


async def walk(ask: AskPage, query: SearchQuery, page: int = PAGE) -> list[Release]:
    """Page by page up to the limit, a short page, or a page with nothing new (services exist that know no offset).

    Pages are counted by the rows the service sent, so that the next offset starts where this search ended.
    """
    found: dict[str, Release] = {}
    received = 0
    for _ in range(MAX_PAGES):
        size = min(query.limit - received, page)
        releases, rows = await ask(query.offset + received, size)
        known = len(found)
        found.update((r.guid, r) for r in releases if r.guid not in found)
        received += rows
        if rows < size or received >= query.limit or len(found) == known:
            break
    return list(found.values())


def _within(asked: Sequence[int], known: frozenset[int]) -> tuple[int, ...]:
    """Those asked that are known; of a parent that is not, its known children."""
    kept: list[int] = []
    for number in asked:
        kept += [number] if number in known else sorted(n for n in known if parent_of(n) == number)
    return tuple(dict.fromkeys(kept))
