"""Core values as JSON text and back, so that tables hold exactly what the core means.

Everything goes through one pydantic adapter per type; nothing here knows a table. JSON is kept as text on both
databases: PostgreSQL's own JSON type refuses the NUL characters that hostile release titles may carry.
"""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import pydantic
from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError
from sqlalchemy import DateTime, Dialect, Text, TypeDecorator

from earmark.core.reasons import JsonValue
from earmark.core.states import PAYLOADS, StatePayload, TicketState

T = TypeVar("T")

JsonObject = dict[str, JsonValue]


def _build(kind: Any) -> TypeAdapter[Any]:
    # The core's JsonValue is a plain recursive alias, which pydantic cannot follow; it looks names up here first.
    JsonValue = pydantic.JsonValue  # noqa: F841
    return TypeAdapter(kind)


_adapters: dict[Any, TypeAdapter[Any]] = {}


def _adapter_of(kind: Any) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = _build(kind)
    return _adapters[kind]


def dump(kind: Any, value: object) -> str:
    """`value`, which is a `kind`, as JSON text."""
    adapter = _adapter_of(kind)
    try:
        return adapter.dump_json(value).decode()
    except PydanticSerializationError:
        # A lone surrogate out of a malformed title is no character; a question mark stands for it.
        text = json.dumps(adapter.dump_python(value, mode="json"), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace").decode()


def load(kind: type[T], text: str) -> T:
    """The `kind` that `dump` wrote as `text`."""
    value: T = _adapter_of(kind).validate_json(text)
    return value


def as_json(kind: Any, value: object) -> JsonObject:
    """`value` as a plain JSON object, for event payloads."""
    plain: JsonObject = _adapter_of(kind).dump_python(value, mode="json")
    return plain


def dump_payload(payload: StatePayload) -> str:
    return dump(type(payload), payload)


def load_payload(state: TicketState, text: str) -> StatePayload:
    """The payload of a ticket in `state`: the state says which class it is."""
    return load(PAYLOADS[state], text)


def clean(text: str) -> str:
    """`text` without what PostgreSQL cannot keep in a text column: NUL and lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def folded(text: str) -> str:
    """`text` for comparing without regard to case, in every script."""
    return unicodedata.normalize("NFC", clean(text)).casefold()


class UtcTime(TypeDecorator[datetime]):
    """An aware moment, kept and given back in UTC. A naive one is a bug and is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Value(TypeDecorator[T], Generic[T]):
    """A core value in a text column."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[T]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: T | None, dialect: Dialect) -> str | None:
        return None if value is None else dump(self.kind, value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> T | None:
        return None if value is None else load(self.kind, value)
