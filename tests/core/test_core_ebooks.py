"""Which files of a download are the wished e-book, and what is said of it."""

from __future__ import annotations

import pytest

from earmark.core.ebooks import MOST_FILES, EbookFacts, EbookFile, candidates, choose, ebook_tags, rank
from earmark.core.reasons import PermanentError
from earmark.core.release import Release, SeriesRef
from earmark.core.torrents import TorrentEntry
from earmark.core.wish import BookWish

WISH = BookWish("The Time Machine", ("H. G. Wells",))
PREFERRED = ("epub", "azw3", "mobi", "pdf", "cbz")


def file(path: str, title: str | None = None, size: int = 1000) -> EbookFile:
    return EbookFile(path, size, EbookFacts(path.rpartition(".")[2], 3, title=title))  # type: ignore[arg-type]


def refusal(*files: EbookFile, wish: BookWish = WISH, wanted: str | None = None) -> str:
    with pytest.raises(PermanentError) as caught:
        choose(files, wish, PREFERRED, wanted)
    assert caught.value.reason.action
    return caught.value.reason.code


def test_the_preferred_format_is_the_book_and_the_others_come_along() -> None:
    files = [file("b/Time Machine.pdf"), file("b/Time Machine.mobi"), file("b/Time Machine.epub")]
    chosen = choose(files, WISH, PREFERRED)
    assert chosen.book.path == "b/Time Machine.epub"
    assert [f.facts.format for f in chosen.formats] == ["mobi", "pdf"] and not chosen.extras
    assert choose(files, WISH, ("pdf",)).book.path == "b/Time Machine.pdf"


def test_formats_named_differently_are_one_book_when_their_titles_agree() -> None:
    chosen = choose([file("x.epub", "The Time Machine"), file("wells-tm.mobi", "The Time Machine")], WISH, PREFERRED)
    assert [f.path for f in chosen.formats] == ["wells-tm.mobi"]


def test_formats_named_alike_are_one_book_whatever_their_titles_say() -> None:
    chosen = choose(
        [file("The Time Machine.epub", "Unknown"), file("The Time Machine (1895).pdf", "scan")], WISH, PREFERRED
    )
    assert [f.path for f in chosen.formats] == ["The Time Machine (1895).pdf"]


def test_of_the_same_book_twice_the_larger_is_taken() -> None:
    chosen = choose([file("a/Time Machine.epub", size=10), file("b/Time Machine.epub", size=20)], WISH, PREFERRED)
    assert chosen.book.path == "b/Time Machine.epub" and not chosen.extras


@pytest.mark.parametrize(
    "names",
    [
        ("The Time Machine.epub", "The War of the Worlds.epub"),
        ("Saga 1.epub", "Saga 2.epub"),
        ("Saga - Part One.epub", "Saga - Part Two.epub"),
        ("Saga III.epub", "Saga IV.epub"),
    ],
    ids=["titles", "digits", "words", "roman"],
)
def test_several_books_are_refused_with_their_list(names: tuple[str, ...]) -> None:
    with pytest.raises(PermanentError) as caught:
        choose([file(name) for name in names], WISH, PREFERRED)
    assert caught.value.reason.code == "several_books"
    assert sorted(caught.value.reason.evidence["files"]) == sorted(names)  # type: ignore[arg-type]


def test_volumes_that_share_a_title_are_several_books() -> None:
    assert refusal(file("Saga 1.epub", "Saga"), file("Saga 2.epub", "Saga")) == "several_books"


def test_a_map_beside_the_book_is_an_extra() -> None:
    chosen = choose([file("The Time Machine.epub"), file("Map of London.pdf")], WISH, PREFERRED)
    assert chosen.book.path == "The Time Machine.epub" and [f.path for f in chosen.extras] == ["Map of London.pdf"]


def test_another_book_in_the_better_format_is_not_taken_for_the_wished_one() -> None:
    assert refusal(file("The War of the Worlds.epub"), file("The Time Machine.pdf")) == "several_books"


def test_a_ticket_that_takes_one_format_only_gets_that_or_a_refusal() -> None:
    files = [file("The Time Machine.epub"), file("The Time Machine.pdf")]
    assert choose(files, WISH, PREFERRED, "pdf").book.facts.format == "pdf"
    assert refusal(*files, wanted="azw3") == "ebook_format_missing"


def test_formats_that_are_not_named_come_last() -> None:
    assert sorted(["cbz", "epub", "mobi", "pdf"], key=lambda f: rank(f, ("pdf", "mobi"))) == [
        "pdf",
        "mobi",
        "epub",
        "cbz",
    ]


def test_only_files_that_may_be_books_are_looked_at() -> None:
    paths = ["b/x.epub", "b/x.jpg", "b/.x.epub", "b/__MACOSX/x.epub", "b/X.AZW3", "b/x.nfo", "b/x.cbr"]
    entries = [TorrentEntry(path, 5) for path in paths] + [TorrentEntry("b/empty.epub", 0)]
    assert [e.path for e in candidates(entries)] == ["b/x.epub", "b/X.AZW3", "b/x.cbr"]


@pytest.mark.parametrize(
    ("count", "ending", "code"),
    [(3, "mp3", "no_ebook"), (MOST_FILES + 1, "epub", "several_books")],
    ids=["none", "library"],
)
def test_a_download_without_books_or_with_a_library_is_refused_by_its_names(count: int, ending: str, code: str) -> None:
    with pytest.raises(PermanentError) as caught:
        candidates([TorrentEntry(f"{n}.{ending}", 9) for n in range(count)])
    assert caught.value.reason.code == code


def test_the_file_fills_what_wish_and_release_leave_open() -> None:
    facts = EbookFacts(
        "epub", 3, title="time machine, the", authors=("Wells",), series="Romances", series_index="1", year=1895,
        publisher="Heinemann", description="A traveller.", language="en", genres=("Science Fiction",), isbn="9780141439976",
    )  # fmt: skip
    release = Release(
        "g", "mam", "The Time Machine", authors=("H. G. Wells",), series=(SeriesRef("Scientific Romances"),)
    )
    tags = ebook_tags(BookWish("Time Machine", narrators=("Ada Fenwick",)), release, facts, {})
    assert (tags.title, tags.authors, tags.narrators) == ("The Time Machine", ("H. G. Wells",), ())
    assert (tags.series, tags.year, tags.publisher, tags.language) == ("Scientific Romances", 1895, "Heinemann", "en")
    assert (tags.isbn, tags.genres, tags.description) == ("9780141439976", ("Science Fiction",), "A traveller.")


def test_what_a_person_said_wins_over_the_file() -> None:
    tags = ebook_tags(WISH, None, EbookFacts("epub", 1, title="X", publisher="Y"), {"title": "Mine", "publisher": "Z"})
    assert (tags.title, tags.publisher) == ("Mine", "Z")


def test_formats_that_an_uploader_tags_are_no_genres() -> None:
    release = Release("g", "mam", "X", category="Ebooks - Mystery", tags="epub, mobi and pdf, noir")
    assert ebook_tags(WISH, release, EbookFacts("epub", 1), {}).genres == ("Mystery", "noir")
