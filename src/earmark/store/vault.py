"""Small secrets that change while we run (the tracker's session cookie), sealed at rest with a key file beside the data.

A copy of the database alone tells nothing; a copy of both tells all. No secret is ever part of a message.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import delete, select

from earmark.core.reasons import EarmarkError, PermanentError
from earmark.store.database import Database, Tx
from earmark.store.tables import secret
from earmark.store.upsert import insert

c = secret.c


class VaultLocked(PermanentError):
    """The key file is missing or is not the one the secrets were sealed with."""


class Vault:
    """Secrets by name. Each call is a transaction of its own, never to be called inside `db.write()`; `keep_within` is the
    one that belongs there."""

    def __init__(self, db: Database, key_file: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._db = db
        self._key_file = key_file
        self._now = now

    def __repr__(self) -> str:
        return f"<Vault {self._key_file}>"

    async def get(self, name: str) -> str | None:
        """The secret, or None when there is none. Raises `VaultLocked` when it cannot be opened."""
        async with self._db.read() as tx:
            sealed = (await tx.execute(select(c.sealed).where(c.name == name))).scalar_one_or_none()
        if sealed is None:
            return None
        try:
            key = await asyncio.to_thread(self._read_key)
        except ValueError:
            raise self._locked(name, "holds no key") from None
        if key is None:
            raise self._locked(name, "is missing")
        try:
            return key.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise self._locked(name, "is not the one it was sealed with") from None

    async def put(self, name: str, value: str) -> None:
        """Keep a secret. Where the key file is missing or no key at all, a new one is made: secrets that were sealed
        with the old key stay locked until they are put again, too."""
        async with self._db.write() as tx:
            await self.keep_within(tx, name, value)

    async def forget(self, name: str) -> None:
        """Drop a secret; one that is not there is no error."""
        async with self._db.write() as tx:
            await self.keep_within(tx, name, None)

    async def keep_within(self, tx: Tx, name: str, value: str | None) -> None:
        """Put a secret, or drop it (None), together with whatever else the transaction writes: a secret never stands
        without its place, nor beside another one."""
        if value is None:
            await tx.execute(delete(secret).where(c.name == name))
            return
        key = await asyncio.to_thread(self._usable_key)
        facts = {"sealed": key.encrypt(value.encode()).decode(), "updated_at": self._now()}
        await tx.execute(
            insert(tx, secret).values(name=name, **facts).on_conflict_do_update(index_elements=[c.name], set_=facts)
        )

    def _read_key(self) -> Fernet | None:
        """The key, or None when there is no file. Raises ValueError for a file that holds no key."""
        # A key that others can read protects nothing. Where the file is not ours (a mounted secret), reading is enough.
        with suppress(OSError):
            self._key_file.chmod(0o600)
        try:
            return Fernet(self._key_file.read_bytes().strip())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise VaultLocked.of(
                "vault_key_unreadable",
                f"The key file {self._key_file} cannot be read: {error.strerror}.",
                "Give the user that runs Earmark read access to that file.",
            ) from error

    def _usable_key(self) -> Fernet:
        try:
            key = self._read_key()
        except ValueError:
            self._key_file.replace(self._key_file.with_name(self._key_file.name + ".unusable"))
            key = None
        return key or self._make_key()

    def _make_key(self) -> Fernet:
        key = Fernet.generate_key()
        self._key_file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(self._key_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(key + b"\n")
            file.flush()
            os.fsync(file.fileno())  # the sealed value must never reach the disk before its key
        return Fernet(key)

    def _locked(self, name: str, why: str) -> EarmarkError:
        return VaultLocked.of(
            "vault_locked",
            f"The stored secret {name!r} cannot be opened: the key file {self._key_file} {why}.",
            "Restore the key file or paste a new mam_id.",
            secret=name,
        )
