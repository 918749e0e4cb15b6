"""Back-off, slots, magnets and keys: the small rules between the acts."""

from __future__ import annotations

import dataclasses
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from bare_house import bare_house, candidate

from earmark.core.reasons import PermanentError, Reason, TransientError
from earmark.core.states import AutoApproved, Downloading, Failed, TicketState
from earmark.core.ticket import Ticket, TicketId, Waiting
from earmark.core.wish import BookWish, Kind, TicketRequest
from earmark.pipeline import desk
from earmark.pipeline.dispatch import act_for, open_slots, start_due, wake_the_stranded
from earmark.pipeline.house import House
from earmark.pipeline.settle import retry_delay, settle
from earmark.pipeline.tokens import Tokens
from earmark.pipeline.torrentbox import Box, magnet_hash
from earmark.settings import ProcessingSettings, ServerSettings
from earmark.store import Tx, candidates, tickets

BUSY = TransientError(Reason("busy", "The site is busy.", "Wait."))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Recorder:
    """An engine that only takes notes."""

    def __init__(self, live: bool = False) -> None:
        self.started: list[tuple[str, TicketId, int]] = []
        self.live = live

    async def start_act(self, act: str, ticket_id: TicketId, run: int, priority: int) -> None:
        self.started.append((act, ticket_id, run))

    async def is_live(self, ticket_id: TicketId, run: int) -> bool:
        return self.live


async def file(house: House, title: str = "A", priority: int = 0) -> Ticket:
    request = TicketRequest(Kind.AUDIOBOOK, BookWish(title), priority=priority)
    return (await desk.file_ticket(house, None, request)).ticket


@pytest.fixture
async def house(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = await bare_house(tmp_path, processing={"max_parallel_downloads": 1})
    yield made
    await made.db.close()


def test_delays_double_from_the_first_to_the_longest() -> None:
    processing = ProcessingSettings()
    assert [retry_delay(n, processing) for n in range(8)] == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert retry_delay(0, processing, asked_for=500) == 500


async def test_a_passing_trouble_is_tried_three_times_and_then_fails_with_its_count(house: House) -> None:
    ticket = await file(house)
    for attempt in (1, 2):
        await settle(house, ticket.id, BUSY)
        waiting = await desk.get(house, ticket.id)
        assert waiting.state is TicketState.PENDING and waiting.attempt == attempt
        assert waiting.waiting is not None and waiting.waiting.reason.code == "busy"
        assert waiting.wake_at is not None and waiting.waiting.until == waiting.wake_at
    await settle(house, ticket.id, BUSY)
    failed = await desk.get(house, ticket.id)
    assert isinstance(failed.payload, Failed)
    assert (failed.payload.retry_count, failed.payload.retryable) == (2, True)
    assert failed.payload.failed_at_state is TicketState.PENDING


async def test_a_lasting_trouble_fails_at_once(house: House) -> None:
    ticket = await file(house)
    await settle(house, ticket.id, PermanentError(Reason("broken", "It is broken.", "Mend it.")))
    assert (await desk.get(house, ticket.id)).state is TicketState.FAILED


async def test_a_site_that_wants_a_days_rest_costs_no_try(house: House) -> None:
    class Limit(TransientError):
        retry_after_secs = 86_400.0

    ticket = await file(house)
    for _ in range(5):
        await settle(house, ticket.id, Limit(Reason("limit", "The limit is reached.", "Wait a day.")))
    waiting = await desk.get(house, ticket.id)
    assert waiting.attempt == 0 and waiting.wake_at is not None
    assert waiting.wake_at - house.now() > timedelta(hours=23)


async def test_each_due_ticket_is_given_to_the_engine_once_and_the_most_urgent_first(house: House) -> None:
    low, high = await file(house, "low"), await file(house, "high", priority=5)
    engine = Recorder()
    await start_due(house, engine)
    await start_due(house, engine)
    assert engine.started == [("acquire", high.id, 1), ("acquire", low.id, 1)]


async def test_a_cancel_between_the_look_and_the_run_is_what_is_run(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = await file(house)
    seen_before = tickets.due

    async def due_and_then_cancelled(tx: Tx, now: datetime, limit: int = 100) -> list[Ticket]:
        seen = await seen_before(tx, now, limit)
        monkeypatch.setattr(tickets, "due", seen_before)
        await desk.cancel(house, ticket.id, "person")
        return seen

    monkeypatch.setattr(tickets, "due", due_and_then_cancelled)
    engine = Recorder()
    await start_due(house, engine)
    assert engine.started == [("clear", ticket.id, 1)]


async def test_an_engine_that_refuses_leaves_the_ticket_due(house: House) -> None:
    class Refusing(Recorder):
        async def start_act(self, *_: object) -> None:  # type: ignore[override]
            raise OSError("engine database is locked")

    ticket = await file(house)
    with pytest.raises(OSError, match="locked"):
        await start_due(house, Refusing())
    engine = Recorder()
    await start_due(house, engine)
    assert engine.started == [("acquire", ticket.id, 2)]


async def test_a_ticket_whose_run_was_lost_between_row_and_engine_is_due_again_at_the_next_start(house: House) -> None:
    ticket = await file(house)
    async with house.write() as tx:
        await tickets.begin_run(tx, ticket.id, 0, house.now())
    await wake_the_stranded(house, Recorder(live=True))
    assert (await desk.get(house, ticket.id)).wake_at is None
    await wake_the_stranded(house, Recorder(live=False))
    assert (await desk.get(house, ticket.id)).wake_at is not None


async def test_a_free_slot_wakes_the_most_urgent_of_those_that_wait_for_one(house: House) -> None:
    reason = Reason("download_slots", "All slots are taken.", "Wait.")
    waiting = {}
    for title, priority in (("low", 0), ("high", 9)):
        ticket = await file(house, title, priority)
        async with house.write() as tx:
            await candidates.replace(tx, ticket.id, [candidate()])
            payload = AutoApproved(0, 0.9, NOW)
            for step in ("SEARCHING", "MATCHING"):
                await _force(tx, ticket.id, step)
            await tickets.move(tx, ticket.id, payload, at=NOW, actor="t", waiting=Waiting(reason, NOW))
        waiting[title] = ticket.id
    await open_slots(house)
    assert (await desk.get(house, waiting["high"])).wake_at is not None
    assert (await desk.get(house, waiting["low"])).wake_at is None


async def _force(tx: object, id: TicketId, state: str) -> None:
    from earmark.core.states import Matching, Searching

    payload = {"SEARCHING": Searching(NOW), "MATCHING": Matching(NOW, 1)}[state]
    await tickets.move(tx, id, payload, at=NOW, actor="t")  # type: ignore[arg-type]


def test_every_working_state_has_its_act() -> None:
    base = Ticket(
        TicketId("x"), TicketRequest(Kind.AUDIOBOOK, BookWish("A")), "", NOW, NOW, Downloading("ab" * 20, NOW)
    )
    assert act_for(base) == "acquire"  # hand it to the client (again)
    done = dataclasses.replace(base, payload=Downloading("ab" * 20, NOW, finished_at=NOW))
    assert act_for(done) == "deliver"


def test_a_torrent_file_is_for_its_owners_eyes_only(tmp_path: Path) -> None:
    box = Box(tmp_path / "box")
    box.keep(magnet_hash(f"magnet:?xt=urn:btih:{'AB' * 20}&dn=x"), b"d")
    assert (tmp_path / "box").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "box" / f"{'ab' * 20}.torrent").stat().st_mode & 0o777 == 0o600


def test_magnets_are_read_in_both_spellings() -> None:
    assert magnet_hash(f"magnet:?dn=x&xt=urn:btih:{'0a' * 20}") == "0a" * 20
    assert magnet_hash("magnet:?xt=urn:btih:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") == "00" * 20
    for wrong in ("", "magnet:?xt=urn:btih:zz", "http://x/?xt=urn:btih:" + "ab" * 20):
        with pytest.raises(PermanentError):
            magnet_hash(wrong)


def test_a_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    first = Tokens(ServerSettings(), tmp_path).admin_token
    assert first and Tokens(ServerSettings(), tmp_path).admin_token == first
    assert (tmp_path / "auth_token").stat().st_mode & 0o777 == 0o600


def test_a_new_key_counts_from_the_next_request_on(tmp_path: Path) -> None:
    config = tmp_path / "earmark.toml"
    config.write_text("old")
    tokens = Tokens(
        ServerSettings(auth_token="old"),  # type: ignore[arg-type]
        tmp_path,
        watched=(config,),
        reload=lambda: ServerSettings(auth_token=config.read_text()),  # type: ignore[arg-type]
    )
    assert tokens.role_of("old") == "admin"
    config.write_text("new")
    os.utime(config, ns=(1, 1))
    assert (tokens.role_of("old"), tokens.role_of("new")) == (None, "admin")


def test_signed_tokens_carry_their_role_until_they_expire(tmp_path: Path) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    tokens = Tokens(ServerSettings(jwt_secret=secret, user_token="u"), tmp_path)  # type: ignore[arg-type]
    later, past = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(hours=1)
    assert tokens.role_of(jwt.encode({"exp": later, "role": "admin"}, secret)) == "admin"
    assert tokens.role_of(jwt.encode({"exp": later}, secret)) == "user"
    assert tokens.role_of(jwt.encode({"exp": past, "role": "admin"}, secret)) is None
    assert tokens.role_of(jwt.encode({"exp": later, "role": "root"}, secret)) is None
    assert tokens.role_of(jwt.encode({"role": "admin"}, secret)) is None
    assert tokens.role_of(jwt.encode({"exp": later, "role": "admin"}, secret + "x")) is None
    assert tokens.role_of("u") == "user" and tokens.role_of("") is None
