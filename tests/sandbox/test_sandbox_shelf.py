"""The stand-in Audiobookshelf reads folders as the real one was seen to, and the world carries it and the stand-in
Audnexus."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import httpx2
import pytest

from earmark.core.binding import BookTags, Chapter
from earmark.core.wish import BookWish, Kind
from earmark.library.sidecars import facts, metadata_json, metadata_opf
from earmark.metadata import open_providers
from earmark.sandbox.audiobookshelf import StandInAudiobookshelf
from earmark.sandbox.shelf_scan import scan_library
from earmark.sandbox.world import World, builtin_catalogue
from earmark.servers import open_server
from earmark.settings import Settings

TAGS = BookTags(
    "The Moonstone", ("Wilkie Collins", "A. N. Other"), ("Ada Fenwick",), "A Romance", "Sergeant Cuff", "2.5", 1868,
    "Sandbox", "One.\n\nTwo & three.", "en", ("Mystery",), "B0SANDBOX2", "9780306406157",
)  # fmt: skip
MARKS = (Chapter("One", 0, 60), Chapter("Two", 60, 90))


def put(path: Path, data: bytes = b"-") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("sidecar", ["metadata.json", "metadata.opf"])
def test_earmarks_own_sidecars_are_read_as_meant(tmp_path: Path, sidecar: str) -> None:
    book = facts(TAGS)
    data = metadata_json(book, MARKS) if sidecar == "metadata.json" else metadata_opf(book)
    put(tmp_path / "Somebody" / "Folder" / "book.m4b")
    put(tmp_path / "Somebody" / "Folder" / sidecar, data)
    [found] = scan_library(tmp_path)
    told = found.facts
    assert (told["title"], told["subtitle"], told["authors"]) == ("The Moonstone", "A Romance", list(TAGS.authors))
    assert (told["narrators"], told["series"]) == (["Ada Fenwick"], ["Sergeant Cuff #2.5"])
    assert (told["publishedYear"], told["asin"], told["isbn"]) == ("1868", "B0SANDBOX2", "9780306406157")
    assert (told["description"], told["genres"], told["language"]) == ("One.\n\nTwo & three.", ["Mystery"], "en")
    if sidecar == "metadata.json":
        assert [chapter["title"] for chapter in found.chapters] == ["One", "Two"]


def test_folders_tell_when_nothing_else_does(tmp_path: Path) -> None:
    put(tmp_path / "Wilkie Collins" / "Cuff" / "Vol. 2 - The Moonstone {Ada Fenwick} [B0SANDBOX2]" / "a.mp3")
    [book] = scan_library(tmp_path)
    assert book.facts == {
        "title": "The Moonstone", "authors": ["Wilkie Collins"], "series": ["Cuff #2"], "narrators": ["Ada Fenwick"],
        "asin": "B0SANDBOX2",
    }  # fmt: skip


def test_disc_folders_are_one_book_and_a_stray_file_swallows_its_neighbours(tmp_path: Path) -> None:
    for disc in ("CD1", "Disc 2"):
        put(tmp_path / "A" / "Long Book" / disc / "01.mp3")
    put(tmp_path / "B" / "stray.mp3")
    put(tmp_path / "B" / "Book" / "01.mp3")
    put(tmp_path / "alone.m4b")
    found = {book.path.relative_to(tmp_path).as_posix(): len(book.audio) for book in scan_library(tmp_path)}
    assert found == {"A/Long Book": 2, "B": 2, "alone.m4b": 1}


def test_hidden_and_half_written_files_are_no_books(tmp_path: Path) -> None:
    put(tmp_path / "A" / "Book" / ".01.mp3.partial")
    put(tmp_path / "A" / ".staging" / "01.mp3")
    put(tmp_path / "A" / "Book" / "desc.txt")
    assert scan_library(tmp_path) == ()
    assert scan_library(tmp_path / "not there") == ()


def test_values_of_the_wrong_type_are_dropped(tmp_path: Path) -> None:
    put(tmp_path / "A" / "Book" / "a.mp3")
    told = {"title": "T", "publishedYear": 1868, "series": "S", "authors": [1], "chapters": [{"start": 0, "end": 1}]}
    put(tmp_path / "A" / "Book" / "metadata.json", json.dumps(told).encode())
    [book] = scan_library(tmp_path)
    assert book.facts == {"title": "T", "authors": ["A"]} and book.chapters == ()


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b"\xff"])
def test_broken_sidecars_tell_nothing(tmp_path: Path, junk: bytes) -> None:
    put(tmp_path / "A" / "Book" / "a.mp3")
    for name in ("metadata.json", "metadata.opf"):
        put(tmp_path / "A" / "Book" / name, junk)
    assert scan_library(tmp_path)[0].facts["title"] == "Book"


async def test_an_item_keeps_its_id_when_its_folder_moves_and_is_missed_when_it_goes(tmp_path: Path) -> None:
    server = StandInAudiobookshelf()
    library = server.add_library("Audiobooks", tmp_path)
    put(tmp_path / "A" / "Old Name" / "a.mp3")
    await server.scan(library)
    [item_id] = library.items
    (tmp_path / "A" / "Old Name").rename(tmp_path / "A" / "New Name")
    await server.scan(library)
    assert list(library.items) == [item_id] and library.missing == set()
    os.remove(tmp_path / "A" / "New Name" / "a.mp3")
    await server.scan(library)
    assert library.missing == {item_id}


async def test_the_world_carries_a_media_server_and_somebody_who_knows_its_books(tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    async with World(builtin_catalogue(), tmp_path / "state", shelf=shelf) as world:
        settings = Settings.model_validate(
            {
                "audiobookshelf": {"url": world.audiobookshelf_url, "api_key": world.audiobookshelf.key},
                "metadata": {"audnexus_url": world.audnexus_url, "catalogue_url": world.audnexus_url},
            }
        )
        server, [provider] = open_server(settings), open_providers(settings)
        assert server is not None
        wish = BookWish("The Moonstone", ("Wilkie Collins",))
        try:
            assert (await server.test()).ok
            [known] = await provider.find(wish)
            assert len(await provider.chapters(known.asin or "")) > 1
            assert (await provider.cover(known) or b"").startswith(b"\xff\xd8\xff")
            put(shelf / "Wilkie Collins" / "The Moonstone" / "book.m4b")
            await server.scan(Kind.AUDIOBOOK)
            deadline = time.monotonic() + 10
            while not (found := await server.find(wish)):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            assert found[0].folder == str(shelf / "Wilkie Collins" / "The Moonstone")
            assert world.audiobookshelf.scans() == 1
        finally:
            await server.close()
            await provider.close()


async def test_libraries_can_be_added_as_over_there_and_a_guest_may_only_look(tmp_path: Path) -> None:
    stand_in = StandInAudiobookshelf()
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=stand_in.app()), base_url="http://abs") as client:
        admin, guest = ({"authorization": f"Bearer {key}"} for key in (stand_in.key, stand_in.guest_key))
        told = {"name": "Books", "folders": [{"fullPath": str(tmp_path)}], "mediaType": "book"}
        assert (await client.post("/api/libraries", json=told, headers=guest)).status_code == 403
        made = (await client.post("/api/libraries", json=told, headers=admin)).json()
        assert (await client.get("/api/libraries", headers=guest)).json()["libraries"][0]["name"] == "Books"
        scan = f"/api/libraries/{made['id']}/scan"
        assert (await client.post(scan, headers=guest)).status_code == 403
        assert (await client.post(scan, headers=admin)).status_code == 200
        assert (await client.get(f"/api/libraries/{made['id']}", headers=admin)).json()["lastScan"]
        assert (await client.get("/api/libraries", headers={})).status_code == 401


async def test_the_call_log_shows_no_key_and_trouble_can_be_made_from_outside() -> None:
    stand_in = StandInAudiobookshelf()
    key = {"authorization": f"Bearer {stand_in.key}"}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=stand_in.app()), base_url="http://abs") as client:
        assert (await client.post("/sandbox/trouble", json={"status": 503})).json() == {"status": 503}
        assert (await client.get("/api/libraries", headers=key)).status_code == 503
        assert (await client.post("/sandbox/trouble", json={"status": None})).status_code == 200
        assert (await client.get("/api/libraries", headers=key)).status_code == 200
        for wrong in ({"status": 200}, {"status": True}, {}, []):
            assert (await client.post("/sandbox/trouble", json=wrong)).status_code == 400
        assert (await client.post("/sandbox/trouble", content='{"status": 503}')).status_code == 415
        calls = (await client.get("/sandbox/calls")).json()
        assert [call["status"] for call in calls] == [503, 200] and stand_in.key not in json.dumps(calls)
        assert (await client.delete("/sandbox/calls")).json() == []
