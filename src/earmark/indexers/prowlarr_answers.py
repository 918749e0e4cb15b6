"""What a Prowlarr answers, as clean facts: search results, and its own indexers. Each element stands for itself: a bad
one is set aside with its reason and never costs the others. Takes anything, trusts nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from earmark.core.newznab import Capabilities, Category, kind_of
from earmark.core.reasons import JsonValue
from earmark.core.release import Freeleech, Release
from earmark.indexers.text import clean

BIGGEST = 2**63 - 1
MOST_RESULTS = 1000
DOWNLOAD_FACTORS = {"freeleech": 0.0, "halfleech": 0.5}
UPLOAD_FACTORS = {"neutralleech": 0.0, "doubleupload": 2.0}


@dataclass(frozen=True, slots=True)
class Results:
    """The releases with the number of the indexer each came from, and why others were skipped. `received` counts all
    elements, those of other protocols too."""

    releases: tuple[tuple[int, Release], ...]
    received: int
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Behind:
    """One indexer of the Prowlarr."""

    id: int
    name: str
    private: bool
    capabilities: Capabilities


class ElementNotUnderstood(Exception):
    """An element without what makes it a release."""


def read_results(
    elements: list[JsonValue], *, indexer: str, hide: Callable[[str], str], private: frozenset[int]
) -> Results:
    """`private` are the numbers of the indexers that are private trackers."""
    releases: list[tuple[int, Release]] = []
    skipped: list[str] = []
    for element in elements:
        try:
            if not isinstance(element, dict):
                raise ElementNotUnderstood("not an object")
            if element.get("protocol", "torrent") != "torrent":
                continue
            number = _count(element.get("indexerId")) or 0
            releases.append((number, _release(element, indexer, hide, number in private)))
        except ElementNotUnderstood as why:
            skipped.append(str(why))
    return Results(tuple(releases), len(elements), tuple(skipped))


def read_indexers(elements: list[JsonValue], ids: frozenset[int]) -> tuple[Behind, ...]:
    """Those for torrents that are switched on; of `ids` alone where any are given."""
    return tuple(
        Behind(
            id=number,
            name=_text(element.get("name")) or str(number),
            private=_text(element.get("privacy")) == "private",
            capabilities=_capabilities(element.get("capabilities")),
        )
        for element in elements
        if isinstance(element, dict) and element.get("enable") is True and element.get("protocol") == "torrent"
        if (number := _count(element.get("id"))) is not None and (not ids or number in ids)
    )


def _release(element: Mapping[str, JsonValue], indexer: str, hide: Callable[[str], str], private: bool) -> Release:
    title, guid = _text(element.get("title")), _raw(element.get("guid"))
    if not title:
        raise ElementNotUnderstood("no title")
    links = [_raw(element.get("downloadUrl")), _raw(element.get("magnetUrl")), guid]
    magnet = next((link for link in links if link[:8].lower() == "magnet:?"), None)
    link = next((link for link in links[:2] if _is_http(link)), "")  # a Prowlarr hides magnets behind links of its own
    if not guid or not (link or magnet):
        raise ElementNotUnderstood("no download link" if guid else "no guid")
    categories = _categories(element.get("categories"))
    flags = _flags(element.get("indexerFlags"))
    page, info_hash = _raw(element.get("infoUrl")), _raw(element.get("infoHash")).lower()
    down = next((DOWNLOAD_FACTORS[flag] for flag in flags if flag in DOWNLOAD_FACTORS), None)
    return Release(
        guid=hide(guid),
        indexer=indexer,
        title=title,
        size_bytes=_count(element.get("size")) or None,
        kind=kind_of(categories),
        file_count=_count(element.get("files")),
        categories=categories,
        flags=flags,
        download_factor=down,
        upload_factor=next((UPLOAD_FACTORS[flag] for flag in flags if flag in UPLOAD_FACTORS), None),
        seeders=_count(element.get("seeders")),
        leechers=_count(element.get("leechers")),
        grabs=_count(element.get("grabs")),
        published_at=_time(element.get("publishDate")),
        freeleech=Freeleech(everyone=down == 0),
        info_url=hide(page) if _is_http(page) else None,
        download_ref=hide(link),
        magnet=magnet,
        info_hash=info_hash if re.fullmatch(r"[0-9a-f]{40}", info_hash) else None,
        private=private,
    )


def _capabilities(told: JsonValue) -> Capabilities:
    if not isinstance(told, dict):
        return Capabilities()
    most = _limit(told.get("limitsMax"))
    search = _params(told.get("searchParams"))
    return Capabilities(
        categories=_tree(told.get("categories")),
        search_params=("q",) if told.get("searchParams") is None else search,
        book_params=_params(told.get("bookSearchParams")),
        music_params=_params(told.get("musicSearchParams")),
        limit_default=min(_limit(told.get("limitsDefault")), most),
        limit_max=most,
    )


def _tree(told: JsonValue, deep: bool = True) -> tuple[Category, ...]:
    """Categories with those under them; a tree has two storeys."""
    entries = [(_count(entry.get("id")), entry) for entry in _list(told) if isinstance(entry, dict)]
    return tuple(
        Category(
            number,
            _text(entry.get("name"))[:100] or str(number),
            _tree(entry.get("subCategories"), deep=False) if deep else (),
        )
        for number, entry in entries
        if number
    )


def _categories(told: JsonValue) -> tuple[int, ...]:
    """The numbers of a release's categories, each with those filed under it."""
    numbers = (n for top in _tree(told) for n in (top.id, *(sub.id for sub in top.subs)))
    return tuple(dict.fromkeys(numbers))


def _params(told: JsonValue) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.lower() for entry in _list(told) if isinstance(entry, str) and entry))


def _flags(told: JsonValue) -> tuple[str, ...]:
    return tuple(dict.fromkeys(flag for entry in _list(told) if (flag := _text(entry).lower())))


def _list(told: JsonValue) -> list[JsonValue]:
    return told if isinstance(told, list) else []


def _limit(value: JsonValue) -> int:
    return min(_count(value) or 100, MOST_RESULTS)


def _text(value: JsonValue) -> str:
    return clean(value) if isinstance(value, str) else ""


def _raw(value: JsonValue) -> str:
    """An address as written, fit to be stored."""
    return value.strip().encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""


def _is_http(link: str) -> bool:
    return link[:8].lower().startswith(("http://", "https://"))


def _count(value: JsonValue) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= BIGGEST else None


def _time(value: JsonValue) -> datetime | None:
    """`2020-01-02T03:04:05Z`; without a zone it is UTC. .NET's year 1 stands for no date."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        if at is None or at.year < 1970:
            return None
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
