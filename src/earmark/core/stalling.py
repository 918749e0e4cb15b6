"""When a download that does not move has had its time, and who comes next. Pure: the monitor looks at the client and
tells what it saw; what becomes of a torrent that gave way is decided here too. Knows no clock and no client.

There are three rounds with growing patience (five minutes, half an hour, two hours as configured): in the first one a dead
release is left soon, because others have not been tried; when all of them stood still they are tried again with more
patience; after the last round the ticket stays with what it has and waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from earmark.core.torrents import TorrentState, TorrentStatus

ROUNDS = 3

COUNTED_SHARE = 0.10
"""The share of a private torrent from which a download is taken to count. The rules we know name none; a tenth is where
common tracker software begins to."""

NOBODY = "tracker_refused"
ITS_OWN_TROUBLE = "tracker_unreachable"  # the tracker's or our network's: another release would fare no better


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of a download that does not move. `still_secs` since it last did; `progress` 0..1; `at_fault`: it
    is this release that does not come, not the tracker, the client's queue or somebody who paused it."""

    still_secs: float
    seeds: int = 0
    peers: int = 0
    progress: float = 0.0
    at_fault: bool = True


def is_at_fault(status: TorrentStatus) -> bool:
    """Is a standstill the release's own? One that waits in the client's queue, is checked, was paused, or whose tracker
    does not answer is not to blame; one that its tracker refuses is."""
    if status.error is not None:
        return status.error.code == NOBODY
    return status.state is TorrentState.DOWNLOADING


def limits_passed(still_secs: float, limits: tuple[float, float, float]) -> int:
    """How many of the limits (seconds, growing) it has stood still for: 0..3."""
    return sum(still_secs >= limit for limit in limits)


def rounds_lost(sight: Sight, limits: tuple[float, float, float]) -> int:
    """The rounds a release has lost by standing still: 0..3. The first limit counts only against one that nobody has and
    of which nothing came: where somebody is connected, or a part is here already, it is worth half an hour."""
    if not sight.at_fault:
        return 0
    passed = limits_passed(sight.still_secs, limits)
    promising = sight.seeds > 0 or sight.peers > 0 or sight.progress > 0.0
    return 0 if passed == 1 and promising else passed


def gives_way(lost: int, others: Mapping[str, int]) -> bool:
    """Is there another acceptable release that has lost fewer rounds than this one? `others`: rounds lost by guid."""
    return any(theirs < lost for theirs in others.values())


def whose_turn(lost: Mapping[str, int]) -> frozenset[str]:
    """Of a ticket's acceptable releases, by guid with the rounds each has lost, those that may be chosen now: the ones
    with the fewest, none after its last round."""
    fewest = min(lost.values(), default=ROUNDS)
    return frozenset(guid for guid, rounds in lost.items() if rounds == fewest < ROUNDS)


def worth_keeping(status: TorrentStatus) -> bool:
    """Does a torrent whose ticket went on without it stay in the client? A whole one owes its seeding, and so does a
    private one of which so much came that its tracker counts it: that one goes on downloading beside the next, since only
    a whole download can ever be seeded. Anything less is owed nothing and goes, with its part of the files."""
    return status.complete or (status.private and status.progress >= COUNTED_SHARE)
