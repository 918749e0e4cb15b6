"""`release.json`: what a person wants the stand-in site to say about a release.

Every key is known, typed and optional; an unknown key or a wrong value names the file, the key and the fix.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from earmark.core.reasons import JsonValue, PermanentError, Reason
from earmark.sandbox import vocabulary

NOTES_FILE = "release.json"


class CatalogueError(PermanentError):
    """The catalogue cannot be offered until a person changes a file."""

    @classmethod
    def about(cls, path: Path, message: str, action: str, **evidence: JsonValue) -> CatalogueError:
        """Name the path first: it is what has to be opened."""
        return cls(Reason("catalogue_wrong", f"{path}: {message}", action, {"path": str(path), **evidence}))


@dataclass(frozen=True, slots=True)
class ReleaseNotes:
    """What was given. `given` holds fields of the release by name; the rest needs the release to make sense of it."""

    given: dict[str, object] = field(default_factory=dict)
    main_category: int | None = None
    category: int | None = None
    browse_flags: int = 0


class _Wrong(ValueError):
    """A value that does not fit its key; the text says what would."""


def read_notes(path: Path, likely_main_category: int) -> ReleaseNotes:
    """Read a release.json; an absent one gives empty notes. Raises `CatalogueError`."""
    if not path.is_file():
        return ReleaseNotes()
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CatalogueError.about(path, f"This is not valid JSON: {error}.", "Correct the file.") from error
    if not isinstance(told, dict):
        raise CatalogueError.about(path, "It must hold one JSON object.", "Put the keys between { and }.")
    values = {key: _read(path, key, value) for key, value in told.items()}
    if "filetype" in values:  # the row's own name for it
        values["filetypes"] = values.pop("filetype")
    flags = int(str(values.pop("flags", 0)))
    if values.pop("abridged", False):
        flags |= vocabulary.BROWSE_FLAGS["abridged"]
    main_category, category = _categories(path, values, likely_main_category)
    return ReleaseNotes(values, main_category, category, flags)


def _read(path: Path, key: str, value: JsonValue) -> object:
    reader = KEYS.get(key)
    if reader is None:
        raise CatalogueError.about(
            path, f'The key "{key}" is not known.', f"Use one of: {', '.join(sorted(KEYS))}.", key=key
        )
    try:
        return reader(value)
    except _Wrong as wrong:
        raise CatalogueError.about(path, f'The key "{key}" must be {wrong}.', "Correct the value.", key=key) from wrong


def _categories(path: Path, values: dict[str, object], likely: int) -> tuple[int | None, int | None]:
    """Resolve "Science Fiction" only once it is known whether an audiobook or an e-book is meant.

    `likely` is what the files look like; it decides where the notes leave it open.
    """
    main = values.pop("main_category", None)
    wanted = values.pop("category", None)
    main_category = main if isinstance(main, int) else None
    if wanted is None:
        return main_category, None
    places = [main_category] if main_category else [likely, *(set(vocabulary.SUBCATEGORIES) - {likely})]
    for place in places:
        for number, name in vocabulary.SUBCATEGORIES[place].items():
            full = vocabulary.category_name(place, number)
            if str(wanted).casefold() in {str(number), name.casefold(), full.casefold()}:
                return place, number
    raise CatalogueError.about(
        path, f'The key "category" names no category of the site: {wanted}.', "Use a number or a name of the site's list.",
        key="category",
    )  # fmt: skip


def _text(value: JsonValue) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _Wrong("a text")
    return str(value)


def _texts(value: JsonValue) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _Wrong("a list of texts")
    return tuple(str(item) for item in value)


def _series(value: JsonValue) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list):
        raise _Wrong('a list of ["name", "index"] pairs')
    pairs: list[tuple[str, str]] = []
    for item in value:
        if isinstance(item, str):
            pairs.append((item, ""))
        elif isinstance(item, list) and len(item) == 2 and all(isinstance(part, str | int | float) for part in item):
            pairs.append((str(item[0]), str(item[1])))
        else:
            raise _Wrong('a list of ["name", "index"] pairs')
    return tuple(pairs)


def _truth(value: JsonValue) -> bool:
    if value in (0, 1) and isinstance(value, bool | int):
        return bool(value)
    raise _Wrong("true or false")


def _count(value: JsonValue) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _Wrong("a whole number, 0 or more")
    return value


def _moment(value: JsonValue) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(value))
    except ValueError as error:
        raise _Wrong('a time such as "2025-02-03 09:14:55"') from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _unix(value: JsonValue) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else int(_moment(value).timestamp())


def _language(value: JsonValue) -> int:
    number = value if isinstance(value, int) and not isinstance(value, bool) else vocabulary.language_id(_text(value))
    if number is None:
        raise _Wrong('a language of the site: its name ("French"), code ("fr", "FRE") or number')
    return number


def _main_category(value: JsonValue) -> int:
    number = value if isinstance(value, int) else vocabulary.MAIN_CATEGORY_WORDS.get(_text(value).casefold())
    if number not in vocabulary.MAIN_CATEGORIES:
        raise _Wrong("audiobook, ebook, musicology, radio or 13 to 16")
    return number


def _content_tags(value: JsonValue) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise _Wrong("a list of content tags, by number or name")
    by_name = {name.casefold(): number for number, name in vocabulary.CONTENT_TAGS.items()}
    numbers: list[int] = []
    for item in value:
        number = item if isinstance(item, int) else by_name.get(_text(item).casefold())
        if number is None:
            raise _Wrong(f"a list of content tags; there is none named {item}")
        numbers.append(number)
    return tuple(numbers)


def _flags(value: JsonValue) -> int:
    total = 0
    for word in _texts(value):
        if word.casefold() not in vocabulary.BROWSE_FLAGS:
            raise _Wrong(f"a list of {', '.join(vocabulary.BROWSE_FLAGS)}")
        total |= vocabulary.BROWSE_FLAGS[word.casefold()]
    return total


def _filetypes(value: JsonValue) -> tuple[str, ...]:
    words = value.split() if isinstance(value, str) else _texts(value)
    return tuple(word.lower().lstrip(".") for word in words)


def _object(value: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        raise _Wrong("an object")
    return value


def _fiction(value: JsonValue) -> int:
    return 1 if _truth(value) else 2


def _owner(value: JsonValue) -> tuple[int, str]:
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], int):
        return value[0], str(value[1])
    raise _Wrong('a pair [number, "name"]; [0, ""] hides the uploader')


# key of release.json -> reader; the key is the field's name in CatalogueRelease unless `_categories` or `read_notes` takes it
KEYS: dict[str, Callable[[JsonValue], object]] = {
    "title": _text, "authors": _texts, "narrators": _texts, "series": _series, "main_category": _main_category,
    "category": _text, "content_tags": _content_tags, "fiction": _fiction, "language": _language,
    "filetype": _filetypes, "filetypes": _filetypes, "tags": _text, "description": _text, "isbn": _text, "mediainfo": _object, "free": _truth,
    "vip": _truth, "vip_expire": _unix, "fl_vip": _truth, "seeders": _count, "leechers": _count,
    "times_completed": _count, "comments": _count, "flags": _flags, "abridged": _truth, "owner": _owner, "added": _moment,
}  # fmt: skip
