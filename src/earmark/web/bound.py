"""The house's desk as the pages want it: the same functions, with the house already in hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from earmark.core.decision import ScoredCandidate
from earmark.core.previewing import Preview
from earmark.core.states import TicketState
from earmark.core.ticket import Ticket, TicketId
from earmark.core.wish import Kind, TicketRequest
from earmark.pipeline import desk, indexing, mediasettings, shelf, space, views
from earmark.pipeline.house import House
from earmark.ports import IndexerHealth
from earmark.web.bound_indexers import BoundIndexers, alerts_by_name, health_by_name
from earmark.web.contract import FiledView, HealthView, HomeDetail, PageView, StatsView, TicketDetail
from earmark.web.contract_shelf import (
    ActView,
    MethodView,
    PrunedView,
    Recycling,
    ReprocessedView,
    SavedView,
    SettingView,
    SpaceView,
    UndoneView,
)
from earmark.web.words import asks

MAY_ASK = frozenset({TicketState.SEARCHING, TicketState.CONVERTING, TicketState.PLACING})
MOST_ASKING = 200


class BoundDesk(BoundIndexers):
    """Fits `contract.Desk`."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def home(self) -> HomeDetail:
        home, names = await desk.home(self._house), await self._names()
        alerts = alerts_by_name(home.alerts, names)
        return replace(home, alerts=alerts, health=health_by_name(home.health, names))

    async def listing(
        self, *, states: frozenset[TicketState] | None, kind: Kind | None, text: str | None, limit: int, offset: int
    ) -> PageView:
        return await desk.listing(self._house, states=states, kind=kind, text=text, limit=limit, offset=offset)

    async def view(self, ticket_id: TicketId) -> TicketDetail:
        found, names = await desk.view(self._house, ticket_id), await self._names()
        shown = [
            replace(c, release=replace(c.release, indexer=names.get(c.release.indexer, c.release.indexer)))
            for c in found.candidates
        ]
        torrent = found.torrent and replace(
            found.torrent, indexer=names.get(found.torrent.indexer or "", found.torrent.indexer)
        )
        return replace(found, candidates=shown, torrent=torrent)

    async def stats(self) -> StatsView:
        return await desk.stats(self._house)

    async def health(self) -> HealthView:
        return health_by_name(await desk.health(self._house), await self._names())

    async def last_seq(self) -> int:
        return await desk.last_seq(self._house)

    async def file_ticket(self, ticket_id: TicketId | None, request: TicketRequest) -> FiledView:
        return await desk.file_ticket(self._house, ticket_id, request)

    async def approve(self, ticket_id: TicketId, candidate_idx: int | None, actor: str) -> Ticket:
        return await desk.approve(self._house, ticket_id, candidate_idx, actor)

    async def reject(self, ticket_id: TicketId, reason: str | None, actor: str) -> Ticket:
        return await desk.reject(self._house, ticket_id, reason, actor)

    async def block(self, ticket_id: TicketId, candidate_idx: int, reason: str | None, actor: str) -> Ticket:
        return await desk.block(self._house, ticket_id, candidate_idx, reason, actor)

    async def recommended(self, tickets: Sequence[Ticket]) -> Mapping[TicketId, tuple[int, ScoredCandidate]]:
        return await views.recommended(self._house, tickets)

    async def asking(self) -> Sequence[Ticket]:
        """Of the newest tickets at work; a question stays with its ticket, so that none is lost."""
        found = await desk.listing(self._house, states=MAY_ASK, limit=MOST_ASKING)
        return [ticket for ticket in found.items if asks(ticket)]

    async def answer(self, ticket_id: TicketId, word: str, actor: str) -> Ticket:
        return await desk.answer(self._house, ticket_id, word, actor)

    async def retry(self, ticket_id: TicketId, actor: str) -> Ticket:
        return await desk.retry(self._house, ticket_id, actor)

    async def cancel(self, ticket_id: TicketId, actor: str, reason: str | None) -> Ticket:
        return await desk.cancel(self._house, ticket_id, actor, reason)

    async def force_search(self, ticket_id: TicketId, query: str, actor: str) -> Ticket:
        return await desk.force_search(self._house, ticket_id, query, actor)

    async def force_magnet(self, ticket_id: TicketId, magnet_uri: str, actor: str) -> Ticket:
        return await desk.force_magnet(self._house, ticket_id, magnet_uri, actor)

    async def force_torrent(self, ticket_id: TicketId, torrent: bytes, actor: str) -> Ticket:
        return await desk.force_torrent(self._house, ticket_id, torrent, actor)

    async def set_mam_session(self, value: str, actor: str) -> IndexerHealth:
        return await desk.set_mam_session(self._house, value, actor)

    async def test_indexers(self) -> Mapping[str, IndexerHealth]:
        known = {record.id: record.name for record in await indexing.listed(self._house)}
        return {known[id]: health for id, health in (await self.test_all()).items() if id in known}

    # --- the shelf ------------------------------------------------------------------------------------------------------

    def recycling(self) -> Recycling:
        library = self._house.settings.library
        return Recycling(library.recycle_path, library.recycle_days)

    async def undoable(self, ticket_id: TicketId) -> Sequence[ActView]:
        return await shelf.undoable(self._house, ticket_id)

    async def undo(self, ticket_id: TicketId, actor: str) -> UndoneView:
        return await shelf.undo(self._house, ticket_id, actor)

    async def reprocess(
        self, ticket_ids: Sequence[TicketId] | None, actor: str, *, dry_run: bool
    ) -> Sequence[ReprocessedView]:
        return await shelf.reprocess(self._house, ticket_ids, actor, dry_run=dry_run)

    def media_settings(self) -> Sequence[SettingView]:
        return mediasettings.media_settings(self._house)

    def sample_paths(self, pattern: str, file_pattern: str, *, use_series_folders: bool) -> Sequence[Preview]:
        return mediasettings.sample_paths(pattern, file_pattern, use_series_folders=use_series_folders)

    async def try_method(self) -> MethodView:
        return await mediasettings.try_method(self._house)

    async def save_media_settings(self, changes: Mapping[str, object], actor: str) -> SavedView:
        return await mediasettings.save_media_settings(self._house, changes, actor)

    async def disks(self) -> Sequence[SpaceView]:
        return await space.disks(self._house)

    async def prune(self, need_bytes: int, actor: str, *, dry_run: bool) -> PrunedView:
        return await space.prune(self._house, need_bytes, actor, dry_run=dry_run)
