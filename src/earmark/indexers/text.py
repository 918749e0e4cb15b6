"""Making text safe to keep, show and send. Knows no tracker."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache
from html.parser import HTMLParser

from earmark.http import Answer

MAX_DESCRIPTION_CHARS = 20_000
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # all that Unicode counts as such
_BBCODE = re.compile(r"\[/?[a-zA-Z*]{1,10}(?:=[^\]\n]{0,300})?\]")
_BREAKS = frozenset({"p", "br", "div", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "blockquote", "hr"})
_PLAIN_TAG = re.compile(
    r"</?(p|br|div|li|ul|ol|tr|td|table|h[1-4]|blockquote|hr|a|b|i|u|em|strong|span)"
    r"""(?:[ \t\r\n]+[a-zA-Z]{1,20}=(?:"[^"<>]*"|'[^'<>]*')){0,20}[ \t\r\n]*/?>""",
    re.IGNORECASE | re.ASCII,
)
"""Tags as most people write them; what has others goes through a real reader of HTML."""
_ENTITY = re.compile(r"(&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?))")
"""What `html.unescape` looks for."""
_ENDLESS = re.compile(r"&#[0-9]{500,};?")
"""No character has such a number, and Python refuses to read it."""


def clean(text: str) -> str:
    """One line of plain text: entities decoded, no control characters, no half surrogates (they cannot be stored)."""
    if "&" in text:
        text = _unescaped(text)
    if text.isprintable():  # nothing to make safe; its only white space is the space itself
        return " ".join(text.split()) if "  " in text else text.strip()
    decoded = _storable(text)
    return " ".join(_CONTROLS.sub(" ", decoded).split())


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
    markup = markup[:MAX_DESCRIPTION_CHARS]
    if "<" not in markup and "&" not in markup and "[" not in markup and markup.isprintable():
        return clean(markup)
    text = _text_of(_storable(markup))
    if "[" in text:
        text = _BBCODE.sub("", text)
    return "\n".join(clean_line for line in text.splitlines() if (clean_line := clean(line)))


def _text_of(markup: str) -> str:
    """The text with its lines broken where a reader of the page would see them broken."""
    pieces = _PLAIN_TAG.split(markup)  # texts and names of tags by turns
    texts = pieces[::2]
    if "<" in "".join(texts):
        reader = _Paragraphs()
        reader.feed(_ENDLESS.sub("\ufffd", markup))
        reader.close()
        return "".join(reader.parts)
    if "&" in markup:
        pieces[::2] = [_unescaped(text) if "&" in text else text for text in texts]
    pieces[1::2] = ["\n" if tag.lower() in _BREAKS else "" for tag in pieces[1::2]]
    return "".join(pieces)


class _Paragraphs(HTMLParser):
    """Collects text, breaking lines where a reader would see them broken."""

    SILENT = frozenset({"script", "style"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent = tag in self.SILENT
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent = False
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def _unescaped(text: str) -> str:
    """As `html.unescape`; the same few entities come over and over."""
    pieces = _ENTITY.split(_ENDLESS.sub("\ufffd", text) if len(text) > 500 else text)
    pieces[1::2] = map(_decoded, pieces[1::2])
    return "".join(pieces)


@lru_cache(1024)
def _decoded(entity: str) -> str:
    return html.unescape(entity)


def _storable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
