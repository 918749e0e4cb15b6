"""Is the download whole? Every file of the torrent must be a plain file inside the save path with its exact size."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Sequence
from pathlib import Path

from earmark.core.reasons import PermanentError, Reason
from earmark.core.ticket import Ticket
from earmark.core.torrents import InfoHash, TorrentEntry
from earmark.pipeline.house import House
from earmark.pipeline.stages import stage
from earmark.store import TorrentRecord, torrents


async def check_files(house: House, ticket: Ticket, info_hash: InfoHash) -> None:
    """Raises PermanentError naming the first files that are missing or of another size."""
    record = await torrent_of(house, info_hash)
    async with stage(house, ticket.id, "verify") as detail:
        entries = await entries_of(house, record)
        detail["files"] = len(entries)
        problems = await asyncio.to_thread(_problems, Path(record.save_path), entries)
        if problems:
            raise PermanentError(
                Reason(
                    "files_incomplete",
                    f"{len(problems)} of {len(entries)} files of the download are not as the torrent says: {problems[0]}.",
                    "Retry the ticket: the torrent is checked again and what is missing is fetched.",
                    {"files": list(problems[:20])},
                )
            )


async def torrent_of(house: House, info_hash: InfoHash) -> TorrentRecord:
    async with house.db.read() as tx:
        record = await torrents.get(tx, info_hash)
    if record is None:
        raise PermanentError(
            Reason(
                "torrent_unknown", "The ticket's torrent is not on record.", "Search again.", {"info_hash": info_hash}
            )
        )
    return record


async def entries_of(house: House, record: TorrentRecord) -> Sequence[TorrentEntry]:
    """The torrent's files: from its .torrent file, or from the client for a magnet."""
    return record.entries or await house.client.entries(record.info_hash)


def _problems(root: Path, entries: Sequence[TorrentEntry]) -> list[str]:
    problems: list[str] = []
    for entry in entries:
        try:
            found = (root / entry.path).lstat()
        except OSError:
            problems.append(f"{entry.path} is missing")
            continue
        if not stat.S_ISREG(found.st_mode):
            problems.append(f"{entry.path} is not a plain file")
        elif found.st_size != entry.size:
            problems.append(f"{entry.path} has {found.st_size} bytes instead of {entry.size}")
    return problems
