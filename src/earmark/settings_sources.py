"""Where settings come from: `earmark.toml`, `.env` (read, never written) and the environment, later ones winning. Whatever is
wrong is reported at once and all of it, each with file, key, value and fix; nothing starts on a guess."""

from __future__ import annotations

import difflib
import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from earmark.core.reasons import PermanentError, Reason
from earmark.settings import Settings

PREFIX = "EARMARK_"
CONFIG_NAME = "earmark.toml"
RESERVED = frozenset({"EARMARK_CONFIG", "EARMARK_DATA_DIR", "EARMARK_URL", "EARMARK_TOKEN"})
"""Variables of the command line itself; everything else must be EARMARK_SECTION__KEY."""

Tree: TypeAlias = dict[str, dict[str, object]]


class ConfigError(PermanentError):
    """The settings cannot be used. `problems` has one line a fault."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        lines = "\n".join(f"  - {p}" for p in problems)
        super().__init__(
            Reason(
                "bad_settings", f"The settings cannot be used:\n{lines}", "Mend the lines named above and start again."
            )
        )

    def __reduce__(self) -> tuple[type[ConfigError], tuple[list[str]]]:  # type: ignore[override]
        return (ConfigError, (self.problems,))


@dataclass(frozen=True, slots=True)
class Loaded:
    """Valid settings, and where each value that is not a default came from ("section.key" → source)."""

    settings: Settings
    config_file: Path | None
    data_dir: Path
    sources: Mapping[str, str] = field(default_factory=dict)


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """EARMARK_DATA_DIR, else the XDG data folder."""
    if environ.get("EARMARK_DATA_DIR"):
        return Path(environ["EARMARK_DATA_DIR"])
    base = environ.get("XDG_DATA_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".local/share"
    return Path(base) / "earmark"


def load_settings(
    *, config: Path | None, data_dir: Path | None, environ: Mapping[str, str], dotenv: Path | None = Path(".env")
) -> Loaded:
    """Read all sources and validate. Raises `ConfigError` naming every fault."""
    folder = (data_dir or default_data_dir(environ)).expanduser().absolute()
    file = _config_file(config, folder, environ)
    tree: Tree = {}
    sources: dict[str, str] = {}
    problems: list[str] = []
    if file is not None:
        _add_toml(file, tree, sources, problems)
    from_file = {
        k: v for k, v in (dotenv_values(dotenv) if dotenv and dotenv.is_file() else {}).items() if v is not None
    }
    for origin, variables in ((str(dotenv), from_file), ("environment", environ)):
        _add_variables(origin, variables, tree, sources, problems)
    settings = _validated(tree, sources, problems)
    if problems or settings is None:
        raise ConfigError(problems)
    return Loaded(settings, file, folder, sources)


def check_paths(loaded: Loaded) -> None:
    """Make the folders the service writes to, and prove that it can. Raises `ConfigError` naming those it cannot use."""
    settings, data_dir = loaded.settings, loaded.data_dir
    downloads = {
        "embedded": settings.embedded.download_path,
        "qbittorrent": settings.qbittorrent.download_path,
        "transmission": settings.transmission.download_path,
    }[settings.client.kind] or data_dir / "downloads"
    folders = {
        "--data-dir": data_dir,
        "library.audiobooks": settings.library.audiobooks,
        f"{settings.client.kind}.download_path": downloads,
        "converter.temp_dir": settings.converter.temp_dir or data_dir / "work",
    }
    if settings.library.ebooks is not None:
        folders["library.ebooks"] = settings.library.ebooks
    problems = [p for key, path in folders.items() if (p := _not_writable(loaded, key, path.absolute()))]
    for key in ("library.audiobooks", "library.ebooks"):
        if key in folders:
            problems += _inside_one_another(loaded, key, folders[key].absolute(), downloads.absolute())
    problems += _not_programs(loaded) + _own_port_taken_for_qbittorrent(loaded)
    if problems:
        raise ConfigError(problems)


def _inside_one_another(loaded: Loaded, key: str, library: Path, download: Path) -> list[str]:
    if download != library and library not in download.parents and download not in library.parents:
        return []
    return [
        f"{_where(loaded.sources, key)}: {key} = {str(library)!r} and the download path "
        f"{str(download)!r} lie inside one another; a scanner would read half downloads. Give each a folder of its own."
    ]


def _not_programs(loaded: Loaded) -> list[str]:
    converter = loaded.settings.converter
    given = {"ffmpeg": converter.ffmpeg_path, "ffprobe": converter.ffprobe_path}
    fixes = {"ffmpeg": "to use the ffmpeg found on PATH", "ffprobe": "for Earmark does without"}
    return [
        f"{_where(loaded.sources, f'converter.{name}_path')}: converter.{name}_path = {str(path)!r} is no program that can be "
        f"run. Correct the path, or remove the key, {fixes[name]}."
        for name, path in given.items()
        if path is not None and not (path.is_file() and os.access(path, os.X_OK))
    ]


def _own_port_taken_for_qbittorrent(loaded: Loaded) -> list[str]:
    """Both have 8080 by default; Earmark would ask itself, and be refused."""
    settings = loaded.settings
    url, server = urlsplit(settings.qbittorrent.url), settings.server
    port = url.port or (443 if url.scheme == "https" else 80)
    here = {"localhost", "127.0.0.1", "::1", server.host}
    if settings.client.kind != "qbittorrent" or port != server.port or url.hostname not in here:
        return []
    return [
        f"{_where(loaded.sources, 'qbittorrent.url')}: qbittorrent.url = {settings.qbittorrent.url!r} is Earmark's own address "
        f"(server.port = {server.port}). Give one of them another port: here, or in qBittorrent's Web UI settings."
    ]


def masked(settings: Settings) -> dict[str, dict[str, object]]:
    """The tree for showing: secrets only tell whether they are set."""
    shown: dict[str, dict[str, object]] = {}
    for section, model in settings:
        shown[section] = {key: _shown(value) for key, value in model}
    return shown


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    return value


def _config_file(config: Path | None, data_dir: Path, environ: Mapping[str, str]) -> Path | None:
    named = config or (Path(environ["EARMARK_CONFIG"]) if environ.get("EARMARK_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise ConfigError([f"{named}: there is no such file. Correct --config (or EARMARK_CONFIG)."])
        return named.absolute()
    standard = data_dir / CONFIG_NAME
    return standard if standard.is_file() else None


def _add_toml(file: Path, tree: Tree, sources: dict[str, str], problems: list[str]) -> None:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{file}: not valid TOML: {error}. Mend that line.")
        return
    except OSError as error:
        problems.append(f"{file}: cannot be read ({error.strerror}). Let the user Earmark runs as read it.")
        return
    for section, values in content.items():
        if not isinstance(values, dict):
            problems.append(f"{file}: {section} = {values!r} stands outside a section. Move it below a [section] line.")
            continue
        for key, value in values.items():
            tree.setdefault(section, {})[key] = value
            sources[f"{section}.{key}"] = str(file)


def _add_variables(
    origin: str, variables: Mapping[str, str], tree: Tree, sources: dict[str, str], problems: list[str]
) -> None:
    """EARMARK_SECTION__KEY and EARMARK_SECTION__KEY_FILE; a typo in a name is a fault, not a surprise later."""
    for name, value in sorted(variables.items()):
        if not name.startswith(PREFIX) or name in RESERVED:
            continue
        section, found, key = name.removeprefix(PREFIX).lower().partition("__")
        if not found:
            problems.append(f"{origin}: {name} is not a setting. Settings are named EARMARK_SECTION__KEY.")
            continue
        known = _fields_of(section)
        if key not in known and key.endswith("_file") and key.removesuffix("_file") in known:
            key, text = key.removesuffix("_file"), _content_of(Path(value), origin, name, problems)
            if text is None:
                continue
        else:
            text = value
        parsed: object = text
        if key in known and "tuple" in str(known[key].annotation):
            parsed = tuple(part.strip() for part in text.split(",") if part.strip())
        tree.setdefault(section, {})[key] = parsed
        sources[f"{section}.{key}"] = f"{origin}: {name}"


def _content_of(path: Path, origin: str, name: str, problems: list[str]) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{origin}: {name} = {str(path)!r} cannot be read ({error}). Point it to a readable text file.")
        return None


def _fields_of(section: str) -> Mapping[str, FieldInfo]:
    model = Settings.model_fields.get(section)
    kind = model.annotation if model else None
    return kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else {}


def _validated(tree: Tree, sources: Mapping[str, str], problems: list[str]) -> Settings | None:
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False):
            problems.append(_fault(fault["loc"], fault["type"], fault["msg"], fault.get("input"), tree, sources))
        return None


def _fault(
    loc: tuple[int | str, ...], kind: str, message: str, value: object, tree: Tree, sources: Mapping[str, str]
) -> str:
    section, key = str(loc[0]), str(loc[1]) if len(loc) > 1 else ""
    dotted = f"{section}.{key}" if key else f"[{section}]"
    origin = (
        _where(sources, dotted) if key else next((s for k, s in sources.items() if k.startswith(f"{section}.")), "")
    )
    if kind == "extra_forbidden":
        return f"{origin}: {dotted} is unknown. {_suggest(section, key)}"
    said = message.removeprefix("Value error, ")
    if not key:
        return f"{origin}: {dotted} {said}."
    return f"{origin}: {dotted} = {_quoted(section, key, value)}: {said.rstrip('.')}. {_fix(section, key)}"


def _suggest(section: str, key: str) -> str:
    if section not in Settings.model_fields:
        near = difflib.get_close_matches(section, list(Settings.model_fields), 1)
        sections = ", ".join(f"[{s}]" for s in Settings.model_fields)
        return f"Did you mean [{near[0]}]?" if near else f"Sections are {sections}."
    known = list(_fields_of(section))
    near = difflib.get_close_matches(key, known, 1)
    return f"Did you mean {section}.{near[0]}?" if near else f"Keys of [{section}] are {', '.join(known)}."


def _quoted(section: str, key: str, value: object) -> str:
    known = _fields_of(section).get(key)
    if known is not None and "SecretStr" in str(known.annotation):
        return "(a secret)"
    return repr(value)


def _fix(section: str, key: str) -> str:
    known = _fields_of(section).get(key)
    return f"Expected: {known.description}" if known is not None and known.description else "Correct or remove it."


def _where(sources: Mapping[str, str], dotted: str) -> str:
    return sources.get(dotted, "default")


def _not_writable(loaded: Loaded, key: str, path: Path) -> str | None:
    try:
        if key.startswith("library.") and not path.parent.is_dir():
            return (
                f"{_where(loaded.sources, key)}: {key} = {str(path)!r} lies in {str(path.parent)!r}, which is not there; a new "
                "library is not made on a disk that may only be away. Mount it, create that folder, or name another one."
            )
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return None
    except OSError as error:
        return (
            f"{_where(loaded.sources, key)}: {key} = {str(path)!r} cannot be written to ({error.strerror}). "
            "Create the folder and let the user Earmark runs as write to it, or name another one."
        )
