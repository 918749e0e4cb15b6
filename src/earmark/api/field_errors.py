"""pydantic's complaints in words a caller can act on: which field, what is wrong with it, what to send instead."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence

from fastapi.exceptions import RequestValidationError
from pydantic_core import PydanticCustomError

from earmark.api.problems import FieldError

BOOK_TAG = "book ticket"
MUSIC_TAG = "music ticket"
MAX_ERRORS = 50

KNOWN_FIELDS = (
    *("kind", "search", "tracks", "images", "constraints", "metadata_to_embed", "priority", "ticket_id", "title"),
    *("author", "narrator", "series", "series_index", "year", "language", "isbn", "asin", "artist", "album", "label"),
    *("genres", "catalog_track_id", "disc_number", "track_number", "name", "duration_secs", "dest_path", "requested"),
    *("catalog_image_id", "type", "format", "bitrate_kbps", "sample_rate_hz", "embed_metadata", "embed_cover"),
    *("candidate_idx", "reason", "query", "magnet_uri", "mam_id", "runtime_secs", "abridged"),
)

Context = Mapping[str, object]
Words = tuple[str, str]

WORDS: dict[str, Callable[[Context], Words]] = {
    "missing": lambda _: ("is missing", "Add it."),
    "string_type": lambda _: ("must be text", "Put it in quotes."),
    "string_unicode": lambda _: ("is not valid Unicode text", "Send whole characters, no lone surrogates."),
    "string_too_long": lambda c: (f"is longer than {c['max_length']} characters", "Shorten it."),
    "string_too_short": lambda _: ("is empty", "Fill it in, or leave the field out."),
    "string_pattern_mismatch": lambda _: (
        "has characters that are not allowed",
        "Use letters, digits, _, - and space.",
    ),
    "too_short": lambda c: (f"needs at least {c['min_length']}", "Add one."),
    "too_long": lambda c: (f"has more than {c['max_length']} entries", "Send fewer."),
    "int_type": lambda _: ("must be a whole number", "Send it without quotes or decimals."),
    "int_parsing": lambda _: ("must be a whole number", "Send digits only."),
    "int_parsing_size": lambda _: ("is far too large", "Send a smaller number."),
    "int_from_float": lambda _: ("must be a whole number", "Send it without decimals."),
    "float_type": lambda _: ("must be a number", "Send it without quotes."),
    "finite_number": lambda _: ("must be a finite number", "Send a real number."),
    "bool_type": lambda _: ("must be true or false", "Send true or false without quotes."),
    "list_type": lambda _: ("must be a list", "Put it in [ ]."),
    "dict_type": lambda _: ("must be an object", "Put it in { }."),
    "model_type": lambda _: ("must be an object", "Put it in { }."),
    "model_attributes_type": lambda _: ("must be an object", "Put it in { }."),
    "greater_than": lambda c: (f"must be more than {c['gt']}", "Send a larger number, or leave it out."),
    "greater_than_equal": lambda c: (f"must be at least {c['ge']}", "Send a larger number, or leave it out."),
    "less_than_equal": lambda c: (f"must be at most {c['le']}", "Send a smaller number, or leave it out."),
    "literal_error": lambda c: (f"must be {c['expected']}", f"Send {c['expected']}."),
    "enum": lambda c: (f"must be {c['expected']}", f"Send {c['expected']}."),
}


def wrong(message: str, fix: str) -> PydanticCustomError:
    """A validator's complaint that brings its own fix."""
    return PydanticCustomError("wrong", "{message}", {"message": message, "fix": fix})


def field_errors(error: RequestValidationError) -> list[FieldError]:
    """The first fifty complaints, in the order of the body. The values themselves are never repeated."""
    return [_one(complaint, error.body) for complaint in error.errors()[:MAX_ERRORS]]


def _one(complaint: Mapping[str, object], body: object) -> FieldError:
    loc = complaint.get("loc")
    path = list(loc) if isinstance(loc, Sequence) else []
    kind = str(complaint.get("type"))
    found = complaint.get("ctx")
    context: Context = found if isinstance(found, Mapping) else {}
    if kind == "json_invalid":
        return _broken_json(path, context, body)
    message, fix = _words(kind, context, path, str(complaint.get("msg", "is not valid")))
    return FieldError(field=_field(path), message=message, fix=fix)


def _words(kind: str, context: Context, path: list[object], fallback: str) -> Words:
    if kind == "wrong":
        return str(context.get("message")), str(context.get("fix"))
    if kind == "extra_forbidden":
        return _unknown_field(str(path[-1]) if path else "")
    if kind == "missing" and path == ["body"]:
        return "is missing", "Send a JSON object."
    if path and path[-1] == "kind":
        return "must be audiobook, ebook or music", "Send one of these, or leave it out."
    if kind.startswith("datetime"):
        return "is no date and time", "Send ISO 8601 with a zone, e.g. 2024-12-24T10:00:00Z."
    if kind in WORDS:
        return WORDS[kind](context)
    return fallback[:1].lower() + fallback[1:], "Compare it with the schema in openapi.json."


def _unknown_field(name: str) -> Words:
    if name in ("tracks", "images"):
        return "belongs to music tickets", 'Leave it out, or send "kind": "music".'
    if name in KNOWN_FIELDS:
        return "does not belong here", "Leave it out, or move it to where the schema has it."
    near = difflib.get_close_matches(name[:64], KNOWN_FIELDS, n=1)
    return "is not a known field", f"Did you mean {near[0]}?" if near else "Leave it out."


def _field(path: list[object]) -> str:
    """("body", tag, "tracks", 0, "dest_path") -> tracks[0].dest_path"""
    parts = [part for n, part in enumerate(path) if not (n == 0 or (n == 1 and part in (BOOK_TAG, MUSIC_TAG)))]
    name = ""
    for part in parts:
        if part == "[key]":
            continue
        name += f"[{part}]" if isinstance(part, int) else f".{str(part)[:100]}"
    return name.removeprefix(".") or "body"


def _broken_json(path: list[object], context: Context, body: object) -> FieldError:
    at = path[1] if len(path) > 1 and isinstance(path[1], int) else 0
    text = body if isinstance(body, str) else ""
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    why = str(context.get("error", "it cannot be read")).rstrip(".")
    return FieldError(
        field="body",
        message=f"is not valid JSON: {why} at line {line}, column {column}",
        fix="Correct the text at that place; a JSON checker shows it.",
    )


def field_error(field: str, message: str, fix: str) -> FieldError:
    return FieldError(field=field, message=message, fix=fix)
