"""Form fields as PHP reads them: `tor[cat][]=0&tor[main_cat][0]=13` becomes nested lists and objects.

The site takes one and the same search as JSON, as a form and as a query; after this module there is one shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from earmark.core.reasons import JsonValue

_KEYS = re.compile(r"\[([^\[\]]*)\]")


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, JsonValue]:
    """Bracketed names as nested objects; `[]` takes the next free number."""
    result: dict[str, JsonValue] = {}
    for name, value in pairs:
        head, _, rest = name.partition("[")
        path = [head, *_KEYS.findall(f"[{rest}")] if rest else [head]
        place = result
        for key in path[:-1]:
            inner = place.setdefault(_key(place, key), {})
            if not isinstance(inner, dict):
                break
            place = inner
        else:
            place[_key(place, path[-1])] = value
    return result


def values_of(value: JsonValue) -> list[JsonValue]:
    """A field that may be one value, a list, or an object with numbers for keys."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return list(value.values())
    return [] if value in (None, "") else [value]


def switched_on(value: JsonValue) -> list[str]:
    """Names in a list, or the keys of an object whose values are not off: `{"title": "true"}` and `["title"]` agree."""
    if isinstance(value, dict):
        return [
            str(inner) if key.isdigit() else key
            for key, inner in value.items()
            if key.isdigit() or str(inner).casefold() not in {"false", "0", "none"}
        ]
    return [str(item) for item in values_of(value)]


def _key(place: dict[str, JsonValue], key: str) -> str:
    if key:
        return key
    return str(sum(1 for name in place if name.isdigit()))
