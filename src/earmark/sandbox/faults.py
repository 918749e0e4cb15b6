"""Faults on demand: a test arms one, the next matching requests suffer it, the site stays otherwise itself.

What each fault looks like on the wire is decided where the answer is made; here is only what is armed and for how long.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from earmark.core.reasons import JsonValue


class Area(StrEnum):
    """Which requests a fault may strike."""

    SEARCH = "search"
    DOWNLOAD = "download"
    ACCOUNT = "account"
    ANY = "any"


class FaultKind(StrEnum):
    """What goes wrong."""

    FORBIDDEN = "403"
    UNAUTHORISED = "401"
    NOT_FOUND = "404"
    NOT_ACCEPTABLE = "406"
    TOO_MANY = "429"
    BROKEN = "500"
    UNAVAILABLE = "503"
    LOGIN_HTML = "login_html"
    NOT_SIGNED_IN = "not_signed_in"
    REDIRECT_LOGIN = "redirect_login"
    EMPTY = "empty"
    HANG = "hang"
    NOT_JSON = "not_json"
    TRUNCATED_JSON = "truncated_json"
    MALFORMED_AUTHOR = "malformed_author"
    MALFORMED_ROW = "malformed_row"
    HTML_TORRENT = "html_torrent"
    BAD_TORRENT = "bad_torrent"
    HOSTILE_PATHS = "hostile_paths"
    UNSATISFIED_LIMIT = "unsatisfied_limit"


# Kinds that need a particular answer to spoil; every other kind may strike anywhere.
ONLY_ON: dict[FaultKind, frozenset[Area]] = {
    FaultKind.MALFORMED_AUTHOR: frozenset({Area.SEARCH}),
    FaultKind.MALFORMED_ROW: frozenset({Area.SEARCH}),
    FaultKind.TRUNCATED_JSON: frozenset({Area.SEARCH, Area.ACCOUNT}),
    FaultKind.HTML_TORRENT: frozenset({Area.DOWNLOAD}),
    FaultKind.BAD_TORRENT: frozenset({Area.DOWNLOAD}),
    FaultKind.HOSTILE_PATHS: frozenset({Area.DOWNLOAD}),
    FaultKind.UNSATISFIED_LIMIT: frozenset({Area.DOWNLOAD}),
}


@dataclass(slots=True)
class Fault:
    """An armed fault; `times` counts down, None lasts until cleared."""

    on: Area
    kind: FaultKind
    times: int | None = None

    def as_json(self) -> dict[str, JsonValue]:
        return {"on": self.on.value, "kind": self.kind.value, "times": self.times}


class Faults:
    """What is armed, oldest first."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []

    def arm(self, told: JsonValue) -> Fault:
        """Arm from JSON such as {"on": "search", "kind": "403", "times": 2}. Raises ValueError that names the key."""
        if not isinstance(told, dict) or set(told) - {"on", "kind", "times"}:
            raise ValueError('a fault has the keys "on", "kind" and "times"')
        on, kind = str(told.get("on", "any")), str(told.get("kind"))
        times = told.get("times")
        if on not in set(Area):
            raise ValueError(f'"on" must be one of {", ".join(Area)}')
        if kind not in set(FaultKind):
            raise ValueError(f'"kind" must be one of {", ".join(FaultKind)}')
        if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
            raise ValueError('"times" must be a whole number of 1 or more, or null')
        fault = Fault(Area(on), FaultKind(kind), times)
        if fault.on is not Area.ANY and fault.on not in ONLY_ON.get(fault.kind, {fault.on}):
            raise ValueError(f'"{kind}" cannot strike on "{on}"')
        self.armed.append(fault)
        return fault

    def strike(self, area: Area) -> FaultKind | None:
        """The fault that hits a request of this area now, if any; counts it down."""
        for fault in self.armed:
            if fault.on not in {area, Area.ANY} or area not in ONLY_ON.get(fault.kind, {area}):
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self.armed.remove(fault)
            return fault.kind
        return None

    def clear(self) -> None:
        """Disarm everything."""
        self.armed.clear()
