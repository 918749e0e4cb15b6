"""Runs blocking file work in a thread so that the event loop stays free, and stops it in order when cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """Raised inside the work when the task that waits for it was cancelled."""


async def offload(work: Callable[[Callable[[], None]], T]) -> T:
    """Run `work(check)` in a thread. The work calls `check` between its steps; once the awaiting task is cancelled,
    `check` raises `Stopped`, the work cleans up after itself, and only then does the cancellation go on."""
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise Stopped

    running = asyncio.ensure_future(asyncio.to_thread(work, check))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        with suppress(Exception):
            await running
        raise
