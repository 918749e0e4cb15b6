"""The form of one indexer: what it is as text, what was typed as a draft, and a word at each field that cannot stay as it
is. Judges only what a text box cannot hold; whether address and key are right, the desk says. A secret goes in and never
comes out again."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeAlias

from earmark.core.indexing import IndexerFacts, IndexerRecord, IndexerSort
from earmark.core.reasons import EarmarkError
from earmark.pipeline.indexing import IndexerDraft

Sort: TypeAlias = Literal["text", "address", "secret", "whole", "number", "numbers", "switch", "choice"]

MAM, TORZNAB, PROWLARR = IndexerSort.MAM, IndexerSort.TORZNAB, IndexerSort.PROWLARR
LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Field:
    """How one fact is asked for. `low` and `high` bound a number; `sorts` are the indexers that have it, none: all."""

    name: str
    label: str
    sort: Sort = "text"
    hint: str = ""
    unit: str = ""
    low: float = 0
    high: float = 0
    needed: bool = False
    placeholder: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    sorts: tuple[IndexerSort, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    key: str
    title: str
    text: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class SortInfo:
    """One of the kinds of indexers, as a person chooses among them."""

    sort: IndexerSort
    title: str
    text: str
    icon: str


SORTS: tuple[SortInfo, ...] = (
    SortInfo(MAM, "MyAnonamouse", "The tracker itself, with a session (mam_id) of your account.", "book"),
    SortInfo(
        TORZNAB,
        "Torznab or Jackett feed",
        "One indexer of Jackett, or any other address that speaks Torznab.",
        "layers",
    ),
    SortInfo(PROWLARR, "Prowlarr", "A Prowlarr you have, with all its indexers or some of them.", "search"),
)
BY_SORT: Mapping[IndexerSort, SortInfo] = {one.sort: one for one in SORTS}

KEEPS = "Leave it empty to keep the one in use. It is stored encrypted and never shown again."

GROUPS: tuple[Group, ...] = (
    Group(
        "connection",
        "Connection",
        "",
        (
            Field("url", "Site", "address", sorts=(MAM,)),
            Field(
                "secret",
                "Session (mam_id)",
                "secret",
                "Made on the site under Preferences → Security, for the address Earmark calls from. Paste the whole value.",
                sorts=(MAM,),
                needed=True,
            ),
            Field(
                "url",
                "Address of the feed",
                "address",
                "In Jackett: “Copy Torznab Feed” beside the indexer. Elsewhere: its Torznab address. Without the key.",
                sorts=(TORZNAB,),
                needed=True,
                placeholder="http://localhost:9117/api/v2.0/indexers/NAME/results/torznab/",
            ),
            Field(
                "secret",
                "API key",
                "secret",
                "In Jackett it stands at the top of the page. Empty for a feed that wants none.",
                sorts=(TORZNAB,),
            ),
            Field(
                "url",
                "Address of Prowlarr",
                "address",
                "As in your browser, with its URL base if it has one.",
                sorts=(PROWLARR,),
                needed=True,
                placeholder="http://localhost:9696",
            ),
            Field(
                "secret",
                "API key",
                "secret",
                "In Prowlarr: Settings → General → Security.",
                sorts=(PROWLARR,),
                needed=True,
            ),
            Field(
                "upstream_ids",
                "Only these of its indexers",
                "numbers",
                "Their numbers in that Prowlarr, with commas. Empty: all that are switched on there.",
                sorts=(PROWLARR,),
                placeholder="1, 4",
            ),
        ),
    ),
    Group(
        "use",
        "Use",
        "",
        (
            Field("name", "Name", "text", "For you and for other programs.", needed=True),
            Field(
                "priority",
                "Priority",
                "whole",
                "1 to 50. Where two indexers offer the same release, the lower number wins.",
                low=1,
                high=50,
            ),
            Field(
                "categories",
                "Only these categories",
                "numbers",
                "Numbers with commas: 3030 audiobooks, 3000 all audio, 7020 e-books, 7000 all books. Empty: everything it has.",
                placeholder="3030, 7020",
            ),
            Field(
                "enabled",
                "Search it",
                "switch",
                "Switched off it keeps its number and its settings, but nobody asks it.",
            ),
            Field(
                "prefer_magnet",
                "Prefer magnet links",
                "switch",
                "Give other programs the magnet link where a release has both.",
                sorts=(TORZNAB, PROWLARR),
            ),
        ),
    ),
    Group(
        "limits",
        "Limits",
        "Beyond them tickets wait, and other programs are told when to come back. Empty: no limit of ours.",
        (
            Field(
                "query_limit", "Searches", "whole", "At most so many.", low=1, high=1_000_000, placeholder="no limit"
            ),
            Field(
                "grab_limit",
                "Grabs",
                "whole",
                "At most so many torrents fetched.",
                low=1,
                high=1_000_000,
                placeholder="no limit",
            ),
            Field("limits_unit", "Counted in", "choice", choices=(("day", "one day"), ("hour", "one hour"))),
            Field(
                "requests_per_second",
                "Requests a second",
                "number",
                "They are spaced out, never sent in a burst.",
                low=0.01,
                high=50,
            ),
            Field(
                "timeout_secs", "Patience", "number", "How long to wait for an answer.", unit="seconds", low=1, high=300
            ),
        ),
    ),
    Group(
        "told",
        "Told to other programs",
        "Sonarr and its kin read these with every release. Earmark’s own downloads keep the tracker’s rules whatever stands here.",
        (
            Field("minimum_seeders", "Seeders at least", "whole", high=100_000, placeholder="not told"),
            Field("seed_ratio", "Seed to ratio", "number", high=1000, placeholder="not told"),
            Field("seed_time_mins", "Seed for", "whole", unit="minutes", high=10_000_000, placeholder="not told"),
            Field(
                "pack_seed_time_mins",
                "Seed a pack for",
                "whole",
                unit="minutes",
                high=10_000_000,
                placeholder="not told",
            ),
        ),
    ),
)
FACTS = frozenset(f.name for f in fields(IndexerFacts))
KEPT_BY_DEFAULT = {"priority": "25", "timeout_secs": "30", "requests_per_second": "2", "limits_unit": "day"}
"""What an empty field of these means."""


@dataclass(frozen=True, slots=True)
class IndexerForm:
    """The fields as text, what is wrong with them, and what is wrong with none in particular. The secret is in none."""

    sort: IndexerSort
    values: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)
    general: tuple[str, ...] = ()

    def value(self, name: str) -> str:
        return self.values.get(name, "")

    def error(self, name: str) -> str:
        return self.errors.get(name, "")


def groups_of(sort: IndexerSort, without: Collection[str] = ()) -> list[Group]:
    """The fields an indexer of this kind has, save those named."""
    return [
        replace(g, fields=tuple(f for f in g.fields if (not f.sorts or sort in f.sorts) and f.name not in without))
        for g in GROUPS
    ]


def settled_elsewhere(sort: IndexerSort) -> Collection[str]:
    """What a new one of this kind is not asked for: the tracker's address and pace stand in the settings."""
    return ("url", "timeout_secs", "requests_per_second") if sort is MAM else ()


def blank(sort: IndexerSort, taken: Collection[str] = ()) -> IndexerForm:
    """A new one. `taken` are the names there are."""
    name = "" if sort is TORZNAB else BY_SORT[sort].title
    pace = "1" if sort is MAM else "2"
    values = {**KEPT_BY_DEFAULT, "requests_per_second": pace, "enabled": "on", "name": "" if name in taken else name}
    return IndexerForm(sort, values)


def of_record(record: IndexerRecord) -> IndexerForm:
    facts = {f.name: _shown(getattr(record.facts, f.name)) for f in fields(IndexerFacts)}
    own = {"name": record.name, "priority": str(record.priority), "enabled": _shown(record.enabled)}
    return IndexerForm(record.sort, facts | own)


def draft_of(record: IndexerRecord) -> IndexerDraft:
    """What would leave the indexer as it is."""
    return IndexerDraft(
        sort=record.sort,
        name=record.name,
        enabled=record.enabled,
        priority=record.priority,
        facts=record.facts,
        tags=record.tags,
    )


def read(
    posted: Mapping[str, object], sort: IndexerSort, known: IndexerRecord | None, fixed: Collection[str] = ()
) -> tuple[IndexerForm, IndexerDraft | None]:
    """What was typed, and the draft it makes when every field holds. Of fixed fields the value in force stays."""
    before = of_record(known) if known is not None else None
    asked = [f for group in groups_of(sort) for f in group.fields]
    values: dict[str, str] = dict(before.values) if before else {}
    errors: dict[str, str] = {}
    for one in asked:
        if one.name in fixed:
            continue
        text = _line(posted.get(one.name))
        if one.sort != "secret":
            values[one.name] = text
        fault = _fault(one, text, new=known is None)
        if fault:
            errors[one.name] = fault
    form = IndexerForm(sort, values, errors)
    if errors:
        return form, None
    base = draft_of(known) if known is not None else IndexerDraft(sort=sort, name="")
    secret = None if "secret" in fixed else _line(posted.get("secret")) or None
    typed: dict[str, Any] = {
        f.name: _value(f, values[f.name]) for f in asked if f.sort != "secret" and f.name not in fixed
    }
    facts = replace(base.facts, **{name: value for name, value in typed.items() if name in FACTS})
    own = {name: value for name, value in typed.items() if name not in FACTS}
    return form, replace(base, facts=facts, secret=secret, **own)


def refused(form: IndexerForm, error: EarmarkError) -> IndexerForm:
    """The form with the house's refusal at the field it names."""
    name = str(error.reason.evidence.get("field") or "")
    told = f"{error.reason.message} {error.reason.action}".strip()
    if name in {f.name for group in groups_of(form.sort) for f in group.fields}:
        return replace(form, errors={**form.errors, name: told})
    return replace(form, general=(*form.general, told))


def _fault(one: Field, text: str, *, new: bool) -> str:
    if len(text) > LONGEST:
        return f"That is longer than {LONGEST} characters. Shorten it."
    if one.needed and not text and (new or one.sort != "secret"):
        return f"{one.label} is missing." + (f" {one.hint}" if one.sort in ("address", "secret") else " Fill it in.")
    if not text:
        return ""
    if one.sort == "address":
        return _address_fault(text)
    if one.sort in ("whole", "number"):
        return _number_fault(one, text)
    if one.sort == "numbers" and not re.fullmatch(r"[0-9]{1,6}([\s,;]+[0-9]{1,6})*[\s,;]*", text):
        return "Write numbers with commas between them, like 3030, 7020."
    if one.sort == "choice" and text not in dict(one.choices):
        return "Choose one of the list."
    return ""


def _address_fault(text: str) -> str:
    if not re.match(r"https?://[^/\s]", text, re.IGNORECASE) or re.search(r"\s", text):
        return "Write the whole address; it begins with http:// or https:// and has no blanks."
    if re.search(r"[?&;](api_?key|passkey)=", text, re.IGNORECASE):
        return "Leave the key out of the address: take away what follows the ? and put the key in its own field."
    return ""


def _number_fault(one: Field, text: str) -> str:
    whole = one.sort == "whole"
    plain = re.fullmatch(r"[0-9]{1,9}", text) if whole else re.fullmatch(r"[0-9]{1,7}([.,][0-9]{1,4})?", text)
    if plain and one.low <= float(text.replace(",", ".")) <= one.high:
        return ""
    return f"Write a {'whole ' if whole else ''}number from {one.low:g} to {one.high:,.0f}.".replace(",", "\u202f")


def _value(one: Field, text: str) -> object:
    text = text or KEPT_BY_DEFAULT.get(one.name, "")
    if one.sort == "switch":
        return text == "on"
    if one.sort == "numbers":
        return tuple(dict.fromkeys(int(number) for number in re.findall(r"[0-9]+", text)))
    if one.sort in ("whole", "number"):
        number = text.replace(",", ".")
        return None if not text else int(number) if one.sort == "whole" else float(number)
    return text


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else ""
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(str(v) for v in value) if isinstance(value, tuple) else str(value)


def _line(value: object) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", value).strip() if isinstance(value, str) else ""
