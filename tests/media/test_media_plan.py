"""What the plan for a book says: order and doubts, copies, chapter titles and marks, passthrough."""

from __future__ import annotations

import random as randomness
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.core.binding import AudioInfo, BindPlan, BindProfile, BookTags, Chapter
from earmark.core.reasons import PermanentError
from earmark.media.companions import Companions, CueSheet, Playlist
from earmark.media.plan import book_chapters, plan_book

TAGS = BookTags("Moby Dick", ("Herman Melville",), series="Whales")


def source(name: str, codec: str = "mp3", chapters: tuple[Chapter, ...] = (), **tags: str) -> AudioInfo:
    return AudioInfo(Path("/download/Moby") / name, codec, 60.0, 44100, 1, 64, tags, chapters)


def titles(*names: str) -> tuple[str, ...]:
    return plan_book([source(n) for n in names], TAGS).chapter_titles


def test_sources_are_put_in_listening_order_across_folders() -> None:
    plan = plan_book([source(n) for n in ("CD2/1.mp3", "CD1/10.mp3", "CD1/9.mp3")], TAGS)
    assert [s.path.name for s in plan.sources] == ["9.mp3", "10.mp3", "1.mp3"]


def test_title_tags_become_chapters_when_they_tell_them_apart() -> None:
    plan = plan_book([source("01.mp3", title="Loomings"), source("02.mp3", title="The Carpet-Bag")], TAGS)
    assert plan.chapter_titles == ("Loomings", "The Carpet-Bag")


def test_one_title_on_every_file_is_no_chapter_title() -> None:
    plan = plan_book([source("01 - Loomings.mp3", title="Moby Dick"), source("02 - Inn.mp3", title="Moby Dick")], TAGS)
    assert plan.chapter_titles == ("Loomings", "Inn")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("01 - Loomings.mp3", "02 - The Inn.mp3"), ("Loomings", "The Inn")),
        (("Moby Dick - 01 - Loomings.mp3", "Moby Dick - 02 - Inn.mp3"), ("Loomings", "Inn")),
        (
            ("Herman_Melville_-_Moby_Dick_-_Part_1.mp3", "Herman_Melville_-_Moby_Dick_-_Part_2.mp3"),
            ("Part 1", "Part 2"),
        ),
        (("Moby Dick 01.mp3", "Moby Dick 02.mp3"), ("Chapter 1", "Chapter 2")),
        (("01.mp3", "02.mp3"), ("Chapter 1", "Chapter 2")),
        (("CD1/Same.mp3", "CD2/Same.mp3"), ("Chapter 1", "Chapter 2")),
        (("1984.mp3", "Animal.mp3"), ("Chapter 1", "Chapter 2")),
    ],
)
def test_file_names_are_cleaned_into_titles(names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert titles(*names) == expected


def test_control_characters_never_reach_a_chapter_title() -> None:
    plan = plan_book([source("01.mp3", title="One\n\x00Two"), source("02.mp3", title="B" * 500)], TAGS)
    assert plan.chapter_titles == ("One Two", "B" * 200)


def test_only_a_single_m4b_with_m4b_inside_passes_through() -> None:
    assert plan_book([source("book.m4b", "aac")], TAGS).passthrough
    assert not plan_book([source("book.m4b", "mp3")], TAGS).passthrough
    assert not plan_book([source("book.m4a", "aac")], TAGS).passthrough
    assert not plan_book([source("1.m4b", "aac"), source("2.m4b", "aac")], TAGS).passthrough


def test_a_single_file_is_one_chapter_with_the_books_title() -> None:
    assert titles("whatever.mp3") == ("Moby Dick",)


def test_chapters_inside_the_sources_are_kept_on_the_common_timeline() -> None:
    marks = (Chapter("A", 0.02, 20.0), Chapter("", 20.0, 60.0))
    plan = plan_book([source("1.m4b", "aac", marks, title="x"), source("2.m4b", "aac", title="Last")], TAGS)
    chapters = book_chapters(plan, [59.5, 60.5]).chosen.chapters
    assert [(c.title, c.start_secs, c.end_secs) for c in chapters] == [
        ("A", 0.0, 20.0),
        ("Chapter 2", 20.0, 59.5),
        ("Last", 59.5, 120.0),
    ]


def test_a_book_needs_at_least_one_file() -> None:
    with pytest.raises(ValueError, match="at least one"):
        plan_book([], TAGS)


FOLDER = Path("/download/Moby")


def long(name: str, codec: str = "mp3", secs: float = 3600.0, kbps: int = 64, **tags: str) -> AudioInfo:
    return replace(source(name, codec, **tags), duration_secs=secs, bitrate_kbps=kbps)


def names(plan: BindPlan) -> list[str]:
    return [s.path.relative_to(FOLDER).as_posix() for s in plan.sources]


def codes(plan: BindPlan) -> list[str]:
    return [d.code for d in plan.doubts]


def test_a_dispute_is_a_doubt_and_every_reading_is_kept() -> None:
    plan = plan_book([source("01.mp3", track="2"), source("02.mp3", track="1")], TAGS)
    assert codes(plan) == ["order_disputed"]
    assert plan.doubts[0].evidence["orders"] == {"names": ["01.mp3", "02.mp3"], "tags": ["02.mp3", "01.mp3"]}
    assert [(r.by, r.positions, r.complete) for r in plan.orders] == [("names", (0, 1), True), ("tags", (1, 0), True)]


def test_the_readings_kept_are_positions_into_the_sources() -> None:
    plan = plan_book([source("a.mp3", track="2"), source("b.mp3", track="1")], TAGS)
    assert names(plan) == ["b.mp3", "a.mp3"]
    assert plan.orders[0].positions == (0, 1)


def test_a_chosen_reading_settles_the_plan() -> None:
    files = [source("01.mp3", track="2"), source("02.mp3", track="1")]
    plan = plan_book(files, TAGS, order="tags")
    assert (names(plan), plan.doubts, plan.orders[0].by) == (["02.mp3", "01.mp3"], (), "tags")
    with pytest.raises(PermanentError) as error:
        plan_book(files, TAGS, order="playlist")
    assert error.value.reason.code == "order_unreadable"


def test_one_playlist_a_disc_is_read_disc_by_disc() -> None:
    files = [source(n) for n in ("CD1/x y.mp3", "CD1/a b.mp3", "CD2/q r.mp3", "CD2/c d.mp3")]
    lists = tuple(
        Playlist(FOLDER / f"CD{n}/list.m3u", tuple(f.path for f in files if f.path.parent.name == f"CD{n}"))
        for n in (2, 1)
    )
    plan = plan_book(files, TAGS, companions=Companions(playlists=lists))
    assert (names(plan), plan.doubts) == (["CD1/x y.mp3", "CD1/a b.mp3", "CD2/q r.mp3", "CD2/c d.mp3"], ())


def test_playlists_that_contradict_each_other_are_not_believed() -> None:
    files = [source("b.mp3"), source("a.mp3")]
    lists = [Playlist(FOLDER / f"{n}.m3u", tuple(f.path for f in order)) for n, order in ((1, files), (2, files[::-1]))]
    assert codes(plan_book(files, TAGS, companions=Companions(playlists=tuple(lists)))) == ["order_unknown"]


def test_a_sheet_of_several_files_tells_their_order() -> None:
    files = [source("b.mp3"), source("a.mp3")]
    sheet = CueSheet(FOLDER / "x.cue", tuple((f.path, ((0.0, f"T{n}"),)) for n, f in enumerate(files)))
    plan = plan_book(files, TAGS, companions=Companions(cues=(sheet,)))
    assert (names(plan), plan.doubts, plan.orders[0].by) == (["b.mp3", "a.mp3"], (), "playlist")


def test_of_an_mp3_folder_beside_an_m4b_the_one_that_needs_no_encoding_is_taken() -> None:
    mp3 = [long(f"mp3/{n:02}.mp3", kbps=128) for n in range(1, 11)]
    m4b = long("m4b/Moby Dick.m4b", "aac", 36_010.0)
    plan = plan_book([*mp3, m4b], TAGS)
    assert (names(plan), plan.doubts, len(plan.left_out), plan.passthrough) == (["m4b/Moby Dick.m4b"], (), 10, True)
    kept_as_mp3 = plan_book([*mp3, m4b], TAGS, profile=BindProfile(codec="mp3"))
    assert (len(kept_as_mp3.sources), kept_as_mp3.left_out) == (10, (m4b.path,))


def test_of_two_bit_rates_the_higher_is_taken() -> None:
    files = [long(f"{rate}kbps/{n}.mp3", kbps=rate, secs=3000.0 + n) for rate in (64, 128) for n in (1, 2)]
    plan = plan_book(files, TAGS)
    assert (names(plan), codes(plan)) == (["128kbps/1.mp3", "128kbps/2.mp3"], [])


def test_of_three_copies_one_is_taken() -> None:
    files = [long(f"mp3 {rate}/{n}.mp3", kbps=rate, secs=3000.0 + n) for rate in (64, 128) for n in (1, 2)]
    files += [long(f"m4b/{n}.m4b", "aac", 3000.5 + n) for n in (1, 2)]
    plan = plan_book(files, TAGS)
    assert (names(plan), codes(plan), len(plan.left_out)) == (["m4b/1.m4b", "m4b/2.m4b"], [], 4)


def test_each_chapter_in_two_formats_side_by_side_is_taken_once() -> None:
    files = [long(f"{n:02}.{kind}", codec) for n in range(1, 4) for kind, codec in (("mp3", "mp3"), ("flac", "flac"))]
    plan = plan_book([replace(f, bitrate_kbps=500 if f.codec == "flac" else 64) for f in files], TAGS)
    assert (names(plan), codes(plan), len(plan.left_out)) == (["01.flac", "02.flac", "03.flac"], [], 3)


def test_copies_that_may_be_different_things_are_a_doubt_and_an_order_settles_it() -> None:
    files = [*(long(f"{n}.mp3") for n in range(1, 11)), long("Moby Dick.m4b", "aac", 34_000.0)]
    plan = plan_book(files, TAGS)
    assert codes(plan) == ["several_copies"]
    assert plan.doubts[0].evidence["left_out"] == ["Moby Dick.m4b"]  # it is half an hour short
    assert plan_book(files, TAGS, order="names").doubts == ()


@pytest.mark.parametrize(
    "files",
    [
        [long("CD1/1.mp3"), long("CD2/1.mp3")],
        [long("CD1/1.mp3"), long("CD2/1.m4a", "aac")],
        [long("1.mp3"), long("2.flac", "flac")],
        [long("Part 1.m4b", "aac"), long("Part 2.mp3")],
        [long("a.mp3", track="1"), long("b.m4a", "aac", track="2")],
    ],
    ids=["discs", "discs of two formats", "two formats", "parts", "tags"],
)
def test_parts_of_one_book_are_no_copies_though_they_are_as_long(files: list[AudioInfo]) -> None:
    plan = plan_book(files, TAGS)
    assert (len(plan.sources), plan.left_out, plan.doubts) == (2, (), ())


def test_a_sheet_beside_a_file_gives_its_chapters() -> None:
    file = long("Moby Dick.mp3")
    sheet = CueSheet(FOLDER / "x.cue", ((file.path, ((0.0, "01 - Loomings"), (1200.5, "02 - The Inn"))),))
    found = book_chapters(plan_book([file], TAGS, companions=Companions(cues=(sheet,))), [3601.0]).chosen
    assert (found.source, found.chapters) == (
        "cue",
        (Chapter("Loomings", 0, 1200.5), Chapter("The Inn", 1200.5, 3601.0)),
    )


def test_a_sheet_in_the_tags_gives_chapters_too() -> None:
    sheet = 'FILE "x" WAVE\nTRACK 01 AUDIO\nTITLE "A"\nINDEX 01 00:00:00\nTRACK 02 AUDIO\nTITLE "B"\nINDEX 01 10:00:00'
    found = book_chapters(plan_book([long("x.flac", "flac", cuesheet=sheet)], TAGS), [3600.0]).chosen
    assert [(c.title, c.start_secs) for c in found.chapters] == [("A", 0.0), ("B", 600.0)]


def marker(name: str, clock: str) -> str:
    return f"<Marker><Name>{name}</Name><Time>{clock}</Time></Marker>"


def test_overdrive_chapters_span_files() -> None:
    first = marker("Chapter 1", "0:00.000") + marker("Chapter 2", "40:00.000")
    second = marker("Chapter 2 (40:00)", "0:00.000") + marker("Chapter 3", "10:00.000")
    files = [long(f"Part 0{n}.mp3", **{"overdrive mediamarkers": t}) for n, t in ((1, first), (2, second))]
    found = book_chapters(plan_book(files, TAGS), [3600.0, 3500.0]).chosen
    assert (found.source, [(c.title, c.start_secs) for c in found.chapters]) == (
        "overdrive",
        [("Chapter 1", 0.0), ("Chapter 2", 2400.0), ("Chapter 3", 4200.0)],
    )


def test_a_providers_chapters_come_onto_the_files() -> None:
    theirs = (Chapter("Loomings", 0, 3601), Chapter("The Inn", 3601, 7199))
    plan = plan_book([long("01.mp3"), long("02.mp3")], TAGS, provider_chapters=theirs)
    found = book_chapters(plan, [3600.25, 3600.5])
    assert found.chosen.chapters == (Chapter("Loomings", 0, 3600.25), Chapter("The Inn", 3600.25, 7200.75))
    assert [c.source for c in found.considered] == ["provider", "numbers"]


def test_an_m4b_without_chapters_does_not_pass_through_when_a_sheet_tells_them() -> None:
    file = long("book.m4b", "aac")
    sheet = CueSheet(FOLDER / "x.cue", ((file.path, ((0.0, "A"), (1200.0, "B"))),))
    assert not plan_book([file], TAGS, companions=Companions(cues=(sheet,))).passthrough
    with_own = replace(file, chapters=(Chapter("A", 0, 60), Chapter("B", 60, 3600)))
    assert plan_book([with_own], TAGS, companions=Companions(cues=(sheet,))).passthrough


def test_credits_keep_their_titles_while_the_others_lose_the_books() -> None:
    found = titles(
        "Opening Credits.mp3", "Moby Dick - 01 - Loomings.mp3", "Moby Dick - 02 - Inn.mp3", "End Credits.mp3"
    )
    assert found == ("Opening Credits", "Loomings", "Inn", "End Credits")


def test_tags_that_only_count_give_way_to_names_that_tell() -> None:
    plan = plan_book([source("01 - Loomings.mp3", title="Track 01"), source("02 - Inn.mp3", title="Track 02")], TAGS)
    assert (plan.titles_from, plan.chapter_titles) == ("names", ("Loomings", "Inn"))


def test_file_names_that_are_no_text_can_be_told_and_written() -> None:
    plan = plan_book([source("Loom\udcffings.mp3"), source("Inn.mp3")], TAGS)
    assert plan.chapter_titles == ("Inn", "Loom?ings")
    assert "Loom?ings.mp3" in str(plan.doubts[0].evidence).encode().decode()


pieces = st.sampled_from(["CD1/", "CD2/", "mp3/", "Part I/", "01", "2", "Chapter Two", " - ", "a", "Intro", "(1)", "x"])
files = st.lists(
    st.tuples(st.lists(pieces, max_size=4).map("".join), st.sampled_from(["mp3", "m4b", "flac"]), st.integers(0, 3)),
    min_size=1,
    max_size=7,
    unique_by=lambda f: (f[0], f[1]),
)


@settings(deadline=None)  # a busy machine is no failure
@given(files, st.randoms())
def test_the_plan_does_not_depend_on_the_order_of_arrival(
    found: list[tuple[str, str, int]], random: randomness.Random
) -> None:
    codecs = {"mp3": "mp3", "m4b": "aac", "flac": "flac"}
    infos = [long(f"{n}~.{kind}", codecs[kind], 1000.0, track=str(t or "")) for n, kind, t in found]
    shuffled = list(infos)
    random.shuffle(shuffled)
    plan = plan_book(infos, TAGS)
    assert plan_book(shuffled, TAGS) == plan
    assert {*(s.path for s in plan.sources), *plan.left_out} == {i.path for i in infos}
    for reading in plan.orders:
        assert sorted(reading.positions) == list(range(len(plan.sources)))
    assert len(book_chapters(plan, [s.duration_secs for s in plan.sources]).chosen.chapters) >= 1
