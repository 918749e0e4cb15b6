"""MyAnonamouse and anything that speaks like it. The wire is described in the project's MAM reference, sections 1 to 4."""

from __future__ import annotations

from earmark.indexers.mam.indexer import MamIndexer
from earmark.indexers.mam.session import MamSession, SessionStore

__all__ = ["MamIndexer", "MamSession", "SessionStore"]
