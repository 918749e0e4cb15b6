"""The stand-in tracker, asked the way clients ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

import bencode2
import httpx2
import pytest

from earmark.sandbox.tracker import Announce, Tracker, fingerprint

HASH = bytes(range(20))


@pytest.fixture
async def tracker() -> AsyncIterator[Tracker]:
    tracker = Tracker(interval=7)
    await tracker.start()
    tracker.allow("alice")
    yield tracker
    await tracker.stop()


async def announce(
    tracker: Tracker, passkey: str = "alice", *, port: int = 5000, left: int = 0, event: str = "", agent: str = "qB/5"
) -> dict[bytes, object]:
    query = f"?info_hash={quote(HASH)}&peer_id={'p' * 20}&port={port}&uploaded=3&downloaded=4&left={left}&compact=1"
    if event:
        query += f"&event={event}"
    async with httpx2.AsyncClient(headers={"User-Agent": agent}) as http:
        answer = await http.get(tracker.url(passkey) + query)
    return bencode2.bdecode(answer.content)


async def test_a_known_passkey_gets_the_other_peers_in_compact_form(tracker: Tracker) -> None:
    await announce(tracker, port=5000, left=0, event="started")
    answer = await announce(tracker, port=6000, left=10, event="started")
    assert answer[b"peers"] == bytes([127, 0, 0, 1]) + (5000).to_bytes(2, "big")
    assert (answer[b"complete"], answer[b"incomplete"], answer[b"interval"]) == (1, 1, 7)


async def test_seeds_are_not_told_of_seeds(tracker: Tracker) -> None:
    await announce(tracker, port=5000, left=0)
    assert (await announce(tracker, port=6000, left=0))[b"peers"] == b""


async def test_a_stopped_peer_leaves_the_swarm(tracker: Tracker) -> None:
    await announce(tracker, port=5000, left=0)
    await announce(tracker, port=5000, left=0, event="stopped")
    assert tracker.swarm(HASH.hex()) == (0, 0)


async def test_an_unknown_and_a_revoked_passkey_are_refused_in_the_sites_words(tracker: Tracker) -> None:
    refusal = {b"failure reason": b"Unrecognized Host/PassKey"}
    assert await announce(tracker, "mallory") == refusal
    tracker.refuse("alice")
    assert await announce(tracker, "alice") == refusal
    assert [record.failure for record in tracker.announces] == ["Unrecognized Host/PassKey"] * 2


async def test_a_banned_client_is_refused(tracker: Tracker) -> None:
    tracker.ban("BadClient/")
    assert b"failure reason" in await announce(tracker, agent="BadClient/1.0")
    assert b"failure reason" not in await announce(tracker, agent="Good/1.0")


async def test_with_registered_torrents_only_a_stranger_is_refused() -> None:
    tracker = Tracker(registered_only=True)
    await tracker.start()
    tracker.allow("alice")
    try:
        assert b"failure reason" in await announce(tracker)
        tracker.register(HASH.hex().upper())
        assert b"failure reason" not in await announce(tracker)
    finally:
        await tracker.stop()


async def test_every_announce_is_logged_without_the_passkey_and_told_to_the_site(tracker: Tracker) -> None:
    heard: list[Announce] = []
    tracker.on_announce = heard.append
    await announce(tracker, port=6000, left=0, event="completed")
    (record,) = tracker.announces
    assert heard == [record]
    assert (record.event, record.uploaded, record.downloaded, record.left) == ("completed", 3, 4, 0)
    assert (record.info_hash, record.user_agent, record.port) == (HASH.hex(), "qB/5", 6000)
    assert record.passkey == fingerprint("alice")
    assert "alice" not in repr(record)


async def test_anything_but_an_announce_is_not_found(tracker: Tracker) -> None:
    async with httpx2.AsyncClient() as http:
        assert (await http.get(f"http://127.0.0.1:{tracker.port}/")).status_code == 404


async def test_rubbish_on_the_wire_leaves_the_tracker_alive(tracker: Tracker) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.get(tracker.url("alice") + "?info_hash=abc&port=x&left=-1&%%%&=")
    assert bencode2.bdecode(answer.content) == {b"failure reason": b"Invalid announce"}
    assert b"failure reason" not in await announce(tracker)
