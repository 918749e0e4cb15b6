"""Who may look and who may act. Knows cookies and form tokens; what a role may do is asked here by name. The session itself
is signed and read by whoever is passed in as `Sessions`, which also tells whether a page of ours sent a request."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import ip_network
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from earmark.core.reasons import EarmarkError
from earmark.web.contract import Role, Sessions

SESSION_DAYS = 30
FORM_FIELD = "csrf"


class NotSignedIn(Exception):
    """Nobody is signed in; the answer is the way to the login page."""


class Forbidden(EarmarkError):
    """Signed in, but not for this."""


class ForgedForm(EarmarkError):
    """A form that did not come from our own page."""


class Guard:
    def __init__(self, sessions: Sessions, url_base: str) -> None:
        self._sessions = sessions
        self._path = url_base or "/"
        self._form_cookie = f"{sessions.cookie_name}_form"

    def role(self, request: Request) -> Role:
        role = self._sessions.role_of(request)
        if role is None:
            raise NotSignedIn
        return role

    def admin(self, request: Request) -> Role:
        role = self.role(request)
        if role != "admin":
            raise Forbidden.of(
                "admin_only",
                "Your key may file and follow wishes, but not decide or change them.",
                "Sign in with the administrator’s key, or ask the person who has it.",
            )
        return role

    def is_signed_in(self, request: Request) -> bool:
        return self._sessions.role_of(request) is not None

    # --- forms --------------------------------------------------------------------------------------------------------

    def form_token(self, request: Request) -> str:
        """The hidden token of forms on a page: bound to the session, unknown to anybody who cannot read the page."""
        return _token(request.cookies.get(self._sessions.cookie_name, ""))

    async def form(self, request: Request) -> FormData:
        """The posted form, if it is ours. Raises ForgedForm."""
        self._check_origin(request)
        form = await request.form()
        self._check_token(form, self.form_token(request))
        return form

    def login_ticket(self, request: Request) -> tuple[str, str]:
        """(cookie value, hidden token) for the login page, before there is a session."""
        value = request.cookies.get(self._form_cookie) or secrets.token_urlsafe(24)
        return value, _token(value)

    async def login_form(self, request: Request) -> FormData:
        self._check_origin(request)
        form = await request.form()
        self._check_token(form, _token(request.cookies.get(self._form_cookie, "")))
        return form

    def _check_token(self, form: FormData, expected: str) -> None:
        given = form.get(FORM_FIELD)
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), expected.encode()):
            raise ForgedForm.of(
                "form_expired",
                "This form was opened before you signed in, or its page is too old.",
                "Reload the page and try again.",
            )

    def _check_origin(self, request: Request) -> None:
        if not self._sessions.same_origin(request):
            raise ForgedForm.of(
                "foreign_origin",
                "The form was sent from another site, so it was not carried out.",
                "Open Earmark in this browser and use its own pages. Behind a reverse proxy, pass the Host header on.",
            )

    # --- cookies --------------------------------------------------------------------------------------------------------

    def sign_in(self, request: Request, response: Response, role: Role) -> None:
        self._set(request, response, self._sessions.cookie_name, self._sessions.issue(role), SESSION_DAYS * 86400)
        response.delete_cookie(self._form_cookie, path=self._path)

    def sign_out(self, response: Response) -> None:
        response.delete_cookie(self._sessions.cookie_name, path=self._path)

    def remember_form(self, request: Request, response: Response, value: str) -> None:
        self._set(request, response, self._form_cookie, value, 86400)

    def _set(self, request: Request, response: Response, name: str, value: str, secs: int) -> None:
        response.set_cookie(
            name,
            value,
            max_age=secs,
            path=self._path,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )


class Patience:
    """Wrong keys slow the next try of that address down: after `allowed` in a minute, its login rests until the oldest is a
    minute old. Remembers the `most` addresses that missed last."""

    def __init__(self, now: Callable[[], datetime], allowed: int = 10, most: int = 1000) -> None:
        self._now = now
        self._allowed = allowed
        self._most = most
        self._misses: OrderedDict[str, deque[datetime]] = OrderedDict()

    def wait_secs(self, request: Request) -> int:
        misses = self._misses.get(_address(request))
        if misses is None or len(misses) < self._allowed:
            return 0
        left = misses[0] + timedelta(minutes=1) - self._now()
        return max(0, round(left.total_seconds()))

    def missed(self, request: Request) -> None:
        address = _address(request)
        self._misses.setdefault(address, deque(maxlen=self._allowed)).append(self._now())
        self._misses.move_to_end(address)
        while len(self._misses) > self._most:
            self._misses.popitem(last=False)


def _address(request: Request) -> str:
    """Who is asking. In IPv6 a household holds a whole /64, so that counts as one."""
    host = request.client.host if request.client else ""
    try:
        return str(ip_network(f"{host}/64", strict=False)) if ":" in host else host
    except ValueError:
        return host


def local_path(value: object, url_base: str) -> str:
    """Where to go after signing in: a path of ours, never another site's."""
    home = f"{url_base}/"
    if not isinstance(value, str) or not re.fullmatch(r"/(?![/\\])[^\x00-\x20\\]*", value):
        return home
    return value if value.startswith(home) else home


def login_url(request: Request, url_base: str) -> str:
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    wanted = f"?next={quote(path, safe='/')}" if request.method == "GET" and path != f"{url_base}/" else ""
    return f"{url_base}/login{wanted}"


def _token(secret: str) -> str:
    return hashlib.sha256(f"earmark form {secret}".encode()).hexdigest() if secret else secrets.token_hex(32)
