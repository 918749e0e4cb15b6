"""Small memory disks for tests that fill one up, mounted for real: by root, or in a user namespace of the test's own.

A plugin for the test modules that ask for a `small_disk`; nothing is ever skipped for want of rights.

PYTEST_DONT_REWRITE: test modules import it before pytest takes it up as a plugin, and it asserts nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk_at(place: Path, size: str) -> Iterator[Path]:
    """A memory disk of `size` (as `mount` takes it) at `place`, which is made."""
    place.mkdir(parents=True)
    if _needs_namespace():  # the body does not run here
        yield place
        return
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.fail(f"this test needs the right to mount a tmpfs (CAP_SYS_ADMIN): {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Whoever is not root runs the test once more as the root of a namespace, and takes its outcome for this one's."""
    if "small_disk" not in pyfuncitem.fixturenames or not _needs_namespace():
        return None
    test = f"{pyfuncitem.path}::{pyfuncitem.nodeid.partition('::')[2]}"
    scratch = pyfuncitem.funcargs["small_disk"] / "namespace"
    pytest_here = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={scratch}", test]
    try:
        told = subprocess.run(
            ["unshare", "--map-root-user", "--mount", *pytest_here],
            cwd=pyfuncitem.config.rootpath,
            env=os.environ | {"PYTEST_ADDOPTS": ""},
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        pytest.fail("this test mounts a small disk: it needs root, or the program `unshare` (util-linux)")
    if told.returncode or "1 passed" not in told.stdout:
        pytest.fail(
            "this test mounts a small disk, and did not pass in a user namespace (run as root where those are not "
            f"allowed):\n{told.stdout[-6000:]}{told.stderr[-2000:]}",
            pytrace=False,
        )
    return True


def _needs_namespace() -> bool:
    return os.geteuid() != 0
