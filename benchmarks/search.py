"""What Earmark adds to a search that another program asks of it, beside the same bytes fetched straight, in one run.

    python benchmarks/search.py [--searches 100] [--parallel 200] [--rounds 3] [--delay-ms 50] [--items 100] [--profile]

Three processes on loopback: this one asks (httpx2, one client for everything), the real service answers (house, FastAPI,
uvicorn), and a stand-in feed gives it, after the delay, items of about 1.7 kB each, MyAnonamouse rows likewise. Every
query is a new one with guids of its own, so nothing is served from memory and every offer is written down.

One after another: each query goes straight to the stand-in, then to `/ping`, then through Earmark. *Added* is our answer
less the straight one; *own work* is that less the empty round trip; *cpu* is what the service worked for a search and
its ping, all threads, which a busy machine disturbs least. All at once, beside three things. *Of ideal*: the same number of requests straight to
the stand-in by the same client, as if reading and answering cost nothing; this is what the target of 2 is held against.
Through a bare ASGI server that only passes the bytes on: what a hop costs. *Of our cpu*: the delay and what the service
works for as many searches one after another, on one core; more than 1 is time in which searches queued for nothing.
The indexers' pace is set so high that it is not what is measured. On a busy machine read the ratios only.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import httpx2
from rich.console import Console
from rich.table import Table
from stand_in import Part, run_relay, run_stand_in, serve, wide_client

from earmark.cli.logs import set_up_logs
from earmark.cli.serving import build_app, settle
from earmark.pipeline.service import open_house
from earmark.settings import LoggingSettings, Settings

KEY = "benchmark-key-of-nobody-0123456789"
PACE = 1e6
MAM, JACKETT = 1, 2

Ask = Callable[[str], Awaitable[httpx2.Response]]


def run_service(line: Connection, home: Path, site: str, profile: bool) -> None:
    set_up_logs(LoggingSettings(level="error"))
    watch = cProfile.Profile() if profile else None
    asyncio.run(_run_service(line, home, site, watch))
    if watch is not None:
        pstats.Stats(watch).sort_stats("tottime").print_stats(30)
        pstats.Stats(watch).sort_stats("cumulative").print_stats("earmark", 40)


async def _run_service(line: Connection, home: Path, site: str, watch: cProfile.Profile | None) -> None:
    async with open_house(service_settings(home, site), home / "data") as house:
        app = build_app(house)
        settle()
        if watch is not None:
            watch.enable()
        await serve(app, line)
        if watch is not None:
            watch.disable()


def service_settings(home: Path, site: str) -> Settings:
    """The default settings over the stand-in, without the pace (the settings would not allow that)."""
    settings = Settings.model_validate(
        {
            "server": {"auth_token": KEY},
            "library": {"audiobooks": home / "library"},
            "embedded": {"listen_address": "127.0.0.1", "listen_port": 0},
            "mam": {"base_url": site, "mam_id": "standin"},
            "jackett": {"url": f"{site}/api", "api_key": "k"},
        }
    )
    paced = {
        name: getattr(settings, name).model_copy(update={"requests_per_second": PACE}) for name in ("mam", "jackett")
    }
    return settings.model_copy(update=paced)


@dataclass(frozen=True)
class Face:
    """One way in: how it is asked, what stands for one result in its answer, and who is asked behind it."""

    name: str
    path: str
    mark: bytes
    indexer: int


FACES = (
    Face("/api/v1/search, a feed", "/api/v1/search?type=search&limit=100&offset=0&categories=3030&indexerIds=2&query=", b'"guid":', JACKETT),
    Face("/2/api?t=search, a feed", "/2/api?t=search&cat=3030&limit=100&extended=1&q=", b"<item>", JACKETT),
    Face("/api/v1/search, MyAnonamouse", "/api/v1/search?type=search&limit=100&offset=0&categories=3030&indexerIds=1&query=", b'"guid":', MAM),
    Face("/1/api?t=search, MyAnonamouse", "/1/api?t=search&cat=3030&limit=100&extended=1&q=", b"<item>", MAM),
)  # fmt: skip

OURS = ("/api/v1/search", "/2/api?t=search")
"""The first two faces, asked all at once."""


class Asked:
    """The three ways of a query, by one client."""

    def __init__(self, http: httpx2.AsyncClient, site: str, service: str) -> None:
        self.http, self.site, self.service = http, site, service
        self.count = 0

    def query(self) -> str:
        self.count += 1
        return f"way+of+kings+{self.count}"

    async def straight(self, query: str, indexer: int = JACKETT) -> httpx2.Response:
        if indexer == MAM:
            return await self.http.post(f"{self.site}/tor/js/loadSearchJSONbasic.php", json={"tor": {"text": query}})
        return await self.http.get(f"{self.site}/api?t=search&cat=3030&limit=100&q={query}")

    async def ours(self, face: Face, query: str) -> httpx2.Response:
        return await self.http.get(self.service + face.path + query, headers={"X-Api-Key": KEY})


def check(answer: httpx2.Response, mark: bytes, items: int) -> str | None:
    """What is wrong with an answer."""
    if answer.status_code != 200:
        return f"HTTP {answer.status_code}: {answer.text[:200]}"
    found = answer.content.count(mark)
    return None if found == items else f"{found} results instead of {items}"


async def spent(asked: Awaitable[httpx2.Response]) -> tuple[float, httpx2.Response]:
    """Milliseconds until the answer was whole."""
    begun = time.perf_counter()
    answer = await asked
    return (time.perf_counter() - begun) * 1000, answer


async def one_after_another(asked: Asked, searches: int, items: int, service: Part) -> tuple[Table, dict[str, float]]:
    """The table, and the service's seconds of work for one search by the face's path."""
    worked: dict[str, float] = {}
    table = Table(title=f"{searches} searches one after another, {items} results each; milliseconds, median (95 %)")
    for column in ("face", "straight", "/ping", "ours", "added", "own work", "share ours", "cpu ms", "errors"):
        table.add_column(column, justify="left" if column == "face" else "right")
    for face in FACES:
        straight, ping, ours, wrong = [], [], [], []
        before = service.cpu()
        for turn in range(searches + 5):
            first, _ = await spent(asked.straight(asked.query(), face.indexer))
            empty, _ = await spent(asked.http.get(f"{asked.service}/ping"))
            whole, answer = await spent(asked.ours(face, asked.query()))
            fault = check(answer, face.mark, items)
            wrong += [fault] if fault else []
            if turn >= 5:  # the first ones read capabilities and fill caches
                straight.append(first)
                ping.append(empty)
                ours.append(whole)
        added = [whole - first for whole, first in zip(ours, straight, strict=True)]
        own = [more - empty for more, empty in zip(added, ping, strict=True)]
        share = statistics.median(own) / statistics.median(ours)
        cpu = (service.cpu() - before) * 1000 / (searches + 5)
        worked[face.path] = cpu / 1000
        spans = [shown(span) for span in (straight, ping, ours, added, own)]
        table.add_row(face.name, *spans, f"{share:.0%}", f"{cpu:.1f}", str(len(wrong)))
        table.caption = f"first error: {wrong[0]}" if wrong else table.caption
    return table, worked


def shown(spans: Sequence[float]) -> str:
    return f"{statistics.median(spans):.1f} ({statistics.quantiles(spans, n=20)[-1]:.1f})"


@dataclass(frozen=True)
class Round:
    wall: float
    slow: float  # 95 % were answered by then, milliseconds
    errors: int
    cpu: dict[str, float]
    fault: str | None = None


async def at_once(asked: Asked, ask: Ask, number: int, mark: bytes, items: int, parts: dict[str, Part]) -> Round:
    """`number` distinct queries sent together."""
    queries = [asked.query() for _ in range(number)]
    before, own = {name: part.cpu() for name, part in parts.items()}, time.process_time()
    begun = time.perf_counter()
    answers = await asyncio.gather(*(spent(ask(query)) for query in queries), return_exceptions=True)
    wall = time.perf_counter() - begun
    cpu = {"asking": time.process_time() - own} | {name: part.cpu() - before[name] for name, part in parts.items()}
    spans = [one[0] for one in answers if not isinstance(one, BaseException)]
    faults = [repr(one) if isinstance(one, BaseException) else check(one[1], mark, items) for one in answers]
    wrong = [fault for fault in faults if fault]
    return Round(wall, statistics.quantiles(spans, n=20)[-1], len(wrong), cpu, wrong[0] if wrong else None)


async def together(
    asked: Asked, relayed: str, given: argparse.Namespace, parts: dict[str, Part], worked: dict[str, float]
) -> Table:
    number, items = given.parallel, given.items
    ways: dict[str, tuple[Ask, bytes]] = {
        "straight to the stand-in (the ideal)": (asked.straight, b"<item>"),
        "through a bare relay": (lambda query: asked.http.get(f"{relayed}/api?t=search&q={query}"), b"<item>"),
        OURS[0]: (lambda query: asked.ours(FACES[0], query), FACES[0].mark),
        OURS[1]: (lambda query: asked.ours(FACES[1], query), FACES[1].mark),
    }
    rounds: dict[str, list[Round]] = {name: [] for name in ways}
    for turn in range(given.rounds + 1):
        for name, (ask, mark) in ways.items():
            one = await at_once(asked, ask, number, mark, items, parts)
            rounds[name] += [one] if turn else []  # the first round opens the connections
    ideal = statistics.median(one.wall for one in rounds["straight to the stand-in (the ideal)"])
    alone = {name: given.delay_ms / 1000 + number * worked[face.path] for name, face in zip(OURS, FACES, strict=False)}
    table = Table(title=f"{number} searches at once, {items} results each, median of {given.rounds} rounds")
    for column in (
        "way",
        "wall s",
        "of ideal (target 2)",
        "of our cpu",
        "95 % ms",
        "errors",
        "cpu s: " + " / ".join(["asking", *parts]),
    ):
        table.add_column(column, justify="left" if column == "way" else "right")
    for name, done in rounds.items():
        wall = statistics.median(one.wall for one in done)
        cpu = {part: statistics.median(one.cpu[part] for one in done) for part in done[0].cpu}
        table.add_row(
            name,
            f"{wall:.2f}",
            f"{wall / ideal:.1f}",
            f"{wall / alone[name]:.1f}" if name in alone else "",
            f"{statistics.median(one.slow for one in done):.0f}",
            str(sum(one.errors for one in done)),
            " / ".join(f"{secs:.2f}" for secs in cpu.values()),
        )
        faults = [one.fault for one in done if one.fault]
        table.caption = f"first error: {faults[0]}" if faults else table.caption
    return table


async def measure(given: argparse.Namespace, home: Path) -> None:
    console = Console(width=140)
    delay = given.delay_ms / 1000
    with (
        Part(run_stand_in, (given.items, delay)) as site,
        Part(run_relay, (f"{site.url}/api",)) as hop,
        Part(run_service, (home, site.url, given.profile)) as service,
    ):
        async with wide_client() as http:
            asked = Asked(http, site.url, service.url)
            size = len((await asked.straight("size")).content)
            console.print(
                f"The stand-in answers after {given.delay_ms} ms with {given.items} items in {size / 1024:.0f} KiB."
            )
            console.print("The pace of the indexers is out of the way: a million requests a second.")
            table, worked = await one_after_another(asked, given.searches, given.items, service)
            console.print(table)
            if given.parallel:
                parts = {"Earmark": service, "relay": hop, "stand-in": site}
                console.print(await together(asked, hop.url, given, parts, worked))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--searches", type=int, default=100, help="at least 2")
    arguments.add_argument("--parallel", type=int, default=200, help="0 leaves this part out")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--delay-ms", type=float, default=50.0)
    arguments.add_argument("--items", type=int, default=100)
    arguments.add_argument("--profile", action="store_true", help="print where the service's time goes; slows it down")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="earmark-search-") as home:
        asyncio.run(measure(given, Path(home)))


if __name__ == "__main__":
    main()
