"""A stand-in Audiobookshelf: it really scans folders when told to, shows what it found, and remembers what it was asked.

The shapes are those of version 2.36; the keys are ours. It plays nothing, writes nothing to the folders and keeps its
items in memory only.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from earmark.core.reasons import JsonValue
from earmark.sandbox.shelf_scan import ShelfBook, scan_library
from earmark.sandbox.visits import Handler, Visits

VERSION = "2.36.0"


@dataclass(slots=True)
class ShelfLibrary:
    """A library and what its last scan found; `items` by item id, those gone since included."""

    id: str
    name: str
    folder: Path
    media_type: str = "book"
    items: dict[str, ShelfBook] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    last_scan: int | None = None  # milliseconds
    scanning: asyncio.Lock = field(default_factory=asyncio.Lock)

    def take(self, books: tuple[ShelfBook, ...]) -> None:
        """Know the books again by path or, when they were moved, by inode: what people listened to hangs on the id."""
        by_path = {book.path: item_id for item_id, book in self.items.items()}
        by_inode = {book.inode: item_id for item_id, book in self.items.items()}
        taken: dict[str, ShelfBook] = {}
        for book in books:
            known = by_path.get(book.path) or by_inode.get(book.inode)
            taken[known if known and known not in taken else str(uuid.uuid4())] = book
        self.missing = set(self.items) - set(taken)
        self.items |= taken


class StandInAudiobookshelf:
    """The server's state. `key` opens it as an administrator; `guest_key` belongs to a user who may only look."""

    def __init__(self, key: str | None = None, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.key = key or f"sandbox-{secrets.token_urlsafe(24)}"
        self.guest_key = f"guest-{secrets.token_urlsafe(24)}"
        self.libraries: dict[str, ShelfLibrary] = {}
        self.visits = Visits()
        self._clock = clock

    def add_library(self, name: str, folder: Path, media_type: str = "book") -> ShelfLibrary:
        library = ShelfLibrary(str(uuid.uuid4()), name, folder, media_type)
        self.libraries[library.id] = library
        return library

    def scans(self) -> int:
        """How many scans were asked for."""
        return sum(call["method"] == "POST" and str(call["path"]).endswith("/scan") for call in self.visits.calls)

    async def scan(self, library: ShelfLibrary) -> None:
        """Scans of one library run one after the other."""
        async with library.scanning:
            library.take(await asyncio.to_thread(scan_library, library.folder))
            library.last_scan = max(int(self._clock().timestamp() * 1000), (library.last_scan or 0) + 1)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/status", self.visits.through(self._status)),
                Route("/api/me", self._guarded(self._me)),
                Route("/api/libraries", self._guarded(self._libraries), methods=["GET", "POST"]),
                Route("/api/libraries/{id}", self._guarded(self._library)),
                Route("/api/libraries/{id}/scan", self._guarded(self._scan), methods=["POST"]),
                Route("/api/libraries/{id}/items", self._guarded(self._items)),
                Route("/api/libraries/{id}/search", self._guarded(self._search)),
                Route("/api/items/{id}", self._guarded(self._item)),
                Route("/api/items/{id}/cover", self._guarded(self._cover)),
                *self.visits.levers(),
            ]
        )

    def _guarded(self, handler: Handler) -> Handler:
        async def behind_the_key(request: Request) -> Response:
            return await handler(request) if self._user(request) else PlainTextResponse("Unauthorized", 401)

        return self.visits.through(behind_the_key)

    def _user(self, request: Request) -> str | None:
        users = {f"Bearer {self.key}": "admin", f"Bearer {self.guest_key}": "user"}
        return users.get(request.headers.get("authorization", ""))

    async def _status(self, _: Request) -> Response:
        return JSONResponse({"app": "audiobookshelf", "serverVersion": VERSION, "isInit": True, "language": "en-us"})

    async def _me(self, request: Request) -> Response:
        return JSONResponse({"id": "sandbox-user", "username": "sandbox", "type": self._user(request)})

    async def _libraries(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"libraries": [_library_json(library) for library in self.libraries.values()]})
        if self._user(request) != "admin":
            return PlainTextResponse("Forbidden", 403)
        try:
            told = await request.json()
            library = self.add_library(
                str(told["name"]), Path(str(told["folders"][0]["fullPath"])), str(told.get("mediaType", "book"))
            )
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return PlainTextResponse("Invalid request", 400)
        return JSONResponse(_library_json(library))

    async def _library(self, request: Request) -> Response:
        library = self.libraries.get(request.path_params["id"])
        return JSONResponse(_library_json(library)) if library else PlainTextResponse("Not Found", 404)

    async def _scan(self, request: Request) -> Response:
        """Answers before it scans, as the real one does."""
        if self._user(request) != "admin":
            return PlainTextResponse("Forbidden", 403)
        library = self.libraries.get(request.path_params["id"])
        if library is None:
            return PlainTextResponse("Not Found", 404)
        return PlainTextResponse("OK", background=BackgroundTask(self.scan, library))

    async def _items(self, request: Request) -> Response:
        library = self.libraries.get(request.path_params["id"])
        if library is None:
            return PlainTextResponse("Not Found", 404)
        rows: list[JsonValue] = [_item_json(library, item_id, minified=True) for item_id in library.items]
        limit = request.query_params.get("limit", "0")
        shown = rows[: int(limit)] if limit.isdecimal() and int(limit) else rows
        return JSONResponse({"results": shown, "total": len(rows), "limit": len(shown), "page": 0})

    async def _search(self, request: Request) -> Response:
        """Contained anywhere in title, subtitle, ASIN or ISBN; ASCII letters in any case, others as they stand."""
        library = self.libraries.get(request.path_params["id"])
        if library is None:
            return PlainTextResponse("Not Found", 404)
        words = _fold(request.query_params.get("q", "").strip())
        if not words:
            return PlainTextResponse('Invalid request. Query param "q" must be a string', 400)
        limit = int(request.query_params.get("limit", "12"))
        keys = ("title", "subtitle", "asin", "isbn")
        hits: list[JsonValue] = [
            {"libraryItem": _item_json(library, item_id)}
            for item_id, book in library.items.items()
            if any(words in _fold(str(book.facts.get(key) or "")) for key in keys)
        ]
        return JSONResponse({"book": hits[:limit], "narrators": [], "tags": [], "series": [], "authors": []})

    async def _item(self, request: Request) -> Response:
        item_id = request.path_params["id"]
        for library in self.libraries.values():
            if item_id in library.items:
                return JSONResponse(_item_json(library, item_id))
        return PlainTextResponse("Not Found", 404)

    async def _cover(self, request: Request) -> Response:
        item_id = request.path_params["id"]
        covers = (lib.items[item_id].cover for lib in self.libraries.values() if item_id in lib.items)
        cover = next(covers, None)
        return FileResponse(cover) if cover is not None else PlainTextResponse("Not Found", 404)


def _library_json(library: ShelfLibrary) -> dict[str, JsonValue]:
    return {
        "id": library.id,
        "name": library.name,
        "folders": [{"id": f"{library.id}-1", "fullPath": str(library.folder), "libraryId": library.id}],
        "mediaType": library.media_type,
        "settings": {"audiobooksOnly": False, "disableWatcher": True},
        "lastScan": library.last_scan,
    }


def _item_json(library: ShelfLibrary, item_id: str, *, minified: bool = False) -> dict[str, JsonValue]:
    book = library.items[item_id]
    media = _media_minified(book) if minified else _media(book)
    return {
        "id": item_id,
        "ino": str(book.inode),
        "libraryId": library.id,
        "path": str(book.path),
        "relPath": book.path.relative_to(library.folder).as_posix(),
        "isFile": book.path.suffix != "" and book.path in (*book.audio, *book.ebooks),
        "isMissing": item_id in library.missing,
        "isInvalid": False,
        "mediaType": library.media_type,
        "media": {"id": _stable(item_id), **media},
    }


def _media(book: ShelfBook) -> dict[str, JsonValue]:
    facts = book.facts
    listed = [str(entry) for entry in _list(facts, "authors")]
    return {
        "metadata": {
            **_shared(book),
            "authors": [{"id": _stable(name), "name": name} for name in listed],
            "narrators": _list(facts, "narrators"),
            "series": [_series(str(entry)) for entry in _list(facts, "series")],
        },
        "coverPath": str(book.cover) if book.cover else None,
        "tags": _list(facts, "tags"),
        "audioFiles": [{"index": at, "metadata": {"path": str(path)}} for at, path in enumerate(book.audio, 1)],
        "ebookFile": {"metadata": {"path": str(book.ebooks[0])}} if book.ebooks else None,
        "chapters": list(book.chapters),
        "duration": book.duration,
    }


def _media_minified(book: ShelfBook) -> dict[str, JsonValue]:
    joined = {
        key: ", ".join(str(entry) for entry in _list(book.facts, source))
        for key, source in (("authorName", "authors"), ("narratorName", "narrators"), ("seriesName", "series"))
    }
    return {
        "metadata": {**_shared(book), **joined},
        "coverPath": str(book.cover) if book.cover else None,
        "tags": _list(book.facts, "tags"),
        "numTracks": len(book.audio),
        "numAudioFiles": len(book.audio),
        "numChapters": len(book.chapters),
        "duration": book.duration,
        "ebookFormat": book.ebooks[0].suffix.lstrip(".") if book.ebooks else None,
    }


def _shared(book: ShelfBook) -> dict[str, JsonValue]:
    keys = (
        "title", "subtitle", "publishedYear", "publishedDate", "publisher", "description", "isbn", "asin", "language",
    )  # fmt: skip
    facts = book.facts
    flags: dict[str, JsonValue] = {key: bool(facts.get(key)) for key in ("explicit", "abridged")}
    return {key: facts.get(key) for key in keys} | {"genres": _list(facts, "genres")} | flags


def _series(text: str) -> dict[str, JsonValue]:
    name, _, sequence = text.rpartition(" #")
    known = bool(name) and " " not in sequence
    return {"id": _stable(text), "name": name if known else text, "sequence": sequence if known else None}


def _list(facts: dict[str, JsonValue], key: str) -> list[JsonValue]:
    value = facts.get(key)
    return list(value) if isinstance(value, list) else []


def _stable(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _fold(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)
