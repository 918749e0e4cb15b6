"""Earmark as other programs know a Prowlarr: the same paths, shapes and refusals."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi import APIRouter

from earmark.api.prowlarr import downloads, figures, grab, indexers, search, system, torznab


def routers(base: str) -> tuple[tuple[APIRouter, str], ...]:
    """Every router of this face with the prefix it is put under."""
    of_the_api = (system.user, system.admin, search.user, grab.user, figures.user, indexers.user, indexers.admin)
    at_the_root = (system.root, torznab.router, downloads.router)
    return (*((one, f"{base}/api/v1") for one in of_the_api), *((one, base) for one in at_the_root))


def is_face(base: str) -> Callable[[str], bool]:
    """Which paths belong to the API and to the indexers' feeds and downloads, and so to programs and pages from anywhere."""
    pattern = re.compile(rf"{re.escape(base)}/(?:api(?:/.*)?|\d+/(?:api|download)/?)", re.DOTALL)
    return lambda path: pattern.fullmatch(path) is not None
