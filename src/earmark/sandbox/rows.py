"""A release as the site's search row, with every quirk of the wire (mam-api.md section 2.1).

Digits become numbers, people and series are JSON inside a string, text carries entities, sizes are for human eyes and
yes/no is 1/0. The quirks are made here on purpose and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from html.entities import codepoint2name

from earmark.core.reasons import JsonValue
from earmark.sandbox import vocabulary
from earmark.sandbox.search import Listed

AUTHOR_IDS, NARRATOR_IDS, SERIES_IDS = 700_000, 800_000, 600_000


def row(listed: Listed, weight: int, asked: frozenset[str], *, dl: str, base_url: str) -> dict[str, JsonValue]:
    """One row. The opt-in fields appear only when asked for; `dl` is the account's download hash for this release."""
    release = listed.release
    answer: dict[str, JsonValue] = {
        "id": release.id,
        "language": release.language,
        "lang_code": vocabulary.language_code(release.language),
        "main_cat": release.main_category,
        "category": release.category,
        "mediatype": vocabulary.MEDIA_TYPES[release.main_category],
        "maincat": release.fiction,
        "categories": json.dumps(list(release.content_tags)) if release.content_tags else "",
        "catname": release.category_name,
        "size": human_size(release.size),
        "numfiles": len(release.files),
        "vip": int(release.vip),
        "vip_expire": release.vip_expire,
        "free": int(release.free),
        "personal_freeleech": int(listed.personal_freeleech),
        "fl_vip": int(release.fl_vip),
        "title": php_number(entities(release.title)),
        "w": weight,
        "tags": php_number(entities(release.tags)),
        "author_info": named(release.authors, AUTHOR_IDS),
        "narrator_info": named(release.narrators, NARRATOR_IDS),
        "series_info": _series(release.series),
        "filetype": " ".join(release.filetypes),
        "seeders": listed.seeders,
        "leechers": listed.leechers,
        "added": site_time(release.added),
        "browseflags": release.browse_flags,
        "times_completed": release.times_completed,
        "comments": release.comments,
        "bookmarked": None,
        "my_snatched": int(listed.snatched),
        "poster_type": "jpeg" if release.cover else None,
        "ownership": json.dumps(list(release.owner)) if release.owner else "",
        "cat": f'<div class="cat{release.category}">&nbsp;</div>',
    }
    return answer | _opt_ins(listed, asked, dl, base_url)


def _opt_ins(listed: Listed, asked: frozenset[str], dl: str, base_url: str) -> dict[str, JsonValue]:
    release = listed.release
    answer: dict[str, JsonValue] = {}
    if "description" in asked:
        answer["description"] = php_number(release.description)
    if "isbn" in asked:
        answer["isbn"] = php_number(release.isbn)
    if "mediaInfo" in asked:
        answer["mediainfo"] = json.dumps(release.mediainfo) if release.mediainfo else ""
    if "dlLink" in asked:
        answer["dl"] = dl
    if asked & {"thumbnail", "thumbnails"}:
        answer["thumbnail"] = f"{base_url}/tor/poster_mini.php/{release.id}/jpeg" if release.cover else None
    return answer


def php_number(text: str) -> JsonValue:
    """What PHP's numeric encoding makes of a text of digits alone: "813" becomes 813."""
    return int(text) if text.isascii() and text.isdigit() and (text == "0" or not text.startswith("0")) else text


def entities(text: str) -> str:
    """HTML entities for markup characters and for every accented letter that has a name, as the site's text carries."""
    marks = {"'": "&#039;", '"': "&quot;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}
    return "".join(
        marks.get(c) or (f"&{codepoint2name[ord(c)]};" if ord(c) > 127 and ord(c) in codepoint2name else c)
        for c in text
    )


def human_size(size: int) -> str:
    """Binary units, one decimal, a thousands comma: 1,016.2 KiB."""
    number = float(size)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if number < 1024 or unit == "TiB":
            return f"{size:,} B" if unit == "B" else f"{number:,.1f} {unit}"
        number /= 1024
    raise AssertionError("the last unit takes everything")


def site_time(moment: datetime) -> str:
    """UTC without saying so: "2025-02-03 09:14:55"."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def named_ids(names: Sequence[str], first: int) -> dict[str, str]:
    """Names by the site's number for them, the same for the same name everywhere."""
    return {str(_object_id(name, first)): entities(name) for name in names}


def named(names: Sequence[str], first: int) -> str:
    """People as JSON in a string, or an empty string."""
    return json.dumps(named_ids(names, first)) if names else ""


def _series(series: Sequence[tuple[str, str]]) -> str:
    if not series:
        return ""
    return json.dumps({str(_object_id(name, SERIES_IDS)): [entities(name), index] for name, index in series})


def _object_id(name: str, first: int) -> int:
    digest = hashlib.sha1(name.encode("utf-8", "surrogateescape"), usedforsecurity=False).digest()
    return first + int.from_bytes(digest[:4], "big") % 100_000
