"""The tracker misbehaves in every way the stand-in knows. Each time the ticket ends in a named state with a next step, an
alert is raised and goes away again, nothing else is harmed, and nothing is grabbed twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from estate import eventually, house_over, settings_for, settled, wish

from earmark.core.states import Failed, TicketState
from earmark.core.ticket import Ticket, TicketId
from earmark.core.wish import TicketRequest
from earmark.pipeline import desk, indexing
from earmark.pipeline.house import House
from earmark.sandbox.world import World
from earmark.store import alerts

pytestmark = pytest.mark.slow
S = TicketState
TIME_MACHINE = ("The Time Machine", "H. G. Wells")
LOST_WORLD = ("The Lost World", "Arthur Conan Doyle")
SAID_AT_ONCE = {"retry_max_attempts": 1}  # the first failure is final: what it says can be looked at
PATIENT = {"retry_max_attempts": 20, "retry_initial_delay_secs": 0.2, "retry_max_delay_secs": 0.5}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site that failed is left alone for a moment instead of minutes, save where it names its own wait."""
    monkeypatch.setattr("earmark.core.indexing.PAUSES", (timedelta(milliseconds=50),))


async def arm(world: World, on: str, kind: str, times: int | None = None) -> None:
    async with httpx2.AsyncClient(base_url=world.site_url) as site:
        answer = await site.post("/sandbox/faults", json={"on": on, "kind": kind, "times": times})
        assert answer.is_success, answer.text


async def disarm(world: World) -> None:
    async with httpx2.AsyncClient(base_url=world.site_url) as site:
        assert (await site.delete("/sandbox/faults")).is_success


async def torrent_files_fetched(world: World) -> int:
    async with httpx2.AsyncClient(base_url=world.site_url) as site:
        asked = (await site.get("/sandbox/requests")).json()
    return sum("/download" in entry["path"] and entry["status"] == 200 for entry in asked)


@asynccontextmanager
async def house_with(world: World, home: Path, processing: dict[str, Any]) -> AsyncIterator[House]:
    async with house_over(settings_for(world, home, processing=processing, mam={"timeout_secs": 1}), home) as house:
        yield house


async def file(house: House, book: tuple[str, str]) -> TicketId:
    return (await desk.file_ticket(house, None, _wish(book))).ticket.id


def _wish(book: tuple[str, str]) -> TicketRequest:
    return wish(*book)


async def active_alerts(house: House) -> set[str]:
    async with house.db.read() as tx:
        return {alert.key for alert in await alerts.active(tx)}


async def the_pause_is_over(house: House) -> None:
    async def over() -> bool:
        return not any(record.standing.paused(house.now()) for record in await indexing.listed(house))

    await eventually(over, "the site is asked again")


def assert_named(ticket: Ticket, code: str) -> Failed:
    """FAILED with a code we know, a message and a next step, and without a secret."""
    assert isinstance(ticket.payload, Failed), ticket.payload
    error = ticket.payload.error
    assert error.code == code, error
    assert len(error.message) > 10 and len(error.action) > 10
    assert ticket.payload.retryable
    return ticket.payload


async def completes(house: House, ticket_id: TicketId) -> None:
    ticket = await settled(house, ticket_id)
    assert ticket.state is S.COMPLETED, ticket.payload


SEARCH_FAULTS = {
    "403": "session_expired",
    "login_html": "session_expired",
    "not_signed_in": "session_expired",
    "redirect_login": "session_expired",
    "empty": "session_expired",
    "500": "site_unavailable",
    "503": "site_unavailable",
    "hang": "site_unavailable",
    "truncated_json": "answer_not_understood",
    "not_json": "answer_not_understood",
    "malformed_row": "answer_not_understood",  # the only row there is
}


@pytest.mark.parametrize("kind", SEARCH_FAULTS)
async def test_a_search_that_fails_says_why_raises_an_alert_and_works_when_asked_again(
    world: World, tmp_path: Path, kind: str
) -> None:
    async with house_with(world, tmp_path, SAID_AT_ONCE) as house:
        await arm(world, "search", kind)
        failed = assert_named(await settled(house, first := await file(house, TIME_MACHINE)), SEARCH_FAULTS[kind])
        assert failed.failed_at_state is S.SEARCHING
        assert await active_alerts(house) == {"indexer:mam"}
        await disarm(world)
        await the_pause_is_over(house)
        await completes(house, await file(house, LOST_WORLD))
        assert await active_alerts(house) == set()
        await desk.retry(house, first, "tester")
        await completes(house, first)


async def test_an_author_field_that_is_no_json_does_not_cost_the_row(world: World, tmp_path: Path) -> None:
    async with house_with(world, tmp_path, SAID_AT_ONCE) as house:
        await arm(world, "search", "malformed_author")
        ticket = await settled(house, await file(house, TIME_MACHINE))
        assert ticket.state in {S.COMPLETED, S.NEEDS_APPROVAL}, ticket.payload
        assert (await desk.view(house, ticket.id)).candidates
        assert await active_alerts(house) == set()


async def test_a_malformed_row_costs_that_row_alone(world: World, tmp_path: Path) -> None:
    async with house_with(world, tmp_path, SAID_AT_ONCE) as house:
        asked = await settled(house, await file(house, ("Nothing Of This Name", "Nobody")))
        assert asked.state is S.NEEDS_APPROVAL
        await arm(world, "search", "malformed_row")
        await desk.force_search(house, asked.id, "wells", "tester")
        asked = await settled(house, asked.id)
        assert asked.state is S.NEEDS_APPROVAL, asked.payload
        assert len((await desk.view(house, asked.id)).candidates) == 1


async def test_a_site_that_asks_for_rest_gets_it_and_the_ticket_goes_on_afterwards(
    world: World, tmp_path: Path
) -> None:
    async with house_with(world, tmp_path, PATIENT) as house:
        await arm(world, "search", "429", 1)
        ticket_id = await file(house, TIME_MACHINE)
        waiting = await settled_or_waiting(house, ticket_id)
        assert waiting.waiting is not None and waiting.waiting.reason.code == "rate_limited"
        assert waiting.waiting.until is not None
        assert 20 < (waiting.waiting.until - waiting.waiting.since).total_seconds() < 40
        assert await active_alerts(house) == {"indexer:mam"}
        ended = await settled(house, ticket_id, 60)
        assert ended.state is S.COMPLETED, ended.payload
        assert await active_alerts(house) == set()


DOWNLOAD_FAULTS = {
    "html_torrent": "session_expired",
    "404": "torrent_gone",
    "406": "grabs_blocked",
    "unsatisfied_limit": "unsatisfied_limit",
    "500": "site_unavailable",
    "hostile_paths": "torrent_path_hostile",
    "bad_torrent": "torrent_malformed",
    "hang": "site_unavailable",
}


@pytest.mark.parametrize("kind", DOWNLOAD_FAULTS)
async def test_a_torrent_that_cannot_be_had_says_why_and_is_had_when_asked_again(
    world: World, tmp_path: Path, kind: str
) -> None:
    async with house_with(world, tmp_path, SAID_AT_ONCE) as house:
        await arm(world, "download", kind)
        first = await file(house, TIME_MACHINE)
        ticket = await settled_or_waiting(house, first)
        if ticket.state is not S.FAILED:  # a limit that passes is waited for, with a date
            assert ticket.waiting is not None and ticket.waiting.until is not None
            assert ticket.waiting.reason.code == DOWNLOAD_FAULTS[kind] and ticket.waiting.reason.action
        else:
            assert_named(ticket, DOWNLOAD_FAULTS[kind])
        assert await house.client.snapshot() == {}
        assert not any(house.download_dir.iterdir())
        await disarm(world)
        await the_pause_is_over(house)
        await completes(house, await file(house, LOST_WORLD))
        await desk.retry(house, first, "tester")
        await completes(house, first)
        assert await active_alerts(house) == set()
        assert len(await house.client.snapshot()) == 2


async def settled_or_waiting(house: House, ticket_id: TicketId) -> Ticket:
    async def check() -> Ticket | None:
        ticket = await desk.get(house, ticket_id)
        waits = ticket.waiting is not None
        return ticket if ticket.state is S.FAILED or waits else None

    ticket: Ticket = await eventually(check, "the ticket says what is wrong")
    return ticket


@pytest.mark.parametrize(
    ("on", "kind", "times"),
    [("search", "500", 2), ("search", "503", 2), ("search", "hang", 1), ("search", "not_json", 1),
     ("search", "truncated_json", 1), ("download", "500", 2), ("download", "hang", 1)],
)  # fmt: skip
async def test_what_passes_by_itself_is_waited_out_without_anybodys_help(
    world: World, tmp_path: Path, on: str, kind: str, times: int
) -> None:
    async with house_with(world, tmp_path, PATIENT) as house:
        await arm(world, on, kind, times)
        ticket_id = await file(house, TIME_MACHINE)
        await completes(house, ticket_id)
        view = await desk.view(house, ticket_id)
        told = [e.payload["waiting"] for e in view.events if e.type == "waiting" and e.payload["waiting"]]
        assert told, "the wait was not told"
        assert await active_alerts(house) == set()
        assert len(await house.client.snapshot()) == 1
        assert await torrent_files_fetched(world) == 1


async def test_a_day_at_the_unsatisfied_limit_costs_no_try_and_ends_the_wait_when_told(
    world: World, tmp_path: Path
) -> None:
    async with house_with(world, tmp_path, {"retry_max_attempts": 2}) as house:
        await arm(world, "download", "unsatisfied_limit")
        ticket_id = await file(house, TIME_MACHINE)
        waiting = await settled_or_waiting(house, ticket_id)
        assert waiting.waiting is not None and waiting.waiting.reason.code == "unsatisfied_limit"
        assert waiting.attempt == 0
        await disarm(world)
        await desk.retry(house, ticket_id, "tester")
        await completes(house, ticket_id)


async def test_two_tickets_for_one_release_share_one_torrent_and_one_may_go(world: World, tmp_path: Path) -> None:
    settings = settings_for(
        world, tmp_path, embedded={"download_limit_kib": 4}, processing={"max_parallel_downloads": 4}
    )
    async with house_over(settings, tmp_path) as house:
        one = await file(house, TIME_MACHINE)
        await eventually(lambda: is_in(house, one, S.DOWNLOADING), "the first downloads")
        other = (await desk.file_ticket(house, None, wish(*TIME_MACHINE, year=1895))).ticket.id
        await eventually(lambda: is_in(house, other, S.DOWNLOADING), "the second downloads")
        assert await torrent_files_fetched(world) == 1
        await desk.cancel(house, other, "tester")
        ended = await settled(house, one)
        assert ended.state is S.COMPLETED, ended.payload
        assert len(await house.client.snapshot()) == 1


async def is_in(house: House, ticket_id: TicketId, state: TicketState) -> bool:
    return (await desk.get(house, ticket_id)).state is state


async def test_tickets_that_lose_the_last_slot_do_not_fetch_their_torrent_twice(world: World, tmp_path: Path) -> None:
    settings = settings_for(world, tmp_path, processing={"max_parallel_downloads": 1})
    async with house_over(settings, tmp_path) as house:
        books = [TIME_MACHINE, LOST_WORLD, ("The War of the Worlds", "H. G. Wells")]
        filed = [await file(house, book) for book in books]
        for ticket_id in filed:

            async def done(wanted: TicketId = ticket_id) -> bool:
                return (await desk.get(house, wanted)).state is S.COMPLETED

            await eventually(done, "it completes")
        assert await torrent_files_fetched(world) == 3
