"""Searching the catalogue the way the site does: a query in, matching releases out, weighed and sorted.

It knows no HTTP and no row format; mam-api.md section 2 is the specification of the fields.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from earmark.core.reasons import JsonValue
from earmark.sandbox.catalogue import CatalogueRelease
from earmark.sandbox.php_forms import switched_on, values_of

MIN_PER_PAGE, DEFAULT_PER_PAGE, MAX_PER_PAGE = 5, 25, 100
# What is searched when the request does not say; the live form ticks these, which is second-hand like everything here.
DEFAULT_FIELDS = ("title", "author", "narrator", "series")
FIELD_WEIGHTS = {
    "title": 10, "author": 6, "narrator": 4, "series": 4, "tags": 2, "filenames": 1, "fileTypes": 1, "description": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listed:
    """A release together with what depends on the world's present: its torrent, its swarm and this account."""

    release: CatalogueRelease
    info_hash: str
    seeders: int
    leechers: int
    snatched: bool = False
    personal_freeleech: bool = False


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A request's search fields, whatever encoding they came in."""

    tor: Mapping[str, JsonValue]
    per_page: int = DEFAULT_PER_PAGE
    start: int = 0
    asked: frozenset[str] = frozenset()  # the opt-in fields that are present, such as "dlLink"
    only_snatched: bool = False


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of matches with each match's text weight; `found` counts all of them."""

    rows: tuple[tuple[Listed, int], ...]
    found: int


OPT_INS = ("description", "dlLink", "isbn", "mediaInfo", "thumbnail", "thumbnails")


def read_query(fields: Mapping[str, JsonValue]) -> SearchQuery:
    """Read the top-level object of a request."""
    tor = fields.get("tor")
    tor = tor if isinstance(tor, dict) else {}
    per_page = _number(fields.get("perpage"), _number(tor.get("perpage"), DEFAULT_PER_PAGE))
    start = _number(tor.get("startNumber"), _number(fields.get("startNumber"), 0))
    return SearchQuery(
        tor=tor,
        per_page=max(MIN_PER_PAGE, min(MAX_PER_PAGE, per_page)),
        start=max(0, start),
        asked=frozenset(name for name in OPT_INS if name in fields),  # presence is enough
        only_snatched="my_snatched" in fields,
    )


def search(catalogue: Sequence[Listed], query: SearchQuery) -> SearchPage:
    """Every filter of the request together; `found` counts before paging."""
    text = str(query.tor.get("text") or "").strip()
    fields = [name for name in switched_on(query.tor.get("srchIn")) if name in FIELD_WEIGHTS] or list(DEFAULT_FIELDS)
    matches: list[tuple[Listed, int]] = []
    for listed in catalogue:
        if query.only_snatched and not listed.snatched:
            continue
        if not all(accepts(listed, query.tor) for accepts in FILTERS):
            continue
        weight = text_weight(text, listed.release, fields) if text else 1
        if weight:
            matches.append((listed, weight))
    ordered = _sorted(matches, str(query.tor.get("sortType") or "default"), has_text=bool(text))
    return SearchPage(tuple(ordered[query.start : query.start + query.per_page]), len(matches))


def text_weight(text: str, release: CatalogueRelease, fields: Sequence[str]) -> int:
    """0 for no match. Words are joined by "and", `|` means "or", `-` or `!` excludes, quotes keep words together."""
    folded = {name: f" {fold(part)} " for name, part in _searchable(release).items() if name in fields}
    total = 0
    for group in _groups(text):
        weight = 0
        for phrase, excluded in group:
            hit = sum(FIELD_WEIGHTS[name] for name, part in folded.items() if _found(phrase, part))
            if excluded and hit:
                return 0
            weight += 100 * hit if not excluded else 1
        if not weight:
            return 0
        total += weight
    return total


def fold(text: str) -> str:
    """Lower case without accents and punctuation, single spaces: the site's engine folds characters too."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", plain.casefold()))


def _searchable(release: CatalogueRelease) -> dict[str, str]:
    return {
        "title": release.title,
        "author": " , ".join(release.authors),
        "narrator": " , ".join(release.narrators),
        "series": " , ".join(f"{name} {index}" for name, index in release.series),
        "description": release.description,
        "filenames": " , ".join(file.path for file in release.files),
        "fileTypes": " ".join(release.filetypes),
        # No field of its own finds an ISBN: the site's engine keeps it with the other loose words.
        "tags": f"{release.tags} {release.isbn}",
    }


def _groups(text: str) -> list[list[tuple[str, bool]]]:
    """`a "b c"|d -e` as [[a], [b c, d], [not e]]; a group needs one of its phrases."""
    groups: list[list[tuple[str, bool]]] = []
    joined = False
    for match in re.finditer(r'([-!]?)"([^"]*)"|(\|)|([-!]?)([^\s|"]+)', text):
        sign, quoted, bar, sign2, word = match.groups()
        if bar:
            joined = True
            continue
        phrase = fold(quoted if word is None else word) + ("*" if (word or "").endswith("*") else "")
        if phrase in {"", "*"}:
            continue
        part = (phrase, bool(sign or sign2))
        if joined and groups:
            groups[-1].append(part)
        else:
            groups.append([part])
        joined = False
    return groups


def _found(phrase: str, part: str) -> bool:
    return f" {phrase[:-1]}" in part if phrase.endswith("*") else f" {phrase} " in part


def _numbers(value: JsonValue) -> set[int]:
    return {int(str(item)) for item in values_of(value) if str(item).strip().isdigit()}


def _number(value: JsonValue, default: int) -> int:
    text = str(value).strip() if value is not None else ""
    return int(text) if re.fullmatch(r"-?\d+", text) else default


def _in_category(listed: Listed, tor: Mapping[str, JsonValue]) -> bool:
    main = _numbers(tor.get("main_cat")) - {0}
    sub = _numbers(tor.get("cat")) - {0}  # 0 stands for all of them
    return (not main or listed.release.main_category in main) and (not sub or listed.release.category in sub)


def _in_language(listed: Listed, tor: Mapping[str, JsonValue]) -> bool:
    wanted = _numbers(tor.get("browse_lang")) - {0}
    return not wanted or listed.release.language in wanted


def _of_type(listed: Listed, tor: Mapping[str, JsonValue]) -> bool:
    release = listed.release
    kinds: dict[str, bool] = {
        "active": listed.seeders > 0,
        "inactive": listed.seeders == 0,
        "fl": release.free or listed.personal_freeleech,
        "VIP": release.vip,
        "fl-VIP": release.free or release.vip or release.fl_vip,
        "nVIP": not release.vip,
        "nMeta": not (release.authors or release.series),
        "nMeta2": not release.authors,
    }
    return kinds.get(str(tor.get("searchType") or "all"), True)


def _in_place(listed: Listed, tor: Mapping[str, JsonValue]) -> bool:
    place = str(tor.get("searchIn") or "torrents")
    owner = listed.release.owner
    if re.fullmatch(r"u\d+", place):
        return owner is not None and owner[0] == int(place[1:])
    return {"bookmarks": False, "mine": False, "allReseed": listed.seeders == 0, "myReseed": False}.get(place, True)


def _is_that_one(listed: Listed, tor: Mapping[str, JsonValue]) -> bool:
    wanted_id, wanted_hash = str(tor.get("id") or ""), str(tor.get("hash") or "").lower()
    return (not wanted_id or str(listed.release.id) == wanted_id) and (
        not wanted_hash or listed.info_hash == wanted_hash
    )


def _with_flags(listed: Listed, tor: Mapping[str, JsonValue]) -> bool:
    wanted = sum(_numbers(tor.get("browseFlags")))
    if not wanted:
        return True
    has = bool(listed.release.browse_flags & wanted)
    return has if str(tor.get("browseFlagsHideVsShow") or "0") == "1" else not has


def _in_dates(listed: Listed, tor: Mapping[str, JsonValue]) -> bool:
    start, end = _moment(tor.get("startDate")), _moment(tor.get("endDate"))
    added = listed.release.added
    return (start is None or added >= start) and (end is None or added < end)  # the end is exclusive


def _in_ranges(listed: Listed, tor: Mapping[str, JsonValue]) -> bool:
    unit = _number(tor.get("unit"), 1)
    checks = (
        (listed.release.size, "Size", unit),
        (listed.seeders, "Seeders", 1),
        (listed.leechers, "Leechers", 1),
        (listed.release.times_completed, "Snatched", 1),
    )
    for value, name, scale in checks:
        low, high = _number(tor.get(f"min{name}"), 0), _number(tor.get(f"max{name}"), 0)
        if (low and value < low * scale) or (high and value > high * scale):
            return False
    return True


FILTERS: tuple[Callable[[Listed, Mapping[str, JsonValue]], bool], ...] = (
    _in_category, _in_language, _of_type, _in_place, _is_that_one, _with_flags, _in_dates, _in_ranges,
)  # fmt: skip


def _moment(value: JsonValue) -> datetime | None:
    text = str(value or "").strip()
    try:
        return (
            datetime.fromtimestamp(int(text), UTC)
            if text.isdigit()
            else datetime.fromisoformat(text).replace(tzinfo=UTC)
        )
    except ValueError:
        return None


SORT_KEYS: dict[str, Callable[[Listed], str | int | float]] = {
    "title": lambda listed: fold(listed.release.title),
    "file": lambda listed: len(listed.release.files),
    "size": lambda listed: listed.release.size,
    "seeders": lambda listed: listed.seeders,
    "leechers": lambda listed: listed.leechers,
    "snatched": lambda listed: listed.release.times_completed,
    "date": lambda listed: listed.release.added.timestamp(),
    "category": lambda listed: listed.release.category_name,
}


def _sorted(matches: list[tuple[Listed, int]], sort: str, *, has_text: bool) -> list[tuple[Listed, int]]:
    """By the asked order; the default is weight and id with a text, else newest first."""
    if sort == "random":
        shuffled = list(matches)
        random.SystemRandom().shuffle(shuffled)
        return shuffled
    named = re.fullmatch(r"([a-z]+)(Asc|Desc)", sort)
    key = SORT_KEYS.get(named[1]) if named else None
    newest = sorted(matches, key=lambda match: match[0].release.id, reverse=True)
    if named and key:
        return sorted(newest, key=lambda match: key(match[0]), reverse=named[2] == "Desc")
    if has_text:
        return sorted(newest, key=lambda match: match[1], reverse=True)
    return sorted(newest, key=lambda match: match[0].release.added, reverse=True)
