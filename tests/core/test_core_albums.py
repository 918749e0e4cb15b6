"""Albums: what a release is taken for, which file is which track, and when a person is asked."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from earmark.core.albums import CueTrack, cue_images, decide_album, map_ranges, map_tracks
from earmark.core.albums.reading import read_title
from earmark.core.decision import Decision
from earmark.core.release import Freeleech, Release, ReleaseFile
from earmark.core.states import ApprovalCode
from earmark.core.wish import AlbumWish, Kind, TrackWish

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import albums as benchmark

ARTIST, ALBUM = "The Copper Wrens", "Slow Cartography"
NAMES = ["Harbour Song", "Velvet Anvil", "Winter, Part 1", "Winter, Part 2", "Intro", "Ribbons", "The Corridor", "1979"]
SECS = [201, 247, 315, 318, 44, 261, 402, 188]
FOLDER = f"{ARTIST} - {ALBUM} (1994)"


def wish(**changes: object) -> AlbumWish:
    tracks = tuple(TrackWish(f"t{n}", 1, n, x, s, "") for n, (x, s) in enumerate(zip(NAMES, SECS, strict=True), 1))
    return replace(AlbumWish(ARTIST, ALBUM, 1994, tracks=tracks), **changes)  # type: ignore[arg-type]


def files(
    pattern: str = FOLDER + "/{n:02} - {name}.flac",
    *,
    kbps: int = 800,
    timed: bool = True,
    stretch: float = 1.0,
    names: list[str] = NAMES,
) -> tuple[ReleaseFile, ...]:
    return tuple(
        ReleaseFile(pattern.format(n=n, name=x), int(s * stretch * kbps * 125), s * stretch if timed else None)
        for n, (x, s) in enumerate(zip(names, SECS, strict=False), 1)
    )


def release(
    title: str = f"{ARTIST} - {ALBUM} (1994) [FLAC]", listed: tuple[ReleaseFile, ...] | None = None, **more: object
) -> Release:
    known = {"seeders": 9, **more}
    return Release(
        str(known.pop("guid", title)), "somewhere", title, files=files() if listed is None else listed, **known
    )  # type: ignore[arg-type]


def decide(*releases: Release, asked: AlbumWish | None = None, threshold: float = 0.85, vip: bool = False) -> Decision:
    return decide_album(asked or wish(), releases, threshold=threshold, vip_member=vip)


def mapping(decision: Decision) -> dict[str, str]:
    return {m.catalog_track_id: m.torrent_file_path for m in decision.candidates[0].track_mapping}


def codes(decision: Decision) -> set[ApprovalCode]:
    return {r.code for r in decision.reasons}


# --- the labelled cases ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outcomes() -> list[benchmark.Outcome]:
    return [benchmark.answer(json.loads(line), 0.85) for line in benchmark.OWN.read_text("utf-8").splitlines()]


def test_the_invented_cases_are_answered_as_a_careful_librarian_would(outcomes: list[benchmark.Outcome]) -> None:
    wrong = [
        o.case["id"] for o in outcomes if o.verdict != o.case["decision"] or (o.case["acceptable"] and not o.top_ok)
    ]

    assert wrong == []


def test_every_track_of_the_invented_cases_finds_its_file(outcomes: list[benchmark.Outcome]) -> None:
    assert [o.case["id"] for o in outcomes if o.right_pairs != o.all_pairs] == []


# --- titles ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("artist", "album", "title"),
    [
        ("Live", "Throwing Stones", "Live - Throwing Stones (1994) [FLAC]"),
        ("Hollow", "Live Through That", "Hollow - Live Through That (1994) [MP3 V0]"),
        ("Tess Quick", "1989", "Tess Quick - 1989 (2014) [FLAC]"),
        ("The Wrens", "Third", "Wrens, The - Third 1967 FLAC"),
        ("Ósk Þórsdóttir", "Ágúst", "Osk Thorsdottir - Agust (1999) [FLAC]"),
        ("Северный Ветер", "Белые ночи", "Severnyj Veter - Belye Nochi 1988 [FLAC]"),
        ("A/B", "Back and Forth", "AB - Back And Forth (1980) [FLAC]"),
        ("Guns & Petals", "Night Ferry (Original Motion Picture Soundtrack)", "Guns and Petals - Night Ferry OST [FLAC]"),
        ("Lowen", "Lowen IV", "Lowen - IV (1971) [FLAC]"),
        ("Tarn", "Tarn", "Tarn (1991) [FLAC]"),
        ("Pale Mill", "( )", "Pale Mill - ( ) 2002 FLAC"),
        ("Marlow Quay", "Slow Cartography", "Marlow_Quay-Slow_Cartographie-CD-FLAC-1999-GRP"),
    ],
    ids=lambda v: v[:24],
)  # fmt: skip
def test_a_title_names_artist_and_album_in_many_ways(artist: str, album: str, title: str) -> None:
    said = read_title(title, artist, album, None)

    assert (said.artist or 0) >= 0.8
    assert (said.album or 0) >= 0.8
    assert not said.marks


@pytest.mark.parametrize(
    ("title", "band"),
    [("X [FLAC]", 5), ("X MP3 320", 4), ("X (320kbps)", 4), ("X [MP3 V0]", 3), ("X MP3 V2", 2), ("X 192 kbps", 2), ("X MP3 128", 1), ("X 96kbps", 0), ("X 19 (MP3)", None), ("X 24bit 96kHz", 5)],
)  # fmt: skip
def test_a_title_tells_the_quality(title: str, band: int | None) -> None:
    assert read_title(title, "", "", None).quality.band == band


# --- mapping -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [
        "a/{n:02} {name}.flac",
        "a/{n}. {name}.flac",
        "a/({n:02}) {name}.flac",
        "a/Track {n:02} - {name}.flac",
        "a/The Copper Wrens - Slow Cartography - {n:02} - {name}.flac",
        "a/{n:02}-the_copper_wrens-{name}.flac",
        "a/{name}.flac",
        "a/The Copper Wrens - {name}.flac",
        "a/1{n:02} - {name}.flac",
        "a/1-{n:02} {name}.flac",
        "a/CD1/{n:02} {name} [grp].flac",
        "a/{n:02} of 08 - {name} (feat. Somebody).flac",
    ],
    ids=lambda p: p[2:],
)
def test_naming_habits_map_without_lengths(pattern: str) -> None:
    listed = files(pattern, timed=False)

    assert mapping(decide(release(listed=listed))) == {f"t{n}": f.path for n, f in enumerate(listed, 1)}


def test_lengths_outrank_names_and_names_outrank_numbers() -> None:
    swapped = [NAMES[1], NAMES[0], *NAMES[2:]]
    by_length = files(names=swapped)  # the names of the first two are exchanged, the lengths are true
    by_name = tuple(replace(f, duration_secs=None) for f in by_length)

    assert mapping(decide(release(listed=by_length)))["t1"] == by_length[0].path
    assert mapping(decide(release(listed=by_name)))["t1"] == by_name[1].path


def test_a_hidden_first_file_shifts_the_numbers_even_of_tracks_of_one_name() -> None:
    asked = wish(
        tracks=tuple(replace(t, name="Untitled" if 3 <= t.track_number <= 5 else t.name) for t in wish().tracks)
    )
    shifted = tuple(
        ReleaseFile(f"a/{n + 1:02} - {t.name}.flac", 20_000_000) for n, t in enumerate(asked.tracks, 1)
    )  # fmt: skip
    listed = (ReleaseFile("a/01 - Hidden Opening.flac", 9_000_000), *shifted)

    assert mapping(decide(release(listed=listed), asked=asked)) == {f"t{n}": f.path for n, f in enumerate(shifted, 1)}


def test_discs_sides_and_running_numbers_all_lead_to_the_second_disc() -> None:
    tracks = tuple(
        replace(t, disc_number=1 + (i >= 4), track_number=i % 4 + 1, name="Song") for i, t in enumerate(wish().tracks)
    )
    asked = wish(tracks=tracks)
    for pattern in (
        "CD{d}/{n:02} - Song",
        "x/D{d}T{n:02} Song",
        "x/{d}-{n:02} Song",
        "x/{d}{n:02} Song",
        "x/{s}{n} - Song",
        "Disc {d} - More/{n:02} Song",
        "x/{r:02} Song",
    ):
        listed = tuple(
            ReleaseFile(
                "a/" + pattern.format(d=t.disc_number, n=t.track_number, s=" AB"[t.disc_number], r=i) + ".flac",
                20_000_000,
            )
            for i, t in enumerate(tracks, 1)
        )

        assert mapping(decide(release(listed=listed), asked=asked)) == {
            t.catalog_track_id: f.path for t, f in zip(tracks, listed, strict=True)
        }, pattern


def test_movements_map_by_their_work_and_number() -> None:
    works = [
        ("Symphony No. 3 in D, Op. 21: ", "I. Allegro", "01"),
        ("Symphony No. 3 in D, Op. 21: ", "II. Andante", "02"),
        ("Symphony No. 5 in C, Op. 40: ", "I. Allegro", "03"),
        ("Symphony No. 5 in C, Op. 40: ", "II. Andante", "04"),
    ]
    tracks = tuple(TrackWish(f"t{n}", 1, n, a + b, None, "") for n, (a, b, _) in enumerate(works, 1))
    listed = tuple(ReleaseFile(f"a/{a.split(':')[0]}/{b}.flac", 20_000_000) for a, b, _ in works)

    assert mapping(decide(release(listed=listed), asked=wish(tracks=tracks))) == {
        f"t{n}": f.path for n, f in enumerate(listed, 1)
    }


def test_bonus_tracks_demos_and_clips_stay_unmapped() -> None:
    own = files(timed=False)
    extras = (
        ReleaseFile(f"{FOLDER}/09 - Harbour Song (Demo).flac", 20_000_000),
        ReleaseFile(f"{FOLDER}/10 - Afterthought.flac", 20_000_000),
        ReleaseFile(f"{FOLDER}/Sample/01 - Harbour Song.flac", 2_000_000),
        ReleaseFile(f"{FOLDER}/._01 - Harbour Song.flac", 4_096),
    )
    decision = decide(release(listed=(*extras, *own)))

    assert set(mapping(decision).values()) == {f.path for f in own}
    assert not decision.needs_a_human


def test_of_two_formats_one_is_mapped_whole() -> None:
    lossless, lossy = (
        files("a/{n:02} - {name}.flac", timed=False),
        files("a/{n:02} - {name}.mp3", kbps=320, timed=False),
    )

    assert set(mapping(decide(release(listed=lossy + lossless))).values()) == {f.path for f in lossless}


def test_files_that_come_late_are_mapped_without_a_release() -> None:
    assert [m.torrent_file_path for m in map_tracks(wish(), files()[::-1])] == [f.path for f in files()]


def test_a_path_that_is_listed_twice_serves_one_track() -> None:
    twice = ReleaseFile("a/01 - Harbour Song.flac", 20_000_000)
    asked = wish(tracks=tuple(replace(t, name="Harbour Song") for t in wish().tracks[:2]))

    assert len(map_tracks(asked, [twice, twice])) == 1


def test_names_cut_short_are_known_by_their_beginning() -> None:
    tracks = tuple(replace(t, name=f"{t.name} and the Ending Nobody Reads") for t in wish().tracks)
    listed = tuple(ReleaseFile(f"a/{t.track_number:02} - {t.name[:20]}.flac", 20_000_000) for t in tracks)
    decision = decide(release(listed=listed), asked=wish(tracks=tracks))

    assert len(mapping(decision)) == 8
    assert not decision.needs_a_human


def test_only_requested_tracks_are_asked_for() -> None:
    asked = wish(tracks=tuple(replace(t, requested=t.track_number < 4) for t in wish().tracks))
    decision = decide(release(listed=files()[:4]), asked=asked)

    assert sorted(mapping(decision)) == ["t1", "t2", "t3"]
    assert not decision.needs_a_human


def test_an_image_is_never_mapped_and_its_ranges_are_after_the_download() -> None:
    listed = (ReleaseFile("a/album.flac", 200_000_000), ReleaseFile("a/album.cue", 900))
    decision = decide(release(listed=listed))

    assert mapping(decision) == {}
    assert codes(decision) >= {ApprovalCode.TRACK_COUNT_MISMATCH}
    assert cue_images(wish(), release(listed=listed))[0].cue_path == "a/album.cue"

    starts = [0.0]
    for secs in SECS:
        starts.append(starts[-1] + secs)
    parts = [CueTrack("a/album.flac", 1, n + 1, NAMES[n], starts[n], starts[n + 1]) for n in range(8)]
    parts.append(CueTrack("a/album.flac", 1, 9, "Hidden", starts[8], None))
    ranges = map_ranges(wish(), parts[::-1])

    assert [(r.catalog_track_id, r.start_secs) for r in ranges] == [(f"t{n + 1}", starts[n]) for n in range(8)]


# --- gates -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "offered"),
    [
        ("other_artist", release(f"Nils Brandt - {ALBUM} [FLAC]", files("x/{n:02} - {name}.flac", timed=False))),
        ("other_album", release(f"{ARTIST} - Harbour Lights [FLAC]", ())),
        ("other_tracks", release(listed=files("x/{n:02} - {name}.flac", names=["Other", "Songs", "Than", "Those", "Anybody", "Asked", "For", "Here"], timed=False))),
        ("other_recording", release(listed=files(stretch=1.2))),
        ("other_recording", release(listed=files(stretch=0.8))),
        ("live_recording", release(f"{ARTIST} - {ALBUM} Live in Berlin [FLAC]", files(timed=False))),
        ("remixes", release(f"{ARTIST} - {ALBUM} Remixed [FLAC]", ())),
        ("demos", release(f"{ARTIST} - {ALBUM} (The Demos) [FLAC]", files(timed=False))),
        ("compilation", release(f"{ARTIST} - Greatest Hits [FLAC]", ())),
        ("tribute", release(f"A Tribute to {ARTIST} - {ALBUM} [FLAC]", files(timed=False))),
        ("instrumental", release(f"{ARTIST} - {ALBUM} (Instrumentals) [FLAC]")),
        ("acoustic_version", release(f"{ARTIST} - {ALBUM} (Acoustic) [FLAC]", files(timed=False))),
        ("score", release(f"{ARTIST} - {ALBUM} (Original Score) [FLAC]", files(timed=False))),
        ("single", release(f"{ARTIST} - {ALBUM} (CD Single) [FLAC]", ())),
        ("no_audio", release(listed=(ReleaseFile("x/concert.mkv", 9_000_000),))),
        ("wrong_kind", release(f"{ARTIST} - {ALBUM} 1080p BluRay x264", ())),
        ("wrong_kind", release(kind=Kind.AUDIOBOOK)),
        ("unsafe_paths", release(listed=files("../../{n:02} - {name}.flac"))),
        ("unsafe_paths", release(listed=files("x\\..\\..\\{n:02} - {name}.flac"))),
        ("programs_inside", release(listed=(*files(), ReleaseFile("x/play.mp3.exe", 9_000)))),
        ("implausible_size", release(listed=files(kbps=60, timed=False))),
        ("implausible_size", release(f"{ARTIST} - {ALBUM} [MP3 320]", tuple(ReleaseFile(f"x/{n:02} - {x}.mp3", 1_200_000) for n, x in enumerate(NAMES, 1)))),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)  # fmt: skip
def test_each_gate_refuses_with_its_code(code: str, offered: Release) -> None:
    decision = decide(offered)

    assert code in {g.code for g in decision.candidates[0].gates}
    assert decision.chosen_idx is None
    assert codes(decision) == {ApprovalCode.NO_EXACT_MATCH}


def test_what_the_wish_itself_says_is_no_reason_to_refuse() -> None:
    asked = wish(album="Slow Cartography Live (Remastered)")
    listed = files("x/{n:02} - {name} (Live) [Remastered].flac", timed=False)
    decision = decide(release(f"{ARTIST} - Slow Cartography Live (Remastered) (1994) [FLAC]", listed), asked=asked)

    assert not decision.needs_a_human


def test_true_lengths_make_up_for_a_name_in_another_script() -> None:
    asked = wish(artist="灯台守", album="冬の機械", tracks=tuple(replace(t, name="朝の港") for t in wish().tracks))
    decision = decide(
        release("Toudaimori - Fuyu no Kikai (1994) [MP3 320]", files("x/{n:02}.mp3", kbps=320)), asked=asked
    )

    assert not decision.needs_a_human
    assert len(mapping(decision)) == 8


# --- doubts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "numbers", "offered"),
    [
        ("TrackCountMismatch", {"expected": 8, "found": 6}, release(listed=files()[:6])),
        ("TrackCountMismatch", {"expected": 8, "found": 0}, release(listed=())),
        ("DurationMismatch", {"expected_secs": 1976, "found_secs": 2216}, release(listed=tuple(replace(f, duration_secs=(f.duration_secs or 0) + (240 if n == 7 else 0)) for n, f in enumerate(files())))),
        ("NameSimilarityLow", {"similarity": 0.0}, release(f"{ALBUM} (1994) [FLAC]", files("x/{n:02} - {name}.flac", timed=False))),
        ("NameSimilarityLow", {"similarity": 0.0}, release(listed=files("x/{n:02}.flac", timed=False))),
        ("NoExactMatch", {}, release(f"{ARTIST} - {ALBUM} (Deluxe Edition) [FLAC]")),
        ("NoExactMatch", {}, release(f"{ARTIST} - {ALBUM} [2011 Remaster] [FLAC]")),
        ("NoExactMatch", {"others": 8}, release(f"{ARTIST} - Discography [FLAC]", (*files("d/1994 - Slow Cartography/{n:02} - {name}.flac", timed=False), *files("d/1999 - Other/{n:02} - Track {n}.flac", timed=False)))),
        ("LowConfidence", {"seeders": 0}, release(seeders=0)),
        ("LowConfidence", {}, release(f"{ARTIST} - {ALBUM} [MP3 128]", files("x/{n:02} - {name}.mp3", kbps=128))),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)  # fmt: skip
def test_each_doubt_asks_a_person_with_the_numbers_of_document_003(
    code: str, numbers: dict[str, float], offered: Release
) -> None:
    decision = decide(offered)

    assert decision.chosen_idx == 0
    assert any(r.code == code and numbers.items() <= r.numbers.items() for r in decision.reasons)
    assert decision.confidence < 0.85


def test_being_alone_never_lowers_the_bar_and_a_higher_threshold_asks() -> None:
    lone = release(f"{ARTIST} - {ALBUM} (1995) [MP3 V0]", files("x/{n:02} - {name}.mp3", kbps=245))

    assert not decide(lone).needs_a_human
    reason = next(r for r in decide(lone, threshold=0.999).reasons if r.code == ApprovalCode.LOW_CONFIDENCE)
    assert reason.numbers["threshold"] == 0.999


def test_two_good_releases_of_different_recordings_need_a_person_when_the_wish_has_no_lengths() -> None:
    asked = wish(tracks=tuple(replace(t, duration_secs=None) for t in wish().tracks))
    decision = decide(release(guid="a"), release(guid="b", listed=files(stretch=1.2)), asked=asked)

    assert codes(decision) == {ApprovalCode.MULTIPLE_GOOD_MATCHES}


# --- choosing ----------------------------------------------------------------------------------------------------------


def test_free_comes_before_paid_only_among_those_that_pass_the_bar() -> None:
    paid = release(guid="paid", seeders=200)
    free = release(
        f"{ARTIST} - {ALBUM} [MP3 V0]",
        files("x/{n:02} - {name}.mp3", kbps=245),
        guid="free",
        freeleech=Freeleech(vip=True),
    )
    poor = release(
        f"{ARTIST} - {ALBUM} [MP3 128]",
        files("x/{n:02} - {name}.mp3", kbps=128),
        guid="poor",
        freeleech=Freeleech(everyone=True),
    )

    assert [c.release.guid for c in decide(paid, poor, free, vip=True).candidates] == ["free", "paid", "poor"]
    assert [c.release.guid for c in decide(paid, poor, free).candidates] == ["paid", "free", "poor"]


def test_lossless_comes_first_then_seeders_and_the_dead_last() -> None:
    few, many, dead = (release(guid=g, seeders=n) for g, n in (("few", 3), ("many", 90), ("dead", 0)))
    lossy = release(
        f"{ARTIST} - {ALBUM} [MP3 320]", files("x/{n:02} - {name}.mp3", kbps=320), guid="lossy", seeders=400
    )

    assert [c.release.guid for c in decide(dead, lossy, few, many).candidates] == ["many", "few", "lossy", "dead"]


def test_nothing_found_is_said_so() -> None:
    decision = decide()

    assert decision.chosen_idx is None
    assert decision.reasons[0].text == "Nothing was found."
