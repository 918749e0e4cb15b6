"""The demo is the first thing anybody runs: it must end with a book on the shelf and say so in one JSON object."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from earmark.media.tags import read_chapters

pytestmark = pytest.mark.slow


def test_the_demo_ends_with_a_bound_book_and_its_true_figures(tmp_path: Path) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("EARMARK_")}
    command = [sys.executable, "-m", "earmark", "demo", "--once", "--json", "--dir", str(tmp_path / "demo")]
    ran = subprocess.run(command, capture_output=True, text=True, env=clean, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["state"] == "COMPLETED"
    shelf = Path(told["library_path"])
    assert {f["name"]: f["size"] for f in told["files"]} == {p.name: p.stat().st_size for p in shelf.iterdir()}
    assert {"cover.jpg", "metadata.json", "metadata.opf"} < {f["name"] for f in told["files"]}
    book = next(shelf.glob("*.m4b"))
    assert [c["title"] for c in told["chapters"]] == [c.title for c in read_chapters(book)]
    assert len(told["chapters"]) == 7
    assert told["stats"]["total_download_bytes"] > 400_000
    assert told["torrent"]["state"] == "SEEDING"
    for shown in ("searching", "auto approved", "downloading", "converting", "placing", "On the shelf"):
        assert shown in ran.stderr


def test_the_demo_never_takes_away_what_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    command = [sys.executable, "-m", "earmark", "demo", "--once", "--dir", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2 and "--dir" in ran.stderr
    assert (tmp_path / "precious").read_text() == "x"
