"""The same walk with the torrent programs people already run, for real: qBittorrent and Transmission as Debian ships them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from estate import house_over, settings_for, settled, wish
from torrent_client_rigs import PASSWORD, USER, QbittorrentRig, TransmissionRig

from earmark.core.states import TicketState
from earmark.core.torrents import InfoHash, TorrentState
from earmark.core.wish import Kind
from earmark.pipeline import desk
from earmark.ports import SearchQuery
from earmark.sandbox.world import World

pytestmark = pytest.mark.slow


async def test_a_wish_walks_through_qbittorrent_without_an_exception_to_the_client_rule(
    world: World, tmp_path: Path
) -> None:
    rig = QbittorrentRig(tmp_path / "qbittorrent")
    await asyncio.to_thread(rig.start)
    try:
        settings = settings_for(
            world,
            tmp_path,
            client={"kind": "qbittorrent"},
            mam={"allow_unapproved_client": False},
            processing={"check_interval_secs": 0.5},
            qbittorrent={"url": rig.url, "username": USER, "password": PASSWORD, "category": "books"},
        )
        async with house_over(settings, tmp_path) as house:
            filed = await desk.file_ticket(house, None, wish("The Time Machine", "H. G. Wells"))
            done = await settled(house, filed.ticket.id, 90)
            assert done.state is TicketState.COMPLETED, done.payload
            (held,) = (await house.client.snapshot()).values()
            assert held.state is TorrentState.SEEDING and held.private
    finally:
        rig.stop()


async def test_a_torrent_a_person_had_in_qbittorrent_becomes_the_book_from_where_it_lies(
    world: World, tmp_path: Path
) -> None:
    rig = QbittorrentRig(tmp_path / "qbittorrent")
    await asyncio.to_thread(rig.start)
    theirs = tmp_path / "theirs"
    try:
        settings = settings_for(
            world,
            tmp_path,
            client={"kind": "qbittorrent"},
            processing={"check_interval_secs": 0.5},
            qbittorrent={"url": rig.url, "username": USER, "password": PASSWORD, "category": "books"},
        )
        async with house_over(settings, tmp_path) as house:
            (indexer,) = house.indexers.values()
            (release,) = await indexer.search(SearchQuery("The Lost World", Kind.AUDIOBOOK))
            torrent = await indexer.fetch(release)
            assert isinstance(torrent, bytes)
            person = (await rig.open())._api
            await asyncio.to_thread(
                person.torrents_add, torrent_files=torrent, save_path=str(theirs), tags="mine", is_paused=True
            )
            filed = await desk.file_ticket(house, None, wish("The Lost World", "Arthur Conan Doyle"))
            done = await settled(house, filed.ticket.id, 90)
            assert done.state is TicketState.COMPLETED, done.payload
            (held,) = (await house.client.snapshot()).values()
            assert Path(held.save_path) == theirs
            assert {"mine", "earmark", f"ticket:{done.id[:8]}"} <= await rig.labels(held.info_hash)
    finally:
        rig.stop()


async def test_a_wish_walks_through_transmission(world: World, tmp_path: Path) -> None:
    (tmp_path / "transmission").mkdir()
    rig = TransmissionRig(tmp_path / "transmission")
    await asyncio.to_thread(rig.start)
    dialling: asyncio.Task[None] | None = None
    try:
        settings = settings_for(
            world,
            tmp_path,
            client={"kind": "transmission"},
            processing={"check_interval_secs": 0.5},
            transmission={"url": rig.url, "username": USER, "password": PASSWORD},
        )
        async with house_over(settings, tmp_path) as house:
            filed = await desk.file_ticket(house, None, wish("The Lost World", "Arthur Conan Doyle"))
            ticket = filed.ticket
            while ticket.state is not TicketState.DOWNLOADING:
                await asyncio.sleep(0.05)
                ticket = await desk.get(house, ticket.id)
            info_hash = InfoHash(ticket.payload.torrent_hash)  # type: ignore[union-attr]
            dialling = asyncio.create_task(rig.dial(world.seeder, info_hash))
            done = await settled(house, ticket.id, 120)
            assert done.state is TicketState.COMPLETED, done.payload
    finally:
        if dialling is not None:
            dialling.cancel()
        rig.stop()


async def test_a_client_that_is_away_is_an_alert_and_the_house_stands(world: World, tmp_path: Path) -> None:
    settings = settings_for(
        world,
        tmp_path,
        client={"kind": "qbittorrent"},
        processing={"check_interval_secs": 0.2},
        qbittorrent={"url": "http://127.0.0.1:9", "username": USER, "password": PASSWORD},
    )
    async with house_over(settings, tmp_path) as house:
        for _ in range(100):
            home = await desk.home(house)
            if any(alert.key == "client" for alert in home.alerts):
                break
            await asyncio.sleep(0.1)
        assert home.health.status == "error"
        assert any("qbittorrent" in check.name and check.action for check in home.health.checks)
