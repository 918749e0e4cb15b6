"""The contract every torrent client keeps, held against the real programs on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from torrent_client_rigs import RIGS, Rig
from torrent_swarm import PASSKEY, Swarm, swarm

from earmark.core.reasons import PermanentError
from earmark.core.torrentfile import BadTorrent, read_torrent
from earmark.core.torrents import InfoHash, TorrentState, TorrentStatus
from earmark.ports import TorrentClient

S = TorrentState
NOBODY = InfoHash("0" * 40)
WITH_LABELS = frozenset({"qbittorrent", "transmission"})


@pytest.fixture(scope="module", params=RIGS, ids=lambda rig: rig.name)
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig: Rig = request.param(tmp_path_factory.mktemp(request.param.name))
    rig.start()
    yield rig
    rig.stop()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Swarm]:
    async with swarm(tmp_path) as world:
        yield world


@pytest.fixture
async def client(rig: Rig, world: Swarm) -> AsyncIterator[TorrentClient]:
    yield await rig.open()
    client = rig.client  # the test may have opened another meanwhile
    for info_hash in await client.snapshot():
        await client.remove(info_hash)
    await client.close()


async def until(condition: Callable[[], Awaitable[object]], timeout: float = 60.0) -> None:
    async with asyncio.timeout(timeout):
        while not await condition():
            await asyncio.sleep(0.05)


async def until_state(client: TorrentClient, info_hash: InfoHash, *states: TorrentState) -> TorrentStatus:
    last: list[TorrentStatus | None] = [None]

    async def reached() -> bool:
        last[0] = await client.status(info_hash)
        return last[0] is not None and last[0].state in states

    try:
        await until(reached)
    except TimeoutError:
        raise AssertionError(f"never reached {states}: {last[0]}") from None
    assert last[0] is not None
    return last[0]


async def complete(rig: Rig, world: Swarm, client: TorrentClient, info_hash: InfoHash) -> list[TorrentStatus]:
    """Every status on the way to completion."""
    seen: list[TorrentStatus] = []

    async def done() -> bool:
        status = (await client.snapshot())[info_hash]
        seen.append(status)
        return status.complete

    dialling = asyncio.create_task(rig.dial(world.seeder, info_hash))
    try:
        await until(done)
    finally:
        dialling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await dialling
    return seen


async def on_the_shelf(
    world: Swarm, client: TorrentClient, name: str = "Book", *, private: bool = True
) -> tuple[InfoHash, Path]:
    """A torrent whose data is in place already: it seeds without any transfer."""
    book = world.write_book(name, (300_000, 200_001))
    info_hash = await client.add(world.torrent(book, private=private), world.shelf)
    await until_state(client, info_hash, S.SEEDING)
    return info_hash, book


@pytest.mark.slow
async def test_a_torrent_file_becomes_files_on_disk(rig: Rig, world: Swarm, client: TorrentClient) -> None:
    book = world.write_book()
    torrent = await world.seed(book)
    info_hash = await client.add(torrent, world.downloads)
    assert info_hash == read_torrent(torrent).info_hash
    seen = await complete(rig, world, client, info_hash)
    assert world.whole(book)
    assert {status.state for status in seen} <= {S.QUEUED, S.CHECKING, S.DOWNLOADING, S.SEEDING}
    progress = [status.progress for status in seen]
    assert progress == sorted(progress)
    last = await until_state(client, info_hash, S.SEEDING)
    assert (last.name, last.total_bytes, last.private, last.eta_secs) == ("A Book", 1_000_001, True, None)
    assert Path(last.save_path) == world.downloads
    assert last.error is None

    async def counted() -> bool:
        status = await client.status(info_hash)
        return status is not None and status.downloaded_bytes >= 1_000_001

    await until(counted)


@pytest.mark.slow
async def test_a_magnet_becomes_files_on_disk(rig: Rig, world: Swarm, client: TorrentClient) -> None:
    book = world.write_book("By Magnet")
    meta = read_torrent(await world.seed(book, private=False))
    uri = f"magnet:?xt=urn:btih:{meta.info_hash.upper()}&dn=x&tr={meta.trackers[0]}"
    assert await client.add_magnet(uri, world.downloads) == meta.info_hash
    await complete(rig, world, client, meta.info_hash)
    assert world.whole(book)
    assert await client.entries(meta.info_hash) == meta.entries


async def test_a_magnet_nobody_answers_waits_without_entries(client: TorrentClient, world: Swarm) -> None:
    uri = f"magnet:?xt=urn:btih:{'c' * 40}"
    info_hash = await client.add_magnet(uri, world.downloads)
    assert await client.add_magnet(uri, world.downloads) == info_hash
    status = await until_state(client, info_hash, S.QUEUED, S.DOWNLOADING)
    assert (status.progress, status.complete) == (0.0, False)
    assert await client.entries(info_hash) == ()
    assert list(await client.snapshot()) == [info_hash]


async def test_what_is_no_magnet_is_refused(client: TorrentClient, world: Swarm) -> None:
    with pytest.raises(PermanentError) as refused:
        await client.add_magnet("https://example.org/", world.downloads)
    assert refused.value.reason.code == "bad_magnet"


async def test_data_in_place_is_checked_and_seeded(client: TorrentClient, world: Swarm) -> None:
    info_hash, _ = await on_the_shelf(world, client)
    status = await client.status(info_hash)
    assert status is not None
    assert status.complete
    assert status.downloaded_bytes == 0


async def test_the_same_torrent_twice_is_one(client: TorrentClient, world: Swarm) -> None:
    info_hash, book = await on_the_shelf(world, client)
    assert await client.add(world.torrent(book), world.shelf) == info_hash
    assert list(await client.snapshot()) == [info_hash]


async def test_bytes_that_are_no_torrent_add_nothing(client: TorrentClient, world: Swarm) -> None:
    for bad in (b"", b"<html>", b"d8:announce3:abce", b"\x00" * 100):
        with pytest.raises(BadTorrent):
            await client.add(bad, world.downloads)
    assert await client.snapshot() == {}


async def test_entries_are_relative_to_the_save_path_with_sizes(client: TorrentClient, world: Swarm) -> None:
    info_hash, _ = await on_the_shelf(world, client)
    entries = await client.entries(info_hash)
    assert {(entry.path, entry.size) for entry in entries} == {("Book/01.mp3", 300_000), ("Book/02.mp3", 200_001)}
    status = await client.status(info_hash)
    assert status is not None
    assert all((Path(status.save_path) / entry.path).stat().st_size == entry.size for entry in entries)


async def test_a_single_file_lies_directly_in_the_save_path(client: TorrentClient, world: Swarm) -> None:
    book = world.write_book("Loose", (200_000,))
    info_hash = await client.add(world.torrent(book / "01.mp3"), book)
    await until_state(client, info_hash, S.SEEDING)
    assert [entry.path for entry in await client.entries(info_hash)] == ["01.mp3"]


async def test_pause_and_resume(client: TorrentClient, world: Swarm) -> None:
    info_hash, _ = await on_the_shelf(world, client)
    await client.pause(info_hash)
    await until_state(client, info_hash, S.PAUSED)
    await client.pause(info_hash)
    await client.resume(info_hash)
    await until_state(client, info_hash, S.SEEDING)


async def test_a_paused_download_resumes_as_a_download(client: TorrentClient, world: Swarm) -> None:
    info_hash = await client.add(world.torrent(world.write_book()), world.downloads)
    await until_state(client, info_hash, S.DOWNLOADING)
    await client.pause(info_hash)
    await until_state(client, info_hash, S.PAUSED)
    await client.resume(info_hash)
    await until_state(client, info_hash, S.DOWNLOADING)


async def test_a_recheck_finds_damage(client: TorrentClient, world: Swarm) -> None:
    info_hash, book = await on_the_shelf(world, client)
    with (book / "01.mp3").open("r+b") as file:
        file.seek(150_000)
        file.write(b"\0" * 1000)
    await client.recheck(info_hash)
    status = await until_state(client, info_hash, S.DOWNLOADING)
    assert 0.5 < status.progress < 1


async def test_caps_are_set_and_lifted(rig: Rig, client: TorrentClient, world: Swarm) -> None:
    info_hash, _ = await on_the_shelf(world, client)
    await client.limit(info_hash, download_bps=512_000, upload_bps=256_000)
    assert await rig.caps(info_hash) == (512_000, 256_000)
    await client.limit(info_hash)
    assert await rig.caps(info_hash) == (0, 0)


async def test_tags_are_shown_as_labels_and_given_twice_they_are_there_once(
    rig: Rig, client: TorrentClient, world: Swarm
) -> None:
    info_hash, _ = await on_the_shelf(world, client)
    for tags in (["earmark", "asin:B002V0QK4C"], ["earmark", "ticket:01980c2d"], [], ["a, b\n c", " ", "earmark"]):
        await client.tag(info_hash, tags)
    shown = {"earmark", "asin:B002V0QK4C", "ticket:01980c2d", "a b c"} if rig.name in WITH_LABELS else set()
    assert await rig.labels(info_hash) == shown
    await until_state(client, info_hash, S.SEEDING)


async def test_removal_keeps_the_files(client: TorrentClient, world: Swarm) -> None:
    info_hash, book = await on_the_shelf(world, client)
    await client.remove(info_hash)
    assert (book / "01.mp3").is_file()
    assert await client.snapshot() == {}
    status = await client.status(info_hash)
    assert status is not None
    assert status.state is S.REMOVED
    await client.remove(info_hash)


async def test_removal_with_files_deletes_them(client: TorrentClient, world: Swarm) -> None:
    info_hash, book = await on_the_shelf(world, client)
    await client.remove(info_hash, delete_files=True)

    async def gone() -> bool:
        return not (book / "01.mp3").exists() and not (book / "02.mp3").exists()

    await until(gone)
    assert await client.snapshot() == {}


async def test_a_removed_torrent_can_be_added_again(client: TorrentClient, world: Swarm) -> None:
    info_hash, book = await on_the_shelf(world, client)
    await client.remove(info_hash)
    assert await client.add(world.torrent(book), world.shelf) == info_hash
    await until_state(client, info_hash, S.SEEDING)


async def test_unknown_hashes_are_no_error(client: TorrentClient) -> None:
    assert await client.status(NOBODY) is None
    assert await client.entries(NOBODY) == ()
    for command in (client.pause, client.resume, client.recheck, client.reannounce, client.remove, client.limit):
        await command(NOBODY)
    await client.tag(NOBODY, ["earmark"])
    assert await client.snapshot() == {}


async def test_private_and_public_are_told_apart(client: TorrentClient, world: Swarm) -> None:
    private, _ = await on_the_shelf(world, client, "Private")
    public, _ = await on_the_shelf(world, client, "Public", private=False)
    snapshot = await client.snapshot()
    assert (snapshot[private].private, snapshot[public].private) == (True, False)


async def test_it_says_who_it_is_and_that_private_torrents_are_safe(rig: Rig, client: TorrentClient) -> None:
    about = await client.about()
    assert about.name == client.name == rig.name
    assert about.version[0].isdigit()
    assert (about.dht, about.pex, about.lsd) == (False, False, False)


async def test_a_trackers_refusal_is_told_without_the_passkey(client: TorrentClient, world: Swarm) -> None:
    world.tracker.refuse(PASSKEY)
    info_hash = await client.add(world.torrent(world.write_book()), world.downloads)

    async def told() -> bool:
        status = await client.status(info_hash)
        return status is not None and status.error is not None

    await until(told)
    status = await client.status(info_hash)
    assert status is not None
    assert status.error is not None
    assert status.error.code == "tracker_refused"
    assert "Unrecognized Host/PassKey" in status.error.message
    assert PASSKEY not in repr(status)


async def test_closing_lets_the_torrents_live(rig: Rig, client: TorrentClient, world: Swarm) -> None:
    info_hash, _ = await on_the_shelf(world, client)
    await client.close()
    again = await rig.open()
    assert list(await again.snapshot()) == [info_hash]
    await until_state(again, info_hash, S.SEEDING)
