"""`earmark sandbox`: start the stand-in world, say in one JSON line where it is, and run until told to stop."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path

from earmark.core.reasons import PermanentError
from earmark.sandbox.world import LOOPBACK, World, builtin_catalogue


def run(
    folder: Path | None = None,
    port: int = 0,
    *,
    host: str = LOOPBACK,
    state_dir: Path | None = None,
    fast: bool = True,
    shelf: Path | None = None,
) -> int:
    """Run the world over `folder` (the built-in catalogue when None) until SIGINT or SIGTERM; 0 at a clean end. `shelf`
    is the library folder its media server shows.

    Without `state_dir` nothing is kept. Raises `PermanentError` for any host but loopback, a wrong catalogue or a
    taken port.
    """
    refuse_other_hosts(host)
    with tempfile.TemporaryDirectory(prefix="earmark-sandbox-") as passing:
        asyncio.run(_run(folder or builtin_catalogue(), state_dir or Path(passing), port, fast=fast, shelf=shelf))
    return 0


def refuse_other_hosts(host: str) -> None:
    """Raise unless `host` is this machine's own: the stand-in has no passwords, so nobody else may reach it."""
    if host not in {LOOPBACK, "localhost"}:
        raise PermanentError.of(
            "sandbox_not_loopback",
            f"The stand-in world does not listen on {host}: it has no passwords.",
            f"Leave the host out; it listens on {LOOPBACK}.",
            host=host,
        )


async def _run(folder: Path, state_dir: Path, port: int, *, fast: bool, shelf: Path | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stopped.set)
    async with World(folder, state_dir, port, fast, shelf=shelf) as world:
        sys.stdout.write(json.dumps(world.ready_line()) + "\n")
        sys.stdout.flush()
        await stopped.wait()
