"""Folders become torrents, and another libtorrent session can fetch them."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import libtorrent as lt
import pytest

from earmark.core.torrentfile import read_torrent
from earmark.sandbox.seeder import Seeder, make_torrent
from earmark.sandbox.tracker import Tracker

URL = "http://127.0.0.1:1/announce/pk"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf" / "A Book"
    (folder / "CD 2").mkdir(parents=True)
    noise = random.Random(7)
    (folder / "02.mp3").write_bytes(noise.randbytes(70_000))
    (folder / "01.mp3").write_bytes(noise.randbytes(50_001))
    (folder / "CD 2" / "03.mp3").write_bytes(noise.randbytes(123))
    (folder / "empty.txt").write_bytes(b"")
    (folder / "release.json").write_text("{}")
    return folder


def test_the_same_content_makes_the_same_bytes(book: Path) -> None:
    assert make_torrent(book, URL) == make_torrent(book, URL)


def test_a_folder_torrent_is_sound_private_and_leaves_the_catalogues_notes_out(book: Path) -> None:
    meta = read_torrent(make_torrent(book, URL))
    assert meta.private
    assert meta.trackers == (URL,)
    assert [e.path for e in meta.entries] == [
        "A Book/01.mp3",
        "A Book/02.mp3",
        "A Book/CD 2/03.mp3",
        "A Book/empty.txt",
    ]


def test_libtorrent_reads_the_same_info_hash(book: Path) -> None:
    torrent = make_torrent(book, URL, private=False)
    assert str(lt.torrent_info(torrent).info_hash()) == read_torrent(torrent).info_hash


def test_a_single_file_is_a_single_file_torrent(book: Path) -> None:
    meta = read_torrent(make_torrent(book / "02.mp3", URL, piece_length=32768))
    assert [(e.path, e.size) for e in meta.entries] == [("02.mp3", 70_000)]
    assert meta.piece_length == 32768


def test_an_empty_folder_makes_no_torrent(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to seed"):
        make_torrent(tmp_path, URL)


async def test_content_that_is_not_there_is_not_seeded(book: Path, tmp_path: Path) -> None:
    seeder = Seeder()
    await seeder.start()
    try:
        with pytest.raises(FileNotFoundError):
            await seeder.seed(make_torrent(book, URL), tmp_path / "elsewhere")
    finally:
        await seeder.stop()


async def test_a_peer_fetches_the_whole_folder_through_tracker_and_seeder(book: Path, tmp_path: Path) -> None:
    tracker, seeder = Tracker(interval=1), Seeder()
    await tracker.start()
    tracker.allow("pk")
    await seeder.start()
    try:
        torrent = make_torrent(book, tracker.url("pk"))
        info_hash = await seeder.seed(torrent, book.parent)
        session = lt.session({"listen_interfaces": "127.0.0.1:0", "enable_dht": False, "enable_lsd": False})
        session.apply_settings({"allow_multiple_connections_per_ip": True, "enable_outgoing_utp": False})
        params = lt.add_torrent_params()
        params.ti, params.save_path = lt.torrent_info(torrent), str(tmp_path / "down")
        handle = session.add_torrent(params)
        async with asyncio.timeout(30):
            while not handle.status().is_seeding:
                await asyncio.sleep(0.05)
        got, wanted = tmp_path / "down" / book.name, book
        assert (got / "CD 2" / "03.mp3").read_bytes() == (wanted / "CD 2" / "03.mp3").read_bytes()
        assert (got / "02.mp3").read_bytes() == (wanted / "02.mp3").read_bytes()
        assert not (got / "release.json").exists()
        assert seeder.uploaded >= 120_000
        assert {record.info_hash for record in tracker.announces} == {info_hash}
    finally:
        session.pause()
        await seeder.stop()
        await tracker.stop()
