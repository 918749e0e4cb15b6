"""What many commands share: their common options, the settings behind them, and the service they talk to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from earmark.cli.remote import Remote
    from earmark.settings_sources import Loaded

Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file (default: EARMARK_CONFIG, else in the data directory).")
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Data directory (default: EARMARK_DATA_DIR, else ~/.local/share/earmark)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Id = Annotated[str, typer.Argument(help="Ticket id; its first characters are enough when they are unique.")]


def load(config: Path | None, data_dir: Path | None) -> Loaded:
    from earmark.settings_sources import load_settings

    return load_settings(config=config, data_dir=data_dir, environ=os.environ)


def remote(config: Path | None, data_dir: Path | None) -> Remote:
    from earmark.cli.remote import Remote, find_service

    return Remote(find_service(load(config, data_dir)))
