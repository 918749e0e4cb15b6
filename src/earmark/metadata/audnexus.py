"""Audible's knowledge of audiobooks behind the metadata contract: facts and chapters through an Audnexus service, editions
looked up by title and author in the Audible catalogue, covers where those two point.

Reading their JSON is `audnexus_facts`', manners are `asking`'s, care with foreign addresses is `pictures`'.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import datetime

import httpx2
import structlog

from earmark.addresses import Resolve, origin_of, resolve
from earmark.core.binding import Chapter
from earmark.core.scoring import people_similarity, similarity, title_similarity
from earmark.core.wish import BookWish
from earmark.http import WaitError, answer_not_understood
from earmark.metadata.asking import JsonService
from earmark.metadata.audnexus_facts import asin_of, largest, read_book, read_chapters, read_products
from earmark.metadata.pictures import fetch_picture
from earmark.ports import BookFacts

log = structlog.get_logger(__name__)

TLDS = {
    "us": "com", "ca": "ca", "uk": "co.uk", "au": "com.au", "fr": "fr", "de": "de", "jp": "co.jp", "it": "it",
    "in": "in", "es": "es", "br": "com.br",
}  # fmt: skip
RESPONSE_GROUPS = "contributors,media,product_attrs,product_desc,product_extended_attrs,series"
LOOKED_UP = 10
TOLD = 5
PLAUSIBLE = 0.6
"""Below this likeness of the title an edition is somebody else's book."""


class AudnexusProvider:
    """One Audnexus service and the Audible shop of one region."""

    name = "audnexus"

    def __init__(
        self,
        url: str,
        catalogue_url: str,
        region: str,
        http: httpx2.AsyncClient,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        timeout_secs: float = 15.0,
        resolve: Resolve = resolve,
    ) -> None:
        """`catalogue_url` may hold `{tld}`, which becomes the region's: com, co.uk, …"""
        self._url = url.rstrip("/")
        self._catalogue = catalogue_url.replace("{tld}", TLDS[region]).rstrip("/")
        self._region = region
        self._http = http
        self._clock = clock
        self._timeout_secs = timeout_secs
        self._resolve = resolve
        self._service = JsonService(http, clock=clock, monotonic=monotonic, timeout_secs=timeout_secs)
        self._trusted = {origin for base in (self._url, self._catalogue) if (origin := origin_of(base))}

    async def find(self, wish: BookWish) -> Sequence[BookFacts]:
        """The edition of the wish's ASIN alone when it is known; else at most five editions that may be the wished one,
        the likeliest first. Raises `WaitError` when nobody can be asked."""
        asin = asin_of(wish.asin)
        if asin and (book := await self._book(asin)):
            return [book]
        listed = [book for book in await self._look_up(wish) if _likeness(wish, book) >= PLAUSIBLE]
        likeliest = sorted(listed, key=lambda book: -_likeness(wish, book))[:TOLD]
        fuller = await asyncio.gather(*(self._fuller(book) for book in likeliest))
        return sorted(fuller, key=lambda book: -_likeness(wish, book))

    async def chapters(self, asin: str, runtime_secs: float | None = None) -> Sequence[Chapter]:
        """Empty for an unknown ASIN. `runtime_secs`, the length of the copy at hand, tells whether it has the shop's
        spoken brand at both ends; without it the marks are those of the shop's file."""
        known = asin_of(asin)
        if known is None:
            return ()
        told = await self._service.ask(f"{self._url}/books/{known}/chapters", {"region": self._region})
        return read_chapters(told, runtime_secs)

    async def cover(self, facts: BookFacts) -> bytes | None:
        """The whole picture, else the size that was named."""
        for url in largest(facts.cover_url) if facts.cover_url else ():
            picture = await fetch_picture(
                self._http, url, trusted=self._trusted, clock=self._clock, timeout_secs=self._timeout_secs,
                resolve=self._resolve,
            )  # fmt: skip
            if picture is not None:
                return picture
        return None

    async def close(self) -> None:
        await self._http.aclose()

    async def _book(self, asin: str) -> BookFacts | None:
        told = await self._service.ask(f"{self._url}/books/{asin}", {"region": self._region})
        return read_book(told, asin)

    async def _fuller(self, listed: BookFacts) -> BookFacts:
        """What Audnexus tells of the edition; where it knows nothing or is away, the catalogue's own words stand."""
        try:
            book = await self._book(listed.asin or "")
            return _filled(book, listed) if book else listed
        except WaitError as error:
            log.info("facts_from_catalogue", asin=listed.asin, why=error.reason.code)
            return listed

    async def _look_up(self, wish: BookWish) -> tuple[BookFacts, ...]:
        """Editions in the catalogue: by title and author, then by the title's head, then without the author, whose name
        the shop may write in another way. Stops at the first that finds any."""
        author = " ".join(wish.authors[:1])[:200]
        whole, head = (
            " ".join(t.split())[:200] for t in (wish.title, re.split(r"[:(\[]| - ", wish.title, maxsplit=1)[0])
        )
        for title, by in dict.fromkeys([(whole, author), (head, author), (head, "")]):
            if any(c.isalnum() for c in title) and (books := await self._listed(title, by)):
                return books
        return ()

    async def _listed(self, title: str, author: str) -> tuple[BookFacts, ...]:
        asked = {
            "title": title,
            **({"author": author} if author else {}),
            "num_results": str(LOOKED_UP),
            "products_sort_by": "Relevance",
            "response_groups": RESPONSE_GROUPS,
            "image_sizes": "500,1024",
        }
        told = await self._service.ask(f"{self._catalogue}/1.0/catalog/products", asked)
        books = read_products(told) if told is not None else ()
        if books is None:
            raise answer_not_understood(httpx2.URL(self._catalogue).host, "something that is no list of products")
        return books


def _filled(book: BookFacts, other: BookFacts) -> BookFacts:
    """`book` with what it leaves out taken from `other`."""
    empty = {f.name: getattr(other, f.name) for f in fields(BookFacts) if getattr(book, f.name) in (None, ())}
    return replace(book, **empty)


def _likeness(wish: BookWish, book: BookFacts) -> float:
    """0..1: by title first, then author; narrator, series, language and length tell editions apart."""
    title = title_similarity(wish.title, book.title, structured=True)
    if wish.authors and book.authors and people_similarity(wish.authors, book.authors) < PLAUSIBLE:
        return title * 0.5
    signs = [1.0]
    if wish.narrators and book.narrators:
        signs.append(people_similarity(wish.narrators, book.narrators))
    if wish.series and book.series:
        signs.append(similarity(wish.series, book.series))
    if wish.language and book.language:
        signs.append(float(wish.language == book.language))
    if wish.abridged is not None and book.abridged is not None:
        signs.append(float(wish.abridged == book.abridged))
    if wish.runtime_secs and book.runtime_secs:
        shorter, longer = sorted((wish.runtime_secs, book.runtime_secs))
        signs.append(shorter / longer)
    return title * (0.8 + 0.2 * sum(signs) / len(signs))
