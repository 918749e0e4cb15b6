"""`/tor/download.php` in its three forms, wedges, the unsatisfied limit, and posters (mam-api.md section 4)."""

from __future__ import annotations

import struct
import zlib
from typing import cast
from urllib.parse import parse_qsl, unquote

import bencode2
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response

from earmark.sandbox import html
from earmark.sandbox.catalogue import CatalogueRelease
from earmark.sandbox.faults import FaultKind
from earmark.sandbox.gate import Call, SignIn

BAD_LINK = "Invalid download link, or not signed in"
LIMIT_TEXT = "You have reached your unsatisfied limit. Seed what you have before you download more."


async def download(call: Call) -> Response:
    """The personal torrent file, or one of the many ways in which the site says no."""
    query = dict(parse_qsl(call.request.url.query, keep_blank_values=True))
    dl = unquote(str(call.request.path_params.get("dl", "")))
    refused = _refused(call, dl, query)
    if refused is not None:
        return refused
    release = call.site.release_of_hash(dl) if dl else _by_tid(call, query.get("tid", ""))
    if release is None:
        return _bad_link() if dl else HTMLResponse(html.message("Not found", "There is no such torrent."), 404)
    if call.fault is FaultKind.UNSATISFIED_LIMIT or call.site.at_limit(release):
        return _at_limit(call)
    if "fl" in query:
        refusal = call.site.wedge_refusal(release)
        if refusal:
            return HTMLResponse(html.message("Unable to apply wedge", f"Unable to apply wedge: {refusal}"))
        call.site.spend_wedge(release)
    return _torrent(call, release)


async def poster(call: Call) -> Response:
    """A release's picture; on the live site, too, it needs the cookie."""
    release = _by_tid(call, str(call.request.path_params["tid"]).removesuffix(".jpeg"))
    if release is None:
        return PlainTextResponse("Not found", status_code=404)
    return picture(release)


def picture(release: CatalogueRelease) -> Response:
    """The cover in the folder, or a plain tile drawn for it."""
    return FileResponse(release.cover) if release.cover else Response(tile(release.id), media_type="image/png")


def signed_out_page(call: Call) -> Response:
    """The login page, as page-like addresses show it."""
    return HTMLResponse(html.login())


def tile(seed: int, side: int = 240) -> bytes:
    """A small PNG of two quiet colours that differ from release to release."""
    colours = bytes((60 + seed % 90, 70 + seed // 7 % 80, 90 + seed // 13 % 90)), b"\xe8\xe1\xd2"
    lines = b"".join(b"\0" + colours[0] * side if y % 24 > 3 else b"\0" + colours[1] * side for y in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def _refused(call: Call, dl: str, query: dict[str, str]) -> Response | None:
    """A missing cookie is worse than a bad one: the site then asks whose address this is."""
    if call.sign_in is SignIn.BAD_COOKIE or (dl and call.site.settings.hash_needs_tid and not query.get("tid")):
        return _bad_link()
    registered = call.site.seedbox is not None and call.site.seedbox.ip == call.client_ip
    if call.sign_in is SignIn.NO_COOKIE and not (dl and registered):
        text = f"ip {call.client_ip} does not match account, and no auth cookie provided"
        return PlainTextResponse(text, status_code=401)
    return None


def _by_tid(call: Call, tid: str) -> CatalogueRelease | None:
    return call.site.catalogue.by_id(int(tid)) if tid.isascii() and tid.isdigit() else None


def _bad_link() -> Response:
    return HTMLResponse(html.message("Download", BAD_LINK))


def _at_limit(call: Call) -> Response:
    if call.site.settings.limit_answer == "406":
        return PlainTextResponse("Not Acceptable", status_code=406)
    return HTMLResponse(html.message("Unsatisfied limit", LIMIT_TEXT))


def _torrent(call: Call, release: CatalogueRelease) -> Response:
    site = call.site
    data = site.torrents[release.id].for_announce(site.announce_url(site.account.passkey))
    if call.fault is FaultKind.HTML_TORRENT:
        return HTMLResponse(html.message("Download", "Something went wrong with your download."))
    if call.fault is FaultKind.BAD_TORRENT:
        data = data[: len(data) // 2]
    elif call.fault is FaultKind.HOSTILE_PATHS:
        data = hostile(data)
    else:
        site.account.fetched.add(release.id)
    headers = {"Content-Disposition": f'attachment; filename="[M] {release.id}.torrent"'}
    return Response(data, media_type="application/x-bittorrent", headers=headers)


def hostile(data: bytes) -> bytes:
    """The torrent as an attacker would write it: its first files climb out of the folder or carry impossible names."""
    outer = cast("dict[bytes, object]", bencode2.bdecode(data))
    info = dict(cast("dict[bytes, object]", outer[b"info"]))
    files = cast(
        "list[dict[bytes, object]]", info.pop(b"files", None) or [{b"length": info.pop(b"length"), b"path": [b"x"]}]
    )
    paths = ([b"..", b"..", b"escaped.mp3"], [b"/etc", b"cron.d", b"job"], [b"con"], [b"n" * 300], [b"a\x00b\x1b[2J"])
    spoilt = [{**file, b"path": paths[i] if i < len(paths) else file[b"path"]} for i, file in enumerate(files)]
    return bencode2.bencode({**outer, b"info": {**info, b"files": spoilt}})
