"""What a request may reach: the house and its desk, put on the application by `create_app`. `Desk` lists everything the API
asks of the house; `HouseDesk` is the real one, a test may hand in another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, cast

from starlette.requests import HTTPConnection

from earmark.core.states import TicketState
from earmark.core.ticket import Ticket, TicketId
from earmark.core.wish import Kind, TicketRequest
from earmark.pipeline import desk, views
from earmark.pipeline.desk import Filed
from earmark.pipeline.house import House
from earmark.pipeline.progress import Progress
from earmark.pipeline.views import Health, HomeView, Stats, TicketView
from earmark.ports import IndexerHealth
from earmark.store import Event, Page, TorrentRecord

if TYPE_CHECKING:
    from earmark.api.live import LiveLimits
    from earmark.api.metrics import Metrics


class Desk(Protocol):
    """Everything the API asks of the house. Refusals come as `EarmarkError`s with a reason."""

    async def file_ticket(self, house: House, ticket_id: TicketId | None, request: TicketRequest, /) -> Filed: ...
    async def approve(self, house: House, ticket_id: TicketId, candidate_idx: int | None, actor: str, /) -> Ticket: ...
    async def answer(self, house: House, ticket_id: TicketId, word: str, actor: str, /) -> Ticket: ...
    async def block(
        self, house: House, ticket_id: TicketId, candidate_idx: int, reason: str | None, actor: str, /
    ) -> Ticket: ...
    async def reject(self, house: House, ticket_id: TicketId, reason: str | None, actor: str, /) -> Ticket: ...
    async def retry(self, house: House, ticket_id: TicketId, actor: str, /) -> Ticket: ...
    async def cancel(self, house: House, ticket_id: TicketId, actor: str, /) -> Ticket: ...
    async def force_search(self, house: House, ticket_id: TicketId, query: str, actor: str, /) -> Ticket: ...
    async def force_magnet(self, house: House, ticket_id: TicketId, magnet_uri: str, actor: str, /) -> Ticket: ...
    async def force_torrent(self, house: House, ticket_id: TicketId, torrent: bytes, actor: str, /) -> Ticket: ...
    async def view(self, house: House, ticket_id: TicketId, /) -> TicketView: ...
    async def listing(
        self,
        house: House,
        /,
        *,
        states: frozenset[TicketState] | None = None,
        kind: Kind | None = None,
        text: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[Ticket]: ...
    async def jobs(
        self, house: House, /, *, limit: int, offset: int
    ) -> Page[tuple[Ticket, TorrentRecord | None, Progress | None]]: ...
    async def stats(self, house: House, /) -> Stats: ...
    async def health(self, house: House, /) -> Health: ...
    async def home(self, house: House, /) -> HomeView: ...
    async def events_since(self, house: House, seq: int, limit: int, /) -> Sequence[Event]: ...
    async def last_seq(self, house: House, /) -> int: ...
    async def set_mam_session(self, house: House, value: str, actor: str, /) -> IndexerHealth: ...
    async def test_indexers(self, house: House, /) -> dict[str, IndexerHealth]: ...


class HouseDesk:
    """The house's own functions, under one name."""

    file_ticket = staticmethod(desk.file_ticket)
    approve = staticmethod(desk.approve)
    answer = staticmethod(desk.answer)
    block = staticmethod(desk.block)
    reject = staticmethod(desk.reject)
    retry = staticmethod(desk.retry)
    cancel = staticmethod(desk.cancel)
    force_search = staticmethod(desk.force_search)
    force_magnet = staticmethod(desk.force_magnet)
    force_torrent = staticmethod(desk.force_torrent)
    set_mam_session = staticmethod(desk.set_mam_session)
    test_indexers = staticmethod(desk.test_indexers)
    view = staticmethod(views.view)
    listing = staticmethod(views.listing)
    jobs = staticmethod(views.jobs)
    stats = staticmethod(views.stats)
    health = staticmethod(views.health)
    home = staticmethod(views.home)
    events_since = staticmethod(views.events_since)
    last_seq = staticmethod(views.last_seq)


def house_of(connection: HTTPConnection) -> House:
    return cast("House", connection.app.state.house)


def desk_of(connection: HTTPConnection) -> Desk:
    return cast("Desk", connection.app.state.desk)


def metrics_of(connection: HTTPConnection) -> Metrics:
    return cast("Metrics", connection.app.state.metrics)


def live_limits_of(connection: HTTPConnection) -> LiveLimits:
    return cast("LiveLimits", connection.app.state.live_limits)
