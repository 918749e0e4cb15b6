"""Probing measured: facts, tags and chapters of many audio files, beside a bare mutagen reading of the same files.

    python benchmarks/probe.py [--files 2000]

Prints seconds and milliseconds a file, and the ratio to the bare reading in the same run. The target is 2 s for 2,000 files.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import mutagen
from rich.console import Console
from rich.table import Table

from earmark.core.binding import BookTags
from earmark.media.ffmpeg import find_ffmpeg
from earmark.media.plan import plan_book
from earmark.media.probe import probe


def make_files(folder: Path, count: int) -> list[Path]:
    """As many copies of three short tones (MP3, M4A, FLAC), each numbered by its name."""
    tool = find_ffmpeg()
    sounds = []
    for suffix in ("mp3", "m4a", "flac"):
        path = folder / f"sound.{suffix}"
        tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=22050:duration=2"]
        subprocess.run([str(tool.path), "-v", "error", *tone, "-metadata", "title=Part", str(path)], check=True)
        sounds.append(path)
    book = folder / "book"
    book.mkdir()
    return [
        Path(shutil.copy(sounds[n % 3], book / f"{n + 1:05} - Part {n + 1}{sounds[n % 3].suffix}"))
        for n in range(count)
    ]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    count = parser.parse_args().files
    tool = await asyncio.to_thread(find_ffmpeg)
    with tempfile.TemporaryDirectory() as home:
        files = make_files(Path(home), count)
        began = time.perf_counter()
        for path in files:
            mutagen.File(path)
        bare = time.perf_counter() - began
        began = time.perf_counter()
        infos = [await probe(path, tool) for path in files]
        probed = time.perf_counter() - began
        began = time.perf_counter()
        plan_book(infos, BookTags("A Book"))
        planned = time.perf_counter() - began
    table = Table("what", "seconds", "ms a file", "to bare mutagen", title=f"{count} files")
    for name, secs in (("bare mutagen", bare), ("probe", probed), ("plan of them as one book", planned)):
        table.add_row(name, f"{secs:.2f}", f"{1000 * secs / count:.2f}", f"{secs / bare:.2f}")
    Console().print(table)


if __name__ == "__main__":
    asyncio.run(main())
