"""The first complete walk: from a wish to a book on the shelf, over the real tracker, seeder, client and ffmpeg."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from estate import eventually, house_over, settings_for, settled, wish

from earmark.core.states import Completed, TicketState
from earmark.core.torrents import TorrentState
from earmark.media.tags import read_chapters, read_tags
from earmark.pipeline import desk
from earmark.sandbox.world import World


def digests(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


async def test_a_wish_ends_as_a_book_on_the_shelf_while_the_torrent_seeds_on(world: World, tmp_path: Path) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        request = wish("The Time Machine", "H. G. Wells", narrators=("Ada Fenwick",), year=1895)
        filed = await desk.file_ticket(house, None, request)
        ticket = await settled(house, filed.ticket.id)
        assert isinstance(ticket.payload, Completed), ticket.payload
        view = await desk.view(house, ticket.id)

        shelf = Path(ticket.payload.library_path)
        assert shelf == tmp_path / "library/H. G. Wells/Scientific Romances/1 - The Time Machine (1895)"
        sidecars = ["desc.txt", "metadata.json", "metadata.opf", "reader.txt"]
        assert sorted(p.name for p in shelf.iterdir()) == ["The Time Machine.m4b", *sidecars]
        book = shelf / "The Time Machine.m4b"
        assert [c.title for c in read_chapters(book)] == ["Part 1", "Part 2", "Part 3"]
        tags = read_tags(book)
        assert (tags.title, tags.authors, tags.narrators) == ("The Time Machine", ("H. G. Wells",), ("Ada Fenwick",))
        assert (tags.series, tags.series_index, tags.year) == ("Scientific Romances", "1", 1895)
        assert json.loads((shelf / "metadata.json").read_text())["series"] == ["Scientific Romances #1"]

        stats = ticket.payload.stats
        assert stats.total_download_bytes == view.torrent.size_bytes > 0  # type: ignore[union-attr]
        assert stats.final_size_bytes == sum(p.stat().st_size for p in shelf.iterdir())
        assert stats.download_duration_secs > 0 and stats.conversion_duration_secs > 0
        states = [e.payload["new_state"] for e in view.events if e.type == "state_change"]
        assert states == [
            "PENDING",
            "SEARCHING",
            "MATCHING",
            "AUTO_APPROVED",
            "DOWNLOADING",
            "CONVERTING",
            "PLACING",
            "COMPLETED",
        ]

        async def seeds() -> bool:
            held = await house.client.snapshot()
            return [s.state for s in held.values()] == [TorrentState.SEEDING]

        await eventually(seeds, "the torrent seeds on")
        assert not list(house.work_dir.iterdir())


async def test_the_files_that_seed_are_left_as_they_came(world: World, catalogue: Path, tmp_path: Path) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        filed = await desk.file_ticket(house, None, wish("The War of the Worlds", "H. G. Wells"))
        ticket = await settled(house, filed.ticket.id)
        assert ticket.state is TicketState.COMPLETED, ticket.payload
        source = catalogue / "wells-war"
        held = house.download_dir / "wells-war"
        for path in source.glob("*.mp3"):
            assert (held / path.name).read_bytes() == path.read_bytes()
            assert (held / path.name).stat().st_nlink == 1
        assert isinstance(ticket.payload, Completed)
        book = next(Path(ticket.payload.library_path).glob("*.m4b"))
        assert [c.title for c in read_chapters(book)] == [f"Part {n}" for n in range(1, 13)]


async def test_a_doubtful_wish_waits_for_a_person_and_goes_on_when_told(world: World, tmp_path: Path) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        request = wish("The Lost World", "Arthur Conan Doyle", narrators=("Somebody Else",), series="Challenger")
        filed = await desk.file_ticket(house, None, request)
        asked = await settled(house, filed.ticket.id)
        assert asked.state is TicketState.NEEDS_APPROVAL
        approved = await desk.approve(house, asked.id, None, "tester")
        assert approved.state is TicketState.APPROVED
        done = await settled(house, asked.id)
        assert done.state is TicketState.COMPLETED, done.payload


async def test_nothing_found_parks_and_a_persons_own_words_find_it(world: World, tmp_path: Path) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        filed = await desk.file_ticket(house, None, wish("Die Zeitmaschine Deluxe", "Nobody"))
        asked = await settled(house, filed.ticket.id)
        assert asked.state is TicketState.NEEDS_APPROVAL
        assert asked.payload.reasons[0].code == "NoExactMatch"  # type: ignore[union-attr]
        await desk.force_search(house, asked.id, "time machine", "tester")
        again = await settled(house, asked.id)
        assert again.state is TicketState.NEEDS_APPROVAL
        view = await desk.view(house, asked.id)
        assert [c.release.title for c in view.candidates] == ["The Time Machine"]
        await desk.approve(house, asked.id, 0, "tester")
        assert (await settled(house, asked.id)).state is TicketState.COMPLETED


async def test_the_third_download_waits_for_a_slot_and_the_more_urgent_goes_first(world: World, tmp_path: Path) -> None:
    settings = settings_for(
        world, tmp_path, processing={"max_parallel_downloads": 1}, embedded={"download_limit_kib": 4}
    )
    async with house_over(settings, tmp_path) as house:
        first = await desk.file_ticket(house, None, wish("The Time Machine", "H. G. Wells"))

        async def downloading() -> bool:
            return (await desk.get(house, first.ticket.id)).state is TicketState.DOWNLOADING

        await eventually(downloading, "the first one downloads")
        second = await desk.file_ticket(house, None, wish("The Lost World", "Arthur Conan Doyle"))
        parked = await settled(house, second.ticket.id)
        assert parked.state is TicketState.AUTO_APPROVED
        assert parked.waiting is not None and parked.waiting.reason.code == "download_slots"
        await desk.cancel(house, first.ticket.id, "tester")

        async def started() -> bool:
            return (await desk.get(house, second.ticket.id)).state is TicketState.DOWNLOADING

        await eventually(started, "the second one takes the slot")


async def test_a_cancelled_download_leaves_nothing_behind(world: World, tmp_path: Path) -> None:
    settings = settings_for(world, tmp_path, embedded={"download_limit_kib": 4})
    async with house_over(settings, tmp_path) as house:
        filed = await desk.file_ticket(house, None, wish("The Time Machine", "H. G. Wells"))

        async def held() -> bool:
            return bool(await house.client.snapshot())

        await eventually(held, "the client has it")
        await desk.cancel(house, filed.ticket.id, "tester")

        async def gone() -> bool:
            return not await house.client.snapshot() and not any(house.download_dir.rglob("*.mp3"))

        await eventually(gone, "the unfinished torrent is gone")
        assert not list((tmp_path / "library").iterdir())


async def test_the_same_id_is_the_same_ticket_and_another_wish_under_it_is_refused(
    world: World, tmp_path: Path
) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        one = await desk.file_ticket(house, None, wish("The Time Machine", "H. G. Wells"))
        same = await desk.file_ticket(house, one.ticket.id, wish("The Time Machine", "H. G. Wells"))
        assert not same.created and same.ticket.id == one.ticket.id
        try:
            await desk.file_ticket(house, one.ticket.id, wish("Another Book"))
        except desk.TicketConflict as error:
            assert error.reason.evidence["field"] == "ticket_id"
        else:
            raise AssertionError("two wishes under one id")
