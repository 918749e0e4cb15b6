"""What the remote clients' adapters owe their programs and trackers, beyond the contract: limits, categories, logins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from torrent_client_rigs import PASSWORD, USER, QbittorrentRig, TransmissionRig, free_port
from torrent_swarm import Swarm, swarm

from earmark.clients.qbittorrent import QbittorrentClient
from earmark.clients.transmission import TransmissionClient
from earmark.core.reasons import PermanentError, TransientError
from earmark.core.torrentfile import read_torrent
from earmark.core.torrents import InfoHash, SeedGoal, TorrentState


@pytest.fixture(scope="module")
def qbittorrent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QbittorrentRig]:
    rig = QbittorrentRig(tmp_path_factory.mktemp("qbittorrent"))
    rig.start()
    yield rig
    rig.stop()


@pytest.fixture(scope="module")
def transmission(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TransmissionRig]:
    rig = TransmissionRig(tmp_path_factory.mktemp("transmission"))
    rig.start()
    yield rig
    rig.stop()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Swarm]:
    async with swarm(tmp_path) as world:
        yield world


async def test_qbittorrent_never_gets_limits_for_private_torrents(qbittorrent, world) -> None:
    client = await qbittorrent.open()
    torrent = world.torrent(world.write_book("Private"))
    info_hash = await client.add(torrent, world.shelf, goal=SeedGoal(ratio=0.1, seconds=60))
    row = await qbittorrent.row(info_hash)
    assert (row["ratio_limit"], row["seeding_time_limit"], row["category"]) == (-1, -1, "books")
    await client.remove(info_hash)


async def test_qbittorrent_gets_the_goal_of_a_public_torrent_and_says_finished(qbittorrent, world) -> None:
    client = await qbittorrent.open()
    torrent = world.torrent(world.write_book("Public"), private=False)
    info_hash = await client.add(torrent, world.shelf, goal=SeedGoal(ratio=0.0, seconds=7200))
    row = await qbittorrent.row(info_hash)
    assert (row["ratio_limit"], row["seeding_time_limit"]) == (0.0, 120)
    async with asyncio.timeout(60):
        while (await client.status(info_hash)).state is not TorrentState.FINISHED:
            await asyncio.sleep(0.2)
    await client.remove(info_hash)


async def test_a_torrent_somebody_else_added_to_qbittorrent_is_adopted(qbittorrent, world) -> None:
    client = await qbittorrent.open()
    torrent = world.torrent(world.write_book("Theirs"))
    theirs = client._api
    await asyncio.to_thread(
        theirs.torrents_add, torrent_files=torrent, save_path=str(world.shelf), ratio_limit=1, seeding_time_limit=60
    )
    info_hash = await client.add(torrent, world.downloads)
    row = await qbittorrent.row(info_hash)
    assert (row["category"], row["ratio_limit"], row["seeding_time_limit"]) == ("books", -1, -1)
    assert Path(row["save_path"]) == world.shelf
    await client.remove(info_hash)


async def test_a_tag_joins_those_somebody_gave_the_torrent_in_qbittorrent(qbittorrent, world) -> None:
    client = await qbittorrent.open()
    torrent = world.torrent(world.write_book("Theirs, tagged"))
    await asyncio.to_thread(client._api.torrents_add, torrent_files=torrent, save_path=str(world.shelf), tags="mine")
    info_hash = await client.add(torrent, world.downloads)
    await client.tag(info_hash, ["earmark", "asin:B002V0QK4C"])
    assert await qbittorrent.labels(info_hash) == {"mine", "earmark", "asin:B002V0QK4C"}
    await client.remove(info_hash)


async def test_no_tag_is_made_in_qbittorrent_for_a_torrent_it_does_not_have(qbittorrent) -> None:
    client = await qbittorrent.open()
    await client.tag(InfoHash("0" * 40), ["ticket:of nobody"])
    assert "ticket:of nobody" not in await asyncio.to_thread(client._api.torrents_tags)


async def test_a_tag_joins_those_somebody_gave_the_torrent_in_transmission(transmission, world) -> None:
    client = await transmission.open()
    torrent = world.torrent(world.write_book("Theirs, labelled"))
    theirs = client._rpc()
    await asyncio.to_thread(theirs.add_torrent, torrent, download_dir=str(world.shelf))
    await asyncio.to_thread(theirs.change_torrent, [read_torrent(torrent).info_hash], labels=["mine"])
    info_hash = await client.add(torrent, world.downloads)
    await client.tag(info_hash, ["earmark", "asin:B002V0QK4C"])
    assert await transmission.labels(info_hash) == {"mine", "earmark", "asin:B002V0QK4C"}
    status = await client.status(info_hash)
    assert Path(status.save_path) == world.shelf
    await client.remove(info_hash)


async def test_transmission_never_gets_limits_for_private_torrents(transmission, world) -> None:
    client = await transmission.open()
    private = await client.add(
        world.torrent(world.write_book("Private")), world.shelf, goal=SeedGoal(ratio=0.1, seconds=60)
    )
    public = await client.add(
        world.torrent(world.write_book("Public"), private=False), world.shelf, goal=SeedGoal(ratio=1.5)
    )
    fields = ("seedRatioMode", "seedIdleMode", "seedRatioLimit")
    row = await transmission.row(private, *fields)
    assert (row["seedRatioMode"], row["seedIdleMode"]) == (2, 2)
    row = await transmission.row(public, *fields)
    assert (row["seedRatioMode"], row["seedRatioLimit"]) == (1, 1.5)


async def test_a_wrong_password_is_tried_once_and_never_shown(qbittorrent) -> None:
    now = [0.0]
    client = QbittorrentClient(qbittorrent.url, USER, "wrong horse", monotonic=lambda: now[0])
    for _ in range(3):
        with pytest.raises(PermanentError) as refused:
            await client.snapshot()
        assert refused.value.reason.code == "client_login_failed"
        assert "wrong horse" not in repr(refused.value.reason)
    tries = (qbittorrent.folder / "prof" / "qBittorrent" / "data" / "logs" / "qbittorrent.log").read_text()
    assert tries.count("login failure") == 1
    now[0] = 16 * 60.0
    client._api._password = PASSWORD
    assert await client.snapshot() == {}
    await client.close()


async def test_transmission_says_when_it_refuses_the_password(transmission) -> None:
    client = TransmissionClient(transmission.url, USER, "wrong horse")
    with pytest.raises(PermanentError) as refused:
        await client.snapshot()
    assert refused.value.reason.code == "client_login_failed"
    assert "wrong horse" not in repr(refused.value.reason)
    await client.close()


async def test_a_program_that_is_down_is_a_passing_trouble(tmp_path: Path) -> None:
    port = free_port()
    for client in (
        QbittorrentClient(f"http://127.0.0.1:{port}", USER, PASSWORD),
        TransmissionClient(f"http://127.0.0.1:{port}/transmission/rpc", USER, PASSWORD),
    ):
        with pytest.raises(TransientError) as trouble:
            await client.snapshot()
        assert trouble.value.reason.code == "client_unreachable"
        assert PASSWORD not in repr(trouble.value.reason)
        await client.close()


async def test_a_program_that_comes_back_is_found_again(tmp_path: Path) -> None:
    rig = TransmissionRig(tmp_path)
    rig.start()
    client = await rig.open()
    assert await client.snapshot() == {}
    rig.stop()
    with pytest.raises(TransientError):
        await client.snapshot()
    rig.launch("--foreground", "--config-dir", str(tmp_path / "conf"), "--log-info")
    assert await client.snapshot() == {}
    await client.close()
    rig.stop()
