"""Audiobookshelf behind the media server contract: is it well, please scan, do you have this book?

It changes nothing over there but asking for scans. How its JSON reads is `abs_items`' to know. Facts:
reference/real-components.md section 4, and the server's own source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import quote

import httpx2
import structlog
from pydantic import SecretStr

from earmark.core.reasons import EarmarkError, JsonValue, PermanentError, Reason
from earmark.core.wish import BookWish, Kind
from earmark.http import Answer, answer_not_understood, exchange, raise_for_trouble, read_json
from earmark.ports import ServerHealth, ShelfItem
from earmark.servers.abs_items import (
    Library,
    may_be,
    named,
    read_libraries,
    read_matches,
    same_identifier,
    search_words,
)

log = structlog.get_logger(__name__)

TIMEOUT_SECS = 15.0
SEARCH_LIMIT = 50  # the server's own default of 12 is soon full of a series


class AudiobookshelfServer:
    """One server and one key. `library` is the name or id of the library for audiobooks, None for every one."""

    name = "audiobookshelf"

    def __init__(
        self,
        url: str,
        api_key: SecretStr,
        http: httpx2.AsyncClient,
        *,
        library: str | None = None,
        may_scan: bool = True,
        clock: Callable[[], datetime],
        timeout_secs: float = TIMEOUT_SECS,
    ) -> None:
        """`url` may end in a path (the server runs below `/audiobookshelf` too). `may_scan` says whether scans will be
        asked for, so that `test` knows whether the key must allow them."""
        self._url = url.rstrip("/")
        self._key = api_key
        self._http = http
        self._library = library
        self._may_scan = may_scan
        self._clock = clock
        self._timeout_secs = timeout_secs
        self._site = f"Audiobookshelf ({httpx2.URL(url).host})"

    async def test(self) -> ServerHealth:
        version: str | None = None
        try:
            version = await self._version()
            libraries = await self._libraries()
            chosen = self._chosen(libraries)
            if self._may_scan:
                await self._must_allow_scans()
        except EarmarkError as error:
            return ServerHealth(ok=False, message=f"{error.reason.message} {error.reason.action}", version=version)
        names = ", ".join(f"“{lib.name}”" for lib in chosen)
        word = "library" if len(chosen) == 1 else "libraries"
        return ServerHealth(
            ok=True, message=f"Audiobookshelf {version or ''} answers and has the {word} {names}.".replace("  ", " "),
            version=version,
        )  # fmt: skip

    async def scan(self, kind: Kind) -> None:
        """One request a library; the server answers at once and scans behind it. Music it does not know: nothing.

        Raises `PermanentError` for a refused key, a user that may not scan or a library that is not there.
        """
        if kind is Kind.MUSIC:
            return
        libraries = await self._libraries()
        # The setting names the library for audiobooks; e-books may lie in any that shows them.
        chosen = self._chosen(libraries)
        if kind is Kind.EBOOK:
            chosen = tuple(lib for lib in libraries if not lib.audiobooks_only)
        for library in chosen:
            answer = await self._send("POST", f"/api/libraries/{quote(library.id, safe='')}/scan")
            if answer.status == 403:
                raise _may_not_scan(self._site)
            self._expect_success(answer)
            log.info("scan_asked", server=self.name, library=library.name)

    async def find(self, wish: BookWish) -> Sequence[ShelfItem]:
        """Books of all its libraries that may be the wished one: those with the same identifier first, each once.

        Books whose files are gone are left out: they may be fetched again.
        """
        libraries = await self._libraries()
        found: dict[str, ShelfItem] = {}
        for words in search_words(wish):
            for library in libraries:
                for item in await self._search(library, words):
                    if may_be(wish, item):
                        found.setdefault(item.id, item)
            if found:
                break
        return sorted(found.values(), key=lambda item: not same_identifier(wish, item))

    async def close(self) -> None:
        await self._http.aclose()

    async def _version(self) -> str | None:
        """Raises `PermanentError` when something else answers at the address. Old versions do not tell theirs."""
        answer = await self._send("GET", "/status", with_key=False)
        told: JsonValue = None
        if answer.status == 200:
            try:
                told = read_json(answer, self._site)
            except EarmarkError:
                told = None
        if not isinstance(told, dict) or ("isInit" not in told and told.get("app") != "audiobookshelf"):
            raise _not_audiobookshelf(self._url)
        if told.get("isInit") is False:
            raise _not_set_up(self._site)
        version = told.get("serverVersion")
        return version[:40] if isinstance(version, str) else None

    async def _libraries(self) -> tuple[Library, ...]:
        libraries = read_libraries(await self._get("/api/libraries"))
        if libraries is None:
            raise answer_not_understood(self._site, "something that is no list of libraries")
        return libraries

    def _chosen(self, libraries: tuple[Library, ...]) -> tuple[Library, ...]:
        """The libraries for audiobooks. Raises `PermanentError` when there is none, or none of the set name."""
        if self._library is None:
            if libraries:
                return libraries
            raise _no_library(self._site)
        library = named(libraries, self._library)
        if library is None:
            raise _no_such_library(self._site, self._library, libraries)
        return (library,)

    async def _must_allow_scans(self) -> None:
        """Only an administrator's key may start scans; whoever the server does not name is given the benefit."""
        told = await self._get("/api/me")
        kind = told.get("type") if isinstance(told, dict) else None
        if isinstance(kind, str) and kind not in {"root", "admin"}:
            raise _may_not_scan(self._site)

    async def _search(self, library: Library, words: str) -> tuple[ShelfItem, ...]:
        path = f"/api/libraries/{quote(library.id, safe='')}/search"
        items = read_matches(await self._get(path, q=words, limit=str(SEARCH_LIMIT)))
        if items is None:
            raise answer_not_understood(self._site, "something that is no search result")
        return items

    async def _get(self, path: str, **params: str) -> JsonValue:
        answer = await self._send("GET", path, params=params)
        if answer.status == 403:
            raise _not_allowed(self._site)
        self._expect_success(answer)
        return read_json(answer, self._site)

    async def _send(
        self, method: str, path: str, *, params: dict[str, str] | None = None, with_key: bool = True
    ) -> Answer:
        """Raises for 401, 429, redirects, 5xx and everything the network does."""
        key = self._key.get_secret_value().strip()
        if not (key.isascii() and key.isprintable()):
            raise _key_refused(self._site)  # it cannot even be sent
        headers = {"Authorization": f"Bearer {key}"} if with_key else {}
        request = self._http.build_request(method, self._url + path, params=params or None, headers=headers)
        answer = await exchange(self._http, request, site=self._site, timeout_secs=self._timeout_secs, now=self._clock)
        if answer.status == 401:
            raise _key_refused(self._site)
        raise_for_trouble(answer, self._site)
        return answer

    def _expect_success(self, answer: Answer) -> None:
        if answer.status != 200:
            raise answer_not_understood(self._site, f"HTTP {answer.status}", status=answer.status)


def _key_refused(site: str) -> PermanentError:
    return PermanentError(
        Reason(
            "api_key_refused",
            f"{site} does not accept the API key.",
            "Make a new one in Audiobookshelf (Settings → API Keys), of an administrator, active and without an end, "
            "and put it into the settings.",
        )
    )


def _not_allowed(site: str) -> PermanentError:
    return PermanentError(
        Reason(
            "server_not_allowed",
            f"{site} knows the API key, but its user may not see this.",
            "In Audiobookshelf, give the key's user access to the library, or make a key of an administrator.",
        )
    )


def _may_not_scan(site: str) -> PermanentError:
    return PermanentError(
        Reason(
            "server_not_allowed",
            f"{site} knows the API key, but its user may not start scans.",
            "Make an API key of an administrator in Audiobookshelf, or set `audiobookshelf.scan = false`.",
        )
    )


def _not_audiobookshelf(url: str) -> PermanentError:
    host = httpx2.URL(url).host
    return PermanentError(
        Reason(
            "server_not_recognised",
            f"What answers at {host} is not Audiobookshelf.",
            "Check the address in the settings, its port and its path; it is the one the browser shows before /login.",
        )
    )


def _not_set_up(site: str) -> PermanentError:
    return PermanentError(
        Reason("server_not_recognised", f"{site} has no user yet.", "Open it in a browser and finish its setup.")
    )


def _no_library(site: str) -> PermanentError:
    return PermanentError(
        Reason(
            "server_library_missing",
            f"{site} has no library of books that the API key may see.",
            "Create one there over Earmark's library folder, or give the key's user access to it.",
        )
    )


def _no_such_library(site: str, name: str, libraries: tuple[Library, ...]) -> PermanentError:
    there: list[JsonValue] = [lib.name for lib in libraries]
    listed = ", ".join(f"“{lib.name}”" for lib in libraries) or "none"
    return PermanentError(
        Reason(
            "server_library_missing",
            f"{site} has no library of books called “{name}”; there are: {listed}.",
            "Correct `audiobookshelf.library`, or remove it to mean every library of books.",
            {"libraries": there},
        )
    )
