"""The shelf over HTTP: take back, bring to today's patterns, disks and what may go from them, media management settings."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from earmark.api import views
from earmark.api.auth import DOCUMENTED, AdminRoute, actor_of
from earmark.api.context import house_of
from earmark.api.problems import PROBLEM_RESPONSES
from earmark.api.requests import Body
from earmark.api.schemas import ReasonOut
from earmark.api.tickets import IdInPath, known_id
from earmark.core.reasons import Reason
from earmark.library.space import SpaceState
from earmark.pipeline import mediasettings, shelf, space

admin = APIRouter(route_class=AdminRoute, tags=["shelf"], dependencies=[DOCUMENTED], responses=PROBLEM_RESPONSES)


class UndoneOut(BaseModel):
    removed: list[str] = Field(description="Files that are in the recycle folder now.")
    restored: list[str] = Field(description="Files that came back.")
    kept: list[str] = Field(description="Files that somebody changed since; they were left alone.")


class ReprocessBody(Body):
    ticket_ids: list[str] | None = Field(
        None, max_length=5000, description="Which books; left out: all that stand on the shelf."
    )
    dry_run: bool = Field(False, description="Only tell what would be done.")


class MoveOut(BaseModel):
    old: str
    new: str


class ReprocessedOut(BaseModel):
    ticket_id: str
    folder: str | None = Field(description="Where it stood, below the library.")
    goal: str | None = Field(description="Where it stands now, or would.")
    moves: list[MoveOut]
    sidecars: list[str] = Field(description="Sidecars that are written anew or dropped.")
    error: ReasonOut | None = Field(None, description="Why this book was left as it was.")


class DiskOut(BaseModel):
    uses: dict[str, str]
    total_bytes: int | None
    free_bytes: int | None
    limit_bytes: int
    low: bool
    reason: ReasonOut | None


class PruneBody(Body):
    free_bytes: Annotated[int, Field(gt=0, le=10**16)] = Field(description="How much should come free.")
    dry_run: bool = Field(True, description="Only tell what would go. Send false to carry it out.")


class GoesOut(BaseModel):
    info_hash: str
    name: str
    bytes_on_disk: int


class StaysOut(BaseModel):
    info_hash: str
    name: str
    why: ReasonOut


class PruneOut(BaseModel):
    goes: list[GoesOut]
    frees_bytes: int = Field(description="Bytes truly freed: files with another name, as on the shelf, free nothing.")
    short_by_bytes: int
    stays: list[StaysOut]
    removed: list[str] = Field(description="Info-hashes of the torrents that went; empty in a dry run.")


class SettingOut(BaseModel):
    name: str
    value: str | int | bool | list[str] | None
    description: str
    locked: str | None = Field(description="Where it is set when it cannot be changed here.")


class MediaBody(Body):
    settings: dict[str, str | int | bool | list[str] | None] = Field(
        max_length=50,
        description="Dotted name to value; null brings the default back.",
        examples=[{"library.pattern": "{author}/{series/}{title}"}],
    )


class MediaOut(BaseModel):
    changed: list[str]
    settings: list[SettingOut]


class PreviewBody(Body):
    pattern: Annotated[str, Field(max_length=1000)]
    file_pattern: Annotated[str, Field(max_length=1000)] = "{title} - {part}"
    use_series_folders: bool = False


class PreviewOut(BaseModel):
    label: str
    path: str
    notes: list[str]


@admin.post("/ticket/{ticket_id}/undo", response_model=UndoneOut, summary="Take back")
async def undo_ticket(request: Request, id: IdInPath) -> UndoneOut:
    """Takes back what the ticket did last on the shelf: its reorganisation, else its placement with what it replaced."""
    undone = await shelf.undo(house_of(request), known_id(id), actor_of(request))
    return UndoneOut(
        removed=[str(p) for p in undone.removed],
        restored=[str(p) for p in undone.restored],
        kept=[str(p) for p in undone.kept],
    )


@admin.post("/library/reprocess", response_model=list[ReprocessedOut], summary="Bring books to today's patterns")
async def reprocess(request: Request, body: ReprocessBody) -> list[ReprocessedOut]:
    """Moves books to where the patterns of today want them, with facts asked for anew, and rewrites their sidecars. A
    book that cannot be moved stops no other."""
    ids = None if body.ticket_ids is None else [known_id(one) for one in body.ticket_ids]
    found = await shelf.reprocess(house_of(request), ids, actor_of(request), dry_run=body.dry_run)
    return [
        ReprocessedOut(
            ticket_id=one.ticket_id,
            folder=one.folder,
            goal=one.goal,
            moves=[MoveOut(old=old, new=new) for old, new in one.moves],
            sidecars=list(one.sidecars),
            error=_reason(one.reason),
        )
        for one in found
    ]


@admin.get("/library/space", response_model=list[DiskOut], summary="Disks")
async def disks(request: Request) -> list[DiskOut]:
    """Every disk behind the house's folders, and what should stay free on it."""
    return [_disk(state) for state in await space.disks(house_of(request))]


@admin.post("/library/prune", response_model=PruneOut, summary="What may go from the downloads")
async def prune(request: Request, body: PruneBody) -> PruneOut:
    """The oldest torrents that owe their tracker nothing, until enough is truly freed. A dry run unless you say otherwise."""
    done = await space.prune(house_of(request), body.free_bytes, actor_of(request), dry_run=body.dry_run)
    return PruneOut(
        goes=[GoesOut(info_hash=h.info_hash, name=h.name, bytes_on_disk=h.bytes_on_disk) for h in done.plan.chosen],
        frees_bytes=done.plan.frees,
        short_by_bytes=done.plan.short_by,
        stays=[
            StaysOut(info_hash=k.held.info_hash, name=k.held.name, why=views.reason(k.reason)) for k in done.plan.kept
        ],
        removed=list(done.removed),
    )


@admin.get("/settings/media", response_model=list[SettingOut], summary="Media management settings")
async def get_media(request: Request) -> list[SettingOut]:
    return [_setting(one) for one in mediasettings.media_settings(house_of(request))]


@admin.put("/settings/media", response_model=MediaOut, summary="Change media management settings")
async def put_media(request: Request, body: MediaBody) -> MediaOut:
    """In force at once. The placement method is tried first; a fault in any value saves none."""
    house = house_of(request)
    saved = await mediasettings.save_media_settings(house, body.settings, actor_of(request))
    return MediaOut(changed=list(saved.changed), settings=[_setting(s) for s in mediasettings.media_settings(house)])


@admin.post("/settings/media/preview", response_model=list[PreviewOut], summary="Where sample books would go")
async def preview(request: Request, body: PreviewBody) -> list[PreviewOut]:
    samples = mediasettings.sample_paths(body.pattern, body.file_pattern, use_series_folders=body.use_series_folders)
    return [PreviewOut(label=one.label, path=one.path, notes=list(one.notes)) for one in samples]


@admin.post("/ticket/{ticket_id}/reprocess", response_model=ReprocessedOut, summary="Bring one book to today's pattern")
async def reprocess_ticket(
    request: Request, id: IdInPath, dry_run: Annotated[bool, Query(description="Only tell what would be done.")] = False
) -> ReprocessedOut:
    return (await reprocess(request, ReprocessBody(ticket_ids=[id], dry_run=dry_run)))[0]


def _reason(found: Reason | None) -> ReasonOut | None:
    return views.reason(found) if found is not None else None


def _disk(state: SpaceState) -> DiskOut:
    disk = state.disk
    return DiskOut(
        uses={use: str(path) for use, path in state.uses.items()},
        total_bytes=disk.total if disk else None,
        free_bytes=disk.free if disk else None,
        limit_bytes=state.limit,
        low=state.low,
        reason=_reason(state.reason),
    )


def _setting(one: mediasettings.Setting) -> SettingOut:
    value = one.value
    if isinstance(value, tuple):
        value = [str(v) for v in value]
    elif value is not None and not isinstance(value, str | int | bool):
        value = str(value)
    return SettingOut(name=one.name, value=value, description=one.description, locked=one.locked)
