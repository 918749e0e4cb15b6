"""`/tor/js/loadSearchJSONbasic.php`: the search in all its encodings (mam-api.md section 2), and the category list."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

from starlette.responses import Response

from earmark.core.reasons import JsonValue
from earmark.sandbox import vocabulary
from earmark.sandbox.faults import FaultKind
from earmark.sandbox.gate import Call, json_answer
from earmark.sandbox.php_forms import nested
from earmark.sandbox.rows import row
from earmark.sandbox.search import read_query, search


async def search_torrents(call: Call) -> Response:
    """One page of rows, or the error object when nothing is left to show."""
    fields = await _fields(call)
    if fields is None:
        return Response(b"", media_type="text/html")  # the live site answers malformed JSON with nothing at all
    query = read_query(fields)
    ceiling = call.site.settings.search_ceiling
    page = search(call.site.listing(), query)
    matches = page.rows[: max(0, ceiling - query.start)] if ceiling else page.rows
    if not matches:
        return json_answer({"error": f"Nothing returned, out of {page.found}"})
    rows: list[JsonValue] = [
        row(listed, weight, query.asked, dl=call.site.download_hash(listed.release.id), base_url=call.base_url)
        for listed, weight in matches
    ]
    return json_answer(
        {
            "perpage": query.per_page,
            "start": query.start,
            "data": _spoilt(rows, call.fault),
            "total": query.start + len(rows),
            "found": page.found,
        }
    )


async def categories(call: Call) -> Response:
    """`/categories.php?json=1`: the list, ids as strings."""
    return json_answer(
        [
            {
                "main_id": main,
                "name": name,
                "categories": [{"id": str(n), "name": sub} for n, sub in vocabulary.SUBCATEGORIES[main].items()],
            }
            for main, name in vocabulary.MAIN_CATEGORIES.items()
        ]
    )


async def _fields(call: Call) -> dict[str, JsonValue] | None:
    """The request's fields from JSON, a form or the query; None for JSON that cannot be read."""
    request = call.request
    if request.method == "GET":
        return nested(parse_qsl(request.url.query, keep_blank_values=True))
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        form = await request.form()
        return nested((name, value) for name, value in form.multi_items() if isinstance(value, str))
    try:
        told = json.loads(call.body)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _spoilt(rows: list[JsonValue], fault: FaultKind | None) -> list[JsonValue]:
    """Rows as the live site sometimes has them: people with raw quotes in the nested JSON, or hardly a row at all."""
    if fault is FaultKind.MALFORMED_AUTHOR:
        return [{**spoilt, "author_info": '{"7": "Bob "Bobby" Tables"}'} for spoilt in rows if isinstance(spoilt, dict)]
    if fault is FaultKind.MALFORMED_ROW:
        return [{"id": None, "title": {"unexpected": []}, "size": "a lot", "added": "yesterday"}, *rows[1:]]
    return rows
