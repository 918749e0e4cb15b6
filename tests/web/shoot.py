"""Screenshots of the pages for looking at: python tests/web/shoot.py OUT_DIR [page …]"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from web_pieces import S
from web_site import Server, make_app
from web_watch import SHAPES
from web_world import FakeDesk

ARGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


def open_page(browser: Browser, shape: str) -> Page:
    width, height, scheme = SHAPES[shape]
    phone = width < 500
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
        device_scale_factor=1,
        is_mobile=phone,
        has_touch=phone,
    )
    page = context.new_page()
    page.on("console", lambda m: print("CONSOLE", m.type, m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: print("PAGEERROR", e))
    return page


def main(out: Path, wanted: list[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    desk = FakeDesk()
    ids = {f"{v.ticket.state}".lower() + ("" if n == 0 else f"-{n}"): i for i, v, n in numbered(desk)}
    paths = {"home": "/", "add": "/add", "approvals": "/approvals", "tickets": "/tickets", "system": "/system"}
    paths |= {"missing": "/tickets/nope", "cancel": f"/tickets/{ids['downloading']}/cancel"}
    shelf = ids["completed"]
    paths |= {"undo": f"/tickets/{shelf}/undo", "reprocess": f"/tickets/{shelf}/reprocess"}
    paths |= {"media": "/settings/media", "choose": "/tickets?state=done"}
    paths |= {"indexers": "/indexers", "connect": "/indexers/connect", "taken": "/indexers/taken"}
    paths |= {"indexer-add": "/indexers/add", "indexer-new": "/indexers/add?sort=torznab", "indexer-mam": "/indexers/1"}
    paths |= {"indexer-jackett": "/indexers/2", "indexer-own": "/indexers/10", "indexer-remove": "/indexers/10/remove"}
    paths |= {f"ticket-{name}": f"/tickets/{i}" for name, i in ids.items()}
    with Server(make_app(desk)) as server, Server(make_app(FakeDesk(empty=True))) as bare, sync_playwright() as p:
        browser = p.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
        for shape in SHAPES:
            page = open_page(browser, shape)
            page.goto(f"{server.url}/login")
            if not wanted or "login" in wanted:
                page.screenshot(path=out / f"login-{shape}.png")
            sign_in(page)
            for name, path in paths.items():
                if not wanted or name in wanted:
                    shoot(page, f"{server.url}{path}", out / f"{name}-{shape}.png")
            if not wanted or "home-empty" in wanted:
                shoot(page, f"{bare.url}/", out / f"home-empty-{shape}.png")
            page.context.close()
        browser.close()


def numbered(desk: FakeDesk) -> list[tuple[str, object, int]]:
    seen: dict[S, int] = {}
    out = []
    for i, v in desk.views.items():
        n = seen.get(v.ticket.state, 0)
        seen[v.ticket.state] = n + 1
        out.append((i, v, n))
    return out


def sign_in(page: Page) -> None:
    page.fill("#key", "admin-key")
    page.click("button[type=submit]")
    page.wait_for_selector("#panel")


def shoot(page: Page, url: str, path: Path) -> None:
    page.goto(url)
    if page.locator("[data-live-mark]").count():
        page.wait_for_selector('[data-live-mark][data-state="live"]', state="attached")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        print("OVERFLOW", path.name, wide)
    page.screenshot(path=path, full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
