"""A place of its own for each ticket's work: private, checked for room first, gone when the ticket
has ended, whatever happened."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from earmark.core.ticket import TicketId
from earmark.library.faults import disk_full, from_os
from earmark.library.offload import offload

_NAME = re.compile(r"earmark-work-[A-Za-z0-9-]{1,64}")


def workspace_of(temp_root: Path, ticket_id: TicketId) -> Path:
    """Where this ticket's workspace is or would be."""
    return temp_root / _name(ticket_id)


async def open_workspace(temp_root: Path, ticket_id: TicketId, *, needed_bytes: int = 0) -> Path:
    """The ticket's directory (mode 0700), made when missing; what an earlier step finished there is kept, so that a
    crash between two steps costs only the step in hand. Raises `disk_full` when less than `needed_bytes` is free."""
    home = workspace_of(temp_root, ticket_id)
    await offload(lambda _: _prepare(temp_root, home, needed_bytes))
    return home


async def close_workspace(temp_root: Path, ticket_id: TicketId) -> None:
    """Remove the directory with everything in it. Shielded: a cancelled ticket must not leave gigabytes behind."""
    home = workspace_of(temp_root, ticket_id)
    await asyncio.shield(asyncio.ensure_future(asyncio.to_thread(_remove, home)))


async def sweep(temp_root: Path, running: Collection[TicketId] = ()) -> tuple[Path, ...]:
    """Remove the workspaces of tickets that are not `running`; called at the start, when nothing runs yet. Touches
    nothing else in `temp_root`. Returns what was removed."""
    keep = {_name(ticket_id) for ticket_id in running}
    return await offload(lambda _: _sweep(temp_root, keep))


def _prepare(temp_root: Path, home: Path, needed_bytes: int) -> None:
    try:
        temp_root.mkdir(parents=True, exist_ok=True)
        if home.is_symlink() or (home.exists() and not home.is_dir()):
            _remove(home)
        usage = shutil.disk_usage(temp_root)
        if usage.total and usage.free < needed_bytes:
            raise disk_full(temp_root, needed_bytes, usage.free)
        home.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise from_os(error, "making a workspace", home) from error


def _remove(home: Path) -> None:
    if home.is_symlink() or home.is_file():
        home.unlink(missing_ok=True)
        return
    with suppress(FileNotFoundError):
        shutil.rmtree(home)


def _sweep(temp_root: Path, keep: Collection[str]) -> tuple[Path, ...]:
    removed: list[Path] = []
    if temp_root.is_dir():
        for path in temp_root.iterdir():
            if _NAME.fullmatch(path.name) and path.name not in keep:
                with suppress(OSError):
                    _remove(path)
                    removed.append(path)
    return tuple(removed)


def _name(ticket_id: TicketId) -> str:
    name = f"earmark-work-{ticket_id}"
    return name if _NAME.fullmatch(name) else f"earmark-work-{hashlib.sha256(ticket_id.encode()).hexdigest()[:32]}"


def write_last(path: Path, content: bytes) -> None:
    """Write in one piece what is written last: its presence says that all beside it in the workspace is whole."""
    temporary = path.with_suffix(".part")
    temporary.write_bytes(content)
    temporary.replace(path)
