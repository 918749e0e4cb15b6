"""The other processes of `search.py`: a feed and a site that answer after a while, and a relay that only passes on."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs

import httpx2
import uvicorn

from earmark.cli.serving import listen
from earmark.settings import ServerSettings

MARK = b"@@query@@"
WORDS = "A reading of the whole text by one voice, with the author's foreword and the notes of the second edition. "

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


CAPS = (
    b'<caps><server title="Stand-in"/><limits default="100" max="100"/><searching>'
    b'<search available="yes" supportedParams="q"/><book-search available="yes" supportedParams="q"/></searching>'
    b'<categories><category id="3000" name="Audio"><subcat id="3030" name="Audio/Audiobook"/></category></categories></caps>'
)


def feed_of(items: int) -> bytes:
    """A feed as Prowlarr and Jackett write it; the mark stands where the query's own digits go."""
    rows = "".join(
        f"<item><title>A Long Enough Title of Volume {n} by Ada Fenwick [ENG / M4B]</title><description>{WORDS * 6}</description>"
        f"<guid>http://feed.test/t/@@query@@{n}</guid><prowlarrindexer id='7' type='private'>Feed</prowlarrindexer>"
        f"<comments>http://feed.test/t/@@query@@{n}</comments><pubDate>Thu, 02 Jan 2020 03:04:05 +0000</pubDate>"
        f"<size>{400_000_000 + n}</size><link>http://feed.test/dl?id=@@query@@{n}</link><category>3030</category>"
        f"<enclosure url='http://feed.test/dl?id=@@query@@{n}' length='{400_000_000 + n}' type='application/x-bittorrent'/>"
        + "".join(f"<torznab:attr name='{name}' value='{value}'/>" for name, value in _attributes(n))
        + "</item>"
        for n in range(items)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:torznab="http://torznab.com/schemas/2015/feed">'
        f"<channel><title>Stand-in</title>{rows}</channel></rss>"
    ).encode()


def _attributes(n: int) -> list[tuple[str, object]]:
    return [
        ("category", 3030), ("seeders", n), ("peers", n + 3), ("files", 12), ("grabs", 3 * n), ("author", "Ada Fenwick"),
        ("booktitle", f"A Long Enough Title of Volume {n}"), ("infohash", f"@@query@@{n:032x}"), ("minimumratio", 1),
        ("minimumseedtime", 259_200), ("downloadvolumefactor", n % 2), ("uploadvolumefactor", 1),
    ]  # fmt: skip


def rows_of(items: int) -> bytes:
    """A page as the site's search gives it: people as JSON in text, sizes for human eyes."""
    rows = [
        {
            "id": f"@@number@@{n:03}", "language": 1, "lang_code": "ENG", "main_cat": 13, "category": 47, "mediatype": 1,
            "catname": "Audiobooks - Science Fiction", "size": "381.5 MiB", "numfiles": 12, "vip": 0, "free": n % 2,
            "title": f"A Long Enough Title of Volume {n}", "tags": "unabridged, 64 kbps, chapters",
            "author_info": json.dumps({"1": "Ada Fenwick"}), "narrator_info": json.dumps({"2": "Bea Holt"}),
            "series_info": json.dumps({"3": ["A Series", str(n)]}), "filetype": "m4b", "seeders": n, "leechers": 3,
            "added": "2020-01-02 03:04:05", "times_completed": 3 * n, "my_snatched": 0, "browseflags": 0,
            "description": f"<p>{WORDS * 6}</p>", "isbn": "", "mediainfo": "",
        }
        for n in range(items)
    ]  # fmt: skip
    return json.dumps({"perpage": items, "start": 0, "data": rows, "total": items, "found": items}).encode()


def stand_in(items: int, delay_secs: float) -> App:
    feed, page = feed_of(items), rows_of(items)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        query = parse_qs(scope["query_string"].decode())
        if query.get("t") == ["caps"]:
            await _answer(send, CAPS, b"application/xml")
        elif scope["path"].endswith("/api"):
            await asyncio.sleep(delay_secs)
            digits = b"%08x" % zlib.crc32(query.get("q", [""])[0].encode())
            await _answer(send, feed.replace(MARK, digits), b"application/rss+xml")
        else:
            wanted = await _text_of(scope, receive)
            await asyncio.sleep(delay_secs)
            number = b"%d" % (10**9 + zlib.crc32(wanted.encode()))
            await _answer(send, page.replace(b"@@number@@", number), b"application/json")

    return app


async def _text_of(scope: Scope, receive: Receive) -> str:
    """What a search of the site is for."""
    body, more = b"", scope["method"] == "POST"
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return str(json.loads(body)["tor"]["text"]) if body else ""


async def _answer(send: Send, body: bytes, content_type: bytes) -> None:
    head = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})


def relay(upstream: str) -> App:
    """The least a hop can cost: the same bytes passed on, unread."""
    http = wide_client()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        answer = await http.get(f"{upstream}?{scope['query_string'].decode()}")
        await _answer(send, answer.content, b"application/rss+xml")

    return app


def wide_client() -> httpx2.AsyncClient:
    """A client that opens as many connections as it is asked for, and lets go of idle ones before a server does."""
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=2)
    return httpx2.AsyncClient(timeout=60, limits=limits)


def run_stand_in(line: Connection, items: int, delay_secs: float) -> None:
    asyncio.run(serve(stand_in(items, delay_secs), line))


def run_relay(line: Connection, upstream: str) -> None:
    asyncio.run(serve(relay(upstream), line))


async def serve(app: Any, line: Connection) -> None:
    """Serve on a free port until the other end of the line says anything."""
    listener = listen(ServerSettings(port=0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="auto"))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    line.send(f"http://127.0.0.1:{listener.getsockname()[1]}")
    await asyncio.to_thread(line.recv)
    server.should_exit = True
    await running


@dataclass
class Part:
    """One of the processes, from its start to its end."""

    target: Callable[..., None]
    arguments: tuple[object, ...]
    url: str = ""
    _line: Connection = field(init=False)
    _process: multiprocessing.process.BaseProcess = field(init=False)

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._line, far = context.Pipe()
        self._process = context.Process(target=self.target, args=(far, *self.arguments))
        self._process.start()
        far.close()
        self.url = str(self._line.recv())
        return self

    def __exit__(self, *_: object) -> None:
        self._line.send("end")
        self._process.join(30)
        self._process.kill()

    def cpu(self) -> float:
        """Seconds it has worked so far, all threads."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100
