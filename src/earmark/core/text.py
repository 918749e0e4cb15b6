"""Texts of other people, made plain: what a tracker's page or an uploader wrote becomes paragraphs without markup."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BBCODE = re.compile(r"\[/?(b|i|u|s|url|img|size|color|quote|list|center|left|right|spoiler|font|\*)(=[^\]]*)?\]", re.I)
_HTML = re.compile(
    r"</?(p|br|div|span|b|i|u|em|strong|ul|ol|li|a|h[1-6]|blockquote|hr|font|img|sup|sub)\b[^<>]*>", re.I
)
_BLOCKS = frozenset({"p", "div", "br", "li", "ul", "ol", "blockquote", "hr", "h1", "h2", "h3", "h4", "h5", "h6"})


def plain_text(text: str) -> str:
    """A description without markup: paragraphs stay apart, entities become characters."""
    clean = _BBCODE.sub("", _NOT_XML.sub("", text))
    if _HTML.search(clean):
        reader = _Text()
        reader.feed(clean)
        reader.close()
        clean = "".join(reader.parts)
    else:
        clean = html.unescape(clean)
    lines = [re.sub(r"[^\S\n]+", " ", line).strip() for line in _NOT_XML.sub("", clean).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Text(HTMLParser):
    """Collects what a reader of the page would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in {"script", "style"}
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style"} and self._hidden > 0
        if tag in _BLOCKS - {"br", "hr"}:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)
