"""The adapter against the stand-in site, over real HTTP on loopback: what it sends is understood, what it gets is read,
and every fault the stand-in can play ends in the right named error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from earmark.core.reasons import EarmarkError
from earmark.core.release import SeriesRef
from earmark.core.torrentfile import BadTorrent, read_torrent
from earmark.core.wish import Kind
from earmark.http import AnswerNotUnderstood, RateLimited, SiteUnavailable, new_client
from earmark.indexers import errors
from earmark.indexers.mam import MamIndexer
from earmark.indexers.pacing import Pacer
from earmark.ports import SearchQuery
from earmark.sandbox.world import World

QUERY = SearchQuery("Moonstone Collins", Kind.AUDIOBOOK)


def write_catalogue(folder: Path) -> None:
    books: dict[str, dict[str, Any]] = {
        "moonstone": {
            "title": "The Moonstone",
            "authors": ["Wilkie Collins"],
            "narrators": ["Ada Fenwick"],
            "series": [["Sergeant Cuff", "1"]],
            "language": "English",
            "free": True,
        },
        "digits": {"title": "813", "authors": ["Maurice Leblanc"], "abridged": True},
    }
    for name, notes in books.items():
        place = folder / name
        place.mkdir(parents=True)
        (place / "01.mp3").write_bytes(name.encode() * 3000)
        (place / "release.json").write_text(json.dumps(notes))


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue")
    write_catalogue(folder)
    return folder


@pytest.fixture
async def world(catalogue: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with World(catalogue, tmp_path / "state") as running:
        yield running


@pytest.fixture
async def indexer(world: World, store: Any) -> AsyncIterator[MamIndexer]:
    opened = MamIndexer(
        world.site_url,
        store,
        new_client(5),
        Pacer(10_000),
        clock=lambda: datetime.now(UTC),
        timeout_secs=5,
        configured=f"mam_id={world.mam_id};",
    )
    yield opened
    await opened.close()


async def test_a_book_is_found_and_its_torrent_fetched(world: World, indexer: MamIndexer) -> None:
    (release,) = await indexer.search(QUERY)
    assert (release.title, release.authors, release.narrators) == (
        "The Moonstone",
        ("Wilkie Collins",),
        ("Ada Fenwick",),
    )
    assert release.series == (SeriesRef("Sergeant Cuff", "1"),)
    assert (release.kind, release.language, release.abridged) == (Kind.AUDIOBOOK, "en", False)
    assert release.freeleech.everyone
    assert release.guid == f"https://www.myanonamouse.net/t/{release.download_ref}"
    assert release.info_url == f"{world.site_url}/t/{release.download_ref}"
    meta = read_torrent(await indexer.fetch(release))
    assert meta.private
    assert release.size_bytes is not None and abs(meta.size - release.size_bytes) < 1024


async def test_a_title_of_digits_and_nothing_found(indexer: MamIndexer) -> None:
    (release,) = await indexer.search(SearchQuery("813", Kind.AUDIOBOOK))
    assert (release.title, release.abridged) == ("813", True)
    assert await indexer.search(SearchQuery("no such book", Kind.AUDIOBOOK)) == []
    assert await indexer.search(SearchQuery("Moonstone", Kind.EBOOK)) == []


@pytest.mark.parametrize("shape", ["nested", "old"])
async def test_the_account_is_read_in_both_shapes(world: World, indexer: MamIndexer, shape: str) -> None:
    world.site.settings = world.site.settings.changed({"jsonload_shape": shape})
    account = await indexer.account()
    assert account.username == world.site.account.username
    assert (account.unsatisfied, account.unsatisfied_limit) == (0, world.site.account.unsat_limit)
    assert (await indexer.test()).ok


async def test_the_session_survives_rotation_without_any_grace_and_a_restart(
    world: World, indexer: MamIndexer, store: Any
) -> None:
    world.site.settings = world.site.settings.changed({"grace_secs": 0.0})
    await asyncio.gather(*(indexer.account() for _ in range(5)))
    assert store.value == world.mam_id
    again = MamIndexer(
        world.site_url, store, new_client(5), Pacer(10_000), clock=lambda: datetime.now(UTC), configured="long-dead"
    )
    assert (await again.account()).username
    await again.close()


async def test_a_session_ended_by_the_site_is_expired_and_a_new_one_works_at_once(
    world: World, indexer: MamIndexer, store: Any
) -> None:
    world.site.sessions.end_all()
    for call in (indexer.account(), indexer.search(QUERY)):
        with pytest.raises(errors.SessionExpired):
            await call
    assert store.saved == [], "a deletion cookie is no rotation"
    await indexer.set_mam_id(world.site.sessions.create())
    assert (await indexer.test()).ok


FAULTS: list[tuple[str, str, type[EarmarkError]]] = [
    *(
        (area, kind, error)
        for area in ("search", "account", "download")
        for kind, error in (
            ("403", errors.SessionExpired),
            ("429", RateLimited),
            ("500", SiteUnavailable),
            ("503", SiteUnavailable),
            ("login_html", errors.SessionExpired),
            ("not_signed_in", errors.SessionExpired),
            ("redirect_login", errors.SessionExpired),
            ("empty", errors.SessionExpired),
            ("hang", SiteUnavailable),
        )
    ),
    ("search", "not_json", AnswerNotUnderstood),
    ("search", "truncated_json", AnswerNotUnderstood),
    ("account", "truncated_json", AnswerNotUnderstood),
    ("search", "401", errors.SessionExpired),
    ("download", "401", errors.SessionAddressMismatch),
    ("download", "404", errors.TorrentGone),
    ("download", "406", errors.GrabsBlocked),
    ("download", "html_torrent", errors.SessionExpired),
    ("download", "bad_torrent", BadTorrent),
    ("download", "hostile_paths", BadTorrent),
    ("download", "unsatisfied_limit", errors.UnsatisfiedLimitReached),
]


@pytest.mark.parametrize(("area", "kind", "error"), FAULTS, ids=[f"{area} {kind}" for area, kind, _ in FAULTS])
async def test_each_fault_has_its_name_and_passes(
    world: World, indexer: MamIndexer, area: str, kind: str, error: type[EarmarkError]
) -> None:
    (release,) = await indexer.search(QUERY)
    calls = {
        "search": lambda: indexer.search(QUERY),
        "account": indexer.account,
        "download": lambda: indexer.fetch(release),
    }
    indexer._session._timeout_secs = 0.3 if kind == "hang" else 5
    world.site.faults.arm({"on": area, "kind": kind})
    with pytest.raises(error) as caught:
        await calls[area]()
    assert world.mam_id not in repr(caught.value.reason)
    world.site.faults.clear()
    indexer._session._timeout_secs = 5
    if error is RateLimited:
        assert isinstance(caught.value, RateLimited) and caught.value.retry_after_secs == 30
        return
    assert await calls[area]()


@pytest.mark.parametrize("kind", ["malformed_author", "malformed_row"])
async def test_spoilt_rows_cost_no_more_than_themselves(world: World, indexer: MamIndexer, kind: str) -> None:
    world.site.faults.arm({"on": "search", "kind": kind, "times": 1})
    releases = (
        await indexer.search(SearchQuery("Moonstone Collins", Kind.AUDIOBOOK)) if kind == "malformed_author" else []
    )
    assert all(release.authors == () for release in releases)
    if kind == "malformed_row":
        with pytest.raises(AnswerNotUnderstood):  # the only row: an empty list would be a lie
            await indexer.search(QUERY)
    assert (await indexer.search(QUERY))[0].authors == ("Wilkie Collins",)


async def test_what_the_site_saw_is_what_the_reference_asks_for(world: World, indexer: MamIndexer) -> None:
    (release,) = await indexer.search(QUERY)
    await indexer.account()
    await indexer.fetch(release)
    seen = [(entry["method"], entry["path"], entry["query"]) for entry in world.site.log]
    assert seen == [
        ("POST", "/tor/js/loadSearchJSONbasic.php", ""),
        ("GET", "/jsonLoad.php", "snatch_summary"),
        ("GET", "/tor/download.php", f"tid={release.download_ref}"),
    ]
    asked = world.site.log[0]["json"]
    assert isinstance(asked, dict) and {"tor", "perpage"} <= asked.keys()
