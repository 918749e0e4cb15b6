"""The indexers of the desk the pages stand before: one that is fine, one that is paused, one switched off, one with hostile
words; and what other programs took through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from web_pieces import LONG_TITLE, NOW, RTL_TITLE, SCRIPT_TITLE, ago

from earmark.core.indexing import IndexerFacts, IndexerRecord, IndexerSort, Standing
from earmark.core.reasons import PermanentError, Reason
from earmark.pipeline.indexing import IndexerDraft, UnknownIndexer
from earmark.pipeline.mediasettings import Setting
from earmark.ports import IndexerHealth
from earmark.web.contract_indexers import Asking, IndexerView, SearchOrder, TakenPage, TakenView

MAM, TORZNAB, PROWLARR = IndexerSort.MAM, IndexerSort.TORZNAB, IndexerSort.PROWLARR
REFUSED = Reason(
    "api_key_refused",
    "Jackett at http://jackett.lan:9117 refused the API key.",
    "Copy the key again from Jackett’s page.",
)
FIXED = {
    name: f"It is the setting jackett.{key}, in /etc/earmark/earmark.toml. Change it there and restart."
    for name, key in (("url", "url"), ("secret", "api_key"), ("timeout_secs", "timeout_secs"))
} | {
    "requests_per_second": "It is the setting jackett.requests_per_second, in the environment. Change it there and restart."
}


@dataclass
class Indexers:
    """What stands behind the indexers' part of the fake desk."""

    rows: dict[int, IndexerView] = field(default_factory=lambda: {view.record.id: view for view in some()})
    drafts: list[IndexerDraft] = field(default_factory=list)  # in the order they came
    refuse: Reason | None = None  # the next draft meets this
    answer: IndexerHealth = field(default_factory=lambda: IndexerHealth(True, "Signed in as reader."))
    order: tuple[str, ...] = ("jackett", "mam")
    locked: str | None = None
    taken: list[TakenView] = field(default_factory=lambda: took())


class IndexersDesk:
    heard: list[tuple[str, ...]]
    places: Indexers

    async def indexers(self) -> list[IndexerView]:
        return [self.places.rows[number] for number in sorted(self.places.rows)]

    async def indexer(self, number: int) -> IndexerView:
        if number not in self.places.rows:
            raise UnknownIndexer.of("unknown_indexer", f"There is no indexer number {number}.", "Look at the list.")
        return self.places.rows[number]

    async def test_indexer(self, number: int) -> IndexerHealth:
        self.heard.append(("test", str(number)))
        return self.places.answer

    async def test_all(self) -> Mapping[int, IndexerHealth]:
        self.heard.append(("test-all",))
        fine, bad = (
            IndexerHealth(True, "Signed in as reader."),
            IndexerHealth(False, f"{REFUSED.message} {REFUSED.action}"),
        )
        return {number: bad if number == 2 else fine for number in self.places.rows}

    async def try_draft(self, draft: IndexerDraft, number: int | None) -> IndexerHealth:
        self._hear("try", draft)
        return self.places.answer

    async def add_indexer(self, draft: IndexerDraft, actor: str) -> IndexerRecord:
        self._hear("add", draft)
        number = max(9, *self.places.rows) + 1
        record = _record(number, f"indexer-{number}", draft.sort, draft.name, facts=draft.facts)
        self.places.rows[number] = IndexerView(record, Asking(), True, True, {})
        return record

    async def change_indexer(self, number: int, draft: IndexerDraft, actor: str) -> IndexerRecord:
        self._hear("change", draft)
        view = await self.indexer(number)
        record = replace(
            view.record, name=draft.name, enabled=draft.enabled, priority=draft.priority, facts=draft.facts
        )
        self.places.rows[number] = replace(view, record=record)
        return record

    async def remove_indexer(self, number: int, actor: str) -> None:
        self.heard.append(("remove", str(number), actor))
        del self.places.rows[number]

    async def search_order(self) -> SearchOrder:
        names = {view.record.key: view.record.name for view in await self.indexers()}
        return SearchOrder(Setting("search.order", self.places.order, "", self.places.locked), list(names), names)

    async def save_search_order(self, order: Sequence[str], actor: str) -> None:
        if self.places.refuse is not None:
            raise PermanentError(self.places.refuse)
        self.heard.append(("order", actor, *order))
        self.places.order = tuple(order)

    async def taken(self, *, limit: int, offset: int) -> TakenPage:
        return TakenPage(self.places.taken[offset : offset + limit], len(self.places.taken))

    def key_place(self) -> str:
        return "It is in the file /srv/earmark/auth_token on the machine Earmark runs on."

    def _hear(self, what: str, draft: IndexerDraft) -> None:
        self.heard.append((what, draft.name))
        self.places.drafts.append(draft)
        if self.places.refuse is not None:
            raise PermanentError(self.places.refuse)


def _record(number: int, key: str, sort: IndexerSort, name: str, **more: object) -> IndexerRecord:
    return replace(IndexerRecord(number, key, sort, name, True, 25, False, ago(days=90)), **more)  # type: ignore[arg-type]


def some() -> list[IndexerView]:
    paused = Standing(3, ago(hours=2), ago(minutes=4), NOW + timedelta(minutes=26), REFUSED)
    weak = Standing(
        1, ago(hours=3), ago(hours=3), ago(hours=2), Reason("site_unavailable", "It did not answer.", "Wait.")
    )
    site = IndexerFacts(url="https://www.myanonamouse.net", requests_per_second=1.0, query_limit=500, grab_limit=25)
    feed = IndexerFacts(url="http://jackett.lan:9117")
    own = IndexerFacts(
        url="http://tracker.example/torznab",
        categories=(3030, 7020),
        query_limit=20,
        limits_unit="hour",
        seed_ratio=1.5,
    )
    return [
        IndexerView(
            _record(1, "mam", MAM, "MyAnonamouse", facts=site, managed=True, priority=1),
            Asking(38, 0, 3, 412.0, ago(minutes=3)),
            True,
            False,
            {"url": "It is the setting mam.base_url, in /etc/earmark/earmark.toml. Change it there and restart.",
            },
        ),
        IndexerView(
            _record(2, "jackett", TORZNAB, "Jackett", facts=feed, managed=True, standing=paused),
            Asking(41, 3, 0, 1840.0, ago(hours=2)),
            True,
            False,
            FIXED,
        ),
        IndexerView(_record(10, "indexer-10", TORZNAB, SCRIPT_TITLE, facts=own, standing=weak), Asking(2, 1), True, True, {}),
        IndexerView(
            _record(11, "indexer-11", PROWLARR, "Prowlarr in the cellar", enabled=False, priority=40), Asking(), True, True, {}
        ),
    ]  # fmt: skip


def took() -> list[TakenView]:
    base = TakenView(
        "The Way of Kings by Brandon Sanderson [ENG / M4B]", "MyAnonamouse",
        "ReadMeABook", "10.0.0.7", 1, ago(hours=5), ago(hours=5),
    )  # fmt: skip
    held = replace(base, client="qbittorrent", seeded_secs=96_400, needed_secs=259_200, progress=1.0)
    return [
        base,
        replace(held, program="Shelfmark", times=3),
        replace(held, title="A Tale That Is Done", owes=False, seeded_secs=300_000, program="Readarr"),
        replace(held, title="One That Left", removed=True, program="autobrr"),
        replace(held, title="Under Way", progress=0.4, seeded_secs=0, program="Listenarr"),
        replace(base, title=SCRIPT_TITLE, program=SCRIPT_TITLE, host="<b>host</b>"),
        replace(base, title=RTL_TITLE, program=""),
        replace(base, title=LONG_TITLE, indexer_name=LONG_TITLE, program="x" * 200),
    ]
