"""What happens around the shelf, as its owner meets it: a doubtful order is asked about, a book that stands there is
compared, replaced and brought back, books follow the pattern, and the media server hears of it once."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from estate import eventually, house_over, make_release, settings_for, settled, wish

from earmark.core.states import Completed, NeedsApproval, TicketState
from earmark.core.ticket import Ticket
from earmark.media.tags import read_chapters
from earmark.pipeline import desk, shelf
from earmark.pipeline.house import House
from earmark.sandbox.world import World

pytestmark = pytest.mark.slow

ROW = {"authors": ["Mary Pickthall"], "narrators": ["Ada Fenwick"], "language": "ENG", "seeders": 9}


@pytest.fixture
async def shelf_world(tmp_path: Path) -> AsyncIterator[World]:
    """A book whose names and tags tell different orders, and two plain ones."""
    folder = tmp_path / "catalogue"
    twisted = make_release(folder, "twisted", title="The Twisted Stair", parts=3, **ROW)
    for old, new in (("1.mp3", "03 - c.mp3"), ("2.mp3", "02 - b.mp3"), ("3.mp3", "01 - a.mp3")):
        (twisted / old).rename(twisted / new)
    make_release(folder, "plain", title="The Plain Hall", parts=2, series=[["The Halls", "2.5"]], **ROW)
    (folder / "plain" / "map.pdf").write_bytes(b"%PDF-1.4 a map")
    async with World(folder, tmp_path / "world", shelf=tmp_path / "library") as running:
        yield running


async def shelved(house: House, title: str, **facts: object) -> tuple[Ticket, Completed]:
    filed = await desk.file_ticket(house, None, wish(title, "Mary Pickthall", **facts))
    ticket = await settled(house, filed.ticket.id)
    assert isinstance(ticket.payload, Completed), (ticket.payload, ticket.waiting)
    return ticket, ticket.payload


async def asks(house: House, ticket: Ticket, code: str) -> Ticket:
    found = await settled(house, ticket.id)
    assert found.waiting is not None and found.waiting.reason.code == code, (found.payload, found.waiting)
    return found


async def test_an_order_in_doubt_is_asked_about_and_the_answer_is_the_order(shelf_world: World, tmp_path: Path) -> None:
    async with house_over(settings_for(shelf_world, tmp_path), tmp_path) as house:
        filed = await desk.file_ticket(house, None, wish("The Twisted Stair", "Mary Pickthall"))
        asked = await asks(house, filed.ticket, "order_disputed")
        assert asked.state is TicketState.CONVERTING
        orders = asked.waiting.reason.evidence["orders"] if asked.waiting else {}
        assert orders["names"] == ["01 - a.mp3", "02 - b.mp3", "03 - c.mp3"]
        assert orders["tags"] == ["03 - c.mp3", "02 - b.mp3", "01 - a.mp3"]
        with pytest.raises(desk.BadAnswer, match="no answer"):
            await desk.answer(house, asked.id, "backwards", "tester")
        await desk.answer(house, asked.id, "tags", "tester")
        done = await settled(house, asked.id)
        assert isinstance(done.payload, Completed), (done.payload, done.waiting)
        book = Path(done.payload.library_path) / "The Twisted Stair.m4b"
        assert [c.title for c in read_chapters(book)] == ["c", "b", "a"]
        with pytest.raises(desk.BadAnswer, match="asks nothing"):
            await desk.answer(house, asked.id, "names", "tester")


async def test_a_book_that_waits_for_a_look_is_placed_when_told(shelf_world: World, tmp_path: Path) -> None:
    settings = settings_for(shelf_world, tmp_path, library={"review_before_import": True})
    async with house_over(settings, tmp_path) as house:
        filed = await desk.file_ticket(house, None, wish("The Plain Hall", "Mary Pickthall"))
        waiting = await asks(house, filed.ticket, "review_before_import")
        assert not any((tmp_path / "library").rglob("*.m4b"))
        await desk.answer(house, waiting.id, "place", "tester")
        done = await settled(house, waiting.id)
        assert isinstance(done.payload, Completed)
        assert "map.pdf" in done.payload.files


async def test_a_book_that_stands_there_is_replaced_when_told_and_comes_back_when_undone(
    shelf_world: World, tmp_path: Path
) -> None:
    async with house_over(settings_for(shelf_world, tmp_path), tmp_path) as house:
        folder = tmp_path / "library/Mary Pickthall/The Halls/2.5 - The Plain Hall"
        folder.mkdir(parents=True)
        (folder / "The Plain Hall.m4b").write_bytes(b"an older copy")
        (folder / "my notes.md").write_text("mine")
        inode = folder.stat().st_ino
        filed = await desk.file_ticket(house, None, wish("The Plain Hall", "Mary Pickthall"))
        asked = await asks(house, filed.ticket, "target_exists")
        assert (folder / "The Plain Hall.m4b").read_bytes() == b"an older copy"
        await desk.answer(house, asked.id, "replace", "tester")
        done = await settled(house, asked.id)
        assert isinstance(done.payload, Completed), (done.payload, done.waiting)
        assert (folder / "The Plain Hall.m4b").stat().st_size > 1000
        assert (folder.stat().st_ino, (folder / "my notes.md").read_text()) == (inode, "mine")
        await shelf.undo(house, done.id, "tester")
        assert (folder / "The Plain Hall.m4b").read_bytes() == b"an older copy"
        assert sorted(p.name for p in folder.iterdir()) == ["The Plain Hall.m4b", "my notes.md"]
        ticket = await desk.get(house, done.id)
        assert isinstance(ticket.payload, Completed) and ticket.payload.undone_at is not None


async def test_books_follow_a_new_pattern_and_an_undo_brings_them_home(shelf_world: World, tmp_path: Path) -> None:
    async with house_over(settings_for(shelf_world, tmp_path), tmp_path) as house:
        ticket, done = await shelved(house, "The Plain Hall")
        old = Path(done.library_path)
        inode = (old / "The Plain Hall.m4b").stat().st_ino
        library = house.settings.library.model_copy(update={"pattern": "{series}/{index:02} {title}"})
        house.settings = house.settings.model_copy(update={"library": library})
        planned = await shelf.reprocess(house, [ticket.id], "tester", dry_run=True)
        assert planned[0].goal == "The Halls/02.5 The Plain Hall" and old.is_dir()
        await shelf.reprocess(house, None, "tester")
        new = tmp_path / "library/The Halls/02.5 The Plain Hall"
        assert (new / "The Plain Hall.m4b").stat().st_ino == inode and not (
            tmp_path / "library/Mary Pickthall"
        ).exists()
        moved = (await desk.get(house, ticket.id)).payload
        assert isinstance(moved, Completed) and moved.library_path == str(new)
        assert json.loads((new / "metadata.json").read_text())["series"] == ["The Halls #2.5"]
        await shelf.undo(house, ticket.id, "tester")
        assert (old / "The Plain Hall.m4b").stat().st_ino == inode and not new.exists()


async def test_the_media_server_hears_of_books_once_and_a_book_it_shows_is_not_fetched_again(
    shelf_world: World, tmp_path: Path
) -> None:
    abs_settings = {"url": shelf_world.audiobookshelf_url, "api_key": shelf_world.audiobookshelf.key}
    async with house_over(settings_for(shelf_world, tmp_path, audiobookshelf=abs_settings), tmp_path) as house:
        ticket, _ = await shelved(house, "The Plain Hall")

        async def told() -> bool:
            view = await desk.view(house, ticket.id)
            return any(e.payload.get("what") == "downloaded" for e in view.events)

        await eventually(told, "the ticket is marked downloaded")
        assert shelf_world.audiobookshelf.scans() == 1
        again = await desk.file_ticket(house, None, wish("The Plain Hall", "Mary Pickthall"))
        await asks(house, again.ticket, "already_on_shelf")


async def test_a_single_m4b_is_linked_to_the_shelf_bit_for_bit(tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    parts = make_release(folder, "one", title="The Single File", parts=1, secs=3.0, **ROW)
    os.system(f"ffmpeg -v error -i {parts}/1.mp3 -c:a aac '{parts}/The Single File.m4b' && rm {parts}/1.mp3")
    async with (
        World(folder, tmp_path / "world") as world,
        house_over(settings_for(world, tmp_path, library={"method": "hardlink"}), tmp_path) as house,
    ):
        _, done = await shelved(house, "The Single File")
        book = Path(done.library_path) / "The Single File.m4b"
        (source,) = house.download_dir.rglob("*.m4b")
        assert book.samefile(source)
        assert book.read_bytes() == (parts / "The Single File.m4b").read_bytes()


async def test_a_second_wish_for_a_book_on_the_shelf_is_put_before_a_person_with_the_comparison(
    shelf_world: World, tmp_path: Path
) -> None:
    async with house_over(settings_for(shelf_world, tmp_path), tmp_path) as house:
        first, _ = await shelved(house, "The Plain Hall")
        again = await desk.file_ticket(house, None, wish("The Plain Hall", "Mary Pickthall"))
        asked = await settled(house, again.ticket.id)
        assert isinstance(asked.payload, NeedsApproval), asked.payload
        assert [r.code for r in asked.payload.reasons] == ["OnShelf"]
        await shelf.undo(house, first.id, "tester")
        third = await desk.file_ticket(house, None, wish("The Plain Hall", "Mary Pickthall"))
        assert isinstance((await settled(house, third.ticket.id)).payload, Completed)
