"""Small generated audio, a real ffmpeg, and stand-ins for ffmpegs that misbehave."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from earmark.core.binding import AudioInfo, BindPlan, BindProgress, BookTags, BoundBook
from earmark.media import FfmpegBinder, FfmpegTool, find_ffmpeg, plan_book

REAL = find_ffmpeg()

CODECS = {
    "mp3": ["-c:a", "libmp3lame", "-b:a", "64k"],
    "m4a": ["-c:a", "aac", "-b:a", "64k"],
    "m4b": ["-c:a", "aac", "-b:a", "64k", "-f", "ipod"],
    "flac": ["-c:a", "flac"],
    "ogg": ["-c:a", "libvorbis"],
    "opus": ["-c:a", "libopus", "-b:a", "32k"],
    "wma": ["-c:a", "wmav2", "-b:a", "64k"],
    "wav": ["-c:a", "pcm_s16le"],
    "aac": ["-c:a", "aac", "-b:a", "64k"],
}


@dataclass
class Studio:
    """Makes audio files: rising tones, so that every moment of every file sounds different."""

    folder: Path
    cache: Path
    made: int = 0

    def chirp(self, name: str, secs: float = 2.0, *, rate: int = 44100, channels: int = 1, **tags: str) -> Path:
        """A file whose pitch rises from a start of its own; the suffix of `name` chooses the codec."""
        self.made += 1
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        base = 180 + 130 * (self.made % 12)
        wave = f"0.4*sin(2*PI*({base}*t+90*t*t))"
        key = hashlib.sha1(f"{wave}{secs}{rate}{channels}{path.suffix}{sorted(tags.items())}".encode()).hexdigest()
        stored = self.cache / (key + path.suffix)
        if not stored.exists():
            source = f"aevalsrc='{'|'.join([wave] * channels)}':s={rate}:d={secs}"
            meta = [part for k, v in tags.items() for part in ("-metadata", f"{k}={v}")]
            codec = CODECS[path.suffix[1:]]
            ffmpeg("-f", "lavfi", "-i", source, "-ac", str(channels), *meta, *codec, str(stored))
        path.write_bytes(stored.read_bytes())
        return path


def ffmpeg(*args: str) -> bytes:
    command = [str(REAL.path), "-v", "error", "-nostdin", "-y", *args]
    return subprocess.run(command, check=True, capture_output=True).stdout


@dataclass
class Bench:
    """A binder with places to work in."""

    tool: FfmpegTool
    home: Path
    binder: FfmpegBinder
    heard: list[BindProgress] = field(default_factory=list)

    @property
    def out(self) -> Path:
        return self.home / "shelf" / "book.m4b"

    @property
    def workspace(self) -> Path:
        return self.home / "work"

    async def probe(self, *paths: Path) -> list[AudioInfo]:
        return [await self.binder.probe(p) for p in paths]

    async def plan(self, *paths: Path, tags: BookTags | None = None, cover: Path | None = None) -> BindPlan:
        return plan_book(await self.probe(*paths), tags or BookTags("A Book", ("An Author",)), cover)

    async def bind(self, *paths: Path, tags: BookTags | None = None, cover: Path | None = None) -> BoundBook:
        plan = await self.plan(*paths, tags=tags, cover=cover)
        return await self.binder.bind(plan, self.out, self.workspace, self.heard.append)

    def with_tool(self, tool: FfmpegTool) -> Bench:
        return Bench(tool, self.home, FfmpegBinder(tool, 2))

    def leftovers(self, *, but_segments: bool = False) -> list[str]:
        """Everything in the workspace and beside the book that is not the book; what may go on after a passing trouble
        keeps its finished segments."""
        files = [*self.workspace.rglob("*"), *self.out.parent.rglob("*")]
        names = [str(f.relative_to(self.home)) for f in files if f != self.out]
        return [n for n in names if not (but_segments and n.startswith("work/segments-") and "part" not in n)]


@dataclass
class FakeFfmpeg:
    """A shell script in ffmpeg's place; it answers `-version` and notes the process ids it ran under."""

    folder: Path

    def __call__(self, script: str, *, stall_secs: float = 20.0) -> FfmpegTool:
        """`script` runs for everything but `-version`; `$REAL` is the real ffmpeg."""
        self.folder.mkdir(exist_ok=True)
        path = self.folder / "ffmpeg"
        lines = [
            "#!/bin/sh",
            f"REAL={shlex.quote(str(REAL.path))}",
            '[ "$1" = "-version" ] && { echo "ffmpeg version 5.0-fake"; exit 0; }',
            f"echo $$ >> {shlex.quote(str(self.folder / 'pids'))}",
            script,
        ]
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o755)
        return find_ffmpeg(path, stall_secs=stall_secs)

    def pids(self) -> list[int]:
        noted = self.folder / "pids"
        return [int(line) for line in noted.read_text().split()] if noted.exists() else []

    def alive(self) -> list[int]:
        return [pid for pid in self.pids() if is_alive(pid)]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
