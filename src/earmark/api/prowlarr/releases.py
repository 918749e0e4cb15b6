"""A release as Prowlarr's JSON has it: every field its programs insist on, never a null, dates always of one form. Plain dicts,
for a hundred of them are made for every search."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

import structlog
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from earmark.api.prowlarr.bodies import clean
from earmark.api.prowlarr.system import stamp
from earmark.core.indexing import IndexerRecord, IndexerSort
from earmark.core.listing import Shown, shown
from earmark.store import Offer

log = structlog.get_logger("earmark.api")

MAX_SIZE = 2**63 - 1
MAX_COUNT = 2**31 - 1

_NO_WORD = re.compile(r"[^\w\s]|_")
_COMMON = re.compile(r"\b(?:a|an|the|and|or|of)\b")


class CategoryResource(BaseModel):
    """A category with its children; an indexer's own have no name."""

    id: int
    name: str | None = None
    subCategories: list[CategoryResource] = []


class ReleaseResource(BaseModel):
    """A release on the wire. What nobody told is left out of answers; unknown keys of what is posted are passed over."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    guid: str | None = None
    age: int = Field(0, description="In days.")
    age_hours: float = Field(0.0, allow_inf_nan=False)
    age_minutes: float = Field(0.0, allow_inf_nan=False)
    size: int = Field(0, description="In bytes; 0: unknown.", ge=-MAX_SIZE, le=MAX_SIZE)
    files: int | None = None
    grabs: int | None = None
    indexer_id: int = 0
    indexer: str | None = None
    title: str | None = None
    sort_title: str | None = None
    imdb_id: int = 0
    tmdb_id: int = 0
    tvdb_id: int = 0
    tv_maze_id: int = 0
    publish_date: str | None = Field(None, examples=["2020-01-02T03:04:05Z"])
    comment_url: str | None = None
    download_url: str | None = None
    info_url: str | None = None
    poster_url: str | None = None
    indexer_flags: list[str] | None = Field(None, description="Such as freeleech.")
    categories: list[CategoryResource] | None = None
    magnet_url: str | None = None
    info_hash: str | None = None
    seeders: int | None = None
    leechers: int | None = None
    protocol: str | None = Field(None, examples=["torrent"])
    file_name: str | None = None
    download_client_id: int | None = None

    def echoed(self) -> dict[str, object]:
        """The resource as Prowlarr sends back what was posted: with the numbers' zeros, without what was not told."""
        told = self.model_dump(by_alias=True, exclude_none=True)
        return {"publishDate": "0001-01-01T00:00:00Z", "indexerFlags": [], "protocol": "unknown", **told}


def resources(
    offers: Iterable[Offer],
    records: Mapping[int, IndexerRecord],
    link: Callable[[Offer], str],
    *,
    vip_member: bool,
    now: datetime,
) -> list[dict[str, object]]:
    """Every offer that can be told, in their order. One that breaks is noted in the log and left out: some programs throw a
    whole list away for it."""
    told: list[dict[str, object]] = []
    for offer in offers:
        record = records.get(offer.indexer_id)
        if record is None:
            continue  # removed while it was asked
        try:
            facts = shown(offer.release, structured=record.sort is IndexerSort.MAM, vip_member=vip_member, now=now)
            told.append(resource(offer, facts, record.name, link(offer), now))
        except Exception as error:
            log.warning("release_not_told", indexer=record.key, offer=offer.key, error=type(error).__name__)
    return told


def resource(offer: Offer, facts: Shown, indexer: str, link: str, now: datetime) -> dict[str, object]:
    """One release. `link` is ours and leads to its torrent, or to its magnet where it has nothing else."""
    title = clean(facts.title)
    published = _aware(facts.published_at)
    minutes = max(0.0, (now - published).total_seconds() / 60)
    made: dict[str, object] = {
        "guid": facts.guid.encode("utf-8", "replace").decode(),  # otherwise as it is: it comes back to us
        "age": int(minutes // 1440),
        "ageHours": minutes / 60,
        "ageMinutes": minutes,
        "size": min(max(facts.size_bytes, 0), MAX_SIZE),
        "indexerId": offer.indexer_id,
        "indexer": clean(indexer),
        "title": title,
        "sortTitle": sort_title(title),
        "imdbId": 0,
        "tmdbId": 0,
        "tvdbId": 0,
        "tvMazeId": 0,
        "publishDate": stamp(published),
        "downloadUrl": link,
        "indexerFlags": [clean(flag) for flag in facts.flags],
        "categories": [
            {"id": number, "name": name, "subCategories": []} if name else {"id": number, "subCategories": []}
            for number, name in facts.categories
        ],
        "protocol": "torrent",
        "fileName": f"{title}.torrent",
    }
    for name, count in (
        ("files", facts.files),
        ("grabs", facts.grabs),
        ("seeders", facts.seeders),
        ("leechers", facts.leechers),
    ):
        if count is not None:
            made[name] = min(max(int(count), 0), MAX_COUNT)
    if facts.info_url and facts.info_url[:8].lower().startswith(("http://", "https://")):
        made["infoUrl"] = clean(facts.info_url)
    if facts.info_hash:
        made["infoHash"] = clean(facts.info_hash)
    if offer.release.magnet and not offer.release.download_ref:
        made["magnetUrl"] = link
    return made


def sort_title(title: str) -> str:
    """The title for sorting: lower case, without punctuation and the commonest words."""
    return " ".join(_COMMON.sub(" ", _NO_WORD.sub(" ", title.lower())).split())


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
