"""A release as other programs are shown it: one title line, one set of marks, numbers that are always numbers.

The words follow Prowlarr's (what its clients parse): `Title by Author [ENG / M4B] [VIP]`, flags like `freeleech`. Knows
neither JSON nor XML.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from earmark.core.newznab import AUDIOBOOK, EBOOK, name_of
from earmark.core.release import Release
from earmark.core.wish import Kind

T = TypeVar("T", float, None)
AUTHORS_SHOWN = 5
THREE_LETTERS = {
    "en": "ENG", "zh": "CHI", "es": "SPA", "hi": "HIN", "ru": "RUS", "bg": "BUL", "ca": "CAT", "cs": "CZE", "da": "DAN",
    "nl": "DUT", "fi": "FIN", "uk": "UKR", "el": "GRE", "he": "HEB", "hu": "HUN", "ro": "RUM", "sr": "SRP", "ar": "ARA",
    "pt": "POR", "fr": "FRE", "de": "GER", "ja": "JPN", "fa": "PER", "sv": "SWE", "ko": "KOR", "tr": "TUR", "it": "ITA",
    "pl": "POL", "la": "LAT", "no": "NOR", "hr": "HRV", "lt": "LIT", "id": "IND", "sl": "SLV", "ga": "GLE", "et": "EST",
    "lv": "LAV", "is": "ICE", "sq": "ALB", "cy": "WEL", "vi": "VIE", "th": "THA", "ta": "TAM", "te": "TEL", "ur": "URD",
}  # fmt: skip
BY_KIND = {Kind.AUDIOBOOK: (AUDIOBOOK,), Kind.EBOOK: (EBOOK,), Kind.MUSIC: (3000,)}


@dataclass(frozen=True, slots=True)
class Shown:
    """What is told of a release. Counts that nobody told are 0 or None as Prowlarr's are; the text fields are still
    hostile text and are escaped by whoever writes them."""

    guid: str
    title: str
    size_bytes: int
    published_at: datetime
    categories: tuple[tuple[int, str | None], ...]
    flags: tuple[str, ...]
    download_factor: float
    upload_factor: float
    description: str  # never empty: some programs read formats from it only where there is one
    seeders: int | None
    leechers: int | None
    files: int | None
    grabs: int | None
    info_url: str | None
    info_hash: str | None
    author: str | None
    book_title: str | None
    language: str | None  # three letters, upper case
    filetype: str | None  # upper case, e.g. "M4B"
    min_ratio: float | None
    min_seed_secs: int | None


def shown(release: Release, *, structured: bool, vip_member: bool, now: datetime) -> Shown:
    """`structured`: the indexer tells title and authors apart (MyAnonamouse), so the line is put together here; else its
    title is the line. A release without a date is shown as of `now`: programs refuse lists with holes."""
    free = release.freeleech.for_account(vip_member=vip_member)
    down = _sane(release.download_factor, 0.0 if free else 1.0)
    up = _sane(release.upload_factor, 1.0)
    language = _three_letters(release.language)
    filetype = " ".join(kind.upper() for kind in release.filetypes) or None
    return Shown(
        guid=release.guid,
        title=(_line(release, language, filetype) if structured else release.title) or release.guid,
        size_bytes=release.size_bytes or 0,
        published_at=release.published_at or now,
        categories=tuple((n, name_of(n)) for n in release.categories or _by_kind(release.kind)),
        flags=_flags(release, down, up),
        download_factor=down,
        upload_factor=up,
        description=_description(release, language, filetype),
        seeders=release.seeders,
        leechers=release.leechers,
        files=release.file_count,
        grabs=release.grabs,
        info_url=release.guid if structured else release.info_url,
        info_hash=release.info_hash,
        author=", ".join(release.authors) or None,
        book_title=release.title if structured else None,
        language=language,
        filetype=filetype,
        min_ratio=_sane(release.min_ratio, None),
        min_seed_secs=release.min_seed_secs,
    )


def _sane(factor: float | None, otherwise: T) -> float | T:
    """Feeds write what they like; neither JSON nor a reader takes a factor that is no number."""
    return factor if factor is not None and math.isfinite(factor) and factor >= 0 else otherwise


def _line(release: Release, language: str | None, filetype: str | None) -> str:
    authors = ", ".join(release.authors[:AUTHORS_SHOWN])
    marks = " / ".join(mark for mark in (language, filetype) if mark)
    parts = (
        release.title,
        f"by {authors}" if authors else "",
        f"[{marks}]" if marks else "",
        "[VIP]" if release.freeleech.vip else "",
    )
    return " ".join(part for part in parts if part)


def _three_letters(language: str | None) -> str | None:
    if not language:
        return None
    return THREE_LETTERS.get(language) or (language.upper() if len(language) == 3 else None)


def _flags(release: Release, down: float, up: float) -> tuple[str, ...]:
    """The factors' marks first, as Prowlarr derives them, then the indexer's own; each once."""
    factors = (
        {0.0: "freeleech", 0.5: "halfleech"}.get(down),
        {0.0: "neutralleech", 2.0: "doubleupload"}.get(up),
    )
    return tuple(dict.fromkeys([flag for flag in factors if flag] + [flag.lower() for flag in release.flags if flag]))


def _description(release: Release, language: str | None, filetype: str | None) -> str:
    if release.description:
        return release.description
    facts = (
        release.tags,
        ", ".join(f"{one.name} {one.index}".strip() for one in release.series),
        f"Narrated by {', '.join(release.narrators)}" if release.narrators else "",
        language,
        filetype,
    )
    return ", ".join(fact for fact in facts if fact) or release.title or release.guid


def _by_kind(kind: Kind | None) -> tuple[int, ...]:
    return BY_KIND[kind] if kind is not None else (8000,)
