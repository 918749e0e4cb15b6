"""Each quirk of Audnexus' and the Audible catalogue's JSON, read once and for good."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.reasons import JsonValue
from earmark.metadata.audnexus_facts import asin_of, largest, read_book, read_chapters, read_products

ASIN = "B0SANDBOX1"


def book(**fields: JsonValue) -> dict[str, JsonValue]:
    return {
        "asin": ASIN,
        "title": "The Moonstone",
        "authors": [{"asin": "B000APEL6Y", "name": "Wilkie Collins"}],
        "narrators": [{"name": "Ada Fenwick"}],
        "description": "A yellow diamond...",
        "summary": "<p>A <b>yellow</b> diamond &amp; a sergeant.</p><p>Second.</p>",
        "formatType": "unabridged",
        "genres": [{"asin": "1", "name": "Mystery", "type": "genre"}, {"asin": "2", "name": "Cosy", "type": "tag"}],
        "image": "https://m.media-amazon.com/images/I/51abc.jpg",
        "language": "english",
        "publisherName": "Sandbox",
        "releaseDate": "2019-03-05T00:00:00.000Z",
        "runtimeLengthMin": 1170,
        "seriesPrimary": {"asin": "B000000001", "name": "Sergeant Cuff", "position": "1"},
        "subtitle": "A Romance",
        **fields,
    }


def read(**fields: JsonValue):  # type: ignore[no-untyped-def]
    facts = read_book(book(**fields), ASIN)
    assert facts is not None
    return facts


def test_a_book_is_read_whole() -> None:
    facts = read(isbn="978-0-306-40615-7")
    assert (facts.title, facts.subtitle, facts.publisher) == ("The Moonstone", "A Romance", "Sandbox")
    assert (facts.authors, facts.narrators) == (("Wilkie Collins",), ("Ada Fenwick",))
    assert (facts.series, facts.series_index, facts.year, facts.language) == ("Sergeant Cuff", "1", 2019, "en")
    assert (facts.runtime_secs, facts.abridged, facts.isbn) == (70_200.0, False, "9780306406157")
    assert facts.genres == ("Mystery",)


def test_the_long_text_is_taken_and_comes_without_markup() -> None:
    assert read().description == "A yellow diamond & a sergeant.\n\nSecond."
    assert read(summary="").description == "A yellow diamond..."
    assert "alert" not in (read(summary="<script>alert(1)</script><p>x</p>").description or "")


def test_tags_stand_in_where_there_is_no_genre() -> None:
    assert read(genres=[{"asin": "2", "name": "Cosy", "type": "tag"}]).genres == ("Cosy",)


def test_translators_and_introducers_are_no_authors() -> None:
    people: JsonValue = [
        {"name": "Maurice Leblanc"}, {"name": "A. T. de Mattos - translator"}, {"name": "Jo Doe - introduction"}
    ]  # fmt: skip
    assert read(authors=people).authors == ("Maurice Leblanc",)
    assert read(authors=[{"name": "Jo Doe - editor"}]).authors == ("Jo Doe",), "somebody must have made it"


@pytest.mark.parametrize(
    ("position", "index"),
    [
        ("1", "1"), ("2.5", "2.5"), ("Book 3", "3"), ("1, Dramatized Adaptation", "1"), ("1-3", "1-3"), ("0", "0"),
        ("1a", "1a"), ("", None), (" ", None), ("Prequel", None), (4, "4"), (None, None), ([1], None),
    ],
)  # fmt: skip
def test_the_place_in_a_series_is_a_number_and_keeps_its_decimals(position: JsonValue, index: str | None) -> None:
    assert read(seriesPrimary={"name": "S", "position": position}).series_index == index


def test_the_second_series_stands_in_for_a_missing_first() -> None:
    facts = read(seriesPrimary=None, seriesSecondary={"name": "Detectives", "position": "7"})
    assert (facts.series, facts.series_index) == ("Detectives", "7")


@pytest.mark.parametrize(
    ("date", "year"),
    [("2200-01-01T00:00:00.000Z", None), ("1868-01-04", 1868), ("soon", None), (2019, None), ("0001-01-01", None)],
    ids=["not yet out", "plain date", "words", "number", "year one"],
)
def test_a_year_is_one_that_books_have(date: JsonValue, year: int | None) -> None:
    assert read(releaseDate=date).year == year


@pytest.mark.parametrize(
    ("kind", "abridged"), [("Abridged", True), ("unabridged", False), ("original_recording", None), (None, None)]
)
def test_only_the_two_plain_words_tell_of_abridging(kind: JsonValue, abridged: bool | None) -> None:
    assert read(formatType=kind).abridged is abridged


@pytest.mark.parametrize(("name", "code"), [("German", "de"), ("mandarin_chinese", "zh"), ("klingon", None), (1, None)])
def test_languages_get_their_code(name: JsonValue, code: str | None) -> None:
    assert read(language=name).language == code


def test_no_length_is_told_as_nought_minutes() -> None:
    assert read(runtimeLengthMin=0).runtime_secs is None
    assert read(runtimeLengthMin=-5).runtime_secs is None
    assert read(runtimeLengthMin=1e300).runtime_secs is None
    assert read(runtimeLengthMin=True).runtime_secs is None


@pytest.mark.parametrize("isbn", ["", "n/a", "12345", 9780306406157])
def test_what_is_no_isbn_is_none(isbn: JsonValue) -> None:
    assert read(isbn=isbn).isbn is None


@pytest.mark.parametrize("image", ["file:///etc/passwd", "javascript:alert(1)", "//host/x.jpg", "https://", 5, "x" * 9])
def test_a_cover_is_an_http_address(image: JsonValue) -> None:
    assert read(image=image).cover_url is None


def test_endless_texts_and_lists_are_cut() -> None:
    facts = read(title="x" * 10**6, authors=[{"name": f"A{n}"} for n in range(10_000)], summary="y " * 10**6)
    assert len(facts.title) == 500 and len(facts.authors) == 50 and len(facts.description or "") <= 20_000


@pytest.mark.parametrize(
    "told", [None, [], "x", {}, {"title": ""}, {"title": 5}, book(asin="B0ANOTHER1")],
    ids=["nothing", "list", "text", "empty", "no title", "odd title", "another book"],
)  # fmt: skip
def test_what_is_no_such_book_is_none(told: JsonValue) -> None:
    assert read_book(told, ASIN) is None


def test_asins_are_checked_before_they_go_into_an_address() -> None:
    assert asin_of(" b0sandbox1 ") == ASIN and asin_of("123456789X") == "123456789X"
    assert [asin_of(bad) for bad in ("../admin", "B0SANDBOX1/..", "", None, "B0SANDBOX12", "９780306406")] == [None] * 6


def product(**fields: JsonValue) -> dict[str, JsonValue]:
    return {
        "asin": ASIN,
        "title": "The Moonstone",
        "authors": [{"name": "Wilkie Collins"}],
        "content_delivery_type": "SinglePartBook",
        "product_images": {"1024": "https://x.test/1024.jpg", "500": "https://x.test/500.jpg"},
        "publication_name": "Sergeant Cuff",
        "publisher_summary": "<p>Words</p>",
        "release_date": "2019-03-05",
        "runtime_length_min": 10,
        "series": [{"title": "Detectives", "sequence": "7"}, {"title": "Sergeant Cuff", "sequence": "1"}],
        **fields,
    }


def test_a_product_is_read_with_its_main_series_and_largest_picture() -> None:
    [facts] = read_products({"products": [product()]}) or ()
    assert (facts.provider, facts.series, facts.series_index) == ("audible", "Sergeant Cuff", "1")
    assert (facts.cover_url, facts.year, facts.runtime_secs) == ("https://x.test/1024.jpg", 2019, 600.0)


def test_podcasts_and_products_of_other_regions_are_left_out() -> None:
    rows: list[JsonValue] = [
        product(content_delivery_type="PodcastParent"), product(content_delivery_type="Periodical"), {"asin": ASIN}, 5
    ]  # fmt: skip
    assert read_products({"products": rows}) == ()
    assert read_products({"message": "no"}) is None


def chapters(*rows: tuple[JsonValue, JsonValue, JsonValue], **fields: JsonValue) -> dict[str, JsonValue]:
    listed: list[JsonValue] = [{"title": t, "startOffsetMs": s, "lengthMs": length} for t, s, length in rows]
    return {"asin": ASIN, "isAccurate": True, "chapters": listed, **fields}


def test_chapters_come_in_seconds_and_touch() -> None:
    marks = read_chapters(chapters(("Opening Credits", 0, 12_345), ("One", 12_400, 60_000), runtimeLengthMs=72_500))
    assert [(m.title, m.start_secs, m.end_secs) for m in marks] == [
        ("Opening Credits", 0.0, 12.4), ("One", 12.4, 72.5)
    ]  # fmt: skip


BRANDED = chapters(
    ("Opening", 0, 10_000), ("One", 10_000, 60_000), ("Two", 70_000, 30_000),
    runtimeLengthMs=100_000, brandIntroDurationMs=2_000, brandOutroDurationMs=5_000,
)  # fmt: skip


@pytest.mark.parametrize("secs", [None, 100.0, 99.0, 250.0], ids=["unknown", "exact", "about", "another edition"])
def test_a_copy_with_the_shops_brand_keeps_the_shops_marks(secs: float | None) -> None:
    assert [(m.start_secs, m.end_secs) for m in read_chapters(BRANDED, secs)] == [(0, 10), (10, 70), (70, 100)]


@pytest.mark.parametrize("secs", [93.0, 94.0], ids=["exact", "about"])
def test_marks_are_moved_for_a_copy_without_the_shops_brand(secs: float) -> None:
    assert [(m.start_secs, m.end_secs) for m in read_chapters(BRANDED, secs)] == [(0, 8), (8, 68), (68, 93)]


def test_a_brand_that_would_eat_the_book_is_not_believed() -> None:
    told = chapters(("One", 0, 60_000), ("Two", 60_000, 540_000), brandIntroDurationMs=300_000)
    assert [m.start_secs for m in read_chapters(told, 300.0)] == [0, 60]


def test_a_nameless_chapter_gets_its_number() -> None:
    assert [m.title for m in read_chapters(chapters(("", 0, 1), ("Two", 1, 1)))] == ["Chapter 1", "Two"]


@pytest.mark.parametrize(
    "told",
    [
        chapters(("One", 0, 1000), isAccurate=False),
        chapters(("One", 0, 1000), ("Two", 5000, 1000), ("Three", 4000, 1000)),
        chapters(("One", -5, 1000)),
        chapters(("One", "0", 1000)),
        chapters(("One", 0, 1e30)),
        chapters(),
        chapters(*[("x", 0, 0)] * 6_000),
        {"chapters": [None]},
        [],
        None,
    ],
    ids=["inaccurate", "backwards", "negative", "text", "endless", "none", "too many", "odd row", "list", "nothing"],
)
def test_marks_that_cannot_be_true_are_no_marks(told: JsonValue) -> None:
    assert read_chapters(told) == ()


@pytest.mark.parametrize(
    ("url", "first"),
    [
        ("https://m.media-amazon.com/images/I/51x+y._SL500_.jpg", "https://m.media-amazon.com/images/I/51x+y.jpg"),
        ("https://m.media-amazon.com/images/I/51x._AC_UL320_SR200,200_.png", "https://m.media-amazon.com/images/I/51x.png"),
        ("https://m.media-amazon.com/images/I/51x.jpg", "https://m.media-amazon.com/images/I/51x.jpg"),
        ("https://other.test/a._b_.jpg", "https://other.test/a._b_.jpg"),
    ],
    ids=["one size", "many marks", "whole already", "somewhere else"],
)  # fmt: skip
def test_the_size_is_cut_out_of_amazons_picture_names(url: str, first: str) -> None:
    assert largest(url)[0] == first and largest(url)[-1] == url


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*book(), *product(), "chapters", "name"]), inner),
    max_leaves=20,
)


@given(json_values)
def test_no_answer_whatever_makes_a_reader_stumble(told: JsonValue) -> None:
    read_book(told, ASIN)
    read_products({"products": [told]})
    read_products({"products": [{**product(), **told}]} if isinstance(told, dict) else told)
    read_book({**book(), **told} if isinstance(told, dict) else told, ASIN)
    read_chapters(told)
    read_chapters({"chapters": told})
    if isinstance(told, dict):
        read_chapters({**BRANDED, **told}, 50.0)
