"""A real house with two indexers from memory, served on a socket, for the replays of what real programs send."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bare_house import bare_house
from prowlarr_house import ADMIN_KEY, USER_KEY, FakeIndexer, HandClock, fake_feed, fake_mam, on_a_socket

from earmark.api.app import create_app
from earmark.pipeline.house import House


@dataclass
class Estate:
    """The house, where it is served, and its two indexers."""

    house: House
    url: str
    mam: FakeIndexer
    feed: FakeIndexer
    clock: HandClock
    key: str = ADMIN_KEY
    user_key: str = USER_KEY


OpenEstate = Callable[..., Any]


@pytest.fixture
async def open_estate(tmp_path: Path) -> AsyncIterator[OpenEstate]:
    """Open a served house; keyword arguments are of its `[server]` section."""
    async with AsyncExitStack() as stack:

        async def opened(**server: Any) -> Estate:
            keys = {"auth_token": ADMIN_KEY, "user_token": USER_KEY}
            house = await bare_house(tmp_path, server=keys | server)
            stack.push_async_callback(house.db.close)
            mam, feed, clock = fake_mam(), fake_feed(), HandClock()
            house.clock = clock
            house.indexers.update({mam.name: mam, feed.name: feed})
            url = await stack.enter_async_context(on_a_socket(create_app(house)))
            return Estate(house, url + server.get("url_base", ""), mam, feed, clock)

        yield opened


@pytest.fixture
async def estate(open_estate: OpenEstate) -> Estate:
    opened: Estate = await open_estate()
    return opened
