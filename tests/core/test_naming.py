"""Patterns become folder names: what a person wrote in the settings, whatever a tracker wrote in the tags."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from earmark.core.binding import BookTags
from earmark.core.filenames import SEGMENT_BYTES, is_reserved, problem_with_segment, safe_segment, safe_text
from earmark.core.naming import TOKENS, PatternError, file_name, parse_pattern, render

DEFAULT = "{author}/{series}/{index} - {title} ({year})"
MOON = BookTags(
    "The First Men in the Moon",
    authors=("H. G. Wells", "Somebody Else"),
    narrators=("Ann Reader", "Bob Reader"),
    subtitle="A Voyage",
    series="Scientific Romances",
    series_index="2.5",
    year=1901,
    asin="B000000000",
    language="en",
)


def shelf(pattern: str, tags: BookTags) -> str:
    return "/".join(render(parse_pattern(pattern), tags))


@pytest.mark.parametrize(
    ("pattern", "tags", "folder"),
    [
        (DEFAULT, MOON, "H. G. Wells/Scientific Romances/2.5 - The First Men in the Moon (1901)"),
        (DEFAULT, BookTags("Title", authors=("Author",), year=1895), "Author/Title (1895)"),
        (DEFAULT, BookTags("Title", authors=("Author",)), "Author/Title"),
        (DEFAULT, BookTags("Title", authors=("Author",), series="Saga"), "Author/Saga/Title"),
        (DEFAULT, BookTags("Title", authors=("Author",), series="Saga", series_index="1-3"), "Author/Saga/1-3 - Title"),
        (DEFAULT, BookTags("Title"), "Title"),
        (DEFAULT, BookTags("", authors=("Author",)), "Author/Untitled"),
        (DEFAULT, BookTags(""), "Unknown Author/Untitled"),
        (DEFAULT, BookTags("???", authors=("...",)), "Unknown Author/Untitled"),
        ("{authors}/{title}", MOON, "H. G. Wells, Somebody Else/The First Men in the Moon"),
        ("{author}/{title}, {subtitle} ({year})", BookTags("T", ("A",), year=1999), "A/T (1999)"),
        ("{author}/{title}, {subtitle} ({year})", BookTags("T", ("A",), subtitle="S"), "A/T, S"),
        ("{author}/Book {index} - {title}", BookTags("T", ("A",), series_index="1"), "A/Book 1 - T"),
        ("{author}/Book {index} - {title}", BookTags("T", ("A",)), "A/T"),
        ("{author} - {series} #{index} - {title}", BookTags("T", ("A",), series="S"), "A - S - T"),
        ("{author} - {series} #{index} - {title}", BookTags("T", ("A",)), "A - T"),
        ("{title} read by {narrator}", BookTags("T", narrators=("N",)), "T read by N"),
        ("{title} read by {narrator}", BookTags("T"), "T"),
        ("{title} [{asin}] ({year}, {language})", BookTags("T", asin="B1", language="en"), "T [B1] (en)"),
        ("{title} [{asin}] ({year}, {language})", BookTags("T"), "T"),
        ("{series}/{series_index}", BookTags("T", series="S", series_index="1a"), "S/1a"),
        ("{author}/{series}/{index}", BookTags("T", ("A",), series="S"), "A/S/T"),
        ("{index:02} {title}", BookTags("T", series_index="2.5"), "02.5 T"),
        ("{index:02} {title}", BookTags("T", series_index="1-10"), "01-10 T"),
        ("{title} {{{narrator}}}", BookTags("T", narrators=("N",)), "T {N}"),
        ("{title} {{{narrator}}}", BookTags("T"), "T"),
        ("Audio (books)/{author}/{title}", BookTags("T", ("A",)), "Audio (books)/A/T"),
        ("{author}/{title}/", BookTags("T", ("A",)), "A/T"),
        ("{author}/{title}", BookTags("Dune: Messiah", ("Jr.",)), "Jr/Dune - Messiah"),
        ("{title}", BookTags("3:10 to Yuma"), "3-10 to Yuma"),
        ("{title}", BookTags('AC/DC "live"? <x|y>*'), "AC-DC 'live' x-y"),
        ("{title}", BookTags("../../etc/passwd"), "-..-etc-passwd"),
        ("{title} ({year})", BookTags("Wait...", year=2001), "Wait... (2001)"),
        ("{title}", BookTags("...And Ladies of the Club"), "And Ladies of the Club"),
        ("{title}", BookTags("con"), "con_"),
        ("{title}", BookTags("COM1.m4b"), "COM1_.m4b"),
        ("{title}", BookTags("a\x00b\x1bc\nd\u202etxt"), "abc dtxt"),
        ("{title}", BookTags("Cafe\u0301"), "Caf\u00e9"),
    ],
)
def test_a_pattern_renders_as_a_reader_expects(pattern: str, tags: BookTags, folder: str) -> None:
    assert shelf(pattern, tags) == folder


def test_every_token_renders() -> None:
    for token in TOKENS:
        assert shelf(f"{{{token}}}", MOON) not in {"", "Untitled"}, token


@pytest.mark.parametrize(
    ("pattern", "code", "hint"),
    [
        ("{auhtor}/{title}", "pattern_unknown_token", "{author}"),
        ("{Title}", "pattern_unknown_token", "{title}"),
        ("{serie_idx}", "pattern_unknown_token", "{series_index}"),
        ("{xyzzy}/{title}", "pattern_unknown_token", "{narrator}"),
        ("{}", "pattern_unknown_token", "{title}"),
        ("{title:02}", "pattern_bad_format", "{index:02}"),
        ("/books/{title}", "pattern_absolute", "relative"),
        ("C:\\{title}", "pattern_absolute", "relative"),
        ("~/{title}", "pattern_absolute", "relative"),
        ("../{title}", "pattern_bad_segment", "without . or .."),
        ("{author}/./{title}", "pattern_bad_segment", "without . or .."),
        ("{author}//{title}", "pattern_bad_segment", "each /"),
        ("{author}\\{title}", "pattern_bad_segment", "each /"),
        (".hidden/{title}", "pattern_bad_segment", "plain"),
        ("nul/{title}", "pattern_bad_segment", "plain"),
        ("a\x07/{title}", "pattern_bad_segment", "plain"),
        ("{title} ({year}", "pattern_unbalanced", "Close"),
        ("{title} {year)", "pattern_unbalanced", "Close"),
        ("{title", "pattern_unbalanced", "Close"),
        ("", "pattern_empty", "{author}/{title}"),
        ("  ", "pattern_empty", "{author}/{title}"),
        ("Books", "pattern_without_tokens", "{title}"),
        ("/".join(["{title}"] * 11), "pattern_too_deep", "10"),
    ],
)
def test_a_pattern_that_cannot_work_is_refused_with_the_way_out(pattern: str, code: str, hint: str) -> None:
    with pytest.raises(PatternError) as caught:
        parse_pattern(pattern)
    assert caught.value.reason.code == code
    assert hint in caught.value.reason.action


def test_a_monster_of_a_title_gives_way_but_the_year_stays() -> None:
    folder = shelf(DEFAULT, BookTags("é" * 300, ("A",), year=1895, series_index="1"))
    name = PurePosixPath(folder).name
    assert name.startswith("1 - éé")
    assert name.endswith("é (1895)")
    assert len(name.encode()) <= SEGMENT_BYTES


def test_a_file_name_keeps_its_extension_however_long_the_title() -> None:
    assert file_name("Dune: Messiah", "m4b") == "Dune - Messiah.m4b"
    assert file_name("", "m4b") == "Untitled.m4b"
    long = file_name("愛" * 200, "m4b")
    assert long.endswith("愛.m4b")
    assert len(long.encode()) <= SEGMENT_BYTES


TEXT = st.text(max_size=400) | st.text(
    st.sampled_from('/\\.:*?"<>|\x00 -ConNUL(1)ée\u0301\u200d\u202e愛😀{}[]'), max_size=120
)
TAGS = st.builds(
    BookTags,
    title=TEXT,
    authors=st.lists(TEXT, max_size=3).map(tuple),
    narrators=st.lists(TEXT, max_size=2).map(tuple),
    subtitle=st.none() | TEXT,
    series=st.none() | TEXT,
    series_index=st.none() | TEXT,
    year=st.none() | st.integers(-500, 99999),
    asin=st.none() | TEXT,
    language=st.none() | TEXT,
)
PATTERNS = st.sampled_from(
    [
        DEFAULT,
        "{authors}/{series} {index:02}/{title} - {subtitle} [{asin}] ({year}) {{{narrator}}}",
        "{title}",
        "{series}/{series_index}",
        "x {language}/{index}.{title}",
    ]
)


@given(PATTERNS, TAGS)
def test_no_tags_can_make_a_name_leave_the_library_or_upset_a_file_system(pattern: str, tags: BookTags) -> None:
    parts = render(parse_pattern(pattern), tags)
    assert parts
    assert parts == render(parse_pattern(pattern), tags)
    root = PurePosixPath("/library")
    assert root.joinpath(*parts).is_relative_to(root)
    assert len(root.joinpath(*parts).parts) == 2 + len(parts)
    for part in parts:
        assert problem_with_segment(part) is None, part
        assert unicodedata.is_normalized("NFC", part)
        assert not is_reserved(part)
        assert len(part.encode()) <= SEGMENT_BYTES
        assert safe_segment(part) == part


@given(TEXT, st.integers(8, 240))
@example("con" + "." * 300 + "x", 8)
@example("a" * 6 + " - b", 8)
@example("e*\u0301", 20)
def test_making_a_safe_name_twice_changes_nothing(text: str, limit: int) -> None:
    once = safe_segment(text, limit)
    assert safe_segment(once, limit) == once
    assert len(once.encode()) <= limit
    assert once == "" or problem_with_segment(once) is None
    assert safe_text(safe_text(text)) == safe_text(text)


@given(st.text(max_size=60))
def test_any_text_is_either_a_pattern_or_refused_by_name(text: str) -> None:
    try:
        pattern = parse_pattern(text)
    except PatternError as error:
        assert error.reason.action
    else:
        assert render(pattern, MOON)
