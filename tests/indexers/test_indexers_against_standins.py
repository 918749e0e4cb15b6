"""Feeds and Prowlarrs against the stand-ins of the sandbox: search, newest, pages, capabilities, torrents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from earmark.core.indexing import IndexerFacts, IndexerRecord, IndexerSort
from earmark.core.torrentfile import read_torrent
from earmark.core.wish import Kind
from earmark.indexers import open_indexer
from earmark.indexers.errors import KeyRefused
from earmark.ports import Indexer, SearchQuery
from earmark.sandbox.world import World

QUERY = SearchQuery("Moonstone", Kind.AUDIOBOOK)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six audiobooks and one e-book about a moonstone."""
    folder = tmp_path_factory.mktemp("catalogue")
    for n in range(7):
        place = folder / f"moonstone {n}"
        place.mkdir()
        (place / ("01.epub" if n == 6 else "01.mp3")).write_bytes(bytes([n]) * 3000)
        notes = {"title": f"The Moonstone {n}", "authors": ["Wilkie Collins"], "language": "English"}
        (place / "release.json").write_text(json.dumps(notes))
    return folder


@pytest.fixture
async def world(catalogue: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with World(catalogue, tmp_path / "world") as opened:
        yield opened


def opened(world: World, sort: IndexerSort, secret: str | None = None) -> Indexer:
    torznab = sort is IndexerSort.TORZNAB
    url, key = (world.torznab_url, world.torznab.key) if torznab else (world.prowlarr_url, world.prowlarr.key)
    record = IndexerRecord(
        id=10, key="indexer-10", sort=sort, name="Stand-in", enabled=True, priority=25, managed=False,
        added_at=datetime(2026, 7, 1, tzinfo=UTC), facts=IndexerFacts(url=url, requests_per_second=50),
    )  # fmt: skip
    return open_indexer(record, secret or key)


@pytest.mark.parametrize("sort", [IndexerSort.TORZNAB, IndexerSort.PROWLARR])
async def test_a_stand_in_is_searched_and_hands_out_its_torrents(world: World, sort: IndexerSort) -> None:
    indexer = opened(world, sort)
    try:
        told = await indexer.capabilities()
        assert 3030 in told.ids() and (await indexer.test()).ok
        found = await indexer.search(QUERY)
        assert len(found) == 6 and all(r.indexer == "indexer-10" and 3030 in r.categories for r in found)
        torrent = await indexer.fetch(found[0])
        assert isinstance(torrent, bytes) and read_torrent(torrent).private
        newest = await indexer.search(SearchQuery("", None, newest=True, limit=5))
        assert len(newest) == 5
        later = await indexer.search(SearchQuery("", None, newest=True, limit=3, offset=2))
        assert [r.guid for r in later] == [r.guid for r in newest[2:]]
        assert [r.kind for r in await indexer.search(replace(QUERY, kind=Kind.EBOOK))] == [Kind.EBOOK]
    finally:
        await indexer.close()


@pytest.mark.parametrize("sort", [IndexerSort.TORZNAB, IndexerSort.PROWLARR])
async def test_a_wrong_key_is_told(world: World, sort: IndexerSort) -> None:
    indexer = opened(world, sort, "wrong")
    try:
        with pytest.raises(KeyRefused):
            await indexer.search(QUERY)
        assert not (await indexer.test()).ok
    finally:
        await indexer.close()
