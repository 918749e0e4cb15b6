"""The house itself over HTTP: health, statistics, settings in force, the tracker session, a test of the indexers."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from earmark.api import views
from earmark.api.auth import DOCUMENTED, AdminRoute, UserRoute, actor_of, role_of_request
from earmark.api.context import desk_of, house_of, metrics_of
from earmark.api.metrics import CONTENT_TYPE
from earmark.api.problems import PROBLEM_RESPONSES
from earmark.api.requests import MamSessionBody
from earmark.api.schemas import ConfigOut, HealthOut, IndexerOut, StatsOut

user = APIRouter(route_class=UserRoute, tags=["house"], dependencies=[DOCUMENTED], responses=PROBLEM_RESPONSES)
admin = APIRouter(route_class=AdminRoute, tags=["house"], dependencies=[DOCUMENTED], responses=PROBLEM_RESPONSES)
root_user = APIRouter(route_class=UserRoute, tags=["house"], dependencies=[DOCUMENTED], responses=PROBLEM_RESPONSES)
root_open = APIRouter(tags=["house"])


@user.get("/stats", response_model=StatsOut, summary="Queue and rates")
async def get_stats(request: Request) -> StatsOut:
    return views.stats(await desk_of(request).stats(house_of(request)))


@admin.get("/config", response_model=ConfigOut, summary="Settings in force, secrets masked")
async def get_config(request: Request) -> ConfigOut:
    house = house_of(request)
    return ConfigOut(
        config_file=str(house.config_file) if house.config_file else None,
        data_dir=str(house.data_dir),
        settings=house.settings.model_dump(mode="json"),  # SecretStr masks itself
    )


@admin.put("/settings/mam-session", response_model=IndexerOut, summary="Give a new mam_id")
async def set_mam_session(request: Request, body: MamSessionBody) -> IndexerOut:
    """Kept encrypted and used from the next request on, without a restart. The answer says whether the site takes it."""
    return views.indexer(await desk_of(request).set_mam_session(house_of(request), body.mam_id, actor_of(request)))


@admin.get("/indexers/test", response_model=dict[str, IndexerOut], summary="Ask every indexer")
async def test_indexers(request: Request) -> dict[str, IndexerOut]:
    """Is the session alive and allowed to search?"""
    found = await desk_of(request).test_indexers(house_of(request))
    return {name: views.indexer(answer) for name, answer in found.items()}


@admin.post("/indexers/test", response_model=dict[str, IndexerOut], summary="Ask every indexer")
async def test_indexers_again(request: Request) -> dict[str, IndexerOut]:
    """The same as GET, for callers that keep GET free of effects."""
    return await test_indexers(request)


@root_user.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def get_metrics(request: Request) -> Response:
    found = await desk_of(request).home(house_of(request))
    return Response(metrics_of(request).render(found), media_type=CONTENT_TYPE)


@root_open.head("/ping", include_in_schema=False)
@root_open.get("/ping", summary="Am I there?", response_model=dict[str, str])
async def ping() -> Response:
    """Needs no key."""
    return JSONResponse({"status": "OK"}, media_type="application/json; charset=utf-8")


@root_open.get("/health", response_model=HealthOut, response_model_exclude_none=True, summary="Health at a glance")
async def root_health(request: Request) -> HealthOut:
    """Needs no key; without one, only names and colours are told. Always 200: read `status`."""
    known = role_of_request(request) is not None
    return views.health(await desk_of(request).health(house_of(request)), with_words=known)
