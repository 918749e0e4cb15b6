"""`earmark config show`: what is in force and where it came from."""

from __future__ import annotations

import json

from rich.console import Console
from rich.markup import escape

from earmark.settings_sources import Loaded, masked


def show(loaded: Loaded, *, as_json: bool) -> None:
    shown = masked(loaded.settings)
    if as_json:
        print(json.dumps({"data_dir": str(loaded.data_dir), "file": _name(loaded), "settings": shown}, indent=2))
        return
    console = Console(highlight=False)
    console.print(f"[dim]data directory[/] {escape(str(loaded.data_dir))}")
    console.print(f"[dim]settings file [/] {escape(_name(loaded) or 'none')}")
    for section, values in shown.items():
        console.print(f"\n[bold]\\[{section}][/]")
        for key, value in values.items():
            source = loaded.sources.get(f"{section}.{key}")
            mark = f"  [dim]# {escape(source)}[/]" if source else "  [dim]# default[/]"
            console.print(f"{key} = {escape(json.dumps(value, ensure_ascii=False))}{mark}")


def _name(loaded: Loaded) -> str | None:
    return str(loaded.config_file) if loaded.config_file else None
