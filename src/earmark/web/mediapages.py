"""The page of the media management settings: fields, live preview of the patterns, a trial of the method, saving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from earmark.core.previewing import Preview
from earmark.core.reasons import EarmarkError
from earmark.web import mediaform
from earmark.web.contract import Desk, Role
from earmark.web.contract_shelf import MethodView
from earmark.web.face import Face
from earmark.web.mediaform import MediaForm
from earmark.web.render import Context, wants_fragment

PATTERN, FILE_PATTERN = mediaform.PATTERNS
SURE_PATTERN = "{title}"


@dataclass(frozen=True, slots=True)
class Samples:
    """Sample books as the patterns would place them, or what is wrong with a pattern, by its name."""

    books: Sequence[Preview]
    faults: dict[str, str]


def samples(desk: Desk, form: MediaForm) -> Samples:
    """Each pattern is tried beside one that is sure, so that a fault is told at its own field."""
    pattern, file_pattern = form.value(PATTERN), form.value(FILE_PATTERN)
    faults: dict[str, str] = {}
    for name, pair in ((PATTERN, (pattern, SURE_PATTERN)), (FILE_PATTERN, (SURE_PATTERN, file_pattern))):
        try:
            desk.sample_paths(*pair, use_series_folders=False)
        except EarmarkError as error:
            faults[name] = f"{error.reason.message} {error.reason.action}"
    if faults:
        return Samples((), faults)
    series = form.value("library.use_series_folders") == "on"
    return Samples(desk.sample_paths(pattern, file_pattern, use_series_folders=series), {})


def add_media(router: APIRouter, face: Face) -> None:
    desk = face.desk

    def context(form: MediaForm, trial: MethodView | None = None) -> Context:
        shown = samples(desk, form)
        errors = {**shown.faults, **form.errors}
        return {
            "form": MediaForm(form.values, errors, form.general),
            "groups": mediaform.GROUPS,
            "settings": {setting.name: setting for setting in desk.media_settings()},
            "samples": shown,
            "trial": trial,
            "patterns": mediaform.PATTERNS,
            "fields": mediaform.FIELDS,
        }

    async def page(request: Request, role: Role, found: Context, status: int = 200) -> Response:
        return await face.page(
            request, "media.html", title="Media management", here="settings", role=role, context=found, status=status
        )

    @router.get("/settings")
    async def settings(request: Request) -> Response:
        face.guard.admin(request)
        return face.go("/settings/media")

    @router.get("/settings/media")
    async def media(request: Request) -> Response:
        role = face.guard.admin(request)
        return await page(request, role, context(mediaform.in_force(desk.media_settings())))

    @router.post("/settings/media/preview")
    async def preview(request: Request) -> Response:
        role = face.guard.admin(request)
        form = mediaform.typed(await face.guard.form(request), desk.media_settings())
        found = context(form)
        if wants_fragment(request):
            return await face.fragment(request, "parts/media_preview.html", role=role, context=found | {"live": True})
        return await page(request, role, found)

    @router.post("/settings/media/try")
    async def trial(request: Request) -> Response:
        role = face.guard.admin(request)
        await face.guard.form(request)
        tried = await desk.try_method()
        if wants_fragment(request):
            return await face.fragment(request, "parts/media_trial.html", role=role, context={"trial": tried})
        return await page(request, role, context(mediaform.in_force(desk.media_settings()), tried))

    @router.post("/settings/media")
    async def save(request: Request) -> Response:
        role = face.guard.admin(request)
        known = desk.media_settings()
        form = mediaform.typed(await face.guard.form(request), known)
        if not form.errors:
            try:
                saved = await desk.save_media_settings(mediaform.changes(form, known), role)
                return face.go(f"/settings/media?done={'settings' if saved.changed else 'unchanged'}")
            except EarmarkError as error:
                form = mediaform.refused(form, error)
        return await page(request, role, context(form), 400)
