"""The shelf of the desk the pages stand before: books that can be taken back and re-processed, the settings of the media
page with the real rules behind them, disks and torrents that may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError
from web_pieces import ago

from earmark.core.previewing import Preview, preview
from earmark.core.reasons import PermanentError, Reason
from earmark.core.space import Held, HeldFile, plan_prune
from earmark.core.states import Completed
from earmark.core.ticket import Ticket, TicketId
from earmark.core.torrents import InfoHash
from earmark.library.methods import MethodCheck
from earmark.library.space import Disk, SpaceState
from earmark.library.undo import Act, Undone
from earmark.pipeline.mediasettings import CHANGEABLE, SECTIONS, Saved, Setting
from earmark.pipeline.shelf import Reprocessed
from earmark.pipeline.space import Pruned
from earmark.pipeline.views import TicketView
from earmark.settings_sources import ConfigError
from earmark.web.contract_shelf import Recycling

GIB = 1024**3
LOCKED = {"converter.codec": "environment: EARMARK_CONVERTER__CODEC"}


@dataclass
class Shelf:
    """What stands behind the shelf's half of the fake desk."""

    heard: list[tuple[str, ...]] = field(default_factory=list)
    values: dict[str, object] = field(default_factory=dict)
    method: MethodCheck = field(default_factory=lambda: MethodCheck(True, "hardlink", None))
    held: list[Held] = field(default_factory=lambda: _held())
    days: int = 30
    settled: set[TicketId] = field(default_factory=set)  # books that stand as wanted
    refused: dict[TicketId, Reason] = field(default_factory=dict)


class ShelfDesk:
    """The half of the desk that has to do with the shelf; the other half owns `views` and `heard`."""

    views: dict[TicketId, TicketView]
    heard: list[tuple[str, ...]]
    shelf: Shelf

    def recycling(self) -> Recycling:
        return Recycling(None, self.shelf.days)

    async def undoable(self, ticket_id: TicketId) -> tuple[Act, ...]:
        view = self.views[ticket_id]
        numbers = sorted({row.act for row in view.journal})
        folder = Path(_folder(view.ticket))
        return tuple(Act(n, "place" if n == 1 else "move", ago(hours=4), folder, len(view.journal)) for n in numbers)

    async def undo(self, ticket_id: TicketId, actor: str) -> Undone:
        self.heard.append(("undo", ticket_id, actor))
        view = self.views[ticket_id]
        payload = view.ticket.payload
        if not isinstance(payload, Completed) or payload.undone_at:
            raise PermanentError.of("nothing_to_undo", "This ticket has nothing on the shelf.", "Look at its history.")
        ticket = replace(view.ticket, payload=replace(payload, undone_at=datetime.now(UTC)))
        self.views[ticket_id] = replace(view, ticket=ticket)
        return Undone((Path("a"),), ())

    async def reprocess(self, ticket_ids: Sequence[TicketId] | None, actor: str, *, dry_run: bool) -> list[Reprocessed]:
        ids = ticket_ids if ticket_ids is not None else [i for i, v in self.views.items() if _stands(v.ticket)]
        if not dry_run:
            self.heard.append(("reprocess", actor, *ids))
        found = [self._reprocessed(the_id) for the_id in ids]
        if not dry_run:
            self.shelf.settled |= {one.ticket_id for one in found if one.changes}
        return found

    def _reprocessed(self, the_id: TicketId) -> Reprocessed:
        if the_id in self.shelf.refused:
            return Reprocessed(the_id, None, None, (), (), self.shelf.refused[the_id])
        folder = _folder(self.views[the_id].ticket).removeprefix("/srv/audiobooks/")
        if the_id in self.shelf.settled:
            return Reprocessed(the_id, folder, folder, (), (), None)
        author, title = folder.split("/")
        goal = f"{author}/1895 - {title.removesuffix(' (1895)')}"
        moves = (
            (f"{folder}/{title[:16]}.m4b", f"{goal}/{title[:16]}.m4b"),
            (f"{folder}/cover.jpg", f"{goal}/cover.jpg"),
        )
        return Reprocessed(the_id, folder, goal, moves, ("metadata.json", "metadata.opf"), None)

    # --- settings -------------------------------------------------------------------------------------------------------

    def media_settings(self) -> list[Setting]:
        found = []
        for name in CHANGEABLE:
            section, key = name.split(".")
            known = SECTIONS[section].model_fields[key]
            value = self.shelf.values.get(name, known.default)
            found.append(Setting(name, value, known.description or "", LOCKED.get(name)))
        return found

    def sample_paths(self, pattern: str, file_pattern: str, *, use_series_folders: bool) -> list[Preview]:
        return preview(pattern, file_pattern, use_series_folders=use_series_folders)

    async def try_method(self) -> MethodCheck:
        self.heard.append(("try_method",))
        return self.shelf.method

    async def save_media_settings(self, changes: Mapping[str, object], actor: str) -> Saved:
        """Judged by the real settings, with the messages of the real file."""
        trees: dict[str, dict[str, object]] = {}
        for name, value in changes.items():
            section, key = name.split(".")
            if value is not None:
                trees.setdefault(section, {})[key] = value
        problems = [p for section, tree in trees.items() for p in _problems(SECTIONS[section], section, tree)]
        if problems:
            raise ConfigError(problems)
        if changes.get("library.method") == "reflink":
            evidence = {"field": "library.method"}
            raise PermanentError(
                Reason("method_impossible", "library.method = reflink does not work here.", "Choose copy.", evidence)  # type: ignore[arg-type]
            )
        self.heard.append(("save", actor, *(f"{name}={value}" for name, value in sorted(changes.items()))))
        for name, value in changes.items():
            if value is None:
                self.shelf.values.pop(name, None)
            else:
                self.shelf.values[name] = value
        return Saved(tuple(changes), self.shelf.method)

    # --- disks ------------------------------------------------------------------------------------------------------------

    async def disks(self) -> list[SpaceState]:
        low = Reason(
            "space_low",
            "Only 312 MiB are free on the disk of downloads, work; 500 MiB are to stay free. Grabs wait.",
            "Free space on that disk, or let go of torrents that owe nothing; grabs then go on by themselves.",
        )
        away = Reason(
            "space_unknown",
            "How much space is free for e-books is not known. /mnt/nas/books is away.",
            "Check that the disk is mounted and can be read.",
        )
        downloads = {"downloads": Path("/srv/earmark/downloads"), "work": Path("/srv/earmark/work")}
        return [
            SpaceState({"library": Path("/srv/audiobooks")}, Disk(1, 4000 * GIB, 1210 * GIB), 500 * 1024**2, None),
            SpaceState(downloads, Disk(2, 250 * GIB, 312 * 1024**2), 500 * 1024**2, low),
            SpaceState({"e-books": Path("/mnt/nas/books")}, None, 500 * 1024**2, away),
        ]

    async def prune(self, need_bytes: int, actor: str, *, dry_run: bool) -> Pruned:
        plan = plan_prune(self.shelf.held, need_bytes)
        if dry_run:
            return Pruned(plan, ())
        gone = tuple(str(held.info_hash) for held in plan.chosen)
        self.heard.append(("prune", str(need_bytes), actor))
        self.shelf.held = [held for held in self.shelf.held if held.info_hash not in gone]
        return Pruned(plan, gone)


def _problems(model: type[BaseModel], section: str, tree: dict[str, object]) -> list[str]:
    try:
        model.model_validate(tree)
    except ValidationError as error:
        return [
            f"/srv/earmark/earmark.toml: {section}.{f['loc'][0]} = {f['input']!r}: "
            f"{f['msg'].removeprefix('Value error, ')}. Expected: something else."
            for f in error.errors()
        ]
    return []


def _stands(ticket: Ticket) -> bool:
    return isinstance(ticket.payload, Completed) and ticket.payload.undone_at is None


def _folder(ticket: Ticket) -> str:
    assert isinstance(ticket.payload, Completed)
    return ticket.payload.library_path


def _held() -> list[Held]:
    def one(n: int, name: str, gib: float, *, owes: bool = False, links: int = 1, busy: bool = False) -> Held:
        files = (HeldFile(2, n, int(gib * GIB), links),)
        return Held(InfoHash(f"{n:040x}"), name, files, owes, ago(days=200 - n), busy)

    return [
        one(1, "Frankenstein [M4B 64k]", 0.5),
        one(2, "The Complete Plays of an Author with a Rather Long Name, Unabridged [MP3]", 11.2),
        one(3, "The Time Machine (1895)", 0.3, links=2),
        one(4, "Middlemarch", 0.9, owes=True),
        one(5, "Walden", 0.4, busy=True),
        one(6, "War and Peace", 2.1),
    ]
