"""Full disks and folders that refuse: real errors of the kernel, from a disk of 600 KB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_disks import small_disk_at

from earmark.core.reasons import TransientError
from earmark.core.torrents import TorrentState

pytest_plugins = ("small_disks",)

S = TorrentState
BALLAST = 500_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for 1.6 MB, of which a ballast file leaves 1.1 MB."""
    with small_disk_at(tmp_path / "tiny", "1600k") as place:
        (place / "ballast").write_bytes(b"x" * BALLAST)
        yield place


async def test_a_full_disk_stops_the_download_and_space_lets_it_go_on(world, small_disk, until_state) -> None:
    book = world.write_book("Too Big", (1_400_000,))
    client = await world.client()
    info_hash = await client.add(await world.seed(book), small_disk)
    status = await until_state(client, info_hash, S.ERROR)
    assert status.error.code == "disk_full"
    assert status.error.action == "Free some space, then resume the torrent."
    assert "Too Big" in status.error.message
    assert not await client.wait_for_completion(info_hash, timeout=5)
    (small_disk / "ballast").unlink()
    await client.resume(info_hash)
    assert (await client.status(info_hash)).error is None
    assert await client.wait_for_completion(info_hash, timeout=30)
    assert (small_disk / "Too Big" / "01.mp3").read_bytes() == (book / "01.mp3").read_bytes()
    await client.remove(info_hash)


async def test_after_a_restart_a_stopped_download_tries_again_by_itself(world, small_disk, until_state) -> None:
    client = await world.client()
    info_hash = await client.add(await world.seed(world.write_book("Too Big", (1_400_000,))), small_disk)
    await until_state(client, info_hash, S.ERROR)
    await client.close()
    (small_disk / "ballast").unlink()
    client = await world.client()
    assert await client.wait_for_completion(info_hash, timeout=30)
    await client.remove(info_hash, delete_files=True)
    assert list(small_disk.iterdir()) == []


async def test_a_full_disk_under_the_clients_own_memory_refuses_the_torrent_clearly(world, small_disk) -> None:
    client = await world.client(state_dir=small_disk / "state")
    with (small_disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space left"):
        while True:
            filler.write(b"x" * 4096)
    with pytest.raises(TransientError) as refused:
        await client.add(world.torrent(world.write_book()), world.downloads)
    assert refused.value.reason.code == "client_state_unwritable"
    assert await client.snapshot() == {}
    assert [path.name for path in (small_disk / "state").iterdir()] == ["lock"]
    (small_disk / "filler").unlink()
    await client.add(world.torrent(world.write_book("Another")), world.downloads)
    assert len(await client.snapshot()) == 1
    await client.close()


async def test_a_download_folder_that_cannot_be_made_is_a_clear_error(world) -> None:
    (world.folder / "file").write_text("in the way")
    client = await world.client()
    with pytest.raises(TransientError) as refused:
        await client.add(world.torrent(world.write_book()), world.folder / "file" / "downloads")
    assert refused.value.reason.code == "save_path_unusable"
    assert await client.snapshot() == {}
