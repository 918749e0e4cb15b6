"""Act 1: search, score, decide, admit, grab, hand to the client. Reads as its own description; every step looks at the
ticket first and does nothing when a former life of the process already did it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from earmark.core.decision import Decision, ScoredCandidate
from earmark.core.indexing import IndexerRecord, turns
from earmark.core.reasons import EarmarkError, JsonValue, PermanentError, Reason
from earmark.core.release import Release
from earmark.core.states import ApprovalCode, AutoApproved, Matching, NeedsApproval, Pending, Searching, TicketState
from earmark.core.ticket import Ticket, TicketId
from earmark.core.wish import AlbumWish, Kind, Wish
from earmark.pipeline.albums import check_album, list_files
from earmark.pipeline.ebooks import check_request
from earmark.pipeline.editions import on_our_shelf, replacing, weigh
from earmark.pipeline.failover import blocked_gate, closed_to
from earmark.pipeline.grab import admit_and_fetch, hand_to_client, look_into_pack
from earmark.pipeline.house import House
from earmark.pipeline.indexing import listed
from earmark.pipeline.mediaserver import refuse_present
from earmark.pipeline.packs import held_release
from earmark.pipeline.searching import TICKETS, search
from earmark.pipeline.step import GO, STOP, Outcome, Step
from earmark.pipeline.witness import hear_witness
from earmark.ports import SearchQuery
from earmark.store import Event, candidates, decisions, events, tickets
from earmark.store.codec import as_json

S = TicketState

PATIENCE_SECS = 600.0  # a ticket waits as long as each indexer's own deadline lets it


async def acquire(step: Step, ticket_id: TicketId) -> None:
    """From a wish to a torrent in the client, or to a state that says what is waited for."""
    if await step(search_everywhere, ticket_id) == STOP:
        return
    await step(list_files, ticket_id)
    if await step(score_and_decide, ticket_id) == STOP:
        await step(look_into_pack, ticket_id)
        return
    if await step(admit_and_fetch, ticket_id) == STOP:
        return
    await step(hand_to_client, ticket_id)


# --- search -------------------------------------------------------------------------------------------------------------


async def search_everywhere(house: House, ticket_id: TicketId) -> Outcome:
    """Ask the indexers, all at once or in the settings' order; keep what they offer with the ticket."""
    ticket = await _begin_search(house, ticket_id)
    if ticket.state is not S.SEARCHING:
        return GO
    if ticket.request.kind is Kind.MUSIC:
        check_album(house.settings.library, ticket.request)
    check_request(house.settings.library, ticket.request)
    await refuse_present(house, ticket)
    if not any(record.enabled for record in await listed(house)):
        raise PermanentError(
            Reason(
                "no_indexer",
                "There is no place to search: no tracker is set up.",
                "Add one on the Indexers page (or switch one on), then retry the ticket.",
            )
        )
    own_words = ticket.payload.query if isinstance(ticket.payload, Searching) else None
    held = await held_release(house, ticket) if own_words is None else None
    found = [held] if held is not None else await _ask_in_turn(house, ticket, own_words)
    async with house.write() as tx:
        await candidates.replace(tx, ticket_id, [_unjudged(release) for release in found])
        await tickets.move(tx, ticket_id, Matching(house.now(), len(found)), at=house.now(), actor="earmark")
    return GO


async def _ask_in_turn(house: House, ticket: Ticket, own_words: str | None) -> list[Release]:
    """What is offered by the indexers that the settings' order names, one after another until one offers something
    acceptable, and by the others after them. Raises the error when nobody answered at all."""
    enabled = [record for record in await listed(house) if record.enabled]
    stages, _ = turns(house.settings.search.order, enabled)
    texts = queries(ticket.request.wish, own_words)
    found: list[Release] = []
    errors: list[EarmarkError] = []
    heard = False
    for number, stage in enumerate(stages, 1):
        try:
            # What was offered before was not acceptable: the same release told by the next one, who may know more, may be.
            found = _distinct([*await _ask_stage(house, ticket, stage, texts), *found])
            heard = True
        except EarmarkError as error:
            errors.append(error)
        if number == len(stages):
            break
        enough = bool(found) and await _acceptable(house, ticket, found)
        await _note_turn(house, ticket, stage, stages[number], enough, errors[-1] if errors else None)
        if enough:
            break
    if errors and not heard:
        raise next((error for error in errors if error.transient), errors[0])
    return found


async def _ask_stage(
    house: House, ticket: Ticket, stage: Sequence[IndexerRecord], texts: Sequence[str]
) -> list[Release]:
    for text in texts:
        found = await _search_all(house, ticket, stage, text)
        if found:
            return found
    return []


async def _acceptable(house: House, ticket: Ticket, found: Sequence[Release]) -> bool:
    """Would one of these be taken, or put before a person as the right one?"""
    async with house.db.read() as tx:
        blocked = await closed_to(tx, ticket, [_unjudged(release) for release in found])
    account = await house.fresh_account()
    decision = await house.matcher.judge(
        ticket.request.kind,
        ticket.request.wish,
        [release for release in found if release.guid not in blocked],
        vip_member=bool(account and account.vip_member),
    )
    doubts = {reason.code for reason in decision.reasons}
    return decision.chosen_idx is not None and ApprovalCode.NO_EXACT_MATCH not in doubts


async def _note_turn(
    house: House,
    ticket: Ticket,
    asked: Sequence[IndexerRecord],
    following: Sequence[IndexerRecord],
    enough: bool,
    error: EarmarkError | None,
) -> None:
    """Say in the history who was asked, and why the next one was or was not."""
    others = ", ".join(record.name for record in following)
    before = ", ".join(record.name for record in asked)
    if enough:
        what, message = "order_ended", f"{before} offered an acceptable release, so {others} was not asked."
    elif error is not None:
        what, message = "next_in_order", f"{before} did not answer, so {others} is asked: {error.reason.message}"
    else:
        what, message = "next_in_order", f"{before} offered nothing acceptable, so {others} is asked."
    note: dict[str, JsonValue] = {"what": what, "reason": {"message": message}}
    async with house.write() as tx:
        await events.append(tx, ticket.id, "note", note, house.now())


def _unjudged(release: Release) -> ScoredCandidate:
    return ScoredCandidate(release=release, score=0.0, components=())


def queries(wish: Wish, own_words: str | None) -> list[str]:
    """What to ask for, most telling first; the next is asked only when the former found nothing."""
    if own_words:
        return [own_words]
    if isinstance(wish, AlbumWish):
        return [f"{wish.artist} {wish.album}", wish.album]
    head = wish.title.split(":")[0]
    author = wish.authors[0] if wish.authors else ""
    return list(dict.fromkeys(q.strip() for q in (f"{wish.title} {author}", f"{head} {author}", head) if q.strip()))


async def _begin_search(house: House, ticket_id: TicketId) -> Ticket:
    async with house.write() as tx:
        ticket = await tickets.require(tx, ticket_id)
        if isinstance(ticket.payload, Pending):
            searching = Searching(house.now(), ticket.payload.query)
            ticket = (await tickets.move(tx, ticket_id, searching, at=house.now(), actor="earmark")).ticket
    return ticket


async def _search_all(house: House, ticket: Ticket, stage: Sequence[IndexerRecord], text: str) -> list[Release]:
    """Releases from these indexers. One that fails is told about; when all fail the error is the ticket's."""
    query = SearchQuery(text=text, kind=ticket.request.kind)
    ids = [record.id for record in stage]
    found = await search(house, query, ids=ids, asker=TICKETS, deadline_secs=PATIENCE_SECS, remember=False)
    heard: dict[str, JsonValue] = {
        answer.indexer.key: answer.count if answer.error is None else answer.error.reason.code
        for answer in found.answers
    }
    async with house.write() as tx:
        await events.append(tx, ticket.id, "note", {"what": "searched", "query": text, "answers": heard}, house.now())
    errors = [answer.error for answer in found.answers if answer.error is not None]
    if found.all_failed:
        raise next((error for error in errors if error.transient), errors[0])
    return [offer.release for offer in found.offers]


def _distinct(found: list[Release]) -> list[Release]:
    """One entry a release: the first of those with the same guid or info-hash."""
    seen: set[str] = set()
    kept: list[Release] = []
    for release in found:
        keys = {release.guid, *([release.info_hash] if release.info_hash else [])}
        if not keys & seen:
            kept.append(release)
        seen |= keys
    return kept


# --- decide -------------------------------------------------------------------------------------------------------------


async def score_and_decide(house: House, ticket_id: TicketId) -> Outcome:
    """Judge the candidates; approve the best or ask a person. The whole judgement is kept as a decision record."""
    async with house.db.read() as tx:
        ticket = await tickets.require(tx, ticket_id)
        offers = await candidates.of_ticket(tx, ticket_id)
        asked = _asked(await events.of_ticket(tx, ticket_id))
        blocked = await closed_to(tx, ticket, offers)
    if ticket.state is not S.MATCHING:
        return GO
    account = await house.fresh_account()
    request = ticket.request
    open_offers = [o.release for o in offers if o.release.guid not in blocked]
    decision = await house.matcher.judge(
        request.kind, request.wish, open_offers, vip_member=bool(account and account.vip_member)
    )
    decision = await hear_witness(house, ticket, decision)
    shelf = await on_our_shelf(house, ticket)
    decision, compared = weigh(decision, shelf, ticket) if shelf is not None else (decision, None)
    tried = [replace(o, gates=(blocked_gate(blocked[o.release.guid]),)) for o in offers if o.release.guid in blocked]
    decision = replace(decision, candidates=(*decision.candidates, *tried))
    payload = _verdict(house, decision)
    async with house.write() as tx:
        await candidates.replace(tx, ticket_id, decision.candidates)
        wish = as_json(type(request.wish), request.wish)
        await decisions.record(tx, ticket_id, decision, wish, asked, house.now())
        details: dict[str, JsonValue] = {"selected_idx": decision.chosen_idx, "confidence": decision.confidence}
        if shelf is not None and compared is not None:
            details |= {"on_shelf": shelf.ticket_id, "compared": compared.text}
        moved = await tickets.move(tx, ticket_id, payload, at=house.now(), actor="earmark", details=details)
        await tickets.keep_answers(tx, ticket_id, replacing(moved.ticket, compared))
    return STOP if decision.needs_a_human else GO


def _asked(history: Sequence[Event]) -> list[str]:
    """What the last search asked for, as its notes say."""
    asked: list[str] = []
    for event in history:
        if event.type == "state_change" and event.payload.get("new_state") == S.SEARCHING:
            asked = []
        if event.type == "note" and event.payload.get("what") == "searched":
            asked.append(str(event.payload.get("query")))
    return list(dict.fromkeys(asked))


def _verdict(house: House, decision: Decision) -> NeedsApproval | AutoApproved:
    now = house.now()
    if decision.needs_a_human or decision.chosen_idx is None:
        return NeedsApproval(
            waiting_since=now,
            candidate_count=len(decision.candidates),
            recommended_idx=decision.chosen_idx,
            confidence=decision.confidence,
            reasons=decision.reasons,
        )
    return AutoApproved(decision.chosen_idx, decision.confidence, now)
