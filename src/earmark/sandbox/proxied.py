"""The site's releases as a search proxy (Jackett, Prowlarr) would tell them on: one title line, Newznab numbers, the same
guid every time.

What the two stand-in proxies share is here; the shapes of their answers are theirs. They fetch for the site's own account,
so a torrent taken through them is seeded, and owed, like one taken from the site itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from earmark.core.newznab import CUSTOM, Category, expanded, name_of
from earmark.sandbox import vocabulary
from earmark.sandbox.catalogue import CatalogueRelease
from earmark.sandbox.search import Listed, fold, text_weight
from earmark.sandbox.site import Site

AUTHORS_SHOWN = 5
SEARCHED_FIELDS = ("title", "author", "narrator", "series")
SEED_SECS = 259_200
FINER_EBOOKS = {61: 7030, 79: 7010, 80: 7040}  # comics, magazines, science: as Prowlarr files the site's own numbers
INDEXER_NAME = "MyAnonamouse"


class Quirk(StrEnum):
    """What real feeds do to their readers."""

    NO_SIZE = "no_size"
    NO_DATE = "no_date"
    NO_ENCLOSURE = "no_enclosure"
    MAGNET_ONLY = "magnet_only"  # no link at all, a magnet instead
    MAGNET_REDIRECT = "magnet_redirect"  # the link leads on to a magnet
    HIDDEN_ERROR = "hidden_error"  # an error document with HTTP 200
    EMPTY = "empty"  # nothing is found, whatever is asked


@dataclass(slots=True)
class Quirks:
    """Which of them are on; `/sandbox/quirks` takes {"quirks": ["no_size"]}."""

    on: set[Quirk] = field(default_factory=set)

    def __contains__(self, quirk: Quirk) -> bool:
        return quirk in self.on

    def lever(self) -> Route:
        return Route("/sandbox/quirks", self._pulled, methods=["GET", "POST"])

    async def _pulled(self, request: Request) -> Response:
        if request.method == "POST":
            if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                return JSONResponse({"error": "send Content-Type: application/json"}, 415)
            try:
                self.on = {Quirk(name) for name in json.loads(await request.body())["quirks"]}
            except (ValueError, KeyError, TypeError):
                return JSONResponse({"error": f'"quirks" is a list of {", ".join(Quirk)}'}, 400)
        return JSONResponse({"quirks": sorted(self.on)})


@dataclass(frozen=True, slots=True)
class Proxied:
    """A release as a proxy knows it."""

    listed: Listed
    title: str
    categories: tuple[int, ...]
    free: bool

    @property
    def release(self) -> CatalogueRelease:
        return self.listed.release


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller of a proxy looks for; no words at all: the newest."""

    words: str = ""
    categories: frozenset[int] = frozenset()
    offset: int = 0
    limit: int = 100


def look(site: Site, asked: Asked) -> list[Proxied]:
    """One page of what fits, the newest first where nothing was looked for."""
    words = fold(asked.words)
    wanted = expanded(asked.categories)
    found: list[tuple[int, Proxied]] = []
    for listed in site.listing():
        one = proxied(site, listed)
        weight = text_weight(words, listed.release, SEARCHED_FIELDS) if words else 1
        if weight and (not wanted or wanted & set(one.categories)):
            found.append((weight, one))
    found.sort(key=lambda hit: (hit[0], hit[1].release.added, hit[1].release.id), reverse=True)
    return [one for _, one in found[asked.offset : asked.offset + asked.limit]]


def proxied(site: Site, listed: Listed) -> Proxied:
    """One release; free is free for this account."""
    release = listed.release
    free = release.free or listed.personal_freeleech or (release.fl_vip and site.account.vip_member)
    return Proxied(listed, _title(release), _categories(release), free)


def category_tree(site: Site) -> tuple[Category, ...]:
    """What the site offers, parents with children; the site's own numbers stand beside them."""
    standard = (
        Category(3000, "Audio", (Category(3030, "Audio/Audiobook"),)),
        Category(7000, "Books", tuple(Category(n, str(name_of(n))) for n in (7010, 7020, 7030, 7040))),
    )
    own = {(r.category, r.category_name) for r in site.catalogue.releases}
    return (*standard, *(Category(CUSTOM + number, name) for number, name in sorted(own)))


def torrent_of(site: Site, release: CatalogueRelease) -> bytes:
    """The account's own torrent of a release."""
    site.account.fetched.add(release.id)
    return site.torrents[release.id].for_announce(site.announce_url(site.account.passkey))


def magnet_of(site: Site, release: CatalogueRelease) -> str:
    tracker = quote(site.announce_url(site.account.passkey), safe="")
    return f"magnet:?xt=urn:btih:{site.torrents[release.id].info_hash}&dn={quote(release.title)}&tr={tracker}"


def guid_of(release: CatalogueRelease) -> str:
    """As both real programs give it, wherever the site is reached."""
    return f"https://www.myanonamouse.net/t/{release.id}"


def details_page(request: Request, release: CatalogueRelease) -> str:
    """The release's page, where the caller reaches the site."""
    return f"{request.url.scheme}://{request.url.netloc}/t/{release.id}"


def base_url(request: Request) -> str:
    """Where the caller sees the proxy."""
    return f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"


def sealed_link(key: str, release_id: int) -> str:
    """The opaque part of a download link: of no use to who does not hold the key."""
    return hashlib.sha256(f"{key}:{release_id}".encode()).hexdigest()[:24]


def release_of_link(site: Site, key: str, link: str) -> CatalogueRelease | None:
    return next((r for r in site.catalogue.releases if sealed_link(key, r.id) == link), None)


def whole_numbers(texts: Collection[str]) -> frozenset[int]:
    """The numbers of repeated or comma separated parameters; anything else is passed over."""
    parts = (part.strip() for text in texts for part in text.split(","))
    return frozenset(int(part) for part in parts if re.fullmatch(r"\d{1,9}", part, re.ASCII))


def whole_number(text: str | None, default: int) -> int:
    return next(iter(whole_numbers([text or ""])), default)


def _title(release: CatalogueRelease) -> str:
    authors = ", ".join(release.authors[:AUTHORS_SHOWN])
    marks = " / ".join(
        m for m in (vocabulary.language_code(release.language), " ".join(release.filetypes).upper()) if m
    )
    parts = (release.title, f"by {authors}" if authors else "", f"[{marks}]", "[VIP]" if release.vip else "")
    return " ".join(part for part in parts if part)


def _categories(release: CatalogueRelease) -> tuple[int, ...]:
    ebook = release.main_category == vocabulary.EBOOKS
    return (FINER_EBOOKS.get(release.category, 7020) if ebook else 3030, CUSTOM + release.category)
