"""Earmark as other programs know a Prowlarr: the same paths, shapes and refusals."""

from __future__ import annotations

from fastapi import APIRouter

from earmark.api.prowlarr import system


def routers(base: str) -> tuple[tuple[APIRouter, str], ...]:
    """Every router of this face with the prefix it is put under."""
    api = f"{base}/api/v1"
    return ((system.root, base), (system.user, api), (system.admin, api))
