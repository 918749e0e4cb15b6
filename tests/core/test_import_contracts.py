"""The import contracts name the pipeline's modules one by one, all but the engine: no module may be forgotten."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIPELINE = ROOT / "src/earmark/pipeline"


@pytest.mark.parametrize("forbidden", ["dbos", "sqlalchemy"])
def test_every_module_but_those_that_must_is_kept_from_the_engine_and_from_sql(forbidden: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = (
        c for c in contracts if forbidden in c.get("forbidden_modules", []) and "earmark.web" in c["source_modules"]
    )
    named = set(contract["source_modules"])
    rooms = {f"earmark.{path.stem}" for path in (ROOT / "src/earmark").glob("[!_.]*") if path.name != "py.typed"}
    inside = {f"earmark.pipeline.{path.stem}" for path in PIPELINE.glob("[!_]*.py")}
    allowed = {"earmark.pipeline", "earmark.pipeline.engine"} | (
        {"earmark.store"} if forbidden == "sqlalchemy" else set()
    )
    assert named == (rooms | inside) - allowed
