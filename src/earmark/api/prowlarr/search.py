"""Searches in Prowlarr's words. An empty list says that there is nothing; when nobody could be asked, that is an error which
says why and what to do."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import BeforeValidator, Field

from earmark.api.context import house_of
from earmark.api.prowlarr import bodies
from earmark.api.prowlarr.door import MAX_INT, asker_of, router
from earmark.api.prowlarr.links import linker
from earmark.api.prowlarr.releases import ReleaseResource, resources
from earmark.core.reasons import EarmarkError
from earmark.pipeline import indexing, searching
from earmark.pipeline.indexing import UnknownIndexer
from earmark.pipeline.searching import Found
from earmark.ports import SearchQuery

user = router()

UNAVAILABLE = "Search failed due to all selected indexers being unavailable"
ALL_USENET, ALL_TORRENT = -1, -2
MAX_RESULTS = 1000
MAX_OFFSET = 100_000
MAX_TEXT = 500
NARROWED = {"movie": (2000,), "tvsearch": (5000,), "music": (3000,)}
"""What a type stands for where no category is named; `search` and `book` look through everything."""

NOT_ASKED = frozenset({"indexer_off", "indexer_paused", "indexer_gone"})
BUSY = frozenset({"query_limit_reached", "rate_limited"})

_TOKEN = re.compile(r"\{([A-Za-z]{1,20})\s*:([^{}]*)\}")
WORDS_OF = ("title", "album", "track", "author", "artist")
"""What of `{author:X}{title:Y}` is looked for. Year, publisher, genre and the numbers of other catalogues are not: no index
has them all, and each would leave out what is wanted."""


def _split(value: object) -> object:
    """Lists come as repeated keys or, from some programs, parted by commas."""
    if not isinstance(value, list):
        return value
    return [part.strip() for one in value for part in (one.split(",") if isinstance(one, str) else [one]) if part]


def _or_none(value: object) -> object:
    return None if value == "" else value


Int32 = Annotated[int, Field(ge=-(2**31), le=MAX_INT)]
Listed = Annotated[list[Int32], BeforeValidator(_split)]
Numbers = Annotated[Listed, Query(default_factory=list)]
Number = Annotated[Int32 | None, BeforeValidator(_or_none), Query()]


@user.get(
    "/search",
    response_model=list[ReleaseResource],
    summary="Search the indexers",
    responses={status: {"description": "No indexer could answer."} for status in (429, 502)},
)
async def get_search(
    request: Request,
    indexerIds: Numbers,
    categories: Numbers,
    query: Annotated[str, Query(description="Empty: the newest.")] = "",
    type: Annotated[str, Query(description="search, book, music, movie or tvsearch.")] = "search",
    limit: Number = None,
    offset: Number = None,
) -> Response:
    """`indexerIds` -1 stands for all of Usenet (there are none), -2 for all torrent indexers; none: all."""
    house = house_of(request)
    ids = None if ALL_TORRENT in indexerIds else {number for number in indexerIds if number != ALL_USENET}
    if indexerIds and ids == set():
        return bodies.answer([])
    asked = _question(query, type, categories, limit, offset)
    try:
        found = await searching.search(house, asked, ids=ids, asker=asker_of(request))
    except UnknownIndexer as error:
        return bodies.complaint(HTTPStatus.BAD_REQUEST, UNAVAILABLE, bodies.advice(error.reason))
    records = {record.id: record for record in await indexing.listed(house)}
    if found.all_failed:
        return _nobody_answered(found)
    if not found.answers and not any(record.enabled for record in records.values()):
        return bodies.complaint(HTTPStatus.BAD_REQUEST, UNAVAILABLE, _none_on(bool(records)))
    vip = house.account is not None and house.account.vip_member
    told = resources(found.offers, records, linker(request), vip_member=vip, now=house.now())
    return bodies.answer(told)


def _question(query: str, type: str, categories: Sequence[int], limit: int | None, offset: int | None) -> SearchQuery:
    text = words_of(query)
    return SearchQuery(
        text=text,
        kind=None,
        limit=min(limit, MAX_RESULTS) if limit and limit > 0 else 100,
        offset=min(max(offset or 0, 0), MAX_OFFSET),
        categories=tuple(dict.fromkeys(categories)) or NARROWED.get(type.strip().lower(), ()),
        newest=not text,
    )


def words_of(query: str) -> str:
    """The free text of a query, with `{author:X}{title:Y}` in it as plain words: `rest title author`."""
    given = {name.lower(): value.strip() for name, value in _TOKEN.findall(query)}
    parts = (_TOKEN.sub(" ", query), *(given.get(name, "") for name in WORDS_OF))
    return " ".join(bodies.clean(" ".join(parts)).split())[:MAX_TEXT]


def _nobody_answered(found: Found) -> Response:
    """The error of a search that failed everywhere: the indexers' own reasons and what to do about them."""
    errors = [answer.error for answer in found.failed if answer.error is not None]
    codes = {error.reason.code for error in errors}
    told = " ".join(dict.fromkeys(bodies.advice(error.reason) for error in errors))
    if codes <= NOT_ASKED:
        return bodies.complaint(HTTPStatus.BAD_REQUEST, UNAVAILABLE, told, _soonest(errors))
    if codes <= BUSY | NOT_ASKED:
        return bodies.complaint(HTTPStatus.TOO_MANY_REQUESTS, "Request limit reached", told, _soonest(errors))
    return bodies.complaint(HTTPStatus.BAD_GATEWAY, "Search failed: no indexer answered", told, _soonest(errors))


def _soonest(errors: Collection[EarmarkError]) -> dict[str, str]:
    """`Retry-After` of whichever indexer can be asked again first."""
    headers = [header for error in errors if (header := bodies.retry_header(error))]
    return min(headers, key=lambda header: int(header["Retry-After"]), default={})


def _none_on(some: bool) -> str:
    if some:
        return "Every indexer is switched off. Switch one on."
    return "No indexer is set up. Add one on the indexers page or in the settings."
