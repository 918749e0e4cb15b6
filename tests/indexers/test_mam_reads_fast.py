"""The short ways through a page of the site tell the same as the long ones."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from earmark.indexers import text
from earmark.indexers.mam import fields

MARKS = [
    "&amp;", "&lt;", "&notin;", "&not", "&#039;", "&#x1F600;", "&#150;", "&#xd800;", "&nbsp;", "&", "&#", ";", "in", "é",
    "<p>", "</P>", "<br />", "<b>", "<i class='x'>", "<script>", "<", "[b]", "[", " ", "  ", "\r\n", "\x00",
]  # fmt: skip
MARKUP = st.lists(st.sampled_from(MARKS), max_size=12).map("".join)


@given(MARKUP)
def test_entities_are_decoded_as_the_standard_library_decodes_them(written: str) -> None:
    assert text._unescaped(written) == html.unescape(written)


@given(MARKUP)
def test_any_line_is_cleaned_the_same_by_the_short_way(written: str) -> None:
    decoded = text._storable(html.unescape(written))
    assert text.clean(written) == " ".join(text._CONTROLS.sub(" ", decoded).split())


@given(MARKUP)
def test_a_description_is_read_piece_by_piece_as_before(written: str) -> None:
    markup = text._storable(written)
    pieces = text._PLAIN_TAG.split(markup)
    if "<" not in "".join(pieces[::2]):
        breaks = ["\n" if tag.lower() in text._BREAKS else "" for tag in pieces[1::2]] + [""]
        expected = "".join(html.unescape(one) + end for one, end in zip(pieces[::2], breaks, strict=True))
        assert text._text_of(markup) == expected
        lines = text._BBCODE.sub("", expected).splitlines()
        assert text.plain_description(written) == "\n".join(line for one in lines if (line := text.clean(one)))


@pytest.mark.parametrize(
    "around", ["{}", "<p>{}</p>", "<x>{}", "<x y='{}'>z"], ids=["bare", "known", "other", "attribute"]
)
def test_a_character_number_without_end_costs_nothing(around: str) -> None:
    written = around.format("&#" + "1" * 6000 + ";")
    assert len(text.plain_description(written)) <= 1
    assert text.clean("a&#" + "1" * 6000 + ";b") == "a\ufffdb"


TIMES = st.builds(
    "{}{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}{}".format,
    st.sampled_from(["", " "]),
    st.integers(0, 3000),
    st.integers(0, 13),
    st.integers(0, 32),
    st.sampled_from([" ", " ", "T", "  "]),
    st.integers(0, 25),
    st.integers(0, 61),
    st.integers(0, 62),
    st.sampled_from(["", "", " ", ".5", "Z"]),
)


@given(TIMES)
@example("2020-W01-1 03:04:05")
@example("2020-1-2 3:4:5")
@example("٢٠٢٠-01-02 03:04:05")
@example("2020-01-02 24:00:00")
def test_a_time_is_the_one_the_patient_reader_finds(written: str) -> None:
    try:
        expected = datetime.strptime(written.strip(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        expected = None
    assert fields.utc_time(written) == expected


@given(
    st.text(alphabet='{}[]":, 1a\n\\\ufeff', max_size=12) | st.sampled_from(['{"1": "A"}', '{"1": "A"} ', " []", "[]x"])
)
def test_json_in_text_is_unpacked_as_the_whole_reader_does(written: str) -> None:
    try:
        expected = json.loads(written)
    except ValueError:
        expected = None
    assert fields.nested(written) == (expected if isinstance(expected, dict | list) else None)


@given(st.text(alphabet="0123456789,. kKMGiIbBx\n", max_size=14))
def test_a_size_needs_a_digit(written: str) -> None:
    pattern = r"([\d,]{1,30}(?:\.\d{1,30})?)\s*([KMGTP]?)(?:i?B)?"
    parts = re.fullmatch(pattern, written.strip(), re.IGNORECASE | re.ASCII)
    expected = None
    if parts and re.search(r"\d", parts.group(1)):
        expected = round(float(parts.group(1).replace(",", "")) * fields.UNITS[parts.group(2).upper()])
    assert fields.size_bytes(written) == expected


@given(st.text(alphabet="0123456789,. kKbBpPsSit/\n", max_size=12))
def test_a_bit_rate_is_told_by_its_unit(written: str) -> None:
    kilo = re.fullmatch(r"([\d.,]+)kb(?:ps|it/s|/s)", re.sub(r"\s", "", written).lower(), re.ASCII)
    rate = fields.real(kilo.group(1)) if kilo else fields.real(written)
    kbps = None if rate is None else round(rate if kilo else rate / 1000)
    assert fields._kbps(written) == (kbps if kbps and 0 < kbps < 100_000 else None)


@pytest.mark.parametrize("value", [0, 1, 2, -1, True, False, 2**63 - 1, 2**63, 1.0, "1", "", None], ids=repr)
def test_numbers_are_read_alike_whatever_way_they_take(value: object) -> None:
    number = fields.whole(value)
    assert fields.count(value) == (number if number is not None and number >= 0 else None)
    assert fields.flag(value) is bool(value in {"1", 1})
