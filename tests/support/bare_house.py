"""A house without the world: a real store and desk over parts that only answer what the desk asks of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from earmark.core.decision import ScoredCandidate
from earmark.core.release import Release
from earmark.core.torrents import InfoHash, TorrentStatus
from earmark.pipeline.house import House
from earmark.pipeline.matching import SoberMatcher
from earmark.pipeline.tokens import Tokens
from earmark.ports import ClientIdentity
from earmark.settings import Settings
from earmark.store import Database, Vault


class QuietClient:
    """Holds nothing and takes everything."""

    name = "embedded"

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def about(self) -> ClientIdentity:
        return ClientIdentity("embedded", "test", dht=False, pex=False, lsd=False)

    async def snapshot(self) -> Mapping[InfoHash, TorrentStatus]:
        return {}

    async def status(self, info_hash: InfoHash) -> TorrentStatus | None:
        return None

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> None:
            self.calls.append(name)

        return call


async def bare_house(home: Path, **sections: dict[str, Any]) -> House:
    """Ready to use; close its `db` afterwards."""
    base: dict[str, dict[str, Any]] = {"library": {"audiobooks": home / "library"}}
    settings = Settings.model_validate(base | sections)
    data = home / "data"
    data.mkdir(parents=True, exist_ok=True)
    db = await Database.open(data / "earmark.db", backup_dir=data / "backups")
    return House(
        settings=settings,
        data_dir=data,
        db=db,
        vault=Vault(db, data / "vault.key"),
        tokens=Tokens(settings.server, data),
        indexers={},
        client=cast("Any", QuietClient()),
        binder=cast("Any", None),
        matcher=SoberMatcher(settings.matcher.auto_approve_threshold),
    )


def candidate(number: int = 0, title: str = "The Time Machine", score: float = 0.9) -> ScoredCandidate:
    release = Release(guid=f"https://tracker.example/t/{number}", indexer="mam", title=title, seeders=3)
    return ScoredCandidate(release=release, score=score, components=())
