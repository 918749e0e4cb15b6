"""Who may ask: the administrator's key, a user's key, or a signed token. Keys can change while Earmark runs: the file they
come from is looked at again whenever it changes, so a new key counts from the next request on."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

import jwt

from earmark.settings import ServerSettings

Role: TypeAlias = Literal["admin", "user"]

TOKEN_FILE = "auth_token"  # noqa: S105 - a file name


class Tokens:
    """Answers what role a presented key has. `reload` reads the server section anew (None: the file is broken now, the
    last good keys stay); `watched` are the files whose change calls for it."""

    def __init__(
        self,
        server: ServerSettings,
        data_dir: Path,
        *,
        watched: tuple[Path, ...] = (),
        reload: Callable[[], ServerSettings | None] | None = None,
    ) -> None:
        self._server = server
        self._own_file = data_dir / TOKEN_FILE
        self._watched = (*watched, self._own_file)
        self._reload = reload
        if server.auth_token is None and not self._own_file.exists():
            _write_private(self._own_file, secrets.token_urlsafe(32))
        self._stamp = self._stat()
        self._own = self._read_own()

    def role_of(self, presented: str) -> Role | None:
        """The role of a key or JSON Web Token, or None. Takes the same time for every wrong key."""
        self._refresh()
        admin = _same(presented, self.admin_token)
        user = _same(presented, _secret(self._server.user_token))
        if admin:
            return "admin"
        if user:
            return "user"
        return self._role_in_jwt(presented)

    @property
    def admin_token(self) -> str:
        return _secret(self._server.auth_token) or self._own

    def signing_key(self) -> bytes:
        """Key for our own session cookies: a new administrator's key ends all sessions."""
        return hmac.digest(self.admin_token.encode(), b"earmark session", "sha256")

    def _role_in_jwt(self, presented: str) -> Role | None:
        secret = _secret(self._server.jwt_secret)
        if not secret or presented.count(".") != 2:
            return None
        try:
            claims = jwt.decode(presented, secret, algorithms=["HS256"], options={"require": ["exp"]})
        except jwt.PyJWTError:
            return None
        role = claims.get("role", "user")
        return role if role in ("admin", "user") else None

    def _refresh(self) -> None:
        stamp = self._stat()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self._own = self._read_own()
        fresh = self._reload() if self._reload else None
        if fresh is not None:
            self._server = fresh

    def _read_own(self) -> str:
        return self._own_file.read_text().strip() if self._own_file.exists() else ""

    def _stat(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(_mark(path) for path in self._watched)


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _secret(value: object) -> str:
    get = getattr(value, "get_secret_value", None)
    return str(get()) if get else ""


def _same(presented: str, expected: str) -> bool:
    return bool(expected) and hmac.compare_digest(presented.encode(), expected.encode())


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text + "\n")
