"""Changing settings from within: keys of `earmark.toml` are set or removed, everything else in the file stays as a person
wrote it. What the environment says cannot be changed here, for it would win at the next start."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from earmark.settings_sources import CONFIG_NAME, ConfigError, Loaded, load_settings

Changes = Mapping[str, Mapping[str, object]]
"""section → key → value; None takes the key out, so that the default holds again."""


def save_settings(
    loaded: Loaded, changes: Changes, *, environ: Mapping[str, str], dotenv: Path | None = Path(".env")
) -> Loaded:
    """Write the changes and return the settings as they are then. Nothing is written unless the whole of it is valid.

    Raises `ConfigError` naming each key that is wrong, is set in the environment, or cannot be written."""
    _refuse_locked(loaded, changes)
    file = loaded.config_file or loaded.data_dir / CONFIG_NAME
    text = _changed(file, changes)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".earmark-", suffix=".toml")
    except OSError as error:
        raise ConfigError(
            [f"{file}: cannot be changed ({error.strerror}). Let Earmark write to its folder."]
        ) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        fresh = _checked(temporary, file, loaded, environ, dotenv)
        if file.exists():
            temporary.chmod(file.stat().st_mode & 0o777)
        temporary.replace(file)
    except OSError as error:
        raise ConfigError([f"{file}: cannot be written ({error.strerror}). Check room and rights."]) from error
    finally:
        temporary.unlink(missing_ok=True)
    sources = {key: source.replace(str(temporary), str(file)) for key, source in fresh.sources.items()}
    return Loaded(fresh.settings, file, loaded.data_dir, sources)


def locked(loaded: Loaded, dotted: str) -> str | None:
    """Where a key is set that cannot be changed here: the variable's name with its origin; None when it can."""
    source = loaded.sources.get(dotted)
    return source if source is not None and source != str(loaded.config_file) else None


def _refuse_locked(loaded: Loaded, changes: Changes) -> None:
    problems = [
        f"{source}: {section}.{key} is set there and would win at the next start. Change or remove it there."
        for section, values in changes.items()
        for key, value in values.items()
        if (source := locked(loaded, f"{section}.{key}")) is not None
        and value != getattr(getattr(loaded.settings, section, None), key, None)
    ]
    if problems:
        raise ConfigError(problems)


def _changed(file: Path, changes: Changes) -> str:
    try:
        document = tomlkit.parse(file.read_text(encoding="utf-8") if file.exists() else "")
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise ConfigError([f"{file}: cannot be read any more ({error}). Mend it by hand first."]) from error
    for section, values in changes.items():
        table = document.setdefault(section, tomlkit.table())
        if not isinstance(table, Table):
            raise ConfigError([f"{file}: {section} is no section. Move its keys below a [{section}] line."])
        for key, value in values.items():
            if value is None:
                table.pop(key, None)
            else:
                table[key] = (
                    list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
                )
    return tomlkit.dumps(document)


def _checked(temporary: Path, file: Path, loaded: Loaded, environ: Mapping[str, str], dotenv: Path | None) -> Loaded:
    try:
        return load_settings(config=temporary, data_dir=loaded.data_dir, environ=environ, dotenv=dotenv)
    except ConfigError as error:
        raise ConfigError([problem.replace(str(temporary), str(file)) for problem in error.problems]) from None
