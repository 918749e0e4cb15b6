"""Where replaced and taken-back files wait until nobody can want them any more, on the library's own disk: below
`<recycle>/<ticket mark>/<time>-<act>-<what>/` with their path in the library. Deletes for good only by age."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from earmark.library.methods import bring
from earmark.library.offload import offload
from earmark.library.staging import Step, discard, flush_file, flush_folder, mark_of, temp_name

FOLDER = ".earmark-recycle"
"""Hidden, so that no media server reads it."""

_BIN = re.compile(r"(\d{8}T\d{6}Z)-\d+-[a-z]+(?:-\d+)?")
_MARK = re.compile(r"[0-9a-f]{8}")
_STAMP = "%Y%m%dT%H%M%SZ"


def recycle_of(root: Path, recycle: Path | None) -> Path:
    """The recycle folder of the library at `root`."""
    return recycle.absolute() if recycle is not None else root / FOLDER


def new_bin(recycle: Path, ticket_id: str, act: int, what: str, at: datetime) -> Path:
    """A folder that does not exist yet for what one act puts away. `what` is one word."""
    stem = recycle / mark_of(ticket_id) / f"{at.astimezone(UTC).strftime(_STAMP)}-{act}-{what}"
    return next(
        path
        for path in (stem if n == 1 else stem.with_name(f"{stem.name}-{n}") for n in range(1, 100_000))
        if not os.path.lexists(path)
    )


def keep(path: Path, kept: Path, ticket_id: str, step: Step, check: Callable[[], None]) -> None:
    """A second place for what is about to be replaced: a link, or a whole copy. One from an interrupted run is older
    and stays."""
    if not os.path.lexists(path) or os.path.lexists(kept):
        return
    step(f"keep {path.name}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    temp = kept.with_name(temp_name(ticket_id, kept.name))
    discard(temp, step)
    try:
        os.link(path, temp, follow_symlinks=False)
    except OSError:  # no hard links here, or another disk
        bring(path, temp, ("reflink", "copy"), check)
        flush_file(temp)
    temp.rename(kept)
    flush_folder(kept.parent)


def retire(path: Path, kept: Path, ticket_id: str, step: Step, check: Callable[[], None]) -> None:
    """Move a file or a whole folder out of sight into the recycle folder. On another disk it is copied first."""
    step(f"retire {path.name}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.rename(kept)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _carry(path, kept, ticket_id, step, check)
    flush_folder(kept.parent)


def bring_back(kept: Path, path: Path, ticket_id: str, step: Step, check: Callable[[], None]) -> None:
    """What was kept gets its old name again, in one rename over whatever is there."""
    step(f"bring {path.name} back")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        kept.rename(path)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        temp = path.with_name(temp_name(ticket_id, path.name))
        discard(temp, step)
        bring(kept, temp, ("copy",), check)
        flush_file(temp)
        temp.rename(path)
        kept.unlink()
    flush_folder(path.parent)


def prune(folder: Path, stop: Path) -> None:
    """Remove `folder` and the folders around it, while they are empty, up to `stop`, which stays."""
    while stop in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


async def recycle_sweep(root: Path, before: datetime, *, recycle: Path | None = None) -> int:
    """Delete for good what was put away before that time, and return how many bytes that freed (files with another
    name elsewhere free none). An undo that would need it says `undo_expired` from then on. Run it daily."""
    return await offload(lambda check: _sweep(recycle_of(root.absolute(), recycle), before, check))


def _sweep(recycle: Path, before: datetime, check: Callable[[], None]) -> int:
    freed = 0
    if not recycle.is_dir() or recycle.is_symlink():
        return 0
    for home in (path for path in recycle.iterdir() if _MARK.fullmatch(path.name) and not path.is_symlink()):
        for bin_ in list(home.iterdir()):
            check()
            found = _BIN.fullmatch(bin_.name)
            if found is None or bin_.is_symlink():
                continue
            if datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC) < before:
                freed += _bytes_below(bin_)
                with suppress(OSError):  # what cannot be removed now is removed tomorrow
                    shutil.rmtree(bin_)
        with suppress(OSError):
            home.rmdir()
    return freed


def _bytes_below(folder: Path) -> int:
    facts = (Path(base, name).lstat() for base, _, names in os.walk(folder) for name in names)
    return sum(fact.st_size for fact in facts if fact.st_nlink == 1)


def _carry(path: Path, kept: Path, ticket_id: str, step: Step, check: Callable[[], None]) -> None:
    """To another disk: each file whole before its source goes. A run that was killed is simply repeated."""
    if path.is_dir() and not path.is_symlink():
        kept.mkdir(exist_ok=True)
        for inner in list(path.iterdir()):
            _carry(inner, kept / inner.name, ticket_id, step, check)
        path.rmdir()
    else:
        if path.is_file() and not path.is_symlink():
            discard(kept, step)
            keep(path, kept, ticket_id, step, check)
        path.unlink()
