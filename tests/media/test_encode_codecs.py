"""What a profile asks for is what the book becomes: codec, bit rate, coder, suffix."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from media_bench import REAL, Bench, FakeFfmpeg, Studio, ffmpeg, is_alive

from earmark.core.binding import BindPlan, BindProfile, BindProgress, BookTags, BoundBook, Codec
from earmark.core.reasons import PermanentError
from earmark.media.encode import aac_args, book_bitrate, book_suffix
from earmark.media.ffmpeg import find_ffmpeg, running
from earmark.media.mp3 import joined_lengths
from earmark.media.tags import read_chapters, read_tags


async def bound(bench: Bench, plan: BindPlan) -> BoundBook:
    out = bench.out.with_suffix(f".{book_suffix(plan)}")
    return await bench.binder.bind(plan, out, bench.workspace, bench.heard.append)


def seconds(path: Path, rate: int = 44100) -> float:
    return (
        len(ffmpeg("-i", str(path), "-map", "0:a:0", "-ac", "1", "-ar", str(rate), "-f", "s16le", "pipe:1")) / 2 / rate
    )


async def test_an_opus_book_has_chapters_tags_and_the_length_of_its_sources(studio: Studio, bench: Bench) -> None:
    sources = [studio.chirp(f"{n}.flac", 3.0 + n / 7) for n in range(3)]
    plan = replace(await bench.plan(*sources), profile=BindProfile(codec="opus", mono_kbps=32))
    book = await bound(bench, plan)
    assert (book.path.suffix, book.codec) == (".opus", "opus")
    assert seconds(book.path, 48000) == pytest.approx(sum(seconds(s, 48000) for s in sources), abs=0.005)
    assert read_tags(book.path).title == "A Book"
    starts = [c.start_secs for c in read_chapters(book.path)]
    assert starts == pytest.approx([0.0, 3.0, 3.0 + 3.0 + 1 / 7], abs=0.002)


async def test_mp3s_of_one_kind_are_joined_without_being_encoded(studio: Studio, bench: Bench) -> None:
    sources = [studio.chirp(f"{n}.mp3", 3.0 + n / 7) for n in range(3)]
    plan = replace(await bench.plan(*sources), profile=BindProfile(codec="mp3"))
    book = await bound(bench, plan)
    assert (book.path.suffix, book.codec) == (".mp3", "mp3")
    assert read_tags(book.path).title == "A Book"
    starts = [c.start_secs for c in read_chapters(book.path)]
    truth = [0.0, seconds(sources[0]), seconds(sources[0]) + seconds(sources[1])]
    assert all(0 <= a - b < 0.1 for a, b in zip(starts, truth, strict=True))  # encoders' delay stays at each joint
    assert seconds(book.path) == pytest.approx(book.duration_secs, abs=0.001)
    frames = sources[1].read_bytes()[-2000:-500]
    assert frames in book.path.read_bytes()


async def test_what_cannot_be_joined_as_mp3_becomes_aac(studio: Studio, bench: Bench) -> None:
    profile = BindProfile(codec="mp3")
    mixed = await bench.plan(studio.chirp("1.mp3"), studio.chirp("2.flac"))
    rates = await bench.plan(studio.chirp("3.mp3"), studio.chirp("4.mp3", rate=22050))
    assert [book_suffix(replace(p, profile=profile)) for p in (mixed, rates)] == ["m4b", "m4b"]
    assert (await bound(bench, replace(mixed, profile=profile))).codec == "aac"


def test_in_a_joined_mp3_each_source_begins_behind_the_delay_that_stays() -> None:
    samples, gaps = [11520, 11520, 11520], [(1105, 600), (1105, 700), (0, 0)]
    assert joined_lengths(samples, gaps, (1105, 700)) == [11520, 11520 - 1105, 11520 - 700]


@pytest.mark.parametrize("codec", ["he-aac", "opus"])
async def test_a_codec_that_this_ffmpeg_lacks_is_told_with_the_way_out(
    codec: Codec, studio: Studio, bench: Bench, fake_ffmpeg: FakeFfmpeg
) -> None:
    bench = bench.with_tool(
        fake_ffmpeg('case "$*" in *-encoders*) echo " A..... aac"; exit 0;; esac; exec "$REAL" "$@"')
    )
    plan = replace(await bench.plan(studio.chirp("1.mp3"), studio.chirp("2.mp3")), profile=BindProfile(codec=codec))
    with pytest.raises(PermanentError) as caught:
        await bound(bench, plan)
    assert caught.value.reason.code == "codec_unavailable"
    assert "converter.codec" in caught.value.reason.action
    assert bench.leftovers() == []


async def test_bit_rate_and_coder_follow_the_profile_and_never_exceed_the_source(studio: Studio, bench: Bench) -> None:
    mono, stereo = await bench.plan(studio.chirp("1.flac")), await bench.plan(studio.chirp("2.flac", channels=2))
    low = await bench.plan(studio.chirp("3.mp3"))
    assert [book_bitrate(p) for p in (mono, stereo, low)] == [64, 128, 64]
    profile = BindProfile(mono_kbps=96, stereo_kbps=96)
    assert [book_bitrate(replace(p, profile=profile)) for p in (mono, stereo, low)] == [96, 96, 64]

    def coder(plan: BindPlan, profile: BindProfile) -> str:
        args = aac_args(replace(plan, profile=profile))
        return args[args.index("-aac_coder") + 1]

    assert coder(mono, BindProfile()) == "fast"
    assert coder(mono, BindProfile(mono_kbps=48)) == "twoloop"
    assert coder(stereo, BindProfile(stereo_kbps=96)) == "twoloop"
    assert coder(mono, BindProfile(coder="thorough")) == "twoloop"
    assert coder(stereo, BindProfile(stereo_kbps=48, coder="fast")) == "fast"


async def test_aac_of_one_kind_is_copied_packet_by_packet(studio: Studio, bench: Bench) -> None:
    sources = [studio.chirp(f"{n}.m4a", 3.0 + n / 9) for n in range(4)]
    book = await bench.bind(*sources, tags=BookTags("A Book"))
    data = book.path.read_bytes()
    for source in sources:
        middle = source.stat().st_size // 2
        assert source.read_bytes()[middle : middle + 300] in data
    assert {p.phase for p in bench.heard} == {"copy", "verify"}
    truth = 0.0
    for chapter, source in zip(book.chapters, sources, strict=True):
        assert chapter.start_secs == pytest.approx(truth, abs=0.2)
        truth += seconds(source)


async def test_every_ffmpeg_steps_back_as_far_as_it_was_told(
    fake_ffmpeg: FakeFfmpeg, eventually: Callable[[Callable[[], bool], float], object]
) -> None:
    tool = replace(fake_ffmpeg("exec sleep 60"), niceness=7)
    async with running(tool, ["-x"], subject="x") as process:

        def nice() -> int:
            stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            return int(stat[16])

        await eventually(lambda: nice() == 7, 5)  # type: ignore[misc]
    assert not is_alive(process.pid)
    assert find_ffmpeg(REAL.path, niceness=3).niceness == 3


async def test_books_share_the_cores_instead_of_each_taking_all(
    studio: Studio, bench: Bench, fake_ffmpeg: FakeFfmpeg
) -> None:
    note = fake_ffmpeg.folder / "encoders"
    script = f'case "$*" in *"-f adts"*) echo + >> "{note}"; "$REAL" "$@"; echo - >> "{note}"; exit 0;; esac; exec "$REAL" "$@"'
    bench = bench.with_tool(fake_ffmpeg(script))
    plan = await bench.plan(studio.chirp("1.mp3", 5.0), studio.chirp("2.mp3"))

    async def one(n: int) -> None:
        heard: list[BindProgress] = []
        await bench.binder.bind(plan, bench.home / f"{n}.m4b", bench.home / f"work{n}", heard.append)

    bench.binder._lanes = type(bench.binder._lanes)(1)
    await asyncio.gather(*(one(n) for n in range(2)))
    assert re.fullmatch(r"(\+\n-\n)+", note.read_text())
