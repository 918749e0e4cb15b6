"""Connections that the other side closes while they are idle: a GET that meets one is sent again, once; nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx2
import pytest

from earmark.http import Answer, SiteUnavailable, exchange, new_client

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Closing:
    """A server that closes a connection on its `bad` requests, each counted from the connection's first, without a word
    or after `words`."""

    bad: Callable[[int, int], bool]
    words: bytes = b""
    reset: bool = False
    connections: int = 0
    heard: list[bytes] = field(default_factory=list)
    serving: list[asyncio.Future[None]] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.serving.append(asyncio.ensure_future(self.talk(reader, writer, self.connections)))

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        request = 0
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                request += 1
                self.heard.append(head.split(b" ", 1)[0])
                if self.bad(connection, request):
                    writer.write(self.words)
                    if self.reset:
                        writer.transport.abort()
                    break
                writer.write(OK)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def running(server: Closing) -> AsyncIterator[httpx2.AsyncClient]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    async with listening:
        async with new_client(5) as http:
            yield http
        await asyncio.gather(*server.serving)


async def ask(http: httpx2.AsyncClient, server: Closing, method: str = "GET") -> Answer:
    request = http.build_request(method, server.url)
    return await exchange(http, request, site="There", timeout_secs=5, now=lambda: datetime.now(UTC))


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_get_that_meets_a_closing_connection_is_sent_again(reset: bool) -> None:
    server = Closing(lambda connection, request: (connection, request) == (1, 2), reset=reset)
    async with running(server) as http:
        assert [(await ask(http, server)).text for _ in range(3)] == ["ok"] * 3
    assert (server.connections, len(server.heard)) == (2, 4)


async def test_it_is_sent_again_only_once() -> None:
    server = Closing(lambda connection, request: connection > 1 or request == 2)
    async with running(server) as http:
        await ask(http, server)
        with pytest.raises(SiteUnavailable):
            await ask(http, server)
    assert len(server.heard) == 3


async def test_a_post_is_never_sent_twice() -> None:
    server = Closing(lambda connection, request: request == 2)
    async with running(server) as http:
        await ask(http, server)
        with pytest.raises(SiteUnavailable):
            await ask(http, server, "POST")
    assert server.heard == [b"GET", b"POST"]


async def test_a_new_connection_that_is_closed_is_no_reason_to_ask_again() -> None:
    server = Closing(lambda connection, request: True)
    async with running(server) as http:
        with pytest.raises(SiteUnavailable):
            await ask(http, server)
    assert len(server.heard) == 1


@pytest.mark.parametrize("words", [OK[:-1], b"What?\r\n\r\n"], ids=["half a body", "no HTTP"])
async def test_an_answer_that_had_begun_is_not_asked_for_again(words: bytes) -> None:
    server = Closing(lambda connection, request: request == 2, words=words)
    async with running(server) as http:
        await ask(http, server)
        with pytest.raises(SiteUnavailable):
            await ask(http, server)
    assert len(server.heard) == 2
