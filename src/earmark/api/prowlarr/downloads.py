"""Where download links lead: the torrent of one offer, for whoever holds the link's token or a real key.

Taking it is remembered as a grab outside our care, by the house. The indexer's failures are told as error documents, for
programs show them.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any
from unicodedata import normalize
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from earmark.api.context import house_of
from earmark.api.prowlarr.bodies import complaint
from earmark.api.prowlarr.door import DOCUMENTED, PROWLARR_VERSION, REFUSALS, asker_of
from earmark.api.prowlarr.links import may_download
from earmark.api.prowlarr.torznab import XML_CONTENT, refusal, switched_on
from earmark.core.reasons import EarmarkError
from earmark.pipeline.house import House
from earmark.pipeline.outside import OfferUnknown, hand_out, offered
from earmark.ports import Magnet
from earmark.store import Offer

TORRENT_TYPE = "application/x-bittorrent"
NAME_CHARS = 120
_KEY = re.compile("[0-9a-f]{32}")
VERSION = {"X-Application-Version": PROWLARR_VERSION}
PARAMETERS = [
    {"name": name, "in": "query", "required": True, "description": about, "schema": {"type": "string"}}
    for name, about in (("link", "The offer's key."), ("file", "A name for people; it decides nothing."))
]
RESPONSES: dict[int | str, dict[str, Any]] = {
    **{status: REFUSALS[status] for status in (400, 401, 404, 405)},
    200: {"description": "The torrent.", "content": {TORRENT_TYPE: {"schema": {"type": "string", "format": "binary"}}}},
    301: {"description": "The indexer has only a magnet link; it is the address to go on to."},
    410: {"description": "The indexer no longer has it, or is switched off.", **XML_CONTENT},
    429: {"description": "Paused, or over a limit; see `Retry-After`.", **XML_CONTENT},
    500: {"description": "The indexer did not give it; the error document says why and what to do.", **XML_CONTENT},
}

router = APIRouter(route_class=APIRoute, tags=["prowlarr"], dependencies=[DOCUMENTED])


@router.get(
    "/{id:number}/download",
    name="download",
    response_class=Response,
    responses=RESPONSES,
    openapi_extra={"parameters": PARAMETERS},
)
@router.get("/api/v1/indexer/{id:number}/download", include_in_schema=False)
async def download(request: Request, id: int) -> Response:
    """The torrent behind a link of a search or a feed. The link's own token is enough; a key does as well."""
    key, file = request.query_params.get("link", ""), request.query_params.get("file", "")
    if not may_download(request, id, key):
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers=VERSION)
    if not key or not file:
        return complaint(HTTPStatus.BAD_REQUEST, "Invalid Prowlarr link", headers=VERSION)
    house = house_of(request)
    try:
        offer = await _offer(house, id, key)
        await switched_on(house, id)
        _, torrent = await hand_out(house, key, asker=asker_of(request))
    except EarmarkError as error:
        answer = refusal(error, HTTPStatus.INTERNAL_SERVER_ERROR)
        answer.headers.update(VERSION)
        return answer
    return _to(torrent) if isinstance(torrent, Magnet) else _file(offer, torrent)


@router.head("/{id:number}/download", include_in_schema=False)
@router.head("/api/v1/indexer/{id:number}/download", include_in_schema=False)
async def look(request: Request, id: int) -> Response:
    """Is there anything behind this link? Asks no indexer: looking takes nothing, and counts as no grab."""
    key, file = request.query_params.get("link", ""), request.query_params.get("file", "")
    if not may_download(request, id, key):
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers=VERSION)
    if not key or not file:
        return Response(status_code=HTTPStatus.BAD_REQUEST, headers=VERSION)
    try:
        offer = await _offer(house_of(request), id, key)
    except OfferUnknown:
        return Response(status_code=HTTPStatus.NOT_FOUND, headers=VERSION)
    if offer.release.magnet and not offer.release.download_ref:
        return _to(Magnet(offer.release.magnet))
    answer = _file(offer, b"")
    del answer.headers["content-length"]  # not known before the indexer is asked
    return answer


async def _offer(house: House, id: int, key: str) -> Offer:
    """The offer this link is of. Raises `OfferUnknown`, also for one of another indexer's."""
    if _KEY.fullmatch(key):  # no database is asked for a text it may not even take
        offer = await offered(house, key)
        if offer.indexer_id == id:
            return offer
    raise OfferUnknown.of(
        "offer_unknown", "This link leads nowhere.", "Search again, and take a link of the new answer."
    )


def _to(magnet: Magnet) -> Response:
    """A redirect, as programs expect of a Prowlarr. Whatever an indexer wrote stays one line of ASCII."""
    location = quote(magnet.uri, safe=":/%#?=@[]!$&'()*+,;~", errors="replace")
    return Response(status_code=HTTPStatus.MOVED_PERMANENTLY, headers={"Location": location, **VERSION})


def _file(offer: Offer, torrent: bytes) -> Response:
    headers = {"Content-Disposition": disposition(offer.release.title), **VERSION}
    return Response(torrent, headers=headers, media_type=TORRENT_TYPE)


def disposition(title: str) -> str:
    """RFC 6266: a plain name for every program, and the full one. Neither leads into a folder, hides its ending behind
    marks that turn the line round, or begins with a dot."""
    shown = "".join(char if char.isprintable() and char not in '/\\:*?"<>|%;' else " " for char in title)
    name = " ".join(shown.split())[:NAME_CHARS].strip(". ") or "release"
    plain = " ".join(normalize("NFKD", name).encode("ascii", "ignore").decode().split()).strip(". ") or "release"
    return f"attachment; filename=\"{plain}.torrent\"; filename*=UTF-8''{quote(name, safe='')}.torrent"
