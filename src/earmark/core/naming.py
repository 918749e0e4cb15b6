"""How a book is called on disk: naming patterns such as `{author}/{series}/{index} - {title} ({year})`.

A pattern is checked once, when it is saved (`parse_pattern`), and then always renders to a relative path of names every
file system takes (`render`). Tags are hostile text: nothing in them can climb out of the library, hide a folder from a
scanner or name a device. Knows neither disks nor settings.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from earmark.core.binding import BookTags
from earmark.core.filenames import FOLDER_BYTES, problem_with_segment, safe_segment, safe_text, shorten
from earmark.core.reasons import PermanentError, Reason

TOKENS: Mapping[str, str] = {
    "author": "first author",
    "authors": "all authors",
    "title": "title",
    "subtitle": "subtitle",
    "series": "series name",
    "index": "place in the series, e.g. 2.5 or 1-3",
    "series_index": "the same as {index}",
    "year": "year of publication",
    "narrator": "first narrator",
    "asin": "Audible's number of the book",
    "language": "language code",
}
"""Every token a pattern may use, with what a settings page says about it."""

UNKNOWN_AUTHOR = "Unknown Author"
UNTITLED = "Untitled"
MAX_SEGMENTS = 10  # ten names of 255 bytes stay far below the 4,096 bytes a path may have

_PADDED = frozenset({"index", "series_index"})
_CLOSING = {"(": ")", "[": "]", "{{": "}}"}
_LEXEME = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[()\[\]]|[^{}()\[\]]+|.", re.DOTALL)
_BETWEEN = re.compile(r"([^\s\-–—_,;.·&|+~]*)([\s\-–—_,;.·&|+~]+)(.*)", re.DOTALL)


class PatternError(PermanentError):
    """A naming pattern that cannot be used; raised when it is saved, never when a book arrives."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Text between tokens. `suffix` belongs to what stands before it, `prefix` to what follows; the separator
    appears only between two parts that are both there."""

    text: str
    suffix: str = ""
    separator: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    name: str
    width: int = 0  # {index:02} pads the whole number to two digits


@dataclass(frozen=True, slots=True)
class Bracketed:
    """Brackets with tokens inside: they vanish together."""

    opening: str
    items: tuple[Item, ...]
    closing: str


Item: TypeAlias = Literal | Token | Bracketed


@dataclass(frozen=True, slots=True)
class Pattern:
    """A checked pattern: one tuple of items for each folder level."""

    text: str
    segments: tuple[tuple[Item, ...], ...]

    @property
    def tokens(self) -> frozenset[str]:
        return frozenset(name for items in self.segments for name in _token_names(items))


def parse_pattern(text: str) -> Pattern:
    """Check a folder pattern. Raises `PatternError` that names the fault and the fix."""
    stripped = text.strip()
    if not stripped:
        raise _fault("pattern_empty", text, "is empty", "Write a pattern such as {author}/{title}.")
    if stripped.startswith(("/", "~")) or re.match(r"[A-Za-z]:", stripped):
        action = "Write it relative to the library folder, without a leading / or drive."
        raise _fault("pattern_absolute", text, "is an absolute path", action)
    parts = stripped.removesuffix("/").split("/")
    if len(parts) > MAX_SEGMENTS:
        raise _fault("pattern_too_deep", text, f"has {len(parts)} levels", f"Use at most {MAX_SEGMENTS} levels.")
    pattern = Pattern(stripped, tuple(_parse_segment(part, text) for part in parts))
    if not pattern.tokens:
        action = "Add at least {title}, or every book would share one folder."
        raise _fault("pattern_without_tokens", text, "contains no token", action)
    return pattern


def render(pattern: Pattern, tags: BookTags) -> tuple[str, ...]:
    """The book's folder as names below the library folder, outermost first; never empty.

    Parts without a value vanish with their separators and brackets, levels without any value vanish altogether. A
    book without a title is called `Untitled` (else it would land loose in its author's folder); only a book of which
    nothing at all is known gets `Unknown Author` too.
    """
    values = _values(tags)
    if not any(values.values()):
        values |= {"author": UNKNOWN_AUTHOR, "authors": UNKNOWN_AUTHOR}
    values["title"] = values["title"] or UNTITLED
    names = [_render_segment(items, values) for items in pattern.segments]
    if not names[-1] and "title" not in pattern.tokens:
        # The book's own folder must not vanish into the folder of its author or series.
        names.append(safe_segment(values["title"]))
    return tuple(name for name in names if name) or (safe_segment(values["title"]) or UNTITLED,)


def file_name(stem: str, extension: str) -> str:
    """A file name from free text and an extension without dot, e.g. ("Dune: Messiah", "m4b") -> "Dune - Messiah.m4b"."""
    ending = f".{extension}" if extension else ""
    return (safe_segment(stem, FOLDER_BYTES - len(ending.encode())) or UNTITLED) + ending


# --- parsing ---------------------------------------------------------------------------------------------------------


def _parse_segment(part: str, pattern: str) -> tuple[Item, ...]:
    name = part.strip()
    literal = re.sub(r"\{[^{}]*\}", "x", name)  # what remains of the segment is the owner's own text
    if problem := problem_with_segment(literal):
        action = "Use plain folder names and tokens, one level after each /, without . or .. as a name."
        raise _fault("pattern_bad_segment", pattern, f"cannot be used: in {name!r} {problem}", action)
    return _parse_items(_LEXEME.findall(name), pattern)


def _parse_items(lexemes: Sequence[str], pattern: str) -> tuple[Item, ...]:
    """Turn lexemes into items; brackets that hold tokens become one `Bracketed`, others stay text."""
    stack: list[tuple[str, list[Item]]] = [("", [])]
    for lexeme in lexemes:
        if lexeme in _CLOSING:
            stack.append((lexeme, []))
        elif lexeme in _CLOSING.values():
            opening, items = stack.pop()
            if _CLOSING.get(opening) != lexeme:
                raise _unbalanced(pattern, lexeme)
            stack[-1][1].append(_bracketed(opening, items, lexeme))
        elif lexeme in {"{", "}"}:
            raise _unbalanced(pattern, lexeme)
        elif lexeme.startswith("{"):
            stack[-1][1].append(_token(lexeme, pattern))
        else:
            stack[-1][1].append(Literal(lexeme))
    if len(stack) > 1:
        raise _unbalanced(pattern, stack[-1][0])
    return _attach(stack[0][1])


def _bracketed(opening: str, items: list[Item], closing: str) -> Item:
    marks = opening[0], closing[0]  # {{ and }} stand for the brace itself
    if all(isinstance(item, Literal) for item in items):
        return Literal(marks[0] + "".join(item.text for item in items if isinstance(item, Literal)) + marks[1])
    return Bracketed(marks[0], _attach(items), marks[1])


def _token(lexeme: str, pattern: str) -> Token:
    name, colon, width = lexeme[1:-1].partition(":")
    if name not in TOKENS:
        near = difflib.get_close_matches(name.strip().lower(), TOKENS, n=1, cutoff=0.5)
        known = ", ".join(f"{{{token}}}" for token in TOKENS)
        action = f"Did you mean {{{near[0]}}}? Known tokens: {known}." if near else f"Known tokens: {known}."
        raise _fault("pattern_unknown_token", pattern, f"uses the unknown token {lexeme}", action, token=name)
    if not colon:
        return Token(name)
    if name not in _PADDED or not re.fullmatch(r"0?[1-9]", width):
        action = "Only {index} takes a width, as in {index:02}."
        raise _fault("pattern_bad_format", pattern, f"uses {lexeme}, which has no such form", action, token=name)
    return Token(name, int(width))


def _attach(items: Sequence[Item]) -> tuple[Item, ...]:
    """Join neighbouring literals and decide which part of each belongs to which neighbour."""
    joined: list[Item] = []
    for item in items:
        last = joined[-1] if joined else None
        if isinstance(item, Literal) and isinstance(last, Literal):
            joined[-1] = Literal(last.text + item.text)
        else:
            joined.append(item)
    last_idx = len(joined) - 1
    return tuple(
        _split(item.text, first=idx == 0, last=idx == last_idx) if isinstance(item, Literal) else item
        for idx, item in enumerate(joined)
    )


def _split(text: str, *, first: bool, last: bool) -> Literal:
    if first:
        return Literal(text, prefix=text)
    if last:
        return Literal(text, suffix=text)
    between = _BETWEEN.fullmatch(text)
    if between is None:  # "#" in {series}#{index}
        return Literal(text, prefix=text)
    return Literal(text, *between.groups())


def _token_names(items: Sequence[Item]) -> list[str]:
    names: list[str] = []
    for item in items:
        if isinstance(item, Token):
            names.append(item.name)
        elif isinstance(item, Bracketed):
            names.extend(_token_names(item.items))
    return names


def _unbalanced(pattern: str, bracket: str) -> PatternError:
    action = "Close every bracket that is opened within the same level; {{ and }} stand for a brace itself."
    return _fault("pattern_unbalanced", pattern, f"has a {bracket!r} without its partner", action)


def _fault(code: str, pattern: str, problem: str, action: str, **evidence: str) -> PatternError:
    return PatternError(
        Reason(code, f"The naming pattern {pattern!r} {problem}.", action, {"pattern": pattern, **evidence})
    )


# --- rendering -------------------------------------------------------------------------------------------------------


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
        "asin": safe_text(tags.asin or ""),
        "language": safe_text(tags.language or ""),
    }


def _render_segment(items: Sequence[Item], values: Mapping[str, str]) -> str:
    """One folder name; empty when none of its tokens has a value. Too long: the longest value gives way, so that a
    monster of a title does not push the year out of the name."""
    if all(isinstance(item, Literal) for item in items):
        return safe_segment("".join(item.text for item in items if isinstance(item, Literal)))
    fitted = dict(values)
    names = _token_names(items)
    text = _join(items, fitted)
    for _ in names:
        excess = len(text.encode()) - FOLDER_BYTES
        if excess <= 0:
            break
        longest = max(names, key=lambda name: len(fitted[name].encode()))
        fitted[longest] = shorten(fitted[longest], max(1, len(fitted[longest].encode()) - excess))
        text = _join(items, fitted)
    return safe_segment(text)


def _join(items: Sequence[Item], values: Mapping[str, str]) -> str:
    text, separator, prefix, after_value = "", "", "", False
    for item in items:
        if isinstance(item, Literal):
            text += item.suffix if after_value else ""
            separator, prefix = item.separator or separator, item.prefix
            continue
        value = _value(item, values)
        if value:
            text += (separator if text else "") + prefix + value
            separator = ""
        prefix, after_value = "", bool(value)
    return text


def _value(item: Token | Bracketed, values: Mapping[str, str]) -> str:
    if isinstance(item, Bracketed):
        inner = _join(item.items, values)
        return f"{item.opening}{inner}{item.closing}" if inner else ""
    value = values[item.name]
    return re.sub(r"(?<![\d.])\d+", lambda number: number[0].zfill(item.width), value) if item.width else value
