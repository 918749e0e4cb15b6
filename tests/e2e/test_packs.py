"""A torrent that holds two books, walked through the whole house: looked at first, one book placed, the other offered and
later taken from what is held."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from estate import eventually, house_over, make_release, settings_for, settled, wish

from earmark.core.reasons import PermanentError
from earmark.core.states import Completed, NeedsApproval, TicketState
from earmark.core.torrents import TorrentState
from earmark.core.wish import BookWish, Kind, TicketRequest
from earmark.pipeline import desk
from earmark.pipeline.house import House
from earmark.sandbox.world import World

pytestmark = pytest.mark.slow

WELLS = {"authors": ["H. G. Wells"], "narrators": ["Ada Fenwick"], "language": "ENG"}


def make_pack(catalogue: Path, name: str, first: str, second: str, **row: Any) -> Path:
    """A release folder with two books in folders of their own, the second one on two discs."""
    folder = make_release(catalogue, name, parts=2, **row)
    another = make_release(catalogue.parent, f"{catalogue.name}-{name}", parts=2)
    places = [(folder, first, 1), (folder, first, 2), (another, f"{second}/CD1", 1), (another, f"{second}/CD2", 2)]
    for number, (source, place, part) in enumerate(places, 1):
        (folder / place).mkdir(parents=True, exist_ok=True)
        shutil.move(source / f"{part}.mp3", folder / place / f"{number:02}.mp3")
    (folder / second / "map.pdf").write_bytes(b"%PDF-1.4 a map")
    return folder


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packs")
    make_pack(folder, "hgw", "01 - The Time Machine", "02 - The War of the Worlds", title="The Time Machine", **WELLS)
    make_pack(
        folder, "Jules Verne Collection", "Balloon Trip", "The Master of the World",
        title="Five Weeks in a Balloon (2 books)", authors=["Jules Verne"], narrators=["Tobias Marl"], language="ENG",
    )  # fmt: skip
    return folder


@pytest.fixture
async def world(packs: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with World(packs, tmp_path / "world") as running:
        yield running


async def names_on_shelf(house: House, ticket_id: Any) -> tuple[str, list[str], list[str]]:
    """The book's folder, its files, and the files of the download it was made from."""
    view = await desk.view(house, ticket_id)
    assert isinstance(view.ticket.payload, Completed), view.ticket.payload
    order = next(task.detail["order"] for task in reversed(view.tasks) if task.stage == "plan")
    assert isinstance(order, list)
    return Path(view.ticket.payload.library_path).name, list(view.ticket.payload.files), [str(name) for name in order]


async def test_a_pack_is_looked_at_first_one_book_is_placed_and_the_other_comes_without_another_grab(
    world: World, tmp_path: Path
) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        first = (await desk.file_ticket(house, None, wish("The Time Machine", "H. G. Wells"))).ticket
        asks = await settled(house, first.id)
        assert isinstance(asks.payload, NeedsApproval), asks.payload
        assert "holds 2 books" in asks.payload.reasons[0].text and "the wished one" in asks.payload.reasons[0].text
        view = await desk.view(house, first.id)
        (plan,) = (e.payload for e in view.events if e.payload.get("what") == "pack_plan")
        assert [(b["title"], b["wished"], len(b["files"])) for b in plan["books"]] == [  # type: ignore[index,union-attr,call-overload,arg-type]
            ("The Time Machine", True, 2),
            ("The War of the Worlds", False, 3),
        ]
        assert not await house.client.snapshot(), "nothing is downloaded before somebody looked"
        await desk.approve(house, first.id, None, "ann")
        await settled(house, first.id)
        assert (await names_on_shelf(house, first.id))[2] == ["01.mp3", "02.mp3"]

        (offers,) = (
            e.payload["books"]
            for e in (await desk.view(house, first.id)).events
            if e.payload.get("what") == "pack_offers"
        )
        (offer,) = offers  # type: ignore[misc]
        ready: Any = offer["wish"]  # type: ignore[index,call-overload]
        assert (ready["title"], ready["authors"]) == ("The War of the Worlds", ["H. G. Wells"])

        async def nothing_is_fetched(_: object) -> bytes:
            raise PermanentError.of("fetched", "It was fetched again.", "Do not.")

        house.indexers["mam"].fetch = nothing_is_fetched  # type: ignore[method-assign]
        request = TicketRequest(Kind.AUDIOBOOK, BookWish(ready["title"], tuple(ready["authors"])))
        second = (await desk.file_ticket(house, None, request)).ticket
        await settled(house, second.id)
        folder, files, order = await names_on_shelf(house, second.id)
        assert order == ["03.mp3", "04.mp3"] and folder.startswith("The War of the Worlds")
        assert "map.pdf" in files, "what lies beside a book belongs to it"

        async def one_seeds() -> bool:
            return [s.state for s in (await house.client.snapshot()).values()] == [TorrentState.SEEDING]

        await eventually(one_seeds, "one torrent seeds for both")


async def test_of_a_pack_that_does_not_show_the_wished_book_a_person_says_which_it_is(
    world: World, tmp_path: Path
) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        ticket = (await desk.file_ticket(house, None, wish("Five Weeks in a Balloon", "Jules Verne"))).ticket

        async def asks_with_the_plan() -> bool:
            asks = (await desk.get(house, ticket.id)).payload
            return isinstance(asks, NeedsApproval) and any("holds 2 books" in r.text for r in asks.reasons)

        await eventually(asks_with_the_plan, "a person is asked, with the plan")
        await desk.approve(house, ticket.id, 0, "ann")

        async def asked() -> bool:
            waiting = (await desk.get(house, ticket.id)).waiting
            return waiting is not None and waiting.reason.code == "pack_unclear"

        await eventually(asked, "the ticket asks which book is meant")
        assert not await house.client.snapshot()
        await desk.answer(house, ticket.id, "1", "ann")

        async def done() -> bool:
            return (await desk.get(house, ticket.id)).state is TicketState.COMPLETED

        await eventually(done, "the book is on the shelf", 40)
        assert (await names_on_shelf(house, ticket.id))[2] == ["01.mp3", "02.mp3"]
