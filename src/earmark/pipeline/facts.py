"""What metadata providers know of the book at hand: facts, chapters, a cover. Asked once a ticket, before binding; whoever
is silent or means another book is left out with a note, and never holds the book up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from earmark.core.binding import Chapter
from earmark.core.facts import BookFacts
from earmark.core.reasons import EarmarkError, JsonValue
from earmark.core.release import Release
from earmark.core.scoring import people_similarity, title_similarity
from earmark.core.ticket import Ticket
from earmark.core.wish import BookWish
from earmark.pipeline.house import House, log
from earmark.ports import MetadataProvider
from earmark.store import events

SAME = 0.85  # titles and people less alike than this are another book
RUNTIME_TOLERANCE = 0.02  # chapters of another recording are worse than none


@dataclass(frozen=True, slots=True)
class Known:
    """What was learnt; empty when nobody knows the book."""

    facts: BookFacts | None = None
    chapters: tuple[Chapter, ...] = ()
    cover: bytes | None = None


async def learn(house: House, ticket: Ticket, wish: BookWish, release: Release | None, secs: float) -> Known:
    """Ask the providers in order; the first that knows this book is taken. `secs` is how long the files play."""
    if not house.providers:
        return Known()
    wanted = _known_better(wish, release)
    notes: dict[str, JsonValue] = {}
    known = Known()
    for provider in house.providers:
        try:
            known = await _ask(provider, wanted, secs)
            notes[provider.name] = known.facts.title if known.facts else "does not know it"
        except EarmarkError as error:
            log.warning("provider_silent", provider=provider.name, code=error.reason.code)
            notes[provider.name] = error.reason.message
        if known.facts is not None:
            break
    async with house.write() as tx:
        told: dict[str, JsonValue] = {"what": "facts_asked", "answers": notes, "chapters": len(known.chapters)}
        await events.append(tx, ticket.id, "note", told, house.now())
    return known


def _known_better(wish: BookWish, release: Release | None) -> BookWish:
    """The wish with what the chosen release adds to it."""
    if release is None:
        return wish
    return replace(
        wish,
        authors=wish.authors or release.authors,
        narrators=release.narrators or wish.narrators,
        asin=wish.asin or release.asin,
        isbn=wish.isbn or release.isbn,
    )


async def _ask(provider: MetadataProvider, wish: BookWish, secs: float) -> Known:
    facts = this_book(await provider.find(wish), wish, secs)
    if facts is None:
        return Known()
    same_recording = bool(facts.runtime_secs) and abs((facts.runtime_secs or 0) - secs) <= RUNTIME_TOLERANCE * secs + 60
    chapters, cover = await asyncio.gather(
        provider.chapters(facts.asin, secs) if facts.asin and same_recording else _nothing(), _cover(provider, facts)
    )
    return Known(facts, tuple(chapters), cover)


def this_book(found: Sequence[BookFacts], wish: BookWish, secs: float) -> BookFacts | None:
    """The one of these that is the wished book: its ASIN, or its title and authors; of several the one that plays as long
    as the files do."""
    same = [f for f in found if f.asin and wish.asin and f.asin.casefold() == wish.asin.casefold()]
    if not same:
        same = [f for f in found if _alike(f, wish)]
    return min(same, key=lambda f: abs((f.runtime_secs or 10 * secs) - secs), default=None)


def _alike(facts: BookFacts, wish: BookWish) -> bool:
    if not wish.authors or title_similarity(wish.title, facts.title, structured=True) < SAME:
        return False
    if wish.narrators and facts.narrators and people_similarity(wish.narrators, facts.narrators) < SAME:
        return False
    return people_similarity(wish.authors, facts.authors) >= SAME


async def _nothing() -> Sequence[Chapter]:
    return ()


async def _cover(provider: MetadataProvider, facts: BookFacts) -> bytes | None:
    """A missing picture is no reason to forget the facts."""
    try:
        return await provider.cover(facts)
    except EarmarkError as error:
        log.warning("cover_not_fetched", provider=provider.name, code=error.reason.code)
        return None
