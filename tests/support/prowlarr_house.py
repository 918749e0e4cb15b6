"""A house with two indexers that answer from memory, for programs that take Earmark for a Prowlarr: one shaped like
MyAnonamouse, one like a feed behind Jackett. Their releases are as odd as real ones."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import bencode2
import uvicorn
from starlette.types import ASGIApp

from earmark.core.newznab import Capabilities, Category, belongs, expanded
from earmark.core.reasons import EarmarkError
from earmark.core.release import Account, Freeleech, Release
from earmark.core.wish import Kind
from earmark.ports import IndexerHealth, Magnet, SearchQuery

ADMIN_KEY = "0123456789abcdef0123456789abcdef"
USER_KEY = "fedcba9876543210fedcba9876543210"
MAM_PAGE = "https://www.myanonamouse.net/t/"
FEED_PAGE = "https://tracker.example/torrents/"
FIRST_DAY = datetime(2025, 3, 1, 8, 30, 15, 250_000, tzinfo=UTC)
MAM_CATEGORIES = (
    Category(3000, "Audio", (Category(3030, "Audio/Audiobook"),)),
    Category(
        7000, "Books", (Category(7010, "Books/Mags"), Category(7020, "Books/EBook"), Category(7030, "Books/Comics"))
    ),
)
FEED_CATEGORIES = (
    Category(3000, "Audio", (Category(3010, "Audio/MP3"), Category(3030, "Audio/Audiobook"))),
    Category(7000, "Books", (Category(7020, "Books/EBook"),)),
    Category(100_013, "Spoken word"),
)
ODD_TITLES = (
    "Cats & Dogs <b>forever</b> \"and\" 'ever' ]]> &amp; &lt;",
    "Tabs\tand\nlines\x0b\x1f and \x00 nothing \ufffe",
    "Die Verwandlung – Ungekürzt „Hörbuch“ 🐞",
    "מבחן בעברית and back",
    "100% + a=b&c;d / slash? #hash \\ back|pipe",
    "[VIP] not really [M4B] (Unabridged) {x}",
    "L" + "o" * 400 + "ng",
    "1984",
    "null",
    "Half of a pair \ud83d",
)


def torrent_bytes(guid: str, *, private: bool = True) -> bytes:
    """A sound little torrent, another one for each guid."""
    seed = hashlib.sha256(guid.encode("utf-8", "replace")).digest()
    info = {b"length": 1000, b"name": b"book-" + seed[:6].hex().encode(), b"piece length": 16384, b"pieces": seed[:20]}
    if private:
        info[b"private"] = 1
    return bencode2.bencode({b"announce": b"http://127.0.0.1:1/announce/passkey", b"info": info})


def hash_of(torrent: bytes) -> str:
    """The info-hash, worked out here and not by the code under test."""
    outer = bencode2.bdecode(torrent)
    assert isinstance(outer, dict)
    return hashlib.sha1(bencode2.bencode(outer[b"info"]), usedforsecurity=False).hexdigest()


def mam_releases(count: int = 120) -> list[Release]:
    """Numbers 1 to `count`, one a day, the last one the newest; every sixth an ebook."""
    return [_mam_release(number) for number in range(1, count + 1)]


def _mam_release(number: int) -> Release:
    odd = ODD_TITLES[number - 60] if 60 <= number < 60 + len(ODD_TITLES) else None
    ebook, vip, free = number % 6 == 0, number % 7 == 0, number % 5 == 0
    authors = tuple(f"Author {letter} Writer{number % 9}" for letter in "ABCDEFG"[: 1 + number % 7])
    return Release(
        guid=f"{MAM_PAGE}{1000 + number}",
        indexer="mam",
        title=odd or f"The Clockwork Garden {number}",
        size_bytes=50_000_000 + number * 1_000_003 if number % 11 else 3_000_000_000 * number,
        kind=Kind.EBOOK if ebook else Kind.AUDIOBOOK,
        authors=() if number == 13 else authors,
        narrators=(f"Reader {number % 4}",),
        language=("en", "de", "fr", None, "GUJ")[number % 5],
        filetypes=("epub", "mobi") if ebook else (("m4b",), ("mp3",), ())[number % 3],
        file_count=1 + number % 20,
        description="Line one\nline <i>two</i> & \x02more" if number % 2 else None,
        category="Ebooks - Fantasy" if ebook else "Audiobooks - Fantasy",
        categories=(7020, 100_063) if ebook else (3030, 100_041),
        seeders=number % 30,
        leechers=None if number % 10 == 9 else number % 4,
        grabs=number * 3,
        published_at=None if number == 17 else FIRST_DAY + timedelta(days=number),
        freeleech=Freeleech(everyone=free, vip=vip, vip_union=vip or free),
        min_ratio=1.0,
        min_seed_secs=259_200,
        info_url=f"{MAM_PAGE}{1000 + number}",
        download_ref=str(1000 + number),
        info_hash=hash_of(torrent_bytes(f"{MAM_PAGE}{1000 + number}")) if number % 2 else None,
    )


def feed_releases() -> list[Release]:
    """Eight of a feed: without size, date and counts; a bare magnet; a public one; one that the other indexer has too."""
    both = torrent_bytes(f"{MAM_PAGE}1001")
    common: dict[str, Any] = {"indexer": "jackett", "kind": Kind.AUDIOBOOK, "categories": (3030,), "private": False}
    plain = [
        Release(
            guid=f"{FEED_PAGE}{number}", title=f"Clockwork Gardens - Author {number} [MP3]", info_url=f"{FEED_PAGE}{number}",
            download_ref=f"http://feed.example/dl/{number}", published_at=FIRST_DAY + timedelta(days=number, hours=5),
            size_bytes=400_000_000 + number, seeders=3, leechers=1, **common,
        )
        for number in range(1, 5)
    ]  # fmt: skip
    bare = Release(
        guid="urn:bare:clockwork", title="Bare Clockwork", download_ref="http://feed.example/dl/bare", **common
    )
    magnet = Release(
        guid="magnet-only-clockwork", title="Magnetic Clockwork", magnet=f"magnet:?xt=urn:btih:{'c' * 40}&dn=Magnetic+Clockwork",
        info_hash="c" * 40, published_at=FIRST_DAY, size_bytes=9_000_000, seeders=1, **common,
    )  # fmt: skip
    marked = Release(
        guid=f"{FEED_PAGE}90", title="Marked Clockwork", download_ref="http://feed.example/dl/90", published_at=FIRST_DAY,
        size_bytes=9_000_000, seeders=1, download_factor=0.5, upload_factor=2.0, flags=("internal",), **common,
    )  # fmt: skip
    twin = Release(
        guid=f"{FEED_PAGE}99", title="The Clockwork Garden 1 elsewhere", info_hash=hash_of(both), seeders=1,
        download_ref="http://feed.example/dl/99", published_at=FIRST_DAY, size_bytes=51_000_003, **common,
    )  # fmt: skip
    return [*plain, bare, magnet, marked, twin]


@dataclass
class FakeIndexer:
    """Answers from memory. `trouble` is raised by every call while set; `delay_secs` comes before every answer."""

    name: str
    releases: list[Release]
    caps: Capabilities
    trouble: EarmarkError | None = None
    delay_secs: float = 0.0
    asked: list[SearchQuery] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        self.asked.append(query)
        await self._answer()
        words = query.text.casefold().split()
        if not words and not query.newest:
            return []
        wanted = expanded(query.categories)
        hits = [
            release
            for release in self.releases
            if belongs(release.categories, wanted)
            and (query.kind is None or release.kind in (None, query.kind))
            and all(word in f"{release.title} {' '.join(release.authors)}".casefold() for word in words)
        ]
        hits.sort(key=lambda release: release.published_at or FIRST_DAY, reverse=True)
        return hits[query.offset : query.offset + query.limit]

    async def capabilities(self) -> Capabilities:
        await self._answer()
        return self.caps

    async def fetch(self, release: Release) -> bytes | Magnet:
        self.fetched.append(release.guid)
        await self._answer()
        if release.magnet and not release.download_ref:
            return Magnet(release.magnet)
        return torrent_bytes(release.guid, private=release.private)

    async def account(self) -> Account | None:
        return None

    async def test(self) -> IndexerHealth:
        if self.trouble is not None:
            return IndexerHealth(ok=False, message=self.trouble.reason.message)
        return IndexerHealth(ok=True, message="Fine.")

    async def close(self) -> None:
        return None

    async def _answer(self) -> None:
        await asyncio.sleep(self.delay_secs)
        if self.trouble is not None:
            raise self.trouble


def fake_mam() -> FakeIndexer:
    return FakeIndexer("mam", mam_releases(), Capabilities(MAM_CATEGORIES, ("q",), ("q",), ("q",)))


def fake_feed() -> FakeIndexer:
    return FakeIndexer("jackett", feed_releases(), Capabilities(FEED_CATEGORIES, ("q",), ("q",)))


class HandClock:
    """The real time, which a test may push forward."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def push(self, **span: float) -> None:
        self.offset += timedelta(**span)


class _QuietServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def on_a_socket(app: ASGIApp) -> AsyncIterator[str]:
    """The application on a free port of 127.0.0.1, as `earmark serve` puts it there; gives its address."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="warning", lifespan="on", proxy_headers=True,
        forwarded_allow_ips="127.0.0.1", server_header=False, access_log=False,
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = _QuietServer(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started or serving.done())
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving, 10)


async def until(condition: Callable[[], bool], secs: float = 10.0) -> None:
    async with asyncio.timeout(secs):
        while not condition():
            await asyncio.sleep(0.005)
