"""The disks below the house, and the planner that frees room in the downloads: first what it would do, then, when a
person says so, that and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from earmark.core.reasons import PermanentError
from earmark.core.space import PrunePlan
from earmark.web.contract import Role
from earmark.web.contract_shelf import PrunedView, SpaceView
from earmark.web.face import Face
from earmark.web.render import Context, wants_fragment

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Meter:
    """One disk as a bar: `used` of 0..100 and where the limit stands on it; None where the size is unknown."""

    state: SpaceView
    used: int | None
    limit_at: int | None


def meters(states: Sequence[SpaceView]) -> list[Meter]:
    return [_meter(state) for state in states]


def _meter(state: SpaceView) -> Meter:
    if state.disk is None or not state.disk.total:
        return Meter(state, None, None)
    total = state.disk.total
    used = int((total - state.disk.free) / total * 100)
    return Meter(state, used, max(0, min(100, round((total - state.limit) / total * 100))))


def add_space(router: APIRouter, face: Face) -> None:
    async def answer(request: Request, role: Role, found: Context) -> Response:
        if wants_fragment(request):
            return await face.fragment(request, "parts/prune.html", role=role, context=found)
        return await face.page(request, "prune.html", title="Free space", here="system", role=role, context=found)

    @router.post("/system/prune")
    async def plan(request: Request) -> Response:
        role = face.guard.admin(request)
        need = _bytes(await face.guard.form(request))
        found = await face.desk.prune(need, role, dry_run=True)
        return await answer(request, role, told(found))

    @router.post("/system/prune/apply")
    async def apply(request: Request) -> Response:
        role = face.guard.admin(request)
        form = await face.guard.form(request)
        need = _bytes(form)
        fresh = await face.desk.prune(need, role, dry_run=True)
        if form.get("plan") != seal(fresh.plan):
            return await answer(request, role, told(fresh) | {"changed": True})
        return await answer(request, role, told(await face.desk.prune(need, role, dry_run=False)) | {"done": True})

    @router.get("/system/disks")
    async def disks(request: Request) -> Response:
        role = face.guard.role(request)
        found: Context = {"meters": meters(await face.desk.disks())}
        return await face.fragment(request, "parts/disks.html", role=role, context=found)


def told(found: PrunedView) -> Context:
    """What `parts/prune.html` reads."""
    plan = found.plan
    removed = frozenset(found.removed)
    return {
        "plan": plan,
        "gib": _gib(plan.need_bytes),
        "seal": seal(plan),
        "removed": [held for held in plan.chosen if held.info_hash in removed],
        "left": [held for held in plan.chosen if held.info_hash not in removed],
        "changed": False,
        "done": False,
    }


def seal(plan: PrunePlan) -> str:
    """Tells whether the plan a person saw is still the plan."""
    names = "\n".join([str(plan.need_bytes), str(plan.frees), *(held.info_hash for held in plan.chosen)])
    return hashlib.sha256(names.encode()).hexdigest()


def _bytes(form: FormData) -> int:
    value = form.get("gib")
    text = value.strip().replace(",", ".") if isinstance(value, str) else ""
    whole, _, part = text.partition(".")
    if not (text.isascii() and len(text) < 10 and whole.isdigit() and (part.isdigit() or not part)) or float(text) <= 0:
        raise PermanentError.of(
            "bad_amount", "That is no amount of space.", "Write how many GiB are to come free, like 20."
        )
    return round(float(text) * GIB)


def _gib(count: int) -> str:
    return f"{count / GIB:.2f}".rstrip("0").rstrip(".")
