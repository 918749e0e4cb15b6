"""Which facts go into the finished book: what a person said, the wish, the release, a metadata provider and the source
files' own tags, in an order of trust that differs by field (domain reference 1.15). Pure; writing them is `media`'s."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from earmark.core.binding import BookTags
from earmark.core.facts import BookFacts
from earmark.core.release import Release, SeriesRef
from earmark.core.text import plain_text
from earmark.core.wish import BookWish
from earmark.core.wishing import told_title

LINE_LIMIT = 1_000  # characters; a longer title is an accident or an attack
DESCRIPTION_LIMIT = 50_000
GENRE_LIMIT = 20

T = TypeVar("T")

# The order of trust. A tracker that states authors knows the work (else its title is an uploader's line and counts
# for less than the wish); narrators are of the recording that was downloaded, so a provider, who may mean another
# edition, comes after the release; what was printed about a book is the provider's.
_ORDER: dict[str, tuple[str, ...]] = {
    "title": ("override", "provider", "known release", "wish", "file"),
    "authors": ("override", "provider", "release", "wish", "file"),
    "narrators": ("override", "release", "wish", "provider", "file"),
    "subtitle": ("override", "provider", "file"),
    "series": ("override", "wish", "provider", "release", "file"),
    "year": ("override", "wish", "provider", "release", "file"),
    "publisher": ("override", "provider", "file"),
    "description": ("override", "provider", "release", "file"),
    "language": ("override", "wish", "release", "provider", "file"),
    "asin": ("override", "wish", "release", "provider", "file"),
    "isbn": ("override", "wish", "release", "provider", "file"),
    "abridged": ("override", "release", "provider", "wish"),
}

# What uploaders and rippers put where a genre belongs.
_NO_GENRE = frozenset(
    {"audiobook", "audiobooks", "audio book", "audio books", "audio", "book", "books", "ebook", "ebooks", "speech"}
    | {"spoken", "spoken word", "other", "unknown", "misc", "abridged", "unabridged", "retail"}
    | {"mp3", "m4b", "m4a", "aac", "flac", "vbr", "cbr"}
)


@dataclass(frozen=True, slots=True)
class ToldTags:
    """Tags with the source of each field that has a value: override, wish, release, provider or file."""

    tags: BookTags
    sources: Mapping[str, str]


def book_tags(
    wish: BookWish,
    release: Release | None,
    source_tags: Mapping[str, str],
    overrides: Mapping[str, str],
    facts: BookFacts | None = None,
) -> BookTags:
    """The tags of the finished book. `source_tags` are those of the first source file (lower-case keys), `overrides`
    are the ticket's metadata_to_embed and win over everything, `facts` are a provider's for this very book."""
    return told_tags(wish, release, source_tags, overrides, facts).tags


def told_tags(
    wish: BookWish,
    release: Release | None,
    source_tags: Mapping[str, str],
    overrides: Mapping[str, str],
    facts: BookFacts | None = None,
) -> ToldTags:
    """`book_tags`, and who told each field."""
    told = {
        "override": _of_overrides(overrides),
        "wish": _of_wish(wish),
        "provider": presentable(_of_facts(facts)) if facts else BookTags(""),
        "release": _of_release(release) if release else BookTags(""),
        "file": _of_file(source_tags),
    }
    told["known release"] = told["release"] if release and release.authors else BookTags("")
    sources: dict[str, str] = {}

    def first(name: str, of: Callable[[BookTags], T | None]) -> T | None:
        for source in _ORDER[name]:
            value = of(told[source])
            if value not in (None, "", ()):
                sources[name] = source.removeprefix("known ")
                return value
        return None

    series, more = _series([told[source] for source in _ORDER["series"]], line(overrides.get("series_index")))
    first("series", lambda t: t.series)
    genres = told["override"].genres or _merged(told[s].genres for s in ("provider", "release", "file"))
    tags = BookTags(
        title=first("title", lambda t: t.title) or "",
        authors=first("authors", lambda t: t.authors) or (),
        narrators=first("narrators", lambda t: t.narrators) or (),
        subtitle=first("subtitle", lambda t: t.subtitle),
        series=series.name if series else None,
        series_index=(series.index or None) if series else None,
        year=first("year", lambda t: t.year),
        publisher=first("publisher", lambda t: t.publisher),
        description=first("description", lambda t: t.description),
        language=first("language", lambda t: t.language),
        genres=genres,
        asin=first("asin", lambda t: t.asin),
        isbn=first("isbn", lambda t: t.isbn),
        abridged=first("abridged", lambda t: t.abridged),
        more_series=more,
    )
    return ToldTags(presentable(tags), sources)


def presentable(tags: BookTags) -> BookTags:
    """The same tags as any container can hold them: one-line fields on one line, no control characters, no empty and
    no repeated names, sane lengths. `media.tags` writes exactly this and reads exactly this back."""
    series = line(tags.series)
    return replace(
        tags,
        title=line(tags.title) or "",
        authors=_names(tags.authors),
        narrators=_names(tags.narrators),
        subtitle=line(tags.subtitle),
        series=series,
        series_index=_index(tags.series_index) if series else None,
        year=tags.year if tags.year and 0 < tags.year <= 9999 else None,
        publisher=line(tags.publisher),
        description=prose(tags.description),
        language=line(tags.language),
        genres=_merged([[g.replace(";", ",") for g in tags.genres]], told=True),
        asin=line(tags.asin),
        isbn=line(tags.isbn),
        more_series=_more(tags.more_series, series),
    )


def line(text: str | None, limit: int = LINE_LIMIT) -> str | None:
    """One line of text without control characters and surrogates, single-spaced; None when nothing is left."""
    clean = "".join(c if unicodedata.category(c) not in {"Cc", "Cs", "Zl", "Zp"} else " " for c in text or "")
    return re.sub(r"\s+", " ", clean).strip()[:limit].strip() or None


def prose(text: str | None) -> str | None:
    """Text of several lines without other control characters and surrogates, at most DESCRIPTION_LIMIT characters."""
    lines = (text or "").replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    clean = "".join(c for c in lines if c == "\n" or unicodedata.category(c) not in {"Cc", "Cs"} or c == "\t")
    clean = clean.strip()
    if len(clean) > DESCRIPTION_LIMIT:
        clean = clean[: DESCRIPTION_LIMIT - 1].rstrip() + "…"
    return clean or None


def split_people(text: str | None) -> tuple[str, ...]:
    """“A; B” or “A, B” → (A, B)."""
    return tuple(p.strip() for p in re.split(r"[;,]", text) if p.strip()) if text else ()


def _of_overrides(told: Mapping[str, str]) -> BookTags:
    return presentable(
        BookTags(
            title=told.get("title", ""),
            authors=split_people(told.get("author")),
            narrators=split_people(told.get("narrator")),
            subtitle=told.get("subtitle"),
            series=told.get("series"),
            series_index=told.get("series_index"),
            year=_year(told.get("year")),
            publisher=told.get("publisher"),
            description=plain_text(told.get("description", "")),
            language=told.get("language"),
            genres=split_people(told.get("genre")),
            asin=told.get("asin"),
            isbn=told.get("isbn"),
            abridged=_truth(told.get("abridged")),
        )
    )


def _of_wish(wish: BookWish) -> BookTags:
    return presentable(
        BookTags(
            title=wish.title,
            authors=wish.authors,
            narrators=wish.narrators,
            series=wish.series,
            series_index=wish.series_index,
            year=wish.year,
            language=wish.language,
            asin=wish.asin,
            isbn=wish.isbn,
            abridged=wish.abridged,
        )
    )


def _of_facts(facts: BookFacts) -> BookTags:
    return presentable(
        BookTags(
            title=facts.title,
            authors=facts.authors,
            narrators=facts.narrators,
            subtitle=facts.subtitle,
            series=facts.series,
            series_index=facts.series_index,
            year=facts.year,
            publisher=facts.publisher,
            description=plain_text(facts.description or ""),
            language=facts.language,
            genres=_merged([facts.genres]),
            asin=facts.asin,
            isbn=facts.isbn,
            abridged=facts.abridged,
        )
    )


def _of_release(release: Release) -> BookTags:
    primary = release.series[0] if release.series else SeriesRef("")
    return presentable(
        BookTags(
            title=told_title(release) if release.authors else release.title,
            authors=release.authors,
            narrators=release.narrators,
            series=primary.name,
            series_index=primary.index,
            year=release.year,
            description=plain_text(release.description or ""),
            language=release.language,
            genres=_merged([_category(release.category), _uploader_tags(release.tags)]),
            asin=release.asin,
            isbn=release.isbn,
            abridged=release.abridged,
            more_series=release.series[1:],
        )
    )


def _of_file(tags: Mapping[str, str]) -> BookTags:
    """What the first source file says of itself. Its title is a chapter's; the book's name stands in `album`."""
    return presentable(
        BookTags(
            title=tags.get("album", ""),
            authors=split_people(tags.get("albumartist") or tags.get("artist")),
            narrators=split_people(tags.get("narrator") or tags.get("composer")),
            subtitle=tags.get("subtitle"),
            series=tags.get("series"),
            series_index=tags.get("series-part"),
            year=_year(tags.get("date") or tags.get("year")),
            publisher=tags.get("publisher"),
            description=plain_text(tags.get("description", "")),
            language=tags.get("language"),
            genres=_merged([re.split(r"\s*(?:[;,]| / )\s*", tags.get("genre", ""))]),
            asin=tags.get("asin"),
            isbn=tags.get("isbn"),
        )
    )


def _series(told: Iterable[BookTags], index: str | None) -> tuple[SeriesRef | None, tuple[SeriesRef, ...]]:
    """The primary series and the others. An index is only believed of the series it was told of."""
    known: dict[str, SeriesRef] = {}
    for tags in told:
        for ref in (SeriesRef(tags.series or "", tags.series_index or ""), *tags.more_series):
            key = _series_key(ref.name)
            if key and not (key in known and known[key].index):
                known[key] = SeriesRef(known[key].name if key in known else ref.name, ref.index)
    refs = list(known.values())
    if not refs:
        return None, ()
    return SeriesRef(refs[0].name, _index(index) or refs[0].index), tuple(refs[1:])


def _series_key(name: str) -> str:
    """“The Expanse Series” and “Expanse” are one."""
    bare = re.sub(r"^(the|a)\s+|\s+(series|saga|trilogy|cycle|chronicles)$", "", name.casefold().strip())
    return re.sub(r"\W+", "", bare) or re.sub(r"\W+", "", name.casefold())


def _more(refs: Iterable[SeriesRef], primary: str | None) -> tuple[SeriesRef, ...]:
    kept: dict[str, SeriesRef] = {}
    for ref in refs:
        name = re.sub(r"\s*[;#]\s*", " ", line(ref.name) or "").strip()
        if primary and name and name.casefold() != primary.casefold():
            kept.setdefault(name.casefold(), SeriesRef(name, _index(ref.index) or ""))
    return tuple(kept.values())


def _index(text: str | None) -> str | None:
    """“#2.5” → “2.5”; letters and ranges stay."""
    return (line(text, 100) or "").replace(";", ",").lstrip("# ") or None


def _names(names: Iterable[str]) -> tuple[str, ...]:
    """People fit to be joined by commas: “Martin Luther King, Jr.” loses its comma, two in one text become two."""
    text = ",".join(line(name) or "" for name in names).replace(";", ",")
    text = re.sub(r"(?:\s*,\s*)+(?=(?:Jr|Sr|I{2,3}|IV|Ph\.?D|M\.?D|Esq)\.?\s*(?:,|$))", " ", text)
    each = [line(name) for name in text.split(",")]
    kept: dict[str, str] = {}
    for one in filter(None, each):
        kept.setdefault(one.casefold(), one)
    return tuple(kept.values())


def _merged(lists: Iterable[Iterable[str]], *, told: bool = False) -> tuple[str, ...]:
    """Genres of several sources without repetition, first come first kept, and without words that say nothing. With
    `told` they were chosen already, and only repetition goes."""
    kept: dict[str, str] = {}
    for genre in (_genre(g) for genres in lists for g in genres):
        if genre and (told or genre.casefold() not in _NO_GENRE):
            kept.setdefault(re.sub(r"[\W_]+", "", genre.casefold()) or genre, genre)
    return tuple(kept.values())[:GENRE_LIMIT]


def _genre(text: str) -> str | None:
    """A genre in words. ID3 takes “17”, “(17)” and “RX” for entries of a list of its own and reads them as others;
    Audiobookshelf cuts a genre tag at its first kind of separator, a slash before a semicolon."""
    text = " & ".join(part.strip() for part in text.split("/") if part.strip())
    genre = re.sub(r"^[(\s]+(?:(?:\d+|RX|CR)\)[(\s]*)*", "", line(text, 100) or "")
    genre = genre if "(" in genre else genre.replace(")", "")
    return genre.strip() if re.search(r"[^\W\d_]", genre) and genre.strip() not in {"RX", "CR"} else None


def _category(category: str | None) -> tuple[str, ...]:
    """“Audiobooks - Science Fiction” → “Science Fiction”."""
    return (re.sub(r"^(Audiobooks|Ebooks|E-Books|Radio|Musicology)\s*-\s*", "", category or "", flags=re.I),)


def _uploader_tags(text: str) -> list[str]:
    """What reads like a genre in an uploader's one line: short words, no figures, no file facts, no addresses."""
    words = [word.strip(" .#") for word in re.split(r"[,;|]", plain_text(text))]
    return [
        word
        for word in words
        if 2 < len(word) <= 30
        and len(word.split()) <= 4
        and not re.search(r"\d|@|/|:|\b(?:kbps|kbit|mp3|m4b|read by|narrat\w+|by|chapteri[sz]ed)\b", word, re.I)
    ]


def _truth(text: str | None) -> bool | None:
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
        (text or "").strip().casefold()
    )


def _year(text: str | None) -> int | None:
    found = re.search(r"\b(\d{4})\b", text or "")
    return int(found.group(1)) if found else None
