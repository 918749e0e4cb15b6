"""The part of the contract about books that stand on the shelf, the settings of the shelf and the disks below it: the
shapes of what the desk answers. See `contract` for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from earmark.core.reasons import Reason
from earmark.core.space import PrunePlan
from earmark.core.ticket import TicketId


@dataclass(frozen=True, slots=True)
class Recycling:
    """Where replaced and taken-back files lie, and how many days. `folder` None: a hidden folder of the library itself."""

    folder: Path | None
    days: int


class ActView(Protocol):
    """One thing a ticket did on the shelf. `kind`: place, replace or move."""

    @property
    def number(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def folder(self) -> Path: ...
    @property
    def files(self) -> int: ...


class UndoneView(Protocol):
    """Files that went to the recycle folder, that stayed because they are no longer what was placed, that came back."""

    @property
    def removed(self) -> Sequence[Path]: ...
    @property
    def kept(self) -> Sequence[Path]: ...
    @property
    def restored(self) -> Sequence[Path]: ...


class ReprocessedView(Protocol):
    """What was done, or would be, to one book. Paths are below the library; `moves` are (old, new)."""

    @property
    def ticket_id(self) -> TicketId: ...
    @property
    def folder(self) -> str | None: ...
    @property
    def goal(self) -> str | None: ...
    @property
    def moves(self) -> Sequence[tuple[str, str]]: ...
    @property
    def sidecars(self) -> Sequence[str]: ...
    @property
    def reason(self) -> Reason | None: ...
    @property
    def changes(self) -> bool: ...


class SettingView(Protocol):
    """A setting by its dotted name; `locked` tells where it is set when it cannot be changed here."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> object: ...
    @property
    def description(self) -> str: ...
    @property
    def locked(self) -> str | None: ...


class MethodView(Protocol):
    """Whether the method works, and what it comes down to between downloads and library."""

    @property
    def ok(self) -> bool: ...
    @property
    def method_used(self) -> str | None: ...
    @property
    def reason(self) -> Reason | None: ...


class SavedView(Protocol):
    @property
    def changed(self) -> Sequence[str]: ...
    @property
    def method(self) -> MethodView: ...


class DiskView(Protocol):
    @property
    def total(self) -> int: ...
    @property
    def free(self) -> int: ...


class SpaceView(Protocol):
    """One disk and what it is used for. `limit` is the bytes that are to stay free."""

    @property
    def uses(self) -> Mapping[str, Path]: ...
    @property
    def disk(self) -> DiskView | None: ...
    @property
    def limit(self) -> int: ...
    @property
    def reason(self) -> Reason | None: ...
    @property
    def low(self) -> bool: ...


class PrunedView(Protocol):
    """The plan, and the info-hashes of what was let go of."""

    @property
    def plan(self) -> PrunePlan: ...
    @property
    def removed(self) -> Sequence[str]: ...
