"""The same book on the shelf already: a better edition is taken as its replacement, any other is put before a person with
the comparison. One edition only is kept (decisions.md, 15)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from earmark.core.decision import Decision
from earmark.core.quality import Comparison, Verdict, better_edition
from earmark.core.reading.reader import read
from earmark.core.release import Release
from earmark.core.scoring import people_similarity, title_similarity
from earmark.core.states import ApprovalCode, ApprovalReason, Completed, TicketState
from earmark.core.ticket import Ticket, TicketId
from earmark.core.torrents import InfoHash
from earmark.core.wish import BookWish
from earmark.pipeline.binding import release_of
from earmark.pipeline.house import House
from earmark.pipeline.placing import EXISTING
from earmark.store import tickets

SAME = 0.9
LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class OnShelf:
    """An earlier ticket's edition of the wished book."""

    ticket_id: TicketId
    release: Release


async def on_our_shelf(house: House, ticket: Ticket) -> OnShelf | None:
    """The edition of this very book that an earlier ticket placed and that was not taken back."""
    wish = ticket.request.wish
    if not isinstance(wish, BookWish):
        return None
    async with house.db.read() as tx:
        page = await tickets.page(
            tx,
            states=frozenset({TicketState.COMPLETED}),
            kind=ticket.request.kind,
            text=wish.title.split(":")[0].strip(),
            limit=LOOKED_AT,
        )
    for other in page.items:
        if other.id == ticket.id or not _same_book(wish, other):
            continue
        release = await release_of(house, other, InfoHash(other.torrent_hash or ""))
        if release is not None:
            return OnShelf(other.id, release)
    return None


def weigh(decision: Decision, shelf: OnShelf, ticket: Ticket) -> tuple[Decision, Comparison | None]:
    """The decision in sight of what stands on the shelf, and the comparison of the chosen edition with it."""
    if decision.chosen_idx is None:
        return decision, None
    chosen = decision.candidates[decision.chosen_idx].release
    found = better_edition(read(shelf.release), read(chosen), kind=ticket.request.kind)
    if found.verdict is Verdict.BETTER:
        return decision, found
    reason = ApprovalReason(ApprovalCode.ON_SHELF, {}, f"This book is on the shelf already. {found.text}")
    return replace(decision, reasons=(*decision.reasons, reason)), found


def replacing(ticket: Ticket, found: Comparison | None) -> dict[str, str]:
    """The answers of a ticket that may replace what stands there, since it is better."""
    better = found is not None and found.verdict is Verdict.BETTER
    return {**ticket.answers, EXISTING: "replace"} if better else dict(ticket.answers)


def _same_book(wish: BookWish, other: Ticket) -> bool:
    theirs, payload = other.request.wish, other.payload
    if not isinstance(theirs, BookWish) or not isinstance(payload, Completed) or payload.undone_at is not None:
        return False
    if wish.asin and theirs.asin:
        return wish.asin.casefold() == theirs.asin.casefold()
    if wish.narrators and theirs.narrators and people_similarity(wish.narrators, theirs.narrators) < SAME:
        return False  # another voice was wished for
    if (wish.series_index or theirs.series_index) and wish.series_index != theirs.series_index:
        return False
    alike = title_similarity(wish.title, theirs.title, structured=True) >= SAME
    return alike and (not wish.authors or not theirs.authors or people_similarity(wish.authors, theirs.authors) >= SAME)
