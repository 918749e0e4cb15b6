"""The store's tests run on both databases: every test that takes `db` runs twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from postgres import Server, temporary_postgres

from earmark.core.decision import Component, Decision, ScoredCandidate
from earmark.core.reasons import Reason
from earmark.core.release import Release
from earmark.core.states import Pending
from earmark.core.ticket import Ticket, TicketId
from earmark.core.wish import BookWish, Kind, TicketRequest
from earmark.store import Database, tickets

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with temporary_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where an empty database is."""
    if request.param == "sqlite":
        return tmp_path / "earmark.db"
    server: Server = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
async def db(address: str | Path, tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(address, backup_dir=tmp_path / "backup")
    yield database
    await database.close()


@pytest.fixture
def noon() -> datetime:
    return NOON


TicketMaker = Callable[..., Ticket]


@pytest.fixture
def make_ticket() -> TicketMaker:
    """Tickets with ids t1, t2, … filed a minute apart from noon on."""
    made = 0

    def make(title: str = "The Moonstone", *, priority: int = 0, kind: Kind = Kind.AUDIOBOOK, **more: object) -> Ticket:
        nonlocal made
        made += 1
        at = NOON + timedelta(minutes=made)
        request = TicketRequest(kind, BookWish(title, ("Wilkie Collins",)), priority=priority)
        facts: dict[str, object] = {
            "id": TicketId(f"t{made}"),
            "request": request,
            "request_digest": f"digest {made}",
            "created_at": at,
            "updated_at": at,
            "payload": Pending(at),
        }
        return Ticket(**facts | more)  # type: ignore[arg-type]

    return make


@pytest.fixture
async def ticket(db: Database, make_ticket: TicketMaker) -> Ticket:
    """A ticket that was just filed."""
    filed = make_ticket()
    async with db.write() as tx:
        await tickets.create(tx, filed, "test")
    return filed


@pytest.fixture
def a_reason() -> Reason:
    return Reason(
        "no_slots", "All 20 slots are taken.", "Wait for one.", {"used": 20, "list": [1, 2.5, None, {"a": True}]}
    )


@pytest.fixture
def candidate() -> Callable[..., ScoredCandidate]:
    def make(title: str = "The Moonstone [M4B]", score: float = 0.9, **more: object) -> ScoredCandidate:
        release = Release(
            guid=f"https://tracker.example/t/{abs(hash(title)) % 10000}",
            indexer="mam",
            title=title,
            kind=Kind.AUDIOBOOK,
            published_at=NOON,
        )
        components = (
            Component("title", 0.4, 0.95, "moonstone / moonstone"),
            Component("runtime", 0.1, None, "unknown"),
        )
        return ScoredCandidate(release, score, components, **more)  # type: ignore[arg-type]

    return make


@pytest.fixture
def decision(candidate: Callable[..., ScoredCandidate]) -> Decision:
    return Decision((candidate(), candidate("Another", 0.3)), 0, 0.9, 0.85, policy_version="sober-1")
