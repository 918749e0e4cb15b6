"""The durable engine: runs the acts so that a crash at any instant only re-runs the interrupted step. The only module that
knows DBOS; the facts about it that this code obeys are explained in docs/architecture.md.

The engine decides what runs when, how many at once and what runs again. What is true about a ticket stands in our tables.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetEnqueueOptions, SetWorkflowID, StepOptions
from filelock import FileLock, Timeout
from sqlalchemy import event

from earmark.core.reasons import PermanentError, Reason
from earmark.core.ticket import TicketId
from earmark.pipeline.acquire import acquire
from earmark.pipeline.clear import clear
from earmark.pipeline.deliver import deliver
from earmark.pipeline.dispatch import Act
from earmark.pipeline.house import House, log
from earmark.pipeline.step import STOP, Outcome, Step, StepFunction, may_be_cut_short, run_settled

APPLICATION_VERSION = "1"  # pinned: DBOS would else strand all running work at every edit of an act
SEARCHES_AT_ONCE = 4  # acts wait for the tracker's rate limit anyway
POLL_SECS = 0.2
LIVE = ["PENDING", "ENQUEUED", "DELAYED"]

_QUEUE_OF: dict[Act, str] = {"acquire": "acquire", "deliver": "deliver", "clear": "acquire"}

_house: House | None = None  # acts are plain functions DBOS calls by name; this is the house they work in


class EngineBusy(PermanentError):
    """Another Earmark already works on this data directory."""


class Engine:
    """The acts, kept alive. There is one engine a data directory (see `one_process`): a second one would take the first
    one's running acts for abandoned and run them again beside it."""

    def __init__(self, house: House, *, database_url: str | None = None) -> None:
        self._house = house
        self._database_url = database_url

    async def start(self) -> None:
        """Launch, and let unfinished acts of a former life go on. Call inside the running loop, under `one_process`."""
        global _house  # noqa: PLW0603 - see above
        _quiet_the_library()
        _house = self._house
        url = self._database_url or f"sqlite:///{self._house.data_dir / 'engine.db'}"
        config: DBOSConfig = {
            "name": "earmark",
            "system_database_url": url,
            "application_version": APPLICATION_VERSION,
            "executor_id": "local",  # there is one service a database: whatever is unfinished is ours to finish
            "serializer": DBOSPortableJSONSerializer(),
            "notification_listener_polling_interval_sec": POLL_SECS,
            "log_level": "WARNING",
        }
        if url.startswith("sqlite"):
            config["system_database_engine"] = _sqlite_engine(url)
        DBOS(config=config)
        DBOS.launch()
        processing, converter = self._house.settings.processing, self._house.settings.converter
        await DBOS.register_queue_async(
            "acquire",
            worker_concurrency=max(SEARCHES_AT_ONCE, processing.max_parallel_downloads),
            polling_interval_sec=POLL_SECS,
            on_conflict="always_update",
        )
        await DBOS.register_queue_async(
            "deliver",
            worker_concurrency=converter.max_parallel_conversions,
            polling_interval_sec=POLL_SECS,
            on_conflict="always_update",
        )

    async def start_act(self, act: Act, ticket_id: TicketId, run: int, priority: int) -> None:
        """Queue a run of an act. The same run queued twice runs once."""
        with SetWorkflowID(_name(ticket_id, run)), SetEnqueueOptions(priority=_dbos_priority(priority)):
            await DBOS.enqueue_workflow_async(_QUEUE_OF[act], _WORKFLOWS[act], ticket_id)

    async def is_live(self, ticket_id: TicketId, run: int) -> bool:
        status = await DBOS.get_workflow_status_async(_name(ticket_id, run))
        return status is not None and status.status in LIVE

    async def has_ended(self, ticket_id: TicketId, run: int) -> bool:
        status = await DBOS.get_workflow_status_async(_name(ticket_id, run))
        return status is not None and status.status == "SUCCESS"

    async def cancel(self, ticket_id: TicketId, run: int) -> None:
        """Stop a run: the step in hand is cancelled, and with it the programs it started."""
        if await self.is_live(ticket_id, run):
            await DBOS.cancel_workflow_async(_name(ticket_id, run))

    async def forget_finished(self, before: datetime) -> int:
        """Delete the records of runs that ended before then. Returns how many."""
        rows = await DBOS.list_workflows_async(
            status=["SUCCESS", "ERROR", "CANCELLED"],
            end_time=before.astimezone(UTC).isoformat(),
            load_input=False,
            load_output=False,
            limit=1000,
        )
        if rows:
            await DBOS.delete_workflows_async([row.workflow_id for row in rows])
        return len(rows)

    async def stop(self) -> None:
        """Leave running acts where they are; the next start goes on with them."""
        global _house  # noqa: PLW0603 - see above
        DBOS.destroy(workflow_completion_timeout_sec=0)
        # DBOS made its own threads the loop's default and has just ended them; what is closed after us needs some.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="earmark"))
        _house = None


async def trim_history(engine: Engine, house: House) -> float:
    """Forget engine runs older than the settings keep them. Wants to be done again in an hour."""
    forgotten = await engine.forget_finished(house.now() - timedelta(days=house.settings.processing.history_days))
    if forgotten:
        log.info("engine_history_trimmed", runs=forgotten)
    return 3600.0


@contextmanager
def one_process(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for this process. Raises `EngineBusy` at once when another one holds it."""
    lock = FileLock(data_dir / "engine.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise EngineBusy(
            Reason(
                "data_dir_in_use",
                f"Another Earmark is already running on {data_dir}.",
                "Stop it first, or give this one a data directory of its own with --data-dir.",
                {"data_dir": str(data_dir)},
            )
        ) from error
    try:
        yield
    finally:
        lock.release()


# --- the acts as workflows ----------------------------------------------------------------------------------------------


@DBOS.workflow(name="acquire")
async def _acquire(ticket_id: str) -> None:
    await acquire(_durable_step(), TicketId(ticket_id))


@DBOS.workflow(name="deliver")
async def _deliver(ticket_id: str) -> None:
    await deliver(_durable_step(), TicketId(ticket_id))


@DBOS.workflow(name="clear")
async def _clear(ticket_id: str) -> None:
    await clear(_durable_step(), TicketId(ticket_id))


_WORKFLOWS: dict[Act, Callable[[str], Coroutine[Any, Any, None]]] = {
    "acquire": _acquire,
    "deliver": _deliver,
    "clear": _clear,
}


def _durable_step() -> Step:
    house = _house
    if house is None:
        raise RuntimeError("an act was called before the engine was started")

    async def step(function: StepFunction, ticket_id: TicketId) -> Outcome:
        async def body() -> str:
            house.busy[ticket_id] += 1
            try:
                return await run_settled(house, function, ticket_id)
            finally:
                house.busy[ticket_id] -= 1
                if not house.busy[ticket_id]:
                    del house.busy[ticket_id]

        options = StepOptions(name=function.__name__, preemptible=may_be_cut_short(function))
        answer = await DBOS.run_step_async(options, body)
        house.news.set()
        return STOP if answer == STOP else "go"

    return step


def _name(ticket_id: TicketId, run: int) -> str:
    return f"{ticket_id}:{run}"


def _dbos_priority(priority: int) -> int:
    """Ours: higher goes first, -1000..1000. Theirs: 1 goes first."""
    return 1001 - max(-1000, min(1000, priority))


def _sqlite_engine(url: str) -> sa.Engine:
    """WAL and the clock function old SQLite builds lack (DBOS asks for `unixepoch('subsec')`, SQLite knows it from 3.42)."""
    engine = sa.create_engine(url, pool_size=20, max_overflow=0, pool_timeout=30)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("busy_timeout=30000", "foreign_keys=ON", "journal_mode=WAL", "synchronous=NORMAL"):
            connection.execute(f"PRAGMA {pragma}")
        if sqlite3.sqlite_version_info < (3, 42):
            connection.create_function("unixepoch", -1, lambda *args: time.time() if args else int(time.time()))

    return engine


class _NoTracebacks(logging.Filter):
    """A cancelled or retried act is no accident: it is told in our own words elsewhere."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        return record.levelno >= logging.ERROR and "cancelled" not in record.getMessage().lower()


def _quiet_the_library() -> None:
    logger = logging.getLogger("dbos")
    if not any(isinstance(f, _NoTracebacks) for f in logger.filters):
        logger.addFilter(_NoTracebacks())
