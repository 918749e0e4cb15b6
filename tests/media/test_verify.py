"""A finished book is looked through, whoever made it; what is wrong with it is an answer."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from media_bench import REAL, FakeFfmpeg, Studio, ffmpeg

from earmark.core.binding import BookTags, Chapter
from earmark.core.reasons import TransientError
from earmark.media import probe, write_tags
from earmark.media.encode import mux_book
from earmark.media.verify import as_json, chapter_problems, verify_file

TAGS = BookTags("A Book", ("An Author",), ("A Narrator",), series="A Series", series_index="1.5", year=1851)


async def finished(home: Path, source: Path, marks: list[Chapter]) -> Path:
    """A tagged M4B with these chapters and a cover."""
    cover, book = home / "cover.jpg", home / "book.m4b"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=300x300", "-frames:v", "1", str(cover))
    await mux_book(REAL, source, marks, book, home / "list.txt")
    write_tags(book, TAGS, cover)
    return book


def halves(secs: float) -> list[Chapter]:
    return [Chapter("One", 0, secs / 2), Chapter("Two", secs / 2, secs)]


async def test_a_good_book_is_whole_and_says_all_it_is(studio: Studio, tmp_path: Path) -> None:
    book = await finished(tmp_path, studio.chirp("a.m4a", 6.0), halves(6.0))
    report = await verify_file(REAL, book)
    assert report.ok
    assert (report.problems, report.notes, report.faults) == ((), (), ())
    assert (report.codec, report.sample_rate, report.channels, report.has_cover) == ("aac", 44100, 1, True)
    assert report.decoded_secs == pytest.approx(6.0, abs=0.03)
    assert report.claimed_secs == pytest.approx(6.0, abs=0.03)
    assert report.tags == TAGS
    told = json.loads(json.dumps(as_json(report)))
    assert told["ok"] is True
    assert [c["title"] for c in told["chapters"]] == ["One", "Two"]
    assert told["tags"]["series_index"] == "1.5"


@pytest.mark.parametrize("suffix", ["mp3", "opus", "flac", "ogg", "m4a"])
async def test_what_a_book_lacks_is_noted_and_no_fault(suffix: str, studio: Studio) -> None:
    report = await verify_file(REAL, studio.chirp(f"bare.{suffix}", 4.0))
    assert report.ok
    assert report.decoded_secs == pytest.approx(4.0, abs=0.1)
    assert {r.code for r in report.notes} == {"tag_missing", "cover_missing", "chapters_missing"}


@pytest.mark.parametrize("suffix", ["m4b", "mp3", "opus"])
async def test_every_damaged_place_is_named_by_its_second(suffix: str, studio: Studio) -> None:
    book = studio.chirp(f"book.{suffix}", 30.0)
    data = bytearray(book.read_bytes())
    for third in (1, 2):
        at = len(data) * third // 3
        data[at : at + 2500] = random.Random(third).randbytes(2500)
    book.write_bytes(data)
    report = await verify_file(REAL, book)
    assert [r.code for r in report.problems] == ["source_corrupt"]
    seconds = [fault.second for fault in report.faults]
    for expected in (10, 20):
        assert min(abs(second - expected) for second in seconds) < 2
    assert report.decoded_secs is not None
    assert 25 < report.decoded_secs < 31


@pytest.mark.parametrize("suffix", ["m4b", "m4a", "mp3", "opus", "flac"])
async def test_a_truncated_book_is_unsound(suffix: str, studio: Studio, tmp_path: Path) -> None:
    book = studio.chirp(f"book.{suffix}", 20.0)
    if suffix == "m4b":  # one whose index stands first: it still opens
        book = await finished(tmp_path, studio.chirp("a.m4a", 20.0), halves(20.0))
    book.write_bytes(book.read_bytes()[: book.stat().st_size * 6 // 10])
    report = await verify_file(REAL, book)
    assert not report.ok
    assert report.problems[0].code == "source_corrupt"


async def test_empty_missing_and_foreign_files_are_answers_too(tmp_path: Path) -> None:
    empty, foreign = tmp_path / "empty.m4b", tmp_path / "text.m4b"
    empty.touch()
    foreign.write_text("no audio at all\n" * 100)
    codes = [(await verify_file(REAL, p)).problems[0].code for p in (empty, foreign, tmp_path / "gone.m4b")]
    assert codes == ["not_audio", "not_audio", "file_missing"]


async def test_an_ffmpeg_that_dies_is_no_judgement(studio: Studio, fake_ffmpeg: FakeFfmpeg) -> None:
    book = studio.chirp("a.m4a")
    assert (await probe(book, REAL)).codec == "aac"
    with pytest.raises(TransientError):
        await verify_file(fake_ffmpeg("kill -SEGV $$"), book)


async def test_chapters_that_end_long_before_the_sound_are_a_problem(studio: Studio, tmp_path: Path) -> None:
    book = await finished(tmp_path, studio.chirp("a.m4a", 6.0), halves(3.0))
    report = await verify_file(REAL, book)
    # A container may stretch the last chapter to the end; then nothing is wrong.
    assert report.chapters[-1].end_secs == pytest.approx(3.0, abs=0.1)
    assert [r.code for r in report.problems] == ["chapters_end_elsewhere"]


@pytest.mark.parametrize(
    ("marks", "codes"),
    [
        pytest.param([(0, 50), (50, 100)], [], id="right"),
        pytest.param([], [], id="none"),
        pytest.param([(0, 50), (0, 50), (50, 100)], ["chapters_disordered"], id="twice the same start"),
        pytest.param([(50, 100), (0, 50)], ["chapters_disordered", "chapters_end_elsewhere"], id="backwards"),
        pytest.param([(0, 120), (120, 121)], ["chapter_outside", "chapters_end_elsewhere"], id="after the end"),
        pytest.param([(0, 50), (50, 50), (50.2, 100)], ["chapter_empty"], id="empty"),
        pytest.param([(0, 0.01), (0.01, 100)], [], id="short"),
        pytest.param([(0, 50), (50, 98)], ["chapters_end_elsewhere"], id="ends early"),
    ],
)
def test_chapter_lists_are_judged(marks: list[tuple[float, float]], codes: list[str]) -> None:
    chapters = [Chapter(f"C{n}", a, b) for n, (a, b) in enumerate(marks)]
    assert [r.code for r in chapter_problems("book.m4b", chapters, 100.0)] == codes
