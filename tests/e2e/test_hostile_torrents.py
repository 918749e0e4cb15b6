"""Torrents and texts that mean harm: hostile paths are refused by name before anything is written, hostile titles end as
harmless names below the library."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import bencode2
import httpx2
import pytest
from estate import house_over, make_release, settings_for, settled, wish

from earmark.core.filenames import problem_with_segment
from earmark.core.states import Completed, Failed, TicketState
from earmark.pipeline import desk
from earmark.sandbox.routes import downloads
from earmark.sandbox.world import World

pytestmark = pytest.mark.slow

S = TicketState

PATHS: dict[str, list[bytes]] = {
    "climbing out": [b"..", b"..", b"escaped.mp3"],
    "climbing out deeper": [b"a", b"..", b"..", b"escaped.mp3"],
    "absolute": [b"/etc", b"cron.d", b"job"],
    "slash inside": [b"a/../../escaped.mp3"],
    "backslash inside": [b"..\\escaped.mp3"],
    "reserved": [b"con"],
    "reserved with extension": [b"NUL.mp3"],
    "300 bytes": [b"n" * 300],
    "control characters": [b"a\x00b\x1b[2J.mp3"],
    "empty": [b""],
}


def spoil(data: bytes, path: list[bytes]) -> bytes:
    """The torrent with its first file at `path`."""
    outer = cast("dict[bytes, Any]", bencode2.bdecode(data))
    files = outer[b"info"][b"files"]
    spoilt = [{**files[0], b"path": path}, *files[1:]]
    return bencode2.bencode({**outer, b"info": {**outer[b"info"], b"files": spoilt}})


def rename(data: bytes, name: bytes) -> bytes:
    outer = cast("dict[bytes, Any]", bencode2.bdecode(data))
    return bencode2.bencode({**outer, b"info": {**outer[b"info"], b"name": name}})


def everything(folder: Path) -> set[str]:
    return {str(p) for p in folder.rglob("*") if "data" not in p.relative_to(folder).parts[:1]}


async def assert_refused(world: World, home: Path) -> None:
    async with httpx2.AsyncClient(base_url=world.site_url) as site:
        told = {"on": "download", "kind": "hostile_paths", "times": 1}
        assert (await site.post("/sandbox/faults", json=told)).is_success
    async with house_over(settings_for(world, home), home) as house:
        before = everything(home)
        filed = await desk.file_ticket(house, None, wish("The Time Machine", "H. G. Wells"))
        ended = await settled(house, filed.ticket.id)
        assert isinstance(ended.payload, Failed), ended
        error = ended.payload.error
        assert error.code == "torrent_path_hostile" and error.action, error
        assert "\x1b" not in error.message and "\x00" not in error.message
        assert await house.client.snapshot() == {}
        assert not any(house.download_dir.iterdir())
        assert everything(home) == before
        # The real one is fetched anew when somebody asks again.
        await desk.retry(house, ended.id, "tester")
        assert (await settled(house, ended.id)).state is S.COMPLETED


@pytest.mark.parametrize("kind", PATHS)
async def test_a_hostile_path_is_refused_by_name_and_nothing_is_written(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(downloads, "hostile", lambda data: spoil(data, PATHS[kind]))
    await assert_refused(world, tmp_path)


@pytest.mark.parametrize("name", [b"../out", b"/etc", b"..", b"x" * 300, b"a\x1bb"])
async def test_a_hostile_name_of_the_whole_torrent_is_refused_too(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes
) -> None:
    monkeypatch.setattr(downloads, "hostile", lambda data: rename(data, name))
    await assert_refused(world, tmp_path)


# --- texts --------------------------------------------------------------------------------------------------------------

TEXTS = {
    "climbing": "../../etc/passwd Quillon",
    "absolute": "/etc/cron.d/ Quillon",
    "markup": "<script>alert(1)</script> Quillon",
    "nul": "Quillon\x00 Nul\x1b[2J",
    "right to left": "Quillon \u202egnp.exe",
    "long": "Quillon " + "very long " * 30,
    "emoji": "Quillon \U0001f480\U0001f3f4\u200d\u2620\ufe0f",
    "device": "CON Quillon",
    "dots": "... Quillon ...",
    "template": "{author} {{7*7}} %s $HOME `id` Quillon",
}


@pytest.fixture
async def hostile_world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    text = TEXTS[request.param]
    folder = make_release(tmp_path / "catalogue", "book", parts=2, secs=1.0)
    row = {"title": text, "authors": [text], "narrators": [text], "series": [[text, "1"]], "description": text}
    (folder / "release.json").write_text(json.dumps(row))
    async with World(tmp_path / "catalogue", tmp_path / "world") as running:
        yield running


@pytest.mark.parametrize(("hostile_world", "kind"), [(kind, kind) for kind in TEXTS], indirect=["hostile_world"])
async def test_a_hostile_title_ends_as_a_harmless_name_below_the_library(
    hostile_world: World, tmp_path: Path, kind: str
) -> None:
    text = TEXTS[kind]
    home = tmp_path / "home"
    async with house_over(settings_for(hostile_world, home), home) as house:
        filed = await desk.file_ticket(house, None, wish(text, text, series=text, narrators=(text,)))
        ticket = await settled(house, filed.ticket.id)
        if ticket.state is S.NEEDS_APPROVAL and not (await desk.view(house, ticket.id)).candidates:
            await desk.force_search(house, ticket.id, "Quillon", "tester")
            ticket = await settled(house, ticket.id)
        if ticket.state is S.NEEDS_APPROVAL:
            await desk.approve(house, ticket.id, 0, "tester")
            ticket = await settled(house, ticket.id)
        assert isinstance(ticket.payload, Completed), ticket.payload
        library = house.settings.library.audiobooks
        shelf = Path(ticket.payload.library_path)
        assert shelf.resolve().is_relative_to(library.resolve()) and shelf.resolve() != library.resolve()
        for path in library.rglob("*"):
            assert problem_with_segment(path.name) is None, path
        assert {p.name for p in home.iterdir()} == {"data", "library"}
        assert json.loads((shelf / "metadata.json").read_text())["title"]
