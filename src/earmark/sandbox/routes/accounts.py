"""Who am I, what do I owe, where do I call from: jsonLoad, checkCookie, the seedbox address and the snatch lists.

mam-api.md sections 1.1 to 1.3, 3 and 5.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from starlette.responses import Response

from earmark.core.reasons import JsonValue
from earmark.sandbox.account import SEED_TIME, Snatch, summary
from earmark.sandbox.gate import Call, SignIn, json_answer
from earmark.sandbox.mediainfo import clock_time
from earmark.sandbox.rows import AUTHOR_IDS, NARRATOR_IDS, SERIES_IDS, human_size, named_ids, site_time
from earmark.sandbox.site import SeedboxAddress
from earmark.sandbox.vocabulary import CONTENT_TAGS

PAGE_SIZE = 250
SEEDBOX_PAUSE = timedelta(hours=1)
NETWORK: dict[str, JsonValue] = {"ASN": 64496, "AS": "TEST-AS"}


async def json_load(call: Call) -> Response:
    """`jsonLoad.php`: the account, with the flags that are present in the query."""
    site, account = call.site, call.site.account
    flags = dict(parse_qsl(call.request.url.query, keep_blank_values=True))
    account.tick(call.now)
    answer: dict[str, JsonValue] = {
        "classname": account.classname,
        "country_code": None,
        "country_name": None,
        "downloaded": human_size(account.downloaded_bytes),
        "downloaded_bytes": account.downloaded_bytes,
        "ratio": account.ratio,
        "seedbonus": min(99_999, int(account.seedbonus)),
        "uid": account.uid,
        "uploaded": human_size(account.uploaded_bytes),
        "uploaded_bytes": account.uploaded_bytes,
        "username": account.username,
        "vip_until": site_time(account.vip_until) if account.vip_until else None,
    }
    if account.wedges is not None:
        answer["wedges"] = account.wedges
    if "snatch_summary" in flags:
        nested = site.settings.jsonload_shape == "nested"
        buckets = summary(account, call.now, fetched_counts=site.settings.fetched_counts, with_red=not nested)
        answer |= {"snatch_summary": buckets, "unsat": None} if nested else buckets
    if "notif" in flags:
        answer["notifs"] = {
            "pms": 1, "aboutToDropClient": 0, "tickets": 0, "waiting_tickets": 0, "requests": 0, "topics": 0,
        }  # fmt: skip
    if "clientStats" in flags:
        own = flags.get("id") == str(account.uid)
        answer["clientStats"] = {"clientStats": _clients(call)} if own else []
    text = json.dumps(answer, indent=4 if "pretty" in flags else None)
    return Response(text, media_type="application/json")


async def check_cookie(call: Call) -> Response:
    """`checkCookie.php`."""
    return json_answer({"Success": True, "msg": "Session type - API session"})


def bad_cookie(call: Call) -> Response:
    """What checkCookie and dynamicSeedbox say to a bad session."""
    missing = call.sign_in is SignIn.NO_COOKIE
    msg = "No Session Cookie" if missing else "Invalid session - Invalid Cookie"
    return json_answer({"Success": False, "msg": msg, "ip": call.client_ip, **NETWORK}, 403)


async def dynamic_seedbox(call: Call) -> Response:
    """`dynamicSeedbox.php`: register the caller's address, at most one change in a rolling hour."""
    site = call.site
    where: dict[str, JsonValue] = {"ip": call.client_ip, **NETWORK}
    if not site.settings.seedbox_permission:
        return json_answer(
            {"Success": False, "msg": "Incorrect session type - not allowed this function", **where}, 403
        )
    known = site.seedbox
    if known is not None and known.ip == call.client_ip:
        return json_answer({"Success": True, "msg": "No change", **where})
    if known is not None and call.now - known.changed_at < SEEDBOX_PAUSE:
        return json_answer({"Success": False, "msg": "Last change too recent", **where}, 429)
    site.seedbox = SeedboxAddress(call.client_ip, call.now)
    return json_answer({"Success": True, "msg": "Completed", **where})


async def json_ip(call: Call) -> Response:
    """`jsonIp.php`: the caller's address; needs no session."""
    return json_answer({"ip": call.client_ip, **NETWORK, "time": int(call.now.timestamp())})


async def user_torrents(call: Call) -> Response:
    """`loadUserDetailsTorrents.php`: one page of one list. The page after the last is empty."""
    account = call.site.account
    query = dict(parse_qsl(call.request.url.query, keep_blank_values=True))
    if query.get("uid") != str(account.uid):
        return json_answer({"success": False, "error": "You are not allowed to view this"})
    account.tick(call.now)
    page = int(query["iteration"]) if query.get("iteration", "").isdigit() else 0
    held = account.in_bucket(query.get("type", "unsat"), call.now)[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
    return json_answer({"rows": [_torrent_row(call, info_hash, snatch) for info_hash, snatch in held], "success": True})


def _torrent_row(call: Call, info_hash: str, snatch: Snatch) -> JsonValue:
    """A row of the lists: unlike a search row it has strings for numbers and real arrays for people."""
    release, account = snatch.release, call.site.account
    listed = call.site.listed(release)
    left = SEED_TIME - snatch.seeded
    ratio = snatch.uploaded / max(1, snatch.downloaded)
    owner_id, owner_name = release.owner or (0, "")
    return {
        "catname": release.category_name,
        "catimg": f"cat{release.category}",
        "category": str(release.category),
        "id": str(release.id),
        "title": release.title,
        "comments": str(release.comments),
        "last_seed": site_time(snatch.last_seen),
        "size": human_size(release.size),
        "tags": release.tags,
        "browseFlags": str(release.browse_flags),
        "free": "yes" if release.free else "no",
        "vip": "yes" if release.vip else "no",
        "vip_expire": str(release.vip_expire) if release.vip else None,
        "times_completed": str(release.times_completed),
        "uploaded": str(snatch.uploaded),
        "downloaded": str(snatch.downloaded),
        **_times(snatch),
        "seedtime": str(int(snatch.seeded.total_seconds())),
        "leechtime": str(int(snatch.leeched.total_seconds())),
        "OneToOne": "yes" if ratio >= 1 else "no",
        "finished": "yes" if snatch.completed_at else "no",
        "to_go": str(snatch.left),
        "seeders": str(listed.seeders),
        "leechers": str(listed.leechers),
        "uploaderName": owner_name,
        "uploaderID": str(owner_id),
        "personalFree": int(release.id in account.personal),
        "uploadPretty": human_size(snatch.uploaded),
        "downloadPretty": human_size(snatch.downloaded),
        "ratio": f"{ratio:.3f}",
        "ratioColor": "#a00000" if ratio < 1 else "#000000",
        "seedtimeColor": "green" if snatch.satisfied else "red",
        "seedtimePretty": _pretty(snatch.seeded),
        "leechtimePretty": _pretty(snatch.leeched),
        "cat": f'<div class="cat{release.category}">&nbsp;</div>',
        "dl": call.site.download_hash(release.id),
        "percentDone": round(100 * (release.size - snatch.left) / max(1, release.size)),
        "to_go_pretty": human_size(snatch.left),
        "STG": _pretty(left) if left > timedelta() else None,
        "author": _people(release.authors, AUTHOR_IDS),
        "series": _series(release.series),
        "narrator": _people(release.narrators, NARRATOR_IDS),
        "categories": [{"id": str(tag), "name": CONTENT_TAGS.get(tag, "")} for tag in release.content_tags],
        "fileTypes": [{"id": str(n), "name": name} for n, name in enumerate(release.filetypes, 1)],
        "fileTypesDisabled": [],
    }


def _times(snatch: Snatch) -> dict[str, JsonValue]:
    times: dict[str, JsonValue] = {}
    moments: dict[str, datetime | None] = {
        "complete": snatch.completed_at, "last_action": snatch.last_seen, "start": snatch.started_at,
    }  # fmt: skip
    for name, moment in moments.items():
        label = name if name == "last_action" else f"{name}_date"
        times[label] = site_time(moment) if moment else None
        times[f"{name}_unix"] = str(int(moment.timestamp())) if moment else None
    return times


def _people(names: Sequence[str], first: int) -> list[JsonValue]:
    return [{"id": number, "name": name} for name in names for number in named_ids([name], first)]


def _series(series: Sequence[tuple[str, str]]) -> list[JsonValue]:
    return [
        {"id": site_id, "name": name, "number": number}
        for name, number in series
        for site_id in named_ids([name], SERIES_IDS)
    ]


def _pretty(span: timedelta) -> str:
    """ "1d 12:10:28" or "23:46:38"."""
    rest = f"{clock_time(span.seconds)}"
    return f"{span.days}d {rest}" if span.days else rest


def _clients(call: Call) -> list[JsonValue]:
    stamp = int(call.now.timestamp())
    return [
        {
            "ip": ip, "port": port, "agent": agent, "connectable": "yes", "subResponse": "Connect", "startTime": stamp,
            "count": len(call.site.account.snatches), "lastcheck": stamp, "timeTaken": 0.01,
        }
        for (ip, port), agent in call.site.peers.items()
    ]  # fmt: skip
