"""The form of the media management settings: what is in force as text, and what was typed as changes, with a word at each
field that cannot stay as it is. Judges only what a text box cannot hold; whether a value is right, the desk says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from earmark.core.reasons import EarmarkError
from earmark.settings_sources import ConfigError
from earmark.web.contract_shelf import SettingView

Sort: TypeAlias = Literal["text", "path", "number", "list", "switch", "choice"]


@dataclass(frozen=True, slots=True)
class Field:
    """How one setting is asked for. `unit` stands behind a number."""

    name: str
    label: str
    sort: Sort = "text"
    choices: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    code: bool = False  # in the letters of a path or pattern

    @property
    def id(self) -> str:
        return self.name.replace(".", "-").replace("_", "-")


METHODS = (
    ("hardlink-or-copy", "Hard link, else a copy"),
    ("hardlink", "Hard link only"),
    ("reflink", "Shared blocks only (reflink)"),
    ("copy", "Copy"),
    ("move", "Move, once the torrent owes nothing"),
)
CODECS = (("aac", "AAC in an M4B"), ("he-aac", "HE-AAC in an M4B"), ("opus", "Opus"), ("mp3", "MP3, joined as it is"))
CODERS = (("auto", "Choose by the bit rate"), ("fast", "Fast"), ("thorough", "Thorough"))

GROUPS: tuple[tuple[str, str, tuple[Field, ...]], ...] = (
    (
        "layout",
        "Layout",
        (
            Field("library.audiobooks", "Audiobook library", "path", code=True),
            Field("library.pattern", "Folder of a book", code=True),
            Field("library.file_pattern", "Name of a file", code=True),
            Field("library.use_series_folders", "A folder for each series", "switch"),
        ),
    ),
    (
        "files",
        "Files and method",
        (
            Field("library.method", "How files get onto the shelf", "choice", METHODS),
            Field("library.text_sidecars", "Text files beside the book", "switch"),
            Field("library.review_before_import", "Ask before a book is placed", "switch"),
        ),
    ),
    (
        "ebooks",
        "E-books",
        (
            Field("library.ebooks", "E-book library", "path", code=True),
            Field("library.ebook_formats", "Formats", "list", code=True),
            Field("library.ebooks_beside_audiobook", "Beside the audiobook", "switch"),
        ),
    ),
    (
        "binding",
        "Binding",
        (
            Field("converter.codec", "Format of a bound book", "choice", CODECS),
            Field("converter.coder", "AAC coder", "choice", CODERS),
            Field("converter.mono_kbps", "Bit rate, mono", "number", unit="kbit/s"),
            Field("converter.stereo_kbps", "Bit rate, stereo", "number", unit="kbit/s"),
        ),
    ),
    (
        "keeping",
        "Permissions and recycle folder",
        (
            Field("library.file_mode", "Permissions of files", code=True),
            Field("library.folder_mode", "Permissions of folders", code=True),
            Field("library.owner", "Owner", code=True),
            Field("library.recycle_days", "Keep recycled files for", "number", unit="days"),
        ),
    ),
    ("space", "Space", (Field("library.min_free_space_mib", "Keep free on the library’s disk", "number", unit="MiB"),)),
)
FIELDS: Mapping[str, Field] = {f.name: f for _, _, fields in GROUPS for f in fields}
PATTERNS = ("library.pattern", "library.file_pattern")
LONGEST = 1000


@dataclass(frozen=True, slots=True)
class MediaForm:
    """The fields as text, what is wrong with them, and what is wrong with none in particular."""

    values: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)
    general: tuple[str, ...] = ()

    def value(self, name: str) -> str:
        return self.values.get(name, "")

    def error(self, name: str) -> str:
        return self.errors.get(name, "")


def in_force(settings: Sequence[SettingView]) -> MediaForm:
    return MediaForm({setting.name: _shown(setting.value) for setting in settings})


def typed(form: Mapping[str, object], settings: Sequence[SettingView]) -> MediaForm:
    """What was posted. Of settings that are locked the value in force stays, whatever was posted."""
    values = {
        s.name: _shown(s.value) if s.locked or s.name not in FIELDS else _line(form.get(s.name)) for s in settings
    }
    errors = {name: text for name, value in values.items() if name in FIELDS and (text := _fault(FIELDS[name], value))}
    return MediaForm(values, errors)


def changes(form: MediaForm, settings: Sequence[SettingView]) -> dict[str, object]:
    """Dotted name → new value, of what differs from what is in force; None brings the default back. The form has no
    errors."""
    found: dict[str, object] = {}
    for setting in settings:
        text = form.value(setting.name)
        if setting.name in FIELDS and not setting.locked and text != _shown(setting.value):
            found[setting.name] = _value(FIELDS[setting.name], text)
    return found


def refused(form: MediaForm, error: EarmarkError) -> MediaForm:
    """The form with the house's refusal at the fields it names."""
    errors: dict[str, str] = {}
    general: list[str] = []
    if isinstance(error, ConfigError):
        for problem in error.problems:
            name = next((n for n in FIELDS if re.search(rf"{re.escape(n)}(?![\w.])", problem)), None)
            if name is None:
                general.append(problem)
            else:
                errors.setdefault(name, _told(problem, name, form.value(name)))
    else:
        name = str(error.reason.evidence.get("field") or "")
        told = f"{error.reason.message} {error.reason.action}"
        if name in FIELDS:
            errors[name] = told
        else:
            general.append(told)
    return MediaForm(form.values, errors, tuple(general))


def _told(problem: str, name: str, value: str) -> str:
    """`earmark.toml: library.owner = 'x': is …. Expected: …` without what stands at the field anyhow."""
    origin, _, text = problem.partition(name)
    text = text.split(" Expected: ", maxsplit=1)[0].lstrip(" =:")
    for shown in (repr(value), value):
        text = text.removeprefix(f"{shown}: ") if shown else text
    if text.startswith("is set there"):  # it was set elsewhere while the page was open
        return f"It is set elsewhere, which would win: {origin.rstrip(': ')}."
    text = re.sub(r"^Input should", "It should", text.removesuffix("..") + "." * text.endswith(".."))
    return text[:1].upper() + text[1:]


def _fault(one: Field, value: str) -> str:
    if len(value) > LONGEST:
        return f"That is longer than {LONGEST} characters. Shorten it."
    if one.sort == "number" and value and not re.fullmatch(r"[0-9]{1,9}", value):
        return "Write a whole number."
    if one.sort == "choice" and value not in dict(one.choices):
        return "Choose one of the list."
    if one.sort == "path" and value and not value.startswith("/"):
        return "Write the whole path; it begins with a /."
    return ""


def _value(one: Field, text: str) -> object:
    if one.sort == "switch":
        return text == "on"
    if not text:
        return None
    if one.sort == "number":
        return int(text)
    if one.sort == "path":
        return Path(text)
    return tuple(t.casefold() for t in re.split(r"[\s,;]+", text) if t) if one.sort == "list" else text


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else ""
    return ", ".join(str(v) for v in value) if isinstance(value, tuple | list) else str(value)


def _line(value: object) -> str:
    """One line without control characters at its rim; blanks inside a pattern are the owner's."""
    return re.sub(r"[\x00-\x1f\x7f]", " ", value).strip() if isinstance(value, str) else ""
