"""Fixtures of the media tests; what they are made of stands in media_bench."""

from __future__ import annotations

import array
import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from media_bench import REAL, Bench, FakeFfmpeg, Studio, ffmpeg

from earmark.media import FfmpegBinder, FfmpegTool


@pytest.fixture(scope="session")
def audio_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audio")


@pytest.fixture
def studio(tmp_path: Path, audio_cache: Path) -> Studio:
    return Studio(tmp_path / "download", audio_cache)


@pytest.fixture
def tool() -> FfmpegTool:
    return REAL


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(REAL, tmp_path, FfmpegBinder(REAL, 2))


@pytest.fixture
def fake_ffmpeg(tmp_path: Path) -> Iterator[FakeFfmpeg]:
    fake = FakeFfmpeg(tmp_path / "fake")
    yield fake
    for pid in fake.alive():
        os.kill(pid, 9)


# Decoders read in real time: whatever is bound takes as long as it lasts.
SLOW = 'exec "$REAL" -re "$@"'


@pytest.fixture
def slow_ffmpeg(fake_ffmpeg: FakeFfmpeg) -> FfmpegTool:
    return fake_ffmpeg(SLOW)


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool], float], Awaitable[float]]:
    async def wait(condition: Callable[[], bool], deadline_secs: float) -> float:
        start = time.monotonic()
        while not condition():
            assert time.monotonic() - start < deadline_secs, "it never came true"
            await asyncio.sleep(0.01)
        return time.monotonic() - start

    return wait


@pytest.fixture
def samples() -> Callable[..., array.array[int]]:
    def decode(path: Path, rate: int = 44100) -> array.array[int]:
        pcm = array.array("h")
        pcm.frombytes(ffmpeg("-i", str(path), "-map", "0:a:0", "-ac", "1", "-ar", str(rate), "-f", "s16le", "pipe:1"))
        return pcm

    return decode


@pytest.fixture
def fingerprint() -> Callable[[Path], dict[str, tuple[str, int]]]:
    def of(folder: Path) -> dict[str, tuple[str, int]]:
        return {
            str(p): (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns)
            for p in folder.rglob("*")
            if p.is_file()
        }

    return of


@pytest.fixture
def run_ffmpeg() -> Callable[..., bytes]:
    return ffmpeg
