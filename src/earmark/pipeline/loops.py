"""The house's loops: each does its work again and again, survives whatever the work raises, and ends when told to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from earmark.pipeline.house import log


async def repeat(
    name: str, work: Callable[[], Awaitable[float]], stop: asyncio.Event, *, wake: asyncio.Event | None = None
) -> None:
    """Do `work`, which says after how many seconds it wants to be done again; `wake` cuts the wait short. A loop that
    dies is a house that stands still unnoticed: so nothing but the end of the service ends one."""
    while not stop.is_set():
        secs = RETRY_SECS
        try:
            secs = await work()
        except Exception:
            log.exception("loop_broke", loop=name)
        await wait_for_any(stop, wake, secs)


RETRY_SECS = 5.0


async def wait_for_any(stop: asyncio.Event, wake: asyncio.Event | None, secs: float) -> None:
    """Wait until one of the events is set, `secs` at most. A set `wake` is cleared: its news are taken."""
    if stop.is_set():
        return
    waits = [asyncio.ensure_future(event.wait()) for event in (stop, wake) if event is not None]
    try:
        await asyncio.wait(waits, timeout=secs, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    if wake is not None:
        wake.clear()
