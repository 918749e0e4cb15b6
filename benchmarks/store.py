"""How fast the store answers with many tickets in it: `python benchmarks/store.py [--tickets 10000] [--url URL]`.

Fills a fresh SQLite file (or the empty PostgreSQL database at URL), then prints the median and the slowest of many
calls for each question the pages and the engine ask. Every line should stay under 20 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from earmark.core.decision import Component, ScoredCandidate
from earmark.core.reasons import Reason
from earmark.core.release import Release
from earmark.core.states import (
    Completed,
    CompletionStats,
    Converting,
    Downloading,
    Pending,
    Placing,
    Searching,
    StatePayload,
    TicketState,
)
from earmark.core.ticket import Ticket, TicketId, Waiting
from earmark.core.wish import BookWish, Kind, TicketRequest
from earmark.store import Database, Tx, candidates, decisions, events, journal, tasks, tickets, torrents

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FULL = Reason("download_slots", "All slots are taken.", "Wait.")
WORDS = [
    "moonstone",
    "secret",
    "garden",
    "time",
    "machine",
    "war",
    "worlds",
    "hound",
    "wind",
    "willows",
    "treasure",
    "island",
    "north",
    "south",
    "Ärger",
]
BATCH = 500
TARGET_MS = 20.0

Question = Callable[[Tx], Awaitable[object]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickets", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=30, help="how often each question is asked")
    parser.add_argument("--url", help="an empty PostgreSQL database; default: a SQLite file that is thrown away")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="earmark-benchmark-") as folder:
        asyncio.run(measure(chosen.url or Path(folder) / "earmark.db", Path(folder), chosen.tickets, chosen.calls))


async def measure(address: str | Path, folder: Path, number: int, calls: int) -> None:
    db = await Database.open(address, backup_dir=folder)
    began = time.perf_counter()
    for start in range(0, number, BATCH):
        async with db.write() as tx:
            for n in range(start, min(number, start + BATCH)):
                await file(tx, n, number)
    filled = time.perf_counter() - began
    async with db.read() as tx:
        last = await events.last_seq(tx)
    table = Table(title=f"{number:,} tickets, {last:,} events in {db.dialect}; filled in {filled:.1f} s")
    for heading in ("question", "median ms", "slowest ms", f"under {TARGET_MS:.0f} ms"):
        table.add_column(heading, justify="left" if heading == "question" else "right")
    for name, question in questions(number, last).items():
        took = [await ask(db, question) for _ in range(calls)]
        good = statistics.median(took) < TARGET_MS
        table.add_row(name, f"{statistics.median(took):.2f}", f"{max(took):.2f}", "yes" if good else "[red]no[/red]")
    await db.close()
    Console().print(table)


async def ask(db: Database, question: Question) -> float:
    """Milliseconds from opening the transaction to the answer in hand."""
    began = time.perf_counter()
    async with db.read() as tx:
        await question(tx)
    return (time.perf_counter() - began) * 1000


def questions(number: int, last: int) -> dict[str, Question]:
    done = frozenset({TicketState.COMPLETED})
    waiting = frozenset({TicketState.PENDING, TicketState.NEEDS_APPROVAL})
    middle = TicketId(f"ticket-{number // 2:06d}")

    async def detail(tx: Tx) -> None:
        await tickets.get(tx, middle)
        await events.of_ticket(tx, middle)
        await candidates.of_ticket(tx, middle)
        await decisions.of_ticket(tx, middle)
        await torrents.of_hashes(tx, ["ab" * 20])
        await tasks.of_ticket(tx, middle)
        await journal.of_ticket(tx, middle)

    return {
        "page (first 50)": lambda tx: tickets.page(tx, limit=50, offset=0),
        "page (last 50)": lambda tx: tickets.page(tx, limit=50, offset=max(0, number - 50)),
        "page by state": lambda tx: tickets.page(tx, states=waiting, limit=50, offset=0),
        "page by text": lambda tx: tickets.page(tx, text="ärger", limit=50, offset=0),
        "page by text, found nowhere": lambda tx: tickets.page(tx, text="zzz", limit=50, offset=0),
        "page by state, kind and text": lambda tx: tickets.page(
            tx, states=done, kind=Kind.AUDIOBOOK, text="north", limit=50, offset=0
        ),
        "counts": tickets.counts,
        "due (100 of many)": lambda tx: tickets.due(tx, NOW + timedelta(days=1)),
        "due (none)": lambda tx: tickets.due(tx, NOW - timedelta(days=999)),
        "download slots taken": tickets.slots_taken,
        "who waits for a slot": lambda tx: tickets.waiting_for(tx, "download_slots", 2),
        "ticket detail": detail,
        "events since (last 500)": lambda tx: events.since(tx, last - 500),
        "events of the last day by type": lambda tx: events.count_by_type(tx, NOW - timedelta(days=1)),
    }


async def file(tx: Tx, n: int, number: int) -> None:
    """One ticket with its history and candidates; most are done, some are under way, a seventh waits to be woken."""
    dice = random.Random(n)
    at = NOW - timedelta(minutes=number - n)
    id = TicketId(f"ticket-{n:06d}")
    wish = BookWish(" ".join(dice.sample(WORDS, 4)).title(), (dice.choice(WORDS).title(),), series="A Series")
    request = TicketRequest(Kind.AUDIOBOOK, wish, priority=dice.randint(0, 3))
    await tickets.create(tx, Ticket(id, request, f"{n:064x}", at, at, Pending(at)), "benchmark")
    await candidates.replace(tx, id, [a_candidate(n, idx) for idx in range(3)])
    path = journey(at)[: dice.choice((0, 1, 3, 5, 5, 5, 5))]
    for payload in path:
        await tickets.move(tx, id, payload, at=at, actor="benchmark")
    if not path:
        await tickets.wait(tx, id, None, wake_at=at, at=at)
    elif n % 2:
        await tickets.wait(tx, id, Waiting(FULL, at), wake_at=None, at=at)


def journey(at: datetime) -> list[StatePayload]:
    done = Completed(at, CompletionStats(3_000_000_000, 60.0, 30.0, 2_900_000_000), "/books/a", ("a.m4b",))
    return [
        Searching(at),
        Downloading("ab" * 20, at),
        Converting("ab" * 20, at, 12),
        Placing("ab" * 20, at, 4),
        done,
    ]


def a_candidate(n: int, idx: int) -> ScoredCandidate:
    parts = tuple(Component(name, 0.25, 0.8, "what was compared with what") for name in ("title", "author", "format"))
    release = Release(f"https://tracker.example/t/{n * 10 + idx}", "mam", f"A release of book {n}", 3_000_000_000)
    return ScoredCandidate(release, 0.9 - idx / 10, parts)


if __name__ == "__main__":
    main()
