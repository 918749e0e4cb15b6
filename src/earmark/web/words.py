"""What a ticket's state means to a person: what is happening, since when, why, what comes next and the one thing to do.
Reads values, returns values; it decides nothing (the rules live in `core`) and draws nothing (the templates do)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias

from earmark.core.states import (
    ApprovalCode,
    Approved,
    AutoApproved,
    Cancelled,
    Completed,
    Converting,
    Downloading,
    Failed,
    Matching,
    NeedsApproval,
    Pending,
    Placing,
    Rejected,
    Searching,
    StatePayload,
    TicketState,
)
from earmark.core.ticket import Ticket
from earmark.core.wish import Kind
from earmark.pipeline.questions import answers_to
from earmark.web import humane
from earmark.web.contract import ProgressView

Tone: TypeAlias = Literal["work", "wait", "you", "good", "bad", "quiet"]
"""The colour and weight of a state: something runs · it stands in line · a person is asked · done · failed · ended."""

Ask: TypeAlias = Literal["approve", "search", "retry", "answer"]
"""The one action a state calls for."""

LABELS: dict[TicketState, tuple[str, Tone]] = {
    TicketState.PENDING: ("Queued", "wait"),
    TicketState.SEARCHING: ("Searching", "work"),
    TicketState.MATCHING: ("Comparing", "work"),
    TicketState.NEEDS_APPROVAL: ("Needs you", "you"),
    TicketState.AUTO_APPROVED: ("Chosen", "work"),
    TicketState.APPROVED: ("Approved", "work"),
    TicketState.DOWNLOADING: ("Downloading", "work"),
    TicketState.CONVERTING: ("Binding", "work"),
    TicketState.PLACING: ("Placing", "work"),
    TicketState.COMPLETED: ("On the shelf", "good"),
    TicketState.REJECTED: ("Rejected", "quiet"),
    TicketState.FAILED: ("Failed", "bad"),
    TicketState.CANCELLED: ("Cancelled", "quiet"),
}

DOING: dict[TicketState, str] = {
    TicketState.PENDING: "waiting in line",
    TicketState.SEARCHING: "searching",
    TicketState.MATCHING: "comparing releases",
    TicketState.NEEDS_APPROVAL: "waiting for a choice",
    TicketState.AUTO_APPROVED: "fetching the torrent",
    TicketState.APPROVED: "fetching the torrent",
    TicketState.DOWNLOADING: "downloading",
    TicketState.CONVERTING: "binding",
    TicketState.PLACING: "placing the files",
}


@dataclass(frozen=True, slots=True)
class Story:
    """A state told in five parts. `why` and `do` may be empty; `next_at` is when the next thing happens, if known."""

    what: str
    since: datetime
    why: tuple[str, ...]
    then: str
    next_at: datetime | None = None
    do: str = ""
    ask: Ask | None = None


def label(state: TicketState) -> str:
    return LABELS[state][0]


def asks(ticket: Ticket) -> bool:
    """Does the ticket wait with a question in the middle of its work?"""
    return ticket.waiting is not None and bool(answers_to(ticket.waiting.reason))


def taken_back(ticket: Ticket) -> bool:
    """Was the book of this completed ticket taken off the shelf again?"""
    return isinstance(ticket.payload, Completed) and ticket.payload.undone_at is not None


def badge(ticket: Ticket) -> str:
    """The ticket's state in a word or two."""
    if asks(ticket):
        return "Asks you"
    return "Taken back" if taken_back(ticket) else label(ticket.state)


def tone(ticket: Ticket) -> Tone:
    """A running state that stands still for a reason looks like waiting, not like work; one that asks looks like asking."""
    if asks(ticket):
        return "you"
    if taken_back(ticket):
        return "quiet"
    own = LABELS[ticket.state][1]
    return "wait" if ticket.waiting is not None and own == "work" else own


def chapter_in_hand(ticket: Ticket, progress: ProgressView | None = None) -> tuple[int, int]:
    """(which, of how many) while a book is bound, which from 0: the live word if there is one, else what the state keeps.
    (0, 0) when nothing is bound."""
    payload = ticket.payload
    if not isinstance(payload, Converting):
        return 0, 0
    live = progress if progress is not None and progress.state is TicketState.CONVERTING else None
    if live is not None and live.chapter_idx is not None and live.chapter_count:
        return live.chapter_idx, live.chapter_count
    return payload.current_track_idx, payload.total_tracks


def story(ticket: Ticket, progress: ProgressView | None = None) -> Story:
    """The whole story of a ticket as it stands. A wait's reason comes before what the state alone would say."""
    told = _tell(ticket.payload)
    if isinstance(ticket.payload, Approved) and came_chosen(ticket):
        told = replace(told, what=f"Chosen by {asker_of(ticket)}", why=("Through the Prowlarr interface.",))
    if ticket.request.kind is Kind.EBOOK:
        told = _of_a_text(told, ticket.state)
    here, count = chapter_in_hand(ticket, progress)
    if count > 1:
        told = replace(told, what=f"Binding chapter {min(here + 1, count)} of {count}")
    wait = ticket.waiting
    if wait is None:
        return told
    if asks(ticket):
        return Story(
            "It waits for your answer",
            wait.since,
            (wait.reason.message,),
            "Once you have answered it goes on at once.",
            ask="answer",
        )
    next_at = wait.until or ticket.wake_at
    then = "Earmark tries again by itself." if next_at else "It goes on by itself as soon as that changes."
    return Story(
        f"{told.what} – on hold", wait.since, (wait.reason.message,), then, next_at, wait.reason.action, told.ask
    )


def came_chosen(ticket: Ticket) -> bool:
    """Did another program file the ticket with its release, through the Prowlarr interface?"""
    p = ticket.payload
    return isinstance(p, Approved) and p.approved_at == ticket.created_at and bool(ticket.request.requested_by)


def asker_of(ticket: Ticket) -> str:
    """The program or person the wish came from: what a caller says of itself, so at most a line."""
    named = " ".join(ticket.request.requested_by.split())[:60]
    return "another program" if named in ("", "unknown") else named


def _of_a_text(told: Story, state: TicketState) -> Story:
    """An e-book is read where an audiobook is bound."""
    if state is TicketState.DOWNLOADING:
        return replace(told, then="Then the e-book is read whole and checked.")
    if state is TicketState.CONVERTING:
        return replace(told, what="Reading the e-book", then="Then it is placed in the library as it is.")
    return told


def _tell(payload: StatePayload) -> Story:  # noqa: PLR0912 - one branch a state, checked to be complete
    match payload:
        case Pending():
            return _pending(payload)
        case Searching():
            return _searching(payload)
        case Matching():
            return _matching(payload)
        case NeedsApproval():
            return _needs_approval(payload)
        case AutoApproved():
            return _auto_approved(payload)
        case Approved():
            return _approved(payload)
        case Downloading():
            return _downloading(payload)
        case Converting():
            return _converting(payload)
        case Placing():
            return _placing(payload)
        case Completed():
            return _completed(payload)
        case Rejected():
            return _rejected(payload)
        case Failed():
            return _failed(payload)
        case Cancelled():
            return _cancelled(payload)


def _pending(p: Pending) -> Story:
    why = (f"With your words: “{p.query}”.",) if p.query else ()
    return Story("Queued for the search", p.queued_at, why, "The search starts as soon as it is this ticket’s turn.")


def _searching(p: Searching) -> Story:
    what = f"Searching for “{p.query}”" if p.query else "Searching the indexers"
    return Story(what, p.started_at, (), "Every release found is then compared with the wish.")


def _matching(p: Matching) -> Story:
    found = humane.plural(p.candidate_count, "release")
    return Story(
        f"Comparing {found} with the wish", p.started_at, (), "A sure match is taken; otherwise you are asked."
    )


def _needs_approval(p: NeedsApproval) -> Story:
    why = tuple(r.text for r in p.reasons if r.code is not ApprovalCode.NO_EXACT_MATCH or p.candidate_count)
    then = "Nothing is downloaded until you decide."
    if p.candidate_count == 0:
        do = "Search again with other words, or give a magnet link."
        return Story("Nothing was found", p.waiting_since, why, then, do=do, ask="search")
    if p.recommended_idx is None:
        do = "Search again with other words, or approve a release in spite of its refusals."
        return Story("No release fits the wish", p.waiting_since, why, then, do=do, ask="search")
    what = f"Waiting for your choice among {humane.plural(p.candidate_count, 'release')}"
    return Story(what, p.waiting_since, why, then, do="Approve a release below, or reject the wish.", ask="approve")


def _auto_approved(p: AutoApproved) -> Story:
    why = (f"It scores {p.confidence:.2f}, above the bar for taking it without asking.",)
    return Story("A release was chosen", p.approved_at, why, "Its torrent is fetched and handed to the client.")


def _approved(p: Approved) -> Story:
    return Story(f"Approved by {p.approved_by}", p.approved_at, (), "Its torrent is fetched and handed to the client.")


def _downloading(p: Downloading) -> Story:
    return Story("Downloading", p.started_at, (), "Then the audio is bound into one book.")


def _converting(p: Converting) -> Story:
    return Story("Binding the book", p.started_at, (), "Then it is checked by decoding it, and placed in the library.")


def _placing(p: Placing) -> Story:
    what = f"Placing file {min(p.files_placed + 1, p.total_files)} of {p.total_files}" if p.total_files else "Placing"
    return Story(what, p.started_at, (), "Then it is on the shelf; the torrent goes on seeding.")


def _completed(p: Completed) -> Story:
    if p.undone_at is not None:
        then = "The book is off the shelf; the torrent goes on seeding. A new wish starts afresh."
        return Story("Taken back from the shelf", p.undone_at, (), then)
    return Story("On the shelf", p.completed_at, (), "Nothing more to do: the torrent goes on seeding by itself.")


def _rejected(p: Rejected) -> Story:
    why = (f"“{p.reason}”",) if p.reason else ()
    return Story(f"Rejected by {p.rejected_by}", p.rejected_at, why, "The ticket has ended. A new wish starts afresh.")


def _failed(p: Failed) -> Story:
    tries = f" after {humane.plural(p.retry_count + 1, 'try', 'tries')}" if p.retry_count else ""
    what = f"Failed while {DOING.get(p.failed_at_state, 'working')}{tries}"
    then = "A retry goes on from the last safe step; nothing done so far is lost." if p.retryable else (
        "A retry cannot help here until something changes."
    )  # fmt: skip
    return Story(what, p.failed_at, (p.error.message,), then, do=p.error.action, ask="retry" if p.retryable else None)


def _cancelled(p: Cancelled) -> Story:
    why = (f"“{p.reason}”",) if p.reason else ()
    return Story(
        f"Cancelled by {p.cancelled_by}", p.cancelled_at, why, "The ticket has ended. A new wish starts afresh."
    )


def cancel_cost(ticket: Ticket, downloaded: int | None) -> str:
    """What a person gives up by cancelling now, said before they do."""
    match ticket.payload:
        case Downloading(finished_at=None):
            return f"The download stops, and what was fetched so far ({humane.size(downloaded)}) is deleted."
        case Downloading():
            return "No book is made of the finished download. The download itself stays and goes on seeding."
        case Converting():
            return "The binding stops and its unfinished file is thrown away. The download stays and goes on seeding."
        case Placing():
            return "Files already placed are taken out of the library again. The download stays and goes on seeding."
        case NeedsApproval(candidate_count=count) if count:
            return f"What was found ({humane.plural(count, 'release')}) is put aside. Nothing was downloaded."
        case _:
            return "Nothing was downloaded yet, so nothing is lost but the wish itself."
