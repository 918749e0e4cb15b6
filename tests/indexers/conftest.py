"""The little world the indexer tests live in: a site made of prepared replies, a memory for the session id, and time
that passes only when somebody sleeps."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import bencode2
import httpx2
import pytest
from pydantic import SecretStr

from earmark.core.release import Release
from earmark.core.wish import Kind
from earmark.http import new_client
from earmark.indexers.mam import MamIndexer
from earmark.indexers.pacing import Pacer
from earmark.indexers.upstream import Upstream

CANARY = "canary-7f3aZq%2Bxyz"
KEY = "canary-key-42"
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)

Reply = httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]


class MemoryStore:
    """`text` is what is stored, `value` the session id in it, `saved` every id that was saved."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.saved: list[str] = []
        self.fails = False

    @property
    def value(self) -> str | None:
        return self.text.split(" ")[-1] if self.text else None

    @value.setter
    def value(self, value: str) -> None:
        self.text = value

    async def load(self) -> str | None:
        return self.text

    async def save(self, text: str) -> None:
        if self.fails:
            raise OSError("no space left on device")
        self.text = text
        self.saved.append(text.split(" ")[-1])


@dataclass
class Site:
    """Answers with `replies` in turn, the last one for ever."""

    replies: list[Reply] = field(default_factory=list)
    requests: list[httpx2.Request] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        if callable(reply):
            return reply(request)
        return httpx2.Response(reply.status_code, headers=reply.headers.multi_items(), content=reply.content)

    @property
    def cookies(self) -> list[str | None]:
        return [r.headers.get("cookie") for r in self.requests]


class SleepingTime:
    def __init__(self) -> None:
        self.now = 1000.0
        self.naps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, secs: float) -> None:
        self.naps.append(secs)
        self.now += secs


@pytest.fixture
def canary() -> str:
    return CANARY


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def passing_time() -> SleepingTime:
    return SleepingTime()


@pytest.fixture
async def mam(site: Site, store: MemoryStore, passing_time: SleepingTime) -> AsyncIterator[Callable[..., MamIndexer]]:
    """Opens the indexer with the canary as configured session id."""
    opened: list[MamIndexer] = []

    def open_one(
        configured: str | None = CANARY, base_url: str = "https://www.myanonamouse.net", per_second: float = 1.0
    ) -> MamIndexer:
        indexer = MamIndexer(
            base_url,
            store,
            new_client(5, httpx2.MockTransport(site)),
            Pacer(per_second, monotonic=passing_time.monotonic, sleep=passing_time.sleep),
            clock=lambda: NOW,
            timeout_secs=5,
            configured=configured,
        )
        opened.append(indexer)
        return indexer

    yield open_one
    store.fails = False
    for indexer in opened:
        await indexer.close()


@pytest.fixture
async def upstream(site: Site, passing_time: SleepingTime) -> AsyncIterator[Callable[..., Upstream]]:
    """Opens a service with a key behind the site of prepared replies."""
    opened: list[Upstream] = []

    def open_one(
        name: str,
        url: str,
        key: str | None = KEY,
        per_second: float = 2.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> Upstream:
        service = Upstream(
            name,
            url,
            SecretStr(key) if key else None,
            new_client(5, transport or httpx2.MockTransport(site)),
            Pacer(per_second, monotonic=passing_time.monotonic, sleep=passing_time.sleep),
            clock=lambda: NOW,
            timeout_secs=5,
        )
        opened.append(service)
        return service

    yield open_one
    for service in opened:
        await service.close()


@pytest.fixture
def make_torrent() -> Callable[..., bytes]:
    def make(*, private: bool = True, name: str = "The Moonstone") -> bytes:
        content = b"read aloud " * 100
        info: dict[bytes, object] = {
            b"name": name.encode(),
            b"piece length": 16384,
            b"pieces": hashlib.sha1(content).digest(),
            b"files": [{b"path": [b"01.mp3"], b"length": len(content)}],
        }
        if private:
            info[b"private"] = 1
        return bencode2.bencode({b"announce": b"https://tracker.example/secret/announce", b"info": info})

    return make


@pytest.fixture
def release() -> Release:
    return Release(
        guid="https://www.myanonamouse.net/t/900101",
        indexer="mam",
        title="The Moonstone",
        kind=Kind.AUDIOBOOK,
        download_ref="900101",
    )


@pytest.fixture
def release_with(release: Release) -> Callable[..., Release]:
    def make(**changes: object) -> Release:
        return replace(release, **changes)

    return make
