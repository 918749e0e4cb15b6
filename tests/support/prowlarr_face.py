"""What the tests of the Prowlarr face share: two indexers with a book each, and a client as strict as the strictest program."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from stub_indexers import StubIndexer

from earmark.core.release import Freeleech, Release
from earmark.core.wish import Kind

MAM_BOOK = Release(
    guid="https://www.myanonamouse.net/t/123",
    indexer="mam",
    title="The Way of Kings",
    size_bytes=943_718_400,
    kind=Kind.AUDIOBOOK,
    authors=("Brandon Sanderson",),
    language="en",
    filetypes=("m4b",),
    file_count=1,
    categories=(3030, 100_041),
    seeders=85,
    leechers=1,
    grabs=412,
    published_at=datetime(2026, 11, 8, 12, 0, tzinfo=UTC),
    freeleech=Freeleech(everyone=True, vip=True),
    info_url="https://www.myanonamouse.net/t/123",
    download_ref="123",
)
FEED_BOOK = Release(
    guid="https://feed.test/details/9?x=1&y=2",
    indexer="jackett",
    title="Sanderson - The Way of Kings (2010) MP3",
    categories=(3030,),
    magnet="magnet:?xt=urn:btih:" + "ab" * 20,
    info_hash="ab" * 20,
)


class AbrSource(BaseModel):
    """What AudioBookRequest reads of an element, as strictly as it does: one bad element and the whole list is lost."""

    model_config = ConfigDict(extra="ignore")

    guid: str
    indexerId: int
    indexer: str
    title: str
    size: int
    publishDate: str
    protocol: str
    seeders: int = 0
    leechers: int = 0
    grabs: int = 0
    indexerFlags: list[str] = []
    infoUrl: str | None = None
    downloadUrl: str | None = None
    magnetUrl: str | None = None


def read_as_abr(told: object) -> list[AbrSource]:
    """The list, or an error where AudioBookRequest would give up: wrong types, dates without a zone."""
    assert isinstance(told, list)
    sources = [AbrSource.model_validate(one, strict=True) for one in told]
    assert all(source.protocol == "torrent" for source in sources)
    now = datetime.now(UTC)
    sorted(now - datetime.fromisoformat(source.publishDate) for source in sources)
    return sources


def assert_no_nulls(told: object, where: str = "$") -> None:
    """Prowlarr leaves null keys out."""
    assert told is not None, where
    if isinstance(told, Mapping):
        for key, value in told.items():
            assert_no_nulls(value, f"{where}.{key}")
    elif isinstance(told, list):
        for number, value in enumerate(told):
            assert_no_nulls(value, f"{where}[{number}]")


def two_indexers() -> dict[str, Any]:
    return {"mam": StubIndexer("mam", [MAM_BOOK]), "jackett": StubIndexer("jackett", [FEED_BOOK])}
