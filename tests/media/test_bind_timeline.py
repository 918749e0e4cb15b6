"""The split timeline: no seam is heard, no sample is lost, and a killed bind goes on where it stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
from media_bench import REAL, Bench, Studio, ffmpeg

from earmark.core.binding import BindProfile, BookTags, Coder
from earmark.media import FfmpegBinder, FfmpegTool, plan_book
from earmark.media.adts import BLOCK, AdtsCutter, Run, splice_at
from earmark.media.ffmpeg import Lanes
from earmark.media.proof import embedded_chapters
from earmark.media.timeline import Cut

FINE = Cut(piece=64, pieces_a_segment=4)  # a seam every 1.5 s, a segment every 6 s
Sound = np.ndarray[tuple[int, int], np.dtype[np.float64]]

SIGNALS = {
    "sine": "0.4*sin(2*PI*440*t)",
    "noise": "0.5*(random(0)-0.5)",
    "syllables": "0.4*(sin(2*PI*150*t)+0.5*sin(2*PI*450*t)+0.2*random(0))*gt(sin(11*t)+sin(4.3*t),-0.3)",
    "clicks": "0.7*gt(mod(t,0.173),0.17)*random(0)",
}


def decoded(path: Path, channels: int = 1, *, rate: int | None = None) -> Sound:
    rated = ["-ar", str(rate)] if rate else []
    pcm = ffmpeg("-i", str(path), "-map", "0:a:0", "-ac", str(channels), *rated, "-f", "f32le", "pipe:1")
    return np.frombuffer(pcm, "<f4").reshape(-1, channels).astype(np.float64)


def loudness(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound**2)))


def fine(bench: Bench, cores: int = 2, cut: Cut = FINE) -> Bench:
    return Bench(bench.tool, bench.home, FfmpegBinder(bench.tool, 2, cores=cores, cut=cut))


@pytest.mark.parametrize("coder", ["fast", "thorough"])
@pytest.mark.parametrize(("kind", "channels"), [("sine", 1), ("noise", 1), ("syllables", 1), ("clicks", 2)])
async def test_a_seam_sounds_like_its_neighbourhood_and_like_one_encoder(
    kind: str, channels: int, coder: Coder, studio: Studio, bench: Bench, tmp_path: Path
) -> None:
    studio.folder.mkdir()
    source, alone = studio.folder / "1.wav", tmp_path / "alone.m4a"
    ffmpeg("-f", "lavfi", "-i", f"aevalsrc='{SIGNALS[kind]}':s=44100:d=12", "-ac", str(channels), str(source))
    bench = fine(bench)
    plan = replace(await bench.plan(source), profile=BindProfile(coder=coder))
    await bench.binder.bind(plan, bench.out, bench.workspace, bench.heard.append)
    one = ["-c:a", "aac", "-b:a", f"{64 * channels}k", "-aac_coder", "fast" if coder == "fast" else "twoloop"]
    ffmpeg("-i", str(source), *one, str(alone))
    truth = decoded(source, channels)
    ours, single = (decoded(p, channels)[: len(truth)] - truth for p in (bench.out, alone))
    assert len(ours) == len(truth)
    seams = [n * FINE.piece * BLOCK for n in range(1, len(truth) // BLOCK // FINE.piece + 1)]
    seams = [s for s in seams if s + 24 * BLOCK < len(truth)]
    assert len(seams) >= 6
    for seam in seams:
        near = slice(seam - 3 * BLOCK, seam + 3 * BLOCK)
        around = slice(seam - 24 * BLOCK, seam + 24 * BLOCK)
        assert loudness(ours[near]) <= 2.0 * max(loudness(ours[around]), loudness(single[around])) + 1e-4
    assert loudness(ours) <= 1.5 * loudness(single) + 1e-4


@pytest.mark.slow
async def test_a_hundred_short_chapters_are_true_by_seek_and_by_counting(studio: Studio, bench: Bench) -> None:
    kinds = ["mp3", "flac", "ogg", "wav", "m4a", "opus", "wma", "aac"]
    files = [
        studio.chirp(f"{n:03}.{kinds[n % len(kinds)]}", 1.0, rate=22050 if n % 3 == 0 else 44100, channels=1 + n % 2)
        for n in range(100)
    ]
    bench = fine(bench)
    plan = await bench.plan(*files)
    book = await bench.binder.bind(plan, bench.out, bench.workspace, bench.heard.append)
    rate = (await bench.probe(bench.out))[0].sample_rate
    lengths = [len(decoded(f, 2, rate=rate)) for f in files]
    starts = [0, *accumulate(lengths)]
    assert len(book.chapters) == 100
    for chapter, start in zip(book.chapters, starts, strict=False):
        assert chapter.start_secs == pytest.approx(start / rate, abs=0.001)
    assert book.duration_secs == pytest.approx(starts[-1] / rate, abs=0.005)
    sound = decoded(bench.out, 2)[:, 0]
    for n in range(0, 100, 9):
        source = decoded(files[n], 2, rate=rate)[:, 0]
        inside = slice(rate // 3, rate // 3 + 4000)
        assert placed_at(source[inside], sound, starts[n] + inside.start, 600) == pytest.approx(
            starts[n] + inside.start, abs=0.005 * rate
        ), files[n]
        cut = ["-ss", f"{starts[n] / rate:.6f}", "-t", "0.8", "-i", str(bench.out)]
        sought = np.frombuffer(ffmpeg(*cut, "-f", "f32le", "-ac", "2", "pipe:1"), "<f4").reshape(-1, 2)[:, 0]
        assert placed_at(source[inside], sought, inside.start, 600) == pytest.approx(inside.start, abs=0.005 * rate)


def placed_at(needle: np.ndarray, hay: np.ndarray, around: int, reach: int) -> int:  # type: ignore[type-arg]
    """Where in `hay`, near `around`, `needle` is found best."""
    first = max(0, around - reach)
    window = hay[first : around + reach + len(needle)].astype(np.float64)
    return first + int(np.argmax(np.correlate(window, needle.astype(np.float64), "valid")))


MP3S = {
    "cbr": ["-b:a", "64k"],
    "vbr": ["-q:a", "5"],
    "no-header": ["-b:a", "64k", "-write_xing", "0"],
    "vbr-no-header": ["-q:a", "5", "-write_xing", "0"],
    "low-rate": ["-b:a", "32k", "-ar", "22050"],
}


@pytest.mark.parametrize("kind", [*MP3S, "junk between frames", "wrong extension"])
async def test_every_kind_of_mp3_keeps_every_sample(kind: str, studio: Studio, bench: Bench) -> None:
    studio.folder.mkdir()
    files = []
    for n in (1, 2):
        path = studio.folder / f"{n}.mp3"
        args = MP3S.get(kind, MP3S["cbr"])
        ffmpeg("-f", "lavfi", "-i", f"aevalsrc='0.4*sin(2*PI*({300 * n}*t+90*t*t))':s=44100:d=5", *args, str(path))
        if kind == "junk between frames":
            data, tag = path.read_bytes(), b"ID3\x03\0\0\0\0\x02\0" + bytes(256)
            at = data.find(b"\xff\xfb", len(data) // 2)
            path.write_bytes(data[:at] + tag + data[at:])
        files.append(path.rename(path.with_suffix(".m4a")) if kind == "wrong extension" else path)
    book = await fine(bench).bind(*files)
    rate = (await bench.probe(bench.out))[0].sample_rate
    lengths = [len(decoded(f)) / rate for f in files]
    assert book.duration_secs == pytest.approx(sum(lengths), abs=0.005)
    assert book.chapters[1].start_secs == pytest.approx(lengths[0], abs=0.001)


async def test_the_number_of_cores_changes_nothing_but_the_time(studio: Studio, bench: Bench) -> None:
    sources = [studio.chirp("1.flac", 20.0), studio.chirp("2.mp3")]
    sounds = []
    for cores in (1, 3):
        book = await fine(bench, cores).bind(*sources)
        sounds.append(decoded(book.path))
    assert len(sounds[0]) == len(sounds[1])
    assert loudness(sounds[0] - sounds[1]) < 0.01 * loudness(sounds[0])


def test_frames_are_spliced_where_both_runs_chose_the_same_window() -> None:
    def frame(window: int) -> bytes:
        body = (window << 13).to_bytes(4, "big")
        return bytes([0xFF, 0xF1, 0x50, 0x40, 11 >> 3, (11 & 7) << 5, 0xFC]) + body

    before = Run(0, [frame(w) for w in (0, 0, 0, 2, 4, 0)])
    after = Run(0, [frame(w) for w in (0, 0, 0, 0, 0, 0)])
    assert splice_at(before, after, 4, 2) == 3
    assert splice_at(before, after, 2, 2) == 2
    assert AdtsCutter().feed(b"".join(before.frames)) == before.frames


# --- going on after a kill -------------------------------------------------------------------------------------------

BINDING = """
import asyncio, sys
from pathlib import Path
from earmark.core.binding import BookTags
from earmark.media import FfmpegBinder, find_ffmpeg, plan_book
from earmark.media.timeline import Cut
async def main(ffmpeg, out, work, *sources):
    binder = FfmpegBinder(find_ffmpeg(Path(ffmpeg)), 1, cores=2, cut=Cut(piece=64, pieces_a_segment=4))
    plan = plan_book([await binder.probe(Path(s)) for s in sources], BookTags("A Book", ("An Author",)))
    await binder.bind(plan, Path(out), Path(work), lambda p: None)
asyncio.run(main(*sys.argv[1:]))
"""


def killed_after(segments: int, slow: FfmpegTool, bench: Bench, *sources: Path) -> Path:
    """Bind in a process of its own and kill it when so many segments are there; the manifest."""
    command = [sys.executable, "-c", BINDING, *map(str, (slow.path, bench.out, bench.workspace, *sources))]
    service = subprocess.Popen(command)
    try:
        while True:
            manifest = next(iter(bench.workspace.glob("segments-*/manifest.json")), None)
            if manifest and len(json.loads(manifest.read_bytes())["segments"]) >= segments:
                return manifest
            assert service.poll() is None, "it ended before it was killed"
    finally:
        os.kill(service.pid, signal.SIGKILL)
        service.wait()


async def test_a_killed_bind_goes_on_behind_its_last_segment_and_makes_the_same_book(
    studio: Studio, bench: Bench, fake_ffmpeg: Callable[[str], FfmpegTool]
) -> None:
    # Decoding at five times real time leaves a moment between two segments.
    slow = fake_ffmpeg('case "$*" in *pipe:0*|*book.m4b*) exec "$REAL" "$@";; esac\nexec "$REAL" -readrate 5 "$@"')
    sources = [studio.chirp(f"{n}.mp3", 9.0) for n in range(4)]
    bench = Bench(slow, bench.home, FfmpegBinder(slow, 2, cores=2, cut=FINE))
    manifest = killed_after(2, slow, bench, *sources)
    kept = json.loads(manifest.read_bytes())["segments"]
    times = [(manifest.parent / f"{s['index']:05}.aac").stat().st_mtime_ns for s in kept]
    plan = await bench.plan(*sources)
    seen: list[int] = []

    def look(_: object) -> None:
        if manifest.exists():
            seen[:] = [(manifest.parent / f"{s['index']:05}.aac").stat().st_mtime_ns for s in kept]

    await bench.binder.bind(plan, bench.out, bench.workspace, lambda p: (bench.heard.append(p), look(p))[0])
    assert seen == times  # those segments were not written again
    assert bench.heard[0].done_secs > 8.0  # nor were the sources before them read again
    resumed = bench.out.read_bytes()
    fresh = Bench(bench.tool, bench.home / "fresh", bench.binder)
    await fresh.binder.bind(plan, fresh.out, fresh.workspace, fresh.heard.append)
    assert fresh.out.read_bytes() == resumed
    assert bench.leftovers() == []


@pytest.mark.parametrize("change", ["source", "bit rate", "damaged segment"])
async def test_segments_of_another_plan_or_damaged_ones_are_not_used(
    change: str, studio: Studio, bench: Bench, tmp_path: Path
) -> None:
    sources = [studio.chirp(f"{n}.mp3", 8.0) for n in range(2)]
    bench = fine(bench)
    plan = await bench.plan(*sources)

    class StopError(Exception):
        pass

    def stop(_: object) -> None:
        if any(bench.workspace.glob("segments-*/manifest.json")):
            kept = tmp_path / "kept"
            folder = next(bench.workspace.glob("segments-*"))
            kept.mkdir()
            for file in folder.glob("0*.aac"):
                (kept / file.name).write_bytes(file.read_bytes())
            (kept / "manifest.json").write_bytes((folder / "manifest.json").read_bytes())
            kept.rename(tmp_path / folder.name)
            raise StopError

    with pytest.raises(StopError):
        await bench.binder.bind(plan, bench.out, bench.workspace, stop)
    saved = next(tmp_path.glob("segments-*"))
    if change == "damaged segment":
        (saved / "00000.aac").write_bytes(b"\xff" * 1000)
    elif change == "source":
        os.utime(sources[0], ns=(1, 1))
    else:
        plan = replace(plan, bitrate_kbps=32)
    saved.rename(bench.workspace / saved.name)
    heard: list[float] = []
    book = await bench.binder.bind(plan, bench.out, bench.workspace, lambda p: heard.append(p.done_secs))
    assert heard[0] < 3.0
    assert book.duration_secs == pytest.approx(16.0, abs=0.1)
    assert bench.leftovers() == []


# --- what it costs ---------------------------------------------------------------------------------------------------


async def test_lanes_are_shared_and_never_more_than_there_are() -> None:
    lanes = Lanes(3)
    async with lanes.some(2) as first, lanes.some() as second:
        assert (first, second) == (2, 1)
    async with lanes.some() as all_of_them:
        assert all_of_them == 3


@pytest.mark.slow
async def test_memory_does_not_grow_with_the_length_of_the_book(studio: Studio, bench: Bench) -> None:
    probe = BINDING.replace(", cut=Cut(piece=64, pieces_a_segment=4)", "").replace(
        "asyncio.run(main(*sys.argv[1:]))",
        "asyncio.run(main(*sys.argv[1:]))\nimport resource\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)",
    )
    studio.folder.mkdir()
    peaks = []
    for minutes in (10, 60):
        source = studio.folder / f"{minutes}.flac"
        ffmpeg("-f", "lavfi", "-i", f"anullsrc=r=44100:cl=mono:d={minutes * 60}", "-c:a", "flac", str(source))
        command = [sys.executable, "-c", probe, *map(str, (REAL.path, bench.out, bench.workspace, source))]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True).stdout))
    assert peaks[1] - peaks[0] < 50_000, peaks


async def test_all_segments_are_found_in_order_by_ffmpeg(studio: Studio, bench: Bench) -> None:
    bench = fine(bench)
    infos = await bench.probe(*[studio.chirp(f"{n}.flac", 7.0, channels=2) for n in range(3)])
    plan = plan_book(infos, BookTags("A Book"))
    book = await bench.binder.bind(plan, bench.out, bench.workspace, bench.heard.append)
    assert await embedded_chapters(bench.tool, book.path) == book.chapters
    assert [p.done_secs for p in bench.heard if p.phase == "encode"] == sorted(
        p.done_secs for p in bench.heard if p.phase == "encode"
    )
