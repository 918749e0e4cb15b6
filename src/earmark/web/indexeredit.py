"""The pages that add an indexer or change one: choose its kind, fill in, test what was typed before it counts, save. What
was typed is never lost to an error; a secret is never sent back."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from earmark.core.indexing import IndexerFacts, IndexerRecord, IndexerSort
from earmark.core.reasons import EarmarkError
from earmark.pipeline.indexing import IndexerDraft
from earmark.ports import IndexerHealth
from earmark.web import indexerform
from earmark.web.contract import Role
from earmark.web.contract_indexers import IndexerView
from earmark.web.face import Face
from earmark.web.indexerform import IndexerForm
from earmark.web.indexerpages import Trials, told
from earmark.web.render import PAGE_HEADERS, Context, wants_fragment


def add_indexer_forms(router: APIRouter, face: Face, trials: Trials) -> None:
    async def show(
        request: Request,
        role: Role,
        form: IndexerForm,
        view: IndexerView | None,
        *,
        tried: IndexerHealth | None = None,
        in_use: bool = False,
        status: int = 200,
    ) -> Response:
        found: Context = {
            "form": form,
            "view": view,
            "info": indexerform.BY_SORT[form.sort],
            "groups": indexerform.groups_of(
                form.sort, () if view is not None else indexerform.settled_elsewhere(form.sort)
            ),
            "in_use": in_use,
            "fixed": view.fixed if view is not None else {},
            "tried": tried,
            "retype": request.method == "POST" and not wants_fragment(request),
            "keeps": indexerform.KEEPS,
        }
        if wants_fragment(request):
            return await face.fragment(request, "parts/indexer_form.html", role=role, context=found)
        title = view.record.name if view is not None else "Add an indexer"
        return await face.page(
            request, "indexer_form.html", title=title, here="indexers", role=role, context=found, status=status
        )

    def saved(request: Request, done: str) -> Response:
        path = f"/indexers?done={done}"
        if wants_fragment(request):
            return HTMLResponse("", 200, {**PAGE_HEADERS, "HX-Redirect": f"{face.draw.url_base}{path}"})
        return face.go(path)

    async def settle(
        request: Request,
        role: Role,
        form: IndexerForm,
        draft: IndexerDraft | None,
        view: IndexerView | None,
        *,
        only_try: bool,
    ) -> Response:
        """Test or save what was typed; whatever is refused is shown at its field."""
        if draft is None:
            return await show(request, role, form, view, status=400)
        number = view.record.id if view is not None else None
        session = draft.sort is IndexerSort.MAM and draft.secret is not None
        try:
            if only_try or (session and number is None):
                tried = await face.desk.try_draft(draft, number)
                if number is None and session and tried.ok:  # it had to be put into use to be tried, so it is there now
                    added = next(v for v in await face.desk.indexers() if v.record.sort is IndexerSort.MAM)
                    kept = replace(draft, secret=None, facts=within(added.record, draft.facts))
                    await face.desk.change_indexer(added.record.id, kept, role)
                    return saved(request, "indexer_added")
                return await show(request, role, form, view, tried=tried, in_use=session and number is not None)
            if number is None:
                await face.desk.add_indexer(draft, role)
                return saved(request, "indexer_added")
            await face.desk.change_indexer(number, draft, role)
        except EarmarkError as error:
            if only_try and not error.reason.evidence.get("field"):
                return await show(request, role, form, view, tried=IndexerHealth(ok=False, message=told(error)))
            return await show(request, role, indexerform.refused(form, error), view, status=400)
        trials.forget(number)  # it spoke of what stood here before
        return saved(request, "indexer_saved")

    @router.get("/indexers/add")
    async def add(request: Request) -> Response:
        role = face.guard.admin(request)
        sort = sort_of(request.query_params.get("sort"))
        views = await face.desk.indexers()
        if sort is None:
            found: Context = {
                "sorts": indexerform.SORTS,
                "mam": next((v for v in views if v.record.sort == "mam"), None),
            }
            return await face.page(
                request, "indexer_add.html", title="Add an indexer", here="indexers", role=role, context=found
            )
        return await show(request, role, indexerform.blank(sort, [v.record.name for v in views]), None)

    @router.post("/indexers/add")
    async def create(request: Request) -> Response:
        role = face.guard.admin(request)
        posted = await face.guard.form(request)
        sort = sort_of(posted.get("sort"))
        if sort is None:
            return face.go("/indexers/add")
        form, draft = indexerform.read(posted, sort, None, indexerform.settled_elsewhere(sort))
        return await settle(request, role, form, draft, None, only_try=posted.get("do") == "try")

    @router.get("/indexers/{number:int}")
    async def edit(request: Request, number: int) -> Response:
        role = face.guard.admin(request)
        view = await face.desk.indexer(number)
        return await show(request, role, indexerform.of_record(view.record), view)

    @router.post("/indexers/{number:int}")
    async def change(request: Request, number: int) -> Response:
        role = face.guard.admin(request)
        posted = await face.guard.form(request)
        view = await face.desk.indexer(number)
        form, draft = indexerform.read(posted, view.record.sort, view.record, view.fixed)
        return await settle(request, role, form, draft, view, only_try=posted.get("do") == "try")


def within(record: IndexerRecord, facts: IndexerFacts) -> IndexerFacts:
    """What was typed, with what the settings say of the tracker."""
    own = record.facts
    return replace(facts, url=own.url, timeout_secs=own.timeout_secs, requests_per_second=own.requests_per_second)


def sort_of(value: object) -> IndexerSort | None:
    try:
        return IndexerSort(str(value))
    except ValueError:
        return None
