"""The contract every media server keeps: Audiobookshelf's adapter against the stand-in that scans real folders, and a
server of a few lines (`PaperServer`) that shares nothing with it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from earmark.core.reasons import EarmarkError, PermanentError, Reason, TransientError
from earmark.core.wish import BookWish, Kind
from earmark.http import new_client
from earmark.ports import MediaServer, ServerHealth, ShelfItem
from earmark.sandbox.audiobookshelf import StandInAudiobookshelf
from earmark.servers import AudiobookshelfServer

MOONSTONE = BookWish("The Moonstone", ("Wilkie Collins",))


@dataclass
class Shelf:
    """A library folder, what was asked of the server, and trouble on demand."""

    folder: Path
    server: StandInAudiobookshelf = field(default_factory=StandInAudiobookshelf)

    def put(self, place: str, **facts: object) -> None:
        folder = self.folder / place
        folder.mkdir(parents=True)
        (folder / "book.m4b").write_bytes(b"-")
        (folder / "metadata.json").write_text(json.dumps(facts))

    def strike(self, status: int | None) -> None:
        self.server.visits.trouble = status


class PaperServer:
    """It reads the folder's metadata.json files when told to."""

    name = "paper"

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._items: list[ShelfItem] = []

    async def test(self) -> ServerHealth:
        try:
            self._check()
        except EarmarkError as error:
            return ServerHealth(ok=False, message=error.reason.message)
        return ServerHealth(ok=True, message="The paper is there.")

    async def scan(self, kind: Kind) -> None:
        self._check()
        if kind is not Kind.MUSIC:
            self._items = [self._item(path) for path in sorted(self._shelf.folder.rglob("metadata.json"))]

    async def find(self, wish: BookWish) -> Sequence[ShelfItem]:
        self._check()
        same = [item for item in self._items if wish.asin and wish.asin == item.asin]
        alike = [
            i for i in self._items if i not in same and i.title == wish.title and set(i.authors) & set(wish.authors)
        ]
        return same + alike

    async def close(self) -> None: ...

    def _check(self) -> None:
        status = self._shelf.server.visits.trouble
        if status is not None:
            error = TransientError if status >= 500 else PermanentError
            raise error(Reason("trouble", "The paper is away.", "Look for it."))

    def _item(self, path: Path) -> ShelfItem:
        told = json.loads(path.read_text())
        return ShelfItem(
            str(path.parent), told["title"], tuple(told.get("authors", ())), str(path.parent), asin=told.get("asin"),
            kinds=(Kind.AUDIOBOOK,),
        )  # fmt: skip


def open_audiobookshelf(shelf: Shelf) -> MediaServer:
    shelf.server.add_library("Audiobooks", shelf.folder)
    http = new_client(5, httpx2.ASGITransport(app=shelf.server.app()))
    return AudiobookshelfServer(
        "http://abs.test", SecretStr(shelf.server.key), http, clock=lambda: datetime(2026, 7, 1, tzinfo=UTC)
    )


SERVERS: dict[str, Callable[[Shelf], MediaServer]] = {"audiobookshelf": open_audiobookshelf, "paper": PaperServer}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "library")


@pytest.fixture(params=sorted(SERVERS))
async def server(request: Any, shelf: Shelf) -> AsyncIterator[MediaServer]:
    opened = SERVERS[request.param](shelf)
    yield opened
    await opened.close()


async def test_a_book_is_found_after_a_scan_and_not_before(server: MediaServer, shelf: Shelf) -> None:
    shelf.put("Wilkie Collins/The Moonstone", title="The Moonstone", authors=["Wilkie Collins"], asin="B0SANDBOX2")
    assert list(await server.find(MOONSTONE)) == []
    await server.scan(Kind.AUDIOBOOK)
    [item] = await server.find(MOONSTONE)
    assert (item.title, item.authors, item.asin) == ("The Moonstone", ("Wilkie Collins",), "B0SANDBOX2")
    assert (item.folder, item.kinds) == (str(shelf.folder / "Wilkie Collins/The Moonstone"), (Kind.AUDIOBOOK,))


async def test_the_same_identifier_comes_first_whatever_the_title_says(server: MediaServer, shelf: Shelf) -> None:
    shelf.put("Wilkie Collins/The Moonstone", title="The Moonstone", authors=["Wilkie Collins"])
    shelf.put("Wilkie Collins/Der Monddiamant", title="Der Monddiamant", authors=["W. Collins"], asin="B0SANDBOX2")
    await server.scan(Kind.AUDIOBOOK)
    found = await server.find(BookWish("The Moonstone", ("Wilkie Collins",), asin="B0SANDBOX2"))
    assert found[0].title == "Der Monddiamant"


async def test_another_authors_book_of_that_name_is_not_it(server: MediaServer, shelf: Shelf) -> None:
    shelf.put("Somebody Else/The Moonstone", title="The Moonstone", authors=["Somebody Else"])
    await server.scan(Kind.AUDIOBOOK)
    assert list(await server.find(MOONSTONE)) == []


async def test_music_is_nobodys_business_here(server: MediaServer) -> None:
    await server.scan(Kind.MUSIC)


async def test_a_scan_may_be_asked_twice(server: MediaServer, shelf: Shelf) -> None:
    shelf.put("A/The Moonstone", title="The Moonstone", authors=["Wilkie Collins"])
    await server.scan(Kind.AUDIOBOOK)
    await server.scan(Kind.AUDIOBOOK)
    assert len(await server.find(MOONSTONE)) == 1


@pytest.mark.parametrize(("status", "error"), [(503, TransientError), (401, PermanentError)], ids=["away", "refused"])
async def test_trouble_is_a_named_error(
    server: MediaServer, shelf: Shelf, status: int, error: type[EarmarkError]
) -> None:
    shelf.strike(status)
    for call in (server.scan(Kind.AUDIOBOOK), server.find(MOONSTONE)):
        with pytest.raises(error) as caught:
            await call
        assert caught.value.reason.code and caught.value.reason.message and caught.value.reason.action


async def test_health_tells_and_never_raises(server: MediaServer, shelf: Shelf) -> None:
    assert (await server.test()).ok
    for status in (503, 401):
        shelf.strike(status)
        health = await server.test()
        assert not health.ok and health.message
