"""Damage, crashes, cancellations: each ends in a named error, and nothing else is harmed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from media_bench import Bench, FakeFfmpeg, Studio
from small_disks import small_disk_at

from earmark.core.binding import BindProgress, BookTags
from earmark.core.reasons import EarmarkError, PermanentError, TransientError
from earmark.media import FfmpegBinder, FfmpegTool, find_ffmpeg, plan_book
from earmark.media.ffmpeg import failure

pytest_plugins = ("small_disks",)

Eventually = Callable[[Callable[[], bool], float], Awaitable[float]]


async def refused(bench: Bench, *sources: Path) -> EarmarkError:
    """The error that binding these ends in; nothing may be left of it that has no use later."""
    with pytest.raises(EarmarkError) as caught:
        await bench.bind(*sources)
    assert not bench.out.exists()
    assert bench.leftovers(but_segments=caught.value.transient) == []
    return caught.value


def damage(path: Path, at: float, length: int) -> None:
    """Overwrite `length` bytes in the middle of things."""
    data = bytearray(path.read_bytes())
    start = int(len(data) * at)
    data[start : start + length] = random.Random(7).randbytes(length)
    path.write_bytes(data)


@pytest.mark.parametrize("suffix", ["mp3", "m4a", "flac", "ogg", "opus"])
async def test_damage_in_the_middle_is_named_by_file_and_second(
    suffix: str, studio: Studio, bench: Bench, fingerprint: Callable[[Path], object]
) -> None:
    good, bad = studio.chirp("1.mp3"), studio.chirp(f"2 broken.{suffix}", 20.0)
    damage(bad, 0.5, 3000)
    before = fingerprint(studio.folder)
    error = await refused(bench, good, bad)
    assert isinstance(error, PermanentError)
    assert error.reason.code == "source_corrupt"
    assert f"2 broken.{suffix}" in error.reason.message
    second = error.reason.evidence["second"]
    assert isinstance(second, float)
    assert second == pytest.approx(10, abs=2)
    assert fingerprint(studio.folder) == before


def flac_frames(data: bytes) -> list[int]:
    """Where the frames of an ffmpeg-made FLAC begin."""
    return [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xf8"]


@pytest.mark.parametrize("what", ["checksum", "header"])
async def test_one_damaged_frame_of_a_flac_is_noticed(what: str, studio: Studio, bench: Bench) -> None:
    bad = studio.chirp("2 broken.flac", 6.0)
    data = bytearray(bad.read_bytes())
    frames = flac_frames(data)
    middle = frames[len(frames) // 2]
    at = middle if what == "header" else middle - 1  # a frame ends with its checksum
    data[at] ^= 0x55
    bad.write_bytes(data)
    error = await refused(bench, studio.chirp("1.mp3"), bad)
    assert error.reason.code == "source_corrupt"
    second = error.reason.evidence["second"]
    assert isinstance(second, float)
    assert second == pytest.approx(3, abs=0.6)


@pytest.mark.parametrize("suffix", ["mp3", "flac", "ogg", "opus", "wma"])
async def test_a_file_that_ends_too_early_is_corrupt(suffix: str, studio: Studio, bench: Bench) -> None:
    cut = studio.chirp(f"cut.{suffix}", 20.0)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    error = await refused(bench, cut, studio.chirp("z.mp3"))
    assert error.reason.code == "source_corrupt"
    assert f"cut.{suffix}" in error.reason.message
    assert error.reason.evidence["second"] == pytest.approx(10, abs=2)


async def test_an_m4a_without_its_index_is_damaged_not_foreign(studio: Studio, bench: Bench) -> None:
    cut = studio.chirp("cut.m4a", 5.0)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    with pytest.raises(PermanentError, match=r"cut\.m4a") as caught:
        await bench.binder.probe(cut)
    assert caught.value.reason.code == "source_corrupt"


async def test_junk_after_the_last_frame_of_an_mp3_is_no_damage(studio: Studio, bench: Bench) -> None:
    source = studio.chirp("1.mp3", 3.0)
    source.write_bytes(source.read_bytes() + b"LYRICSBEGIN" + b"\xff\xfb\x52\xc0" + b"\x07" * 900 + b"TAG" + bytes(125))
    book = await bench.bind(source, studio.chirp("2.mp3"))
    assert book.duration_secs == pytest.approx(5.0, abs=0.1)


async def test_a_tag_between_frames_and_junk_behind_them_are_no_damage(studio: Studio, bench: Bench) -> None:
    source = studio.chirp("1.mp3", 3.0)
    data = source.read_bytes()
    at = data.index(data[-8000:][data[-8000:].index(b"\xff\xfb") :][:4], len(data) // 2)  # the head of a frame
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)
    source.write_bytes(data[:at] + tag + data[at:] + b"LYRICSBEGIN" + b"x" * 400)
    book = await bench.bind(source, studio.chirp("2.mp3"))
    assert book.duration_secs == pytest.approx(5.0, abs=0.1)


async def test_a_damaged_m4b_does_not_pass_through(studio: Studio, bench: Bench) -> None:
    source = studio.chirp("book.m4b", 20.0)
    damage(source, 0.5, 3000)
    error = await refused(bench, source)
    assert error.reason.code == "source_corrupt"
    assert "book.m4b" in error.reason.message
    assert error.reason.evidence["path"] == str(source)


async def test_a_file_that_vanished_since_the_probe_is_named(studio: Studio, bench: Bench) -> None:
    source = studio.chirp("1.mp3")
    plan = await bench.plan(source)
    source.unlink()
    with pytest.raises(PermanentError, match=r"1\.mp3"):
        await bench.binder.bind(plan, bench.out, bench.workspace, lambda _: None)


async def test_a_book_never_overwrites_its_own_source(studio: Studio, bench: Bench) -> None:
    source = studio.chirp("book.m4b")
    plan = await bench.plan(source)
    with pytest.raises(PermanentError) as caught:
        await bench.binder.bind(plan, source, bench.workspace, lambda _: None)
    assert caught.value.reason.code == "source_in_the_way"


# --- ffmpeg itself in trouble ----------------------------------------------------------------------------------------


def test_a_configured_ffmpeg_that_is_missing_is_told_with_the_fix(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(PermanentError) as caught:
            find_ffmpeg(path)
        assert caught.value.reason.code == "ffmpeg_missing"
        assert "converter.ffmpeg_path" in caught.value.reason.action


def test_a_file_that_may_not_be_executed_or_is_no_ffmpeg_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ffmpeg"
    path.write_text("#!/bin/sh\necho hello\n")
    for mode in (0o644, 0o755):
        path.chmod(mode)
        with pytest.raises(PermanentError) as caught:
            find_ffmpeg(path)
        assert caught.value.reason.code == "ffmpeg_missing"


def test_without_a_setting_path_comes_before_the_bundled_one(
    tmp_path: Path, fake_ffmpeg: FakeFfmpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = fake_ffmpeg("exit 0")
    monkeypatch.setenv("PATH", f"{found.path.parent}:/usr/bin:/bin")
    assert find_ffmpeg().version == "5.0-fake"
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert find_ffmpeg().origin == "wheel"


async def test_an_ffmpeg_that_is_gone_since_the_start_is_missing(
    studio: Studio, bench: Bench, fake_ffmpeg: FakeFfmpeg
) -> None:
    bench = bench.with_tool(fake_ffmpeg("exit 0"))
    plan = await bench.plan(studio.chirp("1.mp3"))
    bench.tool.path.unlink()
    with pytest.raises(PermanentError) as caught:
        await bench.binder.bind(plan, bench.out, bench.workspace, lambda _: None)
    assert caught.value.reason.code == "ffmpeg_missing"


@pytest.mark.parametrize(
    ("script", "code", "transient"),
    [
        ("exit 139", "ffmpeg_crashed", True),
        ("kill -9 $$", "ffmpeg_crashed", True),
        ("echo 'Unknown encoder aac' >&2; exit 1", "ffmpeg_failed", False),
        ("echo 'av_interleaved_write_frame(): No space left on device' >&2; exit 1", "disk_full", True),
    ],
)
async def test_an_encoder_that_fails_has_its_own_name(
    script: str, code: str, transient: bool, studio: Studio, bench: Bench, fake_ffmpeg: FakeFfmpeg
) -> None:
    bench = bench.with_tool(fake_ffmpeg(f'case "$*" in *pipe:0*) {script};; esac\nexec "$REAL" "$@"'))
    error = await refused(bench, studio.chirp("1.mp3"), studio.chirp("2.mp3"))
    assert (error.reason.code, error.transient) == (code, transient)


@pytest.mark.parametrize(
    ("step", "code"), [("*pipe:0*", "ffmpeg_failed"), ("*chapters.txt*", "proof_failed")], ids=["encode", "mux"]
)
async def test_an_output_of_no_bytes_is_noticed_although_ffmpeg_says_all_is_well(
    step: str, code: str, studio: Studio, bench: Bench, fake_ffmpeg: FakeFfmpeg
) -> None:
    empty = 'cat > /dev/null; for last; do :; done; case "$last" in file:*) : > "${last#file:}";; esac; exit 0'
    bench = bench.with_tool(fake_ffmpeg(f'case "$*" in {step}) {empty};; esac\nexec "$REAL" "$@"'))
    error = await refused(bench, studio.chirp("1.mp3"), studio.chirp("2.mp3"))
    assert (error.reason.code, error.transient) == (code, False)


async def test_a_book_that_lost_its_end_in_encoding_is_not_passed(
    studio: Studio, bench: Bench, fake_ffmpeg: FakeFfmpeg
) -> None:
    cheat = 'case "$*" in *chapters.txt*) exec "$REAL" -t 3 "$@";; esac\nexec "$REAL" "$@"'
    bench = bench.with_tool(fake_ffmpeg(cheat))
    error = await refused(bench, studio.chirp("1.mp3"), studio.chirp("2.mp3"))
    assert error.reason.code == "proof_failed"
    assert "decodes to 2.9" in error.reason.message


@pytest.mark.parametrize("script", ["exit 139", "kill -9 $$", "kill -TERM $$"])
async def test_a_crashing_decoder_is_a_crash_and_not_a_corrupt_file(
    script: str, studio: Studio, bench: Bench, fake_ffmpeg: FakeFfmpeg
) -> None:
    bench = bench.with_tool(fake_ffmpeg(f'case "$*" in *2.mp3*) {script};; esac\nexec "$REAL" "$@"'))
    error = await refused(bench, studio.chirp("1.mp3"), studio.chirp("2.mp3"))
    assert isinstance(error, TransientError)
    assert error.reason.code == "ffmpeg_crashed"
    assert "2.mp3" in error.reason.message


@pytest.mark.parametrize("which", ["pipe:0", "2.mp3", "chapters.txt"])
async def test_a_hanging_ffmpeg_is_killed_with_all_its_children(
    which: str,
    studio: Studio,
    bench: Bench,
    fake_ffmpeg: FakeFfmpeg,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Eventually,
) -> None:
    monkeypatch.setattr("earmark.media.encode.MUX_PATIENCE_SECS", 0.5)
    note = fake_ffmpeg.folder / "pids"
    hang = f"trap '' TERM; sleep 600 & echo $! >> '{note}'; wait; sleep 600"
    bench = bench.with_tool(fake_ffmpeg(f'case "$*" in *{which}*) {hang};; esac\nexec "$REAL" "$@"', stall_secs=0.5))
    long = studio.chirp("1.flac", 120.0)  # more than the pipes to a sleeping encoder take
    error = await refused(bench, long, studio.chirp("2.mp3"))
    assert isinstance(error, TransientError)
    assert error.reason.code == "ffmpeg_hung"
    assert len(fake_ffmpeg.pids()) >= 2
    await eventually(lambda: fake_ffmpeg.alive() == [], 5)


def test_error_texts_name_the_file_and_the_last_word_of_ffmpeg() -> None:
    error = failure(1, "a.mp3", ["[in#0 @ 0x55d1] [error] strange header", "[error] Error opening input file a.mp3."])
    assert error.reason.message == "ffmpeg gave up at 'a.mp3' (exit code 1): strange header."
    assert "SIGSEGV" in failure(-11, "a.mp3", []).reason.message
    assert failure(255, "a.mp3", ["Exiting normally, received signal 15."]).transient


async def test_too_little_space_is_told_before_any_work_begins(
    studio: Studio, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earmark.media.bind.shutil.disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    error = await refused(bench, studio.chirp("1.mp3"), studio.chirp("2.mp3"))
    assert (error.reason.code, error.transient, bench.heard) == ("disk_full", True, [])


@pytest.fixture
def small_disk(bench: Bench) -> Iterator[Path]:
    """The workspace on a file system of 8 MiB."""
    with small_disk_at(bench.workspace, "8m") as place:
        yield place


@pytest.mark.parametrize("phase", ["encode", "verify"])
async def test_a_disk_that_fills_up_under_way_is_named_and_nothing_half_is_left(
    phase: str, studio: Studio, bench: Bench, small_disk: Path
) -> None:
    filler = small_disk / "filler"

    def fill(progress: BindProgress) -> None:
        if progress.phase == phase and not filler.exists():
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))

    plan = await bench.plan(studio.chirp("1.flac", 60.0), studio.chirp("2.mp3", 10.0))
    if phase == "verify":  # nothing is written any more but the rename: across file systems that is a copy
        await bench.binder.bind(plan, bench.out, bench.workspace, fill)
        assert bench.out.exists()
        return
    with pytest.raises(TransientError) as caught:
        await bench.binder.bind(plan, bench.out, bench.workspace, fill)
    assert caught.value.reason.code == "disk_full"
    assert not bench.out.exists()
    assert list(small_disk.iterdir()) == [filler]


# --- cancelling, killing, sharing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["encode", "verify"])
async def test_cancelling_ends_every_ffmpeg_within_a_second(
    phase: str, studio: Studio, bench: Bench, fake_ffmpeg: FakeFfmpeg, eventually: Eventually
) -> None:
    slow = 'case "$*" in *bind-*file:*|*pipe:0*) ;; *) exec "$REAL" -re "$@";; esac\nexec "$REAL" "$@"'
    if phase == "verify":
        slow = 'case "$*" in *book.m4b*pipe:1*) exec "$REAL" -re "$@";; esac\nexec "$REAL" "$@"'
    bench = bench.with_tool(fake_ffmpeg(slow))
    plan = await bench.plan(*[studio.chirp(f"{n}.mp3", 10.0) for n in range(3)])
    task = asyncio.create_task(bench.binder.bind(plan, bench.out, bench.workspace, bench.heard.append))
    await eventually(lambda: any(p.phase == phase for p in bench.heard) and bool(fake_ffmpeg.alive()), 15)
    start = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - start < 1.0
    assert fake_ffmpeg.alive() == []
    assert not bench.out.exists()
    assert bench.leftovers(but_segments=phase == "verify") == []


async def test_a_progress_listener_that_fails_stops_the_work(studio: Studio, bench: Bench) -> None:
    def refuse(_: BindProgress) -> None:
        raise RuntimeError("no more")

    plan = await bench.plan(studio.chirp("1.mp3"), studio.chirp("2.mp3"))
    with pytest.raises(RuntimeError, match="no more"):
        await bench.binder.bind(plan, bench.out, bench.workspace, refuse)
    assert bench.leftovers() == []


KILLED = """
import asyncio, sys
from pathlib import Path
from earmark.core.binding import BookTags
from earmark.media import FfmpegBinder, find_ffmpeg, plan_book
async def main(ffmpeg, out, work, *sources):
    binder = FfmpegBinder(find_ffmpeg(Path(ffmpeg)), 1)
    plan = plan_book([await binder.probe(Path(s)) for s in sources], BookTags("A Book"))
    await binder.bind(plan, Path(out), Path(work), lambda p: print(p.phase, flush=True))
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("phase", ["encode", "verify"])
async def test_a_killed_service_leaves_no_half_book_and_no_running_ffmpeg(
    phase: str, studio: Studio, bench: Bench, fake_ffmpeg: FakeFfmpeg, eventually: Eventually
) -> None:
    match = "*pipe:1*" if phase == "encode" else "*book.m4b*pipe:1*"
    tool = fake_ffmpeg(f'case "$*" in {match}) exec "$REAL" -re "$@";; esac\nexec "$REAL" "$@"')
    sources = [studio.chirp(f"{n}.mp3", 10.0) for n in range(2)]
    command = [sys.executable, "-c", KILLED, *map(str, (tool.path, bench.out, bench.workspace, *sources))]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    while (line := service.stdout.readline().strip()) != phase:
        assert line, "the run ended before it was killed"
    os.kill(service.pid, signal.SIGKILL)
    service.wait()
    service.stdout.close()
    assert not bench.out.exists()
    await eventually(lambda: fake_ffmpeg.alive() == [], 10)
    assert not bench.out.exists()
    book = await bench.bind(*sources)
    assert len(book.chapters) == 2
    assert bench.leftovers() == []


@pytest.mark.parametrize("bound", [1, 2])
async def test_no_more_books_are_bound_at_once_than_allowed(
    bound: int, studio: Studio, tool: FfmpegTool, tmp_path: Path
) -> None:
    binder = FfmpegBinder(tool, bound)
    source = studio.chirp("1.mp3", 3.0)
    works = [tmp_path / f"work{n}" for n in range(4)]
    most = 0

    def count(_: BindProgress) -> None:
        nonlocal most
        most = max(most, sum(any(work.glob("bind-*")) for work in works))

    plan = plan_book([await binder.probe(source)], BookTags("x"))
    await asyncio.gather(*[binder.bind(plan, tmp_path / f"{w.name}.m4b", w, count) for w in works])
    assert most == bound


async def test_the_book_appears_whole_even_across_file_systems(
    studio: Studio, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace

    def refuse(source: object, target: object) -> None:
        raise OSError(errno.EXDEV, "other file system")

    monkeypatch.setattr("earmark.media.files.os.replace", refuse)
    monkeypatch.setattr(Path, "replace", lambda self, target: real(self, target))
    book = await bench.bind(studio.chirp("1.mp3"))
    assert book.path == bench.out
    assert bench.leftovers() == []
