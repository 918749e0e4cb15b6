"""The service is killed with SIGKILL at forty instants of a long run: while it starts, searches, downloads, binds and
places. Afterwards every ticket has ended once, and nothing half-done is left anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import sqlite3
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest
from estate import FFMPEG, Service, eventually, make_release, settings_for
from mutagen.id3 import ID3

from earmark.clients.embedded import EmbeddedClient, EmbeddedConfig
from earmark.core.states import TicketState as S
from earmark.core.torrents import InfoHash
from earmark.sandbox.tracker import fingerprint
from earmark.sandbox.world import World

SEED = 20_240_229
KILLS = 40
IN_FLIGHT = 4
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "REJECTED"}
PHASES = ("start", "SEARCHING", "DOWNLOADING", "CONVERTING", "PLACING")
DOWN_KIB = 256
COLOURS = "Amber Crimson Indigo Ochre Scarlet Umber Viridian Cobalt Ivory Jasper Russet Sable Teal Azure Copper Silver"
THINGS = "Lantern Harbour Orchard Meadow Willow Bridge"


def titles() -> list[str]:
    return [f"{colour} {thing}" for thing in THINGS.split() for colour in COLOURS.split()]


def author_of(title: str) -> str:
    return f"Ann {title.split()[0]}smith"


def make_catalogue(folder: Path, rng: random.Random) -> None:
    """Many small books of one to eight parts; the sound is made once and cut to size per book."""
    source = make_release(folder.parent / "sound", "source", parts=8, secs=21.0)
    for number, title in enumerate(titles()):
        book = folder / f"book-{number:02}"
        book.mkdir(parents=True)
        for part in range(1, rng.choice((1, 2, 3, 5, 8)) + 1):
            shutil.copy(source / f"{part}.mp3", book / f"{part}.mp3")
            ID3(book / f"{part}.mp3").delete()  # it says "1 of 8", and five of eight would be a doubt
        row = {"title": title, "authors": [author_of(title)], "language": "ENG", "seeders": 3}
        (book / "release.json").write_text(json.dumps(row))


@dataclass
class Run:
    """The run: the service, what was filed, and a look into its database that needs no service."""

    service: Service
    rng: random.Random
    left: list[str] = field(default_factory=titles)
    filed: dict[str, str] = field(default_factory=dict)  # ticket id -> title
    hits: Counter[str] = field(default_factory=Counter)  # what was under way when the kill came

    def states(self) -> dict[str, str]:
        path = self.service.data / "earmark.db"
        if not path.exists():
            return {}
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
            try:
                return dict(db.execute("SELECT id, state FROM ticket").fetchall())
            except sqlite3.OperationalError:
                return {}  # the schema is not there yet

    def in_flight(self) -> list[str]:
        known = self.states()
        return [known.get(id_, "PENDING") for id_ in self.filed if known.get(id_) not in ENDED]

    async def keep_busy(self) -> None:
        """File tickets until enough are under way. Killed in the middle, the same ids are filed again."""
        known = self.states()
        for id_ in [i for i in self.filed if i not in known]:
            await self._file(id_)
        while len(self.in_flight()) < IN_FLIGHT and self.left:
            id_ = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
            self.filed[id_] = self.left.pop(0)
            await self._file(id_)

    async def _file(self, id_: str) -> None:
        title = self.filed[id_]
        body = {"ticket_id": id_, "kind": "audiobook", "search": {"title": title, "author": author_of(title)}}
        await self.service.api("POST", "/ticket", json=body)

    async def until_state(self, state: str, secs: float) -> None:
        """Until a ticket is in that state; new ones are filed as others end."""
        deadline = time.monotonic() + secs
        while time.monotonic() < deadline:
            under_way = self.in_flight()
            if state in under_way:
                return
            if len(under_way) < IN_FLIGHT:
                await self.keep_busy()
            await asyncio.sleep(0.005)


@pytest.fixture
async def busy_world(tmp_path: Path) -> AsyncIterator[World]:
    make_catalogue(tmp_path / "catalogue", random.Random(SEED))
    async with World(tmp_path / "catalogue", tmp_path / "world") as running:
        yield running


@pytest.mark.slow
@pytest.mark.timeout(720)
async def test_forty_kills_at_random_instants_cost_nothing_but_time(busy_world: World, tmp_path: Path) -> None:
    settings = settings_for(
        busy_world,
        tmp_path,
        embedded={"download_limit_kib": DOWN_KIB},
        processing={"check_interval_secs": 0.5, "max_parallel_downloads": 2},
        converter={"max_parallel_conversions": 2},
        mam={"timeout_secs": 10},
    )
    (tmp_path / "library").mkdir()
    run = Run(Service(tmp_path / "home", settings), random.Random(SEED))
    try:
        for number in range(KILLS):
            await one_life(run, PHASES[number % len(PHASES)])
        run.service.launch()
        await run.service.ready()
        await run.keep_busy()
        await eventually(lambda: nothing_left(run), "every ticket ends", 150)
        await assert_all_is_well(run, busy_world, tmp_path)
    except BaseException:
        print(f"seed {SEED}, kills hit {dict(run.hits)}, tickets {run.states()}")
        print(run.service.log()[-6000:])
        raise
    finally:
        run.service.kill()
    print(f"{len(run.filed)} tickets; in hand at the kills: {dict(run.hits)}")


async def one_life(run: Run, phase: str) -> None:
    """Start, get to the phase, live on for a random moment, die."""
    run.service.launch()
    if phase == "start" and run.filed:
        await asyncio.sleep(run.rng.uniform(0.2, 5.0))
    else:
        await run.service.ready()
        await run.keep_busy()
        await run.until_state("SEARCHING" if phase == "start" else phase, 6.0)
        await asyncio.sleep(run.rng.uniform(0.0, 0.1 if phase == "PLACING" else 0.6))
    under_way = run.in_flight()
    run.service.kill()
    assert under_way, "nothing was under way at the kill"
    run.hits.update(under_way)
    run.hits[f"killed at {phase}"] += 1


async def nothing_left(run: Run) -> bool:
    states = run.states()
    return all(states.get(id_) in ENDED for id_ in run.filed)


async def assert_all_is_well(run: Run, world: World, home: Path) -> None:
    service = run.service
    states = run.states()
    assert set(states) == set(run.filed)
    assert Counter(states.values()) == {"COMPLETED": len(run.filed)}, await reasons(run)
    wanted = {book_number(title) for title in run.filed.values()}
    await eventually(lambda: all_seed(service, len(wanted)), "everything seeds")
    await assert_seeding_resumed(run, world, home, wanted)
    assert service.stop() == 0
    with contextlib.closing(sqlite3.connect(service.data / "earmark.db")) as db:
        assert_records(db, run)
        assert_shelf(db, home / "library")
    with contextlib.closing(sqlite3.connect(service.data / "engine.db")) as db:
        unfinished = db.execute(
            "SELECT status, count(*) FROM workflow_status WHERE status != 'SUCCESS' GROUP BY status"
        )
        assert unfinished.fetchall() == []
    assert_no_leftovers(service.data, home, wanted)


async def reasons(run: Run) -> Any:
    bad = [id_ for id_, state in run.states().items() if state != "COMPLETED"]
    return [(await run.service.api("GET", f"/ticket/{id_}"))["state_details"] for id_ in bad]


def book_number(title: str) -> str:
    return f"book-{titles().index(title):02}"


async def all_seed(service: Service, count: int) -> bool:
    stats = await service.api("GET", "/stats")
    return bool(stats["seeding"] == count)


def assert_records(db: sqlite3.Connection, run: Run) -> None:
    """Each ended once, was given one torrent, and stands in the journal once."""
    completed = db.execute("SELECT ticket_id, count(*) FROM ticket_event WHERE type='completed' GROUP BY 1").fetchall()
    assert dict(completed) == dict.fromkeys(run.filed, 1)
    torrents = db.execute("SELECT ticket_id, count(*) FROM torrent WHERE removed_at IS NULL GROUP BY 1").fetchall()
    assert dict(torrents) == dict.fromkeys(run.filed, 1)
    twice = db.execute("SELECT ticket_id, target FROM journal GROUP BY 1, 2 HAVING count(*) > 1").fetchall()
    assert twice == []
    states = db.execute("SELECT DISTINCT state FROM journal").fetchall()
    assert states == [("verified",)], states
    moves = db.execute("SELECT ticket_id, payload FROM ticket_event WHERE type='state_change' ORDER BY seq").fetchall()
    chains: dict[str, list[str]] = {}
    for ticket_id, payload in moves:
        chains.setdefault(ticket_id, []).append(json.loads(payload)["new_state"])
    whole = [
        s.value for s in (S.PENDING, S.SEARCHING, S.MATCHING, S.AUTO_APPROVED, S.DOWNLOADING, S.CONVERTING, S.PLACING)
    ]
    whole.append(S.COMPLETED.value)
    assert all(chain == whole for chain in chains.values()), [c for c in chains.values() if c != whole]


def assert_shelf(db: sqlite3.Connection, library: Path) -> None:
    """On the shelf is what the journal says, byte for byte, and nothing else; every book can be heard to its end."""
    placed = db.execute("SELECT target, size, sha256 FROM journal WHERE op != 'mkdir'").fetchall()
    assert {str(p) for p in library.rglob("*") if not p.is_dir()} == {target for target, _, _ in placed}
    for target, size, digest in placed:
        content = Path(target).read_bytes()
        assert (len(content), sha256(content).hexdigest()) == (size, digest), target
        if target.endswith(".m4b"):
            command = [FFMPEG, "-v", "error", "-i", target, "-map", "0:a", "-f", "null", "-"]
            heard = subprocess.run(command, capture_output=True, check=False)
            assert (heard.returncode, heard.stderr) == (0, b""), target
    folders = {str(p) for p in library.rglob("*") if p.is_dir()}
    assert folders == {t for (t,) in db.execute("SELECT target FROM journal WHERE op = 'mkdir'")}


def assert_no_leftovers(data: Path, home: Path, wanted: set[str]) -> None:
    assert list((data / "work").iterdir()) == []
    boxes = [p.name for p in (data / "torrent-files").iterdir()]
    assert len(boxes) == len(wanted) and all(name.endswith(".torrent") for name in boxes), boxes
    kept = Counter(p.suffix for p in (data / "torrents").iterdir() if len(p.stem) == 40)
    assert kept == dict.fromkeys((".torrent", ".fastresume", ".json"), len(wanted)), kept
    strays = [p.name for p in data.rglob("*") if p.name.endswith((".part", ".parts", ".tmp", ".new"))]
    assert strays == []
    downloaded = {str(p.relative_to(data / "downloads")) for p in (data / "downloads").rglob("*") if p.is_file()}
    offered = {str(p.relative_to(home / "catalogue")) for p in (home / "catalogue").rglob("*.mp3")}
    assert downloaded == {name for name in offered if name.split("/")[0] in wanted}
    for name in downloaded:
        assert (data / "downloads" / name).read_bytes() == (home / "catalogue" / name).read_bytes(), name


async def assert_seeding_resumed(run: Run, world: World, home: Path, wanted: set[str]) -> None:
    """The tracker hears of every torrent as complete; nobody grabbed twice; a stranger gets all of it from us alone."""
    ours = fingerprint(world.site.account.passkey)
    last_start = world.tracker.announces[-1].at - 60
    hashes = {InfoHash(p.stem) for p in (run.service.data / "torrent-files").iterdir()}
    assert len(hashes) == len(wanted)

    async def heard() -> bool:
        done = {a.info_hash for a in world.tracker.announces if a.passkey == ours and a.left == 0 and a.at > last_start}
        return hashes <= done

    await eventually(heard, "the tracker hears of every torrent")
    async with httpx2.AsyncClient(base_url=world.site_url) as site:
        asked = (await site.get("/sandbox/requests")).json()
    entries = asked if isinstance(asked, list) else asked["requests"]
    fetched = Counter(e["path"] for e in entries if "/download" in e["path"])
    print(f"torrent files fetched for {len(wanted)} releases: {sum(fetched.values())}")
    await assert_a_stranger_gets_it(world, home, sorted(hashes)[:2])


async def assert_a_stranger_gets_it(world: World, home: Path, hashes: list[InfoHash]) -> None:
    """A leecher with an account of its own, while the stand-in's seeder holds back: only the service can give."""
    world.tracker.allow("f" * 32)
    config = EmbeddedConfig(home / "stranger", listen_address="127.0.0.1", utp=False, many_peers_per_address=True)
    async with EmbeddedClient(config) as stranger:
        for info_hash in hashes:
            world.seeder.forget(info_hash)
            torrent = next(t for t in world.site.torrents.values() if t.info_hash == info_hash)
            await stranger.add(torrent.for_announce(world.tracker.url("f" * 32)), home / "stranger-files")
        for info_hash in hashes:
            assert await stranger.wait_for_completion(info_hash, 30), "the service does not seed"
