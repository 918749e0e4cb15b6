"""A small catalogue and a stand-in site over it, without a network: requests go straight into the application."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from earmark.sandbox.account import Account
from earmark.sandbox.app import create_app
from earmark.sandbox.catalogue import CatalogueRelease, read_catalogue
from earmark.sandbox.clock import WorldClock
from earmark.sandbox.seeder import make_torrent
from earmark.sandbox.site import PreparedTorrent, Site, SiteSettings

SITE = "http://127.0.0.1"
NOON = datetime(2026, 7, 27, 12, 0, tzinfo=UTC)
PutRelease = Callable[..., Path]
Told = dict[str, object]


@pytest.fixture
def put(tmp_path: Path) -> PutRelease:
    """Put a release folder into the catalogue: put("Name", {notes}, {"file": size})."""

    def _put(name: str, notes: Mapping[str, object] | None = None, files: Mapping[str, int] | None = None) -> Path:
        folder = tmp_path / "catalogue" / name
        for path, size in (files or {"01.mp3": 1000}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(b"x" * size)
        if notes is not None:
            (folder / "release.json").write_text(json.dumps(notes), encoding="utf-8")
        return folder

    return _put


@pytest.fixture
def open_site(tmp_path: Path) -> Callable[..., Site]:
    """Open the site over what was put; keyword arguments are its settings."""

    def _open(**settings: object) -> Site:
        catalogue = read_catalogue(tmp_path / "catalogue")
        torrents = {r.id: PreparedTorrent.of(make_torrent(r.folder, "")) for r in catalogue.releases}
        site = Site(
            catalogue,
            torrents,
            announce_url=lambda passkey: f"http://127.0.0.1:1/announce/{passkey}",
            clock=WorldClock(lambda: NOON),
            settings=SiteSettings().changed(settings),  # type: ignore[arg-type]
            account=Account(),
        )
        site.sessions.create()
        return site

    return _open


@pytest.fixture
def site(put: PutRelease, open_site: Callable[..., Site]) -> Site:
    """Four releases that differ in everything a search can ask for."""
    put(
        "moonstone",
        {
            "title": "The Moonstone",
            "authors": ["Wilkie Collins"],
            "narrators": ["Ada Fenwick", "Tobias Marl"],
            "category": "Audiobooks - Literary Classics",
            "content_tags": ["Literary Classics", 34],
            "fiction": True,
            "description": "<p>A yellow diamond &amp; one very patient sergeant.</p>",
            "mediainfo": {"General": {"Duration": "20:04:11", "Format": "MPEG-4"}},
            "seeders": 31,
            "leechers": 1,
            "times_completed": 118,
            "owner": [424242, "sandbox_mouse"],
            "added": "2025-02-03 09:14:55",
        },
        {"The Moonstone.m4b": 2_500_000},
    )
    put(
        "813",
        {
            "title": "813",
            "authors": ["Maurice Leblanc"],
            "series": [["Arsène Lupin", "4"]],
            "category": "Ebooks - Mystery",
            "isbn": "9780000000813",
            "tags": "1910",
            "vip": True,
            "vip_expire": 1798675200,
            "flags": ["violence"],
            "seeders": 9,
            "added": "2024-11-19 22:01:07",
        },
        {"813.epub": 1_040_589, "813.mobi": 3},
    )
    put(
        "ile",
        {
            "title": "L'île mystérieuse",
            "authors": ["Jules Verne"],
            "narrators": ['Odile "Odie" Carpentier'],
            "series": [["Voyages extraordinaires", "12"], ["Capitaine Nemo", "2-3, 3.5"]],
            "category": "Audiobooks - Science Fiction",
            "language": "French",
            "tags": "lu par un bénévole",
            "isbn": "ASIN:B0SANDBOX1",
            "free": True,
            "abridged": True,
            "seeders": 0,
            "leechers": 2,
            "added": "2019-07-28 04:40:00",
            "owner": [0, ""],
        },
        {"1.mp3": 4000, "2.mp3": 4000},
    )
    put(
        "time",
        {
            "title": "The Time Machine",
            "authors": ["H. G. Wells"],
            "narrators": ["Ada Fenwick"],
            "category": "Audiobooks - Science Fiction",
            "added": "2026-07-01 00:00:00",
        },
        {"a.mp3": 3000, "cover.jpg": 500},
    )
    return open_site()


def browser(site: Site, *, cookie: bool = True) -> httpx2.AsyncClient:
    """A client whose cookie jar follows the rotation."""
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=create_app(site), client=("127.0.0.1", 5555)),
        base_url=SITE,
        headers={"User-Agent": "Earmark-test"},
        cookies={"mam_id": site.sessions.newest()} if cookie else None,
    )


@pytest.fixture
async def client(site: Site) -> AsyncIterator[httpx2.AsyncClient]:
    async with browser(site) as client:
        yield client


@pytest.fixture
def visit() -> Callable[..., httpx2.AsyncClient]:
    return browser


@pytest.fixture
def find(site: Site) -> Callable[[str], CatalogueRelease]:
    """A release by its title."""
    return lambda title: next(r for r in site.catalogue.releases if r.title == title)


@pytest.fixture
def snatch(site: Site, find: Callable[[str], CatalogueRelease]) -> Callable[..., None]:
    """Announce a release as this account's client does, to the end unless told otherwise."""

    def _snatch(title: str, *, done: bool = True, uploaded: int = 0) -> None:
        release = find(title)
        told: Told = {"ip": "127.0.0.1", "port": 6881, "agent": "Earmark"}
        info_hash = site.torrents[release.id].info_hash
        site.announced(info_hash, event="started", uploaded=0, downloaded=0, left=release.size, **told)  # type: ignore[arg-type]
        if done:
            site.advance(timedelta(minutes=5))
            site.announced(
                info_hash, event="completed", uploaded=uploaded, downloaded=release.size, left=0, **told  # type: ignore[arg-type]
            )  # fmt: skip

    return _snatch


@pytest.fixture
def search(client: httpx2.AsyncClient) -> Callable[..., object]:
    """Search with JSON: `await search({tor fields}, perpage=…)` gives the answer."""

    async def _search(tor: Told | None = None, **top: object) -> dict[str, object]:
        response = await client.post("/tor/js/loadSearchJSONbasic.php", json={"tor": tor or {}, **top})
        assert response.status_code == 200
        answer: dict[str, object] = response.json()
        return answer

    return _search
