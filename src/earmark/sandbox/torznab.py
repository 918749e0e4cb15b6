"""A stand-in Torznab feed over the sandbox's own releases, in Jackett's dialect: the key in the query, errors as documents
with HTTP 200, download links that carry the key.

Beside it the feed's renderer, which the stand-in Prowlarr uses too.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from email.utils import format_datetime
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from earmark.core.newznab import Category
from earmark.sandbox.proxied import (
    INDEXER_NAME,
    SEED_SECS,
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
from earmark.sandbox.visits import Visits

TORZNAB = "http://torznab.com/schemas/2015/feed"
ATOM = "http://www.w3.org/2005/Atom"
TORRENT_TYPE = "application/x-bittorrent"
LIMIT = 100
SEARCHES = ("search", "book", "music")
UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

ET.register_namespace("torznab", TORZNAB)
ET.register_namespace("atom", ATOM)


class StandInTorznab:
    """The feed. `key` opens it; `quirks` says how it misbehaves."""

    def __init__(self, site: Site, key: str | None = None) -> None:
        self.key = key or secrets.token_hex(16)
        self.quirks = Quirks()
        self.visits = Visits()
        self._site = site

    def app(self) -> Starlette:
        through = self.visits.through
        return Starlette(
            routes=[
                Route("/api", through(self._api)),
                Route("/dl/{release:int}", through(self._download)),
                *self.visits.levers(),
                self.quirks.lever(),
            ]
        )

    async def _api(self, request: Request) -> Response:
        asked = request.query_params
        if not secrets.compare_digest(asked.get("apikey", "").encode(), self.key.encode()):
            return error_document(100, "Invalid API Key")
        if Quirk.HIDDEN_ERROR in self.quirks:
            return error_document(900, "The tracker did not answer")
        function = asked.get("t", "")
        if function == "caps":
            return xml(caps_document("Jackett", category_tree(self._site), "q,author,title"))
        if function not in SEARCHES:
            return (
                error_document(202, f"No such function ({function})")
                if function
                else error_document(200, "Missing parameter (t)")
            )
        found = [] if Quirk.EMPTY in self.quirks else look(self._site, read_question(request))
        return xml(
            feed_document("Jackett", "jackettindexer", found, self._site, request, self._link(request), self.quirks)
        )

    async def _download(self, request: Request) -> Response:
        link = request.query_params.get("path", "")
        release = release_of_link(self._site, self.key, link)
        if request.query_params.get("jackett_apikey") != self.key:
            return PlainTextResponse("", 401)
        if release is None:
            return PlainTextResponse("Not Found", 404)
        if Quirk.MAGNET_REDIRECT in self.quirks:
            return RedirectResponse(magnet_of(self._site, release), 302)
        headers = {"Content-Disposition": f'attachment; filename="{release.id}.torrent"'}
        return Response(torrent_of(self._site, release), media_type=TORRENT_TYPE, headers=headers)

    def _link(self, request: Request) -> Callable[[Proxied], str]:
        base = base_url(request)

        def link(one: Proxied) -> str:
            told = {"jackett_apikey": self.key, "path": sealed_link(self.key, one.release.id), "file": one.title}
            return f"{base}/dl/{one.release.id}?{urlencode(told)}"

        return link


def read_question(request: Request) -> Asked:
    """`q`, `author` and `title` together; a limit or an offset that is no number counts as none."""
    asked = request.query_params
    words = " ".join(asked.get(name, "") for name in ("q", "author", "title"))
    return Asked(
        words=words,
        categories=whole_numbers(asked.getlist("cat")),
        offset=whole_number(asked.get("offset"), 0),
        limit=min(LIMIT, whole_number(asked.get("limit"), LIMIT)),
    )


def caps_document(server: str, tree: Sequence[Category], book_params: str) -> ET.Element:
    caps = ET.Element("caps")
    ET.SubElement(caps, "server", title=server)
    ET.SubElement(caps, "limits", default=str(LIMIT), max=str(LIMIT))
    searching = ET.SubElement(caps, "searching")
    kinds = {"search": "q", "tv-search": "", "movie-search": "", "music-search": "q", "audio-search": "q"}
    for name, params in (kinds | {"book-search": book_params}).items():
        ET.SubElement(searching, name, available="yes" if params else "no", supportedParams=params or "q")
    categories = ET.SubElement(caps, "categories")
    for top in tree:
        parent = ET.SubElement(categories, "category", id=str(top.id), name=top.name)
        for sub in top.subs:
            ET.SubElement(parent, "subcat", id=str(sub.id), name=sub.name)
    return caps


def feed_document(
    server: str,
    indexer_tag: str,
    found: Sequence[Proxied],
    site: Site,
    request: Request,
    link: Callable[[Proxied], str],
    quirks: Quirks,
) -> ET.Element:
    rss = ET.Element("rss", version="2.0")
    channel = ET.SubElement(rss, "channel")
    ET.SubElement(channel, f"{{{ATOM}}}link", rel="self", type="application/rss+xml")
    _text(channel, "title", server)
    _text(channel, "description", f"{server} of the stand-in world")
    _text(channel, "link", base_url(request))
    for one in found:
        magnet = magnet_of(site, one.release) if Quirk.MAGNET_ONLY in quirks else ""
        _item(channel, one, indexer_tag, details_page(request, one.release), magnet or link(one), quirks)
    return rss


def _item(channel: ET.Element, one: Proxied, indexer_tag: str, page: str, link: str, quirks: Quirks) -> None:
    release, listed = one.release, one.listed
    item = ET.SubElement(channel, "item")
    _text(item, "title", one.title)
    _text(item, "description", release.description or release.tags or one.title)
    _text(item, "guid", guid_of(release))
    ET.SubElement(
        item, indexer_tag, id="1" if indexer_tag == "prowlarrindexer" else "myanonamouse", type="private"
    ).text = INDEXER_NAME
    _text(item, "type", "private")
    _text(item, "comments", page)
    if Quirk.NO_DATE not in quirks:
        _text(item, "pubDate", format_datetime(release.added))
    if Quirk.NO_SIZE not in quirks:
        _text(item, "size", str(release.size))
    _text(item, "files", str(len(release.files)))
    _text(item, "grabs", str(release.times_completed))
    _text(item, "link", link)
    for number in one.categories:
        _text(item, "category", str(number))
    if Quirk.NO_ENCLOSURE not in quirks:
        length = {} if Quirk.NO_SIZE in quirks else {"length": str(release.size)}
        ET.SubElement(item, "enclosure", {"url": link, **length, "type": TORRENT_TYPE})
    attrs = [("category", str(number)) for number in one.categories] + [
        ("seeders", str(listed.seeders)),
        ("peers", str(listed.seeders + listed.leechers)),
        ("author", ", ".join(release.authors)),
        ("booktitle", release.title),
        ("infohash", listed.info_hash),
        ("minimumratio", "1"),
        ("minimumseedtime", str(SEED_SECS)),
        ("downloadvolumefactor", "0" if one.free else "1"),
        ("uploadvolumefactor", "1"),
        *([("tag", "freeleech")] if one.free else []),
        *([("magneturl", link)] if link.startswith("magnet:") else []),
    ]
    for name, value in attrs:
        if value:
            ET.SubElement(item, f"{{{TORZNAB}}}attr", name=name, value=UNSPEAKABLE.sub("", value))


def error_document(code: int, description: str, status: int = 200) -> Response:
    """`<error>`: Jackett sends them as if all were well."""
    return xml(ET.Element("error", code=str(code), description=description), status)


def xml(root: ET.Element, status: int = 200) -> Response:
    body = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(body, status, media_type="application/rss+xml" if root.tag == "rss" else "application/xml")


def _text(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = UNSPEAKABLE.sub("", text)
