"""Templates to answers: the environment, its few filters and globals, and the headers every page carries. Autoescape is on
for everything; no template marks anything as safe."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from earmark.core.states import TicketState
from earmark.core.ticket import Ticket
from earmark.core.wish import AlbumWish, BookWish, Wish
from earmark.web import figures, humane, words

HERE = Path(__file__).parent
STATIC_DIR = HERE / "static"
HUES = 8

Context: TypeAlias = dict[str, object]
"""What a template reads."""

PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; "
        "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Renderer:
    """Draws pages for one place in the URL space (`url_base`, "" or "/prefix")."""

    def __init__(self, url_base: str, version: str, now: Callable[[], datetime]) -> None:
        self.url_base = url_base
        self.now = now
        self._env = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.filters |= {
            "size": humane.size,
            "speed": humane.speed,
            "duration": humane.duration,
            "duration_spoken": humane.duration_spoken,
            "clock": humane.clock,
            "percent": humane.percent,
            "number": humane.number,
            "iso": humane.iso,
            "sentence": humane.sentence,
            "absolute": humane.absolute,
        }
        self._env.globals |= {
            "url": lambda path: f"{url_base}{path}",
            "static": lambda name: f"{url_base}/static/{name}?v={_stamp(name)}",
            "static_base": f"{url_base}/static",
            "base": url_base,
            "version": version,
            "relative": humane.relative,
            "plural": humane.plural,
            "state_label": words.label,
            "badge_of": words.badge,
            "tone_of": words.tone,
            "story_of": words.story,
            "asker_of": words.asker_of,
            "figures_of": figures.figures,
            "title_of": title_of,
            "byline_of": byline_of,
            "monogram": monogram,
            "hue_of": hue_of,
            "States": TicketState,
        }

    def text(self, template: str, context: Mapping[str, object]) -> str:
        return self._env.get_template(template).render(now=self.now(), **context)

    def page(
        self,
        template: str,
        context: Mapping[str, object],
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        return HTMLResponse(self.text(template, context), status, {**PAGE_HEADERS, **(headers or {})})


def wants_fragment(request: Request) -> bool:
    """Did htmx ask, so that a part of the page is the answer?"""
    return request.headers.get("hx-request") == "true"


def toast(text: str, *, tone: str = "good", more: str = "") -> dict[str, str]:
    """A header that makes the browser show a toast. ASCII by JSON's escapes, so any text may stand in it."""
    return {"HX-Trigger": json.dumps({"toast": {"text": text[:300], "more": more[:300], "tone": tone}})}


def title_of(wish: Wish) -> str:
    return wish.album if isinstance(wish, AlbumWish) else wish.title


def byline_of(wish: Wish) -> str:
    """Who made it: `Lewis Carroll, read by Cori Samuel`, `Artist`."""
    if isinstance(wish, AlbumWish):
        return wish.artist
    authors = ", ".join(wish.authors)
    read_by = f"read by {', '.join(wish.narrators)}" if wish.narrators else ""
    return ", ".join(t for t in (authors, read_by) if t)


def monogram(title: str) -> str:
    """Two letters for a cover that is not there yet."""
    parts = [w for w in title.split() if w[:1].isalnum() and w.casefold() not in {"the", "a", "an", "of", "and"}]
    return "".join(w[0] for w in parts[:2]).upper() or "?"


def hue_of(ticket: Ticket) -> int:
    wish = ticket.request.wish
    key = wish.artist if isinstance(wish, AlbumWish) else _author_or_title(wish)
    return zlib.crc32(key.casefold().encode()) % HUES


def _author_or_title(wish: BookWish) -> str:
    return wish.authors[0] if wish.authors else wish.title


@cache
def _stamp(name: str) -> str:
    """A few characters that change with the file, so that browsers may keep it for ever."""
    return hashlib.sha256((STATIC_DIR / name).read_bytes()).hexdigest()[:10]
