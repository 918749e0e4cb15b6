"""The whole world on loopback: site, tracker and seeder serve a real client; what must outlive a restart does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import httpx2
import libtorrent as lt
import pytest

from earmark.core.reasons import PermanentError
from earmark.sandbox.main import run
from earmark.sandbox.world import World, builtin_catalogue

HEADERS = {"User-Agent": "Earmark-test"}


async def until(true, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.02)


async def test_a_release_is_found_fetched_downloaded_and_owed(tmp_path: Path) -> None:
    async with (
        World(builtin_catalogue(), tmp_path / "state") as world,
        httpx2.AsyncClient(base_url=world.site_url, cookies={"mam_id": world.mam_id}, headers=HEADERS) as client,
    ):
        found = await client.post("/tor/js/loadSearchJSONbasic.php", json={"tor": {"text": "moonstone"}})
        torrent = await client.get(f"/tor/download.php?tid={found.json()['data'][0]['id']}")
        session = lt.session(
            {
                "listen_interfaces": "127.0.0.1:0", "enable_dht": False, "enable_lsd": False, "enable_upnp": False,
                "enable_natpmp": False, "allow_multiple_connections_per_ip": True, "stop_tracker_timeout": 1,
                "enable_outgoing_utp": False,  # the seeder speaks TCP only
            }
        )  # fmt: skip
        wanted = lt.add_torrent_params()
        wanted.ti = lt.torrent_info(torrent.content)
        wanted.save_path = str(tmp_path)
        handle = session.add_torrent(wanted)
        await until(lambda: bool(handle and handle.status().is_seeding))
        await until(lambda: any(s.completed_at for s in world.site.account.snatches.values()))
        summary = (await client.get("/jsonLoad.php?snatch_summary")).json()["snatch_summary"]
        assert (summary["seedUnsat"]["count"], summary["unsat"]["count"]) == (1, 1)
        leaving = [session]
        session = handle = None
        await asyncio.to_thread(leaving.clear)  # its destructor waits for the last announce; the loop must answer it
    copy = next(tmp_path.glob("Wilkie*/*.m4b"))
    assert copy.read_bytes() == next(builtin_catalogue().glob("Wilkie*/*.m4b")).read_bytes()


async def test_a_restart_keeps_session_passkey_and_tracker_address(put, tmp_path: Path) -> None:
    put("Book")
    catalogue, state = tmp_path / "catalogue", tmp_path / "state"
    async with World(catalogue, state) as world:
        async with httpx2.AsyncClient(
            base_url=world.site_url, cookies={"mam_id": world.mam_id}, headers=HEADERS
        ) as client:
            await client.get("/jsonLoad.php")
        before = world.ready_line() | {"passkey": world.site.account.passkey}
    async with World(catalogue, state, port=int(str(before["site"]).rpartition(":")[2])) as world:
        assert world.ready_line() | {"passkey": world.site.account.passkey} == before


async def test_a_hanging_answer_ends_when_the_client_hangs_up(put, tmp_path: Path) -> None:
    put("Book")
    async with (
        World(tmp_path / "catalogue", tmp_path / "state") as world,
        httpx2.AsyncClient(base_url=world.site_url, headers=HEADERS) as client,
    ):
        await client.post("/sandbox/faults", json={"kind": "hang", "times": 1})
        with pytest.raises(httpx2.ReadTimeout):
            await client.get("/jsonLoad.php", timeout=0.2)
        await until(lambda: world.site.log[-1]["status"] == 504, 5)


async def test_a_taken_port_and_a_folder_that_makes_no_torrent_are_told(put, tmp_path: Path) -> None:
    put("Good")
    put("con")  # a device name on Windows: no client would take it
    async with World(tmp_path / "catalogue", tmp_path / "state") as world:
        assert [r.title for r in world.site.catalogue.releases] == ["Good"]
        assert len(world.site.catalogue.left_out) == 1
        with pytest.raises(PermanentError) as taken:
            async with World(tmp_path / "catalogue", tmp_path / "other", port=int(world.site_url.rpartition(":")[2])):
                pass
        assert taken.value.reason.code == "port_taken"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", "::"])
def test_nothing_but_loopback_is_ever_bound(host: str) -> None:
    with pytest.raises(PermanentError) as refused:
        run(host=host)
    assert refused.value.reason.code == "sandbox_not_loopback"


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
async def test_it_prints_one_json_line_and_ends_on_a_signal(put, tmp_path: Path, sign: signal.Signals) -> None:
    put("Book")
    code = f"from pathlib import Path; from earmark.sandbox.main import run; raise SystemExit(run(Path({str(tmp_path / 'catalogue')!r})))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            told = json.loads(await process.stdout.readline())
            assert (told["releases"], told["stand_in"]) == (1, True)
            assert {"site", "mam_id", "tracker"} <= set(told)
            process.send_signal(sign)
            assert await process.stdout.read() == b""
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
