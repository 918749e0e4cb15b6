"""`earmark serve` and `earmark sandbox`: the processes that stay."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from earmark import __version__
from earmark.api.app import create_app
from earmark.api.auth import LOOPBACK, Sessions
from earmark.api.prowlarr import links
from earmark.cli.failures import CommandFailed
from earmark.cli.logs import set_up_logs
from earmark.cli.remote import note_service
from earmark.core.reasons import EarmarkError
from earmark.pipeline.house import House
from earmark.pipeline.service import open_house
from earmark.settings import ServerSettings, Settings
from earmark.settings_file import Changes, locked, save_settings
from earmark.settings_sources import Loaded, check_paths, load_settings
from earmark.web import BoundDesk, create_web, static_files

GRACE_SECS = 3
GC_THRESHOLDS = (50_000, 20, 20)
KEEP_ALIVE_SECS = 75
"""Longer than any program keeps an idle connection: it should be the one to close it, never we under its next question."""


def serve(loaded: Loaded) -> None:
    """Run until SIGINT or SIGTERM. Raises before anything is touched when the settings cannot be used."""
    set_up_logs(loaded.settings.logging)
    check_paths(loaded)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(loaded))


async def _serve(loaded: Loaded) -> None:
    listener = listen(loaded.settings.server)
    async with open_house(
        loaded.settings, loaded.data_dir, config_file=loaded.config_file, reload_server=_reload(loaded)
    ) as house:
        house.keeper = KeptSettings(loaded)
        host, port = listener.getsockname()[:2]
        url = f"http://{host}:{port}{loaded.settings.server.url_base}"
        noted = note_service(loaded.data_dir, url)
        server = _Server(
            uvicorn.Config(
                build_app(house),
                lifespan="on",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=GRACE_SECS,
                timeout_keep_alive=KEEP_ALIVE_SECS,
                server_header=False,
                proxy_headers=True,
                forwarded_allow_ips=list(LOOPBACK),
            ),
            lambda: print(_welcome(loaded, url), flush=True),
        )
        settle()
        try:
            await server.serve(sockets=[listener])
        finally:
            noted.unlink(missing_ok=True)


class _Server(uvicorn.Server):
    """Told to end, it gives control back. uvicorn's own lets the signal end the process then, before the house is closed."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {sign: signal.signal(sign, self.handle_exit) for sign in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for sign, handler in before.items():
                signal.signal(sign, handler)


def _welcome(loaded: Loaded, url: str) -> str:
    """The one line on standard output; logs go to standard error. Says where the key is, never the key."""
    key = "from the settings" if loaded.settings.server.auth_token else f"in {loaded.data_dir / 'auth_token'}"
    return f"Earmark {__version__} is ready at {url}/ (data in {loaded.data_dir}, key {key})"


def build_app(house: House) -> FastAPI:
    """The faces over one house: pages and interface share keys, sessions and the way errors look."""
    web = create_web(
        BoundDesk(house),
        Sessions(house),
        house.tokens,
        version=__version__,
        url_base=house.settings.server.url_base,
        now=house.now,
        address_of=links.base_of,
    )
    return create_app(house, web=web.router, static=static_files(), error_page=web.error_page)


def settle() -> None:
    """Once everything is loaded: leave it out of the garbage collector's rounds, and let it come less often. A search makes
    thousands of objects that are gone a moment later without it; looking through them again and again cost up to a third
    of the time of hundreds of searches at once."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def listen(server: ServerSettings) -> socket.socket:
    """The open port. Without TCP_NODELAY every small answer would wait 40 ms for an acknowledgement."""
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((server.host, server.port))
    except OSError as error:
        listener.close()
        raise CommandFailed(
            f"Cannot listen on {server.host} port {server.port}: {error.strerror}.",
            "Free the port, or choose another with [server] port (or EARMARK_SERVER__PORT).",
        ) from error
    return listener


class KeptSettings:
    """The settings of this process as they stand in file and environment, changed from the pages."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded

    def save(self, changes: Changes) -> Settings:
        self._loaded = save_settings(self._loaded, changes, environ=os.environ)
        check_paths(self._loaded)
        return self._loaded.settings

    def locked(self, dotted: str) -> str | None:
        return locked(self._loaded, dotted)


def _reload(loaded: Loaded) -> Callable[[], ServerSettings | None]:
    """Read the server section anew, for keys that change while the service runs."""

    def reload() -> ServerSettings | None:
        try:
            fresh = load_settings(config=loaded.config_file, data_dir=loaded.data_dir, environ=os.environ)
        except EarmarkError:
            return None
        return fresh.settings.server

    return reload


def sandbox(directory: Path, port: int, state_dir: Path | None, shelf: Path | None) -> None:
    from earmark.sandbox.main import run

    run(directory, port=port, state_dir=state_dir, shelf=shelf)
