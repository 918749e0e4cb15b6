"""Which file is which track: an album's track list beside the files of one candidate, with their lengths. Reads values,
returns values; the assignment itself was made in `core.albums`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass

from earmark.core.decision import ScoredCandidate
from earmark.core.wish import AlbumWish, TrackWish, Wish

MOST_FILES = 60  # without a track, that are listed by name
NEAR_SECS, FAR_SECS = 3.0, 15.0  # a file's length beside its track's: the same, and another one


@dataclass(frozen=True, slots=True)
class Row:
    """One wished track and its file. `file` "" is unmapped; `fit` is good, you or bad by the lengths, "" where unknown."""

    disc: int
    number: int
    name: str
    secs: float | None
    requested: bool
    file: str
    file_secs: float | None
    confidence: float | None
    fit: str
    by_witness: bool

    @property
    def wished(self) -> str:
        return _clock(self.secs)

    @property
    def runs(self) -> str:
        return _clock(self.file_secs)

    @property
    def off(self) -> str:
        """How far the file's length is from the track's, where that is worth telling: `+14 s`."""
        if self.secs is None or self.file_secs is None or self.fit == "good":
            return ""
        return f"{self.file_secs - self.secs:+.0f} s"


@dataclass(frozen=True, slots=True)
class TrackTable:
    """Track beside file for one candidate, and the files no track needs. `more` of them are not listed."""

    rows: tuple[Row, ...]
    spare: tuple[tuple[str, int], ...]
    more: int
    folder: str

    @property
    def wished(self) -> int:
        return sum(row.requested for row in self.rows)

    @property
    def served(self) -> int:
        return sum(row.requested and bool(row.file) for row in self.rows)


def track_table(wish: Wish, c: ScoredCandidate, placed: Set[tuple[str, str]] = frozenset()) -> TrackTable | None:
    """Track beside file, None for a book or where no files are known. `placed` are (guid, track) the witness found."""
    if not isinstance(wish, AlbumWish) or not wish.tracks or not (c.release.files or c.track_mapping):
        return None
    lengths = {f.path: f.duration_secs for f in c.release.files}
    used = Counter(m.torrent_file_path for m in c.track_mapping)
    mapped = {m.catalog_track_id: m for m in c.track_mapping}
    folder = _common_folder([*lengths, *used])
    rows = []
    for track in sorted(wish.tracks, key=lambda t: (t.disc_number, t.track_number)):
        own = mapped.get(track.catalog_track_id)
        path = own.torrent_file_path if own else ""
        secs = lengths.get(path) if used[path] == 1 else None  # of a file that is cut up, no track's
        rows.append(
            Row(
                track.disc_number,
                track.track_number,
                track.name,
                track.duration_secs,
                track.requested,
                path[len(folder) :],
                secs,
                own.confidence if own else None,
                _fit(track, secs),
                (c.release.guid, track.catalog_track_id) in placed,
            )
        )
    spare = sorted((f.path[len(folder) :], f.size_bytes) for f in c.release.files if f.path not in used)
    return TrackTable(tuple(rows), tuple(spare[:MOST_FILES]), max(0, len(spare) - MOST_FILES), folder.rstrip("/"))


def _fit(track: TrackWish, secs: float | None) -> str:
    if secs is None or track.duration_secs is None:
        return ""
    off = abs(secs - track.duration_secs)
    return "good" if off <= NEAR_SECS else "you" if off < FAR_SECS else "bad"


def _common_folder(paths: Sequence[str]) -> str:
    if not paths:
        return ""
    common = paths[0].split("/")[:-1]
    for path in paths:
        parts = path.split("/")[:-1]
        common = common[: next((i for i, (a, b) in enumerate(zip(common, parts, strict=False)) if a != b), len(parts))]
    return "".join(f"{part}/" for part in common)


def _clock(secs: float | None) -> str:
    """3:41, 1:02:03; a dash where it is unknown."""
    if secs is None:
        return "–"
    whole = round(secs)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
