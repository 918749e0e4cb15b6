"""A whole estate for tests: the stand-in world, and the house on top of it, in this process or as a service of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from pydantic import SecretStr

from earmark.core.states import TERMINAL, TicketState
from earmark.core.ticket import Ticket, TicketId
from earmark.core.wish import BookWish, Kind, TicketRequest
from earmark.pipeline import desk
from earmark.pipeline.house import House
from earmark.pipeline.service import open_house
from earmark.sandbox.world import World
from earmark.settings import Settings

FFMPEG = shutil.which("ffmpeg") or "ffmpeg"


def make_release(catalogue: Path, name: str, *, parts: int = 3, secs: float = 2.0, **row: Any) -> Path:
    """A release folder of `parts` short MP3s (tones), with a release.json of the given row fields."""
    folder = catalogue / name
    folder.mkdir(parents=True)
    for number in range(1, parts + 1):
        tone = f"sine=frequency={200 + 40 * number}:sample_rate=22050:duration={secs}"
        tags = ["-metadata", f"title=Part {number}", "-metadata", f"track={number}/{parts}"]
        command = [FFMPEG, "-v", "error", "-f", "lavfi", "-i", tone, "-b:a", "32k", *tags, f"{folder}/{number}.mp3"]
        subprocess.run(command, check=True)
    (folder / "release.json").write_text(json.dumps(row))
    return folder


def settings_for(world: World, home: Path, **sections: dict[str, Any]) -> Settings:
    """Settings for the stand-in: loopback only, quick retries. `sections` override single keys."""
    base: dict[str, dict[str, Any]] = {
        "server": {"port": 0},
        "mam": {
            "base_url": world.site_url,
            "mam_id": world.mam_id,
            "allow_unapproved_client": True,
            "requests_per_second": 5,
            "timeout_secs": 2,
        },
        "embedded": {"listen_address": "127.0.0.1", "listen_port": 0, "utp": False},
        "library": {"audiobooks": home / "library", "min_free_space_mib": 0},
        "processing": {"retry_initial_delay_secs": 0.2, "retry_max_delay_secs": 1, "min_free_space_mib": 0},
    }
    for section, values in sections.items():
        base.setdefault(section, {}).update(values)
    return Settings.model_validate(base)


@asynccontextmanager
async def house_over(settings: Settings, home: Path) -> AsyncIterator[House]:
    """The house in this process."""
    settings.library.audiobooks.mkdir(parents=True, exist_ok=True)
    async with open_house(settings, home / "data") as house:
        yield house


def wish(title: str, author: str = "", **facts: Any) -> TicketRequest:
    return TicketRequest(Kind.AUDIOBOOK, BookWish(title, (author,) if author else (), **facts))


async def eventually(check: Callable[[], Awaitable[Any]], what: str, secs: float = 30.0) -> Any:
    """Wait for a condition with a deadline; gives what the check gave."""
    deadline = time.monotonic() + secs
    while time.monotonic() < deadline:
        found = await check()
        if found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {secs} s: {what}")


async def settled(house: House, ticket_id: TicketId, secs: float = 40.0) -> Ticket:
    """The ticket once it has ended, waits for a person, or waits for something without a date."""

    async def check() -> Ticket | None:
        ticket = await desk.get(house, ticket_id)
        parked = ticket.waiting is not None and ticket.waiting.until is None
        return ticket if ticket.state in TERMINAL | {TicketState.NEEDS_APPROVAL} or parked else None

    ticket: Ticket = await eventually(check, f"ticket {ticket_id} settles", secs)
    return ticket


class Service:
    """`earmark serve` as a process of its own, to be killed at will."""

    def __init__(self, home: Path, settings: Settings) -> None:
        self.home = home
        self.data = home / "data"
        self._config = home / "earmark.toml"
        home.mkdir(parents=True, exist_ok=True)
        self._config.write_text(as_toml(settings))
        self._process: subprocess.Popen[bytes] | None = None
        self._http: httpx2.AsyncClient | None = None

    def launch(self, **environment: str) -> None:
        """Start without waiting."""
        (self.data / "service.json").unlink(missing_ok=True)
        log = (self.home / "service.log").open("ab")
        clean = {k: v for k, v in os.environ.items() if not k.startswith("EARMARK_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "earmark", "serve", "--data-dir", str(self.data), "--config", str(self._config)],
            stdout=log,
            stderr=log,
            env=clean | environment,
            start_new_session=True,
        )

    async def ready(self, secs: float = 60.0) -> None:
        """Wait until the interface answers."""

        async def check() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, f"the service ended:\n{self.log()[-3000:]}"
            try:
                url = json.loads((self.data / "service.json").read_text())["url"]
                token = (self.data / "auth_token").read_text().strip()
            except (OSError, ValueError):
                return False
            self._http = httpx2.AsyncClient(base_url=url, headers={"X-Api-Key": token}, timeout=20)
            try:
                return (await self._http.get("/ping")).status_code == 200
            except httpx2.TransportError:
                return False

        await eventually(check, "the service answers", secs)

    async def api(self, method: str, path: str, **options: Any) -> Any:
        assert self._http is not None
        response = await self._http.request(method, f"/api/v1{path}", **options)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text[:500]}"
        return response.json()

    def ended(self) -> int | None:
        """The exit code, once it has ended by itself."""
        return self._process.poll() if self._process is not None else None

    def kill(self) -> None:
        """SIGKILL: nothing gets a chance to tidy up."""
        self._signal(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        return self._signal(signal.SIGTERM)

    def _signal(self, sign: signal.Signals) -> int:
        if self._process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(sign)
        code = self._process.wait(30)
        self._process = None
        return code

    def log(self) -> str:
        path = self.home / "service.log"
        return path.read_text(errors="replace") if path.exists() else ""


def as_toml(settings: Settings) -> str:
    """The settings that differ from the defaults, as a file."""
    lines: list[str] = []
    for section, model in settings:
        lines.append(f"[{section}]")
        for key in sorted(model.model_fields_set):
            value = getattr(model, key)
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            if isinstance(value, Path):
                value = str(value)
            if value is not None:
                lines.append(f"{key} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"
