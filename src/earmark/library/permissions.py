"""Mode and owner of what stands on the shelf, as the settings wish: as far as the file system and our rights go. Never a
reason to fail, and never applied to a file that shares its inode with one that seeds: the download would change too."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Permissions:
    """What files and folders of ours should get; None leaves a thing as it comes. Modes as numbers (0o644)."""

    file_mode: int | None = None
    folder_mode: int | None = None
    uid: int | None = None
    gid: int | None = None


def apply(path: Path, wanted: Permissions, *, folder: bool) -> str | None:
    """Set mode and owner of a file or folder of our own. Returns what was refused, in one line; None when all is as
    wished. A symlink is not followed."""
    mode = wanted.folder_mode if folder else wanted.file_mode
    problems: list[str] = []
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        return f"{path.name}: permissions left as they are ({error.strerror})"
    try:
        if wanted.uid is not None or wanted.gid is not None:
            try:  # before the mode: a new owner clears set-id bits
                os.fchown(
                    descriptor, -1 if wanted.uid is None else wanted.uid, -1 if wanted.gid is None else wanted.gid
                )
            except OSError as error:
                problems.append(f"owner not set ({error.strerror})")
        if mode is not None:
            try:
                os.fchmod(descriptor, mode)
            except OSError as error:
                problems.append(f"mode not set ({error.strerror})")
    finally:
        os.close(descriptor)
    return f"{path.name}: {', '.join(problems)}" if problems else None


def shared_note(name: str) -> str:
    """Why a hard-linked file keeps the permissions of the download."""
    return f"{name}: shares its bytes with a file that seeds, so its permissions stay the download's"
