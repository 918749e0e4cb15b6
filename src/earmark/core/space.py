"""Which finished torrents may go when a disk is full, oldest first, and how many bytes that truly brings: a file that has
another name, in the library or in another torrent, frees nothing as long as one of its names stays. A plan only; whoever
carries it out asks the client. Knows no disks (`library.space` looks) and no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from earmark.core.reasons import JsonValue, Reason
from earmark.core.torrents import InfoHash

Inode: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class HeldFile:
    """One name of a file of a download. `bytes_on_disk` is what it occupies, `links` how many names its inode has on
    the whole file system (`st_nlink`)."""

    device: int
    inode: int
    bytes_on_disk: int
    links: int = 1

    @property
    def key(self) -> Inode:
        return self.device, self.inode


@dataclass(frozen=True, slots=True)
class Held:
    """A torrent as its client holds it. `owes`: its tracker may still ask for seeding; `busy`: a ticket still needs its
    files. `completed_at` is None while it downloads."""

    info_hash: InfoHash
    name: str
    files: tuple[HeldFile, ...]
    owes: bool
    completed_at: datetime | None
    busy: bool = False

    @property
    def bytes_on_disk(self) -> int:
        return sum({file.key: file.bytes_on_disk for file in self.files}.values())


@dataclass(frozen=True, slots=True)
class Kept:
    """A torrent that stays, and why."""

    held: Held
    reason: Reason


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What may go, in this order, and what stays. `frees` counts bytes truly freed when all of `chosen` are gone."""

    chosen: tuple[Held, ...]
    frees: int
    need_bytes: int
    kept: tuple[Kept, ...]

    @property
    def short_by(self) -> int:
        """Bytes that are missing even so; 0 when the plan is enough."""
        return max(0, self.need_bytes - self.frees)


def freed_bytes(files: Iterable[HeldFile]) -> int:
    """Bytes that come free when all these names go: a file counts once, and only when it has no further name."""
    return _gain(Counter(), tuple(files))


def plan_prune(torrents: Sequence[Held], need_bytes: int) -> PrunePlan:
    """The oldest torrents that owe nothing, until `need_bytes` are truly freed. All of `torrents` should lie on the disk
    that is short. Torrents that free something only together (the same files seeded twice) go together or stay."""
    oldest = sorted(filter(_may_go, torrents), key=lambda held: (_completed(held), held.info_hash))
    gone: Counter[Inode] = Counter()
    chosen: dict[InfoHash, Held] = {}
    frees = 0
    for group in (*([held] for held in oldest), *_sharing(oldest)):
        missing = [held for held in group if held.info_hash not in chosen]
        files = tuple(file for held in missing for file in held.files)
        gain = _gain(gone, files)
        if gain and frees < need_bytes:
            gone.update(file.key for file in files)
            chosen |= {held.info_hash: held for held in missing}
            frees += gain
    kept = tuple(Kept(held, _why(held, gone)) for held in torrents if held.info_hash not in chosen)
    return PrunePlan(tuple(chosen.values()), frees, max(0, need_bytes), kept)


def _may_go(held: Held) -> bool:
    return not held.owes and not held.busy and held.completed_at is not None


def _completed(held: Held) -> float:
    return held.completed_at.timestamp() if held.completed_at else 0.0


def _gain(gone: Counter[Inode], files: Sequence[HeldFile]) -> int:
    """Bytes that these names free once the names counted in `gone` are away already."""
    names = Counter(file.key for file in files)
    by_inode = {file.key: file for file in files}
    return sum(file.bytes_on_disk for key, file in by_inode.items() if gone[key] < file.links <= gone[key] + names[key])


def _sharing(oldest: Sequence[Held]) -> list[list[Held]]:
    """Groups of several torrents that have files in common, the oldest first in each."""
    group_of: dict[Inode, list[Held]] = {}
    for held in oldest:
        shared = {file.key for file in held.files if file.links > 1}
        joined = {id(group): group for key in shared if (group := group_of.get(key))}
        members = [*(other for group in joined.values() for other in group), held]
        for key in {file.key for other in members for file in other.files if file.links > 1}:
            group_of[key] = members
    groups = {id(group): group for group in group_of.values() if len(group) > 1}
    return list(groups.values())


def _why(held: Held, gone: Counter[Inode]) -> Reason:
    facts: dict[str, JsonValue] = {"info_hash": held.info_hash, "bytes_on_disk": held.bytes_on_disk}
    if held.owes:
        message, action = "still owes its tracker seeding", "Let it seed; it may go when its duty is done."
        return Reason("prune_owes_seeding", f"{held.name} {message}.", action, facts)
    if held.completed_at is None:
        action = "Let it finish, or cancel its ticket."
        return Reason("prune_not_complete", f"{held.name} has not been downloaded in full.", action, facts)
    if held.busy:
        action = "Wait for that ticket, or cancel it."
        return Reason("prune_in_use", f"A ticket still works with the files of {held.name}.", action, facts)
    if not _gain(gone, held.files):
        message = (
            f"Removing {held.name} frees nothing: its files have other names, in the library or in another torrent."
        )
        return Reason("prune_frees_nothing", message, "Keep it seeding; it costs no space.", facts)
    return Reason("prune_not_needed", f"{held.name} may go, but enough is freed without it.", "Keep it seeding.", facts)
