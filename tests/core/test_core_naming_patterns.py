"""Conditional text, parts, series folders, collisions and the preview of naming patterns."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.binding import BookTags
from earmark.core.filenames import SEGMENT_BYTES, problem_with_segment, safe_segment, shorten
from earmark.core.naming import (
    TOKENS,
    PatternError,
    parse_file_pattern,
    parse_pattern,
    render,
    render_file,
    resolve_collision,
)
from earmark.core.previewing import SAMPLES, preview

SAGA = BookTags(
    "Title",
    authors=("Author", "Second"),
    narrators=("Ann", "Bob"),
    subtitle="Sub",
    series="Saga",
    series_index="2.5",
    year=1901,
    asin="B000000000",
    isbn="9780000000000",
    language="en",
)
BARE = BookTags("Title", authors=("Author",))
EXAMPLE = "{author}/{series}/{series} - {index} - {title} ({year})"


def shelf(pattern: str, tags: BookTags, *, series_folders: bool = False) -> str:
    return "/".join(render(parse_pattern(pattern), tags, use_series_folders=series_folders))


@pytest.mark.parametrize(
    ("pattern", "full", "bare"),
    [
        (EXAMPLE, "Author/Saga/Saga - 2.5 - Title (1901)", "Author/Title"),
        ("{author}/{series/}{index. }{title}{ (year)}", "Author/Saga/2.5. Title (1901)", "Author/Title"),
        ("{author}{/series}/{title}{ - subtitle}{ [asin]}", "Author/Saga/Title - Sub [B000000000]", "Author/Title"),
        ("{author}/{series/}/{title}", "Author/Saga/Title", "Author/Title"),
        ("{series - /}{title}", "Saga/Title", "Title"),
        ("{author}{, /series}/{title}", "Author/Saga/Title", "Author/Title"),
        ("{author}/Books {series/}{title}", "Author/Books Saga/Title", "Author/Books Title"),
        ("{author}{/series}", "Author/Saga", "Author/Title"),
        ("{title} Audiobook{ - index}", "Title Audiobook - 2.5", "Title Audiobook"),
        ("Shelf{ - language}/{title}", "Shelf - en/Title", "Shelf/Title"),
        ("{title}{, narrators}{ #index}", "Title, Ann, Bob #2.5", "Title"),
        ("{(year) - }{title}", "(1901) - Title", "Title"),
        ("{, subtitle}{ - index}/{title}", "Sub - 2.5/Title", "Title"),
        ("{subtitle, }{index - }/{title}", "Sub, 2.5/Title", "Title"),
        ("{index_}{title}", "2.5_Title", "Title"),
        ("{title} ({narrators}{, year})", "Title (Ann, Bob, 1901)", "Title"),
        ("{title}/{.index}", "Title/2.5", "Title"),
        ("{isbn} {narrators}", "9780000000000 Ann, Bob", "Title"),
        ("{author}/{title}{ - part}", "Author/Title", "Author/Title"),
    ],
)
def test_text_inside_the_braces_comes_and_goes_with_its_value(pattern: str, full: str, bare: str) -> None:
    assert shelf(pattern, SAGA) == full
    assert shelf(pattern, BARE) == bare


@pytest.mark.parametrize(
    ("pattern", "code", "hint"),
    [
        ("{Vol. index} {title}", "pattern_unknown_token", "{index}"),
        ("{ - seires}{title}", "pattern_unknown_token", "{series}"),
        ("{../title}", "pattern_bad_segment", "without . or .."),
        ("{title/..}", "pattern_bad_segment", "without . or .."),
        ("{title/../}x", "pattern_bad_segment", "without . or .."),
        ("{series//}{title}", "pattern_bad_segment", "without . or .."),
        ("{/title}", "pattern_bad_segment", "without . or .."),
        ("{title?}", "pattern_bad_segment", "plain"),
        ("({series/}{title})", "pattern_bad_segment", "brackets"),
        ("{(year} {title}", "pattern_unbalanced", "Close"),
        ("{index: }{title}", "pattern_bad_format", "{index:02}"),
        ("{index:002}{title}", "pattern_bad_format", "{index:02}"),
        ("{series/}" * 11 + "{title}", "pattern_too_deep", "10"),
    ],
)
def test_a_conditional_that_cannot_work_is_refused_with_the_way_out(pattern: str, code: str, hint: str) -> None:
    with pytest.raises(PatternError) as caught:
        parse_pattern(pattern)
    assert caught.value.reason.code == code
    assert hint in caught.value.reason.action


def test_a_file_pattern_names_one_file_and_no_folder() -> None:
    with pytest.raises(PatternError) as caught:
        parse_file_pattern("{author}/{title}")
    assert caught.value.reason.code == "pattern_file_has_levels"


@pytest.mark.parametrize(
    ("pattern", "single", "of_twelve", "of_120"),
    [
        ("{title} - {part}", "Title.mp3", "Title - Part 03.mp3", "Title - Part 003.mp3"),
        ("{title}-{year}-{part}", "Title-1901.mp3", "Title-1901-Part 03.mp3", "Title-1901-Part 003.mp3"),
        ("{title}", "Title.mp3", "Title - Part 03.mp3", "Title - Part 003.mp3"),
        ("{part:02} {title}", "Title.mp3", "03 Title.mp3", "003 Title.mp3"),
        ("{title}{ (part:1)}", "Title.mp3", "Title (3).mp3", "Title (003).mp3"),
        ("{subtitle}{ - part}", "Sub.mp3", "Sub - Part 03.mp3", "Sub - Part 003.mp3"),
    ],
)
def test_parts_are_told_only_where_there_are_several(pattern: str, single: str, of_twelve: str, of_120: str) -> None:
    files = parse_file_pattern(pattern)
    assert render_file(files, SAGA, None, 1, "mp3") == render_file(files, SAGA, 1, 1, "mp3") == single
    assert render_file(files, SAGA, 3, 12, "mp3") == of_twelve
    assert render_file(files, SAGA, 3, 120, "mp3") == of_120


def test_a_monster_of_a_title_pushes_neither_part_nor_ending_out_of_a_file_name() -> None:
    name = render_file(parse_file_pattern("{title} - {part}"), BookTags("愛" * 300), 7, 12, "mp3")
    assert name.endswith("愛 - Part 07.mp3")
    assert len(name.encode()) <= SEGMENT_BYTES


@pytest.mark.parametrize(
    ("pattern", "full", "bare"),
    [
        ("{author}/{title} ({year})", "Author/Saga/2.5 - Title (1901)", "Author/Title"),
        ("{author}/{title}, {index}", "Author/Saga/Title, 2.5", "Author/Title"),
        ("{title}", "Saga/2.5 - Title", "Title"),
        ("{author}/{series/}{title}", "Author/Saga/Title", "Author/Title"),
        (EXAMPLE, "Author/Saga/Saga - 2.5 - Title (1901)", "Author/Title"),
    ],
)
def test_series_folders_are_added_where_the_pattern_has_none(pattern: str, full: str, bare: str) -> None:
    assert shelf(pattern, SAGA, series_folders=True) == full
    assert shelf(pattern, BARE, series_folders=True) == bare


def as_audiobookshelf_reads_folders(path: str) -> dict[str, str | None]:
    """The same look-ups its folder parser makes (server/utils/scandir.js, getBookDataFromDir)."""
    *above, folder = path.split("/")
    series = above.pop() if len(above) > 1 else None
    author = above.pop() if above else None
    sequence = None
    parts = folder.split(" - ")
    label = r"(?P<label>vol\.? |volume |book )?(?P<number>\d{0,3}(?:\.\d{1,2})?)(?P<dot>\.?)(?: (?P<suffix>.*))?"
    for idx, part in enumerate(parts if series else []):
        found = re.fullmatch(label, part, re.IGNORECASE)
        if found and not (found["suffix"] and not (found["label"] or found["dot"])):
            sequence = found["number"]
            parts[idx : idx + 1] = [found["suffix"]] if found["suffix"] else []
            break
    title = " - ".join(parts)
    year = re.fullmatch(r" *\(?([0-9]{4})\)? * - *(.+)", title)
    return {
        "author": author,
        "series": series,
        "sequence": sequence,
        "title": year[2] if year else title,
        "year": year[1] if year else None,
    }


@pytest.mark.parametrize(
    ("pattern", "title", "year"),
    [
        ("{author}/{series}/{index} - {title} ({year})", "Title (1901)", None),
        ("{author}/{series}/Vol. {index} - {year} - {title}", "Title", "1901"),
        ("{author}/{series/}{index - }{year - }{title}", "Title", "1901"),
    ],
)
def test_audiobookshelf_reads_author_series_and_place_from_the_folders(
    pattern: str, title: str, year: str | None
) -> None:
    read = as_audiobookshelf_reads_folders(shelf(pattern, SAGA))
    assert read == {"author": "Author", "series": "Saga", "sequence": "2.5", "title": title, "year": year}
    assert as_audiobookshelf_reads_folders(shelf(pattern, BARE))["series"] is None


def test_names_that_differ_in_case_or_form_only_are_told_apart_by_rule() -> None:
    assert resolve_collision("Dune", ["Other"]) == "Dune"
    assert resolve_collision("Dune", ["DUNE"], asin="B1") == "Dune [B1]"
    assert resolve_collision("Dune", ["DUNE", "dune (2)"]) == "Dune (3)"
    assert resolve_collision("Dune.m4b", ["dune.m4b", "Dune [b1].m4b"], asin="B1", extension="m4b") == "Dune (2).m4b"
    assert resolve_collision("Cafe\u0301", ["CAF\u00c9"]) == "Cafe\u0301 (2)"
    assert resolve_collision("Dune [B1]", ["Dune [B1]"], asin="B1") == "Dune [B1] (2)"


@given(st.text(min_size=1, max_size=300).map(safe_segment).filter(bool), st.lists(st.text(max_size=8), max_size=4))
def test_a_resolved_name_is_free_and_fits(name: str, others: list[str]) -> None:
    taken = [name, name.upper(), f"{name} (2)", *others]
    found = resolve_collision(name, taken)
    assert found.casefold() not in {other.casefold() for other in taken}
    assert len(found.encode()) <= SEGMENT_BYTES


def test_a_name_is_never_cut_inside_a_sign() -> None:
    accent = "e\u0323\u0301"  # three code points, no composed form of all
    assert shorten("ab" + accent, len(("ab" + accent).encode()) - 1) == "ab"
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert shorten("ab" + family, len(("ab" + family).encode()) - 1) == "ab"
    assert shorten("a" + "\u0301" * 50, 41) != ""


def test_the_preview_shows_every_kind_of_sample_and_says_what_to_know() -> None:
    shown = {one.label: one for one in preview(EXAMPLE, "{title} - {part}", use_series_folders=False)}
    assert len(shown) == len(SAMPLES)
    decimal = shown["between two books of a series"]
    assert decimal.path.startswith(
        "Mara Quill/The Salt Road/The Salt Road - 2.5 - The Lighthouse Winter - An Interlude"
    )
    assert shown["without a series"].path == "H. G. Wells/The Time Machine (1895)/The Time Machine.m4b"
    assert shown["not in Latin letters"].path == "夏目漱石/吾輩は猫である (1905)/吾輩は猫である.m4b"
    parts = shown["left in several files"]
    assert parts.path.endswith("/War and Peace - Part 01.mp3")
    assert parts.notes == ("12 files, the last is War and Peace - Part 12.mp3.",)
    assert "shortened" in shown["a very long title"].notes[0]
    assert shown["of which only the title is known"].path == "Beowulf/Beowulf.m4b"


def test_the_preview_warns_of_books_that_would_share_a_folder() -> None:
    shown = preview("{language}", "{title}", use_series_folders=False)
    assert any("Shares its folder" in note for one in shown for note in one.notes)


PUNCTUATION = st.text(st.sampled_from(" -–_,;.·()[]/#&+!'"), max_size=4)
PIECES = st.one_of(
    st.builds("{{{}{}{}}}".format, PUNCTUATION, st.sampled_from(sorted(TOKENS)), PUNCTUATION),
    st.sampled_from(sorted(TOKENS)).map("{{{}}}".format),
    st.sampled_from(
        ["/", " - ", " ", "(", ")", "[", "]", "{{", "}}", "Vol. ", "#", ":02}", "{index:02}", "{part:03}", "x"]
    ),
)
PATTERNS = st.text(max_size=60) | st.lists(PIECES, max_size=9).map("".join)
TEXT = st.text(max_size=300) | st.text(
    st.sampled_from('/\\.:*?"<>|\x00 -ConNUL(1)ée\u0301\u200d\u202e愛😀{}[]'), max_size=60
)
TAGS = st.builds(
    BookTags,
    title=TEXT,
    authors=st.lists(TEXT, max_size=2).map(tuple),
    narrators=st.lists(TEXT, max_size=2).map(tuple),
    subtitle=st.none() | TEXT,
    series=st.none() | TEXT,
    series_index=st.none() | TEXT,
    year=st.none() | st.integers(1, 9999),
    asin=st.none() | TEXT,
    isbn=st.none() | TEXT,
    language=st.none() | TEXT,
)


def assert_safe(name: str) -> None:
    assert problem_with_segment(name) is None, name
    assert unicodedata.is_normalized("NFC", name)
    assert len(name.encode()) <= SEGMENT_BYTES


@given(PATTERNS, TAGS, st.booleans())
def test_whatever_a_pattern_and_a_tracker_say_the_book_stays_on_the_shelf(
    text: str, tags: BookTags, series_folders: bool
) -> None:
    try:
        pattern = parse_pattern(text)
    except PatternError as error:
        assert error.reason.action
        return
    parts = render(pattern, tags, use_series_folders=series_folders)
    assert parts
    root = PurePosixPath("/library")
    assert len(root.joinpath(*parts).parts) == 2 + len(parts)
    for part in parts:
        assert_safe(part)


@given(PATTERNS, TAGS, st.integers(1, 150), st.integers(1, 150), st.sampled_from(["", "m4b", "mp3"]))
def test_whatever_a_file_pattern_says_the_name_is_one_safe_file(
    text: str, tags: BookTags, part: int, parts: int, extension: str
) -> None:
    try:
        pattern = parse_file_pattern(text)
    except PatternError:
        return
    name = render_file(pattern, tags, min(part, parts), parts, extension)
    assert_safe(name)
    assert name.endswith(extension)
    if parts > 1:
        assert name != render_file(pattern, tags, min(part, parts) % parts + 1, parts, extension)


@given(PATTERNS, PATTERNS, st.booleans())
def test_the_preview_takes_any_text_or_refuses_it_by_name(folders: str, files: str, series_folders: bool) -> None:
    try:
        shown = preview(folders, files, use_series_folders=series_folders)
    except PatternError:
        return
    assert all(one.path for one in shown)


CONDITIONAL = st.builds(
    "{{{}{}{}}}".format,
    st.sampled_from(["", " - ", ", ", "; ", " (", "#", " / ", "/"]),
    st.sampled_from(["series", "subtitle", "year", "narrators", "asin", "index"]),
    st.sampled_from(["", " - ", ", ", ". ", "/", " /"]),
).map(lambda token: token[:-1] + ")}" if "(" in token else token)


@given(st.lists(CONDITIONAL, max_size=5), st.lists(CONDITIONAL, max_size=5), st.sets(st.integers(0, 5)))
def test_conditional_text_leaves_no_stray_separators(before: list[str], after: list[str], missing: set[int]) -> None:
    names = ("series", "subtitle", "year", "narrators", "asin", "series_index")
    values = {"series": "S", "subtitle": "U", "year": 1901, "narrators": ("N",), "asin": "B1", "series_index": "7"}
    for idx in missing:
        values[names[idx]] = () if names[idx] == "narrators" else None
    try:
        pattern = parse_pattern("a/" + "".join(before) + "{title}" + "".join(after))
    except PatternError:
        return
    for part in render(pattern, BookTags("Title", **values)):  # type: ignore[arg-type]
        assert not re.search(r"^[\s\-,;./]|[\s\-,;./]$|\(\)|\[\]", part), part
    if len(missing) == len(names):
        assert render(pattern, BookTags("Title")) == ("a", "Title")
