"""What holds for every album decision, whatever the texts, the order and the company."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.core.albums import decide_album
from earmark.core.decision import Decision
from earmark.core.release import Release, ReleaseFile
from earmark.core.wish import AlbumWish, TrackWish

TITLES = [
    "Harbour Song",
    "Velvet Anvil",
    "Winter, Part 1",
    "Winter, Part 2",
    "Intro",
    "Intro",
    "The Long Corridor",
    "1979",
]
LENGTHS = [201, 247, 315, 318, 44, 61, 402, 188]
WISH = AlbumWish(
    "The Copper Wrens",
    "Slow Cartography",
    1994,
    tracks=tuple(
        TrackWish(f"t{n}", 1, n, name, secs, "") for n, (name, secs) in enumerate(zip(TITLES, LENGTHS, strict=True), 1)
    ),
)


def files(
    folder: str = "The Copper Wrens - Slow Cartography (1994)",
    *,
    prefix: str = "",
    suffix: str = "flac",
    timed: bool = True,
) -> tuple[ReleaseFile, ...]:
    return tuple(
        ReleaseFile(f"{folder}/{prefix}{n:02} - {name}.{suffix}", secs * 100_000, float(secs) if timed else None)
        for n, (name, secs) in enumerate(zip(TITLES, LENGTHS, strict=True), 1)
    )


def release(guid: str, title: str, listed: tuple[ReleaseFile, ...] = (), seeders: int = 5) -> Release:
    return Release(guid, "somewhere", title, files=listed, seeders=seeders)


RIGHT = release("right", "The Copper Wrens - Slow Cartography (1994) [FLAC]", files())
LOSSY = release("lossy", "The Copper Wrens - Slow Cartography (1994) [MP3 128]", files(suffix="mp3", timed=False), 90)
OTHER = release("other", "The Copper Wrens - Harbour Lights (1990) [FLAC]", files("Harbour Lights"), 300)
BARE = release("bare", "The Copper Wrens - Slow Cartography [FLAC]")


def decide(*releases: Release) -> Decision:
    return decide_album(WISH, releases, threshold=0.85, vip_member=False)


def summary(decision: Decision) -> list[tuple[str, float, tuple[tuple[str, str], ...]]]:
    return [
        (c.release.guid, c.score, tuple((m.catalog_track_id, m.torrent_file_path) for m in c.track_mapping))
        for c in decision.candidates
    ]


@given(st.permutations([RIGHT, LOSSY, OTHER, BARE]), st.permutations(list(files())))
@settings(max_examples=25, deadline=None)
def test_the_order_of_releases_and_of_their_files_never_matters(
    order: list[Release], listed: list[ReleaseFile]
) -> None:
    shuffled = [replace(r, files=tuple(listed)) if r.guid == "right" else r for r in order]

    assert summary(decide(*shuffled)) == summary(decide(RIGHT, LOSSY, OTHER, BARE))


hostile = st.text(max_size=60) | st.sampled_from(
    [
        "../../etc/passwd",
        "C:\\x\\..\\y.flac",
        "a" * 400,
        "((((((((((",
        "01 - " * 80,
        "D1T01 " * 60,
        "1-1-1-1-1-1-1-1-1.flac",
        "\ud800.mp3",
        "０１ ｘ.flac",
        "\x00.flac",
        "٣ - x.ogg",
        ".flac",
        "/",
        "",
    ]
)
listed_files = st.lists(
    st.builds(
        ReleaseFile,
        path=st.builds(lambda p, e: p + e, hostile, st.sampled_from(["", ".flac", ".mp3", ".cue", ".exe"])),
        size_bytes=st.integers(0, 10**12),
        duration_secs=st.none() | st.floats(allow_nan=True, allow_infinity=True),
    ),
    max_size=12,
).map(tuple)


@given(hostile, listed_files, st.integers(0, 10_000))
@settings(max_examples=120, deadline=None)
def test_an_irrelevant_release_never_changes_the_winner_and_no_text_breaks_the_decision(
    title: str, listed: tuple[ReleaseFile, ...], seeders: int
) -> None:
    decision = decide(RIGHT, LOSSY, release("noise", title, listed, seeders))

    assert decision.candidates[0].release.guid == "right"
    assert not decision.needs_a_human


@given(hostile, hostile, st.lists(hostile, max_size=6), listed_files)
@settings(max_examples=120, deadline=None)
def test_no_wish_breaks_the_decision_and_no_file_serves_two_tracks(
    artist: str, album: str, names: list[str], listed: tuple[ReleaseFile, ...]
) -> None:
    tracks = tuple(TrackWish(f"t{n}", 1 + n % 2, n, name, 100.0 * n or None, "") for n, name in enumerate(names))
    offered = release("r", f"{artist} - {album}", listed + files())

    decision = decide_album(AlbumWish(artist, album, tracks=tracks), [offered], threshold=0.85, vip_member=False)

    mapped = [m.torrent_file_path for m in decision.candidates[0].track_mapping]
    assert len(mapped) == len(set(mapped))
    assert 0.0 <= decision.candidates[0].score <= 1.0


@given(
    st.sampled_from(["", "The Copper Wrens - ", "TCW_", "rip (2004) - ", "[grp] ", "x-", "Vol 3 - "]),
    st.sampled_from(["Slow Cartography", "zz", "CD1", "9 lives/[1994] Slow Cartography"]),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_a_prefix_that_all_files_share_does_not_change_the_mapping(prefix: str, folder: str, timed: bool) -> None:
    offered = replace(RIGHT, files=files(folder, prefix=prefix, timed=timed))

    mapped = {m.catalog_track_id: m.torrent_file_path for m in decide(offered).candidates[0].track_mapping}

    assert mapped == {t.catalog_track_id: f.path for t, f in zip(WISH.tracks, offered.files, strict=True)}


def test_long_hostile_names_take_no_more_than_their_share_of_time() -> None:
    nasty = tuple(
        ReleaseFile("x/" + ("1" * 5_000 if n % 2 else " -(" * 2_000) + f"{n}.flac", 1_000_000) for n in range(600)
    )

    decision = decide(release("r", "(" * 50_000 + "1 " * 50_000, nasty))

    assert decision.chosen_idx is None


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.none(), min_size=8, max_size=8))
@settings(max_examples=60, deadline=None)
def test_lengths_that_can_be_none_are_unknown(lengths: list[float | None]) -> None:
    offered = tuple(replace(f, duration_secs=secs) for f, secs in zip(files(), lengths, strict=True))
    tracks = tuple(replace(t, duration_secs=secs) for t, secs in zip(WISH.tracks, lengths, strict=True))

    decide(replace(RIGHT, files=offered))
    decide_album(replace(WISH, tracks=tracks), [RIGHT], threshold=0.85, vip_member=False)


def test_a_length_of_almost_nothing_is_no_length() -> None:
    blinks = tuple(replace(file, duration_secs=5e-324) for file in files())

    assert summary(decide(replace(RIGHT, files=blinks)))
