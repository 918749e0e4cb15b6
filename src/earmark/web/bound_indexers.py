"""The half of the house's desk that has to do with indexers, with the house already in hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from earmark.core.indexing import MAM_ID, IndexerRecord
from earmark.core.reasons import Reason
from earmark.core.seeding import needed_seconds, tracker_of
from earmark.pipeline import duties, indexing, mediasettings, outside
from earmark.pipeline.house import House
from earmark.pipeline.indexing import IndexerDraft
from earmark.pipeline.mediasettings import Setting
from earmark.pipeline.standing import ALERT
from earmark.pipeline.views import Health, HealthCheck
from earmark.ports import IndexerHealth
from earmark.store import Alert, asked
from earmark.web.contract_indexers import Asking, IndexerView, SearchOrder, TakenPage, TakenView

LATELY = timedelta(hours=24)
SEARCHES = frozenset({"indexerQuery", "indexerRss"})

HELD_BY: Mapping[str, Mapping[str, str]] = {
    "mam": {
        "url": "mam.base_url",
        "timeout_secs": "mam.timeout_secs",
        "requests_per_second": "mam.requests_per_second",
    },
    "jackett": {
        "url": "jackett.url",
        "secret": "jackett.api_key",
        "timeout_secs": "jackett.timeout_secs",
        "requests_per_second": "jackett.requests_per_second",
    },
    "prowlarr": {
        "url": "prowlarr.url",
        "secret": "prowlarr.api_key",
        "upstream_ids": "prowlarr.indexer_ids",
        "timeout_secs": "prowlarr.timeout_secs",
        "requests_per_second": "prowlarr.requests_per_second",
    },
}
"""Which setting holds a fact of an indexer that the settings made. The tracker's session is none of them: the site replaces
it, and so may a person."""
ORDER = "search.order"


class BoundIndexers:
    """Fits `contract_indexers.IndexersDesk`."""

    _house: House

    async def indexers(self) -> Sequence[IndexerView]:
        records = await indexing.listed(self._house)
        figures = await self._asking([record.id for record in records])
        return [self._view(record, figures[record.id]) for record in records]

    async def indexer(self, number: int) -> IndexerView:
        record = await indexing.record_of(self._house, number)
        return self._view(record, (await self._asking([number]))[number])

    async def test_indexer(self, number: int) -> IndexerHealth:
        record = await indexing.record_of(self._house, number)
        return _said_by_name(await indexing.test_one(self._house, number), record.key, record.name)

    async def test_all(self) -> Mapping[int, IndexerHealth]:
        known = {record.id: record for record in await indexing.listed(self._house)}
        answers = (await indexing.test_all(self._house)).items()
        return {id: _said_by_name(health, known[id].key, known[id].name) for id, health in answers if id in known}

    async def try_draft(self, draft: IndexerDraft, number: int | None) -> IndexerHealth:
        key = "indexer-new" if number is None else (await indexing.record_of(self._house, number)).key
        return _said_by_name(await indexing.test(self._house, draft, number), key, draft.name or "The indexer")

    async def add_indexer(self, draft: IndexerDraft, actor: str) -> IndexerRecord:
        return await indexing.add(self._house, draft, actor)

    async def change_indexer(self, number: int, draft: IndexerDraft, actor: str) -> IndexerRecord:
        return await indexing.change(self._house, number, draft, actor)

    async def remove_indexer(self, number: int, actor: str) -> None:
        await indexing.remove(self._house, number, actor)

    async def search_order(self) -> SearchOrder:
        records = await indexing.listed(self._house)
        keeper = self._house.keeper
        locked = "the start of this Earmark" if keeper is None else keeper.locked(ORDER)
        setting = Setting(ORDER, self._house.settings.search.order, "", locked)
        return SearchOrder(setting, [r.key for r in records], {r.key: r.name for r in records})

    async def save_search_order(self, order: Sequence[str], actor: str) -> None:
        if tuple(order) != self._house.settings.search.order:
            await mediasettings.keep(self._house, {ORDER: tuple(order) or None}, actor)

    async def taken(self, *, limit: int, offset: int) -> TakenPage:
        page = await outside.outside_grabs(self._house, limit=limit, offset=offset)
        return TakenPage([self._taken(view) for view in page.items], page.total)

    def key_place(self) -> str:
        server = self._house.settings.server
        if server.user_token is not None:
            return "It is user_token under [server] in the settings of this Earmark."
        its = "auth_token under [server]" if server.auth_token is not None else self._house.data_dir / "auth_token"
        return f"There is only the administrator’s, {its}, which may do everything. Better set a user_token under [server]."

    # --- put together -----------------------------------------------------------------------------------------------------

    async def _names(self) -> dict[str, str]:
        return {record.key: record.name for record in await indexing.listed(self._house)}

    def _view(self, record: IndexerRecord, figures: Asking) -> IndexerView:
        ready = indexing.adapter_of(self._house, record) is not None
        by_hand = record.id == MAM_ID and self._house.settings.mam.mam_id is None
        if record.standing.reason is not None:
            reason = by_name(record.standing.reason, record.key, record.name)
            record = replace(record, standing=replace(record.standing, reason=reason))
        return IndexerView(record, figures, ready, not record.managed or by_hand, self._fixed(record))

    def _fixed(self, record: IndexerRecord) -> Mapping[str, str]:
        if not record.managed:
            return {}
        house = self._house
        file = house.config_file or "earmark.toml in the data directory"
        told: dict[str, str] = {}
        for fact, name in HELD_BY.get(record.key, {}).items():
            elsewhere = house.keeper.locked(name) if house.keeper is not None else None
            told[fact] = f"It is the setting {name}, in {elsewhere or file}. Change it there and restart."
        return told

    async def _asking(self, numbers: Sequence[int]) -> dict[int, Asking]:
        async with self._house.db.read() as tx:
            sums = await asked.sums(tx, "indexer_id", self._house.now() - LATELY)
            found: dict[int, Asking] = {}
            for number in numbers:
                own = [one for one in sums if one.of == str(number)]
                last = await asked.page(tx, indexer_ids=(number,), successful=True, limit=1)
                searched = [one for one in own if one.type in SEARCHES]
                answered = sum(one.number - one.failed for one in searched)
                millis = sum(one.average_ms * (one.number - one.failed) for one in searched)
                found[number] = Asking(
                    searches=sum(one.number for one in searched),
                    failed=sum(one.failed for one in searched),
                    grabs=sum(one.number for one in own if one.type == "releaseGrabbed"),
                    average_ms=millis / answered if answered else None,
                    last_at=last.items[0].at if last.items else None,
                )
        return found

    def _taken(self, view: outside.OutsideView) -> TakenView:
        grab, held = view.grab, view.torrent
        told = TakenView(
            title=grab.offer.release.title,
            indexer_name=view.indexer_name,
            program=grab.source,
            host=grab.host,
            times=grab.times,
            first_at=grab.first_at,
            last_at=grab.last_at,
        )
        if held is None:
            return told
        return replace(
            told,
            client=held.client,
            seeded_secs=held.seeding_secs,
            needed_secs=needed_seconds(tracker_of(held.indexer, held.guid), self._house.settings.seeding.hours),
            progress=held.progress,
            owes=not duties.is_done(self._house, held),
            removed=held.removed_at is not None,
        )


def by_name(reason: Reason, key: str, name: str) -> Reason:
    """An indexer calls itself by its key, such as indexer-12; people know it by its name."""
    return replace(reason, message=_named(reason.message, key, name))


def _said_by_name(health: IndexerHealth, key: str, name: str) -> IndexerHealth:
    return replace(health, message=_named(health.message, key, name))


def health_by_name(health: Health, names: Mapping[str, str]) -> Health:
    return replace(health, checks=tuple(_check_by_name(check, names) for check in health.checks))


def alerts_by_name(alerts: Sequence[Alert], names: Mapping[str, str]) -> list[Alert]:
    told = []
    for alert in alerts:
        key = alert.key.removeprefix(ALERT)
        known = key != alert.key and key in names
        told.append(replace(alert, reason=by_name(alert.reason, key, names[key])) if known else alert)
    return told


def _check_by_name(check: HealthCheck, names: Mapping[str, str]) -> HealthCheck:
    key = check.name.removeprefix("indexer ")
    if key == check.name or key not in names:
        return check
    return replace(check, name=f"indexer {names[key]}", message=_named(check.message, key, names[key]))


def _named(message: str, key: str, name: str) -> str:
    return name + message.removeprefix(key) if message.startswith(f"{key} ") else message
