"""Real disks: how full they are, and what removing real files would bring."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from earmark.core.reasons import EarmarkError
from earmark.library.space import disk_of, held_files, truly_freed, watch


def test_a_path_that_is_yet_to_be_made_is_on_the_disk_of_its_folder(tmp_path: Path) -> None:
    there, soon = disk_of(tmp_path), disk_of(tmp_path / "soon")
    assert there.device == soon.device == tmp_path.stat().st_dev
    assert 0 < there.free <= there.total


def test_a_path_on_no_disk_at_all_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EarmarkError) as caught:
        disk_of(tmp_path / "no" / "such")
    assert caught.value.reason.code == "storage_away"


def test_one_disk_is_asked_once_and_held_to_the_highest_of_its_limits(tmp_path: Path) -> None:
    (state,) = watch({"library": tmp_path, "downloads": tmp_path / "dl"}, {"library": 1, "downloads": 1 << 60})
    assert set(state.uses) == {"library", "downloads"}
    assert state.low
    assert state.reason is not None
    assert state.reason.evidence["limit_bytes"] == 1 << 60
    assert "library, downloads" in state.reason.message
    (fine,) = watch({"library": tmp_path}, {"library": 1})
    assert not fine.low
    assert fine.reason is None


def test_disks_are_told_apart(tmp_path: Path, small_disk: Path) -> None:
    states = watch({"library": small_disk, "downloads": tmp_path}, {"library": 10 << 20, "downloads": 1})
    assert [(list(state.uses), state.low) for state in states] == [(["library"], True), (["downloads"], False)]


def test_a_disk_that_is_away_is_unknown_and_not_low(tmp_path: Path) -> None:
    (state,) = watch({"downloads": tmp_path / "not" / "mounted"}, {"downloads": 1 << 60})
    assert not state.low
    assert state.disk is None
    assert state.reason is not None
    assert state.reason.code == "space_unknown"


def test_only_a_file_without_another_name_brings_room(tmp_path: Path) -> None:
    data = os.urandom(1 << 16)
    for name in ("own", "linked", "twice"):
        (tmp_path / name).write_bytes(data)
    os.link(tmp_path / "linked", tmp_path / "in the library")
    os.link(tmp_path / "twice", tmp_path / "twice again")
    (tmp_path / "pointer").symlink_to(tmp_path / "own")
    one = (tmp_path / "own").stat().st_blocks * 512
    assert one >= len(data)
    assert truly_freed([tmp_path / "own", tmp_path / "own"]) == one
    assert truly_freed([tmp_path / "linked"]) == 0
    assert truly_freed([tmp_path / "twice", tmp_path / "twice again"]) == one
    assert truly_freed([tmp_path / "gone", tmp_path / "pointer", tmp_path]) == 0
    assert len(held_files(tmp_path / name for name in ("own", "linked", "gone"))) == 2
