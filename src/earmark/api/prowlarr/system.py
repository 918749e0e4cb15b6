"""What a Prowlarr says of itself: status, health, tags, the download client in use, the one application profile."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import Request, Response
from pydantic import BaseModel, Field
from pydantic import JsonValue as Json

from earmark import __version__
from earmark.api.context import desk_of, house_of
from earmark.api.prowlarr import bodies
from earmark.api.prowlarr.door import PROWLARR_VERSION, Id, nothing_there, router
from earmark.api.prowlarr.links import base_of
from earmark.store import indexers

user, of_version_3, admin, root = router(), router(), router(admin=True), router()

STARTED = datetime.now(UTC)


class HealthResource(BaseModel):
    """One thing that is not well."""

    id: int
    source: str
    type: str = Field(examples=["error"])
    message: str
    wikiUrl: str


class TagResource(BaseModel):
    id: int = 0
    label: str = ""


@root.get("/api", response_model=dict[str, Json], summary="Which API is there")
async def get_api() -> Response:
    return bodies.answer({"current": "v1", "deprecated": []})


@of_version_3.get("/system/status", name="system_status_v3", response_model=dict[str, Json], summary="The same")
@user.get("/system/status", response_model=dict[str, Json], summary="Which Prowlarr this is")
async def system_status(request: Request) -> Response:
    """Says Prowlarr, for programs look for that; `instanceName` says who it really is."""
    house = house_of(request)
    linux, mac, windows = (sys.platform.startswith(name) for name in ("linux", "darwin", "win"))
    return bodies.answer(
        {
            "appName": "Prowlarr",
            "instanceName": f"Earmark {__version__}",
            "version": PROWLARR_VERSION,
            "buildTime": stamp(STARTED),
            "isDebug": False,
            "isProduction": True,
            "isAdmin": False,
            "isUserInteractive": False,
            "startupPath": "/app/earmark",
            "appData": "/config",  # where the data really lies is nobody's business
            "osName": platform.system().lower(),
            "isNetCore": True,
            "isLinux": linux,
            "isOsx": mac,
            "isWindows": windows,
            "isDocker": False,
            "mode": "console",
            "branch": "master",
            "databaseType": "sqLite" if house.db.dialect == "sqlite" else "postgreSQL",
            "authentication": "forms",
            "migrationVersion": 41,
            "urlBase": house.settings.server.url_base,
            "runtimeVersion": "8.0.12",
            "runtimeName": "netcore",
            "startTime": stamp(STARTED),
            "packageVersion": __version__,
            "packageAuthor": "Earmark",
            "packageUpdateMechanism": "docker",
        }
    )


@user.get("/health", response_model=list[HealthResource], summary="What is not well")
async def get_health(request: Request) -> Response:
    """An empty list: all is well. `GET /health` has the same with the checks that are well."""
    found = await desk_of(request).health(house_of(request))
    wiki = f"{base_of(request)}/"
    ill = [check for check in found.checks if check.status != "ok"]
    return bodies.answer(
        [
            {
                "id": number,
                "source": _source(check.name),
                "type": check.status,
                "message": bodies.clean(_sentences(check.message, check.action)),
                "wikiUrl": wiki,
            }
            for number, check in enumerate(ill, 1)
        ]
    )


def _sentences(message: str, action: str | None) -> str:
    return f"{message.rstrip('.')}. {action}" if action else message


def _source(name: str) -> str:
    """The name of the Prowlarr check that looks at the same thing."""
    for start, source in (("indexer", "IndexerStatusCheck"), ("client", "DownloadClientStatusCheck")):
        if name.startswith(start):
            return source
    return "".join(word.capitalize() for word in name.split()[:1]) + "Check"


# --- tags -------------------------------------------------------------------------------------------------------------


@user.get("/tag", response_model=list[TagResource], summary="Labels for indexers")
async def list_tags(request: Request) -> Response:
    async with house_of(request).db.read() as tx:
        return bodies.answer([{"id": tag.id, "label": tag.label} for tag in await indexers.tags(tx)])


@user.get("/tag/{id}", response_model=TagResource, summary="One label")
async def get_tag(request: Request, id: Id) -> Response:
    async with house_of(request).db.read() as tx:
        known = {tag.id: tag for tag in await indexers.tags(tx)}
    if id not in known:
        return nothing_there(request)
    return bodies.answer({"id": id, "label": known[id].label})


class TagBody(BaseModel):
    """A label to make."""

    label: str = Field("", max_length=100)


@admin.post("/tag", response_model=TagResource, status_code=201, summary="Make a label")
async def add_tag(request: Request, body: TagBody) -> Response:
    """A label that is there already is answered with its own row."""
    label = body.label.strip().lower()
    if not label or not all(char in "abcdefghijklmnopqrstuvwxyz0123456789-" for char in label):
        return bodies.invalid(
            "Label", "'Label' is not in the correct format: letters a-z, digits and - only.", body.label,
            "RegularExpressionValidator",
        )  # fmt: skip
    house = house_of(request)
    async with house.write() as tx:
        tag = await indexers.add_tag(tx, label)
    location = {"Location": f"{base_of(request)}/api/v1/tag/{tag.id}"}
    return bodies.answer({"id": tag.id, "label": tag.label}, HTTPStatus.CREATED, location)


@admin.delete("/tag/{id}", response_model=dict[str, Json], summary="Drop a label")
async def remove_tag(request: Request, id: Id) -> Response:
    async with house_of(request).write() as tx:
        known = await indexers.remove_tag(tx, id)
    if not known:
        return nothing_there(request)
    return bodies.answer({})


# --- what a Prowlarr has one of ---------------------------------------------------------------------------------------


@user.get("/appprofile", response_model=list[dict[str, Json]], summary="The one profile indexers have")
async def list_profiles() -> Response:
    return bodies.answer([PROFILE])


@user.get("/appprofile/{id}", response_model=dict[str, Json], summary="A profile")
async def get_profile(request: Request, id: Id) -> Response:
    if id != PROFILE["id"]:
        return nothing_there(request)
    return bodies.answer(PROFILE)


PROFILE: dict[str, Json] = {
    "name": "Standard",
    "enableRss": True,
    "enableAutomaticSearch": True,
    "enableInteractiveSearch": True,
    "minimumSeeders": 1,
    "id": 1,
}

CLIENTS = {"embedded": "Earmark", "qbittorrent": "QBittorrent", "transmission": "Transmission"}


@user.get("/downloadclient", response_model=list[dict[str, Json]], summary="The torrent client in use")
async def list_clients(request: Request) -> Response:
    """Read only, and without address or password: the settings page has them."""
    return bodies.answer([_client(request)])


@user.get("/downloadclient/{id}", response_model=dict[str, Json], summary="The torrent client in use")
async def get_client(request: Request, id: Id) -> Response:
    if id != 1:
        return nothing_there(request)
    return bodies.answer(_client(request))


def _client(request: Request) -> dict[str, Json]:
    kind = house_of(request).settings.client.kind
    implementation = CLIENTS[kind]
    return {
        "enable": True,
        "protocol": "torrent",
        "priority": 1,
        "categories": [],
        "supportsCategories": False,
        "name": implementation,
        "fields": [],
        "implementationName": implementation,
        "implementation": implementation,
        "configContract": f"{implementation}Settings",
        "infoLink": f"{base_of(request)}/",
        "tags": [],
        "id": 1,
    }


def stamp(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`, the one form of a date that every program reads."""
    at = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{at.year:04}-{at.month:02}-{at.day:02}T{at.hour:02}:{at.minute:02}:{at.second:02}Z"
