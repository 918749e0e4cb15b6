"""The settings of the shelf and of binding: how books are laid out, brought there and written. A part of `settings`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from earmark.core.naming import PatternError, parse_file_pattern, parse_pattern
from earmark.core.patterns import TOKENS

DEFAULT_PATTERN = "{author}/{series}/{index} - {title} ({year})"


class Section(BaseModel):
    """A `[section]` of the file: unknown keys are refused, values never change after the start."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ConverterSettings(Section):
    ffmpeg_path: Path | None = Field(
        None, description="ffmpeg to use. Default: the one on PATH, else the one that came with Earmark."
    )
    ffprobe_path: Path | None = Field(
        None,
        description="Accepted for the sake of older configurations and checked to be a program; Earmark never calls it.",
    )
    temp_dir: Path | None = Field(None, description="Workspace for binding. Default: `work` in the data directory.")
    max_parallel_conversions: int = Field(4, ge=1, le=64, description="Books bound at the same time.")
    codec: Literal["aac", "he-aac", "opus", "mp3"] = Field(
        "aac",
        description="What a book is encoded to when it cannot be copied: `aac` and `he-aac` make an M4B, `opus` an Ogg "
        "file, `mp3` joins MP3 files as they are (other sources still become AAC). `he-aac` needs an ffmpeg with libfdk_aac.",
    )
    mono_kbps: int = Field(64, ge=16, le=320, description="Bit rate of an encoded mono book; never above its source.")
    stereo_kbps: int = Field(
        128, ge=24, le=512, description="Bit rate of an encoded stereo book; never above its source."
    )
    coder: Literal["auto", "fast", "thorough"] = Field(
        "auto",
        description="ffmpeg's AAC coder. `auto` takes the fast one where it is as good (64 kbit/s a channel and more).",
    )
    niceness: int = Field(
        10, ge=0, le=19, description="How far binding steps back for other programs of the machine, CPU and disk."
    )


class LibrarySettings(Section):
    audiobooks: Path = Field(
        Path("/mnt/storage/audiobooks"),
        description="Library folder for audiobooks. Made at the start when the folder above it is there.",
    )
    ebooks: Path | None = Field(None, description="Library folder for e-books. Without it e-book tickets are refused.")
    music: Path | None = Field(
        None,
        description="Library folder for music, a kind to come. When set, the `dest_path` of a ticket's tracks must lie below it.",
    )
    pattern: str = Field(
        DEFAULT_PATTERN,
        description="Folder of a book below the library folder. Tokens: "
        + " ".join(f"{{{name}}}" for name in TOKENS)
        + "; {index:02} pads. Text inside the braces comes and goes with the value, as in `{series/}` or `{ (year)}`; parts "
        "whose tokens are empty vanish.",
    )

    file_pattern: str = Field(
        "{title} - {part}",
        description="Name of a book's file, without its ending. The tokens of `pattern`, and {part} where a book has several.",
    )
    use_series_folders: bool = Field(
        False,
        description="Put a book of a series below a folder of that series even where `pattern` has no {series}.",
    )
    method: Literal["hardlink", "hardlink-or-copy", "reflink", "copy", "move"] = Field(
        "hardlink-or-copy",
        description="How a file of a download that is placed unchanged gets onto the shelf. `hardlink` and `reflink` fail "
        "where the file system cannot; `move` waits until the torrent owes nothing any more.",
    )
    ebook_formats: tuple[str, ...] = Field(
        ("epub", "azw3", "mobi", "pdf", "cbz"), description="E-book formats, the preferred one first."
    )
    ebooks_beside_audiobook: bool = Field(
        False, description="Put an e-book into the folder of its audiobook when that is on the shelf."
    )
    text_sidecars: bool = Field(True, description="Write `desc.txt` and `reader.txt` beside the book too.")
    review_before_import: bool = Field(
        False, description="A bound book waits for your word before it is placed on the shelf."
    )
    recycle_path: Path | None = Field(
        None,
        description="Where replaced and taken-back files are kept. Default: a hidden folder in the library, on the same disk.",
    )
    recycle_days: int = Field(30, ge=0, description="How long they are kept there and an undo is possible.")
    file_mode: str | None = Field(
        None, description="Permissions of placed files, octal, e.g. `644`. Default: the umask's."
    )
    folder_mode: str | None = Field(None, description="Permissions of made folders, octal, e.g. `755`.")
    owner: str | None = Field(None, description="Owner of placed files as `user` or `user:group`, when we may set it.")
    min_free_space_mib: int = Field(
        500, ge=0, description="Grabs wait, with an alert, while the library's disk would have less than this left."
    )

    @field_validator("file_pattern")
    @classmethod
    def _usable_for_files(cls, value: str) -> str:
        try:
            parse_file_pattern(value)
        except PatternError as error:
            raise ValueError(f"{error.reason.message} {error.reason.action}") from error
        return value

    @field_validator("file_mode", "folder_mode")
    @classmethod
    def _octal(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"0?[0-7]{3}", value):
            raise ValueError("must be three octal digits such as 644")
        return value

    @field_validator("pattern")
    @classmethod
    def _usable(cls, value: str) -> str:
        try:
            parse_pattern(value)
        except PatternError as error:
            raise ValueError(f"{error.reason.message} {error.reason.action}") from error
        return value
