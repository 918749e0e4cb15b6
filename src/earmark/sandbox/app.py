"""The stand-in site as an ASGI application: which address leads where, and the label on every answer."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earmark.sandbox.faults import Area
from earmark.sandbox.gate import through
from earmark.sandbox.routes import accounts, bonus, downloads, searching
from earmark.sandbox.routes.control import control_routes
from earmark.sandbox.site import Site

LABEL = (b"x-stand-in", b"Earmark sandbox")
LOOPBACK_NAMES = ["127.0.0.1", "localhost"]


def create_app(site: Site, neighbours: Mapping[str, ASGIApp] | None = None) -> Starlette:
    """The site's application. The live site's three host names are one here; `neighbours` live below a path each."""
    search = through(site, Area.SEARCH, searching.search_torrents)
    download = through(site, Area.DOWNLOAD, downloads.download, None)
    account = Area.ACCOUNT
    poster = through(site, account, downloads.poster, downloads.signed_out_page)
    buy = through(site, account, bonus.bonus_buy)
    return Starlette(
        routes=[
            Route("/tor/js/loadSearchJSONbasic.php", search, methods=["GET", "POST"]),
            Route("/categories.php", through(site, account, searching.categories, None), methods=["GET"]),
            Route("/jsonLoad.php", through(site, account, accounts.json_load), methods=["GET", "POST"]),
            Route("/json/checkCookie.php", through(site, account, accounts.check_cookie, accounts.bad_cookie)),
            Route("/json/dynamicSeedbox.php", through(site, account, accounts.dynamic_seedbox, accounts.bad_cookie)),
            Route("/json/jsonIp.php", through(site, account, accounts.json_ip, None)),
            Route("/json/loadUserDetailsTorrents.php", through(site, account, accounts.user_torrents)),
            Route("/json/bonusBuy.php", buy),
            Route("/json/bonusBuy.php/{stamp:path}", buy),
            Route("/tor/download.php", download),
            Route("/tor/download.php/{dl:path}", download),
            Route("/tor/poster_mini.php/{tid}/{kind}", poster),
            Route("/t/p/{stamp}/large/{tid}", poster),
            *control_routes(site),
            *(Mount(path, app) for path, app in (neighbours or {}).items()),
        ],
        middleware=[
            Middleware(Label),
            # A name that merely resolves to loopback is somebody else's page reaching in.
            Middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK_NAMES),
        ],
    )


class Label:
    """Writes on every answer, errors included, that this is a stand-in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], LABEL]
            await send(message)

        await self._app(scope, receive, labelled)
