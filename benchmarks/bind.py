"""Binding measured: our bind of N generated mp3 chapters beside one ffmpeg doing concat and AAC encode, in one run.

    python benchmarks/bind.py [--chapters 12] [--secs 60] [--ffmpeg PATH]

Prints seconds of wall time and their ratio, and how far chapters are off against decoded samples. The baseline's
chapters come from container durations, as concat users take them; its error is measured the same way as ours.
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
from dataclasses import dataclass
from pathlib import Path

from earmark.core.binding import BookTags
from earmark.media import FfmpegBinder, FfmpegTool, find_ffmpeg, plan_book
from earmark.media.containers import read_container

RATE = 44100


@dataclass(frozen=True)
class Row:
    name: str
    secs: float
    worst_chapter_ms: float
    total_ms: float


def ffmpeg(tool: FfmpegTool, *args: str) -> bytes:
    return subprocess.run(
        [str(tool.path), "-v", "error", "-nostdin", "-y", *args], check=True, capture_output=True
    ).stdout


def generate(tool: FfmpegTool, folder: Path, chapters: int, secs: float) -> list[Path]:
    """Chapters of 64 kbit/s mono: speech where espeak-ng is installed, else tones in the rhythm of syllables."""
    sources = []
    for n in range(chapters):
        path, length = folder / f"Part {n + 1}.mp3", secs + n % 5 / 3
        sound = speech(folder, n, length) or tones(n, length)
        ffmpeg(tool, *sound, "-t", str(length), "-ar", str(RATE), "-c:a", "libmp3lame", "-b:a", "64k", str(path))
        sources.append(path)
    return sources


def speech(folder: Path, n: int, length: float) -> list[str] | None:
    if shutil.which("espeak-ng") is None:
        return None
    words = [
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
    shuffled = random.Random(n)
    text = " ".join(shuffled.choice(words) + shuffled.choice([",", "", "", "."]) for _ in range(int(length * 3)))
    wav = folder / f"{n}.wav"
    subprocess.run(["espeak-ng", "-p", str(30 + n * 7 % 50), "-w", str(wav), text], check=True)
    return ["-i", str(wav), "-af", "apad"]


def tones(n: int, length: float) -> list[str]:
    pitch = 110 + 7 * (n % 9)
    wave = f"0.3*(sin(2*PI*{pitch}*t)+0.5*sin(2*PI*{pitch * 3}*t)+0.2*random(0))*gt(sin(11*t)+sin(4.3*t),-0.3)"
    return ["-f", "lavfi", "-i", f"aevalsrc='{wave}':s={RATE}:d={length}"]


def decoded_samples(tool: FfmpegTool, path: Path) -> int:
    pcm = ffmpeg(tool, "-i", str(path), "-map", "0:a:0", "-ac", "1", "-ar", str(RATE), "-f", "u8", "pipe:1")
    return len(pcm)


def baseline(tool: FfmpegTool, sources: list[Path], folder: Path, truth: list[float]) -> Row:
    listing, out = folder / "list.txt", folder / "baseline.m4b"
    listing.write_text("".join(f"file '{source}'\n" for source in sources))
    start = time.monotonic()
    concat = ("-f", "concat", "-safe", "0", "-i", str(listing))
    ffmpeg(tool, *concat, "-map", "0:a", "-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart", str(out))
    secs = time.monotonic() - start
    claims = [info.duration_secs if (info := read_container(s)) else 0.0 for s in sources]
    starts = [sum(claims[:n]) for n in range(len(claims) + 1)]
    return row("ffmpeg concat + encode", secs, starts, truth, decoded_samples(tool, out) / RATE)


def ours(tool: FfmpegTool, sources: list[Path], folder: Path, truth: list[float]) -> Row:
    async def bind() -> tuple[float, list[float]]:
        binder = FfmpegBinder(tool, 1)
        start = time.monotonic()
        plan = plan_book([await binder.probe(s) for s in sources], BookTags("Benchmark"))
        book = await binder.bind(plan, folder / "ours.m4b", folder / "work", lambda _: None)
        return time.monotonic() - start, [c.start_secs for c in book.chapters]

    secs, starts = asyncio.run(bind())
    return row("earmark bind with proof", secs, starts, truth, decoded_samples(tool, folder / "ours.m4b") / RATE)


def row(name: str, secs: float, starts: list[float], truth: list[float], total: float) -> Row:
    worst = max(abs(a - b) for a, b in zip(starts, truth, strict=False))
    return Row(name, secs, worst * 1000, (total - truth[-1]) * 1000)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--chapters", type=int, default=12)
    options.add_argument("--secs", type=float, default=60.0, help="seconds a chapter")
    options.add_argument("--ffmpeg", type=Path, default=None)
    args = options.parse_args()
    tool = find_ffmpeg(args.ffmpeg)
    with tempfile.TemporaryDirectory(prefix="earmark-bench-") as name:
        folder = Path(name)
        sources = generate(tool, folder, args.chapters, args.secs)
        lengths = [decoded_samples(tool, s) / RATE for s in sources]
        truth = [sum(lengths[:n]) for n in range(len(lengths) + 1)]
        rows = [baseline(tool, sources, folder, truth), ours(tool, sources, folder, truth)]
    print(f"ffmpeg {tool.version} ({tool.origin}); {args.chapters} mp3 chapters, {truth[-1]:.0f} s of audio")
    print(f"{'method':<26}{'wall s':>9}{'ratio':>8}{'x real time':>13}{'worst chapter ms':>18}{'total ms':>10}")
    for r in rows:
        print(
            f"{r.name:<26}{r.secs:>9.2f}{r.secs / rows[0].secs:>8.2f}{truth[-1] / r.secs:>13.0f}"
            f"{r.worst_chapter_ms:>18.1f}{r.total_ms:>10.1f}"
        )
    own, children = (resource.getrusage(w).ru_maxrss // 1024 for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(
        f"peak memory: this process {own} MB (baseline and proof of the benchmark included), largest ffmpeg {children} MB"
    )


if __name__ == "__main__":
    main()
