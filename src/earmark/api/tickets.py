"""Tickets over HTTP (document 003): file, look, list, decide, cancel, and document 000's jobs. Parses, calls the desk, renders."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request, Response

from earmark.api import views
from earmark.api.auth import DOCUMENTED, AdminRoute, UserRoute, actor_of
from earmark.api.context import desk_of, house_of
from earmark.api.field_errors import field_error
from earmark.api.problems import PROBLEM_RESPONSES, Refusal
from earmark.api.requests import (
    UUID,
    AnswerBody,
    ApproveBody,
    BlockBody,
    MagnetBody,
    RejectBody,
    SearchBody,
    TicketBody,
    ticket_id_of,
    ticket_request,
)
from earmark.api.schemas import ExplainOut, FiledOut, JobOut, JobPage, Links, TicketBrief, TicketOut, TicketPage
from earmark.core.seeding import needed_seconds, tracker_of
from earmark.core.states import TicketState
from earmark.core.ticket import TicketId
from earmark.core.wish import Kind
from earmark.store import TorrentRecord

S = TicketState

user = APIRouter(route_class=UserRoute, tags=["tickets"], dependencies=[DOCUMENTED], responses=PROBLEM_RESPONSES)
admin = APIRouter(route_class=AdminRoute, tags=["decisions"], dependencies=[DOCUMENTED], responses=PROBLEM_RESPONSES)

IdInPath = Annotated[
    str,
    Path(alias="ticket_id", description="The ticket's UUID.", examples=["123e4567-e89b-42d3-a456-426614174000"]),
]
Limit = Annotated[int, Query(ge=1, le=500, description="Entries on a page.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000_000, description="Entries to skip.")]
TICKET_EXAMPLES = {
    "audiobook": {
        "summary": "An audiobook",
        "value": {
            "kind": "audiobook",
            "search": {"title": "The Time Machine", "author": "H. G. Wells", "language": "en"},
        },
    },
    "music": {
        "summary": "An album, as document 003 has it",
        "value": {
            "ticket_id": "123e4567-e89b-42d3-a456-426614174000",
            "search": {"artist": "Radiohead", "album": "OK Computer", "year": 1997, "genres": ["art rock"]},
            "tracks": [
                {
                    "catalog_track_id": "t1",
                    "disc_number": 1,
                    "track_number": 1,
                    "name": "Airbag",
                    "duration_secs": 284,
                    "dest_path": "/media/albums/abc123/d1t01.ogg",
                }
            ],
            "constraints": {"format": "ogg_vorbis", "bitrate_kbps": 320},
        },
    },
}


@user.post(
    "/ticket",
    status_code=HTTPStatus.CREATED,
    response_model=FiledOut,
    summary="File a ticket",
    responses={200: {"model": FiledOut, "description": "This very ticket was filed before."}},
)
async def file_ticket(
    request: Request, response: Response, body: Annotated[TicketBody, Body(openapi_examples=TICKET_EXAMPLES)]
) -> FiledOut:
    """The same `ticket_id` with the same body is the same ticket (200, `created: false`); with another body, a conflict."""
    house = house_of(request)
    music = house.settings.library.music
    wish = ticket_request(body, str(music) if music else None)
    filed = await desk_of(request).file_ticket(house, ticket_id_of(body), wish)
    links = _links(request, filed.ticket.id)
    response.status_code = HTTPStatus.CREATED if filed.created else HTTPStatus.OK
    response.headers["Location"] = links.self
    return FiledOut(ticket_id=filed.ticket.id, state=filed.ticket.state, created=filed.created, links=links)


@user.get("/ticket/{ticket_id}", response_model=TicketOut, summary="A ticket with its history")
async def get_ticket(request: Request, id: IdInPath) -> TicketOut:
    """State, what the state knows, every state before it, candidates with their scores, and the torrent."""
    return views.full(await desk_of(request).view(house_of(request), known_id(id)))


@user.get("/tickets", response_model=TicketPage, summary="List tickets")
async def list_tickets(
    request: Request,
    state: Annotated[list[str] | None, Query(description="Repeatable or comma-separated, in any case.")] = None,
    kind: Kind | None = None,
    q: Annotated[str | None, Query(max_length=200, description="Words in title, author, artist or album.")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> TicketPage:
    """Newest first."""
    page = await desk_of(request).listing(
        house_of(request), states=_states(state), kind=kind, text=_words(q), limit=limit, offset=offset
    )
    return TicketPage(items=[views.brief(t) for t in page.items], total=page.total, limit=limit, offset=offset)


@user.get("/ticket/{ticket_id}/explain", response_model=ExplainOut, summary="Why this release")
async def explain_ticket(request: Request, id: IdInPath) -> ExplainOut:
    """The latest decision: every candidate with its score, the gates that refused it, and what followed."""
    view = await desk_of(request).view(house_of(request), known_id(id))
    if view.decision is None:
        raise Refusal(
            HTTPStatus.NOT_FOUND,
            "no_decision",
            f"Nothing was decided about this ticket so far; it is {view.ticket.state}.",
            "Ask again once its search has been judged.",
        )
    return views.explain(view.decision, view.events)


# --- decisions of the administrator -----------------------------------------------------------------------------------


@admin.delete("/ticket/{ticket_id}", response_model=TicketBrief, summary="Cancel a ticket")
async def cancel_ticket(request: Request, id: IdInPath) -> TicketBrief:
    """Running work stops; a torrent that already moved data goes on seeding. 409 when the ticket has ended."""
    return views.brief(await desk_of(request).cancel(house_of(request), known_id(id), actor_of(request)))


@admin.post("/ticket/{ticket_id}/approve", response_model=TicketBrief, summary="Approve")
async def approve_ticket(request: Request, id: IdInPath, body: ApproveBody | None = None) -> TicketBrief:
    """Takes the candidate with this index, or the recommended one. Only from NEEDS_APPROVAL."""
    chosen = body.candidate_idx if body else None
    return views.brief(await desk_of(request).approve(house_of(request), known_id(id), chosen, actor_of(request)))


@admin.post("/ticket/{ticket_id}/answer", response_model=TicketBrief, summary="Answer its question")
async def answer_ticket(request: Request, id: IdInPath, body: AnswerBody) -> TicketBrief:
    """Settles what the ticket waits for a person to say: which order, whether to replace, whether to place. The words
    that answer it stand in `waiting.evidence.answers`."""
    return views.brief(await desk_of(request).answer(house_of(request), known_id(id), body.answer, actor_of(request)))


@admin.post("/ticket/{ticket_id}/reject", response_model=TicketBrief, summary="Reject")
async def reject_ticket(request: Request, id: IdInPath, body: RejectBody | None = None) -> TicketBrief:
    """None of the candidates will do. Only from NEEDS_APPROVAL."""
    why = body.reason if body else None
    return views.brief(await desk_of(request).reject(house_of(request), known_id(id), why, actor_of(request)))


@admin.post("/ticket/{ticket_id}/block", response_model=TicketBrief, summary="Not this release")
async def block_release(request: Request, id: IdInPath, body: BlockBody) -> TicketBrief:
    """This one candidate will not do; the rest is judged again when it was chosen or is being chosen."""
    house, desk = house_of(request), desk_of(request)
    return views.brief(await desk.block(house, known_id(id), body.candidate_idx, body.reason, actor_of(request)))


@admin.post("/ticket/{ticket_id}/retry", response_model=TicketBrief, summary="Try again")
async def retry_ticket(request: Request, id: IdInPath) -> TicketBrief:
    """A FAILED ticket goes on from its last safe state."""
    return views.brief(await desk_of(request).retry(house_of(request), known_id(id), actor_of(request)))


@admin.post("/ticket/{ticket_id}/force-search", response_model=TicketBrief, summary="Search anew")
async def force_search(request: Request, id: IdInPath, body: SearchBody) -> TicketBrief:
    """Searches with your words in place of those Earmark would make. Possible until something was downloaded."""
    return views.brief(
        await desk_of(request).force_search(house_of(request), known_id(id), body.query, actor_of(request))
    )


@admin.post("/ticket/{ticket_id}/force-magnet", response_model=TicketBrief, summary="Use this magnet")
async def force_magnet(request: Request, id: IdInPath, body: MagnetBody) -> TicketBrief:
    """Skips search and decision and downloads what the magnet link names."""
    desk = desk_of(request)
    return views.brief(await desk.force_magnet(house_of(request), known_id(id), body.magnet_uri, actor_of(request)))


@admin.post(
    "/ticket/{ticket_id}/force-torrent",
    response_model=TicketBrief,
    summary="Use this .torrent file",
    openapi_extra={
        "requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
    },
)
async def force_torrent(request: Request, id: IdInPath) -> TicketBrief:
    """The file itself is the body, of whatever content type. Skips search and decision."""
    torrent = await request.body()
    desk = desk_of(request)
    return views.brief(await desk.force_torrent(house_of(request), known_id(id), torrent, actor_of(request)))


# --- document 000's jobs ----------------------------------------------------------------------------------------------


@user.get("/jobs", response_model=JobPage, summary="List jobs", tags=["jobs"])
async def list_jobs(request: Request, limit: Annotated[int, Query(ge=1, le=100)] = 50, offset: Offset = 0) -> JobPage:
    """Tickets in document 000's words: queued, downloading, processing, seeding, done, failed. Newest first."""
    page = await desk_of(request).jobs(house_of(request), limit=limit, offset=offset)
    items = [views.job(ticket, held, now, _needed(request, held)) for ticket, held, now in page.items]
    return JobPage(items=items, total=page.total, limit=limit, offset=offset)


@user.get("/jobs/{ticket_id}", response_model=JobOut, summary="A job", tags=["jobs"])
async def get_job(request: Request, id: IdInPath) -> JobOut:
    """Status, message, seeding timers and the ids a caller may know it by."""
    view = await desk_of(request).view(house_of(request), known_id(id))
    return views.job(view.ticket, view.torrent, view.progress, _needed(request, view.torrent))


# --- small parts ------------------------------------------------------------------------------------------------------


def _needed(request: Request, held: TorrentRecord | None) -> int:
    tracker = tracker_of(held.indexer, held.guid) if held else ""
    return needed_seconds(tracker, house_of(request).settings.seeding.hours)


def _links(request: Request, id: TicketId) -> Links:
    base = f"{house_of(request).settings.server.url_base}/api/v1"
    return Links(self=f"{base}/ticket/{id}", explain=f"{base}/ticket/{id}/explain", live=f"{base}/ws")


def known_id(id: str) -> TicketId:
    """An id that can be a ticket's. Nothing else is even looked up."""
    if not UUID.fullmatch(id.lower()):
        raise Refusal(
            HTTPStatus.NOT_FOUND,
            "unknown_ticket",
            "There is no such ticket: ticket ids are UUIDs.",
            "Take the id from the answer to POST /ticket or from GET /tickets.",
        )
    return TicketId(id.lower())


def _states(given: list[str] | None) -> frozenset[TicketState] | None:
    words = [word.strip().upper() for part in given or [] for word in part.split(",") if word.strip()]
    unknown = [word for word in words if word not in TicketState.__members__]
    if unknown:
        raise Refusal.of_fields(
            [field_error("state", "names no state", f"Choose from {', '.join(TicketState.__members__)}.")]
        )
    return frozenset(TicketState(word) for word in words) or None


def _words(q: str | None) -> str | None:
    """Search words without control characters: no title has any, and databases choke on some."""
    return re.sub(r"[\x00-\x1f\x7f]", " ", q).strip() or None if q else None
