"""Pages to look at: in memory for the quick tests, in a real Chromium for the rest."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from web_site import Server, make_app
from web_watch import SHAPES, Watched
from web_world import FakeDesk

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
async def visitor(desk: FakeDesk) -> AsyncIterator[httpx2.AsyncClient]:
    """Nobody yet: not signed in."""
    transport = httpx2.ASGITransport(app=make_app(desk))
    headers = {"Origin": "http://earmark.test"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://earmark.test", headers=headers) as client:
        yield client


@pytest.fixture
async def admin(visitor: httpx2.AsyncClient) -> httpx2.AsyncClient:
    visitor.cookies.set("earmark_session", "session-of-admin")
    return visitor


@pytest.fixture
async def user(visitor: httpx2.AsyncClient) -> httpx2.AsyncClient:
    visitor.cookies.set("earmark_session", "session-of-user")
    return visitor


@pytest.fixture
def site(desk: FakeDesk) -> Iterator[Server]:
    with Server(make_app(desk)) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser a module: its driver keeps an event loop that must not be there when asynchronous tests run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def look(chromium: Browser, site: Server) -> Iterator[Callable[..., Watched]]:
    """`look("phone-light", js=False)`: a page signed in as administrator, in one of the two shapes."""
    contexts: list[BrowserContext] = []

    def make(shape: str = "desktop-dark", *, js: bool = True, key: str = "session-of-admin") -> Watched:
        width, height, scheme = SHAPES[shape]
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            is_mobile=width < 500,
            has_touch=width < 500,
            java_script_enabled=js,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        if key:
            context.add_cookies([{"name": "earmark_session", "value": key, "url": site.url}])
        return Watched(context.new_page(), site)

    yield make
    for context in contexts:
        context.close()
