"""E-books go the whole way too: from the wish over the tracker, the client and the reading to the shelf."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from ebook_makers import COVER, a_book, epub, mobi, pdf
from estate import eventually, house_over, make_release, settings_for, settled, wish

from earmark.core.reasons import PermanentError
from earmark.core.states import Completed, Failed, NeedsApproval, Placing, TicketState
from earmark.core.ticket import Ticket
from earmark.core.wish import Constraints, Kind, TicketRequest
from earmark.library.placement import Placed
from earmark.library.workspace import workspace_of
from earmark.pipeline import deliver, desk
from earmark.pipeline.ebooks import shelve_ebook
from earmark.pipeline.house import House
from earmark.sandbox.world import World

pytestmark = pytest.mark.slow

ALICE = a_book("Alice's Adventures in Wonderland", authors=("Lewis Carroll",), cover=b"")
MACHINE = a_book(series=("Scientific Romances", "1"), year=1895, publisher="Heinemann", isbn="9780141439976")


def put(catalogue: Path, name: str, files: dict[str, bytes], **row: Any) -> None:
    folder = catalogue / name
    folder.mkdir(parents=True)
    for path, data in files.items():
        (folder / path).write_bytes(data)
    (folder / "release.json").write_text(json.dumps({"category": "Ebooks - Science Fiction", "language": "ENG"} | row))


@pytest.fixture(scope="module")
def ebook_catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ebooks")
    wells = {"title": "The Time Machine", "authors": ["H. G. Wells"], "seeders": 9}
    wells_text = wells | {"description": "A traveller."}
    files = {"tm.pdf": pdf(MACHINE), "tm.mobi": mobi(MACHINE), "tm.epub": epub(MACHINE, 2), "notes.nfo": b"hello"}
    put(folder, "wells-machine", files, **wells_text)
    make_release(folder, "wells-audio", parts=1, secs=1.0, language="ENG", narrators=["Ada Fenwick"], **wells)
    put(folder, "carroll-alice", {"Alice.epub": pdf(ALICE)}, title=ALICE.title, authors=["Lewis Carroll"])
    two = {
        "The Invisible Man.epub": epub(a_book("The Invisible Man")),
        "The Sleeper Awakes.epub": epub(a_book("The Sleeper Awakes")),
    }
    put(folder, "wells-two", two, title="The Invisible Man", authors=["H. G. Wells"])
    put(
        folder,
        "stoker-dracula",
        {"Dracula.epub": epub(a_book("Dracula"))[:-300]},
        title="Dracula",
        authors=["Bram Stoker"],
    )
    half = {"Carmilla.epub": epub(a_book("Carmilla"))[:-300], "Carmilla.pdf": pdf(a_book("Carmilla"))}
    put(folder, "lefanu-carmilla", half, title="Carmilla", authors=["Sheridan Le Fanu"])
    put(
        folder,
        "shelley-broken",
        {"F.epub": epub(a_book("Frankenstein"))[:-300]},
        title="Frankenstein",
        authors=["Mary Shelley"],
        seeders=20,
    )
    put(
        folder,
        "shelley-sound",
        {"F.epub": epub(a_book("Frankenstein"))},
        title="Frankenstein",
        authors=["Mary Shelley"],
        seeders=5,
    )
    return folder


@pytest.fixture
async def world(ebook_catalogue: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with World(ebook_catalogue, tmp_path / "world") as running:
        yield running


def ebook(title: str, author: str, **facts: Any) -> TicketRequest:
    return replace(wish(title, author, **facts), kind=Kind.EBOOK)


async def carried_out(house: House, request: TicketRequest) -> Ticket:
    return await settled(house, (await desk.file_ticket(house, None, request)).ticket.id)


def settings_with_ebooks(world: World, home: Path, **library: Any) -> Any:
    (home / "ebooks").mkdir()
    return settings_for(world, home, library={"ebooks": home / "ebooks", **library})


async def test_an_ebook_wish_ends_as_a_book_on_its_own_shelf(
    world: World, ebook_catalogue: Path, tmp_path: Path
) -> None:
    async with house_over(settings_with_ebooks(world, tmp_path), tmp_path) as house:
        ticket = await carried_out(house, ebook("The Time Machine", "H. G. Wells", language="en"))
        assert isinstance(ticket.payload, Completed), ticket.payload
        shelf = Path(ticket.payload.library_path)
        assert shelf == tmp_path / "ebooks/H. G. Wells/Scientific Romances/1 - The Time Machine (1895)"
        names = {"The Time Machine.epub", "The Time Machine.mobi", "The Time Machine.pdf"}
        assert {"cover.jpg", "metadata.opf", "metadata.json", "desc.txt", *names} <= {p.name for p in shelf.iterdir()}
        source = ebook_catalogue / "wells-machine"
        for ending in ("epub", "mobi", "pdf"):
            assert (shelf / f"The Time Machine.{ending}").read_bytes() == (source / f"tm.{ending}").read_bytes()
            held = house.download_dir / "wells-machine" / f"tm.{ending}"
            assert held.read_bytes() == (source / f"tm.{ending}").read_bytes()
        assert (shelf / "cover.jpg").read_bytes() == COVER
        told = {e.tag.rpartition("}")[2]: e.text for e in ET.parse(shelf / "metadata.opf").getroot().iter()}
        assert (told["title"], told["creator"], told["publisher"]) == ("The Time Machine", "H. G. Wells", "Heinemann")
        assert (told["date"], told["identifier"], told["language"]) == ("1895", "9780141439976", "en")

        view = await desk.view(house, ticket.id)
        states = [e.payload["new_state"] for e in view.events if e.type == "state_change"]
        assert states[-3:] == ["CONVERTING", "PLACING", "COMPLETED"] and "AUTO_APPROVED" in states
        stats = ticket.payload.stats
        assert stats.total_download_bytes == sum(
            p.stat().st_size for p in source.glob("*[!n]") if p.name != "release.json"
        )
        assert stats.final_size_bytes == sum(p.stat().st_size for p in shelf.iterdir())
        assert stats.conversion_duration_secs == 0.0

        async def tidied() -> bool:
            return not list(house.work_dir.iterdir())

        await eventually(tidied, "nothing of the work stays behind")


async def test_the_format_a_person_prefers_comes_first_and_wrong_endings_are_put_right(
    world: World, tmp_path: Path
) -> None:
    async with house_over(settings_with_ebooks(world, tmp_path, ebook_formats=["pdf", "epub"]), tmp_path) as house:
        done = await carried_out(house, ebook("The Time Machine", "H. G. Wells"))
        assert isinstance(done.payload, Completed) and done.payload.files[0] == "The Time Machine.pdf"
        other = await carried_out(house, ebook(ALICE.title, "Lewis Carroll"))
        assert isinstance(other.payload, Completed), other.payload
        assert other.payload.files[0] == "Alice's Adventures in Wonderland.pdf"


async def test_of_two_books_in_one_torrent_the_wished_one_is_taken_once_a_person_has_looked(
    world: World, tmp_path: Path
) -> None:
    async with house_over(settings_with_ebooks(world, tmp_path), tmp_path) as house:
        asks = await carried_out(house, ebook("The Invisible Man", "H. G. Wells"))
        assert isinstance(asks.payload, NeedsApproval) and "holds 2 books" in asks.payload.reasons[0].text
        await desk.approve(house, asks.id, None, "ann")
        done = await settled(house, asks.id)
        assert isinstance(done.payload, Completed), done.payload
        assert [name for name in done.payload.files if name.endswith(".epub")] == ["The Invisible Man.epub"]


async def test_what_cannot_be_delivered_fails_by_name_and_leaves_nothing(world: World, tmp_path: Path) -> None:
    async with house_over(settings_with_ebooks(world, tmp_path), tmp_path) as house:
        ticket = await carried_out(house, ebook("Dracula", "Bram Stoker"))
        assert isinstance(ticket.payload, Failed), ticket.payload
        assert ticket.payload.error.code == "ebook_corrupt"
        assert "Dracula" in ticket.payload.error.message or "Dracula" in str(ticket.payload.error.evidence)
        assert not list((tmp_path / "ebooks").iterdir()) and not list(house.work_dir.iterdir())


async def test_a_damaged_release_gives_way_to_the_next_one(world: World, tmp_path: Path) -> None:
    async with house_over(settings_with_ebooks(world, tmp_path), tmp_path) as house:
        ticket = await carried_out(house, ebook("Frankenstein", "Mary Shelley"))
        assert isinstance(ticket.payload, Completed), ticket.payload


async def test_a_damaged_format_gives_way_to_a_sound_one_unless_it_is_the_only_one_wanted(
    world: World, tmp_path: Path
) -> None:
    async with house_over(settings_with_ebooks(world, tmp_path), tmp_path) as house:
        request = ebook("Carmilla", "Sheridan Le Fanu")
        strict = await carried_out(house, replace(request, constraints=Constraints(format="epub")))
        assert isinstance(strict.payload, Failed), strict.payload
        assert strict.payload.error.code == "ebook_corrupt" and "Carmilla.epub" in strict.payload.error.message
        done = await carried_out(house, request)
        assert isinstance(done.payload, Completed), done.payload
        assert done.payload.files[0] == "Carmilla.pdf"
        [read] = [t for t in (await desk.view(house, done.id)).tasks if t.stage == "read"]
        assert "Carmilla.epub" in str(read.detail["set_aside"])


async def test_a_ticket_that_takes_one_format_only_fails_without_it(world: World, tmp_path: Path) -> None:
    async with house_over(settings_with_ebooks(world, tmp_path), tmp_path) as house:
        request = replace(ebook("The Time Machine", "H. G. Wells"), constraints=Constraints(format="azw3"))
        ticket = await carried_out(house, request)
        assert isinstance(ticket.payload, Failed) and ticket.payload.error.code == "ebook_format_missing"


async def test_without_a_library_for_ebooks_the_wish_is_refused_when_it_is_filed(world: World, tmp_path: Path) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        with pytest.raises(PermanentError) as caught:
            await desk.file_ticket(house, None, ebook("The Time Machine", "H. G. Wells"))
        assert caught.value.reason.code == "no_ebook_library" and "[library]" in caught.value.reason.action


async def test_an_ebook_joins_its_audiobook_when_wished(world: World, tmp_path: Path) -> None:
    settings = settings_with_ebooks(world, tmp_path, ebooks_beside_audiobook=True)
    async with house_over(settings, tmp_path) as house:
        audio = await carried_out(house, wish("The Time Machine", "H. G. Wells"))
        assert isinstance(audio.payload, Completed), audio.payload
        shelf = Path(audio.payload.library_path)
        before = {p.name: p.read_bytes() for p in shelf.iterdir()}
        text = await carried_out(house, ebook("The Time Machine", "H. G. Wells"))
        assert isinstance(text.payload, Completed), text.payload
        assert text.payload.library_path == str(shelf)
        assert (shelf / "The Time Machine.epub").is_file() and (shelf / "The Time Machine.m4b").is_file()
        assert {name: (shelf / name).read_bytes() for name in before} == before
        assert not list((tmp_path / "ebooks").iterdir())
        alone = await carried_out(house, ebook(ALICE.title, "Lewis Carroll"))
        assert alone.state is TicketState.COMPLETED
        assert Path(alone.payload.library_path).is_relative_to(tmp_path / "ebooks")  # type: ignore[union-attr]


async def test_files_of_a_download_are_only_moved_away_once_nothing_is_owed(world: World, tmp_path: Path) -> None:
    async with house_over(settings_with_ebooks(world, tmp_path, method="move"), tmp_path) as house:
        filed = await desk.file_ticket(house, None, ebook(ALICE.title, "Lewis Carroll"))

        async def waits() -> bool:
            ticket = await desk.get(house, filed.ticket.id)
            return ticket.waiting is not None and ticket.waiting.reason.code == "still_owing"

        await eventually(waits, "the ticket waits for the seeding")
        assert not list((tmp_path / "ebooks").iterdir())
        assert (house.download_dir / "carroll-alice" / "Alice.epub").is_file()


async def test_what_a_crash_took_from_the_workspace_is_read_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def after_a_crash(house: House, ticket: Ticket, payload: Placing) -> Placed:
        shutil.rmtree(workspace_of(house.work_dir, ticket.id))
        return await shelve_ebook(house, ticket, payload)

    monkeypatch.setattr(deliver, "shelve_ebook", after_a_crash)
    async with house_over(settings_with_ebooks(world, tmp_path), tmp_path) as house:
        done = await carried_out(house, ebook(ALICE.title, "Lewis Carroll"))
        assert isinstance(done.payload, Completed), done.payload
        assert (Path(done.payload.library_path) / done.payload.files[0]).read_bytes() == pdf(ALICE)
