"""The media management settings as a page sees and changes them: shown with where each is set, tried out before they are
saved, and in force at once. What is refused changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from earmark.core.previewing import Preview, preview
from earmark.core.reasons import JsonValue, PermanentError, Reason
from earmark.library.methods import MethodCheck, probe_method
from earmark.library.offload import offload
from earmark.pipeline.house import House, Keeper
from earmark.settings_shelf import ConverterSettings, LibrarySettings
from earmark.store import events

SECTIONS: Mapping[str, type[LibrarySettings] | type[ConverterSettings]] = {
    "library": LibrarySettings,
    "converter": ConverterSettings,
}
CHANGEABLE = (
    *("library.audiobooks", "library.ebooks", "library.pattern", "library.file_pattern", "library.use_series_folders"),
    *("library.method", "library.ebook_formats", "library.ebooks_beside_audiobook", "library.text_sidecars"),
    *("library.review_before_import", "library.recycle_days", "library.file_mode", "library.folder_mode"),
    *("library.owner", "library.min_free_space_mib"),
    *("converter.codec", "converter.mono_kbps", "converter.stereo_kbps", "converter.coder"),
)
"""The settings of the page, by their dotted names in `earmark.toml`."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One of them: its value, what it means, and where it is set when it cannot be changed here."""

    name: str
    value: object
    description: str
    locked: str | None


@dataclass(frozen=True, slots=True)
class Saved:
    """What was saved, and what the chosen method comes down to between downloads and library."""

    changed: tuple[str, ...]
    method: MethodCheck


def media_settings(house: House) -> list[Setting]:
    """Every setting of the page as it is in force."""
    found: list[Setting] = []
    for name in CHANGEABLE:
        section, key = name.split(".")
        description = SECTIONS[section].model_fields[key].description or ""
        value = getattr(getattr(house.settings, section), key)
        found.append(Setting(name, value, description, _locked(house, name)))
    return found


def sample_paths(pattern: str, file_pattern: str, *, use_series_folders: bool) -> list[Preview]:
    """Where sample books would go. Raises `PatternError` naming what is wrong with a pattern."""
    return preview(pattern, file_pattern, use_series_folders=use_series_folders)


async def try_method(house: House) -> MethodCheck:
    """Does the method in force work between the downloads and the library? Tried with a small file of our own."""
    library = house.settings.library
    return await offload(lambda _: probe_method(house.download_dir, library.audiobooks.absolute(), library.method))


async def save_media_settings(house: House, changes: Mapping[str, object], actor: str) -> Saved:
    """Save (dotted name → value; None brings the default back) and put them in force.

    Raises `ConfigError` (`bad_settings`) with a line for each fault, PermanentError `settings_fixed`, `unknown_setting`,
    `method_impossible` with what a trial of the method said; then nothing has changed."""
    _keeper(house)
    for name in changes:
        if name not in CHANGEABLE:
            raise PermanentError.of(
                "unknown_setting", f"{name!r} is no setting of this page.", "Leave it out.", field=name
            )
    check = await _refuse_impossible(house, changes)
    return Saved(await keep(house, changes, actor), check)


async def keep(house: House, changes: Mapping[str, object], actor: str) -> tuple[str, ...]:
    """Save those that differ (dotted name → value; None brings the default back), put them in force and note who did it.
    Returns their names. Raises `ConfigError` and PermanentError `settings_fixed`; then nothing has changed."""
    keeper = _keeper(house)
    tree: dict[str, dict[str, object]] = {}
    for name, value in changes.items():
        section, key = name.split(".")
        if getattr(getattr(house.settings, section), key) != value:
            tree.setdefault(section, {})[key] = value
    if tree:
        house.settings = keeper.save(tree)
    changed = tuple(f"{section}.{key}" for section, values in tree.items() for key in values)
    async with house.write() as tx:
        note: dict[str, JsonValue] = {"what": "settings_changed", "actor": actor, "settings": list(changed)}
        await events.append(tx, None, "note", note, house.now())
    return changed


def _keeper(house: House) -> Keeper:
    if house.keeper is None:
        raise PermanentError.of(
            "settings_fixed",
            "This Earmark was started without a settings file it may change.",
            "Change the settings where they are given, and restart.",
        )
    return house.keeper


async def _refuse_impossible(house: House, changes: Mapping[str, object]) -> MethodCheck:
    """Try the method as it would be, between the folders as they would be."""
    library = house.settings.library
    method = changes.get("library.method", library.method)
    root = changes.get("library.audiobooks", library.audiobooks)
    trial = LibrarySettings.model_validate({"method": method, "audiobooks": root or LibrarySettings().audiobooks})
    there = trial.audiobooks.absolute()
    if not there.is_dir():
        return MethodCheck(True, None, None)  # the folder is made, or refused by name, when it is saved
    check = await offload(lambda _: probe_method(house.download_dir, there, trial.method))
    if not check.ok and check.reason is not None and {"library.method", "library.audiobooks"} & set(changes):
        raise PermanentError(
            Reason(
                "method_impossible",
                f"library.method = {trial.method} does not work here: {check.reason.message}",
                "Choose hardlink-or-copy or copy, or put downloads and library on one file system.",
                {"field": "library.method", **check.reason.evidence},
            )
        )
    return check


def _locked(house: House, name: str) -> str | None:
    return "the start of this Earmark" if house.keeper is None else house.keeper.locked(name)
