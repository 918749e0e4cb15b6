"""The sidecars are read back the way Audiobookshelf reads them."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.dom import minidom

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.binding import BookTags, Chapter
from earmark.core.release import SeriesRef
from earmark.core.text import plain_text
from earmark.library.sidecars import Facts, facts, metadata_json, metadata_opf, sidecar_files

MOON = BookTags(
    "The First Men in the Moon",
    authors=("H. G. Wells", "Else & Sons <b>", "H. G. Wells"),
    narrators=("Ann Reader",),
    subtitle="A Voyage",
    series="Scientific Romances",
    series_index="2.5",
    year=1901,
    publisher="Newnes",
    description="<p>Mr Bedford &amp; Mr Cavor<br>fly.</p><p>They <i>return</i>?</p>",
    language="en",
    genres=("Science Fiction", ""),
    asin="B000000000",
    isbn="9780000000000",
)
CHAPTERS = (Chapter("One", 0.0, 60.12345), Chapter("", 60.12345, 90.0))


def as_audiobookshelf_reads_opf(data: bytes) -> dict[str, Any]:
    """The same look-ups its parser makes: by prefixed name, attributes as text."""
    metadata = minidom.parseString(data).getElementsByTagName("metadata")[0]

    def texts(tag: str, attribute: str = "", value: str = "") -> list[str]:
        found = (e for e in metadata.getElementsByTagName(tag) if not attribute or e.getAttribute(attribute) == value)
        return [e.firstChild.data for e in found if e.firstChild]

    def first(values: list[str]) -> str | None:
        return values[0] if values else None

    date = first(texts("dc:date"))
    metas = [(m.getAttribute("name"), m.getAttribute("content")) for m in metadata.getElementsByTagName("meta")]
    return {
        "title": first(texts("dc:title")),
        "subtitle": first(texts("dc:subtitle")),
        "authors": texts("dc:creator", "opf:role", "aut"),
        "narrators": texts("dc:creator", "opf:role", "nrt"),
        "year": int(date) if date and re.fullmatch(r"\d{4}", date.split("-")[0]) else None,
        "publisher": first(texts("dc:publisher")),
        "isbn": first(texts("dc:identifier", "opf:scheme", "ISBN")),
        "asin": first(texts("dc:identifier", "opf:scheme", "ASIN")),
        "description": first(texts("dc:description")),
        "genres": texts("dc:subject"),
        "tags": texts("dc:tag"),
        "language": first(texts("dc:language")),
        "series": metas,
    }


def as_audiobookshelf_reads_json(data: bytes) -> dict[str, Any]:
    document = json.loads(data)
    series = []
    for text in document["series"]:
        found = re.search(r" #([^#\s]+)$", text)
        series.append(("calibre:series", text[: found.start()] if found else text))
        series += [("calibre:series_index", found[1])] if found else []
    year = document["publishedYear"]
    wanted = ("title", "subtitle", "authors", "narrators", "publisher", "isbn", "asin", "description", "genres", "tags")
    return {key: document[key] for key in (*wanted, "language")} | {
        "year": int(year) if year else None,
        "series": series,
    }


def test_metadata_json_has_exactly_the_keys_and_types_audiobookshelf_reads() -> None:
    book = facts(MOON, labels=("favourite",), abridged=True)
    assert json.loads(metadata_json(book, CHAPTERS)) == {
        "tags": ["favourite"],
        "chapters": [
            {"id": 0, "start": 0.0, "end": 60.123, "title": "One"},
            {"id": 1, "start": 60.123, "end": 90.0, "title": "Chapter 2"},
        ],
        "title": "The First Men in the Moon",
        "subtitle": "A Voyage",
        "authors": ["H. G. Wells", "Else & Sons <b>"],
        "narrators": ["Ann Reader"],
        "series": ["Scientific Romances #2.5"],
        "genres": ["Science Fiction"],
        "publishedYear": "1901",
        "publishedDate": None,
        "publisher": "Newnes",
        "description": "Mr Bedford & Mr Cavor\nfly.\n\nThey return?",
        "isbn": "9780000000000",
        "asin": "B000000000",
        "language": "en",
        "explicit": False,
        "abridged": True,
    }


def test_metadata_opf_says_what_audiobookshelf_looks_for() -> None:
    data = metadata_opf(facts(MOON, labels=("favourite",)))
    read = as_audiobookshelf_reads_opf(data)
    assert read["authors"] == ["H. G. Wells", "Else & Sons <b>"]
    assert read["narrators"] == ["Ann Reader"]
    assert (read["asin"], read["isbn"], read["year"]) == ("B000000000", "9780000000000", 1901)
    assert read["description"] == "Mr Bedford & Mr Cavor\nfly.\n\nThey return?"
    assert read["tags"] == ["favourite"]
    assert b'name="calibre:series" content="Scientific Romances" />\n    <meta name="calibre:series_index"' in data


def test_a_book_of_which_only_the_title_is_known_makes_sound_sidecars() -> None:
    book = facts(BookTags("Title", series_index="3"))
    assert as_audiobookshelf_reads_opf(metadata_opf(book))["series"] == []
    assert as_audiobookshelf_reads_json(metadata_json(book, ()))["series"] == []
    assert b"unique-identifier" not in metadata_opf(book)


def test_a_series_position_keeps_a_form_audiobookshelf_takes() -> None:
    book = facts(BookTags("T", series="Saga", series_index="1-3, #3.5"))
    assert json.loads(metadata_json(book, ()))["series"] == ["Saga #1-3,3.5"]


TEXT = st.text(max_size=80) | st.text(st.sampled_from("<>&\"'#\x00\x0b\ufffe\ud800]]> \n\tp/é愛😀"), max_size=40)
TAGS = st.builds(
    BookTags,
    title=TEXT,
    authors=st.lists(TEXT, max_size=3).map(tuple),
    narrators=st.lists(TEXT, max_size=3).map(tuple),
    subtitle=st.none() | TEXT,
    series=st.none() | st.text("ab <&é#1", max_size=20),
    more_series=st.lists(
        st.builds(SeriesRef, st.text("ab #2", max_size=9), st.text("1.#- ", max_size=5)), max_size=3
    ).map(tuple),
    series_index=st.none() | TEXT,
    year=st.none() | st.integers(-50, 99999),
    publisher=st.none() | TEXT,
    description=st.none() | TEXT,
    language=st.none() | TEXT,
    genres=st.lists(TEXT, max_size=3).map(tuple),
    asin=st.none() | TEXT,
    isbn=st.none() | TEXT,
    abridged=st.none() | st.booleans(),
)


@given(TAGS, st.lists(TEXT, max_size=2))
def test_both_sidecars_always_say_the_same(tags: BookTags, labels: list[str]) -> None:
    book = facts(tags, labels=labels)
    assert as_audiobookshelf_reads_opf(metadata_opf(book)) == as_audiobookshelf_reads_json(metadata_json(book, ()))


@given(TAGS, st.booleans(), st.lists(TEXT, max_size=2))
def test_the_sidecars_read_back_are_the_facts_they_were_made_of(
    tags: BookTags, explicit: bool, labels: list[str]
) -> None:
    book = facts(tags, explicit=explicit, labels=labels)
    files = sidecar_files(book)
    document = json.loads(files["metadata.json"])
    again = Facts(
        title=document["title"],
        subtitle=document["subtitle"],
        authors=tuple(document["authors"]),
        narrators=tuple(document["narrators"]),
        series=tuple(SeriesRef(*split_series(text)) for text in document["series"]),
        genres=tuple(document["genres"]),
        labels=tuple(document["tags"]),
        year=int(document["publishedYear"]) if document["publishedYear"] else None,
        publisher=document["publisher"],
        description=document["description"],
        isbn=document["isbn"],
        asin=document["asin"],
        language=document["language"],
        explicit=document["explicit"],
        abridged=document["abridged"],
    )
    assert again == book
    assert files.get("desc.txt", b"").decode().strip() == (book.description or "")
    if "reader.txt" in files:
        assert as_audiobookshelf_reads_names(files["reader.txt"].decode().split("\n")[0].strip()) == [*book.narrators]


def split_series(text: str) -> tuple[str, str]:
    found = re.search(r" #([^#\s]+)$", text)
    return (text[: found.start()], found[1]) if found else (text, "")


def as_audiobookshelf_reads_names(text: str) -> list[str]:
    """Where its name parser cuts (server/utils/parsers/parseNameString.js); then it only reorders first and last."""
    by = next((mark for mark in ("&", " and ", ";") if mark in text), ",")
    return [name.strip() for part in text.split(by) for name in part.split(",")]


def test_several_series_keep_their_own_places_in_every_sidecar() -> None:
    tags = BookTags(
        "T", series="Saga", series_index="2.5", more_series=(SeriesRef("World", "11"), SeriesRef("Saga", "9"))
    )
    files = sidecar_files(facts(tags))
    assert json.loads(files["metadata.json"])["series"] == ["Saga #2.5", "World #11"]
    metas = as_audiobookshelf_reads_opf(files["metadata.opf"])["series"]
    assert metas == [
        ("calibre:series", "Saga"),
        ("calibre:series_index", "2.5"),
        ("calibre:series", "World"),
        ("calibre:series_index", "11"),
    ]


def test_the_text_sidecars_hold_description_and_narrators_and_are_left_out_without_them() -> None:
    files = sidecar_files(facts(BookTags("T", narrators=("Ann Reader", "Cher"), description="<p>One</p><p>Two</p>")))
    assert files["desc.txt"] == b"One\n\nTwo\n"
    assert files["reader.txt"] == b"Ann Reader; Cher\n"
    assert set(sidecar_files(facts(BookTags("T")))) == {"metadata.json", "metadata.opf"}


def test_a_narrator_whose_name_would_be_torn_apart_is_left_to_the_other_sidecars() -> None:
    files = sidecar_files(facts(BookTags("T", narrators=("Smith & Sons",))))
    assert "reader.txt" not in files
    assert json.loads(files["metadata.json"])["narrators"] == ["Smith & Sons"]


def test_an_abridged_book_says_so() -> None:
    assert json.loads(metadata_json(facts(BookTags("T", abridged=True)), ()))["abridged"] is True
    assert json.loads(metadata_json(facts(BookTags("T", abridged=True), abridged=False), ()))["abridged"] is False


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a < b and c > d", "a < b and c > d"),
        ("AT&amp;T", "AT&T"),
        ("R&D", "R&D"),
        ("<b>Bold</b> <script>alert(1)</script>end", "Bold end"),
        ("one<br/>two<br><br>three", "one\ntwo\n\nthree"),
        ("  spaced \t out \r\n\r\n\r\n\r\n far ", "spaced out\n\nfar"),
        ("\x00\x08", ""),
    ],
)
def test_descriptions_lose_their_markup_and_nothing_else(text: str, plain: str) -> None:
    assert plain_text(text) == plain
