"""The settings of an indexer as Prowlarr's list of fields, both ways. A secret goes in and comes out as stars; stars that come
back keep it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal, TypeAlias

from pydantic import JsonValue as Json

from earmark.core.indexing import IndexerFacts, IndexerSort

STARS = "********"
MAX_NUMBER = 10**9
MAX_TEXT = 2000
MAX_LIST = 500

MAM, TORZNAB, PROWLARR = IndexerSort.MAM, IndexerSort.TORZNAB, IndexerSort.PROWLARR
Kind: TypeAlias = Literal["textbox", "password", "number", "checkbox", "select", "tag"]
API = "/api"


class BadField(Exception):
    """A field's value that cannot be read: its name and what to send instead."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


@dataclass(frozen=True, slots=True)
class Spec:
    """One field on the wire and the fact of an indexer that it shows. Those without a fact are put together by hand."""

    name: str
    label: str
    kind: Kind
    help: str
    fact: str = ""
    unit: str = ""
    whole: bool = True
    privacy: Literal["normal", "apiKey"] = "normal"
    advanced: bool = True
    sorts: tuple[IndexerSort, ...] = (MAM, TORZNAB, PROWLARR)


SPECS = (
    Spec("baseUrl", "Base Url", "textbox", "Its address, without key.", advanced=False),
    Spec("apiPath", "API Path", "textbox", "The path to the API, usually /api.", sorts=(TORZNAB,)),
    Spec("apiKey", "API Key", "textbox", "The key it wants.", privacy="apiKey", advanced=False, sorts=(TORZNAB, PROWLARR)),
    Spec(
        "mamId", "Mam Id", "textbox", "The session id of Preferences → Security.", privacy="apiKey", advanced=False,
        sorts=(MAM,),
    ),
    Spec("indexerIds", "Indexer Ids", "tag", "Only these indexers of it; none: all.", "upstream_ids", sorts=(PROWLARR,)),
    Spec("categories", "Categories", "tag", "Only these are asked for; none: all it has.", "categories"),
    Spec("baseSettings.queryLimit", "Query Limit", "number", "Searches a day or hour; empty: no limit.", "query_limit"),
    Spec("baseSettings.grabLimit", "Grab Limit", "number", "Grabs a day or hour; empty: no limit.", "grab_limit"),
    Spec("baseSettings.limitsUnit", "Limits Unit", "select", "What the limits count in."),
    Spec(
        "torrentBaseSettings.appMinimumSeeders", "Apps Minimum Seeders", "number",
        "Seeders a torrent needs for other programs.", "minimum_seeders",
    ),
    Spec(
        "torrentBaseSettings.seedRatio", "Seed Ratio", "number", "Ratio a torrent is seeded to; empty: the client's.",
        "seed_ratio", whole=False,
    ),
    Spec(
        "torrentBaseSettings.seedTime", "Seed Time", "number", "Time a torrent is seeded; empty: the client's.",
        "seed_time_mins", unit="minutes",
    ),
    Spec(
        "torrentBaseSettings.packSeedTime", "Pack Seed Time", "number", "Time a pack is seeded; empty: the client's.",
        "pack_seed_time_mins", unit="minutes",
    ),
    Spec(
        "torrentBaseSettings.preferMagnetUrl", "Prefer Magnet URL", "checkbox", "Take magnet links where there are any.",
        "prefer_magnet",
    ),
    Spec("timeoutSecs", "Timeout", "number", "How long to wait for an answer.", "timeout_secs", "seconds", whole=False),
    Spec(
        "requestsPerSecond", "Requests per second", "number", "The pace it is asked at.", "requests_per_second",
        whole=False,
    ),
)  # fmt: skip

SECRETS = ("apiKey", "mamId")
UNITS: tuple[Literal["day", "hour"], ...] = ("day", "hour")
DEFAULTS = IndexerFacts()
_BY_HAND = {"url": "baseUrl", "limits_unit": "baseSettings.limitsUnit"}
_BY_FACT = {spec.fact: spec.name for spec in SPECS if spec.fact} | _BY_HAND
assert set(_BY_FACT) == {one.name for one in fields(IndexerFacts)}, "every fact has its field"


def told(sort: IndexerSort, facts: IndexerFacts, *, has_secret: bool) -> list[dict[str, Json]]:
    """The fields of an indexer, as they are now."""
    values = _values(sort, facts, has_secret)
    here = [spec for spec in SPECS if sort in spec.sorts]
    return [_field(order, spec, values.get(spec.name)) for order, spec in enumerate(here)]


def _values(sort: IndexerSort, facts: IndexerFacts, has_secret: bool) -> dict[str, Json]:
    values: dict[str, Json] = {}
    for spec in SPECS:
        if spec.fact:
            fact = getattr(facts, spec.fact)
            values[spec.name] = list(fact) if isinstance(fact, tuple) else fact
    split = sort is TORZNAB and facts.url.endswith(API)
    values["baseUrl"] = facts.url.removesuffix(API) if split else facts.url
    values["apiPath"] = API if split else ""
    values["baseSettings.limitsUnit"] = UNITS.index(facts.limits_unit)
    values |= dict.fromkeys(SECRETS, STARS if has_secret else "")
    return values


def _field(order: int, spec: Spec, value: Json) -> dict[str, Json]:
    field: dict[str, Json] = {
        "order": order,
        "name": spec.name,
        "label": spec.label,
        "helpText": spec.help,
        "type": spec.kind,
        "advanced": spec.advanced,
        "privacy": spec.privacy,
        "isFloat": spec.kind == "number" and not spec.whole,
    }
    if value is not None:
        field["value"] = value
    if spec.unit:
        field["unit"] = spec.unit
    if spec.kind == "select":
        field["selectOptions"] = [
            {"value": number, "name": unit.capitalize(), "order": number} for number, unit in enumerate(UNITS)
        ]
    return field


def read(sort: IndexerSort, given: Mapping[str, Json], known: IndexerFacts) -> tuple[IndexerFacts, str | None]:
    """The facts with what was given laid over them, and the secret (None: keep whatever there is; "": none). A field that
    is not given stays as it is, an empty one is reset. Raises `BadField`."""
    changed: dict[str, object] = {}
    for spec in SPECS:
        if spec.fact and spec.name in given and sort in spec.sorts:
            changed[spec.fact] = _fact(spec, given[spec.name])
    if "baseSettings.limitsUnit" in given:
        changed["limits_unit"] = _unit(given["baseSettings.limitsUnit"])
    if "baseUrl" in given and (sort is not MAM or given["baseUrl"]):
        changed["url"] = _address(_text("baseUrl", given["baseUrl"]), _text("apiPath", given.get("apiPath")), known.url)
    secret = _text("mamId" if sort is MAM else "apiKey", given.get("mamId" if sort is MAM else "apiKey"))
    keep = (
        not ({"mamId", "apiKey"} & given.keys())
        or (bool(secret) and not secret.strip("*"))
        or (sort is MAM and not secret)
    )
    return replace(known, **changed), None if keep else secret  # type: ignore[arg-type]


def wire_name(field: str, sort: IndexerSort) -> str:
    """The property a program is told of when this field of a draft or of its facts cannot stay as it is."""
    other = {"secret": "mamId" if sort is MAM else "apiKey", "sort": "implementation"}
    name = other.get(field) or _BY_FACT.get(field, field)
    return name[:1].upper() + name[1:]


def _address(base: str, path: str, known: str) -> str:
    base = base.strip()
    if not path.strip("/ "):
        return known if base.rstrip("/") == known.rstrip("/") else base
    return f"{base.rstrip('/')}/{path.strip().strip('/')}"


def _fact(spec: Spec, value: Json) -> object:
    if value is None or value == "":
        return getattr(DEFAULTS, spec.fact)
    if spec.kind == "checkbox":
        if isinstance(value, bool):
            return value
        raise BadField(spec.name, f"'{spec.label}' must be true or false.")
    return _numbers(spec, value) if spec.kind == "tag" else _number(spec, value)


def _number(spec: Spec, value: Json) -> int | float:
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or abs(number) > MAX_NUMBER or (spec.whole and number != int(number)):
        raise BadField(
            spec.name, f"'{spec.label}' must be a {'whole ' if spec.whole else ''}number. Send it without words."
        )
    return int(number) if spec.whole else number


def _numbers(spec: Spec, value: Json) -> tuple[int, ...]:
    parts = [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value
    if not isinstance(parts, list) or len(parts) > MAX_LIST:
        raise BadField(spec.name, f"'{spec.label}' must be a list of numbers such as [3030, 7020].")
    numbers = (_number(spec, part.strip() if isinstance(part, str) else part) for part in parts)
    return tuple(dict.fromkeys(int(number) for number in numbers))


def _unit(value: Json) -> Literal["day", "hour"]:
    for number, unit in enumerate(UNITS):
        if value in (None, "") or value == number or (isinstance(value, str) and value.lower() in (unit, str(number))):
            return unit
    raise BadField("baseSettings.limitsUnit", "'Limits Unit' must be 0 (day) or 1 (hour).")


def _text(name: str, value: Json) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise BadField(name, f"'{name}' must be text of at most {MAX_TEXT} characters.")
    return value
