"""A library on a real disk with a real database beside it, and a disk that is soon full."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from library_kit import Shelf, open_store
from small_disks import small_disk_at


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    (tmp_path / "library").mkdir()
    db = await open_store(tmp_path)
    yield Shelf(tmp_path / "library", tmp_path / "work", db)
    await db.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 512 KiB."""
    with small_disk_at(tmp_path / "disk", "512k") as place:
        yield place
