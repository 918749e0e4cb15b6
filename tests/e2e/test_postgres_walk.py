"""`earmark serve` with a PostgreSQL address: the whole walk, with our tables and the engine's in the one database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from estate import Service, eventually, settings_for
from postgres import Server, temporary_postgres

from earmark.sandbox.world import World

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with temporary_postgres() as server:
        yield server


async def test_a_ticket_walks_to_the_shelf_with_everything_kept_in_postgresql(
    world: World, tmp_path: Path, postgres: Server
) -> None:
    url = postgres.new_database()
    (tmp_path / "library").mkdir()
    settings = settings_for(world, tmp_path, database={"url": url})
    service = Service(tmp_path / "home", settings)
    service.launch()
    try:
        await service.ready()
        wanted = {"kind": "audiobook", "search": {"title": "The Time Machine", "author": "H. G. Wells"}}
        ticket = await service.api("POST", "/ticket", json=wanted)

        async def ended() -> bool:
            found = await service.api("GET", f"/ticket/{ticket['ticket_id']}")
            assert found["state"] != "FAILED", found
            return bool(found["state"] == "COMPLETED")

        await eventually(ended, "the ticket completes", 60)
        service.kill()
        service.launch()
        await service.ready()
        found = await service.api("GET", f"/ticket/{ticket['ticket_id']}")
        assert found["state"] == "COMPLETED"
        assert service.stop() == 0
    except BaseException:
        print(service.log()[-4000:])
        raise
    finally:
        service.kill()
    with psycopg.connect(url) as db:
        rows = db.execute("SELECT table_schema || '.' || table_name FROM information_schema.tables").fetchall()
        tables = {name for (name,) in rows}
        assert "public.ticket" in tables
        runs = next(name for name in tables if name.endswith(".workflow_status"))
        assert db.execute(f"SELECT DISTINCT status FROM {runs}").fetchall() == [("SUCCESS",)]  # type: ignore[arg-type]
    assert not list((tmp_path / "home/data").glob("*.db*"))
    books = [p.name for p in (tmp_path / "library").rglob("*.m4b")]
    assert books == ["The Time Machine.m4b"]
    assert url.split("@")[0].split(":")[-1] not in service.log()


async def test_a_second_service_on_the_database_leaves_at_once_and_takes_over_when_the_first_is_gone(
    world: World, tmp_path: Path, postgres: Server
) -> None:
    (tmp_path / "library").mkdir()
    settings = settings_for(world, tmp_path, database={"url": postgres.new_database()})
    first, second = Service(tmp_path / "one", settings), Service(tmp_path / "two", settings)
    first.launch()
    try:
        await first.ready()
        second.launch()

        async def left() -> bool:
            return second.ended() is not None

        await eventually(left, "the second service leaves", 60)
        assert second.ended() == 1
        assert "already running on this database" in second.log()
        assert "Traceback" not in second.log()
        first.kill()
        second.launch()
        await second.ready()
    finally:
        first.kill()
        second.kill()


async def test_a_grab_of_another_program_walks_to_the_shelf_over_a_kill_in_postgresql(
    world: World, tmp_path: Path, postgres: Server
) -> None:
    url = postgres.new_database()
    (tmp_path / "library").mkdir()
    proxy = {"url": world.prowlarr_url, "api_key": world.prowlarr.key}
    service = Service(tmp_path / "home", settings_for(world, tmp_path, database={"url": url}, prowlarr=proxy))
    service.launch()
    try:
        await service.ready()
        found = await service.api("GET", "/search", params={"query": "Lost World", "type": "search"})
        assert [one["title"].split(" by ")[0] for one in found] == ["The Lost World"]
        body = {"guid": found[0]["guid"], "indexerId": found[0]["indexerId"]}
        service.kill()
        service.launch()
        await service.ready()
        for _ in range(3):
            await service.api("POST", "/search", json=body)

        async def ended() -> bool:
            listed = await service.api("GET", "/tickets")
            (state,) = [one["state"] for one in listed["items"]]
            assert state != "FAILED", listed
            return bool(state == "COMPLETED")

        await eventually(ended, "the ticket completes", 60)
        past = await service.api("GET", "/history", params={"page": 1, "pageSize": 10})
        assert {one["eventType"] for one in past["records"]} >= {"indexerQuery", "releaseGrabbed"}
        assert service.stop() == 0
    except BaseException:
        print(service.log()[-4000:])
        raise
    finally:
        service.kill()
    with psycopg.connect(url) as db:
        assert db.execute("SELECT id, key FROM indexer ORDER BY id").fetchall() == [(1, "mam"), (3, "prowlarr")]
        assert db.execute("SELECT count(*) FROM offer").fetchone() == (1,)
