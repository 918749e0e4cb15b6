"""What reorganising a book would do: which folder or files get which names, which sidecars change, which folders appear and
go. Looks at the shelf and the journal's rows, changes nothing; refuses what stands in the way, with a comparison."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.core.binding import BookTags
from earmark.core.naming import Pattern, render, render_file, resolve_collision
from earmark.core.reasons import JsonValue, PermanentError, Reason
from earmark.core.ticket import TicketId
from earmark.library.faults import TargetExists, from_os
from earmark.library.plan import PlacementPlan, Planned, confine, plan_placement
from earmark.library.replacement import AUDIO, EBOOKS, compare_existing, names_in
from earmark.library.sidecars import SIDECARS
from earmark.library.staging import temp_name
from earmark.store.journal import LIVE, JournalEntry, JournalOp

Check = Callable[[], None]
_FILES = frozenset({JournalOp.PLACE, JournalOp.SIDECAR, JournalOp.COVER})
_RETRY = "Place it again, or correct the journal with an undo of the ticket."


class BookGone(PermanentError):
    """The book does not stand where the journal says."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How one book should stand: its folder below `root`, new names of its files by their present ones (others keep
    theirs), and its sidecars by name (None: leave them alone)."""

    ticket_id: TicketId
    root: Path
    folder: tuple[str, ...]
    names: Mapping[str, str]
    sidecars: Mapping[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """One rename: of the whole folder with everything in it, or of one file."""

    old: Path
    new: Path


@dataclass(frozen=True, slots=True)
class ReorganisePlan:
    """All of it, in the order in which it happens: folders in `makes` appear, `moves` are done one after the other (a
    later one may name what an earlier one made), sidecars in `goal` are written or dropped, `prunes` go when empty."""

    ticket_id: TicketId
    root: Path
    folder: Path
    goal: Path
    makes: tuple[Path, ...]
    moves: tuple[Move, ...]
    writes: Mapping[str, bytes]
    drops: tuple[str, ...]
    prunes: tuple[Path, ...]

    @property
    def changes(self) -> bool:
        return bool(self.moves or self.writes or self.drops)

    def as_json(self) -> dict[str, JsonValue]:
        """For showing: paths relative to the library."""

        def short(path: Path) -> str:
            return str(path.relative_to(self.root))

        moves: list[JsonValue] = [{"old": short(move.old), "new": short(move.new)} for move in self.moves]
        return {
            "folder": short(self.folder),
            "goal": short(self.goal),
            "moves": moves,
            "writes": list(self.writes),
            "drops": list(self.drops),
            "prunes": [short(path) for path in self.prunes],
        }


def wanted_names(files: Sequence[str], tags: BookTags, file_pattern: Pattern) -> dict[str, str]:
    """New names for the book files of one folder, given in listening order: sound files by the pattern, as parts where
    there are several, the only e-book by the pattern too; whatever else lies there keeps its name."""
    audio = [name for name in files if Path(name).suffix.lower() in AUDIO]
    ebooks = [name for name in files if Path(name).suffix.lower() in EBOOKS]
    named: list[tuple[str, int | None, int]] = [(name, idx, len(audio)) for idx, name in enumerate(audio, start=1)]
    named += [(name, None, 1) for name in ebooks if len(ebooks) == 1]
    taken = set(files) - {name for name, _, _ in named}
    names: dict[str, str] = {}
    for name, part, parts in named:
        extension = Path(name).suffix.removeprefix(".")
        new = resolve_collision(render_file(file_pattern, tags, part, parts, extension), taken, extension=extension)
        taken.add(new)
        names[name] = new
    return names


def wanted_book(
    ticket_id: TicketId,
    root: Path,
    rows: Sequence[JournalEntry],
    tags: BookTags,
    *,
    folder_pattern: Pattern,
    file_pattern: Pattern,
    use_series_folders: bool,
    sidecars: Mapping[str, bytes] | None = None,
) -> Wanted:
    """What the current patterns want of the book that `rows` (the ticket's journal) tell of. Raises `book_gone`."""
    folder = placed_folder(ticket_id, rows)
    books = [Path(row.target) for row in _live(rows) if row.op is JournalOp.PLACE]
    names = wanted_names([path.name for path in books if path.parent == folder], tags, file_pattern)
    parts = render(folder_pattern, tags, use_series_folders=use_series_folders)
    return Wanted(ticket_id, root.absolute(), parts, names, sidecars)


def placed_folder(ticket_id: TicketId, rows: Sequence[JournalEntry]) -> Path:
    """The folder the ticket's book stands in. Raises `book_gone` when it has placed none, `reorganise_several`."""
    homes = {Path(row.target).parent for row in _live(rows) if row.op is JournalOp.PLACE}
    if not homes:
        message = f"Ticket {ticket_id} has no book on the shelf."
        raise BookGone.of("book_gone", message, "Only a book that was placed can be reorganised.", ticket=ticket_id)
    if len(homes) > 1:
        message = f"Ticket {ticket_id} placed files in {len(homes)} folders, which no single pattern made."
        action = "Leave them, or undo the ticket and ask for each book by itself."
        folders: list[JsonValue] = [*map(str, sorted(homes)[:50])]
        raise PermanentError.of("reorganise_several", message, action, ticket=ticket_id, folders=folders)
    return homes.pop()


def plan_reorganise(
    wanted: Wanted, rows: Sequence[JournalEntry], foreign: Collection[str], check: Check
) -> ReorganisePlan:
    """Compare what stands with what is wanted. `rows` are the ticket's journal, `foreign` the paths of sound files that
    other tickets placed. Blocks on the disk; reads files only to compare a book in the way.

    Raises `book_gone`, `reorganise_several`, `reorganise_outside`, `target_exists` (with the comparison), `library_missing`,
    `placement_unsafe_target`, `placement_unsafe_name` and what the disk says.
    """
    root, goal = wanted.root, wanted.root.joinpath(*wanted.folder)
    folder = placed_folder(wanted.ticket_id, rows)
    try:
        ours = _files_there(wanted, folder, rows)
        placement = _placement(wanted, ours)
        confine(placement)
        foreign_here = any(Path(path).is_relative_to(folder) for path in foreign)
        moves = _moves(wanted, folder, goal, ours, shared=foreign_here)
        _refuse_clashes(placement, folder, goal, moves, check)
        makes = tuple(path for path in _levels(root, goal) if not path.is_dir() and all(m.new != path for m in moves))
        writes, drops = _sidecars(wanted, folder, rows)
        prunes = _emptied(root, folder, goal, moves)
        return ReorganisePlan(wanted.ticket_id, root, folder, goal, makes, moves, writes, drops, prunes)
    except OSError as error:
        raise from_os(error, "looking at the book", folder) from error


def _live(rows: Sequence[JournalEntry]) -> list[JournalEntry]:
    return [row for row in rows if row.state in LIVE]


def _files_there(wanted: Wanted, folder: Path, rows: Sequence[JournalEntry]) -> list[Path]:
    """Our files below the folder; every book file must be there, sidecars and covers may have been removed."""
    if wanted.root not in folder.parents:
        message = f"The book stands in {folder}, which is not below the library {wanted.root}."
        action = "Move it there by hand, or set the library folder back."
        raise PermanentError.of("reorganise_outside", message, action, folder=str(folder), library=str(wanted.root))
    paths = [Path(row.target) for row in _live(rows) if row.op in _FILES]
    missing: list[JsonValue] = [
        row.target for row in _live(rows) if row.op is JournalOp.PLACE and not os.path.lexists(row.target)
    ]
    if missing:
        message = f"The book is not complete in {folder}: somebody moved or removed {Path(str(missing[0])).name}."
        raise BookGone.of("book_gone", message, _RETRY, folder=str(folder), missing=missing[:50])
    return [path for path in dict.fromkeys(paths) if os.path.lexists(path) and path.is_relative_to(folder)]


def _placement(wanted: Wanted, ours: Sequence[Path]) -> PlacementPlan:
    """The same wish as a placement: it checks names and the way, and can be compared with what is there."""
    books = [path for path in ours if path.suffix.lower() in AUDIO | EBOOKS] or list(ours)
    files = [Planned(path, wanted.names.get(path.name, path.name), "book") for path in books]
    return plan_placement(
        wanted.root, wanted.folder, list({file.name: file for file in files}.values()), wanted.ticket_id
    )


def _moves(wanted: Wanted, folder: Path, goal: Path, ours: Sequence[Path], *, shared: bool) -> tuple[Move, ...]:
    """The whole folder in one rename where it is the book's alone, with whatever else people have put into it: so its
    inode stays, by which media servers know the book. Else entry by entry."""
    nested = goal in folder.parents or folder in goal.parents
    moves: list[Move] = []
    if goal == folder:
        pass
    elif not nested and not shared and not _other_books(folder, ours):
        moves.append(Move(folder, goal))
    else:
        alone = not shared and not _other_books(folder, ours)
        names = sorted(names_in(folder)) if alone else sorted({path.relative_to(folder).parts[0] for path in ours})
        moves += [Move(folder / name, goal / name) for name in names if (folder / name) not in (goal, *goal.parents)]
    return (*moves, *_renames(wanted, goal, {path.name for path in ours if path.parent == folder}))


def _renames(wanted: Wanted, goal: Path, there: Collection[str]) -> list[Move]:
    """New names inside the folder, in an order in which none meets another; where they change places, one waits under
    a hidden name."""
    todo = {old: new for old, new in wanted.names.items() if old != new and old in there}
    moves: list[Move] = []
    while todo:
        old = next((old for old, new in todo.items() if new not in todo), None)
        if old is None:
            old = next(iter(todo))
            waiting = temp_name(wanted.ticket_id, old)
            moves.append(Move(goal / old, goal / waiting))
            todo[waiting] = todo.pop(old)
        else:
            moves.append(Move(goal / old, goal / todo.pop(old)))
    return moves


def _other_books(folder: Path, ours: Sequence[Path]) -> bool:
    """Are there folders below that hold sound of somebody else? A book loose in its author's folder must not take the
    author's other books along."""
    mine = {path.parent for path in ours}
    for base, _, names in os.walk(folder):
        if (
            Path(base) != folder
            and Path(base) not in mine
            and any(Path(name).suffix.lower() in AUDIO for name in names)
        ):
            return True
    return False


def _refuse_clashes(placement: PlacementPlan, folder: Path, goal: Path, moves: Sequence[Move], check: Check) -> None:
    """Nothing is ever moved over something else. The same thing under another case is no clash."""
    leaving = {move.old.name for move in moves if move.old.parent == goal}
    for move in moves:
        inside = move.old.parent == goal and move.new.parent == goal
        # A rename inside the goal comes after the move: what could be in its way is in the old folder still.
        ways = {move.new, folder / move.new.name} if inside else {move.new}
        source = folder / move.old.name if inside else move.old
        for way in ways:
            if not os.path.lexists(way) or (inside and way.name in leaving):
                continue
            same = os.path.lexists(source) and way.samefile(source)
            empty = way.is_dir() and not way.is_symlink() and not any(way.iterdir())
            if not same and not (empty and source.is_dir()):
                raise _clash(placement, goal, move, way, check)


def _clash(placement: PlacementPlan, goal: Path, move: Move, way: Path, check: Check) -> TargetExists:
    comparison = compare_existing(goal if goal.is_dir() else way.parent, placement, check=check)
    return TargetExists(
        Reason(
            "target_exists",
            f"{move.new} is there already; {move.old.name} was not moved over it.",
            "Keep one of the two, or tell them apart in the naming pattern, for example with [{asin}].",
            {"path": str(way), "same_book": comparison.same, **comparison.as_json()},
        )
    )


def _sidecars(wanted: Wanted, folder: Path, rows: Sequence[JournalEntry]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Sidecars whose bytes differ from what is there now, and those of our making that say nothing any more. Documents that came
    with the book are none of our making."""
    if wanted.sidecars is None:
        return {}, ()
    writes: dict[str, bytes] = {}
    for name, data in wanted.sidecars.items():
        there = folder / name
        if there.is_symlink() or not there.is_file() or there.read_bytes() != data:
            writes[name] = data
    ours = {Path(row.target).name for row in _live(rows) if row.op is JournalOp.SIDECAR} & SIDECARS
    return writes, tuple(sorted(name for name in ours - set(wanted.sidecars) if os.path.lexists(folder / name)))


def _levels(root: Path, folder: Path) -> list[Path]:
    """The folders from below the library to `folder`, outer ones first."""
    return [path for path in reversed((folder, *folder.parents)) if root in path.parents]


def _emptied(root: Path, folder: Path, goal: Path, moves: Sequence[Move]) -> tuple[Path, ...]:
    """The old folders that hold nothing but what leaves them, inner ones first. The goal and the way to it stay."""
    leaving = {move.old for move in moves}
    gone: list[Path] = []
    for path in (folder, *folder.parents):
        stays = path in {root, goal, *goal.parents}
        if stays or (path not in leaving and any(inner not in leaving for inner in path.iterdir())):
            break
        leaving.add(path)
        gone.append(path)
    return tuple(gone)
