"""Why something waits or was refused, in a form a person can act on and a program can compare.

Every refusal and every wait in the house carries one `Reason`: a stable code, a sentence, the evidence and one action.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

JsonValue: TypeAlias = "str | int | float | bool | None | list[JsonValue] | dict[str, JsonValue]"


@dataclass(frozen=True, slots=True)
class Reason:
    """One refusal or wait.

    `code` is stable snake_case (tests and automations compare it), `message` says what happened to what,
    `action` is the one thing a person can do next, `evidence` holds the facts that led here (never a secret).
    """

    code: str
    message: str
    action: str
    evidence: Mapping[str, JsonValue] = field(default_factory=dict)


class EarmarkError(Exception):
    """Something that went wrong in a way we understand. `transient` errors are worth trying again on their own."""

    transient: bool = False

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.message)
        self.reason = reason

    @classmethod
    def of(cls, code: str, message: str, action: str, **evidence: JsonValue) -> EarmarkError:
        """Build the error and its reason in one breath."""
        return cls(Reason(code, message, action, evidence))

    def __reduce__(self) -> tuple[type[EarmarkError], tuple[Reason]]:
        return (type(self), (self.reason,))


class TransientError(EarmarkError):
    """The world was busy, slow or away; the same step may succeed later without anybody changing anything."""

    transient = True


class PermanentError(EarmarkError):
    """Trying again changes nothing until a person (or another release) changes something."""
