"""What lies beside a book: CUE sheets, playlists, Overdrive's marks and documents, all of them written by strangers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_bench import Bench, Studio
from mutagen.id3 import ID3, TXXX

from earmark.core.binding import BookTags
from earmark.media.companions import read_companions
from earmark.media.cue import parse_cue
from earmark.media.overdrive import merged, parse_markers
from earmark.media.plan import book_chapters, plan_book
from earmark.media.playlists import Shelfmarks, decode_sheet, parse_m3u, parse_pls

SHEET = """\ufeffREM GENRE Speech
PERFORMER "Herman Melville"
TITLE "Moby Dick"
FILE "Moby Dick.wav" WAVE
  TRACK 01 AUDIO
    TITLE "Loomings"
    INDEX 01 00:00:00
  TRACK 02 AUDIO
    TITLE "The Carpet-Bag"
    INDEX 00 09:58:00
    INDEX 01 10:00:37
  TRACK 03 AUDIO
    TITLE Inn
    INDEX 01 125:30:74
"""


def test_a_sheet_gives_the_start_of_each_track_not_its_pause() -> None:
    (file,) = parse_cue(SHEET)
    assert file.name == "Moby Dick.wav"
    assert file.marks == ((0.0, "Loomings"), (600 + 37 / 75, "The Carpet-Bag"), (7530 + 74 / 75, "Inn"))


def test_a_pause_in_the_file_before_leaves_the_track_in_its_own() -> None:
    first, second = parse_cue(
        'FILE "a.wav" WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:00\nTRACK 02 AUDIO\nTITLE "B"\nINDEX 00 05:00:00\n'
        'FILE "b.wav" WAVE\nINDEX 01 00:00:00\n'
    )
    assert (first.marks, second.marks) == (((0.0, ""),), ((0.0, "B"),))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('FILE "a b.wav" WAVE', "a b.wav"),
        ("FILE a b.mp3 MP3", "a b.mp3"),
        ('FILE "a "quoted" b.flac" WAVE', 'a "quoted" b.flac'),
        ("FILE plain.m4b", "plain.m4b"),
    ],
)
def test_file_names_are_read_as_sheets_write_them(line: str, name: str) -> None:
    assert parse_cue(f"{line}\nTRACK 01 AUDIO\nINDEX 01 00:00:00")[0].name == name


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_sheets_are_read_in_any_encoding(encoding: str) -> None:
    assert "Épilogue" in decode_sheet("FILE Épilogue".encode(encoding))


@settings(deadline=None)  # a busy machine is no failure
@given(st.binary(max_size=300))
def test_any_bytes_are_a_sheet_of_some_kind(data: bytes) -> None:
    text = decode_sheet(data)
    parse_cue(text)
    parse_m3u(text)
    parse_pls(text)
    parse_markers(text)


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(alphabet='FILETRACKINDX 019:"\n', max_size=400))
def test_marks_of_any_sheet_rise(text: str) -> None:
    for file in parse_cue(text):
        starts = [start for start, _ in file.marks]
        assert starts == sorted(set(starts))


def test_playlists_name_files_in_their_order() -> None:
    assert parse_m3u("\ufeff#EXTM3U\n#EXTINF:12,x\nb.mp3\r\n\n..\\CD1\\a.mp3\n") == ["b.mp3", "..\\CD1\\a.mp3"]
    assert parse_pls("[playlist]\nFile2=a.mp3\nTitle2=x\nFile1=b.mp3\nNumberOfEntries=2") == ["b.mp3", "a.mp3"]


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("a.mp3", "/book/CD1/a.mp3"),
        ("A.MP3", "/book/CD1/a.mp3"),
        ("a.wav", "/book/CD1/a.mp3"),
        ("CD2/b.mp3", "/book/CD2/b.mp3"),
        ("C:\\Users\\me\\book\\CD2\\b.mp3", "/book/CD2/b.mp3"),
        ("file:///old/place/CD1/b.mp3", "/book/CD1/b.mp3"),
        ("../../../etc/passwd", None),
        ("b.mp3", "/book/CD1/b.mp3"),
        ("", None),
        ("/", None),
    ],
)
def test_an_entry_means_only_a_file_that_is_there(entry: str, found: str | None) -> None:
    files = [Path("/book/CD1/a.mp3"), Path("/book/CD1/b.mp3"), Path("/book/CD2/b.mp3")]
    assert Shelfmarks(files).find(entry, Path("/book/CD1")) == (Path(found) if found else None)


def test_overdrive_marks_are_read_though_the_names_break_the_xml() -> None:
    text = (
        "<Markers><Marker><Name>  Salt &amp; Sea</Name><Time>0:00.000</Time></Marker>"
        "<Marker><Name>Tom & Jerry</Name><Time>12:34.500</Time></Marker>"
        "<Marker><Name>Late</Name><Time>1:02:03.250</Time></Marker><Marker><Name>Bad</Name><Time>1:.:2</Time></Marker>"
    )
    assert parse_markers(text) == ((0.0, "Salt & Sea"), (754.5, "Tom & Jerry"), (3723.25, "Late"))


def test_a_chapter_said_again_is_one_chapter() -> None:
    files = [
        [(0.0, "Chapter 1"), (302.0, "Chapter 1 (05:02)"), (900.0, "Chapter 2")],
        [(0.0, "Chapter 2 (continued)"), (400.0, "Chapter 3")],
        [(0.0, "Chapter 3 - cont'd"), (1.0, "Chapter 3 (1:12:33)"), (50.0, "End Credits")],
    ]
    assert merged(files) == [
        [(0.0, "Chapter 1"), (900.0, "Chapter 2")],
        [(400.0, "Chapter 3")],
        [(50.0, "End Credits")],
    ]


def book(tmp_path: Path, *names: str) -> list[Path]:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return [tmp_path / name for name in names]


def test_a_sheet_belongs_to_the_file_it_names_or_is_named_like(tmp_path: Path) -> None:
    files = book(tmp_path, "Moby Dick.mp3", "Other.mp3")
    (tmp_path / "sheet.cue").write_bytes(SHEET.encode("utf-16"))
    (tmp_path / "Other.cue").write_text(SHEET.replace("Moby Dick.wav", "image.bin"), "utf-8")
    found = {sheet.path.name: [f.name for f, _ in sheet.files] for sheet in read_companions(tmp_path, files).cues}
    assert found == {"sheet.cue": ["Moby Dick.mp3"], "Other.cue": ["Other.mp3"]}


def test_documents_are_listed_and_audio_hidden_files_and_links_are_not(tmp_path: Path) -> None:
    files = book(tmp_path, "a.mp3")
    kept = book(tmp_path, "book.pdf", "info.nfo", "extras/map.jpg")
    book(tmp_path, ".hidden.pdf", "tool.exe", ".git/x.pdf")
    (tmp_path / "secret.pdf").symlink_to("/etc/passwd")
    assert sorted(read_companions(tmp_path, files).documents) == sorted(kept)


def test_only_listed_files_are_companions_when_a_list_is_given(tmp_path: Path) -> None:
    files = book(tmp_path, "a.mp3")
    mine, _ = book(tmp_path, "a.pdf", "someone elses.pdf")
    assert read_companions(tmp_path, files, listed=[*files, mine]).documents == (mine,)


def test_a_sheet_that_cannot_be_read_is_a_note(tmp_path: Path) -> None:
    files = book(tmp_path, "a.mp3")
    (tmp_path / "huge.cue").write_bytes(b"FILE " * 300_000)
    (tmp_path / "a.m3u").write_text("nowhere.mp3")
    found = read_companions(tmp_path, files)
    assert (found.cues, found.playlists) == ((), ())
    assert "huge.cue" in found.notes[0]


def test_a_sheet_that_may_not_be_read_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = book(tmp_path, "a.mp3", "b.cue")
    opened = Path.open

    def forbid(path: Path, *args: Any, **named: Any) -> Any:
        if path.name == "b.cue":  # root may read whatever its mode says
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **named)

    monkeypatch.setattr(Path, "open", forbid)
    assert "b.cue" in read_companions(tmp_path, files[:1]).notes[0]


def test_a_folder_that_is_not_there_has_no_companions(tmp_path: Path) -> None:
    assert read_companions(tmp_path / "gone", []).documents == ()


async def test_marks_in_the_tags_of_real_files_arrive_in_the_chapters(studio: Studio, bench: Bench) -> None:
    one, two = studio.chirp("Book-Part01.mp3", 3.0), studio.chirp("Book-Part02.mp3", 2.0)
    for path, marks in ((one, "<Name>Ch. 1</Name><Time>0:00.000</Time><Name>Ch. 2</Name><Time>0:01.500</Time>"),
                        (two, "<Name>Ch. 2 (0:01)</Name><Time>0:00.000</Time><Name>End</Name><Time>0:01.000</Time>")):  # fmt: skip
        tags = ID3(path)
        tags.add(TXXX(encoding=3, desc="OverDrive MediaMarkers", text=[f"<Markers>{marks}</Markers>"]))
        tags.save(path)
    found = book_chapters(await bench.plan(two, one), [3.0, 2.0]).chosen
    assert (found.source, [(c.title, c.start_secs) for c in found.chapters]) == (
        "overdrive",
        [("Ch. 1", 0.0), ("Ch. 2", 1.5), ("End", 4.0)],
    )


async def test_a_sheet_in_a_flac_and_one_beside_an_mp3_give_chapters(studio: Studio, bench: Bench) -> None:
    sheet = (
        'FILE "x.wav" WAVE\nTRACK 01 AUDIO\nTITLE "Été"\nINDEX 01 0:00:00\nTRACK 02 AUDIO\nTITLE "B"\nINDEX 01 0:01:37'
    )
    flac = studio.chirp("inside.flac", cuesheet=sheet)
    expected = [("Été", 0.0), ("B", 1 + 37 / 75)]
    inside = book_chapters(await bench.plan(flac), [2.0]).chosen
    assert [(c.title, c.start_secs) for c in inside.chapters] == expected
    mp3 = studio.chirp("beside/x.mp3")
    mp3.with_suffix(".cue").write_bytes(sheet.encode("cp1252"))
    plan = plan_book(await bench.probe(mp3), BookTags("A Book"), companions=read_companions(mp3.parent, [mp3]))
    assert [(c.title, c.start_secs) for c in book_chapters(plan, [2.0]).chosen.chapters] == expected
