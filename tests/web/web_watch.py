"""A browser page that is watched: what it complains about, and whom it calls."""

from __future__ import annotations

from playwright.sync_api import Page
from web_site import Server

SHAPES = {"desktop-dark": (1440, 900, "dark"), "phone-light": (390, 844, "light")}


class Watched:
    """A page whose console and requests are written down."""

    def __init__(self, page: Page, site: Server) -> None:
        self.page = page
        self.site = site
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda r: None if self._ours(r.url) else self.foreign.append(r.url))

    def _ours(self, url: str) -> bool:
        return url.startswith((self.site.url, self.site.url.replace("http", "ws"), "data:"))

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.site.url}{path}")
        return self.page
