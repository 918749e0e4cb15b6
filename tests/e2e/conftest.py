"""A stand-in world with a few small books, for walks through the whole house."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from estate import make_release

from earmark.sandbox.world import World


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small releases with true rows, made once."""
    folder = tmp_path_factory.mktemp("catalogue")
    make_release(
        folder, "wells-time-machine", title="The Time Machine", authors=["H. G. Wells"], narrators=["Ada Fenwick"],
        series=[["Scientific Romances", "1"]], language="ENG", seeders=12, description="<p>A traveller &amp; the years.</p>",
    )  # fmt: skip
    make_release(
        folder, "wells-war", title="The War of the Worlds", authors=["H. G. Wells"], narrators=["Tobias Marl"], parts=12,
        secs=0.5, language="ENG", seeders=5, free=True,
    )  # fmt: skip
    make_release(
        folder, "verne-earth", title="Journey to the Centre of the Earth", authors=["Jules Verne"], language="ENG"
    )
    make_release(folder, "doyle-lost", title="The Lost World", authors=["Arthur Conan Doyle"], language="ENG")
    return folder


@pytest.fixture
async def world(catalogue: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with World(catalogue, tmp_path / "world") as running:
        yield running
