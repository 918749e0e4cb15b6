"""Grabs in Prowlarr's words, and releases pushed in the *arr applications': each becomes a ticket with its release chosen. The
answers look as theirs do and tell the ticket beside it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic import JsonValue as Json
from pydantic.alias_generators import to_camel

from earmark.api.auth import actor_of
from earmark.api.context import house_of
from earmark.api.prowlarr import bodies
from earmark.api.prowlarr.door import MAX_INT, asker_of, router
from earmark.api.prowlarr.releases import MAX_SIZE, CategoryResource, ReleaseResource
from earmark.api.prowlarr.system import stamp
from earmark.core.reasons import EarmarkError
from earmark.pipeline import grabbing
from earmark.pipeline.grabbing import Filed, GrabFailed, OfferUnknown, Pushed

log = structlog.get_logger("earmark.api")

user, of_version_3 = router(), router()

NOT_REMEMBERED = "Couldn't find requested release in cache, try searching again"
NOT_GIVEN = "Getting release from indexer failed"
TICKET_HEADER = "X-Earmark-Ticket"
MAX_BULK = 100
TITLE_CHARS = 2000
URL_CHARS = 16_000

CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"description": "The indexer did not give the torrent.", "content": {bodies.JSON: {}}}
}


@user.post("/search", response_model=ReleaseResource, responses=CONFLICT, summary="Grab a release that was found")
async def grab(request: Request, body: ReleaseResource) -> Response:
    """Needs `guid` and `indexerId` as a search told them. The header `X-Earmark-Ticket` names the ticket it became; the same
    release again is the same ticket."""
    wrong = _ungrabbable(body.guid, body.indexer_id)
    if wrong:
        return bodies.answer(wrong, HTTPStatus.BAD_REQUEST)
    try:
        filed = await _grabbed(request, body.guid or "", body.indexer_id)
    except (OfferUnknown, GrabFailed) as error:
        return _not_had(error)
    return bodies.answer(body.echoed(), headers={TICKET_HEADER: str(filed.ticket.id)})


@user.post("/search/bulk", response_model=list[ReleaseResource], summary="Grab several releases")
async def grab_bulk(request: Request, body: Annotated[list[ReleaseResource], Field(max_length=MAX_BULK)]) -> Response:
    """Answers with those that could be grabbed; 400 when none could."""
    done: list[object] = []
    for one in body:
        try:
            if not _ungrabbable(one.guid, one.indexer_id):
                await _grabbed(request, one.guid or "", one.indexer_id)
                done.append(one.echoed())
        except EarmarkError as error:
            log.warning("bulk_grab_failed", indexer_id=one.indexer_id, code=error.reason.code)
    if not done:
        return bodies.complaint(HTTPStatus.BAD_REQUEST, "Failed to grab any release")
    return bodies.answer(done)


def _ungrabbable(guid: str | None, indexer_id: int) -> list[object]:
    """What is missing to grab it, in FluentValidation's words."""
    wrong = [] if guid and guid.strip() else [bodies.empty("Guid")]
    if indexer_id <= 0:
        message = "'Indexer Id' must be greater than '0'. Send the indexerId of the search's answer."
        wrong.append(bodies.failure("IndexerId", message, indexer_id, "GreaterThanValidator"))
    return wrong


async def _grabbed(request: Request, guid: str, indexer_id: int) -> Filed:
    return await grabbing.grab(house_of(request), indexer_id, guid, asker=asker_of(request), actor=actor_of(request))


def _not_had(error: EarmarkError) -> Response:
    """The refusals of a grab in Prowlarr's words, with what can be done."""
    told = bodies.advice(error.reason)
    if isinstance(error, OfferUnknown):
        return bodies.complaint(HTTPStatus.NOT_FOUND, NOT_REMEMBERED, told)
    return bodies.complaint(HTTPStatus.CONFLICT, NOT_GIVEN, told, bodies.retry_header(error))


# --- releases that are pushed -----------------------------------------------------------------------------------------


Text = Annotated[str, AfterValidator(bodies.clean)]


class PushBody(BaseModel):
    """A release another program chose: by `guid` and `indexerId` of a search of ours, or by `title` and an address."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    guid: str | None = None
    indexer_id: int = Field(0, ge=-(2**31), le=MAX_INT)
    title: Text | None = Field(None, max_length=TITLE_CHARS)
    download_url: Text | None = Field(None, max_length=URL_CHARS)
    magnet_url: Text | None = Field(None, max_length=URL_CHARS)
    protocol: str | int | None = Field(None, examples=["torrent"])
    download_protocol: str | int | None = None
    publish_date: Text | None = Field(None, examples=["2026-11-20T12:00:00Z"])
    indexer: Text | None = Field(None, max_length=TITLE_CHARS)
    size: float = Field(0, ge=0, le=MAX_SIZE, allow_inf_nan=False)
    categories: list[int | CategoryResource] | None = Field(None, max_length=100)
    info_url: Text | None = Field(None, max_length=URL_CHARS)
    info_hash: Text | None = Field(None, max_length=64)

    @property
    def by_guid(self) -> bool:
        return bool(self.guid and self.guid.strip() and self.indexer_id > 0)

    @property
    def of_usenet(self) -> bool:
        return str(self.protocol or self.download_protocol or "").lower() in ("usenet", "1")


class PushedResource(ReleaseResource):
    """The verdict on a pushed release and the ticket it became."""

    approved: bool = True
    temporarily_rejected: bool = False
    rejected: bool = False
    rejections: list[str] = Field(default_factory=list)
    download_allowed: bool = True
    ticket_id: str | None = None
    job_id: str | None = Field(None, description="The same, as /api/v1/jobs lists it.")


@user.post(
    "/release/push",
    response_model=list[PushedResource] | PushedResource,
    responses=CONFLICT,
    summary="Push a release",
)
async def push(request: Request, body: PushBody) -> Response:
    """One ticket for one release. What cannot be taken is answered with `rejected` and the reasons, as *arr do."""
    return await _answered(request, body, alone=_reads_one(request))


@of_version_3.post(
    "/release/push", response_model=list[PushedResource], responses=CONFLICT, summary="Push a release, as to a Sonarr"
)
async def push_as_to_sonarr(request: Request, body: PushBody) -> Response:
    """The same under the address of the *arr applications that are at their third version; always a list."""
    return await _answered(request, body, alone=False)


def _reads_one(request: Request) -> bool:
    """autobrr takes a Readarr's and a Lidarr's answer for one object, where they send a list, and fails on the list after the
    ticket is made. Everybody else gets the list."""
    return request.headers.get("user-agent", "").lower().startswith("autobrr")


async def _answered(request: Request, body: PushBody, *, alone: bool) -> Response:
    def told(verdict: dict[str, Json], headers: dict[str, str] | None = None) -> Response:
        return bodies.answer(verdict if alone else [verdict], headers=headers)

    if not body.by_guid and (wrong := _unpushable(body)):
        return bodies.answer(wrong, HTTPStatus.BAD_REQUEST)
    if body.of_usenet:
        return told(_verdict(body, None, "This is a Usenet release; Earmark takes torrents only.", False))
    try:
        filed = await _pushed(request, body)
    except OfferUnknown as error:
        return _not_had(error)
    except EarmarkError as error:
        if body.by_guid and isinstance(error, GrabFailed):
            return _not_had(error)
        if "field" in error.reason.evidence:
            raise  # something the program can correct
        cause = error.__cause__ if isinstance(error.__cause__, EarmarkError) else error
        return told(_verdict(body, None, bodies.advice(error.reason), cause.transient))
    return told(_verdict(body, filed, None, False), {TICKET_HEADER: str(filed.ticket.id)})


def _unpushable(body: PushBody) -> list[object]:
    """What a pushed release lacks."""
    needed = (
        ("Title", body.title),
        ("DownloadUrl", body.download_url or body.magnet_url),
        ("Protocol", str(body.protocol or body.download_protocol or "")),
        ("PublishDate", body.publish_date),
    )
    wrong = [bodies.empty(name) for name, value in needed if not (value or "").strip()]
    if body.publish_date and _moment(body.publish_date) is None:
        message = "'Publish Date' must be a date like 2026-11-20T12:00:00Z."
        wrong.append(bodies.failure("PublishDate", message, body.publish_date))
    return wrong


async def _pushed(request: Request, body: PushBody) -> Filed:
    if body.by_guid:
        return await _grabbed(request, body.guid or "", body.indexer_id)
    pushed = Pushed(
        title=body.title or "",
        download_url=body.download_url,
        magnet_url=body.magnet_url,
        indexer=body.indexer,
        size_bytes=int(body.size) or None,
        categories=_numbers(body),
        info_url=body.info_url,
        info_hash=body.info_hash,
        published_at=_moment(body.publish_date or ""),
    )
    return await grabbing.push(house_of(request), pushed, asker=asker_of(request), actor=actor_of(request))


def _verdict(body: PushBody, filed: Filed | None, rejection: str | None, temporarily: bool) -> dict[str, Json]:
    told: dict[str, Json] = {
        "guid": body.guid or f"PUSH-{(body.info_url or body.title or '')[:200]}",
        "age": 0,
        "ageHours": 0.0,
        "ageMinutes": 0.0,
        "size": int(body.size),
        "indexerId": max(body.indexer_id, 0),
        "title": body.title or "",
        "publishDate": stamp(_moment(body.publish_date or "") or datetime(1, 1, 1, tzinfo=UTC)),
        "protocol": "usenet" if body.of_usenet else "torrent",
        "approved": rejection is None,
        "temporarilyRejected": temporarily,
        "rejected": rejection is not None and not temporarily,
        "rejections": [] if rejection is None else [bodies.clean(rejection)],
        "downloadAllowed": rejection is None,
    }
    if body.indexer:
        told["indexer"] = body.indexer
    if filed is not None:
        told["ticketId"] = told["jobId"] = str(filed.ticket.id)
    return told


def _numbers(body: PushBody) -> tuple[int, ...]:
    given = (one if isinstance(one, int) else one.id for one in body.categories or ())
    return tuple(dict.fromkeys(number for number in given if 0 < number <= MAX_INT))


def _moment(text: str) -> datetime | None:
    """The moment an ISO date tells, in UTC; None when it is none. .NET's seventh decimal is one too many for us."""
    try:
        at = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.strip()))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
