"""Everything known about one release beside one album wish, read once: title, folder, files, assignment.

Scores, gates and doubts are all drawn from this one value, so that they cannot contradict each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from earmark.core.albums import words
from earmark.core.albums.folders import CueImage, Mapped, map_release
from earmark.core.albums.reading import Contents, Quality, TitleReading, read_contents, read_title, seconds
from earmark.core.decision import TrackMapping
from earmark.core.release import Release, ReleaseFile
from earmark.core.wish import AlbumWish

SAME_LENGTH_SECS = 5.0
WITNESSES = 3  # fewer tracks prove nothing about the album they are on
WITNESSED_SHARE = 0.9
SAME_NAME = 0.85


@dataclass(frozen=True, slots=True)
class Evidence:
    """One release read against one wish. Shares are of the requested tracks, 0..1; None is unknown."""

    wish: AlbumWish
    release: Release
    title: TitleReading
    folder: TitleReading | None
    contents: Contents
    mapped: Mapped
    requested: int
    served: int  # requested tracks that have a file
    by_name: int  # of those, how many by their names
    by_length: int  # and how many by their lengths
    offered_marks: frozenset[str]
    wished_marks: frozenset[str]

    @property
    def coverage(self) -> float | None:
        """Share of the requested tracks that have a file; None where that cannot be known."""
        if not self.requested or not self.contents.audio or self.mapped.images:
            return None
        return self.served / self.requested

    @property
    def proved_by_length(self) -> bool:
        """The lengths alone make it this recording."""
        return self.requested >= WITNESSES and self.by_length >= WITNESSED_SHARE * self.requested

    @property
    def proved_by_name(self) -> bool:
        return self.requested >= WITNESSES and self.by_name >= WITNESSED_SHARE * self.requested and not self.off_lengths

    @property
    def proved(self) -> bool:
        """The track list says that it is this album, whatever the title says."""
        return self.proved_by_length or self.proved_by_name

    @property
    def off_lengths(self) -> bool:
        """Many files bear the names of tracks and none of their lengths: another recording, clips, another speed."""
        m = self.mapped
        return (
            m.timed >= min(2, len(self.wish.tracks))
            and m.timed * 2 >= len(self.wish.tracks)
            and m.off_length >= 0.4 * m.timed
        )

    @property
    def artist(self) -> float | None:
        return _weighed(self.title.artist, self.folder.artist if self.folder else None)

    @property
    def album(self) -> float | None:
        return _weighed(self.title.album, self.folder.album if self.folder else None)

    @property
    def quality(self) -> Quality:
        return self.mapped.quality if self.contents.audio else self.title.quality

    @property
    def years(self) -> tuple[int, ...]:
        if self.title.years and not ("set" in self.title.marks and self.folder):  # a set names its whole span
            return self.title.years
        own = (self.release.year,) if self.release.year else ()
        return own or (self.folder.years if self.folder else ())

    @property
    def is_set(self) -> bool:
        """Holds other albums too."""
        listed = self.mapped.other_folders > 0
        return listed or (
            "set" in self.offered_marks - self.wished_marks and (not self.contents.audio or self.mapped.extras > 0)
        )

    @property
    def self_titled(self) -> bool:
        return words.normal(self.wish.artist) == words.normal(self.wish.album)

    @property
    def offered_secs(self) -> float | None:
        """The sum of the lengths of the assigned files, where all are known."""
        offered = [self.mapped.files[p.file].file.duration_secs for p in self.mapped.pairs]
        return sum(s for s in offered if s) if offered and all(offered) else None

    @property
    def wished_secs(self) -> float | None:
        """The sum of the wished lengths of the assigned tracks, where all are known."""
        wished = [self.wish.tracks[p.track].duration_secs for p in self.mapped.pairs]
        return sum(s for s in wished if s) if wished and all(wished) else None


def gather(wish: AlbumWish, release: Release) -> Evidence:
    """Read a release against a wish. Never raises, whatever the texts hold."""
    tracks = [replace(t, duration_secs=seconds(t.duration_secs)) for t in wish.tracks]
    wish = replace(wish, tracks=tuple(sorted(tracks, key=lambda t: (t.disc_number, t.track_number))))
    contents = read_contents(release.files)
    mapped = map_release(wish, contents, release.title)
    title = read_title(release.title, wish.artist, wish.album, wish.label)
    folder = read_title(" - ".join(mapped.folder[-2:]), wish.artist, wish.album, wish.label) if mapped.folder else None
    asked = {i for i, t in enumerate(wish.tracks) if t.requested} or set(range(len(wish.tracks)))
    pairs = [p for p in mapped.pairs if p.track in asked]
    said = words.marks(words.normal(wish.album))
    return Evidence(
        wish=wish,
        release=release,
        title=title,
        folder=folder,
        contents=contents,
        mapped=mapped,
        requested=len(asked),
        served=len(pairs),
        by_name=sum((p.name or 0) >= SAME_NAME for p in pairs),
        by_length=sum(p.secs_off is not None and p.secs_off <= SAME_LENGTH_SECS for p in pairs),
        offered_marks=title.marks
        | ((folder.marks - {"set", "compilation"}) if folder else frozenset())
        | _files_say(wish, mapped),
        wished_marks=said,
    )


def map_tracks(wish: AlbumWish, files: Sequence[ReleaseFile], *, title: str = "") -> tuple[TrackMapping, ...]:
    """Which of these files is which requested track, in the order of the wish; files with measured lengths map best.
    For a release whose file list came late: with the torrent, or with the download itself."""
    return track_mapping(gather(wish, Release("", "", title, files=tuple(files))))


def cue_images(wish: AlbumWish, release: Release) -> tuple[CueImage, ...]:
    """The sound files of a release that hold the whole album or a whole disc; empty where tracks are files."""
    return gather(wish, release).mapped.images


def track_mapping(e: Evidence) -> tuple[TrackMapping, ...]:
    """The assignment in the words of document 003."""
    return tuple(
        TrackMapping(e.wish.tracks[p.track].catalog_track_id, e.mapped.files[p.file].file.path, p.confidence)
        for p in sorted(e.mapped.pairs, key=lambda p: p.track)
        if e.wish.tracks[p.track].requested
    )


def _files_say(wish: AlbumWish, mapped: Mapped) -> frozenset[str]:
    """Marks that most of the chosen files carry in their names and the wished tracks do not: all live, all remixed."""
    names = [mapped.files[c].full for c in mapped.chosen]
    asked = [words.marks(words.normal(t.name)) for t in wish.tracks]
    said = [words.marks(n) for n in names]
    candidates = {m for marks in said for m in marks} & {
        "live",
        "remix",
        "demo",
        "tribute",
        "instrumental",
        "acoustic",
        "remaster",
    }
    return frozenset(
        m
        for m in candidates
        if sum(m in s for s in said) > 0.5 * len(said) and sum(m in a for a in asked) <= 0.25 * len(asked)
    )


def _weighed(title: float | None, folder: float | None) -> float | None:
    """What title and folder say together: the clearer one, and neither where they contradict each other."""
    known = [v for v in (title, folder) if v is not None]
    if len(known) == 2 and title == 0.0:
        return sum(known) / 2
    return max(known) if known else None
