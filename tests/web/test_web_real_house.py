"""The pages over the real desk and store, with the real session and WebSocket: signing in, wishing, deciding, live."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from bare_house import bare_house, candidate
from playwright.sync_api import Browser, expect

from earmark.cli.serving import build_app
from earmark.core.decision import Decision
from earmark.core.states import ApprovalCode, ApprovalReason, Matching, NeedsApproval, Searching
from earmark.core.ticket import TicketId
from earmark.pipeline.dispatch import cry_events
from earmark.pipeline.house import House
from earmark.store import candidates, decisions, tickets

pytestmark = pytest.mark.slow


@dataclass
class Running:
    """A house that serves in a thread of its own; `do` runs something inside it."""

    home: Path
    url: str = ""
    house: House | None = None
    loop: asyncio.AbstractEventLoop | None = None
    server: uvicorn.Server | None = None
    up: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self.house = await bare_house(self.home)
        self.loop = asyncio.get_running_loop()
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.server = uvicorn.Server(
            uvicorn.Config(
                build_app(self.house), log_level="warning", timeout_graceful_shutdown=1, ws="websockets-sansio"
            )
        )
        self.server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        serving = asyncio.create_task(self.server.serve(sockets=[listener]))
        while not self.server.started and not serving.done():
            await asyncio.sleep(0.02)
        stop = asyncio.Event()
        crier = asyncio.create_task(cry_events(self.house, stop))
        self.up.set()
        await serving
        stop.set()
        self.house.recorded.set()
        await crier
        await self.house.db.close()

    def do(self, work: Callable[[House], Coroutine[None, None, None]]) -> None:
        assert self.house is not None
        assert self.loop is not None
        asyncio.run_coroutine_threadsafe(work(self.house), self.loop).result(10)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    house = Running(tmp_path)
    thread = threading.Thread(target=house.run, daemon=True)
    thread.start()
    assert house.up.wait(20)
    yield house
    assert house.server is not None
    house.server.should_exit = True
    thread.join(15)


def test_a_wish_is_filed_decided_and_followed_on_the_real_desk(running: Running, chromium: Browser) -> None:
    assert running.house is not None
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.goto(running.url)
    page.get_by_label("Key").fill(running.house.tokens.admin_token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("h2").first).to_have_text("What would you like to listen to?")
    page.get_by_label("Title").fill("The Time Machine")
    page.get_by_label("Author").fill("H. G. Wells")
    page.get_by_role("button", name="Wish for this book").click()
    expect(page.locator(".story h2")).to_have_text("Queued for the search")
    expect(page.locator("[data-live-mark]").first).to_have_attribute("data-state", "live")
    ticket = TicketId(page.url.rsplit("/", 1)[1].split("?")[0])

    found = [candidate(0), candidate(1, "<b>The Time Machine</b>", 0.7)]
    doubt = ApprovalReason(ApprovalCode.LOW_CONFIDENCE, {"score": 0.8, "threshold": 0.85}, "The best scores 0.80.")

    async def ask(house: House) -> None:
        async with house.write() as tx:
            at = house.now()
            await tickets.move(tx, ticket, Searching(at), at=at, actor="earmark")
            await tickets.move(tx, ticket, Matching(at, 2), at=at, actor="earmark")
            await candidates.replace(tx, ticket, found)
            made = Decision(tuple(found), 0, 0.8, 0.85, (doubt,), "test")
            await decisions.record(tx, ticket, made, {}, ["time machine"], at)
            await tickets.move(tx, ticket, NeedsApproval(at, 2, 0, 0.8, (doubt,)), at=at, actor="earmark")

    running.do(ask)
    expect(page.locator(".story h2")).to_have_text("Waiting for your choice among 2 releases")
    page.get_by_role("button", name="Approve this one").nth(1).click()
    expect(page.locator(".story h2")).to_have_text("Approved by admin")
    expect(page.locator(".moments")).to_contain_text("Wish filed")
    page.get_by_role("link", name="Raw JSON").click()
    expect(page.locator("body")).to_contain_text('"state":"APPROVED"')
    page.goto(f"{running.url}/tickets/{ticket}")
    page.get_by_role("link", name="Cancel", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the wish").click()
    expect(page.locator(".story h2")).to_have_text("Cancelled by admin")
    for path in ("/", "/tickets", "/tickets?state=done", "/approvals", "/add", "/settings/media", "/system"):
        page.goto(running.url + path)
        expect(page.locator("h1")).to_be_visible()
    expect(page.locator("#disks")).to_contain_text("free of")
    page.get_by_label("Free how much").fill("1")
    page.get_by_role("button", name="Plan it").click()
    expect(page.locator("#prune")).to_contain_text("Nothing may go.")
    assert complaints == []
    page.goto(f"{running.url}/nowhere")
    expect(page.locator("h1")).to_have_text("There is no such page")
    context.close()
