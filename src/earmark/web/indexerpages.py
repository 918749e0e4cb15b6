"""The pages about indexers one looks at: how each stands and what was asked of it, how other programs reach them through
Earmark, and what those took for themselves; with the acts that need no form of their own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from earmark.core.reasons import EarmarkError
from earmark.ports import IndexerHealth
from earmark.settings_sources import ConfigError
from earmark.web import humane, indexerform
from earmark.web.contract import Role
from earmark.web.contract_indexers import IndexerView
from earmark.web.face import DONE, Face
from earmark.web.render import Context, toast, wants_fragment
from earmark.web.words import Tone

PAGE_SIZE = 50
PROGRAMS: tuple[tuple[str, str, str, str], ...] = (
    ("AudioBookRequest", "audiobookrequest", "Settings → Prowlarr", "prowlarr"),
    ("ReadMeABook", "readmeabook", "Admin → Settings → Indexers", "prowlarr"),
    ("Shelfmark", "shelfmark", "Settings → Prowlarr → Configuration", "prowlarr"),
    ("Listenarr", "listenarr", "Settings → Indexers → Add Indexer", "bare"),
    ("Readarr and its kin", "readarr", "Settings → Indexers → + → Torznab", "bare"),
    ("autobrr", "autobrr", "Settings → Indexers → Add → Generic Torznab", "torznab"),
)
"""(name, page of docs/prowlarr, where its fields are, which address it wants). Some put `/api` behind the address themselves."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What an indexer said when a person tested it from a page."""

    at: datetime
    health: IndexerHealth


@dataclass(frozen=True, slots=True)
class Row:
    view: IndexerView
    tone: Tone
    label: str
    tried: Tried | None


class Trials:
    """The last test of each indexer, kept while the process runs: a page that is drawn anew still shows it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._kept: dict[int, Tried] = {}

    def note(self, answers: Mapping[int, IndexerHealth]) -> None:
        self._kept |= {number: Tried(self._now(), health) for number, health in answers.items()}

    def of(self, number: int) -> Tried | None:
        return self._kept.get(number)

    def forget(self, number: int) -> None:
        self._kept.pop(number, None)

    def keep_only(self, numbers: Collection[int]) -> None:
        self._kept = {number: tried for number, tried in self._kept.items() if number in numbers}


def state_of(view: IndexerView, now: datetime) -> tuple[Tone, str]:
    """How it stands, in a colour and a word."""
    record = view.record
    if not record.enabled:
        return "quiet", "Switched off"
    if not view.ready:
        return "you", "Not set up"
    if record.standing.paused(now):
        return "bad", "Paused"
    return ("you", "Failed lately") if record.standing.failures else ("good", "Fine")


def rows_of(views: Sequence[IndexerView], trials: Trials, now: datetime) -> list[Row]:
    trials.keep_only({view.record.id for view in views})
    return [Row(view, *state_of(view, now), trials.of(view.record.id)) for view in views]


def summary(rows: Sequence[Row]) -> str:
    if not rows:
        return "Where releases are looked for. There is none yet."
    counts = {label: sum(row.label == label for row in rows) for label in ("Paused", "Failed lately", "Not set up")}
    poor = ", ".join(f"{count} {label.lower()}" for label, count in counts.items() if count)
    return f"{humane.plural(len(rows), 'indexer')}: {poor}." if poor else (
        f"{humane.plural(len(rows), 'place')} to look for releases. All is well."
    )  # fmt: skip


def add_indexers(router: APIRouter, face: Face, trials: Trials, address_of: Callable[[Request], str]) -> None:
    add_looking(router, face, trials, address_of)
    add_acts(router, face, trials)
    add_removal(router, face, trials)
    add_order(router, face, trials)


async def list_context(face: Face, role: Role, trials: Trials) -> Context:
    """Everything `indexers.html` and its panel read."""
    rows = rows_of(await face.desk.indexers(), trials, face.draw.now())
    order = await face.desk.search_order() if role == "admin" else None
    return {"rows": rows, "summary": summary(rows), "sorts": indexerform.BY_SORT, "order": order, "tab": "list",
            "order_fault": ""}  # fmt: skip


def add_looking(router: APIRouter, face: Face, trials: Trials, address_of: Callable[[Request], str]) -> None:
    @router.get("/indexers")
    async def indexers(request: Request) -> Response:
        role = face.guard.role(request)
        seq = await face.desk.last_seq()
        found = await list_context(face, role, trials)
        return await face.page(
            request, "indexers.html", title="Indexers", here="indexers", role=role, context=found, seq=seq
        )

    @router.get("/indexers/panel")
    async def panel(request: Request) -> Response:
        role = face.guard.role(request)
        found = await list_context(face, role, trials)
        return await face.fragment(request, "parts/indexers.html", role=role, context=found)

    @router.get("/indexers/connect")
    async def connect(request: Request) -> Response:
        role = face.guard.role(request)
        found: Context = {
            "tab": "connect",
            "address": address_of(request),
            "views": await face.desk.indexers(),
            "programs": PROGRAMS,
            "key_place": face.desk.key_place() if role == "admin" else "",
        }
        return await face.page(
            request, "connect.html", title="Connect other programs", here="indexers", role=role, context=found
        )

    @router.get("/indexers/taken")
    async def taken(request: Request) -> Response:
        role = face.guard.role(request)
        number = request.query_params.get("page", "1")
        page = max(1, min(int(number), 1_000_000)) if number.isascii() and number.isdecimal() and len(number) < 8 else 1
        offset = (page - 1) * PAGE_SIZE
        found = await face.desk.taken(limit=PAGE_SIZE, offset=offset)
        last = offset + len(found.items)
        context: Context = {
            "tab": "taken",
            "taken": found.items,
            "total": found.total,
            "first": offset + 1,
            "last": last,
            "newer": f"/indexers/taken?page={page - 1}" if page > 1 else None,
            "older": f"/indexers/taken?page={page + 1}" if last < found.total else None,
        }
        return await face.page(
            request, "taken.html", title="Taken by other programs", here="indexers", role=role, context=context
        )


def add_acts(router: APIRouter, face: Face, trials: Trials) -> None:
    async def answer(request: Request, role: Role, path: str, headers: dict[str, str]) -> Response:
        """A fresh panel for htmx, the way back to the page for a browser."""
        if not wants_fragment(request):
            return face.go(path)
        found = await list_context(face, role, trials)
        return await face.fragment(request, "parts/indexers.html", role=role, context=found, headers=headers)

    @router.post("/indexers/test")
    async def test_all(request: Request) -> Response:
        role = face.guard.admin(request)
        await face.guard.form(request)
        answers = await face.desk.test_all()
        trials.note(answers)
        failed = sum(not health.ok for health in answers.values())
        said = toast(f"{failed} of {humane.plural(len(answers), 'indexer')} failed the test.", tone="bad") if failed else (
            toast("Every indexer passed the test.")
        )  # fmt: skip
        return await answer(request, role, "/indexers", said)

    @router.post("/indexers/{number:int}/test")
    async def test(request: Request, number: int) -> Response:
        role = face.guard.admin(request)
        await face.guard.form(request)
        health = await tested(face, number)
        trials.note({number: health})
        name = (await face.desk.indexer(number)).record.name
        said = toast(f"{name} passed the test.") if health.ok else toast(f"{name} failed the test.", tone="bad")
        return await answer(request, role, f"/indexers#indexer-{number}", said)

    @router.post("/indexers/{number:int}/switch")
    async def switch(request: Request, number: int) -> Response:
        role = face.guard.admin(request)
        on = (await face.guard.form(request)).get("on") == "1"
        record = (await face.desk.indexer(number)).record
        await face.desk.change_indexer(number, replace(indexerform.draft_of(record), enabled=on), role)
        done = "indexer_on" if on else "indexer_off"
        return await answer(request, role, f"/indexers?done={done}", toast(DONE[done][1]))


def add_removal(router: APIRouter, face: Face, trials: Trials) -> None:
    @router.get("/indexers/{number:int}/remove")
    async def confirm(request: Request, number: int) -> Response:
        role = face.guard.admin(request)
        view = await face.desk.indexer(number)
        if not view.removable:
            return face.go(f"/indexers/{number}")
        found: Context = {"view": view, "level": "h2"}
        if wants_fragment(request):
            return await face.fragment(request, "parts/indexer_remove.html", role=role, context=found)
        return await face.page(
            request,
            "indexer_remove.html",
            title="Remove an indexer",
            here="indexers",
            role=role,
            context=found | {"level": "h1"},
        )

    @router.post("/indexers/{number:int}/remove")
    async def remove(request: Request, number: int) -> Response:
        role = face.guard.admin(request)
        await face.guard.form(request)
        await face.desk.remove_indexer(number, role)
        trials.forget(number)
        return face.go("/indexers?done=indexer_removed")


def add_order(router: APIRouter, face: Face, trials: Trials) -> None:
    @router.post("/indexers/order")
    async def order(request: Request) -> Response:
        role = face.guard.admin(request)
        form = await face.guard.form(request)
        known = (await face.desk.search_order()).keys
        chosen = [key for key in form.getlist("step") if isinstance(key, str) and key in known]
        try:
            await face.desk.save_search_order(tuple(dict.fromkeys(chosen)), role)
        except EarmarkError as error:
            found = await list_context(face, role, trials) | {"order_fault": told(error)}
            return await face.page(
                request, "indexers.html", title="Indexers", here="indexers", role=role, context=found, status=400
            )
        return face.go("/indexers?done=order")


async def tested(face: Face, number: int) -> IndexerHealth:
    """What an indexer says to a test; a refusal is an answer too. An unknown number is not."""
    await face.desk.indexer(number)
    try:
        return await face.desk.test_indexer(number)
    except EarmarkError as error:
        return IndexerHealth(ok=False, message=told(error))


def told(error: EarmarkError) -> str:
    if isinstance(error, ConfigError):
        return " ".join(error.problems)
    return f"{error.reason.message} {error.reason.action}".strip()
