"""The half of the house's desk that has to do with indexers, with the house already in hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from earmark.core.indexing import MAM_ID, IndexerRecord
from earmark.core.reasons import JsonValue, PermanentError
from earmark.core.seeding import needed_seconds
from earmark.pipeline import duties, indexing, outside
from earmark.pipeline.house import House
from earmark.pipeline.indexing import IndexerDraft
from earmark.pipeline.mediasettings import Setting
from earmark.ports import IndexerHealth
from earmark.store import asked, events
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
        return await indexing.test_one(self._house, number)

    async def test_all(self) -> Mapping[int, IndexerHealth]:
        return await indexing.test_all(self._house)

    async def try_draft(self, draft: IndexerDraft, number: int | None) -> IndexerHealth:
        return await indexing.test(self._house, draft, number)

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
        house = self._house
        if house.keeper is None:
            raise PermanentError.of(
                "settings_fixed",
                "This Earmark was started without a settings file it may change.",
                "Change the settings where they are given, and restart.",
            )
        if tuple(order) == house.settings.search.order:
            return
        house.settings = house.keeper.save({"search": {"order": tuple(order) or None}})
        note: dict[str, JsonValue] = {"what": "settings_changed", "actor": actor, "settings": [ORDER]}
        async with house.write() as tx:
            await events.append(tx, None, "note", note, house.now())

    async def taken(self, *, limit: int, offset: int) -> TakenPage:
        page = await outside.outside_grabs(self._house, limit=limit, offset=offset)
        return TakenPage([self._taken(view) for view in page.items], page.total)

    def key_place(self) -> str:
        if self._house.settings.server.auth_token is not None:
            return "It is auth_token under [server] in the settings of this Earmark."
        return f"It is in the file {self._house.data_dir / 'auth_token'} on the machine Earmark runs on."

    # --- put together -----------------------------------------------------------------------------------------------------

    def _view(self, record: IndexerRecord, figures: Asking) -> IndexerView:
        ready = indexing.adapter_of(self._house, record) is not None
        by_hand = record.id == MAM_ID and self._house.settings.mam.mam_id is None
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
            needed_secs=needed_seconds(held.indexer or "", self._house.settings.seeding.hours),
            progress=held.progress,
            owes=not duties.is_done(self._house, held),
            removed=held.removed_at is not None,
        )
