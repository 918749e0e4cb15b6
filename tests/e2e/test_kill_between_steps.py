"""The house ends exactly between a change and the record of it: after the torrent is fetched and before it is kept, after
the book is placed and before the ticket knows … Opened again, every ticket ends once, with one torrent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from estate import eventually, house_over, settings_for, settled, wish

from earmark.core.states import TicketState
from earmark.core.ticket import TicketId
from earmark.core.torrents import TorrentState
from earmark.pipeline import acquire, binding, clear, deliver, desk, dispatch, grab, step
from earmark.pipeline.house import House
from earmark.sandbox.world import World

pytestmark = pytest.mark.slow

S = TicketState
WHOLE = [S.PENDING, S.SEARCHING, S.MATCHING, S.AUTO_APPROVED, S.DOWNLOADING, S.CONVERTING, S.PLACING, S.COMPLETED]


class Freeze:
    """Stops one function for ever, before or after it has done its work, until the house is closed around it."""

    def __init__(self, when: str) -> None:
        self.reached = asyncio.Event()
        self._when = when

    def around(self, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def frozen(*args: Any, **named: Any) -> Any:
            if self._when == "after":
                await function(*args, **named)
            self.reached.set()
            await asyncio.Event().wait()

        frozen.__name__ = getattr(function, "__name__", "frozen")
        return frozen


POINTS = [
    (acquire, "_search_all", "after"),
    (grab, "_ask_for_torrent", "after"),
    (grab, "_fetch", "after"),
    (grab, "give_to_client", "before"),
    (grab, "give_to_client", "after"),
    (deliver, "check_files", "after"),
    (deliver, "bind_book", "after"),
    (deliver, "put_on_shelf", "before"),
    (deliver, "put_on_shelf", "after"),
    (deliver, "close_workspace", "before"),
]


@pytest.mark.parametrize(("module", "name", "when"), POINTS, ids=[f"{when} {name}" for _, name, when in POINTS])
async def test_a_house_that_ends_between_two_steps_goes_on_where_it_was(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, when: str
) -> None:
    settings = settings_for(world, tmp_path, processing={"check_interval_secs": 0.3})
    freeze = Freeze(when)
    with monkeypatch.context() as frozen:
        frozen.setattr(module, name, freeze.around(getattr(module, name)))
        async with house_over(settings, tmp_path) as house:
            filed = await desk.file_ticket(house, None, wish("The Time Machine", "H. G. Wells"))
            await asyncio.wait_for(freeze.reached.wait(), 30)
    async with house_over(settings, tmp_path) as house:
        await ends_once(house, filed.ticket.id)
        fetched = [e for e in world.site.log if "/download" in str(e["path"])]
        assert len(fetched) == (2 if name == "_ask_for_torrent" else 1)


async def ends_once(house: House, ticket_id: TicketId) -> None:
    ended = await settled(house, ticket_id)
    assert ended.state is S.COMPLETED, ended.payload
    view = await desk.view(house, ticket_id)
    assert [e.payload["new_state"] for e in view.events if e.type == "state_change"] == WHOLE
    assert sum(e.type == "completed" for e in view.events) == 1
    assert len({row.target for row in view.journal}) == len(view.journal)

    async def quiet() -> bool:
        held = await house.client.snapshot()
        return [s.state for s in held.values()] == [TorrentState.SEEDING] and not any(house.work_dir.iterdir())

    await eventually(quiet, "one torrent seeds and the workspace is gone")
    files = [p.name for p in house.settings.library.audiobooks.rglob("*") if p.is_file()]
    assert sorted(files) == ["The Time Machine.m4b", "desc.txt", "metadata.json", "metadata.opf", "reader.txt"]


async def test_a_run_that_was_begun_and_never_started_is_found_at_the_next_start(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(world, tmp_path)
    lost = asyncio.Event()

    async def lose(*_: Any) -> None:
        lost.set()

    with monkeypatch.context() as frozen:
        frozen.setattr(dispatch, "_start", lose)
        async with house_over(settings, tmp_path) as house:
            filed = await desk.file_ticket(house, None, wish("The Time Machine", "H. G. Wells"))
            await asyncio.wait_for(lost.wait(), 10)
    async with house_over(settings, tmp_path) as house:
        await ends_once(house, filed.ticket.id)


async def test_a_cancelled_ticket_whose_clearing_up_was_lost_is_cleared_up_at_the_next_start(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(world, tmp_path, embedded={"download_limit_kib": 4})
    lost = asyncio.Event()
    real = dispatch._start

    async def lose(house: House, runner: dispatch.Runner, act: dispatch.Act, ticket: Any) -> None:
        if act == "clear":
            lost.set()
        else:
            await real(house, runner, act, ticket)

    with monkeypatch.context() as frozen:
        frozen.setattr(dispatch, "_start", lose)
        async with house_over(settings, tmp_path) as house:
            filed = await desk.file_ticket(house, None, wish("The Time Machine", "H. G. Wells"))
            await eventually(lambda: holds_something(house), "the client has it")
            await desk.cancel(house, filed.ticket.id, "tester")
            await asyncio.wait_for(lost.wait(), 10)
    async with house_over(settings, tmp_path) as house:

        async def gone() -> bool:
            return not await house.client.snapshot() and not any(house.download_dir.rglob("*.mp3"))

        await eventually(gone, "the unfinished torrent is gone")


async def holds_something(house: House) -> bool:
    return bool(await house.client.snapshot())


async def test_a_run_that_breaks_off_without_a_word_is_made_up_for_while_we_run(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "STRANDED_SECS", 0.5)
    broken = asyncio.Event()
    real = step.settle

    async def breaks(*_: Any) -> None:
        broken.set()
        raise OSError("the store is away as well")

    async def fails_once(house: House, ticket: Any, payload: Any) -> None:
        if not broken.is_set():
            raise OSError("no disk")
        await binding.bind_book(house, ticket, payload)

    monkeypatch.setattr(step, "settle", breaks)
    monkeypatch.setattr(deliver, "bind_book", fails_once)
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        filed = await desk.file_ticket(house, None, wish("The Time Machine", "H. G. Wells"))
        await asyncio.wait_for(broken.wait(), 30)
        monkeypatch.setattr(step, "settle", real)
        await ends_once(house, filed.ticket.id)


async def test_a_clearing_up_that_fails_is_tried_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0
    real = clear.undo

    async def fails_twice(*args: Any, **named: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise grab.PermanentError.of("storage_away", "The library's disk is away.", "Mount it.")
        return await real(*args, **named)

    monkeypatch.setattr(clear, "undo", fails_twice)
    settings = settings_for(world, tmp_path, embedded={"download_limit_kib": 4})
    async with house_over(settings, tmp_path) as house:
        filed = await desk.file_ticket(house, None, wish("The Time Machine", "H. G. Wells"))
        await eventually(lambda: holds_something(house), "the client has it")
        await desk.cancel(house, filed.ticket.id, "tester")

        async def gone() -> bool:
            return not await house.client.snapshot()

        await eventually(gone, "the unfinished torrent is gone")
        assert tries == 3
