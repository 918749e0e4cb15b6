"""What happens, as it happens (document 003's WebSocket).

Events are read from the store by their sequence number; the bus only rings the bell. So a reconnect with the last number
misses nothing and repeats nothing, whatever the bus dropped. Progress comes straight from the bus, the latest per ticket.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from earmark.api import messages, views
from earmark.api.auth import came_by_cookie, role_of_request, same_origin
from earmark.api.context import desk_of, house_of, live_limits_of, metrics_of
from earmark.core.reasons import EarmarkError
from earmark.core.states import TERMINAL, TicketState
from earmark.core.ticket import Ticket, TicketId
from earmark.pipeline.bus import Message

log = structlog.get_logger("earmark.api")

BAD_SINCE = 4400
UNAUTHORIZED = 4401
FOREIGN_ORIGIN = 4403
TOO_SLOW = 1013  # "try again later": reconnect with the last seq
BROKEN = 1011

router = APIRouter()


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """Bounds of one connection. `backlog` is how many events may happen while a single message waits to be sent."""

    backlog: int = 1000
    page: int = 500
    snapshot: int = 2000
    send_secs: float = 20.0
    heartbeat_secs: float = 25.0


class Hangup(Exception):
    """Close the connection with this code."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


@dataclass(slots=True)
class Letterbox:
    """What came from the bus and was not dealt with: latest progress by ticket, and how many events happened while the
    other side would not take the message at hand."""

    backlog: int
    stuck: bool = False  # a message is on its way and does not get through
    missed: int = 0
    progress: dict[TicketId, Message] = field(default_factory=dict)
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    async def fill(self, incoming: AsyncIterator[Message]) -> None:
        async for message in incoming:
            if message.seq is not None:
                self.missed += self.stuck
            elif message.ticket_id is not None and message.type == "progress":
                self.progress[message.ticket_id] = message
            self.bell.set()
            if self.missed > self.backlog:
                raise Hangup(TOO_SLOW, "you read too slowly; reconnect with ?since= and your last seq")

    def take_progress(self) -> list[Message]:
        taken = list(self.progress.values())
        self.progress.clear()
        return taken


@router.websocket("/api/v1/ws")
@router.websocket("/ws")
async def live(socket: WebSocket) -> None:
    """Accepts first and closes with a code of its own, so that browsers learn why."""
    await socket.accept()
    try:
        since = _admitted(socket)
        with metrics_of(socket).sockets.track_inprogress():
            await _converse(socket, since)
    except Hangup as hangup:
        await _close(socket, hangup.code, hangup.why)
    except EarmarkError as error:
        await _close(socket, TOO_SLOW, error.reason.message)
    except WebSocketDisconnect:
        pass
    except Exception:
        log.error("live_broke", exception=traceback.format_exc())  # formatted here: no locals, so no secrets
        await _close(socket, BROKEN, "something broke inside Earmark; see its log")


def _admitted(socket: WebSocket) -> int | None:
    """The sequence number to go on from (None: start with a snapshot). Raises `Hangup` for who may not listen."""
    _check_role(socket)
    if came_by_cookie(socket) and not same_origin(socket):
        raise Hangup(FOREIGN_ORIGIN, "a page of another origin used your session")
    since = socket.query_params.get("since")
    if since is None:
        return None
    if not (since.isascii() and since.isdigit() and len(since) <= 18):
        raise Hangup(BAD_SINCE, "since must be the seq of the last message you saw")
    return int(since)


def _check_role(socket: WebSocket) -> None:
    if role_of_request(socket) is None:
        raise Hangup(UNAUTHORIZED, "this needs a valid key: ?token=, a header, or the session of the login page")


async def _converse(socket: WebSocket, since: int | None) -> None:
    """Listen to the bus before reading the store: nothing can fall between the two."""
    box = Letterbox(live_limits_of(socket).backlog)
    async with house_of(socket).bus.listen() as incoming:
        await _first_to_end(box.fill(incoming), Speaker(socket, box).speak(since), _hear(socket))


class Speaker:
    """The talking half of a connection; `seq` is the last event it told."""

    def __init__(self, socket: WebSocket, box: Letterbox) -> None:
        self._socket = socket
        self._box = box
        self._house = house_of(socket)
        self._desk = desk_of(socket)
        self._limits = live_limits_of(socket)
        self.seq = 0

    async def speak(self, since: int | None) -> None:
        last = await self._desk.last_seq(self._house)
        if since is None or since > last:  # a number from the future: the database is another one now
            self.seq = last
            await self._snapshot(reset=since is not None)
        else:
            self.seq = since
            await self._tell_events()
            await self._send({"type": "live", "seq": self.seq})
        while True:
            await self._bell_or_heartbeat()
            self._box.bell.clear()
            await self._tell_events()
            for message in self._box.take_progress():
                await self._send(messages.of_progress(message))

    async def _snapshot(self, *, reset: bool) -> None:
        """The number was read before the tickets: an event told again by its change is harmless, a lost one is not."""
        tickets, total = await self._unfinished()
        shown = [self._brief(ticket) for ticket in tickets]
        await self._send({"type": "snapshot", "seq": self.seq, "reset": reset, "total": total, "tickets": shown})

    async def _unfinished(self) -> tuple[list[Ticket], int]:
        states = frozenset(TicketState) - TERMINAL
        found: list[Ticket] = []
        while True:
            page = await self._desk.listing(self._house, states=states, limit=self._limits.page, offset=len(found))
            found += page.items
            if not page.items or len(found) >= min(page.total, self._limits.snapshot):
                return found, page.total

    def _brief(self, ticket: Ticket) -> dict[str, object]:
        now = self._house.progress.get(ticket.id)
        shown = views.brief(ticket).model_dump(mode="json")
        return shown | {"progress": views.progress(now).model_dump(mode="json") if now else None}

    async def _tell_events(self) -> None:
        while True:
            events = await self._desk.events_since(self._house, self.seq, self._limits.page)
            for event in events:
                await self._send(await messages.of_event(self._house, self._desk, event))
                self.seq = event.seq
            if len(events) < self._limits.page:
                return

    async def _bell_or_heartbeat(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._box.bell.wait(), self._limits.heartbeat_secs)
                return
            _check_role(self._socket)  # a key that was changed meanwhile ends the conversation
            await self._send({"type": "heartbeat", "seq": self.seq})
            if await self._desk.last_seq(self._house) > self.seq:  # told by nobody: another process wrote it
                return

    async def _send(self, message: dict[str, object]) -> None:
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        self._box.stuck, self._box.missed = True, 0
        try:
            async with asyncio.timeout(self._limits.send_secs):
                await self._socket.send_text(text.encode("utf-8", "backslashreplace").decode())
        except TimeoutError as error:
            raise Hangup(TOO_SLOW, "you read too slowly; reconnect with ?since= and your last seq") from error
        finally:
            self._box.stuck = False


async def _hear(socket: WebSocket) -> None:
    """Answer pings, notice when the caller leaves. Nothing else a caller says here means anything."""
    while True:
        heard = await socket.receive()
        if heard["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(heard.get("code", 1005))
        if "ping" in (heard.get("text") or "")[:100]:
            async with asyncio.timeout(live_limits_of(socket).send_secs):
                await socket.send_text('{"type":"pong"}')


async def _first_to_end(*parts: Coroutine[object, object, None]) -> None:
    """Run the parts together; the first to end or fail ends them all, and its error is the outcome."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _close(socket: WebSocket, code: int, why: str) -> None:
    """Say goodbye, but do not wait for one who does not listen."""
    with suppress(Exception):
        async with asyncio.timeout(2):
            await socket.close(code, why.encode()[:120].decode(errors="ignore"))
