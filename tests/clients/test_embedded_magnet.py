"""Magnets: what they turn out to be is checked before a byte is written. And who may use DHT, PEX and discovery."""

from __future__ import annotations

import hashlib
from pathlib import Path

import bencode2
import libtorrent as lt
import pytest

from earmark.clients.embedded.config import session_settings, user_agent
from earmark.core.reasons import PermanentError
from earmark.core.torrentfile import read_torrent
from earmark.core.torrents import InfoHash, TorrentState

S = TorrentState
F = lt.torrent_flags
PEERLESS = F.disable_dht | F.disable_pex | F.disable_lsd


def magnet(world, info_hash: str) -> str:
    return f"magnet:?xt=urn:btih:{info_hash}&dn=Something&x.pe=127.0.0.1:{world.seeder.port}"


def hostile_torrent(folder: Path) -> bytes:
    """A sound transfer with a file name no file system should see."""
    (folder / "payload").write_bytes(b"x" * 50_000)
    info = {
        b"files": [{b"length": 50_000, b"path": [b"aux"]}],
        b"name": b"book",
        b"piece length": 65536,
        b"pieces": hashlib.sha1(b"x" * 50_000).digest(),
    }
    return bencode2.bencode({b"info": info})


async def test_a_magnet_becomes_a_download(world) -> None:
    book = world.write_book()
    meta = read_torrent(await world.seed(book, private=False))
    client = await world.client()
    info_hash = await client.add_magnet(magnet(world, meta.info_hash), world.downloads)
    assert info_hash == meta.info_hash
    assert (await client.status(info_hash)).state in {S.QUEUED, S.DOWNLOADING}
    assert await client.wait_for_completion(info_hash, timeout=30)
    assert await client.entries(info_hash) == meta.entries
    assert world.whole(book)


async def test_before_its_metadata_a_magnet_has_no_entries_and_survives_a_restart(world) -> None:
    book = world.write_book()
    torrent = world.torrent(book, private=False)
    info_hash = read_torrent(torrent).info_hash
    client = await world.client()
    await client.add_magnet(magnet(world, info_hash), world.downloads)
    assert await client.add_magnet(magnet(world, info_hash), world.downloads) == info_hash
    assert await client.entries(info_hash) == ()
    assert not (await client.status(info_hash)).complete
    await client.close()
    client = await world.client()
    assert list(await client.snapshot()) == [info_hash]
    await world.seeder.seed(torrent, book.parent)
    assert await client.wait_for_completion(info_hash, timeout=30)
    await client.close()
    client = await world.client()
    assert await client.wait_for_completion(info_hash, timeout=30)
    assert len(await client.entries(info_hash)) == 2


async def test_a_magnet_that_turns_out_hostile_writes_nothing(world, until_state, tmp_path) -> None:
    torrent = hostile_torrent(tmp_path)
    session = lt.session({"listen_interfaces": "127.0.0.1:0", "enable_dht": False, "enable_lsd": False})
    params = lt.load_torrent_buffer(torrent)
    params.save_path, params.flags = str(tmp_path), F.seed_mode
    session.add_torrent(params)
    info_hash = InfoHash(str(params.ti.info_hash()))
    uri = f"magnet:?xt=urn:btih:{info_hash}&x.pe=127.0.0.1:{session.listen_port()}"
    client = await world.client()
    await client.add_magnet(uri, world.downloads)
    status = await until_state(client, info_hash, S.ERROR)
    assert status.error.code == "torrent_path_hostile"
    assert await client.entries(info_hash) == ()
    await client.resume(info_hash)
    await client.recheck(info_hash)
    await client.close()
    client = await world.client()
    assert (await client.status(info_hash)).state is S.ERROR
    assert list(world.downloads.iterdir()) == []
    await client.remove(info_hash)
    assert await client.snapshot() == {}


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("http://example.org", "bad_magnet"),
        ("magnet:?xt=urn:btih:zz", "bad_magnet"),
        ("magnet:?xt=urn:btmh:1220" + "a" * 64, "magnet_v2_only"),
    ],
)
async def test_what_is_no_usable_magnet_is_refused(world, uri: str, code: str) -> None:
    client = await world.client()
    with pytest.raises(PermanentError) as refused:
        await client.add_magnet(uri, world.downloads)
    assert refused.value.reason.code == code
    assert await client.snapshot() == {}


def flags(client, info_hash: InfoHash) -> int:
    return client._engine.jobs[info_hash].handle.flags()


async def test_private_torrents_use_neither_dht_nor_pex_nor_discovery_whatever_the_switches(world) -> None:
    client = await world.client(dht=True, pex=True)
    private = await client.add(world.torrent(world.write_book("Private")), world.downloads)
    public = await client.add(world.torrent(world.write_book("Public"), private=False), world.downloads)
    assert flags(client, private) & PEERLESS == PEERLESS
    assert flags(client, public) & PEERLESS == F.disable_lsd
    about = await client.about()
    assert (about.dht, about.pex, about.lsd) == (True, True, False)


async def test_with_the_switches_off_public_torrents_use_them_neither(world) -> None:
    client = await world.client()
    public = await client.add(world.torrent(world.write_book(), private=False), world.downloads)
    assert flags(client, public) & PEERLESS == PEERLESS
    about = await client.about()
    assert (about.dht, about.pex, about.lsd) == (False, False, False)


async def test_a_magnet_with_a_passkey_is_private_until_shown_otherwise(world) -> None:
    client = await world.client(dht=True, pex=True)
    secret = f"&tr=http://127.0.0.1:1/announce/{'a' * 32}"
    unknown = await client.add_magnet(f"magnet:?xt=urn:btih:{'b' * 40}{secret}", world.downloads)
    assert flags(client, unknown) & PEERLESS == PEERLESS


async def test_it_names_itself_honestly_to_trackers_and_peers(world) -> None:
    client = await world.client()
    await client.add(await world.seed(world.write_book()), world.downloads)
    (info_hash,) = await client.snapshot()
    assert await client.wait_for_completion(info_hash, timeout=30)
    ours = [record for record in world.tracker.announces if record.port == client.listen_port]
    assert {record.user_agent for record in ours} == {user_agent()}
    assert user_agent().startswith("Earmark/")
    assert ours[0].peer_id.startswith(b"-EM")


def test_the_switches_and_the_bootstrap_nodes_reach_libtorrent(tmp_path) -> None:
    from earmark.clients.embedded import EmbeddedConfig

    nodes = ("router.bittorrent.com:6881", "router.utorrent.com:6881", "dht.transmissionbt.com:6881")
    on = session_settings(EmbeddedConfig(tmp_path, dht=True, upnp=True, utp=True, dht_bootstrap_nodes=nodes))
    assert (on["enable_dht"], on["enable_upnp"], on["enable_natpmp"], on["enable_lsd"]) == (True, True, True, False)
    assert on["dht_bootstrap_nodes"] == ",".join(nodes)
    off = session_settings(EmbeddedConfig(tmp_path))
    assert (off["enable_dht"], off["enable_upnp"], off["enable_natpmp"]) == (False, False, False)


async def test_removing_a_magnet_that_never_learned_what_it_is_complains_of_nothing(world, caplog) -> None:
    client = await world.client()
    info_hash = await client.add_magnet(magnet(world, "c" * 40), world.downloads)
    await client.remove(info_hash, delete_files=True)
    assert await client.snapshot() == {}
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == []
