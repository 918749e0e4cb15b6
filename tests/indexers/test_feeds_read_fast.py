"""The short ways through a feed tell the same as the long ones."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.http import Answer
from earmark.indexers import text, torznab_feed
from earmark.indexers.torznab_feed import count

TEXTS = st.text(alphabet=st.sampled_from("aZ 0\t\n\x00\x1f\x7f&;<>[]/b=é\u2028\ud800amp"), max_size=40)


@given(TEXTS)
def test_plain_ascii_is_cleaned_as_any_text_is(written: str) -> None:
    decoded = text._storable(html.unescape(written))
    assert text.clean(written) == " ".join(text._CONTROLS.sub(" ", decoded).split())


@given(TEXTS)
def test_a_description_without_markup_is_read_as_one_with(written: str) -> None:
    read = text._BBCODE.sub("", text._text_of(text._storable(written)))
    assert text.plain_description(written) == "\n".join(line for one in read.splitlines() if (line := text.clean(one)))


@given(st.text(alphabet="0123456789 \t\n\x1c٣²+-._", max_size=22))
def test_counts_are_ascii_digits_with_room_around_them(written: str) -> None:
    is_count = re.fullmatch(r"\s*\d{1,19}\s*", written, re.ASCII) and int(written) < 2**63
    assert count(written) == (int(written) if is_count else None)


DATES = st.builds(
    "{}, {:02} {} {:04} {:02}:{:02}:{:02} {}{:04}".format,
    st.sampled_from(["Thu", "Mon", "Xyz"]),
    st.integers(0, 32),
    st.sampled_from(["Jan", "Feb", "Sep", "Dec", "Foo"]),
    st.integers(0, 3000),
    st.integers(0, 24),
    st.integers(0, 60),
    st.integers(0, 60),
    st.sampled_from(["+", "-"]),
    st.integers(0, 2500),
)


@given(DATES)
def test_a_date_in_the_usual_form_is_the_moment_the_patient_reader_finds(written: str) -> None:
    try:
        at = parsedate_to_datetime(written)
        expected = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        expected = None
    assert torznab_feed._published(written) == expected


def test_the_usual_form_takes_the_short_way() -> None:
    assert torznab_feed._DATE.fullmatch("Thu, 02 Jan 2020 03:04:05 -0730")
    assert torznab_feed._published("Thu, 02 Jan 2020 03:04:05 -0730") == datetime(2020, 1, 2, 10, 34, 5, tzinfo=UTC)


ENTITY = '<?xml version="1.0" encoding="{}"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1", "cp1252", "us-ascii"])
def test_a_document_type_is_refused_in_every_encoding(encoding: str) -> None:
    body = ENTITY.format(encoding.removesuffix("-le").removesuffix("-be")).encode(encoding)
    assert torznab_feed._parsed(Answer(200, "application/xml", body)) is None


@pytest.mark.parametrize("encoding", ["utf-7", "cp037", "utf-32"])
def test_an_encoding_that_hides_its_ascii_is_no_document(encoding: str) -> None:
    head, rest = ENTITY.format(encoding).split("?>", 1)
    bodies = [(head + "?>" + rest).encode(encoding), (head + "?>").encode() + rest.encode(encoding)]
    assert all(torznab_feed._parsed(Answer(200, "application/xml", body)) is None for body in bodies)
