"""The configuration reference, made from the settings types, so that it cannot say anything else than the program does."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from earmark.settings import Settings

INTRODUCTION = """\
# Configuration

<!-- Made by `earmark config reference`; a test keeps it true. Change the descriptions in src/earmark/settings.py. -->

Earmark reads `earmark.toml` (named by `--config` or `EARMARK_CONFIG`, else in the data directory). Every key can also be
given as an environment variable `EARMARK_SECTION__KEY`, or, for secrets kept in files, as `EARMARK_SECTION__KEY_FILE` with
the path of the file. A `.env` file in the working directory is read for the same names and never written. The environment
wins over `.env`, and `.env` over the file. A fault stops the start and is named with file, key, value and fix.

`earmark config show` prints what is in force, with secrets masked.
"""


def reference() -> str:
    """The whole document as Markdown."""
    parts = [INTRODUCTION]
    for section, info in Settings.model_fields.items():
        model = info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            parts.append(_section(section, info.description or "", model))
    return "\n".join(parts)


def _section(section: str, text: str, model: type[BaseModel]) -> str:
    lines = [f"## [{section}]", "", text, "", "| key | type | default | meaning |", "|---|---|---|---|"]
    for key, info in model.model_fields.items():
        meaning = (info.description or "").replace("|", "\\|")
        lines.append(f"| `{key}` | {_type(info)} | {_default(info)} | {meaning} |")
    return "\n".join(lines) + "\n"


def _type(info: FieldInfo) -> str:
    text = str(info.annotation)
    if "Literal" in text:
        return " \\| ".join(part.strip(" '") for part in text[text.index("[") + 1 : text.index("]")].split(","))
    for mark, name in (
        ("SecretStr", "secret"),
        ("Path", "path"),
        ("tuple", "list"),
        ("float", "number"),
        ("int", "whole number"),
    ):
        if mark in text:
            return name
    return "true \\| false" if "bool" in text else "text"


def _default(info: FieldInfo) -> str:
    value = info.default
    if value is None or value is PydanticUndefined:
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{v}`" for v in value)
    if isinstance(value, Path | str):
        return f"`{value}`" if str(value) else "empty"
    return f"`{value}`"
