"""Which indexers the settings open."""

from __future__ import annotations

from typing import Any

import pytest

from earmark.indexers import MamIndexer, TorznabIndexer, open_indexers
from earmark.indexers.errors import BadSessionId
from earmark.settings import Settings


async def opened(store: Any, **sections: Any) -> dict[str, type]:
    indexers = await open_indexers(Settings.model_validate(sections), store)
    for indexer in indexers.values():
        await indexer.close()
    return {name: type(indexer) for name, indexer in indexers.items()}


async def test_nothing_configured_opens_nothing(store: Any) -> None:
    assert await opened(store) == {}
    assert await opened(store, mam={"mam_id": " "}) == {}


async def test_a_session_id_in_the_settings_or_in_the_store_opens_the_tracker(store: Any) -> None:
    assert await opened(store, mam={"mam_id": "mam_id=abc;"}) == {"mam": MamIndexer}
    store.value = "stored"
    assert await opened(store) == {"mam": MamIndexer}


async def test_jackett_is_opened_by_its_address(store: Any) -> None:
    assert await opened(store, jackett={"url": "http://localhost:9117", "api_key": "k"}) == {"jackett": TorznabIndexer}


async def test_a_session_id_that_cannot_be_one_fails_the_start_and_is_not_repeated(store: Any) -> None:
    with pytest.raises(BadSessionId) as error:
        await opened(store, mam={"mam_id": "abc def"})
    assert "abc" not in error.value.reason.message
