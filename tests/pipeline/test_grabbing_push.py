"""Releases that a program brings along with their address."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import bencode2
import pytest
from bare_house import bare_house
from stub_indexers import StubIndexer

from earmark.core.indexing import IndexerFacts
from earmark.core.reasons import PermanentError
from earmark.core.release import Release
from earmark.core.states import Approved, TicketState
from earmark.core.ticket import Ticket
from earmark.core.wish import BookWish, Kind
from earmark.http import site_unavailable
from earmark.pipeline import desk, grabbing, indexing, views
from earmark.pipeline.grab import admit_and_fetch
from earmark.pipeline.grabbing import Filed, GrabFailed, Pushed
from earmark.pipeline.house import House
from earmark.pipeline.searching import Asker
from earmark.pipeline.step import GO
from earmark.ports import Magnet
from earmark.store import Offer, candidates, events, offers, tickets, torrents

AUTOBRR = Asker("autobrr", "10.0.0.9")
LINE = "The Moonstone by Wilkie Collins [ENG / M4B]"
PASSKEY = "5ecret5ecret5ecret"
MAGNET = f"magnet:?xt=urn:btih:{'A' * 40}&dn=moonstone&tr=http%3A%2F%2Ftracker.example%2F{PASSKEY}"


def torrent_of(name: str, *, private: bool = True) -> bytes:
    pieces = hashlib.sha256(name.encode()).digest()[:20]
    info = {b"length": 1000, b"name": name.encode(), b"piece length": 16384, b"pieces": pieces}
    return bencode2.bencode({b"info": info | ({b"private": 1} if private else {})})


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = await bare_house(
        tmp_path,
        mam={"allow_unapproved_client": True},
        jackett={"url": "http://feeds.example:9117", "api_key": "k"},
    )
    made.indexers["mam"] = StubIndexer("mam", torrent=torrent_of("from mam"))
    made.indexers["jackett"] = StubIndexer("jackett", torrent=torrent_of("from jackett"))
    made.link_fetcher = StubIndexer("push", torrent=torrent_of("from a link"))
    made.free_bytes = lambda _: 10**12
    await indexing.listed(made)
    yield made
    await made.db.close()


async def push(house: House, url: str | None = None, *, magnet: str | None = None, title: str = LINE) -> Filed:
    pushed = Pushed(title, url, magnet, categories=(3030,), size_bytes=1000)
    return await grabbing.push(house, pushed, asker=AUTOBRR, actor="autobrr")


async def everything(house: House) -> list[Ticket]:
    async with house.db.read() as tx:
        return await tickets.in_states(tx, set(TicketState))


async def release_of(house: House, filed: Filed) -> Release:
    async with house.db.read() as tx:
        chosen = await candidates.get(tx, filed.ticket.id, 0)
    assert chosen is not None
    return chosen.release


def fetched(house: House) -> dict[str, list[Release]]:
    stubs = {**house.indexers, "push": house.link_fetcher}
    return {key: one.fetched for key, one in stubs.items() if isinstance(one, StubIndexer) and one.fetched}


async def test_any_address_becomes_a_ticket_with_its_torrent(house: House) -> None:
    link = f"https://tracker.example/dl/7?passkey={PASSKEY}"
    filed = await push(house, link)
    assert filed.created
    assert filed.ticket.payload == Approved(0, "autobrr", filed.ticket.created_at)
    assert filed.ticket.request.wish == BookWish("The Moonstone", ("Wilkie Collins",), language="en")
    assert filed.ticket.request.kind is Kind.AUDIOBOOK
    assert filed.ticket.request.requested_by == "autobrr"
    assert [r.download_ref for r in fetched(house)["push"]] == [link]
    assert await admit_and_fetch(house, filed.ticket.id) == GO
    assert list(fetched(house)) == ["push"]


@pytest.mark.parametrize("link", [f"https://tracker.example/dl/7?passkey={PASSKEY}", MAGNET], ids=["http", "magnet"])
async def test_no_address_is_kept_for_it_may_hold_a_passkey(house: House, link: str) -> None:
    filed = await push(house, link)
    release = await release_of(house, filed)
    view = await views.view(house, filed.ticket.id)
    assert (release.download_ref, release.magnet) == ("", None)
    assert PASSKEY not in repr(view)
    async with house.db.read() as tx:
        assert PASSKEY not in repr(await events.since(tx, 0))


async def test_the_same_address_again_is_the_same_ticket(house: House) -> None:
    first = await push(house, "https://tracker.example/dl/7")
    again = await push(house, "https://tracker.example/dl/7", title="Told Otherwise")
    assert again == Filed(first.ticket, created=False)
    assert len(fetched(house)["push"]) == 1


async def test_ten_pushes_at_once_make_one_ticket(house: House) -> None:
    filed = await asyncio.gather(*(push(house, "https://tracker.example/dl/7") for _ in range(10)))
    assert len({one.ticket.id for one in filed}) == 1
    assert len(fetched(house)["push"]) == 1


async def test_the_same_torrent_by_another_address_is_the_same_ticket(house: House) -> None:
    first = await push(house, "https://tracker.example/dl/7")
    again = await push(house, "https://mirror.example/dl/8")
    assert (again.ticket.id, again.created) == (first.ticket.id, False)
    assert len(await everything(house)) == 1


async def test_a_magnet_alone_is_taken(house: House) -> None:
    filed = await push(house, magnet=MAGNET)
    assert filed.created
    assert await admit_and_fetch(house, filed.ticket.id) == GO
    assert (await desk.get(house, filed.ticket.id)).torrent_hash == "a" * 40
    assert fetched(house) == {}
    again = await push(house, f"magnet:?xt=urn:btih:{'a' * 40}&dn=other")
    assert (again.ticket.id, again.created) == (filed.ticket.id, False)


async def test_a_link_that_leads_to_a_magnet_is_taken(house: House) -> None:
    assert isinstance(house.link_fetcher, StubIndexer)
    house.link_fetcher.torrent = Magnet(MAGNET)
    filed = await push(house, "https://tracker.example/dl/7")
    async with house.db.read() as tx:
        record = await torrents.get(tx, (await release_of(house, filed)).info_hash)  # type: ignore[arg-type]
    assert record is not None
    assert record.ticket_id == filed.ticket.id


async def test_a_link_of_ours_is_the_grab_of_its_offer(house: House) -> None:
    offer = Offer(1, Release("https://www.myanonamouse.net/t/5", "mam", "Wool", kind=Kind.AUDIOBOOK, download_ref="5"))
    async with house.write() as tx:
        await offers.remember(tx, [offer], house.now())
    filed = await push(house, f"http://earmark.example:8080/base/1/download?apikey=1.x&link={offer.key}&file=Wool")
    assert await release_of(house, filed) == offer.release
    grabbed = await grabbing.grab(house, 1, offer.release.guid, asker=AUTOBRR, actor="autobrr")
    assert grabbed == Filed(filed.ticket, created=False)
    assert list(fetched(house)) == ["mam"]


async def test_an_address_of_the_tracker_with_a_number_is_its_release(house: House) -> None:
    filed = await push(house, "https://www.myanonamouse.net/tor/download.php?tid=77")
    release = await release_of(house, filed)
    assert (release.guid, release.indexer, release.download_ref) == ("https://www.myanonamouse.net/t/77", "mam", "77")
    assert list(fetched(house)) == ["mam"]
    again = await push(house, "https://www.myanonamouse.net/t/77")
    assert (again.ticket.id, again.created) == (filed.ticket.id, False)


async def test_a_private_address_of_the_tracker_is_owed_to_the_tracker(house: House) -> None:
    filed = await push(house, "https://www.myanonamouse.net/tor/download.php/" + "ab" * 20)
    release = await release_of(house, filed)
    assert (release.indexer, release.download_ref) == ("mam", "")
    assert list(fetched(house)) == ["push"]
    async with house.db.read() as tx:
        record = await torrents.by_guid(tx, release.guid, "mam")
    assert record is not None
    assert record.private


async def test_an_address_of_a_feed_of_ours_is_asked_through_it(house: House) -> None:
    filed = await push(house, "http://feeds.example:9117/dl/one/?jackett_apikey=k&path=x")
    release = await release_of(house, filed)
    assert (release.indexer, release.download_ref) == ("jackett", "")
    assert list(fetched(house)) == ["jackett"]


async def test_another_port_of_the_same_host_is_another_place(house: House) -> None:
    await push(house, "http://feeds.example:8080/dl/one")
    assert list(fetched(house)) == ["push"]


@pytest.mark.parametrize(
    ("url", "magnet", "code"),
    [
        (None, None, "bad_download_link"),
        (" ", "", "bad_download_link"),
        ("ftp://tracker.example/x", None, "bad_download_link"),
        ("file:///etc/passwd", None, "bad_download_link"),
        ("http://[::1", None, "bad_download_link"),
        ("http://tracker.example:99999/", None, "bad_download_link"),
        ("http:///x", None, "bad_download_link"),
        (None, "magnet:?xt=urn:btih:short", "not_a_magnet"),
        (None, "https://tracker.example/x\ud800", None),
    ],
    ids=["none", "blank", "ftp", "file", "broken", "port", "hostless", "magnet", "address-as-magnet"],
)
async def test_what_is_no_address_is_refused(
    house: House, url: str | None, magnet: str | None, code: str | None
) -> None:
    if code is None:
        assert (await push(house, url, magnet=magnet)).created
        return
    with pytest.raises(PermanentError) as caught:
        await push(house, url, magnet=magnet)
    assert caught.value.reason.code == code
    assert await everything(house) == []


async def test_what_cannot_be_fetched_makes_no_ticket(house: House) -> None:
    assert isinstance(house.link_fetcher, StubIndexer)
    house.link_fetcher.error = site_unavailable("the link", "it is away")
    with pytest.raises(GrabFailed) as caught:
        await push(house, "https://tracker.example/dl/7")
    assert caught.value.reason.evidence["code"] == "site_unavailable"
    assert await everything(house) == []


async def test_a_house_without_a_fetcher_says_so(house: House) -> None:
    house.link_fetcher = None
    with pytest.raises(GrabFailed) as caught:
        await push(house, "https://tracker.example/dl/7")
    assert caught.value.reason.evidence["code"] == "bad_download_link"


async def test_a_torrent_that_was_claimed_before_is_not_fetched_again(house: House) -> None:
    first = await push(house, magnet=MAGNET)
    claimed = Pushed(LINE, "https://tracker.example/dl/9", info_hash="A" * 40)
    again = await grabbing.push(house, claimed, asker=AUTOBRR, actor="autobrr")
    assert (again.ticket.id, again.created) == (first.ticket.id, False)
    assert fetched(house) == {}


async def test_an_added_feed_is_known_by_its_address(house: House) -> None:
    record = await indexing.record_of(house, 2)
    house.registry.records[2] = replace(record, facts=IndexerFacts(url="https://else.example/torznab/api"))
    await push(house, "https://else.example/torznab/dl?id=1")
    assert list(fetched(house)) == ["jackett"]


async def test_only_the_tracker_may_be_asked_at_an_address_that_is_not_public(house: House) -> None:
    """Whoever may push must not reach what else runs beside a feed of ours."""
    await push(house, "http://feeds.example:9117/dl/one")
    places = grabbing.tracker_places(house)
    assert ("www.myanonamouse.net", 443) in places
    assert "feeds.example" not in {host for host, _ in places}
