from __future__ import annotations

import asyncio
import json
import logging
import random
import socket

import httpx2
import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from earmark.api.auth import issue_session
from earmark.core.reasons import Reason
from earmark.core.states import Completed, CompletionStats, Converting, Downloading, Failed, Placing, TicketState
from earmark.core.ticket import TicketId
from earmark.pipeline.bus import Message
from earmark.pipeline.progress import Progress
from earmark.store import Severity, alerts, events

KEY = "?token=the-admin-key"
BOOK = {"kind": "audiobook", "search": {"title": "The Time Machine", "author": "H. G. Wells"}}
HASH = "0123456789abcdef0123456789abcdef01234567"


async def hear(ws, kind: str | None = None, secs: float = 10.0) -> dict:
    """The next message (of a kind); heartbeats are passed over."""
    async with asyncio.timeout(secs):
        while True:
            message = json.loads(await ws.recv())
            if message["type"] == kind or (kind is None and message["type"] != "heartbeat"):
                return message


async def file(api) -> str:
    return (await api.post("/api/v1/ticket", json=BOOK)).json()["ticket_id"]


async def note(house, n: int) -> None:
    async with house.write() as tx:
        await events.append(tx, None, "note", {"n": n}, house.now())


@pytest.mark.parametrize("path", ["/ws", "/api/v1/ws"])
async def test_a_connection_starts_with_what_is_under_way(served, api, path) -> None:
    ticket_id, ended = await file(api), await file(api)
    await api.delete(f"/api/v1/ticket/{ended}")
    async with websockets.connect(served.ws + path + KEY) as ws:
        snapshot = await hear(ws)
        assert (snapshot["type"], snapshot["seq"], snapshot["total"]) == ("snapshot", 3, 1)
        assert [t["ticket_id"] for t in snapshot["tickets"]] == [ticket_id]
        assert snapshot["tickets"][0]["title"] == "The Time Machine – H. G. Wells"


async def test_every_transition_is_told_with_old_and_new_state(served, api, parked) -> None:
    async with websockets.connect(served.ws + "/ws" + KEY) as ws:
        await hear(ws, "snapshot")
        ticket_id = await parked()
        told = [await hear(ws) for _ in range(5)]
    changes = [(m["old_state"], m["new_state"]) for m in told if m["type"] == "state_change"]
    assert changes == [
        (None, "PENDING"),
        ("PENDING", "SEARCHING"),
        ("SEARCHING", "MATCHING"),
        ("MATCHING", "NEEDS_APPROVAL"),
    ]
    assert [m["seq"] for m in told] == [1, 2, 3, 4, 5]
    assert {m["ticket_id"] for m in told} == {ticket_id}
    assert told[0]["at"] == "2026-11-20T12:00:00Z"
    asks = told[4]
    assert asks["type"] == "needs_approval"
    assert [(c["title"], c["score"], c["seeders"]) for c in asks["candidates"][:2]] == [
        ("Right", 0.8, 5),
        ("Near", 0.6, 5),
    ]
    assert asks["reasons"][0]["code"] == "LowConfidence"
    assert asks["reasons"][0]["threshold"] == 0.85


async def test_progress_is_told_as_it_comes(served, api, house) -> None:
    ticket_id = await file(api)
    async with websockets.connect(served.ws + "/ws" + KEY) as ws:
        await hear(ws, "snapshot")
        now = Progress(TicketState.DOWNLOADING, "download", 45.2, 452, 1000, "bytes", 125000, 95, "Book")
        house.bus.publish(Message("progress", TicketId(ticket_id), now.as_json()))
        told = await hear(ws, "progress")
    assert (told["ticket_id"], told["state"], told["progress_pct"]) == (ticket_id, "DOWNLOADING", 45.2)
    assert (told["speed_bps"], told["eta_secs"]) == (125000, 95)


async def test_completion_and_failure_are_told_once_each(served, api, house, move) -> None:
    good, bad = await file(api), await file(api)
    now = house.now()
    async with websockets.connect(served.ws + "/ws" + KEY) as ws:
        await hear(ws, "snapshot")
        for step in (Downloading(HASH, now), Converting(HASH, now, 1), Placing(HASH, now, 1)):
            await move(good, step)
        await move(good, Completed(now, CompletionStats(10, 1, 1, 9), "/books/W", ("a.m4b", "cover.jpg")))
        why = Reason("site_down", "The site did not answer.", "Wait.")
        await move(bad, Failed(now, TicketState.PENDING, why, retryable=True, retry_count=3))
        await note(house, 99)
        told = []
        while not told or told[-1].get("n") != 99:
            told.append(await hear(ws))
    (done,) = [m for m in told if m["type"] == "completed"]
    (failed,) = [m for m in told if m["type"] == "failed"]
    assert (done["ticket_id"], done["items_placed"], done["library_path"]) == (good, 2, "/books/W")
    assert done["stats"]["final_size_bytes"] == 9
    assert failed["ticket_id"] == bad
    assert (failed["error"], failed["code"], failed["action"]) == ("The site did not answer.", "site_down", "Wait.")
    assert failed["retryable"] is True


async def test_alerts_are_told(served, house) -> None:
    async with websockets.connect(served.ws + "/ws" + KEY) as ws:
        await hear(ws, "snapshot")
        async with house.write() as tx:
            await alerts.raise_(tx, "disk", Severity.ERROR, Reason("full", "Full.", "Clear."), house.now())
        told = await hear(ws, "alert")
    assert (told["key"], told["active"], told["reason"]["action"]) == ("disk", True, "Clear.")


async def test_a_reconnect_with_the_last_seq_gets_exactly_what_it_missed(served, house) -> None:
    for n in range(1, 66):
        await note(house, n)
    async with websockets.connect(served.ws + "/ws" + KEY + "&since=5") as ws:
        told = [await hear(ws) for _ in range(61)]
        assert [m["seq"] for m in told[:60]] == list(range(6, 66))
        assert told[60] == {"type": "live", "seq": 65}
        await note(house, 66)
        assert (await hear(ws))["seq"] == 66


async def test_a_number_from_the_future_starts_anew(served, house) -> None:
    await note(house, 1)
    async with websockets.connect(served.ws + "/ws" + KEY + "&since=999") as ws:
        told = await hear(ws)
    assert (told["type"], told["seq"], told["reset"]) == ("snapshot", 1, True)


async def test_whoever_reconnects_at_random_moments_misses_and_repeats_nothing(served, house) -> None:
    chance = random.Random(7)
    total = 300
    heard: list[int] = []

    async def write() -> None:
        for n in range(1, total + 1):
            await note(house, n)
            if chance.random() < 0.2:
                await asyncio.sleep(0.002)

    async def listen() -> None:
        while len(heard) < total:
            since = heard[-1] if heard else 0
            async with websockets.connect(f"{served.ws}/ws{KEY}&since={since}") as ws:
                for _ in range(chance.randrange(1, 40)):
                    message = await hear(ws)
                    if "n" in message:
                        heard.append(message["seq"])
                    if len(heard) == total:
                        return

    async with asyncio.timeout(60):
        await asyncio.gather(write(), listen())
    assert heard == list(range(1, total + 1))


async def test_what_the_bus_dropped_is_read_from_the_store(served, house) -> None:
    async with websockets.connect(served.ws + "/ws" + KEY) as ws:
        await hear(ws, "snapshot")
        async with house.db.write() as tx:  # nobody is told: as if another process had written it
            await events.append(tx, None, "note", {"n": 1}, house.now())
        assert (await hear(ws))["n"] == 1


async def test_a_burst_far_beyond_the_backlog_does_not_cost_a_good_reader_the_line(served, house) -> None:
    async with websockets.connect(served.ws + "/ws" + KEY) as ws:
        await hear(ws, "snapshot")
        async with house.write() as tx:
            for n in range(400):
                await events.append(tx, None, "note", {"n": n}, house.now())
        assert [(await hear(ws))["seq"] for _ in range(400)] == list(range(1, 401))


def deaf(served, query: str) -> socket.socket:
    """A WebSocket client that says hello and then never reads again."""
    host, port = served.http.removeprefix("http://").split(":")
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect((host, int(port)))
    line.sendall(
        f"GET /ws{query} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    return line


async def test_a_reader_that_is_too_slow_is_let_go_and_can_come_back(served, house, api) -> None:
    line = deaf(served, KEY)
    key = "earmark_live_connections"

    async def connected() -> int:
        text = (await api_served.get("/metrics")).text
        return int(float(next(row.split()[1] for row in text.splitlines() if row.startswith(key + " "))))

    async with httpx2.AsyncClient(base_url=served.http, headers={"X-Api-Key": "the-admin-key"}) as api_served:
        async with asyncio.timeout(10):
            while await connected() != 1:
                await asyncio.sleep(0.01)
        async with asyncio.timeout(60):
            written = 0
            while await connected() == 1:
                async with house.write() as tx:
                    for _ in range(20):
                        await events.append(tx, None, "note", {"filler": "x" * 50_000}, house.now())
                written += 20
    line.close()
    assert written > 20
    async with websockets.connect(f"{served.ws}/ws{KEY}&since={written - 3}", max_size=None) as ws:
        assert [(await hear(ws))["seq"] for _ in range(3)] == [written - 2, written - 1, written]


async def test_of_progress_only_the_latest_is_kept_for_a_slow_reader() -> None:
    from earmark.api.live import Letterbox

    box = Letterbox(backlog=10)

    async def incoming():
        for pct in range(1000):
            yield Message("progress", TicketId("a"), {"progress_pct": pct})
        yield Message("progress", TicketId("b"), {"progress_pct": 1})

    await box.fill(incoming())
    assert [(m.ticket_id, m.data["progress_pct"]) for m in box.take_progress()] == [("a", 999), ("b", 1)]
    assert box.take_progress() == []


@pytest.mark.parametrize(
    ("query", "headers", "code"),
    [
        ("", {}, 4401),
        ("?token=wrong", {}, 4401),
        ("", {"Authorization": "Bearer wrong"}, 4401),
        (KEY + "&since=x", {}, 4400),
        (KEY + "&since=-1", {}, 4400),
        (KEY + "&since=%C2%B2", {}, 4400),
        (KEY + "&since=" + "9" * 30, {}, 4400),
    ],
)
async def test_who_may_not_listen_is_told_by_the_close_code(served, query, headers, code) -> None:
    async with websockets.connect(served.ws + "/ws" + query, additional_headers=headers) as ws:
        with pytest.raises(ConnectionClosed) as closed:
            await hear(ws)
    assert closed.value.rcvd.code == code
    assert closed.value.rcvd.reason


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer the-user-key"}, {"X-Api-Key": "the-admin-key"}])
async def test_a_key_in_a_header_opens_the_line(served, headers) -> None:
    async with websockets.connect(served.ws + "/ws", additional_headers=headers) as ws:
        assert (await hear(ws))["type"] == "snapshot"


async def test_a_session_opens_the_line_only_to_our_own_pages(served, house) -> None:
    cookie = {"Cookie": f"earmark_session={issue_session(house, 'user')}"}
    async with websockets.connect(served.ws + "/ws", additional_headers=cookie, origin=served.http) as ws:
        assert (await hear(ws))["type"] == "snapshot"
    for origin in ("http://evil.test", None):
        async with websockets.connect(served.ws + "/ws", additional_headers=cookie, origin=origin) as ws:
            with pytest.raises(ConnectionClosed) as closed:
                await hear(ws)
        assert closed.value.rcvd.code == 4403


async def test_a_silent_line_has_a_heartbeat_and_answers_pings(served) -> None:
    async with websockets.connect(served.ws + "/ws" + KEY) as ws:
        await hear(ws, "snapshot")
        assert (await hear(ws, "heartbeat"))["seq"] == 0
        await ws.send('{"type": "ping"}')
        assert await hear(ws, "pong") == {"type": "pong"}


async def test_a_session_that_runs_out_ends_the_conversation(served, house, clock) -> None:
    cookie = {"Cookie": f"earmark_session={issue_session(house, 'user')}"}
    async with websockets.connect(served.ws + "/ws", additional_headers=cookie, origin=served.http) as ws:
        await hear(ws, "snapshot")
        clock.pass_(days=31)
        with pytest.raises(ConnectionClosed) as closed:
            await hear(ws)
    assert closed.value.rcvd.code == 4401


async def test_the_key_of_a_connection_is_not_in_the_log(served, caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        async with websockets.connect(served.ws + "/ws" + KEY) as ws:
            await hear(ws, "snapshot")
    servers_own = [r.getMessage() for r in caplog.records if r.name.startswith("uvicorn")]
    assert not [line for line in servers_own if "the-admin-key" in line]
