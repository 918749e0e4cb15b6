"""ffmpeg is missing, crashes, hangs, goes away or is killed, and sources are damaged: each with its own name and end."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from estate import FFMPEG, eventually, house_over, make_release, settings_for, settled, wish

from earmark.core.reasons import PermanentError
from earmark.core.states import Failed, TicketState
from earmark.core.ticket import TicketId
from earmark.core.torrents import TorrentState
from earmark.media.bind import FfmpegBinder
from earmark.pipeline import desk
from earmark.pipeline.house import House
from earmark.sandbox.world import World

pytestmark = pytest.mark.slow

S = TicketState
REAL = shutil.which(FFMPEG) or FFMPEG


class Stage:
    """A program in ffmpeg's place. It answers `-version` truly and does what the script says when it is to work."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "ffmpeg"
        self.pids = folder / "pids"
        folder.mkdir()
        self.play(f'exec "{REAL}" "$@"')

    def play(self, script: str) -> None:
        lines = ["#!/bin/bash", f'if [ "$1" = "-version" ]; then exec "{REAL}" -version; fi']
        fresh = self.program.with_suffix(".new")
        fresh.write_text("\n".join([*lines, f'echo $$ >> "{self.pids}"', script, ""]))
        fresh.chmod(0o755)
        fresh.replace(self.program)

    def started(self) -> list[int]:
        return [int(line) for line in self.pids.read_text().split()] if self.pids.exists() else []

    def alive(self) -> list[int]:
        return [pid for pid in self.started() if _is_alive(pid)]


def _is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return "State:\tZ" not in status


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "stage")


@asynccontextmanager
async def house_with(world: World, home: Path, stage: Stage, **processing: Any) -> AsyncIterator[House]:
    settings = settings_for(world, home, converter={"ffmpeg_path": stage.program}, processing=processing)
    async with house_over(settings, home) as house:
        yield house


async def file(house: House, title: str = "The Time Machine", author: str = "H. G. Wells") -> TicketId:
    return (await desk.file_ticket(house, None, wish(title, author))).ticket.id


async def completes(house: House, ticket_id: TicketId) -> None:
    ended = await settled(house, ticket_id)
    assert ended.state is S.COMPLETED, ended.payload


async def fails(house: House, ticket_id: TicketId, code: str) -> Failed:
    """FAILED with that code, nothing on the shelf, no workspace, and the download seeds on."""
    ended = await settled(house, ticket_id)
    assert isinstance(ended.payload, Failed), ended
    assert ended.payload.error.code == code, ended.payload
    assert ended.payload.error.message and ended.payload.error.action and ended.payload.retryable
    await assert_nothing_made(house)
    return ended.payload


async def assert_nothing_made(house: House) -> None:
    async def clean() -> bool:
        return not any(house.work_dir.iterdir())

    await eventually(clean, "the workspace is gone", 5)
    assert list(house.settings.library.audiobooks.iterdir()) == []
    held = await house.client.snapshot()
    assert [s.state for s in held.values()] == [TorrentState.SEEDING]


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


async def test_an_ffmpeg_setting_that_points_nowhere_refuses_the_start(world: World, tmp_path: Path) -> None:
    settings = settings_for(world, tmp_path, converter={"ffmpeg_path": tmp_path / "nowhere/ffmpeg"})
    with pytest.raises(PermanentError) as caught:
        async with house_over(settings, tmp_path):
            pass
    assert caught.value.reason.code == "ffmpeg_missing"
    assert "ffmpeg_path" in caught.value.reason.action


@pytest.mark.parametrize("script", ["kill -SEGV $$", "kill -KILL $$", "exit 139"])
async def test_an_ffmpeg_that_always_crashes_fails_the_ticket_and_a_sound_one_completes_it(
    world: World, tmp_path: Path, stage: Stage, script: str
) -> None:
    async with house_with(world, tmp_path, stage) as house:
        stage.play(script)
        ticket_id = await file(house)
        failed = await fails(house, ticket_id, "ffmpeg_crashed")
        assert (failed.failed_at_state, failed.retry_count) == (S.CONVERTING, 2)
        stage.play(f'exec "{REAL}" "$@"')
        await desk.retry(house, ticket_id, "tester")
        await completes(house, ticket_id)


async def test_an_ffmpeg_that_crashes_once_is_tried_again_without_anybody_asking(
    world: World, tmp_path: Path, stage: Stage
) -> None:
    async with house_with(world, tmp_path, stage) as house:
        once = tmp_path / "stage/once"
        once.touch()
        stage.play(f'if [ -e "{once}" ]; then rm "{once}"; kill -SEGV $$; fi; exec "{REAL}" "$@"')
        await completes(house, await file(house))


async def test_an_ffmpeg_that_stands_still_is_stopped_and_named(world: World, tmp_path: Path, stage: Stage) -> None:
    async with house_with(world, tmp_path, stage, retry_max_attempts=2) as house:
        assert isinstance(house.binder, FfmpegBinder)
        house.binder.tool = replace(house.binder.tool, stall_secs=1)
        stage.play("exec sleep 600")
        ticket_id = await file(house)
        await fails(house, ticket_id, "ffmpeg_hung")
        assert stage.started() and not stage.alive()
        stage.play(f'exec "{REAL}" "$@"')
        await desk.retry(house, ticket_id, "tester")
        await completes(house, ticket_id)


async def test_an_ffmpeg_that_was_uninstalled_meanwhile_is_named_and_missed_only_until_it_is_back(
    world: World, tmp_path: Path, stage: Stage
) -> None:
    async with house_with(world, tmp_path, stage) as house:
        stage.program.unlink()
        ticket_id = await file(house)
        await fails(house, ticket_id, "ffmpeg_missing")
        stage.play(f'exec "{REAL}" "$@"')
        await desk.retry(house, ticket_id, "tester")
        await completes(house, ticket_id)


def slow(stage: Stage) -> None:
    """A real ffmpeg that takes half a minute for each file."""
    stage.play(f'exec "{REAL}" -readrate 0.05 "$@"')


async def working(house: House, ticket_id: TicketId, stage: Stage) -> list[int]:
    async def check() -> list[int]:
        ticket = await desk.get(house, ticket_id)
        return stage.alive() if ticket.state is S.CONVERTING else []

    found: list[int] = await eventually(check, "ffmpeg works")
    return found


async def test_a_running_ffmpeg_killed_from_outside_costs_one_try(world: World, tmp_path: Path, stage: Stage) -> None:
    async with house_with(world, tmp_path, stage) as house:
        slow(stage)
        ticket_id = await file(house)
        pids = await working(house, ticket_id, stage)
        stage.play(f'exec "{REAL}" "$@"')
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        await completes(house, ticket_id)
        view = await desk.view(house, ticket_id)
        told = [e.payload["waiting"] for e in view.events if e.type == "waiting" and e.payload["waiting"]]
        assert [t["reason"]["code"] for t in told] == ["ffmpeg_crashed"]  # type: ignore[index,call-overload]


async def test_a_cancellation_ends_a_running_ffmpeg_within_a_second_and_leaves_no_trace(
    world: World, tmp_path: Path, stage: Stage
) -> None:
    async with house_with(world, tmp_path, stage) as house:
        slow(stage)
        ticket_id = await file(house)
        await working(house, ticket_id, stage)
        before = digests(house.download_dir)
        asked = time.monotonic()
        await desk.cancel(house, ticket_id, "tester")

        async def gone() -> bool:
            return not stage.alive()

        await eventually(gone, "ffmpeg is gone", 5)
        took = time.monotonic() - asked
        assert took < 1, f"{took:.2f} s"
        await assert_nothing_made(house)
        assert digests(house.download_dir) == before
        assert (await desk.get(house, ticket_id)).state is S.CANCELLED
        assert house.busy[ticket_id] == 0


async def test_closing_the_house_ends_a_running_ffmpeg_and_the_next_start_goes_on(
    world: World, tmp_path: Path, stage: Stage
) -> None:
    async with house_with(world, tmp_path, stage) as house:
        slow(stage)
        ticket_id = await file(house)
        await working(house, ticket_id, stage)
    assert not stage.alive()
    stage.play(f'exec "{REAL}" "$@"')
    async with house_with(world, tmp_path, stage) as house:
        await completes(house, ticket_id)


# --- damaged sources ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Releases whose torrents are true to files that are broken."""
    folder = tmp_path_factory.mktemp("damaged")
    for name, title in [("noise", "The Broken Reel"), ("text", "The Written Word"), ("empty", "The Empty Page")]:
        make_release(folder, name, parts=3, secs=8.0, title=title, authors=["Mary Pickthall"], language="ENG")
    torn = folder / "noise/2.mp3"
    content = bytearray(torn.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8000] = random.Random(1).randbytes(8000)
    torn.write_bytes(content)
    (folder / "text/2.mp3").write_text("It was a dark and stormy night.\n" * 300)
    (folder / "empty/2.mp3").write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    ("name", "title", "code"),
    [
        ("noise", "The Broken Reel", "source_corrupt"),
        ("text", "The Written Word", "not_audio"),
        ("empty", "The Empty Page", "not_audio"),
    ],
)
async def test_a_damaged_file_is_named_and_the_download_seeds_on_untouched(
    damaged: Path, tmp_path: Path, name: str, title: str, code: str
) -> None:
    async with (
        World(damaged, tmp_path / "world") as world,
        house_over(settings_for(world, tmp_path), tmp_path) as house,
    ):
        failed = await fails(house, await file(house, title, "Mary Pickthall"), code)
        assert "2.mp3" in failed.error.message
        if code == "source_corrupt":
            second = failed.error.evidence["second"]
            assert isinstance(second, int | float) and 2 < second < 7, failed.error
        wanted = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (damaged / name).glob("*.mp3")}
        assert digests(house.download_dir) == wanted
