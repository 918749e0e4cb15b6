"""Audnexus' and the Audible catalogue's JSON as clean facts. Every quirk of the two is handled here, once.

All text is other people's: markup goes, lengths and counts are bounded, a value of the wrong type counts as absent.
Shapes: the services' own published schemas (audnexus `src/config/types.ts`). Asks nobody.
"""

from __future__ import annotations

import math
import re

from earmark.core.binding import Chapter
from earmark.core.reasons import JsonValue
from earmark.core.text import plain_text
from earmark.ports import BookFacts

MAX_LINE = 500
MAX_TEXT = 20_000
MAX_ENTRIES = 50
MAX_CHAPTERS = 5_000
MAX_RUNTIME_SECS = 1_000 * 3600.0
MAX_BRAND_SECS = 120.0

LANGUAGES = {
    "english": "en", "german": "de", "deutsch": "de", "french": "fr", "francais": "fr", "spanish": "es",
    "castilian": "es", "italian": "it", "japanese": "ja", "portuguese": "pt", "brazilian_portuguese": "pt",
    "dutch": "nl", "danish": "da", "swedish": "sv", "norwegian": "no", "finnish": "fi", "russian": "ru",
    "polish": "pl", "czech": "cs", "hungarian": "hu", "greek": "el", "turkish": "tr", "arabic": "ar", "hebrew": "he",
    "hindi": "hi", "bengali": "bn", "tamil": "ta", "telugu": "te", "marathi": "mr", "gujarati": "gu", "malayalam": "ml",
    "kannada": "kn", "urdu": "ur", "mandarin_chinese": "zh", "chinese": "zh", "cantonese": "zh", "korean": "ko",
    "catalan": "ca", "latin": "la", "ukrainian": "uk", "romanian": "ro", "welsh": "cy", "icelandic": "is",
}  # fmt: skip

_ASIN = re.compile(r"B[0-9A-Z]{9}|[0-9]{9}[0-9X]")
_ROLE = re.compile(
    r" +- +(translator|translated by|introduction|introductions?|introductory|foreword|preface|afterword|editor|adapt(or|er|ation)"
    r"|contribut(or|ing).*|illustrator|director|producer|dramati[sz]ation|epilogue|essay|notes|compiler|übersetzer|traducteur)\b.*",
    re.IGNORECASE,
)
_AMAZON_SIZE = re.compile(r"(/images/[IG]/[^/]+?)\._[^/]*_\.(jpe?g|png)$", re.IGNORECASE)


def asin_of(text: str | None) -> str | None:
    """An ASIN in its one form, or None for what cannot be one (it goes into addresses)."""
    bare = (text or "").strip().upper()
    return bare if _ASIN.fullmatch(bare) else None


def read_book(told: JsonValue, asin: str) -> BookFacts | None:
    """Audnexus' `/books/{asin}`; None when it is no book with a title, or another book than asked for."""
    if not isinstance(told, dict):
        return None
    title, said = _line(told.get("title")), asin_of(_line(told.get("asin")))
    if not title or (said or asin) != asin:
        return None
    series, index = _series(told.get("seriesPrimary"), "name", "position")
    if series is None:
        series, index = _series(told.get("seriesSecondary"), "name", "position")
    return BookFacts(
        provider="audnexus",
        asin=asin,
        title=title,
        subtitle=_line(told.get("subtitle")),
        authors=_people(told.get("authors")),
        narrators=_people(told.get("narrators")),
        series=series,
        series_index=index,
        year=_year(told.get("releaseDate")),
        publisher=_line(told.get("publisherName")),
        # `summary` is the publisher's text in HTML, `description` its first lines cut short.
        description=_text(told.get("summary")) or _text(told.get("description")),
        language=_language(told.get("language")),
        genres=_genres(told.get("genres")),
        isbn=_isbn(told.get("isbn")),
        runtime_secs=_minutes(told.get("runtimeLengthMin")),
        abridged=_abridged(told.get("formatType")),
        cover_url=_url(told.get("image")),
    )


def read_products(told: JsonValue) -> tuple[BookFacts, ...] | None:
    """The Audible catalogue's search answer: audiobooks only, in its order; None when it is no such answer.

    Products not sold in the region come without a title, podcasts come among books: both are left out.
    """
    rows = told.get("products") if isinstance(told, dict) else None
    if not isinstance(rows, list):
        return None
    books = (_product(row) for row in rows[:MAX_ENTRIES] if isinstance(row, dict))
    return tuple(book for book in books if book is not None)


def read_chapters(told: JsonValue, runtime_secs: float | None = None) -> tuple[Chapter, ...]:
    """`/books/{asin}/chapters` in seconds. Empty where the service itself calls its marks inaccurate, or where they run
    backwards: wrong marks are worse than none.

    The shop's own file begins and ends with a few spoken seconds of brand that many copies lack. When the copy at hand
    (`runtime_secs`) is as long as the book without them, the marks are moved to fit it.
    """
    rows = told.get("chapters") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(rows, list) or not rows or len(rows) > MAX_CHAPTERS:
        return ()
    if told.get("isAccurate") is False:
        return ()
    marks: list[tuple[float, float, str]] = []
    for number, row in enumerate(rows, 1):
        mark = _mark(row, number)
        if mark is None or (marks and mark[0] < marks[-1][0]):
            return ()
        marks.append(mark)
    whole = max(marks[-1][1], _millis(told.get("runtimeLengthMs")) or 0.0)
    intro, outro = (_brand(told.get(key)) for key in ("brandIntroDurationMs", "brandOutroDurationMs"))
    bare = whole - intro - outro
    if runtime_secs is None or abs(runtime_secs - whole) <= abs(runtime_secs - bare):
        intro, bare = 0.0, whole
    starts = [max(0.0, start - intro) for start, _, _ in marks]
    ends = [*starts[1:], bare]
    spans = zip(marks, starts, ends, strict=True)
    return tuple(Chapter(title, start, end) for (_, _, title), start, end in spans if start < end)


def _mark(row: JsonValue, number: int) -> tuple[float, float, str] | None:
    """Start, end and title of one row."""
    if not isinstance(row, dict):
        return None
    start, length = _millis(row.get("startOffsetMs")), _millis(row.get("lengthMs"))
    if start is None or length is None:
        return None
    return start, start + length, _line(row.get("title")) or f"Chapter {number}"


def _brand(told: JsonValue) -> float:
    """Seconds of a spoken brand; what is longer than two minutes is none."""
    secs = _millis(told) or 0.0
    return secs if secs <= MAX_BRAND_SECS else 0.0


def largest(cover_url: str) -> tuple[str, ...]:
    """Addresses of a cover, the largest first: Amazon's pictures carry their size in the name, and without it are whole
    (`51x._SL500_.jpg` → `51x.jpg`)."""
    whole = _AMAZON_SIZE.sub(r"\1.\2", cover_url)
    return tuple(dict.fromkeys((whole, cover_url)))


def _product(told: dict[str, JsonValue]) -> BookFacts | None:
    asin, title = asin_of(_line(told.get("asin"))), _line(told.get("title"))
    kind = told.get("content_delivery_type")
    if asin is None or title is None or (isinstance(kind, str) and ("Podcast" in kind or kind == "Periodical")):
        return None
    listed = told.get("series")
    of = listed if isinstance(listed, list) else []
    # The series a book belongs to first is the one named as its publication.
    main = [s for s in of if isinstance(s, dict) and s.get("title") == told.get("publication_name")] or of
    series, index = _series(main[0] if main else None, "title", "sequence")
    images = told.get("product_images")
    sizes = sorted((k for k in images if k.isdecimal()), key=int) if isinstance(images, dict) else []
    return BookFacts(
        provider="audible",
        asin=asin,
        title=title,
        subtitle=_line(told.get("subtitle")),
        authors=_people(told.get("authors")),
        narrators=_people(told.get("narrators")),
        series=series,
        series_index=index,
        year=_year(told.get("release_date")) or _year(told.get("issue_date")),
        publisher=_line(told.get("publisher_name")),
        description=_text(told.get("publisher_summary")) or _text(told.get("merchandising_summary")),
        language=_language(told.get("language")),
        isbn=_isbn(told.get("isbn")),
        runtime_secs=_minutes(told.get("runtime_length_min")),
        abridged=_abridged(told.get("format_type")),
        cover_url=_url(images.get(sizes[-1])) if isinstance(images, dict) and sizes else None,
    )


def _people(told: JsonValue) -> tuple[str, ...]:
    """Names of [{name}]. Who only translated or introduced (“Jane Roe - translator”) is no author, unless nobody is."""
    rows = told[:MAX_ENTRIES] if isinstance(told, list) else []
    names = [name for row in rows if isinstance(row, dict) and (name := _line(row.get("name")))]
    makers = [name for name in names if not _ROLE.search(name)] or [_ROLE.sub("", name) for name in names]
    return tuple(dict.fromkeys(makers))


def _series(told: JsonValue, name_key: str, index_key: str) -> tuple[str | None, str | None]:
    if not isinstance(told, dict) or (name := _line(told.get(name_key))) is None:
        return None, None
    return name, _index(told.get(index_key))


def _index(told: JsonValue) -> str | None:
    """“Book 2.5, Dramatised” → “2.5”; ranges (“1-3”) and letters (“1a”) survive; 0 is a place, "" is none."""
    text = _line(told) if isinstance(told, str) else str(told) if type(told) in {int, float} else None
    found = re.search(r"\d+(?:\.\d+)?[a-z]?\b(?:\s*-\s*\d+(?:\.\d+)?)?", text or "", re.ASCII)
    return re.sub(r"\s", "", found[0])[:20] if found else None


def _year(told: JsonValue) -> int | None:
    """Of an ISO date. Not yet published books stand under 2200, which is nobody's year."""
    found = re.match(r"([0-9]{4})-", told) if isinstance(told, str) else None
    year = int(found[1]) if found else 0
    return year if 1800 <= year < 2100 else None


def _genres(told: JsonValue) -> tuple[str, ...]:
    """The root categories; the finer ones (type `tag`) only where there is no root."""
    rows = [row for row in told[:MAX_ENTRIES] if isinstance(row, dict)] if isinstance(told, list) else []
    for kind in ("genre", "tag"):
        names = (_line(row.get("name")) for row in rows if row.get("type") == kind)
        if genres := tuple(dict.fromkeys(name for name in names if name)):
            return genres
    return ()


def _language(told: JsonValue) -> str | None:
    return LANGUAGES.get(told.strip().casefold().replace("ç", "c").replace(" ", "_")) if isinstance(told, str) else None


def _abridged(told: JsonValue) -> bool | None:
    kind = told.strip().casefold() if isinstance(told, str) else ""
    return {"abridged": True, "unabridged": False}.get(kind)


def _isbn(told: JsonValue) -> str | None:
    bare = re.sub(r"[\s-]", "", told).upper() if isinstance(told, str) else ""
    return bare if re.fullmatch(r"[0-9]{13}|[0-9]{9}[0-9X]", bare) else None


def _minutes(told: JsonValue) -> float | None:
    """Seconds; 0 stands for unknown."""
    secs = _number(told) * 60
    return secs if 0 < secs <= MAX_RUNTIME_SECS else None


def _millis(told: JsonValue) -> float | None:
    if isinstance(told, bool) or not isinstance(told, int | float):
        return None
    secs = _number(told) / 1000
    return secs if 0 <= secs <= MAX_RUNTIME_SECS else None


def _number(told: JsonValue) -> float:
    """NaN-proof: whatever is no sane number is -1."""
    if isinstance(told, bool) or not isinstance(told, int | float) or abs(told) > 1e15 or not math.isfinite(told):
        return -1.0
    return float(told)


def _url(told: JsonValue) -> str | None:
    sound = isinstance(told, str) and len(told) <= 2_000 and re.match(r"https?://[^\s/]+/", told, re.IGNORECASE)
    return told.strip() if sound and isinstance(told, str) else None


def _line(told: JsonValue) -> str | None:
    return (" ".join(plain_text(told[: MAX_LINE * 4]).split())[:MAX_LINE] or None) if isinstance(told, str) else None


def _text(told: JsonValue) -> str | None:
    return (plain_text(told[: MAX_TEXT * 2])[:MAX_TEXT].strip() or None) if isinstance(told, str) else None
