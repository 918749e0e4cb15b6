"""The application around the desk of `web_world`: sessions, a WebSocket that tells what the desk publishes, a server on a
free port. `python tests/web/web_site.py` serves it for looking at (key: admin-key)."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import uvicorn
from fastapi import FastAPI, Request, WebSocket
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect
from web_world import FakeDesk

from earmark.api.auth import same_origin
from earmark.core.reasons import JsonValue
from earmark.web import create_web, static_files
from earmark.web.contract import Role

KEYS: dict[str, Role] = {"admin-key": "admin", "user-key": "user"}
COOKIE = "earmark_session"


class FakeSessions:
    cookie_name = COOKIE

    def issue(self, role: Role) -> str:
        return f"session-of-{role}"

    def role_of(self, request: Request) -> Role | None:
        return {"session-of-admin": "admin", "session-of-user": "user"}.get(request.cookies.get(COOKIE, ""))  # type: ignore[return-value]

    def same_origin(self, request: Request) -> bool:
        return same_origin(request)


class FakeTokens:
    def role_of(self, presented: str) -> Role | None:
        return KEYS.get(presented)


@dataclass(frozen=True)
class Problem:
    status: int
    detail: str
    action: str


def make_app(desk: FakeDesk, url_base: str = "") -> FastAPI:
    """The pages and a WebSocket that tells what the desk publishes."""
    web = create_web(desk, FakeSessions(), FakeTokens(), version="0.1.0", url_base=url_base)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        desk.loop = asyncio.get_running_loop()
        yield

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None)
    app.include_router(web.router, prefix=url_base)
    app.mount(f"{url_base}/static", static_files())

    @app.websocket(f"{url_base}/ws")
    async def live(socket: WebSocket) -> None:
        if socket.cookies.get(COOKIE, "") not in {"session-of-admin", "session-of-user"}:
            await socket.close(4401)
            return
        await socket.accept()
        queue: asyncio.Queue[dict[str, JsonValue]] = asyncio.Queue()
        desk.listeners.add(queue)
        await socket.send_json({"type": "snapshot", "seq": desk.line.seq, "tickets": []})
        reader = asyncio.create_task(_until_gone(socket))
        try:
            while not reader.done():
                getter = asyncio.create_task(queue.get())
                await asyncio.wait({getter, reader}, return_when=asyncio.FIRST_COMPLETED)
                if getter.done():
                    await socket.send_json(getter.result())
                else:
                    getter.cancel()
        finally:
            desk.listeners.discard(queue)
            reader.cancel()

    @app.exception_handler(HTTPException)
    async def error(request: Request, found: HTTPException) -> Response:
        return await web.error_page(request, Problem(found.status_code, str(found.detail), ""))

    return app


async def _until_gone(socket: WebSocket) -> None:
    try:
        while True:
            await socket.receive()
    except (WebSocketDisconnect, RuntimeError):
        return


class Server:
    """The application on a free loopback port, in a thread of its own."""

    def __init__(self, app: FastAPI, port: int = 0) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, ws="websockets-sansio")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)

    def __enter__(self) -> Server:
        self.thread.start()
        deadline = datetime.now(UTC) + timedelta(seconds=15)
        while not self.server.started:
            if datetime.now(UTC) > deadline:
                raise RuntimeError("the pages did not come up within 15 seconds")
            threading.Event().wait(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)


if __name__ == "__main__":
    with Server(make_app(FakeDesk()), 8099) as running:
        print(running.url, "key: admin-key")
        running.thread.join()
