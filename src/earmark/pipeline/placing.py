"""The end of act 2: the bound book, its sidecars and its cover go to the shelf together."""

from __future__ import annotations

from earmark.core.naming import file_name, parse_pattern, render
from earmark.core.states import Placing, TicketState
from earmark.core.ticket import Ticket
from earmark.library.placement import Placed, PlacementPlan, Planned, place, plan_placement
from earmark.library.sidecars import facts, metadata_json, metadata_opf
from earmark.library.workspace import workspace_of
from earmark.pipeline.binding import BOOK, COVER, bound_facts
from earmark.pipeline.bus import Message
from earmark.pipeline.house import House
from earmark.pipeline.progress import Progress
from earmark.pipeline.stages import stage


async def put_on_shelf(house: House, ticket: Ticket, payload: Placing) -> Placed:
    """Place everything of this ticket. A second time it only confirms what the journal says is there."""
    folder = workspace_of(house.work_dir, ticket.id)
    tags, chapters = bound_facts(folder)
    book = facts(tags)
    files = [
        Planned(folder / BOOK, file_name(tags.title, "m4b"), "book"),
        Planned(metadata_json(book, chapters), "metadata.json", "sidecar"),
        Planned(metadata_opf(book), "metadata.opf", "sidecar"),
    ]
    if (folder / COVER).exists():
        files.append(Planned(folder / COVER, "cover.jpg", "cover"))
    parts = render(parse_pattern(house.settings.library.pattern), tags)
    root = house.settings.library.audiobooks.absolute()
    return await place_files(house, ticket, plan_placement(root, parts, files, ticket.id, workspace=folder))


async def place_files(house: House, ticket: Ticket, plan: PlacementPlan) -> Placed:
    """Carry out a ticket's plan as its stage `place`, telling how far it is."""
    files = plan.files

    def report(done: int, total: int) -> None:
        progress = Progress.of(TicketState.PLACING, "place", done, total, "files", files[min(done, total - 1)].name)
        house.progress[ticket.id] = progress
        house.bus.publish(Message("progress", ticket.id, progress.as_json()))

    async with stage(house, ticket.id, "place") as detail:
        placed = await place(house.db, plan, clock=house.clock, on_progress=report)
        detail |= {"folder": str(placed.folder), "files": len(placed.files), "bytes": placed.bytes}
    return placed
