"""Tags of finished books in every container: whole, clean, and without touching the sound."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media_bench import Studio, ffmpeg

from earmark.core.binding import BookTags, Chapter
from earmark.core.reasons import PermanentError
from earmark.core.release import SeriesRef
from earmark.core.tagging import presentable
from earmark.media.tags import fields_of, has_cover, joined, read_chapters, read_cover, read_tags, tags_of, write_tags

CONTAINERS = ["m4b", "mp3", "flac", "ogg", "opus"]

FULL = BookTags(
    title="Moby Dick; or, The Whale = #1 🐳",
    authors=("Herman Melville", "Another Hand"),
    narrators=("Ann Reader", "Bob Voice"),
    subtitle="A Voyage",
    series="Whales",
    series_index="2.5",
    year=1851,
    publisher="Harper & Bros / London",
    description='Call me Ishmael.\n\nSome years ago – "never" mind how long … 🐋',
    language="en",
    genres=("Fiction", "Sea & Ships"),
    asin="B000000000",
    isbn="9780000000000",
    abridged=False,
    more_series=(SeriesRef("Seas", "1a"), SeriesRef("Loose")),
)

MARKS = (Chapter("One = 1; #", 0.0, 0.5), Chapter("愛 🐳", 0.5, 1.25), Chapter("Three", 1.25, 2.0))


@pytest.fixture(params=CONTAINERS)
def book(request: pytest.FixtureRequest, studio: Studio) -> Path:
    return studio.chirp(f"book.{request.param}", 2.0)


@pytest.fixture
def cover(tmp_path: Path) -> Path:
    path = tmp_path / "cover.jpg"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=300x300", "-frames:v", "1", str(path))
    return path


def sound(path: Path) -> str:
    """A hash over the packets of the audio stream."""
    packets = ffmpeg("-i", str(path), "-map", "0:a", "-c", "copy", "-f", "streamhash", "-hash", "md5", "-")
    return hashlib.sha1(packets).hexdigest()


def decoded_sound(path: Path) -> bytes:
    return ffmpeg("-i", str(path), "-map", "0:a", "-f", "md5", "-")


def seen_by_ffprobe(path: Path) -> dict[str, str]:
    """What Audiobookshelf is told: its keys compare without case, and Ogg keeps tags with the stream."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", str(path)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    audio = next(s for s in told["streams"] if s["codec_type"] == "audio")
    tags = told["format"].get("tags") or audio.get("tags", {})
    return {k.casefold(): v for k, v in tags.items()}


def test_every_field_and_the_cover_read_back(book: Path, cover: Path) -> None:
    before = sound(book)
    write_tags(book, FULL, cover)
    assert read_tags(book) == FULL
    assert read_cover(book) == cover.read_bytes()
    assert sound(book) == before


def test_audiobookshelf_finds_each_field_under_the_key_it_looks_for(book: Path, cover: Path) -> None:
    write_tags(book, FULL, cover)
    told = seen_by_ffprobe(book)
    assert told["album"] == FULL.title
    assert told["artist"] == "Herman Melville, Another Hand"
    assert told["composer"] == "Ann Reader, Bob Voice"
    assert (told["series"], told["series-part"]) == ("Whales", "2.5")
    assert told["grouping"] == "Whales #2.5; Seas #1a; Loose"
    assert (told["asin"], told["isbn"], told["language"]) == (FULL.asin, FULL.isbn, "en")
    assert told.get("subtitle", told.get("tit3")) == "A Voyage"
    assert told["publisher"] == FULL.publisher
    assert told["date"] == "1851"
    assert told.get("description") or told["comment"] == FULL.description
    assert [g.strip() for g in told["genre"].split(";")] == ["Fiction", "Sea & Ships"]


def marks_in(path: Path) -> list[tuple[float, str]]:
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_chapters", str(path)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return [(float(c["start_time"]), c["tags"]["title"]) for c in told["chapters"]]


@pytest.mark.parametrize("container", ["mp3", "flac", "ogg", "opus"])
def test_chapter_marks_given_are_read_by_ffmpeg_and_stay_when_tags_change(
    studio: Studio, container: str, cover: Path
) -> None:
    book = studio.chirp(f"b.{container}", 2.0)
    write_tags(book, FULL, cover, chapters=MARKS)
    write_tags(book, BookTags("Other"))
    assert [title for _, title in marks_in(book)] == [c.title for c in MARKS]
    assert [start for start, _ in marks_in(book)] == pytest.approx([c.start_secs for c in MARKS], abs=0.001)
    if container != "flac":  # mutagen's view of a FLAC's comments is the probe's business
        assert [c.title for c in read_chapters(book)] == [c.title for c in MARKS]
    assert read_tags(book) == BookTags("Other")
    assert not has_cover(book)


def test_the_marks_and_the_sound_of_an_m4b_stay_as_ffmpeg_wrote_them(studio: Studio, cover: Path) -> None:
    plain, listing, book = studio.chirp("1.m4a", 4.0), studio.folder / "marks.txt", studio.folder / "book.m4b"
    blocks = [f"[CHAPTER]\nTIMEBASE=1/10\nSTART={n}\nEND={n + 1}\ntitle=Mark {n}\n" for n in range(40)]
    listing.write_text(";FFMETADATA1\n" + "".join(blocks))
    mux = ["-i", str(plain), "-f", "ffmetadata", "-i", str(listing), "-map", "0:a", "-map_chapters", "1"]
    ffmpeg(*mux, "-c", "copy", "-movflags", "+faststart", "-f", "ipod", str(book))
    before, marks, decoded = sound(book), marks_in(book), decoded_sound(book)
    write_tags(book, replace(FULL, description="x" * 40_000), cover)
    assert (sound(book), marks_in(book)) == (before, marks)
    write_tags(book, BookTags("x"))
    assert (sound(book), decoded_sound(book)) == (before, decoded)
    assert len(marks_in(book)) == 40


def test_an_mp3_can_carry_more_marks_than_one_table_of_contents(studio: Studio) -> None:
    book = studio.chirp("long.mp3", 2.0)
    marks = [Chapter(f"Mark {n}", n / 500, (n + 1) / 500) for n in range(600)]
    write_tags(book, FULL, chapters=marks)
    assert [c.title for c in read_chapters(book)] == [c.title for c in marks]
    assert [title for _, title in marks_in(book)] == [c.title for c in marks]


def test_hostile_text_is_written_as_the_clean_text_it_reads_back_as(book: Path) -> None:
    hostile = BookTags(
        title="a\x00b\r\nc\u2028d\ud800",
        authors=("x\x00y", "", "x y", "Doe, Jane", "; rm -rf"),
        narrators=("\x1b[31m",),
        series="S\n",
        series_index=" #2.5\x00",
        year=123456,
        description="one\r\ntwo\x00\x07" + "🐋" * 60_000,
        genres=("a;b", "A;B", "c\x00"),
        more_series=(SeriesRef("Q;r #9", "1;2"),),
    )
    write_tags(book, hostile)
    assert read_tags(book) == presentable(hostile)


def test_nothing_of_the_old_tags_is_left(book: Path, cover: Path) -> None:
    write_tags(book, FULL, cover)
    write_tags(book, BookTags("Bare"))
    assert read_tags(book) == BookTags("Bare")
    assert not has_cover(book)


def test_the_name_of_a_file_does_not_decide_how_it_is_tagged(studio: Studio) -> None:
    book = studio.chirp("book.opus").rename(studio.folder / "book.mp3")
    write_tags(book, FULL)
    assert read_tags(book) == FULL


def test_an_m4b_says_that_it_is_an_audiobook_without_gaps(studio: Studio) -> None:
    from mutagen.mp4 import MP4

    book = studio.chirp("b.m4b")
    write_tags(book, replace(FULL, series_index="3"))
    tags = MP4(book).tags
    assert (tags["stik"], tags["pgap"], tags["shwm"], tags["\xa9mvi"]) == ([2], True, [1], [3])
    assert (tags["\xa9mvn"], tags["\xa9nrt"]) == (["Whales"], ["Ann Reader, Bob Voice"])


def test_an_m4bs_own_note_of_its_padding_is_kept(studio: Studio) -> None:
    from mutagen.mp4 import MP4

    book, key, note = studio.chirp("b.m4b"), "----:com.apple.iTunes:iTunSMPB", b" 00000000 00000840 000001CA"
    audio = MP4(book)
    audio[key] = [note]
    audio.save()
    write_tags(book, FULL)
    assert bytes(MP4(book)[key][0]) == note
    assert read_tags(book) == FULL


@pytest.mark.parametrize("name", ["sound.wav", "sound.wma"])
def test_a_container_without_place_for_tags_is_refused_by_name(studio: Studio, name: str) -> None:
    with pytest.raises(PermanentError) as caught:
        write_tags(studio.chirp(name), FULL)
    assert caught.value.reason.code == "tags_unsupported"
    assert name in caught.value.reason.message


def test_a_cover_that_is_no_picture_is_refused(studio: Studio, tmp_path: Path) -> None:
    junk = tmp_path / "cover.jpg"
    junk.write_bytes(b"<html>")
    with pytest.raises(PermanentError) as caught:
        write_tags(studio.chirp("b.mp3"), FULL, junk)
    assert caught.value.reason.code == "tags_failed"


def test_people_are_joined_as_they_are_written() -> None:
    assert joined(["A,B", "Martin Luther King, Jr.", "A"]) == "A, B, Martin Luther King Jr."


TEXT = st.text(max_size=20) | st.sampled_from(["#2", "a;b", "x #1; y", "a, b", "Jr", "17", "(4)", "\ud800", "🐳"])
TAGS = st.builds(
    BookTags,
    title=TEXT,
    authors=st.lists(TEXT, max_size=3).map(tuple),
    series=TEXT,
    series_index=TEXT,
    year=st.integers(-5, 20_000),
    description=TEXT,
    genres=st.lists(TEXT, max_size=3).map(tuple),
    abridged=st.sampled_from([None, True, False]),
    more_series=st.lists(st.builds(SeriesRef, TEXT, TEXT), max_size=3).map(tuple),
)


@given(TAGS)
def test_whatever_the_tags_their_fields_read_back_clean(tags: BookTags) -> None:
    assert tags_of(fields_of(tags)) == presentable(tags)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tags=TAGS)
def test_whatever_the_tags_the_file_reads_back_clean(book: Path, tags: BookTags) -> None:
    write_tags(book, tags)
    assert read_tags(book) == presentable(tags)
