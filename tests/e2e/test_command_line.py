"""The command line against a running service, as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from estate import Service, settings_for

from earmark.sandbox.world import World

pytestmark = pytest.mark.slow


@pytest.fixture
async def service(world: World, tmp_path: Path) -> AsyncIterator[Service]:
    running = Service(tmp_path, settings_for(world, tmp_path))
    running.launch()
    await running.ready()
    yield running
    assert running.stop() == 0


async def earmark(service: Service, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command without blocking the world this test runs."""
    import asyncio

    clean = {k: v for k, v in os.environ.items() if not k.startswith("EARMARK_")}
    command = [sys.executable, "-m", "earmark", *words]
    environment = {"EARMARK_DATA_DIR": str(service.data), "COLUMNS": "200"} | environment
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, env=clean | environment, timeout=120, check=False
    )


async def test_a_wish_is_filed_followed_listed_and_explained(service: Service) -> None:
    added = await earmark(
        service, "add", "The Time Machine", "-a", "H. G. Wells", "-n", "Ada Fenwick", "--watch", "--json"
    )
    assert added.returncode == 0, added.stderr
    ticket = json.loads(added.stdout)
    assert ticket["state"] == "COMPLETED"
    short = ticket["ticket_id"][:8]

    listed = json.loads((await earmark(service, "tickets", "--json", "--state", "completed")).stdout)
    assert [t["ticket_id"] for t in listed["items"]] == [ticket["ticket_id"]]
    shown = await earmark(service, "show", short)
    assert "The Time Machine" in shown.stdout and "completed" in shown.stdout
    explained = await earmark(service, "explain", short)
    assert "narrator" in explained.stdout and "librarian-1" in explained.stdout
    again = await earmark(service, "cancel", short)
    assert again.returncode == 1 and "→" in again.stderr


async def test_doubt_ends_with_its_own_code_and_is_settled_by_hand(service: Service) -> None:
    added = await earmark(service, "add", "Nothing Like It", "-a", "Nobody", "--json")
    ticket_id = json.loads(added.stdout)["ticket_id"]
    watched = await earmark(service, "show", ticket_id, "--watch")
    assert watched.returncode == 3, watched.stderr
    assert (await earmark(service, "approve", ticket_id)).returncode == 2
    assert (await earmark(service, "search", ticket_id, "lost world")).returncode == 0
    assert (await earmark(service, "show", ticket_id, "--watch")).returncode == 3
    rejected = await earmark(service, "reject", ticket_id, "--reason", "none will do", "--json")
    assert json.loads(rejected.stdout)["state"] == "REJECTED"


async def test_what_goes_wrong_has_its_exit_code_and_a_next_step(service: Service) -> None:
    unknown = await earmark(service, "show", "ffffffff")
    assert unknown.returncode == 2 and "earmark tickets" in unknown.stderr
    wrong_key = await earmark(service, "tickets", EARMARK_TOKEN="wrong")
    assert wrong_key.returncode == 5
    nobody = await earmark(service, "tickets", EARMARK_URL="http://127.0.0.1:9", EARMARK_TOKEN="x")
    assert nobody.returncode == 4 and "earmark serve" in nobody.stderr
    bad = await earmark(service, "tickets", EARMARK_SERVER__PROT="1")
    assert bad.returncode == 2 and "EARMARK_SERVER__PROT" in bad.stderr
    for answer in (unknown, wrong_key, nobody, bad):
        assert "Traceback" not in answer.stderr


async def test_the_settings_are_shown_without_their_secrets(service: Service) -> None:
    config = service.home / "earmark.toml"
    shown = await earmark(service, "config", "show", "--config", str(config), "--json")
    settings = json.loads(shown.stdout)["settings"]
    assert settings["mam"]["mam_id"] == "********"
    assert "sandbox-" not in shown.stdout


async def test_a_new_session_is_taken_without_a_restart(service: Service, world: World) -> None:
    taken = await earmark(service, "session", "--mam-id", world.mam_id)
    assert taken.returncode == 0, taken.stderr
    assert world.mam_id not in taken.stdout + service.log()


async def test_the_indexers_are_listed_with_how_they_stand_and_tested(service: Service) -> None:
    listed = await earmark(service, "indexers")
    assert listed.returncode == 0, listed.stderr
    assert "MyAnonamouse" in listed.stdout and "fine" in listed.stdout
    assert [one["id"] for one in json.loads((await earmark(service, "indexers", "--json")).stdout)] == [1]
    well = await earmark(service, "indexers", "1", "--test", "--json")
    assert well.returncode == 0, well.stderr
    assert json.loads(well.stdout) == [{"id": 1, "isValid": True, "validationFailures": []}]

    silent = {
        "name": "Nobody [there]",
        "implementation": "Torznab",
        "fields": [{"name": "baseUrl", "value": "http://127.0.0.1:9/"}],
    }
    await service.api("POST", "/indexer?forceSave=true", json=silent)
    failed = await earmark(service, "indexers", "--test")
    assert failed.returncode == 1
    assert "✓ 1 MyAnonamouse" in failed.stdout and "✗ 10 Nobody [there]" in failed.stdout
    one = await earmark(service, "indexers", "10", "--test")
    assert one.returncode == 1 and "→" in one.stdout
    await service.api("PUT", "/indexer/10?forceSave=true", json={"enable": False})
    assert "off" in (await earmark(service, "indexers", "10")).stdout

    unknown = await earmark(service, "indexers", "77")
    assert unknown.returncode == 2 and "earmark indexers" in unknown.stderr
    for answer in (listed, well, failed, one, unknown):
        assert "Traceback" not in answer.stderr
