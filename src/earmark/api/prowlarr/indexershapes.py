"""An indexer as Prowlarr's resource, and a resource that is posted as a draft of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic import JsonValue as Json
from pydantic.alias_generators import to_camel

from earmark.api.prowlarr import bodies, indexerfields
from earmark.api.prowlarr.indexerfields import BadField
from earmark.api.prowlarr.system import PROFILE, stamp
from earmark.core.indexing import IndexerDraft, IndexerFacts, IndexerRecord, IndexerSort
from earmark.core.newznab import STANDARD, Capabilities, Category

MAM, TORZNAB, PROWLARR = IndexerSort.MAM, IndexerSort.TORZNAB, IndexerSort.PROWLARR
MAX_INT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Implementation:
    """What Prowlarr calls the adapter of a sort."""

    name: str
    description: str
    privacy: str
    more: str  # where people read about it
    urls: tuple[str, ...] = ()


IMPLEMENTATIONS: Mapping[IndexerSort, Implementation] = {
    MAM: Implementation(
        "MyAnonamouse",
        "MyAnonamouse (MAM) is a private tracker for audiobooks and e-books",
        "private",
        "https://wiki.servarr.com/prowlarr/supported-indexers#myanonamouse",
        ("https://www.myanonamouse.net/",),
    ),
    TORZNAB: Implementation(
        "Torznab",
        "A feed that speaks Torznab, such as one of Jackett's",
        "semiPrivate",
        "https://wiki.servarr.com/prowlarr/supported-indexers#torznab",
    ),
    PROWLARR: Implementation(
        "Prowlarr", "A Prowlarr with its indexers", "semiPrivate", "https://wiki.servarr.com/prowlarr"
    ),
}
SORT_BY_NAME = {one.name.casefold(): sort for sort, one in IMPLEMENTATIONS.items()} | {"jackett": TORZNAB}

UNKNOWN_YET = Capabilities(tuple(top for top in STANDARD if top.id in (3000, 7000)), book_params=("q",))
"""What is told of an indexer that has never been reached: programs leave out what names no category they know."""

JACKETT = IndexerFacts(url="http://localhost:9117/api/v2.0/indexers/NAME/results/torznab/")
TEMPLATES = {
    MAM: IndexerFacts(url="https://www.myanonamouse.net", requests_per_second=1.0),
    TORZNAB: IndexerFacts(),
    PROWLARR: IndexerFacts(url="http://localhost:9696"),
}


class FieldBody(BaseModel):
    """A field of an indexer. Secrets are shown as stars; stars keep what is stored."""

    name: str | None = Field(None, max_length=200)
    value: Json = None


class IndexerBody(BaseModel):
    """An indexer as a program wants it. Everything else a resource has is passed over."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    id: int = Field(0, ge=0, le=MAX_INT)
    name: str | None = None
    enable: bool | None = None
    priority: int | None = Field(None, ge=-(2**31), le=MAX_INT)
    implementation: str | None = Field(None, examples=["MyAnonamouse", "Torznab", "Prowlarr"])
    implementation_name: str | None = None
    definition_name: str | None = None
    fields: list[FieldBody] | None = Field(None, max_length=200)
    tags: list[Annotated[int, Field(ge=0, le=MAX_INT)]] | None = Field(None, max_length=200)


def draft_of(body: IndexerBody, known: IndexerRecord | None) -> IndexerDraft:
    """What is asked for, over what is there. Raises `BadField`."""
    sort = _sort_of(body, known)
    given = {field.name: field.value for field in body.fields or () if field.name}
    facts, secret = indexerfields.read(sort, given, known.facts if known is not None else TEMPLATES[sort])
    before = known or IndexerDraft(sort, IMPLEMENTATIONS[sort].name)
    return IndexerDraft(
        sort=sort,
        name=bodies.clean(body.name) if body.name is not None else before.name,
        enabled=before.enabled if body.enable is None else body.enable,
        priority=before.priority if body.priority is None else body.priority,
        facts=facts,
        secret=secret,
        tags=before.tags if body.tags is None else tuple(dict.fromkeys(body.tags)),
    )


def _sort_of(body: IndexerBody, known: IndexerRecord | None) -> IndexerSort:
    for name in (body.implementation, body.implementation_name, body.definition_name):
        if name:
            sort = SORT_BY_NAME.get(name.strip().casefold())
            if sort is None:
                raise BadField("implementation", "'Implementation' must be MyAnonamouse, Torznab or Prowlarr.")
            return sort
    if known is None:
        raise BadField("implementation", "'Implementation' must not be empty: MyAnonamouse, Torznab or Prowlarr.")
    return known.sort


# --- resources --------------------------------------------------------------------------------------------------------


def indexer_resource(
    record: IndexerRecord, capabilities: Capabilities | None, *, has_secret: bool, now: datetime
) -> dict[str, Json]:
    """The whole resource; `status` and `message` only where something is wrong."""
    told = _of_sort(record.sort, record.facts, record.name, has_secret=has_secret, capabilities=capabilities)
    told |= {
        "id": record.id,
        "enable": record.enabled,
        "priority": record.priority,
        "tags": list(record.tags),
        "added": stamp(record.added_at),
        "sortName": bodies.clean(record.name.casefold()),
    }
    status = status_of(record, now)
    if status is not None:
        told["status"] = status
    if record.standing.reason is not None:
        told["message"] = {"message": bodies.clean(bodies.advice(record.standing.reason)), "type": "error"}
    return told


def status_of(record: IndexerRecord, now: datetime) -> dict[str, Json] | None:
    """How it stands, where it is left alone or cannot be opened; None: it is asked as usual."""
    standing = record.standing
    if not standing.paused(now) and (standing.disabled_till is not None or standing.reason is None):
        return None
    moments = {
        "disabledTill": standing.disabled_till,
        "mostRecentFailure": standing.last_failure,
        "initialFailure": standing.first_failure,
    }
    told: dict[str, Json] = {name: stamp(moment) for name, moment in moments.items() if moment is not None}
    return {"indexerId": record.id, **told}


def template(sort: IndexerSort) -> dict[str, Json]:
    """An indexer of this sort before anything is filled in."""
    made = _blank(sort, TEMPLATES[sort], IMPLEMENTATIONS[sort].name)
    presets: list[Json] = [_blank(sort, JACKETT, "Jackett")] if sort is TORZNAB else []
    return {**made, "presets": presets}


def _blank(sort: IndexerSort, facts: IndexerFacts, name: str) -> dict[str, Json]:
    told = _of_sort(sort, facts, name, has_secret=False, capabilities=None)
    return {
        **told,
        "name": "" if name == IMPLEMENTATIONS[sort].name else name,
        "enable": True,
        "priority": 25,
        "tags": [],
    }


def _of_sort(
    sort: IndexerSort, facts: IndexerFacts, name: str, *, has_secret: bool, capabilities: Capabilities | None
) -> dict[str, Json]:
    what = IMPLEMENTATIONS[sort]
    return {
        "indexerUrls": list(what.urls) or [bodies.clean(facts.url)],
        "legacyUrls": [],
        "definitionName": what.name,
        "description": what.description,
        "language": "en-US",
        "redirect": False,
        "supportsRss": True,
        "supportsSearch": True,
        "supportsRedirect": False,
        "supportsPagination": True,
        "appProfileId": PROFILE["id"],
        "protocol": "torrent",
        "privacy": what.privacy,
        "capabilities": capabilities_resource(capabilities or UNKNOWN_YET),
        "downloadClientId": 0,
        "name": bodies.clean(name),
        "fields": [dict(field) for field in indexerfields.told(sort, facts, has_secret=has_secret)],
        "implementationName": what.name,
        "implementation": what.name,
        "configContract": f"{what.name}Settings",
        "infoLink": what.more,
    }


def capabilities_resource(capabilities: Capabilities) -> dict[str, Json]:
    return {
        "limitsMax": capabilities.limit_max,
        "limitsDefault": capabilities.limit_default,
        "categories": [category_resource(top) for top in capabilities.categories],
        "supportsRawSearch": False,
        "searchParams": list(capabilities.search_params),
        "tvSearchParams": list(capabilities.tv_params),
        "movieSearchParams": list(capabilities.movie_params),
        "musicSearchParams": list(capabilities.music_params),
        "bookSearchParams": list(capabilities.book_params),
    }


def category_resource(category: Category) -> dict[str, Json]:
    return {
        "id": category.id,
        "name": bodies.clean(category.name),
        "subCategories": [category_resource(sub) for sub in category.subs],
    }


def reached(known: IndexerRecord, draft: IndexerDraft) -> bool:
    """Would the draft change how it is reached, or put it to use? Then it is tried before it counts."""
    wire = replace(draft.facts, query_limit=None, grab_limit=None, limits_unit="day")
    was = replace(known.facts, query_limit=None, grab_limit=None, limits_unit="day")
    return draft.secret is not None or wire != was or (draft.enabled and not known.enabled)
