"""Earmark as other programs know a Prowlarr: the same paths, shapes and refusals."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi import APIRouter
from fastapi.routing import APIRoute

from earmark.api.prowlarr import downloads, figures, grab, indexers, search, system, torznab

OF_THE_API = (system.user, system.admin, search.user, grab.user, figures.user, indexers.user, indexers.admin)


def routers(base: str) -> tuple[tuple[APIRouter, str], ...]:
    """Every router of this face with the prefix it is put under."""
    at_the_root = (system.root, torznab.router, downloads.router)
    return (
        *((one, f"{base}/api/v1") for one in OF_THE_API),
        *((one, f"{base}/api/v3") for one in (system.of_version_3, grab.of_version_3)),
        *((one, base) for one in at_the_root),
    )


def is_face(base: str) -> Callable[[str], bool]:
    """Which paths belong to the API and to the indexers' feeds and downloads, and so to programs and pages from anywhere."""
    pattern = re.compile(rf"{re.escape(base)}/(?:api(?:/.*)?|[0-9]+/(?:api|download)/?)", re.DOTALL)
    return lambda path: pattern.fullmatch(path) is not None


def usual_path(base: str) -> Callable[[str], str]:
    """A path of this face as its routes have it, in small letters and without a slash at its end: ASP.NET minds neither, and
    there are programs that join addresses carelessly. Every other path stays as it is."""
    routes = (route for router in OF_THE_API for route in router.routes if isinstance(route, APIRoute))
    names = "|".join(sorted({route.path.split("/")[1] for route in routes}))
    pattern = re.compile(
        rf"{re.escape(base)}((?i:/api|/api/v[13]/(?:{names})(?:/.*)?|/[0-9]+/(?:api|download)))/*", re.DOTALL
    )

    def usual(path: str) -> str:
        found = pattern.fullmatch(path)
        return base + found[1].rstrip("/").lower() if found else path

    return usual
