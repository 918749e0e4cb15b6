"""The states of document 002 and what leads from one to the next, with real peers on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from pathlib import Path

import pytest

from earmark.clients.embedded import EmbeddedClient, EmbeddedConfig
from earmark.core.reasons import PermanentError
from earmark.core.torrentfile import BadTorrent
from earmark.core.torrents import InfoHash, SeedGoal, TorrentEntry, TorrentState
from earmark.sandbox.seeder import make_torrent

S = TorrentState
SLOW = 400_000  # bytes a second: slow enough to look at a running download


async def looked_at_twice(client: EmbeddedClient, until) -> None:
    """Two regular looks at all torrents have begun, so that one of them is over."""
    seen = {client._engine._surveyed_at}

    async def twice() -> bool:
        seen.add(client._engine._surveyed_at)
        return len(seen) > 2

    await until(twice)


async def test_a_torrent_is_queued_until_somebody_answers(world) -> None:
    client = await world.client()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the call of the client and never says a word
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/announce/key"
        info_hash = await client.add(make_torrent(world.write_book(), url), world.downloads)
        assert (await client.status(info_hash)).state is S.QUEUED


async def test_a_torrent_downloads_then_seeds(world, until_state) -> None:
    book = world.write_book()
    client = await world.client()
    info_hash = await client.add(await world.seed(book), world.downloads)
    assert await client.wait_for_completion(info_hash, timeout=30)
    status = await client.status(info_hash)
    assert (status.state, status.progress, status.private, status.error) == (S.SEEDING, 1.0, True, None)
    assert status.total_bytes == 1_000_001
    assert world.whole(book)


async def test_a_running_download_tells_progress_rate_peers_seeds_and_eta(world, until_state, until) -> None:
    client = await world.client(download_limit_bps=SLOW)
    info_hash = await client.add(await world.seed(world.write_book()), world.downloads)

    async def moving() -> bool:
        status = await client.status(info_hash)
        return status.download_rate > 0 and 0 < status.progress < 1

    await until(moving)
    status = (await client.snapshot())[info_hash]
    assert status.state is S.DOWNLOADING
    assert (status.peers, status.seeds) == (1, 1)
    assert status.eta_secs > 0
    assert status.name == "A Book"
    assert Path(status.save_path) == world.downloads


async def test_pause_stops_and_resume_goes_on(world, until_state) -> None:
    book = world.write_book()
    client = await world.client(download_limit_bps=SLOW)
    info_hash = await client.add(await world.seed(book), world.downloads)
    await until_state(client, info_hash, S.DOWNLOADING)
    await client.pause(info_hash)
    assert (await client.status(info_hash)).state is S.PAUSED
    await client.resume(info_hash)
    assert (await client.status(info_hash)).state is S.DOWNLOADING
    assert await client.wait_for_completion(info_hash, timeout=30)
    assert world.whole(book)


async def test_existing_data_is_checked_and_not_fetched_again(world, until_state) -> None:
    book = world.write_book("Big", (1,))
    with (book / "01.mp3").open("r+b") as file:
        file.truncate(400_000_000)  # sparse: long enough to be seen while it is hashed
    client = await world.client()
    info_hash = await client.add(world.torrent(book), world.shelf)
    await until_state(client, info_hash, S.CHECKING)
    status = await until_state(client, info_hash, S.SEEDING)
    assert status.downloaded_bytes == 0


async def test_the_time_goal_ends_seeding(world, until_state) -> None:
    client = await world.client()
    torrent = await world.seed(world.write_book(), private=False)
    info_hash = await client.add(torrent, world.downloads, goal=SeedGoal(seconds=1))
    await until_state(client, info_hash, S.FINISHED)
    assert (await client.status(info_hash)).complete


async def test_the_ratio_goal_ends_seeding(world, until_state) -> None:
    book = world.write_book()
    client = await world.client()
    torrent = world.torrent(book, private=False)
    info_hash = await client.add(torrent, world.shelf, goal=SeedGoal(ratio=0.5, seconds=999_999))
    other = await world.client(state_dir=world.folder / "other")
    await other.add(torrent, world.downloads)
    status = await until_state(client, info_hash, S.FINISHED)
    assert status.ratio >= 0.5
    assert world.whole(book)


async def test_a_private_torrent_seeds_to_the_floor_whatever_the_goal(world, until_state) -> None:
    client = await world.client(private_seed_floor_secs=3)
    torrent = await world.seed(world.write_book())
    info_hash = await client.add(torrent, world.downloads, goal=SeedGoal(ratio=0.0, seconds=0))
    status = await until_state(client, info_hash, S.FINISHED)
    assert status.seeding_secs >= 3


async def test_a_finished_torrent_that_is_resumed_seeds_on(world, until_state, until) -> None:
    client = await world.client(private_seed_floor_secs=0)
    torrent = await world.seed(world.write_book())
    info_hash = await client.add(torrent, world.downloads, goal=SeedGoal(seconds=0))
    await until_state(client, info_hash, S.FINISHED)
    await client.resume(info_hash)
    await looked_at_twice(client, until)
    assert (await client.status(info_hash)).state is S.SEEDING


async def test_removal_keeps_the_files_unless_asked_and_is_remembered(world) -> None:
    book = world.write_book()
    client = await world.client()
    torrent = await world.seed(book)
    info_hash = await client.add(torrent, world.downloads)
    assert await client.wait_for_completion(info_hash, timeout=30)
    await client.remove(info_hash)
    assert (await client.status(info_hash)).state is S.REMOVED
    assert await client.snapshot() == {}
    assert world.whole(book)
    await client.add(torrent, world.downloads)
    assert await client.wait_for_completion(info_hash, timeout=30)
    await client.remove(info_hash, delete_files=True)
    assert not (world.downloads / book.name).exists()
    assert [path.name for path in (world.folder / "state").iterdir()] == ["lock"]


async def test_flipped_bytes_on_disk_are_found_by_a_recheck_and_fetched_again(world, until_state) -> None:
    book = world.write_book()
    client = await world.client()
    info_hash = await client.add(await world.seed(book), world.downloads)
    assert await client.wait_for_completion(info_hash, timeout=30)
    with (world.downloads / book.name / "01.mp3").open("r+b") as file:
        file.seek(100_000)
        file.write(b"\0" * 1000)
    assert not world.whole(book)
    await client.recheck(info_hash)
    assert await client.wait_for_completion(info_hash, timeout=30)
    assert world.whole(book)


async def test_a_paused_torrent_is_checked_and_stays_paused(world, until_state, until) -> None:
    book = world.write_book()
    client = await world.client()
    info_hash = await client.add(await world.seed(book), world.downloads)
    assert await client.wait_for_completion(info_hash, timeout=30)
    await client.pause(info_hash)
    (world.downloads / book.name / "02.mp3").write_bytes(b"\0" * 300_001)
    await client.recheck(info_hash)

    async def checked() -> bool:
        return (await client.status(info_hash)).progress < 1.0

    await until(checked)
    status = await until_state(client, info_hash, S.PAUSED)
    await looked_at_twice(client, until)
    status = await client.status(info_hash)
    assert status.state is S.PAUSED
    assert 0 < status.progress < 1


async def test_files_that_vanished_between_two_starts_are_an_error_and_not_a_second_download(
    world, until_state, until
) -> None:
    book = world.write_book()
    client = await world.client()
    info_hash = await client.add(await world.seed(book), world.downloads)
    assert await client.wait_for_completion(info_hash, timeout=30)
    intent = world.folder / "state" / f"{info_hash}.json"

    async def written_down() -> bool:
        return json.loads(intent.read_text())["completed"] is True

    await until(written_down)
    await client.close()
    lost = world.downloads / book.name / "01.mp3"
    away = lost.rename(world.folder / "away.mp3")
    client = await world.client()
    status = await client.status(info_hash)
    assert (status.state, status.error.code) == (S.ERROR, "files_missing")
    assert status.error.evidence["files"] == ["A Book/01.mp3"]
    assert not await client.wait_for_completion(info_hash, timeout=5)
    away.rename(lost)
    await client.resume(info_hash)
    await until_state(client, info_hash, S.SEEDING)
    os.unlink(lost)


async def test_a_refused_passkey_is_told_without_the_passkey(world, until) -> None:
    world.tracker.refuse("0123456789abcdef0123456789abcdef")
    client = await world.client()
    info_hash = await client.add(world.torrent(world.write_book()), world.downloads)

    async def told() -> bool:
        return (await client.status(info_hash)).error is not None

    await until(told)
    status = await client.status(info_hash)
    assert status.error.code == "tracker_refused"
    assert "Unrecognized Host/PassKey" in status.error.message
    assert "0123456789abcdef" not in repr(status)
    assert status.state is S.DOWNLOADING


async def test_a_tracker_that_is_away_is_told_without_the_passkey(world, until) -> None:
    torrent = world.torrent(world.write_book())
    await world.tracker.stop()
    client = await world.client()
    info_hash = await client.add(torrent, world.downloads)

    async def told() -> bool:
        return (await client.status(info_hash)).error is not None

    await until(told)
    status = await client.status(info_hash)
    assert status.error.code == "tracker_unreachable"
    assert "0123456789abcdef" not in repr(status)


async def test_a_download_that_gets_nothing_asks_for_more_peers(world, until) -> None:
    world.tracker.interval = 3600
    client = await world.client(stall_secs=2)
    await client.add(world.torrent(world.write_book()), world.downloads)

    async def asked_again() -> bool:
        return len(world.tracker.announces) >= 2

    await until(asked_again)
    assert [record.event for record in world.tracker.announces[:2]] == ["started", ""]


@pytest.mark.slow
async def test_the_cap_holds_within_a_tenth_even_for_local_peers(world) -> None:
    cap, seconds = 1_000_000, 12
    client = await world.client(download_limit_bps=cap)
    info_hash = await client.add(await world.seed(world.write_book("Capped", (cap * seconds,))), world.downloads)
    loop = asyncio.get_running_loop()
    while not (before := (await client.status(info_hash)).progress):
        await asyncio.sleep(0.01)
    start = loop.time()
    while (await client.status(info_hash)).progress < 1:
        await asyncio.sleep(0.01)
    rate = (1 - before) * cap * seconds / (loop.time() - start)
    assert 0.8 * cap < rate <= 1.1 * cap  # a busy machine may be slower, nothing may be faster


async def test_one_torrent_can_be_capped_and_the_cap_survives_a_restart(world, until) -> None:
    book = world.write_book("Long", (8_000_000,))
    client = await world.client()
    info_hash = await client.add(world.torrent(book), world.downloads)
    await client.limit(info_hash, download_bps=400_000)
    await client.close()
    client = await world.client()
    await world.seed(book)

    async def moving() -> bool:
        return (await client.status(info_hash)).progress > 0.02

    await until(moving)
    before = (await client.status(info_hash)).progress
    began = time.monotonic()

    async def moved_on() -> bool:
        return (await client.status(info_hash)).progress > before + 0.1

    await until(moved_on)
    assert 0.1 * 8_000_000 / (time.monotonic() - began) < 500_000
    await client.limit(info_hash)
    assert await client.wait_for_completion(info_hash, timeout=10)


async def test_a_hostile_torrent_adds_nothing(world) -> None:
    client = await world.client()
    for bad in (
        b"<html>login</html>",
        b"d4:infod4:name2:..6:lengthi1e12:piece lengthi16384e6:pieces20:" + b"x" * 20 + b"ee",
    ):
        with pytest.raises(BadTorrent):
            await client.add(bad, world.downloads)
    assert await client.snapshot() == {}
    assert not world.downloads.exists()


async def test_symbolic_links_in_a_torrent_are_refused(world) -> None:
    client = await world.client()
    files = b"ld4:attr1:l6:lengthi0e4:pathl4:linke12:symlink pathl6:a fileeed6:lengthi5e4:pathl6:a fileeee"
    torrent = b"d4:infod5:files" + files + b"4:name4:book12:piece lengthi16384e6:pieces20:" + b"x" * 20 + b"ee"
    with pytest.raises(BadTorrent, match="symbolic link"):
        await client.add(torrent, world.downloads)


async def test_unknown_hashes_are_no_error(world) -> None:
    client = await world.client()
    nobody = InfoHash("0" * 40)
    assert await client.status(nobody) is None
    assert await client.entries(nobody) == ()
    for command in (client.pause, client.resume, client.recheck, client.reannounce, client.remove, client.limit):
        await command(nobody)
    assert not await client.wait_for_completion(nobody, timeout=5)


async def test_two_clients_never_share_a_state_folder(world) -> None:
    await world.client()
    with pytest.raises(PermanentError) as refused:
        await world.client()
    assert refused.value.reason.code == "client_in_use"


async def test_a_port_in_use_is_a_clear_error(world) -> None:
    first = await world.client()
    with pytest.raises(PermanentError) as refused:
        await world.client(state_dir=world.folder / "other", listen_port=first.listen_port)
    assert refused.value.reason.code == "listen_failed"


async def test_it_works_as_a_library_with_two_lines(world) -> None:
    book = world.write_book()
    config = EmbeddedConfig(state_dir=world.folder / "library", listen_address="127.0.0.1", utp=False)
    async with EmbeddedClient(config) as client:
        info_hash = await client.add(await world.seed(book), world.downloads)
        assert await client.wait_for_completion(info_hash, timeout=30)
        assert await client.entries(info_hash) == (
            TorrentEntry("A Book/01.mp3", 700_000),
            TorrentEntry("A Book/02.mp3", 300_001),
        )
    assert world.whole(book)
