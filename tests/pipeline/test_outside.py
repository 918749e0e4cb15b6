"""What other programs take through our links: remembered, adopted when a client of ours holds it, watched like our own."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import bencode2
import pytest
from bare_house import QuietClient, bare_house
from stub_indexers import StubIndexer

from earmark.core.release import Release
from earmark.core.torrentfile import read_torrent
from earmark.core.torrents import InfoHash, TorrentState, TorrentStatus
from earmark.core.wish import Kind
from earmark.indexers.errors import SessionExpired, session_expired
from earmark.pipeline import desk, grabbing
from earmark.pipeline.duties import resume_what_owes, watch_duties
from earmark.pipeline.house import House
from earmark.pipeline.indexing import listed
from earmark.pipeline.monitor import look
from earmark.pipeline.outside import OfferUnknown, clear_box, hand_out, outside_grabs
from earmark.pipeline.searching import Asker
from earmark.pipeline.space import prune
from earmark.pipeline.torrentbox import Box
from earmark.ports import Magnet
from earmark.store import Offer, TorrentRecord, alerts, offers, torrents

RMAB, SHELFMARK = Asker("ReadMeABook", "10.0.0.8"), Asker("Shelfmark", "10.0.0.9")
HOUR = 3600
RELEASE = Release(
    "https://www.myanonamouse.net/t/9", "mam", "Wool", kind=Kind.AUDIOBOOK, authors=("H. Howey",), download_ref="9"
)
OFFER = Offer(1, RELEASE)


def torrent_of(name: str) -> bytes:
    pieces = hashlib.sha256(name.encode()).digest()[:20]
    info = {b"length": 1000, b"name": name.encode(), b"piece length": 16384, b"pieces": pieces, b"private": 1}
    return bencode2.bencode({b"info": info})


WOOL = torrent_of("wool")
HASH = read_torrent(WOOL).info_hash


def status(info_hash: InfoHash = HASH, *, seeded: int = 0, **facts: object) -> TorrentStatus:
    made = TorrentStatus(
        info_hash=info_hash,
        name="wool",
        state=TorrentState.SEEDING,
        progress=1.0,
        download_rate=0,
        upload_rate=0,
        peers=0,
        seeds=0,
        eta_secs=None,
        total_bytes=1000,
        downloaded_bytes=1000,
        uploaded_bytes=10,
        seeding_secs=seeded,
        save_path="/somewhere/else",
        private=True,
    )
    return replace(made, **facts)  # type: ignore[arg-type]


class ListingClient(QuietClient):
    """Lists what a test puts there."""

    def __init__(self) -> None:
        super().__init__()
        self.there: dict[InfoHash, TorrentStatus] = {}

    async def snapshot(self) -> dict[InfoHash, TorrentStatus]:
        return dict(self.there)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = await bare_house(tmp_path, mam={"allow_unapproved_client": True})
    made.indexers["mam"] = StubIndexer("mam", torrent=WOOL)
    made.client = ListingClient()  # type: ignore[assignment]
    made.free_bytes = lambda _: 10**12
    await listed(made)
    async with made.write() as tx:
        await offers.remember(tx, [OFFER], made.now())
    yield made
    await made.db.close()


def client(house: House) -> ListingClient:
    assert isinstance(house.client, ListingClient)
    return house.client


def stub(house: House) -> StubIndexer:
    found = house.indexers["mam"]
    assert isinstance(found, StubIndexer)
    return found


async def record(house: House, info_hash: InfoHash = HASH) -> TorrentRecord | None:
    async with house.db.read() as tx:
        return await torrents.get(tx, info_hash)


async def alerts_of(house: House) -> dict[str, str]:
    async with house.db.read() as tx:
        return {alert.key: alert.reason.code for alert in await alerts.active(tx)}


# --- links ------------------------------------------------------------------------------------------------------------


async def test_a_link_gives_the_torrent_and_is_remembered(house: House) -> None:
    assert await hand_out(house, OFFER.key, asker=RMAB) == (OFFER, WOOL)
    (view,) = (await outside_grabs(house)).items
    assert (view.grab.source, view.grab.host, view.grab.info_hash, view.grab.times) == (
        "ReadMeABook",
        "10.0.0.8",
        HASH,
        1,
    )
    assert view.indexer_name == "MyAnonamouse"
    assert view.torrent is None
    assert await record(house) is None


async def test_a_link_asks_the_tracker_once(house: House) -> None:
    await asyncio.gather(*(hand_out(house, OFFER.key, asker=RMAB) for _ in range(10)))
    await hand_out(house, OFFER.key, asker=SHELFMARK)
    assert len(stub(house).fetched) == 1
    page = await outside_grabs(house)
    assert sorted((v.grab.source, v.grab.times) for v in page.items) == [("ReadMeABook", 10), ("Shelfmark", 1)]
    assert (await outside_grabs(house, limit=1, offset=1)).total == 2


async def test_a_ticket_takes_what_a_link_has_fetched(house: House) -> None:
    await hand_out(house, OFFER.key, asker=RMAB)
    filed = await grabbing.grab(house, 1, RELEASE.guid, asker=SHELFMARK, actor="Shelfmark")
    assert filed.created
    assert len(stub(house).fetched) == 1


async def test_a_link_gives_what_a_ticket_has_fetched(house: House) -> None:
    await grabbing.grab(house, 1, RELEASE.guid, asker=RMAB, actor="ReadMeABook")
    assert (await hand_out(house, OFFER.key, asker=SHELFMARK))[1] == WOOL
    assert len(stub(house).fetched) == 1
    (view,) = (await outside_grabs(house)).items
    assert view.grab.source == "Shelfmark"
    assert view.torrent is not None


async def test_a_program_that_looks_into_what_it_grabbed_took_nothing_for_itself(house: House) -> None:
    filed = await grabbing.grab(house, 1, RELEASE.guid, asker=RMAB, actor="ReadMeABook")
    await hand_out(house, OFFER.key, asker=RMAB)
    assert (await outside_grabs(house)).total == 0
    await desk.cancel(house, filed.ticket.id, "somebody")
    await hand_out(house, OFFER.key, asker=RMAB)
    assert (await outside_grabs(house)).total == 1


async def test_a_lost_copy_is_fetched_again(house: House) -> None:
    await hand_out(house, OFFER.key, asker=RMAB)
    Box(house.torrent_dir).forget(HASH)
    assert (await hand_out(house, OFFER.key, asker=RMAB))[1] == WOOL
    assert len(stub(house).fetched) == 2


@pytest.mark.parametrize(
    ("uri", "info_hash"),
    [(f"magnet:?xt=urn:btih:{'b' * 40}", "b" * 40), (f"magnet:?xt=urn:btmh:1220{'b' * 64}", None)],
    ids=["v1", "v2"],
)
async def test_a_magnet_is_handed_out_too(house: House, uri: str, info_hash: str | None) -> None:
    stub(house).torrent = Magnet(uri)
    for _ in range(2):
        assert (await hand_out(house, OFFER.key, asker=RMAB))[1] == Magnet(uri)
    (view,) = (await outside_grabs(house)).items
    assert (view.grab.info_hash, view.grab.times) == (info_hash, 2)


async def test_a_link_that_nobody_was_given_leads_nowhere(house: House) -> None:
    for key in ("", "0" * 32, "\ud800", "../../etc"):
        with pytest.raises(OfferUnknown):
            await hand_out(house, key, asker=RMAB)
    assert stub(house).fetched == []


async def test_what_could_not_be_had_was_not_taken(house: House) -> None:
    stub(house).error = session_expired("mam", "it sent a login page")
    with pytest.raises(SessionExpired):
        await hand_out(house, OFFER.key, asker=RMAB)
    assert (await outside_grabs(house)).total == 0


# --- adopted ----------------------------------------------------------------------------------------------------------


async def test_what_our_client_turns_out_to_hold_is_adopted_and_its_seeding_counted(house: House) -> None:
    await hand_out(house, OFFER.key, asker=RMAB)
    await look(house)
    assert await record(house) is None
    client(house).there = {HASH: status(seeded=100)}
    await look(house)
    client(house).there = {HASH: status(seeded=160)}
    await look(house)
    held = await record(house)
    assert held is not None
    assert (held.ticket_id, held.indexer, held.guid, held.seeding_secs) == (None, "mam", RELEASE.guid, 160)
    assert (held.private, held.name, held.save_path) == (True, "wool", "/somewhere/else")
    assert held.completed_at is not None
    assert [e.path for e in held.entries] == ["wool"]
    (view,) = (await outside_grabs(house)).items
    assert view.torrent == held


async def test_what_nobody_took_here_is_none_of_our_business(house: House) -> None:
    client(house).there = {InfoHash(f"{n:040x}"): status(InfoHash(f"{n:040x}")) for n in range(1500)}
    await hand_out(house, OFFER.key, asker=RMAB)
    await look(house)
    async with house.db.read() as tx:
        assert await torrents.live(tx, "embedded") == []


async def test_a_magnet_is_adopted_by_what_the_client_knows_of_it(house: House) -> None:
    stub(house).torrent = Magnet(f"magnet:?xt=urn:btih:{'b' * 40}")
    await hand_out(house, OFFER.key, asker=RMAB)
    of_magnet = InfoHash("b" * 40)
    client(house).there = {of_magnet: status(of_magnet)}
    await look(house)
    held = await record(house, of_magnet)
    assert held is not None
    assert (held.name, held.size_bytes, held.private) == ("wool", 1000, True)


async def test_what_comes_back_to_the_client_counts_on(house: House) -> None:
    await hand_out(house, OFFER.key, asker=RMAB)
    client(house).there = {HASH: status(seeded=500)}
    await look(house)
    async with house.write() as tx:
        await torrents.removed(tx, HASH, house.now())
    client(house).there = {HASH: status(seeded=20)}
    await look(house)
    held = await record(house)
    assert held is not None
    assert held.removed_at is None
    assert held.seeding_secs == 520


async def adopted(house: House) -> TorrentRecord:
    await hand_out(house, OFFER.key, asker=RMAB)
    client(house).there = {HASH: status(seeded=HOUR)}
    await look(house)
    found = await record(house)
    assert found is not None
    return found


async def test_a_duty_that_vanishes_is_told(house: House) -> None:
    await adopted(house)
    began = house.now()
    client(house).there = {}
    house.clock = lambda: began + timedelta(minutes=5)
    await look(house)
    await watch_duties(house)
    assert await alerts_of(house) == {f"torrent:{HASH}": "torrent_gone"}
    client(house).there = {HASH: status(seeded=HOUR)}
    await look(house)
    await watch_duties(house)
    assert await alerts_of(house) == {}


async def test_a_duty_that_is_done_may_vanish(house: House) -> None:
    await adopted(house)
    client(house).there = {HASH: status(seeded=73 * HOUR)}
    await look(house)
    began = house.now()
    client(house).there = {}
    house.clock = lambda: began + timedelta(minutes=5)
    await look(house)
    await watch_duties(house)
    assert await alerts_of(house) == {}
    held = await record(house)
    assert held is not None
    assert held.removed_at is not None


async def test_files_of_what_another_program_took_are_never_deleted_for_space(house: House, tmp_path: Path) -> None:
    (tmp_path / "wool").write_bytes(b"x" * 1000)
    await hand_out(house, OFFER.key, asker=RMAB)
    client(house).there = {HASH: status(seeded=73 * HOUR, save_path=str(tmp_path))}
    await look(house)
    assert await record(house) is not None
    assert (await prune(house, 1, "somebody")).plan.chosen == ()


async def test_what_another_program_paused_is_told_and_left_alone(house: House) -> None:
    await adopted(house)
    client(house).there = {HASH: status(seeded=HOUR, state=TorrentState.PAUSED)}
    await look(house)
    await watch_duties(house)
    assert await alerts_of(house) == {f"torrent:{HASH}": "torrent_paused_owing"}
    assert "resume" not in client(house).calls
    client(house).there = {HASH: status(seeded=HOUR)}
    await look(house)
    await watch_duties(house)
    assert await alerts_of(house) == {}


async def test_what_a_ticket_of_ours_owes_is_still_resumed(house: House) -> None:
    filed = await grabbing.grab(house, 1, RELEASE.guid, asker=RMAB, actor="ReadMeABook")
    held = await record(house)
    assert held is not None
    assert held.ticket_id == filed.ticket.id
    await resume_what_owes(house, {HASH: status(state=TorrentState.PAUSED)})
    assert "resume" in client(house).calls


# --- our copies -------------------------------------------------------------------------------------------------------


async def test_copies_that_nothing_refers_to_are_thrown_away(house: House) -> None:
    await hand_out(house, OFFER.key, asker=RMAB)
    box = Box(house.torrent_dir)
    stray = read_torrent(torrent_of("stray")).info_hash
    box.keep(stray, torrent_of("stray"))
    kept_for = read_torrent(torrent_of("for a ticket")).info_hash
    stub(house).torrent = torrent_of("for a ticket")
    other = replace(RELEASE, guid="other")
    async with house.write() as tx:
        await offers.remember(tx, [Offer(1, other)], house.now())
    await grabbing.grab(house, 1, "other", asker=RMAB, actor="ReadMeABook")
    await clear_box(house)
    assert box.kept(stray) is not None  # it came only now
    began = house.now()
    for days, there in ((2, {HASH, kept_for}), (31, {kept_for})):
        for file in house.torrent_dir.glob("*.torrent"):
            os.utime(file, (began.timestamp(), began.timestamp()))
        house.clock = lambda days=days: began + timedelta(days=days)  # type: ignore[misc]
        await clear_box(house)
        assert {InfoHash(file.stem) for file in house.torrent_dir.glob("*.torrent")} == there
