"""The stand-in site's catalogue: a folder in which each sub-folder is one release.

`release.json` in a release's folder says what the tracker's row says; whatever it leaves out is derived from the
folder's name and files (`folder_names`). Nothing here knows of HTTP, torrents or rows; changes are seen at a restart.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from earmark.core.reasons import JsonValue
from earmark.sandbox import vocabulary
from earmark.sandbox.folder_names import read_folder_name
from earmark.sandbox.mediainfo import measure
from earmark.sandbox.release_file import NOTES_FILE, CatalogueError, ReleaseNotes, read_notes

FIRST_ID = 900_000
ID_SPAN = 99_000
POSTER_NAMES = ("poster.jpg", "poster.png")  # the site's picture of the release, not part of it
LEFT_OUT = frozenset({NOTES_FILE, *POSTER_NAMES, ".DS_Store", "Thumbs.db", "desktop.ini"})
COVER_NAMES = ("cover.jpg", "cover.jpeg", "cover.png", "folder.jpg")

DEFAULT_CATEGORY = {
    vocabulary.AUDIOBOOKS: 42,
    vocabulary.EBOOKS: 64,
    vocabulary.MUSICOLOGY: 17,
    vocabulary.RADIO: 132,
}


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """One file of a release; the path is relative to the release's folder, with forward slashes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class CatalogueRelease:
    """One release as the site knows it. Text is plain: entities and other quirks of the wire come later."""

    id: int
    folder: Path
    files: tuple[CatalogueFile, ...]
    title: str
    authors: tuple[str, ...] = ()
    narrators: tuple[str, ...] = ()
    series: tuple[tuple[str, str], ...] = ()
    main_category: int = vocabulary.AUDIOBOOKS
    category: int = 42
    fiction: int = 0  # the row's `maincat`: 1 fiction, 2 nonfiction, 0 unset
    content_tags: tuple[int, ...] = ()
    language: int = 1
    filetypes: tuple[str, ...] = ()
    tags: str = ""
    description: str = ""
    isbn: str = ""
    mediainfo: Mapping[str, JsonValue] | None = None
    free: bool = False
    vip: bool = False
    vip_expire: int = 0
    fl_vip: bool = False
    seeders: int = 1
    leechers: int = 0
    times_completed: int = 0
    comments: int = 0
    browse_flags: int = 0
    owner: tuple[int, str] | None = None
    added: datetime = field(default_factory=lambda: datetime(2025, 1, 1, tzinfo=UTC))

    @property
    def size(self) -> int:
        """Bytes of content."""
        return sum(file.size for file in self.files)

    @property
    def category_name(self) -> str:
        """As the row's `catname` has it."""
        return vocabulary.category_name(self.main_category, self.category)

    @property
    def cover(self) -> Path | None:
        """The picture the site shows: a poster beside the content, else the cover among it."""
        posters = (self.folder / name for name in POSTER_NAMES)
        present = {file.path.casefold(): self.folder / file.path for file in self.files}
        covers = (present[name] for name in COVER_NAMES if name in present)
        return next((path for path in (*posters, *covers) if path.is_file()), None)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything the site offers, newest first, and the folders it had to leave out with the reason."""

    folder: Path
    releases: tuple[CatalogueRelease, ...]
    left_out: tuple[str, ...] = ()

    def by_id(self, release_id: int) -> CatalogueRelease | None:
        """The release of that id, or None."""
        return next((release for release in self.releases if release.id == release_id), None)


def read_catalogue(folder: Path) -> Catalogue:
    """Read every release below `folder`. Raises `CatalogueError` for a missing folder or a wrong release.json."""
    if not folder.is_dir():
        raise CatalogueError.about(folder, "The catalogue folder does not exist.", "Create it, or name another folder.")
    releases: list[CatalogueRelease] = []
    left_out: list[str] = []
    ids: set[int] = set()
    for path in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__"))):
        files = list_files(path)
        if not sum(file.size for file in files):
            left_out.append(f"{path.name}: there is no file with content in it")
            continue
        release = read_release(path, files, stable_id(path.name, ids))
        ids.add(release.id)
        releases.append(release)
    releases.sort(key=lambda release: (release.added, release.id), reverse=True)
    return Catalogue(folder, tuple(releases), tuple(left_out))


def read_release(folder: Path, files: tuple[CatalogueFile, ...], release_id: int) -> CatalogueRelease:
    """One release: what its notes say, else what its folder tells."""
    derived = _derive(folder, files, release_id)
    notes = read_notes(folder / NOTES_FILE, derived.main_category)
    main_category = notes.main_category or derived.main_category
    release = replace(
        derived,
        **notes.given,  # type: ignore[arg-type]  # the notes' reader has typed each value for its field
        main_category=main_category,
        category=notes.category or DEFAULT_CATEGORY[main_category],
        browse_flags=notes.browse_flags or derived.browse_flags,
    )
    # The union flag holds whenever either half does (mam-api.md section 9), unless the notes insist otherwise.
    if "fl_vip" not in notes.given:
        release = replace(release, fl_vip=release.free or release.vip)
    return _with_media(release, notes)


def list_files(folder: Path) -> tuple[CatalogueFile, ...]:
    """The files that go into the release's torrent: all but our own notes, system litter and symbolic links."""
    found: list[CatalogueFile] = []
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            if name not in LEFT_OUT and not path.is_symlink():
                found.append(CatalogueFile(path.relative_to(folder).as_posix(), path.stat().st_size))
    return tuple(sorted(found, key=lambda file: file.path))


def stable_id(name: str, taken: Iterable[int] = ()) -> int:
    """The same folder name gets the same id at every start; a clash takes the next free number."""
    digest = hashlib.sha1(name.encode("utf-8", "surrogateescape"), usedforsecurity=False).digest()
    number = int.from_bytes(digest[:6], "big") % ID_SPAN
    used = set(taken)
    while FIRST_ID + number in used:
        number = (number + 1) % ID_SPAN
    return FIRST_ID + number


def _derive(folder: Path, files: tuple[CatalogueFile, ...], release_id: int) -> CatalogueRelease:
    said = read_folder_name(folder.name)
    filetypes = _filetypes(files)
    audio = any(kind in vocabulary.AUDIO_SUFFIXES for kind in filetypes)
    ebook = not audio and any(kind in vocabulary.EBOOK_SUFFIXES for kind in filetypes)
    return CatalogueRelease(
        id=release_id,
        folder=folder,
        files=files,
        title=said.title,
        authors=said.authors,
        narrators=said.narrators,
        series=said.series,
        main_category=vocabulary.EBOOKS if ebook else vocabulary.AUDIOBOOKS,
        language=said.language or 1,
        filetypes=filetypes,
        tags=", ".join(said.remarks),
        browse_flags=vocabulary.BROWSE_FLAGS["abridged"] if said.abridged else 0,
        added=datetime.fromtimestamp(int(folder.stat().st_mtime), UTC),
    )


def _filetypes(files: Iterable[CatalogueFile]) -> tuple[str, ...]:
    """The kinds of book files, the commonest first; with none of them, whatever kinds there are."""
    suffixes = Counter(Path(file.path).suffix.lower().lstrip(".") for file in files)
    known = vocabulary.AUDIO_SUFFIXES | vocabulary.EBOOK_SUFFIXES
    ordered = sorted((kind for kind in suffixes if kind), key=lambda kind: (-suffixes[kind], kind))
    return tuple(kind for kind in ordered if kind in known) or tuple(ordered[:3])


def _with_media(release: CatalogueRelease, notes: ReleaseNotes) -> CatalogueRelease:
    """Measure the audio, unless the notes speak for it."""
    if "mediainfo" in notes.given:
        return release
    audio = [
        release.folder / file.path
        for file in release.files
        if Path(file.path).suffix.lower().lstrip(".") in vocabulary.AUDIO_SUFFIXES
    ]
    return replace(release, mediainfo=measure(audio))
