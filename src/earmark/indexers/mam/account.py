"""The account as the site tells it, in both shapes it has had (mam-api.md §3). What it does not tell stays None."""

from __future__ import annotations

from collections.abc import Mapping

from earmark.core.release import Account
from earmark.http import answer_not_understood
from earmark.indexers.mam import fields

ACCOUNT_PATH = "/jsonLoad.php?snatch_summary"


def read_account(payload: Mapping[str, object], site: str) -> Account:
    """Raises `AnswerNotUnderstood` for an object that names no user."""
    username = fields.text(payload.get("username"))
    if not username:
        raise answer_not_understood(site, "an account without a user name", keys=", ".join(sorted(payload)[:20]))
    unsatisfied = _summary(payload, "unsat")
    facts = unsatisfied if isinstance(unsatisfied, dict) else {}
    return Account(
        user_id=fields.count(payload.get("uid")),
        username=username,
        classname=fields.text(payload.get("classname")) or None,
        ratio=fields.real(payload.get("ratio")),
        uploaded_bytes=_bytes(payload, "uploaded"),
        downloaded_bytes=_bytes(payload, "downloaded"),
        bonus_points=fields.real(payload.get("seedbonus")),
        wedges=fields.count(payload.get("wedges")),
        vip_until=fields.utc_time(payload.get("vip_until")),
        unsatisfied=fields.count(facts.get("count")),
        unsatisfied_limit=fields.count(facts.get("limit")),
        connectable=fields.text(_summary(payload, "connectable")) or None,
    )


def _summary(payload: Mapping[str, object], key: str) -> object:
    """Nested under `snatch_summary` since 2026, at the top level before."""
    nested = payload.get("snatch_summary")
    value = nested.get(key) if isinstance(nested, dict) else None
    return payload.get(key) if value is None else value


def _bytes(payload: Mapping[str, object], key: str) -> int | None:
    """The exact number (which may come as a float), else the rounded one meant for reading."""
    exact = fields.real(payload.get(f"{key}_bytes"))
    if exact is not None and 0 <= exact <= fields.BIGGEST:
        return int(exact)
    return fields.size_bytes(payload.get(key))
