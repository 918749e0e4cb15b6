"""Reading e-books: what they are by their bytes, what they say, their covers, and that damaged or locked ones are named."""

from __future__ import annotations

import asyncio
import os
import struct
from pathlib import Path

import pytest
from ebook_makers import COVER, a_book, cbz, epub, mobi, pdf, zipped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.media.ebooks import EbookCorrupt, read_ebook
from earmark.media.ebooks.faults import Unreadable, isbn_in, language_in, year_in
from earmark.media.ebooks.reading import UnknownFormat, read, sniff

FULL = {
    "year": 1895, "publisher": "Heinemann", "isbn": "9780141439976", "description": "A traveller & the years.",
    "subjects": ("Science Fiction", "Classics"), "series": ("Scientific Romances", "1.5"),
}  # fmt: skip


def written(tmp_path: Path, name: str, data: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def problem(tmp_path: Path, data: bytes, name: str = "book.epub") -> str:
    with pytest.raises(Unreadable) as caught:
        read(written(tmp_path, name, data))
    return str(caught.value)


@pytest.mark.parametrize("version", [2, 3])
def test_an_epub_of_either_version_tells_all_it_knows(tmp_path: Path, version: int) -> None:
    facts, cover = read(written(tmp_path, "b.epub", epub(a_book(**FULL), version)))
    assert (facts.format, facts.parts, facts.title, facts.authors) == ("epub", 2, "The Time Machine", ("H. G. Wells",))
    assert (facts.series, facts.series_index, facts.year) == ("Scientific Romances", "1.5", 1895)
    assert (facts.publisher, facts.isbn, facts.language) == ("Heinemann", "9780141439976", "en")
    assert (facts.description, facts.genres) == ("A traveller & the years.", ("Science Fiction", "Classics"))
    assert cover is not None and cover.data == COVER and cover.suffix == "jpg"


@pytest.mark.parametrize(("version", "format"), [(6, "mobi"), (8, "azw3")], ids=["mobi", "azw3"])
def test_a_palm_database_tells_what_its_header_says(tmp_path: Path, version: int, format: str) -> None:
    facts, cover = read(written(tmp_path, "b.mobi", mobi(a_book(**FULL), version)))
    assert (facts.format, facts.title, facts.authors, facts.year) == (
        format,
        "The Time Machine",
        ("H. G. Wells",),
        1895,
    )
    assert (facts.publisher, facts.isbn, facts.language) == ("Heinemann", "9780141439976", "en")
    assert facts.genres == ("Science Fiction", "Classics")
    assert cover is not None and cover.data == COVER


def test_a_pdf_tells_its_title_authors_and_pages(tmp_path: Path) -> None:
    facts, cover = read(written(tmp_path, "b.pdf", pdf(a_book("L'île (mystérieuse)", authors=("Jules Verne",)))))
    assert (facts.format, facts.parts, facts.title, facts.authors) == (
        "pdf",
        2,
        "L'île (mystérieuse)",
        ("Jules Verne",),
    )
    assert cover is None


def test_what_a_word_processor_writes_as_title_is_none(tmp_path: Path) -> None:
    facts, _ = read(written(tmp_path, "b.pdf", pdf(a_book("Microsoft Word - final.doc"))))
    assert facts.title is None


def test_a_comic_tells_its_info_and_shows_its_first_picture(tmp_path: Path) -> None:
    info = {
        "Title": "The Start",
        "Series": "Saga",
        "Number": "2",
        "Writer": "A. One, B. Two",
        "Year": "2012",
        "LanguageISO": "en",
    }
    facts, cover = read(written(tmp_path, "c.cbz", cbz([("p10.jpg", b"x"), ("p2.jpg", COVER)], info)))
    assert (facts.format, facts.parts, facts.title, facts.authors) == ("cbz", 2, "The Start", ("A. One", "B. Two"))
    assert (facts.series, facts.series_index, facts.year, facts.language) == ("Saga", "2", 2012, "en")
    assert cover is not None and cover.data == COVER


def test_a_comic_without_info_is_still_a_comic(tmp_path: Path) -> None:
    facts, _ = read(written(tmp_path, "c.cbz", cbz([("1.jpg", COVER)])))
    assert (facts.format, facts.parts, facts.title) == ("cbz", 1, None)


@pytest.mark.parametrize(
    ("name", "data", "format"),
    [
        ("x.pdf", epub(a_book()), "epub"),
        ("x.zip", epub(a_book()), "epub"),
        ("x.epub", mobi(a_book()), "mobi"),
        ("x.mobi", mobi(a_book(), 8), "azw3"),
        ("x.mobi", pdf(a_book()), "pdf"),
        ("x.cbr", cbz([("1.jpg", COVER)]), "cbz"),
    ],
    ids=["epub-as-pdf", "epub-as-zip", "mobi-as-epub", "azw3-as-mobi", "pdf-as-mobi", "cbz-as-cbr"],
)
def test_the_bytes_decide_not_the_name(tmp_path: Path, name: str, data: bytes, format: str) -> None:
    path = written(tmp_path, name, data)
    assert sniff(path) == format and read(path)[0].format == format


@pytest.mark.parametrize(
    "data",
    [b"Rar!\x1a\x07\x00rest", b"<html>404</html>", b"", zipped([("a.txt", b"x")])],
    ids=["rar", "page", "empty", "zip"],
)
def test_what_is_none_of_the_formats_is_said_to_be_none(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnknownFormat):
        read(written(tmp_path, "x.epub", data))


# --- damage and locks -------------------------------------------------------------------------------------------------


def flipped(data: bytes, needle: bytes, shift: int = 0) -> bytes:
    at = data.index(needle) + shift
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


OPF = b"OEBPS/content.opf"
ENCRYPTED = (
    b'<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:enc="http://www.w3.org/2001/04/xmlenc#">'
    b'<enc:EncryptedData><enc:EncryptionMethod Algorithm="%s"/></enc:EncryptedData></encryption>'
)
AES, FONTS = b"http://www.w3.org/2001/04/xmlenc#aes128-cbc", b"http://www.idpf.org/2008/embedding"
BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><package><spine>&a;</spine></package>'


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (epub(a_book())[:-400], "ends too early"),
        (flipped(epub(a_book()), b"OEBPS/cover.jpg", 3000), "cover.jpg"),
        (epub(a_book(chapters=())), "no pages"),
        (epub(a_book(), extra={"OEBPS/chapter2.xhtml": b""}), "1 of its 2 pages are missing"),
        (epub(a_book(), extra={"OEBPS/content.opf": b"<package><spine>"}), "not well-formed"),
        (epub(a_book(), extra={"OEBPS/content.opf": BOMB}), "not well-formed"),
        (epub(a_book(), extra={"META-INF/container.xml": b""}), "container.xml"),
        (epub(a_book(), extra={"META-INF/encryption.xml": ENCRYPTED % AES}), "locked (DRM)"),
        (epub(a_book(), extra={"META-INF/license.lcpl": b"{}"}), "locked (DRM)"),
    ],
    ids=["cut", "crc", "empty-spine", "page-missing", "bad-xml", "entities", "no-container", "adobe", "lcp"],
)
def test_a_damaged_or_locked_epub_says_what_is_wrong(tmp_path: Path, data: bytes, words: str) -> None:
    assert words in problem(tmp_path, data)


def test_mangled_fonts_are_no_lock(tmp_path: Path) -> None:
    data = epub(a_book(), extra={"META-INF/encryption.xml": ENCRYPTED % FONTS})
    assert read(written(tmp_path, "b.epub", data))[0].title == "The Time Machine"


def test_a_cover_reference_out_of_the_archive_leads_nowhere(tmp_path: Path) -> None:
    data = epub(a_book())
    path = written(tmp_path, "b.epub", data)
    hostile = epub(
        a_book(), extra={"OEBPS/content.opf": _opf_of(path).replace(b'href="cover.jpg"', b'href="../../../etc/passwd"')}
    )
    assert read(written(tmp_path, "h.epub", hostile))[1] is None


def _opf_of(path: Path) -> bytes:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        return archive.read(OPF.decode())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (mobi(a_book(), lock=2), "locked (DRM)"),
        (mobi(a_book())[:3000], "ends too early"),
        (mobi(a_book())[:70] + b"\0" * 8, "ends too early"),
        (mobi(a_book()).replace(b"EXTH", b"XXXX"), "header is damaged"),
    ],
    ids=["drm", "cut", "no-records", "header"],
)
def test_a_damaged_or_locked_mobi_says_what_is_wrong(tmp_path: Path, data: bytes, words: str) -> None:
    assert words in problem(tmp_path, data, "book.mobi")


def test_a_pdf_that_is_cut_off_or_needs_a_password_says_so(tmp_path: Path) -> None:
    from pypdf import PdfReader, PdfWriter

    assert "ends too early" in problem(tmp_path, pdf(a_book())[:-60], "b.pdf")
    writer = PdfWriter(clone_from=PdfReader(written(tmp_path, "o.pdf", pdf(a_book()))))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(tmp_path / "locked.pdf")
    assert "password" in problem(tmp_path, (tmp_path / "locked.pdf").read_bytes(), "l.pdf")


def test_a_pdf_that_only_forbids_printing_is_read(tmp_path: Path) -> None:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(written(tmp_path, "o.pdf", pdf(a_book()))))
    writer.encrypt("", "owner", algorithm="RC4-128")
    writer.write(tmp_path / "open.pdf")
    assert read(tmp_path / "open.pdf")[0].parts == 2


def test_an_archive_that_unpacks_to_more_than_any_book_is_refused_unread(tmp_path: Path) -> None:
    data = bytearray(cbz([("1.jpg", COVER), ("2.jpg", COVER)]))
    first = data.index(b"PK\x01\x02")
    for at in (first, data.index(b"PK\x01\x02", first + 4)):
        struct.pack_into("<I", data, at + 24, 0xFFFFFFF0)  # what the table of contents claims to unpack to
    assert "more than any book" in problem(tmp_path, bytes(data), "c.cbz")
    many = cbz([(f"{n}.jpg", b"") for n in range(20_001)])
    assert "more than any book" in problem(tmp_path, many, "m.cbz")


SAMPLES = [epub(a_book(**FULL)), mobi(a_book(**FULL)), pdf(a_book()), cbz([("1.jpg", COVER)], {"Title": "x"})]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(SAMPLES), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8), st.floats(0, 1))
def test_no_damage_makes_the_reader_break(
    tmp_path: Path, data: bytes, changes: list[tuple[float, int]], cut: float
) -> None:
    broken = bytearray(data[: max(1, round(len(data) * cut))] if cut > 0.3 else data)
    for place, value in changes:
        broken[int(place * (len(broken) - 1))] = value
    try:
        facts, _ = read(written(tmp_path, "x.bin", bytes(broken)))
    except Unreadable as error:
        assert str(error)
    else:
        assert facts.parts > 0


# --- the reading process ----------------------------------------------------------------------------------------------


async def test_a_book_is_read_in_a_process_of_its_own_and_its_cover_left(tmp_path: Path) -> None:
    path = written(tmp_path, "b.epub", epub(a_book()))
    before = path.stat()
    path.chmod(0o444)
    facts = await read_ebook(path, tmp_path)
    assert facts.title == "The Time Machine" and facts.authors == ("H. G. Wells",)
    assert (tmp_path / "cover.jpg").read_bytes() == COVER
    assert path.stat().st_mtime_ns == before.st_mtime_ns


async def test_a_damaged_book_is_named(tmp_path: Path) -> None:
    with pytest.raises(EbookCorrupt) as caught:
        await read_ebook(written(tmp_path, "bad.epub", epub(a_book())[:-400]), tmp_path)
    reason = caught.value.reason
    assert reason.code == "ebook_corrupt" and "bad.epub" in reason.message and reason.evidence["known"] is True


async def test_a_file_that_is_gone_is_tried_again(tmp_path: Path) -> None:
    from earmark.core.reasons import TransientError

    with pytest.raises(TransientError) as caught:
        await read_ebook(tmp_path / "gone.epub", tmp_path)
    assert caught.value.reason.code == "ebook_unreadable"


async def test_reading_that_takes_too_long_or_is_cancelled_ends_its_process(tmp_path: Path) -> None:
    fifo = tmp_path / "endless.epub"
    os.mkfifo(fifo)  # opening it for reading waits for a writer that never comes
    with pytest.raises(EbookCorrupt):
        await read_ebook(fifo, tmp_path, timeout_secs=1.5)
    task = asyncio.create_task(read_ebook(fifo, tmp_path))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)


@pytest.mark.parametrize(
    ("text", "year"), [("0101-01-01", None), ("1895-05-07T00:00Z", 1895), ("c. 1895", 1895), ("", None)]
)
def test_years_are_read_and_placeholders_are_none(text: str, year: int | None) -> None:
    assert year_in(text) == year


def test_isbns_need_their_check_digit_and_languages_become_two_letters() -> None:
    assert isbn_in("urn:isbn:978-0-14-143997-6") == "9780141439976" and isbn_in("9780141439977") is None
    assert isbn_in("080442957X") == "080442957X"
    assert [language_in(t) for t in ("en-GB", "ger", "und", "")] == ["en", "de", None, None]
