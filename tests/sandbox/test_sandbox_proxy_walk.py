"""Tickets that end on the shelf through the stand-in Torznab feed and through the stand-in Prowlarr alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from estate import house_over, make_release, settings_for, settled, wish

from earmark.core.states import Completed
from earmark.pipeline import desk
from earmark.sandbox.world import World

pytestmark = pytest.mark.slow

BELIEVABLE_BYTES = 9_000_000  # a feed tells no length, so a book must weigh something to be believed


@pytest.fixture(scope="module")
def shelf_of_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue")
    made = make_release(folder, "one", title="The Time Machine", authors=["H. G. Wells"], language="ENG", seeders=4)
    (made / "booklet.pdf").write_bytes(b"%PDF-1.4\n" + bytes(BELIEVABLE_BYTES))
    return folder


@pytest.mark.parametrize("proxy", ["jackett", "prowlarr"])
async def test_a_ticket_is_finished_through_a_proxy_alone(proxy: str, shelf_of_one: Path, tmp_path: Path) -> None:
    async with World(shelf_of_one, tmp_path / "world") as world:
        reached = {
            "jackett": {"url": world.torznab_url, "api_key": world.torznab.key},
            "prowlarr": {"url": world.prowlarr_url, "api_key": world.prowlarr.key},
        }
        sections: dict[str, dict[str, Any]] = {proxy: reached[proxy], "mam": {"mam_id": None}}
        async with house_over(settings_for(world, tmp_path, **sections), tmp_path) as house:
            assert list(house.indexers) == [proxy]
            filed = await desk.file_ticket(house, None, wish("The Time Machine", "H. G. Wells"))
            done = await settled(house, filed.ticket.id)
            assert isinstance(done.payload, Completed), (done.payload, done.waiting)
            assert "api" not in str(done.payload) and not any(
                str(call["path"]).startswith("/tor/") for call in world.site.log
            )
