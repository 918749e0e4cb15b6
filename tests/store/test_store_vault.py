"""Secrets are sealed with a key that is not in the database, and its loss is said plainly."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from earmark.core.reasons import PermanentError
from earmark.store import Database, Vault


async def test_a_secret_comes_back_and_is_not_in_the_database_file(db: Database, address: str | Path, tmp_path: Path):
    vault = Vault(db, tmp_path / "keys" / "vault.key")
    assert await vault.get("mam_id") is None
    await vault.put("mam_id", "old")
    await vault.put("mam_id", "plain-sight-ü")
    assert await vault.get("mam_id") == "plain-sight-ü"
    assert (tmp_path / "keys" / "vault.key").stat().st_mode & 0o777 == 0o600
    assert "plain" not in repr(vault)
    if isinstance(address, Path):
        assert not any(b"plain-sight" in part.read_bytes() for part in tmp_path.glob("earmark.db*"))
    await vault.forget("mam_id")
    await vault.forget("mam_id")
    assert await vault.get("mam_id") is None


@pytest.mark.parametrize("change", ["missing", "another key", "no key at all"])
async def test_without_its_key_a_secret_stays_shut_and_a_new_one_opens_the_vault_again(
    db: Database, tmp_path: Path, change: str
):
    key = tmp_path / "vault.key"
    vault = Vault(db, key)
    await vault.put("mam_id", "secret-value")
    await vault.put("api_key", "other")
    kept = key.read_bytes()
    key.unlink()
    if change == "another key":
        key.write_bytes(Fernet.generate_key())
    if change == "no key at all":
        key.write_text("rubbish")
    with pytest.raises(PermanentError) as caught:
        await vault.get("mam_id")
    assert "paste a new mam_id" in caught.value.reason.action
    assert "secret-value" not in f"{caught.value!r}{caught.value.reason}"
    if change == "another key":
        key.write_bytes(kept)
        assert await vault.get("mam_id") == "secret-value"
        return
    await vault.put("mam_id", "new")
    assert await vault.get("mam_id") == "new"
    assert key.stat().st_mode & 0o777 == 0o600


async def test_a_key_that_others_could_read_is_closed_to_them(db: Database, tmp_path: Path):
    vault = Vault(db, tmp_path / "vault.key")
    await vault.put("a", "b")
    (tmp_path / "vault.key").chmod(0o644)
    assert await vault.get("a") == "b"
    assert (tmp_path / "vault.key").stat().st_mode & 0o777 == 0o600
