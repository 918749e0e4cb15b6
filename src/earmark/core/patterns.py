"""The grammar of naming patterns such as `{author}/{series/}{index. }{title}{ (year)}`, and nothing of what they become.

    pattern = level "/" level "/" …
    level   = text and tokens; ( ) [ ] around tokens vanish with them; {{ and }} stand for a brace itself
    token   = "{" before name [":" width] after "}"

`before` and `after` are punctuation and spaces (no letters, no digits) that appear only when the token has a value; a
`/` among them makes a level of its own, or none: `{series/}{title}` is `Saga/Title` or `Title`. Checked once, when a
pattern is saved; every fault names the way out.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from earmark.core.filenames import problem_with_segment
from earmark.core.reasons import PermanentError, Reason

TOKENS: Mapping[str, str] = {
    "author": "first author",
    "authors": "all authors",
    "title": "title",
    "subtitle": "subtitle",
    "series": "series name",
    "index": "place in the series, e.g. 2.5 or 1-3; {index:02} fills up with zeros",
    "series_index": "the same as {index}",
    "year": "year of publication",
    "narrator": "first narrator",
    "narrators": "all narrators",
    "asin": "Audible's number of the book",
    "isbn": "ISBN",
    "language": "language code",
    "part": "in file names of a book of several files: Part 01; {part:02} is the bare number",
}
"""Every token a pattern may use, with what a settings page says about it."""

MAX_SEGMENTS = 10  # ten names of 255 bytes stay far below the 4,096 bytes a path may have

_PADDED = frozenset({"index", "series_index", "part"})
_CLOSING = {"(": ")", "[": "]", "{{": "}}"}
_LEXEME = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[()\[\]/]|[^{}()\[\]/]+|.", re.DOTALL)
_TOKEN = re.compile(r"\{((?:[^\w{}]|_)*)([^\W_]+(?:_+[^\W_]+)*)(:\w*)?((?:[^\w{}]|_)*)\}")


class PatternError(PermanentError):
    """A naming pattern that cannot be used; raised when it is saved, never when a book arrives."""


@dataclass(frozen=True, slots=True)
class Token:
    name: str
    width: int = 0  # {index:02} fills the whole number up to two digits
    before: str = ""  # there only when the value is
    after: str = ""


@dataclass(frozen=True, slots=True)
class Bracketed:
    """Brackets with tokens inside: they vanish together."""

    opening: str
    items: tuple[Item, ...]
    closing: str


Item: TypeAlias = str | Token | Bracketed
"""Text of the owner's own is a plain `str`; two of them never stand side by side."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A checked pattern: one tuple of items for each folder level."""

    text: str
    segments: tuple[tuple[Item, ...], ...]

    @property
    def tokens(self) -> frozenset[str]:
        return frozenset(name for items in self.segments for name in token_names(items))


def parse_pattern(text: str) -> Pattern:
    """Check a folder pattern. Raises `PatternError` that names the fault and the fix."""
    stripped = text.strip()
    if not stripped:
        raise _fault("pattern_empty", text, "is empty", "Write a pattern such as {author}/{title}.")
    if stripped.startswith(("/", "~")) or re.match(r"[A-Za-z]:", stripped):
        action = "Write it relative to the library folder, without a leading / or drive."
        raise _fault("pattern_absolute", text, "is an absolute path", action)
    parts = _levels(stripped.removesuffix("/"))
    count = sum(1 + part.count("/") for part in parts)
    if count > MAX_SEGMENTS:
        raise _fault("pattern_too_deep", text, f"has {count} levels", f"Use at most {MAX_SEGMENTS} levels.")
    pattern = Pattern(stripped, tuple(_parse_segment(part, text) for part in parts))
    if not pattern.tokens:
        action = "Add at least {title}, or every book would share one folder."
        raise _fault("pattern_without_tokens", text, "contains no token", action)
    return pattern


def parse_file_pattern(text: str) -> Pattern:
    """Check the pattern of a file's name, written without its ending. Raises `PatternError`."""
    if "/" in text:
        action = "Write folders into the folder pattern; this one names a file, such as {title}{ - part}."
        raise _fault("pattern_file_has_levels", text, "contains a /, but names a file", action)
    return parse_pattern(text)


def token_names(items: Sequence[Item]) -> list[str]:
    """The tokens among `items`, in order, those in brackets too."""
    names: list[str] = []
    for item in items:
        if isinstance(item, Token):
            names.append(item.name)
        elif isinstance(item, Bracketed):
            names.extend(token_names(item.items))
    return names


def joined(items: Sequence[Item]) -> tuple[Item, ...]:
    """Neighbouring texts become one, empty ones go."""
    found: list[Item] = []
    for item in items:
        last = found[-1] if found else None
        if isinstance(item, str) and isinstance(last, str):
            found[-1] = last + item
        elif item != "":
            found.append(item)
    return tuple(found)


def _levels(text: str) -> list[str]:
    """Split at every `/` that stands outside braces."""
    levels = [""]
    for lexeme in _LEXEME.findall(text):
        if lexeme == "/":
            levels.append("")
        else:
            levels[-1] += lexeme
    return levels


def _parse_segment(part: str, pattern: str) -> tuple[Item, ...]:
    name = part.strip()
    problem = next((found for level in _with_all_values(name) if (found := problem_with_segment(level))), None)
    if problem:
        action = "Use plain folder names and tokens, one level after each /, without . or .. as a name."
        raise _fault("pattern_bad_segment", pattern, f"cannot be used: in {name!r} {problem}", action)
    return _parse_items([lexeme for lexeme in _LEXEME.findall(name) if lexeme], pattern)


def _with_all_values(segment: str) -> list[str]:
    """The levels this text makes when every token has the value x: what then remains is the owner's own text. Dots and
    spaces at the rim of a conditional text are separators and never end up at the rim of a name."""

    def shown(found: re.Match[str]) -> str:
        *outer, before = found[1].split("/")
        after, *further = found[4].split("/")
        outer = [text.rstrip(" .") or text for text in outer]
        further = [text.lstrip(" .") or text.strip(" ") for text in further]
        return "/".join([*outer, before.lstrip(" .") + "x" + after.rstrip(" ."), *further])

    text = re.sub(r"\{[^{}]*\}", "x", _TOKEN.sub(shown, segment))
    return (text.removesuffix("/") if segment.endswith("}") else text).split("/")


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
            stack[-1][1].append(_bracketed(opening, items, lexeme, pattern))
        elif lexeme in {"{", "}"}:
            raise _unbalanced(pattern, lexeme)
        elif lexeme.startswith("{"):
            stack[-1][1].append(_token(lexeme, pattern))
        else:
            stack[-1][1].append(lexeme)
    if len(stack) > 1:
        raise _unbalanced(pattern, stack[-1][0])
    return joined(stack[0][1])


def _bracketed(opening: str, items: list[Item], closing: str, pattern: str) -> Item:
    marks = opening[0], closing[0]  # {{ and }} stand for the brace itself
    if all(isinstance(item, str) for item in items):
        return marks[0] + "".join(item for item in items if isinstance(item, str)) + marks[1]
    if any(isinstance(item, Token) and "/" in item.before + item.after for item in items):
        action = "Take the brackets away, or the / out of the braces."
        raise _fault("pattern_bad_segment", pattern, "has a level inside brackets", action)
    return Bracketed(marks[0], joined(items), marks[1])


def _token(lexeme: str, pattern: str) -> Token:
    found = _TOKEN.fullmatch(lexeme)
    before, name, width, after = found.groups(default="") if found else ("", lexeme[1:-1], "", "")
    if name not in TOKENS:
        raise _unknown(lexeme, name, pattern)
    if _nested(before + after) is None:
        raise _unbalanced(pattern, lexeme)
    if not width:
        return Token(name, 0, before, after)
    if name not in _PADDED or not re.fullmatch(r":0?[1-9]", width):
        action = "Only {index} and {part} take a width, as in {index:02}."
        raise _fault("pattern_bad_format", pattern, f"uses {lexeme}, which has no such form", action, token=name)
    return Token(name, int(width[1:]), before, after)


def _nested(text: str) -> str | None:
    """The brackets of `text` cancel out to nothing, or there is a stray one."""
    marks = re.sub(r"[^()\[\]]", "", text)
    while "()" in marks or "[]" in marks:
        marks = marks.replace("()", "").replace("[]", "")
    return None if marks else ""


def _unknown(lexeme: str, name: str, pattern: str) -> PatternError:
    known = "Known tokens: " + ", ".join(f"{{{token}}}" for token in TOKENS) + "."
    meant = next((word for word in re.findall(r"\w+", name) if word in TOKENS), None)
    near = difflib.get_close_matches(name.strip().lower(), TOKENS, n=1, cutoff=0.5)
    if meant:
        action = (
            f"Beside a token only punctuation may stand inside the braces: write words outside, around {{{meant}}}."
        )
    else:
        action = f"Did you mean {{{near[0]}}}? {known}" if near else known
    return _fault("pattern_unknown_token", pattern, f"uses the unknown token {lexeme}", action, token=name)


def _unbalanced(pattern: str, bracket: str) -> PatternError:
    action = "Close every bracket that is opened within the same level; {{ and }} stand for a brace itself."
    return _fault("pattern_unbalanced", pattern, f"has a {bracket!r} without its partner", action)


def _fault(code: str, pattern: str, problem: str, action: str, **evidence: str) -> PatternError:
    return PatternError(
        Reason(code, f"The naming pattern {pattern!r} {problem}.", action, {"pattern": pattern, **evidence})
    )
