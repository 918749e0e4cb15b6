"""A real house on a real SQLite file, without engine, tracker and client; the API in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from earmark.api.app import create_app
from earmark.api.live import LiveLimits
from earmark.core.decision import Component, Decision, ScoredCandidate
from earmark.core.reasons import Reason
from earmark.core.release import Release
from earmark.core.states import ApprovalCode, ApprovalReason, Matching, NeedsApproval, Searching, StatePayload
from earmark.core.ticket import TicketId
from earmark.core.torrents import InfoHash
from earmark.pipeline.dispatch import cry_events
from earmark.pipeline.house import House
from earmark.pipeline.tokens import Tokens
from earmark.ports import AudioBinder, Matcher, TorrentClient
from earmark.settings import MamSettings, ServerSettings, Settings
from earmark.settings_shelf import LibrarySettings
from earmark.store import Database, Vault, candidates, decisions, tickets

ADMIN = {"Authorization": "Bearer the-admin-key"}
USER = {"X-Api-Key": "the-user-key"}
JWT_SECRET = "a-jwt-secret-of-at-least-32-bytes!"
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BOOK = {"kind": "audiobook", "search": {"title": "The Time Machine", "author": "H. G. Wells"}}


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)


class IdleClient:
    """A client that holds nothing."""

    name = "embedded"

    async def recheck(self, info_hash: InfoHash) -> None:
        return None


def settings_for_tests(**server: Any) -> Settings:
    return Settings(
        server=ServerSettings(
            auth_token=SecretStr("the-admin-key"),
            user_token=SecretStr("the-user-key"),
            jwt_secret=SecretStr(JWT_SECRET),
            **server,
        ),
        mam=MamSettings(mam_id=SecretStr("the-mam-cookie")),
        library=LibrarySettings(audiobooks=Path("/books"), ebooks=Path("/ebooks"), music=Path("/media")),
    )


@pytest.fixture
def settings() -> Settings:
    return settings_for_tests()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def house(tmp_path: Path, settings: Settings, clock: Clock) -> AsyncIterator[House]:
    db = await Database.open(tmp_path / "earmark.db", backup_dir=tmp_path / "backup")
    yield House(
        settings=settings,
        data_dir=tmp_path,
        db=db,
        vault=Vault(db, tmp_path / "key"),
        tokens=Tokens(settings.server, tmp_path),
        indexers={},
        client=cast("TorrentClient", IdleClient()),
        binder=cast("AudioBinder", None),
        matcher=cast("Matcher", None),
        clock=clock,
    )
    await db.close()


@pytest.fixture
def app(house: House) -> FastAPI:
    return create_app(house)


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """The administrator's client."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://earmark.test", headers=ADMIN) as client:
        yield client


@pytest.fixture
async def anybody(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without a key."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://earmark.test") as client:
        yield client


def scored(title: str, score: float, **release: Any) -> ScoredCandidate:
    return ScoredCandidate(
        release=Release(guid=f"https://tracker.test/t/{title}", indexer="mam", title=title, seeders=5, **release),
        score=score,
        components=(Component("title", 0.5, score, f"{title} against the wish"),),
        gates=() if score > 0.1 else (Reason("no_seeders", "Nobody seeds it.", "Take another."),),
    )


OFFERED = (
    scored("Right", 0.8, magnet="magnet:?xt=urn:btih:aa&tr=https://t/passkey"),
    scored("Near", 0.6),
    scored("Bad", 0.0),
)
DOUBT = ApprovalReason(ApprovalCode.LOW_CONFIDENCE, {"score": 0.8, "threshold": 0.85}, "0.80 is below 0.85")


Move = Callable[[str, StatePayload], Awaitable[None]]


@pytest.fixture
def move(house: House) -> Move:
    async def one(ticket_id: str, payload: StatePayload) -> None:
        async with house.write() as tx:
            await tickets.move(tx, TicketId(ticket_id), payload, at=house.now(), actor="earmark")

    return one


@pytest.fixture
def parked(api: httpx2.AsyncClient, house: House, move: Move) -> Callable[[], Awaitable[str]]:
    """Files a ticket and brings it to NEEDS_APPROVAL with three candidates."""

    async def one() -> str:
        ticket_id = (await api.post("/api/v1/ticket", json=BOOK)).json()["ticket_id"]
        await move(ticket_id, Searching(house.now()))
        await move(ticket_id, Matching(house.now(), len(OFFERED)))
        made = Decision(OFFERED, 0, 0.8, 0.85, (DOUBT,), "test-1")
        async with house.write() as tx:
            await candidates.replace(tx, TicketId(ticket_id), OFFERED)
            await decisions.record(
                tx, TicketId(ticket_id), made, {"title": "The Time Machine"}, ["time machine"], house.now()
            )
        await move(ticket_id, NeedsApproval(house.now(), len(OFFERED), 0, 0.8, (DOUBT,)))
        return ticket_id

    return one


class Served:
    """The application behind a real socket."""

    def __init__(self, port: int) -> None:
        self.http = f"http://127.0.0.1:{port}"
        self.ws = f"ws://127.0.0.1:{port}"


async def until(condition: Callable[[], bool], secs: float = 10.0) -> None:
    async with asyncio.timeout(secs):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def served(house: House) -> AsyncIterator[Served]:
    """On a free port of 127.0.0.1, with the events cried as the service does it."""
    app = create_app(house, live_limits=LiveLimits(backlog=50, page=20, send_secs=1.0, heartbeat_secs=0.3))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="on"))
    stop = asyncio.Event()
    crying = asyncio.create_task(cry_events(house, stop))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    yield Served(server.servers[0].sockets[0].getsockname()[1])
    stop.set()
    house.recorded.set()
    server.should_exit = True
    await asyncio.wait_for(serving, 10)
    crying.cancel()
    await asyncio.gather(crying, return_exceptions=True)
