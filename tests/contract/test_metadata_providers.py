"""The contract every metadata provider keeps: the Audnexus adapter against the stand-in over the sandbox's own books,
and a provider of a few lines (`CardIndex`) that shares nothing with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count, pairwise
from typing import Any

import httpx2
import pytest

from earmark.core.binding import Chapter
from earmark.core.reasons import EarmarkError, Reason, TransientError
from earmark.core.wish import BookWish
from earmark.http import new_client
from earmark.metadata import AudnexusProvider
from earmark.ports import BookFacts, MetadataProvider
from earmark.sandbox.audnexus import StandInAudnexus
from earmark.sandbox.catalogue import Catalogue, read_catalogue
from earmark.sandbox.world import builtin_catalogue

TIME_MACHINE = BookWish("The Time Machine", ("H. G. Wells",), narrators=("Ada Fenwick",))


@cache
def catalogue() -> Catalogue:
    return read_catalogue(builtin_catalogue())


@dataclass
class Knowledge:
    """The sandbox's books, and trouble on demand."""

    service: StandInAudnexus

    @property
    def away(self) -> bool:
        return self.service.visits.trouble is not None

    def go_away(self) -> None:
        self.service.visits.trouble = 503


class CardIndex:
    """One card, in memory."""

    name = "cards"
    CARD = BookFacts(
        "cards", "B0CARD0001", "The Time Machine", authors=("H. G. Wells",), narrators=("Ada Fenwick",),
        runtime_secs=60.0, cover_url="card:1",
    )  # fmt: skip

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge

    async def find(self, wish: BookWish) -> Sequence[BookFacts]:
        self._check()
        return [self.CARD] if wish.asin == self.CARD.asin or wish.title == self.CARD.title else []

    async def chapters(self, asin: str) -> Sequence[Chapter]:
        self._check()
        return [Chapter("One", 0.0, 20.0), Chapter("Two", 20.0, 60.0)] if asin == self.CARD.asin else []

    async def cover(self, facts: BookFacts) -> bytes | None:
        self._check()
        return b"\xff\xd8\xff" if facts.cover_url == self.CARD.cover_url else None

    async def close(self) -> None: ...

    def _check(self) -> None:
        if self._knowledge.away:
            raise TransientError(Reason("away", "The cards are away.", "Wait for them."))


def open_audnexus(knowledge: Knowledge) -> MetadataProvider:
    http = new_client(5, httpx2.ASGITransport(app=knowledge.service.app()))
    # Every look at the clock is a day on: nothing is answered from memory.
    days = count(0.0, 100_000.0)
    return AudnexusProvider(
        "http://audnexus.test", "http://audnexus.test", "us", http,
        clock=lambda: datetime(2026, 7, 1, tzinfo=UTC), monotonic=lambda: next(days),
    )  # fmt: skip


PROVIDERS: dict[str, Callable[[Knowledge], MetadataProvider]] = {"audnexus": open_audnexus, "cards": CardIndex}


@pytest.fixture
def knowledge() -> Knowledge:
    return Knowledge(StandInAudnexus(catalogue().releases))


@pytest.fixture(params=sorted(PROVIDERS))
async def provider(request: Any, knowledge: Knowledge) -> AsyncIterator[MetadataProvider]:
    opened = PROVIDERS[request.param](knowledge)
    yield opened
    await opened.close()


async def test_the_wished_recording_comes_first(provider: MetadataProvider) -> None:
    best = (await provider.find(TIME_MACHINE))[0]
    assert (best.title, best.authors, best.narrators) == ("The Time Machine", ("H. G. Wells",), ("Ada Fenwick",))
    assert best.provider and best.asin


async def test_an_asin_finds_its_edition_whatever_the_title_says(provider: MetadataProvider) -> None:
    asin = (await provider.find(TIME_MACHINE))[0].asin
    found = await provider.find(BookWish("Nonsense", asin=asin))
    assert [book.asin for book in found] == [asin]


async def test_an_unknown_book_is_nobodys(provider: MetadataProvider) -> None:
    assert list(await provider.find(BookWish("Zzyzx Unwritten", ("Nobody",)))) == []
    assert list(await provider.chapters("B000000000")) == []
    assert await provider.cover(BookFacts("x", None, "Nothing")) is None


async def test_chapters_run_without_a_gap_to_the_end_of_the_book(provider: MetadataProvider) -> None:
    best = (await provider.find(TIME_MACHINE))[0]
    chapters = await provider.chapters(best.asin or "")
    assert len(chapters) > 1 and chapters[0].start_secs == 0
    assert all(a.end_secs == b.start_secs and a.start_secs < a.end_secs for a, b in pairwise(chapters))
    assert all(chapter.title for chapter in chapters)
    assert best.runtime_secs is not None and abs(chapters[-1].end_secs - best.runtime_secs) <= 60


async def test_the_cover_is_a_picture(provider: MetadataProvider) -> None:
    best = (await provider.find(TIME_MACHINE))[0]
    assert (await provider.cover(best) or b"").startswith(b"\xff\xd8\xff")


async def test_whoever_is_away_is_a_passing_trouble_and_never_an_empty_answer(
    provider: MetadataProvider, knowledge: Knowledge
) -> None:
    best = (await provider.find(TIME_MACHINE))[0]
    knowledge.go_away()
    for call in (provider.find(TIME_MACHINE), provider.chapters(best.asin or ""), provider.cover(best)):
        with pytest.raises(TransientError) as caught:
            await call
        assert isinstance(caught.value, EarmarkError) and caught.value.reason.action
