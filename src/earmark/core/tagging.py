"""Which facts go into the finished book: the wish, the release and the source files' own tags, in an order of trust."""

from __future__ import annotations

import re
from collections.abc import Mapping

from earmark.core.binding import BookTags
from earmark.core.release import Release
from earmark.core.text import plain_text
from earmark.core.wish import BookWish


def book_tags(
    wish: BookWish, release: Release | None, source_tags: Mapping[str, str], overrides: Mapping[str, str]
) -> BookTags:
    """A tracker that states authors knows the work: its title and people win over the wish's wording. Series and year
    are the wish's when it names them. `overrides` (metadata_to_embed) win over everything."""
    known = release is not None and bool(release.authors)
    title = release.title if release and known else wish.title
    series = release.series[0] if release and release.series else None
    return BookTags(
        title=overrides.get("title") or title,
        authors=_people(overrides.get("author")) or (release.authors if release else ()) or wish.authors,
        narrators=_people(overrides.get("narrator")) or (release.narrators if release else ()) or wish.narrators,
        subtitle=overrides.get("subtitle"),
        series=overrides.get("series") or wish.series or (series.name if series else None),
        series_index=overrides.get("series_index") or wish.series_index or (series.index if series else "") or None,
        year=_year(overrides.get("year"))
        or wish.year
        or (release.year if release else None)
        or _source_year(source_tags),
        publisher=overrides.get("publisher") or source_tags.get("publisher"),
        description=overrides.get("description") or plain_text(release.description or "" if release else "") or None,
        language=overrides.get("language") or wish.language or (release.language if release else None),
        genres=_people(overrides.get("genre")) or _genres(release),
        asin=overrides.get("asin") or wish.asin or (release.asin if release else None),
        isbn=overrides.get("isbn") or wish.isbn or (release.isbn if release else None),
    )


def _people(text: str | None) -> tuple[str, ...]:
    return tuple(p.strip() for p in re.split(r"[;,]", text) if p.strip()) if text else ()


def _genres(release: Release | None) -> tuple[str, ...]:
    """“Audiobooks - Science Fiction” → “Science Fiction”."""
    if release is None or not release.category:
        return ()
    return (re.sub(r"^(Audiobooks|Ebooks|Radio)\s*-\s*", "", release.category).strip(),)


def _year(text: str | None) -> int | None:
    found = re.search(r"\b(\d{4})\b", text or "")
    return int(found.group(1)) if found else None


def _source_year(tags: Mapping[str, str]) -> int | None:
    return _year(tags.get("date") or tags.get("year"))
