"""Work on a database that is ended properly even when nobody wants its result any more.

A task that is cancelled in the middle of a statement would leave a connection behind that still holds the write lock,
and every other writer would wait for it. Statements take milliseconds: so they are finished, and then the cancellation
goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` to its end. A cancellation that comes meanwhile is raised after it."""
    task = asyncio.ensure_future(work)
    interruption: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as cancelled:
            interruption = cancelled
    if interruption is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # seen: the interruption counts
    raise interruption
