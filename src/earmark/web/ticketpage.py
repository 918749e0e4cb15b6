"""What the page of one ticket shows, gathered from the desk's view: the line of time, the candidates in their two groups,
the trees of files, and what may be done now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from earmark.core.decision import ScoredCandidate
from earmark.core.states import (
    SEARCHABLE,
    TERMINAL,
    Approved,
    AutoApproved,
    Completed,
    Downloading,
    Failed,
    NeedsApproval,
    TicketState,
)
from earmark.core.ticket import Ticket
from earmark.core.wish import AlbumWish, Wish
from earmark.web import candidates, figures, questions, shelf, timeline, words
from earmark.web.contract import TicketDetail
from earmark.web.render import Context
from earmark.web.tree import Leaf, tree
from earmark.web.wishes import LANGUAGES


@dataclass(frozen=True, slots=True)
class Can:
    """What a person may do to the ticket as it stands."""

    approve: bool
    reject: bool
    retry: bool
    try_now: bool  # it waits for its next try, which can come at once
    cancel: bool
    search: bool
    magnet: bool
    undo: bool
    reprocess: bool


def allowed(ticket: Ticket) -> Can:
    p = ticket.payload
    asked = isinstance(p, NeedsApproval)
    hopeless = isinstance(p, Failed) and not p.retryable
    open_to_choice = ticket.state in SEARCHABLE and not hopeless
    on_shelf = isinstance(p, Completed) and p.undone_at is None
    wait = ticket.waiting
    return Can(
        approve=asked and isinstance(p, NeedsApproval) and p.candidate_count > 0,
        reject=asked,
        retry=isinstance(p, Failed) and p.retryable,
        try_now=wait is not None and wait.until is not None and ticket.state not in TERMINAL,
        cancel=ticket.state not in TERMINAL,
        search=open_to_choice and ticket.state is not TicketState.PENDING,
        magnet=open_to_choice,
        undo=on_shelf,
        reprocess=on_shelf and not isinstance(ticket.request.wish, AlbumWish),
    )


def context(view: TicketDetail) -> Context:
    """Everything `parts/ticket.html` reads."""
    ticket = view.ticket
    recommended = _recommended(ticket, view.candidates)
    placed, root = _placed(view)
    return {
        "v": view,
        "can": allowed(ticket),
        "question": questions.question_of(ticket),
        "phases": timeline.phases(ticket, view.events),
        "history": timeline.history(view.events, words.asker_of(ticket)),
        "came_chosen": timeline.came_chosen(view.events),
        "figures": figures.figures(ticket, view.progress),
        "chapters": figures.chapters(view.tasks),
        "recommended": recommended,
        **candidates.context(view, _chosen(view), recommended),
        "entries": tree((e.path, e.size) for e in view.entries),
        "making": shelf.making(view),
        "placed": placed,
        "placed_root": root,
        "suggested_query": suggested_query(ticket),
        "cancel_cost": words.cancel_cost(ticket, view.torrent.downloaded if view.torrent else None),
        "languages": LANGUAGES,
    }


def suggested_query(ticket: Ticket) -> str:
    """What the search box starts with: the words of the last search by hand, else title and first author."""
    asked = getattr(ticket.payload, "query", None)
    return asked if isinstance(asked, str) and asked else _words_of(ticket.request.wish)


def _words_of(wish: Wish) -> str:
    if isinstance(wish, AlbumWish):
        return f"{wish.artist} {wish.album}"[:300]
    return " ".join((wish.title, *wish.authors[:1]))[:300]


def _chosen(view: TicketDetail) -> int | None:
    """Index of the candidate that was taken, told by the state or by the torrent that came of it."""
    p = view.ticket.payload
    if isinstance(p, Approved | AutoApproved):
        return p.selected_idx
    if view.torrent is None or view.torrent.guid is None or view.ticket.state in SEARCHABLE - {TicketState.FAILED}:
        return None
    guid = view.torrent.guid
    return next((i for i, c in enumerate(view.candidates) if c.release.guid == guid), None)


def _recommended(ticket: Ticket, found: Sequence[ScoredCandidate]) -> int | None:
    p = ticket.payload
    if not isinstance(p, NeedsApproval) or p.recommended_idx is None:
        return None
    return p.recommended_idx if p.recommended_idx < len(found) else None


def _placed(view: TicketDetail) -> tuple[tuple[Leaf, ...], str]:
    """The files on the shelf with their sizes, as the journal has them; else the names the ticket ended with."""
    p = view.ticket.payload
    done = [e for e in view.journal if e.state in ("done", "verified") and e.op != "mkdir"]
    if isinstance(p, Completed):
        sizes = {e.target: e.size for e in done}
        lines = tree((name, sizes.get(str(PurePosixPath(p.library_path, name)))) for name in p.files)
        return lines, p.library_path
    if not done or isinstance(p, Downloading):
        return (), ""
    root = _common([PurePosixPath(e.target).parent for e in done])
    return tree((str(PurePosixPath(e.target).relative_to(root)), e.size) for e in done), str(root)


def _common(folders: list[PurePosixPath]) -> PurePosixPath:
    """The deepest folder that holds all of them."""
    root = folders[0]
    while not all(f.is_relative_to(root) for f in folders):
        root = root.parent
    return root
