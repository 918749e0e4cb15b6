"""How a book is called on disk: a checked pattern and the book's tags become a relative path of names every file system
takes (`render`, `render_file`). Tags are hostile text: nothing in them can climb out of the library, hide a folder from a
scanner or name a device. Knows neither disks nor settings.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence

from earmark.core.binding import BookTags
from earmark.core.filenames import FOLDER_BYTES, SEGMENT_BYTES, safe_segment, safe_text, shorten
from earmark.core.patterns import (
    TOKENS,
    Bracketed,
    Item,
    Pattern,
    PatternError,
    Token,
    joined,
    parse_file_pattern,
    parse_pattern,
    token_names,
)

__all__ = [
    "TOKENS",
    "Pattern",
    "PatternError",
    "file_name",
    "parse_file_pattern",
    "parse_pattern",
    "render",
    "render_file",
    "resolve_collision",
]

UNKNOWN_AUTHOR = "Unknown Author"
UNTITLED = "Untitled"

_SEPARATORS = " \t\n\u00a0-–—_,;.·&|+~"
_BETWEEN = re.compile(rf"([^{re.escape(_SEPARATORS)}]*)([{re.escape(_SEPARATORS)}]+)(.*)", re.DOTALL)


def render(pattern: Pattern, tags: BookTags, *, use_series_folders: bool = False) -> tuple[str, ...]:
    """The book's folder as names below the library folder, outermost first; never empty.

    Parts without a value vanish with their separators and brackets, levels without any value vanish altogether. A
    book without a title is called `Untitled` (else it would land loose in its author's folder); only a book of which
    nothing at all is known gets `Unknown Author` too. `use_series_folders` adds a level `{series}` above the book's own
    where the pattern has none, and the place in the series before the book's name where the pattern does not tell it:
    that is how Audiobookshelf reads `Author/Series/2 - Title`. (A level `Series #2` would make each book a series.)
    """
    pattern = _with_series_level(pattern) if use_series_folders else pattern
    values = _values(tags)
    if not any(values.values()):
        values |= {"author": UNKNOWN_AUTHOR, "authors": UNKNOWN_AUTHOR}
    values["title"] = values["title"] or UNTITLED
    names = [_render_segment(items, values) for items in _levels(pattern, values)]
    if "title" not in pattern.tokens and not any(values[name] for name in _own_tokens(pattern)):
        # The book's own folder must not vanish into the folder of its author or series.
        names.append(safe_segment(values["title"]))
    return tuple(name for name in names if name) or (safe_segment(values["title"]) or UNTITLED,)


def render_file(pattern: Pattern, tags: BookTags, part: int | None, parts: int, extension: str = "") -> str:
    """The name of one file of a book, with `extension` (no dot) when given: at most 240 bytes, never empty.

    `part` counts from 1; None, or `parts` of 1, means the book is a single file and the part vanishes with its
    separator. `{part}` is `Part 01` (three digits from 100 files), `{part:02}` the bare number; where the pattern tells
    no part, ` - Part 01` is added, for files of one folder must have different names.
    """
    several = part is not None and parts > 1
    items = pattern.segments[-1]
    if several and "part" not in pattern.tokens:
        items = (*items, Token("part", before=" - "))
    values = _values(tags)
    values["title"] = values["title"] or UNTITLED
    values["part"] = str(part).zfill(max(2, len(str(parts)))) if several else ""
    ending = f".{extension}" if extension else ""
    name = _render_segment(items, values, FOLDER_BYTES - len(ending.encode()))
    return (name or safe_segment(values["title"], FOLDER_BYTES - len(ending.encode())) or UNTITLED) + ending


def file_name(stem: str, extension: str) -> str:
    """A file name from free text and an extension without dot, e.g. ("Dune: Messiah", "m4b") -> "Dune - Messiah.m4b"."""
    ending = f".{extension}" if extension else ""
    return (safe_segment(stem, FOLDER_BYTES - len(ending.encode())) or UNTITLED) + ending


def resolve_collision(name: str, taken: Collection[str], *, asin: str | None = None, extension: str = "") -> str:
    """A name that no one in `taken` has, by rule: the name itself, then with the ASIN, then with (2), (3), …

    Names are equal when they differ in case or Unicode form only: on NTFS, exFAT and many shares they are one file.
    `extension` (no dot) stays at the end.
    """
    used = {_key(other) for other in taken}
    ending = f".{extension}" if extension and name.endswith(f".{extension}") else ""
    stem = name.removesuffix(ending)
    number = shorten(safe_text(asin or ""), 40)
    suffixes = ["", *([f" [{number}]"] if number and number not in stem else [])]
    suffixes += [f" ({count})" for count in range(2, len(used) + 3)]
    candidates = (_suffixed(stem, suffix, ending) for suffix in suffixes)
    return next(candidate for candidate in candidates if _key(candidate) not in used)


def _suffixed(stem: str, suffix: str, ending: str) -> str:
    return shorten(stem, SEGMENT_BYTES - len((suffix + ending).encode())) + suffix + ending


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _with_series_level(pattern: Pattern) -> Pattern:
    if "series" in pattern.tokens:
        return pattern
    *above, own = pattern.segments
    if not pattern.tokens & {"index", "series_index"}:
        own = (Token("index", after=" - "), *own)
    return Pattern(pattern.text, (*above, (Token("series"),), own))


def _values(tags: BookTags) -> dict[str, str]:
    index = safe_text(tags.series_index or "")
    authors = [name for author in tags.authors if (name := safe_text(author))]
    narrators = [name for narrator in tags.narrators if (name := safe_text(narrator))]
    return {
        "author": authors[0] if authors else "",
        "authors": ", ".join(authors),
        "title": safe_text(tags.title),
        "subtitle": safe_text(tags.subtitle or ""),
        "series": safe_text(tags.series or ""),
        "index": index,
        "series_index": index,
        "year": str(tags.year) if tags.year else "",
        "narrator": narrators[0] if narrators else "",
        "narrators": ", ".join(narrators),
        "asin": safe_text(tags.asin or ""),
        "isbn": safe_text(tags.isbn or ""),
        "language": safe_text(tags.language or ""),
        "part": "",
    }


def _levels(pattern: Pattern, values: Mapping[str, str]) -> list[tuple[Item, ...]]:
    """The levels for these values: a token that brings its own `/` makes one, or none."""
    levels: list[list[Item]] = []
    for items in pattern.segments:
        levels.append([])
        for item in items:
            if not isinstance(item, Token) or "/" not in item.before + item.after:
                levels[-1].append(item)
            elif values[item.name]:
                *closed, before = item.before.split("/")
                after, *opened = item.after.split("/")
                for text in closed:
                    levels[-1].append(text.rstrip(_SEPARATORS))
                    levels.append([])
                levels[-1].append(Token(item.name, item.width, before, after))
                levels += [[text.lstrip(_SEPARATORS)] for text in opened]
    return [joined(items) for items in levels]


def _own_tokens(pattern: Pattern) -> list[str]:
    """The tokens of the innermost level, which is the book's own folder."""
    names: list[str] = []
    *others, last = pattern.segments[-1]
    for item in (*others, last):
        names = [] if isinstance(item, Token) and "/" in item.before else names
        names += token_names([item])
        names = [] if isinstance(item, Token) and "/" in item.after and item is not last else names
    return names


def _render_segment(items: Sequence[Item], values: Mapping[str, str], limit: int = FOLDER_BYTES) -> str:
    """One name of at most `limit` bytes; empty when none of its tokens has a value. Too long: the longest value gives
    way, so that a monster of a title does not push the year out of the name."""
    fitted = dict(values)
    names = token_names(items)
    text = _join(items, fitted)
    for _ in names:
        excess = len(text.encode()) - limit
        if excess <= 0:
            break
        longest = max(names, key=lambda name: len(fitted[name].encode()))
        fitted[longest] = shorten(fitted[longest], max(1, len(fitted[longest].encode()) - excess))
        text = _join(items, fitted)
    return safe_segment(text, limit)


def _join(items: Sequence[Item], values: Mapping[str, str]) -> str:
    """Put values and texts together. Of a text between two tokens, what touches the first belongs to it, what touches
    the second to that one, and the separator between appears only where both are there. Beside a token that says in
    its braces what belongs to it, text stands on its own."""
    if all(isinstance(item, str) for item in items):
        return "".join(item for item in items if isinstance(item, str))
    text, separator, prefix, after_value = "", "", "", False
    for idx, item in enumerate(items):
        if isinstance(item, str):
            if (words := item.strip(_SEPARATORS)) and _stands_alone(items, idx):
                leading, _, trailing = item.partition(words)
                text += (separator + leading if text else "") + words
                separator, prefix, after_value = trailing, "", True
                continue
            suffix, between, lead = _split(item, first=idx == 0, last=idx == len(items) - 1)
            if after_value and suffix:
                text, separator = text + separator + suffix, ""
            separator = (separator if after_value else "") + between or separator
            prefix = lead
            continue
        value = _value(item, values)
        if value:
            opening, closing = _affixes(item)
            text += (separator if text else "") + prefix
            text += (opening[0] if text else "") + opening[1] + value + closing[0]
            separator = closing[1]
        prefix, after_value = "", bool(value)
    return text


def _split(text: str, *, first: bool, last: bool) -> tuple[str, str, str]:
    """What belongs to the token before, the separator, and what belongs to the token behind."""
    if first:
        return "", "", text
    if last:
        return text, "", ""
    between = _BETWEEN.fullmatch(text)
    if between is None:  # "#" in {series}#{index}
        return "", "", text
    return between[1], between[2], between[3]


def _stands_alone(items: Sequence[Item], idx: int) -> bool:
    left = items[idx - 1] if idx else None
    right = items[idx + 1] if idx + 1 < len(items) else None
    return (isinstance(left, Token) and bool(left.after)) or (isinstance(right, Token) and bool(right.before))


def _affixes(item: Token | Bracketed) -> tuple[tuple[str, str], tuple[str, str]]:
    """What a token brings in its braces: (separator, rest) before it, (rest, separator) behind it."""
    if isinstance(item, Bracketed):
        return ("", ""), ("", "")
    opening, closing = item.before.lstrip(_SEPARATORS), item.after.rstrip(_SEPARATORS)
    return (item.before.removesuffix(opening), opening), (closing, item.after.removeprefix(closing))


def _value(item: Token | Bracketed, values: Mapping[str, str]) -> str:
    if isinstance(item, Bracketed):
        inner = _join(item.items, values)
        return f"{item.opening}{inner}{item.closing}" if inner else ""
    value = values[item.name]
    if item.name == "part" and value:
        digits = max(item.width, len(value) if len(value) > 2 else 1)  # from 100 files all names have three
        return value.lstrip("0").zfill(digits) if item.width else f"Part {value}"
    return re.sub(r"(?<![\d.])\d+", lambda number: number[0].zfill(item.width), value) if item.width else value
