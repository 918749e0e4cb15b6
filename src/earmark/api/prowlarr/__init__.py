"""Earmark as other programs know a Prowlarr: the same paths, shapes and refusals."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi import APIRouter

from earmark.api.prowlarr import search, system


def routers(base: str) -> tuple[tuple[APIRouter, str], ...]:
    """Every router of this face with the prefix it is put under."""
    api = f"{base}/api/v1"
    ours = (system.user, system.admin, search.user)
    return ((system.root, base), *((router, api) for router in ours))


def is_face(base: str) -> Callable[[str], bool]:
    """Which paths belong to the API and to the indexers' feeds and downloads, and so to programs and pages from anywhere."""
    pattern = re.compile(rf"{re.escape(base)}/(?:api(?:/.*)?|\d+/(?:api|download)/?)", re.DOTALL)
    return lambda path: pattern.fullmatch(path) is not None
