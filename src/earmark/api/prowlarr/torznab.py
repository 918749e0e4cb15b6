"""The Torznab server: every indexer of the house as a feed of its own, and number 0 for all of them together.

Reads what programs ask, lets the house search, and answers with a feed or with an error document under a real status: an
empty feed always means that there is nothing. How documents are written is `feed`'s business.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response

from earmark.api.context import house_of
from earmark.api.prowlarr.bodies import advice, clean, complaint, retry_header
from earmark.api.prowlarr.door import DOCUMENTED, REFUSALS, ProwlarrRoute, asker_of
from earmark.api.prowlarr.feed import Item, caps_document, error_document, feed
from earmark.api.prowlarr.links import linker
from earmark.core.indexing import IndexerRecord, IndexerSort
from earmark.core.listing import shown
from earmark.core.newznab import AUDIOBOOK, MOVIES, TV, Capabilities, merged
from earmark.core.reasons import EarmarkError
from earmark.core.release import Release
from earmark.core.wish import Kind
from earmark.pipeline.house import House
from earmark.pipeline.indexing import capabilities, listed, record_of
from earmark.pipeline.searching import Found, IndexerOff, search
from earmark.ports import SearchQuery
from earmark.store import Offer

RSS_TYPE = "application/rss+xml; charset=utf-8"
EVERY = 0
"""The number that stands for all indexers that are switched on."""

FUNCTIONS = frozenset({"caps", "search", "book", "music", "tvsearch", "movie"})
WITHOUT_CAT = {"book": (AUDIOBOOK, 7000), "tvsearch": (TV,), "movie": (MOVIES,)}
"""Where a function looks when no category is named. None of this goes to our shelf but books; a feed behind us that has
films and series may be read through us all the same."""

TEXTS = ("author", "title", "artist", "album")
NUMBERS = ("imdbid", "tvdbid", "tmdbid", "rid", "tvmazeid", "traktid", "doubanid")
BUSY = frozenset(
    {
        "rate_limited", "indexer_paused", "query_limit_reached", "grab_limit_reached", "unsatisfied_limit",
        "grabs_blocked",
    }
)  # fmt: skip
"""Reasons that pass by waiting, and that another question would only prolong."""

BUSY_SECS = 60
MAX_TEXT = 500
INT, LONG = 2**31 - 1, 2**63 - 1
ERROR_UNKNOWN, MISSING, INCORRECT, NO_FUNCTION = 900, 200, 201, 202


@dataclass(frozen=True, slots=True)
class Question:
    """What a program asked. Ages in days, sizes in bytes; None: no bound."""

    function: str
    text: str = ""
    only_numbers: bool = False  # a film or series by its number in some register: no indexer of ours knows those
    categories: tuple[int, ...] = ()
    limit: int | None = None
    offset: int = 0
    min_age: int | None = None
    max_age: int | None = None
    min_size: int | None = None
    max_size: int | None = None


class BadQuestion(Exception):
    """A request no indexer needs to be asked for. `code` is Torznab's."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code


def _parameter(name: str, about: str, kind: str = "string") -> dict[str, object]:
    return {"name": name, "in": "query", "description": about, "schema": {"type": kind}}


PARAMETERS = [
    {
        "name": "t",
        "in": "query",
        "required": True,
        "description": "What is wanted. `tvsearch` and `movie` find what a feed behind Earmark has of them.",
        "schema": {"type": "string", "enum": sorted(FUNCTIONS)},
    },
    _parameter("q", "Words. Without these and the four below: the newest releases."),
    *(_parameter(name, "Words of its own, read where `q` is absent.") for name in TEXTS),
    _parameter("cat", "Category numbers between commas; a parent stands for its children too."),
    _parameter("limit", "At most as many as the capabilities say.", "integer"),
    _parameter("offset", "Results to pass over.", "integer"),
    *(_parameter(f"{end}age", "Days since the release was published.", "integer") for end in ("min", "max")),
    *(_parameter(f"{end}size", "Bytes.", "integer") for end in ("min", "max")),
]
XML_CONTENT: dict[str, Any] = {"content": {"application/rss+xml": {"schema": {"type": "string"}}}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    **{status: REFUSALS[status] for status in (401, 404, 405)},
    200: {"description": "A feed, or the capabilities.", **XML_CONTENT},
    400: {"description": "An error document: 200, 201 or 202.", **XML_CONTENT},
    410: {"description": "The indexer is switched off.", **XML_CONTENT},
    429: {"description": "The indexer is paused or over its limit; see `Retry-After`.", **XML_CONTENT},
    502: {"description": "The indexer failed; the error document says why and what to do.", **XML_CONTENT},
}

router = APIRouter(route_class=ProwlarrRoute, tags=["prowlarr"], dependencies=[DOCUMENTED])


@router.get(
    "/{id:number}/api",
    name="torznab",
    response_class=Response,
    responses=RESPONSES,
    openapi_extra={"parameters": PARAMETERS},
)
@router.get(
    "/api/v1/indexer/{id:number}/newznab",
    name="newznab",
    response_class=Response,
    responses=RESPONSES,
    openapi_extra={"parameters": PARAMETERS},
)
@router.get("/{id:number}/api/", include_in_schema=False)
@router.get("/api/v1/indexer/{id:number}/newznab/", include_in_schema=False)
@router.get("/api/v1/indexer/{id:number}/newznab/api", include_in_schema=False)
async def torznab(request: Request, id: int) -> Response:
    """One indexer (0: all) as a Torznab feed."""
    house = house_of(request)
    try:
        question = read_question(request.query_params.multi_items())
        records = await switched_on(house, id)
        if question.function == "caps":
            return _document(caps_document(await _capabilities(house, records)))
        return _document(feed(await _items(request, id, records, question)))
    except BadQuestion as bad:
        return _document(error_document(bad.code, str(bad)), HTTPStatus.BAD_REQUEST)
    except EarmarkError as error:
        return refusal(error, HTTPStatus.BAD_GATEWAY)


def refusal(error: EarmarkError, otherwise: HTTPStatus) -> Response:
    """What went wrong as an error document with what can be done; `otherwise` is the status of what has none of its own.
    Codes of the hundreds stay unused, whatever an indexer refused us: programs would take their own key for a bad one."""
    code = error.reason.code
    if code in ("unknown_indexer", "offer_unknown"):
        return complaint(HTTPStatus.NOT_FOUND, "NotFound", advice(error.reason))
    if code in ("indexer_off", "torrent_gone"):
        return _document(error_document(HTTPStatus.GONE, advice(error.reason)), HTTPStatus.GONE)
    wait = retry_header(error)
    if code in BUSY:
        status = HTTPStatus.TOO_MANY_REQUESTS
        return _document(error_document(status, advice(error.reason)), status, wait or {"Retry-After": str(BUSY_SECS)})
    return _document(error_document(ERROR_UNKNOWN, advice(error.reason)), otherwise, wait)


def _document(body: bytes, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, status, headers={"Content-Type": RSS_TYPE, **(headers or {})})


# --- what is asked ----------------------------------------------------------------------------------------------------


def read_question(pairs: Sequence[tuple[str, str]]) -> Question:
    """The question in these parameters, whose names may be written large; the last of several of one name counts, but for
    `cat`, which add up. What is unknown is passed over. Raises `BadQuestion`."""
    said = {name.lower(): value.strip() for name, value in pairs}
    function = said.get("t", "").lower()
    if not function:
        raise BadQuestion(MISSING, "Missing parameter (t)")
    if function not in FUNCTIONS:
        raise BadQuestion(NO_FUNCTION, f"No such function ({function[:100]})")
    imdb = said.get("imdbid", "")
    if imdb and not re.fullmatch(r"t*0*[1-9][0-9]{0,8}", imdb):
        raise BadQuestion(INCORRECT, "Incorrect parameter (imdbid)")
    text = said.get("q") or " ".join(said.get(name, "") for name in TEXTS)
    if function == "tvsearch":
        text = f"{text} {_episode(said.get('season', ''), said.get('ep', ''))}"
    cat = _categories(",".join(value for name, value in pairs if name.lower() == "cat"))
    return Question(
        function,
        text=_words(text),
        categories=cat or WITHOUT_CAT.get(function, ()),
        only_numbers=not text.strip() and any(said.get(name) for name in NUMBERS),
        limit=_number(said, "limit") or None,
        offset=_number(said, "offset") or 0,
        min_age=_number(said, "minage"),
        max_age=_number(said, "maxage"),
        min_size=_number(said, "minsize", LONG),
        max_size=_number(said, "maxsize", LONG),
    )


def _episode(season: str, episode: str) -> str:
    """As releases write it: S01E02, or the day it was shown on (season 2026, episode 11/21)."""
    if re.fullmatch("[0-9]{4}", season) and "/" in episode:
        return f"{season} {episode.replace('/', ' ')}"
    marks = (
        (letter, number) for letter, number in (("S", season), ("E", episode)) if re.fullmatch("[0-9]{1,4}", number)
    )
    return "".join(f"{letter}{int(number):02}" for letter, number in marks)


def _words(text: str) -> str:
    return " ".join(clean(text).split())[:MAX_TEXT]


def _number(said: Mapping[str, str], name: str, most: int = INT) -> int | None:
    value = said.get(name, "")
    if not value:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", value) or int(value) > most:
        raise BadQuestion(INCORRECT, f"Incorrect parameter ({name})")
    return int(value)


def _categories(listed: str) -> tuple[int, ...]:
    numbers = [part for part in (part.strip() for part in listed.split(",")) if part]
    if not all(re.fullmatch(r"[0-9]{1,9}", number) for number in numbers):
        raise BadQuestion(INCORRECT, "Incorrect parameter (cat)")
    return tuple(dict.fromkeys(map(int, numbers)))


# --- what is answered -------------------------------------------------------------------------------------------------


async def switched_on(house: House, id: int) -> Sequence[IndexerRecord]:
    """The indexer of this number, or all. Raises `unknown_indexer`, and `indexer_off` where nobody can be asked."""
    chosen = await listed(house) if id == EVERY else (await record_of(house, id),)
    on = [record for record in chosen if record.enabled]
    if not on:
        what = "No indexer is" if id == EVERY else f"The indexer {chosen[0].name} is not"
        raise IndexerOff.of("indexer_off", f"{what} switched on.", "Switch it on or add one on the indexers page.")
    return on


async def _capabilities(house: House, records: Sequence[IndexerRecord]) -> Capabilities:
    """What all of them can be asked; those that never said so are left out unless nobody did."""
    answers = await asyncio.gather(*(_told(house, record) for record in records))
    told = [answer for answer in answers if isinstance(answer, Capabilities)]
    if not told:
        raise next(answer for answer in answers if isinstance(answer, EarmarkError))
    return told[0] if len(told) == 1 else merged(told)


async def _told(house: House, record: IndexerRecord) -> Capabilities | EarmarkError:
    try:
        return await capabilities(house, record)
    except EarmarkError as error:
        return error


async def _items(request: Request, id: int, records: Sequence[IndexerRecord], question: Question) -> list[Item]:
    """The releases that answer. Of one indexer at most `limit`; of all together up to `limit` of each, for those cut off
    would be on no page."""
    house, now = house_of(request), house_of(request).now()
    if question.only_numbers:
        return []
    query = _query(question, [record.capabilities or Capabilities() for record in records])
    found = await search(house, query, ids=None if id == EVERY else (id,), asker=asker_of(request))
    if found.all_failed:
        raise _worst(found)
    offers = [offer for offer in found.offers if _fits(offer.release, question, now)]
    if query.newest:
        offers.sort(key=lambda offer: offer.release.published_at or now, reverse=True)
    if id != EVERY:
        offers = offers[: query.limit]
    return _shown(request, offers, {record.id: record for record in await listed(house)}, now)


def _query(question: Question, cans: Sequence[Capabilities]) -> SearchQuery:
    most = min(can.limit_max for can in cans)
    return SearchQuery(
        text=question.text,
        kind=Kind.MUSIC if question.function == "music" and not question.categories else None,
        limit=max(1, min(question.limit or min(can.limit_default for can in cans), most)),
        offset=question.offset,
        categories=question.categories,
        newest=not question.text,
    )


def _worst(found: Found) -> EarmarkError:
    """Of many failures one that a person has to act on, if there is one."""
    errors = [answer.error for answer in found.failed if answer.error is not None]
    return next((error for error in errors if error.reason.code not in BUSY), errors[0])


def _fits(release: Release, question: Question, now: datetime) -> bool:
    """Is it within the bounds? What is not known of a release does not count against it."""
    size, age = release.size_bytes, now - (release.published_at or now)
    return (
        (size is None or (question.min_size or 0) <= size <= (question.max_size or LONG))
        and (release.published_at is None or not question.min_age or age >= _days(question.min_age))
        and (not question.max_age or age <= _days(question.max_age))
    )


def _days(count: int) -> timedelta:
    return timedelta(days=min(count, 999_999))


def _shown(
    request: Request, offers: Sequence[Offer], records: Mapping[int, IndexerRecord], now: datetime
) -> list[Item]:
    house, link = house_of(request), linker(request)
    vip_member = house.account is not None and house.account.vip_member
    items: list[Item] = []
    for offer in offers:
        record = records[offer.indexer_id]
        structured = record.sort is IndexerSort.MAM
        told = shown(offer.release, structured=structured, vip_member=vip_member, now=now)
        items.append(Item(told, offer.release, record, link(offer)))
    return items
