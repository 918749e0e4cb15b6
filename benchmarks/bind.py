"""Binding measured beside what people would do by hand with ffmpeg, in one run: only the ratios mean something.

    python benchmarks/bind.py [--minutes 15] [--chapters 30] [--cores N] [--ffmpeg PATH] [--only speed|truth] [--long-hours 40]

Speed: 64 kbit/s mono mp3 chapters into one M4B. The baseline is one ffmpeg doing concat and AAC encode with default
settings; beside ours stands a pipeline that encodes every chapter by itself, as many at once as there are cores, and
joins them. Then AAC sources that are only copied, beside ffmpeg's own concat copy. Truth: how far chapters and totals are
off against decoded samples, for five kinds of sources. `--long-hours` binds one silent source of that length and prints the
memory it took. Ours runs at the same priority as the baseline here.

Each source costs an ffmpeg start of about 0.1 s, so short chapters look worse than those of a real book. Totals are raw
samples as this ffmpeg decodes them: versions before 7 hand out the last frame whole, up to 23 ms of padding; copied AAC
keeps the encoder's delay at each joint.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from earmark.core.binding import BindPlan, BindProfile, BookTags, Coder
from earmark.media import FfmpegBinder, FfmpegTool, find_ffmpeg, plan_book
from earmark.media.containers import read_container
from earmark.media.streamcopy import copy_timeline

RATE = 44100
SOUND_RATE = 16000
Sound = np.ndarray[tuple[int], np.dtype[np.float64]]
WORDS = [
    "whale",
    "harbour",
    "morning",
    "captain",
    "lantern",
    "water",
    "stranger",
    "evening",
    "island",
    "silver",
    "window",
    "letter",
]
KINDS = {
    "mp3": ["-c:a", "libmp3lame", "-b:a", "64k"],
    "m4a": ["-c:a", "aac", "-b:a", "64k", "-aac_coder", "fast"],
    "flac": ["-c:a", "flac"],
    "opus": ["-c:a", "libopus", "-b:a", "48k"],
}


@dataclass(frozen=True)
class Row:
    name: str
    secs: float
    cpu_secs: float
    worst_chapter_ms: float | None = None
    total_ms: float | None = None


def ffmpeg(tool: FfmpegTool, *args: str) -> bytes:
    return subprocess.run(
        [str(tool.path), "-v", "error", "-nostdin", "-y", *args], check=True, capture_output=True
    ).stdout


def sound(folder: Path, n: int, length: float) -> list[str]:
    """Speech where espeak-ng is installed, else tones in the rhythm of syllables."""
    if shutil.which("espeak-ng") is None:
        pitch = 110 + 7 * (n % 9)
        wave = f"0.3*(sin(2*PI*{pitch}*t)+0.5*sin(2*PI*{pitch * 3}*t)+0.2*random(0))*gt(sin(11*t)+sin(4.3*t),-0.3)"
        return ["-f", "lavfi", "-i", f"aevalsrc='{wave}':s={RATE}:d={length}"]
    shuffled = random.Random(n)
    text = " ".join(shuffled.choice(WORDS) + shuffled.choice([",", "", "", "."]) for _ in range(int(length * 3)))
    wav = folder / f"{n}.wav"
    subprocess.run(["espeak-ng", "-p", str(30 + n * 7 % 50), "-w", str(wav), text], check=True)
    return ["-i", str(wav), "-af", "apad"]


def generate(tool: FfmpegTool, folder: Path, kinds: Sequence[str], chapters: int, secs: float) -> list[Path]:
    folder.mkdir()
    paths = []
    for n in range(chapters):
        length, kind = secs + n % 5 / 3, kinds[n % len(kinds)]
        path = folder / f"Part {n + 1}.{kind}"
        ffmpeg(
            tool,
            *sound(folder, n, length),
            "-t",
            str(length),
            "-ar",
            "48000" if kind == "opus" else str(RATE),
            *KINDS[kind],
            str(path),
        )
        (folder / f"{n}.wav").unlink(missing_ok=True)
        paths.append(path)
    return paths


def decoded_secs(tool: FfmpegTool, path: Path) -> float:
    return len(ffmpeg(tool, "-i", str(path), "-map", "0:a:0", "-ac", "1", "-ar", "48000", "-f", "u8", "pipe:1")) / 48000


def samples(tool: FfmpegTool, path: Path) -> Sound:
    pcm = ffmpeg(tool, "-i", str(path), "-map", "0:a:0", "-ac", "1", "-ar", str(SOUND_RATE), "-f", "f32le", "pipe:1")
    return np.frombuffer(pcm, "<f4").astype(np.float64)


def misplaced(book: Sound, source: Sound, start_secs: float) -> float:
    """Seconds by which the sound of `source` lies behind its chapter's start, by samples counted in the decoded book."""
    lead, reach = SOUND_RATE // 2, SOUND_RATE // 4
    needle = source[lead : lead + 2 * SOUND_RATE]
    first = max(0, round(start_secs * SOUND_RATE) + lead - reach)
    hay = book[first : first + len(needle) + 2 * reach]
    size = len(hay) + len(needle)
    alike = np.fft.irfft(np.fft.rfft(hay, size) * np.conj(np.fft.rfft(needle, size)), size)[: len(hay) - len(needle)]
    energy = np.concatenate(([0.0], np.cumsum(hay**2)))
    at = int(np.argmax(alike / np.sqrt(1e-9 + (energy[len(needle) :] - energy[: -len(needle)])[: len(alike)])))
    return (first + at - lead) / SOUND_RATE - start_secs


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall time and of CPU, children included."""

    def cpu() -> float:
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(usage.ru_utime + usage.ru_stime for usage in both)

    start, before = time.monotonic(), cpu()
    work()
    return time.monotonic() - start, cpu() - before


def concat(tool: FfmpegTool, parts: Sequence[Path], out: Path, *codec: str) -> None:
    listing = out.with_suffix(".txt")
    listing.write_text("".join(f"file '{part}'\n" for part in parts))
    ffmpeg(
        tool,
        "-f",
        "concat",
        "-safe",
        "0",
        "-i",
        str(listing),
        "-map",
        "0:a",
        *codec,
        "-movflags",
        "+faststart",
        str(out),
    )


def by_chapter(tool: FfmpegTool, sources: Sequence[Path], folder: Path, cores: int) -> None:
    def encode(source: Path) -> Path:
        part = folder / f"{source.stem}.m4a"
        ffmpeg(tool, "-i", str(source), "-map", "0:a", "-c:a", "aac", "-b:a", "64k", str(part))
        return part

    with ThreadPoolExecutor(cores) as pool:
        concat(tool, list(pool.map(encode, sources)), folder / "by-chapter.m4b", "-c", "copy")


async def planned(binder: FfmpegBinder, sources: Sequence[Path], coder: Coder) -> BindPlan:
    plan = plan_book([await binder.probe(s) for s in sources], BookTags("Benchmark"))
    return replace(plan, profile=BindProfile(coder=coder))


def ours(
    tool: FfmpegTool, sources: Sequence[Path], folder: Path, cores: int, coder: Coder
) -> tuple[Row, Row, list[float]]:
    """One bind: without the proof (all that happens before it) and with it, and the chapter starts of the book."""
    ready = [0.0]
    starts: list[float] = []

    async def bind() -> None:
        binder = FfmpegBinder(tool, 1, cores=cores)
        began = time.monotonic()

        def watch(phase: str) -> None:
            if phase != "verify":
                ready[0] = time.monotonic() - began

        plan = await planned(binder, sources, coder)
        book = await binder.bind(plan, folder / "ours.m4b", folder / "work", lambda p: watch(p.phase))
        starts[:] = [c.start_secs for c in book.chapters]

    secs, cpu = timed(lambda: asyncio.run(bind()))
    return (
        Row(f"earmark, {coder}, until encoded", ready[0], cpu),
        Row(f"earmark, {coder}, with proof", secs, cpu),
        starts,
    )


def speed(tool: FfmpegTool, folder: Path, chapters: int, secs: float, cores: int) -> None:
    sources = generate(tool, folder / "mp3", ["mp3"], chapters, secs)
    audio = sum(decoded_secs(tool, s) for s in sources)
    base = Row(
        "ffmpeg concat + encode",
        *timed(lambda: concat(tool, sources, folder / "base.m4b", "-c:a", "aac", "-b:a", "64k")),
    )
    rows = [base, Row("per chapter, then joined", *timed(lambda: by_chapter(tool, sources, folder, cores)))]
    coders: tuple[Coder, ...] = ("fast", "thorough")
    for coder in coders:
        rows += ours(tool, sources, folder, cores, coder)[:2]
    show(f"30 mp3 chapters are the target; here {chapters}, {audio:.0f} s of audio, {cores} cores", rows, audio)

    parts = [folder / f"{s.stem}.m4a" for s in sources]  # the per-chapter pipeline left them
    infos = [info for p in parts if (info := read_container(p))]
    copied = Row("ffmpeg concat copy", *timed(lambda: concat(tool, parts, folder / "copied.m4b", "-c", "copy")))

    def join() -> None:
        coroutine = copy_timeline(tool, infos, folder / "joined.m4a", on_secs=lambda *_: None, on_done=lambda *_: None)
        asyncio.run(coroutine)

    joined = Row("earmark packets joined", *timed(join))
    unproven, proven, _ = ours(tool, parts, folder, cores, "auto")
    show("AAC copied", [copied, joined, replace(unproven, name="earmark copy, until joined"), replace(proven, name="earmark copy with full decode")], audio)  # fmt: skip


def truth(tool: FfmpegTool, folder: Path, chapters: int, secs: float, cores: int) -> None:
    rows = []
    for name, kinds in [*((kind, [kind]) for kind in KINDS), ("mixed", list(KINDS))]:
        sources = generate(tool, folder / f"{name} sources", kinds, chapters, secs)
        _, row, starts = ours(tool, sources, folder, cores, "auto")
        book = samples(tool, folder / "ours.m4b")
        worst = max(abs(misplaced(book, samples(tool, s), at)) for s, at in zip(sources, starts, strict=True)) * 1000
        total = len(book) / SOUND_RATE - sum(decoded_secs(tool, s) for s in sources)
        rows.append(replace(row, name=f"{name} sources", worst_chapter_ms=worst, total_ms=total * 1000))
    show(f"Truth against decoded sources ({chapters} chapters)", rows, None)


def show(title: str, rows: Sequence[Row], audio: float | None) -> None:
    print(f"\n{title}")
    if audio is None:
        print(f"{'sources':<32}{'wall s':>9}{'worst chapter ms':>18}{'total ms':>10}")
        for r in rows:
            print(f"{r.name:<32}{r.secs:>9.2f}{r.worst_chapter_ms or 0:>18.2f}{r.total_ms or 0:>10.2f}")
        return
    print(f"{'method':<32}{'wall s':>9}{'ratio':>8}{'cpu s':>8}{'cpu ratio':>11}{'x real time':>13}")
    for r in rows:
        ratios = f"{r.secs / rows[0].secs:>8.2f}{r.cpu_secs:>8.1f}{r.cpu_secs / rows[0].cpu_secs:>11.2f}"
        print(f"{r.name:<32}{r.secs:>9.2f}{ratios}{audio / r.secs:>13.0f}")


def long_book(tool: FfmpegTool, folder: Path, hours: float, cores: int) -> None:
    source = folder / "long.flac"
    ffmpeg(tool, "-f", "lavfi", "-i", f"anullsrc=r={RATE}:cl=mono:d={hours * 3600}", "-c:a", "flac", str(source))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    row = ours(tool, [source], folder, cores, "fast")[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"\none source of {hours:g} h: {row.secs:.1f} s, peak memory {peak} MB ({before} MB before)")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=15.0, help="audio in all")
    options.add_argument("--chapters", type=int, default=30)
    options.add_argument("--cores", type=int, default=None)
    options.add_argument("--ffmpeg", type=Path, default=None)
    options.add_argument("--only", choices=["speed", "truth"], default=None)
    options.add_argument("--long-hours", type=float, default=0.0)
    args = options.parse_args()
    tool = find_ffmpeg(args.ffmpeg, niceness=0)
    cores = FfmpegBinder(tool, cores=args.cores).cores
    secs = max(1.0, args.minutes * 60 / args.chapters - 2 / 3)
    print(f"ffmpeg {tool.version} ({tool.origin})")
    with tempfile.TemporaryDirectory(prefix="earmark-bench-") as name:
        if args.long_hours:
            long_book(tool, Path(name), args.long_hours, cores)
            return
        if args.only != "truth":
            speed(tool, Path(name), args.chapters, secs, cores)
        if args.only != "speed":
            truth(tool, Path(name), min(args.chapters, 10), min(secs, 20.0), cores)
    own, children = (resource.getrusage(w).ru_maxrss // 1024 for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"\npeak memory: this process {own} MB (the benchmark's own decoding included), largest child {children} MB")


if __name__ == "__main__":
    main()
