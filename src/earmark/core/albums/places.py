"""File names of one album read together: which disc and number each claims, and which words may be its title.

One name alone cannot tell a number from a title (“5 Years”, “1979”) or a prefix from a name; its neighbours can. What
the numbers are worth is decided by `core.albums.assignment`, which sees the titles and lengths beside them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from earmark.core.albums import words
from earmark.core.albums.reading import AudioFile

TRUSTED_SHARE = 0.6  # numbers count where at least this share of neighbours has one

_NUMBER_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "i": 1, "ii": 2, "iii": 3, "iv": 4}
_DISC_FOLDER = re.compile(
    r"(?:^|[^a-z])(?:cd|disc|disk|disque|disco|lp|dvd|record|platte)[\s._#-]*(\d{1,2}|one|two|three|four|iv|i{1,3})(?![a-z0-9])"
)
_SIDE_FOLDER = re.compile(r"(?:^|[^a-z])(?:side|seite|face|lado)[\s._-]*([a-h])(?![a-z])")
_BONUS_FOLDER = re.compile(r"[\s\[(]*(?:bonus|extras?|b-?sides)(?: (?:cd|disc|disk|tracks?|material))?[\s\])]*")
BONUS_DISC = 99
_FORMAT_FOLDER = re.compile(
    r"[\s\[(]*(?:flac|alac|wav|lossless|lossy|mp3|aac|m4a|ogg|opus|320|v0|v2|cbr|vbr|kbps|24|16|bit|44|48|96|192|khz|[\s\-\[\]().&+_])+",
    re.I,
)
_DISC_TRACK = re.compile(r"(?:^|[\s._\-\[(])d(?:isc)?\s?(\d{1,2})[\s._-]*t(?:rack)?\s?(\d{1,3})(?![0-9a-z])", re.I)
_DISC_WORD = re.compile(r"(?:^|[\s._\-\[(])(?:cd|disc|disk)[\s._-]?(\d{1,2})(?![0-9a-z])", re.I)
_DISC_NUMBER = re.compile(r"[\s\[(]*(\d)[-.x](\d{2})(?![0-9])")
_SIDED = re.compile(r"[\s\[(]*(?:side[\s._-]*)?([A-H])[\s._-]?(\d{1,2})(?![0-9A-Za-z])")
_NUMBER = re.compile(
    r"[\s\[(#]*(?:(?:track|tr|titel|piste|pista|no|nr)[\s._#-]*)?(\d{1,3})(?:\s?(?:of|von|de)\s?\d{1,3})?(?:(?=[\s._\-)\]:]|$)|(?<=\d\d)(?=[A-Za-z]))",
    re.I,
)
_NUMBER_INSIDE = re.compile(r"(?:^|[\s._])-?[\s._]?[\[(]?(?<!\d)(\d{2})(?!\d)[\])]?(?:[\s._]*-[\s._]*|\.\s)")
_NO_NAME = re.compile(r"(?:(?:audio ?)?track|titel|piste|pista|unknown|untitled track|file|no name)\s*\d*|")
_PARTING = re.compile(r"\s+[-–—]\s+|\s*[:/]\s+|\s~\s")
_RIM = " -_.:,"
_LEAD_RIM = _RIM + ")]"


@dataclass(frozen=True, slots=True)
class Named:
    """What the name of one file says. `names` are folded readings of its title, the fullest first; none where the name
    is a mere number. `side` is 1 for A. `full` keeps the words in brackets for their marks."""

    file: AudioFile
    disc: int | None
    number: int | None
    side: int | None
    names: tuple[str, ...]
    full: str


def leaf_of(file: AudioFile) -> tuple[tuple[str, ...], str]:
    """Files that were named together: those of one folder and format."""
    return file.folders, file.suffix


@lru_cache(maxsize=4_096)
def album_folder(folders: tuple[str, ...]) -> tuple[str, ...]:
    """The folder of the album: what holds the disc, side and format folders."""
    kept = list(folders)
    while len(kept) > 1 and (is_disc_folder(kept[-1]) or _FORMAT_FOLDER.fullmatch(kept[-1][:80])):
        kept.pop()
    return tuple(kept)


def is_disc_folder(name: str) -> bool:
    low = name[:120].lower()
    return bool(
        _DISC_FOLDER.search(low)
        or _BONUS_FOLDER.fullmatch(low.strip())
        or _SIDE_FOLDER.search(low)
        or re.fullmatch(r"\d{1,2}", low.strip())
    )


def read_names(files: Sequence[AudioFile]) -> tuple[Named, ...]:
    """Read all names, each beside its neighbours, in the order of `files`."""
    leaves: dict[tuple[tuple[str, ...], str], list[AudioFile]] = defaultdict(list)
    for file in files:
        leaves[leaf_of(file)].append(file)
    many_folders = len({f.folders for f in files}) > 1
    read: dict[str, Named] = {}
    for members in leaves.values():
        for named in _read_leaf(members, many_folders=many_folders):
            read[named.file.path] = named
    return tuple(read[f.path] for f in files)


def _read_leaf(files: Sequence[AudioFile], *, many_folders: bool) -> list[Named]:
    stems = _spaced([f.stem[: words.MAX_CHARS] for f in files])
    cut = len(_common_prefix(stems))
    folder_disc, folder_side = _of_folders(files[0].folders)
    found = [_claims(stem, stem[cut:]) for stem in stems]
    numbers = [number for _, number, _, _ in found if number is not None]
    if len(numbers) < TRUSTED_SHARE * len(found):
        found = [(disc, None, None, stem[cut:] or stem) for (disc, _, _, _), stem in zip(found, stems, strict=True)]
    hundreds = len(numbers) == len(found) > 1 and all(n > 100 and n % 100 for n in numbers)
    titles = [title for _, _, _, title in found]
    again = len(_common_prefix(titles))  # what follows the number may begin alike too: “01-artist-title”
    named = []
    for file, stem, (disc, number, side, title) in zip(files, stems, found, strict=True):
        names = list(_names(title, file.folders if many_folders else ()))
        names += _names(title[again:], ()) if again else ()
        names += _names(stem, ()) if cut and number is None else ()
        if hundreds and number is not None and disc is None:
            place: tuple[int | None, int | None] = divmod(number, 100)
        else:
            place = (folder_disc if disc is None else disc, number)
        named.append(Named(file, *place, side or folder_side, tuple(dict.fromkeys(names)), words.normal(title)))
    return named


def _spaced(stems: list[str]) -> list[str]:
    """Names that use _ or . for the space, all of them alike."""
    if any(" " in s for s in stems):
        return stems
    sign = "_" if any("_" in s for s in stems) else "."
    return [s.replace(sign, " ") for s in stems] if sign == "_" or all(s.count(".") > 1 for s in stems) else stems


def _common_prefix(stems: Sequence[str]) -> str:
    """What all names begin with, up to a parting sign: never half a word, nor any digit that may count."""
    if len(stems) < 2:
        return ""
    prefix = re.sub(r"(?:\d+[-.x]?)+$", "", _shared_start(min(stems), max(stems)))
    while prefix and prefix[-1].isalnum():
        if all(s[len(prefix) : len(prefix) + 1].isdecimal() for s in stems) and not prefix[-1].isdecimal():
            break
        prefix = prefix[:-1]
    return prefix


def _of_folders(folders: Sequence[str]) -> tuple[int | None, int | None]:
    """Disc and side that the innermost folders name."""
    disc = side = None
    for name in reversed(folders[-3:]):
        low = name[:120].lower()
        if disc is None and (m := _DISC_FOLDER.search(low)):
            disc = int(m[1]) if m[1].isdecimal() else _NUMBER_WORDS[m[1]]
        if side is None and (m := _SIDE_FOLDER.search(low)):
            side = ord(m[1]) - 96
        if disc is None and re.fullmatch(r"0?[1-9]", low.strip()):
            disc = int(low)
        if disc is None and _BONUS_FOLDER.fullmatch(low.strip()):
            disc = BONUS_DISC
    return disc, side


def _shared_start(a: str, b: str) -> str:
    return a[: next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))]


def _claims(stem: str, rest: str) -> tuple[int | None, int | None, int | None, str]:
    """Disc, number, side and title of one name; `rest` is the name without what all its neighbours share."""
    if m := _DISC_TRACK.search(stem):
        return int(m[1]), int(m[2]), None, stem[m.end() :].lstrip(_LEAD_RIM).rstrip(_RIM)
    disc = int(d[1]) if (d := _DISC_WORD.search(stem)) else None
    for text in (rest, stem):
        if m := _SIDED.match(text):
            return disc, int(m[2]), ord(m[1]) - 64, text[m.end() :].lstrip(_LEAD_RIM).rstrip(_RIM)
        if disc is None and (m := _DISC_NUMBER.match(text)):
            return int(m[1]), int(m[2]), None, text[m.end() :].lstrip(_LEAD_RIM).rstrip(_RIM)
    after_disc = stem[d.end() :].lstrip(_LEAD_RIM) if d else ""
    for text in (after_disc, rest, stem):
        if m := _NUMBER.match(text):
            return disc, int(m[1]), None, text[m.end() :].lstrip(_LEAD_RIM).rstrip(_RIM)
    if m := _NUMBER_INSIDE.search(rest):
        return disc, int(m[1]), None, rest[m.end() :].lstrip(_LEAD_RIM).rstrip(_RIM)
    return disc, None, None, rest


def _names(title: str, folders: Sequence[str]) -> tuple[str, ...]:
    """The folded readings of a title: whole, without brackets, each part between dashes, and with its folder's name,
    as movements lie in folders of their works."""
    whole = words.normal(title)
    if _NO_NAME.fullmatch(whole):
        return ()
    readings = [whole, words.normal(words.plain(title))]
    parts = [p for p in _PARTING.split(title) if not re.fullmatch(r"\s*\d{1,2}\s*", p)]
    if 1 < len(parts) <= 6:
        readings += [words.normal(words.plain(p)) for p in (parts[-1], parts[0], *parts[1:-1])]
    if folders and not is_disc_folder(folders[-1]):
        readings.append(words.normal(f"{folders[-1]} {title}"))
    return tuple(dict.fromkeys(r for r in readings if r))
