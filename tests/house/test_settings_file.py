"""Settings are changed in place: comments stay, a fault writes nothing, and what the environment says is not fought."""

from __future__ import annotations

from pathlib import Path

import pytest

from earmark.settings_file import Changes, locked, save_settings
from earmark.settings_sources import ConfigError, Loaded, load_settings

FILE = """# my shelf
[library]
audiobooks = "/srv/books"  # the big disk
pattern = "{author}/{title}"
"""


def loaded(tmp_path: Path, text: str | None = FILE, **environ: str) -> Loaded:
    if text is not None:
        (tmp_path / "earmark.toml").write_text(text)
    return load_settings(config=None, data_dir=tmp_path, environ=environ, dotenv=None)


def save(before: Loaded, changes: Changes, **environ: str) -> Loaded:
    return save_settings(before, changes, environ=environ, dotenv=None)


def test_a_change_keeps_every_other_line_as_it_was_written(tmp_path: Path) -> None:
    after = save(
        loaded(tmp_path), {"library": {"pattern": "{author}/{series/}{title}"}, "converter": {"codec": "opus"}}
    )
    assert after.settings.library.pattern == "{author}/{series/}{title}"
    text = (tmp_path / "earmark.toml").read_text()
    assert text.startswith('# my shelf\n[library]\naudiobooks = "/srv/books"  # the big disk\n')
    assert loaded(tmp_path, None).settings == after.settings


def test_the_first_change_makes_the_file(tmp_path: Path) -> None:
    after = save(loaded(tmp_path, None), {"library": {"use_series_folders": True}})
    assert after.config_file == tmp_path / "earmark.toml"
    assert loaded(tmp_path, None).settings.library.use_series_folders


def test_taking_a_key_out_brings_the_default_back(tmp_path: Path) -> None:
    after = save(loaded(tmp_path), {"library": {"pattern": None}})
    assert after.settings.library.pattern != "{author}/{title}"
    assert "pattern" not in (tmp_path / "earmark.toml").read_text()


def test_a_fault_names_the_key_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"library\.pattern.*titel"):
        save(loaded(tmp_path), {"library": {"pattern": "{author}/{titel}"}})
    assert (tmp_path / "earmark.toml").read_text() == FILE
    assert [p.name for p in tmp_path.iterdir()] == ["earmark.toml"]


def test_what_the_environment_sets_is_refused_with_the_variable(tmp_path: Path) -> None:
    variable = {"EARMARK_LIBRARY__PATTERN": "{title}"}
    before = loaded(tmp_path, **variable)
    assert locked(before, "library.pattern") == "environment: EARMARK_LIBRARY__PATTERN"
    assert locked(before, "library.audiobooks") is None
    with pytest.raises(ConfigError, match="EARMARK_LIBRARY__PATTERN"):
        save(before, {"library": {"pattern": "{author}/{title}"}}, **variable)
