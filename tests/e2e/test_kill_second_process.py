"""One data directory, one Earmark: the second says so and leaves; after a kill the place is free at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from estate import Service, settings_for

from earmark.sandbox.world import World

pytestmark = pytest.mark.slow


async def test_a_second_earmark_on_one_data_directory_leaves_with_a_clear_message(world: World, tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    service = Service(tmp_path / "home", settings_for(world, tmp_path))
    service.launch()
    try:
        await service.ready()
        words = ["serve", "--data-dir", str(service.data), "--config", str(tmp_path / "home/earmark.toml")]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("EARMARK_")}
        second = subprocess.run(
            [sys.executable, "-m", "earmark", *words],
            capture_output=True,
            text=True,
            timeout=60,
            env=clean,
            check=False,
        )
        said = " ".join((second.stdout + second.stderr).split())
        assert second.returncode == 1, said
        assert "Another Earmark is already running" in said and "--data-dir" in said
        assert "Traceback" not in said
        assert (await service.api("GET", "/tickets"))["total"] == 0  # the first is not disturbed
        service.kill()
        service.launch()
        await service.ready()
        assert service.stop() == 0
        assert not (service.data / "service.json").exists()
    finally:
        service.kill()
