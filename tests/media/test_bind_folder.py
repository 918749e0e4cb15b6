"""Any folder becomes a book without a service: what it is called, where it goes, what is left behind, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from media_bench import Bench, Studio

from earmark.core.binding import BindProfile
from earmark.core.reasons import PermanentError
from earmark.media import FfmpegTool, read_tags
from earmark.media.bind import FfmpegBinder
from earmark.media.segments import SEGMENTS_PREFIX
from earmark.media.timeline import Cut
from earmark.pipeline.bindfolder import FolderJob, bind_folder, plan_folder


async def bound(bench: Bench, job: FolderJob) -> Path:
    planned = await plan_folder(bench.binder, job)
    return (await bind_folder(bench.binder, job, planned, lambda _: None)).path


def earmark(*args: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("EARMARK_")} | {"EARMARK_DATA_DIR": str(cwd / "d")}
    command = [sys.executable, "-m", "earmark", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=own, check=False)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    return folder


async def test_the_book_alone_is_there_when_all_went_well(
    studio: Studio, bench: Bench, shelf: Path, fingerprint: Callable[[Path], object]
) -> None:
    for number in (1, 2, 10):
        studio.chirp(f"CD{number}/Track {number}.mp3")
    before = fingerprint(studio.folder)
    out = await bound(bench, FolderJob(studio.folder, shelf))
    assert list(shelf.iterdir()) == [out]
    assert fingerprint(studio.folder) == before


async def test_damage_leaves_nothing_behind(studio: Studio, bench: Bench, shelf: Path) -> None:
    studio.chirp("1.mp3")
    cut = studio.chirp("2.flac", 20.0)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    with pytest.raises(PermanentError) as caught:
        await bound(bench, FolderJob(studio.folder, shelf))
    assert caught.value.reason.code == "source_corrupt"
    assert list(shelf.iterdir()) == []


async def test_what_was_encoded_stays_for_the_next_run(
    studio: Studio, tool: FfmpegTool, shelf: Path, eventually: Callable[..., object]
) -> None:
    for number in range(1, 4):
        studio.chirp(f"{number}.mp3", 30.0)
    binder = FfmpegBinder(tool, cut=Cut(piece=128, pieces_a_segment=2))
    job = FolderJob(studio.folder, shelf)
    planned = await plan_folder(binder, job)
    task = asyncio.create_task(bind_folder(binder, job, planned, lambda _: None))
    await eventually(lambda: any(planned.work.glob(f"parts/{SEGMENTS_PREFIX}*/*.aac")), 30.0)  # type: ignore[misc]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [p.name for p in shelf.iterdir()] == [planned.work.name]
    await bind_folder(binder, job, planned, lambda _: None)
    assert list(shelf.iterdir()) == [planned.out]


async def test_a_book_that_is_there_is_planned_for_but_not_touched(studio: Studio, bench: Bench, shelf: Path) -> None:
    studio.chirp("1.mp3")
    studio.chirp("2.mp3")
    there = shelf / "book.m4b"
    there.write_text("mine")
    job = FolderJob(studio.folder, there)
    planned = await plan_folder(bench.binder, job)
    with pytest.raises(PermanentError) as caught:
        await bind_folder(bench.binder, job, planned, lambda _: None)
    assert caught.value.reason.code == "output_exists"
    assert there.read_text() == "mine"
    assert await bound(bench, replace(job, overwrite=True)) == there
    assert there.stat().st_size > 1000
    assert list(shelf.iterdir()) == [there]


async def test_a_place_that_cannot_be_written_to_is_named(studio: Studio, bench: Bench, shelf: Path) -> None:
    studio.chirp("1.mp3")
    (shelf / "file").write_text("no folder")
    with pytest.raises(PermanentError) as caught:
        await bound(bench, FolderJob(studio.folder, shelf / "file" / "book.m4b"))
    assert caught.value.reason.code == "output_unwritable"


async def test_a_codec_this_ffmpeg_lacks_is_told_with_the_plan(studio: Studio, bench: Bench, shelf: Path) -> None:
    studio.chirp("1.mp3")
    listing = subprocess.run([bench.tool.path, "-v", "error", "-encoders"], capture_output=True, check=True).stdout
    if b"libfdk_aac" in listing:
        pytest.skip("this ffmpeg has every encoder")
    with pytest.raises(PermanentError) as caught:
        await plan_folder(bench.binder, FolderJob(studio.folder, shelf, profile=BindProfile("he-aac")))
    assert caught.value.reason.code == "codec_unavailable"


async def test_documents_are_told_to_stay_where_they_are(studio: Studio, bench: Bench, shelf: Path) -> None:
    book = studio.chirp("1.mp3")
    book.with_name("booklet.pdf").write_bytes(b"%PDF-1.4")
    planned = await plan_folder(bench.binder, FolderJob(studio.folder, shelf))
    assert planned.notes == ("stays where it is: booklet.pdf",)


@pytest.mark.parametrize("codec", ["aac", "opus", "mp3"])
async def test_no_name_is_too_odd(codec: str, studio: Studio, bench: Bench, shelf: Path) -> None:
    for name in (
        b"1 %03d 'q' \\ [bold]x.mp3",
        b"2 line\nfeed.mp3",
        b"3 K\xe4pitel \xff.mp3",
        b"concat:4.mp3",
        b"-5.mp3",
    ):
        studio.chirp("plain.mp3").rename(studio.folder / os.fsdecode(name))
    job = FolderJob(studio.folder, shelf, order="names", profile=BindProfile(codec))  # type: ignore[arg-type]
    out = await bound(bench, job)
    assert (await bench.binder.probe(out)).duration_secs == pytest.approx(10.0, abs=0.3)


async def test_a_single_m4b_stays_as_it_is_unless_tags_are_given(studio: Studio, bench: Bench, shelf: Path) -> None:
    book = studio.chirp("book.m4b", title="Old")
    kept = await bound(bench, FolderJob(book, shelf / "kept.m4b"))
    assert kept.read_bytes() == book.read_bytes()
    retagged = await bound(bench, FolderJob(book, shelf / "new.m4b", tags={"title": "New", "author": "Somebody"}))
    assert (read_tags(retagged).title, read_tags(retagged).authors) == ("New", ("Somebody",))
    assert (await bench.binder.probe(retagged)).codec == "aac"
    assert (await bench.binder.probe(book)).tags["title"] == "Old"


async def test_links_are_told_to_be_left_out(studio: Studio, bench: Bench, shelf: Path) -> None:
    (shelf / "1.mp3").symlink_to(studio.chirp("1.mp3"))
    with pytest.raises(PermanentError, match="links, which are left out"):
        await plan_folder(bench.binder, FolderJob(shelf))


def test_no_name_reaches_the_terminal_as_a_command(studio: Studio, shelf: Path) -> None:
    studio.chirp("plain.mp3").rename(studio.folder / os.fsdecode(b"1 \x1b[31m\xff\x07.mp3"))
    told = earmark("bind", studio.folder, "-o", shelf, "--plan", cwd=shelf.parent)
    assert told.returncode == 0
    assert "\x1b" not in told.stdout
    assert "1 \ufffd[31m" in told.stdout


def test_doubt_ends_with_three_and_an_order_settles_it(studio: Studio, shelf: Path) -> None:
    for number in (1, 2, 3):
        studio.chirp(f"0{number}.mp3", track=str(4 - number))
    asked = earmark("bind", studio.folder, "-o", shelf, "--json", cwd=shelf.parent)
    assert (asked.returncode, list(shelf.iterdir())) == (3, [])
    assert {o["by"]: o["files"] for o in json.loads(asked.stdout)["orders"]} == {
        "names": ["01.mp3", "02.mp3", "03.mp3"],
        "tags": ["03.mp3", "02.mp3", "01.mp3"],
    }
    settled = earmark("bind", studio.folder, "-o", shelf, "--json", "--order", "tags", cwd=shelf.parent)
    assert settled.returncode == 0
    book = json.loads(settled.stdout)
    assert [Path(p).name for p in book["order"]] == ["03.mp3", "02.mp3", "01.mp3"]
    verified = earmark("verify", book["out"], cwd=shelf.parent)
    assert verified.returncode == 0


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["bind", "nowhere"], 1, "nowhere"),
        (["bind", ".", "--order", "moon"], 2, "names, tags, folders, playlist"),
        (["bind", ".", "--codec", "flac"], 2, "aac, he-aac, opus, mp3"),
        (["bind", ".", "--bitrate", "4"], 2, "8 to 512"),
        (["bind", "."], 1, "holds no audio files"),
        (["verify", "nowhere.m4b"], 1, "nowhere.m4b"),
    ],
    ids=["missing", "order", "codec", "bitrate", "empty", "verify"],
)
def test_what_is_wrong_with_a_command_is_said_in_words(args: list[str], code: int, told: str, shelf: Path) -> None:
    ended = earmark(*args, cwd=shelf)
    assert ended.returncode == code
    assert told in " ".join(ended.stderr.split())
    assert "unforeseen" not in ended.stderr
