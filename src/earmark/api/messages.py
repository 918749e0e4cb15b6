"""Events and progress in the words of document 003's WebSocket."""

from __future__ import annotations

from typing import cast

from earmark.api import views
from earmark.api.context import Desk
from earmark.core.reasons import JsonValue
from earmark.core.ticket import TicketId
from earmark.pipeline.bus import Message
from earmark.pipeline.house import House
from earmark.store import Event, UnknownTicket

JsonObject = dict[str, object]


def of_progress(message: Message) -> JsonObject:
    return {"type": "progress", "ticket_id": message.ticket_id, **message.data}


async def of_event(house: House, desk: Desk, event: Event) -> JsonObject:
    """One recorded event. What a caller needs at once (candidates, files) comes with it."""
    told: JsonObject = {
        "seq": event.seq,
        "type": event.type,
        "ticket_id": event.ticket_id,
        "at": views.utc_text(event.at),
    }
    match event.type:
        case "needs_approval":
            return (
                told
                | event.payload
                | {
                    "reasons": [_doubt(r) for r in _list(event.payload.get("reasons"))],
                    "candidates": await _candidates(house, desk, event.ticket_id),
                }
            )
        case "completed":
            return told | event.payload | {"items_placed": len(_list(event.payload.get("files")))}
        case "failed":
            return told | event.payload | _failure(event.payload.get("error"))
        case _:
            return told | event.payload


def _failure(error: JsonValue) -> JsonObject:
    """The reason, laid flat: `error` is the sentence."""
    if not isinstance(error, dict):
        return {"error": error}
    return {"error": error.get("message"), "code": error.get("code"), "action": error.get("action")}


def _doubt(reason: JsonValue) -> JsonValue:
    """As in the ticket's own details: the numbers beside the code."""
    if not isinstance(reason, dict):
        return reason
    numbers = reason.get("numbers")
    return {"code": reason.get("code"), **(numbers if isinstance(numbers, dict) else {}), "text": reason.get("text")}


async def _candidates(house: House, desk: Desk, ticket_id: TicketId | None) -> list[JsonObject]:
    if ticket_id is None:
        return []
    try:
        view = await desk.view(house, ticket_id)
    except UnknownTicket:
        return []
    return [cast("JsonObject", views.candidate(n, c).model_dump(mode="json")) for n, c in enumerate(view.candidates)]


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
