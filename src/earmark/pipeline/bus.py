"""What just happened, told to whoever listens in this process. Nothing is kept here: what must survive is an event in the
store, and a listener who missed something reads it there by its sequence number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from earmark.core.reasons import JsonValue
from earmark.core.ticket import TicketId


@dataclass(frozen=True, slots=True)
class Message:
    """`seq` is the event's number in the store; progress has none, because only the latest matters."""

    type: str
    ticket_id: TicketId | None
    data: dict[str, JsonValue] = field(default_factory=dict)
    seq: int | None = None


class Bus:
    """Fan-out to every listener. A listener that falls `limit` messages behind loses the oldest and can tell by seq."""

    def __init__(self, limit: int = 2000) -> None:
        self._limit = limit
        self._listeners: set[asyncio.Queue[Message]] = set()

    def publish(self, message: Message) -> None:
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(message)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[Message]]:
        """`async with bus.listen() as messages: async for m in messages: …`. Listening starts on entering."""
        queue: asyncio.Queue[Message] = asyncio.Queue(self._limit)
        self._listeners.add(queue)

        async def messages() -> AsyncIterator[Message]:
            while True:
                yield await queue.get()

        try:
            yield messages()
        finally:
            self._listeners.discard(queue)
