"""How fast lists and pages come with many tickets: `python benchmarks/pages.py [--tickets 10000]`.

Fills a fresh store and asks the real application, over a real connection on this machine, for what people and programs
ask most. Prints the median and the slowest of many calls; each line should stay under 100 ms on two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import httpx2
import uvicorn
from rich.console import Console
from rich.table import Table

from earmark.api.auth import Sessions
from earmark.cli.logs import set_up_logs
from earmark.cli.serving import build_app, listen
from earmark.clients import open_client
from earmark.pipeline.house import House
from earmark.pipeline.matching import SoberMatcher
from earmark.pipeline.tokens import Tokens
from earmark.ports import AudioBinder
from earmark.settings import LoggingSettings, ServerSettings, Settings
from earmark.store import Database, Vault
from store import file

PAGES = {
    "GET /api/v1/tickets": "/api/v1/tickets",
    "… second hundred": "/api/v1/tickets?limit=100&offset=100",
    "… far down the list": "/api/v1/tickets?offset=9000",
    "… state=completed": "/api/v1/tickets?state=completed",
    "… state=needs_approval": "/api/v1/tickets?state=needs_approval",
    "… q=machine": "/api/v1/tickets?q=machine",
    "GET /api/v1/jobs": "/api/v1/jobs",
    "GET /api/v1/stats": "/api/v1/stats",
    "GET /metrics": "/metrics",
    "Home page": "/",
    "Tickets page": "/tickets",
    "Tickets page, filtered": "/tickets?state=COMPLETED&q=machine",
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tickets", type=int, default=10_000)
    arguments.add_argument("--calls", type=int, default=30)
    given = arguments.parse_args()
    set_up_logs(LoggingSettings())
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), given.tickets, given.calls))


async def measure(folder: Path, number: int, calls: int) -> None:
    house = await small_house(folder)
    for start in range(0, number, 500):
        async with house.db.write() as tx:
            for n in range(start, min(start + 500, number)):
                await file(tx, n, number)
    listener = listen(ServerSettings(port=0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(build_app(house), log_config=None, access_log=False))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    table = Table("asked", "median ms", "slowest ms", title=f"{number} tickets")
    sessions = Sessions(house)
    cookies = {sessions.cookie_name: sessions.issue("admin")}
    async with httpx2.AsyncClient(base_url=url, cookies=cookies, timeout=30) as http:
        for name, path in PAGES.items():
            spans = [await ask(http, path) for _ in range(calls + 1)][1:]
            table.add_row(name, f"{statistics.median(spans):.1f}", f"{max(spans):.1f}")
    Console().print(table)
    server.should_exit = True
    await running
    await house.client.close()
    await house.db.close()


async def ask(http: httpx2.AsyncClient, path: str) -> float:
    began = time.perf_counter()
    answer = await http.get(path, headers={"Accept": "text/html,application/json"})
    answer.raise_for_status()
    assert answer.status_code == 200, f"{path} answered {answer.status_code}"
    return (time.perf_counter() - began) * 1000


async def small_house(folder: Path) -> House:
    """The house without acts: what the faces read from."""
    settings = Settings.model_validate(
        {"library": {"audiobooks": folder / "library"}, "embedded": {"listen_address": "127.0.0.1", "listen_port": 0}}
    )
    db = await Database.open(folder / "earmark.db", backup_dir=folder)
    return House(
        settings=settings,
        data_dir=folder,
        db=db,
        vault=Vault(db, folder / "vault.key"),
        tokens=Tokens(settings.server, folder),
        indexers={},
        client=await open_client(settings, folder, lambda: datetime.now(UTC)),
        binder=cast("AudioBinder", None),
        matcher=SoberMatcher(0.85),
    )


if __name__ == "__main__":
    main()
