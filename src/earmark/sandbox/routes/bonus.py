"""`/json/bonusBuy.php`: the bonus store with its prices, limits and error texts (mam-api.md section 6)."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl

from starlette.responses import PlainTextResponse, Response

from earmark.core.reasons import JsonValue
from earmark.sandbox.account import GIB
from earmark.sandbox.gate import Call, json_answer
from earmark.sandbox.rows import human_size

POINTS_PER_GB = 500
MIN_UPLOAD_GB = 50
POINTS_PER_VIP_WEEK = 1250
VIP_CAP = timedelta(days=90)
WEEK = timedelta(weeks=1)
POINTS_PER_WEDGE = 50_000

TOO_LITTLE_UPLOAD = (
    "Automated spenders are limited to buying at least 50 GB of upload at a time, due to log spam"
)  # fmt: skip
TOO_LITTLE_VIP = "Min VIP is 1 week purchased for Automated methods"


async def bonus_buy(call: Call) -> Response:
    """Spend points or a wedge. Refusals come with status 200."""
    query = dict(parse_qsl(call.request.url.query, keep_blank_values=True))
    kind = query.get("spendtype", "")
    if kind == "VIP" and "duration" not in query:
        return PlainTextResponse("Not found", status_code=404)
    shops = {"upload": _upload, "VIP": _vip, "wedges": _wedge, "personalFL": _personal_freeleech}
    shop = shops.get(kind)
    return shop(call, query) if shop else refuse("Invalid spendtype specified")


def refuse(error: str) -> Response:
    """The store's no."""
    return json_answer({"success": False, "error": error})


def _upload(call: Call, query: dict[str, str]) -> Response:
    account = call.site.account
    asked = query.get("amount", "").strip()
    amount = (
        int(account.seedbonus // POINTS_PER_GB) if asked == "Max Affordable" else int(asked) if asked.isdigit() else 0
    )
    if amount < MIN_UPLOAD_GB:
        return refuse(TOO_LITTLE_UPLOAD)
    if amount * POINTS_PER_GB > account.seedbonus:
        return refuse("Not enough seedbonus")
    account.seedbonus -= amount * POINTS_PER_GB
    account.uploaded_bytes += amount * GIB
    return json_answer(
        {
            "success": True, "type": "upload", "amount": amount, "seedbonus": round(account.seedbonus + 0.091, 3),
            "uploaded": account.uploaded_bytes, "downloaded": account.downloaded_bytes,
            "uploadFancy": human_size(account.uploaded_bytes), "downloadFancy": human_size(account.downloaded_bytes),
            "ratio": account.ratio,
        }
    )  # fmt: skip


def _vip(call: Call, query: dict[str, str]) -> Response:
    account = call.site.account
    asked = query["duration"]
    if asked not in {"4", "8", "12", "max"}:
        return refuse("Invalid duration specified")
    if account.classname.casefold() not in {"power user", "vip"}:
        return refuse("Incorrect class")
    until = max(account.vip_until or call.now, call.now)
    room = (call.now + VIP_CAP - until) / WEEK
    weeks = room if asked == "max" else min(float(asked), room)
    if weeks < 1:
        return refuse(TOO_LITTLE_VIP)
    if asked == "max":
        weeks = min(weeks, account.seedbonus / POINTS_PER_VIP_WEEK)
    if weeks < 1 or weeks * POINTS_PER_VIP_WEEK > account.seedbonus:
        return refuse("Not enough seedbonus")
    account.seedbonus -= weeks * POINTS_PER_VIP_WEEK
    account.vip_until = until + weeks * WEEK
    account.classname = "VIP"
    return json_answer(
        {"success": True, "type": "VIP", "amount": round(weeks, 3), "seedbonus": round(account.seedbonus, 3)}
    )


def _wedge(call: Call, query: dict[str, str]) -> Response:
    account = call.site.account
    if query.get("source") != "points":
        return refuse("Not enough cheese")
    if account.seedbonus < POINTS_PER_WEDGE:
        return refuse("Not enough seedbonus")
    account.seedbonus -= POINTS_PER_WEDGE
    account.wedges = (account.wedges or 0) + 1
    return json_answer({"success": True, "type": "wedges", "amount": 1, "seedbonus": round(account.seedbonus, 3)})


def _personal_freeleech(call: Call, query: dict[str, str]) -> Response:
    site = call.site
    if not site.settings.api_session_buys_wedges:
        return refuse("Incorrect session type - not allowed this function")
    tid = query.get("torrentid", "")
    release = site.catalogue.by_id(int(tid)) if tid.isdigit() else None
    if release is None:
        return refuse("Invalid torrent specified")
    refusal = site.wedge_refusal(release)
    if refusal:
        return refuse(refusal)
    site.spend_wedge(release)
    left: JsonValue = site.account.wedges
    return json_answer(
        {"success": True, "type": "personalFL", "seedbonus": str(int(site.account.seedbonus)), "FLleft": left}
    )
