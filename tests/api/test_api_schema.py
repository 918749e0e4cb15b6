"""Odd and hostile requests, made from the API's own description and sent to the real application."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from prowlarr_face import FEED_BOOK, MAM_BOOK
from pydantic import SecretStr
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from stub_indexers import StubIndexer

from earmark.api.app import create_app
from earmark.pipeline.house import House
from earmark.pipeline.tokens import Tokens
from earmark.ports import AudioBinder, Matcher, TorrentClient
from earmark.settings import ServerSettings, Settings
from earmark.settings_shelf import LibrarySettings
from earmark.store import Database, Vault

load_all_checks()
PROMISED = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "unsupported_method",
    )
]


KEY = {"X-Api-Key": "the-admin-key"}
A_FEED = 2
KNOWN = "123e4567-e89b-42d3-a456-426614174000"


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    folder: Path = tmp_path_factory.mktemp("house")
    chosen = Settings(
        server=ServerSettings(auth_token=SecretStr("the-admin-key")), library=LibrarySettings(audiobooks=folder)
    )
    db = asyncio.run(Database.open(folder / "earmark.db", backup_dir=folder / "backup"))

    class IdleClient:
        name = "embedded"

    house = House(
        settings=chosen,
        data_dir=folder,
        db=db,
        vault=Vault(db, folder / "key"),
        tokens=Tokens(chosen.server, folder),
        indexers={"mam": StubIndexer("mam", [MAM_BOOK]), "jackett": StubIndexer("jackett", [FEED_BOOK])},
        client=cast("TorrentClient", IdleClient()),
        binder=cast("AudioBinder", None),
        matcher=cast("Matcher", None),
    )
    house.open_indexer = lambda record, _: StubIndexer(record.key)
    app = create_app(house)
    TestClient(app).post("/api/v1/ticket", json={"ticket_id": KNOWN, "search": {"title": "Emma"}}, headers=KEY)
    yield schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_the_api_keeps_what_its_description_promises(
    description: schemathesis.BaseSchema, mode: GenerationMode
) -> None:
    operations = [found.ok() for found in description.get_all_operations()]
    assert len(operations) >= 20
    for operation in operations:
        named = {"ticket_id": KNOWN, "id": A_FEED}.items() if mode is GenerationMode.POSITIVE else ()
        of_known = {name: value for name, value in named if f"{{{name}}}" in operation.path} or None

        @settings(
            max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy(generation_mode=mode, path_parameters=of_known))
        def one(case: schemathesis.Case) -> None:
            case.call_and_validate(headers=KEY, checks=PROMISED)

        with suppress(Unsatisfiable):  # some operations take nothing that could be wrong
            one()
