"""What is read from rows, bare titles and file lists: facts with their sources, and nothing that nobody told."""

from __future__ import annotations

import pytest

from earmark.core.reading import Evidence, Role, Source, read
from earmark.core.release import Release, ReleaseFile, SeriesRef
from earmark.core.wish import Kind


def of(title: str, **row: object) -> Evidence:
    return read(Release(guid="g", indexer="i", title=title, **row))  # type: ignore[arg-type]


def words(e: Evidence, *roles: Role) -> list[str]:
    return [" ".join(p.words) for p in e.pieces if p.role in roles]


@pytest.mark.parametrize(
    ("title", "pieces"),
    [
        ("Ines Calloway - The Glass Orchard (Unabridged) [M4B 64kbps]", ["ines calloway", "the glass orchard"]),
        ("Ines.Calloway.-.The.Glass.Orchard.2015.Unabridged.MP3.128kbps", ["ines calloway", "the glass orchard"]),
        ("Ines_Calloway_-_The_Glass_Orchard_[M4B]", ["ines calloway", "the glass orchard"]),
        ("The Glass Orchard by Ines Calloway [ENG / M4B] [VIP]", ["the glass orchard", "ines calloway"]),
        ("The Glass Orchard - Ines Calloway (Audiobook) MP3 96k Abridged", ["the glass orchard", "ines calloway"]),
        ("Calloway, Ines - Orchards 1 - The Glass Orchard", ["calloway ines", "orchards 1", "the glass orchard"]),
        ("1984", ["1984"]),
        ("By the Sea by Ines Calloway", ["by the sea", "ines calloway"]),
    ],
)
def test_a_bare_title_falls_into_its_pieces_without_marks(title: str, pieces: list[str]) -> None:
    assert words(of(title), Role.ANY, Role.TITLE, Role.AUTHOR) == pieces


@pytest.mark.parametrize(
    ("title", "voice"),
    [
        ("The Glass Orchard by Ines Calloway, read by Paul Render [M4B]", "Paul Render"),
        ("The Glass Orchard - Ines Calloway (Narrated by Paul Render)", "Paul Render"),
        ("The Glass Orchard - Ines Calloway - Paul Render narration [M4B]", "Paul Render"),
        ("Ines Calloway - Der Glasgarten (gelesen von Paul Render)", "Paul Render"),
    ],
)
def test_a_voice_named_in_a_title_is_found(title: str, voice: str) -> None:
    assert [(n.value, n.source) for n in of(title).narrators] == [(voice, Source.TITLE)]


def test_each_fact_knows_where_it_was_read() -> None:
    e = of(
        "The Glass Orchard",
        authors=("Ines Calloway",),
        language="en",
        filetypes=("m4b",),
        tags="Unabridged 64 kbps 11 hrs 48 mins, read by Paul Render, chapterized",
    )
    assert e.authors[0].source is Source.FIELD and e.language is not None and e.language.source is Source.FIELD
    assert e.bitrate_kbps is not None and (e.bitrate_kbps.value, e.bitrate_kbps.source) == (64, Source.TAGS)
    assert e.runtime_secs is not None and e.runtime_secs.value == 11 * 3600 + 48 * 60
    assert [(n.value, n.source) for n in e.narrators] == [("Paul Render", Source.TAGS)]
    assert e.abridged is not None and e.abridged.value is False and e.has("chapters")


def test_what_nobody_told_stays_unknown() -> None:
    e = of("The Glass Orchard")
    assert (e.authors, e.narrators, e.series, e.formats) == ((), (), (), ())
    assert (e.kind, e.language, e.bitrate_kbps, e.runtime_secs, e.year, e.abridged) == (None,) * 6


@pytest.mark.parametrize(
    ("written", "secs"),
    [
        ("11:53:20", 42800),
        ("7 hrs 0 mins", 25200),
        ("11h 24m", 41040),
        ("48 mins", 2880),
        ("0:12:10", 730),
        ("10 hours", 36000),
    ],
)
def test_running_times_are_read_in_every_spelling(written: str, secs: int) -> None:
    e = of("The Glass Orchard", tags=f"Unabridged | {written} | 64 kbps")
    assert e.runtime_secs is not None and e.runtime_secs.value == secs


@pytest.mark.parametrize(
    ("title", "place"),
    [
        ("The Glass Orchard (Orchards, #2.5)", ("orchards", "2.5")),
        ("The Glass Orchard (Orchards Book 3)", ("orchards", "3")),
        ("Orchards, Vol. 12", ("orchards", "12")),
        ("Orchards Box Set: Books 1-3", ("", "1-3")),
        ("Orchards 04 - The Glass Orchard", ("orchards", "4")),
    ],
)
def test_a_place_in_a_series_is_read_from_the_title(title: str, place: tuple[str, str]) -> None:
    found = [(s.value.name, s.value.index) for s in of(title).series]
    assert any(index == place[1] and place[0] in name for name, index in found), found


def test_several_series_with_decimals_letters_and_ranges_survive() -> None:
    e = of("X", series=(SeriesRef("Orchards", "1a"), SeriesRef("Gardens", "1-3, 3.5"), SeriesRef("Woods", "")))
    assert [s.value.index for s in e.series] == ["1a", "1-3,3.5", ""]


def test_kind_and_danger_are_read_from_the_files() -> None:
    files = (ReleaseFile("a/01.mp3", 5_000_000), ReleaseFile("a/cover.jpg", 10), ReleaseFile("../run.exe", 3))
    e = of("The Glass Orchard", files=files)
    assert e.kind is not None and (e.kind.value, e.kind.source) == (Kind.AUDIOBOOK, Source.FILES)
    assert e.bad_files == ("../run.exe",)


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("Hal Benning & Iris Coe", ["Hal Benning", "Iris Coe"]),
        ("Benning, Hal", ["Hal Benning"]),
        ("Hal Benning (translator)", ["Hal Benning"]),
        ("Hal Benning; Iris Coe and Uri Sand", ["Hal Benning", "Iris Coe", "Uri Sand"]),
        ("Hal Benning, unabridged", ["Hal Benning"]),
        ("JÃ¼rg MÃ¼ller", ["Jürg Müller"]),
        ("Unknown", []),
    ],
)
def test_a_field_may_hold_several_people_roles_and_wrong_encodings(field: str, names: list[str]) -> None:
    assert [a.value for a in of("X", authors=(field,)).authors] == names


def test_a_description_gives_other_titles_and_contents_but_no_orders() -> None:
    e = of("X", description="<p>Originally published as The Salt Road. Contains <i>The Lamp</i>.</p>")
    assert e.also_known_as == ("The Salt Road",) and "The Lamp" in e.contents[0]


def test_entities_invisible_signs_and_markup_are_taken_out() -> None:
    e = of("The Clock&#039;s\u202e Son <script>x</script>")
    assert e.title is not None and e.title.value.startswith("The Clock's Son")


def test_the_uploaders_words_and_the_flag_about_abridging_that_disagree_are_no_fact() -> None:
    assert of("The Glass Orchard (Unabridged)", abridged=True).abridged is None
    assert of("The Glass Orchard (Abridged)", tags="Unabridged").abridged is None
