"""What survives: restarts, `kill -9` in the middle of a download, and state files that rotted."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

import pytest

from earmark.core.torrents import SeedGoal, TorrentState

S = TorrentState

VICTIM = """
import asyncio, sys
from pathlib import Path
from earmark.clients.embedded import EmbeddedClient, EmbeddedConfig

async def main(state, torrent, downloads, cap):
    config = EmbeddedConfig(Path(state), listen_address="127.0.0.1", utp=False, tick_secs=0.05, resume_save_secs=0.3,
                            download_limit_bps=int(cap))
    client = EmbeddedClient(config)
    await client.start()
    info_hash = await client.add(Path(torrent).read_bytes(), Path(downloads))
    print("added", flush=True)
    while True:
        status = await client.status(info_hash)
        print(status.progress, status.seeding_secs, flush=True)
        await asyncio.sleep(0.05)

asyncio.run(main(*sys.argv[1:]))
"""


async def victim(world, torrent: bytes, cap: int) -> asyncio.subprocess.Process:
    file = world.folder / "the.torrent"
    file.write_bytes(torrent)
    arguments = [str(world.folder / "state"), str(file), str(world.downloads), str(cap)]
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", VICTIM, *arguments, stdout=asyncio.subprocess.PIPE, env={**os.environ}
    )


async def kill_when(process: asyncio.subprocess.Process, enough) -> str:
    """Kill -9 as soon as a line of the victim's output is enough; that line."""
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while line := (await process.stdout.readline()).decode().strip():
            if enough(line):
                os.kill(process.pid, signal.SIGKILL)
                await process.wait()
                return line
    raise AssertionError("the victim ended by itself")


def fetched_again(client, info_hash) -> int:
    return client._engine.jobs[info_hash].handle.status().total_payload_download


async def test_killed_in_mid_download_it_goes_on_where_it_was(world) -> None:
    book = world.write_book("Long", (12_000_000,))
    torrent = await world.seed(book)
    process = await victim(world, torrent, cap=2_000_000)
    await kill_when(process, lambda line: line[0].isdigit() and float(line.split()[0]) > 0.6)
    client = await world.client()
    (info_hash,) = await client.snapshot()
    assert await client.wait_for_completion(info_hash, timeout=30)
    assert world.whole(book)
    # What was there by the last save is not fetched again.
    async with asyncio.timeout(10):
        while not (fetched := fetched_again(client, info_hash)):  # libtorrent counts once a second
            await asyncio.sleep(0.05)
    assert fetched < 10_000_000
    assert len(await client.snapshot()) == 1
    assert await client.add(torrent, world.downloads) == info_hash
    assert len(await client.snapshot()) == 1


async def test_killed_right_after_the_torrent_was_added_it_is_still_there(world) -> None:
    book = world.write_book()
    torrent = world.torrent(book)
    await kill_when(await victim(world, torrent, cap=0), lambda line: line == "added")
    for resume in (world.folder / "state").glob("*.fastresume"):
        resume.unlink()  # as if it was killed before the very first save
    client = await world.client()
    (info_hash,) = await client.snapshot()
    await world.seed(book)
    assert await client.wait_for_completion(info_hash, timeout=30)
    assert world.whole(book)


async def test_killed_as_a_seed_it_keeps_its_seeding_time_and_seeds_on(world, until_state) -> None:
    book = world.write_book()
    process = await victim(world, await world.seed(book), cap=0)
    line = await kill_when(process, lambda line: line[0].isdigit() and int(line.split()[1]) >= 3)
    client = await world.client()
    (info_hash,) = await client.snapshot()
    status = await until_state(client, info_hash, S.SEEDING)
    assert status.seeding_secs >= 1, line  # the last save may be a moment old: under-reporting is the safe side
    await until_started(world, client.listen_port)


HUNGRY = """
import asyncio, sys
from pathlib import Path
from earmark.clients.embedded import EmbeddedClient, EmbeddedConfig

def resident():
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["RssAnon"].split()[0])

async def main(state, downloads, *torrents):
    async with EmbeddedClient(EmbeddedConfig(Path(state), listen_address="127.0.0.1", utp=False)) as client:
        before = most = resident()
        hashes = [await client.add(Path(torrent).read_bytes(), Path(downloads)) for torrent in torrents]
        while not all(status.complete for status in (await client.snapshot()).values()):
            await asyncio.sleep(0.02)
            most = max(most, resident())
        print((most - before) // len(hashes))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
async def test_a_running_torrent_takes_less_than_100_mib_of_memory(world) -> None:
    files = []
    for number in range(3):
        torrent = await world.seed(world.write_book(f"Large {number}", (60_000_000,)))
        files.append(world.folder / f"{number}.torrent")
        files[-1].write_bytes(torrent)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", HUNGRY, str(world.folder / "state"), str(world.downloads), *map(str, files)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    assert 0 < int(output) < 100 * 1024  # KiB a torrent


async def until_started(world, port: int) -> None:
    async with asyncio.timeout(30):
        while not any(a.port == port and a.event == "started" and a.left == 0 for a in world.tracker.announces):
            await asyncio.sleep(0.05)


async def test_after_a_restart_counters_and_states_are_as_before(world, until_state, until) -> None:
    book = world.write_book()
    client = await world.client(private_seed_floor_secs=1)
    torrent = await world.seed(book)
    done = await client.add(torrent, world.downloads, goal=SeedGoal(seconds=1))
    paused = await client.add(world.torrent(world.write_book("Paused")), world.downloads)
    await client.pause(paused)
    before = await until_state(client, done, S.FINISHED)
    await client.close()
    client = await world.client()
    snapshot = await client.snapshot()
    assert set(snapshot) == {done, paused}

    async def loaded() -> bool:
        return (await client.status(done)).progress == 1.0

    await until(loaded)
    after = await client.status(done)
    assert after.state is S.FINISHED
    assert after.seeding_secs >= before.seeding_secs >= 1
    assert after.downloaded_bytes >= 1_000_001
    assert (await client.status(paused)).state is S.PAUSED


@pytest.mark.parametrize("rot", [b"", b"\x00garbage", b"d4:infod", b"<html>"])
async def test_rotten_resume_data_costs_a_recheck_and_nothing_else(world, caplog, rot: bytes) -> None:
    book = world.write_book()
    client = await world.client()
    info_hash = await client.add(await world.seed(book), world.downloads)
    assert await client.wait_for_completion(info_hash, timeout=30)
    await client.close()
    (world.folder / "state" / f"{info_hash}.fastresume").write_bytes(rot)
    sent = world.seeder.uploaded
    with caplog.at_level(logging.WARNING):
        client = await world.client()
    assert await client.wait_for_completion(info_hash, timeout=30)
    assert world.seeder.uploaded == sent
    assert any("resume data" in record.message for record in caplog.records)


async def test_a_rotten_intent_is_made_good_from_the_resume_data(world) -> None:
    book = world.write_book()
    client = await world.client()
    info_hash = await client.add(await world.seed(book), world.downloads)
    assert await client.wait_for_completion(info_hash, timeout=30)
    await client.close()
    (world.folder / "state" / f"{info_hash}.json").write_text("{")
    client = await world.client()
    assert await client.wait_for_completion(info_hash, timeout=30)
    assert Path((await client.status(info_hash)).save_path) == world.downloads


async def test_rotten_state_of_one_torrent_harms_no_other(world) -> None:
    book = world.write_book()
    client = await world.client()
    info_hash = await client.add(await world.seed(book), world.downloads)
    assert await client.wait_for_completion(info_hash, timeout=30)
    await client.close()
    for suffix in (".json", ".torrent", ".fastresume"):
        (world.folder / "state" / ("e" * 40 + suffix)).write_bytes(b"rot")
    (world.folder / "state" / "half-written.json.tmp").write_bytes(b"{")
    client = await world.client()
    assert list(await client.snapshot()) == [info_hash]
    assert not list((world.folder / "state").glob("*.tmp"))


async def test_state_files_are_for_the_owner_only_and_hold_what_is_needed(world) -> None:
    client = await world.client()
    goal = SeedGoal(ratio=2.0, seconds=5)
    info_hash = await client.add(world.torrent(world.write_book()), world.downloads, goal=goal)
    state = world.folder / "state"
    for file in state.glob(f"{info_hash}.*"):
        assert file.stat().st_mode & 0o077 == 0
    intent = json.loads((state / f"{info_hash}.json").read_text())
    assert intent["goal"] == {"ratio": 2.0, "seconds": 5}
    assert intent["save_path"] == str(world.downloads)


async def test_removed_torrents_do_not_come_back(world) -> None:
    client = await world.client()
    info_hash = await client.add(world.torrent(world.write_book()), world.downloads)
    await client.remove(info_hash)
    await client.close()
    client = await world.client()
    assert await client.snapshot() == {}
    assert await client.status(info_hash) is None
