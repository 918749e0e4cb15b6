"""The same book twice in one download: an mp3 folder beside an m4b, two bit rates. One set is bound, the rest is named.

Facts about files come in, a choice comes out. That two sets are the same book is judged by their claimed lengths, so a
person is asked wherever it is not plain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePath

from earmark.core.binding import AudioInfo, BindProfile
from earmark.core.ordering import Numbers, listening_order, natural_key, shown, stem_of
from earmark.core.reasons import Reason

_SHOWN = 20
_FOLDERS = 8


@dataclass(frozen=True, slots=True)
class OneCopy:
    """The positions to bind and those of other copies; a doubt where the copies may be different things."""

    kept: tuple[int, ...]
    left: tuple[int, ...] = ()
    doubts: tuple[Reason, ...] = ()


def one_copy(infos: Sequence[AudioInfo], paths: Sequence[str], profile: BindProfile) -> OneCopy:
    """One set of `infos`; `paths` are their relative paths. A whole set wins over a shorter one, then one that can be
    copied without encoding, then the higher bit rate, then one with chapters."""
    everything = OneCopy(tuple(range(len(infos))))
    if len(infos) < 2:
        return everything
    groups = next((g for g in _partitions(infos, paths) if _same_book(g, infos, paths)), None)
    if groups is None:
        return everything
    longest = max(_secs(g, infos) for g in groups)
    best, *others = sorted(groups, key=lambda g: (not _near(_secs(g, infos), longest), _rank(g, infos, paths, profile)))
    left = tuple(sorted(i for group in others for i in group))
    doubts = () if _clearly(groups, infos, paths) else (_doubt(best, others, paths),)
    return OneCopy(tuple(sorted(best)), left, doubts)


def _partitions(infos: Sequence[AudioInfo], paths: Sequence[str]) -> list[list[list[int]]]:
    """Ways to part the files into copies: by format, and by folder where the folders differ in format or bit rate."""

    def grouped(key: Callable[[int], object]) -> list[list[int]]:
        groups: dict[object, list[int]] = {}
        for i in range(len(infos)):
            groups.setdefault(key(i), []).append(i)
        return list(groups.values())

    by_format = grouped(lambda i: (infos[i].codec, infos[i].path.suffix.lower() in {".m4b", ".m4a", ".mp4"}))
    by_folder = grouped(lambda i: paths[i].rpartition("/")[0].split("/")[0])
    ways = [by_format] if len(by_format) > 1 else []
    if 1 < len(by_folder) <= _FOLDERS and all("/" in p for p in paths):
        kinds = [({infos[i].codec for i in group}, _kbps(group, infos)) for group in by_folder]
        if all(a[0] != b[0] or max(a[1], b[1]) > 1.2 * min(a[1], b[1]) for a, b in combinations(kinds, 2)):
            ways.append(by_folder)
    return ways


def _same_book(groups: Sequence[Sequence[int]], infos: Sequence[AudioInfo], paths: Sequence[str]) -> bool:
    """Equal lengths, and no one numbering that runs through all of them (then they are parts of one book)."""
    lengths = [_secs(group, infos) for group in groups]
    longest = max(lengths)
    if longest <= 0 or any(longest - length > 0.1 * longest for length in lengths):
        return False
    stems = [stem_of(PurePath(p).name) for p in paths]
    if len(groups) == len(paths) and len({s.casefold() for s in stems}) > 1 and longest < 600:
        return False  # two short tracks in two formats are not two copies
    numbers = [Numbers()] * len(paths)
    return not any(r.complete for r in listening_order(paths, numbers).readings) and not _tagged_through(infos)


def _tagged_through(infos: Sequence[AudioInfo]) -> bool:
    tracks = [(i.tags.get("disc", ""), i.tags.get("track", "")) for i in infos]
    return all(track for _, track in tracks) and len(set(tracks)) == len(tracks)


def _clearly(groups: Sequence[Sequence[int]], infos: Sequence[AudioInfo], paths: Sequence[str]) -> bool:
    """Lengths within a percent or a minute, and as many files, the same names, or one file against many."""
    lengths = [_secs(group, infos) for group in groups]
    close = _near(min(lengths), max(lengths))
    counts = {len(group) for group in groups}
    alike = (
        len(counts) == 1
        and len({tuple(sorted(stem_of(PurePath(paths[i]).name).casefold() for i in g)) for g in groups}) == 1
    )
    return close and (alike or 1 in counts) and not any(infos[i].duration_estimated for g in groups for i in g)


def _near(secs: float, longest: float) -> bool:
    """Within a percent or a minute: a set that is shorter than that lacks something."""
    return longest - secs <= max(0.01 * longest, min(60.0, 0.03 * longest))


def _rank(
    group: Sequence[int], infos: Sequence[AudioInfo], paths: Sequence[str], profile: BindProfile
) -> tuple[object, ...]:
    native: Mapping[str, str] = {"aac": "aac", "he-aac": "aac", "opus": "opus", "mp3": "mp3"}
    copied = all(infos[i].codec == native[profile.codec] for i in group)
    chapters = sum(len(infos[i].chapters) for i in group)
    return (not copied, -_kbps(group, infos), -chapters, len(group), sorted(natural_key(paths[i]) for i in group))


def _secs(group: Sequence[int], infos: Sequence[AudioInfo]) -> float:
    return sum(infos[i].duration_secs for i in group)


def _kbps(group: Sequence[int], infos: Sequence[AudioInfo]) -> float:
    return sum((infos[i].bitrate_kbps or 0) * infos[i].duration_secs for i in group) / max(1.0, _secs(group, infos))


def _doubt(best: Sequence[int], others: Sequence[Sequence[int]], paths: Sequence[str]) -> Reason:
    taken = shown(sorted((paths[i] for i in best), key=natural_key)[:_SHOWN])
    left = sorted((paths[i] for group in others for i in group), key=natural_key)
    return Reason(
        "several_copies",
        f"The download seems to hold the book {len(others) + 1} times; {taken[0]!r} and its like would be bound, "
        f"{len(left)} other files left out.",
        "Check that they are the same book and settle the order (`--order`), or bind one folder alone.",
        {"taken": taken, "left_out": shown(left[:_SHOWN])},
    )
