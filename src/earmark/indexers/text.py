"""Making text safe to keep, show and send. Knows no tracker."""

from __future__ import annotations

import html
import re
import unicodedata
from html.parser import HTMLParser

from earmark.http import Answer

MAX_DESCRIPTION_CHARS = 20_000


def clean(text: str) -> str:
    """One line of plain text: entities decoded, no control characters, no half surrogates (they cannot be stored)."""
    decoded = _storable(html.unescape(text))
    return " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in decoded).split())


def excerpt(answer: Answer) -> str:
    """The beginning of a reply as plain words without its secrets, fit for an error message."""
    text = re.sub(r"(?is)<(script|style)\b.*?</\1\s*>|<[^>]*>", " ", answer.text[:20_000])
    return clean(answer.masked(text))[:160]


def words_of(text: str) -> str:
    """Free text for a search box: every run of anything but letters, marks, digits and `_` becomes one space (C-024).

    Marks belong to words: without them names in Devanagari and decomposed accents fall apart.
    """
    normal = unicodedata.normalize("NFC", _storable(text))
    kept = (c if c == "_" or unicodedata.category(c)[0] in "LMN" else " " for c in normal)
    return " ".join("".join(kept).split())


def plain_description(markup: str) -> str:
    """An uploader's HTML or BBCode as paragraphs of plain text."""
    reader = _Paragraphs()
    reader.feed(_storable(markup[:MAX_DESCRIPTION_CHARS]))
    reader.close()
    text = re.sub(r"\[/?[a-zA-Z*]{1,10}(?:=[^\]\n]{0,300})?\]", "", "".join(reader.parts))
    lines = (clean_line for line in text.splitlines() if (clean_line := clean(line)))
    return "\n".join(lines)


class _Paragraphs(HTMLParser):
    """Collects text, breaking lines where a reader would see them broken."""

    BREAKS = frozenset({"p", "br", "div", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "blockquote", "hr"})
    SILENT = frozenset({"script", "style"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent = tag in self.SILENT
        if tag in self.BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent = False
        if tag in self.BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
