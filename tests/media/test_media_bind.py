"""A bound book: right order, true chapters, whole tags, sources untouched."""

from __future__ import annotations

import array
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from media_bench import Bench, Studio

from earmark.core.binding import BindProfile, BookTags, Chapter, SourceMarks
from earmark.media import find_ffmpeg, read_chapters, read_tags
from earmark.media.encode import choose_bitrate
from earmark.media.ffmpeg import _from_wheel
from earmark.media.proof import embedded_chapters
from earmark.media.tags import has_cover

Samples = Callable[..., "array.array[int]"]
RATE = 44100

FULL = BookTags(
    title="Moby Dick; or, The Whale = #1",
    authors=("Herman Melville", "Another Hand"),
    narrators=("Ann Reader", "Bob Voice"),
    subtitle="A Voyage",
    series="Whales",
    series_index="2.5",
    year=1851,
    publisher="Harper",
    description="Call me Ishmael.\n\nSome years ago – never mind how long …",
    language="en",
    genres=("Fiction", "Sea"),
    asin="B000000000",
    isbn="9780000000000",
)


def offset_of(needle: array.array[int], hay: array.array[int], around: int, reach: int = 400) -> int:
    """Where in `hay`, near `around`, the sound of `needle` is found best."""

    def likeness(at: int) -> int:
        return sum(x * y for x, y in zip(needle, hay[at : at + len(needle)], strict=False))

    return max(range(max(0, around - reach), around + reach), key=likeness)


async def check_chapters(bench: Bench, samples: Samples, chapters: tuple[Chapter, ...], *sources: Path) -> None:
    """Every chapter starts where its source starts in the decoded sound, within 5 ms."""
    sound = samples(bench.out)
    for chapter, source in zip(chapters, sources, strict=True):
        inside = 22050  # compare in the middle of things: the ends of lossy files are soft
        probe = samples(source)[inside : inside + 1200]
        start = round(chapter.start_secs * RATE)
        assert abs(offset_of(probe, sound, start + inside) - inside - start) <= 0.005 * RATE, chapter


@pytest.fixture(params=["PATH", "wheel"])
def either_ffmpeg(request: pytest.FixtureRequest, bench: Bench) -> Bench:
    """The distribution's ffmpeg and the bundled one, which is years newer."""
    wheel = _from_wheel()
    if request.param == "wheel":
        if wheel is None:
            pytest.fail("the ffmpeg of the package imageio-ffmpeg, a dependency, is not there")
        return bench.with_tool(find_ffmpeg(Path(wheel)))
    return bench


async def test_chapters_of_mp3s_start_where_their_sound_starts(
    studio: Studio, either_ffmpeg: Bench, samples: Samples
) -> None:
    bench = either_ffmpeg
    names = ["Loomings", "The Carpet-Bag", "The Spouter-Inn", "The Counterpane", "Breakfast"]
    sources = [studio.chirp(f"{n} {name}.mp3", 1.9 + n / 7) for n, name in enumerate(names, 1)]
    book = await bench.bind(*reversed(sources))
    assert [c.title for c in book.chapters] == names
    await check_chapters(bench, samples, book.chapters, *sources)
    whole = sum(len(samples(s)) for s in sources) / RATE
    assert book.duration_secs == pytest.approx(whole, abs=0.025)
    counted = 0
    for chapter, source in zip(book.chapters, sources, strict=True):
        assert chapter.start_secs == pytest.approx(counted / RATE, abs=0.002)
        counted += len(samples(source))


async def test_flac_mp3_opus_and_stereo_meet_on_one_timeline(studio: Studio, bench: Bench, samples: Samples) -> None:
    sources = [
        studio.chirp("1.flac", 2.0),
        studio.chirp("2.mp3", 2.3, rate=22050),
        studio.chirp("3.opus", 2.1),
        studio.chirp("4.m4a", 2.2, channels=2),
    ]
    book = await bench.bind(*sources)
    info = await bench.binder.probe(book.path)
    assert (info.sample_rate, info.channels) == (48000, 2)
    await check_chapters(bench, samples, book.chapters, *sources)


async def test_a_mono_source_is_not_made_quieter_by_a_stereo_neighbour(
    studio: Studio, bench: Bench, samples: Samples
) -> None:
    mono, stereo = studio.chirp("1.flac", 2.0), studio.chirp("2.flac", 2.0, channels=2)
    await bench.bind(mono, stereo)
    loudest = max(samples(bench.out)[RATE // 2 : RATE])
    assert loudest == pytest.approx(max(samples(mono)), rel=0.1)


async def test_tags_cover_and_kind_read_back(studio: Studio, bench: Bench, run_ffmpeg, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    cover = tmp_path / "cover.jpg"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=300x300", "-frames:v", "1", str(cover))
    sources = [studio.chirp(f"{n}.mp3", title=f"Ta\\le; no = #{n}\\") for n in (1, 2)]
    book = await bench.bind(*sources, tags=FULL, cover=cover)
    assert read_tags(book.path) == FULL
    assert has_cover(book.path)
    assert [c.title for c in book.chapters] == ["Ta\\le; no = #1", "Ta\\le; no = #2"]
    assert [c.title for c in read_chapters(book.path)] == [c.title for c in book.chapters]
    assert book.path.read_bytes()[4:12] == b"ftypM4B "
    assert book.path.read_bytes().find(b"moov") < book.path.read_bytes().find(b"mdat")
    assert book.size_bytes == book.path.stat().st_size


async def test_more_chapters_than_the_short_list_holds_all_arrive(studio: Studio, bench: Bench) -> None:
    source = studio.chirp("whole.m4a", 320.0, rate=8000)
    plan = await bench.plan(source, tags=BookTags("1"))
    marks = tuple(Chapter(f"Mark {n}", float(n), n + 1.0) for n in range(300))
    plan = replace(plan, marks=(SourceMarks("embedded", (marks,)),))
    book = await bench.binder.bind(plan, bench.out, bench.workspace, lambda _: None)
    assert [c.title for c in book.chapters] == [f"Mark {n}" for n in range(300)]


async def test_an_m4b_passes_through_bit_by_bit(studio: Studio, bench: Bench) -> None:
    parts = [studio.chirp("1.mp3"), studio.chirp("2.mp3")]
    made = await bench.bind(*parts, tags=FULL)
    source = studio.folder / "finished.m4b"
    source.write_bytes(made.path.read_bytes())
    made.path.unlink()
    book = await bench.bind(source, tags=BookTags("Another title"))
    assert book.passthrough
    assert book.path.read_bytes() == source.read_bytes()
    assert book.path.stat().st_ino != source.stat().st_ino
    assert [c.title for c in book.chapters] == ["Chapter 1", "Chapter 2"]


async def test_a_single_aac_file_keeps_its_stream(studio: Studio, bench: Bench, samples: Samples) -> None:
    source = studio.chirp("book.m4a", 3.0)
    book = await bench.bind(source, tags=FULL)
    assert not book.passthrough
    assert read_tags(book.path) == FULL
    assert samples(book.path) == samples(source)


async def test_chapters_inside_parts_survive_being_joined(studio: Studio, bench: Bench) -> None:
    first = await bench.bind(studio.chirp("a/1.mp3", 2.0), studio.chirp("a/2.mp3", 2.0))
    part = studio.folder / "Part 1.m4b"
    part.write_bytes(first.path.read_bytes())
    book = await bench.bind(part, studio.chirp("Part 2.mp3", 2.0))
    assert len(book.chapters) == 3
    assert [round(c.start_secs, 1) for c in book.chapters] == [0.0, 2.0, 4.0]


async def test_sources_keep_every_byte_and_their_times(
    studio: Studio, bench: Bench, fingerprint: Callable[[Path], object]
) -> None:
    sources = [studio.chirp(f"{n}.{kind}") for n, kind in enumerate(("mp3", "flac", "m4a", "opus"))]
    for source in sources:
        os.utime(source, ns=(10**18, 10**18))
    before = fingerprint(studio.folder)
    await bench.bind(*sources, tags=FULL)
    await bench.bind(sources[2], tags=FULL)
    assert fingerprint(studio.folder) == before


async def test_progress_has_a_true_denominator_and_reaches_it(studio: Studio, bench: Bench) -> None:
    await bench.bind(*[studio.chirp(f"{n}.mp3", 2.0) for n in range(3)])
    assert [p.phase for p in bench.heard] == sorted(p.phase for p in bench.heard)
    for phase in ("encode", "verify"):
        last = [p for p in bench.heard if p.phase == phase][-1]
        assert last.done_secs == last.total_secs == pytest.approx(6.0, abs=0.1)
        assert (last.chapter_idx, last.chapter_count, last.chapter_title) == (2, 3, "Chapter 3")
    assert all(0 <= p.done_secs <= p.total_secs for p in bench.heard)


async def test_leftovers_of_a_killed_run_are_swept_and_nothing_else(studio: Studio, bench: Bench) -> None:
    stale = bench.workspace / "bind-old"
    stale.mkdir(parents=True)
    (stale / "audio.m4a").write_bytes(b"half")
    (bench.workspace / "cover.jpg").write_bytes(b"kept")
    await bench.bind(studio.chirp("1.mp3"))
    await bench.bind(studio.chirp("1.mp3"))
    assert bench.leftovers() == ["work/cover.jpg"]


async def test_names_that_look_like_options_or_patterns_are_only_names(studio: Studio, bench: Bench) -> None:
    names = ("-i 1.mp3", "concat:2|x.mp3", "%03d 3 'q\" $(x).mp3", "4 [líne].mp3")
    book = await bench.bind(*[studio.chirp(name) for name in names])
    assert len(book.chapters) == 4


async def test_all_chapters_are_found_by_ffmpeg_too(studio: Studio, bench: Bench) -> None:
    book = await bench.bind(studio.chirp("1.mp3"), studio.chirp("2.mp3"))
    assert await embedded_chapters(bench.tool, book.path) == book.chapters


async def test_the_bit_rate_is_never_above_the_source(studio: Studio, bench: Bench) -> None:
    low, high, lossless = await bench.probe(
        studio.chirp("low.opus"), studio.chirp("high.m4a", channels=2), studio.chirp("a.flac")
    )
    assert choose_bitrate([low], 1) == low.bitrate_kbps
    assert choose_bitrate([low], 1, wanted_kbps=320) == low.bitrate_kbps
    assert choose_bitrate([lossless], 1) == 64
    assert choose_bitrate([lossless], 2) == 128
    assert choose_bitrate([lossless, low], 1, wanted_kbps=96) == 96
    assert choose_bitrate([high], 2) <= (high.bitrate_kbps or 0)


async def test_no_bit_rate_is_too_high_for_opus(studio: Studio, bench: Bench) -> None:
    plan = replace(await bench.plan(studio.chirp("a.flac")), bitrate_kbps=512, profile=BindProfile("opus"))
    book = await bench.binder.bind(plan, bench.out.with_suffix(".opus"), bench.workspace, lambda _: None)
    assert (book.codec, book.duration_secs) == ("opus", pytest.approx(2.0, abs=0.01))
