"""The part of the contract about indexers: what the desk answers of them, what other programs took through them, and what
may be done. Addresses and secrets stay with the desk, save the address an administrator is shown. See `contract` for the
rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from earmark.core.indexing import IndexerRecord
from earmark.pipeline.indexing import IndexerDraft
from earmark.ports import IndexerHealth
from earmark.web.contract_shelf import SettingView


@dataclass(frozen=True, slots=True)
class Asking:
    """What was asked of an indexer in the last 24 hours, and its last answer ever kept. `average_ms` is of searches that
    were answered; None when there was none."""

    searches: int = 0
    failed: int = 0
    grabs: int = 0
    average_ms: float | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IndexerView:
    """An indexer as the page shows it. `ready` is False when it could not be opened; `fixed` tells of each fact that the
    settings hold which one does, and where that is set."""

    record: IndexerRecord
    asking: Asking
    ready: bool
    removable: bool
    fixed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TakenView:
    """A torrent another program took through a link of ours. `client` is None when no client of ours holds it;
    `needed_secs` is what its tracker asks for, `owes` whether it still does."""

    title: str
    indexer_name: str
    program: str
    host: str
    times: int
    first_at: datetime
    last_at: datetime
    client: str | None = None
    seeded_secs: int = 0
    needed_secs: int = 0
    progress: float = 0.0
    owes: bool = True
    removed: bool = False


@dataclass(frozen=True, slots=True)
class TakenPage:
    items: Sequence[TakenView]
    total: int


@dataclass(frozen=True, slots=True)
class SearchOrder:
    """The order indexers are asked in, and the keys that may stand in it with their names."""

    setting: SettingView
    keys: Sequence[str]
    names: Mapping[str, str]


class IndexersDesk(Protocol):
    """What the pages about indexers may ask or do. An unknown number is an `EarmarkError` with code `unknown_indexer`; a
    refused draft has the `field` in its evidence."""

    async def indexers(self) -> Sequence[IndexerView]: ...

    async def indexer(self, number: int) -> IndexerView: ...

    async def test_indexer(self, number: int) -> IndexerHealth: ...

    async def test_all(self) -> Mapping[int, IndexerHealth]: ...

    async def try_draft(self, draft: IndexerDraft, number: int | None) -> IndexerHealth: ...

    async def add_indexer(self, draft: IndexerDraft, actor: str) -> IndexerRecord: ...

    async def change_indexer(self, number: int, draft: IndexerDraft, actor: str) -> IndexerRecord: ...

    async def remove_indexer(self, number: int, actor: str) -> None: ...

    async def search_order(self) -> SearchOrder: ...

    async def save_search_order(self, order: Sequence[str], actor: str) -> None:
        """Raises `ConfigError`, or a PermanentError when the settings cannot be changed here."""
        ...

    async def taken(self, *, limit: int, offset: int) -> TakenPage: ...

    def key_place(self) -> str:
        """Where the administrator finds the key for another program, in words. Never the key."""
        ...
