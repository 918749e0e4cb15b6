"""A small stand-in Prowlarr over the sandbox's own releases: one indexer that is on, one that is off, search, feed and
download links in the shapes of version 2.3.

It grabs nothing itself, for it has no download client; its callers take the torrents by their links.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from earmark.core.newznab import Category, name_of
from earmark.core.reasons import JsonValue
from earmark.sandbox.proxied import (
    INDEXER_NAME,
    Asked,
    Proxied,
    Quirk,
    Quirks,
    base_url,
    category_tree,
    details_page,
    guid_of,
    look,
    magnet_of,
    release_of_link,
    sealed_link,
    torrent_of,
    whole_number,
    whole_numbers,
)
from earmark.sandbox.site import Site
from earmark.sandbox.torznab import TORRENT_TYPE, caps_document, error_document, feed_document, read_question, xml
from earmark.sandbox.visits import Handler, Visits

VERSION = "2.3.6.5432"
MAM, ASLEEP = 1, 2
SEARCHES = ("search", "book", "music", "tvsearch", "movie")


class StandInProwlarr:
    """The program. `key` opens all of it but `/ping`; `quirks` says how its indexer misbehaves."""

    def __init__(
        self, site: Site, key: str | None = None, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.key = key or secrets.token_hex(16)
        self.quirks = Quirks()
        self.visits = Visits()
        self._site = site
        self._clock = clock

    def app(self) -> Starlette:
        guarded = self._guarded
        return Starlette(
            routes=[
                Route("/ping", self.visits.through(self._ping)),
                Route("/api/v1/system/status", guarded(self._status)),
                Route("/api/v1/health", guarded(self._health)),
                Route("/api/v1/indexer", guarded(self._indexers)),
                Route("/api/v1/indexer/{id:int}", guarded(self._indexer)),
                Route("/api/v1/indexer/{id:int}/newznab", guarded(self._feed)),
                Route("/api/v1/search", guarded(self._search)),
                Route("/{id:int}/api", guarded(self._feed)),
                Route("/{id:int}/download", guarded(self._download)),
                *self.visits.levers(),
                self.quirks.lever(),
            ]
        )

    def _guarded(self, handler: Handler) -> Handler:
        """The query's key wins over the header's, that over the bearer's; without a right one there are no words at all."""

        async def behind_the_key(request: Request) -> Response:
            bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
            told = request.query_params.get("apikey") or request.headers.get("x-api-key") or bearer
            if not secrets.compare_digest(told.encode(), self.key.encode()):
                return Response(status_code=401)
            response = await handler(request)
            response.headers["X-Application-Version"] = VERSION
            return response

        return self.visits.through(behind_the_key)

    async def _ping(self, _: Request) -> Response:
        return JSONResponse({"status": "OK"})

    async def _status(self, request: Request) -> Response:
        return JSONResponse(
            {
                "appName": "Prowlarr", "instanceName": "Prowlarr", "version": VERSION, "isProduction": True, "isDebug": False,
                "isNetCore": True, "isLinux": True, "isDocker": True, "branch": "master", "authentication": "forms",
                "databaseType": "sqLite", "urlBase": request.scope.get("root_path", ""), "runtimeName": "netcore",
            }
        )  # fmt: skip

    async def _health(self, _: Request) -> Response:
        return JSONResponse([])

    async def _indexers(self, _: Request) -> Response:
        return JSONResponse([self._described(MAM), self._described(ASLEEP)])

    async def _indexer(self, request: Request) -> Response:
        number = request.path_params["id"]
        return JSONResponse(self._described(number)) if number in {MAM, ASLEEP} else _not_found()

    async def _search(self, request: Request) -> Response:
        """An indexer that fails is passed over in silence, as the real one does."""
        asked = request.query_params
        ids = {int(text) for text in asked.getlist("indexerIds") if text.lstrip("-").isdecimal()}
        if ids and ids <= {ASLEEP}:
            return JSONResponse({"message": "Search failed due to all selected indexers being unavailable"}, 400)
        if (ids and not ids & {MAM, -2}) or {Quirk.EMPTY, Quirk.HIDDEN_ERROR} & self.quirks.on:
            return JSONResponse([])
        question = Asked(
            words=asked.get("query", ""),
            categories=whole_numbers(asked.getlist("categories")),
            offset=whole_number(asked.get("offset"), 0),
            limit=min(100, whole_number(asked.get("limit"), 100) or 100),
        )
        link = self._link(request)
        return JSONResponse([self._resource(one, request, link) for one in look(self._site, question)])

    async def _feed(self, request: Request) -> Response:
        number, function = request.path_params["id"], request.query_params.get("t", "")
        if number not in {MAM, ASLEEP}:
            return _not_found()
        if number == ASLEEP:
            return error_document(410, "Indexer is disabled", 410)
        if Quirk.HIDDEN_ERROR in self.quirks:
            return error_document(900, "The tracker did not answer", 500)
        if function == "caps":
            return xml(caps_document("Prowlarr", category_tree(self._site), "q"))
        if function not in SEARCHES:
            return (
                error_document(202, f"No such function ({function})", 400)
                if function
                else error_document(200, "Missing parameter (t)", 400)
            )
        found = [] if Quirk.EMPTY in self.quirks else look(self._site, read_question(request))
        return xml(
            feed_document("Prowlarr", "prowlarrindexer", found, self._site, request, self._link(request), self.quirks)
        )

    async def _download(self, request: Request) -> Response:
        link, name = (request.query_params.get(key) for key in ("link", "file"))
        if request.path_params["id"] != MAM or not link or not name:
            return JSONResponse({"message": "Invalid Prowlarr link"}, 400)
        release = release_of_link(self._site, self.key, link)
        if release is None:
            return JSONResponse({"message": "Invalid Prowlarr link"}, 400)
        if {Quirk.MAGNET_ONLY, Quirk.MAGNET_REDIRECT} & self.quirks.on:
            return RedirectResponse(magnet_of(self._site, release), 301)
        headers = {"Content-Disposition": f'attachment; filename="{release.id}.torrent"'}
        return Response(torrent_of(self._site, release), media_type=TORRENT_TYPE, headers=headers)

    def _link(self, request: Request) -> Callable[[Proxied], str]:
        base = base_url(request)

        def link(one: Proxied) -> str:
            told = {"apikey": self.key, "link": sealed_link(self.key, one.release.id), "file": one.title}
            return f"{base}/{MAM}/download?{urlencode(told)}"

        return link

    def _resource(self, one: Proxied, request: Request, link: Callable[[Proxied], str]) -> JsonValue:
        """Null keys are left out; a magnet goes through the download link like everything else."""
        release, listed = one.release, one.listed
        age = (self._clock() - release.added).total_seconds()
        page = details_page(request, release)
        place = "magnetUrl" if Quirk.MAGNET_ONLY in self.quirks else "downloadUrl"
        return {
            "guid": guid_of(release), "age": int(age // 86400), "ageHours": age / 3600, "ageMinutes": age / 60,
            "size": 0 if Quirk.NO_SIZE in self.quirks else release.size, "files": len(release.files),
            "grabs": release.times_completed, "indexerId": MAM, "indexer": INDEXER_NAME, "title": one.title,
            "sortTitle": one.title.lower(), "imdbId": 0, "tmdbId": 0, "tvdbId": 0, "tvMazeId": 0,
            **({} if Quirk.NO_DATE in self.quirks else {"publishDate": release.added.strftime("%Y-%m-%dT%H:%M:%SZ")}),
            place: link(one), "infoUrl": page, "indexerFlags": ["freeleech"] if one.free else [],
            "categories": [_category(Category(n, name_of(n) or "")) for n in one.categories], "infoHash": listed.info_hash,
            "seeders": listed.seeders, "leechers": listed.leechers, "protocol": "torrent",
            "fileName": f"{one.title}.torrent",
        }  # fmt: skip

    def _described(self, number: int) -> JsonValue:
        asleep = number == ASLEEP
        name = "Asleep" if asleep else INDEXER_NAME
        return {
            "id": number, "name": name, "implementation": name, "implementationName": name, "definitionName": name,
            "enable": not asleep, "redirect": False, "supportsRss": True, "supportsSearch": True, "supportsRedirect": False,
            "supportsPagination": True, "appProfileId": 1, "protocol": "torrent", "privacy": "private", "priority": 25,
            "fields": [], "tags": [], "indexerUrls": [], "language": "en-US", "downloadClientId": 0,
            "added": "2026-01-01T00:00:00Z", "sortName": name.lower(),
            "capabilities": {
                "limitsMax": 100, "limitsDefault": 100, "supportsRawSearch": False,
                "categories": [_category(top) for top in category_tree(self._site)],
                "searchParams": ["q"], "tvSearchParams": [], "movieSearchParams": [], "musicSearchParams": ["q"],
                "bookSearchParams": ["q"],
            },
        }  # fmt: skip


def _category(one: Category) -> JsonValue:
    named: dict[str, JsonValue] = {"name": one.name} if one.name else {}
    return {"id": one.id, **named, "subCategories": [_category(sub) for sub in one.subs]}


def _not_found() -> Response:
    return PlainTextResponse("", 404)
