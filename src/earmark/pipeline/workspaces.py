"""Where a ticket's book is made: a folder of its own below the work folder, gone when the ticket has ended."""

from __future__ import annotations

import shutil
from pathlib import Path

from earmark.core.reasons import PermanentError, Reason
from earmark.core.ticket import TicketId
from earmark.pipeline.house import House


def workspace_of(house: House, ticket_id: TicketId) -> Path:
    return house.work_dir / f"ticket-{ticket_id}"


def open_workspace(house: House, ticket_id: TicketId, needed_bytes: int) -> Path:
    """The ticket's folder, made when missing. Raises PermanentError `disk_full` when its disk has not room enough."""
    folder = workspace_of(house, ticket_id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = house.free_bytes(folder)
    if free < needed_bytes:
        raise PermanentError(
            Reason(
                "disk_full",
                f"The work disk has {free // 1024**2} MiB left; binding needs {needed_bytes // 1024**2} MiB.",
                "Make room, or point [converter] temp_dir to a larger disk, then retry the ticket.",
                {"free_bytes": free, "needed_bytes": needed_bytes, "path": str(folder)},
            )
        )
    return folder


def clear_workspace(house: House, ticket_id: TicketId) -> None:
    shutil.rmtree(workspace_of(house, ticket_id), ignore_errors=True)


def sweep_workspaces(house: House, running: set[TicketId]) -> None:
    """Remove the folders of tickets that are not being worked on (a crash may leave one behind)."""
    for folder in house.work_dir.glob("ticket-*"):
        if TicketId(folder.name.removeprefix("ticket-")) not in running:
            shutil.rmtree(folder, ignore_errors=True)
