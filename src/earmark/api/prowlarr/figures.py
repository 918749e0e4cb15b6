"""What indexers were asked and how they stand, in Prowlarr's words: status, statistics, history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Query, Request, Response
from pydantic import AfterValidator, BeforeValidator
from pydantic import JsonValue as Json

from earmark.api.context import house_of
from earmark.api.prowlarr import bodies
from earmark.api.prowlarr.door import MAX_INT, router
from earmark.api.prowlarr.indexershapes import status_of
from earmark.api.prowlarr.search import Listed, Numbers
from earmark.api.prowlarr.system import stamp
from earmark.pipeline import indexing
from earmark.store import Asked, asked, indexers
from earmark.store.asked import Sum

user = router()

Resource = dict[str, Json]
MAX_ROWS = 1000
EVENTS = {1: "releaseGrabbed", 2: "indexerQuery", 3: "indexerRss", 4: "indexerAuth", 5: "indexerInfo"}
NUMBER_OF = {
    "indexerQuery": "Queries", "releaseGrabbed": "Grabs", "indexerRss": "RssQueries", "indexerAuth": "AuthQueries",
}  # fmt: skip


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


Moment = Annotated[datetime | None, AfterValidator(_utc), BeforeValidator(lambda v: None if v == "" else v), Query()]
Row = Annotated[int, Query(ge=1, le=MAX_INT)]


@user.get("/indexerstatus", response_model=list[Resource], summary="Indexers that are left alone")
async def list_statuses(request: Request) -> Response:
    """Those that failed and are paused or closed; an empty list: all are asked as usual."""
    house = house_of(request)
    found = [(record.id, status_of(record, house.now())) for record in await indexing.listed(house)]
    return bodies.answer([{"id": id, **status} for id, status in found if status is not None])


# --- statistics -------------------------------------------------------------------------------------------------------


@user.get("/indexerstats", response_model=Resource, summary="Questions, grabs, failures")
async def get_indexer_stats(
    request: Request,
    chosen: Annotated[Listed, Query(alias="indexers", default_factory=list)],
    startDate: Moment = None,
    endDate: Moment = None,
) -> Response:
    """By indexer, by program and by the address it called from."""
    async with house_of(request).db.read() as tx:
        names = await indexers.names(tx)
        by_indexer = await asked.sums(tx, "indexer_id", startDate, endDate)
        by_source = await asked.sums(tx, "source", startDate, endDate)
        by_host = await asked.sums(tx, "host", startDate, endDate)
    grouped = _grouped(by_indexer)
    told = [_of_indexer(int(id), names.get(int(id), ""), sums) for id, sums in grouped.items()]
    wanted = [one for one in told if not chosen or one["indexerId"] in chosen]
    return bodies.answer(
        {
            "id": 1,
            "indexers": wanted,
            "userAgents": [_of_caller("userAgent", of, sums) for of, sums in _grouped(by_source).items()],
            "hosts": [_of_caller("host", of, sums) for of, sums in _grouped(by_host).items() if of],
        }
    )


def _grouped(sums: Iterable[Sum]) -> dict[str, list[Sum]]:
    grouped: defaultdict[str, list[Sum]] = defaultdict(list)
    for one in sums:
        grouped[one.of].append(one)
    return grouped


def _of_indexer(id: int, name: str, sums: Collection[Sum]) -> Resource:
    told: Resource = {
        "indexerId": id,
        "indexerName": bodies.clean(name),
        "averageResponseTime": _average(sums, ("indexerQuery", "indexerRss")),
        "averageGrabResponseTime": _average(sums, ("releaseGrabbed",)),
    }
    for type, what in NUMBER_OF.items():
        told[f"numberOf{what}"] = sum(one.number for one in sums if one.type == type)
        told[f"numberOfFailed{what}"] = sum(one.failed for one in sums if one.type == type)
    return told


def _average(sums: Collection[Sum], types: Collection[str]) -> int:
    """Milliseconds, over what was answered."""
    answered = [(one.number - one.failed, one.average_ms) for one in sums if one.type in types]
    total = sum(number for number, _ in answered)
    return round(sum(number * average for number, average in answered) / total) if total else 0


def _of_caller(key: str, of: str, sums: Collection[Sum]) -> Resource:
    queries = sum(one.number for one in sums if one.type in ("indexerQuery", "indexerRss"))
    grabs = sum(one.number for one in sums if one.type == "releaseGrabbed")
    return {key: bodies.clean(of), "numberOfQueries": queries, "numberOfGrabs": grabs}


# --- history ----------------------------------------------------------------------------------------------------------


@user.get("/history", response_model=Resource, summary="What indexers were asked")
async def get_history(
    request: Request,
    eventType: Numbers,
    indexerIds: Numbers,
    page: Row = 1,
    pageSize: Annotated[int, Query(ge=1, le=MAX_INT)] = 10,
    sortKey: str = "date",
    sortDirection: Literal["default", "ascending", "descending"] = "descending",
    successful: bool | None = None,
) -> Response:
    """`eventType`: 1 grabs, 2 searches, 3 newest releases, 4 log-ins, 5 tests. Sorted by date, whatever `sortKey` says."""
    size = min(pageSize, MAX_ROWS)
    async with house_of(request).db.read() as tx:
        found = await asked.page(
            tx,
            indexer_ids=indexerIds,
            types=[EVENTS.get(number, "unknown") for number in eventType],
            successful=successful,
            limit=size,
            offset=min((page - 1) * size, MAX_INT),
            newest_first=sortDirection != "ascending",
        )
    told = {"page": page, "pageSize": size, "sortKey": "date", "sortDirection": sortDirection}
    return bodies.answer({**told, "totalRecords": found.total, "records": [_row(one) for one in found.items]})


@user.get("/history/since", response_model=list[Resource], summary="What indexers were asked since then")
async def history_since(
    request: Request,
    date: Annotated[datetime, AfterValidator(_utc)],
    eventType: Numbers,
) -> Response:
    """The oldest first, at most a thousand."""
    async with house_of(request).db.read() as tx:
        types = [EVENTS.get(number, "unknown") for number in eventType]
        found = await asked.page(tx, types=types, since=date, limit=MAX_ROWS, newest_first=False)
    return bodies.answer([_row(one) for one in found.items])


@user.get("/history/indexer", response_model=list[Resource], summary="What one indexer was asked")
async def history_of_indexer(
    request: Request,
    indexerId: Annotated[int, Query(ge=0, le=MAX_INT)],
    eventType: Numbers,
    limit: Row = 100,
) -> Response:
    async with house_of(request).db.read() as tx:
        types = [EVENTS.get(number, "unknown") for number in eventType]
        found = await asked.page(tx, indexer_ids=[indexerId], types=types, limit=min(limit, MAX_ROWS))
    return bodies.answer([_row(one) for one in found.items])


def _row(one: Asked) -> Resource:
    data = {**one.data, "elapsedTime": str(one.elapsed_ms), "source": one.source, "host": one.host}
    return {
        "id": one.id,
        "indexerId": one.indexer_id,
        "date": stamp(one.at),
        "successful": one.successful,
        "eventType": one.type,
        "data": {bodies.clean(key): bodies.clean(value) for key, value in data.items() if value},
    }
