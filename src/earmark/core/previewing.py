"""What a naming pattern makes of sample books, so that an owner sees it before it is saved. Everything in the samples is
invented or long out of copyright."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from earmark.core.binding import BookTags
from earmark.core.naming import parse_file_pattern, parse_pattern, render, render_file
from earmark.core.patterns import Pattern

WINDOWS_PATH = 260
"""Characters of a whole path from which older Windows programs fail to open a file on a share."""

_ROOM_FOR_ROOT = 40  # characters a library's own path and share name usually take of it


@dataclass(frozen=True, slots=True)
class Sample:
    """An invented book of `parts` files that end in `extension`; `label` says what it is a sample of."""

    label: str
    tags: BookTags
    parts: int = 1
    extension: str = "m4b"


@dataclass(frozen=True, slots=True)
class Preview:
    """One sample as it would stand on the shelf: path of its (first) file below the library folder, and what an owner
    should know about it."""

    label: str
    path: str
    notes: tuple[str, ...]


SAMPLES = (
    Sample(
        "a book of a series",
        BookTags(
            "Twenty Thousand Leagues Under the Seas",
            authors=("Jules Verne",),
            narrators=("Ann Reader",),
            series="Extraordinary Voyages",
            series_index="6",
            year=1870,
            language="en",
            asin="B000000006",
            isbn="9780000000064",
        ),
    ),
    Sample(
        "between two books of a series",
        BookTags(
            "The Lighthouse Winter: An Interlude",
            authors=("Mara Quill",),
            narrators=("Tom Voice",),
            series="The Salt Road",
            series_index="2.5",
            year=2021,
            language="en",
        ),
    ),
    Sample(
        "without a series",
        BookTags("The Time Machine", authors=("H. G. Wells",), narrators=("Ann Reader",), year=1895, language="en"),
    ),
    Sample(
        "several authors and narrators",
        BookTags(
            "Lyrical Ballads",
            authors=("William Wordsworth", "Samuel Taylor Coleridge"),
            narrators=("Ann Reader", "Tom Voice"),
            subtitle="With a Few Other Poems",
            year=1798,
            language="en",
        ),
    ),
    Sample(
        "a very long title",
        BookTags(
            "The Life and Strange Surprizing Adventures of Robinson Crusoe, of York, Mariner: Who lived Eight and Twenty "
            "Years, all alone in an un-inhabited Island on the Coast of America, near the Mouth of the Great River of "
            "Oroonoque; Having been cast on Shore by Shipwreck, wherein all the Men perished but himself",
            authors=("Daniel Defoe",),
            year=1719,
            language="en",
        ),
    ),
    Sample(
        "left in several files",
        BookTags("War and Peace", authors=("Leo Tolstoy",), narrators=("Tom Voice",), year=1869, language="en"),
        parts=12,
        extension="mp3",
    ),
    Sample(
        "not in Latin letters",
        BookTags("吾輩は猫である", authors=("夏目漱石",), narrators=("声優",), year=1905, language="ja"),
    ),
    Sample("of which only the title is known", BookTags("Beowulf")),
)


def preview(
    folder_pattern: str, file_pattern: str, *, use_series_folders: bool, samples: Sequence[Sample] = SAMPLES
) -> list[Preview]:
    """Each sample's place on the shelf. Raises `PatternError` for a pattern that could not be saved either."""
    folders, files = parse_pattern(folder_pattern), parse_file_pattern(file_pattern)
    homes = [render(folders, sample.tags, use_series_folders=use_series_folders) for sample in samples]
    shared = Counter("/".join(home).casefold() for home in homes)
    shown: list[Preview] = []
    for sample, home in zip(samples, homes, strict=True):
        first = render_file(files, sample.tags, 1, sample.parts, sample.extension)
        path = "/".join((*home, first))
        notes = _notes(folders, files, sample, path)
        if shared["/".join(home).casefold()] > 1:
            notes.append("Shares its folder with another sample: tell books apart, for example with {title}.")
        shown.append(Preview(sample.label, path, tuple(notes)))
    return shown


def _notes(folders: Pattern, files: Pattern, sample: Sample, path: str) -> list[str]:
    notes: list[str] = []
    if sample.parts > 1:
        last = render_file(files, sample.tags, sample.parts, sample.parts, sample.extension)
        notes.append(f"{sample.parts} files, the last is {last}.")
        if "part" in folders.tokens:
            notes.append("{part} says nothing in a folder: all files of a book share one.")
    if "title" in folders.tokens | files.tokens and len(sample.tags.title.encode()) > 200:
        notes.append("The title is shortened: a name has room for 255 bytes.")
    if len(path) > WINDOWS_PATH - _ROOM_FOR_ROOT:
        notes.append(f"{len(path)} characters below the library: older Windows programs stop at {WINDOWS_PATH} in all.")
    return notes
