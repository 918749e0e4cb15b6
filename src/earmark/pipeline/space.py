"""The disks of the house: watched, told of when one runs low, and a plan of what may go from the downloads without costing
a duty. Nothing goes by itself: a person carries the plan out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from earmark.core.reasons import JsonValue
from earmark.core.space import Held, PrunePlan, plan_prune
from earmark.library.offload import offload
from earmark.library.recycle import recycle_sweep
from earmark.library.space import SpaceState, held_files
from earmark.library.space import watch as look_at
from earmark.pipeline.duties import is_done
from earmark.pipeline.house import House
from earmark.store import Severity, alerts, events, tickets, torrents

LOOK_SECS = 60.0
SWEEP_SECS = 6 * 3600.0
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Pruned:
    """The plan, and the torrents that were let go of with their files (none in a dry run)."""

    plan: PrunePlan
    removed: tuple[str, ...]


async def disks(house: House) -> list[SpaceState]:
    """Every disk behind the house's folders, with what should stay free."""
    settings = house.settings
    paths = {"library": settings.library.audiobooks.absolute(), "downloads": house.download_dir, "work": house.work_dir}
    limits = {
        "library": settings.library.min_free_space_mib * MIB,
        "downloads": settings.processing.min_free_space_mib * MIB,
        "work": settings.processing.min_free_space_mib * MIB,
    }
    for name, folder in (("e-books", settings.library.ebooks), ("music", settings.library.music)):
        if folder is not None:
            paths[name], limits[name] = folder.absolute(), limits["library"]
    return await offload(lambda _: look_at(paths, limits))


async def watch_space(house: House) -> float:
    """One look: an alert for each disk that runs low, gone again with the room."""
    states = await disks(house)
    house.low_disks = {use: s.reason for s in states if s.low and s.reason is not None for use in s.uses}
    async with house.db.read() as tx:
        standing = {alert.key for alert in await alerts.active(tx)}
    for state in states:
        key = f"space:{','.join(sorted(state.uses))}"
        if state.low and state.reason is not None:
            async with house.write() as tx:
                await alerts.raise_(tx, key, Severity.WARNING, state.reason, house.now())
        elif key in standing:
            async with house.write() as tx:
                await alerts.clear(tx, key, house.now())
    return LOOK_SECS


async def empty_recycle(house: House) -> float:
    """Delete for good what lay in the recycle folders longer than the settings keep it."""
    library = house.settings.library
    before = house.now() - timedelta(days=library.recycle_days)
    for root in (library.audiobooks, library.ebooks, library.music):
        if root is not None and root.is_dir():
            await recycle_sweep(root.absolute(), before, recycle=library.recycle_path)
    return SWEEP_SECS


async def prune(house: House, need_bytes: int, actor: str, *, dry_run: bool = True) -> Pruned:
    """What may go from the download disk to free `need_bytes`, the oldest first; without `dry_run` it goes, files and
    all. Torrents that owe their tracker seeding, and those a ticket still needs, always stay."""
    plan = plan_prune(await _held(house), need_bytes)
    if dry_run:
        return Pruned(plan, ())
    removed: list[str] = []
    for held in plan.chosen:
        async with house.db.read() as tx:
            record = await torrents.get(tx, held.info_hash)
            needed = await tickets.counting_on(tx, held.info_hash)
        if record is None or needed or not is_done(house, record):
            continue  # it has become needed since the plan was made
        await house.client.remove(held.info_hash, delete_files=True)
        told: dict[str, JsonValue] = {"what": "torrent_let_go", "actor": actor, "name": held.name}
        async with house.write() as tx:
            await torrents.removed(tx, held.info_hash, house.now())
            await alerts.clear(tx, f"torrent:{held.info_hash}", house.now())
            await events.append(tx, record.ticket_id, "note", told | {"info_hash": held.info_hash}, house.now())
        removed.append(held.info_hash)
    await watch_space(house)
    return Pruned(plan, tuple(removed))


async def _held(house: House) -> list[Held]:
    async with house.db.read() as tx:
        # What another program took for itself is on record without a ticket: its files are not ours to delete.
        live = [r for r in await torrents.live(tx, house.client.name) if r.ticket_id is not None]
        busy = await tickets.all_counted_on(tx)
    paths = {record.info_hash: [Path(record.save_path) / entry.path for entry in record.entries] for record in live}
    files = await offload(lambda _: {info_hash: held_files(some) for info_hash, some in paths.items()})
    return [
        Held(r.info_hash, r.name, files[r.info_hash], not is_done(house, r), r.completed_at, r.info_hash in busy)
        for r in live
    ]
