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
from earmark.library.sidecars import facts, metadata_json, metadata_opf, plain_text

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
    series=st.none() | st.text("ab <&é", max_size=20),
    series_index=st.none() | TEXT,
    year=st.none() | st.integers(1, 9999),
    publisher=st.none() | TEXT,
    description=st.none() | TEXT,
    language=st.none() | TEXT,
    genres=st.lists(TEXT, max_size=3).map(tuple),
    asin=st.none() | TEXT,
    isbn=st.none() | TEXT,
)


@given(TAGS, st.lists(TEXT, max_size=2))
def test_both_sidecars_always_say_the_same(tags: BookTags, labels: list[str]) -> None:
    book = facts(tags, labels=labels)
    assert as_audiobookshelf_reads_opf(metadata_opf(book)) == as_audiobookshelf_reads_json(metadata_json(book, ()))


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
