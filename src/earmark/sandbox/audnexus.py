"""A stand-in Audnexus and Audible catalogue over the sandbox's own releases: every audiobook among them is an edition
with facts, chapters of the true lengths and its cover.

The shapes are those of the live services; the books, their ASINs and their publisher are ours.
"""

from __future__ import annotations

import asyncio
import math
import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from earmark.core.ordering import natural_key
from earmark.core.reasons import JsonValue
from earmark.sandbox.catalogue import CatalogueRelease
from earmark.sandbox.visits import Visits
from earmark.sandbox.vocabulary import AUDIO_SUFFIXES, AUDIOBOOKS, BROWSE_FLAGS, LANGUAGES

PUBLISHER = "Earmark Sandbox Audio"
Chapters = tuple[tuple[str, float], ...]


def asin_of_release(release: CatalogueRelease) -> str:
    """The uploader's ASIN when one is given, else one made from the release's id."""
    given = re.fullmatch(r"ASIN:\s*(B[0-9A-Z]{9})", release.isbn)
    return given[1] if given else f"B0SB{release.id:06d}"


class StandInAudnexus:
    """Both services on one address."""

    def __init__(self, releases: tuple[CatalogueRelease, ...]) -> None:
        audiobooks = (release for release in releases if release.main_category == AUDIOBOOKS)
        self.books = {asin_of_release(release): release for release in audiobooks}
        self.visits = Visits()
        self._chapters: dict[str, Chapters] = {}

    def app(self) -> Starlette:
        through = self.visits.through
        return Starlette(
            routes=[
                Route("/books/{asin}", through(self._book)),
                Route("/books/{asin}/chapters", through(self._chapter_list)),
                Route("/1.0/catalog/products", through(self._products)),
                Route("/images/I/{name}", through(self._image)),
                *self.visits.levers(),
            ]
        )

    async def _book(self, request: Request) -> Response:
        asin = request.path_params["asin"]
        release = self.books.get(asin)
        if release is None:
            return _not_found()
        series = [{"name": name, "position": index} for name, index in release.series]
        return JSONResponse(
            {
                "asin": asin,
                "authors": [{"name": name} for name in release.authors],
                "description": release.title,
                "formatType": "abridged" if _abridged(release) else "unabridged",
                "genres": [{"asin": "1000000000", "name": name, "type": "genre"} for name in _genres(release)],
                "image": self._cover_url(request, asin, ""),
                "isAdult": False,
                "isbn": release.isbn if release.isbn.isdecimal() else "",
                "language": _language(release),
                "narrators": [{"name": name} for name in release.narrators],
                "publisherName": PUBLISHER,
                "rating": "4.5",
                "region": request.query_params.get("region", "us"),
                "runtimeLengthMin": math.ceil(await self._seconds(asin) / 60),
                "summary": release.description or f"<p>{release.title}, read aloud.</p>",
                "title": release.title,
                **({"seriesPrimary": series[0]} if series else {}),
                **({"seriesSecondary": series[1]} if len(series) > 1 else {}),
            }
        )

    async def _chapter_list(self, request: Request) -> Response:
        asin = request.path_params["asin"]
        if asin not in self.books:
            return _not_found()
        start = 0
        rows: list[JsonValue] = []
        for title, secs in await self._measured(asin):
            length = round(secs * 1000)
            rows.append({"lengthMs": length, "startOffsetMs": start, "startOffsetSec": start // 1000, "title": title})
            start += length
        return JSONResponse(
            {
                "asin": asin,
                "brandIntroDurationMs": 0,
                "brandOutroDurationMs": 0,
                "chapters": rows,
                "isAccurate": True,
                "region": request.query_params.get("region", "us"),
                "runtimeLengthMs": start,
                "runtimeLengthSec": start // 1000,
            }
        )

    async def _products(self, request: Request) -> Response:
        """Every word of the title must stand in the title, every word of the author in an author's name."""
        title, author = (_words(request.query_params.get(key, "")) for key in ("title", "author"))
        limit = int(request.query_params.get("num_results", "10"))
        hits = [
            (asin, release)
            for asin, release in self.books.items()
            if title <= _words(release.title) and author <= _words(" ".join(release.authors))
        ]
        rows = [await self._product(request, asin, release) for asin, release in hits[:limit]]
        return JSONResponse({"products": rows, "total_results": len(hits), "response_groups": ["always-returned"]})

    async def _product(self, request: Request, asin: str, release: CatalogueRelease) -> dict[str, JsonValue]:
        image = self._cover_url(request, asin, "._SL500_")
        return {
            "asin": asin,
            "authors": [{"name": name} for name in release.authors],
            "content_delivery_type": "SinglePartBook",
            "content_type": "Product",
            "format_type": "abridged" if _abridged(release) else "unabridged",
            "language": _language(release),
            "narrators": [{"name": name} for name in release.narrators],
            "product_images": {"500": image} if image else {},
            "publisher_name": PUBLISHER,
            "publisher_summary": release.description or None,
            "runtime_length_min": math.ceil(await self._seconds(asin) / 60),
            "series": [{"title": name, "sequence": index} for name, index in release.series],
            "title": release.title,
        }

    async def _image(self, request: Request) -> Response:
        release = self.books.get(str(request.path_params["name"]).partition(".")[0])
        cover = release.cover if release else None
        return FileResponse(cover) if cover is not None else _not_found()

    def _cover_url(self, request: Request, asin: str, size: str) -> str | None:
        cover = self.books[asin].cover
        base = f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"
        return f"{base}/images/I/{asin}{size}{cover.suffix}" if cover else None

    async def _seconds(self, asin: str) -> float:
        return sum(secs for _, secs in await self._measured(asin))

    async def _measured(self, asin: str) -> Chapters:
        if asin not in self._chapters:
            self._chapters[asin] = await asyncio.to_thread(measure_chapters, self.books[asin])
        return self._chapters[asin]


def measure_chapters(release: CatalogueRelease) -> Chapters:
    """Titles and seconds: the marks inside a single file, else one chapter a file."""
    from mutagen import File, MutagenError

    found: list[tuple[str, float]] = []
    for name in sorted((file.path for file in release.files), key=natural_key):
        path = release.folder / name
        if path.suffix.lower().lstrip(".") not in AUDIO_SUFFIXES:
            continue
        try:
            media = File(path)
        except (MutagenError, OSError):
            continue
        if media is None or media.info is None:
            continue
        marks = [(str(mark.title), float(mark.start)) for mark in getattr(media, "chapters", None) or ()]
        ends = [start for _, start in marks[1:]] + [float(media.info.length)]
        found += [(title, end - start) for (title, start), end in zip(marks, ends, strict=False)] or [
            (_chapter_title(path, len(found) + 1), float(media.info.length))
        ]
    return tuple(found)


def _chapter_title(path: Path, number: int) -> str:
    """“03 - The Time Traveller Returns.mp3” → “The Time Traveller Returns”; a name that only counts tells nothing."""
    title = re.sub(r"^\d+\s*[-.]?\s*", "", path.stem).strip()
    return title if title and not re.search(r"\d+$", title) else f"Chapter {number}"


def _abridged(release: CatalogueRelease) -> bool:
    return bool(release.browse_flags & BROWSE_FLAGS["abridged"])


def _language(release: CatalogueRelease) -> str:
    return LANGUAGES.get(release.language, "english").lower().replace(" ", "_")


def _genres(release: CatalogueRelease) -> list[str]:
    _, _, genre = release.category_name.partition(" - ")
    return [genre] if genre else []


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def _not_found() -> Response:
    return JSONResponse({"statusCode": 404, "error": "Not Found", "message": "Item not available in region"}, 404)
