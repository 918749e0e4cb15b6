"""The indexers of the house in Prowlarr's words: list, add, change, remove, try. Whether something can stay as it is, the
registry says; an indexer that is switched on is tried before it is saved, as Prowlarr does."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import JsonValue as Json

from earmark.api.auth import actor_of
from earmark.api.context import house_of
from earmark.api.prowlarr import bodies, indexerfields
from earmark.api.prowlarr.door import Id, nothing_there, router
from earmark.api.prowlarr.indexerfields import BadField
from earmark.api.prowlarr.indexershapes import (
    IndexerBody,
    category_resource,
    draft_of,
    indexer_resource,
    reached,
    template,
)
from earmark.api.prowlarr.links import base_of
from earmark.core.indexing import IndexerRecord, IndexerSort
from earmark.core.newznab import STANDARD, Capabilities
from earmark.core.reasons import EarmarkError
from earmark.pipeline import indexing
from earmark.pipeline.house import House
from earmark.pipeline.indexing import UnknownIndexer
from earmark.ports import IndexerHealth

user, admin = router(), router(admin=True)

CAPABILITIES_SECS = 3.0
"""How long a list waits for what an indexer can be asked, when nobody knows it yet."""

Resource = dict[str, Json]
ForceSave = Annotated[bool, Query(alias="forceSave", description="Save it even when it does not answer.")]


@user.get("/indexer", response_model=list[Resource], summary="Every indexer")
async def list_indexers(request: Request) -> Response:
    house = house_of(request)
    records = sorted(await indexing.listed(house), key=lambda record: (record.name.casefold(), record.id))
    return bodies.answer(list(await asyncio.gather(*(_resource(house, record) for record in records))))


@user.get("/indexer/schema", response_model=list[Resource], summary="Indexers that can be added")
async def list_templates() -> Response:
    return bodies.answer([template(sort) for sort in IndexerSort])


@user.get("/indexer/categories", response_model=list[Resource], summary="The standard categories")
async def list_categories() -> Response:
    return bodies.answer([category_resource(top) for top in STANDARD])


@user.get("/indexer/{id:number}", response_model=Resource, summary="One indexer")
async def get_indexer(request: Request, id: Id) -> Response:
    house = house_of(request)
    try:
        return bodies.answer(await _resource(house, await indexing.record_of(house, id)))
    except UnknownIndexer:
        return nothing_there(request)


@admin.post("/indexer", response_model=Resource, status_code=201, summary="Add an indexer")
async def add_indexer(request: Request, body: IndexerBody, force_save: ForceSave = False) -> Response:
    house = house_of(request)
    try:
        draft = draft_of(body, None)
        tried_first = draft.enabled and not force_save and draft.sort is not IndexerSort.MAM
        if tried_first and (refused := _not_well(await indexing.test(house, draft))):
            return refused
        record = await indexing.add(house, draft, actor_of(request))
        if draft.sort is IndexerSort.MAM and not force_save:  # its session can only be tried by using it
            health = await indexing.test_one(house, record.id)
            if refused := _not_well(health):
                await indexing.remove(house, record.id, actor_of(request))
                return refused
    except (BadField, EarmarkError) as error:
        return _invalid(error, body)
    location = {"Location": f"{base_of(request)}/api/v1/indexer/{record.id}"}
    return bodies.answer(await _resource(house, record), HTTPStatus.CREATED, location)


@admin.put("/indexer/{id:number}", response_model=Resource, status_code=202, summary="Change an indexer")
async def change_indexer(request: Request, id: Id, body: IndexerBody, force_save: ForceSave = False) -> Response:
    house = house_of(request)
    try:
        known = await indexing.record_of(house, id)
        draft = draft_of(body, known)
        tried_first = draft.enabled and not force_save and not known.managed and reached(known, draft)
        if tried_first and (refused := _not_well(await indexing.test(house, draft, id))):
            return refused
        record = await indexing.change(house, id, draft, actor_of(request))
    except UnknownIndexer:
        return nothing_there(request)
    except (BadField, EarmarkError) as error:
        return _invalid(error, body)
    return bodies.answer(await _resource(house, record), HTTPStatus.ACCEPTED)


@admin.delete("/indexer/{id:number}", response_model=Resource, summary="Remove an indexer")
async def remove_indexer(request: Request, id: Id) -> Response:
    """Its number is never given to another."""
    try:
        await indexing.remove(house_of(request), id, actor_of(request))
    except UnknownIndexer:
        return nothing_there(request)
    return bodies.answer({})


# --- trying -----------------------------------------------------------------------------------------------------------


@admin.post("/indexer/test", response_model=Resource, summary="Try an indexer before it counts")
async def test_indexer(request: Request, body: IndexerBody) -> Response:
    """With an `id`: that indexer with these changes. Nothing is kept, but for a session of MyAnonamouse: one that is tried
    is in use, for the site may replace it with its first answer."""
    house = house_of(request)
    try:
        known = await indexing.record_of(house, body.id) if body.id else None
        draft = draft_of(body, known)
        if known is not None and not reached(known, draft):
            health = await indexing.test_one(house, known.id)  # ends its pause when it answers
        else:
            health = await indexing.test(house, draft, body.id or None)
    except UnknownIndexer:
        return nothing_there(request)
    except (BadField, EarmarkError) as error:
        return _invalid(error, body)
    return _not_well(health) or bodies.answer({})


@admin.post("/indexer/testall", response_model=list[Resource], summary="Try every indexer")
async def test_all(request: Request) -> Response:
    """400 with the same list when one of them does not answer."""
    found = await indexing.test_all(house_of(request))
    told = [
        {"id": id, "isValid": health.ok, "validationFailures": [] if health.ok else [_failure(health)]}
        for id, health in found.items()
    ]
    well = all(health.ok for health in found.values())
    return bodies.answer(told, HTTPStatus.OK if well else HTTPStatus.BAD_REQUEST)


def _not_well(health: IndexerHealth) -> Response | None:
    return None if health.ok else bodies.answer([_failure(health)], HTTPStatus.BAD_REQUEST)


def _failure(health: IndexerHealth) -> object:
    return bodies.failure("", f"Unable to connect to indexer: {health.message}")


def _invalid(error: BadField | EarmarkError, body: IndexerBody) -> Response:
    """Names the property that cannot stay as it is; other refusals are complaints."""
    if isinstance(error, BadField):
        return bodies.invalid(error.name[:1].upper() + error.name[1:], error.message, code="PredicateValidator")
    field = error.reason.evidence.get("field")
    if not isinstance(field, str):
        return bodies.of_error(error)
    named = (body.implementation or body.implementation_name or body.definition_name or "").strip().casefold()
    sort = IndexerSort.MAM if named == "myanonamouse" else IndexerSort.TORZNAB
    return bodies.invalid(indexerfields.wire_name(field, sort), bodies.advice(error.reason), code="PredicateValidator")


# --- resources --------------------------------------------------------------------------------------------------------


async def _resource(house: House, record: IndexerRecord) -> Resource:
    capabilities, has_secret = await asyncio.gather(_capabilities(house, record), _has_secret(house, record))
    return indexer_resource(record, capabilities, has_secret=has_secret, now=house.now())


async def _capabilities(house: House, record: IndexerRecord) -> Capabilities | None:
    """What it can be asked, as far as that is known or soon told."""
    if record.capabilities is not None or not record.enabled:
        return record.capabilities
    try:
        async with asyncio.timeout(CAPABILITIES_SECS):
            return await indexing.capabilities(house, record)
    except (EarmarkError, TimeoutError):
        return None


async def _has_secret(house: House, record: IndexerRecord) -> bool:
    if record.sort is not IndexerSort.TORZNAB:
        return True  # it does not open without one
    if record.managed:
        return house.settings.jackett.api_key is not None
    return await house.vault.get(f"indexer:{record.id}") is not None
