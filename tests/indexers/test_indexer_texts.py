"""Texts of strangers made plain: the quick way for usual markup says what the real reader of HTML says."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from earmark.indexers import text
from earmark.indexers.text import clean, plain_description

BITS = [
    "<p>", "</p>", "<br>", "<br />", "<BR/>", "<b>", "</b>", '<a href="x&amp;y">', "<a href='q'>", "</a >", "<h5>",
    "<script>", "</script>", "<!-- x -->", "<", "&", "&amp;", "&am", "p;", "&#39;", "&lt;b&gt;", "[b]", "[url=http://x]",
    "\n", "\r", "\x00", "\x85", "\u2028", " ", "words", "é", "\ud800", "<img src=x>", "<title>", "<p\x0b>", "<p", "&#x0;",
]  # fmt: skip


def lines_of(read: str) -> list[str]:
    return [line for line in read.splitlines() if line.strip()]


@given(st.lists(st.sampled_from(BITS), max_size=12).map("".join))
@example("<p>One &amp; two<br/>three</p>")
@example("&am<b>p;lt;")
def test_the_quick_way_reads_what_the_slow_way_reads(markup: str) -> None:
    reader = text._Paragraphs()
    storable = markup.encode("utf-8", "replace").decode()
    reader.feed(storable)
    reader.close()
    assert lines_of(text._text_of(storable)) == lines_of("".join(reader.parts))


@given(st.text())
def test_a_clean_line_has_no_control_characters_and_can_be_stored(written: str) -> None:
    line = clean(written)
    line.encode()
    assert not any(unicodedata.category(c) == "Cc" for c in line) and line == " ".join(line.split())


def test_a_description_keeps_its_paragraphs_and_loses_its_markup() -> None:
    assert (
        plain_description("<p>Read&nbsp;by [b]Ada[/b]</p><script>x()</script>two<br>three") == "Read by Ada\ntwo\nthree"
    )
